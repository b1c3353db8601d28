"""The demo's market is calibrated on real accounts, and the same for the same seed."""

import random
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from statistics import mean
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratum.demo.build import DEFAULT_DAYS, DEFAULT_SEED
from stratum.demo.catalogue import ACCOUNTS, BROKEN, CAMPAIGNS, CHANNELS
from stratum.demo.market import (
    INCIDENT_DAYS_AGO,
    LONGEST_DELAY_DAYS,
    Arrival,
    DayTruth,
    delay_days,
    euro_rates,
    poisson,
    readings,
)
from stratum.demo.numbers import Span, deliveries_of
from stratum.demo.workspaces import MAIN, TWIN

TODAY = date(2026, 11, 23)
SPAN = Span(TODAY - timedelta(days=DEFAULT_DAYS), TODAY, datetime(2026, 11, 23, 15, tzinfo=UTC))


def market(seed: int = DEFAULT_SEED, agency=MAIN, span: Span = SPAN):
    return [delivery for account in ACCOUNTS for delivery in deliveries_of(agency, account, seed, span)]


@pytest.fixture(scope="module")
def deliveries():
    return market()


@pytest.fixture(scope="module", params=[DEFAULT_SEED, 1, 2])
def any_deliveries(request):
    return market(request.param)


def shown(delivery) -> list:
    """The newest reading of each day."""
    zone = delivery.flight.timezone
    found = [list(readings(day, timezone=zone, as_of=SPAN.as_of)) for day in delivery.days]
    return [day[-1] for day in found if day]


def test_sixty_campaigns_on_five_platforms_in_three_currencies_and_two_zones():
    assert 58 <= len(CAMPAIGNS) <= 64
    assert {account.platform for account in ACCOUNTS} == {"meta", "google", "tiktok", "snapchat", "linkedin"}
    assert {account.currency for account in ACCOUNTS} == {"USD", "EUR", "JPY"}
    assert len({account.timezone for account in ACCOUNTS}) == 2
    assert len({(plan.account, plan.name) for plan in CAMPAIGNS}) == len(CAMPAIGNS)


@pytest.mark.parametrize(
    ("channels", "low", "high"),
    [
        (("search", "brand"), 0.08, 0.10),
        (("shopping",), 0.0135, 0.0165),
        (("pmax",), 0.017, 0.021),
        (("display",), 0.0035, 0.006),
        (("video",), 0.0014, 0.0030),
        (("meta", "meta_retargeting", "meta_leads"), 0.010, 0.020),
        (("tiktok",), 0.008, 0.012),
        (("snapchat",), 0.008, 0.012),
        (("linkedin",), 0.008, 0.012),
    ],
)
def test_click_rates_are_those_of_real_accounts(any_deliveries, channels, low, high):
    days = [day for d in any_deliveries if d.flight.plan.channel in channels for day in d.days]
    assert low <= sum(day.clicks for day in days) / sum(day.impressions for day in days) <= high


def test_most_small_campaign_days_show_no_conversion(any_deliveries):
    days = [day for d in any_deliveries if d.flight.plan.size == "small" for day in shown(d)]
    assert len(days) > 1500
    assert mean(day.conversions_micros == 0 for day in days) == pytest.approx(0.70, abs=0.03)


def test_half_of_the_conversions_arrive_within_three_days(any_deliveries):
    delays = [arrival.hours / 24 for d in any_deliveries for day in d.days for arrival in day.arrivals]
    within = mean(delay <= 3.5 for delay in delays)  # a click is half a day after midnight on average
    assert within == pytest.approx(0.5, abs=0.06)
    assert LONGEST_DELAY_DAYS - 5 < max(delays) <= LONGEST_DELAY_DAYS + 1


def test_conversions_still_come_when_a_day_is_six_weeks_old(deliveries):
    late = [a for d in deliveries for day in d.days for a in day.arrivals if a.hours > 42 * 24]
    assert len(late) > 50


def test_a_budget_limits_what_is_spent(any_deliveries):
    limited = 0
    for delivery in any_deliveries:
        flight = delivery.flight
        spends = [day.spend for day in delivery.days]
        if flight.daily_budget is not None:
            assert max(spends, default=0) <= flight.daily_budget
            limited += bool(spends) and mean(spends) > 0.85 * flight.daily_budget
        else:
            assert sum(spends) <= flight.lifetime_budget
    assert 15 <= limited <= 45


def test_a_spent_lifetime_budget_ends_the_delivery(deliveries):
    ended = [d for d in deliveries if d.flight.lifetime_budget and d.days[-1].date < TODAY]
    assert ended
    for delivery in ended:
        assert sum(day.spend for day in delivery.days) > 0.98 * delivery.flight.lifetime_budget


def test_shoppers_come_at_weekends_and_offices_do_not(deliveries):
    clicks = {trade: defaultdict(list) for trade in ("retail", "saas")}
    for delivery in deliveries:
        # A campaign at its limit spends the same every day.
        if delivery.flight.plan.trade in clicks and len(delivery.days) > 100:
            usual = mean(day.clicks for day in delivery.days) or 1
            for day in delivery.days:
                clicks[delivery.flight.plan.trade][day.date.weekday() >= 5].append(day.clicks / usual)
    assert mean(clicks["retail"][True]) > 1.04 * mean(clicks["retail"][False])
    assert mean(clicks["saas"][True]) < 0.85 * mean(clicks["saas"][False])


