"""One condition asked of all campaigns at once.

Sums are compared as whole numbers. Ratios are compared as floats; where a ratio and the needed value lie so close
that rounding could decide, the comparison is repeated in exact fractions. 'ROAS at least 1.5' therefore holds at
exactly 1.5, whatever the sums.
"""

import math
import operator as python_operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rules.choices import Extended, Operator
from rules.conditions import Condition, Field, ValueType
from rules.conditions.parsing import Average, Metric, Range, Share
from rules.conditions.specs import Mask
from rules.conditions.trees import Node
from rules.conditions.windows import Window
from rules.queries.facts import CampaignFacts, Ints
from rules.queries.figures import Figure, figure_of_now

Floats = NDArray[np.float64]

# Far wider than what a few float operations can be off by, far narrower than what a person can tell apart.
_NEAR = 1e-9
_MAX_INT = 2**63 - 1

COMPARE: dict[Operator, Callable[[Any, Any], Any]] = {
    Operator.EQUALS: python_operator.eq,
    Operator.NOT_EQUALS: python_operator.ne,
    Operator.GREATER_THAN: python_operator.gt,
    Operator.LESS_THAN: python_operator.lt,
    Operator.GTE: python_operator.ge,
    Operator.LTE: python_operator.le,
}


@dataclass(frozen=True, slots=True)
class Reading:
    """What a condition found, per campaign. `actual` is in the condition's unit (money in currency units), NaN where
    the figure has no value and for fields that are not figures; `matched` is False wherever there is no value."""

    matched: Mask
    has_value: Mask
    actual: Floats

    @property
    def has_figure(self) -> Mask:
        """Where there is a number to sort or to measure by."""
        return ~np.isnan(self.actual)


class Readings:
    """What conditions found on these facts: each is asked once, however many campaigns are explained after it.

    Ranks are counted among the campaigns in `scope` (None: all). Raises KeyError when the facts were read for other
    windows.
    """

    def __init__(self, facts: CampaignFacts, scope: Mask | None = None):
        self.facts = facts
        self._scope = np.ones(facts.count, bool) if scope is None else scope
        # By identity: trees are small and live as long as their rule, and comparing them costs more than reading.
        self._found: dict[int, tuple[Node, Reading]] = {}
        self._sides: dict[tuple[str, Window | None], Side] = {}
        self._right: dict[int, tuple[Condition, Side]] = {}
        self._in_account: dict[tuple[str, Window], Ints] = {}

    def of(self, node: Node) -> Reading:
        """A tree as a whole has no figure to sort by."""
        if id(node) not in self._found:
            self._found[id(node)] = (node, self._read(node))
        return self._found[id(node)][1]

    def side(self, field: Field, window: Window | None) -> "Side":
        """A figure of all campaigns, over a window or as it is now."""
        if (field.key, window) not in self._sides:
            self._sides[field.key, window] = side_of(field, window, self.facts)
        return self._sides[field.key, window]

    def right(self, test: Condition) -> "Side":
        """What a test compares with, where that is another figure of the campaign or an average."""
        if id(test) not in self._right:
            self._right[id(test)] = (test, right_side(test, self.facts))
        return self._right[id(test)][1]

    def in_account(self, component: str, window: Window) -> Ints:
        """The sum over all campaigns of each campaign's account."""
        key = (component, window)
        if key not in self._in_account:
            groups = np.unique(self.facts.account_ids, return_inverse=True)[1]
            self._in_account[key] = _summed(groups, self.facts.sums[window, component])
        return self._in_account[key]

    def _read(self, node: Node) -> Reading:
        if isinstance(node, Condition):
            return _read_test(node, self.facts, self._scope)
        parts = [self.of(part) for part in node.parts]
        combine = np.logical_and if node.mode == "all" else np.logical_or
        matched = combine.reduce([part.matched for part in parts])
        has_value = combine.reduce([part.has_value for part in parts])
        return Reading(matched, has_value, np.full(self.facts.count, np.nan))


