"""The market itself: determinism, budgets, switches, late conversions, zones, wear, levels."""

from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from stratum.sandbox import curves
from stratum.sandbox.catalogue import CHANNELS, Campaign
from stratum.sandbox.market import HOUR, OVERDELIVERY, Facts, Market, Restatement, days, midnight, summed
from stratum.sandbox.tests.caller import NOON, TODAY

LONG_AGO = TODAY - timedelta(days=70)
FUTURE = NOON + 400 * 86_400
USA, LIMITED = "1002003004005006", "120210000000000001"


@pytest.fixture(scope="module")
def market() -> Market:
    return Market(7, TODAY)


def every(market: Market) -> list[Campaign]:
    return list(market.catalogue.campaigns.values())


def test_same_seed_same_numbers(market: Market) -> None:
    again, other = Market(7, TODAY), Market(8, TODAY)
    window = (TODAY - timedelta(days=3), TODAY)

    def rows(one: Market) -> list[tuple[str, date, Facts]]:
        return [
            (campaign.id, day, facts)
            for account in one.catalogue.accounts
            for campaign, day, facts in one.ledger(account, *window, NOON)
        ]

    assert rows(market) == rows(again) != rows(other)


def test_order_of_questions_does_not_matter(market: Market) -> None:
    fresh = Market(7, TODAY)
    backwards = [
        fresh.facts(fresh.catalogue.campaigns[LIMITED], day, NOON) for day in reversed(list(days(LONG_AGO, TODAY)))
    ]
    forwards = [market.facts(market.catalogue.campaigns[LIMITED], day, NOON) for day in days(LONG_AGO, TODAY)]
    assert backwards[::-1] == forwards


def test_daily_budgets_limit_spend(market: Market) -> None:
    reached = 0
    for budget in market.catalogue.budgets.values():
        units = market._units.get(budget.id, [])
        if budget.kind != "daily" or not units:
            continue
        most = budget.amount * (1 + OVERDELIVERY[units[0].campaign.platform])
        for day in days(TODAY - timedelta(days=20), TODAY - timedelta(days=1)):
            spent = sum(one.spend for one in market._pool_day(budget.id, day, FUTURE).values())
            assert spent <= most + 1e-6
            reached += spent >= budget.amount * 0.98
    assert reached > 100  # many do run into it


def test_lifetime_budget_is_never_passed(market: Market) -> None:
    seen = 0
    for campaign in every(market):
        budget = market.catalogue.budgets[campaign.budget_id]
        if budget.kind == "lifetime" and campaign.end is not None:
            spend = sum(market.facts(campaign, day, FUTURE).spend for day in days(campaign.start, campaign.end))
            assert 0 < spend <= budget.amount
            seen += 1
    assert seen >= 5


def test_shared_budget_limits_both(market: Market) -> None:
    shared = next(one for one in market.catalogue.budgets.values() if one.shared)
    members = [one for one in every(market) if one.budget_id == shared.id]
    assert len(members) == 2
    day = TODAY - timedelta(days=2)
    assert sum(market.facts(one, day, NOON).spend for one in members) <= shared.amount * (1 + OVERDELIVERY["google"])


def test_pause_stops_spend_from_then_on_and_only_then() -> None:
    market, untouched = Market(7, TODAY), Market(7, TODAY)
    campaign = market.catalogue.campaigns[LIMITED]
    zone = market.account_of(campaign).zone
    moment = midnight(zone, TODAY) + 14 * HOUR + 1234.5
    before = market.facts(campaign, TODAY, moment)
    market.change("status", LIMITED, "paused", moment)
    assert market.facts(campaign, TODAY, moment) == before
    tonight = market.facts(campaign, TODAY, moment + 8 * HOUR)
    assert tonight.spend == before.spend
    assert 0 < tonight.spend < untouched.facts(campaign, TODAY, moment + 8 * HOUR).spend
    assert market.facts(campaign, TODAY + timedelta(days=1), moment + 40 * HOUR).impressions == 0
    for day in days(TODAY - timedelta(days=5), TODAY - timedelta(days=1)):
        assert market.facts(campaign, day, FUTURE) == untouched.facts(campaign, day, FUTURE)
    market.change("status", LIMITED, "active", moment + 48 * HOUR)
    assert market.facts(campaign, TODAY + timedelta(days=3), moment + 96 * HOUR).spend > 0


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_budget_write_changes_what_comes(factor: float) -> None:
    market, untouched = Market(7, TODAY), Market(7, TODAY)
    campaign = market.catalogue.campaigns[LIMITED]
    amount = market.catalogue.budgets[campaign.budget_id].amount
    moment = midnight("America/Los_Angeles", TODAY) + 10 * HOUR
    early = market.facts(campaign, TODAY, moment).spend
    market.change("amount", campaign.budget_id, int(amount * factor), moment)
    tomorrow = TODAY + timedelta(days=1)
    now = moment + 60 * HOUR
    assert market.facts(campaign, TODAY, moment).spend == early
    changed, plain = (one.facts(campaign, tomorrow, now).spend for one in (market, untouched))
    assert (changed > plain) == (factor > 1)
    assert market.facts(campaign, TODAY, now).spend >= early


