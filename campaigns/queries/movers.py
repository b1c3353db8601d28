"""What moved: which campaigns account for the change of a figure between two periods, and by which of its parts.

A campaign's contribution to the change of spend, revenue or conversions is its own change; the contributions add up
to the whole. For a ratio R ÷ S (ROAS), the contribution of campaign i is (ΔRᵢ − ratio_before · ΔSᵢ) ÷ S_now: these
also add up to the change of the ratio exactly, since R_now − ratio_before · S_now is the sum of the numerators.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from django.db import connection

from campaigns.queries.conversion import Period, conversion_for
from campaigns.sql import exact_conversions
from stratum.lib.ratios import Totals, ratio
from tenants.context import bound_tenant_id

Metric = Literal["spend", "revenue", "conversions", "roas"]
METRICS: tuple[Metric, ...] = ("spend", "revenue", "conversions", "roas")

_CONTRIBUTIONS: dict[Metric, str] = {
    "spend": "now_spend - was_spend",
    "revenue": "now_revenue - was_revenue",
    "conversions": "now_conversions - was_conversions",
    "roas": """CASE WHEN SUM(was_spend) OVER () > 0 AND SUM(now_spend) OVER () > 0 THEN
        ((now_revenue - was_revenue)
         - (SUM(was_revenue) OVER () / SUM(was_spend) OVER ()) * (now_spend - was_spend))
        / SUM(now_spend) OVER () END""",
}
_PARTS = ("impressions", "clicks", "conversions", "spend", "revenue")

Driver = Literal["started", "stopped", "volume", "price", "value", "rate", "spend", "none"]


@dataclass(frozen=True, slots=True)
class Mover:
    """One campaign's share in a change. `contribution` is in the metric's unit (minor units, conversions, ROAS)."""

    campaign_id: int
    name: str
    platform: str
    status: str
    contribution: Decimal
    now: Totals
    was: Totals

    def driver(self, metric: Metric) -> Driver:
        """The part that moved most.

        spend = impressions × CPM: 'volume' or 'price'; revenue = conversions × value of one: 'volume' or 'value';
        conversions = clicks × CVR: 'volume' or 'rate'; ROAS = revenue ÷ spend: 'value' or 'spend'.
        """
        if not self.was.spend and self.now.spend:
            return "started"
        if self.was.spend and not self.now.spend:
            return "stopped"
        first, second = _parts(metric, self.was, self.now)
        if first is None and second is None:
            return "none"
        names: tuple[Driver, Driver] = {
            "spend": ("volume", "price"),
            "revenue": ("volume", "value"),
            "conversions": ("volume", "rate"),
            "roas": ("value", "spend"),
        }[metric]  # type: ignore[assignment]
        return names[0] if second is None or (first is not None and abs(first) >= abs(second)) else names[1]


def _parts(metric: Metric, was: Totals, now: Totals) -> tuple[float | None, float | None]:
    """Relative changes of the two factors of a metric; infinite from nothing to something, None where unknown."""
    if metric == "spend":
        return _change(was.impressions, now.impressions), _change(was.cpm, now.cpm)
    if metric == "conversions":
        return _change(was.clicks, now.clicks), _change(was.cvr, now.cvr)
    if metric == "roas":
        return _change(was.revenue, now.revenue), _change(was.spend, now.spend)
    worth_before = ratio(was.revenue, was.conversions_micros)
    worth_now = ratio(now.revenue, now.conversions_micros)
    return _change(was.conversions_micros, now.conversions_micros), _change(worth_before, worth_now)


def _change(was: float | int | None, now: float | int | None) -> float | None:
    if was is None or now is None:
        return None
    if not was:
        return math.inf if now else 0.0
    return float(now) / float(was) - 1


@dataclass(frozen=True, slots=True)
class Movement:
    """The change of a metric and the campaigns behind it, largest first. `rest` is what all the others add."""

    metric: Metric
    currency: str
    now: Totals
    was: Totals
    up: Sequence[Mover]
    down: Sequence[Mover]
    rest: Decimal | None
    others: int


def movement(
    metric: Metric,
    target: str,
    current: Period,
    compared: Period,
    *,
    known_by: datetime | None = None,
    each: int = 4,
) -> Movement:
    """The `each` campaigns that raised the metric most and those that lowered it most, in currency `target`.

    `known_by` compares like with like: days of the compared period count as they were known at that moment, so that
    conversions which arrived since do not make the newer period look bad. A day that was not known yet then counts
    as it is now. One grouped statement; campaigns of currencies without a rate take no part.
    """
    conversion = conversion_for(target, [current, compared])
    sums = ", ".join(
        f"COALESCE(SUM({_part(part)}) FILTER (WHERE f.is_now IS {flag}), 0) AS {when}_{part}"
        for when, flag in (("now", "TRUE"), ("was", "FALSE"))
        for part in _PARTS
    )
    sql = f"""
        WITH {conversion.named_cte},
        facts AS ({_facts(known_by)}),
        sums AS (
            SELECT f.campaign_id, {sums}
            FROM facts f
            JOIN campaigns c ON c.tenant_id = %(tenant)s AND c.id = f.campaign_id AND c.is_deleted IS NOT TRUE
            LEFT JOIN rate ON rate.currency = c.currency AND rate.date = f.date
            WHERE c.currency = %(target)s OR rate.factor IS NOT NULL
            GROUP BY f.campaign_id
        ),
        shares AS (SELECT *, ({_CONTRIBUTIONS[metric]})::numeric AS contribution FROM sums),
        ranked AS (
            SELECT *, row_number() OVER (ORDER BY contribution DESC NULLS LAST, campaign_id) AS from_top,
                   row_number() OVER (ORDER BY contribution ASC NULLS LAST, campaign_id) AS from_bottom,
                   count(*) OVER () AS campaigns, SUM(contribution) OVER () AS whole,
                   {", ".join(f"SUM({w}_{p}) OVER () AS all_{w}_{p}" for w in ("now", "was") for p in _PARTS)}
            FROM shares
        )
        SELECT ranked.*, c.name, c.platform, c.status FROM ranked
        JOIN campaigns c ON c.tenant_id = %(tenant)s AND c.id = ranked.campaign_id
        WHERE from_top <= %(each)s OR from_bottom <= %(each)s
        ORDER BY contribution DESC NULLS LAST, campaign_id
    """
    params: dict[str, Any] = {
        **conversion.named_params,
        "tenant": bound_tenant_id(),
        "target": target,
        "now_start": current[0],
        "now_end": current[1],
        "was_start": compared[0],
        "was_end": compared[1],
        "known_by": known_by,
        "each": each,
    }
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        names = [column.name for column in cursor.description]
        found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return _movement(metric, target, found, each)


_VALUES = ("impressions", "clicks", "conversions_micros", "spend_cents", "revenue_cents")


def _facts(known_by: datetime | None) -> str:
    """Days of both periods, those of the compared one as they were known at %(known_by)s where that is given."""
    present = {name: f"m.{name}" for name in _VALUES} | {"conversions_micros": exact_conversions("m")}
    now = ", ".join(f"{value} AS {name}" for name, value in present.items())
    if known_by is None:
        was, join = now, ""
    else:
        was = ", ".join(f"COALESCE(r.old_{name}, {value}) AS {name}" for name, value in present.items())
        join = """LEFT JOIN (
            SELECT DISTINCT ON (x.campaign_id, x.date) x.* FROM metric_revisions x
            WHERE x.tenant_id = %(tenant)s AND x.known_at > %(known_by)s
              AND x.date BETWEEN %(was_start)s AND %(was_end)s AND x.old_impressions IS NOT NULL
            ORDER BY x.campaign_id, x.date, x.known_at, x.id
        ) r ON r.campaign_id = m.campaign_id AND r.date = m.date AND m.first_known_at <= %(known_by)s"""
    return f"""
        SELECT m.campaign_id, m.date, TRUE AS is_now, {now} FROM campaign_metrics m
        WHERE m.tenant_id = %(tenant)s AND m.date BETWEEN %(now_start)s AND %(now_end)s
        UNION ALL
        SELECT m.campaign_id, m.date, FALSE, {was} FROM campaign_metrics m {join}
        WHERE m.tenant_id = %(tenant)s AND m.date BETWEEN %(was_start)s AND %(was_end)s
    """


def _part(part: str) -> str:
    if part in ("spend", "revenue"):
        return f"f.{part}_cents * COALESCE(rate.factor, 1)"
    return "f.conversions_micros" if part == "conversions" else f"f.{part}"


def _movement(metric: Metric, target: str, found: list[dict], each: int) -> Movement:
    if not found:
        return Movement(metric, target, Totals(), Totals(), (), (), None, 0)
    movers = [_mover(row, metric) for row in found if row["contribution"]]
    up = [mover for mover in movers if mover.contribution > 0][:each]
    down = [mover for mover in reversed(movers) if mover.contribution < 0][:each]
    whole = found[0]["whole"]
    unit = Decimal(1_000_000) if metric == "conversions" else Decimal(1)
    shown = sum((mover.contribution for mover in (*up, *down)), Decimal(0))
    return Movement(
        metric,
        target,
        _totals(found[0], "all_now_"),
        _totals(found[0], "all_was_"),
        up,
        down,
        None if whole is None else whole / unit - shown,
        found[0]["campaigns"] - len(up) - len(down),
    )


def _mover(row: dict, metric: Metric) -> Mover:
    unit = Decimal(1_000_000) if metric == "conversions" else Decimal(1)
    return Mover(
        row["campaign_id"], row["name"], row["platform"], row["status"], row["contribution"] / unit,
        _totals(row, "now_"), _totals(row, "was_"),
    )  # fmt: skip


def _totals(row: dict, prefix: str) -> Totals:
    impressions, clicks, conversions, spend, revenue = (row[f"{prefix}{part}"] or 0 for part in _PARTS)
    return Totals(int(impressions), int(clicks), int(conversions), round(spend), round(revenue))
