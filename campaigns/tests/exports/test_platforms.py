"""Real-shaped files of all platforms and languages, read to the last number."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from campaigns.exports import Metric, ParsedReport, WarningCode, read_report
from campaigns.tests.exports import reports
from campaigns.tests.exports.builders import (
    ENGLISH,
    FRENCH,
    FRENCH_NBSP,
    GERMAN,
    PLAIN,
    SPANISH,
    SWISS,
    Delivery,
    Table,
    Writing,
    deliveries,
    write_csv,
    write_utf8_bom,
    write_utf16,
    write_xlsx,
)

TODAY = dt.date(2026, 5, 1)


def read(path: Path, **options: object) -> ParsedReport:
    return read_report(path, filename=path.name, today=TODAY, **options)  # type: ignore[arg-type]


def assert_holds(report: ParsedReport, rows: Sequence[Delivery], *, revenue: bool = True, ids: bool = False) -> None:
    """Every delivery is there with its numbers, and nothing else."""
    found = {(row.date, row.campaign_name): row for row in report.days}
    assert set(found) == {(row.day, row.campaign) for row in rows}
    assert len(report.days) == len(rows)
    for row in rows:
        daily = found[row.day, row.campaign]
        assert daily.impressions == row.impressions
        assert daily.clicks == row.clicks
        assert row.spend is not None
        assert daily.spend_minor == int(row.spend * 100)
        if row.conversions is not None:
            assert daily.conversions_micros == int(row.conversions * 1_000_000)
        if revenue and row.revenue is not None:
            assert daily.revenue_minor == int(row.revenue * 100)
        if ids:
            assert daily.campaign_external_id == row.campaign_id


def codes(report: ParsedReport) -> set[WarningCode]:
    return {item.code for item in report.warnings}


@pytest.mark.parametrize("language", list(reports.META_HEADERS))
@pytest.mark.parametrize("totals", [None, "first", "last"])
def test_meta_in_every_language_and_with_totals_anywhere(tmp_path: Path, language: str, totals: str | None) -> None:
    rows = deliveries()
    table = reports.meta(rows, language, totals=totals)
    report = read(write_utf8_bom(tmp_path / "meta.csv", table))
    assert (report.platform, report.language, report.currency, report.level) == ("meta", language, "EUR", "campaign")
    assert_holds(report, rows)
    assert report.skipped.get("totals", 0) == (1 if totals else 0)
    assert report.control.is_checked is bool(totals)
    assert report.control.is_within
    assert report.row_count == len(rows)
    # An empty Purchases cell is 'not in this file', not zero.
    assert {row.conversions_micros is None for row in report.days} == {True, False}


@pytest.mark.parametrize(
    ("language", "writing", "separator"),
    [
        ("es", SPANISH, ";"),
        ("fr", FRENCH, ";"),
        ("fr", FRENCH_NBSP, ";"),
        ("de", GERMAN, ";"),
        ("pt", SPANISH, ","),
        ("de", SWISS, ";"),
    ],
)
def test_meta_with_local_numbers_and_dates(tmp_path: Path, language: str, writing: Writing, separator: str) -> None:
    rows = deliveries()
    table = reports.meta(rows, language, writing, totals="first")
    report = read(write_csv(tmp_path / "meta.csv", table, separator=separator))
    assert_holds(report, rows)
    assert report.control.is_within


@pytest.mark.parametrize("language", list(reports.GOOGLE_HEADERS))
def test_google_in_every_language(tmp_path: Path, language: str) -> None:
    rows = deliveries()
    writing = ENGLISH if language in ("en", "ar") else Writing(decimal=",", group=".")
    table = reports.google(rows, language, writing)
    report = read(write_utf16(tmp_path / "Campaign report.csv", table))
    assert (report.platform, report.language, report.currency) == ("google", language, "EUR")
    assert report.report_range is not None
    assert (report.report_range.first, report.report_range.last) == (dt.date(2026, 4, 11), dt.date(2026, 4, 15))
    assert_holds(report, rows)
    assert report.skipped["totals"] == len(reports.GOOGLE_TOTALS[language])
    assert report.control.basis in reports.GOOGLE_TOTALS[language][0]
    assert report.control.is_within
    assert next(iter(report.days)).objective == "Search"
    assert WarningCode.NAMES_ONLY in codes(report)


@pytest.mark.parametrize("write", [write_csv, write_utf8_bom, write_xlsx])
def test_tiktok_ad_groups_are_added_up(tmp_path: Path, write: object) -> None:
    rows = deliveries()
    path = tmp_path / ("tiktok.xlsx" if write is write_xlsx else "tiktok.csv")
    report = read(write(path, reports.tiktok(rows)))  # type: ignore[operator]
    assert (report.platform, report.level, report.currency) == ("tiktok", "ad_set", "USD")
    assert_holds(report, rows)
    assert report.row_count == 2 * len(rows)
    assert report.skipped["totals"] == 1
    assert report.control.is_within
    first = next(iter(report.days))
    assert (first.video_views, first.video_completions, first.shares) == (110, 10, None)


def test_tiktok_masked_impressions_are_no_value_and_said_so(tmp_path: Path) -> None:
    rows = deliveries()
    table = reports.tiktok(rows, totals=False, halves=False)
    table[1][6] = "<5"
    report = read(write_csv(tmp_path / "t.csv", table))
    first = next(iter(report.days))
    assert first.impressions is None
    assert first.clicks == rows[0].clicks
    masked = next(item for item in report.warnings if item.code is WarningCode.MASKED_VALUES)
    assert masked.detail == {"count": 1, "columns": "Impressions"}


@pytest.mark.parametrize("language", ["en", "nl"])
@pytest.mark.parametrize("totals", [False, True])
def test_linkedin_of_2026_keeps_the_level_that_its_api_calls_campaign(
    tmp_path: Path, language: str, totals: bool
) -> None:
    rows = deliveries()
    report = read(write_utf16(tmp_path / "ads.csv", reports.linkedin(rows, language, totals=totals)))
    assert (report.platform, report.language, report.zone, report.currency) == ("linkedin", language, "UTC", "EUR")
    assert report.level == "ad"
    assert_holds(report, rows, revenue=False, ids=True)
    assert report.control.is_checked is totals
    assert report.control.is_within
    targets = {mapping.header: mapping.target for mapping in report.mapping}
    names = reports.LINKEDIN_2026_NL if language == "nl" else reports.LINKEDIN_2026
    assert targets[names[7]] == "campaign_name"
    assert targets[names[4]] is None
    assert next(iter(report.days)).account_name == "Acme B.V."


def test_linkedin_older_names(tmp_path: Path) -> None:
    rows = deliveries()
    report = read(write_utf16(tmp_path / "c.csv", reports.linkedin_older(rows)))
    assert report.level == "campaign"
    assert_holds(report, rows, ids=True)
    assert next(iter(report.days)).objective == "Lead generation"


@pytest.mark.parametrize("until", ["same day", "midnight"])
def test_snapchat_by_day_needs_a_currency(tmp_path: Path, until: str) -> None:
    rows = deliveries()
    path = write_csv(tmp_path / "snap.csv", reports.snapchat(rows, until=until))
    report = read(path, currency="SAR")
    assert (report.platform, report.currency) == ("snapchat", "SAR")
    assert_holds(report, rows, ids=True)
    assert {row.currency for row in report.days} == {"SAR"}


def test_meta_default_table_of_one_day_counts_conversion_results_only(tmp_path: Path) -> None:
    header = [
        "Reporting starts",
        "Reporting ends",
        "Campaign name",
        "Campaign Delivery",
        "Attribution setting",
        "Results",
    ]
    header += [
        "Result indicator",
        "Reach",
        "Impressions",
        "Cost per results",
        "Amount spent (USD)",
        "Ends",
        "Frequency",
        "Unique link clicks",
    ]
    day = "2026-04-14"

    def row(name: str, delivery: str, results: str, indicator: str, spend: str) -> list[str]:
        return [
            day,
            day,
            name,
            delivery,
            "7-day click",
            results,
            indicator,
            "900",
            "1500",
            "1.2",
            spend,
            "Ongoing",
            "1.66",
            "12",
        ]

    table: Table = [
        header,
        row("Shop", "active", "5", "actions:offsite_conversion.fb_pixel_purchase", "20.10"),
        row("Leads", "inactive", "3", "actions:lead", "10.00"),
        row("Reach", "not_delivering", "900", "reach", "9.90"),
        row("Traffic", "active", "12", "actions:link_click", "1.00"),
    ]
    report = read(write_utf8_bom(tmp_path / "m.csv", table))
    conversions = {item.campaign_name: item.conversions_micros for item in report.days}
    assert conversions == {"Shop": 5_000_000, "Leads": 3_000_000, "Reach": None, "Traffic": None}
    assert [item.status for item in report.days] == ["active", "paused", "active", "active"]
    # No column of the default table counts all clicks; unique clicks must not be summed.
    assert {item.clicks for item in report.days} == {None}
    kinds = next(item for item in report.warnings if item.code is WarningCode.RESULT_TYPE)
    assert kinds.detail["counted"] == "actions:offsite_conversion.fb_pixel_purchase, actions:lead"


def test_meta_ad_level_by_day_with_breakdowns_and_a_repeated_column(tmp_path: Path) -> None:
    header = [
        "Campaign name",
        "Ad set name",
        "Ad name",
        "Day",
        "Age",
        "Amount spent (AUD)",
        "Impressions",
        "Ad set name",
        "Link clicks",
    ]
    header += ["Reporting starts", "Reporting ends"]
    table: Table = [header]
    for age, spend, impressions in (("18-24", "0.105", "10"), ("25-34", "0.105", "11"), ("35-44", "0.105", "12")):
        table.append(
            ["Shop", "Set", "Ad", "2026-04-14", age, spend, impressions, "Set", "1", "2026-04-14", "2026-04-14"]
        )
    report = read(write_csv(tmp_path / "a.csv", table))
    assert (report.level, report.segments, report.currency) == ("ad", ("Age",), "AUD")
    (row,) = report.days
    # 0.315 rounds once, half to even, after adding up; three rounded rows would make 0.30.
    assert (row.spend_minor, row.impressions, row.clicks) == (32, 33, 3)
    assert report.days.total(Metric.SPEND) == Decimal("0.315")
    assert WarningCode.SUBSTITUTE_COLUMN in codes(report)


def test_google_editor_variant_with_ids_and_accounts(tmp_path: Path) -> None:
    header = [
        "Campaign state",
        "Campaign",
        "Currency code",
        "Budget",
        "Campaign status",
        "Campaign type",
        "Day",
        "Campaign ID",
    ]
    header += ["Impr.", "Cost", "Clicks", "Conversions", "Customer ID"]
    table: Table = [
        ["Untitled report"],
        ["April 13, 2026 - April 14, 2026"],
        header,
        [
            "Enabled",
            "Shop",
            "USD",
            "10.00",
            "Eligible",
            "Search",
            "2026-04-13",
            "11",
            "1,200",
            "10.10",
            "4",
            "0.50",
            "123-456-7890",
        ],
        [
            "Paused",
            "Shop",
            "JPY",
            "1,000",
            "Paused",
            "Search",
            "2026-04-13",
            "12",
            "900",
            "1500",
            "3",
            "0.33",
            "999-456-7890",
        ],
        [
            "Enabled",
            "Shop new",
            "USD",
            "10.00",
            "Eligible",
            "Search",
            "2026-04-14",
            "11",
            "1,300",
            "11.10",
            "5",
            "1.00",
            "123-456-7890",
        ],
    ]
    report = read(write_csv(tmp_path / "e.csv", table))
    assert report.currency is None
    assert report.currencies == ("JPY", "USD")
    by_id = {(row.campaign_external_id, row.date.day): row for row in report.days}
    # A renamed campaign is one campaign, under its newest name.
    assert by_id["11", 13].campaign_name == by_id["11", 14].campaign_name == "Shop new"
    assert (by_id["11", 13].spend_minor, by_id["12", 13].spend_minor) == (1010, 1500)
    assert by_id["12", 13].account_external_id == "9994567890"
    assert by_id["11", 13].conversions_micros == 500_000
    assert by_id["12", 13].status == "paused"
    assert WarningCode.FRACTIONAL_CONVERSIONS in codes(report)
    assert {line.metric for line in report.control.lines} == {Metric.IMPRESSIONS, Metric.CLICKS, Metric.CONVERSIONS}


def test_google_campaign_table_of_a_single_day_takes_the_day_from_the_preamble(tmp_path: Path) -> None:
    header = [
        "Campaign status",
        "Campaign",
        "Budget",
        "Status",
        "Campaign type",
        "Impr.",
        "Clicks",
        "Currency code",
        "Cost",
    ]
    table: Table = [
        ["Campaign report"],
        ["April 14, 2026 - April 14, 2026"],
        header,
        ["Enabled", "Total Rewards Brand", "5.00", "Eligible", "Search", "1,000", "10", "USD", "3.00"],
        ["Enabled", "Shop", "5.00", "Eligible", "Shopping", "2,000", "20", "USD", "4.00"],
        ["Total: Campaigns", " --", " --", " --", " --", "3,000", "30", "USD", "7.00"],
        ["Total: Account", " --", "10.00", " --", " --", "3,100", "31", "USD", "7.50"],
        ["Total: Search", " --", " --", " --", " --", "1,000", "10", "USD", "3.00"],
    ]
    report = read(write_csv(tmp_path / "g.csv", table))
    assert {row.campaign_name for row in report.days} == {"Total Rewards Brand", "Shop"}
    assert {row.date for row in report.days} == {dt.date(2026, 4, 14)}
    assert report.skipped["totals"] == 3
    assert report.control.basis == "Total: Campaigns"
    assert report.control.is_within


def test_old_google_ad_report_with_title_and_range_in_one_line(tmp_path: Path) -> None:
    header = [
        "Ad state",
        "Ad",
        "Description line 1",
        "Day",
        "Campaign",
        "Ad group",
        "Status",
        "Campaign type",
        "Clicks",
        "Impressions",
    ]
    header += ["CTR", "Avg. CPC", "Cost", "Avg. position", "Conversions"]
    table: Table = [
        ["Ad report (Oct 25, 2016-Oct 31, 2016)"],
        header,
        [
            "enabled",
            "Ad 1",
            "x",
            "2016-10-26",
            "Voetbal",
            "Shoes",
            "eligible",
            "Search Only",
            "3",
            "100",
            "3.00%",
            "0.10",
            "0.30",
            "1.2",
            "0.00",
        ],
        [
            "enabled",
            "Ad 2",
            "y",
            "2016-10-26",
            "Voetbal",
            "Shirts",
            "eligible",
            "Search Only",
            "2",
            "50",
            "4.00%",
            "0.10",
            "0.20",
            "1.2",
            "1.00",
        ],
        [
            "Total - all experiments",
            " --",
            " --",
            " --",
            " --",
            " --",
            " --",
            " --",
            "5",
            "150",
            "3.33%",
            "0.10",
            "0.50",
            "1.2",
            "1.00",
        ],
        ["Total", " --", " --", " --", " --", " --", " --", " --", "5", "150", "3.33%", "0.10", "0.50", "1.2", "1.00"],
    ]
    report = read(write_utf16(tmp_path / "Ad report.csv", table), currency="EUR")
    (row,) = report.days
    assert (row.impressions, row.clicks, row.spend_minor, row.conversions_micros) == (150, 5, 50, 1_000_000)
    assert (report.level, report.control.basis, report.control.is_within) == ("ad", "Total", True)


def test_meta_of_2016_with_title_case_and_lines_above_the_header(tmp_path: Path) -> None:
    table: Table = [
        ["Facebook Ads export"],
        ["# account 123"],
        ["Reporting Starts", "Reporting Ends", "Campaign Name", "Impressions", "Amount Spent (USD)", "Link Clicks"],
        ["2016-05-03", "2016-05-03", "Old", "10", "1.00", "1"],
    ]
    report = read(write_csv(tmp_path / "old.csv", table))
    assert report.platform == "meta"
    assert [row.date for row in report.days] == [dt.date(2016, 5, 3)]


def test_converted_cost_is_not_in_the_currency_that_the_column_names(tmp_path: Path) -> None:
    table: Table = [
        ["Kampagne", "Tag", "Währungscode", "Kosten (umgerechnete Währung)", "Klicks", "Impressionen"],
        ["Marke", "2026-04-13", "EUR", "12,50", "3", "40"],
    ]
    report = read(write_csv(tmp_path / "g.csv", table, separator=";"), currency="CHF")
    assert report.currency == "CHF"
    assert next(iter(report.days)).spend_minor == 1250


def test_arabic_digits_and_signs(tmp_path: Path) -> None:
    header = [*reports.META_HEADERS["ar"][:5]]
    table: Table = [header, ["١٤ أبريل ٢٠٢٦", "حملة", "١٬٢٠٤", "٣٧", "١٬٢٣٤٫٥٦"]]
    report = read(write_csv(tmp_path / "ar.csv", table))
    (row,) = report.days
    assert (row.date, row.impressions, row.clicks, row.spend_minor) == (dt.date(2026, 4, 14), 1204, 37, 123456)
    assert row.campaign_name == "حملة"


@pytest.mark.parametrize(("currency", "minor"), [("JPY", 1235), ("KWD", 1234560), ("HUF", 123456), ("USD", 123456)])
def test_minor_units_follow_iso_4217(tmp_path: Path, currency: str, minor: int) -> None:
    table: Table = [
        ["Day", "Campaign name", "Impressions", f"Amount spent ({currency})"],
        ["2026-04-14", "A", "1", "1234.56"],
    ]
    report = read(write_csv(tmp_path / "m.csv", table))
    assert next(iter(report.days)).spend_minor == minor


def test_plain_numbers_need_no_convention(tmp_path: Path) -> None:
    rows = deliveries(days=3)
    report = read(write_csv(tmp_path / "m.csv", reports.meta(rows, "de", PLAIN)))
    assert_holds(report, rows)
    assert WarningCode.NUMBER_STYLE_ASSUMED not in codes(report)
