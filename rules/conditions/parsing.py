"""The typed parser of the schema's simple condition: field, operator, value text, duration in hours.

Everything that a rule stores is refused here or understood completely: an unknown field, an operator that the
field's type does not know, a value that is not one, an impossible window. Each refusal names its place.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from rules.choices import Extended, Operator
from rules.conditions.fields import FIELDS, Field, ValueType
from rules.conditions.windows import HOURS_PER_DAY, Window
from stratum.lib.errors import DomainError

MAX_DURATION_HOURS = 365 * HOURS_PER_DAY
# The column's width, and more names than a sentence can be read with.
MAX_VALUE_LENGTH = 255
MAX_LIST_ITEMS = 50
_KEYS = frozenset({"field", "operator", "value", "duration_hours"})
# Twelve digits before the point hold any budget in any currency; more decimals than six are a slip.
_NUMBER = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?")
_CURRENCY = re.compile(r"[A-Z]{3}")

Value = Decimal | str | tuple[str, ...]


class ConditionError(DomainError):
    """A condition that cannot be read. `field` is the place (field, operator, value, duration_hours, and of the rest
    of a rule platforms, statuses, campaigns, cooldown_hours, action), `allowed` what would be accepted there."""

    def __init__(self, message: str, *, code: str, place: str, allowed: tuple[str, ...] = ()):
        super().__init__(message, code=code, field=place)
        self.allowed = allowed

    def below(self, path: str) -> "ConditionError":
        """The same error, its place seen from further up: 'value' below 'all[1]' is 'all[1].value'."""
        return ConditionError(
            str(self), code=self.code, place=f"{path}.{self.field}" if path else str(self.field), allowed=self.allowed
        )


@dataclass(frozen=True, slots=True)
class Metric:
    """A right side: another figure of the same campaign, times a factor."""

    field: Field
    window: Window | None
    factor: Decimal


@dataclass(frozen=True, slots=True)
class Average:
    """A right side: the figure over all campaigns of the campaign's account or platform, times a factor.

    A ratio's average is the ratio of the sums; another figure's is its mean. Amounts of other currencies take no part.
    """

    of: str  # account | platform
    factor: Decimal


@dataclass(frozen=True, slots=True)
class Range:
    """From `low` to `high`, both included."""

    low: Decimal
    high: Decimal


@dataclass(frozen=True, slots=True)
class Share:
    """A rank: the first `count` campaigns, or `percent` of them, rounded up."""

    count: int | None = None
    percent: Decimal | None = None


RightSide = Metric | Average | Range | Share


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition understood. `value` is a Decimal for figures (money in currency units, CTR and CVR in percent), a
    text, or several texts for 'is one of'; `window` is None for what a campaign is now.

    `right` is set where something else than a written value is compared with. `each_day` asks every day of the window
    by itself instead of the window's sums.
    """

    field: Field
    operator: Operator | Extended
    value: Value
    text: str
    duration_hours: int
    window: Window | None
    right: RightSide | None = None
    each_day: bool = False

    @property
    def comparison(self) -> Operator:
        """The operator of a test that compares plainly."""
        assert isinstance(self.operator, Operator)
        return self.operator

    @property
    def windows(self) -> tuple[Window, ...]:
        """Every window whose sums it needs."""
        found: tuple[Window, ...] = self.field.made_of
        if self.window is not None:
            found += self.window.single_days() if self.each_day else (self.window,)
            if self.operator in (Extended.RISES_BY, Extended.FALLS_BY):
                found += (self.window.before(),)
        if isinstance(self.right, Metric):
            found += self.right.field.made_of + ((self.right.window,) if self.right.window is not None else ())
        return found

    @property
    def components(self) -> frozenset[str]:
        """The sums it needs of them."""
        fields = [self.field, *([self.right.field] if isinstance(self.right, Metric) else [])]
        return frozenset(name for field in fields for name in field.components)

    @property
    def figures(self) -> frozenset[str]:
        """The figures of now that it needs, by their fields' keys."""
        fields = [self.field, *([self.right.field] if isinstance(self.right, Metric) else [])]
        return frozenset(field.key for field in fields if field.numeric and not field.windowed)

    def as_json(self) -> dict[str, Any]:
        return {
            "field": self.field.key,
            "operator": self.operator.value,
            "value": self.text,
            "duration_hours": self.duration_hours,
        }


