"""Rules that change platforms: what they queue, and the gates that hold them back."""

import datetime
from fractions import Fraction

import pytest
import time_machine
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import AuditLog
from campaigns.models import Campaign, CampaignChange
from campaigns.tests.at_once import in_threads
from campaigns.tests.change_helpers import ask, make_changeable, person
from rules.actions import ACTIONS, action_parse
from rules.actions.adjust_budget import AdjustBudget
from rules.actions.base import Done
from rules.actions.specs import rule_spec
from rules.conditions import ConditionError
from rules.conditions.automation import Automation
from rules.conditions.wording import reason, sentence
from rules.models import RuleExecution
from rules.queries.evaluation import evaluate, evaluate_now
from rules.services import rules_evaluate
from rules.tests.factories import make_rule
from rules.tests.platform_cast import (
    BUDGET,
    NOW,
    allow,
    make_budget_rule,
    make_change,
    make_pause_rule,
    make_spender,
)
from tenants.context import tenant_context, unscoped

HOUR = datetime.timedelta(hours=1)
DAY = datetime.timedelta(hours=24)
INSTANT = datetime.timedelta(microseconds=1)


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def spender(in_acme):
    allow(in_acme)
    return make_spender(in_acme)


def now_of(rule, campaign):
    """(outcome, why) of one rule on one campaign at this moment."""
    one = evaluate_now([rule_spec(rule)], now=NOW).rules[0]
    position = one.facts.ids.tolist().index(campaign.pk)
    return one.outcome(position), reason(one.outcome(position), one.explain(position))


def newest(rule):
    return RuleExecution.objects.filter(rule=rule).latest("pk")


# --- What they do ---------------------------------------------------------------------------------------------


def test_pausing_is_queued_in_the_ledger_in_the_rules_name(spender, in_acme):
    rule = make_pause_rule(in_acme, name="Stop loss")
    counts = rules_evaluate()
    change = CampaignChange.objects.get()
    assert (change.campaign_id, change.field, change.old_status, change.new_status) == (
        spender.pk, "status", "active", "paused",
    )  # fmt: skip
    assert (change.origin, change.actor_label, change.user_id, change.state) == ("rule", "Stop loss", None, "queued")
    assert newest(rule).action_result == {
        "action": "pause_campaign",
        "before": {"status": "active"},
        "after": {"status": "paused"},
        "made": {"change": change.pk},
    }
    assert counts.to_send == {spender.ad_account_id: [change.pk]}
    assert AuditLog.objects.get(resource_type="campaign_changes").actor_kind == "rule"


def test_enabling_and_budgets(in_acme):
    allow(in_acme)
    paused = make_spender(in_acme, status="paused")
    make_pause_rule(in_acme, to="active", applies_to_statuses=["paused"])
    make_budget_rule(in_acme)
    rules_evaluate()
    rows = CampaignChange.objects.order_by("pk").values_list("campaign_id", "new_status", "new_budget_cents")
    assert list(rows) == [(paused.pk, "active", None), (paused.pk, None, 12_000)]


def test_a_person_who_asks_does_not_become_the_author(spender, in_acme, manager):
    rule = make_pause_rule(in_acme, name="Stop loss")
    rules_evaluate(rule_ids=[rule.pk], actor=person(manager))
    change = CampaignChange.objects.get()
    assert (change.user_id, change.actor_label) == (None, "Stop loss")


@pytest.mark.parametrize("account", [{"status": "needs_reauth"}, {"status": "import_only"}])
def test_what_stands_in_the_way_is_said(in_acme, account):
    allow(in_acme)
    campaign = make_spender(in_acme)
    type(campaign.ad_account).objects.update(**account)
    rule = make_pause_rule(in_acme)
    assert rules_evaluate().failed == 1
    row = newest(rule)
    assert (row.outcome, row.triggered) == ("failed", False)
    assert "onnect it" in row.error
    assert not CampaignChange.objects.exists()


def test_a_budget_in_another_currency_fails_with_its_reason(in_acme):
    allow(in_acme)
    campaign = make_spender(in_acme, currency="EUR")
    rule = make_budget_rule(in_acme)
    words = "The campaign’s budget is in EUR, the rule’s floor and ceiling are not."
    # The preview says so too: it promises nothing that would fail.
    assert now_of(rule, campaign) == ("failed", words)
    assert rules_evaluate().failed == 1
    assert newest(rule).condition_result["gate"]["why"] == "currency"
    Campaign.objects.update(currency="USD", daily_budget_cents=None)
    assert now_of(rule, campaign) == ("failed", "No daily budget is known for this campaign.")
    assert not CampaignChange.objects.exists()


