"""The market's shapes over time: hours, weekdays, seasons, wear of creatives, arrival of conversions."""

import bisect
import math
import random
from datetime import date, timedelta
from itertools import accumulate

# Share of a day's auctions per local hour; sums to 1.
_HOURS = (9, 6, 4, 3, 3, 5, 11, 20, 30, 38, 44, 47, 50, 49, 47, 47, 49, 53, 60, 68, 72, 64, 44, 22)
HOUR_SHARE = tuple(weight / sum(_HOURS) for weight in _HOURS)
# Business audiences: office hours.
_OFFICE = (3, 2, 2, 2, 3, 6, 18, 45, 78, 92, 95, 88, 70, 82, 90, 88, 80, 62, 38, 26, 20, 15, 9, 5)
OFFICE_SHARE = tuple(weight / sum(_OFFICE) for weight in _OFFICE)
WEEKDAY = (1.02, 1.0, 0.99, 1.01, 0.96, 0.98, 1.04)
OFFICE_WEEKDAY = (1.22, 1.27, 1.28, 1.24, 1.05, 0.46, 0.48)

LONGEST_DELAY_DAYS = 60.0
HALF_DELAY_DAYS = 3.0
_SHAPE = 0.6


def _scale() -> float:
    """The Weibull scale (days) at which half of what arrives within LONGEST_DELAY_DAYS arrives in HALF_DELAY_DAYS."""
    low, high = 0.1, 60.0
    for _ in range(80):
        middle = (low + high) / 2
        whole = 1 - math.exp(-((LONGEST_DELAY_DAYS / middle) ** _SHAPE))
        half = 1 - math.exp(-((HALF_DELAY_DAYS / middle) ** _SHAPE))
        low, high = (middle, high) if half / whole > 0.5 else (low, middle)
    return (low + high) / 2


_SCALE = _scale()
_WHOLE = 1 - math.exp(-((LONGEST_DELAY_DAYS / _SCALE) ** _SHAPE))


def arrived_share(days: float) -> float:
    """Share of a click's conversions that the platform knows `days` after the click: 0.5 at 3 days, 1 at 60."""
    if days <= 0:
        return 0.0
    if days >= LONGEST_DELAY_DAYS:
        return 1.0
    return float((1 - math.exp(-((days / _SCALE) ** _SHAPE))) / _WHOLE)


def delay_seconds(uniform: float) -> float:
    """The inverse of `arrived_share`: the delay below which a share of `uniform` (0 to 1) of the conversions lies."""
    return float(_SCALE * (-math.log(1 - uniform * _WHOLE)) ** (1 / _SHAPE) * 86_400)


def season(day: date) -> float:
    """Demand over the year: quiet summers, a swell to Christmas, Black Friday week on top."""
    wave = 1 + 0.10 * math.cos((day.timetuple().tm_yday - 340) / 365.25 * 2 * math.pi)
    thanksgiving = date(day.year, 11, 22)
    thanksgiving += timedelta((3 - thanksgiving.weekday()) % 7)
    return wave * (1.45 if -3 <= (day - thanksgiving).days <= 4 else 1.0)


def freshness(age_days: int, life_days: int) -> float:
    """What is left of the click-through rate of a creative of this age; replaced by a new one after `life_days`."""
    return 0.55 + 0.45 * math.exp(-(age_days % life_days) / (life_days * 0.45))


def poisson(rng: random.Random, mean: float) -> int:
    """One draw; inversion for small means, the normal approximation above 400."""
    if mean > 400:
        return max(0, round(rng.gauss(mean, math.sqrt(mean))))
    # In steps, so that exp() of the rest does not vanish.
    count = 0
    while mean > 0:
        step = min(mean, 30.0)
        limit, product = math.exp(-step), rng.random()
        while product > limit:
            count += 1
            product *= rng.random()
        mean -= step
    return count


class HourPicker:
    """Draws hours of a day in proportion to given weights."""

    def __init__(self, weights: tuple[float, ...]) -> None:
        self._sums = list(accumulate(weights))

    def pick(self, uniform: float) -> int:
        return min(bisect.bisect_right(self._sums, uniform * self._sums[-1]), len(self._sums) - 1)
