"""How sure a comparison is."""

import datetime
import math

import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from campaigns.models import CampaignMetric
from campaigns.tests.factories import make_account, make_campaign, make_day
from rules.actions.specs import rule_spec
from rules.conditions import ConditionError, node_json
from rules.conditions.evidence import confidence, more_needed, poisson_cdf
from rules.conditions.text import parse_text
from rules.conditions.wording import reason
from rules.models import Rule
from rules.queries.evaluation import evaluate_now
from rules.tests.factories import make_rule


@pytest.mark.parametrize(
    ("count", "expected", "probability"),
    # Tables of the Poisson distribution.
    [(0, 1.0, 0.3679), (2, 3.0, 0.4232), (5, 10.0, 0.0671), (15, 10.0, 0.9513), (90, 100.0, 0.1714)],
)
def test_poisson_as_in_the_tables(count, expected, probability):
    assert poisson_cdf(count, expected) == pytest.approx(probability, abs=0.0001)


@given(count=st.integers(0, 300), expected=st.floats(0.01, 300))
def test_poisson_is_the_sum_of_its_terms(count, expected):
    terms = (math.exp(k * math.log(expected) - expected - math.lgamma(k + 1)) for k in range(count + 1))
    assert poisson_cdf(count, expected) == pytest.approx(min(1.0, math.fsum(terms)), abs=1e-9)


@given(expected=st.floats(501, 900), sigmas=st.floats(-5, 5))
def test_the_approximation_is_as_good_as_it_says(expected, sigmas):
    count = max(0, round(expected + sigmas * math.sqrt(expected)))
    terms = (math.exp(k * math.log(expected) - expected - math.lgamma(k + 1)) for k in range(count + 1))
    assert poisson_cdf(count, expected) == pytest.approx(min(1.0, math.fsum(terms)), abs=0.0005)


@pytest.mark.parametrize("expected", [5_000.0, 5_001.0, 100_000.0])
def test_large_counts_are_approximated_closely(expected):
    assert poisson_cdf(int(expected), expected) == pytest.approx(0.5, abs=0.01)
    assert poisson_cdf(int(expected + 2 * math.sqrt(expected)), expected) == pytest.approx(0.9772, abs=0.002)


def test_few_events_say_little():
    # CPA 50 against a target of 25: spend 100 should have brought 4, and brought 2.
    assert confidence(2, 4, "few") == pytest.approx(0.762, abs=0.001)
    # The same CPA measured on ten times as much.
    assert confidence(20, 40, "few") > 0.999


