"""Charts as data: what a view hands to `components/chart_box.html`, and static/js/charts.js draws with ECharts.

The data travels in a JSON block of the page (no inline script). Values are in display units: money in whole currency
units (12.34, not 1234), ratios as ratios (0.031). A day without a value is None, never 0: the line breaks there.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from django.utils import translation

Format = Literal["number", "money", "percent", "multiple"]
Shape = Literal["line", "area", "bar", "stack", "compare", "forecast"]

_ELEMENT_ID = re.compile(r"[a-z][a-z0-9-]*")


@dataclass(frozen=True, slots=True)
class Series:
    """One curve or set of bars. `values` stand in the order of the chart's `x`.

    `color` is a place in the palette (1 … 6; 0: by order), or a platform's name for its own colour. `axis` 1 is the
    scale on the other side, for a second unit. `compare` draws a quiet dashed line (the period compared with),
    `forecast` a dashed line in its own colour.
    """

    name: Any
    values: Sequence[float | int | None]
    shape: Shape = "line"
    format: Format = "number"
    color: int | str = 0
    axis: Literal[0, 1] = 0


@dataclass(frozen=True, slots=True)
class Band:
    """The interval around a forecast: `lower` and `upper` in the order of `x`, None outside."""

    name: Any
    lower: Sequence[float | None]
    upper: Sequence[float | None]
    color: int = 1


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened on a day: a rule acted, a budget changed, tracking failed. `until` makes it a span."""

    day: date
    label: Any
    kind: Literal["rule", "person", "incident", "note"] = "note"
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart over days (`x` holds dates) or over names (`x` holds texts).

    `element_id` must be unique on the page. `units` are the names of the axes ('USD', 'Conversions'). `immature_days`
    is how many of the last days are still filling up: they are hatched. `zoom` adds the brush below.
    """

    element_id: str
    x: Sequence[date] | Sequence[str]
    series: Sequence[Series]
    units: tuple[Any, ...] = ("",)
    currency: str = ""
    events: Sequence[Event] = ()
    bands: Sequence[Band] = ()
    immature_days: int = 0
    zoom: bool = False
    horizontal: bool = False
    # What x is called in the data table; empty: Day.
    x_name: Any = ""
    file_name: str = "stratum"

    def __post_init__(self) -> None:
        if not _ELEMENT_ID.fullmatch(self.element_id):
            raise ValueError(f"{self.element_id!r} is no element id: lower-case letters, digits and hyphens.")
        for one in self.series:
            if len(one.values) != len(self.x):
                raise ValueError(f"Series {one.name!s} has {len(one.values)} values for {len(self.x)} places on x.")
        for band in self.bands:
            if not len(band.lower) == len(band.upper) == len(self.x):
                raise ValueError(f"Band {band.name!s} does not have one lower and one upper value for each place on x.")

    @property
    def data_id(self) -> str:
        return f"{self.element_id}-data"

    @property
    def data(self) -> dict[str, Any]:
        """The JSON block: plain types, texts translated."""
        over_days = bool(self.x) and isinstance(self.x[0], date)
        return {
            "kind": "days" if over_days else "names",
            "x": [place.isoformat() if isinstance(place, date) else str(place) for place in self.x],
            "xName": str(self.x_name),
            "units": [str(unit) for unit in self.units],
            "currency": self.currency,
            "series": [
                {
                    "name": str(one.name), "values": list(one.values), "shape": one.shape, "format": one.format,
                    "color": one.color, "axis": one.axis,
                }
                for one in self.series
            ],
            "bands": [
                {"name": str(band.name), "lower": list(band.lower), "upper": list(band.upper), "color": band.color}
                for band in self.bands
            ],
            "events": [
                {
                    "day": event.day.isoformat(), "label": str(event.label), "kind": event.kind,
                    "until": event.until.isoformat() if event.until else None,
                }
                for event in self.events
            ],
            "immature": min(self.immature_days, len(self.x)),
            "zoom": self.zoom,
            "horizontal": self.horizontal,
            "locale": translation.get_language() or "en",
            "fileName": self.file_name,
        }  # fmt: skip
