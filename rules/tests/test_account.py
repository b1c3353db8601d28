"""What a rule was worth, with numbers worked out by hand."""

import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.core.cache import cache
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns.models import CampaignChange, ExchangeRate
from campaigns.queries.completeness import MAX_AGE, Completeness
from campaigns.tests.factories import make_account, make_campaign, record_days
from rules.queries.account import (
    MOST_STOPPED_DAYS,
    AccountAction,
    Avoided,
    Counts,
    Fate,
    LaterRevenue,
    RuleAccount,
    Sums,
    rule_account,
)
from rules.queries.account import reading as account_reading
from rules.queries.replay import Verdict
from rules.services import rules_evaluate
from rules.tests.account_cast import (
    END,
    ONE_DAY,
    START,
    account_of,
    acted,
    day,
    days,
    enabled,
    figure,
    held_out,
    moved,
    on,
    paused,
)
from rules.tests.factories import make_rule
from rules.tests.platform_cast import NOW, make_pause_rule
from tenants.context import tenant_context

LOS_ANGELES, TOKYO = "America/Los_Angeles", "Asia/Tokyo"


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def rule(in_acme):
    return make_pause_rule(in_acme)


@pytest.fixture
def campaign(in_acme):
    return make_campaign(in_acme, name="Tents")


def only(found: RuleAccount) -> AccountAction:
    assert len(found.actions) == 1
    return found.actions[0]


def by_day(found: RuleAccount) -> dict[datetime.date, AccountAction]:
    return {action.day: action for action in found.actions}


# --- Spend avoided --------------------------------------------------------------------------------------------


def test_a_pause_avoids_the_pace_of_the_week_before(rule, campaign):
    days(campaign, 5, 11, spend_cents=7_000, revenue_cents=3_500)
    days(campaign, 12, 12, spend_cents=99_999)  # the day of the pause belongs to neither side
    days(campaign, 14, 14, spend_cents=1_000, revenue_cents=400)  # what was spent all the same
    paused(rule, campaign, on(12))
    enabled(campaign, on(16))
    found = account_of(rule)
    action = only(found)
    # Stopped on 13, 14 and 15 November: 3 × 70.00 - 10.00 and 3 × 35.00 - 4.00.
    assert (action.stopped_days, action.spend_avoided, action.revenue_forgone) == (3, 20_000, 10_100)
    assert (action.fate, action.day) == (Fate.APPLIED, day(12))
    assert found.pauses.sums == (Avoided(20_000, 10_100, Sums("USD", 49_000, 24_500)),)
    assert found.pauses.sums[0].before.roas == 0.5
    assert (found.pauses.number, found.pauses.days, found.pauses.holding) == (1, 3, 0)


def test_a_pause_begins_when_the_platform_has_it(rule, campaign):
    days(campaign, 6, 6, spend_cents=7_000)
    made = paused(rule, campaign, on(12, 23))
    CampaignChange.objects.filter(pk=made.pk).update(finished_at=on(13, 1))
    enabled(campaign, on(15))
    action = only(account_of(rule))
    # Stopped on the 14th alone, against the week from the 6th to the 12th.
    assert (action.day, action.stopped_days, action.spend_avoided) == (day(12), 1, 1_000)


def test_days_without_numbers_count_as_nothing_spent(rule, campaign):
    days(campaign, 10, 11, spend_cents=7_000)  # it began two days before
    paused(rule, campaign, on(12))
    enabled(campaign, on(14))
    # One day stopped at the pace of 140.00 in 7 days.
    assert only(account_of(rule)).spend_avoided == 2_000


def test_half_a_cent_is_rounded_once_in_the_end(rule, campaign):
    days(campaign, 5, 5, spend_cents=10)
    paused(rule, campaign, on(12))
    enabled(campaign, on(15))
    # 2 × 10 ÷ 7 = 2.857…
    assert only(account_of(rule)).spend_avoided == 3


@pytest.mark.parametrize(("paused_on", "stopped", "holds"), [(12, 10, 1), (9, 13, 1), (8, 14, 0), (1, 14, 0)])
def test_a_pause_that_holds_counts_until_yesterday_and_14_days_at_most(rule, campaign, paused_on, stopped, holds):
    paused(rule, campaign, on(paused_on))
    found = account_of(rule)
    assert only(found).stopped_days == stopped
    assert found.pauses.holding == holds