@given(count=st.integers(1, 60), ratio=st.floats(1.3, 5), needed=st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_so_many_more_events_are_enough_and_one_less_is_not(count, ratio, needed):
    expected = count * ratio
    more = more_needed(count, expected, "few", needed)
    if confidence(count, expected, "few") >= needed:
        return
    assert more is not None
    assert confidence(count + more, expected * (count + more) / count, "few") >= needed


@given(count=st.integers(0, 200), expected=st.floats(0.1, 200))
def test_below_and_above_are_never_both_sure(count, expected):
    assert confidence(count, expected, "few") + confidence(count, expected, "many") <= 1.0 + 1e-9


def test_nothing_can_be_said_on_the_line_or_without_events():
    assert more_needed(10, 10, "few", 0.9) is None
    assert more_needed(0, 3, "few", 0.9) is None


# --- The gate -------------------------------------------------------------------------------------------------

RULE = {
    "name": "Rule",
    "condition_field": "cpa",
    "condition_operator": "greater_than",
    "condition_value": "25",
    "condition_duration_hours": 24,
    "action_type": "send_alert",
    "action_config": {},
    "cooldown_hours": 0,
}
NOW = datetime.datetime(2026, 11, 23, 9, 0, tzinfo=datetime.UTC)
YESTERDAY = datetime.date(2026, 11, 22)


def outcome(campaign, rule):
    evaluation = evaluate_now([rule_spec(rule)], now=NOW).rules[0]
    position = list(evaluation.facts.ids).index(campaign.pk)
    return evaluation.outcome(position), evaluation.explain(position)


def cpa_rule(tenant, **fields):
    condition = {"condition_field": "cpa", "condition_operator": "greater_than", "condition_value": "25"}
    return make_rule(tenant, **condition, condition_duration_hours=24, **fields)


@pytest.mark.parametrize(("spend", "conversions", "expected"), [(10_000, 2, "held_evidence"), (100_000, 20, "acted")])
def test_few_conversions_hold_a_rule_that_asks_for_certainty(in_acme, spend, conversions, expected):
    campaign = make_campaign(in_acme)
    make_day(campaign, YESTERDAY, spend_cents=spend, conversions=conversions, known_at=NOW)
    found, explanation = outcome(campaign, cpa_rule(in_acme, min_confidence=90))
    assert found == expected
    assert outcome(campaign, cpa_rule(in_acme))[0] == "acted"  # without the floor, the same numbers act
    if expected == "held_evidence":
        assert explanation.evidence["events"] == "conversions"
        assert "more conversion" in reason(found, explanation)
        assert "90% are needed" in reason(found, explanation)


def test_roas_of_a_campaign_without_conversions_is_judged_by_its_account(in_acme):
    account = make_account(in_acme)
    loser, sibling = (make_campaign(in_acme, account=account) for _ in range(2))
    make_day(sibling, YESTERDAY, spend_cents=1_000, conversions=10, revenue_cents=50_000, known_at=NOW)
    make_day(loser, YESTERDAY, spend_cents=5_000, known_at=NOW)
    rule = make_rule(
        in_acme, condition_field="roas", condition_operator="less_than", condition_value="1",
        condition_duration_hours=24, min_confidence=90,
    )  # fmt: skip
    # 50.00 at a ROAS of 1 would be one conversion of 50.00: none of one says little.
    assert outcome(loser, rule)[0] == "held_evidence"
    with transaction.atomic():
        CampaignMetric.objects.filter(campaign=loser).update(spend_cents=30_000)
    assert outcome(loser, rule)[0] == "acted"  # none of six


def test_tree_is_as_sure_as_its_weakest_part(in_acme):
    campaign = make_campaign(in_acme)
    make_day(campaign, YESTERDAY, spend_cents=10_000, conversions=2, impressions=50, known_at=NOW)
    for text, expected in (
        ("cpa over the last 1 full days is above 25 and spend over the last 1 full days is above 10", "held_evidence"),
        ("cpa over the last 1 full days is above 25 or spend over the last 1 full days is above 10", "acted"),
        ("cpa over the last 1 full days is above 25 or spend over the last 1 full days is above 999", "held_evidence"),
    ):
        tree = node_json(parse_text(text))
        rule = make_rule(in_acme, condition_tree=tree, min_confidence=90)
        assert outcome(campaign, rule)[0] == expected, text


@pytest.mark.parametrize(("spend", "conversions", "expected"), [(10_000, 2, "held_evidence"), (100_000, 20, "acted")])
def test_a_cost_is_held_against_the_campaigns_target_with_certainty(in_acme, spend, conversions, expected):
    campaign, without = make_campaign(in_acme, target_cpa_cents=2_500), make_campaign(in_acme)
    for one in (campaign, without):
        make_day(one, YESTERDAY, spend_cents=spend, conversions=conversions, known_at=NOW)
    tree = node_json(parse_text("cpa over the last 1 full days is above 1 × target cpa"))
    rule = make_rule(in_acme, condition_tree=tree, min_confidence=90)
    found, explanation = outcome(campaign, rule)
    assert found == expected
    assert explanation.right == "25"
    assert outcome(without, rule)[0] == "no_match"  # no target is no value


@pytest.mark.parametrize("wrong", [49, 100, 0, True, "90"])
def test_impossible_certainty_is_refused_at_its_place(in_acme, wrong):
    with pytest.raises(ConditionError) as refused:
        rule_spec(Rule(**RULE, min_confidence=wrong))
    assert refused.value.field == "min_confidence"
