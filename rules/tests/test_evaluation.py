"""The evaluator against a slow, obviously correct one; and each gate by itself."""

import datetime
import math
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from django.db import transaction
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from campaigns.models import CampaignMetric
from campaigns.tests.factories import make_account, make_campaign, make_day
from rules.actions.specs import rule_spec
from rules.choices import Outcome
from rules.conditions import FIELDS, Window, parse_condition
from rules.models import RuleState
from rules.queries.evaluation import evaluate_now
from rules.queries.explaining import decimal_text
from rules.queries.facts import AccountDay, CampaignFacts
from rules.queries.matching import read
from rules.tests.factories import make_rule

NOW = datetime.datetime(2026, 11, 23, 9, 0, tzinfo=datetime.UTC)
YESTERDAY = datetime.date(2026, 11, 22)
ONE_DAY = datetime.timedelta(days=1)

# field → (numerator, denominator) as a person would write the formula, on plain sums of a window.
FORMULAS = {
    "spend": lambda s: (s["spend"], 1),
    "total_spend": lambda s: (s["spend"], 1),
    "revenue": lambda s: (s["revenue"], 1),
    "impressions": lambda s: (s["impressions"], 1),
    "clicks": lambda s: (s["clicks"], 1),
    "conversions": lambda s: (s["conversions"], 1),
    "ctr": lambda s: (100 * s["clicks"], s["impressions"]),
    "cvr": lambda s: (100 * s["conversions"], s["clicks"]),
    "cpc": lambda s: (s["spend"], s["clicks"]),
    "cpm": lambda s: (1000 * s["spend"], s["impressions"]),
    "cpa": lambda s: (s["spend"], s["conversions"]),
    "roas": lambda s: (s["revenue"], s["spend"]),
}
COMPARE = {
    "equals": lambda a, b: a == b,
    "not_equals": lambda a, b: a != b,
    "greater_than": lambda a, b: a > b,
    "less_than": lambda a, b: a < b,
    "gte": lambda a, b: a >= b,
    "lte": lambda a, b: a <= b,
}
UNITS = {"USD": 100, "JPY": 1, "KWD": 1000}


def slow_outcome(rule, campaign, now):
    """One rule on one campaign, by the book: one query for the numbers, one for every row of the account."""
    zone = ZoneInfo(campaign.ad_account.timezone)
    end = now.astimezone(zone).date() - ONE_DAY
    start = end - (math.ceil(rule.condition_duration_hours / 24) - 1) * ONE_DAY
    complete = [
        min(row.date, row.known_at.astimezone(zone).date() - ONE_DAY)
        for row in CampaignMetric.objects.filter(campaign__ad_account=campaign.ad_account)
    ]
    if not complete or max(complete) < end:
        return "held_stale"
    days = list(CampaignMetric.objects.filter(campaign=campaign, date__gte=start, date__lte=end))
    unit = UNITS[campaign.currency]
    sums = {
        "spend": Fraction(sum(day.spend_cents for day in days), unit),
        "revenue": Fraction(sum(day.revenue_cents for day in days), unit),
        "impressions": Fraction(sum(day.impressions for day in days)),
        "clicks": Fraction(sum(day.clicks for day in days)),
        "conversions": Fraction(
            sum(day.conversions * 10**6 if day.conversions_micros is None else day.conversions_micros for day in days),
            10**6,
        ),
    }
    above, below = FORMULAS[rule.condition_field](sums)
    if below == 0:
        return "no_match"
    matches = COMPARE[rule.condition_operator](above / below, Fraction(Decimal(rule.condition_value)))
    state = RuleState.objects.filter(rule=rule, campaign=campaign, last_acted_at__isnull=False).first()
    if not matches:
        return "no_match"
    if state and now < state.last_acted_at + datetime.timedelta(hours=rule.cooldown_hours):
        return "cooldown"
    return "already_in_state" if rule.action_config["label"] in campaign.labels else "acted"


def outcomes(rules, now=NOW):
    evaluation = evaluate_now([rule_spec(rule) for rule in rules], now=now)
    return {
        (one.spec.rule_id, int(campaign_id)): one.outcome(position)
        for one in evaluation.rules
        for position, campaign_id in enumerate(one.facts.ids)
    }