def test_tracking_of_one_platform_fails_for_two_days(deliveries):
    broken = {TODAY - timedelta(days=age) for age in INCIDENT_DAYS_AGO}
    totals = defaultdict(lambda: [0, 0])
    for delivery in deliveries:
        for day in delivery.days:
            key = (delivery.flight.platform == "meta", day.date in broken)
            totals[key][0] += day.clicks
            totals[key][1] += len(day.arrivals)
    assert totals[True, True][1] == 0
    assert totals[True, True][0] > 2 * 1000
    assert totals[False, True][1] > 0
    assert totals[True, False][1] > 0


def test_one_campaign_stops_selling(deliveries):
    (delivery,) = [d for d in deliveries if d.flight.plan.name == BROKEN]
    week = [day for day in delivery.days if 1 <= (TODAY - day.date).days <= 7]
    before = [day for day in delivery.days if 20 <= (TODAY - day.date).days <= 50]
    assert all(day.spend for day in week)
    assert mean(len(day.arrivals) for day in week) < 0.2 * mean(len(day.arrivals) for day in before)


def test_the_same_seed_and_day_give_the_same_numbers(deliveries):
    assert market() == deliveries
    assert market(seed=DEFAULT_SEED + 1) != deliveries


def test_the_agencies_have_the_same_names_and_other_numbers(deliveries):
    twins = {(d.flight.plan.account, d.flight.plan.name): d for d in market(agency=TWIN)}
    ours = {(d.flight.plan.account, d.flight.plan.name): d for d in deliveries}
    assert len(twins) > 40
    assert twins.keys() < ours.keys()
    assert not {d.external_id for d in twins.values()} & {d.external_id for d in ours.values()}
    spends = {day.spend for d in ours.values() for day in d.days}
    shared = sum(day.spend in spends for d in twins.values() for day in d.days if day.spend > 10_000)
    assert shared < 0.15 * sum(len(d.days) for d in twins.values())


def truth_of(hours: list[float]) -> DayTruth:
    arrivals = tuple(Arrival(hour, 1_000_000, 500) for hour in sorted(hours))
    return DayTruth(date(2026, 10, 1), 1000, 100, 3, 5000, arrivals, video_views=200)


@given(st.lists(st.floats(0, 60 * 24)), st.integers(0, 70 * 24))
def test_what_is_known_of_a_day_only_grows(hours, asked_after):
    zone = "America/New_York"
    as_of = datetime(2026, 10, 1, tzinfo=ZoneInfo(zone)).astimezone(UTC) + timedelta(hours=asked_after)
    found = list(readings(truth_of(hours), timezone=zone, as_of=as_of))
    assert all(reading.known_at <= as_of for reading in found)
    for earlier, later in pairwise(found):
        assert earlier.known_at < later.known_at
        assert earlier.conversions_micros <= later.conversions_micros
        assert earlier.spend <= later.spend
    if found:
        assert found[-1].conversions_micros == 1_000_000 * sum(hour <= asked_after for hour in hours)
        assert found[-1].spend == round(5000 * min(1, asked_after / 24))
    assert bool(found) == (asked_after > 0)


def test_invalid_clicks_are_taken_back_on_the_third_day():
    as_of = datetime(2026, 12, 20, tzinfo=UTC)
    by_age = {(r.known_at - datetime(2026, 10, 1, tzinfo=UTC)).days: r.clicks for r in
              readings(truth_of([]), timezone="UTC", as_of=as_of)}  # fmt: skip
    assert by_age == {0: 76, 1: 103, 3: 100}


def test_days_change_with_the_clock():
    """The day on which the clock goes back has 25 hours; its share at its evening is counted from its own midnight."""
    day = DayTruth(date(2026, 10, 25), 2400, 0, 0, 0, ())
    first = next(readings(day, timezone="Europe/Berlin", as_of=datetime(2026, 12, 1, tzinfo=UTC)))
    assert first.impressions == round(2400 * (19 + 10 / 60) / 24)


@given(st.integers(0, 1000), st.sampled_from([spec.delay_days for spec in CHANNELS.values()]))
def test_no_conversion_is_later_than_the_window(seed, median):
    assert 0 < delay_days(random.Random(seed), median) <= LONGEST_DELAY_DAYS


@pytest.mark.parametrize("expected", [0.0, 0.3, 4.0, 29.0, 31.0, 900.0])
def test_poisson_has_its_mean(expected):
    rng = random.Random(7)
    numbers = [poisson(rng, expected) for _ in range(4000)]
    assert min(numbers) >= 0
    assert mean(numbers) == pytest.approx(expected, rel=0.05, abs=0.03)


def test_rates_are_given_on_working_days_and_look_real():
    rates = euro_rates(date(2026, 7, 1), date(2026, 11, 22), random.Random(1))
    assert {day.weekday() for day, _currency, _rate in rates} == set(range(5))
    by_currency = defaultdict(list)
    for _day, currency, text in rates:
        by_currency[currency].append(float(text))
    assert all(0.9 * values[0] < value < 1.1 * values[0] for values in by_currency.values() for value in values)
    dirham = [a / u for a, u in zip(by_currency["AED"], by_currency["USD"], strict=True)]
    assert max(dirham) - min(dirham) < 0.001
