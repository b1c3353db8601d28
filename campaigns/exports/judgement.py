"""What only all rows of a file together can show: impossible days, hidden periods, and what is worth a note."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from django.utils.translation import gettext_lazy as _

from campaigns.exports.date_style import EARLIEST_DAY
from campaigns.exports.decisions import Plan
from campaigns.exports.errors import RefusalCode, ReportWarning, WarningCode, refuse, warning
from campaigns.exports.identity import Campaigns
from campaigns.exports.metrics import DailySums, NumberColumn
from campaigns.exports.totals import TotalsRow
from campaigns.exports.vocabulary import Field, Metric


@dataclass
class Assembled:
    sums: DailySums
    campaigns: Campaigns
    totals: list[TotalsRow] = field(default_factory=list)
    warnings: list[ReportWarning] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    masked_at_most: dict[Metric, int] = field(default_factory=dict)
    row_count: int = 0


def check_days(result: Assembled, plan: Plan) -> None:
    """Refuse days that cannot be, and start dates that hide a longer period; note days outside the stated range."""
    days = sorted(set(result.sums.days))
    first, last = dt.date.fromordinal(days[0]), dt.date.fromordinal(days[-1])
    # A zone ahead of the server's may already have tomorrow.
    if first < EARLIEST_DAY or last > plan.today + dt.timedelta(days=1):
        refuse(
            RefusalCode.ABSURD_DATES,
            _("The report has days ({day}) before any ad platform existed or in the future. Export it again."),
            day=(first if first < EARLIEST_DAY else last).isoformat(),
        )
    covered = plan.report_range
    uses_start = plan.day_column is not None and plan.day_column.field is Field.PERIOD_START
    if uses_start and plan.end_column is None:
        _check_starts(result, plan, days)
    if covered and (first < covered.first or last > covered.last):
        result.warnings.append(
            warning(
                WarningCode.DATES_OUTSIDE_RANGE,
                _("Rows have days from {first} to {last}, outside the range that the report states."),
                first=first.isoformat(),
                last=last.isoformat(),
                needs_confirmation=True,
            )
        )


def _check_starts(result: Assembled, plan: Plan, days: list[int]) -> None:
    """A start date without an end: a period export carries its start, or the start of each week, on every row."""
    covered = plan.report_range
    steps = {later - earlier for earlier, later in pairwise(days)}
    weekly = len(days) > 2 and all(step % 7 == 0 for step in steps)
    monthly = len(days) > 1 and all(dt.date.fromordinal(day).day == 1 for day in days)
    whole_period = len(days) == 1 and covered is not None and covered.days > 1
    if weekly or monthly or (whole_period and covered and days[0] == covered.first.toordinal()):
        refuse(
            RefusalCode.AGGREGATE_PERIOD,
            _(
                "Every row carries the start of a period ({day}), not its own day. "
                "Export the report again with a breakdown by day."
            ),
            day=dt.date.fromordinal(days[0]).isoformat(),
        )
    if len(days) == 1 and covered is None:
        result.warnings.append(
            warning(
                WarningCode.SINGLE_DATE,
                _(
                    "All rows carry the same date, {day}. Import it only if the report covers this one day; "
                    "if it covers a longer period, export it again with a breakdown by day."
                ),
                needs_confirmation=True,
                day=dt.date.fromordinal(days[0]).isoformat(),
            )
        )


def note_what_was_read(
    result: Assembled, plan: Plan, numbers: Sequence[NumberColumn], result_types: dict[str, bool], *, fractional: bool
) -> None:
    """Say what is special about the numbers: masked values, fractions, kinds of results, skipped rows."""
    masked = {number.column.header: number.masked for number in numbers if number.masked}
    result.masked_at_most = {number.metric: number.masked_at_most for number in numbers}
    if plan.result_type_column is not None:
        # The totals row counts results of every type.
        for total in result.totals:
            total.values.pop(Metric.CONVERSIONS, None)
    if masked:
        result.warnings.append(
            warning(
                WarningCode.MASKED_VALUES,
                _("{count} values are masked (“<5”) and left empty, in: {columns}."),
                count=sum(masked.values()),
                columns=", ".join(masked),
            )
        )
    if fractional:
        result.warnings.append(
            warning(
                WarningCode.FRACTIONAL_CONVERSIONS,
                _("Conversions have fractions, as attribution models divide them; they are kept exactly."),
            )
        )
    if result.skipped["notes"]:
        result.warnings.append(
            warning(
                WarningCode.NOTES_SKIPPED,
                _("{count} rows without numbers were skipped."),
                count=result.skipped["notes"],
            )
        )
    if result_types:
        _note_result_types(result, result_types)


def _note_result_types(result: Assembled, result_types: dict[str, bool]) -> None:
    counted = [kind or "–" for kind, counts in result_types.items() if counts]
    left_out = [kind or "–" for kind, counts in result_types.items() if not counts]
    result.warnings.append(
        warning(
            WarningCode.RESULT_TYPE,
            _("Conversions are the results of these types: {counted}. Other results are not counted: {left_out}."),
            counted=", ".join(counted) or "–",
            left_out=", ".join(left_out) or "–",
        )
    )
