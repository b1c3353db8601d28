"""People answering alerts."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import OperationalError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import Actor, record, snapshot
from accounts.choices import AuditAction
from accounts.models import User
from rules.choices import AlertStatus
from rules.models import Alert
from rules.services.telling import deliveries_revive, deliveries_wake
from stratum.lib.errors import DomainError

MAX_SNOOZE = timedelta(days=31)
_FIELDS = ["status", "acknowledged_by", "acknowledged_at"]


def alert_acknowledge(*, alert: Alert, actor: Actor) -> bool:
    """Somebody has seen it: its next occurrence opens a new alert. False when it was not open any more."""
    return alerts_acknowledge(alert_ids=[alert.pk], actor=actor) == 1


@transaction.atomic
def alerts_acknowledge(*, alert_ids: Sequence[int], actor: Actor) -> int:
    """Acknowledge those of the alerts that are open; how many were. Ids of other workspaces match nothing.

    DomainError while rules count on several of them: a pass holds its alerts in an order of its own, so nobody who
    holds others waits for it.
    """
    if not alert_ids:
        raise DomainError(_("Select at least one alert."), code="nothing_selected")
    open_alerts = Alert.objects.filter(pk__in=list(alert_ids), status=AlertStatus.OPEN).order_by("pk")
    try:
        with transaction.atomic():
            held = open_alerts.select_for_update(nowait=len(alert_ids) > 1)
            ids = sorted(held.values_list("pk", flat=True))
    except OperationalError as error:
        message = _("Rules are looking at these alerts at this moment. Acknowledge them again in a few seconds.")
        raise DomainError(message, code="busy") from error
    if not ids:
        return 0
    Alert.objects.filter(pk__in=ids).update(
        status=AlertStatus.ACKNOWLEDGED,
        acknowledged_at=timezone.now(),
        acknowledged_by_id=actor.user.pk if actor.user else None,
    )
    record(
        actor=actor,
        action=AuditAction.UPDATE,
        resource=Alert._meta.db_table,
        # One entry for all; a single alert is findable by its id.
        resource_id=ids[0] if len(ids) == 1 else None,
        old={"status": AlertStatus.OPEN.value, "alerts": []},
        new={"status": AlertStatus.ACKNOWLEDGED.value, "alerts": ids},
    )
    return len(ids)


@transaction.atomic
def alert_snooze(*, alert: Alert, until: datetime | None, actor: Actor) -> Alert:
    """Keep an open alert quiet until a moment, or wake it (None). It is counted on, and wakes when critical."""
    locked = _open(alert)
    if until is not None and not timezone.now() < until <= timezone.now() + MAX_SNOOZE:
        message = _("An alert can be snoozed for at most %(days)s days.") % {"days": MAX_SNOOZE.days}
        raise DomainError(message, code="snooze_range")
    deliveries_wake(alert=locked, at=until or timezone.now())
    # Nobody is asked next while it sleeps, and then the clock begins again.
    return _change(locked, actor, snoozed_until=until, waiting_since=until or timezone.now())


@transaction.atomic
def alert_assign(*, alert: Alert, to: User | None, actor: Actor) -> Alert:
    """Say who sees to an open alert; None: nobody any more. DomainError for people who may not answer alerts."""
    locked = _open(alert)
    if to is not None and not (to.is_active and to.can("manage_alerts")):
        raise DomainError(_("This person may not answer alerts."), code="not_allowed")
    return _change(locked, actor, assigned_to=to)


def _open(alert: Alert) -> Alert:
    locked = Alert.objects.select_for_update(no_key=True).get(pk=alert.pk)
    if locked.status != AlertStatus.OPEN:
        raise DomainError(_("This alert is not open any more."), code="not_open")
    return locked


def _change(locked: Alert, actor: Actor, **values: Any) -> Alert:
    names = list(values)
    old = snapshot(locked, names)
    for name, value in values.items():
        setattr(locked, name, value)
    locked.save(update_fields=[*names, "updated_at"])
    record(actor=actor, action=AuditAction.UPDATE, resource=locked, old=old, new=snapshot(locked, names))
    return locked


@transaction.atomic
def alert_reopen(*, alert: Alert, actor: Actor) -> Alert:
    """Take an acknowledgement back; who was not told because of it is told. DomainError when a newer alert of the same
    cause is open."""
    locked = Alert.objects.select_for_update(no_key=True).get(pk=alert.pk)
    if locked.status == AlertStatus.OPEN:
        return locked
    if Alert.objects.filter(cause=locked.cause, status=AlertStatus.OPEN).exists():
        raise DomainError(
            _("It happened again since: a newer alert about this is open already."), code="newer_alert_open"
        )
    old = snapshot(locked, _FIELDS)
    locked.status, locked.acknowledged_at, locked.acknowledged_by = AlertStatus.OPEN, None, None
    locked.waiting_since = timezone.now()
    locked.save(update_fields=["status", "acknowledged_at", "acknowledged_by", "waiting_since", "updated_at"])
    deliveries_revive(alert=locked, now=locked.waiting_since)
    record(actor=actor, action=AuditAction.UPDATE, resource=locked, old=old, new=snapshot(locked, _FIELDS))
    return locked
