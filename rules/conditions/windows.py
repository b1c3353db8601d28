"""Windows of days. A day is a day of the campaign's ad account's zone; names can be read one way only."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import NamedTuple

HOURS_PER_DAY = 24
MAX_WINDOW_DAYS = 365


class WindowKind(StrEnum):
    """`LAST_N_FULL_DAYS` ends yesterday, `LAST_N_COMPLETE_DAYS` on the newest day whose conversions are in (at least
    90 % of them, as the account's own restatements teach); `LAST_N_DAYS_INCL_TODAY`, `TODAY` and `MONTH_TO_DATE` end
    today, which is not a full day yet; `LIFETIME` is everything that is known of the campaign. `MONTH_BEFORE_TODAY` is
    the month of yesterday up to yesterday; no rule names it, pacing is made of it."""

    LAST_N_FULL_DAYS = "last_n_full_days"
    LAST_N_COMPLETE_DAYS = "last_n_complete_days"
    LAST_N_DAYS_INCL_TODAY = "last_n_days_incl_today"
    TODAY = "today"
    MONTH_TO_DATE = "month_to_date"
    LIFETIME = "lifetime"
    MONTH_BEFORE_TODAY = "month_before_today"


# Windows that a rule can name.
OFFERED = tuple(kind for kind in WindowKind if kind is not WindowKind.MONTH_BEFORE_TODAY)
# Windows whose length is the writer's to say.
COUNTED = frozenset({
    WindowKind.LAST_N_FULL_DAYS, WindowKind.LAST_N_COMPLETE_DAYS, WindowKind.LAST_N_DAYS_INCL_TODAY,
})  # fmt: skip


class Offsets(NamedTuple):
    """Days before today, both included: (1, 3) is yesterday and the two days before it, (0, 0) is today."""

    near: int
    far: int


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """`days` long where the kind leaves that open (else 0), moved back by `shift` times its own length."""

    days: int
    kind: WindowKind = WindowKind.LAST_N_FULL_DAYS
    shift: int = 0

    @classmethod
    def of_hours(cls, hours: int) -> "Window":
        """condition_duration_hours h means the last ceil(h / 24) full days."""
        return cls(-(-hours // HOURS_PER_DAY))

    @property
    def ends_before_today(self) -> bool:
        """Whether only full days are part of it."""
        full = (WindowKind.LAST_N_FULL_DAYS, WindowKind.LAST_N_COMPLETE_DAYS, WindowKind.MONTH_BEFORE_TODAY)
        return self.kind in full or (self.shift > 0 and self.kind is not WindowKind.LIFETIME)

    @property
    def needs_completeness(self) -> bool:
        """Whether it can only be laid where it is known how fast an account's conversions come in."""
        return self.kind is WindowKind.LAST_N_COMPLETE_DAYS

    def offsets(self, today: date, mature_age: int | None = None) -> Offsets | None:
        """Where it lies, seen from the account's today. None for the lifetime, and for complete days where it is not
        known from which age (in days) on the account's days are complete."""
        if self.kind is WindowKind.LIFETIME or (self.needs_completeness and mature_age is None):
            return None
        length = {
            WindowKind.TODAY: 1,
            WindowKind.MONTH_TO_DATE: today.day,
            WindowKind.MONTH_BEFORE_TODAY: (today - timedelta(days=1)).day,
        }.get(self.kind, self.days)
        first = {
            WindowKind.LAST_N_FULL_DAYS: 1,
            WindowKind.MONTH_BEFORE_TODAY: 1,
            WindowKind.LAST_N_COMPLETE_DAYS: max(1, mature_age or 0),
        }
        near = first.get(self.kind, 0) + self.shift * length
        return Offsets(near, near + length - 1)

    def bounds(self, today: date, mature_age: int | None = None) -> tuple[date, date] | None:
        """First and last day, both included; None as `offsets`."""
        found = self.offsets(today, mature_age)
        return None if found is None else (today - timedelta(days=found.far), today - timedelta(days=found.near))

    def before(self) -> "Window":
        """The window of the same length right before this one. Not of the lifetime."""
        return replace(self, shift=self.shift + 1)

    def single_days(self) -> "tuple[Window, ...]":
        """Its days, each as a window of its own, the newest first. Of windows whose length is counted."""
        if self.needs_completeness:
            return tuple(Window(1, self.kind, self.shift * self.days + number) for number in range(self.days))
        first = (self.kind is WindowKind.LAST_N_FULL_DAYS) + self.shift * self.days
        return tuple(Window(0, WindowKind.TODAY, first + number) for number in range(self.days))


MONTH_BEFORE_TODAY = Window(0, WindowKind.MONTH_BEFORE_TODAY)
# A campaign's present pace is the mean of these days.
RUN_RATE = Window(7)
