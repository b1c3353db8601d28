"""Trees on campaigns, against a slow evaluator that is obviously right: exact fractions, one campaign at a time."""

import calendar
import datetime
import math
from dataclasses import dataclass, field
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from django.core.cache import cache
from django.db import transaction
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from campaigns.models import CampaignChange, CampaignMetric
from campaigns.queries.completeness import MAX_AGE, Completeness
from campaigns.queries.pacing import campaign_pace
from campaigns.services.rollups import campaign_sums_refresh
from campaigns.tests.factories import make_account, make_campaign
from creatives.models import CreativeAsset
from mlcache.models import MLPrediction
from rules.actions import SendAlert
from rules.choices import Outcome
from rules.conditions import FIELDS, ConditionError, Group, RuleSpec, Scope, leaves, parse_tree
from rules.conditions.explanations import Explanation
from rules.conditions.parsing import Average, Metric, Share
from rules.conditions.wording import reason
from rules.queries.evaluation import evaluate_now
from rules.tests.trees import trees

NOW = datetime.datetime(2026, 11, 23, 20, 0, tzinfo=datetime.UTC)
ONE_DAY = datetime.timedelta(days=1)
# Conversions of every account are in after four days.
MATURE_AGE = 4
UNITS = {"USD": 100, "JPY": 1}
COMPARE = {
    "equals": lambda a, b: a == b,
    "not_equals": lambda a, b: a != b,
    "greater_than": lambda a, b: a > b,
    "less_than": lambda a, b: a < b,
    "gte": lambda a, b: a >= b,
    "lte": lambda a, b: a <= b,
}


NOTHING = {"changed": None, "fatigue": None, "forecasts": {}}


