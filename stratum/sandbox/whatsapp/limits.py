"""How much may be sent: messages per second of a number, and of a number to one person."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

_PAIRS_KEPT = 40_000


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float

    def take(self, now: float, most: float, per_second: float) -> bool:
        self.left = min(most, self.left + (now - self.at) * per_second)
        self.at = now
        if self.left < 1:
            return False
        self.left -= 1
        return True


class Limits:
    """`per_second` of a number; `pair_burst` to one person, then one in `pair_seconds`. 0 means without limit."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self.per_second, self.pair_burst, self.pair_seconds = 80.0, 45, 6.0
        self._wall = wall
        self._numbers: dict[str, _Bucket] = {}
        self._pairs: dict[tuple[str, str], _Bucket] = {}

    def take(self, number: str, person: str) -> int | None:
        """Count a message; the error code when it is one too many, which then is not counted."""
        now = self._wall()
        if self.pair_burst:
            if len(self._pairs) > _PAIRS_KEPT:
                self._pairs.clear()
            pair = self._pairs.setdefault((number, person), _Bucket(self.pair_burst, now))
            rate = 1 / self.pair_seconds if self.pair_seconds else float("inf")
            if not pair.take(now, self.pair_burst, min(rate, 1e9)):
                return 131056
        if self.per_second:
            own = self._numbers.setdefault(number, _Bucket(self.per_second, now))
            if not own.take(now, max(self.per_second, 1.0), self.per_second):
                if self.pair_burst:
                    self._pairs[number, person].left += 1
                return 130429
        return None

    def change(self, wanted: Mapping[str, Any]) -> None:
        """New limits, which begin with full measures. KeyError and ValueError as elsewhere."""
        kinds = {"per_second": float, "pair_burst": int, "pair_seconds": float}
        found = {name: kinds[name](value) for name, value in wanted.items()}
        if any(value < 0 for value in found.values()):
            raise ValueError("limits are not negative")
        for name, value in found.items():
            setattr(self, name, value)
        self._numbers.clear()
        self._pairs.clear()

    def as_json(self) -> dict[str, float]:
        return {"per_second": self.per_second, "pair_burst": self.pair_burst, "pair_seconds": self.pair_seconds}
