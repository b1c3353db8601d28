"""The figures behind one check of one campaign, in the terms of rules.conditions.explanations."""

from dataclasses import replace
from decimal import Decimal, localcontext
from fractions import Fraction

from rules.choices import Operator
from rules.conditions import Condition, Node, ValueType, leaves, node_json
from rules.conditions.explanations import Explanation, WindowFacts
from rules.conditions.fields import Missing
from rules.conditions.parsing import Average, Metric
from rules.conditions.specs import Mask
from rules.queries.facts import AccountDay, CampaignFacts
from rules.queries.matching import exact_figure, read, right_side, words_of


def explain_node(node: Node, facts: CampaignFacts, position: int, scope: Mask) -> Explanation:
    """A test as it stands; of a tree the test that decided, with the others beside it.

    The one that decided: where the tree does not hold, the first test that does not; else the first that does.
    """
    tests = list(leaves(node))
    if len(tests) == 1:
        return explain_test(tests[0], facts, position)
    outcomes = [bool(read(test, facts, scope).matched[position]) for test in tests]
    holds = bool(read(node, facts, scope).matched[position])
    explained = [
        replace(explain_test(test, facts, position), holds=outcome)
        for test, outcome in zip(tests, outcomes, strict=True)
    ]
    decided = outcomes.index(holds) if holds in outcomes else 0
    return replace(explained[decided], also=tuple(one for one in explained if one is not explained[decided]))


def explain_test(test: Condition, facts: CampaignFacts, position: int) -> Explanation:
    """One test on one campaign."""
    account = facts.accounts[position]
    window = _window_facts(test, facts, position)
    is_simple = isinstance(test.operator, Operator) and test.right is None and not test.each_day
    laid = account.mature_age is not None or not any(window.needs_completeness for window in test.windows)
    actual = _actual(test, facts, position) if laid else None
    return Explanation(
        field=test.field.key,
        operator=test.operator.value,
        needed=test.text,
        actual=actual,
        currency=facts.currencies[position] if test.field.value_type is ValueType.MONEY else "",
        missing=_missing(test, account) if actual is None else "",
        window=window,
        parts=_parts(test, facts, position),
        data_through=account.data_through.isoformat() if window and account.data_through else "",
        test={} if is_simple and _is_of_full_days(test) else node_json(test),
        right=_right(test, facts, position),
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


def _missing(test: Condition, account: AccountDay) -> str:
    if account.mature_age is None and any(window.needs_completeness for window in test.windows):
        return Missing.COMPLETENESS.value
    reason = test.field.quotient.missing if test.field.quotient is not None else test.field.missing
    return "" if reason is None else reason.value


def _actual(test: Condition, facts: CampaignFacts, position: int) -> str | list[str] | None:
    if test.field.numeric:
        shown = replace(test, window=test.window.single_days()[0]) if test.each_day and test.window else test
        figure = exact_figure(shown, facts, position)
        return None if figure is None else decimal_text(figure)
    if test.field.value_type is ValueType.LABELS:
        return facts.labels[position]
    return words_of(test.field, facts)[position]


def _right(test: Condition, facts: CampaignFacts, position: int) -> str:
    """The figure that a test compares with, where it is not written down in the rule."""
    if not isinstance(test.right, Metric | Average):
        return ""
    side = right_side(test, facts)
    if not side.has_value[position]:
        return ""
    scale = int(facts.money_scale[position]) if test.field.value_type is ValueType.MONEY else 1
    return decimal_text(side.exact(position, scale))


def decimal_text(figure: Fraction) -> str:
    """An exact figure as a decimal text of at most six places; the last one is rounded half to even."""
    with localcontext(prec=60):
        number = (Decimal(figure.numerator) / Decimal(figure.denominator)).quantize(Decimal("0.000001"))
        return f"{number.normalize():f}" if number else "0"
