"""Identity, text, currencies, progress, memory: what read_report promises beyond the numbers."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from campaigns.exports import Limits, ParsedReport, RefusalCode, ReportRefused, WarningCode, read_report
from campaigns.tests.exports import reports
from campaigns.tests.exports.builders import Table, csv_text, deliveries, write_csv, write_mojibake, write_xlsx

TODAY = dt.date(2026, 5, 1)
HEADER = ["Day", "Campaign name", "Impressions", "Clicks (all)", "Amount spent (USD)"]


def read(path: Path, **options: Any) -> ParsedReport:
    return read_report(path, filename=path.name, today=TODAY, **options)


def codes(report: ParsedReport) -> set[WarningCode]:
    return {item.code for item in report.warnings}


def refusal(path: Path, **options: Any) -> ReportRefused:
    with pytest.raises(ReportRefused) as refused:
        read(path, **options)
    return refused.value


def test_identifiers_cut_by_a_spreadsheet_are_not_used(tmp_path: Path) -> None:
    table: Table = [
        [*HEADER, "Campaign ID"],
        ["2026-04-13", "A", "1", "1", "1.00", "1.20253E+17"],
        ["2026-04-13", "B", "2", "1", "1.00", "1.20253E+17"],
    ]
    report = read(write_csv(tmp_path / "r.csv", table))
    assert {(row.campaign_name, row.campaign_external_id) for row in report.days} == {("A", None), ("B", None)}
    assert WarningCode.LOSSY_IDS in codes(report)
    table[1][5] = table[2][5] = 1.20253e17
    report = read(write_xlsx(tmp_path / "r.xlsx", table))
    assert {row.campaign_external_id for row in report.days} == {None}


@pytest.mark.parametrize(
    "cell",
    ["120210000000000117", '="120210000000000117"', "'120210000000000117", "c:120210000000000117", 120210000000000117],
)
def test_identifiers_in_their_disguises(tmp_path: Path, cell: object) -> None:
    table: Table = [[*HEADER, "Campaign ID"], ["2026-04-13", "A", "1", "1", "1.00", cell]]
    report = read(write_csv(tmp_path / "r.csv", table))
    assert [row.campaign_external_id for row in report.days] == ["120210000000000117"]


def test_names_are_text_and_never_formulas(tmp_path: Path) -> None:
    names = ["=1+1", "+sale", "-sale", "@home", '=HYPERLINK("http://x","y")']
    table: Table = [HEADER, *[["2026-04-13", name, "1", "1", "1.00"] for name in names]]
    for path in (write_csv(tmp_path / "r.csv", table), write_xlsx(tmp_path / "r.xlsx", table)):
        assert [row.campaign_name for row in read(path).days] == names


def test_spreadsheet_numbers_and_dates_as_names_keep_their_look(tmp_path: Path) -> None:
    table: Table = [HEADER, [dt.date(2026, 4, 13), 2026, 1, 1, 1], [dt.date(2026, 4, 13), dt.date(2026, 1, 2), 1, 1, 1]]
    report = read(write_xlsx(tmp_path / "r.xlsx", table))
    assert [row.campaign_name for row in report.days] == ["2026", "2026-01-02"]


def test_broken_names_under_an_english_header_are_repaired_only_when_all_are_broken(tmp_path: Path) -> None:
    table: Table = [HEADER, ["2026-04-13", "Café", "1", "1", "1.00"], ["2026-04-13", "Größe", "1", "1", "1.00"]]
    report = read(write_mojibake(tmp_path / "r.csv", table))
    assert [row.campaign_name for row in report.days] == ["Café", "Größe"]
    assert WarningCode.REPAIRED_TEXT in codes(report)
    table[1][1], table[2][1] = "CafÃ©", "Größe"
    report = read(write_csv(tmp_path / "r.csv", table))
    assert [row.campaign_name for row in report.days] == ["CafÃ©", "Größe"]


def test_a_lost_no_break_space_is_repaired_too(tmp_path: Path) -> None:
    table: Table = [
        ["Día", "Nombre de la campaña", "Impresiones", "Importe gastado (EUR)"],
        ["2026-04-13", "Città", "1", "1.00"],
    ]
    path = write_mojibake(tmp_path / "r.csv", table)
    path.write_bytes(path.read_bytes().replace("\xc3\xa0".encode(), "Ã ".encode()))
    assert [row.campaign_name for row in read(path).days] == ["Città"]


def test_names_that_are_not_unique_are_added_up_and_said_so(tmp_path: Path) -> None:
    table: Table = [
        HEADER,
        *[["2026-04-13", 'Boosted post: "Hello…"', "10", "1", "1.05"]] * 3,
        ["2026-04-14", "Other", "1", "1", "1.00"],
    ]
    report = read(write_csv(tmp_path / "r.csv", table))
    assert [(row.impressions, row.spend_minor) for row in report.days] == [(30, 315), (1, 100)]
    duplicate = next(item for item in report.warnings if item.code is WarningCode.DUPLICATE_NAMES)
    assert duplicate.detail["count"] == 1
    with_ids: Table = [[*HEADER, "Campaign ID"], *[[*row, f"12021000000000011{n}"] for n, row in enumerate(table[1:])]]
    report = read(write_csv(tmp_path / "r.csv", with_ids))
    assert len(report.days) == 4
    assert WarningCode.SHARED_NAMES in codes(report)
    assert WarningCode.DUPLICATE_NAMES not in codes(report)


def test_the_same_column_twice_with_the_same_values_is_harmless(tmp_path: Path) -> None:
    table: Table = [[*HEADER, "Impressions"], ["2026-04-13", "A", "10", "1", "1.00", "10"]]
    assert next(iter(read(write_csv(tmp_path / "r.csv", table)).days)).impressions == 10


def test_the_answered_currency_counts_only_where_the_file_is_silent(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "r.csv", reports.meta(deliveries()))
    assert read(path, currency="USD").currency == "EUR"
    silent = write_csv(tmp_path / "s.csv", reports.snapchat(deliveries()))
    assert refusal(silent).code is RefusalCode.NO_CURRENCY
    assert refusal(silent, currency="XYZ").code is RefusalCode.NO_CURRENCY
    assert read(silent, currency="usd").currency == "USD"


def test_a_sign_in_the_amounts_tells_the_currency(tmp_path: Path) -> None:
    table: Table = [
        ["By Day", "Campaign name", "Impressions", "Clicks (destination)", "Cost"],
        ["2026-04-13", "A", "10", "1", "€1,234.50"],
    ]
    report = read(write_csv(tmp_path / "r.csv", table))
    assert (report.currency, next(iter(report.days)).spend_minor) == ("EUR", 123450)


def test_a_report_without_money_needs_no_currency(tmp_path: Path) -> None:
    table: Table = [
        ["Day", "Campaign name", "Impressions", "Clicks (all)", "Frequency"],
        ["2026-04-13", "A", "10", "1", "1.2"],
    ]
    report = read(write_csv(tmp_path / "r.csv", table), platform="meta")
    (row,) = report.days
    assert (report.currency, row.currency, row.spend_minor) == (None, None, None)


def test_a_single_start_date_asks_for_confirmation(tmp_path: Path) -> None:
    rows = deliveries(days=1)
    report = read(write_csv(tmp_path / "r.csv", reports.linkedin_older(rows, preamble=False)))
    assert report.needs_confirmation
    assert WarningCode.SINGLE_DATE in codes(report)


def test_days_outside_the_stated_range_ask_for_confirmation(tmp_path: Path) -> None:
    table = reports.google(deliveries(days=6))
    report = read(write_csv(tmp_path / "r.csv", table))
    assert WarningCode.DATES_OUTSIDE_RANGE in codes(report)
    assert report.needs_confirmation


def test_blank_rows_and_notes_are_skipped_and_counted(tmp_path: Path) -> None:
    table = reports.meta(deliveries())
    table.insert(3, [""] * len(table[0]))
    table.insert(5, [])
    table.append(["Exported for Acme"])
    report = read(write_csv(tmp_path / "r.csv", table))
    assert (report.skipped["blank"], report.skipped["notes"]) == (2, 1)
    assert len(report.days) == len(deliveries())
    assert WarningCode.NOTES_SKIPPED in codes(report)


def test_meta_clicks_prefer_all_clicks_and_results_are_not_conversions_without_a_type(tmp_path: Path) -> None:
    header = ["Day", "Campaign name", "Link clicks", "Clicks (all)", "Results", "Amount spent (USD)"]
    report = read(write_csv(tmp_path / "r.csv", [header, ["2026-04-13", "A", "3", "8", "900", "1.00"]]))
    (row,) = report.days
    assert (row.clicks, row.conversions_micros) == (8, None)
    assert WarningCode.RESULT_TYPE in codes(report)


def test_an_empty_preferred_column_gives_way_to_a_filled_one(tmp_path: Path) -> None:
    header = ["Day", "Campaign name", "Clicks (all)", "Purchases", "Results", "Result type", "Amount spent (USD)"]
    report = read(write_csv(tmp_path / "r.csv", [header, ["2026-04-13", "A", "3", "", "2", "Leads (form)", "1.00"]]))
    assert next(iter(report.days)).conversions_micros == 2_000_000


def test_progress_moves_forward_and_ends_at_the_total(tmp_path: Path) -> None:
    table: Table = [HEADER, *[["2026-04-13", f"C{n}", "1", "1", "1.00"] for n in range(9_000)]]
    for path in (write_csv(tmp_path / "r.csv", table), write_xlsx(tmp_path / "r.xlsx", table)):
        seen: list[tuple[int, int]] = []
        read(path, progress=lambda done, total, seen=seen: seen.append((done, total)))
        size = path.stat().st_size
        assert {total for _done, total in seen} == {size}
        steps = [done for done, _total in seen]
        assert steps == sorted(set(steps))
        assert steps[-1] == size
        assert len(steps) > 3


def test_what_progress_raises_stops_the_reading(tmp_path: Path) -> None:
    class Cancelled(Exception):
        pass

    def cancel(done: int, total: int) -> None:
        raise Cancelled

    path = write_csv(tmp_path / "r.csv", reports.meta(deliveries()))
    with pytest.raises(Cancelled):
        read(path, progress=cancel)


def test_limits_are_parameters(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "r.csv", reports.meta(deliveries()))
    assert refusal(path, limits=Limits(max_bytes=100)).code is RefusalCode.TOO_LARGE
    assert refusal(path, limits=Limits(max_rows=5)).code is RefusalCode.TOO_LARGE
    assert refusal(path, limits=Limits(max_columns=3)).code is RefusalCode.NOT_A_REPORT
    book = write_xlsx(tmp_path / "r.xlsx", reports.meta(deliveries()))
    assert refusal(book, limits=Limits(max_rows=5)).code is RefusalCode.TOO_LARGE
    assert refusal(book, limits=Limits(max_unpacked_bytes=1_000)).code in (RefusalCode.TOO_LARGE, RefusalCode.ZIP_BOMB)


def test_the_sheet_with_the_report_is_found_behind_a_cover(tmp_path: Path) -> None:
    rows = deliveries()
    cover: Table = [["Acme"], ["Made for the board"]]
    path = write_xlsx(tmp_path / "r.xlsx", reports.meta(rows), sheet="Data", before=[("Cover", cover)])
    report = read(path)
    assert (report.file.sheet, report.row_count) == ("Data", len(rows))
    twice = write_xlsx(tmp_path / "t.xlsx", reports.meta(rows), sheet="Second", before=[("First", reports.meta(rows))])
    report = read(twice)
    assert report.file.sheet == "First"
    assert WarningCode.OTHER_SHEETS in codes(report)


def test_a_separator_line_of_excel_is_no_header(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text("sep=;\r\n" + csv_text(reports.meta(deliveries()), separator=";"), encoding="utf-8")
    assert read(path).file.separator == ";"


def test_tables_with_a_hundred_thousand_rows_need_less_than_300_megabytes(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("Day,Campaign name,Campaign ID,Impressions,Clicks (all),Amount spent (USD),Purchases\r\n")
        for number in range(100_000):
            day = dt.date(2026, 1, 1) + dt.timedelta(days=number % 100)
            campaign = number // 100
            identity = f"{day},Campaign {campaign},{120250000000000000 + campaign}"
            file.write(f"{identity},{number},{number % 97},{number / 7:.2f},{number % 5 or ''}\r\n")
    program = (
        "import sys, pathlib, datetime\n"
        "from django.conf import settings\n"
        "settings.configure(USE_TZ=True, USE_I18N=False)\n"
        "from campaigns.exports import read_report\n"
        "report = read_report(pathlib.Path(sys.argv[1]), filename='large.csv', today=datetime.date(2026, 5, 1))\n"
        "status = pathlib.Path('/proc/self/status').read_text()\n"
        "peak = next(line.split()[1] for line in status.splitlines() if line.startswith('VmHWM'))\n"
        "print(sum(1 for row in report.days), peak)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
    )
    rows, kilobytes = map(int, done.stdout.split())
    assert rows == 100_000
    assert kilobytes < 300 * 1024
