"""What came in after an action for the days that it was decided by, and whether the rule would still act on them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction

import numpy as np

from rules.choices import Operator
from rules.conditions import Condition, ConditionError, parse_condition, parse_tree
from rules.conditions.explanations import Explanation
from rules.conditions.parsing import Range
from rules.conditions.windows import HOURS_PER_DAY
from rules.queries.account.met import Books, Clock, Met, span
from rules.queries.account.reading import Span
from rules.queries.account.results import Later, LaterRevenue
from rules.queries.facts import CampaignFacts, most
from rules.queries.matching import read
from rules.queries.replay import Verdict
from stratum.lib.ratios import Totals


@dataclass(frozen=True, slots=True)
class Figure:
    """The sums that one action was decided by, over full days of its account."""

    met: Met
    explanation: Explanation
    days: tuple[date, date]

    @property
    def span(self) -> Span:
        return span(self.met, self.days)

    def more(self, part: str, now: int) -> int | None:
        """Now less then; None where the figure does not stand on this sum."""
        return now - self.explanation.parts[part] if part in self.explanation.parts else None


@dataclass(frozen=True, slots=True)
class Difference:
    """`conversions` × 1,000,000, `revenue` in minor units. None: no part of the figure."""

    conversions: int | None
    revenue: int | None


def figures_of(found: Iterable[Met]) -> list[Figure]:
    """Of the test that decided. Figures without full days behind them (a status, the running day) have none."""
    figures = []
    for met in found:
        one = met.explanation
        if not met.acted or one is None or one.window is None or not one.parts:
            continue
        days = date.fromisoformat(one.window.start), date.fromisoformat(one.window.end)
        if days[1] < met.day:
            figures.append(Figure(met, one, days))
    return figures


def difference(figure: Figure, books: Books) -> Difference:
    now = books.days.sum(figure.met.campaign.pk, *figure.days)
    return Difference(
        figure.more("conversions_micros", now.conversions_micros), figure.more("revenue_cents", now.revenue)
    )


def later_of(
    figures: Sequence[Figure],
    differences: Sequence[Difference],
    verdicts: Mapping[int, Verdict],
    books: Books,
    clock: Clock,
) -> Later:
    """Figures in order of time. Windows of one campaign that share a day are counted by their first one."""
    compared = _apart(figures, differences)
    micros = [one.conversions for _figure, one in compared if one.conversions is not None]
    revenue: dict[str, list[Fraction]] = {books.rates.conversion.target: [Fraction(0), Fraction(0)]}
    for figure, one in compared:
        sums = revenue.setdefault(books.currency(figure.met), [Fraction(0), Fraction(0)])
        # On which of the days it arrived is not kept: all of it counts at the rate of the last one.
        amount = books.amount(figure.met, figure.days[1], one.revenue or 0)
        sums[amount < 0] += abs(amount)
    return Later(
        compared=len(compared),
        on_conversions=len(micros),
        on_revenue=sum(one.revenue is not None for _figure, one in compared),
        came_micros=sum(more for more in micros if more > 0),
        gone_micros=-sum(more for more in micros if more < 0),
        revenue=tuple(LaterRevenue(currency, *map(round, sums)) for currency, sums in revenue.items()),
        judged=len(verdicts),
        wrong=sum(verdict is Verdict.WRONG for verdict in verdicts.values()),
        settling=sum(clock.is_settling(figure.met, figure.days[1]) for figure in figures),
    )


def _apart(figures: Sequence[Figure], differences: Sequence[Difference]) -> list[tuple[Figure, Difference]]:
    """Those that stand on conversions or revenue, of each campaign so that no day is among them twice."""
    ends: dict[int, date] = {}
    kept = []
    for figure, one in zip(figures, differences, strict=True):
        if one.conversions is None and one.revenue is None:
            continue
        campaign_id = figure.met.campaign.pk
        if campaign_id not in ends or figure.days[0] > ends[campaign_id]:
            ends[campaign_id] = figure.days[1]
            kept.append((figure, one))
    return kept


# --- Would it still act? --------------------------------------------------------------------------------------


def verdicts_of(figures: Iterable[Figure], books: Books, now: datetime) -> dict[int, Verdict]:
    """Execution id → whether its one test holds on the numbers of today, by the evaluator that rules run by.

    Left out: conditions of several tests, and tests against another figure, an average, a rank or the time before.
    """
    alike: dict[str, list[Figure]] = {}
    for figure in figures:
        if not figure.explanation.also:
            alike.setdefault(_key(figure.explanation), []).append(figure)
    verdicts = {}
    for group in alike.values():
        test = _test(group[0].explanation)
        if test is None:
            continue
        matched = read(test, _facts(test, group, books, now)).matched
        for figure, holds in zip(group, matched.tolist(), strict=True):
            verdicts[figure.met.row.pk] = Verdict.RIGHT if holds else Verdict.WRONG
    return verdicts


def _key(explanation: Explanation) -> str:
    days = explanation.window.days if explanation.window else 0
    test = [explanation.field, explanation.operator, explanation.needed, days, dict(explanation.test)]
    return json.dumps(test, sort_keys=True)


def _test(explanation: Explanation) -> Condition | None:
    """The test as it was asked then; None for those that more than the window's sums decide."""
    assert explanation.window is not None  # says figures_of
    try:
        if explanation.test:
            node = parse_tree(explanation.test)
        else:
            node = parse_condition({
                "field": explanation.field,
                "operator": explanation.operator,
                "value": explanation.needed,
                "duration_hours": explanation.window.days * HOURS_PER_DAY,
            })  # fmt: skip
    except ConditionError:
        return None  # a field or an operator of another version of the product
    if not isinstance(node, Condition) or node.each_day:
        return None
    plain = node.right is None and isinstance(node.operator, Operator)
    return node if plain or isinstance(node.right, Range) else None


def _facts(test: Condition, group: Sequence[Figure], books: Books, now: datetime) -> CampaignFacts:
    """Each action as if it were a campaign, with the sums of its days as they are now. What the test does not ask
    about is left empty."""
    assert test.window is not None
    assert test.field.quotient is not None  # figures have parts
    totals = [books.days.sum(figure.met.campaign.pk, *figure.days) for figure in group]
    count = len(group)
    facts = CampaignFacts(
        now=now,
        ids=np.arange(count),
        names=[""] * count,
        platforms=[""] * count,
        statuses=[""] * count,
        objectives=[None] * count,
        currencies=[figure.met.campaign.currency for figure in group],
        labels=[[] for _figure in group],
        daily_budgets=[None] * count,
        start_dates=[None] * count,
        accounts=[],
    )
    for name in test.field.quotient.components:
        facts.sums[test.window, name] = most(np.array([_part(one, name) for one in totals], np.int64))
    return facts


def _part(totals: Totals, name: str) -> int:
    return {
        "impressions": totals.impressions,
        "clicks": totals.clicks,
        "conversions_micros": totals.conversions_micros,
        "spend_cents": totals.spend,
        "revenue_cents": totals.revenue,
    }[name]
