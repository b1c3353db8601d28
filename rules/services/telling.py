"""Deciding who is told of an alert, by which channel and when: once when it opens, again when it gets worse, and to
others while nobody answers.

Alerts are claimed by a conditional UPDATE in the transaction that writes who is told, so that two workers tell nobody
twice and a killed one leaves nothing half done. What was decided is carried out by rules.services.telling_out.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Q

from accounts.audit import Actor, record
from accounts.choices import AuditAction, Role
from accounts.models import User
from rules.choices import AlertStatus, DeliveryState, Severity
from rules.conditions import ConditionError
from rules.conditions.escalations import MAX_STEPS, Step, parse_steps
from rules.conditions.telling import INSTEAD, MUTED, NOT_OPEN, SNOOZED, Planned
from rules.models import Alert, AlertDelivery, Escalation
from rules.queries.telling import IS_ESCALATING, IS_UNTOLD, WAITING, Person, people_to_tell
from tenants.context import bound_tenant_id

ACTOR = Actor.job("rules.deliver_alerts")
ROLES = frozenset(Role.values)
# Alerts of one transaction; a pass that raises more is told in several.
AT_ONCE = 500

_CLAIM = f"""
    UPDATE alerts SET told_severity = severity, waiting_since = %(now)s, escalation_step = 0
    WHERE id IN (SELECT id FROM alerts WHERE alerts.tenant_id = %(tenant)s AND {IS_UNTOLD}
                 ORDER BY id LIMIT %(most)s FOR UPDATE SKIP LOCKED)
    RETURNING id
"""
_STEP = f"""
    UPDATE alerts SET escalation_step = escalation_step + 1
    WHERE id IN (SELECT alerts.id FROM alerts, escalations WHERE alerts.tenant_id = %(tenant)s AND {IS_ESCALATING}
                 ORDER BY alerts.id FOR UPDATE OF alerts SKIP LOCKED)
    RETURNING id, severity, escalation_step
"""
# Every person's plan for the severity of each alert. A rule that somebody muted tells them nothing, and says so.
_WRITE = f"""
    INSERT INTO alert_deliveries (tenant_id, alert_id, user_id, severity, channel, step, state, reason, due_at,
                                  created_at)
    SELECT %(tenant)s, alerts.id, plan.user_id, alerts.severity, plan.channel, %(step)s,
           CASE WHEN muted.rule_id IS NULL THEN plan.state ELSE 'skipped' END,
           CASE WHEN muted.rule_id IS NULL THEN plan.reason ELSE '{MUTED}' END,
           CASE WHEN muted.rule_id IS NULL THEN plan.due_at END, %(now)s
    FROM alerts
    JOIN unnest(%(users)s::int[], %(severities)s::text[], %(channels)s::text[], %(states)s::text[],
                %(reasons)s::text[], %(dues)s::timestamptz[])
        AS plan(user_id, severity, channel, state, reason, due_at) ON plan.severity = alerts.severity
    LEFT JOIN unnest(%(muted_users)s::int[], %(muted_rules)s::int[]) AS muted(user_id, rule_id)
        ON muted.user_id = plan.user_id AND muted.rule_id = alerts.rule_id
    WHERE alerts.tenant_id = %(tenant)s AND alerts.id = ANY(%(alerts)s::bigint[])
    ORDER BY alerts.id, plan.user_id, plan.channel
    ON CONFLICT DO NOTHING
"""
# What waits to be told as less bad is told as worse instead.
_SUPERSEDE = """
    UPDATE alert_deliveries AS old SET state = 'skipped', reason = 'superseded', due_at = NULL
    FROM alerts
    WHERE old.alert_id = alerts.id AND old.tenant_id = %(tenant)s AND old.alert_id = ANY(%(alerts)s::bigint[])
      AND old.state IN ('pending', 'held', 'digest') AND old.severity <> alerts.severity
      AND EXISTS (SELECT 1 FROM alert_deliveries AS fresh WHERE fresh.alert_id = old.alert_id
                  AND fresh.user_id = old.user_id AND fresh.severity = alerts.severity)
