"""Rules that undo each other: found if and only if they do, with figures at which they really do."""

import datetime
import math
import random
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from django.db import transaction
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from campaigns.models import CampaignMetric
from campaigns.tests.change_helpers import make_changeable
from rules.actions import AdjustBudget, PauseCampaign, SendAlert
from rules.choices import Outcome
from rules.conditions import FIELDS, ConditionError, RuleSpec, Scope, leaves, parse_condition, parse_tree
from rules.conditions.text import parse_text
from rules.queries.clashes import ClashKind, clashes_among
from rules.queries.clashes.asking import TODAY
from rules.queries.clashes.finding import Meeting
from rules.queries.clashes.states import blank, possible_states
from rules.queries.evaluation import evaluate_now
from rules.queries.matching import read
from rules.tests.platform_cast import allow
from rules.tests.trees import trees

NOW = datetime.datetime(2026, 6, 20, 12, tzinfo=datetime.UTC)
ONE_DAY = datetime.timedelta(days=1)
PAUSE, ENABLE = PauseCampaign("paused"), PauseCampaign("active")
OWN, OTHER = 1, 2
HOLDS = {
    "equals": lambda a, b: a == b,
    "not_equals": lambda a, b: a != b,
    "greater_than": lambda a, b: a > b,
    "less_than": lambda a, b: a < b,
    "gte": lambda a, b: a >= b,
    "lte": lambda a, b: a <= b,
}


def budget_by(percent: str, **config: str) -> AdjustBudget:
    return AdjustBudget.validate(
        {"percent": percent, "currency": "USD", "floor": "10", "ceiling": "1000", "beyond": "clamp", **config}
    )


LOWER, RAISE = budget_by("-20"), budget_by("20")


def rule(text, action, *, rule_id=OWN, **fields) -> RuleSpec:
    condition = parse_text(text) if isinstance(text, str) else text
    return RuleSpec(rule_id, f"Rule {rule_id}", condition, fields.pop("scope", Scope()), action, 24, **fields)


def other(text, action, **fields) -> RuleSpec:
    return rule(text, action, rule_id=OTHER, **fields)


def clash(one, two):
    """The one clash of two rules, None without; whichever is saved first, it is the same."""
    found = clashes_among(one, [two])
    back = clashes_among(two, [one])
    assert [each.kind for each in found] == [each.kind for each in back]
    return found[0] if found else None


# --- One figure: exactly where the half-lines overlap ---------------------------------------------------------

# The smallest step of what is a whole number of something; ratios have none.
STEPS = {
    "spend": Fraction(1, 100),
    "revenue": Fraction(1, 100),
    "impressions": Fraction(1),
    "clicks": Fraction(1),
    "conversions": Fraction(1, 1_000_000),
    "days_running": Fraction(1),
    "days_since_change": Fraction(1),
    **{key: Fraction(1, 100) for key, field in FIELDS.items() if field.value_type == "money" and not field.quotient},
}
# What hangs on spend, which a state chooses without looking at it.
HANGING = ("pacing", "budget_utilisation")
FIGURES = sorted(key for key, field in FIELDS.items() if field.numeric and key != "total_spend")
NUMBERS = st.decimals(0, 500, places=2).map(lambda number: f"{number:f}")


def have_common_value(key, first, second):
    """Whether any value of a figure satisfies both (operator, number): tried at, beside and between the numbers."""
    one, two = (Fraction(number) for _operator, number in (first, second))
    if key in STEPS:
        step = STEPS[key]
        near = {math.floor(number / step) + beside for number in (one, two) for beside in range(-2, 4)}
        values = {number * step for number in near if number >= 0} | {Fraction(0)}
    else:
        values = {Fraction(0), one / 2, two / 2, one, two, (one + two) / 2, one + two + 1}
    return any(HOLDS[first[0]](value, one) and HOLDS[second[0]](value, two) for value in values)


def simple(key, operator, number):
    number = f"{int(Decimal(number))}" if FIELDS[key].value_type == "days" else number
    return parse_condition({"field": key, "operator": operator, "value": number, "duration_hours": 72})


