"""Asking for changes: what is refused and why, what replaces what, budgets in integers, many at once."""

from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import AuditLog
from campaigns.models import Campaign, CampaignChange
from campaigns.queries.changes import wished
from campaigns.services import changes
from campaigns.services.changes import BudgetWish, budget_after
from campaigns.tests.change_helpers import RULE, ask, fresh, ledger_of, make_changeable, person, set_change
from campaigns.tests.factories import make_account, make_campaign, make_connected_account
from stratum.lib.errors import DomainError
from tenants.context import tenant_context


def refused(campaign, field, value, **more) -> str:
    with pytest.raises(DomainError) as raised:
        ask(campaign, field, value, **more)
    assert str(raised.value).endswith(".")
    return raised.value.code


# --- One ------------------------------------------------------------------------------------------------------


def test_a_wish_becomes_a_queued_row_with_both_values_and_an_audit_entry(acme, manager):
    campaign = make_changeable(acme)
    change = ask(campaign, "status", "paused", person(manager))
    assert (change.state, change.old_status, change.new_status, change.user_id) == (
        "queued", "active", "paused", manager.pk,
    )  # fmt: skip
    assert fresh(campaign).status == "active"  # only the platform decides that
    with tenant_context(acme), transaction.atomic():
        entry = AuditLog.objects.get(resource_type="campaign_changes", resource_id=str(change.pk))
    assert (entry.action, entry.user_id, entry.new_value["campaign"]) == ("create", manager.pk, campaign.pk)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("import_only", "import_only"),
        ("needs_reauth", "needs_reauth"),
        ("permission_lost", "permission_lost"),
        ("disabled", "disabled"),
    ],
)
@pytest.mark.parametrize(("field", "value"), [("status", "paused"), ("daily_budget", 12_000)])
def test_an_account_that_cannot_be_written_to_refuses(acme, status, code, field, value):
    campaign = make_changeable(acme, account=make_connected_account(acme, status=status))
    assert refused(campaign, field, value) == code
    assert ledger_of(campaign) == []


def test_a_campaign_without_an_account_refuses(acme):
    campaign = make_campaign(acme)
    with tenant_context(acme), transaction.atomic():
        Campaign.objects.filter(pk=campaign.pk).update(ad_account=None)
    assert refused(campaign, "status", "paused") == "no_account"


@pytest.mark.parametrize(
    ("fields", "field", "value", "code"),
    [
        ({"over_limit": True}, "status", "paused", "over_limit"),
        ({"over_limit": True}, "daily_budget", 12_000, "over_limit"),
        ({"status": "archived"}, "status", "active", "final"),
        ({"status": "archived"}, "daily_budget", 12_000, "final"),
        ({"status": "completed"}, "status", "active", "completed"),
        ({}, "status", "archived", "not_settable"),
        ({"budget_lock": "ad_sets"}, "daily_budget", 12_000, "ad_sets"),
        ({"budget_lock": "shared"}, "daily_budget", 12_000, "shared"),
        ({"budget_lock": "lifetime"}, "daily_budget", 12_000, "lifetime"),
        ({"budget_lock": "final"}, "daily_budget", 12_000, "final"),
        ({"budget_lock": "unknown"}, "daily_budget", 12_000, "unknown"),
        ({}, "daily_budget", 0, "not_positive"),
        ({}, "daily_budget", -100, "not_positive"),
        ({"daily_budget_cents": None}, "daily_budget", BudgetWish.percent(1_000), "no_budget"),
        ({}, "daily_budget", BudgetWish.set_to(12_000, "EUR"), "currency"),
        ({}, "daily_budget", BudgetWish.percent(10**20), "too_large"),
    ],
)
def test_what_can_be_known_is_refused_before_anything_is_sent(acme, fields, field, value, code):
    campaign = make_changeable(acme, **fields)
    assert refused(campaign, field, value) == code
    assert ledger_of(campaign) == []


def test_the_accounts_minimum_and_the_platforms_steps_hold(acme):
    account = make_connected_account(acme, minimum_daily_budget_cents=500)
    assert refused(make_changeable(acme, account=account), "daily_budget", 499) == "below_minimum"
    coarse = make_connected_account(acme, platform="meta", currency="HUF")
    assert refused(make_changeable(acme, account=coarse), "daily_budget", 500_050) == "not_multiple"


def test_the_wanted_state_needs_no_row(acme):
    campaign = make_changeable(acme)
    assert ask(campaign, "status", "active") is None
    assert ask(campaign, "daily_budget", 10_000) is None
    assert ledger_of(campaign) == []


def test_the_same_wish_twice_is_one_change(acme):
    campaign = make_changeable(acme)
    assert ask(campaign, "status", "paused") == ask(campaign, "status", "paused")
    assert len(ledger_of(campaign)) == 1


def test_a_newer_wish_replaces_one_that_was_not_sent_and_the_ledger_keeps_both(acme):
    campaign = make_changeable(acme)
    ask(campaign, "daily_budget", 12_000)
    ask(campaign, "daily_budget", 15_000)
    first, second = ledger_of(campaign)
    assert (first.state, first.error_code, first.finished_at is not None) == ("failed", "local.replaced", True)
    assert (second.state, second.old_budget_cents, second.new_budget_cents) == ("queued", 10_000, 15_000)


def test_a_wish_for_what_is_takes_an_untried_change_back(acme):
    campaign = make_changeable(acme)
    ask(campaign, "status", "paused")
    assert ask(campaign, "status", "active") is None
    assert [(row.state, row.error_code) for row in ledger_of(campaign)] == [("failed", "local.replaced")]


