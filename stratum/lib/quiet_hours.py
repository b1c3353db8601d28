"""Hours of the day in which somebody is not to be disturbed, and the next time of day, by their own clock.

Where clocks are put forward over a time of day, it is over once they are; where they are put back over it, the first
one counts.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

_ONE_DAY, _ONE_MINUTE = timedelta(days=1), timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `start` (included) to `end` (excluded) of each day, over midnight where `start` is the later one."""

    start: time
    end: time

    def cover(self, moment: datetime, clock: tzinfo) -> bool:
        """Whether a moment lies in them by that clock."""
        local = moment.astimezone(clock).time()
        if self.start <= self.end:
            return self.start <= local < self.end
        return local >= self.start or local < self.end

    def end_after(self, moment: datetime, clock: tzinfo) -> datetime:
        """When the quiet hours that hold at `moment` are over, in UTC."""
        day = moment.astimezone(clock).date()
        found = next(one for one in _moments(day, self.end, clock) if one > moment and not self.cover(one, clock))
        # Clocks that skip the end are already past it.
        while found - _ONE_MINUTE > moment and not self.cover(found - _ONE_MINUTE, clock):
            found -= _ONE_MINUTE
        return found


def _moments(day: date, at: time, clock: tzinfo) -> list[datetime]:
    """That time of day on this day and the next, both where a clock shows it twice; in UTC, the earliest first."""
    days = (day, day + _ONE_DAY)
    local = [datetime.combine(one, at, tzinfo=clock).replace(fold=fold) for one in days for fold in (0, 1)]
    return sorted(one.astimezone(UTC) for one in local)


def next_at(moment: datetime, at: time, clock: tzinfo) -> datetime:
    """When a clock next shows this time of day, once a day, in UTC."""
    found = datetime.combine(moment.astimezone(clock).date(), at, tzinfo=clock)
    while found.astimezone(UTC) <= moment:
        found += _ONE_DAY
    return found.astimezone(UTC)
