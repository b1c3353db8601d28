"""Celery entry points of campaigns: connections, syncs, changes on the platforms, imports, exchange rates."""

from collections.abc import Mapping, Sequence
from typing import Any

from celery import shared_task
from django.db import transaction
from django.utils import timezone

from accounts.audit import Actor
from campaigns.choices import ImportStatus, SyncTrigger
from campaigns.queries.changes import due_changes
from campaigns.queries.completeness import completeness_warm
from campaigns.queries.connections import connections_to_renew, stranded_connections
from campaigns.queries.imports import stranded_import_ids
from campaigns.queries.sync import accounts_to_sync, runs_to_resume
from campaigns.services.changes import changes_apply
from campaigns.services.connections import (
    Outcome,
    connection_finish,
    connection_give_up,
    connection_list_accounts,
    connection_renew,
)
from campaigns.services.imports import import_check, import_run
from campaigns.services.plan_limit import plan_limit_apply
from campaigns.services.platforms import RENEW_AHEAD
from campaigns.services.rates import rates_load
from campaigns.services.sync import sync_advance, sync_request
from stratum.lib.errors import DomainError
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
        try:
            run = sync_request(account=account, trigger=SyncTrigger.SCHEDULE, actor=Actor.job("campaigns.sync_tenant"))
        except DomainError:
            continue  # disconnected, or removed, since the accounts were listed
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


# Seconds until a platform in trouble is asked again: codes of consent pages are good for ten minutes at least.
CONNECTION_RETRIES = (3, 15, 60)


@shared_task(name="campaigns.finish_connection")
def finish_connection(*, tenant_id: int, connection_id: int, retries: int = 0) -> dict[str, Any] | None:
    """Exchange what a consent page sent back, and load the list of accounts. None: another worker has it."""
    outcome = connection_finish(connection_id=connection_id, last_try=retries >= len(CONNECTION_RETRIES))
    if outcome is Outcome.DONE:
        return list_connection_accounts(tenant_id=tenant_id, connection_id=connection_id)
    return _tried(finish_connection, outcome, tenant_id, connection_id, retries)


@shared_task(name="campaigns.list_connection_accounts")
def list_connection_accounts(*, tenant_id: int, connection_id: int, retries: int = 0) -> dict[str, Any] | None:
    """Load the list of accounts that a connection reaches."""
    outcome = connection_list_accounts(connection_id=connection_id, last_try=retries >= len(CONNECTION_RETRIES))
    return _tried(list_connection_accounts, outcome, tenant_id, connection_id, retries)


def _tried(task: Any, outcome: Outcome | None, tenant_id: int, connection_id: int, retries: int) -> dict | None:
    if outcome is None:
        return None
    if outcome is Outcome.AGAIN:
        again = {"tenant_id": tenant_id, "connection_id": connection_id, "retries": retries + 1}
        task.apply_async(kwargs=again, countdown=CONNECTION_RETRIES[retries])
    return {"connection": connection_id, "outcome": outcome.value, "retries": retries}


@shared_task(name="campaigns.resume_connections")
def resume_connections() -> dict[str, int] | None:
    """Beat: send again what was lost with a killed worker or an emptied queue; end what nobody can finish any more."""
    resumed = ended = 0
    for tenant_id in active_tenant_ids():
        stranded = stranded_connections(tenant_id, timezone.now())
        for connection_id in stranded.to_finish:
            finish_connection.delay(tenant_id=tenant_id, connection_id=connection_id)
        for connection_id in stranded.to_list:
            list_connection_accounts.delay(tenant_id=tenant_id, connection_id=connection_id)
        for connection_id in stranded.stuck:
            end_stuck_connection.delay(tenant_id=tenant_id, connection_id=connection_id)
        resumed += len(stranded.to_finish) + len(stranded.to_list)
        ended += len(stranded.stuck)
    return {"resumed": resumed, "ended": ended} if resumed or ended else None


@shared_task(name="campaigns.end_stuck_connection")
def end_stuck_connection(*, tenant_id: int, connection_id: int) -> dict[str, int] | None:
    """Give up an attempt whose worker was killed in the middle."""
    return {"connection": connection_id} if connection_give_up(connection_id=connection_id) else None


@shared_task(name="campaigns.refresh_tokens")
def refresh_tokens() -> dict[str, int]:
    """Beat, daily: one job per workspace for tokens that will run out."""
    tenant_ids = active_tenant_ids()
    for tenant_id in tenant_ids:
        refresh_tenant_tokens.delay(tenant_id=tenant_id)
    return {"workspaces": len(tenant_ids)}


@shared_task(name="campaigns.refresh_tenant_tokens")
def refresh_tenant_tokens(*, tenant_id: int) -> dict[str, int] | None:
    """Renew the tokens of a workspace that run out within RENEW_AHEAD. A failure of one never stops another."""
    with transaction.atomic():
        due = connections_to_renew(timezone.now(), RENEW_AHEAD)
    outcomes = [connection_renew(connection_id=connection_id) for connection_id in due]
    counted = {"renewed": outcomes.count(Outcome.DONE), "failed": outcomes.count(Outcome.FAILED)}
    return counted if due else None
