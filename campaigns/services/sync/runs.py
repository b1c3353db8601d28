"""The rows of sync runs: asked for, held by a worker, counted forward, put off, ended."""

import secrets
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import Case, F, Q, QuerySet, When
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import Actor, record
from accounts.choices import AuditAction
from campaigns.choices import AccountStatus, SyncStatus, SyncTrigger
from campaigns.clients.base import ErrorKind, PlatformError
from campaigns.models import AdAccount, SyncRun
from campaigns.services.platforms import error_words
from campaigns.services.sync.plan import Step
from stratum.lib.errors import DomainError
from tenants.context import bound_tenant_id, tenant_context

log = structlog.get_logger(__name__)

# Failed tries of one step before the run gives up; waiting for a limit is not the platform's failure.
MAX_ATTEMPTS, MAX_WAITS = 6, 40
FIRST_PAUSE, MAX_PAUSE = timedelta(seconds=20), timedelta(minutes=15)
WAITING = frozenset({ErrorKind.RATE})
HOPELESS = frozenset({ErrorKind.AUTH, ErrorKind.EXPIRED, ErrorKind.PERMISSION, ErrorKind.INPUT})
BEATS_PER_LEASE = 4
# The code of a run that was taken over; gone with the next step that is in.
WORKER_LOST = "local.worker_lost"


class LeaseLost(Exception):
    """Another worker has the run now, or it was ended: whatever this one has in its hands is not written."""


@transaction.atomic
def sync_request(*, account: AdAccount, trigger: SyncTrigger, actor: Actor) -> SyncRun:
    """The account's run: the one under way, or a new one for a worker to take up. DomainError when not connected."""
    locked = AdAccount.objects.select_for_update(no_key=True).filter(pk=account.pk).first()
    unconnected = (AccountStatus.DISABLED, AccountStatus.IMPORT_ONLY)
    if locked is None or locked.connection_id is None or locked.status in unconnected:
        raise DomainError(_("This account is not connected: there is nothing to sync from."), code="not_connected")
    if locked.status == AccountStatus.NEEDS_REAUTH:
        raise DomainError(_("Connect this account again first."), code="needs_reauth")
    running = SyncRun.objects.filter(ad_account=locked, status=SyncStatus.RUNNING).first()
    if running is not None:
        _hurry(running, trigger)
        return running
    person = actor.user if actor.user and actor.user.tenant_id == locked.tenant_id else None
    run = SyncRun.objects.create(ad_account=locked, trigger=trigger, requested_by=person)
    if trigger == SyncTrigger.PERSON:
        new = {"operation": "sync_requested", "ad_account": locked.pk}
        record(actor=actor, action=AuditAction.CREATE, resource=run, new=new)
    return run


def _hurry(run: SyncRun, trigger: SyncTrigger) -> None:
    """A person who asks again need not wait for the end of a pause. Limits are kept by the clients all the same."""
    if trigger == SyncTrigger.PERSON and run.retry_at is not None:
        run.retry_at = None
        run.save(update_fields=["retry_at"])


@transaction.atomic
def run_claim(run_id: int, now: datetime) -> SyncRun | None:
    """Hold a run that is due and that nobody holds. None: another worker has it, it waits, or it is over."""
    lease = secrets.token_hex(16)
    due = Q(retry_at=None) | Q(retry_at__lte=now)
    mine = SyncRun.objects.filter(due, pk=run_id, status=SyncStatus.RUNNING)
    if not (mine.filter(lease="").update(lease=lease, heartbeat_at=now) or _take_over(mine, lease, now)):
        return None
    return SyncRun.objects.get(pk=run_id)


def _take_over(runs: QuerySet[SyncRun], lease: str, now: datetime) -> int:
    """Hold a run whose worker shows no life any more, and count that as a failed try of its step."""
    lost = runs.exclude(lease="").filter(heartbeat_at__lt=now - timedelta(seconds=settings.SYNC_LEASE_SECONDS))
    tries = Case(When(error_code=WORKER_LOST, then=F("attempts") + 1), default=1)
    return lost.update(
        lease=lease, heartbeat_at=now, attempts=tries, error="", error_kind="", error_code=WORKER_LOST, request_id=""
    )


def kills_workers(run: SyncRun) -> bool:
    """Whether workers died at the present step so often that it is likely their death: it is not to take more."""
    return run.error_code == WORKER_LOST and run.attempts >= MAX_ATTEMPTS


@transaction.atomic
def plan_set(run: SyncRun, steps: Sequence[Step]) -> None:
    run.plan, run.total_steps = [step.to_json() for step in steps], len(steps)
    _write(run, plan=run.plan, total_steps=run.total_steps)


@transaction.atomic
def phase_set(run: SyncRun, step: Step) -> None:
    _write(run, phase=step.kind, heartbeat_at=timezone.now())


