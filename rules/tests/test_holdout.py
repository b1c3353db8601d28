"""The hold-out group: who is in it, that it is left alone, and that nothing else changes."""

import dataclasses
import datetime

import numpy as np
import pytest
import time_machine
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.audit import Actor
from campaigns.models import CampaignChange
from campaigns.tests.factories import make_account
from rules import services
from rules.actions import SendAlert
from rules.actions.specs import rule_spec
from rules.choices import Outcome
from rules.conditions import ConditionError, RuleSpec, Scope, parse_holdout, parse_tree
from rules.conditions.holdout import MAX_PERCENT, holdout_place, is_held_out
from rules.conditions.wording import reason
from rules.models import Alert, Rule, RuleExecution
from rules.queries.evaluation import CODES, evaluate_now
from rules.queries.replay import Caveat, replay
from rules.services import rules_evaluate
from rules.services.rules import RuleDraft
from rules.tests.platform_cast import NOW, YESTERDAY, allow, make_budget_rule, make_pause_rule, make_spender
from rules.tests.test_views import FORM, inside, url

ACTOR = Actor.job("test")
IDS = st.integers(1, 2**31 - 1)


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def spenders(in_acme):
    """Twelve campaigns of one account that match."""
    allow(in_acme)
    first = make_spender(in_acme)
    return [first, *(make_spender(in_acme, account=first.ad_account) for _number in range(11))]


def held_out_of(rule, campaigns):
    return {one.pk for one in campaigns if is_held_out(rule.pk, one.pk, rule.holdout_percent)}


def split_rule(tenant, campaigns, make=make_pause_rule, **fields):
    """A rule that holds out some of the campaigns but not all (the group follows the rule's id)."""
    while True:
        rule = make(tenant, **{"holdout_percent": 30, **fields})
        if 0 < len(held_out_of(rule, campaigns)) < len(campaigns):
            return rule
        rule.delete()


# --- Who is in it ---------------------------------------------------------------------------------------------


@settings(max_examples=20)  # a fair hash is two points away once in 16,000 tries of this size
@given(IDS, st.integers(0, MAX_PERCENT), st.integers(0, 10**6))
def test_the_share_is_what_was_asked_for(rule_id, percent, first):
    held = sum(is_held_out(rule_id, campaign_id, percent) for campaign_id in range(first, first + 10_000))
    assert abs(held / 100 - percent) < 2


@given(IDS, IDS, st.integers(0, MAX_PERCENT), st.integers(0, MAX_PERCENT))
def test_a_larger_group_holds_the_smaller_one(rule_id, campaign_id, one, other):
    small, large = sorted((one, other))
    assert is_held_out(rule_id, campaign_id, large) or not is_held_out(rule_id, campaign_id, small)


def test_the_place_is_the_same_for_ever():
    # Written down: a change of the hash would move campaigns in and out of every group in use.
    assert [holdout_place(1, 1), holdout_place(1, 2), holdout_place(2, 1)] == [283, 5083, 260]
    assert not is_held_out(None, 1, MAX_PERCENT)


def test_the_groups_of_two_rules_have_nothing_to_do_with_each_other():
    both = sum(is_held_out(1, pk, 30) and is_held_out(2, pk, 30) for pk in range(10_000))
    assert both == pytest.approx(900, abs=100)  # 30% of 30%


def test_membership_does_not_depend_on_other_campaigns(spenders, in_acme):
    rule = split_rule(in_acme, spenders)
    everybody = outcomes_now(rule)
    some = [one.pk for one in spenders[::3]]
    alone = evaluate_now([rule_spec(rule)], now=NOW, campaign_ids=some).rules[0]
    assert {pk: everybody[pk] for pk in some} == {
        int(pk): alone.outcome(position) for position, pk in enumerate(alone.facts.ids)
    }
    more = make_spender(in_acme, account=spenders[0].ad_account)
    now = outcomes_now(rule)
    assert {pk: outcome for pk, outcome in now.items() if pk != more.pk} == everybody


# --- What the gate does ---------------------------------------------------------------------------------------


