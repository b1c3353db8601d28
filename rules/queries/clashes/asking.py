"""What two conditions ask, taken apart: thresholds, relations between figures, and the ways in which both can hold."""

import math
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from itertools import pairwise, product
from typing import Any

import numpy as np

from campaigns.choices import CampaignStatus, ChangedField, Platform
from rules.choices import Extended, Operator
from rules.conditions import Condition, Node, RuleSpec, Window, WindowKind, leaves
from rules.conditions.parsing import Metric, Range
from rules.queries.clashes.freeing import is_imagined
from rules.queries.matching import COMPARE, Floats

DEFAULT_CURRENCY, _OTHER_CURRENCIES = "USD", ("EUR", "GBP")
# A day in the middle of a month, so that the month to date is neither one day nor all of a long window.
TODAY = date(2026, 6, 20)
SEED = 20260620
# Ages from which on days are complete: at the first, complete days are the full days; at the second, older ones.
MATURE_AGES = (1, 4)
STATUSES = (CampaignStatus.ACTIVE.value, CampaignStatus.PAUSED.value)
# Ways to hold that are tried, and orders in which figures are chosen within each.
_MOST_WAYS, ORDERS = 12, 3
_FLIPPED = {
    Operator.LESS_THAN: Operator.GREATER_THAN,
    Operator.LTE: Operator.GTE,
    Operator.GREATER_THAN: Operator.LESS_THAN,
    Operator.GTE: Operator.LTE,
}

# A figure over a window, by the field's key; None: what a campaign is now.
End = tuple[str, Window | None]
Limit = tuple[Operator, float]
# One way in which a condition can hold: all of these tests.
Way = tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Relation:
    """`left` stands in this relation to `factor` × `right`."""

    left: End
    right: End
    operator: Operator
    factor: float


class Pair:
    """What both rules ask, put together."""

    def __init__(self, first: RuleSpec, second: RuleSpec):
        self.specs = (first, second)
        self.changed = first.action.field
        self.tests = [*leaves(first.condition), *leaves(second.condition)]
        self.components = sorted({name for test in self.tests for name in test.components} | self._of_certainty())
        real = {window for test in self.tests for window in test.windows}
        self.windows = sorted(real, key=_length)
        self.limits = limits_of(self.tests)
        self.relations = relations_of(self.tests)

    def _of_certainty(self) -> set[str]:
        """A ROAS is as sure as the conversions behind it are many."""
        return {"conversions_micros"} if any(spec.min_confidence is not None for spec in self.specs) else set()

    @cached_property
    def mature_ages(self) -> tuple[int, ...]:
        return MATURE_AGES if any(window.needs_completeness for window in self.windows) else MATURE_AGES[:1]

    @cached_property
    def orders(self) -> int:
        """Where every window has one figure, there is one order."""
        return ORDERS if any(len(keys) > 1 for keys in asked_of(self.limits, self.relations).values()) else 1

    @cached_property
    def marks(self) -> dict[tuple[str, bool], list[float]]:
        """Field and whether its window is imagined → the thresholds of all windows: those of a week bound its days."""
        found: dict[tuple[str, bool], list[float]] = {}
        for (key, window), limits in self.limits.items():
            found.setdefault((key, is_imagined(window)), []).extend(value for _operator, value in limits)
        return found

    @cached_property
    def budget_marks(self) -> list[float]:
        """Units: thresholds, the edges of the actions, and the budgets that an action moves to any of these."""
        marks = list(self.marks.get(("daily_budget", False), []))
        settings = [spec.action.as_json() for spec in self.specs] if self.changes_budget else []
        marks += [float(one[edge]) for one in settings for edge in ("floor", "ceiling") if edge in one]
        before = []
        for one in settings:
            if "percent" in one:
                before += [mark / (1 + float(one["percent"]) / 100) for mark in marks]
            elif "amount" in one:
                before += [max(mark - float(one["amount"]), 0.0) for mark in marks]
        return marks + before

    @property
    def changes_budget(self) -> bool:
        return self.changed == ChangedField.DAILY_BUDGET

    @cached_property
    def ways(self) -> list[Way]:
        """Every way in which both can hold; of very many, some."""
        first, second = self.specs
        counts = [_count_ways(spec.condition) for spec in self.specs]
        if counts[0] * counts[1] <= _MOST_WAYS:
            pairs = product(_ways(first.condition), _ways(second.condition))
            return [one + other for one, other in pairs]
        chance = random.Random(SEED)
        drawn = (_draw_way(first.condition, chance) + _draw_way(second.condition, chance) for _ in range(_MOST_WAYS))
        return list(dict.fromkeys(drawn))

    def mentioned(self, key: str) -> list[str]:
        """The words that tests about a field name, in their order."""
        words: list[str] = []
        for test in self.tests:
            if test.field.key == key:
                words += test.value if isinstance(test.value, tuple) else [str(test.value)]
        return list(dict.fromkeys(words))

    @cached_property
    def currencies(self) -> list[str]:
        settings = [spec.action.as_json().get("currency", "") for spec in self.specs]
        named = list(dict.fromkeys([*filter(None, settings), *self.mentioned("currency")]))
        return named or [DEFAULT_CURRENCY]

    def pool(self, key: str) -> list[Any]:
        """What a campaign may have of a field of words."""
        words = self.mentioned(key)
        if key == "status":
            scopes = [spec.scope.statuses for spec in self.specs]
            return list(dict.fromkeys([*STATUSES, *words, *(one for scope in scopes for one in sorted(scope or ()))]))
        if key == "platform":
            wide = [spec.scope.platforms for spec in self.specs]
            allowed = [one for one in Platform.values if all(scope is None or one in scope for scope in wide)]
            return allowed if words else allowed[:1]
        if key == "currency":
            other = [DEFAULT_CURRENCY, *_OTHER_CURRENCIES] if words else []
            return list(dict.fromkeys([*self.currencies, *other]))
        if key == "labels":
            return [[], words, *([word] for word in words)] if words else [[]]
        return [*words, " ".join(words), "Campaign"] if words else ["Campaign"]


