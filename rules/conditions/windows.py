"""Windows of days. A day is a day of the campaign's ad account's zone; names can be read one way only."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import NamedTuple

HOURS_PER_DAY = 24
MAX_WINDOW_DAYS = 365


class WindowKind(StrEnum):
    """`LAST_N_FULL_DAYS` ends yesterday; `LAST_N_DAYS_INCL_TODAY`, `TODAY` and `MONTH_TO_DATE` end today, which is not
    a full day yet; `LIFETIME` is everything that is known of the campaign."""

    LAST_N_FULL_DAYS = "last_n_full_days"
    LAST_N_DAYS_INCL_TODAY = "last_n_days_incl_today"
    TODAY = "today"
    MONTH_TO_DATE = "month_to_date"
    LIFETIME = "lifetime"


# Windows whose length is the writer's to say.
COUNTED = frozenset({WindowKind.LAST_N_FULL_DAYS, WindowKind.LAST_N_DAYS_INCL_TODAY})


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
        return self.kind is WindowKind.LAST_N_FULL_DAYS or (self.shift > 0 and self.kind is not WindowKind.LIFETIME)

    def offsets(self, today: date) -> Offsets | None:
        """Where it lies, seen from the account's today; None for the lifetime."""
        if self.kind is WindowKind.LIFETIME:
            return None
        length = {WindowKind.TODAY: 1, WindowKind.MONTH_TO_DATE: today.day}.get(self.kind, self.days)
        near = (self.kind is WindowKind.LAST_N_FULL_DAYS) + self.shift * length
        return Offsets(near, near + length - 1)

    def bounds(self, today: date) -> tuple[date, date] | None:
        """First and last day, both included; None for the lifetime."""
        found = self.offsets(today)
        return None if found is None else (today - timedelta(days=found.far), today - timedelta(days=found.near))

    def before(self) -> "Window":
        """The window of the same length right before this one. Not of the lifetime."""
        return replace(self, shift=self.shift + 1)

    def single_days(self) -> "tuple[Window, ...]":
        """Its days, each as a window of its own, the newest first. Of windows whose length is counted."""
        first = (self.kind is WindowKind.LAST_N_FULL_DAYS) + self.shift * self.days
        return tuple(Window(0, WindowKind.TODAY, first + number) for number in range(self.days))