def read(node: Node, facts: CampaignFacts, scope: Mask | None = None) -> Reading:
    """One condition, asked once."""
    return Readings(facts, scope).of(node)


def _read_test(test: Condition, facts: CampaignFacts, scope: Mask) -> Reading:
    if not test.field.numeric:
        return Reading(_read_words(test, facts), np.ones(facts.count, bool), np.full(facts.count, np.nan))
    if test.each_day:
        return _read_each_day(test, facts)
    if isinstance(test.right, Range):
        return _read_between(test, test.right, facts)
    if test.operator in (Extended.RISES_BY, Extended.FALLS_BY):
        return _read_change(test, facts)
    if isinstance(test.right, Share):
        return _read_rank(test, test.right, facts, scope)
    if test.right is not None:
        return _read_against(test, right_side(test, facts), facts)
    return _read_figure(test, facts)


def _read_each_day(test: Condition, facts: CampaignFacts) -> Reading:
    """Every day of the window by itself; `actual` is the newest day's."""
    assert test.window is not None  # says the parser
    days = [
        _read_test(replace(test, window=day, each_day=False), facts, np.ones(facts.count, bool))
        for day in test.window.single_days()
    ]
    matched = np.logical_and.reduce([day.matched for day in days])
    return Reading(matched, np.logical_and.reduce([day.has_value for day in days]), days[0].actual)


def _read_between(test: Condition, ends: Range, facts: CampaignFacts) -> Reading:
    above = _read_figure(replace(test, operator=Operator.GTE, value=ends.low), facts)
    below = _read_figure(replace(test, operator=Operator.LTE, value=ends.high), facts)
    return Reading(above.matched & below.matched, above.has_value, above.actual)


@dataclass(frozen=True, slots=True)
class Side:
    """A figure of every campaign as whole numbers, numerator ÷ denominator × factor, in the condition's unit."""

    numerator: Ints
    denominator: Ints
    has_value: Mask
    factor: Fraction

    def floats(self, scale: Ints | int) -> Floats:
        actual = np.full(len(self.numerator), np.nan)
        np.divide(self.numerator.astype(np.float64), self.denominator, out=actual, where=self.has_value)
        return actual * float(self.factor) / scale

    def exact(self, position: int, scale: int) -> Fraction:
        """The figure of one campaign that has a value, without rounding."""
        return Fraction(int(self.numerator[position]), int(self.denominator[position])) * self.factor / scale

    def times(self, factor: Decimal) -> "Side":
        return replace(self, factor=self.factor * Fraction(factor))


def side_of(field: Field, window: Window | None, facts: CampaignFacts) -> Side:
    """A figure over a window, or what a campaign is now."""
    found = _figure(field, window, facts)
    below = np.ones(facts.count, np.int64) if found.below is None else np.maximum(found.below, 1)
    return Side(found.numerator, below, found.has_value, field.factor)


def right_side(test: Condition, facts: CampaignFacts) -> Side:
    """What a test compares with, where that is another figure of the campaign or an average."""
    if isinstance(test.right, Metric):
        return side_of(test.right.field, test.right.window, facts).times(test.right.factor)
    assert isinstance(test.right, Average)
    own = side_of(test.field, test.window, facts)
    groups = _groups(test.right.of, facts)
    # A ratio's average is the ratio of the sums; another figure's is its mean over campaigns that have it.
    numerator, denominator = (
        _summed(groups, np.where(own.has_value, part, 0)) for part in (own.numerator, own.denominator)
    )
    return Side(numerator, np.maximum(denominator, 1), denominator > 0, own.factor).times(test.right.factor)


def _groups(of: str, facts: CampaignFacts) -> Ints:
    """A number for each campaign: equal ones share account (or platform) and currency."""
    keys = [
        (account.account_id if of == "account" else platform, currency)
        for account, platform, currency in zip(facts.accounts, facts.platforms, facts.currencies, strict=True)
    ]
    known: dict[tuple[Any, str], int] = {}
    return np.fromiter((known.setdefault(key, len(known)) for key in keys), np.int64, facts.count)


