"""When rules are checked: slots, days, hours, zones, and clocks that are set forward and back."""

import datetime
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from hypothesis import assume, given
from hypothesis import strategies as st

from accounts.audit import Actor
from campaigns.models import CampaignMetric
from campaigns.tests.factories import make_account, make_campaign, make_day
from rules.actions.specs import rule_spec
from rules.choices import RuleStatus
from rules.conditions import ConditionError, parse_schedule
from rules.conditions.schedules import DAY, EVERY, SLOTS, WEEK
from rules.conditions.wording import schedule_phrase
from rules.models import Rule, RuleExecution
from rules.queries.due import next_checks
from rules.services import rule_set_status, rules_evaluate
from rules.tests.factories import make_rule
from rules.tests.test_views import FORM
from tenants.context import tenant_context

MINUTE = datetime.timedelta(minutes=1)
# Half-hour and three-quarter offsets, both hemispheres, a change of half an hour, and one at midnight.
ZONES = ["UTC", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Santiago", "Asia/Tokyo"]
CLOCK = st.times().map(lambda time: f"{time:%H:%M}")
DAYS = st.lists(st.integers(0, 6), min_size=1, max_size=7, unique=True)
# Days on which clocks of these zones change are among them.
MOMENTS = st.integers(0, 9 * 30 * 24 * 60).map(
    lambda minutes: datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC) + minutes * MINUTE
)


@st.composite
def schedules(draw):
    every = draw(st.sampled_from(EVERY))
    raw = {"every": every, "zone": draw(st.sampled_from(["account", "workspace"]))}
    if every in SLOTS:
        if draw(st.booleans()):
            raw["hours"] = draw(st.lists(CLOCK, min_size=2, max_size=2, unique=True))
    else:
        raw["at"] = draw(CLOCK)
    if every == WEEK:
        raw["days"] = [draw(st.integers(0, 6))]
    elif draw(st.booleans()):
        raw["days"] = draw(DAYS)
    return raw


def parsed(raw):
    """Hours in which no check begins are refused."""
    try:
        return parse_schedule(raw)
    except ConditionError as error:
        assume(error.code != "hours_too_short")
        raise


@given(raw=schedules())
def test_a_schedule_reads_back_as_itself(raw):
    schedule = parsed(raw)
    assert parse_schedule(schedule.as_json()) == schedule
    assert schedule_phrase(schedule)


@given(raw=schedules(), now=MOMENTS, zone=st.sampled_from(ZONES))
def test_due_exactly_from_the_next_slot_on(raw, now, zone):
    schedule, clock = parsed(raw), ZoneInfo(zone)
    following = schedule.next_after(now, clock).astimezone(datetime.UTC)
    assert following > now
    assert schedule.is_due(following, now, clock)
    assert not schedule.is_due(following, following, clock)  # checked at its very beginning: not again
    step = (following - now) / 7
    for number in range(7):
        assert not schedule.is_due(now + number * step, now, clock)


@given(every=st.sampled_from(sorted(SLOTS)), now=MOMENTS, zone=st.sampled_from(ZONES))
def test_no_slot_is_longer_than_it_says_but_where_the_clock_is_set_back(every, now, zone):
    clock = ZoneInfo(zone)
    gap = parse_schedule({"every": every}).next_after(now, clock).astimezone(datetime.UTC) - now
    assert gap <= datetime.timedelta(minutes=SLOTS[every] + 60)


@pytest.mark.parametrize(
    ("every", "hours", "local", "due"),
    [
        ("1h", ["09:00", "18:00"], "2026-11-23 09:04", True),
        ("1h", ["09:00", "18:00"], "2026-11-23 08:59", False),
        ("1h", ["09:00", "18:00"], "2026-11-23 17:59", True),
        ("1h", ["09:00", "18:00"], "2026-11-23 18:00", False),
        ("1h", ["22:00", "06:00"], "2026-11-23 23:30", True),
        ("1h", ["22:00", "06:00"], "2026-11-24 05:59", True),  # the night of Monday
        ("1h", ["22:00", "06:00"], "2026-11-23 05:59", False),  # the night of Sunday
        ("1h", ["22:00", "06:00"], "2026-11-24 22:30", False),
    ],
)
def test_hours_of_mondays(every, hours, local, due):
    schedule = parse_schedule({"every": every, "hours": hours, "days": [0]})
    clock = ZoneInfo("America/New_York")
    now = datetime.datetime.fromisoformat(local).replace(tzinfo=clock)
    assert schedule.is_due(now, now - datetime.timedelta(days=3), clock) is due


