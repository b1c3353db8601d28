"""Quiet hours and digests by a person's own clock, over midnight and where clocks change."""

import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.conditions.telling import Preferences, default_preferences
from stratum.lib.quiet_hours import QuietHours, next_at

BERLIN, APIA, LORD_HOWE = ZoneInfo("Europe/Berlin"), ZoneInfo("Pacific/Apia"), ZoneInfo("Australia/Lord_Howe")
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia"]
MINUTE, HOUR, DAY = (datetime.timedelta(**{unit: 1}) for unit in ("minutes", "hours", "days"))
NIGHT = QuietHours(datetime.time(22), datetime.time(7))

# From the year in which Samoa left out a day.
moments = st.integers(0, 17 * 365 * 24 * 60).map(lambda minutes: utc("2011-01-01T00:00") + minutes * MINUTE)
clocks = st.sampled_from(ZONES).map(ZoneInfo)
times = st.integers(0, 95).map(lambda quarter: datetime.time(quarter // 4, quarter % 4 * 15))


def utc(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC)


@given(moment=moments, clock=clocks, start=times, end=times)
def test_quiet_hours_end_when_they_say(moment, clock, start, end):
    quiet = QuietHours(start, end)
    if not quiet.cover(moment, clock):
        return
    over = quiet.end_after(moment, clock)
    assert over > moment
    assert not quiet.cover(over, clock)
    # Quiet until then: never a message in between, never longer than asked for.
    assert quiet.cover(over - MINUTE, clock)
    assert over - moment <= DAY + HOUR


@pytest.mark.parametrize(
    ("moment", "clock", "quiet", "over"),
    [
        ("2026-11-25T21:30", BERLIN, NIGHT, "2026-11-26T06:00"),  # 22:30 → 07:00 the next day
        ("2026-11-26T05:59", BERLIN, NIGHT, "2026-11-26T06:00"),
        ("2026-03-28T21:30", BERLIN, NIGHT, "2026-03-29T05:00"),  # a night of eight hours
        ("2026-10-24T20:30", BERLIN, NIGHT, "2026-10-25T06:00"),  # and one of ten
        # 02:30 does not exist on this day: over at 03:00, when the clocks jump.
        ("2026-03-29T00:10", BERLIN, QuietHours(datetime.time(1), datetime.time(2, 30)), "2026-03-29T01:00"),
        # 02:30 comes twice: the first one counts, and the second hour is quiet again.
        ("2026-10-25T00:10", BERLIN, QuietHours(datetime.time(1), datetime.time(2, 30)), "2026-10-25T00:30"),
        ("2026-10-25T01:10", BERLIN, QuietHours(datetime.time(1), datetime.time(2, 30)), "2026-10-25T01:30"),
    ],
)
def test_quiet_hours_where_clocks_change(moment, clock, quiet, over):
    assert quiet.cover(utc(moment), clock)
    assert quiet.end_after(utc(moment), clock) == utc(over)


@given(moment=moments, clock=clocks, at=times)
def test_a_digest_comes_once_on_each_local_day(moment, clock, at):
    found = [next_at(moment, at, clock)]
    for _number in range(4):
        found.append(next_at(found[-1], at, clock))
    assert found[0] > moment
    days = [one.astimezone(clock).date() for one in found]
    assert len(set(days)) == len(days)
    # No day is left out, but the one that Samoa never had.
    left_out = {days[0] + number * DAY for number in range(len(days))} - set(days)
    assert left_out <= {datetime.date(2011, 12, 30)}


def test_critical_breaks_through_unless_it_may_not():
    late = utc("2026-11-25T23:00")
    chosen = {"critical": frozenset({"email"}), "warning": frozenset({"email"})}
    loud = Preferences(channels=chosen, quiet=NIGHT, critical_breaks=True)
    silent = Preferences(channels=chosen, quiet=NIGHT, critical_breaks=False)
    assert loud.quiet_until("critical", late, BERLIN) is None
    assert loud.quiet_until("warning", late, BERLIN) == utc("2026-11-26T06:00")
    assert silent.quiet_until("critical", late, BERLIN) == utc("2026-11-26T06:00")


def test_who_chose_nothing_is_told_sensibly():
    noon = utc("2026-11-25T12:00")
    answering, looking = default_preferences(may_answer=True), default_preferences(may_answer=False)
    assert [(one.channel, one.state) for one in answering.plan("critical", noon, BERLIN)] == [("email", "pending")]
    (digest,) = answering.plan("warning", noon, BERLIN)
    assert (digest.state, digest.due_at) == ("digest", utc("2026-11-26T07:30"))
    assert looking.plan("critical", noon, BERLIN) == []
    # Whom an escalation names is reached all the same.
    assert [one.channel for one in looking.plan("critical", noon, BERLIN, step=1)] == ["email"]