def outcome_of(rule, campaign, now=NOW):
    return outcomes([rule], now)[rule.pk, campaign.pk]


# Small whole numbers and round values, so that figures fall exactly on the line often.
COUNTS = st.integers(0, 6)
DAY = st.fixed_dictionaries({
    "impressions": COUNTS,
    "clicks": COUNTS,
    "conversions": st.integers(0, 3),
    "conversions_micros": st.none() | st.sampled_from([0, 500_000, 1_000_000, 333_333]),
    "spend_cents": st.integers(0, 400),
    "revenue_cents": st.integers(0, 400),
    "late": st.sampled_from([0, 1, 1, 2]),
})  # fmt: skip
ACCOUNT = st.tuples(
    st.sampled_from(["UTC", "Asia/Tokyo", "America/Los_Angeles", "Pacific/Kiritimati"]),
    st.sampled_from(sorted(UNITS)),
    # Per campaign: how many days back → its numbers. Yesterday is there more often than not.
    st.lists(
        st.fixed_dictionaries({1: DAY}, optional=dict.fromkeys((0, 2, 3, 4), DAY))
        | st.dictionaries(st.integers(0, 4), DAY, max_size=2),
        min_size=1,
        max_size=2,
    ),
)
RULE = st.tuples(
    st.sampled_from(sorted(FORMULAS)),
    st.sampled_from(sorted(COMPARE)),
    st.sampled_from(["0", "0.5", "1", "1.5", "2", "50", "100", "0.333333"]),
    st.sampled_from([1, 24, 30, 72]),
    # Hours since it last acted, if it did.
    st.none() | st.integers(0, 48),
)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    accounts=st.lists(ACCOUNT, min_size=1, max_size=3), rules=st.lists(RULE, min_size=1, max_size=3), hot=st.booleans()
)
def test_same_outcomes_as_the_slow_way(in_acme, accounts, rules, hot):
    # Each example in a savepoint of its own, taken back.
    with transaction.atomic():
        campaigns = [one for account in accounts for one in build_account(in_acme, *account, hot=hot)]
        stored = [build_rule(in_acme, rule, campaigns, f"Hot {number}") for number, rule in enumerate(rules)]
        # All at once: they share windows, which must not be seen in what they find.
        found = outcomes(stored)
        for rule in stored:
            for campaign in campaigns:
                expected = slow_outcome(rule, campaign, NOW)
                assert found[rule.pk, campaign.pk] == expected, (rule.condition_field, rule.condition_duration_hours)
        transaction.set_rollback(True)


def build_account(tenant, zone, currency, campaigns, *, hot):
    account = make_account(tenant, timezone=zone, currency=currency)
    today = NOW.astimezone(ZoneInfo(zone)).date()
    made = []
    for days in campaigns:
        campaign = make_campaign(tenant, account=account, labels=["Hot 0"] if hot else [])
        for back, day in days.items():
            numbers = {key: value for key, value in day.items() if key != "late"}
            date = today - back * ONE_DAY
            noon = datetime.datetime.combine(date, datetime.time(12), ZoneInfo(zone))
            make_day(campaign, date, known_at=noon + day["late"] * ONE_DAY, **numbers)
        made.append(campaign)
    return made


def build_rule(tenant, rule, campaigns, label):
    field, operator, value, hours, since = rule
    stored = make_rule(
        tenant,
        condition_field=field,
        condition_operator=operator,
        condition_value=value,
        condition_duration_hours=hours,
        action_config={"label": label},
    )
    if since is not None:
        acted_at = NOW - datetime.timedelta(hours=since)
        RuleState.objects.create(rule=stored, campaign=campaigns[0], outcome="acted", last_acted_at=acted_at)
    return stored


@pytest.fixture
def spent(in_acme):
    """A campaign that spent 150.00 yesterday, complete."""
    campaign = make_campaign(in_acme)
    make_day(campaign, YESTERDAY, spend_cents=15_000, known_at=NOW)
    return campaign


def test_all_gates_open_would_act(spent, in_acme):
    assert outcome_of(make_rule(in_acme), spent) == "acted"