def test_a_campaign_is_not_stopped_beyond_its_own_end(in_acme, rule):
    campaign = make_campaign(in_acme, end_date=day(15))
    paused(rule, campaign, on(12))
    assert only(account_of(rule)).stopped_days == 3


@pytest.mark.parametrize(
    ("zone", "first", "stopped"),
    # Paused on 12 November at 03:00 UTC, active again on the 15th at 14:00 UTC. In Los Angeles that is from the 11th
    # to the 15th: 12, 13, 14. In Tokyo from the 12th to the 15th: 13, 14.
    [(LOS_ANGELES, day(12), 3), (TOKYO, day(13), 2)],
)
def test_days_are_those_of_the_account(in_acme, rule, zone, first, stopped):
    campaign = make_campaign(in_acme, account=make_account(in_acme, timezone=zone))
    # Spend on the one day that only the one zone counts among the seven before.
    record_days(campaign, {first - 2 * ONE_DAY: {"spend_cents": 700}, first - ONE_DAY: {"spend_cents": 50_000}})
    paused(rule, campaign, on(12, 3))
    enabled(campaign, on(15, 14))
    action = only(account_of(rule))
    assert action.day == first - ONE_DAY
    assert (action.stopped_days, action.spend_avoided) == (stopped, 100 * stopped)


def test_yesterday_is_the_account_s(in_acme, rule):
    # 23 November, 17:00 UTC: in Tokyo the 24th has begun, and the 23rd is a full day.
    for zone in (LOS_ANGELES, TOKYO):
        paused(rule, make_campaign(in_acme, account=make_account(in_acme, timezone=zone)), on(20))
    found = account_of(rule, now=on(23, 17))
    assert sorted(action.stopped_days for action in found.actions) == [2, 3]


def test_days_of_two_pauses_count_once(rule, campaign):
    days(campaign, 1, 7, spend_cents=7_000)
    # Nothing says that it was active in between: what the second adds begins after the first one's 14 days.
    paused(rule, campaign, on(8, month=11) - 7 * ONE_DAY)  # 1 November: stops 2 to 15
    paused(rule, campaign, on(10))  # would stop 11 to 22
    found = account_of(rule)
    assert {key: one.stopped_days for key, one in by_day(found).items()} == {day(1): 14, day(10): 7}
    assert found.pauses.days == 21
    again = account_of(rule, start=day(10))  # in a span without the first one it stands alone
    assert only(again).stopped_days == 12


def test_what_people_and_the_platform_switch_on_ends_a_pause(in_acme, rule):
    ends = {"person": 2, "outside": 3, "import": 4, "rule": 5}
    for origin, stopped in ends.items():
        campaign = make_campaign(in_acme, name=origin)
        enabled(campaign, on(12))  # at the same moment, but before
        paused(rule, campaign, on(12))
        enabled(campaign, on(13 + stopped), origin=origin)
        enabled(campaign, on(13), state="failed", error_code="local.replaced")  # it never was
        enabled(campaign, on(12, 9))  # before the pause
    assert {action.name: action.stopped_days for action in account_of(rule).actions} == ends


def test_undone_pauses_stop_until_they_were_undone(in_acme, rule):
    tents, boats, ropes = (make_campaign(in_acme, name=name) for name in ("Tents", "Boats", "Ropes"))
    for campaign in (tents, boats, ropes):
        days(campaign, 5, 11, spend_cents=7_000)
    enabled(tents, on(15), undoes=paused(rule, tents, on(12)))
    enabled(boats, on(12, 11), undoes=paused(rule, boats, on(12)))
    # A pause for one day: the rule's own change ends it at midnight.
    enabled(ropes, on(13, 0), undoes=paused(rule, ropes, on(12)), origin="rule")
    found = account_of(rule)
    assert found.counts == Counts(acted=3, campaigns=3, changes=3, failed=0, taken_back=2)
    told = {action.name: (action.fate, action.stopped_days, action.spend_avoided) for action in found.actions}
    assert told == {
        "Tents": (Fate.TAKEN_BACK, 2, 14_000),
        "Boats": (Fate.TAKEN_BACK, 0, 0),
        "Ropes": (Fate.OWN_END, 0, 0),
    }
    assert found.pauses.sums[0].spend == 14_000


