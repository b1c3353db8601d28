"""Windows of days. A day is a day of the campaign's ad account's zone."""

from dataclasses import dataclass
from datetime import date, timedelta

HOURS_PER_DAY = 24


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """The last `days` full days in the ad account's zone. Today is never part of it: it is not a full day yet."""

    days: int

    @classmethod
    def of_hours(cls, hours: int) -> "Window":
        """condition_duration_hours h means the last ceil(h / 24) full days."""
        return cls(-(-hours // HOURS_PER_DAY))

    def bounds(self, last_full_day: date) -> tuple[date, date]:
        """First and last day, both included."""
        return last_full_day - timedelta(days=self.days - 1), last_full_day
