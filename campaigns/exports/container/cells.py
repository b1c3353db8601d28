"""Cells as every container hands them on."""

from __future__ import annotations

import datetime as dt
from typing import Any

NATIVE_DATE_MARK = "\x01"
"""Begins the text of a cell that a spreadsheet stored as a date: its order of day and month is certain."""

Cell = str | int | float
Row = list[Cell]


class NativeDate:
    """How a spreadsheet's own date travels: '\\x01' + ISO text, so that a cell stays a plain string."""

    @staticmethod
    def encode(value: dt.date | dt.datetime) -> str:
        if isinstance(value, dt.datetime):
            if value.time() == dt.time.min:
                return NATIVE_DATE_MARK + value.date().isoformat()
            return NATIVE_DATE_MARK + value.replace(microsecond=0).isoformat(sep=" ")
        return NATIVE_DATE_MARK + value.isoformat()

    @staticmethod
    def text(cell: Cell) -> str:
        """The cell as a person would see it."""
        if isinstance(cell, str):
            return cell.removeprefix(NATIVE_DATE_MARK)
        return number_text(cell)


def number_text(value: int | float) -> str:
    """A spreadsheet's number as text: 2026.0 -> '2026'."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return repr(value)


def from_spreadsheet(value: Any) -> Cell:
    """A value of openpyxl as a cell. Formulas arrive as their text ('=A1*2') and stay text, never evaluated."""
    if value is None:
        return ""
    if type(value) in (str, int, float):
        return value.replace(NATIVE_DATE_MARK, "") if type(value) is str else value
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, dt.date):
        return NativeDate.encode(value)
    if isinstance(value, dt.time | dt.timedelta):
        return str(value)
    # Array formulas and data tables are objects; their text only has to be recognised as a formula.
    return "=" + str(getattr(value, "text", "") or "").lstrip("=")
