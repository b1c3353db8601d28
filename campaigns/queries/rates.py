"""Single amounts in another currency, by the day's rate. Sums in SQL go through campaigns.queries.conversion.

An amount whose currency has no rate on or shortly before its day is refused: it is never added as if it were 1:1.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from campaigns.models import ExchangeRate
from campaigns.queries.conversion import EURO, MAX_RATE_AGE
from stratum.lib.money import convert


class NoRate(Exception):
    """There is no rate for this currency on or shortly before this day."""

    def __init__(self, currency: str, day: date):
        super().__init__(f"no rate for {currency} on {day}")
        self.currency = currency
        self.day = day


@dataclass(frozen=True, slots=True)
class _Series:
    """Rates of one currency, days ascending."""

    days: list[date]
    per_euro: list[Decimal]

    def on(self, day: date) -> Decimal | None:
        """The newest rate on or before the day, at most a week old."""
        position = bisect_right(self.days, day) - 1
        if position < 0 or day - self.days[position] > MAX_RATE_AGE:
            return None
        return self.per_euro[position]


class Converter:
    """Minor units of any currency in minor units of `target`. One query, when it is made."""

    def __init__(self, target: str, dates: Iterable[date], currencies: Iterable[str] | None = None):
        """`dates` are the days that will be asked for, `currencies` those that will be (None: all there are)."""
        self.target = target
        days = set(dates)
        self._series: dict[str, _Series] = {}
        if days:
            self._load(min(days), max(days), None if currencies is None else {*currencies, target})

    def _load(self, first: date, last: date, currencies: set[str] | None) -> None:
        rows = ExchangeRate.objects.filter(date__gte=first - MAX_RATE_AGE, date__lte=last)
        if currencies is not None:
            rows = rows.filter(currency__in=currencies)
        for currency, day, per_euro in rows.order_by("date").values_list("currency", "date", "per_euro"):
            series = self._series.setdefault(currency, _Series([], []))
            series.days.append(day)
            series.per_euro.append(per_euro)

    def per_euro(self, currency: str, day: date) -> Decimal | None:
        """How many units of the currency one euro buys that day; None without a rate."""
        if currency == EURO:
            return Decimal(1)
        series = self._series.get(currency)
        return series.on(day) if series else None

    def convert(self, minor: int, currency: str, day: date) -> int:
        """The amount in minor units of the target, rounded once, half to even. NoRate when it must be refused."""
        if currency == self.target:
            return minor
        source, target = self.per_euro(currency, day), self.per_euro(self.target, day)
        if source is None:
            raise NoRate(currency, day)
        if target is None:
            raise NoRate(self.target, day)
        return convert(minor, currency, self.target, source_per_euro=source, target_per_euro=target)
