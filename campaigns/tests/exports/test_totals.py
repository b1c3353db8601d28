"""Totals rows go, campaigns stay, and the control sum tells the truth."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from campaigns.exports import Metric, ParsedReport, WarningCode, read_report
from campaigns.exports.totals import is_totals_label
from campaigns.tests.exports import reports
from campaigns.tests.exports.builders import Table, deliveries, write_csv

TODAY = dt.date(2026, 5, 1)
HEADER = ["Day", "Campaign name", "Impressions", "Clicks (all)", "Amount spent (USD)"]


def read(path: Path) -> ParsedReport:
    return read_report(path, filename=path.name, today=TODAY)


def warnings_of(report: ParsedReport) -> dict[WarningCode, bool]:
    return {item.code: item.needs_confirmation for item in report.warnings}


@pytest.mark.parametrize(
    "label",
    [
        "Total",
        "total",
        "Totals",
        "Grand total",
        "Total: Campaigns",
        "Total: Account",
        "Total : Compte",
        "Total: Performance Max",
        "Total - filtered",
        "Total - all experiments",
        "Total of 25 results",
        "Results from 12 campaigns",
        "Resultados totales",
        "Resultados de 12 campañas",
        "Ergebnisse aus 12 Kampagnen",
        "Gesamt: Konto",
        "Summe",
        "Résultats de 12 campagnes",
        "Total général",
        "Total: conta",
        "Resultados totais",
        "الإجمالي",
        "المجموع: الحساب",
        "Totaal",
    ],
)
def test_labels_of_totals_rows(label: str) -> None:
    assert is_totals_label(label)


@pytest.mark.parametrize(
    "name",
    [
        "Total Rewards Brand",
        "Totally New",
        "Summer sale",
        "Gesamtschule Kampagne",
        "Sum",
        "Results",
        "Total War 3",
        "Totalbanken",
        "",
    ],
)
def test_names_that_are_no_labels(name: str) -> None:
    assert not is_totals_label(name)


def test_a_campaign_named_total_stays_wherever_it_stands(tmp_path: Path) -> None:
    names = ["Total", "Total Rewards Brand", "Total: Account", "Summe"]
    table: Table = [HEADER, *[["2026-04-13", name, str(10 + i), str(i), f"{i}.50"] for i, name in enumerate(names)]]
    report = read(write_csv(tmp_path / "r.csv", table))
    assert [row.campaign_name for row in report.days if row.campaign_name not in ("Total", "Summe")] == names[1:3]
    assert {row.campaign_name for row in report.days} == set(names)
    assert report.skipped.get("totals", 0) == 0
    assert WarningCode.TOTAL_LIKE_NAME in warnings_of(report)


def test_a_dated_row_named_total_that_sums_up_the_others_goes(tmp_path: Path) -> None:
    rows: Table = [["2026-04-13", "A", "10", "1", "1.50"], ["2026-04-13", "B", "20", "3", "2.50"]]
    total = ["2026-04-13", "Total", "30", "4", "4.00"]
    for table in ([HEADER, *rows, total], [HEADER, total, *rows]):
        report = read(write_csv(tmp_path / "r.csv", table))
        assert {row.campaign_name for row in report.days} == {"A", "B"}
        assert report.control.basis == "Total"
        assert report.control.is_within


def test_an_identifier_proves_a_campaign_named_total(tmp_path: Path) -> None:
    header = [*HEADER, "Campaign ID"]
    table: Table = [
        header,
        ["2026-04-13", "A", "10", "1", "1.50", "120210000000000117"],
        ["2026-04-13", "Total", "10", "1", "1.50", "120210000000000118"],
    ]
    report = read(write_csv(tmp_path / "r.csv", table))
    assert {row.campaign_name for row in report.days} == {"A", "Total"}


def test_an_unknown_label_without_a_day_at_the_edge_is_a_totals_row_and_said_so(tmp_path: Path) -> None:
    table = reports.meta(deliveries(), totals="last")
    table[-1][1] = "Итого по кампаниям"
    report = read(write_csv(tmp_path / "r.csv", table))
    assert report.skipped["totals"] == 1
    assert report.control.is_within
    assert WarningCode.UNLABELLED_TOTAL in warnings_of(report)


def test_meta_totals_over_the_window_of_a_daily_report(tmp_path: Path) -> None:
    header = ["Reporting starts", "Reporting ends", "Campaign name", "Impressions", "Amount spent (USD)", "Reach"]
    table: Table = [
        header,
        ["2026-04-13", "2026-04-14", "", "30", "3.00", "12"],
        ["2026-04-13", "2026-04-13", "A", "10", "1.00", "9"],
        ["2026-04-14", "2026-04-14", "A", "20", "2.00", "8"],
    ]
    report = read(write_csv(tmp_path / "r.csv", table))
    assert [(row.date.day, row.impressions) for row in report.days] == [(13, 10), (14, 20)]
    assert report.control.is_checked
    assert report.control.is_within


def test_control_sum_tolerates_rounding_and_no_more(tmp_path: Path) -> None:
    rows: Table = [[f"2026-04-{day:02}", "A", "1000", "10", "100.00"] for day in range(1, 21)]
    for spend, impressions, within in (
        ("2000.99", "20000", True),
        ("2000.00", "20010", True),
        ("2001.10", "20000", False),
        ("2000.00", "20011", False),
    ):
        report = read(write_csv(tmp_path / "r.csv", [HEADER, *rows, ["", "Total", impressions, "200", spend]]))
        assert report.control.is_within is within, (spend, impressions)
        assert warnings_of(report).get(WarningCode.TOTALS_DIFFER, False) is (not within)
    line = next(line for line in report.control.lines if line.metric is Metric.IMPRESSIONS)
    assert (line.rows, line.total, line.difference) == (Decimal(20000), Decimal(20011), Decimal(-11))


def test_a_larger_account_total_is_explained_a_smaller_one_is_not(tmp_path: Path) -> None:
    table = reports.google(deliveries())
    account = next(row for row in table if row[0] == "Total: Account")
    del table[table.index(account) - 1]
    account[6] = "999,999"
    report = read(write_csv(tmp_path / "r.csv", table))
    assert report.control.basis == "Total: Account"
    assert warnings_of(report)[WarningCode.TOTALS_DIFFER] is False
    assert not report.needs_confirmation
    account[6] = "9"
    report = read(write_csv(tmp_path / "r.csv", table))
    assert warnings_of(report)[WarningCode.TOTALS_DIFFER] is True
    assert report.needs_confirmation


def test_masked_values_may_hide_in_the_totals(tmp_path: Path) -> None:
    table: Table = [
        ["By Day", "Campaign name", "Impressions", "Clicks (destination)", "Cost", "Currency"],
        ["2026-04-13", "A", "<5", "1", "1.00", "USD"],
        ["2026-04-13", "B", "100", "1", "1.00", "USD"],
        ["", "Total of 2 results", "104", "2", "2.00", ""],
    ]
    assert read(write_csv(tmp_path / "r.csv", table)).control.is_within
    table[-1][2] = "106"
    assert not read(write_csv(tmp_path / "r.csv", table)).control.is_within


names = st.one_of(
    st.sampled_from(
        ["Total", "Total: Account", "Summe", "Gesamt: Konto", "Resultados totales", "Grand total", "الإجمالي"]
    ),
    st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=12),
)
numbers = st.tuples(st.integers(0, 5_000), st.integers(0, 90), st.integers(0, 99_999))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(names, st.integers(1, 28), numbers), min_size=2, max_size=12))
def test_no_row_of_a_campaign_is_ever_dropped(
    tmp_path: Path, rows: list[tuple[str, int, tuple[int, int, int]]]
) -> None:
    """Rows with a day count, whatever their names, unless one at the edge is exactly the sum of all others."""
    rows = [row for row in rows if row[0].strip("-–—") and row[0].casefold() not in ("na", "n/a", "null", "none")]
    assume(len(rows) > 1)
    sums = [sum(row[2][metric] for row in rows) for metric in range(3)]
    for edge in (rows[0], rows[-1]):
        off = [abs(sums[metric] - 2 * edge[2][metric]) > max(edge[2][metric] / 1000, 10) for metric in range(3)]
        assume(any(off) or not is_totals_label(edge[0]))
    table: Table = [
        HEADER,
        *[[f"2026-04-{day:02}", name, str(i), str(c), f"{s // 100}.{s % 100:02}"] for name, day, (i, c, s) in rows],
    ]
    report = read(write_csv(tmp_path / "r.csv", table))
    assert report.row_count == len(rows)
    assert report.skipped.get("totals", 0) == 0
    assert report.days.total(Metric.IMPRESSIONS) == sums[0]
    assert report.days.total(Metric.SPEND) == Decimal(sums[2]) / 100
