"""Freeze, approval and undo, as people use them."""

import datetime

import pytest
import time_machine
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import AuditLog
from campaigns.models import Campaign, CampaignChange, CampaignMetric
from campaigns.tests.change_helpers import ask, on_platform, person, send
from campaigns.tests.sandbox_cast import ACCOUNTS, connected
from campaigns.tests.test_change_sending import running
from rules.conditions.automation import Automation
from rules.models import Alert, Rule, RuleExecution
from rules.services import automation_freeze, automation_unfreeze, rules_evaluate
from rules.tests.platform_cast import NOW, allow, make_budget_rule, make_pause_rule, make_spender
from tenants.context import tenant_context
from tenants.models import Tenant

BY_STATUS = {"condition_field": "status", "condition_operator": "equals", "condition_value": "active"}


@pytest.fixture(autouse=True)
def clock(request):
    if "live_sandbox" in request.fixturenames:
        yield None
        return
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def inside(tenant, work):
    with tenant_context(tenant), transaction.atomic():
        return work()


def outcomes(rule):
    return list(RuleExecution.objects.filter(rule=rule).order_by("pk").values_list("outcome", flat=True))


def post(client, name, *args):
    return client.post(reverse(f"rules:{name}", args=args), follow=True)


def text_of(client, name, *args):
    return client.get(reverse(f"rules:{name}", args=args)).content.decode()


# --- Freeze ---------------------------------------------------------------------------------------------------


def test_freezing_stops_and_unfreezing_lets_go(in_acme, manager):
    make_spender(in_acme)
    allow(in_acme, max_changes_24h=7)
    rule = make_pause_rule(in_acme)
    assert automation_freeze(actor=person(manager))
    assert not automation_freeze(actor=person(manager))
    rules_evaluate()
    assert automation_unfreeze(actor=person(manager))
    rules_evaluate()
    assert outcomes(rule) == ["protected", "acted"]
    kept = Automation.of(Tenant.objects.get().settings)
    assert (kept.frozen, kept.max_changes_24h) == (False, 7)
    entries = AuditLog.objects.filter(resource_type="tenants").order_by("pk")
    assert [entry.new_value for entry in entries] == [{"automation_frozen": True}, {"automation_frozen": False}]


def test_who_may_freeze_and_where_it_shows(acme, manager, admin, client_of):
    rule = inside(acme, lambda: make_pause_rule(acme))
    by_manager, by_admin = client_of(manager), client_of(admin)
    assert "Freeze all changes" in text_of(by_manager, "rule_list")
    assert post(by_manager, "automation_freeze").status_code == 200
    for name, args in (("rule_list", ()), ("rule_detail", (rule.pk,)), ("activity_list", ()), ("home_panel", ())):
        page = text_of(by_manager, name, *args)
        assert "All automatic changes are frozen." in page, name
        assert "An admin can unfreeze them." in page
    assert post(by_manager, "automation_unfreeze").status_code == 403
    assert "Unfreeze" in text_of(by_admin, "rule_list")
    post(by_admin, "automation_unfreeze")
    assert "frozen" not in text_of(by_manager, "activity_list")


# --- Approval -------------------------------------------------------------------------------------------------


@pytest.fixture
def asking(acme):
    """A rule that would pause the larger of two campaigns, with three quarters of the spend."""

    def made():
        allow(acme, approval_percent=30)
        account = make_spender(acme, 5_000).ad_account
        make_spender(acme, 15_000, account=account, name="Large")
        rule = make_pause_rule(acme, name="Big one")
        rules_evaluate()
        return rule

    return inside(acme, made)


def test_a_rule_that_would_change_much_asks_once(acme, asking, clock):
    def check():
        assert outcomes(asking) == ["awaiting_approval"]
        assert not CampaignChange.objects.exists()
        rules_evaluate()
        alert = Alert.objects.get()
        assert (alert.title, alert.occurrences) == ("Waits for approval: Big one", 1)
        assert "1 campaign with 75% of the spend" in alert.body
        assert Rule.objects.get().awaiting_since == NOW

    inside(acme, check)


def test_the_sidebar_counts_what_waits(acme, globex, asking, viewer, outsider, client_of, clock):
    client = client_of(viewer)
    assert ">1<" in text_of(client, "waiting_count_panel")
    assert text_of(client_of(outsider), "waiting_count_panel").strip() == ""
    assert 'hx-get="/rules/waiting/"' in text_of(client, "rule_list")
    clock.shift(datetime.timedelta(hours=24))
    assert text_of(client, "waiting_count_panel").strip() == ""


