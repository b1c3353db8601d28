"""Asking once more for what had failed."""

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.audit import Actor
from campaigns.choices import ChangeOrigin, ChangeState
from campaigns.models import CampaignChange
from campaigns.queries.changes import wished
from campaigns.services.changes.requests import change_request
from stratum.lib.errors import DomainError


@transaction.atomic
def change_retry(*, change: CampaignChange, actor: Actor) -> CampaignChange | None:
    """Ask again for what a failed change wanted: a new row, judged anew. DomainError when it did not fail.

    None when the campaign has that value by now.
    """
    value = wished(change)
    if change.state != ChangeState.FAILED or value is None:
        raise DomainError(_("Only a change that failed can be tried again."), code="not_failed")
    return change_request(
        campaign=change.campaign, field=change.field, value=value, actor=actor, origin=ChangeOrigin.PERSON
    )
