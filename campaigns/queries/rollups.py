"""Where kept sums and facts disagree. Empty lists are the proof that they do not."""

from dataclasses import dataclass
from datetime import date

from django.db import connection

from campaigns.sql import exact_conversions, hash_joins
from stratum.lib.ratios import Totals
from tenants.context import bound_tenant_id


@dataclass(frozen=True, slots=True)
class CampaignDifference:
    """A campaign whose lifetime sums are not those of its days."""

    campaign_id: int
    kept: Totals
    facts: Totals


@dataclass(frozen=True, slots=True)
class DayDifference:
    """A roll-up row that is not what the facts say; None: there is no such row, or no fact for it."""

    account_id: int | None
    platform: str
    currency: str
    date: date
    kept: Totals | None
    facts: Totals | None


def campaign_differences() -> list[CampaignDifference]:
    """Campaigns of the bound workspace (deleted ones too) whose sums are wrong."""
    with connection.cursor() as cursor, hash_joins():
        cursor.execute(_CAMPAIGNS, {"tenant": bound_tenant_id()})
        return [CampaignDifference(row[0], Totals(*row[1:6]), Totals(*row[6:])) for row in cursor.fetchall()]


def day_differences() -> list[DayDifference]:
    """Rows of daily_totals of the bound workspace that are missing, left over or wrong."""
    with connection.cursor() as cursor, hash_joins():
        cursor.execute(_DAYS, {"tenant": bound_tenant_id()})
        return [
            DayDifference(row[0], row[1], row[2], row[3], _totals(row[4:9]), _totals(row[9:]))
            for row in cursor.fetchall()
        ]


def _totals(values: tuple) -> Totals | None:
    return None if values[0] is None else Totals(*values)


_FACTS = f"""
    SUM(m.impressions)::bigint AS impressions, SUM(m.clicks)::bigint AS clicks,
    SUM({exact_conversions("m")})::bigint AS conversions_micros, SUM(m.spend_cents)::bigint AS spend,
    SUM(m.revenue_cents)::bigint AS revenue
"""

# The whole count beside the exact one is part of the sums: half to even, as everywhere.
_CAMPAIGNS = f"""
    WITH facts AS (
        SELECT m.campaign_id, {_FACTS} FROM campaign_metrics m WHERE m.tenant_id = %(tenant)s GROUP BY m.campaign_id
    ), compared AS (
        SELECT c.id, c.impressions AS kept_impressions, c.clicks AS kept_clicks,
               {exact_conversions("c")} AS kept_conversions, c.total_spend_cents AS kept_spend,
               c.revenue_cents AS kept_revenue, COALESCE(f.impressions, 0) AS impressions,
               COALESCE(f.clicks, 0) AS clicks, COALESCE(f.conversions_micros, 0) AS conversions,
               COALESCE(f.spend, 0) AS spend, COALESCE(f.revenue, 0) AS revenue,
               c.conversions_micros IS NOT NULL AND abs(c.conversions * 1000000 - c.conversions_micros) > 500000
                   AS wrongly_rounded
        FROM campaigns c LEFT JOIN facts f ON f.campaign_id = c.id
        WHERE c.tenant_id = %(tenant)s
    )
    SELECT id, kept_impressions, kept_clicks, kept_conversions, kept_spend, kept_revenue,
           impressions, clicks, conversions, spend, revenue
    FROM compared
    WHERE wrongly_rounded OR (kept_impressions, kept_clicks, kept_conversions, kept_spend, kept_revenue)
          IS DISTINCT FROM (impressions, clicks, conversions, spend, revenue)
    ORDER BY id
"""

_DAYS = f"""
    WITH facts AS (
        SELECT c.ad_account_id, c.platform, c.currency, m.date, {_FACTS}
        FROM campaigns c
        JOIN campaign_metrics m ON m.tenant_id = c.tenant_id AND m.campaign_id = c.id
        WHERE c.tenant_id = %(tenant)s AND c.is_deleted IS NOT TRUE AND c.ad_account_id IS NOT NULL
        GROUP BY c.ad_account_id, c.platform, c.currency, m.date
    ), kept AS (
        SELECT ad_account_id, platform, currency, date, impressions, clicks, conversions_micros, spend_cents AS spend,
               revenue_cents AS revenue
        FROM daily_totals WHERE tenant_id = %(tenant)s
    )
    SELECT ad_account_id, platform, currency, date,
           k.impressions, k.clicks, k.conversions_micros, k.spend, k.revenue,
           f.impressions, f.clicks, f.conversions_micros, f.spend, f.revenue
    FROM kept k FULL JOIN facts f USING (ad_account_id, platform, currency, date)
    WHERE (k.impressions, k.clicks, k.conversions_micros, k.spend, k.revenue)
          IS DISTINCT FROM (f.impressions, f.clicks, f.conversions_micros, f.spend, f.revenue)
    ORDER BY date, ad_account_id, platform, currency
"""
