"""Alerts as the centre, the bell and the home page list them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Case, Count, IntegerField, Q, QuerySet, Value, When

from rules.choices import AlertStatus, Outcome, Severity
from rules.conditions.explanations import Explanation
from rules.conditions.wording import reason
from rules.models import Alert, RuleExecution

# The worst first.
_RANKS = {Severity.CRITICAL: 3, Severity.WARNING: 2, Severity.INFO: 1}


# A filter beside the stored states: open, and quiet for a while.
SNOOZED = "snoozed"


def is_awake(now: datetime) -> Q:
    """Alerts that ask for somebody now: open, and not snoozed."""
    return Q(status=AlertStatus.OPEN) & (Q(snoozed_until=None) | Q(snoozed_until__lte=now))


def alert_rows(
    *, now: datetime, status: str = "", severity: str = "", q: str = "", assigned_to: int | None = None
) -> QuerySet[Alert]:
    """Alerts with `rank` (3: critical), campaign, rule, who acknowledged them and who has them; the worst and newest
    first. `status` is a stored state (open leaves out what is snoozed), SNOOZED, or empty for all."""
    ranks = [When(severity=severity.value, then=Value(rank)) for severity, rank in _RANKS.items()]
    rows = Alert.objects.annotate(rank=Case(*ranks, default=Value(0), output_field=IntegerField()))
    # Names are encrypted: only what the list shows of a person is read.
    people = ("acknowledged_by", "assigned_to")
    rows = rows.select_related("campaign", "rule", *people).order_by("-rank", "-last_at", "-pk")
    if status == AlertStatus.OPEN:
        rows = rows.filter(is_awake(now))
    elif status == SNOOZED:
        rows = rows.filter(status=AlertStatus.OPEN, snoozed_until__gt=now)
    elif status:
        rows = rows.filter(status=status)
    if assigned_to is not None:
        rows = rows.filter(assigned_to=assigned_to)
    if severity:
        rows = rows.filter(severity=severity)
    if q:
        rows = rows.filter(Q(title__icontains=q) | Q(campaign__name__icontains=q) | Q(body__icontains=q))
    return rows


@dataclass(frozen=True, slots=True)
class Bell:
    """`open` and `critical` leave out what the person muted, unless they have it; `mine` are theirs to see to."""

    open: int
    critical: int
    mine: int
    latest: list[Alert]


def bell(*, now: datetime, user_id: int | None = None, muted: Iterable[int] = (), limit: int = 5) -> Bell:
    """What the bell says to one person, what they have first: two statements."""
    of_person = Q(assigned_to=user_id) if user_id is not None else Q(pk__in=())
    still_open = Alert.objects.filter(is_awake(now)).filter(of_person | Q(rule=None) | ~Q(rule__in=list(muted)))
    totals = still_open.aggregate(
        total=Count("pk"),
        critical=Count("pk", filter=Q(severity=Severity.CRITICAL)),
        mine=Count("pk", filter=of_person),
    )
    first = Case(When(of_person, then=Value(0)), default=Value(1), output_field=IntegerField())
    latest = still_open.select_related("campaign").order_by(first, "-last_at", "-pk")[:limit]
    return Bell(totals["total"], totals["critical"], totals["mine"], list(latest))


def alert_reason(alert: Alert) -> str:
    """What an alert says, worded in the reader's language where its figures were kept."""
    explanation = alert_explanation(alert)
    if explanation is None:
        return alert.body
    message = alert.data.get("message", "")
    return f"{message} {reason(Outcome.ACTED, explanation)}".strip()


OCCURRENCES_SHOWN = 50


def alert_occurrences(alert: Alert) -> list[RuleExecution]:
    """The runs of its rule that raised it and counted on it, the newest first; none for alerts of no rule."""
    if alert.rule_id is None:
        return []
    rows = RuleExecution.objects.filter(
        rule_id=alert.rule_id,
        executed_at__range=(alert.first_at, alert.last_at),
        outcome=Outcome.ACTED,
        action_result__made__alert=alert.pk,
    )
    return list(rows.order_by("-executed_at", "-pk")[:OCCURRENCES_SHOWN])


def alert_explanation(alert: Alert) -> Explanation | None:
    """The figures behind a rule's alert; None for alerts that have none."""
    raw = alert.data.get("explanation") if isinstance(alert.data, dict) else None
    if not isinstance(raw, dict):
        return None
    try:
        return Explanation.from_json(raw)
    except ValueError:
        return None
