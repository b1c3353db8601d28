"""Taking an import back, as far as nothing else has changed since."""

from dataclasses import asdict, dataclass
from typing import Any

from django.db import transaction
from django.db.models import CharField, Exists, OuterRef, QuerySet
from django.db.models.functions import Cast
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import Actor, record
from accounts.choices import AuditAction
from accounts.models import AuditLog
from campaigns.choices import ImportStatus
from campaigns.models import AdAccount, Campaign, CampaignMetric, ImportBatch
from campaigns.services.accounts import account_remove
from campaigns.services.metrics_undo import UndoCounts, metrics_undo, undo_forecast
from stratum.lib.errors import DomainError


@dataclass(frozen=True, slots=True)
class UndoPlan:
    """What an undo would do (or did): days, and campaigns that the import brought and nobody has touched since."""

    days: UndoCounts
    campaigns_removed: int
    campaigns_kept: int

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "UndoPlan":
        """As import_batches.counts keeps it."""
        return cls(**{**stored, "days": UndoCounts(**stored["days"])})

    @property
    def does_something(self) -> bool:
        return bool(self.days.removed or self.days.restored or self.campaigns_removed)


def import_undo_plan(batch: ImportBatch) -> UndoPlan:
    """What an undo would do now, without doing it."""
    if batch.status != ImportStatus.DONE:
        raise DomainError(_("Only an import that is in can be undone."), code="not_done")
    forecast = undo_forecast(batch)
    removable = _untouched(batch).exclude(pk__in=forecast.staying).count()
    return UndoPlan(forecast.days, removable, len(batch.created_campaign_ids) - removable)


@transaction.atomic
def import_undo(*, batch: ImportBatch, actor: Actor) -> UndoPlan:
    """Undo a done import: its days, the campaigns it brought, the accounts it made.

    Days that changed since, or that a later import holds too, stay as they are, and so do campaigns with days left
    or that somebody touched. Names and states the report gave to campaigns that were there before stay too.
    DomainError when nothing of it can be taken back. Undoing twice is refused.
    """
    current = ImportBatch.objects.select_for_update().get(pk=batch.pk)
    if current.status != ImportStatus.DONE:
        raise DomainError(_("Only an import that is in can be undone."), code="not_done")
    now = timezone.now()
    days = metrics_undo(import_batch=current, known_at=now, actor=actor)
    removed = _remove_campaigns(current, actor)
    done = UndoPlan(days, removed, len(current.created_campaign_ids) - removed)
    if not done.does_something and days.kept:
        raise DomainError(
            _("Every day of this import was changed since, by a later import or a sync. There is nothing to undo."),
            code="nothing_to_undo",
        )
    _remove_accounts(current, actor)
    current.status, current.undone_at = ImportStatus.UNDONE, now
    current.counts = {**current.counts, "undo": asdict(done)}
    current.save(update_fields=["status", "undone_at", "counts"])
    old = {"status": ImportStatus.DONE.value}
    new = {"status": current.status, **asdict(days), "campaigns_removed": removed}
    record(actor=actor, action=AuditAction.UPDATE, resource=current, old=old, new=new)
    return done


def _untouched(batch: ImportBatch) -> QuerySet[Campaign]:
    """Campaigns the batch brought, without labels and without a change of their own in the audit trail since."""
    changes = AuditLog.objects.filter(
        resource_type=Campaign._meta.db_table,
        resource_id=Cast(OuterRef("pk"), CharField()),
        created_at__gt=batch.finished_at,
    )
    return Campaign.objects.filter(pk__in=batch.created_campaign_ids, labels=[]).exclude(Exists(changes))


def _remove_campaigns(batch: ImportBatch, actor: Actor) -> int:
    """Hide untouched campaigns that have no day left; how many."""
    with_days = CampaignMetric.objects.filter(campaign=OuterRef("pk"))
    ids = list(_untouched(batch).exclude(Exists(with_days)).values_list("pk", flat=True))
    if ids:
        Campaign.objects.filter(pk__in=ids).update(is_deleted=True, deleted_at=timezone.now())
        new = {"import_batch": batch.pk, "campaigns": ids}
        record(actor=actor, action=AuditAction.DELETE, resource="campaigns", resource_id=None, new=new)
    return len(ids)


def _remove_accounts(batch: ImportBatch, actor: Actor) -> None:
    for account in AdAccount.objects.filter(pk__in=batch.counts.get("accounts_created", [])).order_by("pk"):
        account_remove(account=account, actor=actor)
