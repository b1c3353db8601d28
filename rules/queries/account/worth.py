"""The account of one rule over a span of days, in a fixed number of statements however often it acted."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo

from campaigns.queries.completeness import completeness_by_account
from campaigns.queries.conversion import conversion_for
from rules.queries.account.later import Difference, Figure, difference, figures_of, later_of, verdicts_of
from rules.queries.account.met import Books, Clock, Met, after, around, before, met_of, span
from rules.queries.account.pauses import Estimate, Stop, estimate, is_settling, pauses_of, stops_of
from rules.queries.account.reading import (
    MOST_ACTIONS,
    Ledger,
    Rates,
    Span,
    actions_read,
    campaigns_read,
    counts_read,
    days_read,
    ledger_read,
    met_before,
)
from rules.queries.account.results import AccountAction, Comparison, RuleAccount, Side
from rules.queries.activity import change_id_of
from rules.queries.replay import Verdict

_ONE_DAY = timedelta(days=1)


def rule_account(rule_id: int, *, start: date, end: date, zone: tzinfo, now: datetime, currency: str) -> RuleAccount:
    """What the rule did from start to end (both included, days of `zone`, the workspace's) and what came of it until
    `now`, with money in `currency` where the days have rates."""
    since, until = (datetime.combine(day, time(), zone) for day in (start, end + _ONE_DAY))
    rows = actions_read(rule_id, since=since, until=until)
    kept = rows[:MOST_ACTIONS][::-1]
    changes = [made for row in kept if (made := change_id_of(row)) is not None]
    campaigns = campaigns_read({row.campaign_id for row in kept if row.campaign_id})
    ledger = ledger_read(changes, campaigns, since=since)
    found = met_of(kept, campaigns, ledger, zone)
    desk = _Desk.of(found, ledger, Clock(now, completeness_by_account(now) if found else {}), rule_id, since, currency)
    return RuleAccount(
        counts=counts_read(rule_id, since=since, until=until),
        actions=tuple(desk.actions()),
        pauses=pauses_of(desk.stops, desk.estimates, desk.books, desk.clock),
        later=later_of(desk.figures, desk.differences, desk.verdicts, desk.books, desk.clock),
        raised=desk.side(desk.raised),
        lowered=desk.side(desk.lowered),
        comparison=desk.comparison(),
        is_cut=len(rows) > MOST_ACTIONS,
        rates=desk.books.rates.conversion.spans,
        apart=tuple(sorted(desk.books.rates.apart)),
    )


@dataclass(frozen=True)
class _Desk:
    """Everything that was read, and what was made of each action; all in order of time."""

    found: Sequence[Met]
    clock: Clock
    books: Books
    stops: Sequence[Stop]
    estimates: Sequence[Estimate]
    figures: Sequence[Figure]
    differences: Sequence[Difference]
    verdicts: Mapping[int, Verdict]
    raised: Sequence[Met]
    lowered: Sequence[Met]
    # None: the rule held nobody out in these days.
    compared: tuple[Sequence[Met], Sequence[Met]] | None

    @classmethod
    def of(
        cls, found: Sequence[Met], ledger: Ledger, clock: Clock, rule_id: int, since: datetime, currency: str
    ) -> "_Desk":
        stops, figures = stops_of(found, ledger, clock), figures_of(found)
        raised = [met for met in found if _moved(met, lambda old, new: new > old)]
        lowered = [met for met in found if _moved(met, lambda old, new: new < old)]
        compared = _compared(found, rule_id, since)
        summed = [*raised, *lowered, *(met for side in compared or () for met in side)]
        money = [one for stop in stops for one in stop.spans] + _around_spans(summed, clock)
        read = days_read([*money, *(figure.span for figure in figures)])
        ends = [Span(figure.met.campaign.pk, figure.days[1], figure.days[1]) for figure in figures]
        books = Books(read, _rates(found, [*money, *ends], currency))
        return cls(
            found=found,
            clock=clock,
            books=books,
            stops=stops,
            estimates=[estimate(stop, books) for stop in stops],
            figures=figures,
            differences=[difference(figure, books) for figure in figures],
            verdicts=verdicts_of(figures, books, clock.now),
            raised=raised,
            lowered=lowered,
            compared=compared,
        )

    def side(self, some: Sequence[Met]) -> Side:
        """The 7 days before and after each of them, where those after are over."""
        over = [met for met in some if _is_over(met, self.clock)]
        settling = sum(self.clock.is_settling(met, after(met.change_day)[1]) for met in over)
        return Side(len(some) - len(over), settling, around(over, self.books))

    def comparison(self) -> Comparison | None:
        return None if self.compared is None else Comparison(*(self.side(some) for some in self.compared))

    def actions(self) -> Iterable[AccountAction]:
        """The newest first."""
        stops = {stop.met.row.pk: (stop, one) for stop, one in zip(self.stops, self.estimates, strict=True)}
        later = {
            figure.met.row.pk: (figure, one) for figure, one in zip(self.figures, self.differences, strict=True)
        }  # fmt: skip
        for met in reversed(self.found):
            if met.acted:
                yield self._action(met, stops.get(met.row.pk), later.get(met.row.pk))

    def _action(
        self, met: Met, stopped: tuple[Stop, Estimate] | None, later: tuple[Figure, Difference] | None
    ) -> AccountAction:
        stop, avoided = stopped or (None, None)
        figure, more = later or (None, Difference(None, None))
        settling = [stop is not None and is_settling(stop, self.clock)]
        settling.append(figure is not None and self.clock.is_settling(met, figure.days[1]))
        return AccountAction(
            execution_id=met.row.pk,
            campaign_id=met.campaign.pk,
            name=met.campaign.name,
            platform=met.campaign.platform,
            currency=met.campaign.currency,
            at=met.at,
            day=met.day,
            did=met.row.action_result if isinstance(met.row.action_result, dict) else {},
            fate=met.change.fate if met.change else None,
            stopped_days=len(stop.days) if stop else None,
            spend_avoided=round(avoided.spend) if avoided else None,
            revenue_forgone=round(avoided.revenue) if avoided else None,
            worth=avoided.spend_summed if avoided else None,
            later_conversions=more.conversions,
            later_revenue=more.revenue,
            verdict=self.verdicts.get(met.row.pk),
            settling=any(settling),
        )


def _moved(met: Met, compare: Callable[[int, int], bool]) -> bool:
    """Whether an action moved a budget this way on its platform."""
    change = met.change
    if not met.acted or change is None or not change.fate.took_hold:
        return False
    return (
        change.old_budget is not None
        and change.new_budget is not None
        and compare(change.old_budget, change.new_budget)
    )


def _compared(found: Sequence[Met], rule_id: int, since: datetime) -> tuple[Sequence[Met], Sequence[Met]] | None:
    """Campaigns that the rule acted on and those that it held out, each when it met them for the first time.

    Left out: those that it knew from before these days, whose days before are no 'before' any more, and those that
    changed sides because the group's size was changed. Whether a change took hold does not matter: who would be
    sorted out for that could not be sorted out on the other side.
    """
    firsts: dict[bool, dict[int, Met]] = {True: {}, False: {}}
    for met in found:
        firsts[met.acted].setdefault(met.campaign.pk, met)
    acted, held_out = firsts[True], firsts[False]
    if not held_out:
        return None
    apart = (acted.keys() & held_out.keys()) | met_before(rule_id, acted.keys() | held_out.keys(), since=since)
    sides = ([met for pk, met in side.items() if pk not in apart] for side in (acted, held_out))
    return next(sides), next(sides)


def _is_over(met: Met, clock: Clock) -> bool:
    return after(met.change_day)[1] <= clock.yesterday(met)


def _around_spans(some: Iterable[Met], clock: Clock) -> list[Span]:
    over = [met for met in some if _is_over(met, clock)]
    return [span(met, (before(met.change_day)[0], after(met.change_day)[1])) for met in over]


def _rates(found: Iterable[Met], spans: Sequence[Span], target: str) -> Rates:
    """Of the days whose amounts are summed; no statement where all is in one currency."""
    if not spans:
        return Rates(conversion_for(target, [(date.min, date.min)], []))
    days = min(span.first for span in spans), max(span.last for span in spans)
    return Rates(conversion_for(target, [days], sorted({met.campaign.currency for met in found})))
