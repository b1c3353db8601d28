"""Celery entry points of campaigns: syncs, imports and exchange rates."""

from celery import shared_task

from accounts.audit import Actor
from campaigns.choices import ImportStatus, SyncTrigger
from campaigns.queries.completeness import completeness_warm
from campaigns.queries.imports import stranded_import_ids
from campaigns.queries.sync import accounts_to_sync, runs_to_resume
from campaigns.services.imports import import_check, import_run
from campaigns.services.plan_limit import plan_limit_apply
from campaigns.services.rates import rates_load
from campaigns.services.sync import sync_advance, sync_request
from tenants.queries import active_tenant_ids

# A turn ends well within the time limit of a task; what is left goes into the next one.
TURN_SECONDS = 200.0


@shared_task(name="campaigns.sync_all")
def sync_all() -> None:
    """Beat: every connected account of every workspace."""
    for tenant_id in active_tenant_ids():
        sync_tenant.delay(tenant_id=tenant_id)


@shared_task(name="campaigns.sync_tenant")
def sync_tenant(*, tenant_id: int) -> dict[str, int] | None:
    """Send one job for each account that is due: a failure of one stops no other."""
    over_limit = plan_limit_apply()
    accounts = accounts_to_sync()
    for account in accounts:
        run = sync_request(account=account, trigger=SyncTrigger.SCHEDULE, actor=Actor.job("campaigns.sync_tenant"))
        sync_account.delay(tenant_id=tenant_id, run_id=run.pk)
    return {"accounts": len(accounts), "campaigns_over_limit": over_limit} if accounts else None


@shared_task(name="campaigns.sync_account")
def sync_account(*, tenant_id: int, run_id: int) -> dict[str, int | str] | None:
    """One worker's turn at a sync run. Sending it twice is harmless: whoever comes second finds it held, or over."""
    turn = sync_advance(run_id=run_id, seconds=TURN_SECONDS)
    if turn.state == "more":
        sync_account.delay(tenant_id=tenant_id, run_id=run_id)
    if turn.state == "done":
        warm_completeness.delay(tenant_id=tenant_id)
    return None if turn.state == "not_ours" else {"run": run_id, "state": turn.state, **turn.counts}


@shared_task(name="campaigns.resume_syncs")
def resume_syncs() -> dict[str, int] | None:
    """Beat: runs whose pause is over, and those of workers that were killed."""
    runs = runs_to_resume()
    for tenant_id, run_id in runs:
        sync_account.delay(tenant_id=tenant_id, run_id=run_id)
    return {"resumed": len(runs)} if runs else None


@shared_task(name="campaigns.warm_completeness")
def warm_completeness(*, tenant_id: int) -> dict[str, int] | None:
    """After a sync: learn how complete days are, so that no page has to. At most once an hour for a workspace."""
    accounts = completeness_warm()
    return None if accounts is None else {"accounts": accounts}


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


@shared_task(name="campaigns.load_exchange_rates")
def load_exchange_rates() -> dict[str, int]:
    """Beat: the European Central Bank's rates. A failed run is made good by the next: the file holds 90 days."""
    result = rates_load()
    return {"given": result.given, "added": result.added, "changed": result.changed}
