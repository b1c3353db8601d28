"""One condition asked of all campaigns at once.

Sums are compared as whole numbers. Ratios are compared as floats; where a ratio and the needed value lie so close
that rounding could decide, the comparison is repeated in exact fractions. 'ROAS at least 1.5' therefore holds at
exactly 1.5, whatever the sums.
"""

import operator as python_operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rules.choices import Operator
from rules.conditions import Condition, Field, ValueType
from rules.conditions.specs import Mask
from rules.queries.facts import CampaignFacts, Ints

Floats = NDArray[np.float64]

# Far wider than what a few float operations can be off by, far narrower than what a person can tell apart.
_NEAR = 1e-9
_MAX_INT = 2**63 - 1

_COMPARE: dict[Operator, Callable[[Any, Any], Any]] = {
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


def read(condition: Condition, facts: CampaignFacts) -> Reading:
    """Ask the condition of every campaign. Raises KeyError when the facts were read for other windows."""
    if condition.field.numeric:
        return _read_figure(condition, facts)
    matched = _read_words(condition, facts)
    return Reading(matched, np.ones(facts.count, bool), np.full(facts.count, np.nan))


def exact_figure(condition: Condition, facts: CampaignFacts, position: int) -> Fraction | None:
    """The figure of one campaign without rounding, in the condition's unit; None when it has no value."""
    numerator, below = _whole_numbers(condition, facts)
    if below is None:
        value = None if not _has_own_value(condition.field, facts)[position] else Fraction(int(numerator[position]))
    else:
        value = Fraction(int(numerator[position]), int(below[position])) if below[position] > 0 else None
    if value is None:
        return None
    return value * _factor(condition.field) / _scale(condition.field, facts, position)


def _read_figure(condition: Condition, facts: CampaignFacts) -> Reading:
    numerator, below = _whole_numbers(condition, facts)
    if below is None:
        return _read_sum(condition, facts, numerator)
    return _read_ratio(condition, facts, numerator, below)


def _read_sum(condition: Condition, facts: CampaignFacts, values: Ints) -> Reading:
    """Whole numbers against a threshold in their own unit: exact without a division."""
    field = condition.field
    has_value = _has_own_value(field, facts)
    matched = np.zeros(facts.count, bool)
    scales = facts.money_scale if field.value_type is ValueType.MONEY else np.ones(facts.count, np.int64)
    for scale in np.unique(scales):
        same_scale = scales == scale
        threshold = Fraction(_needed(condition)) * int(scale) / _factor(field)
        matched[same_scale] = _compare_whole(condition.operator, values[same_scale], threshold)
    actual = np.where(has_value, values * float(_factor(field)) / scales, np.nan)
    return Reading(matched & has_value, has_value, actual)


def _compare_whole(operator: Operator, values: Ints, threshold: Fraction) -> Mask:
    """Whole numbers with a fraction: x < 2.5 is x <= 2, x = 2.5 never holds."""
    floor = min(int(threshold // 1), _MAX_INT)
    if threshold.denominator == 1:
        return np.asarray(_COMPARE[operator](values, floor))
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
    np.divide(numerator.astype(np.float64) * float(_factor(field)), below, out=actual, where=has_value)
    if field.value_type is ValueType.MONEY:
        actual /= facts.money_scale
    needed = float(_needed(condition))
    compare = _COMPARE[condition.operator]
    # NaN is 'not equal' to everything: no value never matches.
    matched = np.asarray(compare(actual, needed)) & has_value
    # Zero over anything is exactly zero; only other figures can be rounded across the line.
    near = has_value & (numerator != 0) & (np.abs(actual - needed) <= _NEAR * max(needed, 1e-6))
    for position in np.flatnonzero(near):
        matched[position] = compare(exact_figure(condition, facts, int(position)), Fraction(_needed(condition)))
    return Reading(matched, has_value, actual)


def _whole_numbers(condition: Condition, facts: CampaignFacts) -> tuple[Ints, Ints | None]:
    """Numerator and denominator of the figure (None: it has none), before the field's factor."""
    quotient = condition.field.quotient
    if quotient is None:
        own = facts.daily_budgets if condition.field.key == "daily_budget" else facts.days_running
        return np.fromiter((value or 0 for value in own), np.int64, facts.count), None
    assert condition.window is not None  # figures over a window always have one
    window = condition.window
    below = None if quotient.denominator is None else facts.sums[window, quotient.denominator]
    return facts.sums[window, quotient.numerator], below


def _has_own_value(field: Field, facts: CampaignFacts) -> Mask:
    if field.windowed:
        return np.ones(facts.count, bool)
    own = facts.daily_budgets if field.key == "daily_budget" else facts.days_running
    return np.fromiter((value is not None for value in own), bool, facts.count)


def _factor(field: Field) -> Fraction:
    return Fraction(1) if field.quotient is None else field.quotient.factor


def _scale(field: Field, facts: CampaignFacts, position: int) -> int:
    return int(facts.money_scale[position]) if field.value_type is ValueType.MONEY else 1


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
        }[condition.operator]()
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
