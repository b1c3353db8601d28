"""A key figure as a card shows it: formatted value, change with its meaning, course, and where it comes from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stratum.lib.figures import Delta
from stratum.lib.sparkline import Sparkline


@dataclass(frozen=True, slots=True)
class Kpi:
    """What `components/kpi.html` draws.

    `value` is formatted text ('$284,910'); with `reason` set there is no value, and the reason is what the dash says
    on hover. `notes` are (term, text) pairs behind the info button: formula, source, last sync, zone, rate,
    completeness. `href` makes the card a way down to the rows behind the figure.
    """

    label: Any
    value: str = ""
    unit: Any = ""
    delta: Delta | None = None
    spark: Sparkline | None = None
    notes: Sequence[tuple[Any, Any]] = ()
    foot: Any = ""
    href: str = ""
    reason: Any = ""
