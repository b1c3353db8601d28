"""The figures behind one check of one campaign, in the terms of rules.conditions.explanations."""

from dataclasses import replace
from decimal import Decimal, localcontext
from fractions import Fraction

from rules.choices import Operator
from rules.conditions import Condition, Node, ValueType, leaves, node_json
from rules.conditions.explanations import Explanation, WindowFacts
from rules.conditions.fields import Missing
from rules.conditions.parsing import Average, Metric
from rules.queries.facts import CampaignFacts
from rules.queries.matching import Readings, scale_of, words_of


def explain_node(node: Node, readings: Readings, position: int) -> Explanation:
    """A test as it stands; of a tree the test that decided, with the others beside it.

    The one that decided: where the tree does not hold, the first test that does not; else the first that does.
    """
    tests = list(leaves(node))
    if len(tests) == 1:
        return explain_test(tests[0], readings, position)
    outcomes = [bool(readings.of(test).matched[position]) for test in tests]
    holds = bool(readings.of(node).matched[position])
    explained = [
        replace(explain_test(test, readings, position), holds=outcome)
        for test, outcome in zip(tests, outcomes, strict=True)
    ]
    decided = outcomes.index(holds) if holds in outcomes else 0
    return replace(explained[decided], also=tuple(one for one in explained if one is not explained[decided]))


def explain_test(test: Condition, readings: Readings, position: int) -> Explanation:
    """One test on one campaign."""
    facts = readings.facts
    account = facts.accounts[position]
    window = _window_facts(test, facts, position)
    is_simple = isinstance(test.operator, Operator) and test.right is None and not test.each_day
    laid = account.mature_age is not None or not any(window.needs_completeness for window in test.windows)
    actual = _actual(test, readings, position) if laid else None
    return Explanation(
        field=test.field.key,
        operator=test.operator.value,
        needed=test.text,
        actual=actual,
        currency=facts.currencies[position] if test.field.value_type is ValueType.MONEY else "",
        missing=_missing(test, facts, position) if actual is None else "",
        window=window,
        parts=_parts(test, facts, position),
        data_through=account.data_through.isoformat() if test.windows and account.data_through else "",
        test={} if is_simple and _is_of_full_days(test) else node_json(test),
        right=_right(test, readings, position),
    )


def _is_of_full_days(test: Condition) -> bool:
    return test.window is None or test.window == type(test.window).of_hours(test.duration_hours)


def _window_facts(test: Condition, facts: CampaignFacts, position: int) -> WindowFacts | None:
    if test.window is None:
        return None
    account = facts.accounts[position]
    bounds = test.window.bounds(account.today, account.mature_age)
    if bounds is None:
        return None
    start, end = bounds
    windows = test.window.single_days() if test.each_day else (test.window,)
    seen = sum(int(facts.days_seen[one][position]) for one in windows)
    return WindowFacts((end - start).days + 1, start.isoformat(), end.isoformat(), account.zone, seen)


def _parts(test: Condition, facts: CampaignFacts, position: int) -> dict[str, int]:
    if test.window is None or test.field.quotient is None or test.each_day:
        return {}
    return {name: int(facts.sums[test.window, name][position]) for name in test.field.quotient.components}


def _missing(test: Condition, facts: CampaignFacts, position: int) -> str:
    account = facts.accounts[position]
    if account.mature_age is None and any(window.needs_completeness for window in test.windows):
        return Missing.COMPLETENESS.value
    reason = test.field.quotient.missing if test.field.quotient is not None else test.field.missing
    return "" if reason is None else reason.value


def _actual(test: Condition, readings: Readings, position: int) -> str | list[str] | None:
    facts, field = readings.facts, test.field
    if field.numeric:
        window = test.window.single_days()[0] if test.each_day and test.window else test.window
        side = readings.side(field, window)
        if not side.has_value[position]:
            return None
        return decimal_text(side.exact(position, scale_of(field, facts, position)))
    if field.value_type is ValueType.LABELS:
        return facts.labels[position]
    return words_of(field, facts)[position]


def _right(test: Condition, readings: Readings, position: int) -> str:
    """The figure that a test compares with, where it is not written down in the rule."""
    if not isinstance(test.right, Metric | Average):
        return ""
    side = readings.right(test)
    if not side.has_value[position]:
        return ""
    return decimal_text(side.exact(position, scale_of(test.field, readings.facts, position)))


def decimal_text(figure: Fraction) -> str:
    """An exact figure as a decimal text of at most six places; the last one is rounded half to even."""
    with localcontext(prec=60):
        number = (Decimal(figure.numerator) / Decimal(figure.denominator)).quantize(Decimal("0.000001"))
        return f"{number.normalize():f}" if number else "0"
