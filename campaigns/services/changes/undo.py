"""Taking back: only where the campaign still is as the change left it. Each undo is a change of its own."""

import uuid
from collections.abc import Sequence

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.audit import Actor
from campaigns.choices import ChangedField, ChangeOrigin, ChangeState
from campaigns.models import CampaignChange
from campaigns.queries.changes import OPEN, before, undone, undone_with_others, wished
from campaigns.queries.obstacles import SETTABLE
from campaigns.services.changes.requests import Order, RequestResult, only_one, order_place
from stratum.lib.errors import DomainError


@transaction.atomic
def change_undo(*, change: CampaignChange, actor: Actor) -> CampaignChange | None:
    """Take one change back: the queued change that does, or None where it had not been sent yet.

    DomainError: 'changed_since' where somebody changed the campaign after it, 'undone' where it was taken back
    already, 'not_undoable' where there is nothing to go back to, and everything that stands in the way of any change.
    """
    change = CampaignChange.objects.annotate(is_undone=undone_with_others()).get(pk=change.pk)
    if change.state in OPEN:
        return only_one(withdraw([change], actor, None))
    if reason := undo_obstacle(change, is_undone=change.is_undone):
        raise reason
    return only_one(go_back([change], actor, None))


@transaction.atomic
def changes_undo(*, batch: uuid.UUID, actor: Actor) -> RequestResult:
    """Take back whatever of a batch can be: what waits is not sent any more, what is done is set back.

    DomainError with code 'nothing_to_undo' when there is nothing left to take back.
    """
    changes = list(CampaignChange.objects.filter(batch=batch).annotate(is_undone=undone()).order_by("pk"))
    waiting = [change for change in changes if change.state in OPEN]
    done = [change for change in changes if undo_obstacle(change, is_undone=change.is_undone) is None]
    if not waiting and not done:
        raise DomainError(_("There is nothing left to take back."), code="nothing_to_undo")
    result = RequestResult(uuid.uuid4())
    for field in ChangedField.values:
        for found, take_back in ((waiting, withdraw), (done, go_back)):
            some = [change for change in found if change.field == field]
            if some:
                result.add(take_back(some, actor, result.batch))
    return result


def undo_obstacle(change: CampaignChange, *, is_undone: bool) -> DomainError | None:
    """Why a change that is through cannot be taken back, as far as its own row tells."""
    if change.state != ChangeState.APPLIED:
        return DomainError(_("This change did not happen: there is nothing to take back."), code="not_undoable")
    if is_undone:
        return DomainError(_("This change has been taken back already."), code="undone")
    old = before(change)
    if old is None or (change.field == ChangedField.STATUS and old not in SETTABLE):
        message = _("A platform cannot be told to set it back to what it was.")
        return DomainError(message, code="not_undoable")
    return None


def withdraw(
    changes: Sequence[CampaignChange],
    actor: Actor,
    batch: uuid.UUID | None,
    origin: str = ChangeOrigin.PERSON,
) -> RequestResult:
    """What waits is not sent; what was tried may have arrived, so the present value is sent once more."""
    field = changes[0].field
    order = Order(
        field,
        # None only for a budget that nobody knows, which cannot be sent and is refused.
        lambda standing: standing.value(field),  # type: ignore[arg-type,return-value]
        actor,
        origin,
        batch,
        withdraws={change.campaign_id: change.pk for change in changes},
    )
    return order_place([change.campaign_id for change in changes], order)


def go_back(
    changes: Sequence[CampaignChange],
    actor: Actor,
    batch: uuid.UUID | None,
    origin: str = ChangeOrigin.PERSON,
) -> RequestResult:
    """Queue the old values, where the campaigns still have the new ones."""
    olds = {change.campaign_id: before(change) for change in changes}
    order = Order(
        changes[0].field,
        lambda standing: olds[standing.id],  # type: ignore[arg-type,return-value]  # undo_obstacle saw to it
        actor,
        origin,
        batch,
        expected={change.campaign_id: wished(change) for change in changes},
        undoes={change.campaign_id: change.pk for change in changes},
    )
    return order_place(list(olds), order)
