"""Where the bars and lines of a report's course are drawn: numbers for a page's SVG and for the PDF."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from stratum.lib.money import decimals

# Shares of the scale at which lines are drawn.
_STEPS = 4
_BAR_SHARE = 0.6


@dataclass(frozen=True, slots=True)
class Plot:
    """In the units of `width` and `height`, from the upper left corner.

    `grid`: (y, value in currency units); `bars`: (x, y, width, height), spend; `lines`: runs of points, revenue, broken
    where a day has no number; `labels`: (x, words) of some days.
    """

    width: float
    height: float
    names: tuple[str, str]
    grid: tuple[tuple[float, Decimal], ...]
    bars: tuple[tuple[float, float, float, float], ...]
    lines: tuple[tuple[tuple[float, float], ...], ...]
    labels: tuple[tuple[float, str], ...]


def plot_of(course: Mapping[str, Any], *, width: float, height: float) -> Plot | None:
    """None where no day has a number."""
    days = course["days"]
    amounts = [day[key] for day in days for key in ("spend", "revenue") if day[key] is not None]
    if not amounts:
        return None
    exponent = decimals(course["currency"])
    top = _round_up(max(max(amounts), 1))
    slot = width / len(days)

    def y_of(minor: int) -> float:
        return round(height - height * max(minor, 0) / top, 3)

    bars, lines, run = [], [], []
    for position, day in enumerate(days):
        middle = round(slot * (position + 0.5), 3)
        if day["spend"] is not None:
            y = y_of(day["spend"])
            size = round(slot * _BAR_SHARE, 3)
            bars.append((round(middle - size / 2, 3), y, size, round(height - y, 3)))
        if day["revenue"] is None:
            lines, run = ([*lines, tuple(run)] if len(run) > 1 else lines), []
        else:
            run.append((middle, y_of(day["revenue"])))
    if len(run) > 1:
        lines.append(tuple(run))
    grid = tuple(
        (round(height - height * step / _STEPS, 3), Decimal(top * step // _STEPS).scaleb(-exponent))
        for step in range(_STEPS + 1)
    )
    every = max(1, -(-len(days) // 7))
    labels = tuple(
        (round(slot * (position + 0.5), 3), day["words"])
        for position, day in enumerate(days)
        if (len(days) - 1 - position) % every == 0
    )
    return Plot(width, height, tuple(course["labels"]), grid, tuple(bars), tuple(lines), labels)  # type: ignore[arg-type]


def _round_up(value: int) -> int:
    """The next of 1, 2, 4, 6, 8 or 10 times a power of ten, so that the lines stand at figures people read."""
    power = 10 ** (len(str(value)) - 1)
    return next(step * power for step in (1, 2, 4, 6, 8, 10) if step * power >= value)
