"""Whom a workspace tells when nobody answers an alert."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import Actor, record, snapshot
from accounts.choices import AuditAction
from accounts.models import User
from rules.choices import AlertStatus, Severity
from rules.conditions import ConditionError
from rules.conditions.escalations import ESCALATED, parse_steps
from rules.models import Alert, Escalation
from rules.services.telling import ROLES
from stratum.lib.errors import DomainError
from tenants.models import Tenant

_FIELDS = ["is_on", "steps"]


@transaction.atomic
def escalation_save(*, severity: str, is_on: bool, steps: Sequence[dict[str, Any]], actor: Actor) -> bool:
    """Set the escalation of one severity; False: nothing was different. The clocks of alerts that wait already start
    anew, or they would all be escalated at once. DomainError with the place ('step-0') of what makes no sense."""
    if severity not in ESCALATED:
        raise DomainError(_("Alerts of this severity are not escalated."), code="severity_unknown", field="severity")
    parsed = parse_steps(list(steps), roles=ROLES)
    if is_on and not parsed:
        message = _("Write at least one step: after how many minutes, and whom.")
        raise ConditionError(message, code="no_steps", place="step-0")
    _check_people([(f"step-{number}", step.people) for number, step in enumerate(parsed)])
    # The workspace's row stands for the one that is not there yet.
    Tenant.objects.select_for_update(no_key=True).get()
    row = Escalation.objects.filter(severity=severity).first()
    old = snapshot(row, _FIELDS) if row else None
    row = row or Escalation(severity=severity)
    row.is_on, row.steps = is_on, [step.as_json() for step in parsed]
    new = snapshot(row, _FIELDS)
    if old == new or (old is None and not is_on and not parsed):
        return False
    row.save()
    action = AuditAction.UPDATE if old else AuditAction.CREATE
    record(actor=actor, action=action, resource=row, old=old, new=new)
    waiting = Alert.objects.filter(status=AlertStatus.OPEN, severity=Severity(severity))
    now = timezone.now()
    waiting.filter(waiting_since__lt=now).update(waiting_since=now)
    return True


def _check_people(named: Sequence[tuple[str, tuple[int, ...]]]) -> None:
    asked = {one for _place, people in named for one in people}
    active = set(User.objects.filter(pk__in=asked, is_active=True).values_list("pk", flat=True)) if asked else set()
    for place, people in named:
        if not set(people) <= active:
            raise ConditionError(_("A person of this step cannot log in any more."), code="person_gone", place=place)
