"""Files that must be refused, each with the code of its refusal.

`BROKEN[name](folder)` writes the file and returns its path; `EXPECTED[name]` is the code. Used by the tests of the
parser and of everything that stores what it reads.
"""

from __future__ import annotations

import datetime as dt
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import xlsxwriter

from campaigns.exports import RefusalCode
from campaigns.tests.exports import reports
from campaigns.tests.exports.builders import (
    Table,
    csv_text,
    deliveries,
    write_csv,
    write_utf16,
    write_xlsx,
)

Builder = Callable[[Path], Path]
BROKEN: dict[str, Builder] = {}
EXPECTED: dict[str, RefusalCode] = {}

META = ["Day", "Campaign name", "Impressions", "Clicks (all)", "Amount spent (USD)"]


def broken(code: RefusalCode) -> Callable[[Builder], Builder]:
    def register(builder: Builder) -> Builder:
        name = builder.__name__
        BROKEN[name] = builder
        EXPECTED[name] = code
        return builder

    return register


def meta_with(folder: Path, *rows: list[object], header: list[str] | None = None) -> Path:
    """A good row, the given ones, and a good row."""
    table: Table = [
        header or META,
        ["2026-04-13", "Good", "10", "1", "1.00"],
        *rows,
        ["2026-04-14", "Good", "10", "1", "1.00"],
    ]
    return write_csv(folder / "report.csv", table)


def raw(folder: Path, data: bytes, name: str = "report.csv") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


# -- no table at all ------------------------------------------------------------------------------------------


@broken(RefusalCode.EMPTY_FILE)
def empty(folder: Path) -> Path:
    return raw(folder, b"")


@broken(RefusalCode.EMPTY_FILE)
def blank_lines(folder: Path) -> Path:
    return raw(folder, b"\xef\xbb\xbf\r\n   \r\n\r\n")


@broken(RefusalCode.TOO_LARGE)
def of_300_megabytes(folder: Path) -> Path:
    path = raw(folder, (",".join(META) + "\r\n").encode())
    with path.open("r+b") as file:
        file.truncate(300 * 1024 * 1024)
    return path


@broken(RefusalCode.HTML_PAGE)
def login_page(folder: Path) -> Path:
    return raw(folder, b"\n<!DOCTYPE html><html><head><title>Log in</title></head></html>")


@broken(RefusalCode.HTML_PAGE)
def html_table_named_xls(folder: Path) -> Path:
    return raw(folder, b"<table><tr><td>Day</td></tr></table>", "report.xls")