def test_what_never_reached_the_platform_avoids_nothing(in_acme, rule):
    fates = {
        Fate.FAILED: {"state": "failed", "error_code": "100"},
        Fate.UNSENT: {"state": "failed", "error_code": "local.taken_back"},
        Fate.REPLACED: {"state": "failed", "error_code": "local.replaced"},
        Fate.OPEN: {"state": "sending", "finished_at": None},
    }
    for fate, fields in fates.items():
        campaign = make_campaign(in_acme, name=fate.value)
        days(campaign, 5, 11, spend_cents=7_000)
        paused(rule, campaign, on(12), **fields)
    # An undo that failed takes nothing back.
    campaign = make_campaign(in_acme, name="applied")
    enabled(campaign, on(13), undoes=paused(rule, campaign, on(12)), state="failed", error_code="100")
    found = account_of(rule)
    assert found.counts == Counts(acted=5, campaigns=5, changes=5, failed=1, taken_back=1)
    assert {action.name: action.fate for action in found.actions} == {
        **{fate.value: fate for fate in fates},
        "applied": Fate.APPLIED,
    }
    assert {action.name: action.stopped_days for action in found.actions if action.stopped_days is not None} == {
        "applied": 10,
    }
    assert found.pauses.sums == (Avoided(0, 0, Sums("USD")),)


def test_switching_on_is_no_pause(rule, campaign):
    paused(rule, campaign, on(12), old_status="paused", new_status="active")
    found = account_of(rule)
    assert only(found).stopped_days is None
    assert found.pauses.number == 0


MOMENTS = st.integers(0, 30 * 24 - 1).map(lambda hour: on(23, 0) - datetime.timedelta(hours=hour))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(MOMENTS, st.booleans()), max_size=8, unique_by=lambda one: one[0]), st.sampled_from([
    LOS_ANGELES, TOKYO, "UTC"]))  # fmt: skip
def test_stopped_days_against_a_walk_through_the_calendar(in_acme, rule, events, zone):
    """Day by day: stopped is a day on which the newest pause or return before it was a pause, at most 14 days old,
    and that no return came on."""
    with transaction.atomic():
        account = make_account(in_acme, timezone=zone)
        campaign = make_campaign(in_acme, account=account)
        for moment, is_pause in events:
            paused(rule, campaign, moment) if is_pause else enabled(campaign, moment)
        found = account_of(rule)
        transaction.set_rollback(True)
    local = sorted((moment.astimezone(ZoneInfo(zone)), is_pause)
                   for moment, is_pause in events)  # fmt: skip
    in_range = {moment for moment, is_pause in events if is_pause and START <= moment.date() <= END}
    stopped = set()
    for moment, is_pause in local:
        if not is_pause or moment.astimezone(datetime.UTC) not in in_range:
            continue
        for number in range(1, MOST_STOPPED_DAYS + 1):
            one = moment.date() + number * ONE_DAY
            back = any(moment < other and other.date() <= one for other, pauses in local if not pauses)
            if one <= day(22) and not back:
                stopped.add(one)
    assert found.pauses.days == len(stopped)


# --- Money in other currencies --------------------------------------------------------------------------------


def rate(currency, number, per_euro):
    ExchangeRate.objects.create(currency=currency, date=day(number), per_euro=Decimal(per_euro))


def test_each_day_at_its_rate_and_currencies_without_one_apart(in_acme, rule):
    euro, pound, dollar = (
        make_campaign(in_acme, account=make_account(in_acme, currency=code), name=code)
        for code in ("EUR", "EGP", "USD")
    )
    for campaign in (euro, pound, dollar):
        days(campaign, 5, 11, spend_cents=10_000, revenue_cents=5_000)
        paused(rule, campaign, on(12))
        enabled(campaign, on(15))
    for number, per_euro in ((5, "1.0"), (12, "1.5"), (14, "2.0")):
        rate("USD", number, per_euro)
    found = account_of(rule)
    # Euros on 13 November at 1.5, on the 14th at 2.0: 150 + 200; dollars 200. The week before at 1.0.
    assert found.pauses.sums == (
        Avoided(55_000, 27_500, Sums("USD", 140_000, 70_000)),
        Avoided(20_000, 10_000, Sums("EGP", 70_000, 35_000)),
    )
    assert found.apart == ("EGP",)
    assert [span.currency for span in found.rates] == ["EUR"]
    # Each action stands in its campaign's own currency.
    assert {one.currency: one.spend_avoided for one in found.actions} == {"EUR": 20_000, "EGP": 20_000, "USD": 20_000}
    assert {one.currency: one.worth for one in found.actions} == {"EUR": 35_000, "EGP": 20_000, "USD": 20_000}


