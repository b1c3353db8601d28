"""Completeness is what the restatements of settled days say, by age in the account's zone."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from accounts.audit import Actor
from campaigns.queries.completeness import MAX_AGE, UNKNOWN, completeness_by_account, completeness_of, days_immature
from campaigns.services.metrics import MetricRow, metrics_upsert
from campaigns.tests.factories import make_account, make_campaign
from tenants.context import tenant_context

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
# Age in days → conversions known by then, of 10 in the end.
CURVE = {0: 4, 1: 6, 3: 8, 7: 9, 30: 10}


def load(account, *, days=20, curve=CURVE, scale=1, zone=UTC, hour=20, first_day=date(2026, 7, 1)):
    """Days of one new campaign, each restated along the curve at an hour of the local day."""
    campaign = make_campaign(account.tenant, account=account)
    with tenant_context(account.tenant_id):
        for number in range(days):
            day = first_day + timedelta(days=number)
            for age, count in curve.items():
                moment = datetime.combine(day + timedelta(days=age), datetime.min.time(), zone).replace(hour=hour)
                row = MetricRow(campaign.pk, day, 100, 10, 500, count * 1_000_000 * scale, count * 700 * scale)
                metrics_upsert(account=account, rows=[row], source="sync", known_at=moment, actor=Actor.job("test"))
    return campaign


def test_curve_of_an_account(in_acme, acme):
    account = make_account(acme)
    load(account)
    found = completeness_of(account, NOW)
    assert (found.basis, found.days) == ("account", 20)
    assert [found.conversions[age] for age in (0, 1, 2, 3, 6, 7, 29, 30, MAX_AGE)] == pytest.approx(
        [0.4, 0.6, 0.6, 0.8, 0.8, 0.9, 0.9, 1, 1]
    )
    assert found.revenue == pytest.approx(found.conversions)
    assert found.mature_age == days_immature(account, NOW) == 7
    assert found.immature_from(date(2026, 11, 1)) == date(2026, 10, 26)
    assert found.conversions_at(400) == 1


def test_ages_are_of_the_accounts_zone(in_acme, acme):
    """23:00 in Auckland is the same local day, though UTC is a day behind at 08:00 and the day is over at 12:00 UTC."""
    zone = ZoneInfo("Pacific/Auckland")
    account = make_account(acme, timezone=zone.key)
    load(account, zone=zone, hour=23)
    assert completeness_of(account, NOW).conversions[0] == pytest.approx(0.4)
    early = make_account(acme, timezone=zone.key)
    load(early, zone=zone, hour=1)
    assert completeness_of(early, NOW + timedelta(days=1)).conversions[0] == pytest.approx(0.4)


def test_few_days_fall_back_to_the_platform(in_acme, acme):
    old, young = make_account(acme), make_account(acme)
    other = make_account(acme, platform="google")
    load(old)
    load(young, days=3)
    found = completeness_by_account(NOW)
    assert found[old.pk].basis == "account"
    assert (found[young.pk].basis, found[young.pk].mature_age) == ("platform", 7)
    assert found[other.pk] == UNKNOWN
    assert found[other.pk].mature_age is None
    assert found[other.pk].immature_from(date(2026, 11, 1)) is None


def test_days_learnt_late_or_not_settled_teach_nothing(in_acme, acme):
    late, fresh = make_account(acme, platform="tiktok"), make_account(acme, platform="linkedin")
    load(late, curve={30: 4, 40: 10})
    load(fresh, first_day=date(2026, 10, 1))
    found = completeness_by_account(NOW)
    assert found[late.pk] == found[fresh.pk] == UNKNOWN


def test_a_complete_account_has_no_immature_day(in_acme, acme):
    account = make_account(acme)
    load(account, curve={0: 10})
    assert days_immature(account, NOW) == 0
    assert completeness_of(account, NOW).immature_from(date(2026, 11, 1)) is None


def test_counts_taken_back_are_not_complete_before(in_acme, acme):
    """A tracking error first counts too much: the share passes 1 and comes back."""
    account = make_account(acme)
    load(account, curve={0: 20, 5: 10})
    found = completeness_of(account, NOW)
    assert found.conversions[0] == pytest.approx(2)
    assert found.mature_age == 0


def test_other_workspaces_are_not_seen(acme, globex):
    load(make_account(globex))
    account = make_account(acme)
    with tenant_context(acme):
        assert set(completeness_by_account(NOW)) == {account.pk}
        assert completeness_of(account, NOW) == UNKNOWN


def test_learning_is_one_statement_whatever_the_accounts(in_acme, acme, django_assert_num_queries):
    load(make_account(acme), days=1)
    load(make_account(acme), days=1)
    with django_assert_num_queries(4):  # accounts, arrivals, and the planner's switch there and back
        completeness_by_account(NOW)
    with django_assert_num_queries(0):
        completeness_by_account(NOW)