@broken(RefusalCode.NOT_A_REPORT)
def pdf(folder: Path) -> Path:
    return raw(folder, b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")


@broken(RefusalCode.NOT_A_REPORT)
def json_answer(folder: Path) -> Path:
    return raw(folder, b'{"data": [{"campaign_name": "A"}]}')


@broken(RefusalCode.NOT_A_REPORT)
def zip_of_csv(folder: Path) -> Path:
    path = folder / "reports.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("report.csv", csv_text(reports.meta(deliveries())))
    return path


@broken(RefusalCode.NOT_A_REPORT)
def address_book(folder: Path) -> Path:
    return write_csv(folder / "contacts.csv", [["First", "Last", "E-mail"], ["Ann", "Lee", "ann@example.com"]])


@broken(RefusalCode.ENCODING)
def binary(folder: Path) -> Path:
    return raw(folder, bytes(range(256)) * 40)


# -- encodings ------------------------------------------------------------------------------------------------


@broken(RefusalCode.ENCODING)
def utf8_and_latin1_mixed(folder: Path) -> Path:
    good = csv_text([META, *[["2026-04-13", f"Café {n}", "10", "1", "1.00"] for n in range(20)]]).encode()
    return raw(folder, good + "2026-04-14,Café,10,1,1.00\r\n".encode("latin-1"))


@broken(RefusalCode.TRUNCATED)
def utf8_cut_in_a_character(folder: Path) -> Path:
    return raw(folder, csv_text([META, ["2026-04-13", "Café", "10", "1", "1.00"], ["2026-04-13", "é"]]).encode()[:-3])


@broken(RefusalCode.TRUNCATED)
def utf16_cut_in_a_character(folder: Path) -> Path:
    path = write_utf16(folder / "report.csv", reports.google(deliveries()))
    return raw(folder, path.read_bytes()[:-1])


@broken(RefusalCode.ENCODING)
def utf32(folder: Path) -> Path:
    return raw(folder, csv_text(reports.meta(deliveries())).encode("utf-32"))


# -- cut off --------------------------------------------------------------------------------------------------


@broken(RefusalCode.TRUNCATED)
def csv_cut_in_a_row(folder: Path) -> Path:
    data = csv_text(reports.meta(deliveries())).encode()
    return raw(folder, data[: data.rindex(b",", 0, data.rindex(b",", 0, len(data) - 3)) + 1])


@broken(RefusalCode.TRUNCATED)
def csv_cut_in_the_first_cell(folder: Path) -> Path:
    data = csv_text(reports.meta(deliveries())).encode()
    return raw(folder, data[: data.rindex(b"\r\n", 0, len(data) - 2) + 6])


@broken(RefusalCode.TRUNCATED)
def csv_cut_in_quotes(folder: Path) -> Path:
    return raw(folder, csv_text([META]).encode() + b'2026-04-13,"Half a na')


@broken(RefusalCode.TRUNCATED)
def xlsx_cut(folder: Path) -> Path:
    path = write_xlsx(folder / "report.xlsx", reports.meta(deliveries()))
    return raw(folder, path.read_bytes()[:-700], "report.xlsx")


@broken(RefusalCode.DAMAGED)
def xlsx_with_broken_sheet(folder: Path) -> Path:
    return _rewritten(folder, lambda name, data: data[: len(data) // 2] if "sheet1.xml" in name else data)


@broken(RefusalCode.DAMAGED)
def xlsx_without_a_workbook(folder: Path) -> Path:
    path = folder / "report.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/styles.xml", "<styleSheet/>")
    return path


# -- hostile containers ----------------------------------------------------------------------------------------


def _rewritten(folder: Path, change: Callable[[str, bytes], bytes]) -> Path:
    good = write_xlsx(folder / "good.xlsx", reports.meta(deliveries()))
    path = folder / "report.xlsx"
    with zipfile.ZipFile(good) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for info in source.infolist():
            target.writestr(info.filename, change(info.filename, source.read(info.filename)))
    return path


@broken(RefusalCode.ZIP_BOMB)
def zip_bomb_declared(folder: Path) -> Path:
    path = folder / "report.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", "<workbook/>")
        with archive.open("xl/worksheets/sheet1.xml", "w") as sheet:
            for _block in range(60):
                sheet.write(b" " * 1024 * 1024)
    return path


@broken(RefusalCode.ZIP_BOMB)
def zip_bomb_that_lies_about_its_size(folder: Path) -> Path:
    """The directory says 1,000 bytes; the entry inflates to 60 MB."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = b"".join(squeeze.compress(b" " * 1024 * 1024) for _block in range(60)) + squeeze.flush()
    entries = [("[Content_Types].xml", b"<Types/>", None), ("xl/worksheets/sheet1.xml", packed, 1_000)]
    body, directory = b"", b""
    for name, data, lie in entries:
        method = 8 if lie else 0
        sizes = (zlib.crc32(data), len(data), lie or len(data))
        encoded = name.encode()
        offset = len(body)
        body += struct.pack("<4s5H3I2H", b"PK\x03\x04", 20, 0, method, 0, 0, *sizes, len(encoded), 0) + encoded + data
        directory += struct.pack(
            "<4s6H3I5H2I", b"PK\x01\x02", 20, 20, 0, method, 0, 0, *sizes, len(encoded), 0, 0, 0, 0, 0, offset
        )
        directory += encoded
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 2, 2, len(directory), len(body), 0)
    return raw(folder, body + directory + end, "report.xlsx")


@broken(RefusalCode.ZIP_BOMB)
def xlsx_with_entities(folder: Path) -> Path:
    bomb = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
    return _rewritten(folder, lambda name, data: bomb + data if "sheet1.xml" in name else data)


@broken(RefusalCode.ENCRYPTED)
def xlsx_with_a_password(folder: Path) -> Path:
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 504
    return raw(folder, header + "EncryptedPackage".encode("utf-16-le") + b"\0" * 512, "report.xlsx")


@broken(RefusalCode.ENCRYPTED)
def zip_with_a_password(folder: Path) -> Path:
    data = bytearray(write_xlsx(folder / "good.xlsx", reports.meta(deliveries())).read_bytes())
    for signature, flags in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        start = 0
        while (start := data.find(signature, start)) >= 0:
            data[start + flags] |= 1
            start += 4
    return raw(folder, bytes(data), "report.xlsx")


@broken(RefusalCode.OLD_XLS)
def old_xls(folder: Path) -> Path:
    return raw(folder, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 2_000, "report.xls")


# -- reports of the wrong kind ----------------------------------------------------------------------------------


@broken(RefusalCode.NO_HEADER)
def header_deleted(folder: Path) -> Path:
    return write_csv(folder / "report.csv", reports.meta(deliveries())[1:])


@broken(RefusalCode.BULK_SHEET)
def google_bulk_sheet(folder: Path) -> Path:
    header = [
        "Row Type",
        "Action",
        "Campaign status",
        "Campaign",
        "Currency code",
        "Budget",
        "Budget type",
        "Status",
        "Campaign type",
        "Campaign ID",
    ]
    return write_csv(
        folder / "bulk.csv",
        [header, ["Campaign", "", "Enabled", "Shop", "USD", "10.00", "Daily", "Eligible", "Search", "123"]],
    )


@broken(RefusalCode.SEGMENTED_BY_CONVERSION)
def google_by_conversion_action(folder: Path) -> Path:
    table: Table = [
        ["Campaign report"],
        ["April 11, 2026 - April 15, 2026"],
        ["Campaign", "Day", "Conversion action", "Currency code", "Cost", "Clicks", "Impr.", "Conversions"],
        ["Shop", "2026-04-13", "Purchase", "USD", "0.00", "0", "0", "3.00"],
    ]
    return write_csv(folder / "report.csv", table)


@broken(RefusalCode.SEGMENTED_BY_CONVERSION)
def linkedin_conversion_report(folder: Path) -> Path:
    header = [
        "Start Date (in UTC)",
        "Account Name",
        "Currency",
        "Campaign Name",
        "Conversion Name",
        "Conversion Type",
        "Conversions",
        "Total Spent",
    ]
    row = ["4/13/2026", "Acme", "EUR", "Shop", "Sign-up", "Lead", "3", "0"]
    return write_utf16(folder / "report.csv", [*reports.linkedin_preamble(), header, row])


@broken(RefusalCode.PARTIAL_BREAKDOWN)
def google_search_terms(folder: Path) -> Path:
    table: Table = [
        ["Search terms report"],
        ["April 11, 2026 - April 15, 2026"],
        ["Search term", "Match type", "Campaign", "Day", "Clicks", "Impr.", "Currency code", "Cost"],
        ["shoes", "Broad match", "Shop", "2026-04-13", "1", "10", "USD", "0.30"],
    ]
    return write_csv(folder / "report.csv", table)


@broken(RefusalCode.AGGREGATE_PERIOD)
def meta_whole_period(folder: Path) -> Path:
    header = ["Reporting starts", "Reporting ends", "Campaign name", "Impressions", "Amount spent (USD)"]
    return write_csv(
        folder / "r.csv",
        [header, ["2026-04-01", "2026-04-30", "A", "10", "1.00"], ["2026-04-01", "2026-04-30", "B", "20", "2.00"]],
    )


@broken(RefusalCode.AGGREGATE_PERIOD)
def google_whole_period(folder: Path) -> Path:
    header = ["Campaign status", "Campaign", "Campaign type", "Impr.", "Clicks", "Currency code", "Cost"]
    table: Table = [
        ["Campaign report"],
        ["March 27, 2026 - April 23, 2026"],
        header,
        ["Enabled", "A", "Search", "10", "1", "USD", "1.00"],
    ]
    return write_utf16(folder / "r.csv", table)


@broken(RefusalCode.AGGREGATE_PERIOD)
def google_by_week(folder: Path) -> Path:
    return write_csv(
        folder / "r.csv",
        [
            ["Campaign", "Week", "Impr.", "Clicks", "Currency code", "Cost"],
            ["A", "2026-04-13", "10", "1", "USD", "1.00"],
        ],
    )


@broken(RefusalCode.AGGREGATE_PERIOD)
def linkedin_whole_period(folder: Path) -> Path:
    rows = [row for row in deliveries() if row.day == dt.date(2026, 4, 11)]
    return write_utf16(folder / "r.csv", reports.linkedin(rows))


@broken(RefusalCode.AGGREGATE_PERIOD)
def linkedin_by_week(folder: Path) -> Path:
    rows = [row for row in deliveries(days=15) if (row.day - dt.date(2026, 4, 11)).days % 7 == 0]
    return write_utf16(folder / "r.csv", reports.linkedin_older(rows, preamble=False))


@broken(RefusalCode.AGGREGATE_PERIOD)
def snapchat_whole_period(folder: Path) -> Path:
    row = ["2026-09-01 00:00:00", "2026-09-30 23:59:59", "A", "1", "S", "1.00", "10", "1", "", "", ""]
    return write_csv(folder / "r.csv", [reports.SNAPCHAT_HEADER, row])


@broken(RefusalCode.NO_CAMPAIGN)
def meta_ads_without_campaign(folder: Path) -> Path:
    header = [
        "Reporting starts",
        "Reporting ends",
        "Ad name",
        "Ad delivery",
        "Results",
        "Amount spent (USD)",
        "Impressions",
    ]
    return write_csv(folder / "r.csv", [header, ["2026-04-13", "2026-04-13", "Ad", "active", "1", "1.00", "10"]])


@broken(RefusalCode.NO_METRICS)
def meta_names_only(folder: Path) -> Path:
    return write_csv(
        folder / "r.csv", [["Day", "Campaign name", "Campaign delivery", "Reach"], ["2026-04-13", "A", "active", "5"]]
    )


# -- empty reports ----------------------------------------------------------------------------------------------


@broken(RefusalCode.NO_DATA)
def header_only(folder: Path) -> Path:
    return write_csv(folder / "r.csv", reports.meta([]))


@broken(RefusalCode.NO_DATA)
def meta_no_data_available(folder: Path) -> Path:
    return write_csv(folder / "r.csv", [META, ["No data available.", "", "", "", ""]])


@broken(RefusalCode.NO_DATA)
def linkedin_preamble_only(folder: Path) -> Path:
    return write_utf16(folder / "r.csv", reports.linkedin_preamble())


@broken(RefusalCode.NO_DATA)
def google_totals_only(folder: Path) -> Path:
    return write_utf16(folder / "r.csv", reports.google([]))


# -- rows that cannot be right ------------------------------------------------------------------------------------


@broken(RefusalCode.BAD_NUMBER)
def word_in_a_number(folder: Path) -> Path:
    return meta_with(folder, ["2026-04-13", "A", "many", "1", "1.00"])


@broken(RefusalCode.BAD_NUMBER)
def error_value_in_a_number(folder: Path) -> Path:
    return meta_with(folder, ["2026-04-13", "A", "10", "1", "#REF!"])


@broken(RefusalCode.BAD_NUMBER)
def fraction_of_an_impression(folder: Path) -> Path:
    return meta_with(folder, ["2026-04-13", "A", "10.5", "1", "1.00"])


@broken(RefusalCode.NEGATIVE_VALUE)
def negative_spend(folder: Path) -> Path:
    return meta_with(folder, ["2026-04-13", "A", "10", "1", "-1.00"])


@broken(RefusalCode.FORMULA)
def formula_in_csv(folder: Path) -> Path:
    return meta_with(folder, ["2026-04-13", "A", "10", "1", "=SUM(E2:E9)"])


@broken(RefusalCode.FORMULA)
def formula_in_xlsx(folder: Path) -> Path:
    path = folder / "report.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet()
        for column, header in enumerate(META):
            sheet.write_string(0, column, header)
        for column, cell in enumerate(["2026-04-13", '=HYPERLINK("http://x")']):
            sheet.write_string(1, column, cell)
        sheet.write_number(1, 2, 10)
        sheet.write_number(1, 3, 1)
        sheet.write_formula(1, 4, "=C2*2", value=20)
    return path


@broken(RefusalCode.FORMULA)
def formula_in_the_day(folder: Path) -> Path:
    return meta_with(folder, ["=TODAY()", "A", "10", "1", "1.00"])


@broken(RefusalCode.OVERFLOW)
def number_beyond_all_accounts(folder: Path) -> Path:
    return meta_with(folder, ["2026-04-13", "A", "99999999999999999999", "1", "1.00"])


@broken(RefusalCode.BAD_DATE)
def word_in_the_day(folder: Path) -> Path:
    return meta_with(folder, ["soon", "A", "10", "1", "1.00"])


@broken(RefusalCode.BAD_DATE)
def day_that_does_not_exist(folder: Path) -> Path:
    return meta_with(folder, ["2026-02-30", "A", "10", "1", "1.00"])


@broken(RefusalCode.BAD_DATE)
def missing_day_of_a_campaign(folder: Path) -> Path:
    return meta_with(folder, ["", "A", "10", "1", "1.00"])


@broken(RefusalCode.BAD_DATE)
def days_in_two_orders(folder: Path) -> Path:
    rows = [["13/04/2026", "A", "10", "1", "1.00"], ["04/14/2026", "A", "10", "1", "1.00"]]
    return write_csv(folder / "r.csv", [META, *rows])


@broken(RefusalCode.AMBIGUOUS_DATES)
def day_or_month_first(folder: Path) -> Path:
    rows = [
        ["03/04/2026", "A", "10", "1", "1.00"],
        ["04/04/2026", "A", "10", "1", "1.00"],
        ["05/03/2026", "B", "10", "1", "1.00"],
    ]
    return write_csv(folder / "r.csv", [META, *rows])


@broken(RefusalCode.AMBIGUOUS_DATES)
def spreadsheet_turned_some_days_into_months(folder: Path) -> Path:
    rows: Table = [[dt.date(2026, 3, 4), "A", 10, 1, 1.5], ["13/04/2026", "A", 10, 1, 1.5]]
    return write_xlsx(folder / "r.xlsx", [META, *rows])


@broken(RefusalCode.ABSURD_DATES)
def days_in_the_future(folder: Path) -> Path:
    return meta_with(folder, ["2126-04-13", "A", "10", "1", "1.00"])


@broken(RefusalCode.ABSURD_DATES)
def days_before_the_platform(folder: Path) -> Path:
    return meta_with(folder, ["1900-01-01", "A", "10", "1", "1.00"])


@broken(RefusalCode.AMBIGUOUS_NUMBERS)
def decimal_point_and_decimal_comma(folder: Path) -> Path:
    return meta_with(folder, ["2026-04-13", "A", "10", "1", "1,5"])


@broken(RefusalCode.AMBIGUOUS_NUMBERS)
def thousands_or_decimals(folder: Path) -> Path:
    return write_csv(folder / "r.csv", [META, ["2026-04-13", "A", "10", "1", "1.204"]])


@broken(RefusalCode.BAD_ROW)
def unquoted_decimal_commas(folder: Path) -> Path:
    return meta_with(folder, ["2026-04-13", "A", "10", "1", "1", "50"])


@broken(RefusalCode.BAD_ROW)
def row_with_columns_missing(folder: Path) -> Path:
    return meta_with(folder, ["2026-04-13", "A", "10"])


@broken(RefusalCode.BAD_ROW)
def quotes_that_do_not_match(folder: Path) -> Path:
    return raw(folder, csv_text([META]).encode() + b'2026-04-13,"A "big" sale",10,1,1.00\r\n2026-04-13,B,10,1,1.00\r\n')


@broken(RefusalCode.BAD_ROW)
def campaign_without_a_name(folder: Path) -> Path:
    return meta_with(folder, ["2026-04-13", "", "10", "1", "1.00"])


@broken(RefusalCode.BAD_ROW)
def endless_name(folder: Path) -> Path:
    return meta_with(folder, ["2026-04-13", "A" * 501, "10", "1", "1.00"])


@broken(RefusalCode.DUPLICATE_COLUMNS)
def same_column_twice_with_other_values(folder: Path) -> Path:
    header = [*META, "Impressions"]
    return write_csv(folder / "r.csv", [header, ["2026-04-13", "A", "10", "1", "1.00", "11"]])


# -- money without a currency ---------------------------------------------------------------------------------------


@broken(RefusalCode.NO_CURRENCY)
def no_currency(folder: Path) -> Path:
    return write_csv(folder / "r.csv", reports.snapchat(deliveries()))


@broken(RefusalCode.MIXED_CURRENCY)
def two_currencies_in_the_header(folder: Path) -> Path:
    header = [*META, "Amount spent (EUR)"]
    return write_csv(
        folder / "r.csv",
        [header, ["2026-04-13", "A", "10", "1", "1.00", ""], ["2026-04-13", "B", "10", "1", "", "2.00"]],
    )


@broken(RefusalCode.MIXED_CURRENCY)
def two_currency_signs(folder: Path) -> Path:
    header = ["By Day", "Campaign name", "Impressions", "Clicks (destination)", "Cost"]
    return write_csv(
        folder / "r.csv", [header, ["2026-04-13", "A", "10", "1", "€1.00"], ["2026-04-13", "B", "10", "1", "£1.00"]]
    )


@broken(RefusalCode.MIXED_CURRENCY)
def a_campaign_in_two_currencies(folder: Path) -> Path:
    header = ["Campaign", "Day", "Currency code", "Cost", "Clicks", "Impr."]
    return write_csv(
        folder / "r.csv",
        [header, ["A", "2026-04-13", "USD", "1.00", "1", "10"], ["A", "2026-04-14", "EUR", "1.00", "1", "10"]],
    )


@broken(RefusalCode.MIXED_CURRENCY)
def header_and_column_disagree_on_the_currency(folder: Path) -> Path:
    header = [*META, "Currency"]
    return write_csv(folder / "r.csv", [header, ["2026-04-13", "A", "10", "1", "1.00", "EUR"]])


@broken(RefusalCode.UNKNOWN_PLATFORM)
def columns_of_no_single_platform(folder: Path) -> Path:
    return write_csv(folder / "r.csv", [["Campaign name", "Campaign ID", "Impressions"], ["A", "123456", "10"]])
