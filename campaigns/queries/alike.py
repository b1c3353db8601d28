"""Comparing like with like: the older period as it was known when it was as young as the newer one is now.

The newest days of a period still fill up with late conversions; those of the period before have had theirs. Set side
by side as they stand, every change would look bad. What arrived since is in metric_revisions: the present values less
the differences recorded after the moment are the values of that moment, since the differences of a day add up.
A day that was first heard of after the moment (a report imported late) counts as it is now.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.core.cache import cache
from django.db import connection

from campaigns.models import MetricRevision
from campaigns.queries.conversion import Conversion, Period
from stratum.lib.ratios import Totals
from tenants.context import bound_tenant_id

CACHE_SECONDS = 3600
# What is compared as known then, in the order of Totals; the columns of revisions are named old_… and new_….
SUMS = ("impressions", "clicks", "conversions_micros", "spend_cents", "revenue_cents")


def known_then(current: Period, compared: Period, now: datetime) -> datetime:
    """The moment at which the compared period was as old as the current one is `now`."""
    return now - timedelta(days=(current[0] - compared[0]).days)


def late_sql(*, campaigns: bool = False) -> str:
    """`SELECT campaign_id, date, <SUMS>`: what was added to days of a period after a moment.

    Parameters in order: tenant id, the moment, first and last day, a list of campaign ids when `campaigns`, the
    moment again. Revisions are summed before they meet the facts: most days have many.
    """
    narrowed = "AND r.campaign_id = ANY(%s)" if campaigns else ""
    changes = ", ".join(f"SUM(COALESCE(r.new_{name}, 0) - COALESCE(r.old_{name}, 0)) AS {name}" for name in SUMS)
    return f"""
        SELECT a.* FROM (
            SELECT r.campaign_id, r.date, {changes} FROM metric_revisions r
            WHERE r.tenant_id = %s AND r.known_at > %s AND r.date BETWEEN %s AND %s {narrowed}
            GROUP BY r.campaign_id, r.date
        ) a
        JOIN campaign_metrics m ON m.campaign_id = a.campaign_id AND m.date = a.date AND m.first_known_at <= %s
    """


def late_params(period: Period, moment: datetime, campaign_ids: Sequence[int] | None = None) -> list[Any]:
    narrowed = [] if campaign_ids is None else [list(campaign_ids)]
    return [bound_tenant_id(), moment, *period, *narrowed, moment]


@dataclass(frozen=True, slots=True)
class Late:
    """What arrived since, in minor units of the reporting currency, not yet rounded."""

    impressions: int = 0
    clicks: int = 0
    conversions_micros: int = 0
    spend: Decimal = Decimal(0)
    revenue: Decimal = Decimal(0)

    def __add__(self, other: "Late") -> "Late":
        return Late(
            self.impressions + other.impressions,
            self.clicks + other.clicks,
            self.conversions_micros + other.conversions_micros,
            self.spend + other.spend,
            self.revenue + other.revenue,
        )


def late_by_campaign(
    conversion: Conversion, period: Period, moment: datetime, campaign_ids: Sequence[int]
) -> dict[int, Late]:
    """Per campaign, those without a late arrival left out. One statement over their own revisions."""
    if not campaign_ids:
        return {}
    rows = _sums(conversion, late_sql(campaigns=True), late_params(period, moment, campaign_ids), by_campaign=True)
    return {row[0]: _late(row[1:]) for row in rows}


def late_arrivals(conversion: Conversion, period: Period, moment: datetime) -> Late:
    """Sums over all campaigns that take part in the period.

    The revisions of a period are many and change seldom: kept for an hour, or until the next one arrives.
    """
    start, end = period
    newest = MetricRevision.objects.order_by("-known_at", "-pk").values_list("pk", flat=True).first()
    key = f"late:{bound_tenant_id()}:{conversion.target}:{start}:{end}:{moment:%Y%m%d%H}:{newest}"
    known = cache.get(key)
    if known is None:
        known = _late(_sums(conversion, late_sql(), late_params(period, moment), by_campaign=False)[0])
        cache.set(key, known, CACHE_SECONDS)
    return known


def _sums(conversion: Conversion, sql: str, params: list[Any], *, by_campaign: bool) -> Sequence[tuple]:
    group = "GROUP BY l.campaign_id" if by_campaign else ""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH {conversion.cte}, late AS ({sql})
            SELECT {"l.campaign_id," if by_campaign else ""}
                   COALESCE(SUM(l.impressions), 0), COALESCE(SUM(l.clicks), 0),
                   COALESCE(SUM(l.conversions_micros), 0),
                   COALESCE(SUM(l.spend_cents * COALESCE(rate.factor, 1)), 0),
                   COALESCE(SUM(l.revenue_cents * COALESCE(rate.factor, 1)), 0)
            FROM late l
            JOIN campaigns c ON c.tenant_id = %s AND c.id = l.campaign_id AND c.is_deleted IS NOT TRUE
            LEFT JOIN rate ON rate.currency = c.currency AND rate.date = l.date
            WHERE c.currency = %s OR rate.factor IS NOT NULL
            {group}
            """,
            [*conversion.cte_params, *params, bound_tenant_id(), conversion.target],
        )
        return cursor.fetchall()


def _late(row: Sequence[Any]) -> Late:
    impressions, clicks, conversions, spend, revenue = row
    return Late(int(impressions), int(clicks), int(conversions), Decimal(spend), Decimal(revenue))


def campaign_known_then(campaign_id: int, period: Period, moment: datetime, present: Totals) -> Totals:
    """The sums of one campaign's days as they were known, in its own currency."""
    changes = ", ".join(f"COALESCE(SUM({name}), 0)::bigint" for name in SUMS)
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH late AS ({late_sql(campaigns=True)}) SELECT {changes} FROM late",
            late_params(period, moment, [campaign_id]),
        )
        late = cursor.fetchone()
    now = (present.impressions, present.clicks, present.conversions_micros, present.spend, present.revenue)
    return Totals(*(value - arrived for value, arrived in zip(now, late, strict=True)))
