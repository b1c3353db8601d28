"""Which days a report is about, and when the next one is due, by the clock of one zone.

A report's day is a local date. Its moment is the time of day on that date: a time that clocks skip is the moment they
do, one that comes twice is the first. So each local day has exactly one moment, however clocks are set.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from rules.choices import ReportKind

_WEEK = 7
# What the chart of either kind shows: the period and enough before it to see a course.
COURSE_DAYS = 14


@dataclass(frozen=True, slots=True)
class Days:
    """Local dates, both included."""

    start: date
    end: date

    @property
    def count(self) -> int:
        return (self.end - self.start).days + 1

    @property
    def before(self) -> "Days":
        """As many days, right before."""
        length = timedelta(days=self.count)
        return Days(self.start - length, self.end - length)

    @property
    def course(self) -> "Days":
        return Days(self.end - timedelta(days=COURSE_DAYS - 1), self.end)

    @property
    def period(self) -> tuple[date, date]:
        return self.start, self.end


def days_of(kind: str, moment: datetime, clock: tzinfo) -> Days:
    """What a report of this moment is about: yesterday, or the last full week from Monday to Sunday."""
    today = moment.astimezone(clock).date()
    if kind == ReportKind.WEEKLY:
        monday = today - timedelta(days=today.weekday())
        return Days(monday - timedelta(days=_WEEK), monday - timedelta(days=1))
    yesterday = today - timedelta(days=1)
    return Days(yesterday, yesterday)


def same_age(moment: datetime, days: Days, clock: tzinfo) -> datetime:
    """The moment at which the days before were as old as these are at `moment`, by the clock on the wall."""
    local = moment.astimezone(clock)
    return (local - timedelta(days=days.count)).replace(fold=0).astimezone(UTC)


def moment_on(day: date, at: time, clock: tzinfo) -> datetime:
    """The moment of a local day, in UTC."""
    return datetime.combine(day, at.replace(fold=0, tzinfo=None), tzinfo=clock).astimezone(UTC)


def next_moment(kind: str, weekday: int | None, at: time, clock: tzinfo, *, after: datetime) -> datetime:
    """The first moment later than `after` (aware) at which a report is due, in UTC."""
    day = after.astimezone(clock).date() - timedelta(days=1)
    while True:
        found = moment_on(day, at, clock)
        if found > after and (kind != ReportKind.WEEKLY or day.weekday() == weekday):
            return found
        day += timedelta(days=1)


def last_moment(kind: str, weekday: int | None, at: time, clock: tzinfo, *, until: datetime) -> datetime:
    """The newest moment at or before `until` at which a report was due, in UTC: of missed ones only it is made."""
    day = until.astimezone(clock).date() + timedelta(days=1)
    while True:
        found = moment_on(day, at, clock)
        if found <= until and (kind != ReportKind.WEEKLY or day.weekday() == weekday):
            return found
        day -= timedelta(days=1)


def day_bounds(days: Days, clock: tzinfo) -> tuple[datetime, datetime]:
    """From the first instant of the days (included) to that of the day after them (excluded), in UTC."""
    return moment_on(days.start, time(), clock), moment_on(days.end + timedelta(days=1), time(), clock)