@dataclass(frozen=True)
class World:
    """All campaigns, as the slow evaluator sees them: `days` by campaign and date."""

    campaigns: list
    days: dict
    # Campaign → what else was drawn for it.
    drawn: dict = field(default_factory=dict, kw_only=True)

    def today(self, campaign):
        return NOW.astimezone(ZoneInfo(campaign.ad_account.timezone)).date()

    def sums(self, campaign, window):
        bounds = window.bounds(self.today(campaign), MATURE_AGE)
        rows = [row for date, row in self.days[campaign.pk].items() if bounds is None or bounds[0] <= date <= bounds[1]]
        names = ("impressions", "clicks", "conversions", "spend_cents", "revenue_cents")
        return {name: sum(getattr(row, name) for row in rows) for name in names}

    def fraction(self, field, window, campaign):
        """(numerator, denominator, factor) in the condition's unit, None without a value."""
        unit = UNITS[campaign.currency]
        if field.key == "daily_budget":
            own = campaign.daily_budget_cents
            return None if own is None else (own, 1, Fraction(1, unit))
        if field.key == "days_running":
            start = campaign.start_date
            return None if start is None else ((self.today(campaign) - start).days, 1, Fraction(1))
        if field.key == "pacing":
            return self.pacing(campaign)
        if not field.windowed:
            value = self.kept(field.key, campaign)
            return None if value is None else (value, 1, Fraction(1, unit) if field.value_type == "money" else 1)
        sums = self.sums(campaign, window)
        parts = {**sums, "conversions_micros": sums["conversions"] * 1_000_000}
        if field.key == "budget_utilisation":
            first, last = window.bounds(self.today(campaign), MATURE_AGE)
            parts["budget_cents"] = (campaign.daily_budget_cents or 0) * ((last - first).days + 1)
        quotient = field.quotient
        factor = quotient.factor / unit if field.value_type == "money" else quotient.factor
        below = 1 if quotient.denominator is None else parts[quotient.denominator]
        return (parts[quotient.numerator], below, factor) if below > 0 else None

    def pacing(self, campaign):
        """The spend of the month's full days and seven days' mean for the rest, over the month's budget."""
        if campaign.daily_budget_cents is None:
            return None
        through = self.today(campaign) - ONE_DAY
        length = calendar.monthrange(through.year, through.month)[1]
        spend = {day: row.spend_cents for day, row in self.days[campaign.pk].items() if day <= through}
        month = sum(cents for day, cents in spend.items() if day >= through.replace(day=1))
        recent = sum(cents for day, cents in spend.items() if day > through - 7 * ONE_DAY)
        projected = month + Fraction(recent, 7) * (length - through.day)
        # Whole numbers above and below, as they are added up for an average.
        return 7 * projected, 7 * campaign.daily_budget_cents * length, 100

    def kept(self, key, campaign):
        """Figures of now that are kept elsewhere."""
        drawn = self.drawn.get(campaign.pk, NOTHING)
        if key == "days_since_change":
            return drawn["changed"]
        if key == "target_roas":
            return campaign.target_roas and Fraction(campaign.target_roas)
        if key == "target_cpa":
            return campaign.target_cpa_cents
        value = drawn["fatigue"] if key == "fatigue" else drawn["forecasts"].get(FORECASTS[key])
        return None if value is None else Fraction(value)

    def figure(self, field, window, campaign):
        found = self.fraction(field, window, campaign)
        return None if found is None else Fraction(found[0], found[1]) * found[2]

    def average(self, test, campaign):
        def same(other):
            if test.right.of == "account":
                return other.ad_account_id == campaign.ad_account_id
            return (other.platform, other.currency) == (campaign.platform, campaign.currency)

        found = [self.fraction(test.field, test.window, other) for other in self.campaigns if same(other)]
        found = [one for one in found if one is not None]
        below = sum(one[1] for one in found)
        return Fraction(sum(one[0] for one in found), below) * found[0][2] if found and below else None

    def holds(self, node, campaign):
        if isinstance(node, Group):
            outcomes = [self.holds(part, campaign) for part in node.parts]
            return all(outcomes) if node.mode == "all" else any(outcomes)
        if not node.field.numeric:
            return self.says(node, campaign)
        if node.each_day:
            return all(self.compares(node, day, campaign) for day in node.window.single_days())
        return self.compares(node, node.window, campaign)

    def compares(self, test, window, campaign):
        actual = self.figure(test.field, window, campaign)
        if actual is None:
            return False
        if isinstance(test.right, Share):
            return self.ranks(test, campaign)
        if test.operator == "between":
            return test.right.low <= actual <= test.right.high
        if test.operator in ("rises_by", "falls_by"):
            before = self.figure(test.field, window.before(), campaign)
            if before is None or before <= 0:
                return False
            change = Fraction(test.value) / 100
            return actual >= before * (1 + change) if test.operator == "rises_by" else actual <= before * (1 - change)
        needed = Fraction(test.value)
        if isinstance(test.right, Metric):
            needed = self.figure(test.right.field, test.right.window, campaign)
        elif isinstance(test.right, Average):
            needed = self.average(test, campaign)
        if needed is None:
            return False
        factor = Fraction(test.right.factor) if test.right is not None else 1
        return COMPARE[test.operator](actual, needed * factor)

    def ranks(self, test, campaign):
        found = [(self.figure(test.field, test.window, one), one) for one in self.campaigns]
        known = [(figure, one) for figure, one in found if figure is not None]
        sign = -1 if test.operator == "top" else 1
        known.sort(key=lambda pair: (sign * pair[0], pair[1].pk))
        share = test.right
        places = share.count if share.count is not None else math.ceil(len(known) * Fraction(share.percent) / 100)
        return campaign.pk in [one.pk for _figure, one in known[:places]]

    def says(self, test, campaign):
        if test.field.key == "labels":
            asked = test.value if isinstance(test.value, tuple) else (test.value,)
            carries = any(label in campaign.labels for label in asked)
            return not carries if test.operator == "not_equals" else carries
        word = (getattr(campaign, test.field.key) or "").casefold()
        if test.operator == "in":
            return word in [one.casefold() for one in test.value]
        asked = test.value.casefold()
        return {"contains": asked in word, "equals": asked == word, "not_equals": asked != word}[test.operator]


FORECASTS = {
    f"{span}_forecast_{figure}": f"{figure}_{days}d"
    for span, days in (("week", 7), ("month", 30))
    for figure in ("spend", "revenue", "conversions", "roas")
}
DAYS = st.fixed_dictionaries({
    "impressions": st.integers(0, 50),
    "clicks": st.integers(0, 9),
    "conversions": st.integers(0, 4),
    "spend_cents": st.integers(0, 900),
    "revenue_cents": st.integers(0, 900),
})  # fmt: skip
CAMPAIGNS = st.fixed_dictionaries({
    "days": st.dictionaries(st.integers(0, 20), DAYS, max_size=6),
    "budget": st.none() | st.integers(1, 500),
    "started": st.none() | st.integers(0, 30),
    "status": st.sampled_from(["active", "paused"]),
    "labels": st.sampled_from([[], ["vip"], ["vip", "x"]]),
    "target_cpa": st.none() | st.integers(1, 500),
    "target_roas": st.none() | st.decimals("0.25", 4, places=2),
    "changed": st.none() | st.integers(0, 9),
    # Floats that a fraction of 1/1,000,000 holds exactly.
    "fatigue": st.none() | st.sampled_from([0.25, 0.5, 0.875]),
    "forecasts": st.dictionaries(st.sampled_from(sorted(FORECASTS.values())), st.integers(0, 900), max_size=3),
})  # fmt: skip


