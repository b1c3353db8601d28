"""A rule on past days, against a slow replay that is obviously right: walk the readings, day by day."""

import datetime
from dataclasses import dataclass, replace
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from django.core.cache import cache
from django.db import transaction
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from campaigns.choices import RevisionSource
from campaigns.models import CampaignMetric, MetricRevision
from campaigns.queries.completeness import MAX_AGE, Completeness
from campaigns.services.rollups import campaign_sums_refresh
from campaigns.tests.factories import make_account, make_campaign
from rules.actions import ApplyLabel, SendAlert
from rules.choices import Outcome
from rules.conditions import ConditionError, RuleSpec, Scope, leaves, parse_schedule, parse_tree
from rules.conditions.windows import WindowKind
from rules.queries.evaluation import evaluate_now
from rules.queries.replay import Caveat, Replay, Touched, Verdict, replay
from rules.tests.test_tree_evaluation import MATURE_AGE, World
from rules.tests.trees import trees
from tenants.context import tenant_context

UTC = datetime.UTC
ONE_DAY = datetime.timedelta(days=1)
HOUR = datetime.timedelta(hours=1)
# Long after the last check, so that 'now' is another world than 'then'.
NOW = datetime.datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
END = datetime.date(2026, 11, 2)  # over the end of summer time in Los Angeles on 1 November
START = END - 6 * ONE_DAY
COUNTERS = ("impressions", "clicks", "conversions", "spend_cents", "revenue_cents")


def record(campaign, day, readings):
    """A day with all that was ever known of it: [(known at, {counter: value}), …] in order of time."""
    (first_at, first), (last_at, last) = readings[0], readings[-1]
    CampaignMetric.objects.create(campaign=campaign, date=day, first_known_at=first_at, known_at=last_at, **last)
    before = first
    for known_at, after in readings[1:]:
        MetricRevision.objects.create(
            campaign=campaign,
            date=day,
            known_at=known_at,
            source=RevisionSource.SYNC,
            **{f"old_{name}": value for name, value in micros(before).items()},
            **{f"new_{name}": value for name, value in micros(after).items()},
        )
        before = after


def micros(values):
    """A reading in the columns of revisions."""
    full = {name: values.get(name, 0) for name in COUNTERS}
    conversions = full.pop("conversions")
    return {**full, "conversions_micros": conversions * 1_000_000}


def rule(raw, *, cooldown=24, scope=None, confidence=None) -> RuleSpec:
    return RuleSpec(None, "Rule", parse_tree(raw), scope or Scope(), SendAlert(), cooldown, confidence)


ROAS_BELOW_1 = {
    "field": "roas", "operator": "less_than", "value": "1", "window": {"kind": "last_n_full_days", "days": 1},
}  # fmt: skip
SPEND_ABOVE_5 = {
    "field": "spend", "operator": "greater_than", "value": "5", "window": {"kind": "last_n_full_days", "days": 1},
}  # fmt: skip


def at(day, hour=0, minute=0, zone=UTC):
    return datetime.datetime.combine(day, datetime.time(hour, minute), zone)


# --- Against the slow way ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Then(World):
    """All campaigns on one morning; `lifetime` are their days as known today."""

    day: datetime.date
    lifetime: dict

    def today(self, campaign):
        return self.day

    def sums(self, campaign, window):
        if window.kind is WindowKind.LIFETIME:
            return World(self.campaigns, self.lifetime).sums(campaign, replace(window))
        return super().sums(campaign, window)


