"""What a rule met: one action (or a campaign left alone for comparison), placed in the days of its ad account."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from fractions import Fraction

from accounts.middleware import zone_or_utc
from campaigns.models import Campaign
from campaigns.queries.completeness import UNKNOWN, Completeness
from rules.choices import Outcome
from rules.conditions.explanations import Explanation
from rules.models import RuleExecution
from rules.queries.account.reading import Change, Days, Ledger, Rates, Span
from rules.queries.account.results import Around, Sums
from rules.queries.activity import change_id_of, explanation_of

# Full days before and after, for every comparison of the account.
AROUND_DAYS = 7
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Met:
    """`day` is the day of the check in the account's zone, `change_day` the one on which the platform had the change
    (the day of the check where it changed none)."""

    row: RuleExecution
    campaign: Campaign
    zone: tzinfo
    explanation: Explanation | None
    change: Change | None

    @property
    def acted(self) -> bool:
        return self.row.outcome == Outcome.ACTED

    @property
    def at(self) -> datetime:
        assert self.row.executed_at is not None  # rows are read by their moment
        return self.row.executed_at

    @property
    def day(self) -> date:
        return self.at.astimezone(self.zone).date()

    @property
    def change_day(self) -> date:
        return self.change.at.astimezone(self.zone).date() if self.change else self.day


def met_of(
    rows: Iterable[RuleExecution], campaigns: Mapping[int, Campaign], ledger: Ledger, workspace_zone: tzinfo
) -> list[Met]:
    """In the order of the rows."""
    found = []
    for row in rows:
        assert row.campaign_id is not None  # says the query
        campaign = campaigns[row.campaign_id]
        zone = zone_or_utc(campaign.ad_account.timezone) if campaign.ad_account else workspace_zone
        change = ledger.changes.get(change_id_of(row) or 0)
        found.append(Met(row, campaign, zone, explanation_of(row), change))
    return found


@dataclass(frozen=True)
class Clock:
    """What is a full day, and what is a complete one, at the moment of asking."""

    now: datetime
    curves: Mapping[int, Completeness]
    _immature_from: dict[int, date | None] = field(default_factory=dict)

    def yesterday(self, met: Met) -> date:
        return self.now.astimezone(met.zone).date() - _ONE_DAY

    def is_settling(self, met: Met, day: date) -> bool:
        """Whether conversions of this day still arrive; False too where nobody knows yet."""
        account_id = met.campaign.ad_account_id or 0
        if account_id not in self._immature_from:
            curve = self.curves.get(account_id, UNKNOWN)
            self._immature_from[account_id] = curve.immature_from(self.yesterday(met) + _ONE_DAY)
        since = self._immature_from[account_id]
        return since is not None and day >= since


def before(day: date) -> tuple[date, date]:
    """The 7 full days before it."""
    return day - AROUND_DAYS * _ONE_DAY, day - _ONE_DAY


def after(day: date) -> tuple[date, date]:
    """The 7 full days after it."""
    return day + _ONE_DAY, day + AROUND_DAYS * _ONE_DAY


def span(met: Met, days: tuple[date, date]) -> Span:
    return Span(met.campaign.pk, *days)


@dataclass(frozen=True)
class Books:
    """The numbers that were read, and the rates by which they are summed."""

    days: Days
    rates: Rates

    def currency(self, met: Met) -> str:
        return self.rates.currency(met.campaign.currency)

    def amount(self, met: Met, day: date, minor: Fraction | int) -> Fraction:
        """An amount of one day in the currency of the sums."""
        return minor * self.rates.factor(met.campaign.currency, day)

    def money(self, met: Met, days: tuple[date, date]) -> tuple[Fraction, Fraction]:
        """Spend and revenue of a span, each day at its own rate."""
        own, (first, last) = met.campaign.currency, days
        if own == self.rates.currency(own):
            sums = self.days.sum(met.campaign.pk, first, last)
            return Fraction(sums.spend), Fraction(sums.revenue)
        spend = revenue = Fraction(0)
        for number in range((last - first).days + 1):
            day = first + number * _ONE_DAY
            sums, factor = self.days.sum(met.campaign.pk, day, day), self.rates.factor(own, day)
            spend, revenue = spend + sums.spend * factor, revenue + sums.revenue * factor
        return spend, revenue


@dataclass
class Purse:
    """Sums of one currency under way; rounded once, half to even, when they are read."""

    number: int = 0
    spend: Fraction = field(default_factory=Fraction)
    revenue: Fraction = field(default_factory=Fraction)
    conversions_micros: int = 0

    def add(self, books: Books, met: Met, days: tuple[date, date]) -> None:
        spend, revenue = books.money(met, days)
        self.number += 1
        self.spend, self.revenue = self.spend + spend, self.revenue + revenue
        self.conversions_micros += books.days.sum(met.campaign.pk, *days).conversions_micros

    def sums(self, currency: str) -> Sums:
        return Sums(currency, round(self.spend), round(self.revenue), self.conversions_micros)


def around(found: Sequence[Met], books: Books) -> tuple[Around, ...]:
    """The 7 days before and after each: the reporting currency first (even where it is empty), then those apart."""
    sides: dict[str, tuple[Purse, Purse]] = {books.rates.conversion.target: (Purse(), Purse())}
    for met in found:
        earlier, later = sides.setdefault(books.currency(met), (Purse(), Purse()))
        earlier.add(books, met, before(met.change_day))
        later.add(books, met, after(met.change_day))
    return tuple(
        Around(earlier.number, earlier.sums(currency), later.sums(currency))
        for currency, (earlier, later) in sides.items()
    )
