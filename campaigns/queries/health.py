"""How far each account's numbers can be trusted: how old they are, what went wrong last, what was restated since.

An account is behind by the days between the newest day it has and yesterday in its own zone. Accounts without an
active campaign have nothing to deliver and are never behind; one that was disconnected on purpose is not broken.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from django.core.cache import cache
from django.db import connection
from django.utils import timezone

from accounts.middleware import zone_or_utc
from campaigns.choices import AccountStatus, ImportStatus, Platform
from campaigns.models import Campaign, ImportBatch
from campaigns.queries.sync import AccountSync, account_syncs
from tenants.choices import JobOutcome
from tenants.context import bound_tenant_id
from tenants.models import JobRun

# A connected account syncs hourly: a missing yesterday is still normal in the morning, a missing day before is not.
# Imports come by hand: a week without one means that nobody does them any more.
BEHIND_CONNECTED = 2
BEHIND_IMPORTED = 7
FRESHNESS_DAYS = 400
RESTATED_DAYS = 7
RESTATED_CACHE_SECONDS = 600
FAILED_IMPORT_DAYS = 7
JOBS_SHOWN = 25

State = Literal["fresh", "behind", "broken", "disconnected", "idle", "empty"]


@dataclass(frozen=True, slots=True)
class AccountHealth:
    """One ad account. `newest_day` is the newest day with numbers; `arrived_at` when numbers last came in."""

    id: int
    name: str
    platform: str
    currency: str
    zone: str
    status: str
    last_error: str
    active_campaigns: int
    campaigns: int
    newest_day: date | None
    arrived_at: datetime | None
    is_sandbox: bool
    sync: AccountSync
    today: date

    @property
    def full_name(self) -> str:
        """The name with its platform: agencies name the accounts of a client alike."""
        return f"{self.name} ({Platform(self.platform).label})"

    @property
    def is_imported(self) -> bool:
        return self.status == AccountStatus.IMPORT_ONLY

    @property
    def days_behind(self) -> int | None:
        """Full days without numbers up to yesterday; 0 when yesterday is there. None: no day at all."""
        if self.newest_day is None:
            return None
        return max((self.today - timedelta(days=1) - self.newest_day).days, 0)

    @property
    def error(self) -> str:
        """Why it is broken or its newest sync failed, in words; what a disconnected account said is over."""
        if self.state == "disconnected":
            return ""
        return self.last_error or (self.sync.ended.error if self.sync.has_failed and self.sync.ended else "")

    @property
    def state(self) -> State:
        if self.status in (AccountStatus.NEEDS_REAUTH, AccountStatus.PERMISSION_LOST):
            return "broken"
        if self.status == AccountStatus.DISABLED:
            # A person wanted it so: nothing is missing.
            return "disconnected"
        if self.newest_day is None:
            return "empty" if self.active_campaigns else "idle"
        if not self.active_campaigns:
            return "idle"
        allowed = BEHIND_IMPORTED if self.is_imported else BEHIND_CONNECTED
        return "behind" if (self.days_behind or 0) >= allowed else "fresh"

    @property
    def needs_attention(self) -> bool:
        if self.state == "empty" and self.sync.running is not None:
            return False  # its first numbers are on their way
        return self.state in ("behind", "broken", "empty") or self.sync.has_failed


def account_health(now: datetime | None = None) -> list[AccountHealth]:
    """Every account of the workspace, those that need attention first. Two statements."""
    moment = now or timezone.now()
    syncs = account_syncs(now=moment)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT a.id, a.name, a.platform, a.currency, a.timezone, a.status, a.last_error,
                   COALESCE(c.active, 0), COALESCE(c.campaigns, 0), t.newest_day,
                   GREATEST(a.last_synced_at, i.finished_at), a.is_sandbox
            FROM ad_accounts a
            LEFT JOIN (
                SELECT ad_account_id, count(*) FILTER (WHERE status = 'active') AS active, count(*) AS campaigns
                FROM campaigns WHERE tenant_id = %(tenant)s AND is_deleted IS NOT TRUE GROUP BY ad_account_id
            ) c ON c.ad_account_id = a.id
            LEFT JOIN (
                SELECT ad_account_id, MAX(date) AS newest_day FROM daily_totals
                WHERE tenant_id = %(tenant)s AND date >= %(since)s GROUP BY ad_account_id
            ) t ON t.ad_account_id = a.id
            LEFT JOIN (
                SELECT ad_account_id, MAX(finished_at) AS finished_at FROM import_batches
                WHERE tenant_id = %(tenant)s AND status = 'done' GROUP BY ad_account_id
            ) i ON i.ad_account_id = a.id
            WHERE a.tenant_id = %(tenant)s AND a.is_deleted IS NOT TRUE
            ORDER BY a.name, a.id
            """,
            {"tenant": bound_tenant_id(), "since": moment.date() - timedelta(days=FRESHNESS_DAYS)},
        )
        rows = [(*row, syncs[row[0]], moment.astimezone(zone_or_utc(row[4])).date()) for row in cursor.fetchall()]
    return sorted((AccountHealth(*row) for row in rows), key=lambda account: not account.needs_attention)