def test_a_tried_change_may_have_arrived_so_its_opposite_is_sent(acme):
    campaign = make_changeable(acme)
    set_change(ask(campaign, "status", "paused"), attempts=1)
    back = ask(campaign, "status", "active")
    assert (back.state, back.old_status, back.new_status) == ("queued", "active", "active")


def test_while_a_change_is_being_sent_another_wish_waits(acme):
    campaign = make_changeable(acme)
    set_change(ask(campaign, "status", "paused"), state="sending")
    assert refused(campaign, "status", "active") == "being_sent"
    assert ask(campaign, "daily_budget", 12_000).state == "queued"  # another field is another matter


def test_rules_come_through_the_same_door(acme):
    campaign = make_changeable(acme)
    change = ask(campaign, "status", "paused", origin="rule")
    assert (change.origin, change.actor_label, change.user_id) == ("rule", "Stop loss", None)


# --- Budgets --------------------------------------------------------------------------------------------------


@given(st.integers(1, 10**12), st.integers(-9_999, 100_000), st.sampled_from([1, 10, 100]))
def test_relative_budgets_are_exact_and_half_even(minor, hundredths, step):
    exact = Decimal(minor) * (10_000 + hundredths) / 10_000 / step
    assert budget_after(minor, hundredths, step) == int(exact.quantize(Decimal(1), ROUND_HALF_EVEN)) * step


@given(st.integers(1, 10**12), st.integers(0, 100_000))
def test_raising_never_lowers_and_lowering_never_raises(minor, hundredths):
    assert budget_after(minor, hundredths) >= minor
    assert 0 <= budget_after(minor, -min(hundredths, 10_000)) <= minor


@pytest.mark.parametrize(
    ("wish", "after"),
    [
        (BudgetWish.percent(1_000), 11_000),
        (BudgetWish.percent(-2_000), 8_000),
        (BudgetWish.add(250, "USD"), 10_250),
        (BudgetWish.add(-250, "USD"), 9_750),
        (BudgetWish.set_to(4_200, "USD"), 4_200),
        (4_200, 4_200),
    ],
)
def test_budgets_are_wished_for_in_several_ways(acme, wish, after):
    assert ask(make_changeable(acme), "daily_budget", wish).new_budget_cents == after


def test_a_raised_budget_is_a_multiple_of_what_the_platform_counts_in(acme):
    account = make_connected_account(acme, platform="meta", currency="HUF")
    change = ask(
        make_changeable(acme, account=account, daily_budget_cents=12_300), "daily_budget", BudgetWish.percent(1_000)
    )
    assert change.new_budget_cents == 13_500  # 13,530 in whole forints, of which 12,300 are 123


# --- Many -----------------------------------------------------------------------------------------------------


def bulk(tenant, campaigns, field, value, actor=RULE) -> changes.RequestResult:
    with tenant_context(tenant), transaction.atomic():
        return changes.changes_request(
            campaign_ids=[one.pk for one in campaigns], field=field, value=value, actor=actor
        )


def test_bulk_counts_what_is_asked_already_so_and_refused_by_reason(acme, globex, manager):
    account, other = make_connected_account(acme), make_connected_account(acme, platform="google")
    good = [make_changeable(acme, account=account), make_changeable(acme, account=other)]
    paused = make_changeable(acme, account=account, status="paused")
    over = make_changeable(acme, account=account, over_limit=True)
    imported = [make_campaign(acme, account=make_account(acme)) for _number in range(2)]
    foreign = make_changeable(globex)
    result = bulk(acme, [*good, paused, over, *imported, foreign], "status", "paused", person(manager))
    assert ({change.campaign_id for change in result.asked}, result.already) == ({one.pk for one in good}, 1)
    assert [(code, count) for code, _text, count in result.reasons] == [("import_only", 2), ("over_limit", 1)]
    assert set(result.by_account) == {account.pk, other.pk}
    assert {change.batch for change in result.asked} == {result.batch}
    assert ledger_of(foreign) == []
    with tenant_context(acme), transaction.atomic():
        entry = AuditLog.objects.get(resource_type="campaign_changes")
    assert sorted(entry.new_value["campaign_ids"]) == sorted(one.pk for one in good)


@pytest.mark.parametrize("how_many", [1, 1_000])
def test_bulk_takes_a_bounded_number_of_statements(acme, how_many):
    account = make_connected_account(acme)
    with tenant_context(acme), transaction.atomic():
        rows = Campaign.objects.bulk_create(
            Campaign(
                tenant=acme, ad_account=account, account_id=account.external_id, platform="meta",
                external_id=f"b{number}", name=f"Bulk {number}", status="active", daily_budget_cents=10_000,
            )
            for number in range(how_many)
        )  # fmt: skip
    with CaptureQueriesContext(
        connection,
    ) as seen:
        result = bulk(acme, rows, "daily_budget", BudgetWish.percent(1_000))
    assert len(result.asked) == how_many
    assert {wished(change) for change in result.asked} == {11_000}
    assert len([one for one in seen if "SAVEPOINT" not in one["sql"]]) <= 8


def test_bulk_without_or_with_too_many_campaigns_is_refused(acme):
    with tenant_context(acme), transaction.atomic():
        for ids, code in (([], "nothing_selected"), (range(10_001), "too_many")):
            with pytest.raises(DomainError) as raised:
                changes.changes_request(campaign_ids=ids, field="status", value="paused", actor=RULE)
            assert raised.value.code == code
        assert not CampaignChange.objects.exists()
