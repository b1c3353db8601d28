"""Which days a report is about, and when it is due, over zones and changed clocks."""

import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rules.conditions.report_times import Days, days_of, last_moment, moment_on, next_moment, same_age

UTC = datetime.UTC
ZONES = [
    "UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Pacific/Chatham", "Australia/Lord_Howe",
    "America/Sao_Paulo", "Africa/Casablanca", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Beirut",
]  # fmt: skip
zones = st.sampled_from(ZONES).map(ZoneInfo)
days_between = st.dates(datetime.date(2019, 1, 1), datetime.date(2030, 1, 1))
moments = st.builds(datetime.datetime.combine, days_between, st.times(), st.just(UTC))
times = st.times().map(lambda at: at.replace(second=0, microsecond=0))


@given(moments, zones)
def test_a_daily_report_is_about_the_local_yesterday(moment, clock):
    days = days_of("daily", moment, clock)
    assert days.start == days.end == moment.astimezone(clock).date() - datetime.timedelta(days=1)
    assert days.before.end == days.start - datetime.timedelta(days=1)


@given(moments, zones)
def test_a_weekly_report_is_about_the_last_full_monday_to_sunday(moment, clock):
    days = days_of("weekly", moment, clock)
    today = moment.astimezone(clock).date()
    assert (days.start.weekday(), days.end.weekday(), days.count) == (0, 6, 7)
    assert 1 <= (today - days.end).days <= 7
    assert days.before == Days(days.start - datetime.timedelta(days=7), days.start - datetime.timedelta(days=1))


@given(moments, times, zones)
def test_each_local_day_has_one_moment(first, at, clock):
    """Thirty daily reports in a row, over whatever clocks do: thirty days, none twice, none left out."""
    moment, days = first, []
    for _number in range(30):
        moment = next_moment("daily", None, at, clock, after=moment)
        days.append(moment.astimezone(clock).date())
    assert days == [days[0] + datetime.timedelta(days=number) for number in range(30)]


@given(moments, st.integers(0, 6), times, zones)
def test_a_weekly_moment_is_on_its_weekday_within_a_week(after, weekday, at, clock):
    found = next_moment("weekly", weekday, at, clock, after=after)
    assert found.astimezone(clock).weekday() == weekday
    assert datetime.timedelta(0) < found - after <= datetime.timedelta(days=7, hours=2)


@given(moments, times, zones)
def test_the_last_moment_and_the_next_one_are_neighbours(now, at, clock):
    last = last_moment("daily", None, at, clock, until=now)
    assert last <= now
    assert next_moment("daily", None, at, clock, after=last) > now
    assert last_moment("daily", None, at, clock, until=last) == last


@given(moments, st.sampled_from(["daily", "weekly"]), zones)
def test_the_days_before_are_as_old_as_the_days_are(moment, kind, clock):
    days = days_of(kind, moment, clock)
    then = same_age(moment, days, clock)
    local, local_then = moment.astimezone(clock), then.astimezone(clock)
    assert (local.date() - days.end) == (local_then.date() - days.before.end)
    # By the clock on the wall, unless that time was skipped on the earlier day.
    assume(local.fold == 0)
    skipped = datetime.timedelta(hours=1) if local_then.time() != local.time() else datetime.timedelta(0)
    assert abs(local_then.replace(tzinfo=None) - local.replace(tzinfo=None) + (days.end - days.before.end)) <= skipped


@pytest.mark.parametrize(
    ("day", "at", "expected"),
    [
        # Clocks go forward at 02:00: there is no 02:30, the moment is that of the jump's other side.
        (datetime.date(2026, 3, 8), datetime.time(2, 30), datetime.datetime(2026, 3, 8, 7, 30, tzinfo=UTC)),
        # Clocks go back at 02:00: 01:30 comes twice, the first counts.
        (datetime.date(2026, 11, 1), datetime.time(1, 30), datetime.datetime(2026, 11, 1, 5, 30, tzinfo=UTC)),
    ],
)
def test_times_that_clocks_skip_or_repeat(day, at, expected):
    assert moment_on(day, at, ZoneInfo("America/New_York")) == expected


def test_eight_in_the_morning_moves_with_the_clocks():
    clock, at = ZoneInfo("Europe/Berlin"), datetime.time(8)
    saturday = datetime.datetime(2026, 10, 24, 7, tzinfo=UTC)
    sunday = next_moment("daily", None, at, clock, after=saturday)
    assert sunday == datetime.datetime(2026, 10, 25, 7, tzinfo=UTC)
    assert next_moment("daily", None, at, clock, after=sunday) - sunday == datetime.timedelta(hours=24)
    assert moment_on(datetime.date(2026, 10, 24), at, clock) == datetime.datetime(2026, 10, 24, 6, tzinfo=UTC)