def test_each_gate_alone_decides_its_outcome(spent, in_acme):
    """Flipping one gate's input, and nothing else, gives exactly that gate's outcome."""
    stale_since = NOW - ONE_DAY
    flips = {
        "platform": ({"applies_to_platforms": ["google"]}, {}, None),
        "status": ({"applies_to_statuses": ["paused"]}, {}, None),
        "campaign": ({"applies_to_campaigns": [spent.pk + 1000]}, {}, None),
        "freshness": ({}, {"known_at": stale_since}, "held_stale"),
        "condition": ({"condition_value": "150"}, {}, "no_match"),
    }
    for name, (rule_fields, day_fields, expected) in flips.items():
        with transaction.atomic():
            CampaignMetric.objects.update(**(day_fields or {"known_at": NOW}))
            assert outcome_of(make_rule(in_acme, **rule_fields), spent) == expected, name
            transaction.set_rollback(True)
    rule = make_rule(in_acme)
    RuleState.objects.create(
        rule=rule, campaign=spent, outcome="acted", last_acted_at=NOW - datetime.timedelta(hours=1)
    )
    assert outcome_of(rule, spent) == "cooldown"
    spent.labels = ["Hot"]
    spent.save()
    assert outcome_of(make_rule(in_acme), spent) == "already_in_state"


def test_gates_stand_in_order(spent, in_acme):
    """With every gate shut, opening them one after the other shows them in the order of the design."""
    rule = make_rule(in_acme, applies_to_platforms=["google"], condition_value="1000")
    RuleState.objects.create(rule=rule, campaign=spent, outcome="acted", last_acted_at=NOW)
    spent.labels = ["Hot"]
    spent.save()
    CampaignMetric.objects.update(known_at=NOW - ONE_DAY)
    seen = [outcome_of(rule, spent)]
    rule.applies_to_platforms = None
    seen.append(outcome_of(rule, spent))
    CampaignMetric.objects.update(known_at=NOW)
    seen.append(outcome_of(rule, spent))
    rule.condition_value = "100"
    seen.append(outcome_of(rule, spent))
    RuleState.objects.all().delete()
    seen.append(outcome_of(rule, spent))
    spent.labels = []
    spent.save()
    seen.append(outcome_of(rule, spent))
    assert seen == [None, "held_stale", "no_match", "cooldown", "already_in_state", "acted"]


@pytest.mark.parametrize("operator", ["less_than", "lte", "equals", "not_equals", "greater_than", "gte"])
@pytest.mark.parametrize("field", ["ctr", "cvr", "cpc", "cpm", "cpa", "roas", "daily_budget", "days_running"])
def test_no_value_matches_nothing(in_acme, field, operator):
    campaign = make_campaign(in_acme)
    make_day(campaign, YESTERDAY, known_at=NOW)
    rule = make_rule(in_acme, condition_field=field, condition_operator=operator, condition_value="1")
    evaluation = evaluate_now([rule_spec(rule)], now=NOW).rules[0]
    assert evaluation.outcome(0) == "no_match"
    explanation = evaluation.explain(0)
    assert explanation.actual is None
    assert explanation.missing


def test_fractional_conversions_count(in_acme):
    campaign = make_campaign(in_acme)
    make_day(campaign, YESTERDAY, conversions=3, conversions_micros=2_500_000, spend_cents=10_000, known_at=NOW)
    exact = make_rule(in_acme, condition_field="conversions", condition_operator="equals", condition_value="2.5")
    cpa = make_rule(
        in_acme,
        condition_field="cpa",
        condition_operator="equals",
        condition_value="40",
        action_type="send_alert",
        action_config={},
    )
    found = outcomes([exact, cpa])
    assert found[exact.pk, campaign.pk] == "acted"
    assert found[cpa.pk, campaign.pk] == "acted"


def test_money_is_in_the_campaigns_own_currency(in_acme):
    """1000 is 1,000.00 dollars, 1,000 yen, 1,000.000 dinars."""
    rule = make_rule(in_acme, condition_operator="gte", condition_value="1000")
    for currency, minor in (("USD", 100_000), ("JPY", 1_000), ("KWD", 1_000_000)):
        account = make_account(in_acme, currency=currency)
        enough, short = (make_campaign(in_acme, account=account) for _ in range(2))
        make_day(enough, YESTERDAY, spend_cents=minor, known_at=NOW)
        make_day(short, YESTERDAY, spend_cents=minor - 1, known_at=NOW)
        found = outcomes([rule])
        assert found[rule.pk, enough.pk] == "acted", currency
        assert found[rule.pk, short.pk] == "no_match", currency