# --- What came later ------------------------------------------------------------------------------------------


def test_conversions_that_came_later_prove_an_action_wrong(in_acme, clock):
    """By the real pass: what it knew then, restated through the product's own write path."""
    campaign = make_campaign(in_acme, name="Tents")
    rule = make_rule(
        in_acme, action_type="send_alert", action_config={"severity": "info"}, condition_field="cpa",
        condition_operator="greater_than", condition_value="20", condition_duration_hours=48,
    )  # fmt: skip
    clock.move_to(on(13, 9))
    record_days(
        campaign,
        {day(number): {"spend_cents": 10_000, "conversions_micros": 2_000_000} for number in (11, 12)},
        known_at=on(13, 8),
    )
    rules_evaluate()
    clock.move_to(NOW)
    assert only(account_of(rule)).later_conversions == 0
    assert only(account_of(rule)).verdict is Verdict.RIGHT
    record_days(campaign, {day(12): {"spend_cents": 10_000, "conversions_micros": 7_500_000}}, known_at=on(20))
    found = account_of(rule)
    # 4 conversions then, 9.5 now: 200.00 ÷ 9.5 = 21.05 is still above 20.
    assert (only(found).later_conversions, only(found).verdict) == (5_500_000, Verdict.RIGHT)
    record_days(campaign, {day(11): {"spend_cents": 10_000, "conversions_micros": 2_500_000}}, known_at=on(21))
    found = account_of(rule)
    # 10 of them: exactly 20 is not above it.
    assert (only(found).later_conversions, only(found).verdict) == (6_000_000, Verdict.WRONG)
    later = found.later
    assert (later.compared, later.came_micros, later.gone_micros) == (1, 6_000_000, 0)
    assert (later.judged, later.wrong) == (1, 1)
    assert only(found).later_revenue is None  # a CPA does not stand on revenue


def roas_figure(campaign, first, last, revenue, spend=10_000, **fields):
    return figure(campaign, first, last, parts={"revenue_cents": revenue, "spend_cents": spend}, **fields)


def test_both_directions_stand_apart_and_shared_days_count_once(in_acme, rule):
    tents, boats = make_campaign(in_acme, name="Tents"), make_campaign(in_acme, name="Boats")
    days(tents, 5, 11, spend_cents=1_000, revenue_cents=800)
    days(boats, 5, 11, spend_cents=1_000, revenue_cents=200)
    acted(rule, tents, on(8), condition_result=roas_figure(tents, 5, 7, 900))  # 2,400 now: 1,500 more
    acted(rule, tents, on(10), condition_result=roas_figure(tents, 7, 9, 1_000))  # shares a day with the one before
    acted(rule, tents, on(11), condition_result=roas_figure(tents, 8, 10, 2_300))  # 100 more
    acted(rule, boats, on(8), condition_result=roas_figure(boats, 5, 7, 750))  # 600 now: 150 less
    found = account_of(rule)
    later = {(one.name, one.day): one.later_revenue for one in found.actions}
    assert later == {
        ("Tents", day(8)): 1_500, ("Tents", day(10)): 1_400, ("Tents", day(11)): 100, ("Boats", day(8)): -150,
    }  # fmt: skip
    assert found.later.revenue == (LaterRevenue("USD", came=1_600, gone=150),)
    assert found.later.compared == 3


