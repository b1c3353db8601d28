"""Lines of files that are opened in spreadsheets."""

import csv
import io
from collections.abc import Iterable
from typing import Any

# A spreadsheet runs a text that begins like this as a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def safe_text(value: str) -> str:
    """A text that no spreadsheet takes for a formula: an apostrophe in front where it begins like one."""
    return f"'{value}" if value.startswith(FORMULA_STARTS) else value


def csv_line(values: Iterable[Any]) -> str:
    """One line of a file for spreadsheets; None is an empty cell."""
    line = io.StringIO()
    csv.writer(line).writerow(
        [safe_text(value) if isinstance(value, str) else "" if value is None else value for value in values]
    )
    return line.getvalue()