@pytest.fixture
def accounts(in_acme):
    """Dollars in Los Angeles, yen in Tokyo where it is tomorrow already, dollars of another platform."""
    return [
        make_account(in_acme, currency="USD", timezone="America/Los_Angeles"),
        make_account(in_acme, currency="JPY", timezone="Asia/Tokyo"),
        make_account(in_acme, currency="USD", timezone="UTC", platform="google"),
    ]


@pytest.fixture
def known_completeness(in_acme, accounts):
    """As if weeks of restatements had taught it: where the product keeps what it has learnt for an hour."""
    young, settled = (0.5,) * MATURE_AGE, (1.0,) * (MAX_AGE + 1 - MATURE_AGE)
    curve = Completeness("account", 99, young + settled, (1.0,) * (MAX_AGE + 1))
    cache.set(f"completeness:{in_acme.pk}:{NOW:%Y-%m-%d}", {account.pk: curve for account in accounts})


def build(tenant, accounts, drawn) -> World:
    campaigns, days, rows = [], {}, []
    for number, one in enumerate(drawn):
        account = accounts[number % len(accounts)]
        today = NOW.astimezone(ZoneInfo(account.timezone)).date()
        campaign = make_campaign(
            tenant,
            account=account,
            status=one["status"],
            labels=one["labels"],
            daily_budget_cents=one["budget"],
            start_date=None if one["started"] is None else today - one["started"] * ONE_DAY,
            target_cpa_cents=one["target_cpa"],
            target_roas=one["target_roas"],
        )
        campaigns.append(campaign)
        keep(campaign, one, account)
        made = [CampaignMetric(campaign=campaign, date=today - back * ONE_DAY, known_at=NOW, **numbers)
                for back, numbers in one["days"].items()]  # fmt: skip
        days[campaign.pk] = {row.date: row for row in made}
        rows += made
    CampaignMetric.objects.bulk_create(rows)
    campaign_sums_refresh([campaign.pk for campaign in campaigns])
    return World(campaigns, days, drawn=dict(zip([campaign.pk for campaign in campaigns], drawn, strict=True)))


def keep(campaign, one, account):
    """What is kept beside the campaign: its last change, creatives, forecasts."""
    if one["changed"] is not None:
        moment = NOW.astimezone(ZoneInfo(account.timezone)) - one["changed"] * ONE_DAY
        CampaignChange.objects.create(
            campaign=campaign, field="daily_budget", origin="person", state="applied", finished_at=moment
        )
    if one["fatigue"] is not None:
        for score in (one["fatigue"], one["fatigue"] / 2):
            CreativeAsset.objects.create(
                campaign=campaign, name="Ad", asset_type="image", impressions=9, fatigue_score=score
            )
        # Nobody has seen it: its score says nothing.
        CreativeAsset.objects.create(campaign=campaign, name="New", asset_type="image", fatigue_score=1)
    for model_type, value in one["forecasts"].items():
        for expires_at, said in ((NOW + ONE_DAY, value), (NOW, value + 1)):
            MLPrediction.objects.create(
                campaign=campaign, model_type=model_type, model_version="1", input_hash="x", prediction_value=said,
                expires_at=expires_at, predicted_at=NOW,
            )  # fmt: skip


def spec_of(tree) -> RuleSpec:
    return RuleSpec(None, "Rule", tree, Scope(), SendAlert(), 0)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(raw=trees(depth=2), drawn=st.lists(CAMPAIGNS, min_size=1, max_size=6))
@example(
    raw={"field": "roas", "operator": "top", "value": "50%", "window": {"kind": "month_to_date"}},
    drawn=[{"days": {0: {"impressions": 1, "clicks": 1, "conversions": 1, "spend_cents": 100, "revenue_cents": 100}},
            "budget": None, "started": None, "status": "active", "labels": [], "target_cpa": None, "target_roas": None,
            "changed": None, "fatigue": None, "forecasts": {}}] * 4,
)  # fmt: skip
def test_same_matches_as_the_slow_way(in_acme, accounts, known_completeness, raw, drawn):
    try:
        tree = parse_tree(raw)
    except ConditionError:
        assume(False)
    with transaction.atomic():
        world = build(in_acme, accounts, drawn)
        evaluation = evaluate_now([spec_of(tree)], now=NOW).rules[0]
        by_id = dict(zip(evaluation.facts.ids.tolist(), evaluation.reading.matched.tolist(), strict=True))
        assert by_id == {campaign.pk: world.holds(tree, campaign) for campaign in world.campaigns}
        for position in range(len(world.campaigns)):
            explanation = evaluation.explain(position)
            assert Explanation.from_json(explanation.as_json()) == explanation
            if len(list(leaves(tree))) > 1:
                held = {explanation.holds, *(one.holds for one in explanation.also)}
                assert held <= {True, False}
        transaction.set_rollback(True)


