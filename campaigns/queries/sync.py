"""What the jobs and the screens ask about syncs."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from campaigns.choices import AccountStatus, SyncStatus
from campaigns.models import AdAccount, SyncRun
from stratum.lib.hourly import SYNC_MINUTE, next_at_minute
from tenants.context import bound_tenant_id, unscoped

# Rights that were lost at the platform may be given back there: asked for once a day.
ASK_AGAIN_AFTER = timedelta(hours=24)
# A message needs a moment to reach a worker; a run that nobody holds for longer was forgotten.
UNHELD_AFTER = timedelta(seconds=20)


@transaction.atomic
def accounts_to_sync(now: datetime | None = None) -> list[AdAccount]:
    """Connected accounts of the bound workspace that are due at an hourly sync."""
    lately = SyncRun.objects.filter(
        ad_account=OuterRef("pk"), started_at__gte=(now or timezone.now()) - ASK_AGAIN_AFTER
    )
    due = Q(status=AccountStatus.OK) | (Q(status=AccountStatus.PERMISSION_LOST) & ~Exists(lately))
    return list(AdAccount.objects.filter(due, connection__isnull=False).order_by("pk"))


def runs_to_resume(now: datetime | None = None) -> list[tuple[int, int]]:
    """(workspace, run) of all runs under way that nobody holds and that are due."""
    moment = now or timezone.now()
    lost = Q(heartbeat_at__lt=moment - timedelta(seconds=settings.SYNC_LEASE_SECONDS))
    unheld = Q(lease="", heartbeat_at__lt=moment - UNHELD_AFTER)
    due = Q(retry_at=None) | Q(retry_at__lte=moment)
    with unscoped("fan-out: sync runs of all workspaces that were left behind"), transaction.atomic():
        runs = SyncRun.objects.filter(lost | unheld, due, status=SyncStatus.RUNNING).order_by("pk")
        return list(runs.values_list("tenant_id", "pk"))


@dataclass(frozen=True, slots=True)
class SyncProgress:
    """How far a run is. `start` and `end` are the days that are read now; `waiting_until`, `reason` and `kind` (of
    campaigns.clients.base.ErrorKind) while it has to wait."""

    run_id: int
    phase: str
    start: date | None
    end: date | None
    done: int
    total: int
    started_at: datetime
    waiting_until: datetime | None
    reason: str
    kind: str

    @property
    def percent(self) -> int | None:
        """0–99; None while the steps are not known yet."""
        return min(99, 100 * self.done // self.total) if self.total else None


def progress_of(run: SyncRun, now: datetime | None = None) -> SyncProgress:
    step = run.plan[run.done_steps] if run.done_steps < len(run.plan) else None
    return _progress(
        (run.pk, run.phase, step, run.done_steps, run.total_steps, run.started_at, run.retry_at, run.error,
         run.error_kind),
        now or timezone.now(),
    )  # fmt: skip


def _progress(values: Sequence[Any], now: datetime) -> SyncProgress:
    run_id, phase, step, done, total, started_at, retry_at, error, kind = values
    start, end = (date.fromisoformat(step[key]) if step and step.get(key) else None for key in ("start", "end"))
    waits = retry_at is not None and retry_at > now
    return SyncProgress(
        run_id, phase, start, end, done, total, started_at,
        retry_at if waits else None, error if waits else "", kind if waits else "",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class EndedSync:
    """The newest run of an account that is over. `error` in words, empty when it went well."""

    run_id: int
    status: str
    started_at: datetime
    finished_at: datetime
    error: str
    counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class AccountSync:
    """Where the syncs of one account stand. `synced_at` is as of when its numbers are complete."""

    account_id: int
    platform: str
    status: str
    has_connection: bool
    synced_at: datetime | None
    running: SyncProgress | None
    ended: EndedSync | None
    now: datetime

    @property
    def is_connected(self) -> bool:
        """Whether it lives on a connection, be that broken at the moment."""
        return self.has_connection and self.status not in (AccountStatus.DISABLED, AccountStatus.IMPORT_ONLY)

    @property
    def can_sync(self) -> bool:
        return self.is_connected and self.status != AccountStatus.NEEDS_REAUTH

    @property
    def has_failed(self) -> bool:
        """The newest run failed and none is under way. What is not connected any more has nothing to mend."""
        failed = self.ended is not None and self.ended.status == SyncStatus.FAILED
        return failed and self.is_connected and self.running is None

    @property
    def next_at(self) -> datetime | None:
        """When the scheduler takes the account up again; None when it does not, or a run is under way."""
        if not self.can_sync or self.running is not None:
            return None
        after = self.now
        if self.status == AccountStatus.PERMISSION_LOST and self.ended is not None:
            after = max(after, self.ended.started_at + ASK_AGAIN_AFTER)
        return next_at_minute(SYNC_MINUTE, after)


def account_syncs(account_ids: Iterable[int] | None = None, now: datetime | None = None) -> dict[int, AccountSync]:
    """Where the syncs stand, by account: of these, or of all accounts of the workspace. One statement."""
    moment = now or timezone.now()
    with connection.cursor() as cursor:
        ids = None if account_ids is None else list(account_ids)
        cursor.execute(_ACCOUNT_SYNCS, {"tenant": bound_tenant_id(), "ids": ids})
        return {row[0]: _account_sync(row, moment) for row in cursor.fetchall()}


def _account_sync(row: Sequence[Any], now: datetime) -> AccountSync:
    account_id, platform, status, has_connection, synced_at = row[:5]
    run_id, outcome, started_at, finished_at, error, counts = row[5:11]
    running_id, phase, step, *rest = row[11:]
    return AccountSync(
        account_id,
        platform,
        status,
        has_connection,
        synced_at,
        None if running_id is None else _progress((running_id, phase, json.loads(step) if step else None, *rest), now),
        None if run_id is None else EndedSync(run_id, outcome, started_at, finished_at, error, json.loads(counts)),
        now,
    )


# The newest ended run by the account's own index: an account has one run an hour, for years.
_ACCOUNT_SYNCS = """
    SELECT a.id, a.platform, a.status, a.connection_id IS NOT NULL, a.last_synced_at,
           e.id, e.status, e.started_at, e.finished_at, e.error, e.counts::text,
           r.id, r.phase, (r.plan -> r.done_steps)::text, r.done_steps, r.total_steps, r.started_at, r.retry_at,
           r.error, r.error_kind
    FROM ad_accounts a
    LEFT JOIN LATERAL (
        SELECT * FROM sync_runs s
        WHERE s.tenant_id = %(tenant)s AND s.ad_account_id = a.id AND s.finished_at IS NOT NULL
        ORDER BY s.started_at DESC LIMIT 1
    ) e ON true
    LEFT JOIN sync_runs r ON r.tenant_id = %(tenant)s AND r.ad_account_id = a.id AND r.status = 'running'
    WHERE a.tenant_id = %(tenant)s AND a.is_deleted IS NOT TRUE
      AND (%(ids)s::bigint[] IS NULL OR a.id = ANY(%(ids)s))
"""


def runs_of(account: AdAccount, status: str = "") -> QuerySet[SyncRun]:
    """The account's runs with who asked for them, newest first; of one outcome, if there is a `status`."""
    runs = SyncRun.objects.filter(ad_account=account).select_related("requested_by").defer("plan")
    return (runs.filter(status=status) if status else runs).order_by("-started_at", "-pk")


def accounts_to_ask() -> list[AdAccount]:
    """Accounts of the bound workspace that a person may have synced now."""
    askable = (AccountStatus.OK, AccountStatus.PERMISSION_LOST)
    return list(AdAccount.objects.filter(status__in=askable, connection__isnull=False).order_by("pk"))
