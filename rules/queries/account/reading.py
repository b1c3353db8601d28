"""What the account is made of, read in a fixed number of statements: actions, the ledger of changes, days."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any

import numpy as np
from django.db import connection
from django.db.models import Q, QuerySet

from campaigns.choices import CampaignStatus, ChangedField, ChangeOrigin, ChangeState
from campaigns.models import Campaign, CampaignChange
from campaigns.queries.changes import QUIET_FAILURES
from campaigns.queries.conversion import Conversion
from campaigns.sql import exact_conversions
from rules.choices import Outcome
from rules.models import RuleExecution
from rules.queries.account.results import Counts, Fate
from rules.queries.facts import Ints
from stratum.lib.ratios import Totals
from tenants.context import bound_tenant_id

# So many actions are judged one by one; more are only counted.
MOST_ACTIONS = 2000
_REPLACED, _TAKEN_BACK = QUIET_FAILURES

_COUNTS = """
    SELECT count(*), count(DISTINCT e.campaign_id), count(c.id),
           count(*) FILTER (WHERE c.state = 'failed' AND NOT c.error_code = ANY(%(quiet)s)),
           count(*) FILTER (WHERE c.error_code = %(taken_back)s OR EXISTS (
               SELECT FROM campaign_changes u
               WHERE u.tenant_id = %(tenant)s AND u.undoes_id = c.id AND u.state <> 'failed' AND u.origin = 'person'))
    FROM rule_executions e
    LEFT JOIN campaign_changes c
        ON c.tenant_id = e.tenant_id AND c.id = (e.action_result #>> '{made,change}')::bigint
    WHERE e.tenant_id = %(tenant)s AND e.rule_id = %(rule)s AND e.outcome = 'acted'
      AND e.executed_at >= %(since)s AND e.executed_at < %(until)s
"""

_DAYS = f"""
    SELECT m.campaign_id, m.date, m.impressions, m.clicks, {exact_conversions("m")}, m.spend_cents, m.revenue_cents
    FROM unnest(%(campaigns)s::int[], %(firsts)s::date[], %(lasts)s::date[]) AS span(campaign_id, first, last)
    JOIN campaign_metrics m ON m.campaign_id = span.campaign_id AND m.date BETWEEN span.first AND span.last
    WHERE m.tenant_id = %(tenant)s
"""


def counts_read(rule_id: int, *, since: datetime, until: datetime) -> Counts:
    params: dict[str, Any] = {
        "tenant": bound_tenant_id(),
        "rule": rule_id,
        "since": since,
        "until": until,
        "quiet": list(QUIET_FAILURES),
        "taken_back": _TAKEN_BACK,
    }
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, params)
        return Counts(*cursor.fetchone())


def _told(rule_id: int) -> QuerySet[RuleExecution]:
    """What the rule did, and what it left alone for comparison."""
    held_out = Q(outcome=Outcome.SHADOW, condition_result__gate__why="holdout")
    return RuleExecution.objects.filter(Q(outcome=Outcome.ACTED) | held_out, rule_id=rule_id, campaign__isnull=False)


def actions_read(rule_id: int, *, since: datetime, until: datetime) -> list[RuleExecution]:
    """The newest first; one more than MOST_ACTIONS where there are more."""
    rows = _told(rule_id).filter(executed_at__gte=since, executed_at__lt=until)
    return list(rows.order_by("-executed_at", "-pk")[: MOST_ACTIONS + 1])


def campaigns_read(campaign_ids: Iterable[int]) -> dict[int, Campaign]:
    """Deleted ones too: what was done to them was done. With their ad accounts."""
    rows = Campaign.including_deleted.filter(pk__in=list(campaign_ids)).select_related("ad_account")
    return {campaign.pk: campaign for campaign in rows.defer("raw_data", "labels")}


def met_before(rule_id: int, campaign_ids: Iterable[int], *, since: datetime) -> set[int]:
    """Campaigns that the rule acted on, or held out, before these days."""
    rows = _told(rule_id).filter(executed_at__lt=since, campaign_id__in=list(campaign_ids))
    return set(rows.order_by().values_list("campaign_id", flat=True).distinct())


# --- The ledger -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Change:
    """A row of the ledger, and what became of it. `at` is when the platform had it, else when it was asked for."""

    pk: int
    at: datetime
    status: str | None
    old_budget: int | None
    new_budget: int | None
    fate: Fate


@dataclass(frozen=True)
class Ledger:
    """`changes` by id; `returns` of each campaign: (when it was made active, id of the row), in order."""

    changes: Mapping[int, Change] = field(default_factory=dict)
    returns: Mapping[int, Sequence[tuple[datetime, int]]] = field(default_factory=dict)

    def active_again(self, campaign_id: int, pause: Change) -> datetime | None:
        """When a campaign was made active after a pause; None: never, as far as the ledger knows."""
        after = (at for at, pk in self.returns.get(campaign_id, ()) if (at, pk) > (pause.at, pause.pk))
        return next(after, None)


def ledger_read(change_ids: Sequence[int], campaign_ids: Iterable[int], *, since: datetime) -> Ledger:
    """The changes named, what undoes them, and what made their campaigns active since then. No statement where
    nothing was changed."""
    if not change_ids:
        return Ledger()
    made_active = Q(field=ChangedField.STATUS, new_status=CampaignStatus.ACTIVE, state=ChangeState.APPLIED)
    wanted = Q(pk__in=change_ids) | Q(undoes_id__in=change_ids) | (made_active & Q(requested_at__gte=since))
    rows = list(CampaignChange.objects.filter(wanted, campaign_id__in=list(campaign_ids)))
    undone = {row.undoes_id: row.origin for row in rows if row.undoes_id and row.state != ChangeState.FAILED}
    returns: dict[int, list[tuple[datetime, int]]] = {}
    for row in rows:
        if row.new_status == CampaignStatus.ACTIVE and row.state == ChangeState.APPLIED:
            returns.setdefault(row.campaign_id, []).append((row.finished_at or row.requested_at, row.pk))
    named = set(change_ids)
    return Ledger(
        {row.pk: _change(row, undone.get(row.pk)) for row in rows if row.pk in named},
        {campaign_id: sorted(moments) for campaign_id, moments in returns.items()},
    )


def _change(row: CampaignChange, undone_by: str | None) -> Change:
    at = row.finished_at or row.requested_at
    return Change(row.pk, at, row.new_status, row.old_budget_cents, row.new_budget_cents, _fate(row, undone_by))


def _fate(row: CampaignChange, undone_by: str | None) -> Fate:
    if row.state == ChangeState.FAILED:
        return {_TAKEN_BACK: Fate.UNSENT, _REPLACED: Fate.REPLACED}.get(row.error_code, Fate.FAILED)
    if row.state != ChangeState.APPLIED:
        return Fate.OPEN
    if undone_by is None:
        return Fate.APPLIED
    return Fate.TAKEN_BACK if undone_by == ChangeOrigin.PERSON else Fate.OWN_END


# --- Days -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Span:
    """Days of one campaign that something is asked about, both ends included."""

    campaign_id: int
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class _Course:
    """Running sums of one campaign's days from `first` on: a span is the difference of two rows."""

    first: date
    running: Ints


class Days:
    """The numbers of the spans that were read. Days without numbers count as nothing."""

    def __init__(self, courses: Mapping[int, _Course]):
        self._courses = courses

    def sum(self, campaign_id: int, first: date, last: date) -> Totals:
        """Of a span that was read, or a part of one; an empty span is nothing."""
        course = self._courses.get(campaign_id)
        if course is None or last < first:
            return Totals()
        start, end = (first - course.first).days, (last - course.first).days + 1
        row = course.running[end] - course.running[start]
        return Totals(*(int(value) for value in row))


def days_read(spans: Iterable[Span]) -> Days:
    """One statement, whatever the number of spans; none without a span."""
    merged = _merged(spans)
    if not merged:
        return Days({})
    bounds: dict[int, tuple[date, date]] = {}
    for span in merged:
        first, _last = bounds.get(span.campaign_id, (span.first, span.last))
        bounds[span.campaign_id] = (first, span.last)
    tables = {
        campaign_id: np.zeros(((last - first).days + 2, 5), np.int64) for campaign_id, (first, last) in bounds.items()
    }
    params: dict[str, Any] = {
        "tenant": bound_tenant_id(),
        "campaigns": [span.campaign_id for span in merged],
        "firsts": [span.first for span in merged],
        "lasts": [span.last for span in merged],
    }
    with connection.cursor() as cursor:
        cursor.execute(_DAYS, params)
        for campaign_id, day, *values in cursor.fetchall():
            tables[campaign_id][(day - bounds[campaign_id][0]).days + 1] = values
    return Days({pk: _Course(bounds[pk][0], np.cumsum(table, axis=0)) for pk, table in tables.items()})


def _merged(spans: Iterable[Span]) -> list[Span]:
    """The same days without one of them twice, in order."""
    merged: list[Span] = []
    for span in sorted(spans, key=lambda one: (one.campaign_id, one.first, one.last)):
        newest = merged[-1] if merged else None
        if newest is None or newest.campaign_id != span.campaign_id or span.first > newest.last + timedelta(days=1):
            merged.append(span)
        elif span.last > newest.last:
            merged[-1] = Span(span.campaign_id, newest.first, span.last)
    return merged


# --- Money ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rates:
    """The days' factors as exact fractions. A currency that lacks one on some day stands apart on all days."""

    conversion: Conversion
    _known: dict[tuple[str, date], Fraction] = field(default_factory=dict)

    @property
    def apart(self) -> frozenset[str]:
        return self.conversion.refused[0]

    def currency(self, own: str) -> str:
        """In which currency amounts of this one are summed."""
        return own if own in self.apart else self.conversion.target

    def factor(self, own: str, day: date) -> Fraction:
        if own in self.apart or own == self.conversion.target:
            return Fraction(1)
        if (own, day) not in self._known:
            self._known[own, day] = Fraction(self.conversion.factors[own, day])
        return self._known[own, day]
