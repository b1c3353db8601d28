"""When a rule is checked: how often, on which weekdays, between which hours, and by whose clock.

JSON: {"every": "1h", "days": [0, 1, 2, 3, 4], "hours": ["09:00", "18:00"], "zone": "account"}, or
{"every": "week", "at": "09:00", "days": [0], "zone": "workspace"}; weekdays count from 0, Monday. Without a schedule a
rule is checked at every pass.

A clock's day is cut into slots (of an hour: 00:00, 01:00 …; of a day: at 09:00). A rule is due when a slot has begun
since it was last checked, so that no worker has to be awake at the very minute, and none checks twice in one slot.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from types import MappingProxyType
from typing import Any

from django.utils.translation import gettext as _

from rules.conditions.parsing import ConditionError

# Minutes of a slot; DAY and WEEK have one at a time of day.
SLOTS: Mapping[str, int] = MappingProxyType({"15m": 15, "30m": 30, "1h": 60, "3h": 180, "6h": 360, "12h": 720})
DAY, WEEK = "day", "week"
EVERY = (*SLOTS, DAY, WEEK)
ACCOUNT, WORKSPACE = "account", "workspace"
ALL_DAYS = frozenset(range(7))
DEFAULT_AT = time(9)
_KEYS = frozenset({"every", "at", "days", "hours", "zone"})
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_ONE_DAY = timedelta(days=1)
_SHORTEST = timedelta(minutes=15)
_MINUTES_PER_DAY = 24 * 60


@dataclass(frozen=True, slots=True)
class Schedule:
    """`at` is the time of day of daily and weekly checks; `hours` is from (included) to (excluded) of the others, over
    midnight where from is the later one. `zone` says whose clock counts: that of each ad account, or the workspace's.
    """

    every: str
    at: time | None = None
    days: frozenset[int] = ALL_DAYS
    hours: tuple[time, time] | None = None
    zone: str = ACCOUNT

    def allows(self, local: datetime) -> bool:
        """Whether a moment of the clock lies in its days and hours. Hours over midnight belong to their first day."""
        if self.hours is None:
            return local.weekday() in self.days
        start, end = self.hours
        clock = local.time()
        if start < end:
            return local.weekday() in self.days and start <= clock < end
        if clock >= start:
            return local.weekday() in self.days
        return clock < end and (local.weekday() - 1) % 7 in self.days

    def is_due(self, now: datetime, since: datetime, clock: tzinfo) -> bool:
        """Whether a slot has begun after `since`, the last check. Missed slots of a day's hours are not made up for
        outside them; a missed daily or weekly check is made as soon as a worker is there."""
        local = now.astimezone(clock)
        if self.at is None:
            slot = _begun(local, SLOTS[self.every])
            return self.allows(local) and self.allows(slot) and _is_after(slot, since)
        return _is_after(self._last_at(local), since)

    def next_after(self, now: datetime, clock: tzinfo) -> datetime:
        """When the next slot begins."""
        if self.at is not None:
            found = self._at_on(now.astimezone(clock))
            while not _is_after(found, now) or not self.allows(found):
                found += _ONE_DAY
            return found
        # By elapsed time, in the steps of the shortest slot: what a changed clock skips does not exist.
        moment = now
        while True:
            found = _begun(moment.astimezone(clock), SLOTS[self.every])
            if _is_after(found, now) and self.allows(found):
                return found
            moment += _SHORTEST

    def _last_at(self, local: datetime) -> datetime:
        found = self._at_on(local)
        while _is_after(found, local) or not self.allows(found):
            found -= _ONE_DAY
        return found

    def _at_on(self, local: datetime) -> datetime:
        assert self.at is not None  # of daily and weekly checks
        return local.replace(hour=self.at.hour, minute=self.at.minute, second=0, microsecond=0, fold=0)

    def time_near(self, wanted: time) -> time:
        """A time of day at which it is checked: that one where its hours allow it, else their first."""
        if self.at is not None:
            return self.at
        if self.hours is None:
            return wanted
        start, end = self.hours
        inside = start <= wanted < end if start < end else wanted >= start or wanted < end
        return wanted if inside else start

    def as_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {"every": self.every, "zone": self.zone}
        if self.at is not None:
            found["at"] = f"{self.at:%H:%M}"
        if self.days != ALL_DAYS:
            found["days"] = sorted(self.days)
        if self.hours is not None:
            found["hours"] = [f"{one:%H:%M}" for one in self.hours]
        return found


def parse_schedule(raw: Any) -> Schedule | None:
    """A stored schedule, or None for 'at every pass'. ConditionError with the place of what cannot be read."""
    if raw is None:
        return None
    if not isinstance(raw, Mapping):
        raise ConditionError(_("A schedule is an object."), code="not_an_object", place="schedule")
    try:
        return _read(raw)
    except ConditionError as error:
        raise error.below("schedule") from error


def _read(raw: Mapping[str, Any]) -> Schedule:
    unknown = sorted(str(key) for key in raw.keys() - _KEYS)
    if unknown:
        message = _("A schedule has no “%(key)s”.") % {"key": unknown[0]}
        raise ConditionError(message, code="unknown_key", place=unknown[0], allowed=tuple(sorted(_KEYS)))
    every, zone = raw.get("every"), raw.get("zone", ACCOUNT)
    if every not in EVERY:
        message = _("A rule is checked every: %(allowed)s.") % {"allowed": ", ".join(EVERY)}
        raise ConditionError(message, code="every_unknown", place="every", allowed=EVERY)
    if zone not in (ACCOUNT, WORKSPACE):
        message = _("The clock is that of the account or of the workspace.")
        raise ConditionError(message, code="zone_unknown", place="zone", allowed=(ACCOUNT, WORKSPACE))
    at, hours = raw.get("at"), raw.get("hours")
    if every in SLOTS:
        if at is not None:
            raise ConditionError(_("Only daily and weekly checks have a time."), code="at_not_allowed", place="at")
        return Schedule(every, None, _days(raw.get("days"), every), _hours(hours, SLOTS[every]), zone)
    if hours is not None:
        message = _("A daily or weekly check has a time, no hours.")
        raise ConditionError(message, code="hours_not_allowed", place="hours")
    return Schedule(every, _time(at, "at"), _days(raw.get("days"), every), None, zone)


def _days(raw: Any, every: str) -> frozenset[int]:
    if raw is None and every != WEEK:
        return ALL_DAYS
    days = raw if isinstance(raw, list) else []
    if not days or any(isinstance(day, bool) or day not in range(7) for day in days):
        raise ConditionError(_("Choose at least one weekday."), code="days_invalid", place="days")
    if every == WEEK and len(set(days)) > 1:
        raise ConditionError(_("A weekly check has one weekday."), code="days_many", place="days")
    return frozenset(days)


def _hours(raw: Any, minutes: int) -> tuple[time, time] | None:
    """From and until; between them a slot of so many minutes must begin, or the rule would never be checked."""
    if raw is None:
        return None
    if not isinstance(raw, list) or len(raw) != 2:
        raise ConditionError(_("Say from when to when."), code="hours_invalid", place="hours")
    start, end = _time(raw[0], "hours"), _time(raw[1], "hours")
    if start == end:
        raise ConditionError(_("From and to are the same moment."), code="hours_empty", place="hours")
    first, last = (one.hour * 60 + one.minute for one in (start, end))
    length = (last - first) % _MINUTES_PER_DAY
    if not any((begin - first) % _MINUTES_PER_DAY < length for begin in range(0, _MINUTES_PER_DAY, minutes)):
        message = _(
            "No check begins between these hours. Checks begin at 00:00 and every %(minutes)s minutes after it."
        )
        raise ConditionError(message % {"minutes": minutes}, code="hours_too_short", place="hours")
    return start, end


def _time(raw: Any, place: str) -> time:
    match = _TIME.fullmatch(raw) if isinstance(raw, str) else None
    if match is None:
        raise ConditionError(_("Write a time of day such as 09:00."), code="time_invalid", place=place)
    return time(int(match[1]), int(match[2]))


def _is_after(one: datetime, other: datetime) -> bool:
    """Moments of one clock would be compared by their faces, which repeat when it is set back."""
    return one.astimezone(UTC) > other.astimezone(UTC)


def _begun(local: datetime, minutes: int) -> datetime:
    """The beginning of the slot that a moment of the clock lies in."""
    begun = (local.hour * 60 + local.minute) // minutes * minutes
    return local.replace(hour=begun // 60, minute=begun % 60, second=0, microsecond=0)
