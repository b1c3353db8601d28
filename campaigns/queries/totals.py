"""Sums of the workspace per day and platform, from the daily roll-up, in the reporting currency.

A home page's figures, charts and platform split come out of one grouped statement: a few hundred rows whatever the
number of campaigns. Sums stay exact until the end and are rounded once, so that every screen shows the same figure.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db import connection
from django.utils import timezone

from campaigns.models import Campaign
from campaigns.queries.alike import Late, known_then, late_arrivals
from campaigns.queries.comparability import COMPARABLE, Comparability, comparability
from campaigns.queries.conversion import Conversion, Period, RateSpan, conversion_for
from stratum.lib.ratios import Totals
from tenants.context import bound_tenant_id


@dataclass(slots=True)
class ExactSums:
    """Sums under construction. Money in minor units of the reporting currency, not yet rounded."""

    impressions: int = 0
    clicks: int = 0
    conversions_micros: int = 0
    spend: Decimal = Decimal(0)
    revenue: Decimal = Decimal(0)

    def add(self, impressions: int, clicks: int, conversions_micros: int, spend: Decimal, revenue: Decimal) -> None:
        self.impressions += int(impressions)
        self.clicks += int(clicks)
        self.conversions_micros += int(conversions_micros)
        self.spend += spend
        self.revenue += revenue

    def without(self, late: Late) -> "ExactSums":
        """What is left when later arrivals are taken away."""
        return ExactSums(
            self.impressions - late.impressions,
            self.clicks - late.clicks,
            self.conversions_micros - late.conversions_micros,
            self.spend - late.spend,
            self.revenue - late.revenue,
        )

    @property
    def rounded(self) -> Totals:
        return Totals(self.impressions, self.clicks, self.conversions_micros, round(self.spend), round(self.revenue))


@dataclass(frozen=True, slots=True)
class PeriodTotals:
    """One period: its sums, and the sums of its days and platforms. A day without any row is None, not zero."""

    start: date
    end: date
    totals: Totals
    days: tuple[Totals | None, ...]
    platforms: dict[str, Totals]
    platform_days: dict[str, tuple[Totals | None, ...]]

    @property
    def has_numbers(self) -> bool:
        return any(day is not None for day in self.days)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Campaigns left out because their currency has no rate in the period."""

    currency: str
    campaigns: int


@dataclass(frozen=True, slots=True)
class WorkspaceTotals:
    """Sums of a period and of the one it is compared with, and how they were converted.

    `before` are the compared sums as they were known when that period was as young as the current one is now
    (campaigns.queries.alike): what a change is measured against. `compared` stands as it is known today.
    """

    currency: str
    current: PeriodTotals
    compared: PeriodTotals | None
    before: Totals | None
    rates: tuple[RateSpan, ...]
    refused: tuple[Refusal, ...]
    comparability: Comparability = COMPARABLE


@dataclass(slots=True)
class _Collected:
    total: ExactSums = field(default_factory=ExactSums)
    days: dict[date, ExactSums] = field(default_factory=dict)
    platforms: dict[str, ExactSums] = field(default_factory=dict)
    platform_days: dict[tuple[str, date], ExactSums] = field(default_factory=dict)

    def add(self, day: date, platform: str, sums: Sequence) -> None:
        self.total.add(*sums)
        self.days.setdefault(day, ExactSums()).add(*sums)
        self.platforms.setdefault(platform, ExactSums()).add(*sums)
        self.platform_days.setdefault((platform, day), ExactSums()).add(*sums)

    def of_period(self, start: date, end: date) -> PeriodTotals:
        dates = [start + timedelta(days=offset) for offset in range((end - start).days + 1)]
        return PeriodTotals(
            start,
            end,
            self.total.rounded,
            tuple(_rounded(self.days.get(day)) for day in dates),
            {platform: sums.rounded for platform, sums in sorted(self.platforms.items())},
            {
                platform: tuple(_rounded(self.platform_days.get((platform, day))) for day in dates)
                for platform in sorted(self.platforms)
            },
        )


def _rounded(sums: ExactSums | None) -> Totals | None:
    return None if sums is None else sums.rounded


def workspace_totals(
    target: str, current: Period, compared: Period | None = None, *, now: datetime | None = None
) -> WorkspaceTotals:
    """Sums over all campaigns in currency `target`: a few statements on the roll-up."""
    periods = [current] if compared is None else [current, compared]
    conversion = conversion_for(target, periods)
    collected = [_Collected() for _period in periods]
    for day, platform, *sums in _rows(conversion, periods):
        for period, sink in zip(periods, collected, strict=True):
            if period[0] <= day <= period[1]:
                sink.add(day, platform, sums)
    before = None
    if compared is not None:
        late = late_arrivals(conversion, compared, known_then(current, compared, now or timezone.now()))
        before = collected[1].total.without(late).rounded
    return WorkspaceTotals(
        currency=target,
        current=collected[0].of_period(*current),
        compared=collected[1].of_period(*compared) if compared else None,
        before=before,
        rates=conversion.spans,
        refused=refusals(conversion.refused[0], current),
        comparability=_comparability(collected, conversion),
    )


def _comparability(collected: Sequence[_Collected], conversion: Conversion) -> Comparability:
    if len(collected) == 1:
        return COMPARABLE
    return comparability(len(collected[0].days), len(collected[1].days), conversion)


def _rows(conversion: Conversion, periods: Iterable[Period]) -> list[tuple]:
    windows = list(periods)
    days = " OR ".join(["t.date BETWEEN %s AND %s"] * len(windows))
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH {conversion.cte}
            SELECT t.date, t.platform, SUM(t.impressions), SUM(t.clicks), SUM(t.conversions_micros),
                   SUM(t.spend_cents * COALESCE(rate.factor, 1)), SUM(t.revenue_cents * COALESCE(rate.factor, 1))
            FROM daily_totals t
            LEFT JOIN rate ON rate.currency = t.currency AND rate.date = t.date
            WHERE t.tenant_id = %s AND ({days}) AND (t.currency = %s OR rate.factor IS NOT NULL)
            GROUP BY t.date, t.platform
            """,
            [
                *conversion.cte_params,
                bound_tenant_id(),
                *(day for window in windows for day in window),
                conversion.target,
            ],
        )
        return cursor.fetchall()


def refusals(
    currencies: Iterable[str], period: Period, campaign_ids: Sequence[int] | None = None
) -> tuple[Refusal, ...]:
    """How many campaigns with numbers in the period are left out, by currency; `campaign_ids` narrows it. No query
    when none is."""
    refused = sorted(currencies)
    if not refused:
        return ()
    only = "" if campaign_ids is None else "AND c.id = ANY(%s)"
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT c.currency, count(*) FROM campaigns c
            WHERE c.tenant_id = %s AND c.currency = ANY(%s) AND c.is_deleted IS NOT TRUE {only}
              AND EXISTS (SELECT FROM campaign_metrics m WHERE m.campaign_id = c.id AND m.date BETWEEN %s AND %s)
            GROUP BY c.currency ORDER BY c.currency
            """,
            [bound_tenant_id(), refused, *([] if campaign_ids is None else [list(campaign_ids)]), *period],
        )
        return tuple(Refusal(currency, count) for currency, count in cursor.fetchall())


def has_campaigns() -> bool:
    return Campaign.objects.exists()
