"""A report as a CSV file for spreadsheets: its figures as plain numbers, one table below the other."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from django.utils import translation
from django.utils.translation import gettext as _

from rules.services.reports.sections import course_table
from stratum.lib.spreadsheets import csv_line


def report_csv(content: Mapping[str, Any], restated: Mapping[str, Any] | None, digest: str) -> bytes:
    """UTF-8 with a mark that spreadsheets know it by; texts that would run as a formula are made harmless."""
    with translation.override(content["locale"]):
        return ("\ufeff" + "".join(csv_line(line) for line in _lines(content, restated, digest))).encode()


def _lines(content: Mapping[str, Any], restated: Mapping[str, Any] | None, digest: str) -> Iterator[list[Any]]:
    yield [content["workspace"], content["name"], content["title"]]
    yield [_("From"), content["period"]["from"], _("to"), content["period"]["to"], content["period"]["zone"]]
    yield [_("As known on"), content["as_of"]]
    yield ["SHA-256", digest]
    if content["scope"]:
        yield [_("Only"), content["scope"]]
    yield []
    yield [_("Figure"), _("Value"), _("Change"), _("Currency")]
    for line in content["kpis"]:
        money = line["key"] in ("spend", "revenue", "cpa")
        yield [line["label"], _number(line["value"]), line["change"], content["currency"] if money else ""]
    yield from _table(course_table(content["course"]))
    for block in ([restated["block"]] if restated else []) + content["blocks"]:
        yield []
        yield [block["title"]]
        for text in block["lines"]:
            yield [text]
        for table in block["tables"]:
            yield from _table(table)


def _table(table: Mapping[str, Any]) -> Iterator[list[Any]]:
    """What stands below a figure on the page gets a column of its own."""
    columns = table["columns"]
    below = [
        bool(column["sub"]) or any(row[place]["sub"] for row in table["rows"]) for place, column in enumerate(columns)
    ]
    yield []
    yield [table["caption"]]
    yield [
        text
        for column, has_below in zip(columns, below, strict=True)
        for text in ([column["label"]] + ([_sub_head(column)] if has_below else []))
    ]
    for row in table["rows"]:
        yield [
            value
            for cell, has_below in zip(row, below, strict=True)
            for value in ([_value(cell)] + ([_below(cell)] if has_below else []))
        ]


def _sub_head(column: Mapping[str, Any]) -> str:
    return f"{column['label']}, {column['sub']}" if column["sub"] else ""


def _value(cell: Mapping[str, Any]) -> Any:
    return _number(cell["value"]) if "value" in cell else cell["text"]


def _below(cell: Mapping[str, Any]) -> Any:
    return _number(cell["was"]) if cell.get("was") else cell["sub"]


def _number(text: str) -> Decimal | str:
    return Decimal(text) if text else ""
