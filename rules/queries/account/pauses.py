"""What pauses avoided: an estimate of what a stopped campaign would have gone on to spend.

For each pause that took hold: (mean daily spend of the 7 full days before it) × (days stopped) - (what was spent on
those days all the same). Revenue forgone likewise. The days before say how much a campaign spends; nothing says for
how long it would have gone on like that, hence at most 14 days each.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction

from campaigns.choices import CampaignStatus
from rules.queries.account.met import AROUND_DAYS, Books, Clock, Met, Purse, before, span
from rules.queries.account.reading import Ledger, Span
from rules.queries.account.results import Avoided, Pauses

MOST_STOPPED_DAYS = 14
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Stop:
    """A pause with the days that it stopped; days of an earlier pause of the campaign are that one's alone. `holds`:
    it goes on, and more days will come."""

    met: Met
    days: tuple[date, ...]
    holds: bool

    @property
    def spans(self) -> Iterable[Span]:
        yield span(self.met, before(self.met.change_day))
        if self.days:
            yield span(self.met, (self.days[0], self.days[-1]))


@dataclass
class Estimate:
    """Of one pause, in its own currency and in the currency of the sums."""

    spend: Fraction = field(default_factory=Fraction)
    revenue: Fraction = field(default_factory=Fraction)
    spend_summed: Fraction = field(default_factory=Fraction)
    revenue_summed: Fraction = field(default_factory=Fraction)


def stops_of(found: Sequence[Met], ledger: Ledger, clock: Clock) -> list[Stop]:
    """The pauses among what the rule did, the oldest first as given."""
    stops = []
    counted: dict[int, set[date]] = {}
    for met in found:
        change = met.change
        if not met.acted or change is None or change.status != CampaignStatus.PAUSED or not change.fate.took_hold:
            continue
        again = ledger.active_again(met.campaign.pk, change)
        last = _last_day(met, None if again is None else again.astimezone(met.zone).date(), clock)
        taken = counted.setdefault(met.campaign.pk, set())
        days = [day for day in _days(met.change_day + _ONE_DAY, last) if day not in taken]
        taken.update(days)
        at_most = met.change_day + MOST_STOPPED_DAYS * _ONE_DAY
        stops.append(Stop(met, tuple(days), again is None and last == clock.yesterday(met) and last < at_most))
    return stops


def _last_day(met: Met, active_on: date | None, clock: Clock) -> date:
    """The last full day that a pause stopped; before its first one where it stopped none."""
    ends = [met.change_day + MOST_STOPPED_DAYS * _ONE_DAY, clock.yesterday(met)]
    if active_on is not None:
        ends.append(active_on - _ONE_DAY)
    if met.campaign.end_date is not None:
        ends.append(met.campaign.end_date)
    return min(ends)


def _days(first: date, last: date) -> list[date]:
    return [first + number * _ONE_DAY for number in range((last - first).days + 1)]


def estimate(stop: Stop, books: Books) -> Estimate:
    """Each stopped day for itself: days differ in their rate and in what was spent all the same."""
    met, found = stop.met, Estimate()
    sums = books.days.sum(met.campaign.pk, *before(met.change_day))
    spend, revenue = Fraction(sums.spend, AROUND_DAYS), Fraction(sums.revenue, AROUND_DAYS)
    for day in stop.days:
        really = books.days.sum(met.campaign.pk, day, day)
        found.spend += spend - really.spend
        found.revenue += revenue - really.revenue
        found.spend_summed += books.amount(met, day, spend - really.spend)
        found.revenue_summed += books.amount(met, day, revenue - really.revenue)
    return found


def pauses_of(stops: Sequence[Stop], estimates: Sequence[Estimate], books: Books, clock: Clock) -> Pauses:
    totals: dict[str, tuple[Estimate, Purse]] = {books.rates.conversion.target: (Estimate(), Purse())}
    for stop, one in zip(stops, estimates, strict=True):
        total, pace = totals.setdefault(books.currency(stop.met), (Estimate(), Purse()))
        total.spend_summed += one.spend_summed
        total.revenue_summed += one.revenue_summed
        pace.add(books, stop.met, before(stop.met.change_day))
    return Pauses(
        number=len(stops),
        days=sum(len(stop.days) for stop in stops),
        holding=sum(stop.holds for stop in stops),
        settling=sum(is_settling(stop, clock) for stop in stops),
        sums=tuple(
            Avoided(round(total.spend_summed), round(total.revenue_summed), pace.sums(currency))
            for currency, (total, pace) in totals.items()
        ),
    )


def is_settling(stop: Stop, clock: Clock) -> bool:
    """Whether conversions of the days before it still arrive: its revenue forgone still grows then."""
    return clock.is_settling(stop.met, before(stop.met.change_day)[1])
