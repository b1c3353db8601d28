"""Conditions made free of the other campaigns: averages and ranks become figures that a state may choose.

What an account's average is, and who is among the highest, depends on campaigns that nobody can foresee. Such a test is
rewritten as one about a window that no calendar has (its shift is negative), whose sums belong to the state alone. Two
tests about one average, or one rank, still ask about the same thing: nothing is above an average and below it.
"""

from dataclasses import replace
from decimal import Decimal

from rules.choices import Extended, Operator
from rules.conditions import FIELDS, Condition, Group, Node, RuleSpec, Window, leaves
from rules.conditions.parsing import Average, Metric, Range, Share

# Figures of a campaign itself that a state can choose.
OWN_FIGURES = frozenset({"daily_budget", "days_running"})
_AVERAGES = {"account": -1, "platform": -2}
# Further back than any average: one shift for each field's place among all campaigns.
_PLACES = {key: -10 - number for number, key in enumerate(FIELDS)}
_PLACE_FIELD = FIELDS["impressions"]
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


def depends_on_others(node: Node) -> bool:
    return any(_freed_test(test) is not test for test in leaves(node))


def _freed_node(node: Node) -> Node:
    if isinstance(node, Condition):
        return _freed_test(node)
    return Group(node.mode, tuple(_freed_node(part) for part in node.parts))


def _freed_test(test: Condition) -> Condition:
    if not test.field.numeric:
        return test
    right = test.right
    if isinstance(right, Average) and test.window is not None:
        return replace(test, right=Metric(test.field, average_window(test.window, right.of), right.factor))
    known = right is None or isinstance(right, Range) or (isinstance(right, Metric) and _chosen(right.field.key))
    return test if known and _chosen(test.field.key) and not isinstance(right, Share) else _place_test(test)


def _chosen(key: str) -> bool:
    return FIELDS[key].windowed or key in OWN_FIGURES


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
