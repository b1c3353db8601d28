"""Taking back by itself what rules changed for today only."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from campaigns.services.changes import Reverted, changes_revert_due
from rules.conditions.automation import Automation
from tenants.models import Tenant


@transaction.atomic
def changes_revert(*, now: datetime | None = None) -> Reverted | None:
    """Take back what is due in the bound workspace. None while automatic changes are frozen: it waits for that."""
    # Held until this is in, as the switch holds it: a freeze comes before or after, never in between.
    tenant = Tenant.objects.select_for_update(no_key=True).get()
    if Automation.of(tenant.settings).frozen:
        return None
    return changes_revert_due(now=now or timezone.now())