@settings(max_examples=250)
@given(
    key=st.sampled_from(FIGURES),
    operators=st.tuples(st.sampled_from(list(HOLDS)), st.sampled_from(list(HOLDS))),
    numbers=st.tuples(NUMBERS, NUMBERS),
    actions=st.sampled_from([(PAUSE, ENABLE), (LOWER, RAISE), (RAISE, LOWER)]),
)
@example(key="roas", operators=("lte", "gte"), numbers=("1.5", "1.5"), actions=(PAUSE, ENABLE))
@example(key="roas", operators=("less_than", "gte"), numbers=("1.5", "1.5"), actions=(PAUSE, ENABLE))
@example(key="clicks", operators=("greater_than", "less_than"), numbers=("10", "11"), actions=(PAUSE, ENABLE))
@example(key="spend", operators=("greater_than", "less_than"), numbers=("10", "10.02"), actions=(PAUSE, ENABLE))
@example(key="clicks", operators=("not_equals", "greater_than"), numbers=("0", "0.01"), actions=(PAUSE, ENABLE))
def test_two_rules_about_one_figure_clash_exactly_where_both_can_match(key, operators, numbers, actions):
    # A rule that moves the budget it asks about is another story: test_budgets_that_swing.
    assume(key != "daily_budget" or actions[0] is PAUSE)
    first, second = (simple(key, *asked) for asked in zip(operators, numbers, strict=True))
    found = clash(rule(first, actions[0]), other(second, actions[1]))
    asked = [(one.operator.value, one.text) for one in (first, second)]
    assert (found is not None) == have_common_value(key, *asked)
    if found:
        assert (found.kind, found.may) == (ClashKind.CONFLICT, key in HANGING)


@settings(max_examples=100)
@given(
    days=st.tuples(st.integers(1, 30), st.integers(1, 30)),
    cents=st.tuples(st.integers(0, 100_000), st.integers(1, 100_000)),
)
@example(days=(3, 7), cents=(100_000, 99_999))
@example(days=(7, 3), cents=(100_000, 1))
@example(days=(3, 7), cents=(1_000, 1_002))
def test_sums_of_nested_windows_cannot_contradict_each_other(days, cents):
    """More than a over n days and less than b over m days: with n days inside m days only where a cent lies between."""
    over, under = (f"{Decimal(one) / 100:f}" for one in cents)
    one = rule(f"spend over the last {days[0]} full days is above {over}", PAUSE)
    two = other(f"spend over the last {days[1]} full days is below {under}", ENABLE)
    possible = cents[1] > 0 if days[0] > days[1] else cents[0] + 1 < cents[1]
    assert (clash(one, two) is not None) == possible


@given(days=st.tuples(st.integers(1, 60), st.integers(1, 60)), numbers=st.tuples(st.integers(1, 9), st.integers(1, 9)))
def test_ratios_of_different_windows_can_always_contradict_each_other(days, numbers):
    assume(days[0] != days[1])
    one = rule(f"roas over the last {days[0]} full days is below {numbers[0]}", PAUSE)
    two = other(f"roas over the last {days[1]} full days is above {numbers[1]}", ENABLE)
    assert clash(one, two) is not None


@settings(max_examples=60)
@given(first=trees(depth=2), second=trees(depth=2), actions=st.sampled_from([(PAUSE, ENABLE), (LOWER, RAISE)]))
def test_any_two_rules_are_compared_and_what_is_shown_matches(first, second, actions):
    """Trees of all kinds: the chosen state satisfies both conditions, as the evaluator reads them."""
    try:
        one, two = rule(parse_tree(first), actions[0]), other(parse_tree(second), actions[1])
    except ConditionError:
        assume(False)
    meeting = Meeting(one, two)
    if meeting.chosen is None:
        return
    found, place, _is_sure = meeting.chosen
    for reach in (found.first, found.second):
        assert read(reach.spec.condition, reach.facts).matched[place]
        assert reach.after[place] != getattr(reach.facts, "statuses" if actions[0] is PAUSE else "daily_budgets")[place]
    shown = meeting.clash
    assert all(what and value for what, value in shown.example)
    assert [act.before != act.after for act in shown.acts] == [True, True]


def test_a_target_is_shown_in_money_beside_the_cost_that_it_bounds():
    one = rule("cpa over the last 7 full days is above 1.5 × target cpa", PAUSE)
    two = other("cpa over the last 7 full days is below 400 and target cpa is at least 20", ENABLE)
    found = clash(one, two)
    assert (found.kind, found.may) == (ClashKind.CONFLICT, False)
    # The campaign's status first, then the figures.
    _status, cost, target = (value for _what, value in found.example)
    cost, target = (Decimal(value.replace(",", "")) for value in (cost, target))
    assert 30 < cost < 400
    assert 20 <= target < cost / Decimal("1.5")


# --- The figures it shows, in the database --------------------------------------------------------------------

