"""One worker's turn at a run: step after step, until it is done, has to wait, or the turn is over."""

import time
from dataclasses import dataclass
from typing import Literal

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import Actor
from campaigns.choices import AccountStatus
from campaigns.clients.base import ErrorKind, PlatformClient, PlatformError
from campaigns.models import AdAccount, SyncRun
from campaigns.services.platforms import INTERNAL, REFUSED, client_of, failure_note, success_note, wire_account
from campaigns.services.sync.days import breakdowns_store, days_store
from campaigns.services.sync.listing import campaigns_fetch, campaigns_store
from campaigns.services.sync.plan import Step, sync_plan
from campaigns.services.sync.runs import (
    LeaseLost,
    heartbeat,
    kills_workers,
    phase_set,
    plan_set,
    run_claim,
    run_fail,
    run_finish,
    run_put_off,
    run_release,
    step_count,
)
from stratum.lib.errors import DomainError

log = structlog.get_logger(__name__)

ACTOR = Actor.job("campaigns.sync_account")
# A report that a platform makes on its side is taken up again by the next turn.
PATIENCE = 120.0

State = Literal["done", "more", "waiting", "failed", "not_ours"]


@dataclass(frozen=True, slots=True)
class Turn:
    """How a turn ended: `more` is left for the next one, `waiting` has a time to come back at."""

    state: State
    counts: dict[str, int]


def sync_advance(*, run_id: int, seconds: float) -> Turn:
    """Work at a run for about so many seconds. No transaction may be open: platforms are asked in between.

    Safe to call at any time, by any number of workers: one of them holds the run, the others pass by.
    """
    run = run_claim(run_id, timezone.now())
    if run is None:
        return Turn("not_ours", {})
    until = time.monotonic() + seconds
    with heartbeat(run):
        try:
            return Turn(_work(run, until), run.counts)
        except LeaseLost:
            log.info("sync.lease_lost", run=run.pk)
            return Turn("not_ours", {})


def _work(run: SyncRun, until: float) -> State:
    client: PlatformClient | None = None
    while True:
        account = _account(run)
        if account.status in (AccountStatus.DISABLED, AccountStatus.IMPORT_ONLY) or account.is_deleted:
            run_fail(run, _("The account was disconnected."), code="disconnected")
            return "failed"
        if kills_workers(run):
            return _put_off(run, account, _own_failure(account))
        try:
            client = client or client_of(account, patience=PATIENCE)
            if not run.plan:
                plan_set(run, sync_plan(account, restatement_days=client.restatement_days, now=timezone.now()))
            if run.done_steps >= len(run.plan):
                return _finish(run, account)
            step_take(run, account, client, Step.from_json(run.plan[run.done_steps]))
        except PlatformError as error:
            return _put_off(run, account, error)
        except DomainError as error:
            return _put_off(run, account, _refused(account, error))
        except (LeaseLost, OperationalError, InterfaceError):
            raise  # without its database a worker can note nothing: the run is taken up when its lease has run out
        except Exception:
            # A bug must not keep a run going round for ever: it counts as a failed try, and the log has the rest.
            _put_off(run, account, _own_failure(account))
            raise
        if time.monotonic() > until:
            run_release(run)
            return "more"


@transaction.atomic
def _account(run: SyncRun) -> AdAccount:
    return AdAccount.objects.with_deleted().select_related("connection").get(pk=run.ad_account_id)


def step_take(run: SyncRun, account: AdAccount, client: PlatformClient, step: Step) -> None:
    """Ask the platform, then write what it said and that it is written, at once."""
    phase_set(run, step)
    asked_at = timezone.now()
    about = wire_account(account)
    if step.kind == "campaigns":
        rows = campaigns_fetch(client, account, about)
        with transaction.atomic():
            step_count(run, campaigns_store(account=account, rows=rows, asked_at=asked_at, actor=ACTOR))
    elif step.kind == "days":
        days = list(client.daily_metrics(about, start=step.window.start, end=step.window.end))
        with transaction.atomic():
            stored = days_store(account=account, days=days, window=step.window, known_at=asked_at, run=run, actor=ACTOR)
            _note_progress(run, account)
            step_count(run, stored)
    else:
        shares = list(client.breakdowns(about, start=step.window.start, end=step.window.end))
        with transaction.atomic():
            stored = breakdowns_store(account=account, rows=shares)
            success_note(account)
            step_count(run, stored)


def _note_progress(run: SyncRun, account: AdAccount) -> None:
    """Numbers are fresh once every chunk of days is in, whatever becomes of the breakdowns.

    As of the beginning of the run: a day that ended while it went on may have been asked for before its end. The deep
    sync of the day is done then too: breakdowns that never work must not make every run of the hour read all days.
    """
    kinds = {step["kind"] for step in run.plan[run.done_steps + 1 :]}
    if "days" not in kinds:
        is_deep = any(step["kind"] == "breakdowns" for step in run.plan)
        deep = {"deep_synced_at": run.started_at} if is_deep else {}
        success_note(account, last_synced_at=run.started_at, **deep)


def _finish(run: SyncRun, account: AdAccount) -> State:
    with transaction.atomic():
        success_note(account)
        run_finish(run)
    return "done"


def _put_off(run: SyncRun, account: AdAccount, error: PlatformError) -> State:
    with transaction.atomic():
        failure_note(account, error)
        goes_on = run_put_off(run, error)
    log.warning("sync.put_off", run=run.pk, kind=error.kind.value, code=error.code, goes_on=goes_on)
    return "waiting" if goes_on else "failed"


def _refused(account: AdAccount, error: DomainError) -> PlatformError:
    return PlatformError(str(error), kind=ErrorKind.INPUT, platform=account.platform, code=REFUSED)


def _own_failure(account: AdAccount) -> PlatformError:
    return PlatformError("An error on our side.", kind=ErrorKind.BROKEN, platform=account.platform, code=INTERNAL)
