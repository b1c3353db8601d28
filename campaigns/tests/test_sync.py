"""Syncs against the simulated platforms: what arrives equals the platforms' own ledger, whatever happens on the way."""

import datetime
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from django.utils import timezone

from accounts.audit import Actor
from accounts.models import AuditLog
from campaigns.choices import SyncTrigger
from campaigns.models import AdAccount, Campaign, CampaignChange, CampaignMetric, MetricRevision, SyncRun
from campaigns.queries.sync import accounts_to_sync, runs_to_resume
from campaigns.services.rollups import rollups_rebuild
from campaigns.services.sync import sync_advance, sync_request
from campaigns.tests.factories import make_account, make_campaign, record_days
from campaigns.tests.sandbox_cast import ACCOUNTS, connected
from stratum.lib.errors import DomainError
from tenants.context import tenant_context

pytestmark = pytest.mark.django_db(transaction=True)
ACTOR = Actor.job("test")
FIGURES = ("impressions", "clicks", "spend", "conversions_micros", "revenue")


def request(account: AdAccount, trigger: SyncTrigger = SyncTrigger.SCHEDULE) -> SyncRun:
    with tenant_context(account.tenant_id):
        return sync_request(account=account, trigger=trigger, actor=ACTOR)


def advance(run: SyncRun, seconds: float = 60) -> str:
    with tenant_context(run.tenant_id):
        return sync_advance(run_id=run.pk, seconds=seconds).state


def skip_pause(run: SyncRun) -> None:
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


@pytest.mark.parametrize("platform", ACCOUNTS)
def test_first_sync_equals_the_ledger(live_sandbox, acme, platform):
    account = connected(acme, live_sandbox, ACCOUNTS[platform])
    run = sync(account)
    assert (run.status, run.error, run.done_steps) == ("done", "", run.total_steps)
    expected = ledger_of(live_sandbox, account)
    assert len(expected) > 100
    assert days_of(account) == expected
    account = fresh(account)
    assert (account.status, account.last_error, account.last_synced_at is None) == ("ok", "", False)
    with tenant_context(acme), transaction.atomic():
        changes = rollups_rebuild(account)
        assert (changes.campaigns, changes.daily_totals) == (0, 0)
        assert Campaign.objects.exclude(demographics_location=None).exists()
        assert not Campaign.objects.filter(last_synced_at=None).exclude(status="archived").exists()