def outcomes_now(rule):
    found = evaluate_now([rule_spec(rule)], now=NOW).rules[0]
    return {int(pk): found.outcome(position) for position, pk in enumerate(found.facts.ids)}


@pytest.mark.parametrize("make", [make_pause_rule, make_budget_rule])
def test_it_turns_acted_into_shadow_and_nothing_else(spenders, in_acme, make):
    make_spender(in_acme, 500, account=spenders[0].ad_account)  # does not match
    labelled = make_spender(in_acme, account=spenders[0].ad_account, labels=["protected"])
    rule = split_rule(in_acme, spenders, make)
    held = rule_spec(rule)
    without, with_group = (
        evaluate_now([one], now=NOW).rules[0] for one in (dataclasses.replace(held, holdout_percent=0), held)
    )
    differs = np.flatnonzero(without.codes != with_group.codes)
    assert {int(with_group.facts.ids[position]) for position in differs} == held_out_of(rule, spenders)
    assert set(without.codes[differs]) == {CODES[Outcome.ACTED]}
    assert set(with_group.codes[differs]) == {CODES[Outcome.SHADOW]}
    assert outcomes_now(rule)[labelled.pk] == Outcome.PROTECTED
    why = reason("shadow", with_group.explain(int(differs[0])))
    assert why.endswith("This campaign is in the rule’s hold-out group: it is left alone, for comparison.")


def test_the_pass_leaves_the_group_alone(spenders, in_acme):
    rule = split_rule(in_acme, spenders)
    held = held_out_of(rule, spenders)
    rules_evaluate()
    rules_evaluate()
    changed = set(CampaignChange.objects.values_list("campaign_id", flat=True))
    assert changed == {one.pk for one in spenders} - held
    rows = RuleExecution.objects.filter(outcome="shadow")
    assert sorted(row.campaign_id for row in rows) == sorted(held)  # once each: it is no news at the second pass
    for row in rows:
        assert row.condition_result["gate"] == {"why": "holdout"}
        assert row.action_result["after"] == {"status": "paused"}
        assert not row.triggered


def test_a_held_out_campaign_is_free_for_the_next_rule(spenders, in_acme):
    first = split_rule(in_acme, spenders, priority=5)
    second = make_pause_rule(in_acme, name="Second")
    held = held_out_of(first, spenders)
    rules_evaluate()
    acted = RuleExecution.objects.filter(rule=second, outcome="acted").values_list("campaign_id", flat=True)
    lost = RuleExecution.objects.filter(rule=second, outcome="conflict_lost").values_list("campaign_id", flat=True)
    assert set(acted) == held
    assert set(lost) == {one.pk for one in spenders} - held