ALL_OF_IT = {
    "spend_cents": 700,
    "revenue_cents": 700,
    "clicks": 10,
    "impressions": 1_000,
    "conversions_micros": 2_000_000,
}
TESTS = {
    "exactly the line": ({"field": "roas", "operator": "less_than", "needed": "1"}, Verdict.WRONG),
    "at the line": ({"field": "roas", "operator": "lte", "needed": "1"}, Verdict.RIGHT),
    "clicks": ({"field": "clicks", "operator": "equals", "needed": "30"}, Verdict.RIGHT),
    "money": ({"field": "spend", "operator": "gte", "needed": "21.01"}, Verdict.WRONG),
    "ctr": ({"field": "ctr", "operator": "less_than", "needed": "1.01"}, Verdict.RIGHT),
    "cpa": ({"field": "cpa", "operator": "greater_than", "needed": "3.50"}, Verdict.WRONG),
    "a range": (
        {
            "field": "clicks", "operator": "between", "needed": "10 and 50",
            "test": {"field": "clicks", "operator": "between", "value": ["10", "50"],
                     "window": {"kind": "last_n_full_days", "days": 3}},
        },
        Verdict.RIGHT,
    ),
    "complete days": (
        {
            "field": "roas", "operator": "less_than", "needed": "0.5",
            "test": {"field": "roas", "operator": "less_than", "value": "0.5",
                     "window": {"kind": "last_n_complete_days", "days": 3}},
        },
        Verdict.WRONG,
    ),
    "an average": (
        {
            "field": "roas", "operator": "less_than", "needed": "",
            "test": {"field": "roas", "operator": "less_than", "average": {"of": "account", "factor": "1"},
                     "window": {"kind": "last_n_full_days", "days": 3}},
        },
        None,
    ),
    "a fall": (
        {
            "field": "clicks", "operator": "falls_by", "needed": "30",
            "test": {"field": "clicks", "operator": "falls_by", "value": "30",
                     "window": {"kind": "last_n_full_days", "days": 3}},
        },
        None,
    ),
    "several tests": (
        {"field": "roas", "operator": "less_than", "needed": "1",
         "also": [{"field": "clicks", "operator": "gte", "needed": "1", "actual": "30"}]},
        None,
    ),
    "a field of another version": ({"field": "karma", "operator": "less_than", "needed": "1"}, None),
}  # fmt: skip


def test_which_tests_are_judged_and_how(in_acme, rule):
    for name, (stored, _expected) in TESTS.items():
        campaign = make_campaign(in_acme, name=name)
        days(campaign, 9, 11, **ALL_OF_IT)
        parts = {"revenue_cents": 1, "spend_cents": 1}
        acted(rule, campaign, on(12), condition_result=figure(campaign, 9, 11, parts=parts, **stored))
    found = account_of(rule)
    assert {one.name: one.verdict for one in found.actions} == {name: kept for name, (_stored, kept) in TESTS.items()}
    assert (found.later.judged, found.later.wrong) == (8, 4)


def test_windows_with_the_running_day_and_words_are_not_compared(in_acme, rule, campaign):
    days(campaign, 10, 12, **ALL_OF_IT)
    acted(rule, campaign, on(12), condition_result=roas_figure(campaign, 10, 12, 1))
    acted(rule, campaign, on(13), condition_result={
        "field": "status", "operator": "equals", "needed": "active", "actual": "active"})  # fmt: skip
    acted(rule, campaign, on(14), condition_result={"written": "by another version"})
    found = account_of(rule)
    assert [(one.later_revenue, one.verdict) for one in found.actions] == [(None, None)] * 3
    assert (found.later.compared, found.later.judged) == (0, 0)


# --- Budgets --------------------------------------------------------------------------------------------------


