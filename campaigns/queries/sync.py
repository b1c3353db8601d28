"""What the jobs and the screens ask about syncs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from campaigns.choices import AccountStatus, SyncStatus
from campaigns.models import AdAccount, SyncRun
from tenants.context import unscoped

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
    """How far a run is. `waiting_until` and `reason` while it has to wait."""

    run_id: int
    phase: str
    done: int
    total: int
    started_at: datetime
    waiting_until: datetime | None
    reason: str

    @property
    def percent(self) -> int | None:
        """0–99; None while the steps are not known yet."""
        return min(99, 100 * self.done // self.total) if self.total else None


def progress_of(run: SyncRun, now: datetime | None = None) -> SyncProgress:
    waits = run.retry_at is not None and run.retry_at > (now or timezone.now())
    return SyncProgress(
        run.pk,
        run.phase,
        run.done_steps,
        run.total_steps,
        run.started_at,
        run.retry_at if waits else None,
        run.error if waits else "",
    )


def running_by_account(account_ids: Iterable[int]) -> dict[int, SyncRun]:
    """The run under way of each of these accounts, where there is one."""
    runs = SyncRun.objects.filter(status=SyncStatus.RUNNING, ad_account_id__in=list(account_ids))
    return {run.ad_account_id: run for run in runs.defer("plan")}


def latest_runs(account: AdAccount, most: int = 10) -> Sequence[SyncRun]:
    return list(SyncRun.objects.filter(ad_account=account).defer("plan").order_by("-started_at")[:most])
