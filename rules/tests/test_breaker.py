"""The circuit breaker: which rules stop themselves, what people are told, and how a rule starts again."""

import datetime

import pytest
import time_machine
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.audit import Actor
from accounts.models import AuditLog
from campaigns.models import Campaign, CampaignChange, CampaignMetric
from campaigns.services.campaigns import MAX_LABELS_PER_CAMPAIGN
from campaigns.tests.factories import make_campaign, make_day
from rules.choices import RuleStatus
from rules.models import Alert, Rule, RuleExecution
from rules.queries.trouble import FAILING_PASSES, REFUSED_CHANGES, TURNED_BACK, troubles
from rules.services import rule_set_status, rules_evaluate
from rules.tests.factories import make_rule
from rules.tests.platform_cast import (
    NOW,
    YESTERDAY,
    allow,
    make_budget_rule,
    make_change,
    make_pause_rule,
    make_spender,
)
from tenants.context import tenant_context

HOUR = datetime.timedelta(hours=1)


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def made(rule, campaign, *, ago, state="applied", **fields):
    """A change of the ledger that the rule's feed says it made."""
    change = make_change(campaign, ago=ago, origin="rule", state=state, **fields)
    RuleExecution.objects.create(
        rule=rule,
        campaign=campaign,
        executed_at=NOW - ago,
        triggered=True,
        outcome="acted",
        condition_result={},
        action_result={"action": rule.action_type, "before": {}, "after": {}, "made": {"change": change.pk}},
    )
    return change


def turned_back(rule, campaign, times, **back):
    for number in range(times):
        ago = (times - number) * 10 * HOUR
        made(rule, campaign, ago=ago)
        make_change(campaign, ago=ago - HOUR, **{"old_status": "paused", "new_status": "active", **back})


def fresh(rule):
    return Rule.objects.get(pk=rule.pk)


def full_of_labels(tenant):
    campaign = make_campaign(tenant, labels=[str(number) for number in range(MAX_LABELS_PER_CAMPAIGN)])
    make_day(campaign, YESTERDAY, spend_cents=15_000, known_at=NOW)
    return campaign


# --- Nothing works --------------------------------------------------------------------------------------------


def test_a_rule_that_only_fails_stops_after_some_runs_and_tells_people(in_acme):
    campaign, rule = full_of_labels(in_acme), make_rule(in_acme)
    for _run in range(FAILING_PASSES - 1):
        assert rules_evaluate().rules_stopped == 0
    assert fresh(rule).status == "active"
    assert rules_evaluate().rules_stopped == 1
    stopped = fresh(rule)
    assert (stopped.status, stopped.stopped_at) == ("paused", NOW)
    assert f"{FAILING_PASSES} runs" in stopped.stopped_reason
    alert = Alert.objects.get(cause=f"rule:{rule.pk}:stopped")
    assert (alert.severity, alert.rule_id, alert.status) == ("critical", rule.pk, "open")
    assert stopped.stopped_reason in alert.body
    entry = AuditLog.objects.filter(resource_type="rules", resource_id=rule.pk).latest("pk")
    assert (entry.old_value, entry.new_value["status"]) == ({"status": "active"}, "paused")
    assert rules_evaluate().rules == 0
    campaign.refresh_from_db()
    assert "Hot" not in campaign.labels


def test_one_success_begins_the_count_anew(in_acme):
    full_of_labels(in_acme)
    rule = make_rule(in_acme, cooldown_hours=0)
    for _run in range(FAILING_PASSES - 1):
        rules_evaluate()
    fine = make_campaign(in_acme)
    make_day(fine, YESTERDAY, spend_cents=15_000, known_at=NOW)
    rules_evaluate()
    assert (fresh(rule).failing_passes, fresh(rule).status) == (0, "active")


def test_quiet_runs_neither_count_nor_forgive(in_acme):
    full_of_labels(in_acme)
    rule = make_rule(in_acme)
    rules_evaluate()
    CampaignMetric.objects.update(spend_cents=1)
    rules_evaluate()
    assert fresh(rule).failing_passes == 1


# --- Platforms refuse -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("refused", "applied", "ago", "stops"),
    [
        (REFUSED_CHANGES, REFUSED_CHANGES, HOUR, True),
        (REFUSED_CHANGES, REFUSED_CHANGES + 1, HOUR, False),
        (REFUSED_CHANGES - 1, 0, HOUR, False),
        (REFUSED_CHANGES, 0, 24 * HOUR, False),  # a change of exactly 24 hours ago counts no more
    ],
)
def test_refused_changes_stop_a_rule(in_acme, refused, applied, ago, stops):
    rule = make_pause_rule(in_acme)
    for number in range(refused + applied):
        made(rule, make_campaign(in_acme), ago=ago, state="failed" if number < refused else "applied")
    rules_evaluate()
    assert (fresh(rule).status == "paused") is stops
    assert fresh(rule).stopped_reason.startswith("The platforms refused") is stops


# --- Others turn it back --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("times", "stops"), [(TURNED_BACK - 1, False), (TURNED_BACK, True)])
@pytest.mark.parametrize("origin", ["person", "rule", "outside"])
def test_a_rule_that_is_turned_back_again_and_again_stops(in_acme, times, stops, origin):
    rule, campaign = make_pause_rule(in_acme), make_campaign(in_acme, name="Brand")
    turned_back(rule, campaign, times, origin=origin)
    rules_evaluate()
    assert (fresh(rule).status == "paused") is stops
    assert ("Brand" in fresh(rule).stopped_reason) is stops