def test_budget_below_what_is_spent_stops_the_day() -> None:
    market = Market(7, TODAY)
    campaign = market.catalogue.campaigns[LIMITED]
    moment = midnight("America/Los_Angeles", TODAY) + 18 * HOUR
    spent = market.facts(campaign, TODAY, moment).spend
    market.change("amount", campaign.budget_id, spent // 2, moment)
    assert market.facts(campaign, TODAY, moment + 12 * HOUR).spend == spent


def test_ad_group_with_its_own_budget_can_be_paused() -> None:
    market = Market(7, TODAY)
    campaign = next(one for one in every(market) if one.budgets_on_groups and one.platform == "meta")
    group, *others = campaign.ad_groups
    moment = midnight(market.account_of(campaign).zone, TODAY)
    market.change("status", group.id, "paused", moment)
    now = moment + 30 * HOUR
    assert market.group_facts(campaign, group, TODAY, now).spend == 0
    parts = [market.group_facts(campaign, one, TODAY, now).spend for one in others]
    assert market.facts(campaign, TODAY, now).spend == sum(parts) > 0


def test_numbers_only_grow_during_a_day(market: Market) -> None:
    campaign = market.catalogue.campaigns[LIMITED]
    start = midnight("America/Los_Angeles", TODAY)
    series = [market.facts(campaign, TODAY, start + minutes * 60) for minutes in range(0, 1441, 45)]
    for early, late in pairwise(series):
        for name in ("impressions", "clicks", "spend", "conversions_micros", "revenue"):
            assert getattr(early, name) <= getattr(late, name)
    assert series[0].impressions == 0 < series[-1].impressions


def test_arrival_curve_is_the_known_one() -> None:
    assert curves.arrived_share(3) == pytest.approx(0.5, abs=1e-9)
    assert curves.arrived_share(60) == 1.0
    assert curves.arrived_share(0) == 0.0
    for share in (0.1, 0.5, 0.9, 0.999):
        assert curves.arrived_share(curves.delay_seconds(share) / 86_400) == pytest.approx(share, abs=1e-9)


def test_conversions_arrive_by_the_curve(market: Market) -> None:
    known = dict.fromkeys((1, 3, 7, 28), 0)
    total = 0
    for campaign in every(market):
        if campaign.platform not in ("meta", "tiktok", "snapchat"):
            continue
        for day in days(TODAY - timedelta(days=100), TODAY - timedelta(days=61)):
            for one in [
                one for unit in market._units_of(campaign) for one in market._unit_day(unit, day, FUTURE).conversions
            ]:
                total += 1
                for age in known:
                    known[age] += one.arrived - one.clicked <= age * 86_400
                assert 0 <= one.arrived - one.clicked <= 60 * 86_400
    assert total > 1_500
    for age, count in known.items():
        assert count / total == pytest.approx(curves.arrived_share(age), abs=0.03)


def test_late_conversions_show_when_they_arrive(market: Market) -> None:
    campaign = market.catalogue.campaigns[LIMITED]
    day = TODAY - timedelta(days=30)
    end = midnight("America/Los_Angeles", day + timedelta(days=1))
    counts = [market.facts(campaign, day, end + age * 86_400).conversions_micros or 0 for age in (0, 3, 10, 61)]
    assert counts == sorted(counts)
    assert counts[0] < counts[-1]
    assert market.facts(campaign, day, FUTURE).conversions_micros == counts[-1]


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("America/Los_Angeles", date(2026, 11, 1), 25),
        ("Europe/Berlin", date(2026, 10, 25), 25),
        ("America/Los_Angeles", date(2026, 3, 8), 23),
        ("Asia/Tokyo", date(2026, 11, 1), 24),
        ("UTC", date(2026, 11, 1), 24),
    ],
)
def test_days_are_those_of_the_zone(zone: str, day: date, hours: int) -> None:
    assert (midnight(zone, day + timedelta(1)) - midnight(zone, day)) / HOUR == hours
    assert datetime.fromtimestamp(midnight(zone, day), ZoneInfo(zone)).date() == day


