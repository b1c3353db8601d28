"""Conditions of conditions: 'all of' and 'any of', nested, and single tests that can ask more than the simple form.

JSON: {"all": [node, …]}, {"any": [node, …]}, or one test:

    {"field": "cpa", "operator": "greater_than", "window": {"kind": "last_n_full_days", "days": 3},
     "value": "50"}                                  a number, text or names, as the simple condition writes them
    … "operator": "between", "value": ["10", "20"]   both ends belong to it
    … "metric": {"field": "cpa", "factor": "1.2", "window": {…}}   against another figure of the campaign
    … "average": {"of": "account", "factor": "1.5"}  against all campaigns of its account or platform
    … "operator": "rises_by", "value": "20"          percent, against the window of the same length before
    … "operator": "top", "value": "3" or "10%"       rank among the campaigns in scope
    … "each_day": true                               every day of the window by itself

Every refusal names its place: 'all[1].any[0].value'.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from rules.choices import Extended, Operator
from rules.conditions.fields import BUDGET, Field
from rules.conditions.parsing import (
    MAX_VALUE_LENGTH,
    Average,
    Condition,
    ConditionError,
    Metric,
    Range,
    RightSide,
    Share,
    parse_field,
    parse_number,
    parse_text,
    parse_value,
)
from rules.conditions.windows import COUNTED, HOURS_PER_DAY, MAX_WINDOW_DAYS, OFFERED, Window, WindowKind

MAX_DEPTH = 5
MAX_TESTS = 20
# Each day of a window is a window of its own.
MAX_EACH_DAYS = 31
MAX_FACTOR = Decimal(1000)
_GROUPS = ("all", "any")
_TEST_KEYS = frozenset({"field", "operator", "window", "value", "metric", "average", "each_day"})
_RIGHT_KEYS = ("value", "metric", "average")
_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,2})?)\s*%")


@dataclass(frozen=True, slots=True)
class Group:
    """`mode` is all or any."""

    mode: str
    parts: "tuple[Node, ...]"

    def as_json(self) -> dict[str, Any]:
        return {self.mode: [node_json(part) for part in self.parts]}


Node = Condition | Group


def leaves(node: Node) -> Iterator[Condition]:
    """Every single test of a tree, in reading order."""
    if isinstance(node, Condition):
        yield node
        return
    for part in node.parts:
        yield from leaves(part)


def parse_tree(raw: Any) -> Node:
    """A tree from its JSON. ConditionError with the place of what cannot be read."""
    node = _parse_node(raw, depth=1)
    if sum(1 for _test in leaves(node)) > MAX_TESTS:
        message = _("A rule asks at most %(max)s things.") % {"max": MAX_TESTS}
        raise ConditionError(message, code="tree_too_large", place="condition")
    return node


def node_json(node: Node) -> dict[str, Any]:
    """The JSON that parse_tree reads as the same tree."""
    return node.as_json() if isinstance(node, Group) else _test_json(node)


# --- Reading --------------------------------------------------------------------------------------------------


def _parse_node(raw: Any, *, depth: int) -> Node:
    if not isinstance(raw, Mapping):
        raise ConditionError(_("A condition is an object."), code="not_an_object", place="condition")
    modes = [mode for mode in _GROUPS if mode in raw]
    if not modes:
        return _parse_test(raw)
    if len(raw) > 1:
        raise ConditionError(
            _("A group says “all” or “any”, and nothing beside it."), code="unknown_key", place=modes[0]
        )
    mode, parts = modes[0], raw[modes[0]]
    if depth > MAX_DEPTH:
        message = _("Groups are nested at most %(max)s deep.") % {"max": MAX_DEPTH}
        raise ConditionError(message, code="tree_too_deep", place=mode)
    if not isinstance(parts, list) or not parts:
        raise ConditionError(_("A group holds at least one condition."), code="group_empty", place=mode)
    return Group(mode, tuple(_parse_part(part, f"{mode}[{number}]", depth) for number, part in enumerate(parts)))


def _parse_part(raw: Any, path: str, depth: int) -> Node:
    try:
        return _parse_node(raw, depth=depth + 1)
    except ConditionError as error:
        raise error.below(path) from error


def _parse_test(raw: Mapping[str, Any]) -> Condition:
    unknown = sorted(str(key) for key in raw.keys() - _TEST_KEYS)
    if unknown:
        raise ConditionError(
            _("A condition has no “%(key)s”.") % {"key": unknown[0]},
            code="unknown_key",
            place=unknown[0],
            allowed=tuple(sorted(_TEST_KEYS)),
        )
    for key in ("field", "operator"):
        if key not in raw:
            raise ConditionError(_("The condition lacks its “%(key)s”.") % {"key": key}, code="missing_key", place=key)
    field = parse_field(raw["field"])
    operator = _parse_operator(field, raw["operator"])
    window = _window_of(raw, field)
    each_day = _parse_each_day(raw.get("each_day", False), operator, window)
    value, text, right = _parse_right(raw, field, operator)
    if operator in (Extended.RISES_BY, Extended.FALLS_BY):
        _check_changes(field, window)
    hours = (window.days if window is not None else 1) * HOURS_PER_DAY
    return Condition(field, operator, value, text, hours, window, right, each_day)


def _parse_operator(field: Field, raw: Any) -> Operator | Extended:
    allowed: tuple[Operator | Extended, ...] = (*field.operators, *(Extended if field.numeric else ()))
    for one in allowed:
        if raw == one.value:
            return one
    words = {one.value: one.label for one in (*Operator, *Extended)}
    raise ConditionError(
        _("“%(operator)s” cannot be asked of %(field)s. Choose one of: %(allowed)s.")
        % {
            "operator": words.get(raw, raw) if isinstance(raw, str) else raw,
            "field": field.label,
            "allowed": ", ".join(str(one.label) for one in allowed),
        },
        code="operator_not_allowed",
        place="operator",
        allowed=tuple(one.value for one in allowed),
    )


def _window_of(raw: Mapping[str, Any], field: Field) -> Window | None:
    if field.windowed:
        window = _parse_window(raw.get("window"), "window")
        if BUDGET in field.components and window.kind is WindowKind.LIFETIME:
            message = _("A daily budget has no lifetime: name a window of days.")
            raise ConditionError(message, code="window_not_allowed", place="window")
        return window
    if raw.get("window") is not None:
        raise ConditionError(
            _("What a campaign is now has no window of days."), code="window_not_allowed", place="window"
        )
    return None


def _parse_window(raw: Any, place: str) -> Window:
    kinds = tuple(kind.value for kind in OFFERED)
    if not isinstance(raw, Mapping) or raw.get("kind") not in kinds or raw.keys() - {"kind", "days"}:
        raise ConditionError(
            _("Say which days: one of %(allowed)s.") % {"allowed": ", ".join(kinds)},
            code="window_unknown",
            place=place,
            allowed=kinds,
        )
    kind, days = WindowKind(raw["kind"]), raw.get("days")
    if kind not in COUNTED:
        if days is not None:
            raise ConditionError(_("This window has no number of days."), code="window_days", place=f"{place}.days")
        return Window(0, kind)
    if isinstance(days, bool) or not isinstance(days, int) or not 1 <= days <= MAX_WINDOW_DAYS:
        raise ConditionError(
            _("The window is between 1 and %(max)s days.") % {"max": MAX_WINDOW_DAYS},
            code="window_days",
            place=f"{place}.days",
        )
    return Window(days, kind)


def _parse_each_day(raw: Any, operator: Operator | Extended, window: Window | None) -> bool:
    if not isinstance(raw, bool):
        raise ConditionError(_("“each day” is yes or no."), code="each_day_invalid", place="each_day")
    if not raw:
        return False
    if window is None or window.kind not in COUNTED or window.days > MAX_EACH_DAYS:
        raise ConditionError(
            _("Each day can be asked of windows of 1 to %(max)s days.") % {"max": MAX_EACH_DAYS},
            code="each_day_window",
            place="each_day",
        )
    if not isinstance(operator, Operator) and operator is not Extended.BETWEEN:
        raise ConditionError(
            _("“%(operator)s” asks about the window as a whole.") % {"operator": operator.label},
            code="each_day_operator",
            place="each_day",
        )
    return True


def _check_changes(field: Field, window: Window | None) -> None:
    if window is None or window.kind is WindowKind.LIFETIME:
        raise ConditionError(
            _("A change of %(field)s needs a window of days, with one of the same length before it.")
            % {"field": field.label},
            code="change_window",
            place="window",
        )


def _parse_right(
    raw: Mapping[str, Any], field: Field, operator: Operator | Extended
) -> tuple[Any, str, RightSide | None]:
    """(value, its text, right side): exactly one of value, metric and average is given."""
    given = [key for key in _RIGHT_KEYS if key in raw]
    if len(given) != 1:
        raise ConditionError(
            _("Compare with exactly one of: a value, another figure, an average."), code="right_side", place="value"
        )
    kind = given[0]
    if kind == "value":
        return _parse_value_side(raw["value"], field, operator)
    if not field.numeric or not isinstance(operator, Operator):
        raise ConditionError(
            _("“%(operator)s” needs a value to compare with.") % {"operator": operator.label},
            code="right_side",
            place=kind,
        )
    side = _parse_metric(raw["metric"], field) if kind == "metric" else _parse_average(raw["average"])
    return Decimal(0), "", side


def _parse_value_side(raw: Any, field: Field, operator: Operator | Extended) -> tuple[Any, str, RightSide | None]:
    if operator is Extended.BETWEEN:
        if not isinstance(raw, list) or len(raw) != 2:
            raise ConditionError(_("Say from where to where: two numbers."), code="between_two", place="value")
        low, high = (parse_number(field, parse_text(one)) for one in raw)
        if low > high:
            raise ConditionError(_("The first number is the smaller one."), code="between_order", place="value")
        return Decimal(0), f"{low:f}, {high:f}", Range(low, high)
    text = parse_text(raw)
    if operator in (Extended.TOP, Extended.BOTTOM):
        share = _parse_share(text)
        return Decimal(0), f"{share.percent:f}%" if share.percent else str(share.count), share
    if isinstance(operator, Extended):
        percent = _parse_percent(text, operator)
        return percent, f"{percent:f}", None
    value = parse_value(field, operator, text)
    # One spelling for each value, so that equal trees are written alike.
    spelled = ", ".join(value) if isinstance(value, tuple) else value if isinstance(value, str) else f"{value:f}"
    return value, spelled, None


def _parse_percent(text: str, operator: Extended) -> Decimal:
    match = _PERCENT.fullmatch(text) or _PERCENT.fullmatch(f"{text}%")
    percent = Decimal(match[1]) if match else Decimal(0)
    if percent <= 0 or (operator is Extended.FALLS_BY and percent > 100):
        raise ConditionError(_("Say by how many percent, for example 20."), code="percent_invalid", place="value")
    return percent


def _parse_share(text: str) -> Share:
    if (match := _PERCENT.fullmatch(text)) and 0 < Decimal(match[1]) <= 100:
        return Share(percent=Decimal(match[1]))
    if re.fullmatch(r"[1-9][0-9]{0,3}", text):
        return Share(count=int(text))
    raise ConditionError(_("Say how many, or which part: 3 or 10%."), code="share_invalid", place="value")


def _parse_metric(raw: Any, field: Field) -> Metric:
    try:
        if not isinstance(raw, Mapping) or raw.keys() - {"field", "factor", "window"}:
            raise ConditionError(_("Another figure has a field, a factor and a window."), code="metric", place="field")
        other = parse_field(raw.get("field"))
        if other.value_type is not field.value_type:
            raise ConditionError(
                _("%(field)s cannot be compared with %(other)s: they are counted differently.")
                % {"field": str(field.label).capitalize(), "other": other.label},
                code="metric_unit",
                place="field",
            )
        return Metric(other, _window_of(raw, other), _parse_factor(raw.get("factor", "1")))
    except ConditionError as error:
        raise error.below("metric") from error


def _parse_average(raw: Any) -> Average:
    of = raw.get("of") if isinstance(raw, Mapping) else None
    if of not in ("account", "platform") or raw.keys() - {"of", "factor"}:
        raise ConditionError(
            _("An average is that of the account or of the platform."),
            code="average",
            place="average.of",
            allowed=("account", "platform"),
        )
    try:
        return Average(of, _parse_factor(raw.get("factor", "1")))
    except ConditionError as error:
        raise error.below("average") from error


def _parse_factor(raw: Any) -> Decimal:
    if isinstance(raw, str) and re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,4})?", raw) and 0 < Decimal(raw) <= MAX_FACTOR:
        return Decimal(raw)
    raise ConditionError(
        _("The factor is a number above 0, up to %(max)s, for example 1.2.") % {"max": MAX_FACTOR},
        code="factor_invalid",
        place="factor",
    )


# --- Writing --------------------------------------------------------------------------------------------------


def _test_json(test: Condition) -> dict[str, Any]:
    found: dict[str, Any] = {"field": test.field.key, "operator": test.operator.value}
    if test.window is not None:
        found["window"] = _window_json(test.window)
    if isinstance(test.right, Metric):
        found["metric"] = {"field": test.right.field.key, "factor": f"{test.right.factor:f}"}
        if test.right.window is not None:
            found["metric"]["window"] = _window_json(test.right.window)
    elif isinstance(test.right, Average):
        found["average"] = {"of": test.right.of, "factor": f"{test.right.factor:f}"}
    elif isinstance(test.right, Range):
        found["value"] = [f"{test.right.low:f}", f"{test.right.high:f}"]
    else:
        found["value"] = test.text
    return {**found, "each_day": True} if test.each_day else found


def _window_json(window: Window) -> dict[str, Any]:
    return {"kind": window.kind.value, **({"days": window.days} if window.kind in COUNTED else {})}


def columns_of(node: Node) -> dict[str, Any]:
    """A tree in the columns of the schema's simple condition: its first test, as far as they can hold it."""
    test = next(leaves(node))
    plain = isinstance(test.operator, Operator) and test.right is None
    return {
        "condition_field": test.field.key,
        "condition_operator": (test.operator if plain else Operator.GTE).value,
        "condition_value": test.text[:MAX_VALUE_LENGTH] if plain else "0",
        "condition_duration_hours": max(test.duration_hours, HOURS_PER_DAY),
    }