def test_money_against_another_figure_of_another_window(in_acme):
    """CPA of yesterday against 1.5 × that of the week: 40.00 against 1.5 × 20.00."""
    campaign = make_campaign(in_acme)
    yesterday = NOW.date() - ONE_DAY
    CampaignMetric.objects.bulk_create(
        CampaignMetric(
            campaign=campaign, date=yesterday - back * ONE_DAY, spend_cents=spend, conversions=1, known_at=NOW
        )
        for back, spend in enumerate([4000, 1000, 1000])
    )
    raw = {
        "field": "cpa",
        "operator": "greater_than",
        "window": {"kind": "last_n_full_days", "days": 1},
        "metric": {"field": "cpa", "factor": "1.5", "window": {"kind": "last_n_full_days", "days": 3}},
    }
    evaluation = evaluate_now([spec_of(parse_tree(raw))], now=NOW).rules[0]
    explanation = evaluation.explain(0)
    assert bool(evaluation.reading.matched[0])
    assert (explanation.actual, explanation.right) == ("40", "30")
    raw["metric"]["factor"] = "2"
    assert not evaluate_now([spec_of(parse_tree(raw))], now=NOW).rules[0].reading.matched[0]  # exactly 2 × is not above


def test_every_field_can_stand_in_a_tree():
    for one in FIELDS.values():
        raw = {"field": one.key, "operator": one.operators[0].value, "value": "1" if one.numeric else "USD"}
        if one.choices:
            raw["value"] = one.choices[0][0]
        if one.windowed:
            raw["window"] = {"kind": "today"}
        assert parse_tree({"any": [raw, raw]})


def test_a_daily_budget_has_no_lifetime():
    raw = {"field": "budget_utilisation", "operator": "gte", "value": "90", "window": {"kind": "lifetime"}}
    with pytest.raises(ConditionError) as refusal:
        parse_tree({"all": [raw]})
    assert (refusal.value.code, refusal.value.field) == ("window_not_allowed", "all[0].window")


def test_the_months_pacing_is_that_of_the_campaigns_page(in_acme):
    account = make_account(in_acme, timezone="Asia/Tokyo")
    campaign = make_campaign(in_acme, account=account, daily_budget_cents=10_000)
    through = NOW.astimezone(ZoneInfo("Asia/Tokyo")).date() - ONE_DAY
    CampaignMetric.objects.bulk_create(
        CampaignMetric(campaign=campaign, date=through - back * ONE_DAY, spend_cents=9_000 + 100 * back, known_at=NOW)
        for back in range(40)
    )
    pace = campaign_pace(campaign, through)
    shown = pace.projected / pace.budget * 100
    near = {"field": "pacing", "operator": "between", "value": [f"{shown - 0.01:.4f}", f"{shown + 0.01:.4f}"]}
    evaluation = evaluate_now([spec_of(parse_tree(near))], now=NOW).rules[0]
    assert evaluation.reading.matched.tolist() == [True]
    assert "Pacing: " in reason(Outcome.ACTED, evaluation.explain(0))


def test_unknown_completeness_holds_the_rule_and_says_so(in_acme):
    campaign = make_campaign(in_acme)
    CampaignMetric.objects.create(campaign=campaign, date=NOW.date() - ONE_DAY, spend_cents=100, known_at=NOW)
    raw = {
        "field": "roas",
        "operator": "less_than",
        "value": "1",
        "window": {"kind": "last_n_complete_days", "days": 3},
    }
    evaluation = evaluate_now([spec_of(parse_tree(raw))], now=NOW).rules[0]
    assert evaluation.outcome(0) == Outcome.HELD_EVIDENCE
    explanation = evaluation.explain(0)
    assert (explanation.actual, explanation.missing) == (None, "completeness")
    assert "how fast conversions come in" in reason(Outcome.HELD_EVIDENCE, explanation)
