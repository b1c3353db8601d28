"""How sure a match is on one campaign: rules.conditions.evidence asked of the sums that the rule saw."""

from fractions import Fraction

from rules.choices import Operator
from rules.conditions import Condition, Node, Window
from rules.conditions.evidence import Direction, Evidence, confidence
from rules.conditions.fields import MICRO
from rules.conditions.parsing import Average, Metric
from rules.queries.matching import Readings, scale_of

# What is counted, per figure; the others are sums of what was bought, and as sure as they are.
EVENTS = {"cpa": "conversions", "cvr": "conversions", "roas": "conversions", "ctr": "clicks", "cpc": "clicks"}
_DIRECTIONS: dict[str, Direction] = {
    Operator.LESS_THAN: "few",
    Operator.LTE: "few",
    Operator.GREATER_THAN: "many",
    Operator.GTE: "many",
}
# Costs of an event are high where events are few.
_INVERTED = frozenset({"cpa", "cpc"})


def weakest_evidence(node: Node, readings: Readings, position: int, needed: float) -> Evidence | None:
    """The evidence that a match stands on; None where nothing of it is a matter of chance.

    Of 'all of' the weakest test counts, of 'any of' the strongest among those that hold.
    """
    if isinstance(node, Condition):
        return _evidence(node, readings, position, needed)
    parts = [part for part in node.parts if readings.of(part).matched[position]]
    found = [weakest_evidence(part, readings, position, needed) for part in parts]
    if node.mode == "any" and None in found:
        return None
    known = [one for one in found if one is not None]
    if not known:
        return None
    choose = min if node.mode == "all" else max
    return choose(known, key=lambda one: one.confidence)


def _evidence(test: Condition, readings: Readings, position: int, needed: float) -> Evidence | None:
    """Of a plain comparison of a rate with a number, a target or an average, over one window. Others are taken as they
    are: two measured rates would each have to be doubted."""
    events, direction = EVENTS.get(test.field.key), _DIRECTIONS.get(test.operator)
    if events is None or direction is None or test.each_day or test.window is None:
        return None
    threshold = _threshold(test, readings, position)
    if threshold is None:
        return None
    if test.field.key in _INVERTED:
        direction = "many" if direction == "few" else "few"
    count, expected = _counted(test.field.key, test.window, threshold, readings, position)
    return Evidence(confidence(count, expected, direction), needed, events, count, expected, direction)


def _threshold(test: Condition, readings: Readings, position: int) -> Fraction | None:
    """What the rate is compared with, in the condition's unit; None where that is a measured rate itself."""
    if test.right is None:
        return Fraction(str(test.value))
    known = isinstance(test.right, Average) or (isinstance(test.right, Metric) and test.right.window is None)
    if not known or not readings.right(test).has_value[position]:
        return None
    return readings.right(test).exact(position, scale_of(test.field, readings.facts, position))


def _counted(key: str, window: Window, threshold: Fraction, readings: Readings, position: int) -> tuple[float, float]:
    """(events that came, events that would have come at the threshold)."""
    facts = readings.facts
    unit = int(facts.money_scale[position])

    def total(name: str) -> int:
        return int(facts.sums[window, name][position])

    match key:
        case "cpa":
            return total("conversions_micros") / MICRO, _quotient(total("spend_cents"), threshold * unit)
        case "cpc":
            return float(total("clicks")), _quotient(total("spend_cents"), threshold * unit)
        case "cvr":
            return total("conversions_micros") / MICRO, float(threshold / 100 * total("clicks"))
        case "ctr":
            return float(total("clicks")), float(threshold / 100 * total("impressions"))
    # ROAS: the revenue that the threshold asks for, in conversions of the average worth.
    conversions, revenue = total("conversions_micros") / MICRO, total("revenue_cents")
    worth = revenue / conversions if conversions > 0 and revenue > 0 else _worth_in_account(window, readings, position)
    return conversions, float(threshold * total("spend_cents")) / worth if worth else 0.0


def _quotient(amount: int, each: Fraction) -> float:
    return float(amount / each) if each > 0 else 0.0


def _worth_in_account(window: Window, readings: Readings, position: int) -> float:
    """What a conversion is worth on average in the campaign's account: for campaigns that have none yet."""
    conversions = int(readings.in_account("conversions_micros", window)[position]) / MICRO
    revenue = int(readings.in_account("revenue_cents", window)[position])
    return revenue / conversions if conversions > 0 and revenue > 0 else 0.0