def _summed(groups: Ints, values: Ints) -> Ints:
    """Each campaign's group's sum. By whole numbers: sums of floats would depend on their order."""
    sums = np.zeros(int(groups.max(initial=-1)) + 1, np.int64)
    np.add.at(sums, groups, values)
    return sums[groups]


def _read_against(test: Condition, right: Side, facts: CampaignFacts) -> Reading:
    """One figure against another, exact where they lie close together."""
    left = side_of(test.field, test.window, facts)
    money = test.field.value_type is ValueType.MONEY
    scale: Ints | int = facts.money_scale if money else 1
    actual, needed = left.floats(scale), right.floats(scale)
    has_value = left.has_value & right.has_value
    compare = COMPARE[test.comparison]
    matched = np.asarray(compare(actual, needed)) & has_value
    near = has_value & (np.abs(actual - needed) <= _NEAR * np.maximum(np.abs(needed), 1e-6))
    for position in np.flatnonzero(near):
        one = int(facts.money_scale[position]) if money else 1
        matched[position] = compare(left.exact(int(position), one), right.exact(int(position), one))
    return Reading(matched, has_value, actual)


def _read_change(test: Condition, facts: CampaignFacts) -> Reading:
    """Against the window before, which must have had a figure above nothing."""
    assert test.window is not None
    assert isinstance(test.value, Decimal)
    before = side_of(test.field, test.window.before(), facts)
    before = replace(before, has_value=before.has_value & (before.numerator > 0))
    rises = test.operator is Extended.RISES_BY
    factor = 1 + (test.value if rises else -test.value) / 100
    plain = replace(test, operator=Operator.GTE if rises else Operator.LTE)
    return _read_against(plain, before.times(factor), facts)


def _read_rank(test: Condition, share: Share, facts: CampaignFacts, scope: Mask) -> Reading:
    """The first ones among campaigns in scope that have the figure; of equal ones, the longer known come first."""
    side = side_of(test.field, test.window, facts)
    scale: Ints | int = facts.money_scale if test.field.value_type is ValueType.MONEY else 1
    actual = side.floats(scale)
    ranked = np.flatnonzero(side.has_value & scope)
    places = len(ranked) if share.count is None else share.count
    if share.percent is not None:
        places = math.ceil(len(ranked) * Fraction(share.percent) / 100)
    keys = actual[ranked] if test.operator is Extended.BOTTOM else -actual[ranked]
    matched = np.zeros(facts.count, bool)
    matched[ranked[np.argsort(keys, kind="stable")[:places]]] = True
    return Reading(matched, side.has_value, actual)


def scale_of(field: Field, facts: CampaignFacts, position: int) -> int:
    """Minor units per unit of the figure, where it is money."""
    return int(facts.money_scale[position]) if field.value_type is ValueType.MONEY else 1


def _read_figure(condition: Condition, facts: CampaignFacts) -> Reading:
    found = _figure(condition.field, condition.window, facts)
    if found.below is None:
        return _read_sum(condition, facts, found)
    return _read_ratio(condition, facts, found.numerator, found.below)


def _read_sum(condition: Condition, facts: CampaignFacts, found: Figure) -> Reading:
    """Whole numbers against a threshold in their own unit: exact without a division."""
    field, values, has_value = condition.field, found.numerator, found.has_value
    matched = np.zeros(facts.count, bool)
    scales = facts.money_scale if field.value_type is ValueType.MONEY else np.ones(facts.count, np.int64)
    for scale in np.unique(scales):
        same_scale = scales == scale
        threshold = Fraction(_needed(condition)) * int(scale) / field.factor
        matched[same_scale] = _compare_whole(condition.comparison, values[same_scale], threshold)
    actual = np.where(has_value, values * float(field.factor) / scales, np.nan)
    return Reading(matched & has_value, has_value, actual)