def test_revert_takes_back_and_leaves_what_somebody_changed_since(in_acme, manager):
    allow(in_acme)
    first, second = make_spender(in_acme), make_spender(in_acme)
    rule = make_pause_rule(in_acme)
    rules_evaluate()
    CampaignChange.objects.update(state="applied", finished_at=NOW)
    Campaign.objects.update(status="paused")
    Campaign.objects.filter(pk=second.pk).update(status="active")
    rows = RuleExecution.objects.filter(rule=rule)
    done = [Done.from_json(row.campaign_id, row.action_result) for row in rows]
    assert action_parse("pause_campaign", {"to": "paused"}).revert(done, actor=person(manager)) == 1
    assert CampaignChange.objects.get(undoes__isnull=False).campaign_id == first.pk


# --- Gates ----------------------------------------------------------------------------------------------------


def test_flipping_one_gates_input_flips_exactly_its_outcome(spender, in_acme):
    rule = make_pause_rule(in_acme)
    budget_rule = make_budget_rule(in_acme)
    first = make_pause_rule(in_acme, name="First", priority=5)

    def already():
        Campaign.objects.filter(pk=spender.pk).update(status="paused")

    flips = {
        "status so already": (rule, already, "already_in_state", "nothing left"),
        "an open change": (
            rule, lambda: make_change(spender, ago=HOUR, state="queued"), "already_in_state", "on its way already",
        ),
        "label": (
            rule, lambda: Campaign.objects.filter(pk=spender.pk).update(labels=["Protected"]), "protected", "label",
        ),
        "frozen": (rule, lambda: allow(in_acme, frozen=True), "protected", "frozen"),
        "two changes": (
            rule, lambda: [make_change(spender, ago=HOUR), make_change(spender, ago=DAY - INSTANT)], "cap", "2 times",
        ),
        "no allowance": (rule, lambda: allow(in_acme, max_changes_24h=0), "cap", "0 are allowed"),
        "budget moved": (
            budget_rule,
            lambda: make_change(
                spender, ago=HOUR, field="daily_budget", old_budget_cents=7_000, new_budget_cents=10_000,
                old_status=None, new_status=None,
            ),
            "cap", "more than 50%",
        ),
        "budget at the ceiling": (
            budget_rule, lambda: Campaign.objects.filter(pk=spender.pk).update(daily_budget_cents=100_000),
            "already_in_state", "nothing left",
        ),
        "much of the spend": (rule, lambda: allow(in_acme, approval_percent=30), "awaiting_approval", "100% of the"),
        "shadow": (rule, lambda: setattr(rule, "shadow", True), "shadow", "Condition"),
    }  # fmt: skip
    for name, (tried, flip, expected, words) in flips.items():
        assert now_of(tried, spender)[0] == "acted", name
        with transaction.atomic():
            flip()
            outcome, why = now_of(tried, spender)
            assert (outcome, words in why) == (expected, True), (name, outcome, why)
            transaction.set_rollback(True)
        rule.shadow = False
    both = evaluate_now([rule_spec(first), rule_spec(rule)], now=NOW).rules
    assert [one.outcome(0) for one in both] == ["acted", "conflict_lost"]
    assert "“First” comes first" in reason("conflict_lost", both[1].explain(0))


@pytest.mark.parametrize(
    "change",
    [
        {"ago": DAY},
        {"ago": HOUR, "state": "failed"},
        {"ago": HOUR, "origin": "outside"},
        {"ago": HOUR, "origin": "import"},
    ],
)
def test_what_does_not_count_against_the_allowance(spender, in_acme, change):
    make_change(spender, ago=HOUR)
    make_change(spender, **change)
    assert now_of(make_pause_rule(in_acme), spender)[0] == "acted"


def test_a_budget_may_move_exactly_to_the_edge(spender, in_acme):
    at_edge, beyond = make_budget_rule(in_acme, {"percent": "50"}), make_budget_rule(in_acme, {"percent": "50.01"})
    assert now_of(at_edge, spender)[0] == "acted"
    assert now_of(beyond, spender)[0] == "cap"
    down = make_budget_rule(in_acme, {"percent": "-50"})
    assert now_of(down, spender)[0] == "acted"


