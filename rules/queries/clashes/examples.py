"""The figures of one state in words: at which numbers two rules meet."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from campaigns.choices import CampaignStatus, ChangedField
from rules.choices import Extended, Operator
from rules.conditions import FIELDS, Condition, Field, Node, RuleSpec, ValueType, Window, leaves
from rules.conditions.parsing import Average, Metric
from rules.conditions.windows import HOURS_PER_DAY
from rules.conditions.wording import actual_phrase, figure_phrase, operator_phrase, right_phrase
from rules.queries.clashes.freeing import average_window, held, is_place
from rules.queries.explaining import decimal_text, explain_test
from rules.queries.facts import CampaignFacts
from rules.queries.matching import Readings, read, scale_of, side_of
from stratum.lib.figures import format_money, format_multiple, format_number
from stratum.lib.money import decimals

Row = tuple[str, str]

# By which part of itself a figure may be rounded when it is shown, and how many decimals there are.
_ROUNDING, _MOST_PLACES = Decimal("0.0001"), 6


@dataclass(frozen=True, slots=True)
class Matching:
    """A rule as it is written, its condition free of other campaigns, and the states in which that one was asked."""

    spec: RuleSpec
    freed: Node
    facts: CampaignFacts


def state_text(field: str | None, facts: CampaignFacts, place: int, value: Any) -> str:
    """A value of what is changed, the status or the daily budget, of the campaign at this place."""
    if field == ChangedField.STATUS:
        return str(CampaignStatus(value).label)
    currency = facts.currencies[place]
    return format_money(value, currency, decimals(currency))


def example(rules: Sequence[Matching], place: int) -> tuple[Row, ...]:
    """(what, value) of the campaign before the first rule acts: what is changed, then all that made a rule match."""
    start, changed = rules[0].facts, rules[0].spec.action.field
    values: Sequence[Any] = start.statuses if changed == ChangedField.STATUS else start.daily_budgets
    key = "status" if changed == ChangedField.STATUS else "daily_budget"
    rows = {figure_phrase(_probe(key, None)): state_text(changed, start, place, values[place])}
    with_currency = _names_currency([rule.spec for rule in rules])
    for rule in rules:
        everywhere = np.ones(rule.facts.count, bool)
        for test, freed in zip(leaves(rule.spec.condition), leaves(rule.freed), strict=True):
            if read(freed, rule.facts, everywhere).matched[place]:
                for what, value in _rows(test, start, place, with_currency=with_currency):
                    rows.setdefault(what, value)
    return tuple(rows.items())


def _names_currency(specs: Sequence[RuleSpec]) -> bool:
    """Whether a rule says which currency it is about; else amounts are in the campaign's own, whichever that is."""
    return any(
        "currency" in spec.action.as_json() or any(test.field.key == "currency" for test in leaves(spec.condition))
        for spec in specs
    )


def _rows(test: Condition, facts: CampaignFacts, place: int, *, with_currency: bool) -> Iterator[Row]:
    """What a test was about in this state; nothing for figures without a value."""
    what = figure_phrase(test)
    if not test.field.numeric:
        yield what, actual_phrase(explain_test(test, Readings(facts), place))
    elif is_place(test):
        words = {"operator": operator_phrase(test.field, test.operator), "value": right_phrase(test)}
        yield _("%(figure)s, seen among others") % {"figure": what}, _("%(operator)s %(value)s") % words
    else:
        for name, end in _ends(test, what):
            figures = [figure for one in end if (figure := _figure(one, facts, place)) is not None]
            if figures:
                currency = facts.currencies[place] if with_currency else ""
                yield name, _span_text(end[0].field, figures, currency)


def _figure(probe: Condition, facts: CampaignFacts, place: int) -> Fraction | None:
    """Without rounding, in the condition's unit; None where there is no value."""
    field, window = held(probe.field, probe.window)
    side = side_of(field, window, facts)
    return side.exact(place, scale_of(field, facts, place)) if side.has_value[place] else None


def _ends(test: Condition, what: str) -> Iterator[tuple[str, list[Condition]]]:
    """The figures that a test compares, each with what it is called; several days where it asks each of them."""
    days = test.window.single_days() if test.each_day and test.window is not None else (test.window,)
    yield what, [_probe(test.field.key, day) for day in days]
    if isinstance(test.right, Metric):
        other = _probe(test.right.field.key, test.right.window)
        yield figure_phrase(other), [other]
    elif isinstance(test.right, Average) and test.window is not None:
        of_account, of_platform = _("%(figure)s, the account’s average"), _("%(figure)s, the platform’s average")
        yield (
            (of_account if test.right.of == "account" else of_platform) % {"figure": what},
            [_probe(test.field.key, average_window(test.window, test.right.of))],
        )
    elif test.operator in (Extended.RISES_BY, Extended.FALLS_BY) and test.window is not None:
        yield _("%(figure)s, the time before") % {"figure": what}, [_probe(test.field.key, test.window.before())]


def _probe(key: str, window: Window | None) -> Condition:
    """A test about a figure, to ask for the figure."""
    return Condition(FIELDS[key], Operator.GTE, Decimal(0), "0", HOURS_PER_DAY, window)


def _span_text(field: Field, figures: Sequence[Fraction], currency: str) -> str:
    low, high = (_figure_text(field, one, currency) for one in (min(figures), max(figures)))
    return low if low == high else f"{low} – {high}"


def _figure_text(field: Field, figure: Fraction, currency: str) -> str:
    """With as many decimals as show on which side of a threshold it lies."""
    number = Decimal(decimal_text(figure))
    places = 0 if number == number.to_integral_value() else 2
    while places < _MOST_PLACES and abs(round(number, places) - number) > abs(number) * _ROUNDING:
        places += 1
    if field.value_type is ValueType.MONEY and currency:
        places = max(places, decimals(currency))
        return format_money(number.scaleb(places), currency, places)
    if field.value_type is ValueType.MULTIPLE:
        return format_multiple(number, max(places, 2))
    return f"{format_number(number, places)}{'%' if field.value_type is ValueType.PERCENT else ''}"
