"""Columns of numbers: from cells to exact integers, and their sums per campaign and day."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import NoReturn

from django.utils.translation import gettext_lazy as _

from campaigns.exports.container import Cell, NativeDate
from campaigns.exports.currency import EXPONENTS
from campaigns.exports.detection import Column
from campaigns.exports.errors import RefusalCode, refuse
from campaigns.exports.number_style import MASKED, SCALE_DIGITS, CellError, NumberStyle, read_number, round_half_even
from campaigns.exports.report import CampaignInfo
from campaigns.exports.vocabulary import METRIC_KINDS, Kind, Metric

_MAX_CACHE = 50_000
_HUNDREDTH = 10 ** (SCALE_DIGITS - 2)
BIGINT_MAX = 2**63 - 1
_DAY_SLOTS = 1 << 22
"""More than the proleptic ordinal of any date: campaign and day make one integer key."""


class NumberColumn:
    """Reads the cells of one metric. Repeated texts are read once; plain whole numbers not even that."""

    def __init__(self, metric: Metric, column: Column, style: NumberStyle) -> None:
        self.metric = metric
        self.column = column
        self.kind = METRIC_KINDS[metric]
        self._style = style
        self._two_decimals = re.compile(rf"(?:[0-9]{{1,15}}{re.escape(style.decimal)}[0-9]{{2}}\n)+")
        self._known: dict[Cell, int | None] = {}
        self._masked: dict[Cell, int] = {}
        self.masked = 0
        self.masked_at_most = 0

    def read(self, cells: Sequence[Cell], rows: Sequence[int]) -> list[int | None]:
        """Counts, or 10**-24 units for money and conversions; refuses the first cell that is no number."""
        if self.kind is Kind.COUNT:
            try:
                if "".join(cells).isdecimal():  # type: ignore[arg-type]  # TypeError says so
                    return list(map(int, cells))
            except (TypeError, ValueError):
                pass  # numbers of a spreadsheet, or empty cells between the digits
        elif (values_at_once := self._uniform(cells)) is not None:
            return values_at_once
        known = self._known
        try:
            values = [known[cell] for cell in cells]
        except KeyError:
            self._learn(cells, rows)
            values = [self._known[cell] for cell in cells]
        if self._masked:
            hidden = [self._masked[cell] for cell in cells if cell in self._masked]
            self.masked += len(hidden)
            self.masked_at_most += sum(hidden)
        return values

    def _uniform(self, cells: Sequence[Cell]) -> list[int | None] | None:
        """A column of amounts that all have two decimals, the usual case, without looking at single cells."""
        try:
            joined = "\n".join(cells) + "\n"  # type: ignore[arg-type]  # TypeError says so
        except TypeError:
            return None
        if not self._two_decimals.fullmatch(joined):
            return None
        digits = joined.replace(self._style.decimal, "").split("\n")
        digits.pop()
        return [int(text) * _HUNDREDTH for text in digits]

    def _learn(self, cells: Sequence[Cell], rows: Sequence[int]) -> None:
        if len(self._known) > _MAX_CACHE:
            self._known = {}
        known, kind, style = self._known, self.kind, self._style
        for cell in dict.fromkeys(cells):
            if cell in known:
                continue
            try:
                value = read_number(cell, kind, style)
            except CellError as error:
                refuse_cell(error.code, cell, self.column.header, rows[cells.index(cell)])
            if value is MASKED:
                self._masked[cell] = self.read_leniently(str(cell).strip().lstrip("<>")) or 0
                value = None
            known[cell] = value  # type: ignore[assignment]  # MASKED, an object, was taken out above

    def read_leniently(self, cell: Cell) -> int | None:
        """A cell of a totals row: what is no number is no evidence."""
        try:
            value = read_number(cell, self.kind, self._style)
        except CellError:
            return None
        return value if isinstance(value, int) else None


def refuse_cell(code: RefusalCode, cell: Cell, column: str, row: int) -> NoReturn:
    messages = {
        RefusalCode.FORMULA: _(
            "Row {row}, column “{column}” holds a formula ({value}) instead of a value: the file was edited. "
            "Upload the file as the ad platform exported it."
        ),
        RefusalCode.NEGATIVE_VALUE: _(
            "Row {row}, column “{column}” holds a negative value ({value}), which no ad platform reports. "
            "Export the report again."
        ),
        RefusalCode.BAD_NUMBER: _(
            "Row {row}, column “{column}”: “{value}” is not a number. Upload the file as the ad platform exported it."
        ),
    }
    refuse(code, messages[code], row=row, column=column, value=NativeDate.text(cell))


@dataclass
class DailySums:
    """Sums per (campaign, day), exact; a value that is None in all rows of a pair stays None."""

    metrics: tuple[Metric, ...]
    campaigns: array[int] = field(default_factory=lambda: array("l"))
    days: array[int] = field(default_factory=lambda: array("l"))
    values: dict[Metric, list[int | None]] = field(default_factory=dict)
    repeated: set[int] = field(default_factory=set)
    _index: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.values = {metric: [] for metric in self.metrics}

    def add(self, campaigns: list[int], days: list[int], columns: dict[Metric, list[int | None]]) -> None:
        keys = [campaign * _DAY_SLOTS + day for campaign, day in zip(campaigns, days, strict=True)]
        fresh = set(keys)
        start = len(self.days)
        if len(fresh) == len(keys) and fresh.isdisjoint(self._index):
            # One row per campaign and day: nothing to add up.
            self._index.update(zip(keys, range(start, start + len(keys)), strict=True))
            self.campaigns.extend(campaigns)
            self.days.extend(days)
            for metric in self.metrics:
                self.values[metric].extend(columns[metric])
            return
        self._add_up(keys, campaigns, days, columns)

    def _add_up(
        self, keys: list[int], campaigns: list[int], days: list[int], columns: dict[Metric, list[int | None]]
    ) -> None:
        index = self._index
        positions = []
        for key, campaign, day in zip(keys, campaigns, days, strict=True):
            position = index.get(key)
            if position is None:
                position = index[key] = len(self.days)
                self.campaigns.append(campaign)
                self.days.append(day)
            else:
                self.repeated.add(campaign)
            positions.append(position)
        for metric in self.metrics:
            sums = self.values[metric]
            sums.extend([None] * (len(self.days) - len(sums)))
            for position, value in zip(positions, columns[metric], strict=True):
                if value is not None:
                    known = sums[position]
                    sums[position] = value if known is None else known + value

    def totals(self) -> dict[Metric, int]:
        """The exact sum of each metric that has any value."""
        sums = {}
        for metric, column in self.values.items():
            present = [value for value in column if value is not None]
            if present:
                sums[metric] = sum(present)
        return sums

    def rounded(self, metric: Metric, infos: Sequence[CampaignInfo]) -> list[int | None]:
        """Counts as they are, money in minor units, conversions in millionths; refuses what no bigint can hold."""
        column = self.values[metric]
        if METRIC_KINDS[metric] is Kind.COUNT:
            rounded = column
        elif metric is Metric.CONVERSIONS:
            rounded = _divided(column, {10 ** (SCALE_DIGITS - 6)}, ())
        else:
            units = [10 ** (SCALE_DIGITS - EXPONENTS[info.currency or "XXX"]) for info in infos]
            rounded = _divided(column, set(units), (units[campaign] for campaign in self.campaigns))
        if max(filter(None, rounded), default=0) > BIGINT_MAX:
            refuse(
                RefusalCode.OVERFLOW,
                _("A value of “{metric}” is larger than any ad account's. Check that the columns are intact."),
                metric=metric.value,
            )
        return rounded


def _divided(column: list[int | None], kinds: set[int], units: Iterable[int]) -> list[int | None]:
    """Each value in its unit, half to even. `kinds` are the units that occur; `units` those of the values where
    there are several."""
    if len(kinds) == 1:
        (unit,) = kinds
        if not any(value % unit for value in column if value):
            # Nothing to round: the usual case, for half the time.
            return [None if value is None else value // unit for value in column]
        units = repeat(unit, len(column))
    return [None if value is None else round_half_even(value, unit) for value, unit in zip(column, units, strict=True)]