def test_priority_decides_and_a_shadow_rule_takes_nothing(spender, in_acme):
    later = make_pause_rule(in_acme, name="Low")
    winner = make_pause_rule(in_acme, name="High", priority=10)
    shadow = make_pause_rule(in_acme, name="Shadow", priority=20, shadow=True)
    budget = make_budget_rule(in_acme)
    rules_evaluate()
    outcomes = {rule: newest(rule).outcome for rule in (later, winner, shadow, budget)}
    assert outcomes == {later: "conflict_lost", winner: "acted", shadow: "shadow", budget: "acted"}
    assert newest(later).condition_result["gate"] == {"winner": winner.pk, "name": "High"}
    assert newest(shadow).action_result["after"] == {"status": "paused"}
    assert CampaignChange.objects.count() == 2


def test_changes_of_one_pass_count_against_the_allowance(spender, in_acme):
    allow(in_acme, max_changes_24h=1)
    first, second = make_pause_rule(in_acme), make_budget_rule(in_acme)
    rules_evaluate()
    assert (newest(first).outcome, newest(second).outcome) == ("acted", "cap")


def test_labels_and_alerts_go_on_while_changes_are_frozen(spender, in_acme):
    allow(in_acme, frozen=True)
    label, pause = make_rule(in_acme), make_pause_rule(in_acme)
    rules_evaluate()
    assert (newest(label).outcome, newest(pause).outcome) == ("acted", "protected")


def test_the_number_of_statements_does_not_grow(in_acme):
    allow(in_acme)
    account = make_spender(in_acme).ad_account
    for _number in range(3):
        make_pause_rule(in_acme, to="active")
        make_budget_rule(in_acme, {"percent": "-60"})
    with CaptureQueriesContext(connection) as few:
        rules_evaluate(now=NOW)
    for _number in range(8):
        make_spender(in_acme, account=account)
    with CaptureQueriesContext(connection) as many:
        rules_evaluate(now=NOW)
    assert len(many) <= len(few) + 1


def test_another_workspaces_campaign_is_never_changed(acme, globex):
    with tenant_context(globex), transaction.atomic():
        foreign = make_spender(globex, name="Look-alike")
    with tenant_context(acme), transaction.atomic():
        allow(acme)
        own = make_spender(acme, name="Look-alike")
        make_pause_rule(acme, applies_to_campaigns=[own.pk, foreign.pk])
        make_budget_rule(acme)
        rules_evaluate()
    with unscoped("test"), transaction.atomic():
        changed = set(CampaignChange.objects.values_list("tenant_id", "campaign_id"))
        assert changed == {(acme.pk, own.pk)}


@pytest.mark.django_db(transaction=True)
def test_people_and_rules_at_once_never_exceed_the_allowance(acme, manager):
    """The rule looked at the ledger before the person's change came in; under the lock it looks again."""
    with tenant_context(acme), transaction.atomic():
        allow(acme, max_changes_24h=1)
        campaign = make_spender(acme)
        rule = make_pause_rule(acme)

    def one_pass():
        with tenant_context(acme):
            return rules_evaluate(now=NOW)

    def by_hand():
        return ask(campaign, "daily_budget", 11_000, person(manager))

    for result in in_threads(one_pass, one_pass, by_hand):
        assert not isinstance(result, Exception), result
    with tenant_context(acme), transaction.atomic():
        rules_made = CampaignChange.objects.filter(origin="rule").count()
        order = list(CampaignChange.objects.order_by("pk").values_list("origin", flat=True))
        # A person is never refused; the rule only acts where it came first.
        assert order in (["rule", "person"], ["person"])
        assert newest(rule).outcome == ("acted" if rules_made else "cap")


@pytest.mark.django_db(transaction=True)
def test_what_came_between_looking_and_acting_counts(acme, manager, monkeypatch):
    with tenant_context(acme), transaction.atomic():
        allow(acme, max_changes_24h=1)
        campaign = make_spender(acme)
        rule = make_pause_rule(acme)

    def look_then_somebody_changes(*args):
        found = evaluate(*args)
        in_threads(lambda: ask(campaign, "daily_budget", 11_000, person(manager)))
        return found

    monkeypatch.setattr("rules.services.evaluation.evaluate", look_then_somebody_changes)
    with tenant_context(acme), transaction.atomic():
        rules_evaluate(now=NOW)
        row = newest(rule)
        assert (row.outcome, row.error) == ("cap", "It was changed often enough in the last 24 hours.")
        assert list(CampaignChange.objects.values_list("origin", flat=True)) == ["person"]