def test_the_weeks_around_raised_and_lowered_budgets(in_acme, rule):
    tents, boats, ropes = (make_campaign(in_acme, name=name) for name in ("Tents", "Boats", "Ropes"))
    days(tents, 3, 9, spend_cents=1_000, revenue_cents=3_000, conversions_micros=1_000_000)
    days(tents, 10, 10, spend_cents=55_555)
    days(tents, 11, 17, spend_cents=1_500, revenue_cents=3_600, conversions_micros=2_000_000)
    days(boats, 3, 17, spend_cents=200, revenue_cents=100)
    moved(rule, tents, on(10), 10_000, 15_000)
    moved(rule, boats, on(10), 10_000, 8_000)
    moved(rule, ropes, on(16), 10_000, 12_000)  # its 7 days after end today
    moved(rule, ropes, on(15), 10_000, 12_000)  # these ended yesterday
    found = account_of(rule)
    assert found.raised.waiting == 1
    [raised] = found.raised.sums
    assert (raised.number, raised.before, raised.after) == (
        2, Sums("USD", 7_000, 21_000, 7_000_000), Sums("USD", 10_500, 25_200, 14_000_000),
    )  # fmt: skip
    assert raised.roas_change == pytest.approx(2.4 - 3.0)
    [lowered] = found.lowered.sums
    assert (lowered.number, lowered.before.spend, lowered.after.spend) == (1, 1_400, 1_400)
    CampaignChange.objects.filter(campaign=boats).update(state="failed", error_code="100")
    assert account_of(rule).lowered.main.number == 0


# --- Beside the hold-out group --------------------------------------------------------------------------------


def a_side(tenant, number, before, after, tell):
    """So many campaigns that spent 10.00 a day and earned these amounts a day before and after 10 November."""
    for position in range(number):
        campaign = make_campaign(tenant, name=f"{tell.__name__} {position}")
        days(campaign, 3, 9, spend_cents=1_000, revenue_cents=before)
        days(campaign, 11, 17, spend_cents=1_000, revenue_cents=after)
        tell(campaign)


def test_the_difference_between_the_differences(in_acme):
    rule = make_rule(in_acme, holdout_percent=30)
    a_side(in_acme, 10, 2_000, 3_000, lambda campaign: acted(rule, campaign, on(10)))
    a_side(in_acme, 9, 2_000, 2_500, lambda campaign: held_out(rule, campaign, on(10)))
    comparison = account_of(rule).comparison
    assert comparison is not None
    assert not comparison.is_enough
    a_side(in_acme, 1, 2_000, 2_500, lambda campaign: held_out(rule, campaign, on(10)))
    comparison = account_of(rule).comparison
    acted_side, held = comparison.acted.main, comparison.held_out.main
    assert (acted_side.number, acted_side.before, acted_side.after) == (
        10, Sums("USD", 70_000, 140_000), Sums("USD", 70_000, 210_000),
    )  # fmt: skip
    assert (held.before.roas, held.after.roas) == (2.0, 2.5)
    assert comparison.is_enough
    # 2 → 3 against 2 → 2.5.
    assert comparison.difference == pytest.approx(0.5)


def test_who_is_compared(in_acme):
    rule = make_rule(in_acme, holdout_percent=30)
    known, both, late, plain, held = (make_campaign(in_acme, name=name) for name in "ABCDE")
    acted(rule, known, on(1, month=10))  # before these days
    acted(rule, known, on(10))
    acted(rule, both, on(9))
    held_out(rule, both, on(10))
    acted(rule, late, on(16))  # its week after is not over
    acted(rule, plain, on(10))
    acted(rule, plain, on(16))  # once, from its first time on
    held_out(rule, held, on(10))
    acted(rule, make_campaign(in_acme), on(10), outcome="shadow", triggered=False)  # of shadow mode
    comparison = account_of(rule).comparison
    assert (comparison.acted.main.number, comparison.acted.waiting) == (1, 1)
    assert (comparison.held_out.main.number, comparison.held_out.waiting) == (1, 0)
    assert comparison.difference is None  # nothing was spent


def test_without_a_group_nothing_is_compared(rule, campaign):
    paused(rule, campaign, on(12))
    assert account_of(rule).comparison is None


# --- All of it ------------------------------------------------------------------------------------------------


def test_days_that_still_fill_up_are_marked(in_acme, rule):
    """Conversions of this account are 90 % in from the age of 13 days on: 10 November is the last complete day."""
    campaign = make_campaign(in_acme)
    curve = tuple(0.5 if age < 13 else 1.0 for age in range(MAX_AGE + 1))
    known = {campaign.ad_account_id: Completeness("account", 60, curve, curve)}
    cache.set(f"completeness:{in_acme.pk}:{NOW:%Y-%m-%d}", known)
    paused(rule, campaign, on(11))  # the week before ends on the 10th
    assert (account_of(rule).pauses.settling, only(account_of(rule)).settling) == (0, False)
    other = make_campaign(in_acme, account=campaign.ad_account)
    paused(rule, other, on(12))
    assert account_of(rule).pauses.settling == 1
    assert by_day(account_of(rule))[day(12)].settling
    acted(rule, other, on(12, 11), condition_result=roas_figure(other, 10, 11, 5))
    assert account_of(rule).later.settling == 1
    moved(rule, campaign, on(3), 100, 200)  # its week after ends on the 10th
    moved(rule, other, on(4), 100, 200)
    assert account_of(rule).raised.settling == 1


