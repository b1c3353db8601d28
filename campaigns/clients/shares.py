"""Adding up breakdown rows: platforms cut them finer (by ad group, by age and gender, by day) than we keep them."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from campaigns.clients.base import BreakdownRow


def added_up(rows: Iterable[BreakdownRow]) -> Iterator[BreakdownRow]:
    """One row for each campaign, dimension and value. A figure that no row has stays unknown."""
    totals: dict[tuple[str, str, str], BreakdownRow] = {}
    for row in rows:
        key = (row.campaign_external_id, row.dimension, row.value)
        known = totals.get(key)
        totals[key] = row if known is None else _sum(known, row)
    yield from totals.values()


def _sum(one: BreakdownRow, other: BreakdownRow) -> BreakdownRow:
    return replace(
        one,
        impressions=_plus(one.impressions, other.impressions),
        clicks=_plus(one.clicks, other.clicks),
        spend=_plus(one.spend, other.spend),
        conversions_micros=_plus(one.conversions_micros, other.conversions_micros),
    )


def _plus(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else one + other
