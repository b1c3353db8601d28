"""Daily numbers: what an upsert writes, what it leaves alone, and what it remembers."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection, transaction

from accounts.audit import Actor
from accounts.models import AuditLog
from campaigns.models import Campaign, CampaignMetric, DailyTotal, MetricRevision
from campaigns.queries.rollups import campaign_differences, day_differences
from campaigns.services.campaign_rows import CampaignRow, campaigns_upsert
from campaigns.services.metrics import MetricRow, metrics_upsert
from campaigns.services.rollups import daily_totals_refresh
from campaigns.sql import hash_joins
from campaigns.tests.factories import make_account, make_campaign
from tenants.context import tenant_context

JOB = Actor.job("test")
T0 = datetime(2026, 5, 1, 8, tzinfo=UTC)
DAY = date(2026, 4, 30)


@pytest.fixture
def account(acme):
    return make_account(acme)


@pytest.fixture
def campaign(acme, account):
    return make_campaign(acme, account=account)


def upsert(account, *rows, known_at=T0, source="sync", **extra):
    with tenant_context(account.tenant_id):
        return metrics_upsert(account=account, rows=rows, source=source, known_at=known_at, actor=JOB, **extra)


def test_new_days_are_added_and_rolled_up(in_acme, account, campaign):
    result = upsert(
        account,
        MetricRow(campaign.pk, DAY, 1000, 10, 500, 1_500_000, 900, video_views=7),
        MetricRow(campaign.pk, DAY + timedelta(days=1), 1000, 20, 700, 1_000_000, 0),
    )
    assert (result.inserted, result.changed, result.unchanged) == (2, 0, 0)
    assert result.campaigns_touched == (campaign.pk,)
    assert result.dates == (DAY, DAY + timedelta(days=1))
    first = CampaignMetric.objects.get(date=DAY)
    assert (first.conversions, first.conversions_micros, first.video_views) == (2, 1_500_000, 7)
    assert (first.first_known_at, first.known_at) == (T0, T0)
    second = CampaignMetric.objects.exclude(date=DAY).get()
    assert (second.conversions, second.conversions_micros) == (1, None)
    campaign.refresh_from_db()
    assert (campaign.total_spend_cents, campaign.clicks, campaign.impressions) == (1200, 30, 2000)
    # 2.5 conversions: half to even.
    assert (campaign.conversions, campaign.conversions_micros, campaign.revenue_cents) == (2, 2_500_000, 900)
    assert campaign.cpa_cents == 480
    total = DailyTotal.objects.get(date=DAY)
    assert (total.ad_account_id, total.platform, total.currency) == (account.pk, "meta", "USD")
    assert (total.spend_cents, total.conversions_micros) == (500, 1_500_000)
    assert not MetricRevision.objects.exists()


def test_same_rows_again_write_nothing(in_acme, account, campaign):
    rows = [MetricRow(campaign.pk, DAY, 1000, 10, 500, 1_500_000, 900, None, None, 3)]
    upsert(account, *rows)
    audit = AuditLog.objects.count()
    result = upsert(account, *rows, known_at=T0 + timedelta(hours=1))
    assert (result.inserted, result.changed, result.unchanged) == (0, 0, 1)
    assert result.campaigns_touched == ()
    assert not MetricRevision.objects.exists()
    assert CampaignMetric.objects.get().known_at == T0
    assert AuditLog.objects.count() == audit


def test_change_keeps_what_was_known(in_acme, account, campaign):
    upsert(account, MetricRow(campaign.pk, DAY, 1000, 10, 500, 1_500_000, 900))
    later = T0 + timedelta(days=1)
    result = upsert(account, MetricRow(campaign.pk, DAY, conversions_micros=2_000_000), known_at=later)
    assert (result.inserted, result.changed, result.unchanged) == (0, 1, 0)
    revision = MetricRevision.objects.get()
    assert (revision.old_conversions_micros, revision.new_conversions_micros) == (1_500_000, 2_000_000)
    assert (revision.old_spend_cents, revision.new_spend_cents) == (500, 500)
    assert (revision.known_at, revision.source, revision.old_extras) == (later, "sync", None)
    day = CampaignMetric.objects.get()
    assert (day.spend_cents, day.conversions, day.conversions_micros) == (500, 2, None)
    assert (day.first_known_at, day.known_at) == (T0, later)


def test_zero_is_a_value_and_none_is_not(in_acme, account, campaign):
    upsert(account, MetricRow(campaign.pk, DAY, 1000, 10, 500, 0, 900, video_views=4))
    upsert(account, MetricRow(campaign.pk, DAY, clicks=0, video_views=0))
    day = CampaignMetric.objects.get()
    assert (day.impressions, day.clicks, day.video_views) == (1000, 0, 0)
    revision = MetricRevision.objects.get()
    assert (revision.old_extras, revision.new_extras) == ({"video_views": 4}, {"video_views": 0})


def test_earlier_knowledge_counts_as_just_after_the_present_values(in_acme, account, campaign):
    upsert(account, MetricRow(campaign.pk, DAY, clicks=1))
    upsert(account, MetricRow(campaign.pk, DAY, clicks=2), known_at=T0 - timedelta(days=3))
    assert MetricRevision.objects.get().known_at == T0 + timedelta(microseconds=1)


def test_rows_of_another_account_are_refused(in_acme, acme, account, campaign):
    other = make_campaign(acme)
    with pytest.raises(ValueError, match="not one of account"), transaction.atomic():
        upsert(account, MetricRow(campaign.pk, DAY, 1), MetricRow(other.pk, DAY, 1))
    assert not CampaignMetric.objects.exists()


def test_rows_of_another_tenant_are_refused(globex, account):
    foreign = make_campaign(globex)
    with pytest.raises(ValueError, match="not one of account"):
        upsert(account, MetricRow(foreign.pk, DAY, 1))


def test_a_day_given_twice_is_refused(in_acme, account, campaign):
    with pytest.raises(ValueError, match="twice"):
        upsert(account, MetricRow(campaign.pk, DAY, 1), MetricRow(campaign.pk, DAY, 2))


def test_rows_may_come_from_a_generator(in_acme, account, campaign):
    result = upsert(account, *(MetricRow(campaign.pk, DAY - timedelta(days=n), n) for n in range(40)))
    assert result.inserted == 40
    assert Campaign.objects.get().impressions == sum(range(40))


def test_known_at_needs_a_zone(in_acme, account):
    with pytest.raises(ValueError, match="zone"):
        upsert(account, known_at=datetime(2026, 5, 1))  # noqa: DTZ001


def test_upsert_is_audited_once(in_acme, account, campaign):
    upsert(account, MetricRow(campaign.pk, DAY, 1), MetricRow(campaign.pk, DAY - timedelta(days=1), 1))
    entry = AuditLog.objects.get(resource_type="campaign_metrics")
    assert entry.new_value["days_added"] == 2
    assert entry.actor_label == "test"


def test_planner_settings_end_with_the_block(in_acme):
    def settings():
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('enable_nestloop'), current_setting('work_mem')")
            return cursor.fetchone()

    before = settings()
    with hash_joins():
        assert settings() == ("off", "64MB")
    assert settings() == before
    with pytest.raises(ValueError, match="twice"), transaction.atomic(), hash_joins():
        raise ValueError("twice")
    assert settings() == before


def test_a_campaign_that_comes_back_brings_its_days_back_into_the_totals(in_acme, account, campaign):
    upsert(account, MetricRow(campaign.pk, DAY, clicks=5))
    Campaign.objects.filter(pk=campaign.pk).update(is_deleted=True)
    daily_totals_refresh(account)
    assert not DailyTotal.objects.exists()
    campaigns_upsert(account=account, rows=[CampaignRow(campaign.external_id)], actor=JOB)
    assert DailyTotal.objects.get().clicks == 5
    assert day_differences() == []


def test_days_of_a_deleted_campaign_are_in_no_total(in_acme, account, campaign):
    Campaign.objects.filter(pk=campaign.pk).update(is_deleted=True)
    upsert(account, MetricRow(campaign.pk, DAY, clicks=5))
    upsert(account, MetricRow(campaign.pk, DAY, clicks=6))
    assert not DailyTotal.objects.exists()
    assert campaign_differences() == day_differences() == []
