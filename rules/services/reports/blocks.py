"""The pieces that a report is made of, as JSON: blocks of sentences and tables, every figure with its text.

A page, a mail, a PDF and a spreadsheet all draw the same blocks. What people read is fixed here, in the report's
language, when the report is made: nothing that is changed later can change what a frozen report says.

Block: {"key", "title", "lines": [text], "tables": [table]}
Table: {"caption", "columns": [{"label", "kind", "sub"}], "rows": [[cell]]}; `kind` is 'text' or 'number', `sub` says
what stands below the figures of the column
Cell: {"text", "sub", "value", "was"}; `value` and `was` are the figures of both as plain decimal texts ('-12.50'), for
spreadsheets
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from campaigns.choices import Platform
from campaigns.queries.measures import MEASURES
from stratum.lib.figures import Delta, Number, format_amount, format_number
from stratum.lib.money import decimals
from stratum.lib.ratios import Totals

Json = dict[str, Any]
_PLACES = Decimal("0.000001")


def block(key: str, title: str, *, lines: Sequence[str] = (), tables: Sequence[Json] = ()) -> Json:
    """`lines` that are empty, and tables without rows, are left out."""
    return {
        "key": key,
        "title": str(title),
        "lines": [str(line) for line in lines if line],
        "tables": [one for one in tables if one["rows"]],
    }


def is_empty(found: Json) -> bool:
    return not found["lines"] and not found["tables"]


Column = tuple[str, str] | tuple[str, str, str]


def table(caption: str, columns: Sequence[Column], rows: Sequence[Sequence[Json]]) -> Json:
    """`columns` are (label, kind), or (label, kind, what stands below)."""
    return {
        "caption": str(caption),
        "columns": [
            {"label": str(label), "kind": kind, "sub": str(below[0]) if below else ""}
            for label, kind, *below in columns
        ],
        "rows": [list(row) for row in rows],
    }


def cell(text: Any, sub: Any = "") -> Json:
    return {"text": clean(text), "sub": clean(sub)}


def clean(text: Any) -> str:
    """A text that PostgreSQL's JSON takes: it knows no NUL."""
    return str(text).replace("\0", "")


def money_cell(minor: Number | None, currency: str, sub: str = "") -> Json:
    """An amount below a head that names the currency."""
    shown = cell(format_amount(minor, decimals(currency)), sub)
    return shown if minor is None else {**shown, "value": plain(Decimal(round(minor)).scaleb(-decimals(currency)))}


def count_cell(count: int, sub: str = "") -> Json:
    return {**cell(format_number(count), sub), "value": str(count)}


def measure_cell(key: str, totals: Totals, currency: str, change: Delta | None = None) -> Json:
    """A figure of sums; below it how it changed."""
    measure = MEASURES[key]
    shown = cell(measure.cell(totals, currency), change.text if change is not None else "")
    value = measure.value(totals)
    if value is None:
        return shown
    amount = Decimal(str(value))
    if measure.unit == "money":
        amount = Decimal(round(value)).scaleb(-decimals(currency))
    return {**shown, "value": plain(amount)}


def plain(value: Decimal) -> str:
    """A decimal text without exponent or trailing zeros behind the point: '12.5', '1200'."""
    text = f"{value.quantize(_PLACES):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def totals_json(totals: Totals) -> dict[str, int]:
    return {
        "impressions": totals.impressions,
        "clicks": totals.clicks,
        "conversions_micros": totals.conversions_micros,
        "spend": totals.spend,
        "revenue": totals.revenue,
    }


def totals_of(raw: Any) -> Totals:
    """ValueError for anything that `totals_json` did not make."""
    try:
        return Totals(**raw)
    except TypeError as error:
        raise ValueError(f"no sums: {error}") from error


def platform_name(platform: str) -> str:
    return str(dict(Platform.choices).get(platform, platform))