def test_approvals_show_exactly_what_would_change_now(
    acme, globex, asking, manager, viewer, outsider, client_of, clock
):
    page = text_of(client_of(viewer), "approval_list")
    assert "When spend over the last full day is above 100, pause the campaign." in page
    assert "1 campaign with 75% of the spend" in page
    assert "Status: Active → Paused" in page
    assert "Large" in page
    assert "/approve/" not in page
    client = client_of(manager)
    assert f"/rules/{asking.pk}/approve/" in text_of(client, "approval_list")
    assert "Big one" not in text_of(client_of(outsider), "approval_list")
    # What matched has become quiet: there is nothing to approve, and the page says so.
    inside(acme, lambda: CampaignMetric.objects.update(spend_cents=1))
    page = text_of(client, "approval_list")
    assert "Nothing of it matches any more" in page
    assert f"/rules/{asking.pk}/approve/" not in page
    clock.shift(datetime.timedelta(hours=24))
    assert "Nothing waits for approval" in text_of(client, "approval_list")


@pytest.mark.parametrize("rules", [1, 3])
def test_approvals_take_the_same_statements_for_any_number(acme, asking, manager, client_of, rules):
    for number in range(rules - 1):
        inside(acme, lambda number=number: make_pause_rule(acme, name=f"Rule {number}", awaiting_since=NOW))
    client = client_of(manager)
    text_of(client, "approval_list")
    with CaptureQueriesContext(connection) as captured:
        assert text_of(client, "approval_list").count("asked 23 Nov") == rules
    assert len(captured) == 13


def test_approving_acts_on_what_matches_then(acme, asking, manager, client_of):
    client = client_of(manager)
    page = text_of(client, "rule_detail", asking.pk)
    assert "It waits for your approval." in page
    assert "75% of the spend" in page
    assert "Waits for approval" in text_of(client, "rule_list")
    # Meanwhile the other one spends as much, and the large one has become quiet.
    inside(acme, lambda: CampaignMetric.objects.filter(campaign__name="Large").update(spend_cents=1_000))
    inside(acme, lambda: CampaignMetric.objects.exclude(campaign__name="Large").update(spend_cents=20_000))
    assert "Acted on 1 campaign" in post(client, "rule_approve", asking.pk).content.decode()

    def check():
        assert CampaignChange.objects.get().campaign.name != "Large"
        assert Rule.objects.get().awaiting_since is None
        assert Alert.objects.get().status == "resolved"
        assert AuditLog.objects.filter(resource_type="rules", new_value__operation="approved").exists()

    inside(acme, check)
    assert "Nothing waits for approval any more" in post(client, "rule_approve", asking.pk).content.decode()


def test_dismissing_is_heard_for_a_day(acme, asking, manager, client_of, clock):
    post(client_of(manager), "rule_dismiss", asking.pk)

    def again():
        CampaignMetric.objects.update(known_at=datetime.datetime.now(datetime.UTC))
        rules_evaluate()
        return Rule.objects.get().awaiting_since

    assert inside(acme, lambda: Alert.objects.get().status) == "resolved"
    clock.shift(datetime.timedelta(hours=14))
    assert inside(acme, again) is None
    clock.shift(datetime.timedelta(hours=10))
    inside(acme, lambda: CampaignMetric.objects.update(date=datetime.date(2026, 11, 23)))
    assert inside(acme, again) == NOW + datetime.timedelta(hours=24)
    assert not inside(acme, lambda: CampaignChange.objects.exists())


def test_an_approval_lapses_after_a_day(acme, asking, manager, client_of, clock):
    clock.shift(datetime.timedelta(hours=24))
    client = client_of(manager)
    assert "It waits for your approval." not in text_of(client, "rule_detail", asking.pk)
    assert "Nothing waits for approval any more" in post(client, "rule_approve", asking.pk).content.decode()
    assert not inside(acme, lambda: CampaignChange.objects.exists())


def test_what_no_longer_matches_or_is_another_rule_asks_no_more(acme, asking, manager, client_of):
    def quiet():
        CampaignMetric.objects.update(spend_cents=1)
        rules_evaluate()
        return Rule.objects.get().awaiting_since, Alert.objects.get().status

    assert inside(acme, quiet) == (None, "resolved")