def test_the_last_full_day_is_a_day_of_the_accounts_zone(in_acme):
    """At 16:00 UTC it is tomorrow in Tokyo and this morning in Los Angeles."""
    now = datetime.datetime(2026, 11, 23, 16, 0, tzinfo=datetime.UTC)
    ends = {"Asia/Tokyo": datetime.date(2026, 11, 23), "America/Los_Angeles": datetime.date(2026, 11, 22)}
    rule = make_rule(in_acme)
    for zone, end in ends.items():
        campaign = make_campaign(in_acme, account=make_account(in_acme, timezone=zone))
        make_day(campaign, end, spend_cents=15_000, known_at=now)
        make_day(campaign, end - ONE_DAY, spend_cents=1, known_at=now)
        evaluation = evaluate_now([rule_spec(rule)], now=now, campaign_ids=[campaign.pk]).rules[0]
        assert evaluation.outcome(0) == "acted", zone
        window = evaluation.explain(0).window
        assert (window.start, window.end, window.zone) == (end.isoformat(), end.isoformat(), zone)


def test_a_day_reported_before_it_was_over_is_not_complete(in_acme):
    account = make_account(in_acme, timezone="America/Los_Angeles")
    campaign = make_campaign(in_acme, account=account)
    midnight = datetime.datetime(2026, 11, 23, 8, 0, tzinfo=datetime.UTC)
    make_day(campaign, YESTERDAY, spend_cents=15_000, known_at=midnight - datetime.timedelta(microseconds=1))
    rule = make_rule(in_acme)
    assert outcome_of(rule, campaign) == "held_stale"
    CampaignMetric.objects.update(known_at=midnight)
    assert outcome_of(rule, campaign) == "acted"


def test_a_sync_after_midnight_completes_quiet_days(in_acme):
    """A connected account that had nothing to report is not stale: its days were asked for."""
    account = make_account(in_acme, status="ok", last_synced_at=NOW)
    campaign = make_campaign(in_acme, account=account)
    rule = make_rule(in_acme, condition_operator="equals", condition_value="0")
    assert outcome_of(rule, campaign) == "acted"
    account.status = "import_only"
    account.save()
    assert outcome_of(rule, campaign) == "held_stale"


def test_fields_of_the_campaign_itself_need_no_fresh_numbers(in_acme):
    campaign = make_campaign(
        in_acme, name="Brand – Spain", objective="SALES", daily_budget_cents=5_000, labels=["summer"]
    )
    cases = [
        ("name", "contains", "BRAND", "acted"),
        ("name", "equals", "brand – spain", "acted"),
        ("name", "in", "a, brand – spain", "acted"),
        ("objective", "not_equals", "leads", "acted"),
        ("status", "in", "active,paused", "acted"),
        ("platform", "equals", "google", "no_match"),
        ("currency", "equals", "usd", "acted"),
        ("labels", "contains", "summer", "acted"),
        ("labels", "contains", "Summer", "no_match"),
        ("labels", "in", "winter, summer", "acted"),
        ("labels", "not_equals", "summer", "no_match"),
        ("daily_budget", "equals", "50", "acted"),
        ("daily_budget", "greater_than", "49.995", "acted"),
    ]
    for field, operator, value, expected in cases:
        rule = make_rule(in_acme, condition_field=field, condition_operator=operator, condition_value=value)
        assert outcome_of(rule, campaign) == expected, (field, operator, value)


def test_days_running_counts_from_the_start_in_the_accounts_zone(in_acme):
    account = make_account(in_acme, timezone="Pacific/Kiritimati")  # 23:00 there at 09:00 UTC
    campaign = make_campaign(in_acme, account=account, start_date=datetime.date(2026, 11, 9))
    rule = make_rule(in_acme, condition_field="days_running", condition_operator="equals", condition_value="14")
    assert outcome_of(rule, campaign) == "acted"
    assert outcome_of(rule, campaign, NOW + datetime.timedelta(hours=1)) == "no_match"


