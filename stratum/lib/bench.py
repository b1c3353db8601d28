"""What a benchmark reports: a figure, the reference measured in the same run, and the ratio that is judged."""

from dataclasses import dataclass


@dataclass(frozen=True)
class BenchResult:
    """One line of `make bench`.

    `value` and `reference` are in `unit` (rows/s, pairs/s, s, MB). `floor` is the least ratio value ÷ reference that
    is acceptable, `ceiling` the greatest; a result outside them fails the run.
    """

    name: str
    value: float
    reference: float
    unit: str
    floor: float | None = None
    ceiling: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float:
        return self.value / self.reference if self.reference else float("inf")

    @property
    def holds(self) -> bool:
        above = self.floor is None or self.ratio >= self.floor
        below = self.ceiling is None or self.ratio <= self.ceiling
        return above and below