"""


def alerts_tell(*, now: datetime, actor: Actor = ACTOR) -> int:
    """Decide for alerts that opened or got worse who is told; how many alerts. A snoozed one waits until it wakes."""
    told = 0
    while True:
        found = _tell_some(now, actor)
        told += found
        if found < AT_ONCE:
            return told


@transaction.atomic
def _tell_some(now: datetime, actor: Actor) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"now": now, "tenant": bound_tenant_id(), "most": AT_ONCE})
        alerts = [alert_id for (alert_id,) in cursor.fetchall()]
    if not alerts:
        return 0
    written = deliveries_write(alerts, people_to_tell(), now=now)
    with connection.cursor() as cursor:
        cursor.execute(_SUPERSEDE, {"tenant": bound_tenant_id(), "alerts": alerts})
    _record(actor, "alerts_told", alerts, written)
    return len(alerts)


@transaction.atomic
def alerts_escalate(*, now: datetime, actor: Actor = ACTOR) -> int:
    """Go on to the next step for alerts that nobody answered in time; how many steps. Each step is taken once, and
    those that were missed are taken one after the other."""
    steps = 0
    for _round in range(MAX_STEPS):
        with connection.cursor() as cursor:
            cursor.execute(_STEP, {"now": now, "tenant": bound_tenant_id()})
            found = cursor.fetchall()
        if not found:
            break
        steps += len(found)
        _write_steps(found, now, actor)
    return steps


def _write_steps(found: Sequence[tuple[int, str, int]], now: datetime, actor: Actor) -> None:
    policies = {row.severity: steps_of(row) for row in Escalation.objects.all()}
    by_step: dict[tuple[str, int], list[int]] = {}
    for alert_id, severity, number in found:
        by_step.setdefault((severity, number), []).append(alert_id)
    for (severity, number), alerts in sorted(by_step.items()):
        steps = policies[severity]
        people = people_of_step(steps[number - 1]) if number <= len(steps) else []
        written = deliveries_write(alerts, people, now=now, step=number)
        _record(actor, "alerts_escalated", alerts, written, step=number)


def steps_of(row: Escalation) -> tuple[Step, ...]:
    """The steps of a stored escalation; none where they cannot be read."""
    try:
        return parse_steps(row.steps, roles=ROLES)
    except ConditionError:
        return ()  # another version of the product wrote them: nobody is told by guessing


def people_of_step(step: Step) -> list[Person]:
    """Who is told in a step: those named, and everybody in its roles; inactive people are not."""
    of_roles = User.objects.filter(is_active=True, role__in=step.roles).values_list("pk", flat=True)
    return people_to_tell({*step.people, *of_roles})


def deliveries_write(alerts: Sequence[int], people: Sequence[Person], *, now: datetime, step: int = 0) -> int:
    """Write down how each of these people is told of each of these alerts; how many rows are new. One statement.

    What was written before stays as it is: at most one row for a person, channel, alert, step and severity.
    """
    plans = [
        (person.user.pk, severity, planned)
        for person in people
        for severity in Severity.values
        for planned in person.preferences.plan(severity, now, person.clock, step=step)
    ]
    if not plans:
        return 0
    # Whom the workspace calls because nobody answered, it calls whatever they muted.
    muted = [(one.user.pk, rule) for one in people for rule in one.preferences.muted_rules] if step == 0 else []
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, {**_columns(plans, muted), **_common(alerts, now, step)})
        return cursor.rowcount


def _common(alerts: Sequence[int], now: datetime, step: int) -> dict[str, Any]:
    return {"tenant": bound_tenant_id(), "alerts": list(alerts), "now": now, "step": step}


def _columns(plans: Sequence[tuple[int, str, Planned]], muted: Sequence[tuple[int, int]]) -> Mapping[str, list]:
    return {
        "users": [user_id for user_id, _severity, _planned in plans],
        "severities": [severity for _user, severity, _planned in plans],
        "channels": [planned.channel for _user, _severity, planned in plans],
        "states": [planned.state for _user, _severity, planned in plans],
        "reasons": [planned.reason for _user, _severity, planned in plans],
        "dues": [planned.due_at for _user, _severity, planned in plans],
        "muted_users": [user_id for user_id, _rule in muted],
        "muted_rules": [rule for _user, rule in muted],
    }


def deliveries_plan_anew(*, user: User, now: datetime) -> int:
    """After a person chose anew: what was not handed over yet goes the new way, and what was kept from them because
    they had muted its rule is told if they hear of the rule again. Runs in the caller's transaction."""
    people = people_to_tell([user.pk])
    own = AlertDelivery.objects.filter(user=user)
    # What goes by e-mail because no chosen channel took it goes on: another channel would meet its refused row.
    waits = Q(state__in=WAITING) & ~Q(reason=INSTEAD)
    anew = own.filter(step=0).filter(waits | _heard_again(people))
    found = list(anew.select_for_update(of=("self",)).order_by("pk").values_list("pk", "alert_id"))
    own.filter(waits, step__gt=0).update(state=DeliveryState.PENDING, reason="", due_at=now)
    own.filter(pk__in=[pk for pk, _alert in found]).delete()
    still = Alert.objects.filter(pk__in={alert_id for _pk, alert_id in found}).values_list("pk", flat=True)
    return deliveries_write(list(still), people, now=now)