def test_the_hour_that_comes_twice_is_two_hours_and_the_day_has_one_time():
    clock = ZoneInfo("America/New_York")
    # 1 November 2026: at 02:00 the clock is set back to 01:00.
    first, second = (datetime.datetime(2026, 11, 1, 1, 30, tzinfo=clock, fold=fold) for fold in (0, 1))
    assert parse_schedule({"every": "1h"}).is_due(second, first.astimezone(datetime.UTC), clock)
    daily = parse_schedule({"every": DAY, "at": "01:15"})
    assert not daily.is_due(second, first.astimezone(datetime.UTC), clock)


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        ([], "schedule"),
        ({}, "schedule.every"),
        ({"every": "5m"}, "schedule.every"),
        ({"every": "1h", "at": "09:00"}, "schedule.at"),
        ({"every": "day"}, "schedule.at"),
        ({"every": "day", "at": "9"}, "schedule.at"),
        ({"every": "day", "at": "24:00"}, "schedule.at"),
        ({"every": "day", "at": "09:00", "hours": ["09:00", "10:00"]}, "schedule.hours"),
        ({"every": "1h", "hours": ["09:00"]}, "schedule.hours"),
        ({"every": "1h", "hours": ["09:00", "09:00"]}, "schedule.hours"),
        ({"every": "6h", "hours": ["13:00", "17:00"]}, "schedule.hours"),
        ({"every": "1h", "hours": ["23:30", "23:59"]}, "schedule.hours"),
        ({"every": "1h", "days": []}, "schedule.days"),
        ({"every": "1h", "days": [7]}, "schedule.days"),
        ({"every": "1h", "days": [True]}, "schedule.days"),
        ({"every": "week", "at": "09:00"}, "schedule.days"),
        ({"every": "week", "at": "09:00", "days": [1, 2]}, "schedule.days"),
        ({"every": "1h", "zone": "moon"}, "schedule.zone"),
        ({"every": "1h", "cron": "* *"}, "schedule.cron"),
    ],
)
def test_impossible_schedules_are_refused_at_their_place(raw, place):
    with pytest.raises(ConditionError) as refused:
        parse_schedule(raw)
    assert refused.value.field == place


# --- Passes ---------------------------------------------------------------------------------------------------

NINE = {"every": DAY, "at": "09:00", "zone": "account"}


def at(text):
    return datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC)


def hot_in(tenant, zone, clock):
    """A campaign of an account in this zone that spends 150.00 a day."""
    campaign = make_campaign(tenant, account=make_account(tenant, timezone=zone))
    today = datetime.datetime.now(ZoneInfo(zone)).date()
    for back in range(-2, 3):
        make_day(campaign, today - datetime.timedelta(days=back), spend_cents=15_000)
    return campaign


@pytest.fixture
def clock():
    with time_machine.travel(at("2026-11-23T00:00"), tick=False) as traveller:
        yield traveller


def passed(clock, moment):
    """The job's pass at a moment, all numbers just loaded."""
    clock.move_to(at(moment))
    CampaignMetric.objects.update(known_at=at(moment))
    rules_evaluate()


def acted():
    return list(RuleExecution.objects.filter(outcome="acted").order_by("pk").values_list("campaign_id", flat=True))


def test_each_account_is_checked_at_nine_by_its_own_clock(in_acme, clock):
    tokyo, berlin = hot_in(in_acme, "Asia/Tokyo", clock), hot_in(in_acme, "Europe/Berlin", clock)
    rule = make_rule(in_acme, schedule=NINE, cooldown_hours=0, action_type="send_alert", action_config={})
    Rule.objects.filter(pk=rule.pk).update(activated_at=at("2026-11-22T20:00"))
    for moment, expected in (
        ("2026-11-22T23:59", []),
        ("2026-11-23T00:04", [tokyo.pk]),
        ("2026-11-23T00:19", [tokyo.pk]),
        ("2026-11-23T07:49", [tokyo.pk]),
        ("2026-11-23T08:04", [tokyo.pk, berlin.pk]),
        ("2026-11-23T23:49", [tokyo.pk, berlin.pk]),
        ("2026-11-24T00:04", [tokyo.pk, berlin.pk, tokyo.pk]),
    ):
        passed(clock, moment)
        assert acted() == expected, moment


