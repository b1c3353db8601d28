"""Writers of report files: the same table as CSV in any encoding, or as a workbook."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import xlsxwriter

Table = list[list[Any]]
"""Cells as text, as dates and numbers where a workbook would store them so."""


@dataclass(frozen=True)
class Delivery:
    """What one campaign delivered on one day; None is an empty cell."""

    day: dt.date
    campaign: str
    campaign_id: str
    impressions: int | None
    clicks: int | None
    spend: Decimal | None
    conversions: Decimal | None = None
    revenue: Decimal | None = None


def deliveries(
    *, days: int = 5, campaigns: Sequence[str] = ("Brand Search", "Summer 2026", "Añejo & Co")
) -> list[Delivery]:
    """A small account, written so that no two numbers are alike and thousands occur. Days pass the 12th."""
    rows = []
    for offset in range(days):
        for number, name in enumerate(campaigns):
            rows.append(
                Delivery(
                    day=dt.date(2026, 4, 11) + dt.timedelta(days=offset),
                    campaign=name,
                    campaign_id=str(120210000000000117 + number),
                    impressions=1204 + 311 * offset + 4000 * number,
                    clicks=37 + 5 * offset + number,
                    spend=Decimal("1234.56") + Decimal("17.31") * offset + Decimal("100.07") * number,
                    conversions=Decimal(number + offset) if (number + offset) % 3 else None,
                    revenue=Decimal("2301.50") * number + Decimal("12.30") * offset,
                )
            )
    return rows


@dataclass(frozen=True)
class Writing:
    """How numbers and dates are written."""

    decimal: str = "."
    group: str = ""
    date: str = "%Y-%m-%d"
    missing: str = ""
    decimals: int = 2

    def number(self, value: Decimal | int | None) -> str:
        if value is None:
            return self.missing
        text = f"{value:,}" if isinstance(value, int) else f"{value:,.{self.decimals}f}"
        return text.replace(",", "\0").replace(".", self.decimal).replace("\0", self.group)

    def day(self, value: dt.date) -> str:
        return value.strftime(self.date)


PLAIN = Writing()
ENGLISH = Writing(group=",")
GERMAN = Writing(decimal=",", group=".", date="%d.%m.%Y")
SPANISH = Writing(decimal=",", group=".", date="%d/%m/%Y")
FRENCH = Writing(decimal=",", group="\u202f", date="%d/%m/%Y")
FRENCH_NBSP = Writing(decimal=",", group="\u00a0", date="%d/%m/%Y")
SWISS = Writing(group="’", date="%d.%m.%Y")


def as_text(table: Table) -> list[list[str]]:
    return [["" if cell is None else str(cell) for cell in row] for row in table]


def csv_text(table: Table, *, separator: str = ",", newline: str = "\r\n") -> str:
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=separator, lineterminator=newline).writerows(as_text(table))
    return buffer.getvalue()


def write_csv(
    path: Path, table: Table, *, encoding: str = "utf-8", separator: str = ",", newline: str = "\r\n", bom: bytes = b""
) -> Path:
    path.write_bytes(bom + csv_text(table, separator=separator, newline=newline).encode(encoding))
    return path


def write_utf8_bom(path: Path, table: Table, separator: str = ",") -> Path:
    return write_csv(path, table, encoding="utf-8", separator=separator, bom=b"\xef\xbb\xbf")


def write_utf16(
    path: Path, table: Table, separator: str = "\t", *, big_endian: bool = False, mark: bool = True
) -> Path:
    name, bom = ("utf-16-be", b"\xfe\xff") if big_endian else ("utf-16-le", b"\xff\xfe")
    return write_csv(path, table, encoding=name, separator=separator, bom=bom if mark else b"")


def write_mojibake(path: Path, table: Table, separator: str = ",", *, page: str = "cp1252") -> Path:
    """UTF-8 that a program read as a western code page and saved as UTF-8 again."""
    data = csv_text(table, separator=separator).encode("utf-8")
    harmed = data.decode("latin-1") if page == "latin-1" else "".join(_cp1252_char(byte) for byte in data)
    path.write_bytes(harmed.encode("utf-8"))
    return path


def _cp1252_char(byte: int) -> str:
    # Five bytes have no character in Windows-1252; programs pass them through.
    return bytes([byte]).decode("cp1252") if byte not in (0x81, 0x8D, 0x8F, 0x90, 0x9D) else chr(byte)


def write_xlsx(path: Path, table: Table, *, sheet: str = "Sheet1", before: Sequence[tuple[str, Table]] = ()) -> Path:
    """A workbook that keeps numbers as numbers and dates as dates; texts beginning with '=' stay texts."""
    with xlsxwriter.Workbook(
        str(path), {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    ) as book:
        date_format = book.add_format({"num_format": "yyyy-mm-dd"})
        for title, rows in (*before, (sheet, table)):
            page = book.add_worksheet(title)
            for row_number, row in enumerate(rows):
                for column, cell in enumerate(row):
                    if isinstance(cell, dt.date):
                        page.write_datetime(row_number, column, cell, date_format)
                    elif isinstance(cell, Decimal | int | float):
                        page.write_number(row_number, column, float(cell) if isinstance(cell, Decimal) else cell)
                    elif cell not in (None, ""):
                        page.write_string(row_number, column, str(cell))
    return path


CONTAINERS: dict[str, Callable[[Path, Table], Path]] = {
    "utf8_comma": lambda path, table: write_csv(path, table),
    "utf8_semicolon": lambda path, table: write_csv(path, table, separator=";"),
    "utf8_tab_lf": lambda path, table: write_csv(path, table, separator="\t", newline="\n"),
    "utf8_bom": write_utf8_bom,
    "utf16_le_tab": write_utf16,
    "utf16_be_tab": lambda path, table: write_utf16(path, table, big_endian=True),
    "utf16_le_comma": lambda path, table: write_utf16(path, table, ","),
    "utf16_le_no_mark": lambda path, table: write_utf16(path, table, mark=False),
    "latin1_semicolon": lambda path, table: write_csv(path, table, encoding="latin-1", separator=";"),
    "cp1252_comma": lambda path, table: write_csv(path, table, encoding="cp1252"),
    "mac_roman": lambda path, table: write_csv(path, table, encoding="mac_roman", newline="\r"),
    "mojibake_cp1252": write_mojibake,
    "mojibake_latin1": lambda path, table: write_mojibake(path, table, ";", page="latin-1"),
    "xlsx": write_xlsx,
}