# --- Settings and arithmetic ----------------------------------------------------------------------------------

BROKEN = {
    "neither": ({"percent": ""}, "move"),
    "both": ({"amount": "5"}, "move"),
    "nothing": ({"percent": "0"}, "move"),
    "no number": ({"percent": "lots"}, "move"),
    "a float": ({"percent": 20.0}, "move"),
    "all of it": ({"percent": "-100"}, "move"),
    "no currency": ({"currency": ""}, "currency"),
    "no floor": ({"floor": None}, "floor"),
    "no ceiling": ({"ceiling": ""}, "ceiling"),
    "finer than a cent": ({"floor": "10.001"}, "floor"),
    "upside down": ({"floor": "2000"}, "ceiling"),
    "no choice": ({"beyond": "ask"}, "beyond"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_settings_name_their_place(case):
    change, place = BROKEN[case]
    with pytest.raises(ConditionError) as refused:
        action_parse("adjust_budget", {**BUDGET, **change})
    assert refused.value.field == place


def test_settings_read_back_and_in_words(in_acme):
    for config in (BUDGET, {"amount": "-7.5", "currency": "USD", "floor": "10", "ceiling": "90", "beyond": "skip"}):
        action = action_parse("adjust_budget", config)
        assert ACTIONS["adjust_budget"].validate(action.as_json()) == action
    assert sentence(rule_spec(make_budget_rule(in_acme))).endswith(
        "raise the daily budget by 20%, to $1,000.00 at most."
    )
    lower = make_budget_rule(in_acme, {"percent": "-12.5", "beyond": "skip"})
    assert "lower the daily budget by 12.50% unless that falls below $10.00" in sentence(rule_spec(lower))


@given(
    budget=st.integers(1, 10**9),
    kind=st.sampled_from(["percent", "amount"]),
    by=st.integers(-9_999, 100_000).filter(bool),
    edges=st.tuples(st.integers(1, 10**9), st.integers(1, 10**9)).map(sorted),
    beyond=st.sampled_from(["clamp", "skip"]),
    step=st.sampled_from([1, 100]),
)
def test_a_budget_stays_between_its_edges(budget, kind, by, edges, beyond, step):
    floor, ceiling = edges
    after = AdjustBudget(kind, by, "USD", floor, ceiling, beyond).move(budget, step=step)
    if after == budget:
        return
    assert floor <= after <= ceiling
    # It never turns a rise into a cut.
    assert (after > budget) == (by > 0)
    exact = Fraction(budget) * (10_000 + by) / 10_000 if kind == "percent" else Fraction(budget + by)
    if kind == "percent":
        assert after % step == 0
        on_the_way = floor < after < ceiling and not (after - step < floor or after + step > ceiling)
        if on_the_way or beyond == "skip":
            assert abs(after - exact) * 2 <= step
    elif floor < after < ceiling and step == 1:
        assert after == exact


@pytest.mark.parametrize(("budget", "after"), [(250, 252), (150, 152), (50, 50), (350, 354)])
def test_half_a_cent_is_rounded_to_even(budget, after):
    assert AdjustBudget("percent", 100, "USD", 1, 10**6, "clamp").move(budget) == after


@pytest.mark.parametrize("stored", [None, [], {"automation": 5}, {"automation": {"max_changes_24h": "many"}}])
def test_senseless_settings_are_the_defaults(stored):
    assert Automation.of(stored) == Automation()


def test_a_workspace_without_spend_counts_campaigns(in_acme):
    """Nothing was spent that could be weighed: campaigns are counted."""
    allow(in_acme, approval_percent=30)
    campaigns = [make_changeable(in_acme) for _number in range(4)]
    one = make_pause_rule(
        in_acme, condition_field="status", condition_operator="equals", condition_value="active",
        applies_to_campaigns=[campaigns[0].pk],
    )  # fmt: skip
    two = make_pause_rule(
        in_acme, condition_field="status", condition_operator="equals", condition_value="active",
        applies_to_campaigns=[one.pk for one in campaigns[:2]],
    )  # fmt: skip
    assert now_of(one, campaigns[0])[0] == "acted"
    outcome, why = now_of(two, campaigns[0])
    assert (outcome, "2 campaigns, 50% of all" in why) == ("awaiting_approval", True)