def test_two_rules_with_one_effect_act_once(spent, in_acme):
    first, second = make_rule(in_acme), make_rule(in_acme, condition_value="50")
    found = outcomes([first, second])
    assert found[first.pk, spent.pk] == "acted"
    assert found[second.pk, spent.pk] == "already_in_state"


def test_nearest_misses_are_the_nearest(in_acme):
    account = make_account(in_acme)
    spends = [1_000, 9_000, 20_000, 9_900]
    campaigns = [make_campaign(in_acme, account=account) for _ in spends]
    for campaign, spend in zip(campaigns, spends, strict=True):
        make_day(campaign, YESTERDAY, spend_cents=spend, known_at=NOW)
    evaluation = evaluate_now([rule_spec(make_rule(in_acme))], now=NOW).rules[0]
    nearest = [int(evaluation.facts.ids[position]) for position in evaluation.nearest_misses(2)]
    assert nearest == [campaigns[3].pk, campaigns[1].pk]
    assert evaluation.counts() == {Outcome.ACTED: 1, Outcome.NO_MATCH: 3}


def test_no_campaigns_at_all(in_acme):
    evaluation = evaluate_now([rule_spec(make_rule(in_acme))], now=NOW)
    assert evaluation.rules[0].counts() == {}


@given(st.fractions(min_value=0, max_value=10**15, max_denominator=10**9))
def test_decimal_text_is_the_nearest_six_places(figure):
    text = decimal_text(figure)
    assert abs(Fraction(Decimal(text)) - figure) <= Fraction(1, 2 * 10**6)
    assert "E" not in text


def test_statements_do_not_grow_with_rules_and_campaigns(in_acme, django_assert_num_queries):
    def read(rules):
        # Campaigns, accounts, the workspace's zone, recent days, sums, what is remembered.
        with django_assert_num_queries(6):
            evaluate_now([rule_spec(rule) for rule in rules], now=NOW)

    rules = [make_rule(in_acme)]
    make_day(make_campaign(in_acme), YESTERDAY, spend_cents=1)
    read(rules)
    for days in (2, 7):
        rules.append(make_rule(in_acme, condition_field="roas", condition_duration_hours=24 * days))
        make_day(make_campaign(in_acme), YESTERDAY, spend_cents=1)
    read(rules)


def facts_of(**sums):
    """Facts of one campaign of a dollar account, made by hand: one day's sums."""
    account = AccountDay(1, "", "UTC", NOW.date(), YESTERDAY)
    facts = CampaignFacts(
        NOW, np.array([1]), ["c"], ["meta"], ["active"], [None], ["USD"], [[]], [None], [None], [account]
    )
    facts.sums = {(Window(1), component): np.array([value], np.int64) for component, value in sums.items()}
    facts.days_seen = {Window(1): np.array([1])}
    return facts


@given(
    field=st.sampled_from([field for field in FIELDS.values() if field.quotient and field.quotient.denominator]),
    needed=st.decimals(min_value=Decimal("0.000001"), max_value=9_999, places=6),
    times=st.integers(1, 1_000_000),
)
def test_a_ratio_exactly_on_the_line_is_equal(field, needed, times):
    """However a float would round it: the sums are chosen so that the figure is the needed value exactly."""
    quotient, scale = field.quotient, 100 if field.value_type == "money" else 1
    # numerator = needed × denominator × scale ÷ factor has to be whole.
    exact = Fraction(needed) * scale / quotient.factor
    denominator = exact.denominator * times
    numerator = exact * denominator
    assume(max(numerator, denominator) < 2**62)
    facts = facts_of(**{quotient.numerator: int(numerator), quotient.denominator: denominator})
    for operator, expected in (
        ("equals", True),
        ("lte", True),
        ("gte", True),
        ("less_than", False),
        ("greater_than", False),
    ):
        raw = {"field": field.key, "operator": operator, "value": f"{needed:f}", "duration_hours": 24}
        assert bool(read(parse_condition(raw), facts).matched[0]) is expected, (field.key, operator)
