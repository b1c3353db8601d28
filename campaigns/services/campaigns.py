"""Writes on campaigns that stay in the workspace: labels and targets. What reaches a platform has its own services."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Literal

from django.db import connection, transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.audit import Actor, record
from accounts.choices import AuditAction
from accounts.models import AuditLog
from campaigns.models import Campaign
from stratum.lib.errors import DomainError
from stratum.lib.money import MAX_MINOR
from tenants.context import bound_tenant_id

MAX_LABEL_LENGTH = 50
MAX_LABELS_PER_CAMPAIGN = 20
# One audit entry holds the ids of a bulk change; beyond this the list is narrowed first.
MAX_BULK = 10_000

Operation = Literal["label_added", "label_removed"]

_ADD = """
    UPDATE campaigns SET labels = labels || to_jsonb(%(label)s::text)
    WHERE tenant_id = %(tenant)s AND id = ANY(%(ids)s) AND is_deleted IS NOT TRUE
      AND NOT labels @> to_jsonb(ARRAY[%(label)s]::text[]) AND jsonb_array_length(labels) < %(most)s
    RETURNING id
"""
_REMOVE = """
    UPDATE campaigns SET labels = labels - %(label)s::text
    WHERE tenant_id = %(tenant)s AND id = ANY(%(ids)s) AND is_deleted IS NOT TRUE
      AND labels @> to_jsonb(ARRAY[%(label)s]::text[])
    RETURNING id
