"""Alerts that are open when a report is made."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q

from rules.choices import AlertStatus, Severity
from rules.models import Alert
from rules.queries.alerts import alert_rows, is_awake


@dataclass(frozen=True, slots=True)
class OpenAlerts:
    total: int
    critical: int
    newest: Sequence[Alert]


def open_alerts(now: datetime, campaign_ids: Sequence[int] | None, *, limit: int) -> OpenAlerts:
    """The worst and newest first; with campaigns, those about them alone. Two statements."""
    # One about no campaign names rules, accounts or channels, which may be those of anybody.
    mine = Q() if campaign_ids is None else Q(campaign_id__in=campaign_ids)
    totals = Alert.objects.filter(is_awake(now)).filter(mine)
    counts = totals.aggregate(total=Count("pk"), critical=Count("pk", filter=Q(severity=Severity.CRITICAL)))
    newest = alert_rows(now=now, status=AlertStatus.OPEN).filter(mine)[:limit]
    return OpenAlerts(counts["total"], counts["critical"], list(newest))
