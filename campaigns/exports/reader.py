"""Read a report file that an ad platform's own interface exported.

Two passes: the first reads the file once and gathers evidence, the second reads a spool of the wanted columns and
adds rows up to one per campaign and day. No row is handed over before the last one is accepted, so an import is
whole or does not happen. Memory holds the sums (about 300 bytes per campaign and day), never the file.

Formulas: no cell is ever evaluated. In names a leading '=' is text like any other; in a column of numbers or days
a formula refuses the file, also where a workbook stores a result beside it: platforms export values, so a formula
means that somebody has edited the file.
"""

from __future__ import annotations

import datetime as dt
import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.utils import timezone
from django.utils.functional import lazy
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from campaigns.exports.assembly import Assembler, assemble
from campaigns.exports.container import DEFAULT_LIMITS, Limits, NativeDate, Source, file_sha256, open_source
from campaigns.exports.currency import currency_code
from campaigns.exports.decisions import Plan, currencies_of_marks, decide
from campaigns.exports.detection import Layout, check_kind, detect, header_score
from campaigns.exports.errors import RefusalCode, ReportWarning, WarningCode, refuse, warning
from campaigns.exports.fingerprint import content_hash
from campaigns.exports.identity import repaired_names, shared_names
from campaigns.exports.judgement import Assembled
from campaigns.exports.mapping import explain, metric_label
from campaigns.exports.report import (
    CampaignInfo,
    ControlSum,
    DailyRows,
    DateRange,
    FileFacts,
    ParsedReport,
    ReportPreview,
)
from campaigns.exports.scan import SAMPLE_ROWS, Scan, scan, scan_sample
from campaigns.exports.totals import control_sum, speaks_of_account
from campaigns.exports.vocabulary import KINDS, METRIC_KINDS, Field, Kind

Progress = Callable[[int, int], None]

_ASK_CURRENCY = _("The file does not say in which currency its amounts are. Choose the currency of the ad account.")
_FIRST_PASS_SHARE = 0.7
_EXAMPLES = 5


def inspect_report(
    path: Path,
    *,
    filename: str,
    platform: str | None = None,
    sample_rows: int = 20,
    limits: Limits = DEFAULT_LIMITS,
    today: dt.date | None = None,
) -> ReportPreview:
    """A first look at a file: cheap, by its first rows alone.

    Raises ReportRefused for whatever these rows already show; what only the whole file shows (a broken row further
    down, start dates that hide a period, differing totals) is found by read_report. A missing currency is a warning
    here. What the first rows leave open, such as the order of day and month, is shown by the file's language and
    decided by read_report.
    """
    source = open_source(path, limits, header_score, whole=False)
    rows = source.head()
    layout = detect(rows, platform)
    check_kind(layout)
    sample = scan_sample(rows, source, layout)
    try:
        if source.head_is_everything:
            _refuse_empty(sample)
        plan = decide(
            sample, currency=None, today=today or timezone.now().date(), provisional=not source.head_is_everything
        )
        assembler = Assembler(sample, plan)
        for chunk in sample.spool:
            assembler.add(chunk)
        if source.head_is_everything:
            plan.warnings += assembler.finish().warnings
    finally:
        sample.spool.close()
    warnings = [*source.warnings, *plan.warnings]
    if plan.lacks_currency:
        warnings.append(warning(WarningCode.NO_CURRENCY, _ASK_CURRENCY, needs_confirmation=True))
    return ReportPreview(
        platform=layout.platform,
        level=layout.level,
        language=layout.language,
        file=_facts(source, filename, plan),
        title=layout.preamble.title,
        report_range=plan.report_range,
        zone=layout.zone,
        currency=plan.currency,
        currency_candidates=_currency_candidates(sample, layout),
        header_row=layout.header_row,
        mapping=explain(plan),
        segments=layout.segments,
        sample=tuple(tuple(map(NativeDate.text, row)) for row in sample.sample[: min(sample_rows, SAMPLE_ROWS)]),
        warnings=tuple(warnings),
    )


def read_report(
    path: Path,
    *,
    filename: str,
    platform: str | None = None,
    currency: str | None = None,
    progress: Progress | None = None,
    limits: Limits = DEFAULT_LIMITS,
    today: dt.date | None = None,
) -> ParsedReport:
    """Read and judge a whole file.

    `platform` and `currency` are the person's answers; the currency counts only where the file is silent.
    `progress(bytes_done, bytes_total)` only ever moves forward and ends at the total; what it raises stops the
    reading. Raises ReportRefused with the reason; nothing of a refused file is returned.
    """
    with _without_collection():
        return _read(path, filename, platform, currency, progress, limits, today or timezone.now().date())