def test_only_these_days_of_this_rule(in_acme, rule, campaign):
    edges = [on(23, 0, month=10), on(24, 0, month=10), on(22, 23), on(23, 0)]
    for moment in edges:
        acted(rule, campaign, moment)
    acted(make_rule(in_acme), campaign, on(12))
    acted(rule, campaign, on(12), outcome="cooldown", triggered=False)
    acted(rule, campaign, on(13), outcome="failed", triggered=False)
    found = account_of(rule)
    assert [one.at for one in found.actions] == [edges[2], edges[1]]
    assert found.counts == Counts(acted=2, campaigns=1)


def test_deleted_campaigns_still_count(rule, campaign):
    days(campaign, 5, 11, spend_cents=7_000)
    paused(rule, campaign, on(20))
    type(campaign).objects.filter(pk=campaign.pk).update(is_deleted=True)
    assert only(account_of(rule)).stopped_days == 2


def test_nothing_at_all(rule):
    found = account_of(rule)
    assert (found.counts, found.actions, found.comparison) == (Counts(), (), None)
    assert found.pauses.sums == (Avoided(0, 0, Sums("USD")),)


def test_beyond_the_most_actions_all_are_counted_and_the_newest_judged(rule, campaign, monkeypatch):
    for number in range(10, 15):
        acted(rule, campaign, on(number))
    for most, is_cut in ((4, True), (5, False)):
        monkeypatch.setattr(account_reading, "MOST_ACTIONS", most)
        monkeypatch.setattr("rules.queries.account.worth.MOST_ACTIONS", most)
        found = account_of(rule)
        assert (len(found.actions), found.is_cut, found.counts.acted) == (most, is_cut, 5)
    monkeypatch.setattr(account_reading, "MOST_ACTIONS", 4)
    monkeypatch.setattr("rules.queries.account.worth.MOST_ACTIONS", 4)
    assert account_of(rule).actions[-1].day == day(11)


def everything(tenant, rule, number):
    for position in range(number):
        campaign = make_campaign(tenant, account=make_account(tenant, currency="EUR" if position % 2 else "USD"))
        days(campaign, 3, 12, spend_cents=1_000)
        enabled(campaign, on(15), undoes=paused(rule, campaign, on(12)))
        moved(rule, campaign, on(10), 100, 120)
        acted(rule, campaign, on(13), condition_result=roas_figure(campaign, 10, 12, 5))
        held_out(rule, make_campaign(tenant), on(10))


def test_statements_do_not_grow_with_actions(in_acme, rule):
    rate("USD", 1, "1.1")
    rate("USD", 10, "1.1")
    everything(in_acme, rule, 2)
    account_of(rule)
    counts = []
    for more in (0, 8):
        everything(in_acme, rule, more)
        with CaptureQueriesContext(connection) as captured:
            account_of(rule)
        counts.append(len(captured))
    assert counts[0] == counts[1] <= 7
    assert len(account_of(rule).actions) == 30


def test_another_workspace_s_rows_do_not_count(acme, globex):
    """The same rule id, asked for by another workspace, has done nothing."""

    def inside(tenant, work):
        with tenant_context(tenant), transaction.atomic():
            return work()

    def made():
        rule = make_pause_rule(acme)
        campaign = make_campaign(acme)
        days(campaign, 5, 11, spend_cents=7_000)
        paused(rule, campaign, on(12))
        return rule

    rule = inside(acme, made)
    assert inside(acme, lambda: account_of(rule)).counts.acted == 1
    other = inside(globex, lambda: rule_account(
        rule.pk, start=START, end=END, zone=datetime.UTC, now=NOW, currency="USD"))  # fmt: skip
    assert other.counts == Counts()
    assert other.actions == ()