def _length(window: Window) -> tuple[bool, bool, int, int, Window]:
    """Shortest first; the lifetime holds all others; what no calendar has comes last."""
    spot = window.offsets(TODAY, MATURE_AGES[0])
    length, near = (spot.far - spot.near + 1, spot.near) if spot is not None and not is_imagined(window) else (0, 0)
    return is_imagined(window), window.kind is WindowKind.LIFETIME, length, near, window


def limits_of(tests: Iterable[Condition]) -> dict[End, list[Limit]]:
    """What tests demand of single figures."""
    found: dict[End, list[Limit]] = {}
    for test in tests:
        if not test.field.numeric:
            continue
        limits: list[Limit] = []
        if isinstance(test.right, Range):
            limits = [(Operator.GTE, float(test.right.low)), (Operator.LTE, float(test.right.high))]
        elif test.right is None and isinstance(test.operator, Operator) and isinstance(test.value, Decimal):
            limits = [(test.operator, float(test.value))]
        days = test.window.single_days() if test.each_day and test.window is not None else (test.window,)
        for window in days if limits else ():
            found.setdefault((test.field.key, window), []).extend(limits)
    return found


def relations_of(tests: Iterable[Condition]) -> list[Relation]:
    """What tests demand of two figures of one campaign."""
    found = []
    for test in tests:
        if isinstance(test.right, Metric):
            right = (test.right.field.key, test.right.window)
            days = test.window.single_days() if test.each_day and test.window is not None else (test.window,)
            factor = float(test.right.factor)
            found += [Relation((test.field.key, day), right, test.comparison, factor) for day in days]
        elif test.operator in (Extended.RISES_BY, Extended.FALLS_BY) and test.window is not None:
            rises = test.operator is Extended.RISES_BY
            factor = 1 + (1 if rises else -1) * float(str(test.value)) / 100
            left, right = (test.field.key, test.window), (test.field.key, test.window.before())
            found.append(Relation(left, right, Operator.GTE if rises else Operator.LTE, factor))
    return found


def asked_of(limits: Iterable[End], relations: Iterable[Relation]) -> dict[Window, list[str]]:
    """Window → the figures over it that are asked about, in a fixed order."""
    ends = {*limits, *(end for one in relations for end in (one.left, one.right))}
    found: dict[Window, list[str]] = {}
    for key, window in sorted(ends, key=lambda end: end[0]):
        if window is not None:
            found.setdefault(window, []).append(key)
    return found


def _count_ways(node: Node) -> int:
    if isinstance(node, Condition):
        return 1
    counts = [_count_ways(part) for part in node.parts]
    return math.prod(counts) if node.mode == "all" else sum(counts)


def _ways(node: Node) -> Iterator[Way]:
    """The tests that suffice for the node to hold, in every way."""
    if isinstance(node, Condition):
        yield (node,)
    elif node.mode == "any":
        for part in node.parts:
            yield from _ways(part)
    else:
        for parts in product(*(list(_ways(part)) for part in node.parts)):
            yield tuple(test for part in parts for test in part)


def _draw_way(node: Node, chance: random.Random) -> Way:
    if isinstance(node, Condition):
        return (node,)
    if node.mode == "any":
        return _draw_way(chance.choice(node.parts), chance)
    return tuple(test for part in node.parts for test in _draw_way(part, chance))


def levels_of(marks: Iterable[float], *, widely: bool = False) -> Floats:
    """Nothing, below all thresholds, at each, between each two, and above all, also for what is counted whole;
    `widely`: also far below and above, where other figures may need it."""
    sorted_marks = sorted(set(marks))
    least, most = sorted_marks[0], sorted_marks[-1]
    far = {least / 100, most * 100} if widely else set()
    between = [(low + high) / 2 for low, high in pairwise(sorted_marks)]
    beyond = {0.0, least / 2, math.floor(most) + 1.0, most * 2}
    return np.array(sorted({*beyond, *far, *sorted_marks, *between}), np.float64)


def fitting(levels: Floats, limits: Sequence[Limit]) -> Floats:
    """The levels that satisfy all limits; all levels where none does, for other figures may make up for it."""
    fits = np.ones(len(levels), bool)
    for operator, value in limits:
        fits &= np.asarray(COMPARE[operator](levels, value))
    return levels[fits] if fits.any() else levels


def seen_from(left: End, relation: Relation) -> Limit:
    """What a relation demands of left ÷ right, whichever way it was written."""
    if relation.left == left:
        return relation.operator, relation.factor
    return _FLIPPED.get(relation.operator, relation.operator), 1 / relation.factor