"""


def label_clean(text: str) -> str:
    """A label as it is kept: trimmed, single spaces. DomainError when it is empty or too long."""
    label = " ".join(text.replace("\0", "").split())
    if not label:
        raise DomainError(_("Write a label first."), code="label_empty", field="label")
    if len(label) > MAX_LABEL_LENGTH:
        message = _("A label has at most %(most)s characters.") % {"most": MAX_LABEL_LENGTH}
        raise DomainError(message, code="label_long", field="label")
    return label


@transaction.atomic
def campaign_label_add(*, campaign: Campaign, label: str, actor: Actor) -> bool:
    """Put a label on one campaign; False when it has it already. DomainError when it has too many."""
    return _change_one(campaign, label_clean(label), "label_added", actor)


@transaction.atomic
def campaign_label_remove(*, campaign: Campaign, label: str, actor: Actor) -> bool:
    """Take a label off one campaign; False when it does not have it."""
    return _change_one(campaign, label_clean(label), "label_removed", actor)


MAX_TARGET_ROAS = Decimal(10_000)


@transaction.atomic
def campaign_targets_set(*, campaign: Campaign, cpa: int | None, roas: Decimal | None, actor: Actor) -> bool:
    """What a conversion may cost (minor units) and what spend should bring back; None: no target. False: no change."""
    if cpa is not None and not 0 < cpa <= MAX_MINOR:
        raise DomainError(_("A target is more than nothing."), code="target_cpa", field="cpa")
    if roas is not None and not 0 < roas <= MAX_TARGET_ROAS:
        message = _("A target ROAS is above 0 and at most %(most)s.") % {"most": MAX_TARGET_ROAS}
        raise DomainError(message, code="target_roas", field="roas")
    names = ["target_cpa_cents", "target_roas"]
    locked = Campaign.objects.select_for_update(no_key=True).defer("raw_data").get(pk=campaign.pk)
    old = {name: getattr(locked, name) for name in names}
    locked.target_cpa_cents, locked.target_roas = cpa, roas
    new = {name: getattr(locked, name) for name in names}
    campaign.target_cpa_cents, campaign.target_roas = cpa, roas
    if old == new:
        return False
    locked.save(update_fields=[*names, "updated_at"])
    record(actor=actor, action=AuditAction.UPDATE, resource=locked, old=old, new=new)
    return True


def _change_one(campaign: Campaign, label: str, operation: Operation, actor: Actor) -> bool:
    locked = Campaign.objects.select_for_update(no_key=True).only("id", "tenant_id", "labels").get(pk=campaign.pk)
    before = list(locked.labels or [])
    if (label in before) == (operation == "label_added"):
        return False
    if operation == "label_added" and len(before) >= MAX_LABELS_PER_CAMPAIGN:
        message = _("A campaign has at most %(most)s labels. Remove one first.") % {"most": MAX_LABELS_PER_CAMPAIGN}
        raise DomainError(message, code="labels_full", field="label")
    after = [*before, label] if operation == "label_added" else [one for one in before if one != label]
    locked.labels = after
    locked.save(update_fields=["labels", "updated_at"])
    campaign.labels = after
    record(
        actor=actor,
        action=AuditAction.UPDATE,
        resource=locked,
        old={"labels": before},
        new={"labels": after},
    )
    return True


@transaction.atomic
def campaigns_label(
    *, campaign_ids: Iterable[int], label: str, operation: Operation, actor: Actor
) -> tuple[int, AuditLog | None]:
    """Add a label to many campaigns of the workspace, or take it off them: (how many changed, the audit entry).

    Campaigns that are in the wanted state, or full of labels, or not of this workspace, stay as they are. One
    statement and one audit entry for all, whose ids make it possible to take the change back. No entry without a
    change.
    """
    wanted = sorted(set(campaign_ids))
    if not wanted:
        raise DomainError(_("Select at least one campaign."), code="nothing_selected")
    if len(wanted) > MAX_BULK:
        message = _("At most %(most)s campaigns can be changed at once. Narrow the list first.") % {"most": MAX_BULK}
        raise DomainError(message, code="too_many")
    kept = label_clean(label)
    changed = _apply(wanted, kept, operation)
    return len(changed), _record_bulk(changed, kept, operation, actor)


@transaction.atomic
def campaigns_label_undo(*, entry: AuditLog, actor: Actor) -> tuple[int, AuditLog | None]:
    """Take back a bulk change of labels by its audit entry: (how many changed back, the new audit entry).

    Only campaigns that still are as the change left them: what somebody altered since is not touched.
    """
    values: dict[str, Any] = entry.new_value or {}
    operation = values.get("operation")
    if entry.resource_type != Campaign._meta.db_table or operation not in ("label_added", "label_removed"):
        raise DomainError(_("This change cannot be undone here."), code="not_undoable")
    label, ids = values["label"], values["campaign_ids"]
    back: Operation = "label_removed" if operation == "label_added" else "label_added"
    changed = _apply(ids, label, back)
    return len(changed), _record_bulk(changed, label, back, actor, undoes=entry.pk)


def _apply(ids: Sequence[int], label: str, operation: Operation) -> list[int]:
    # Ids of other workspaces match nothing: both walls stand around this statement.
    tenant_id = bound_tenant_id()
    # Locked in the order of ids, as every writer of several campaigns takes them: two bulk changes cannot deadlock.
    list(Campaign.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk").values_list("pk"))
    params: dict[str, Any] = {"label": label, "ids": list(ids), "tenant": tenant_id, "most": MAX_LABELS_PER_CAMPAIGN}
    with connection.cursor() as cursor:
        cursor.execute(_ADD if operation == "label_added" else _REMOVE, params)
        return sorted(row[0] for row in cursor.fetchall())


def _record_bulk(
    ids: list[int], label: str, operation: Operation, actor: Actor, undoes: int | None = None
) -> AuditLog | None:
    if not ids:
        return None
    new = {"operation": operation, "label": label, "campaign_ids": ids, "count": len(ids)}
    if undoes is not None:
        new["undoes"] = undoes
    return record(actor=actor, action=AuditAction.UPDATE, resource=Campaign._meta.db_table, new=new)


def label_message(count: int, label: str, operation: Operation) -> str:
    """What happened, as the toast says it."""
    if operation == "label_added":
        text = ngettext(
            "Label “%(label)s” added to %(count)s campaign.", "Label “%(label)s” added to %(count)s campaigns.", count
        )
    else:
        text = ngettext(
            "Label “%(label)s” removed from %(count)s campaign.",
            "Label “%(label)s” removed from %(count)s campaigns.",
            count,
        )
    return text % {"label": label, "count": count}
