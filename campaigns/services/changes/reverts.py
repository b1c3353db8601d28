"""Changes that take themselves back ('pause for today') when their time has come and nothing else happened since."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _

from accounts.audit import Actor, Entry, record_many
from accounts.choices import ActorKind, AuditAction
from campaigns.choices import ChangeOrigin, ChangeState
from campaigns.models import Campaign, CampaignChange
from campaigns.queries.changes import undone
from campaigns.services.changes.requests import RequestResult
from campaigns.services.changes.undo import go_back, undo_obstacle, withdraw

MAX_AT_ONCE = 500


@dataclass(slots=True)
class Reverted:
    """What became of the changes that were due. `later`: they are being sent at this moment and are looked at again.

    `by_account`: ad account → ids of the changes to send once the transaction is in.
    """

    by_account: dict[int, list[int]] = field(default_factory=dict)
    reverted: int = 0
    withdrawn: int = 0
    kept: int = 0
    later: int = 0

    @property
    def counts(self) -> dict[str, int]:
        found = {"reverted": self.reverted, "withdrawn": self.withdrawn, "kept": self.kept, "later": self.later}
        return {name: count for name, count in found.items() if count}


@transaction.atomic
def changes_revert_due(*, now: datetime) -> Reverted:
    """Take back what is due, each change once: whatever comes of it, it is not tried again.

    A campaign goes back only where it still is as the change left it and nobody touched that field since; what was
    not sent yet is withdrawn. What stays keeps the reason as its `revert_note`.
    """
    result = Reverted()
    notes: dict[int, str] = {}
    waiting: dict[str, list[CampaignChange]] = defaultdict(list)
    applied: dict[str, list[CampaignChange]] = defaultdict(list)
    claimed = _claim(now)
    for change in claimed:
        if change.state == ChangeState.SENDING:
            result.later += 1
        elif change.state == ChangeState.QUEUED:
            waiting[change.actor_label].append(change)
        elif (note := _obstacle(change)) is None:
            applied[change.actor_label].append(change)
        else:
            notes[change.pk] = note
    for label, changes in waiting.items():
        _take_back(withdraw, label, changes, result, notes)
    for label, changes in applied.items():
        _take_back(go_back, label, changes, result, notes)
    _settle([change for change in claimed if change.state != ChangeState.SENDING], notes)
    result.kept = sum(1 for note in notes.values() if note)
    return result


def _claim(now: datetime) -> list[CampaignChange]:
    """The due changes under lock. Campaigns first, in the order of their ids, as everybody does who asks for changes:
    a second worker waits here and then finds nothing due."""
    due = CampaignChange.objects.filter(revert_at__lte=now).order_by("revert_at", "pk")
    found = dict(due.values_list("pk", "campaign_id")[:MAX_AT_ONCE])
    campaigns = Campaign.objects.with_deleted().filter(pk__in=set(found.values())).order_by("pk")
    list(campaigns.select_for_update(no_key=True).values_list("pk", flat=True))
    newer = CampaignChange.objects.filter(
        campaign_id=OuterRef("campaign_id"), field=OuterRef("field"), pk__gt=OuterRef("pk")
    ).exclude(state=ChangeState.FAILED)
    rows = CampaignChange.objects.filter(pk__in=found, revert_at__lte=now).select_for_update(of=("self",))
    return list(rows.annotate(is_undone=undone(), is_changed_since=Exists(newer)).order_by("campaign_id", "pk"))


def _obstacle(change: CampaignChange) -> str | None:
    """Why a change that is through stays as it is: a sentence, empty where that needs no words; None: it goes back."""
    if change.state == ChangeState.FAILED or change.is_undone:  # type: ignore[attr-defined]  # annotated by _claim
        return ""
    if change.is_changed_since:  # type: ignore[attr-defined]
        return _("Somebody changed it since: it is not what this change made of it any more.")
    refusal = undo_obstacle(change, is_undone=False)
    return None if refusal is None else str(refusal)


def _take_back(
    take_back: Callable[..., RequestResult],
    label: str,
    changes: list[CampaignChange],
    result: Reverted,
    notes: dict[int, str],
) -> None:
    """Take back what one rule changed, in its name. `notes`: change id → why it stays."""
    by_campaign = {change.campaign_id: change.pk for change in changes}
    actor = Actor(kind=ActorKind.RULE, label=label)
    done = take_back(changes, actor, None, ChangeOrigin.RULE)
    for account_id, ids in done.by_account.items():
        result.by_account.setdefault(account_id, []).extend(ids)
    result.reverted += len(done.asked)
    result.withdrawn += done.withdrawn
    for refused in done.refused:
        notes[by_campaign.pop(refused.campaign_id)] = refused.text
    missing = set(by_campaign) - set(done.found)
    notes |= {by_campaign[one]: _("The campaign is not in this workspace any more.") for one in missing}


def _settle(changes: Iterable[CampaignChange], notes: dict[int, str]) -> None:
    """None of them is looked at again; what stays says why."""
    by_note: dict[str, list[int]] = defaultdict(list)
    for change in changes:
        by_note[notes.get(change.pk, "")].append(change.pk)
    for note, ids in by_note.items():
        CampaignChange.objects.filter(pk__in=ids).update(revert_at=None, revert_note=note)
        if note:
            entries = [Entry(pk, {"revert_note": ""}, {"revert_note": note}) for pk in ids]
            record_many(
                actor=Actor.job("rules.revert_due_changes"),
                action=AuditAction.UPDATE,
                resource=CampaignChange._meta.db_table,
                entries=entries,
            )