SENTENCES = [
    "roas over the last 3 full days is below 2",
    "roas over the last 7 full days is at least 1.2",
    "spend over the last 3 full days is above 250",
    "spend over the last 7 full days is between 100 and 400",
    "cpa over the last 3 full days is above 1.2 × cpa over the last 7 full days",
    "ctr over the last 7 full days is at most 1.5",
    "conversions over the last 1 full days is 3",
    "roas on each of the last 3 full days is above 1.5",
    "cvr over the last 3 full days is above 2 and cpc over the last 3 full days is below 0.5",
    "spend over the last 7 full days has risen by at least 30%",
    "daily budget is above 100",
    "daily budget is at most 150",
    "roas over the last 3 full days is below 1 or clicks over the last 7 full days is above 50",
]
COMPONENTS = ("impressions", "clicks", "conversions_micros", "spend_cents", "revenue_cents")


def as_stored(facts, place, tenant):
    """The state as a campaign with its days: each window holds what the shorter ones in it lack."""
    campaign = make_changeable(
        tenant,
        name=facts.names[place],
        status=facts.statuses[place],
        daily_budget_cents=facts.daily_budgets[place],
        start_date=facts.start_dates[place],
    )
    spans = {window: window.offsets(TODAY) for window, _name in facts.sums}
    cuts = sorted({edge for span in spans.values() for edge in (span.near, span.far + 1)} | {1, 2})
    rows = {day: dict.fromkeys(COMPONENTS, 0) for day in cuts[:-1]}
    for window in sorted(spans, key=lambda one: spans[one].far - spans[one].near):
        inside = [day for day in rows if spans[window].near <= day <= spans[window].far]
        for name in COMPONENTS:
            if (window, name) in facts.sums:
                settled = sum(rows[day][name] for day in inside)
                rows[inside[-1]][name] += int(facts.sums[window, name][place]) - settled
    for back, row in rows.items():
        assert min(row.values()) >= 0
        CampaignMetric.objects.create(
            campaign=campaign, date=TODAY - back * ONE_DAY, known_at=NOW, conversions=0, **row
        )
    return campaign


def outcome_of(spec, campaign):
    return evaluate_now([replace(spec, rule_id=None)], now=NOW, campaign_ids=[campaign.pk]).rules[0].outcome(0)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    texts=st.tuples(st.sampled_from(SENTENCES), st.sampled_from(SENTENCES)),
    actions=st.sampled_from([(PAUSE, ENABLE), (LOWER, RAISE)]),
    confidence=st.sampled_from([None, 90]),
)
@example(texts=(SENTENCES[0], SENTENCES[1]), actions=(PAUSE, ENABLE), confidence=90)
@example(texts=(SENTENCES[10], SENTENCES[11]), actions=(LOWER, RAISE), confidence=None)
@example(texts=(SENTENCES[4], SENTENCES[1]), actions=(LOWER, RAISE), confidence=None)
@example(texts=(SENTENCES[7], SENTENCES[0]), actions=(PAUSE, ENABLE), confidence=None)
def test_both_rules_really_act_at_the_figures_it_shows(in_acme, texts, actions, confidence):
    one = rule(texts[0], actions[0], min_confidence=confidence)
    two = other(texts[1], actions[1], min_confidence=confidence)
    meeting = Meeting(one, two)
    if meeting.chosen is None or not meeting.chosen[2]:
        return
    found, place, _is_sure = meeting.chosen
    originals = {OWN: one, OTHER: two}
    with transaction.atomic():
        allow(in_acme)
        campaign = as_stored(found.first.facts, place, in_acme)
        assert outcome_of(originals[found.first.spec.rule_id], campaign) is Outcome.ACTED
        if found.second.facts is not found.first.facts:
            campaign.status = found.second.facts.statuses[place]
            campaign.daily_budget_cents = found.second.facts.daily_budgets[place]
            campaign.save(update_fields=["status", "daily_budget_cents"])
        assert outcome_of(originals[found.second.spec.rule_id], campaign) is Outcome.ACTED
        transaction.set_rollback(True)


def test_the_figures_are_named_as_people_name_them():
    found = clash(
        rule("roas over the last 3 full days is below 2", PAUSE),
        other("roas over the last 3 full days is above 1.5 and spend over the last 7 full days is above 100", ENABLE),
    )
    assert dict(found.example) == {
        "Status": "Active",
        "ROAS over the last 3 full days": "1.75×",
        "Spend over the last 7 full days": "10,000",
    }
    assert [(act.does, act.before, act.after) for act in found.acts] == [
        ("pause the campaign", "Active", "Paused"),
        ("enable the campaign", "Paused", "Active"),
    ]
    assert (found.rule_id, found.name, found.field) == (OTHER, "Rule 2", "status")