def parse_condition(raw: Mapping[str, Any]) -> Condition:
    """A condition from `{"field", "operator", "value", "duration_hours"}`; unknown and missing keys are refused.

    Raises ConditionError with the place and, where a choice is meant, what is allowed there.
    """
    unknown = sorted(str(key) for key in raw.keys() - _KEYS)
    if unknown:
        raise ConditionError(
            _("A condition has no “%(key)s”.") % {"key": unknown[0]},
            code="unknown_key",
            place="condition",
            allowed=tuple(sorted(_KEYS)),
        )
    missing = sorted(_KEYS - raw.keys())
    if missing:
        raise ConditionError(
            _("The condition lacks its “%(key)s”.") % {"key": missing[0]}, code="missing_key", place=missing[0]
        )
    field = parse_field(raw["field"])
    operator = _parse_operator(field, raw["operator"])
    text = parse_text(raw["value"])
    value = parse_value(field, operator, text)
    hours = parse_duration(raw["duration_hours"])
    return Condition(field, operator, value, text, hours, Window.of_hours(hours) if field.windowed else None)


def parse_duration(raw: Any) -> int:
    """Whole hours, from one hour to 365 days."""
    if isinstance(raw, bool) or not isinstance(raw, int):
        raise ConditionError(
            _("The window is a whole number of hours."), code="duration_not_whole", place="duration_hours"
        )
    if not 1 <= raw <= MAX_DURATION_HOURS:
        raise ConditionError(
            _("The window is between 1 hour and 365 days."), code="duration_out_of_range", place="duration_hours"
        )
    return raw


def parse_field(raw: Any) -> Field:
    field = FIELDS.get(raw) if isinstance(raw, str) else None
    if field is None:
        raise ConditionError(
            _("There is no field “%(field)s”. Choose one of: %(allowed)s.")
            % {"field": raw, "allowed": ", ".join(FIELDS)},
            code="unknown_field",
            place="field",
            allowed=tuple(FIELDS),
        )
    return field


def _parse_operator(field: Field, raw: Any) -> Operator:
    allowed = field.operators
    if raw not in Operator.values or Operator(raw) not in allowed:
        word = Operator(raw).label if raw in Operator.values else raw
        raise ConditionError(
            _("“%(operator)s” cannot be asked of %(field)s. Choose one of: %(allowed)s.")
            % {"operator": word, "field": field.label, "allowed": ", ".join(str(one.label) for one in allowed)},
            code="operator_not_allowed",
            place="operator",
            allowed=tuple(one.value for one in allowed),
        )
    return Operator(raw)


def parse_text(raw: Any) -> str:
    if not isinstance(raw, str):
        raise ConditionError(_("The value to compare with is a text."), code="value_not_text", place="value")
    text = raw.strip()
    if not text:
        raise ConditionError(_("Say what to compare with."), code="value_missing", place="value")
    if len(text) > MAX_VALUE_LENGTH or not text.isprintable():
        raise ConditionError(
            _("The value is one line of at most %(max)s characters.") % {"max": MAX_VALUE_LENGTH},
            code="value_too_long",
            place="value",
        )
    return text


def parse_value(field: Field, operator: Operator, text: str) -> Value:
    if field.numeric:
        return parse_number(field, text)
    if operator is not Operator.IN:
        return _parse_word(field, text)
    # A repeated name is said once; the order is the writer's.
    items = tuple(dict.fromkeys(item.strip() for item in text.split(",") if item.strip()))
    if not items:
        raise ConditionError(_("Name at least one, separated by commas."), code="list_empty", place="value")
    if len(items) > MAX_LIST_ITEMS:
        raise ConditionError(
            _("Name at most %(max)s, separated by commas.") % {"max": MAX_LIST_ITEMS},
            code="list_too_long",
            place="value",
        )
    return tuple(_parse_word(field, item) for item in items)


def parse_number(field: Field, text: str) -> Decimal:
    # '1.5 %' reads the same as '1.5' where the field is a percentage.
    bare = text.removesuffix("%").rstrip() if field.value_type is ValueType.PERCENT else text
    if not _NUMBER.fullmatch(bare):
        raise ConditionError(
            _(
                "“%(value)s” is not a number to compare %(field)s with. "
                "Write digits, with a point before decimals: 1000 or 1.5."
            )
            % {"value": text, "field": field.label},
            code="value_not_number",
            place="value",
        )  # fmt: skip
    number = Decimal(bare)
    if field.value_type is ValueType.DAYS and number != number.to_integral_value():
        raise ConditionError(_("Days are counted whole."), code="value_not_whole", place="value")
    return number


def _parse_word(field: Field, text: str) -> str:
    if field.value_type is ValueType.CODE:
        code = text.upper()
        if not _CURRENCY.fullmatch(code):
            raise ConditionError(
                _("“%(value)s” is not a currency. Write its three letters, for example EUR.") % {"value": text},
                code="value_not_currency",
                place="value",
            )
        return code
    if field.value_type is ValueType.CHOICE:
        known = {key: key for key, _label in field.choices}
        chosen = known.get(text.casefold())
        if chosen is None:
            raise ConditionError(
                _("%(field)s is never “%(value)s”. Choose one of: %(allowed)s.")
                % {"field": str(field.label).capitalize(), "value": text, "allowed": ", ".join(known)},
                code="value_not_allowed",
                place="value",
                allowed=tuple(known),
            )
        return chosen
    return text
