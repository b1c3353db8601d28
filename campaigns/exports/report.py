"""What the parser hands over: daily rows of campaigns, the control sum, the mapping and what to know about them."""

from __future__ import annotations

import datetime as dt
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from campaigns.exports.errors import ReportWarning
from campaigns.exports.number_style import exact_decimal
from campaigns.exports.vocabulary import METRIC_KINDS, Kind, Metric

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise


class DailyRow(NamedTuple):
    """One campaign on one day, all rows of the file for that pair added up.

    `spend_minor` and `revenue_minor` are minor units of `currency` (ISO 4217), `conversions_micros` millionths of a
    conversion; each was rounded once, half to even, after adding up. None means that the file says nothing (no
    column, empty, masked), never zero. `currency` is None only when the file has no money. `status` is a
    CampaignStatus or None; `objective` is the platform's own word.
    """

    date: dt.date
    account_external_id: str | None
    account_name: str | None
    campaign_external_id: str | None
    campaign_name: str
    status: str | None
    objective: str | None
    currency: str | None
    impressions: int | None
    clicks: int | None
    spend_minor: int | None
    conversions_micros: int | None
    revenue_minor: int | None
    video_views: int | None
    video_completions: int | None
    shares: int | None
    comments: int | None
    saves: int | None


ROW_METRICS: tuple[Metric, ...] = (
    Metric.IMPRESSIONS,
    Metric.CLICKS,
    Metric.SPEND,
    Metric.CONVERSIONS,
    Metric.REVENUE,
    Metric.VIDEO_VIEWS,
    Metric.VIDEO_COMPLETIONS,
    Metric.SHARES,
    Metric.COMMENTS,
    Metric.SAVES,
)
"""The metrics of a DailyRow, in its order."""


@dataclass(frozen=True, slots=True)
class CampaignInfo:
    """What the file says about one campaign, as of its latest day. `name` is the identifier where no name is given."""

    account_external_id: str | None
    account_name: str | None
    external_id: str | None
    name: str
    status: str | None
    objective: str | None
    currency: str | None


@dataclass(frozen=True, slots=True)
class DailyRows:
    """All daily rows, kept by column: about 100 bytes a row instead of 700. Iterating builds DailyRow tuples.

    `campaign_index` and `days` (proleptic ordinals) run parallel to the columns of `values`; `exact` holds money
    and conversions before rounding, in 10**-24 units.
    """

    campaigns: tuple[CampaignInfo, ...]
    campaign_index: array[int]
    days: array[int]
    values: dict[Metric, list[int | None]]
    exact: dict[Metric, list[int | None]]

    def __len__(self) -> int:
        return len(self.days)

    def __iter__(self) -> Iterator[DailyRow]:
        heads = [
            (c.account_external_id, c.account_name, c.external_id, c.name, c.status, c.objective, c.currency)
            for c in self.campaigns
        ]
        dates = {ordinal: dt.date.fromordinal(ordinal) for ordinal in set(self.days)}
        absent: list[int | None] = [None] * len(self)
        columns = [self.values.get(metric, absent) for metric in ROW_METRICS]
        for index, ordinal, *numbers in zip(self.campaign_index, self.days, *columns, strict=True):
            yield DailyRow(dates[ordinal], *heads[index], *numbers)

    def total(self, metric: Metric) -> Decimal | None:
        """The exact sum of a metric in major units or counts; None when no row has a value."""
        column = self.exact.get(metric) or self.values.get(metric) or []
        present = [value for value in column if value is not None]
        if not present:
            return None
        return Decimal(sum(present)) if METRIC_KINDS[metric] is Kind.COUNT else exact_decimal(sum(present))


@dataclass(frozen=True, slots=True)
class ControlLine:
    """One metric: the sum of the rows against the totals row. `total` is None where the totals row is silent."""

    metric: Metric
    rows: Decimal
    total: Decimal | None
    within: bool | None

    @property
    def difference(self) -> Decimal | None:
        """Rows minus totals row, in major units or counts."""
        return None if self.total is None else self.rows - self.total


@dataclass(frozen=True, slots=True)
class ControlSum:
    """`basis` is the label of the totals row compared with, '' for one without a label, None without any row."""

    basis: str | None
    lines: tuple[ControlLine, ...]

    @property
    def is_checked(self) -> bool:
        return any(line.total is not None for line in self.lines)

    @property
    def is_within(self) -> bool:
        """No compared metric is off by more than 0.05 % (and a rounding of the rows)."""
        return all(line.within is not False for line in self.lines)


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """One column of the file and what becomes of it. `target` is a metric or an identity field, None if unused."""

    index: int
    header: str
    target: str | None
    why: _StrOrPromise


@dataclass(frozen=True, slots=True)
class DateRange:
    first: dt.date
    last: dt.date

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1


@dataclass(frozen=True, slots=True)
class FileFacts:
    """How the file is written. `encoding` and `separator` are None for a workbook, `sheet` for text."""

    filename: str
    size: int
    container: str
    encoding: str | None
    separator: str | None
    sheet: str | None
    number_style: str
    date_style: str


@dataclass(frozen=True, slots=True)
class ReportPreview:
    """A first look at a file, by its first rows only: numbers and refusals of the whole file come later.

    `currency` is what the file states, None when it does not: then the importer asks, offering
    `currency_candidates`. `sample` holds rows as text, in file order.
    """

    platform: str
    level: str
    language: str
    file: FileFacts
    title: str
    report_range: DateRange | None
    zone: str | None
    currency: str | None
    currency_candidates: tuple[str, ...]
    header_row: int
    mapping: tuple[ColumnMapping, ...]
    segments: tuple[str, ...]
    sample: tuple[tuple[str, ...], ...]
    warnings: tuple[ReportWarning, ...]


@dataclass(frozen=True, slots=True)
class ParsedReport:
    """A whole file that was judged acceptable.

    `currency` is the one currency of the file, None when rows differ (`currencies` lists them) or no money is in
    it. `date_range` spans the rows, `report_range` is what the file says it covers. `row_count` counts rows of the
    file that went into `days`; `skipped` counts the others by reason (totals, blank, notes). `content_hash` is equal
    for the same rows in another container, encoding or order.
    """

    platform: str
    level: str
    language: str
    file: FileFacts
    title: str
    report_range: DateRange | None
    date_range: DateRange
    zone: str | None
    currency: str | None
    currencies: tuple[str, ...]
    mapping: tuple[ColumnMapping, ...]
    segments: tuple[str, ...]
    days: DailyRows
    control: ControlSum
    row_count: int
    skipped: dict[str, int]
    sha256: str
    content_hash: str
    warnings: tuple[ReportWarning, ...] = field(default=())

    @property
    def needs_confirmation(self) -> bool:
        return any(item.needs_confirmation for item in self.warnings)