def _compare_whole(operator: Operator, values: Ints, threshold: Fraction) -> Mask:
    """Whole numbers with a fraction: x < 2.5 is x <= 2, x = 2.5 never holds."""
    floor = min(int(threshold // 1), _MAX_INT)
    if threshold.denominator == 1:
        return np.asarray(COMPARE[operator](values, floor))
    whole = {
        Operator.LESS_THAN: lambda: values <= floor,
        Operator.LTE: lambda: values <= floor,
        Operator.GREATER_THAN: lambda: values > floor,
        Operator.GTE: lambda: values > floor,
        Operator.EQUALS: lambda: np.zeros(len(values), bool),
        Operator.NOT_EQUALS: lambda: np.ones(len(values), bool),
    }[operator]
    return np.asarray(whole())


def _read_ratio(condition: Condition, facts: CampaignFacts, numerator: Ints, below: Ints) -> Reading:
    field = condition.field
    # A negative denominator (more credited than spent) makes no ratio either.
    has_value = below > 0
    actual = np.full(facts.count, np.nan)
    np.divide(numerator.astype(np.float64) * float(field.factor), below, out=actual, where=has_value)
    if field.value_type is ValueType.MONEY:
        actual /= facts.money_scale
    needed = Fraction(_needed(condition))
    compare = COMPARE[condition.comparison]
    # NaN is 'not equal' to everything: no value never matches.
    matched = np.asarray(compare(actual, float(needed))) & has_value
    # Zero over anything is exactly zero; only other figures can be rounded across the line.
    near = has_value & (numerator != 0) & (np.abs(actual - float(needed)) <= _NEAR * max(float(needed), 1e-6))
    side = Side(numerator, below, has_value, field.factor)
    for position in np.flatnonzero(near).tolist():
        matched[position] = compare(side.exact(position, scale_of(field, facts, position)), needed)
    return Reading(matched, has_value, actual)


def _figure(field: Field, window: Window | None, facts: CampaignFacts) -> Figure:
    """Numerator and denominator of a figure (None: it has none), before the field's factor."""
    quotient = field.quotient
    if quotient is None:
        return figure_of_now(field.key, facts)
    assert window is not None  # figures over a window always have one
    numerator = facts.sums[window, quotient.numerator]
    if quotient.denominator is None:
        return Figure(numerator, None, np.ones(facts.count, bool))
    below = facts.sums[window, quotient.denominator]
    return Figure(numerator, below, below > 0)


def _needed(condition: Condition) -> Decimal:
    assert isinstance(condition.value, Decimal)  # the parser's promise for figures
    return condition.value


def _read_words(condition: Condition, facts: CampaignFacts) -> Mask:
    if condition.field.value_type is ValueType.LABELS:
        return _read_labels(condition, facts)
    words = [(word or "").casefold() for word in words_of(condition.field, facts)]
    value = condition.value
    if condition.operator is Operator.IN:
        chosen = {item.casefold() for item in value}  # type: ignore[union-attr]  # a tuple, says the parser
        found = (word in chosen for word in words)
    else:
        asked = str(value).casefold()
        found = {
            Operator.CONTAINS: lambda: (asked in word for word in words),
            Operator.EQUALS: lambda: (asked == word for word in words),
            Operator.NOT_EQUALS: lambda: (asked != word for word in words),
        }[condition.comparison]()
    return np.fromiter(found, bool, facts.count)


def _read_labels(condition: Condition, facts: CampaignFacts) -> Mask:
    if condition.operator is Operator.IN:
        masks = [facts.labelled(label) for label in condition.value]  # type: ignore[union-attr]  # a tuple here
        return np.logical_or.reduce(masks)
    carries = facts.labelled(str(condition.value))
    return ~carries if condition.operator is Operator.NOT_EQUALS else carries.copy()


def words_of(field: Field, facts: CampaignFacts) -> Sequence[str | None]:
    columns: dict[str, Sequence[str | None]] = {
        "name": facts.names,
        "objective": facts.objectives,
        "status": facts.statuses,
        "platform": facts.platforms,
        "currency": facts.currencies,
    }
    return columns[field.key]