def campaigns_over_limit() -> int:
    """How many campaigns the plan has no room for: they are counted, but neither changed nor acted on."""
    return Campaign.objects.filter(over_limit=True).count()


@dataclass(frozen=True, slots=True)
class Restatements:
    """Changes of known days of one account in the last days: how many, and what they added up to.

    `spend` and `revenue` in minor units of the account's currency; `days` how many campaign-days changed; `oldest`
    the oldest day that did.
    """

    account_id: int | None
    account: str
    platform: str
    currency: str
    changes: int
    days: int
    oldest: date
    newest_at: datetime
    spend: int
    revenue: int
    conversions: float


def restatements(now: datetime | None = None) -> list[Restatements]:
    """Restatements that arrived in the last RESTATED_DAYS days, per account and currency; kept for ten minutes."""
    moment = now or timezone.now()
    key = f"restatements:{bound_tenant_id()}:{moment:%Y%m%d%H}"
    known = cache.get(key)
    if known is None:
        known = _restated(moment - timedelta(days=RESTATED_DAYS))
        cache.set(key, known, RESTATED_CACHE_SECONDS)
    return known


def _restated(since: datetime) -> list[Restatements]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT a.id, COALESCE(a.name, ''), c.platform, c.currency, SUM(r.changes)::bigint, count(*),
                   MIN(r.date), MAX(r.newest_at), SUM(r.spend)::bigint, SUM(r.revenue)::bigint,
                   SUM(r.conversions)::float8 / 1000000
            FROM (
                SELECT tenant_id, campaign_id, date, count(*) AS changes, MAX(known_at) AS newest_at,
                       SUM(COALESCE(new_spend_cents, 0) - COALESCE(old_spend_cents, 0)) AS spend,
                       SUM(COALESCE(new_revenue_cents, 0) - COALESCE(old_revenue_cents, 0)) AS revenue,
                       SUM(COALESCE(new_conversions_micros, 0) - COALESCE(old_conversions_micros, 0)) AS conversions
                FROM metric_revisions WHERE tenant_id = %s AND known_at >= %s GROUP BY tenant_id, campaign_id, date
            ) r
            JOIN campaigns c ON c.tenant_id = r.tenant_id AND c.id = r.campaign_id
            LEFT JOIN ad_accounts a ON a.tenant_id = c.tenant_id AND a.id = c.ad_account_id
            GROUP BY a.id, a.name, c.platform, c.currency
            ORDER BY SUM(r.changes) DESC, a.name
            """,
            [bound_tenant_id(), since],
        )
        return [Restatements(*row) for row in cursor.fetchall()]


def job_runs() -> Sequence[JobRun]:
    """The newest runs of background jobs of this workspace."""
    return list(JobRun.objects.order_by("-started_at", "-pk")[:JOBS_SHOWN])


def failed_jobs(hours: int = 24) -> Sequence[JobRun]:
    """Jobs whose newest run of the last hours failed: one that succeeded since needs nobody."""
    since = timezone.now() - timedelta(hours=hours)
    newest = JobRun.objects.filter(started_at__gte=since).order_by("job", "-started_at").distinct("job")
    return [run for run in newest if run.outcome == JobOutcome.FAILED]


def refused_imports(days: int = FAILED_IMPORT_DAYS) -> Sequence[ImportBatch]:
    """Uploads of the last days that were refused, newest first, at most five."""
    since = timezone.now() - timedelta(days=days)
    return list(
        ImportBatch.objects.filter(status=ImportStatus.REFUSED, created_at__gte=since).order_by("-created_at")[:5]
    )