READINGS = st.lists(
    st.tuples(
        st.integers(-20, 60),  # hours after the day is over, in the account's zone
        st.fixed_dictionaries({
            "impressions": st.integers(0, 50),
            "clicks": st.integers(0, 9),
            "conversions": st.integers(0, 3),
            "spend_cents": st.integers(0, 900),
            "revenue_cents": st.integers(0, 900),
        }),
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda reading: reading[0],
).map(lambda readings: sorted(readings, key=lambda reading: reading[0]))  # fmt: skip
HISTORIES = st.lists(st.dictionaries(st.integers(0, 12), READINGS, max_size=8), min_size=1, max_size=5)


@pytest.fixture
def accounts(in_acme):
    return [
        make_account(in_acme, currency="USD", timezone="America/Los_Angeles"),
        make_account(in_acme, currency="JPY", timezone="Asia/Tokyo"),
        make_account(in_acme, currency="USD", timezone="UTC", platform="google"),
    ]


@pytest.fixture
def known_completeness(in_acme, accounts):
    young, settled = (0.5,) * MATURE_AGE, (1.0,) * (MAX_AGE + 1 - MATURE_AGE)
    curve = Completeness("account", 99, young + settled, (1.0,) * (MAX_AGE + 1))
    for moment in (NOW, at(END, 9)):
        cache.set(f"completeness:{in_acme.pk}:{moment:%Y-%m-%d}", {account.pk: curve for account in accounts})


def build(tenant, accounts, histories):
    """The campaigns, and their readings by campaign and day."""
    campaigns, readings = [], {}
    for number, history in enumerate(histories):
        account = accounts[number % len(accounts)]
        campaign = make_campaign(tenant, account=account, daily_budget_cents=100 * number or None)
        zone = ZoneInfo(account.timezone)
        mine = readings[campaign.pk] = {}
        for back, found in history.items():
            day = END + ONE_DAY - back * ONE_DAY
            over = at(day + ONE_DAY, zone=zone).astimezone(UTC)
            mine[day] = [(over + hours * HOUR, values) for hours, values in found]
            record(campaign, day, mine[day])
        campaigns.append(campaign)
    campaign_sums_refresh([campaign.pk for campaign in campaigns])
    return campaigns, readings


def as_of(readings, moment):
    """Each day's newest reading that was known at the moment (None: at last)."""
    return {
        pk: {
            day: SimpleNamespace(**known[-1])
            for day, found in days.items()
            if (known := [values for known_at, values in found if moment is None or known_at <= moment])
        }
        for pk, days in readings.items()
    }


def is_fresh(campaign, campaigns, readings, day, moment):
    """Something of yesterday or later was loaded since the account's midnight."""
    midnight = at(day, zone=ZoneInfo(campaign.ad_account.timezone))
    return any(
        midnight <= known_at <= moment and one >= day - ONE_DAY
        for other in campaigns
        if other.ad_account_id == campaign.ad_account_id
        for one, found in readings[other.pk].items()
        for known_at, _values in found
    )


def slow_replay(tree, cooldown, campaigns, readings):
    """(pairs that would have acted with their verdict, per day the flips)."""
    asks = any(test.windows for test in leaves(tree))
    settled, last, acted, flips = as_of(readings, None), {}, [], []
    for number in range(7):
        day, flipped = START + number * ONE_DAY, 0
        now = Then(campaigns, settled, day, settled)
        # What is known of other accounts' campaigns at their own nine o'clock counts in averages and ranks.
        known = {}
        for campaign in campaigns:
            moment = at(day, 9, zone=ZoneInfo(campaign.ad_account.timezone))
            known[campaign.pk] = as_of({campaign.pk: readings[campaign.pk]}, moment)[campaign.pk]
        then = Then(campaigns, known, day, settled)
        for campaign in campaigns:
            moment = at(day, 9, zone=ZoneInfo(campaign.ad_account.timezone))
            if asks and not is_fresh(campaign, campaigns, readings, day, moment):
                continue
            holds, still = then.holds(tree, campaign), now.holds(tree, campaign)
            flipped += holds != still
            since = last.get(campaign.pk)
            rested = since is None or since.astimezone(UTC) + cooldown * HOUR <= moment.astimezone(UTC)
            if holds and rested:
                last[campaign.pk] = moment
                acted.append((day, campaign.pk, "right" if still else "wrong"))
        flips.append(flipped)
    return acted, flips


@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(raw=trees(depth=1), cooldown=st.sampled_from([0, 24, 25, 72]), histories=HISTORIES)
def test_same_as_the_slow_way(in_acme, accounts, known_completeness, raw, cooldown, histories):
    try:
        tree = parse_tree(raw)
    except ConditionError:
        assume(False)
    assume("days_running" not in str(raw))
    with transaction.atomic():
        campaigns, readings = build(in_acme, accounts, histories)
        found = replay(rule(raw, cooldown=cooldown), start=START, end=END, now=NOW)
        acted, flips = slow_replay(tree, cooldown, campaigns, readings)
        assert sorted((one.day, one.campaign_id, one.verdict) for one in found.actions) == sorted(acted)
        assert [day.flips for day in found.days] == flips
        assert (found.acted, found.wrong) == (len(acted), sum(1 for one in acted if one[2] == "wrong"))
        assert Replay.from_json(found.as_json()) == found
        transaction.set_rollback(True)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(raw=trees(depth=1), histories=HISTORIES)
def test_without_restatements_nothing_is_wrong_and_the_last_day_is_what_evaluate_now_says(
    in_acme, accounts, known_completeness, raw, histories
):
    """Every day known once, right after it was over, and no account's morning later than another's."""
    try:
        tree = parse_tree(raw)
    except ConditionError:
        assume(False)
    alone = [accounts[2]]
    # A window that holds the running day sees less of it in the morning than in the end.
    growing = {WindowKind.TODAY, WindowKind.MONTH_TO_DATE, WindowKind.LAST_N_DAYS_INCL_TODAY}
    assume(not any(window.kind in growing for test in leaves(tree) for window in test.windows))
    assume("days_running" not in str(raw))
    on_time = [{back: [(1, found[-1][1])] for back, found in days.items() if back >= 2} for days in histories]
    with transaction.atomic():
        build(in_acme, alone, on_time)
        found = replay(rule(raw, cooldown=0), start=START, end=END, now=NOW)
        assert (found.wrong, found.flips) == (0, 0)
        live = evaluate_now([rule(raw, cooldown=0)], now=at(END, 9)).rules[0]
        counts = live.counts()
        last = found.days[-1]
        assert last.acted == counts.get(Outcome.ACTED, 0)
        assert last.held == counts.get(Outcome.HELD_STALE, 0) + counts.get(Outcome.HELD_EVIDENCE, 0)
        ours = [one for one in found.actions if one.day == END]
        assert [one.campaign_id for one in ours] == live.facts.ids[live.positions(Outcome.ACTED)].tolist()
        lifetime = any(window.kind is WindowKind.LIFETIME for test in leaves(tree) for window in test.windows)
        if not lifetime:
            assert [one.then for one in ours] == [live.explain(int(p)) for p in live.positions(Outcome.ACTED)]
        transaction.set_rollback(True)


# --- What a reader sees ----------------------------------------------------------------------------------------


def test_late_conversions_prove_an_action_wrong_with_the_figures_of_then_and_now(in_acme):
    campaign = make_campaign(in_acme, name="Winner")
    poor = {"spend_cents": 1000, "revenue_cents": 400}
    record(campaign, END - ONE_DAY, [(at(END, 3), poor), (at(END + ONE_DAY, 3), {**poor, "revenue_cents": 2500})])
    found = replay(rule(ROAS_BELOW_1), start=START, end=END, now=NOW)
    (action,) = found.actions
    assert (action.name, action.day, action.verdict) == ("Winner", END, Verdict.WRONG)
    assert (action.then.actual, action.settled.actual) == ("0.4", "2.5")
    assert (found.acted, found.wrong, found.flips, found.flip_days) == (1, 1, 1, 1)
    assert action.at == at(END, 9)


def test_a_day_that_arrives_after_the_check_holds_the_rule(in_acme):
    campaign = make_campaign(in_acme)
    record(campaign, END - ONE_DAY, [(at(END, 9, 1), {"spend_cents": 1000})])
    held = replay(rule(SPEND_ABOVE_5), start=END, end=END, now=NOW)
    assert [(day.acted, day.held, day.settled_acted) for day in held.days] == [(0, 1, 1)]
    assert Caveat.HELD in held.caveats
    CampaignMetric.objects.update(first_known_at=at(END, 9))
    assert replay(rule(SPEND_ABOVE_5), start=END, end=END, now=NOW).acted == 1  # exactly at nine it is known


def test_nine_o_clock_is_that_of_the_account(in_acme):
    tokyo = make_campaign(in_acme, account=make_account(in_acme, timezone="Asia/Tokyo"))
    angeles = make_campaign(in_acme, account=make_account(in_acme, timezone="America/Los_Angeles"))
    for campaign in (tokyo, angeles):
        # 10:00 in Tokyo, where the check is over; the evening before in Los Angeles.
        record(campaign, END - 2 * ONE_DAY, [(at(END - ONE_DAY, 1), {"spend_cents": 1000})])
    found = replay(rule(SPEND_ABOVE_5), start=END - ONE_DAY, end=END - ONE_DAY, now=NOW)
    assert (found.acted, found.days[0].held) == (0, 2)
    CampaignMetric.objects.filter(campaign=angeles).update(first_known_at=at(END - ONE_DAY, 16))
    found = replay(rule(SPEND_ABOVE_5), start=END - ONE_DAY, end=END - ONE_DAY, now=NOW)
    assert [one.campaign_id for one in found.actions] == [angeles.pk]


def spending_every_day(tenant, **fields):
    campaign = make_campaign(tenant, **fields)
    for number in range(-1, 15):
        day = START + number * ONE_DAY
        record(campaign, day, [(at(day + ONE_DAY, 2), {"spend_cents": 1000, "revenue_cents": 300})])
    return campaign


@pytest.mark.parametrize(("cooldown", "acted"), [(0, 7), (24, 7), (25, 4), (48, 4), (72, 3), (8760, 1)])
def test_a_replayed_action_starts_the_cooldown(in_acme, cooldown, acted):
    spending_every_day(in_acme)
    found = replay(rule(SPEND_ABOVE_5, cooldown=cooldown), start=START, end=END, now=NOW)
    assert (found.acted, sum(day.matched for day in found.days)) == (acted, 7)


def test_a_schedule_names_the_days_and_the_time(in_acme):
    spending_every_day(in_acme)  # each day's numbers arrive at two the morning after
    for schedule, hour, days in (
        ({"every": "week", "at": "06:00", "days": [4]}, 6, [4]),
        ({"every": "day", "at": "10:30", "days": [5, 6]}, 10, [5, 6]),
        ({"every": "1h", "hours": ["20:00", "04:00"], "days": [0]}, 20, [0]),
        ({"every": "1h", "hours": ["08:00", "10:00"], "days": [0]}, 9, [0]),
        ({"every": "day", "at": "01:00"}, 1, []),  # before the numbers are there
    ):
        spec = replace(rule(SPEND_ABOVE_5), schedule=parse_schedule(schedule))
        found = replay(spec, start=START, end=END, now=NOW)
        assert [one.day.weekday() for one in found.actions] == days, schedule
        assert {one.at.hour for one in found.actions} <= {hour}
        assert len(found.days) == 7


def test_spend_touched_counts_a_day_once_though_it_follows_two_actions(in_acme):
    spending_every_day(in_acme)
    found = replay(rule(SPEND_ABOVE_5, cooldown=48), start=START, end=END, now=NOW)
    assert [one.spend_after for one in found.actions] == [7000] * 4
    # From the day after the first action to the seventh after the last one: 13 days.
    assert found.touched == (Touched("USD", 13_000, 3_900),)


def test_currencies_without_a_rate_stand_by_themselves(in_acme):
    spending_every_day(in_acme)
    spending_every_day(in_acme, account=make_account(in_acme, currency="CHF"))
    found = replay(rule(SPEND_ABOVE_5, cooldown=8760), start=START, end=END, now=NOW)
    assert found.touched == (Touched("USD", 7000, 2100), Touched("CHF", 7000, 2100))
    assert Caveat.CURRENCIES_APART in found.caveats


def test_too_little_evidence_holds_a_replayed_match(in_acme):
    campaign = make_campaign(in_acme)
    record(campaign, END - ONE_DAY, [(at(END, 3), {"spend_cents": 900, "revenue_cents": 600, "conversions": 1})])
    found = replay(rule(ROAS_BELOW_1, confidence=95), start=END, end=END, now=NOW)
    assert [(day.matched, day.acted, day.held) for day in found.days] == [(1, 0, 1)]


def test_a_label_that_is_there_today_says_nothing_of_the_past(in_acme):
    spending_every_day(in_acme, labels=["Hot"])
    spec = replace(rule(SPEND_ABOVE_5), action=ApplyLabel("Hot"))
    assert replay(spec, start=START, end=END, now=NOW).acted == 7


def test_a_day_that_was_taken_back_and_came_again_is_unknown_in_between(in_acme):
    campaign = make_campaign(in_acme)
    day = END - ONE_DAY
    values = {"spend_cents": 1000}
    record(campaign, day, [(at(END, 1), values)])
    old = {f"old_{name}": value for name, value in micros(values).items()}
    new = {f"new_{name}": value for name, value in micros(values).items()}
    common = {"campaign": campaign, "date": day, "source": RevisionSource.IMPORT}
    MetricRevision.objects.create(**common, known_at=at(END, 5), **old)
    found = replay(rule(SPEND_ABOVE_5), start=END, end=END, now=NOW)
    MetricRevision.objects.create(**common, known_at=at(END, 8), **new)
    again = replay(rule(SPEND_ABOVE_5), start=END, end=END, now=NOW)
    assert again.acted == 1
    MetricRevision.objects.filter(known_at=at(END, 8)).update(known_at=at(END, 12))
    between = replay(rule(SPEND_ABOVE_5), start=END, end=END, now=NOW)
    assert (between.acted, between.days[0].settled_acted) == (0, 1)
    assert found.days[0].settled_acted == 1


def test_other_workspaces_are_never_read(acme, globex):
    for tenant in (acme, globex):
        with tenant_context(tenant), transaction.atomic():
            spending_every_day(tenant, name=f"Of {tenant.name}")
    for tenant in (acme, globex):
        with tenant_context(tenant), transaction.atomic():
            found = replay(rule(SPEND_ABOVE_5), start=START, end=END, now=NOW)
        assert {one.name for one in found.actions} == {f"Of {tenant.name}"}
        assert (found.acted, found.campaigns, found.touched[0].spend) == (7, 1, 13_000)


@pytest.mark.parametrize("span", [(END, START), (END - 365 * ONE_DAY, END), (END, NOW.date() + 3 * ONE_DAY)])
def test_spans_that_cannot_be_replayed_are_refused(in_acme, span):
    with pytest.raises(ValueError, match="No replay"):
        replay(rule(SPEND_ABOVE_5), start=span[0], end=span[1], now=NOW)


def test_without_campaigns_nothing_is_found(in_acme):
    found = replay(rule(SPEND_ABOVE_5), start=START, end=END, now=NOW)
    assert (found.campaigns, found.acted, len(found.days)) == (0, 0, 7)


def test_statements_do_not_grow_with_days_or_campaigns(in_acme, django_assert_num_queries):
    spending_every_day(in_acme)
    spec = rule(SPEND_ABOVE_5)
    with django_assert_num_queries(11):
        replay(spec, start=END, end=END, now=NOW)
    spending_every_day(in_acme)
    spending_every_day(in_acme)
    with django_assert_num_queries(11):
        replay(spec, start=END - 300 * ONE_DAY, end=END, now=NOW)