def test_figures_close_to_a_threshold_keep_the_decimals_that_tell():
    found = clash(
        rule("cpc over the last 3 full days is below 0.02", LOWER),
        other("cpc over the last 3 full days is above 0.01", RAISE),
    )
    assert ("CPC over the last 3 full days", "$0.015") in found.example


# --- Loops: only after the first action -----------------------------------------------------------------------


def test_budgets_that_swing_around_a_threshold():
    found = clash(rule("daily budget is above 100", LOWER), other("daily budget is below 100", RAISE))
    assert found.kind is ClashKind.LOOP
    first, second = found.acts
    assert first.after == second.before
    assert not found.has_winner


@pytest.mark.parametrize(
    ("lower", "raise_"),
    [
        # 110 → 88, and 88 is no less than 50.
        ("-20", "20"),
        # 110 → 44 → 52.80, where neither has anything to say any more.
        ("-60", "20"),
    ],
)
def test_what_comes_to_rest_is_no_loop(lower, raise_):
    one = rule("daily budget is above 100", budget_by(lower))
    assert clash(one, other("daily budget is below 50", budget_by(raise_))) is None


def test_small_steps_that_lead_back_are_a_loop():
    """One cut, several rises, and the cut again."""
    one = rule("daily budget is above 100", budget_by("-30"))
    found = clash(one, other("daily budget is at most 100", budget_by("10")))
    assert found.kind is ClashKind.LOOP


def test_statuses_that_follow_each_other_are_a_loop():
    one = rule("roas over the last 3 full days is below 2", PAUSE, scope=Scope(statuses=frozenset({"active"})))
    two = other("roas over the last 3 full days is above 1", ENABLE, scope=Scope(statuses=frozenset({"paused"})))
    found = clash(one, two)
    assert (found.kind, found.acts[0].rule_id) == (ClashKind.LOOP, OWN)
    apart = replace(two, condition=parse_text("roas over the last 3 full days is above 2"))
    assert clash(one, apart) is None
    by_test = other('status is "paused" and roas over the last 3 full days is above 1', ENABLE)
    assert clash(one, by_test).kind is ClashKind.LOOP


# --- Pairs that cannot meet -----------------------------------------------------------------------------------

BELOW, ABOVE = "roas over the last 3 full days is below 2", "roas over the last 3 full days is above 1"


def scope(**parts):
    return Scope(**{name: frozenset(values) for name, values in parts.items()})


@pytest.mark.parametrize(
    ("own", "its", "actions"),
    [
        # Paused by the one, a campaign is out of the scope of the other.
        (scope(statuses={"active"}), scope(statuses={"active"}), (PAUSE, ENABLE)),
        (scope(statuses={"active"}), scope(statuses={"paused"}), (LOWER, RAISE)),
        (scope(platforms={"meta"}), scope(platforms={"google", "tiktok"}), (PAUSE, ENABLE)),
        (scope(campaign_ids={1, 2}), scope(campaign_ids={3}), (PAUSE, ENABLE)),
        (Scope(), Scope(), (PAUSE, PAUSE)),
        (Scope(), Scope(), (LOWER, LOWER)),
        (Scope(), Scope(), (PAUSE, RAISE)),
        (Scope(), Scope(), (PAUSE, SendAlert())),
        (Scope(), Scope(), (LOWER, budget_by("20", currency="EUR"))),
        # No budget lies above the floor of the one and below the ceiling of the other.
        (Scope(), Scope(), (budget_by("-20", floor="500"), budget_by("20", ceiling="500", beyond="skip"))),
    ],
)
def test_rules_that_cannot_undo_each_other(own, its, actions):
    assert clash(rule(BELOW, actions[0], scope=own), other(ABOVE, actions[1], scope=its)) is None


@pytest.mark.parametrize(
    ("own", "its"),
    [
        (scope(platforms={"meta", "google"}), scope(platforms={"google"})),
        (scope(campaign_ids={1, 2}), scope(campaign_ids={2, 3})),
        (scope(campaign_ids={1, 2}), Scope()),
        (scope(statuses={"active", "paused"}), scope(statuses={"paused"})),
    ],
)
def test_scopes_that_share_campaigns(own, its):
    assert clash(rule(BELOW, PAUSE, scope=own), other(ABOVE, ENABLE, scope=its)) is not None