def test_what_a_rule_takes_back_itself_is_no_quarrel(in_acme):
    rule, campaign = make_pause_rule(in_acme), make_campaign(in_acme)
    for number in range(TURNED_BACK + 1):
        ago = (5 - number) * 24 * HOUR
        change = made(rule, campaign, ago=ago)
        make_change(campaign, ago=ago - HOUR, old_status="paused", new_status="active", origin="rule", undoes=change)
    rules_evaluate()
    assert fresh(rule).status == "active"


def test_a_budget_is_turned_back_by_a_move_the_other_way(in_acme):
    rule, campaign = make_budget_rule(in_acme), make_campaign(in_acme)
    budget = {"field": "daily_budget", "old_status": None, "new_status": None}
    for number in range(TURNED_BACK):
        ago = (5 - number) * 10 * HOUR
        made(rule, campaign, ago=ago, **budget, old_budget_cents=1000, new_budget_cents=1200)
        # Raised once more by a person, which agrees; then lowered, which does not.
        make_change(campaign, ago=ago - HOUR, **budget, old_budget_cents=1200, new_budget_cents=1300)
    assert rule.pk not in troubles([rule.pk], now=NOW)
    for number in range(TURNED_BACK):
        ago = (5 - number) * 10 * HOUR - 2 * HOUR
        make_change(campaign, ago=ago, **budget, old_budget_cents=1300, new_budget_cents=1000)
    assert troubles([rule.pk], now=NOW)[rule.pk].turned_back == TURNED_BACK


def test_whoever_activates_it_again_begins_anew(in_acme, manager):
    rule, campaign = make_pause_rule(in_acme), make_campaign(in_acme)
    turned_back(rule, campaign, TURNED_BACK)
    rules_evaluate()
    rule_set_status(rule=rule, status=RuleStatus.ACTIVE, actor=Actor.job("test"))
    again = fresh(rule)
    assert (again.status, again.stopped_at, again.stopped_reason) == ("active", None, "")
    assert Alert.objects.get(cause=f"rule:{rule.pk}:stopped").status == "resolved"
    assert rules_evaluate().rules_stopped == 0  # the quarrels of before are known


def test_other_workspaces_changes_stop_nothing(acme, globex):
    with tenant_context(globex), transaction.atomic():
        foreign = make_pause_rule(globex)
        turned_back(foreign, make_campaign(globex), TURNED_BACK)
    with tenant_context(acme), transaction.atomic():
        assert troubles([foreign.pk], now=NOW) == {}
        assert rules_evaluate().rules_stopped == 0
    with tenant_context(globex), transaction.atomic():
        assert Rule.objects.get().status == "active"


@pytest.mark.parametrize("campaigns", [1, 3])
def test_looking_for_trouble_is_one_statement(in_acme, campaigns):
    rule = make_pause_rule(in_acme)
    for _number in range(campaigns):
        turned_back(rule, make_campaign(in_acme), 1)
    with CaptureQueriesContext(connection) as captured:
        assert troubles([rule.pk], now=NOW)[rule.pk].turned_back == 1
    assert len(captured) == 1


# --- What people see ------------------------------------------------------------------------------------------


def test_a_stopped_rule_says_why_wherever_it_is_shown(acme, manager, client_of):
    with tenant_context(acme), transaction.atomic():
        rule, campaign = make_pause_rule(acme), make_campaign(acme, name="Brand")
        turned_back(rule, campaign, TURNED_BACK)
        rules_evaluate()
    client = client_of(manager)
    page = client.get(reverse("rules:rule_detail", args=[rule.pk])).content.decode()
    assert "Stopped by the circuit breaker" in page
    assert "“Brand” was turned back" in page
    assert "was turned back" in client.get(reverse("rules:rule_list")).content.decode()
    assert "Rule stopped" in client.get(reverse("rules:alert_list")).content.decode()


def test_a_real_quarrel_of_two_rules_ends(in_acme, clock):
    """One pauses what the other enables; a platform that does both at once stands behind them."""
    allow(in_acme, max_changes_24h=100)
    campaign = make_spender(in_acme)
    pausing = make_pause_rule(in_acme, cooldown_hours=0, condition_field="status", condition_operator="equals",
                              condition_value="active")  # fmt: skip
    enabling = make_pause_rule(in_acme, to="active", cooldown_hours=0, condition_field="status",
                               condition_operator="equals", condition_value="paused")  # fmt: skip
    stopped = 0
    for _pass in range(12):
        stopped += rules_evaluate().rules_stopped
        for change in CampaignChange.objects.filter(state="queued"):
            Campaign.objects.filter(pk=campaign.pk).update(status=change.new_status)
        CampaignChange.objects.filter(state="queued").update(state="applied", finished_at=NOW)
        clock.shift(900)
    assert stopped >= 1
    assert {fresh(pausing).status, fresh(enabling).status} >= {"paused"}
    # The last change of each is still on its way when they are looked at.
    assert CampaignChange.objects.count() <= 2 * TURNED_BACK + 2
