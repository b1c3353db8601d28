"""How sure a comparison is: counts of events are few, and a few events say little.

Clicks and conversions arrive one by one, independently (a Poisson process), so a rate that is measured as `count`
events lies around an unknown true rate. Against a threshold at which `expected` events would have come, the comparison
is certain to the degree that so few (or so many) events would be improbable if the true rate were the threshold:
confidence = 1 - P(K <= count | expected) for too few, 1 - P(K >= count | expected) for too many. Spend and impressions
are bought, not random: they are the exposure. A ROAS is measured by its conversions, each worth their average.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal

Direction = Literal["few", "many"]
# Above so many events the sum of terms gives way to the normal approximation with its first correction (Edgeworth's),
# which is then exact to 0.0005.
_EXACT = 500
MAX_MORE = 10_000


@dataclass(frozen=True, slots=True)
class Evidence:
    """`confidence` 0–1 that the true rate is beyond the threshold, at which `expected` of the `count` events would have
    come; `needed` is what the rule asks for."""

    confidence: float
    needed: float
    events: str  # conversions | clicks
    count: float
    expected: float
    direction: Direction

    @property
    def is_enough(self) -> bool:
        return self.confidence >= self.needed

    def as_json(self) -> dict[str, Any]:
        """As an explanation keeps it: `more` events at the present rate would do. None: no number of events would (the
        measured rate is the threshold), or there is no rate yet."""
        return {
            "confidence": round(self.confidence, 4),
            "needed": self.needed,
            "events": self.events,
            "more": more_needed(self.count, self.expected, self.direction, self.needed),
        }


def confidence(count: float, expected: float, direction: Direction) -> float:
    """How sure it is that the true rate lies below (few) or above (many) the threshold, 0–1."""
    if expected <= 0:
        # Nothing could have come at the threshold: whatever came is more.
        return 1.0 if direction == "many" and count > 0 else 0.0
    whole = round(count)
    if direction == "few":
        return 1.0 - poisson_cdf(whole, expected)
    return poisson_cdf(whole - 1, expected)


def more_needed(count: float, expected: float, direction: Direction, needed: float) -> int | None:
    """How many more events it takes, at the rate of those that came, until the comparison is as sure as needed."""
    if count <= 0:
        return None

    def is_enough(more: int) -> bool:
        return confidence(count + more, expected * (count + more) / count, direction) >= needed

    low, high = 0, 1
    while not is_enough(high):
        low, high = high, high * 2
        if high > MAX_MORE:
            return None
    # Confidence grows with the number of events: so many are enough, and one less is not.
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high


def poisson_cdf(count: int, expected: float) -> float:
    """P(K <= count) for a Poisson variable of this mean, to better than 0.001; 0 for a negative count."""
    if count < 0:
        return 0.0
    if expected > _EXACT:
        return _edgeworth_cdf((count + 0.5 - expected) / math.sqrt(expected), expected)
    # From the likeliest term downwards: nothing overflows, and what is left out is nothing.
    top = min(count, math.floor(expected))
    return min(1.0, _terms_down(top, expected) + _terms_up(top + 1, count, expected))


def _terms_down(start: int, expected: float) -> float:
    total, term = 0.0, _term(start, expected)
    for number in range(start, -1, -1):
        total += term
        if term < total * 1e-12:
            break
        term *= number / expected
    return total


def _terms_up(start: int, end: int, expected: float) -> float:
    total, term = 0.0, _term(start, expected) if start <= end else 0.0
    for number in range(start, end + 1):
        total += term
        if term < total * 1e-12:
            break
        term *= expected / (number + 1)
    return total


def _term(number: int, expected: float) -> float:
    return math.exp(number * math.log(expected) - expected - math.lgamma(number + 1))


def _edgeworth_cdf(deviation: float, expected: float) -> float:
    """The normal distribution, corrected for a Poisson variable's skewness of 1 ÷ √mean."""
    normal = 0.5 * math.erfc(-deviation / math.sqrt(2))
    density = math.exp(-deviation * deviation / 2) / math.sqrt(2 * math.pi)
    return min(1.0, max(0.0, normal - density * (deviation * deviation - 1) / (6 * math.sqrt(expected))))