def test_delivery_begins_and_ends_at_the_account_midnight(market: Market) -> None:
    campaign = market.catalogue.campaigns["120210000000000004"]  # with a budget that it does not use up
    day = date(2026, 11, 1)
    start, end = midnight("America/Los_Angeles", day), midnight("America/Los_Angeles", day + timedelta(1))
    assert market.facts(campaign, day, start).impressions == 0
    assert market.facts(campaign, day, start + 3 * HOUR).impressions > 0
    almost = market.facts(campaign, day, end - HOUR)  # the 24th of 25 hours has gone
    assert almost.impressions < market.facts(campaign, day, end).impressions


@pytest.mark.parametrize(
    ("channel", "low", "high"),
    [
        ("search", 0.075, 0.105), ("shopping", 0.012, 0.018), ("pmax", 0.0155, 0.0225), ("display", 0.0035, 0.006),
        ("video", 0.0014, 0.006), ("prospecting", 0.008, 0.02), ("retargeting", 0.013, 0.02), ("brand", 0.006, 0.02),
        ("short_video", 0.0075, 0.02), ("stories", 0.007, 0.02), ("professional", 0.007, 0.02),
    ],
)  # fmt: skip
def test_levels_are_those_of_the_field(market: Market, channel: str, low: float, high: float) -> None:
    whole = summed(
        market.facts(one, day, FUTURE)
        for one in every(market)
        if one.channel == channel
        for day in days(TODAY - timedelta(days=89), TODAY)
    )
    assert low <= whole.clicks / whole.impressions <= high
    assert channel in CHANNELS


def test_creatives_wear_out(market: Market) -> None:
    campaign = max((one for one in every(market) if one.platform == "tiktok"), key=lambda one: one.creative_life)
    life = campaign.creative_life
    first = campaign.start + timedelta(days=life * max(1, (TODAY - campaign.start).days // life - 1))
    span = life // 5

    def rate(start: date) -> float:
        whole = summed(market.facts(campaign, day, FUTURE) for day in days(start, start + timedelta(days=span - 1)))
        return whole.clicks / whole.impressions

    assert rate(first + timedelta(days=life - span)) < rate(first) * 0.8


def test_invalid_clicks_are_taken_back(market: Market) -> None:
    campaign = market.catalogue.campaigns["20101000001"]
    day = TODAY - timedelta(days=10)
    end = midnight("America/New_York", day + timedelta(1))
    early, late = market.facts(campaign, day, end + HOUR), market.facts(campaign, day, end + 90 * HOUR)
    assert early.clicks > late.clicks
    assert early.spend > late.spend


def test_restatement_acts_from_its_moment_on_named_days_only() -> None:
    market = Market(7, TODAY)
    campaign = market.catalogue.campaigns[LIMITED]
    first, last = TODAY - timedelta(days=4), TODAY - timedelta(days=2)
    before = {day: market.facts(campaign, day, NOON) for day in days(first - timedelta(1), last + timedelta(1))}
    market.restate(Restatement(NOON + 60, USA, first, last, 0.5))
    for day, facts in before.items():
        assert market.facts(campaign, day, NOON) == facts
        after = market.facts(campaign, day, NOON + 60)
        if first <= day <= last:
            assert after.spend == int(facts.spend * 0.5)
        else:
            assert after == facts
    untouched = market.catalogue.campaigns["120220000000000001"]
    assert market.facts(untouched, first, NOON + 60) == Market(7, TODAY).facts(untouched, first, NOON + 60)


def test_parts_of_ad_groups_sum_to_the_campaign(market: Market) -> None:
    for campaign in every(market)[:25]:
        day = TODAY - timedelta(days=3)
        whole = market.facts(campaign, day, NOON)
        parts = [market.group_facts(campaign, group, day, NOON) for group in campaign.ad_groups]
        assert sum(one.spend for one in parts) == pytest.approx(
            whole.spend, abs=2 * market.account_of(campaign).quantum
        )
        if not campaign.budgets_on_groups:
            assert summed(parts).spend == whole.spend
