"""Sums kept beside the facts: lifetime sums of campaigns, and daily_totals per account, platform, currency and day.

A write moves them by its differences, in its own statement (`roll_up`): the cost hangs on the rows written, not on
the history behind them. Whole numbers under the account's lock cannot drift; `manage.py check_rollups` proves it, and
the `refresh` functions recompute from the facts. Days of deleted campaigns are facts still, but part of no total.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from django.db import connection, transaction

from campaigns.models import AdAccount
from campaigns.sql import conversion_columns, exact_conversions, hash_joins
from tenants.context import bound_tenant_id


@dataclass(frozen=True, slots=True)
class RollupChanges:
    """How many rows did not agree with the facts and were written."""

    campaigns: int
    daily_totals: int


@transaction.atomic
def campaign_sums_refresh(campaign_ids: Iterable[int]) -> int:
    """Lifetime sums of these campaigns, from their days; how many changed."""
    with connection.cursor() as cursor, hash_joins():
        cursor.execute(_CAMPAIGN_SUMS, {"tenant": bound_tenant_id(), "campaigns": list(campaign_ids)})
        return cursor.rowcount


@transaction.atomic
def daily_totals_refresh(account: AdAccount, dates: Iterable[date] | None = None) -> int:
    """Roll-up rows of an account for these days (None: all), from the facts; how many changed.

    To be called as well when a campaign of the account is deleted or restored: its days leave or join the totals.
    """
    days = None if dates is None else list(dates)
    params = {"tenant": account.tenant_id, "account": account.pk, "dates": days}
    with connection.cursor() as cursor, hash_joins():
        cursor.execute(_daily_totals(all_days=days is None), params)
        return cursor.fetchone()[0]


@transaction.atomic
def rollups_rebuild(account: AdAccount | None = None) -> RollupChanges:
    """Bring all roll-ups of one account, or of the bound workspace, to what the facts say."""
    accounts = list(AdAccount.objects.with_deleted().order_by("pk")) if account is None else [account]
    campaigns = totals = 0
    for one in accounts:
        campaigns += campaign_sums_refresh(one.campaigns.with_deleted().values_list("pk", flat=True))
        totals += daily_totals_refresh(one)
    return RollupChanges(campaigns, totals)


ROLLED_UP = ("impressions", "clicks", "conversions_micros", "spend_cents", "revenue_cents")


def roll_up(source: str) -> str:
    """Common table expressions that add rows of `source` to the kept sums: lifetime sums and daily_totals.

    `source` names an expression with campaign_id, date and the columns of ROLLED_UP, as differences; the parameter
    `tenant` is the workspace. `by_campaign` and `by_day` hold the ids and dates that occur.
    """
    sums = ", ".join(f"SUM({name})::bigint AS {name}" for name in ROLLED_UP)
    of_day = ", ".join(f"SUM(s.{name})::bigint" for name in ROLLED_UP)
    added = ", ".join(f"{name} = d.{name} + EXCLUDED.{name}" for name in ROLLED_UP)
    exact = f"{exact_conversions('c')} + b.conversions_micros"
    return f"""by_campaign AS MATERIALIZED (
        SELECT campaign_id, {sums} FROM {source} GROUP BY campaign_id
    ), lifetime AS (
        UPDATE campaigns c
        SET total_spend_cents = c.total_spend_cents + b.spend_cents, impressions = c.impressions + b.impressions,
            clicks = c.clicks + b.clicks, revenue_cents = c.revenue_cents + b.revenue_cents,
            (conversions, conversions_micros) = ROW ({conversion_columns(f"({exact})")})
        FROM by_campaign b
        WHERE c.id = b.campaign_id AND c.tenant_id = %(tenant)s
    ), daily AS (
        INSERT INTO daily_totals AS d (
            tenant_id, ad_account_id, platform, currency, date, {", ".join(ROLLED_UP)})
        SELECT %(tenant)s, c.ad_account_id, c.platform, c.currency, s.date, {of_day}
        FROM {source} s JOIN campaigns c ON c.id = s.campaign_id AND c.tenant_id = %(tenant)s
        WHERE c.is_deleted IS NOT TRUE
        GROUP BY c.ad_account_id, c.platform, c.currency, s.date
        ON CONFLICT (tenant_id, date, ad_account_id, platform, currency) DO UPDATE SET {added}
    ), by_day AS (
        SELECT DISTINCT date FROM {source}
    )"""


_CAMPAIGN_SUMS = f"""
    WITH sums AS (
        SELECT campaign_id, SUM(spend_cents)::bigint AS spend, SUM(impressions)::bigint AS impressions,
               SUM(clicks)::bigint AS clicks, SUM({exact_conversions("m")})::bigint AS micros,
               SUM(revenue_cents)::bigint AS revenue
        FROM campaign_metrics m
        WHERE m.tenant_id = %(tenant)s AND m.campaign_id = ANY(%(campaigns)s)
        GROUP BY campaign_id
    ), fresh AS (
        SELECT c.id, COALESCE(s.spend, 0) AS spend, COALESCE(s.impressions, 0) AS impressions,
               COALESCE(s.clicks, 0) AS clicks, COALESCE(s.micros, 0) AS micros, COALESCE(s.revenue, 0) AS revenue
        FROM campaigns c LEFT JOIN sums s ON s.campaign_id = c.id
        WHERE c.tenant_id = %(tenant)s AND c.id = ANY(%(campaigns)s)
    )
    UPDATE campaigns c
    SET total_spend_cents = f.spend, impressions = f.impressions, clicks = f.clicks, revenue_cents = f.revenue,
        (conversions, conversions_micros) = ROW ({conversion_columns("f.micros")})
    FROM fresh f
    WHERE c.id = f.id AND c.tenant_id = %(tenant)s
      AND (c.total_spend_cents, c.impressions, c.clicks, c.revenue_cents, {exact_conversions("c")})
          IS DISTINCT FROM (f.spend, f.impressions, f.clicks, f.revenue, f.micros)
