"""Alerts as the centre, the bell and the home page list them."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Case, Count, IntegerField, Q, QuerySet, Value, When

from rules.choices import AlertStatus, Severity
from rules.conditions.explanations import Explanation
from rules.models import Alert

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
    open: int
    critical: int
    latest: list[Alert]


def bell(*, now: datetime, limit: int = 5) -> Bell:
    """What the bell says: two statements."""
    still_open = Alert.objects.filter(is_awake(now))
    totals = still_open.aggregate(total=Count("pk"), critical=Count("pk", filter=Q(severity=Severity.CRITICAL)))
    latest = list(still_open.select_related("campaign").order_by("-last_at", "-pk")[:limit])
    return Bell(totals["total"], totals["critical"], latest)


def alert_explanation(alert: Alert) -> Explanation | None:
    """The figures behind a rule's alert; None for alerts that have none."""
    raw = alert.data.get("explanation") if isinstance(alert.data, dict) else None
    if not isinstance(raw, dict):
        return None
    try:
        return Explanation.from_json(raw)
    except ValueError:
        return None
