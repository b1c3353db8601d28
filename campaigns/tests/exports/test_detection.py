"""Which platform, which header row, which level – and what a preview shows of it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from campaigns.exports import RefusalCode, ReportPreview, ReportRefused, WarningCode, inspect_report, read_report
from campaigns.exports.detection import detect
from campaigns.exports.vocabulary import PLATFORMS, Field, header_currency, header_key, term
from campaigns.exports.words import campaign_status, is_conversion_result
from campaigns.tests.exports import reports
from campaigns.tests.exports.builders import SPANISH, Table, deliveries, write_csv, write_utf16, write_xlsx

TODAY = dt.date(2026, 5, 1)


def inspect(path: Path, **options: Any) -> ReportPreview:
    return inspect_report(path, filename=path.name, today=TODAY, **options)


@pytest.mark.parametrize(
    ("header", "key", "currency"),
    [
        ("Amount spent (USD)", "amount spent", "USD"),
        ("AMOUNT SPENT (USD)", "amount spent", "USD"),
        ("amount spent (usd)", "amount spent", "USD"),
        ("  Amount\xa0spent (IDR) ", "amount spent", "IDR"),
        ("Clicks (all)", "clicks (all)", None),
        ("CLICKS (ALL)", "clicks (all)", None),
        ("CPM (Coût pour 1\xa0000 impressions) (EUR)", "cpm (cout pour 1 000 impressions)", "EUR"),
        ("Website URL (Ad level）", "website url (ad level)", None),
        ("Start Date (in UTC)", "start date", None),
        ("Swipe-Ups", "swipe ups", None),
        ("المبلغ الذي تم إنفاقه (EGP)", "المبلغ الذي تم انفاقه", "EGP"),
        ("Kosten (€)", "kosten", "EUR"),
    ],
)
def test_headers_are_reduced_to_keys(header: str, key: str, currency: str | None) -> None:
    assert header_key(header) == key
    assert header_currency(header) == currency


def test_every_header_of_the_contract_is_known() -> None:
    tables = {
        "meta": reports.META_HEADERS.values(),
        "google": reports.GOOGLE_HEADERS.values(),
        "tiktok": [reports.TIKTOK_HEADER],
        "linkedin": [list(reports.LINKEDIN_2026 + reports.LINKEDIN_OLDER), reports.LINKEDIN_2026_NL[:-9]],
        "snapchat": [reports.SNAPCHAT_HEADER],
    }
    unknown = [
        (platform, h)
        for platform, lists in tables.items()
        for headers in lists
        for h in headers
        if term(platform, h) is None
    ]
    assert unknown == []


def test_similar_words_of_different_meaning_are_kept_apart() -> None:
    assert term("meta", "Unique link clicks") is not None
    assert term("meta", "Unique link clicks").field is Field.IGNORED_COUNT  # type: ignore[union-attr]
    assert term("meta", "Results (initial)").field is Field.IGNORED_TEXT  # type: ignore[union-attr]
    assert term("google", "All conv.").field is Field.IGNORED_COUNT  # type: ignore[union-attr]
    assert term("google", "Cost / conv.").field is Field.MONEY_RATE  # type: ignore[union-attr]
    assert term("google", "Kosten (umgerechnete Währung)").field is Field.SPEND_CONVERTED  # type: ignore[union-attr]
    assert term("tiktok", "2-second video views").field is Field.IGNORED_COUNT  # type: ignore[union-attr]


SAMPLES: dict[str, Table] = {
    "meta": reports.meta(deliveries()),
    "google": reports.google(deliveries()),
    "tiktok": reports.tiktok(deliveries()),
    "linkedin": reports.linkedin(deliveries()),
    "snapchat": reports.snapchat(deliveries()),
}


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("chosen", [None, *PLATFORMS])
def test_the_chosen_platform_is_checked_against_the_columns(tmp_path: Path, platform: str, chosen: str | None) -> None:
    path = write_csv(tmp_path / "r.csv", SAMPLES[platform])
    if chosen in (None, platform):
        assert inspect(path, platform=chosen).platform == platform
        return
    with pytest.raises(ReportRefused) as refused:
        inspect(path, platform=chosen)
    assert refused.value.code is RefusalCode.PLATFORM_MISMATCH


def test_an_unknown_choice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReportRefused) as refused:
        inspect(write_csv(tmp_path / "r.csv", SAMPLES["meta"]), platform="myspace")
    assert refused.value.code is RefusalCode.UNKNOWN_PLATFORM


def test_a_choice_settles_columns_that_fit_several_platforms(tmp_path: Path) -> None:
    table: Table = [["Date", "Campaign name", "Impressions", "Clicks"], ["2026-04-13", "A", "10", "1"]]
    path = write_csv(tmp_path / "r.csv", table)
    with pytest.raises(ReportRefused) as refused:
        inspect(path)
    assert refused.value.code is RefusalCode.UNKNOWN_PLATFORM
    assert set(refused.value.detail["candidates"]) == {"tiktok", "snapchat"}
    assert inspect(path, platform="snapchat").platform == "snapchat"


@pytest.mark.parametrize("above", [0, 1, 7, 14])
def test_the_header_is_found_below_other_lines(above: int) -> None:
    rows: Table = [["Acme", ""]] * above + SAMPLES["meta"]
    assert detect(rows).header_row == above


def test_a_header_further_down_is_not_looked_for() -> None:
    with pytest.raises(ReportRefused) as refused:
        detect([["Acme"]] * 15 + SAMPLES["meta"])
    assert refused.value.code in (RefusalCode.NO_HEADER, RefusalCode.NOT_A_REPORT)


def test_preview_shows_mapping_sample_and_facts(tmp_path: Path) -> None:
    table = reports.google(deliveries(), "es", SPANISH)
    preview = inspect(write_utf16(tmp_path / "Informe.csv", table), sample_rows=3)
    assert (preview.platform, preview.language, preview.level) == ("google", "es", "campaign")
    assert (preview.file.encoding, preview.file.separator, preview.file.container) == ("utf-16-le", "\t", "csv")
    assert (preview.file.number_style, preview.file.date_style) == ("1.234,56", "DD/MM/YYYY")
    assert preview.title == "Informe de campañas"
    assert preview.report_range is not None
    assert preview.report_range.days == 5
    assert (preview.currency_candidates, preview.header_row) == (("EUR",), 2)
    assert len(preview.sample) == 3
    assert preview.sample[0][1] == "Brand Search"
    targets = {mapping.header: mapping.target for mapping in preview.mapping}
    assert targets == {
        "Tipo de campaña": "objective",
        "Campaña": "campaign_name",
        "Día": "day",
        "Código de moneda": "currency",
        "Coste": "spend",
        "Clics": "clicks",
        "Impr.": "impressions",
        "CTR": None,
        "Conversiones": "conversions",
        "Valor de conv.": "revenue",
    }
    assert all(str(mapping.why).endswith(".") for mapping in preview.mapping)


def test_preview_of_a_workbook_shows_dates_and_numbers_as_text(tmp_path: Path) -> None:
    table: Table = [["Day", "Campaign name", "Impressions", "Amount spent (USD)"], [dt.date(2026, 4, 13), "A", 10, 1.5]]
    preview = inspect(write_xlsx(tmp_path / "r.xlsx", table))
    assert preview.sample == (("2026-04-13", "A", "10", "1.5"),)
    assert (preview.file.container, preview.file.sheet, preview.currency) == ("xlsx", "Sheet1", "USD")


def test_preview_asks_for_a_currency_instead_of_refusing(tmp_path: Path) -> None:
    preview = inspect(write_csv(tmp_path / "r.csv", SAMPLES["snapchat"]))
    assert preview.currency is None
    assert {item.code for item in preview.warnings if item.needs_confirmation} == {WarningCode.NO_CURRENCY}


def test_preview_leaves_to_the_whole_file_what_its_first_rows_leave_open(tmp_path: Path) -> None:
    header = ["Day", "Campaign name", "Impressions", "Amount spent (USD)"]
    rows: Table = [["03/04/2026", f"C{number}", "10", "1.50"] for number in range(400)]
    rows += [["04/13/2026", "C0", "10", "1.50"]]
    path = write_csv(tmp_path / "r.csv", [header, *rows])
    preview = inspect(path)
    assert WarningCode.DATE_ORDER_ASSUMED in {item.code for item in preview.warnings}
    report = read_report(path, filename="r.csv", today=TODAY)
    assert {row.date for row in report.days} == {dt.date(2026, 3, 4), dt.date(2026, 4, 13)}
    assert WarningCode.DATE_ORDER_ASSUMED not in {item.code for item in report.warnings}


def test_preview_reads_no_further_than_the_first_rows(tmp_path: Path) -> None:
    header = ["Day", "Campaign name", "Impressions", "Amount spent (USD)"]
    rows: Table = [["2026-04-13", f"C{number}", "10", "1.50"] for number in range(30_000)]
    path = write_csv(tmp_path / "r.csv", [header, *rows, ["2026-04-13", "bad", "many", "1.50"]])
    assert inspect(path).platform == "meta"
    with pytest.raises(ReportRefused):
        read_report(path, filename="r.csv", today=TODAY)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("Enabled", "active"),
        ("Paused", "paused"),
        ("not_delivering", "active"),
        ("archived", "archived"),
        ("Pausiert", "paused"),
        ("En pause", "paused"),
        ("Habilitada", "active"),
        ("Ativada", "active"),
        ("COMPLETED", "completed"),
        ("Removed", "archived"),
        ("نشطة", "active"),
        ("whatever", None),
    ],
)
def test_states_in_their_languages(word: str, status: str | None) -> None:
    assert campaign_status(word) == status


@pytest.mark.parametrize(
    ("kind", "counts"),
    [
        ("actions:offsite_conversion.fb_pixel_purchase", True),
        ("actions:lead", True),
        ("Website purchases", True),
        ("Compras en el sitio web", True),
        ("Achats sur le site web", True),
        ("Website-Käufe", True),
        ("عمليات الشراء", True),
        ("actions:onsite_conversion.lead_grouped", True),
        ("reach", False),
        ("Link clicks", False),
        ("actions:link_click", False),
        ("video_thruplay_watched_actions", False),
        ("Landing page views", False),
        ("actions:like", False),
        ("", False),
    ],
)
def test_results_that_count_as_conversions(kind: str, counts: bool) -> None:
    assert is_conversion_result(kind) is counts