def test_the_group_does_not_count_for_the_approval(spenders, in_acme):
    rule = split_rule(in_acme, spenders)
    kept = len(spenders) - len(held_out_of(rule, spenders))
    allow(in_acme, approval_percent=kept * 100 // len(spenders))  # as much as it would really change, or a little less
    found = outcomes_now(rule)
    asks = kept * 100 % len(spenders) > 0
    expected = Outcome.AWAITING_APPROVAL if asks else Outcome.ACTED
    assert sorted(found.values()).count(expected) == kept
    # One percent more than that is enough; all of them together would be far more.
    allow(in_acme, approval_percent=min(kept * 100 // len(spenders) + 1, 100))
    assert sorted(outcomes_now(rule).values()).count(Outcome.ACTED) == kept
    rule.holdout_percent = 0
    assert set(outcomes_now(rule).values()) == {Outcome.AWAITING_APPROVAL}


def test_a_rule_in_shadow_mode_names_no_group(spenders, in_acme):
    rule = split_rule(in_acme, spenders, shadow=True)
    rules_evaluate()
    rows = RuleExecution.objects.filter(rule=rule)
    assert {row.outcome for row in rows} == {"shadow"}
    assert all("gate" not in row.condition_result for row in rows)
    # Switched on, the group is told apart from what shadow mode left alone.
    draft = RuleDraft(**{name: getattr(rule, name) for name in RuleDraft.__slots__})
    services.rule_update(rule=rule, draft=dataclasses.replace(draft, shadow=False), actor=ACTOR)
    rules_evaluate()
    told = RuleExecution.objects.filter(rule=rule, condition_result__gate__why="holdout")
    assert {row.campaign_id for row in told} == held_out_of(rule, spenders)


def test_labels_and_alerts_are_held_out_too(spenders, in_acme):
    alerting = {"action_type": "send_alert", "action_config": {"severity": "info"}}
    rule = split_rule(in_acme, spenders, **alerting)
    rules_evaluate()
    held = held_out_of(rule, spenders)
    assert Alert.objects.count() == len(spenders) - len(held)
    assert not set(Alert.objects.values_list("campaign_id", flat=True)) & held


# --- Writing it -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("raw", [-1, 51, "10", 10.0, True, None])
def test_other_shares_are_refused(raw):
    with pytest.raises(ConditionError) as refused:
        parse_holdout(raw)
    assert refused.value.field == "holdout_percent"


def test_the_editor_saves_it_and_the_page_says_so(acme, manager, client_of):
    client = client_of(manager)
    page = client.get(url("rule_create")).content.decode()
    assert "always the same ones" in page
    assert client.post(url("rule_create"), {**FORM, "holdout_percent": "60"}).status_code == 422
    assert client.post(url("rule_create"), {**FORM, "holdout_percent": "15"}).status_code == 302
    rule = inside(acme, lambda: Rule.objects.get())
    assert rule.holdout_percent == 15
    assert 'value="15"' in client.get(url("rule_edit", rule.pk)).content.decode()
    assert "15% of its campaigns, always the same ones" in client.get(url("rule_detail", rule.pk)).content.decode()
    copy = inside(acme, lambda: services.rule_duplicate(rule=rule, actor=ACTOR))
    assert copy.holdout_percent == 15


def test_the_feed_says_that_it_was_not_done(acme, viewer, client_of):
    def made():
        allow(acme)
        first = make_spender(acme)
        campaigns = [first, *(make_spender(acme, account=first.ad_account) for _number in range(11))]
        rule = split_rule(acme, campaigns)
        rules_evaluate()
        return rule, len(held_out_of(rule, campaigns))

    rule, held = inside(acme, made)
    page = client_of(viewer).get(url("rule_detail", rule.pk), {"outcome": "shadow"}).content.decode()
    assert page.count("Not done: Status: Active → Paused") == held
    assert page.count("it is left alone, for comparison.") == held
    everything = client_of(viewer).get(url("rule_detail", rule.pk)).content.decode()
    assert everything.count("Status: Active → Paused") == 12


def test_the_preview_puts_the_group_among_what_is_held_back(acme, manager, client_of):
    def made():
        allow(acme)
        account = make_account(acme)
        campaigns = [make_spender(acme, account=account) for _number in range(12)]
        return split_rule(acme, campaigns), campaigns

    rule, campaigns = inside(acme, made)
    held = len(held_out_of(rule, campaigns))
    client = client_of(manager)
    fields = {**FORM, "holdout_percent": "30", "statuses": []}
    saved = client.get(url("rule_preview_panel"), {**fields, "rule": rule.pk}).content.decode()
    assert f"<dt>Would act</dt><dd>{12 - held}</dd>" in saved
    assert f"<dt>Held back</dt><dd>{held}</dd>" in saved
    unsaved = client.get(url("rule_preview_panel"), fields).content.decode()
    assert "<dt>Would act</dt><dd>12</dd>" in unsaved


def test_a_replay_looks_at_no_group_and_says_so(spenders):
    day = {"kind": "last_n_full_days", "days": 1}
    tree = parse_tree({"field": "spend", "operator": "greater_than", "value": "100", "window": day})
    spec = RuleSpec(0, "Rule", tree, Scope(), SendAlert(), 24, holdout_percent=50)
    span = {"start": YESTERDAY + datetime.timedelta(days=1), "end": YESTERDAY + datetime.timedelta(days=1), "now": NOW}
    found = replay(spec, **span)
    assert found.acted == len(spenders)
    assert Caveat.HOLDOUT in found.caveats
    assert Caveat.HOLDOUT not in replay(dataclasses.replace(spec, holdout_percent=0), **span).caveats
