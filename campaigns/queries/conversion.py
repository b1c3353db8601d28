"""Sums over several currencies: the day's factor of each into the reporting currency, and who is refused.

A currency takes part in a period when every day of it has a rate that is at most a week old; otherwise all its rows
of that period are left out and named. Figures are never added across currencies without a rate.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection

from campaigns.models import ExchangeRate
from stratum.lib.money import decimals
from tenants.context import bound_tenant_id

EURO = "EUR"
# The ECB publishes on working days; over the longest run of holidays a rate is a few days old.
MAX_RATE_AGE = timedelta(days=7)
_PLACES = Decimal("1e-18")

Period = tuple[date, date]


@dataclass(frozen=True, slots=True)
class RateSpan:
    """The rates by which one currency was converted: units of the target per unit, lowest and highest of the days."""

    currency: str
    lowest: Decimal
    highest: Decimal
    newest: date


@dataclass(frozen=True, slots=True)
class Conversion:
    """Factors from minor units of a currency to minor units of `target`, by day.

    `spans` are the rates used; `refused` the currencies without a rate, per period in the order asked for.
    """

    target: str
    factors: dict[tuple[str, date], Decimal]
    spans: tuple[RateSpan, ...]
    refused: tuple[frozenset[str], ...]

    @property
    def converts(self) -> bool:
        return bool(self.spans)

    def factor(self, currency: str, day: date) -> Decimal | None:
        """None: no rate, the row does not take part."""
        return Decimal(1) if currency == self.target else self.factors.get((currency, day))

    @property
    def cte(self) -> str:
        """`rate(currency, date, factor)` as a common table expression; its parameters are `cte_params`."""
        return (
            "rate AS MATERIALIZED (SELECT * FROM unnest(%s::text[], %s::date[], %s::numeric[])"
            " AS rate(currency, date, factor))"
        )

    @property
    def cte_params(self) -> list[list[Any]]:
        pairs = list(self.factors)
        return [[pair[0] for pair in pairs], [pair[1] for pair in pairs], list(self.factors.values())]

    @property
    def named_cte(self) -> str:
        """The same for statements with named parameters: `named_params`."""
        return (
            self.cte.replace("%s", "%(rate_currencies)s", 1)
            .replace("%s", "%(rate_days)s", 1)
            .replace("%s", "%(rate_factors)s", 1)
        )

    @property
    def named_params(self) -> dict[str, list[Any]]:
        return dict(zip(("rate_currencies", "rate_days", "rate_factors"), self.cte_params, strict=True))


def currencies_between(periods: Iterable[Period], campaign_ids: Sequence[int] | None = None) -> list[str]:
    """Currencies that have numbers on these days; `campaign_ids` narrows it. One statement."""
    windows = list(periods)
    days = " OR ".join(["date BETWEEN %s AND %s"] * len(windows))
    edges = [day for window in windows for day in window]
    params: list[Any] = [bound_tenant_id(), *edges]
    if campaign_ids is None:
        sql = f"SELECT DISTINCT currency FROM daily_totals WHERE tenant_id = %s AND ({days}) ORDER BY currency"
    else:
        # The roll-up knows no campaigns.
        sql = f"""
            SELECT DISTINCT c.currency FROM campaigns c
            WHERE c.tenant_id = %s AND c.id = ANY(%s)
              AND EXISTS (SELECT FROM campaign_metrics m WHERE m.campaign_id = c.id AND ({days}))
            ORDER BY c.currency
            """
        params = [bound_tenant_id(), list(campaign_ids), *edges]
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return [row[0] for row in cursor.fetchall()]


def conversion_for(target: str, periods: Sequence[Period], currencies: Sequence[str] | None = None) -> Conversion:
    """How the numbers of these periods become `target`. One query when they are all in it already, else two."""
    found = currencies_between(periods) if currencies is None else currencies
    others = sorted(set(found) - {target})
    if not others:
        return Conversion(target, {}, (), tuple(frozenset() for _period in periods))
    known = _rates([*others, target], periods)
    factors: dict[tuple[str, date], Decimal] = {}
    refused = []
    for start, end in periods:
        without = set()
        for currency in others:
            of_period = _factors(currency, target, known, start, end)
            if of_period is None:
                without.add(currency)
            else:
                factors |= of_period
        refused.append(frozenset(without))
    return Conversion(target, factors, _spans(factors, target), tuple(refused))


def _rates(currencies: Sequence[str], periods: Sequence[Period]) -> dict[str, list[tuple[date, Decimal]]]:
    first = min(start for start, _end in periods) - MAX_RATE_AGE
    last = max(end for _start, end in periods)
    rates: dict[str, list[tuple[date, Decimal]]] = {currency: [] for currency in currencies}
    rows = ExchangeRate.objects.filter(currency__in=currencies, date__gte=first, date__lte=last)
    for currency, day, per_euro in rows.order_by("date").values_list("currency", "date", "per_euro"):
        rates[currency].append((day, per_euro))
    return rates


def _factors(
    currency: str, target: str, known: dict[str, list[tuple[date, Decimal]]], start: date, end: date
) -> dict[tuple[str, date], Decimal] | None:
    """One factor per day, or None when a day has no rate."""
    scale = Decimal(10) ** (decimals(target) - decimals(currency))
    sources = _by_day(currency, known, start, end)
    targets = _by_day(target, known, start, end)
    if sources is None or targets is None:
        return None
    return {(currency, day): (targets[day] / sources[day] * scale).quantize(_PLACES) for day in sources}


def _by_day(
    currency: str, known: dict[str, list[tuple[date, Decimal]]], start: date, end: date
) -> dict[date, Decimal] | None:
    """The newest rate on or before each day, at most MAX_RATE_AGE old."""
    days = [start + timedelta(days=offset) for offset in range((end - start).days + 1)]
    if currency == EURO:
        return dict.fromkeys(days, Decimal(1))
    rates = known[currency]
    position, found = -1, {}
    for day in days:
        while position + 1 < len(rates) and rates[position + 1][0] <= day:
            position += 1
        if position < 0 or day - rates[position][0] > MAX_RATE_AGE:
            return None
        found[day] = rates[position][1]
    return found


def _spans(factors: dict[tuple[str, date], Decimal], target: str) -> tuple[RateSpan, ...]:
    by_currency: dict[str, list[tuple[date, Decimal]]] = {}
    for (currency, day), factor in factors.items():
        by_currency.setdefault(currency, []).append((day, factor))
    spans = []
    for currency, days in sorted(by_currency.items()):
        unit = Decimal(10) ** (decimals(currency) - decimals(target))
        rates = [factor * unit for _day, factor in days]
        spans.append(RateSpan(currency, min(rates), max(rates), max(day for day, _factor in days)))
    return tuple(spans)