def test_pausing_the_rule_withdraws_its_question(acme, asking, manager, client_of):
    client_of(manager).post(reverse("rules:rule_status", args=[asking.pk]), {"status": "paused"})
    assert inside(acme, lambda: (Rule.objects.get().awaiting_since, Alert.objects.get().status)) == (None, "resolved")


def test_viewers_cannot_approve(acme, asking, viewer, client_of):
    client = client_of(viewer)
    assert "Approve</button>" not in text_of(client, "rule_detail", asking.pk)
    for name in ("rule_approve", "rule_dismiss"):
        assert post(client, name, asking.pk).status_code == 403


# --- Undo -----------------------------------------------------------------------------------------------------


@pytest.fixture
def acted(acme):
    """(execution, campaign): a rule raised a budget from 100 to 120, and the platform took it."""

    def made():
        allow(acme)
        campaign = make_spender(acme)
        make_budget_rule(acme)
        rules_evaluate()
        CampaignChange.objects.update(state="applied", finished_at=NOW)
        Campaign.objects.update(daily_budget_cents=12_000)
        return RuleExecution.objects.get(), campaign

    return inside(acme, made)


def test_undo_sets_back_what_stands(acme, acted, manager, client_of):
    execution, _campaign = acted
    client = client_of(manager)
    for name, args in (("rule_detail", (execution.rule_id,)), ("activity_list", ())):
        page = text_of(client, name, *args)
        assert "$100.00 → $120.00" in page
        assert reverse("rules:execution_undo", args=[execution.pk]) in page
    assert "being taken back" in post(client, "execution_undo", execution.pk).content.decode()

    def check():
        change = CampaignChange.objects.get(undoes__isnull=False)
        assert (change.new_budget_cents, change.user_id, change.origin) == (10_000, manager.pk, "person")
        assert AuditLog.objects.filter(resource_type="campaign_changes", user=manager).exists()

    inside(acme, check)
    assert "taken back already" in post(client, "execution_undo", execution.pk).content.decode()
    assert reverse("rules:execution_undo", args=[execution.pk]) not in text_of(client, "activity_list")


def test_undo_never_overwrites_a_later_edit(acme, acted, manager, client_of):
    execution, campaign = acted
    inside(acme, lambda: Campaign.objects.update(daily_budget_cents=15_000))
    assert "Somebody changed it since" in post(client_of(manager), "execution_undo", execution.pk).content.decode()
    inside(acme, lambda: Campaign.objects.update(daily_budget_cents=12_000))
    ask(campaign, "daily_budget", 13_000, person(manager))
    assert "Somebody changed it since" in post(client_of(manager), "execution_undo", execution.pk).content.decode()
    assert inside(acme, lambda: CampaignChange.objects.filter(undoes__isnull=False).count()) == 0


def test_undo_is_not_offered_to_viewers(acme, acted, viewer, client_of):
    execution, _campaign = acted
    url = reverse("rules:execution_undo", args=[execution.pk])
    assert url not in text_of(client_of(viewer), "activity_list")
    assert post(client_of(viewer), "execution_undo", execution.pk).status_code == 403


# --- On a platform --------------------------------------------------------------------------------------------


def test_a_rule_pauses_a_campaign_on_the_platform_and_undo_brings_it_back(live_sandbox, acme, manager, client_of):
    campaign = running(connected(acme, live_sandbox, ACCOUNTS["meta"]))
    allow(acme)
    inside(acme, lambda: make_pause_rule(acme, **BY_STATUS, applies_to_campaigns=[campaign.pk]))
    counts = inside(acme, rules_evaluate)
    ids = counts.to_send[campaign.ad_account_id]
    assert send(*inside(acme, lambda: list(CampaignChange.objects.filter(pk__in=ids)))).applied == 1
    assert on_platform(live_sandbox, campaign)["status"] == "paused"
    execution = inside(acme, lambda: RuleExecution.objects.get())
    post(client_of(manager), "execution_undo", execution.pk)
    back = inside(acme, lambda: CampaignChange.objects.get(undoes__isnull=False))
    if back.state != "applied":
        assert send(back).applied == 1
    assert on_platform(live_sandbox, campaign)["status"] == "active"


def test_nothing_to_take_back_is_said(acme, asking, manager, client_of):
    execution = inside(acme, lambda: RuleExecution.objects.get())
    assert (
        "nothing here that could be taken back"
        in post(client_of(manager), "execution_undo", execution.pk).content.decode()
    )