"""


def _daily_totals(*, all_days: bool) -> str:
    of_facts, of_totals = ("", "") if all_days else ("AND m.date = ANY(%(dates)s)", "AND d.date = ANY(%(dates)s)")
    return f"""
    WITH fresh AS MATERIALIZED (
        SELECT m.date, c.platform, c.currency, SUM(m.impressions)::bigint AS impressions,
               SUM(m.clicks)::bigint AS clicks, SUM({exact_conversions("m")})::bigint AS micros,
               SUM(m.spend_cents)::bigint AS spend, SUM(m.revenue_cents)::bigint AS revenue
        FROM campaigns c
        JOIN campaign_metrics m ON m.campaign_id = c.id AND m.tenant_id = c.tenant_id
        WHERE c.tenant_id = %(tenant)s AND c.ad_account_id = %(account)s AND c.is_deleted IS NOT TRUE {of_facts}
        GROUP BY m.date, c.platform, c.currency
    ), gone AS (
        DELETE FROM daily_totals d
        WHERE d.tenant_id = %(tenant)s AND d.ad_account_id = %(account)s {of_totals}
          AND NOT EXISTS (
              SELECT FROM fresh f WHERE f.date = d.date AND f.platform = d.platform AND f.currency = d.currency)
        RETURNING 1
    ), written AS (
        INSERT INTO daily_totals AS d (
            tenant_id, ad_account_id, platform, currency, date, impressions, clicks, conversions_micros, spend_cents,
            revenue_cents)
        SELECT %(tenant)s, %(account)s, platform, currency, date, impressions, clicks, micros, spend, revenue
        FROM fresh
        ON CONFLICT (tenant_id, date, ad_account_id, platform, currency) DO UPDATE
        SET impressions = EXCLUDED.impressions, clicks = EXCLUDED.clicks,
            conversions_micros = EXCLUDED.conversions_micros, spend_cents = EXCLUDED.spend_cents,
            revenue_cents = EXCLUDED.revenue_cents
        WHERE (d.impressions, d.clicks, d.conversions_micros, d.spend_cents, d.revenue_cents)
              IS DISTINCT FROM (EXCLUDED.impressions, EXCLUDED.clicks, EXCLUDED.conversions_micros,
                                EXCLUDED.spend_cents, EXCLUDED.revenue_cents)
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM written)
    """