def _heard_again(people: Sequence[Person]) -> Q:
    """Rows of open alerts that were kept back for a mute which is over."""
    muted = {rule for one in people for rule in one.preferences.muted_rules}
    kept_back = Q(state=DeliveryState.SKIPPED, reason=MUTED, alert__status=AlertStatus.OPEN)
    return kept_back & ~Q(alert__rule__in=muted)


def deliveries_revive(*, alert: Alert, now: datetime) -> None:
    """After an alert was reopened: whom it was kept from because it was answered is told after all, as they choose now.
    Nobody hears of the same step and severity twice. Runs in the caller's transaction."""
    rows = _locked(alert)
    told = {(row.user_id, row.step) for row in rows if _is_told(row, alert)}
    kept_back = [row for row in rows if row.state == DeliveryState.SKIPPED and row.reason in NOT_OPEN.values()]
    untold = [row for row in kept_back if (row.user_id, row.step) not in told]
    AlertDelivery.objects.filter(pk__in=[row.pk for row in untold]).delete()
    for step in sorted({row.step for row in untold}):
        people = people_to_tell({row.user_id for row in untold if row.step == step})
        deliveries_write([alert.pk], people, now=now, step=step)


def _is_told(row: AlertDelivery, alert: Alert) -> bool:
    return row.state == DeliveryState.QUEUED and row.severity == alert.severity


def deliveries_wake(*, alert: Alert, at: datetime) -> None:
    """After a snooze got another end: what waits for the end goes out then, or with the person's first digest after it.
    Runs in the caller's transaction."""
    rows = [row for row in _locked(alert) if row.reason == SNOOZED]
    people = {one.user.pk: one for one in people_to_tell({row.user_id for row in rows})} if rows else {}
    for row in rows:
        person = people.get(row.user_id) if row.state == DeliveryState.DIGEST else None
        row.due_at = person.next_digest(at) if person is not None else at
    AlertDelivery.objects.bulk_update(rows, ["due_at"])


def _locked(alert: Alert) -> list[AlertDelivery]:
    """All rows of an alert: whoever is about to hand one over, or to keep it back, has done so then."""
    return list(AlertDelivery.objects.filter(alert=alert).select_for_update(no_key=True).order_by("pk"))


def _record(actor: Actor, operation: str, alerts: Sequence[int], deliveries: int, **more: Any) -> None:
    record(
        actor=actor,
        action=AuditAction.CREATE,
        resource=AlertDelivery._meta.db_table,
        new={"operation": operation, "alerts": sorted(alerts), "deliveries": deliveries, **more},
    )
