"""Ranges of days: cut into slices, cut in half, kept within what a platform still remembers. Both ends included."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


@dataclass(frozen=True, slots=True)
class Window:
    """The days from `start` to `end`, both included."""

    start: date
    end: date

    @property
    def days(self) -> int:
        return (self.end - self.start).days + 1

    def halves(self) -> tuple["Window", "Window"]:
        """The earlier and the later half; ValueError for a single day."""
        if self.days < 2:
            raise ValueError("A single day cannot be halved.")
        middle = self.start + timedelta(days=self.days // 2)
        return Window(self.start, middle - timedelta(days=1)), Window(middle, self.end)


def slices(start: date, end: date, *, days: int) -> Iterator[Window]:
    """The range cut into windows of at most so many days, oldest first; nothing when it ends before it starts."""
    while start <= end:
        last = min(end, start + timedelta(days=days - 1))
        yield Window(start, last)
        start = last + timedelta(days=1)


def months_before(day: date, months: int) -> date:
    """The same day so many months earlier, or the last one of that month."""
    years, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    for last in (day.day, 30, 29, 28):
        try:
            return date(years, month + 1, min(day.day, last))
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")


def zone(name: str) -> ZoneInfo | None:
    """The zone of that name, None when this machine does not know it."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return None


def day_in(moment: datetime, timezone: str) -> date:
    """The day of a moment in a zone; in the moment's own offset when the zone is unknown."""
    local = zone(timezone)
    return (moment.astimezone(local) if local else moment).date()