def step_count(run: SyncRun, counts: dict[str, int]) -> None:
    """Count one step as done, last in the transaction of its data. LeaseLost when the run is not ours any more.

    `run` follows once that is in: after a commit that failed it still says what the database says.
    """
    merged = {**run.counts}
    for key, value in counts.items():
        merged[key] = merged.get(key, 0) + value
    done = run.done_steps + 1
    _write(
        run,
        done_steps=done,
        counts=merged,
        attempts=0,
        retry_at=None,
        error="",
        error_kind="",
        error_code="",
        request_id="",
        heartbeat_at=timezone.now(),
    )

    def follow() -> None:
        run.done_steps, run.counts, run.attempts = done, merged, 0

    transaction.on_commit(follow)


@transaction.atomic
def run_release(run: SyncRun) -> None:
    """Let the next worker go on at once."""
    _write(run, lease="")


@transaction.atomic
def run_finish(run: SyncRun) -> None:
    now = timezone.now()
    _write(run, status=SyncStatus.DONE, lease="", phase="", finished_at=now, heartbeat_at=now)
    run.status = SyncStatus.DONE


@transaction.atomic
def run_put_off(run: SyncRun, error: PlatformError) -> bool:
    """Note a failed try and say when the next one is due; False when the run has failed for good."""
    attempts, now = run.attempts + 1, timezone.now()
    limit = MAX_WAITS if error.kind in WAITING else MAX_ATTEMPTS
    over = error.kind in HOPELESS or attempts >= limit
    seconds = max(error.retry_after or 0, min(MAX_PAUSE, FIRST_PAUSE * 2 ** min(attempts - 1, 10)).total_seconds())
    fields: dict[str, Any] = {
        "attempts": attempts,
        "lease": "",
        "error": error_words(error),
        "error_kind": error.kind.value,
        "error_code": error.code[:100],
        "request_id": error.request_id[:200],
    }
    if over:
        fields |= {"status": SyncStatus.FAILED, "finished_at": now, "retry_at": None}
    else:
        fields |= {"retry_at": now + timedelta(seconds=seconds)}
    _write(run, **fields)
    return not over


@transaction.atomic
def run_fail(run: SyncRun, sentence: str, *, code: str) -> None:
    """End a run that cannot go on, with the reason."""
    _write(run, status=SyncStatus.FAILED, lease="", finished_at=timezone.now(), error=sentence, error_code=code)


@transaction.atomic
def sync_end(*, run: SyncRun, actor: Actor) -> SyncRun:
    """End a run from outside, whoever holds it: its worker notices at its next write. DomainError when it is over."""
    locked = SyncRun.objects.select_for_update(no_key=True).get(pk=run.pk)
    if locked.status != SyncStatus.RUNNING:
        raise DomainError(_("This sync is over already."), code="sync_over")
    locked.status, locked.lease, locked.retry_at, locked.finished_at = SyncStatus.FAILED, "", None, timezone.now()
    locked.error, locked.error_kind, locked.error_code = _("Stratum’s support ended this sync."), "", "local.ended"
    locked.save(update_fields=["status", "lease", "retry_at", "finished_at", "error", "error_kind", "error_code"])
    old, new = {"status": SyncStatus.RUNNING.value}, {"status": SyncStatus.FAILED.value}
    record(actor=actor, action=AuditAction.UPDATE, resource=locked, old=old, new=new)
    return locked


def _write(run: SyncRun, **fields: Any) -> None:
    """Write the run while its lease is ours, at the step that we know of."""
    mine = SyncRun.objects.filter(pk=run.pk, lease=run.lease, status=SyncStatus.RUNNING, done_steps=run.done_steps)
    if not mine.update(**fields):
        raise LeaseLost(f"run {run.pk}")


@contextmanager
def heartbeat(run: SyncRun) -> Iterator[None]:
    """Keep the lease while the block works, however long the platform takes to answer.

    From a thread of its own: calls block, and a worker that was killed stops beating by itself.
    """
    stop, tenant_id = threading.Event(), bound_tenant_id()
    thread = threading.Thread(target=_beat, args=(run.pk, run.lease, tenant_id, stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _beat(run_id: int, lease: str, tenant_id: int, stop: threading.Event) -> None:
    try:
        while not stop.wait(settings.SYNC_LEASE_SECONDS / BEATS_PER_LEASE):
            try:
                with tenant_context(tenant_id), transaction.atomic():
                    SyncRun.objects.filter(pk=run_id, lease=lease).update(heartbeat_at=timezone.now())
            except DatabaseError as error:  # tried again at the next beat; a lost lease is noticed at the next write
                log.warning("sync.heartbeat_failed", run=run_id, error=str(error).strip())
                connection.close()
    finally:
        connection.close()
