"""Comparing like with like: the older period as it was known when it was as young as the newer one is now.

The newest days of a period still fill up with late conversions; those of the period before have had theirs. Set side
by side as they stand, every change would look bad. What arrived since is in metric_revisions: the present values less
the differences recorded after the moment are the values of that moment, since the differences of a day add up.
A day that was first heard of after the moment (a report imported late) counts as it is now.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection

from campaigns.queries.conversion import Conversion, Period
from stratum.lib.ratios import Totals
from tenants.context import bound_tenant_id

# What is compared as known then, in the order of Totals; the columns of revisions are named old_… and new_….
SUMS = ("impressions", "clicks", "conversions_micros", "spend_cents", "revenue_cents")


def known_then(current: Period, compared: Period, now: datetime) -> datetime:
    """The moment at which the compared period was as old as the current one is `now`."""
    return now - timedelta(days=(current[0] - compared[0]).days)


def late_sql(*, only_filtered: bool = False) -> str:
    """`SELECT campaign_id, date, <SUMS>`: what was added to days of a period after a moment.

    Parameters in order: tenant id, the moment, first and last day, the moment again. `only_filtered` narrows it to a
    common table expression named `filtered` that has campaign ids.
    """
    narrowed = "AND r.campaign_id IN (SELECT id FROM filtered)" if only_filtered else ""
    changes = ", ".join(f"SUM(COALESCE(r.new_{name}, 0) - COALESCE(r.old_{name}, 0)) AS {name}" for name in SUMS)
    return f"""
        SELECT r.campaign_id, r.date, {changes}
        FROM metric_revisions r
        JOIN campaign_metrics m ON m.campaign_id = r.campaign_id AND m.date = r.date
        WHERE r.tenant_id = %s AND r.known_at > %s AND r.date BETWEEN %s AND %s AND m.first_known_at <= %s {narrowed}
        GROUP BY r.campaign_id, r.date
    """


def late_params(period: Period, moment: datetime) -> list[Any]:
    return [bound_tenant_id(), moment, *period, moment]


@dataclass(frozen=True, slots=True)
class Late:
    """What arrived since, in minor units of the reporting currency, not yet rounded."""

    impressions: int
    clicks: int
    conversions_micros: int
    spend: Decimal
    revenue: Decimal


def late_arrivals(conversion: Conversion, period: Period, moment: datetime) -> Late:
    """Sums over all campaigns that take part in the period. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH {conversion.cte}, late AS ({late_sql()})
            SELECT COALESCE(SUM(l.impressions), 0), COALESCE(SUM(l.clicks), 0),
                   COALESCE(SUM(l.conversions_micros), 0),
                   COALESCE(SUM(l.spend_cents * COALESCE(rate.factor, 1)), 0),
                   COALESCE(SUM(l.revenue_cents * COALESCE(rate.factor, 1)), 0)
            FROM late l
            JOIN campaigns c ON c.tenant_id = %s AND c.id = l.campaign_id AND c.is_deleted IS NOT TRUE
            LEFT JOIN rate ON rate.currency = c.currency AND rate.date = l.date
            WHERE c.currency = %s OR rate.factor IS NOT NULL
            """,
            [*conversion.cte_params, *late_params(period, moment), bound_tenant_id(), conversion.target],
        )
        impressions, clicks, conversions, spend, revenue = cursor.fetchone()
    return Late(int(impressions), int(clicks), int(conversions), Decimal(spend), Decimal(revenue))


def campaign_known_then(campaign_id: int, period: Period, moment: datetime, present: Totals) -> Totals:
    """The sums of one campaign's days as they were known, in its own currency."""
    changes = ", ".join(f"COALESCE(SUM({name}), 0)::bigint" for name in SUMS)
    with connection.cursor() as cursor:
        late_days = late_sql(only_filtered=True)
        cursor.execute(
            f"WITH filtered AS (SELECT %s::int AS id), late AS ({late_days}) SELECT {changes} FROM late",
            [campaign_id, *late_params(period, moment)],
        )
        late = cursor.fetchone()
    now = (present.impressions, present.clicks, present.conversions_micros, present.spend, present.revenue)
    return Totals(*(value - arrived for value, arrived in zip(now, late, strict=True)))