def test_a_missed_daily_check_is_made_up_for_and_a_new_rule_waits_for_its_hour(in_acme, clock):
    campaign = hot_in(in_acme, "UTC", clock)
    rule = make_rule(in_acme, schedule=NINE, status="paused", cooldown_hours=0)
    clock.move_to(at("2026-11-23T10:00"))
    rule_set_status(rule=rule, status=RuleStatus.ACTIVE, actor=Actor.job("test"))
    passed(clock, "2026-11-23T10:04")
    assert acted() == []  # activated after nine: tomorrow
    passed(clock, "2026-11-24T15:04")
    assert acted() == [campaign.pk]  # no worker was there at nine


def test_a_person_who_asks_now_is_answered_now(in_acme, clock):
    campaign = hot_in(in_acme, "UTC", clock)
    rule = make_rule(in_acme, schedule={"every": "week", "at": "09:00", "days": [5]})
    Rule.objects.filter(pk=rule.pk).update(activated_at=at("2026-11-22T20:00"))
    assert rules_evaluate().rules == 0
    assert rules_evaluate(rule_ids=[rule.pk], actor=Actor.job("test")).acted == 1
    assert acted() == [campaign.pk]


def test_a_broken_schedule_holds_the_rule_and_says_so(in_acme):
    rule = make_rule(in_acme, schedule={"every": "moon"})
    assert rules_evaluate().rules_held == 1
    assert "every" in Rule.objects.get(pk=rule.pk).held_reason


@pytest.mark.parametrize("rules", [1, 3])
def test_schedules_cost_the_same_statements_for_any_number(in_acme, rules):
    specs = [rule_spec(make_rule(in_acme, schedule=NINE)) for _number in range(rules)]
    make_account(in_acme, timezone="Asia/Tokyo")
    with CaptureQueriesContext(connection) as captured:
        assert len(next_checks(specs, now=at("2026-11-23T12:00"))) == rules
    assert len(captured) == 2


def test_the_next_check_is_a_pass_of_the_job(in_acme):
    always, daily = make_rule(in_acme), make_rule(in_acme, schedule={**NINE, "zone": "workspace"})
    checks = next_checks([rule_spec(always), rule_spec(daily)], now=at("2026-11-23T12:20"))
    assert checks == {always.pk: at("2026-11-23T12:34"), daily.pk: at("2026-11-24T09:04")}


# --- The editor -----------------------------------------------------------------------------------------------


def saved(acme):
    with tenant_context(acme), transaction.atomic():
        return Rule.objects.get().schedule


@pytest.mark.parametrize(
    ("fields", "stored"),
    [
        ({}, None),
        ({"every": "day", "check_at": "08:30"}, {"every": "day", "at": "08:30", "zone": "account"}),
        (
            {"every": "1h", "check_from": "09:00", "check_until": "18:00", "check_days": ["0", "4"]},
            {"every": "1h", "hours": ["09:00", "18:00"], "days": [0, 4], "zone": "account"},
        ),
        ({"check_days": ["5"], "check_zone": "workspace"}, {"every": "15m", "days": [5], "zone": "workspace"}),
        (
            {"every": "week", "check_at": "09:00", "check_days": ["0"]},
            {"every": "week", "at": "09:00", "days": [0], "zone": "account"},
        ),
    ],
)
def test_the_editor_saves_a_schedule_and_shows_it_again(acme, manager, client_of, fields, stored):
    client = client_of(manager)
    client.post(reverse("rules:rule_create"), {**FORM, **fields, "save_as": "draft"})
    assert saved(acme) == stored
    with tenant_context(acme), transaction.atomic():
        rule = Rule.objects.get()
    shown = client.get(reverse("rules:rule_edit", args=[rule.pk])).context["form"]
    again = {
        name: shown[name].value() or "" for name in ("every", "check_at", "check_from", "check_until", "check_zone")
    }
    days = shown["check_days"].value() or []
    client.post(reverse("rules:rule_edit", args=[rule.pk]), {**FORM, **texts(again), "check_days": days})
    assert saved(acme) == stored


def texts(values):
    """As a browser sends them back."""
    return {name: value if isinstance(value, str) else f"{value:%H:%M}" for name, value in values.items()}


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"every": "week", "check_at": "09:00"}, "check_days"),
        ({"every": "day", "check_at": ""}, "check_at"),
        ({"every": "1h", "check_from": "09:00"}, "check_from"),
    ],
)
def test_the_editor_says_where_a_schedule_is_wrong(manager, client_of, fields, place):
    response = client_of(manager).post(reverse("rules:rule_create"), {**FORM, **fields, "save_as": "active"})
    assert response.status_code == 422
    assert place in response.context["form"].errors
