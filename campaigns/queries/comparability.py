"""Whether two periods can be set side by side: a change between them must be one of the campaigns, not of the data."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from django.db import connection

from campaigns.queries.conversion import Conversion, Period
from tenants.context import bound_tenant_id

# The older period needs numbers for nine tenths as many days as the newer one has.
ENOUGH = 0.9

Obstacle = Literal["", "currencies", "days"]


@dataclass(frozen=True, slots=True)
class Comparability:
    """`obstacle` says why no change is shown; `days` and `compared_days` are the days that have numbers."""

    obstacle: Obstacle = ""
    days: int = 0
    compared_days: int = 0

    @property
    def holds(self) -> bool:
        return not self.obstacle


COMPARABLE = Comparability()


def comparability(days: int, compared_days: int, conversion: Conversion | None = None) -> Comparability:
    """From the days known of both periods, and the currencies that take part in each."""
    if conversion is not None and len(set(conversion.refused)) > 1:
        return Comparability("currencies", days, compared_days)
    if compared_days < ENOUGH * days:
        return Comparability("days", days, compared_days)
    return Comparability("", days, compared_days)


def days_known(periods: Sequence[Period]) -> list[int]:
    """How many days of each period have numbers of any campaign. One statement on the roll-up."""
    counts = ", ".join(["count(DISTINCT date) FILTER (WHERE date BETWEEN %s AND %s)"] * len(periods))
    days = [day for period in periods for day in period]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {counts} FROM daily_totals WHERE tenant_id = %s AND date BETWEEN %s AND %s",
            [*days, bound_tenant_id(), min(days), max(days)],
        )
        return list(cursor.fetchone())
