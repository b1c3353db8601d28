"""One switch that stops all automatic changes on platforms; labels and alerts go on."""

from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.audit import Actor, record
from accounts.choices import AuditAction
from rules.conditions.automation import SETTINGS_KEY, Automation
from tenants.models import Tenant


def automation_freeze(*, actor: Actor) -> bool:
    """Stop them, from this moment: a pass that is running looks again before each change. False: they were already."""
    return _set(True, actor)


def automation_unfreeze(*, actor: Actor) -> bool:
    """Let rules change platforms again, from the next pass on. False: they were free already."""
    return _set(False, actor)


@transaction.atomic
def _set(frozen: bool, actor: Actor) -> bool:
    tenant = Tenant.objects.select_for_update(no_key=True).get()
    if Automation.of(tenant.settings).frozen == frozen:
        return False
    stored = tenant.settings.get(SETTINGS_KEY)
    kept: dict[str, Any] = dict(stored) if isinstance(stored, dict) else {}
    kept |= {"frozen": frozen, "frozen_since": timezone.now().isoformat() if frozen else ""}
    tenant.settings = {**tenant.settings, SETTINGS_KEY: kept}
    tenant.save(update_fields=["settings", "updated_at"])
    record(
        actor=actor,
        action=AuditAction.UPDATE,
        resource=tenant,
        old={"automation_frozen": not frozen},
        new={"automation_frozen": frozen},
    )
    return True
