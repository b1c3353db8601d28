"""Conditions made free of the other campaigns: averages and ranks become figures that a state may choose.

What an account's average is, and who is among the highest, depends on campaigns that nobody can foresee. Such a test is
rewritten as one about a window that no calendar has (its shift is negative), whose sums belong to the state alone. Two
tests about one average, or one rank, still ask about the same thing: nothing is above an average and below it. Figures
that are not made of a window's sums (targets, forecasts, fatigue) stand in such windows too, each in its own.
"""

from dataclasses import replace
from decimal import Decimal

from rules.choices import Extended, Operator
from rules.conditions import FIELDS, Condition, Field, Group, Node, RuleSpec, ValueType, Window, leaves
from rules.conditions.fields import BUDGET
from rules.conditions.parsing import Average, Metric, Share

# Figures of a campaign itself that a state can choose.
OWN_FIGURES = frozenset({"daily_budget", "days_running"})
_AVERAGES = {"account": -1, "platform": -2}
# Further back than any average: one shift for each field's place among all campaigns.
_PLACES = {key: -10 - number for number, key in enumerate(FIELDS)}
_PLACE_FIELD = FIELDS["impressions"]
# And one for each figure that is not made of a window's sums; a sum of the same unit and step holds it.
_APART = {key: -1000 - number for number, key in enumerate(FIELDS)}
_HOLDERS = {ValueType.DAYS: FIELDS["impressions"], ValueType.MONEY: FIELDS["spend"]}
_FINEST = FIELDS["conversions"]
# Figures apart that hang on spend, which a state chooses without looking at them.
_HANGING = frozenset({"pacing", "budget_utilisation"})
_HIGH = (Extended.TOP, Operator.GREATER_THAN, Operator.GTE, Operator.NOT_EQUALS)
_LOW = (Extended.BOTTOM, Operator.LESS_THAN, Operator.LTE)


def is_imagined(window: Window | None) -> bool:
    return window is not None and window.shift < 0


def average_window(window: Window, of: str) -> Window:
    """Where a state holds the sums whose figure is the average of the account or the platform."""
    return replace(window, shift=_AVERAGES[of])


def freed(spec: RuleSpec) -> RuleSpec:
    """The rule with a condition that asks nothing of other campaigns, for whichever campaigns it names."""
    return replace(spec, condition=_freed_node(spec.condition), scope=replace(spec.scope, campaign_ids=None))


def is_uncertain(node: Node) -> bool:
    """Whether a state may satisfy the condition that no campaign can be in."""
    return any(_is_uncertain(test) for test in leaves(node))


def _is_uncertain(test: Condition) -> bool:
    hangs = any(key in _HANGING for key in _keys(test))
    return hangs or isinstance(test.right, Average) or is_place(test)


def _keys(test: Condition) -> list[str]:
    """The figures that a test is about."""
    other = [test.right.field.key] if isinstance(test.right, Metric) else []
    return [test.field.key, *other] if test.field.numeric else []


def held(field: Field, window: Window | None) -> tuple[Field, Window | None]:
    """Where a state holds a figure: under its own name, or apart."""
    if is_chosen(field.key):
        return field, window
    return _HOLDERS.get(field.value_type, _FINEST), replace(window or Window(0), shift=_APART[field.key])


def _freed_node(node: Node) -> Node:
    if isinstance(node, Condition):
        return _freed_test(node)
    return Group(node.mode, tuple(_freed_node(part) for part in node.parts))


def _freed_test(test: Condition) -> Condition:
    if not test.field.numeric:
        return test
    if is_place(test):
        return _place_test(test)
    if isinstance(test.right, Average):
        assert test.window is not None  # or it were a place
        return replace(test, right=Metric(test.field, average_window(test.window, test.right.of), test.right.factor))
    return _apart(test) if _is_apart(test) else test


def _stands_apart(test: Condition) -> bool:
    """Whether a test compares single figures plainly."""
    return not test.each_day and (isinstance(test.operator, Operator) or test.operator is Extended.BETWEEN)


def _apart(test: Condition) -> Condition:
    field, window = held(test.field, test.window)
    right = test.right
    if isinstance(right, Metric):
        other, over = held(right.field, right.window)
        right = Metric(other, over, right.factor)
    return replace(test, field=field, window=window, right=right)


def is_chosen(key: str) -> bool:
    """Figures that states are built with; the others (targets, forecasts, shares of a budget) stand apart."""
    field = FIELDS[key]
    return (field.windowed and BUDGET not in field.components) or key in OWN_FIGURES


def is_place(test: Condition) -> bool:
    """Whether a state only says where among the others it stands."""
    if isinstance(test.right, Average):
        return test.window is None or not is_chosen(test.field.key)
    return isinstance(test.right, Share) or (_is_apart(test) and not _stands_apart(test))


def _is_apart(test: Condition) -> bool:
    return not all(is_chosen(key) for key in _keys(test))


def _place_test(test: Condition) -> Condition:
    """Where the campaign stands among the others: 2 high, 1 between, 0 low."""
    if test.operator in _HIGH:
        operator, place = Operator.GTE, 2
    elif test.operator in _LOW:
        operator, place = Operator.LTE, 0
    else:
        operator, place = Operator.EQUALS, 1
    window = replace(test.window or Window(0), shift=_PLACES[test.field.key])
    return replace(
        test,
        field=_PLACE_FIELD,
        operator=operator,
        value=Decimal(place),
        text=str(place),
        window=window,
        right=None,
        each_day=False,
    )
