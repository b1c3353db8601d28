"""Campaign-days as they were known at a moment.

A value at a moment is what the first later revision of that day says it replaced; without a later one it is the
present value. A day is unknown before its first arrival, and between an undo and its return. One statement, however
many days.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import connection

from campaigns.sql import exact_conversions, hash_joins
from stratum.lib.ratios import Totals
from tenants.context import bound_tenant_id

_VALUES = ("impressions", "clicks", "conversions_micros", "spend_cents", "revenue_cents")


@dataclass(frozen=True, slots=True)
class KnownDay:
    """One campaign-day as known at the moment asked for; money in minor units of the campaign's currency."""

    campaign_id: int
    date: date
    totals: Totals


def known_facts_cte(
    moment: datetime, *, start: date, end: date, campaign_ids: Iterable[int] | None = None, name: str = "known"
) -> tuple[str, dict[str, object]]:
    """`known(campaign_id, date, impressions, clicks, conversions_micros, spend_cents, revenue_cents)` as a common
    table expression with its named parameters: the bound workspace's days from start to end as known at `moment`
    (inclusive), days of deleted campaigns left out. `campaign_ids` narrows it.
    """
    if moment.tzinfo is None:
        raise ValueError("moment needs a time zone.")
    ids = None if campaign_ids is None else list(campaign_ids)
    only = "" if ids is None else "AND x.campaign_id = ANY(%(known_campaigns)s)"
    present = {column: f"m.{column}" for column in _VALUES} | {"conversions_micros": exact_conversions("m")}
    params: dict[str, Any] = {
        "known_tenant": bound_tenant_id(),
        "known_at": moment,
        "known_start": start,
        "known_end": end,
        "known_campaigns": ids,
    }
    values = ", ".join(
        f"CASE WHEN r.id IS NULL THEN {value} ELSE r.old_{column} END AS {column}" for column, value in present.items()
    )
    window = "x.tenant_id = %(known_tenant)s AND x.date BETWEEN %(known_start)s AND %(known_end)s"
    sql = f"""{name} AS (
        SELECT COALESCE(m.campaign_id, r.campaign_id) AS campaign_id, COALESCE(m.date, r.date) AS date, {values}
        FROM (SELECT x.* FROM campaign_metrics x WHERE {window} {only}) m
        FULL JOIN (
            SELECT DISTINCT ON (x.campaign_id, x.date) x.*
            FROM metric_revisions x WHERE {window} {only} AND x.known_at > %(known_at)s
            ORDER BY x.campaign_id, x.date, x.known_at, x.id
        ) r ON r.campaign_id = m.campaign_id AND r.date = m.date
        JOIN campaigns c ON c.tenant_id = %(known_tenant)s AND c.id = COALESCE(m.campaign_id, r.campaign_id)
                        AND c.is_deleted IS NOT TRUE
        WHERE (r.id IS NULL OR r.old_impressions IS NOT NULL)
          AND (m.id IS NULL OR m.first_known_at <= %(known_at)s)
    )"""
    return sql, params


def days_known_at(
    moment: datetime, *, start: date, end: date, campaign_ids: Iterable[int] | None = None
) -> list[KnownDay]:
    """The days themselves, ordered by campaign and date."""
    cte, params = known_facts_cte(moment, start=start, end=end, campaign_ids=campaign_ids)
    rows = _fetch(f"WITH {cte} SELECT campaign_id, date, {_LISTED} FROM known ORDER BY campaign_id, date", params)
    return [KnownDay(row[0], row[1], Totals(*row[2:])) for row in rows]


def campaign_totals_known_at(
    moment: datetime, *, start: date, end: date, campaign_ids: Iterable[int] | None = None
) -> dict[int, Totals]:
    """Sums per campaign over the days; campaigns of which no day was known are left out."""
    cte, params = known_facts_cte(moment, start=start, end=end, campaign_ids=campaign_ids)
    sums = ", ".join(f"SUM({column})::bigint" for column in _VALUES)
    rows = _fetch(f"WITH {cte} SELECT campaign_id, {sums} FROM known GROUP BY campaign_id", params)
    return {row[0]: Totals(*row[1:]) for row in rows}


_LISTED = ", ".join(_VALUES)


def _fetch(sql: str, params: dict[str, Any]) -> Sequence[tuple]:
    with connection.cursor() as cursor, hash_joins():
        cursor.execute(sql, params)
        return cursor.fetchall()
