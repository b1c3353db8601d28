"""What holds for every file: nothing lost, nothing invented, the same whatever the container."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns.exports import Metric, ParsedReport, read_report
from campaigns.tests.exports import reports
from campaigns.tests.exports.builders import CONTAINERS, GERMAN, PLAIN, Table, deliveries, write_csv, write_xlsx

TODAY = dt.date(2026, 5, 1)
relaxed = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def read(path: Path, **options: Any) -> ParsedReport:
    return read_report(path, filename=path.name, today=TODAY, **options)


# Letters that all western code pages share; quotes, separators and line breaks as names really have them.
texts = st.text("abcXYZ 0129éèàüñçôßÅ,;\t\"'|=+-@/()#:&", min_size=1, max_size=30).map(str.strip)
plain_names = texts.filter(lambda name: bool(name.strip("-–— \t")) and not name.startswith("'"))


@pytest.mark.parametrize("container", list(CONTAINERS))
@relaxed
@given(names=st.lists(plain_names, min_size=1, max_size=6, unique_by=lambda name: " ".join(name.split())))
def test_names_survive_every_container(tmp_path: Path, container: str, names: list[str]) -> None:
    table: Table = [["Jour", "Nom de la campagne", "Impressions", "Clics (tous)", "Montant dépensé (EUR)"]]
    table += [["2026-04-13", name, str(number), "1", "1.50"] for number, name in enumerate(names)]
    # Not at the edge, where a name such as 'Total' would need its numbers to prove itself.
    table += [["2026-04-14", "Dernière", "1", "1", "1.50"]]
    path = CONTAINERS[container](tmp_path / "report", table)
    report = read(path)
    found = [row.campaign_name for row in report.days]
    assert found == [*(" ".join(name.split()) if "\t" in name else name for name in names), "Dernière"]
    assert [row.impressions for row in report.days] == [*range(len(names)), 1]


# Four decimals cannot be thousands: no reading is open.
amount = st.decimals(min_value=0, max_value=10**7, places=4)
split_rows = st.tuples(
    st.sampled_from(["A", "B", "C"]),
    st.integers(1, 5),
    st.sampled_from(["18-24", "25-34"]),
    st.integers(0, 10**7),
    amount,
    st.none() | st.integers(0, 99),
)


@relaxed
@given(st.lists(split_rows, min_size=1, max_size=40))
def test_sums_are_preserved_to_the_last_digit(tmp_path: Path, rows: list[tuple[Any, ...]]) -> None:
    table: Table = [["Day", "Campaign name", "Age", "Impressions", "Amount spent (USD)", "Purchases"]]
    table += [
        [f"2026-04-{12 + day}", name, age, str(impressions), str(spend), "" if purchases is None else str(purchases)]
        for name, day, age, impressions, spend, purchases in rows
    ]
    report = read(write_csv(tmp_path / "r.csv", table), platform="meta")
    assert report.days.total(Metric.SPEND) == sum((row[4] for row in rows), Decimal(0))
    assert report.days.total(Metric.IMPRESSIONS) == sum(row[3] for row in rows)
    purchases: dict[tuple[str, int], list[int]] = defaultdict(list)
    spend: dict[tuple[str, int], Decimal] = defaultdict(Decimal)
    for row in rows:
        spend[row[0], 12 + row[1]] += row[4]
        purchases[row[0], 12 + row[1]] += [] if row[5] is None else [row[5]]
    assert len(report.days) == len(spend)
    for daily in report.days:
        key = (daily.campaign_name, daily.date.day)
        assert daily.spend_minor == int((spend[key] * 100).to_integral_value("ROUND_HALF_EVEN"))
        expected = sum(purchases[key]) * 1_000_000 if purchases[key] else None
        assert daily.conversions_micros == expected


@relaxed
@given(st.lists(split_rows, min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_the_same_rows_have_one_content_hash(tmp_path: Path, rows: list[tuple[Any, ...]], random: Any) -> None:
    header = ["Day", "Campaign name", "Age", "Impressions", "Amount spent (USD)", "Purchases"]

    def day(row: tuple[Any, ...]) -> dt.date:
        return dt.date(2026, 4, 12 + row[1])

    native: Table = [header, *[[day(r), r[0], r[2], r[3], r[4], r[5]] for r in rows]]
    shuffled = list(rows)
    random.shuffle(shuffled)
    text: Table = [
        header,
        *[[day(r).isoformat(), r[0], r[2], str(r[3]), str(r[4]), "" if r[5] is None else r[5]] for r in shuffled],
    ]
    workbook = read(write_xlsx(tmp_path / "r.xlsx", native), platform="meta")
    comma = read(write_csv(tmp_path / "r.csv", text), platform="meta")
    assert workbook.content_hash == comma.content_hash
    assert workbook.sha256 != comma.sha256


def test_content_hash_is_the_same_in_all_containers_and_locales(tmp_path: Path) -> None:
    rows = deliveries()
    files = [write(tmp_path / name, reports.meta(rows, "fr")) for name, write in CONTAINERS.items()]
    files.append(write_csv(tmp_path / "german.csv", reports.meta(rows, "de", GERMAN, totals="last"), separator=";"))
    files.append(write_xlsx(tmp_path / "native.xlsx", reports.meta(rows, "en", PLAIN, day_cells=True)))
    assert len({read(path).content_hash for path in files}) == 1


def test_content_hash_tells_one_changed_number(tmp_path: Path) -> None:
    rows = deliveries()
    before = read(write_csv(tmp_path / "a.csv", reports.meta(rows)))
    table = reports.meta(rows)
    table[1][5] = "1" if table[1][5] != "1" else "2"
    after = read(write_csv(tmp_path / "b.csv", table))
    assert before.content_hash != after.content_hash