WORDS = [
    ('labels contains "vip"', 'labels contains "new"', True),
    ('labels contains "vip"', 'labels is not "vip"', False),
    ('name contains "summer"', 'name contains "sale"', True),
    ('name is "summer"', 'name contains "sale"', False),
    ('platform is "meta"', 'platform is "google"', False),
    ('platform is one of "meta", "google"', 'platform is "google"', True),
    ('currency is "EUR"', 'currency is "JPY"', False),
    ('objective contains "lead"', 'objective is not "leads"', True),
    ('labels contains "a" and labels is one of "b", "c"', 'labels is not "c" and labels is not "d"', True),
    ('name contains "a" and name contains "b"', 'name is not "a b" and name contains "c"', True),
    ('currency is not "USD"', 'currency is not "EUR"', True),
    ('status is "active"', 'status is "active"', False),
    ('status is not "paused"', 'status is "paused"', True),
]


@pytest.mark.parametrize(("first", "second", "meet"), WORDS)
def test_words_that_exclude_each_other(first, second, meet):
    found = clash(rule(f"{BELOW} and {first}", PAUSE), other(f"{ABOVE} and {second}", ENABLE))
    assert (found is not None) == meet


# --- What depends on other campaigns --------------------------------------------------------------------------

OTHERS = [
    ("is above 1.5 × the account average", "is below 50", True),
    ("is above 1.5 × the account average", "is below 0.8 × the account average", False),
    ("is above 0.8 × the account average", "is below 1.5 × the account average", True),
    ("is above 1.5 × the account average", "is below 0.8 × the platform average", True),
    ("is among the highest 10%", "is above 5", True),
    ("is among the highest 10%", "is among the lowest 3", False),
]


@pytest.mark.parametrize(("first", "second", "meet"), OTHERS)
def test_averages_and_ranks_say_may(first, second, meet):
    over = "cpa over the last 3 full days"
    found = clash(rule(f"{over} {first}", LOWER), other(f"{over} {second}", RAISE))
    assert (found is not None) == meet
    if found:
        assert found.may


def test_complete_days_are_not_always_the_full_days():
    one = rule("roas over the last 3 complete days is below 1", PAUSE)
    assert clash(one, other("roas over the last 3 full days is above 1", ENABLE)) is not None
    assert clash(one, other("roas over the last 3 complete days is above 1", ENABLE)) is None


def test_long_conditions_are_met_part_by_part():
    one = rule(
        "(roas over the last 3 full days is below 1 and spend over the last 3 full days is above 500)"
        " or ctr over the last 3 full days is below 0.5",
        PAUSE,
    )
    two = other(
        "cpc over the last 7 full days is below 0.5 and cpm over the last 7 full days is above 10"
        ' and labels contains "x" and name contains "Summer"'
        " and spend over the last 7 full days is between 600 and 700",
        ENABLE,
    )
    assert clash(one, two) is not None


# --- Long conditions: what some campaign satisfies is found ---------------------------------------------------

THRESHOLDS = {
    "roas": ("0.5", "1", "1.5", "3"),
    "cpa": ("5", "20", "50"),
    "ctr": ("0.5", "1", "2"),
    "cvr": ("1", "2", "5"),
    "cpc": ("0.2", "0.5", "2"),
    "cpm": ("2", "5", "20"),
    "spend": ("10", "100", "1000"),
    "clicks": ("5", "50", "500"),
    "conversions": ("1", "10"),
    "impressions": ("1000", "10000"),
}
SPANS = (1, 2, 3, 7, 14, 30)


def draw_test(chance):
    key = chance.choice(list(THRESHOLDS))
    over, value = f"{key} over the last {chance.choice(SPANS)} full days", chance.choice(THRESHOLDS[key])
    way = chance.choice(["above", "below", "at least", "at most"])
    return chance.choice(
        [
            f"{over} is {way} {value}",
            f"{over} is {way} {value}",
            f"{over} is {way} {value}",
            f"{over} is {way} 1.2 × {key} over the last {chance.choice(SPANS)} full days",
            f"{over} has {chance.choice(['risen', 'fallen'])} by at least 30%",
            f"{key} on each of the last 3 full days is {way} {value}",
        ]
    )


