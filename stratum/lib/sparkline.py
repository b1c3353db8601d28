"""Sparklines as SVG path data, drawn on the server: no script, no inline style, the same in print and e-mail."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 120
HEIGHT = 32
_PAD = 2.0


@dataclass(frozen=True, slots=True)
class Sparkline:
    """Path data in a box of `width` × `height` units, x to the right, y down.

    `line` holds the settled days, `immature` the trailing days that are not complete yet (it starts at the last
    settled point, so that the two join), `area` the ground under both.
    """

    line: str
    immature: str
    area: str
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def view_box(self) -> str:
        return f"0 0 {self.width} {self.height}"


def sparkline(
    values: Sequence[float | int | None],
    *,
    immature_tail: int = 0,
    from_zero: bool = True,
    width: int = WIDTH,
    height: int = HEIGHT,
) -> Sparkline | None:
    """The curve of `values` in time order, one per day; None where a day has no value (the line breaks there).

    `immature_tail` is how many of the last days are still filling up. `from_zero` keeps the baseline at 0, so that
    a small wobble does not look like a collapse; without it the curve spans its own minimum and maximum. Returns
    None when fewer than two days have a value: one point is no course.
    """
    known = [float(value) for value in values if value is not None]
    if len(known) < 2:
        return None
    low = min(0.0, *known) if from_zero else min(known)
    span = max(known) - low
    usable = height - 2 * _PAD

    def at(index: int, value: float) -> tuple[float, float]:
        x = index * width / (len(values) - 1)
        # All days alike: a level line half way up says so.
        share = (value - low) / span if span else 0.5
        return round(x, 1), round(height - _PAD - share * usable, 1)

    points = [None if value is None else at(index, float(value)) for index, value in enumerate(values)]
    settled = max(len(points) - immature_tail, 0)
    return Sparkline(
        line=_path(points[:settled]),
        immature=_path(points[max(settled - 1, 0) :]) if immature_tail else "",
        area=_area(points, height),
        width=width,
        height=height,
    )


def _runs(points: Sequence[tuple[float, float] | None]) -> list[list[tuple[float, float]]]:
    """The unbroken stretches between days without a value."""
    runs: list[list[tuple[float, float]]] = [[]]
    for point in points:
        if point is None:
            runs.append([])
        else:
            runs[-1].append(point)
    return [run for run in runs if run]


def _path(points: Sequence[tuple[float, float] | None]) -> str:
    drawn = []
    for run in _runs(points):
        # A lone day between two gaps: a line of no length, which a round cap shows as a dot.
        corners = run if len(run) > 1 else run * 2
        drawn.append("M" + "L".join(f"{x:g},{y:g}" for x, y in corners))
    return "".join(drawn)


def _area(points: Sequence[tuple[float, float] | None], height: int) -> str:
    drawn = []
    for run in _runs(points):
        if len(run) > 1:
            top = "L".join(f"{x:g},{y:g}" for x, y in run)
            drawn.append(f"M{run[0][0]:g},{height}L{top}L{run[-1][0]:g},{height}Z")
    return "".join(drawn)