def _read(
    path: Path,
    filename: str,
    platform: str | None,
    currency: str | None,
    progress: Progress | None,
    limits: Limits,
    today: dt.date,
) -> ParsedReport:
    advance = _Advance(progress, path.stat().st_size)
    source = open_source(path, limits, header_score, whole=True)
    layout = detect(source.head(), platform)
    check_kind(layout)
    scanned = scan(source, layout, advance.first_pass)
    try:
        _refuse_empty(scanned)
        plan = decide(scanned, currency=currency, today=today)
        assembled = assemble(scanned, plan, lambda chunk: advance.second_pass(chunk, scanned.spool.chunks))
    finally:
        scanned.spool.close()
    report = _report(source, filename, plan, assembled, scanned)
    advance.finish()
    return report


class _Advance:
    """Progress over both passes, in bytes of the file."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress = progress
        self._total = total
        self._done = 0

    def first_pass(self, position: int) -> None:
        self._tell(int(position * _FIRST_PASS_SHARE))

    def second_pass(self, chunk: int, chunks: int) -> None:
        share = _FIRST_PASS_SHARE + (1 - _FIRST_PASS_SHARE) * chunk / max(chunks, 1)
        self._tell(int(self._total * share) - 1)

    def finish(self) -> None:
        self._tell(self._total)

    def _tell(self, done: int) -> None:
        done = min(done, self._total)
        if self._progress is not None and done > self._done:
            self._done = done
            self._progress(done, self._total)


def _refuse_empty(scanned: Scan) -> None:
    """A report without delivery: a header alone, 'No data available.', or totals of nothing."""
    layout = scanned.layout
    identities = {c.index for c in (*layout.having(Field.CAMPAIGN_NAME), *layout.having(Field.CAMPAIGN_ID))}
    numbers = {column.index for column in layout.columns if column.field and _is_number(column.field)}
    if not scanned.rows or not identities & scanned.filled or not numbers & scanned.filled:
        refuse(
            RefusalCode.NO_DATA,
            _("The report is empty: nothing was delivered in its period. Choose another period and export again."),
        )


def _is_number(wanted: Field) -> bool:
    return KINDS[wanted] in (Kind.COUNT, Kind.DECIMAL, Kind.MONEY)


def _facts(source: Source, filename: str, plan: Plan) -> FileFacts:
    style = plan.numbers
    return FileFacts(
        filename=filename,
        size=source.size,
        container=source.container,
        encoding=source.encoding,
        separator=source.separator,
        sheet=source.sheet,
        number_style=f"1{style.group}234{style.decimal}56",
        date_style=plan.dates.label,
    )


def _currency_candidates(scanned: Scan, layout: Layout) -> tuple[str, ...]:
    """Every currency that the first rows mention: in headers, in the currency column, as a sign in amounts."""
    found: set[str | None] = {column.currency for column in layout.columns if column.currency}
    for column in layout.having(Field.CURRENCY):
        found |= {currency_code(NativeDate.text(row[column.index])) for row in scanned.sample}
    found |= currencies_of_marks(scanned.currency_marks)
    return tuple(sorted(code for code in found if code))


def _report(source: Source, filename: str, plan: Plan, assembled: Assembled, scanned: Scan) -> ParsedReport:
    if plan.lacks_currency:
        refuse(RefusalCode.NO_CURRENCY, _ASK_CURRENCY)
    layout = plan.layout
    warnings = [*source.warnings, *plan.warnings, *assembled.warnings]
    campaigns, currencies = _campaigns(plan, assembled, source, warnings)
    currency = currencies[0] if len(currencies) == 1 else None
    days = _daily_rows(assembled, campaigns)
    sums = assembled.sums.totals()
    if len(currencies) > 1:
        # Amounts of several currencies have no sum, and the platform's own total mixes them by its own rates.
        sums = {metric: value for metric, value in sums.items() if METRIC_KINDS[metric] is not Kind.MONEY}
    control = control_sum(sums, assembled.totals, assembled.row_count, currency, assembled.masked_at_most)
    _note_control(control, warnings)
    _note_names(plan, assembled, campaigns, warnings)
    return ParsedReport(
        platform=layout.platform,
        level=layout.level,
        language=layout.language,
        file=_facts(source, filename, plan),
        title=layout.preamble.title,
        report_range=plan.report_range,
        date_range=DateRange(dt.date.fromordinal(min(days.days)), dt.date.fromordinal(max(days.days))),
        zone=layout.zone,
        currency=currency,
        currencies=currencies,
        mapping=explain(plan),
        segments=layout.segments,
        days=days,
        control=control,
        row_count=assembled.row_count,
        skipped={**assembled.skipped, "blank": assembled.skipped["blank"] + scanned.blank},
        sha256=file_sha256(source.path),
        content_hash=content_hash(layout.platform, days),
        warnings=tuple(warnings),
    )


def _campaigns(
    plan: Plan, assembled: Assembled, source: Source, warnings: list[ReportWarning]
) -> tuple[tuple[CampaignInfo, ...], tuple[str, ...]]:
    currencies = assembled.campaigns.currencies()
    if plan.has_money and assembled.campaigns.lacks_currency() and len(currencies) != 1:
        refuse(
            RefusalCode.MIXED_CURRENCY,
            _("Some rows have no currency while others have several. Export one account at a time."),
        )
    campaigns = assembled.campaigns.finished(currencies[0] if len(currencies) == 1 else None)
    if not source.repaired and (repaired := repaired_names(campaigns)):
        warnings.append(
            warning(
                WarningCode.REPAIRED_TEXT,
                _(
                    "The file had been opened with the wrong encoding (“Ã©” for “é”); its text was repaired. "
                    "Check the names."
                ),
            )
        )
        campaigns = repaired
    return campaigns, currencies


def _daily_rows(assembled: Assembled, campaigns: tuple[CampaignInfo, ...]) -> DailyRows:
    sums = assembled.sums
    return DailyRows(
        campaigns=campaigns,
        campaign_index=sums.campaigns,
        days=sums.days,
        values={metric: sums.rounded(metric, campaigns) for metric in sums.metrics},
        exact={metric: sums.values[metric] for metric in sums.metrics if METRIC_KINDS[metric] is not Kind.COUNT},
    )


def _note_control(control: ControlSum, warnings: list[ReportWarning]) -> None:
    if control.is_within:
        return
    off = [line for line in control.lines if line.within is False]
    # Removed campaigns count in the account's total and are not in the table: expected, and always in this direction.
    explained = speaks_of_account(control.basis or "") and all(line.rows <= (line.total or 0) for line in off)
    if explained:
        message = _("The account's total is larger than the rows (campaigns that the table leaves out): {metrics}.")
    else:
        message = _(
            "The rows do not add up to the totals row of the file; rows may be missing. "
            "Differing (rows / total): {metrics}."
        )
    # Joined when it is read, in the reader's language.
    shown = lazy(lambda: "; ".join(f"{metric_label(x.metric)} {x.rows} / {x.total}" for x in off), str)()
    detail = {line.metric.value: [str(line.rows), str(line.total)] for line in off}
    warnings.append(
        ReportWarning(WarningCode.TOTALS_DIFFER, format_lazy(message, metrics=shown), not explained, detail)
    )


def _note_names(
    plan: Plan, assembled: Assembled, campaigns: tuple[CampaignInfo, ...], warnings: list[ReportWarning]
) -> None:
    layout = plan.layout
    repeated = [campaigns[position].name for position in sorted(assembled.sums.repeated)]
    if repeated and plan.id_column is None and layout.level == "campaign" and not layout.segments:
        warnings.append(
            warning(
                WarningCode.DUPLICATE_NAMES,
                _(
                    "{count} names occur more than once on a day ({names}): campaigns with the same name cannot be "
                    "told apart without IDs and are added up."
                ),
                count=len(repeated),
                names=", ".join(repeated[:_EXAMPLES]),
            )
        )
    if shared := shared_names(campaigns):
        warnings.append(
            warning(
                WarningCode.SHARED_NAMES,
                _("{count} names belong to several campaigns ({names}); they are kept apart by their IDs."),
                count=len(shared),
                names=", ".join(shared[:_EXAMPLES]),
            )
        )


@contextmanager
def _without_collection() -> Iterator[None]:
    """Rows and columns hold no cycles, but there are so many of them that the collector, searching for some, would
    take a quarter of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


__all__ = ["Progress", "content_hash", "inspect_report", "read_report"]
