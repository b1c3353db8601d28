"""Taking back what a rule did."""

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.audit import Actor
from campaigns.models import CampaignChange
from campaigns.services.changes import change_undo
from rules.models import RuleExecution
from rules.queries.activity import change_id_of
from stratum.lib.errors import DomainError


@transaction.atomic
def execution_undo(*, execution: RuleExecution, actor: Actor) -> CampaignChange | None:
    """Take back the change that a rule made on a platform: the queued change that does, or None where it had not been
    sent yet. DomainError where somebody changed the campaign since, or there is nothing to take back."""
    change_id = change_id_of(execution)
    change = None if change_id is None else CampaignChange.objects.filter(pk=change_id).first()
    if change is None:
        raise DomainError(_("There is nothing here that could be taken back."), code="not_undoable")
    return change_undo(change=change, actor=actor)
