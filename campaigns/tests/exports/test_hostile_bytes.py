"""Files damaged at random are read or refused, and never crash the parser."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns.exports import ReportRefused, inspect_report, read_report
from campaigns.tests.exports import reports
from campaigns.tests.exports.builders import GERMAN, deliveries, write_csv, write_utf16, write_xlsx

TODAY = dt.date(2026, 5, 1)

cuts = st.tuples(st.floats(0, 1), st.floats(0, 0.2), st.binary(max_size=12))


def originals(folder: Path) -> dict[str, bytes]:
    rows = deliveries()
    return {
        "meta": write_csv(folder / "m", reports.meta(rows, "de", GERMAN, totals="first"), separator=";").read_bytes(),
        "google": write_utf16(folder / "g", reports.google(rows)).read_bytes(),
        "linkedin": write_csv(folder / "l", reports.linkedin(rows, totals=True)).read_bytes(),
        "workbook": write_xlsx(folder / "x", reports.tiktok(rows)).read_bytes(),
    }


@pytest.mark.parametrize("name", ["meta", "google", "linkedin", "workbook"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(damage=st.lists(cuts, min_size=1, max_size=3))
def test_damaged_bytes_are_read_or_refused(tmp_path: Path, name: str, damage: list[tuple[float, float, bytes]]) -> None:
    data = originals(tmp_path)[name]
    for start, share, replacement in damage:
        begin = int(start * len(data))
        data = data[:begin] + replacement + data[begin + int(share * share * len(data)) :]
    path = tmp_path / "damaged"
    path.write_bytes(data)
    for attempt in (inspect_report, read_report):
        try:
            attempt(path, filename="damaged", today=TODAY)
        except ReportRefused as refused:
            assert str(refused)  # noqa: PT017


cells = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["", "-", "Total", "2026-04-13", "13/04/2026", "1.204", "1,5", "<5", "=1", "-3", "1e5", "USD", "nan", "A"]
    ),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(cells, max_size=9), max_size=8), st.booleans())
def test_any_cells_under_a_header_are_read_or_refused(tmp_path: Path, rows: list[list[str]], as_workbook: bool) -> None:
    header = ["Reporting starts", "Reporting ends", "Campaign name", "Campaign ID", "Currency", "Impressions"]
    header += ["Amount spent", "Results", "Result type"]
    # What no file of that container can hold is not a case.
    rows = [["".join(char for char in cell if char.isprintable()) for cell in row] for row in rows]
    table = [header, *rows]
    path = tmp_path / "r"
    (write_xlsx if as_workbook else write_csv)(path, table)
    for attempt in (inspect_report, read_report):
        try:
            attempt(path, filename="r", platform="meta", today=TODAY)
        except ReportRefused as refused:
            assert str(refused)  # noqa: PT017
