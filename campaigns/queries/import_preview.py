"""What is known about an uploaded report, as import_batches.preview keeps it: its head at once, the whole once read.

The JSON is read back through these classes alone; an unknown or missing key is an error, not a guess.
"""

from dataclasses import asdict, dataclass
from typing import Any

from campaigns.exports import ControlSum, Field, ParsedReport, ReportPreview, ReportWarning, WarningCode
from campaigns.exports.mapping import metric_label
from campaigns.models import ImportBatch


@dataclass(frozen=True, slots=True)
class MappedColumn:
    """A column of the file; `target` is the field it fills, None when it is not used, `why` says so in words."""

    index: int
    header: str
    target: str | None
    why: str


@dataclass(frozen=True, slots=True)
class Head:
    """What the first rows say."""

    platform: str
    level: str
    language: str
    title: str
    container: str
    encoding: str | None
    separator: str | None
    sheet: str | None
    number_style: str
    date_style: str
    first_day: str | None
    last_day: str | None
    zone: str | None
    currency: str | None
    currency_candidates: list[str]
    header_row: int
    mapping: list[MappedColumn]
    segments: list[str]
    sample: list[list[str]]
    # Amounts without a word about their currency: the person is asked.
    lacks_currency: bool
    has_status: bool


@dataclass(frozen=True, slots=True)
class NamedAccount:
    """An ad account that the file names. `external_id` None: by its name alone."""

    external_id: str | None
    name: str
    currency: str | None
    campaigns: int


@dataclass(frozen=True, slots=True)
class Whole:
    """What the whole file says. `skipped` counts rows by reason. `currencies` are those of the amounts; while the
    file lacks one, what it was read by for the time being."""

    rows: int
    days: int
    skipped: dict[str, int]
    campaigns: int
    without_ids: int
    currencies: list[str]
    accounts: list[NamedAccount]
    needs_confirmation: bool


@dataclass(frozen=True, slots=True)
class Preview:
    head: Head
    whole: Whole | None

    def to_json(self) -> dict[str, Any]:
        return {"head": asdict(self.head), "whole": asdict(self.whole) if self.whole else None}


@dataclass(frozen=True, slots=True)
class ControlRow:
    """A metric's sum over the rows against the totals row, in units or counts as text."""

    metric: str
    label: str
    rows: str
    total: str | None
    difference: str | None
    within: bool | None


@dataclass(frozen=True, slots=True)
class Control:
    """`basis`: the label of the totals row; None when the file has none."""

    basis: str | None
    is_checked: bool
    is_within: bool
    lines: list[ControlRow]


@dataclass(frozen=True, slots=True)
class Warned:
    """Something the person should read before importing, or agree to."""

    code: str
    message: str
    needs_confirmation: bool


def preview_of(batch: ImportBatch) -> Preview | None:
    """None: the file was never readable."""
    if not batch.preview:
        return None
    head = dict(batch.preview["head"])
    head["mapping"] = [MappedColumn(**column) for column in head["mapping"]]
    whole = batch.preview["whole"]
    if whole is not None:
        whole = Whole(**{**whole, "accounts": [NamedAccount(**account) for account in whole["accounts"]]})
    return Preview(Head(**head), whole)


def control_of(batch: ImportBatch) -> Control | None:
    """None: the whole file has not been read yet."""
    if not batch.control:
        return None
    return Control(**{**batch.control, "lines": [ControlRow(**line) for line in batch.control["lines"]]})


def warnings_of(batch: ImportBatch) -> list[Warned]:
    return [Warned(**warning) for warning in batch.warnings]


def head_of_report(report: ReportPreview) -> Head:
    """In the active language: texts are kept as the uploader reads them."""
    period = report.report_range
    return Head(
        platform=report.platform,
        level=report.level,
        language=report.language,
        title=report.title,
        container=report.file.container,
        encoding=report.file.encoding,
        separator=report.file.separator,
        sheet=report.file.sheet,
        number_style=report.file.number_style,
        date_style=report.file.date_style,
        first_day=period.first.isoformat() if period else None,
        last_day=period.last.isoformat() if period else None,
        zone=report.zone,
        currency=report.currency,
        currency_candidates=list(report.currency_candidates),
        header_row=report.header_row,
        mapping=[MappedColumn(c.index, c.header, c.target, str(c.why)) for c in report.mapping],
        segments=list(report.segments),
        sample=[list(row) for row in report.sample],
        lacks_currency=any(warning.code == WarningCode.NO_CURRENCY for warning in report.warnings),
        has_status=any(column.target == Field.CAMPAIGN_STATUS for column in report.mapping),
    )


def control_json(control: ControlSum) -> dict[str, Any]:
    lines = [
        ControlRow(
            metric=line.metric.value,
            label=str(metric_label(line.metric)),
            rows=format(line.rows, "f"),
            total=None if line.total is None else format(line.total, "f"),
            difference=None if line.difference is None else format(line.difference, "f"),
            within=line.within,
        )
        for line in control.lines
    ]
    return asdict(Control(control.basis, control.is_checked, control.is_within, lines))


def warnings_json(warnings: tuple[ReportWarning, ...] | list[ReportWarning]) -> list[dict[str, Any]]:
    return [asdict(Warned(str(w.code), str(w.message), w.needs_confirmation)) for w in warnings]


def whole_of_report(report: ParsedReport, accounts: list[NamedAccount]) -> Whole:
    return Whole(
        rows=report.row_count,
        days=len(report.days),
        skipped=dict(report.skipped),
        campaigns=len(report.days.campaigns),
        without_ids=sum(campaign.external_id is None for campaign in report.days.campaigns),
        currencies=list(report.currencies),
        accounts=accounts,
        needs_confirmation=report.needs_confirmation,
    )
