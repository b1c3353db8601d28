"""Celery entry points of campaigns: imports, changes on the platforms, exchange rates."""

from collections.abc import Mapping, Sequence

from celery import shared_task
from django.utils import timezone

from accounts.audit import Actor
from campaigns.choices import ImportStatus
from campaigns.queries.changes import due_changes
from campaigns.queries.imports import stranded_import_ids
from campaigns.services.changes import changes_apply
from campaigns.services.imports import import_check, import_run
from campaigns.services.rates import rates_load
from tenants.queries import active_tenant_ids


@shared_task(name="campaigns.check_import")
def check_import(*, tenant_id: int, batch_id: int) -> dict[str, int] | None:
    """Read an uploaded report as a whole, for its preview page."""
    batch = import_check(batch_id=batch_id, actor=Actor.job("campaigns.check_import"))
    return None if batch is None else {"import": batch_id, "refused": int(batch.status == ImportStatus.REFUSED)}


@shared_task(name="campaigns.run_import")
def run_import(*, tenant_id: int, batch_id: int) -> dict[str, int] | None:
    """Carry out a confirmed import. None: another worker has it, or it is over."""
    batch = import_run(batch_id=batch_id)
    if batch is None:
        return None
    counted = {key: batch.counts[key] for key in ("days_added", "days_changed") if key in batch.counts}
    return {"import": batch_id, "refused": int(batch.status == ImportStatus.REFUSED), **counted}


@shared_task(name="campaigns.resume_imports")
def resume_imports() -> dict[str, int] | None:
    """Beat: send imports again whose message was lost, with a worker that was killed or a queue that was emptied.

    Sending one twice is harmless: whoever comes second finds its row held or its work done.
    """
    resumed = 0
    for tenant_id in active_tenant_ids():
        checks, runs = stranded_import_ids(tenant_id)
        for batch_id in checks:
            check_import.delay(tenant_id=tenant_id, batch_id=batch_id)
        for batch_id in runs:
            run_import.delay(tenant_id=tenant_id, batch_id=batch_id)
        resumed += len(checks) + len(runs)
    return {"resumed": resumed} if resumed else None


@shared_task(name="campaigns.apply_changes")
def apply_changes(*, tenant_id: int, change_ids: Sequence[int]) -> dict[str, int] | None:
    """Tell a platform what was asked for: one change after the other, of one account. The rest of a long list is
    handed on, so that a task ends well before its time limit."""
    applied = changes_apply(change_ids)
    if applied.left:
        apply_changes.delay(tenant_id=tenant_id, change_ids=applied.left)
    return applied.counts or None


def send_changes(tenant_id: int, by_account: Mapping[int, Sequence[int]]) -> None:
    """Once the transaction is in: a task for each account, so that the trouble of one does not hold up another."""
    for change_ids in by_account.values():
        apply_changes.delay_on_commit(tenant_id=tenant_id, change_ids=list(change_ids))


@shared_task(name="campaigns.resume_changes")
def resume_changes() -> dict[str, int] | None:
    """Beat: changes whose next try is due, whose message was lost, or whose worker is gone.

    Sending one twice is harmless: whoever comes second cannot claim it.
    """
    resumed = 0
    for due in due_changes(timezone.now()):
        apply_changes.delay(tenant_id=due.tenant_id, change_ids=due.change_ids)
        resumed += len(due.change_ids)
    return {"resumed": resumed} if resumed else None


@shared_task(name="campaigns.load_exchange_rates")
def load_exchange_rates() -> dict[str, int]:
    """Beat: the European Central Bank's rates. A failed run is made good by the next: the file holds 90 days."""
    result = rates_load()
    return {"given": result.given, "added": result.added, "changed": result.changed}
