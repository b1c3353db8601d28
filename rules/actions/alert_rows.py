"""Alerts as rows: one open row for each cause, however often and by however many workers it is reported."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection

from accounts.audit import Actor, record
from accounts.choices import AuditAction
from rules.choices import AlertStatus
from rules.models import Alert
from tenants.context import bound_tenant_id

_TITLE_LENGTH = 255

_RAISE = """
    INSERT INTO alerts (tenant_id, rule_id, campaign_id, severity, status, title, body, data, cause,
                        occurrences, first_at, last_at)
    SELECT %(tenant)s, new.rule_id, new.campaign_id, new.severity, 'open', new.title, new.body, new.data::jsonb,
           new.cause, 1, %(now)s, %(now)s
    FROM unnest(%(rules)s::int[], %(campaigns)s::int[], %(severities)s::text[], %(titles)s::text[],
                %(bodies)s::text[], %(data)s::text[], %(causes)s::text[])
        AS new(rule_id, campaign_id, severity, title, body, data, cause)
    ORDER BY new.cause
    ON CONFLICT (tenant_id, cause) WHERE status = 'open' DO UPDATE SET
        occurrences = alerts.occurrences + 1, last_at = EXCLUDED.last_at, severity = EXCLUDED.severity,
        title = EXCLUDED.title, body = EXCLUDED.body, data = EXCLUDED.data,
        -- The other severity has an escalation of its own. It goes by the same clock, or an alert that falls and rises
        -- again and again would never come to a step; nobody is told of the same step and severity twice.
        escalation_step = CASE WHEN EXCLUDED.severity <> alerts.severity THEN 0 ELSE alerts.escalation_step END,
        snoozed_until = CASE WHEN EXCLUDED.severity = 'critical' AND alerts.severity <> 'critical' THEN NULL
                             ELSE alerts.snoozed_until END,
        -- Woken by that, it waits from now on, not from the end of its snooze.
        waiting_since = CASE WHEN EXCLUDED.severity = 'critical' AND alerts.severity <> 'critical'
                                  AND alerts.waiting_since > EXCLUDED.last_at THEN EXCLUDED.last_at
                             ELSE alerts.waiting_since END
    RETURNING cause, id, occurrences
"""


@dataclass(frozen=True, slots=True)
class AlertRow:
    """What an alert says. `body` is the sentence for mails and staff; screens word `data` in the reader's language."""

    cause: str
    severity: str
    title: str
    body: str
    rule_id: int | None = None
    campaign_id: int | None = None
    data: dict[str, Any] = field(default_factory=dict)


def alerts_raise(rows: Sequence[AlertRow], *, now: datetime, actor: Actor) -> dict[str, int]:
    """Open an alert for each cause, or count the repeat on the open one: cause → alert id. Two statements.

    Causes must differ within one call. Runs in the caller's transaction.
    """
    if not rows:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            _RAISE,
            {
                "tenant": bound_tenant_id(),
                "now": now,
                "rules": [row.rule_id for row in rows],
                "campaigns": [row.campaign_id for row in rows],
                "severities": [row.severity for row in rows],
                "titles": [row.title[:_TITLE_LENGTH] for row in rows],
                "bodies": [row.body for row in rows],
                "data": [json.dumps(row.data) for row in rows],
                "causes": [row.cause for row in rows],
            },
        )
        raised = cursor.fetchall()
    opened = sorted(alert_id for _cause, alert_id, occurrences in raised if occurrences == 1)
    repeated = sorted(alert_id for _cause, alert_id, occurrences in raised if occurrences > 1)
    record(
        actor=actor,
        action=AuditAction.CREATE,
        resource=Alert._meta.db_table,
        new={"operation": "alerts_raised", "opened": opened, "repeated": repeated, "rule": rows[0].rule_id},
    )
    return {cause: alert_id for cause, alert_id, _occurrences in raised}


def alerts_resolve(alert_ids: Sequence[int], *, actor: Actor) -> int:
    """Close alerts that are still open, their cause being gone; how many were."""
    open_alerts = Alert.objects.filter(pk__in=list(alert_ids), status=AlertStatus.OPEN)
    ids = sorted(open_alerts.select_for_update().values_list("pk", flat=True))
    if ids:
        Alert.objects.filter(pk__in=ids).update(status=AlertStatus.RESOLVED)
        record(
            actor=actor,
            action=AuditAction.UPDATE,
            resource=Alert._meta.db_table,
            old={"status": AlertStatus.OPEN.value, "alerts": ids},
            new={"status": AlertStatus.RESOLVED.value, "alerts": ids},
        )
    return len(ids)


def cause_resolve(cause: str, *, actor: Actor) -> int:
    """Close the alert of a cause that is gone, if one is open; how many were."""
    open_alerts = Alert.objects.filter(cause=cause, status=AlertStatus.OPEN)
    return alerts_resolve(list(open_alerts.values_list("pk", flat=True)), actor=actor)
