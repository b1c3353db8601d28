"""What a workspace allows its rules: the limits that people set."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.audit import Actor, record
from accounts.choices import AuditAction
from rules.conditions.automation import BOUNDS, SETTINGS_KEY, Automation
from stratum.lib.errors import DomainError
from tenants.models import Tenant


@transaction.atomic
def automation_set_limits(*, limits: Mapping[str, int | None], actor: Actor) -> bool:
    """Set limits by their names (rules.conditions.automation); None goes back to the default. They hold from the next
    change on, also in a pass that is running.

    Whether changes are frozen, and what else stands in these settings, stays. False: nothing was different.
    DomainError names the field of a value that makes no sense.
    """
    for name, value in limits.items():
        _check(name, value)
    tenant = Tenant.objects.select_for_update(no_key=True).get()
    before = Automation.of(tenant.settings)
    stored = tenant.settings.get(SETTINGS_KEY)
    found: dict[str, Any] = stored if isinstance(stored, dict) else {}
    kept = dict(found)
    for name, value in limits.items():
        if value is None:
            kept.pop(name, None)
        else:
            kept[name] = value
    if kept == found:
        return False
    tenant.settings = {**tenant.settings, SETTINGS_KEY: kept}
    tenant.save(update_fields=["settings", "updated_at"])
    after = Automation.of(tenant.settings)
    record(
        actor=actor,
        action=AuditAction.UPDATE,
        resource=tenant,
        old={f"automation_{name}": getattr(before, name) for name in limits},
        new={f"automation_{name}": getattr(after, name) for name in limits},
    )
    return True


def _check(name: str, value: int | None) -> None:
    if name not in BOUNDS:
        raise DomainError(_("There is no limit of that name."), code="limit_unknown", field=name)
    least, most = BOUNDS[name]
    if value is None:
        return
    if isinstance(value, bool) or not least <= value <= most:
        message = _("Write a whole number from %(least)s to %(most)s.") % {"least": least, "most": most}
        raise DomainError(message, code="limit_range", field=name)