def draw_condition(chance):
    parts = [draw_test(chance) for _number in range(chance.randint(1, 4))]
    head = f"({parts[0]} or {parts[1]})" if len(parts) > 2 else parts[0]
    return " and ".join([head, *parts[2 if len(parts) > 2 else 1 :]])


def market(size, seed):
    """Days of campaigns of all sizes whose rates drift, newest first: sums from today back to each day."""
    draws = np.random.default_rng(seed)

    def drifting(low, high):
        start = np.exp(draws.uniform(np.log(low), np.log(high), (size, 1)))
        return start * np.exp(draws.normal(0, 0.7, (size, 61)) + np.cumsum(draws.normal(0, 0.15, (size, 61)), axis=1))

    spend = drifting(2, 800)
    impressions = np.rint(spend / drifting(1, 40) * 1000)
    clicks = np.rint(impressions * np.minimum(drifting(0.002, 0.05), 1))
    conversions = np.rint(clicks * np.minimum(drifting(0.005, 0.1), 1))
    days = {
        "impressions": impressions,
        "clicks": clicks,
        "conversions_micros": conversions * 1_000_000,
        "spend_cents": np.rint(spend * 100),
        "revenue_cents": np.rint(conversions * drifting(500, 20_000)),
    }
    return {name: np.cumsum(one, axis=1).astype(np.int64) for name, one in days.items()}


def test_what_some_campaign_satisfies_is_found():
    """Conditions of up to eight tests together, on 10,000 campaigns of a market that the search knows nothing of."""
    size, chance = 10_000, random.Random(11)
    until = market(size, 12)
    satisfied = missed = 0
    for _pair in range(120):
        one, two = rule(draw_condition(chance), PAUSE), other(draw_condition(chance), ENABLE)
        facts = blank(size)
        for test in (*leaves(one.condition), *leaves(two.condition)):
            for window in test.windows:
                near, far = window.offsets(TODAY)
                facts.sums |= {(window, name): sums[:, far] - sums[:, near - 1] for name, sums in until.items()}
        if (read(one.condition, facts).matched & read(two.condition, facts).matched).any():
            satisfied += 1
            missed += not clashes_among(one, [two])
    assert satisfied > 50
    assert missed <= satisfied // 50


# --- Who is asked, who wins -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("own", "its", "first"),
    [
        ((OWN, 0), (OTHER, 5), OTHER),
        ((OWN, 5), (OTHER, 0), OWN),
        ((OWN, 0), (OTHER, 0), OWN),
        ((None, 0), (OTHER, 0), OTHER),
    ],
)
def test_priority_then_age_decides_who_wins_about_a_budget(own, its, first):
    one = rule(BELOW, LOWER, rule_id=own[0], priority=own[1])
    found = clashes_among(one, [rule(ABOVE, RAISE, rule_id=its[0], priority=its[1])])[0]
    assert found.has_winner
    assert found.acts[0].rule_id == first


def test_a_shadow_rule_only_would():
    for one, two in ((True, False), (False, True)):
        found = clash(rule(BELOW, PAUSE, shadow=one), other(ABOVE, ENABLE, shadow=two))
        assert found.shadow
    assert not clash(rule(BELOW, PAUSE), other(ABOVE, ENABLE)).shadow


def test_a_rule_does_not_clash_with_itself_and_all_others_are_named():
    one = rule(BELOW, PAUSE)
    others = [
        replace(one, action=ENABLE),
        other(ABOVE, ENABLE),
        rule(ABOVE, PAUSE, rule_id=3),
        rule(ABOVE, ENABLE, rule_id=4),
    ]
    assert [found.rule_id for found in clashes_among(one, others)] == [OTHER, 4]


def test_equal_rules_have_equal_examples_and_work_is_bounded():
    one, two = rule(f"{BELOW} or clicks over today is above 3", PAUSE), other(ABOVE, ENABLE)
    assert clashes_among(one, [two]) == clashes_among(one, [two])
    days = " and ".join(f"roas on each of the last {number} full days is below 9" for number in range(12, 32))
    crowded = possible_states(rule(days, PAUSE), other(days.replace("below", "above"), ENABLE))
    assert 0 < crowded.count <= 30_000


def test_windows_of_every_kind_are_laid():
    windows = [
        "today",
        "the month to date",
        "its lifetime",
        "the last 5 complete days",
        "the last 3 days including today",
    ]
    for first in windows:
        for second in windows:
            one = rule(f"roas over {first} is below 1", PAUSE)
            found = clash(one, other(f"roas over {second} is above 1", ENABLE))
            assert (found is not None) == (first != second), (first, second)
