"""Syncs as workers make them, and both sides of the comparison: what we hold, and the sandbox's ledger."""

from datetime import timedelta
from zoneinfo import ZoneInfo

from django.core.cache import cache
from django.db import transaction
from django.utils import timezone

from accounts.audit import Actor
from campaigns.choices import SyncTrigger
from campaigns.models import AdAccount, CampaignMetric, MetricRevision, SyncRun
from campaigns.services.sync import sync_advance, sync_request
from tenants.context import tenant_context

ACTOR = Actor.job("test")
FIGURES = ("impressions", "clicks", "spend", "conversions_micros", "revenue")


def request(account: AdAccount, trigger: SyncTrigger = SyncTrigger.SCHEDULE) -> SyncRun:
    with tenant_context(account.tenant_id):
        return sync_request(account=account, trigger=trigger, actor=ACTOR)


def advance(run: SyncRun, seconds: float = 60) -> str:
    with tenant_context(run.tenant_id):
        return sync_advance(run_id=run.pk, seconds=seconds).state


def skip_pause(run: SyncRun) -> None:
    cache.clear()  # limits that workers share are over as well
    with tenant_context(run.tenant_id), transaction.atomic():
        SyncRun.objects.filter(pk=run.pk).update(retry_at=None)


def sync(account: AdAccount) -> SyncRun:
    """A whole sync, without the pauses between its tries."""
    run = request(account)
    for _try in range(60):
        state = advance(run)
        if state in ("done", "failed"):
            break
        skip_pause(run)
    return fresh(run)


def fresh(row):
    with tenant_context(row.tenant_id), transaction.atomic():
        return type(row)._base_manager.get(pk=row.pk)


def days_of(account: AdAccount) -> dict:
    """(external campaign id, day) → figures in the ledger's units; days on which nothing happened left out."""
    with tenant_context(account.tenant_id), transaction.atomic():
        rows = CampaignMetric.objects.filter(campaign__ad_account=account).select_related("campaign")
        found = {
            (row.campaign.external_id, row.date): (
                row.impressions,
                row.clicks,
                row.spend_cents,
                row.conversions * 1_000_000 if row.conversions_micros is None else row.conversions_micros,
                row.revenue_cents,
            )
            for row in rows
        }
    return {key: values for key, values in found.items() if any(values)}


def ledger_of(sandbox, account: AdAccount, days: int = 90) -> dict:
    today = timezone.now().astimezone(ZoneInfo(account.timezone)).date()
    rows = sandbox.ledger(account.external_id, today - timedelta(days=days - 1), today)
    found = {key: tuple(row[name] or 0 for name in FIGURES) for key, row in rows.items()}
    return {key: values for key, values in found.items() if any(values)}


def revisions(account: AdAccount) -> int:
    with tenant_context(account.tenant_id), transaction.atomic():
        return MetricRevision.objects.filter(campaign__ad_account=account).count()
