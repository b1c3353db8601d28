"""The fields a condition may ask about, their value types, and the operators each type allows.

Every figure over a window is one quotient of sums, `numerator × factor ÷ denominator`, so that all of them are read
from the same few window sums. `spend` and `total_spend` are the same figure: what was spent over the rule's window
(the schema's own example asks for total_spend over 24 hours). Values are written as a person writes them: money in
units of the campaign's own currency (1000 is 1,000.00), CTR and CVR in percent (1.5 is 1.5 %), ROAS as a multiple.
Budget utilisation and pacing are percent of the budget: 100 is all of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from types import MappingProxyType

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from campaigns.choices import CampaignStatus, Platform
from rules.choices import Operator
from rules.conditions.windows import MONTH_BEFORE_TODAY, RUN_RATE, Window

MICRO = 1_000_000

# The sums that window figures are made of: columns of campaign_metrics (conversions × 1,000,000).
COMPONENTS = ("impressions", "clicks", "conversions_micros", "spend_cents", "revenue_cents")
# No column: today's daily budget for each day of the window.
BUDGET = "budget_cents"


class ValueType(StrEnum):
    COUNT = "count"
    MONEY = "money"
    PERCENT = "percent"
    MULTIPLE = "multiple"
    DAYS = "days"
    TEXT = "text"
    CHOICE = "choice"
    CODE = "code"
    LABELS = "labels"


class Missing(StrEnum):
    """Why a figure has no value: such a campaign matches no condition on it, in either direction."""

    NO_IMPRESSIONS = "no_impressions"
    NO_CLICKS = "no_clicks"
    NO_CONVERSIONS = "no_conversions"
    NO_SPEND = "no_spend"
    NO_BUDGET = "no_budget"
    NO_START = "no_start"
    NO_CHANGE = "no_change"
    NO_CREATIVE = "no_creative"
    NO_TARGET = "no_target"
    NO_FORECAST = "no_forecast"
    # Of a window of complete days, where nobody knows yet which those are.
    COMPLETENESS = "completeness"


_ORDERED = (
    Operator.LESS_THAN,
    Operator.LTE,
    Operator.GREATER_THAN,
    Operator.GTE,
    Operator.EQUALS,
    Operator.NOT_EQUALS,
)
# value type → the operators it allows, in the order in which they are offered.
OPERATORS: Mapping[ValueType, tuple[Operator, ...]] = MappingProxyType({
    ValueType.COUNT: _ORDERED,
    ValueType.MONEY: _ORDERED,
    ValueType.PERCENT: _ORDERED,
    ValueType.MULTIPLE: _ORDERED,
    ValueType.DAYS: _ORDERED,
    ValueType.TEXT: (Operator.CONTAINS, Operator.EQUALS, Operator.NOT_EQUALS, Operator.IN),
    ValueType.CHOICE: (Operator.EQUALS, Operator.NOT_EQUALS, Operator.IN),
    ValueType.CODE: (Operator.EQUALS, Operator.NOT_EQUALS, Operator.IN),
    ValueType.LABELS: (Operator.CONTAINS, Operator.NOT_EQUALS, Operator.IN),
})  # fmt: skip

NUMERIC = frozenset({ValueType.COUNT, ValueType.MONEY, ValueType.PERCENT, ValueType.MULTIPLE, ValueType.DAYS})


@dataclass(frozen=True, slots=True)
class Quotient:
    """`numerator × factor ÷ denominator` of window sums; without a denominator it always has a value."""

    numerator: str
    denominator: str | None = None
    factor: Fraction = Fraction(1)
    missing: Missing | None = None

    @property
    def components(self) -> tuple[str, ...]:
        return (self.numerator,) if self.denominator is None else (self.numerator, self.denominator)


@dataclass(frozen=True, slots=True)
class Field:
    """One thing a condition may ask about. `quotient` is set for figures over a window, None for what a campaign is
    now. `formula` is what a person reads beside the figure."""

    key: str
    label: Promise
    value_type: ValueType
    quotient: Quotient | None = None
    choices: tuple[tuple[str, Promise | str], ...] = ()
    formula: Promise | str = ""
    # Why the field may have no value, for those that are not quotients.
    missing: Missing | None = None
    # Its name inside a sentence, where that is another one.
    phrase: Promise | str = ""
    # Of what a campaign is now: how its whole numbers become the figure, and the windows whose spend it is made of.
    unit: Fraction = Fraction(1)
    made_of: tuple[Window, ...] = ()

    @property
    def factor(self) -> Fraction:
        return self.unit if self.quotient is None else self.quotient.factor

    @property
    def components(self) -> tuple[str, ...]:
        """The window sums that it is computed from."""
        if self.quotient is not None:
            return self.quotient.components
        return ("spend_cents",) if self.made_of else ()

    @property
    def windowed(self) -> bool:
        return self.quotient is not None

    @property
    def numeric(self) -> bool:
        return self.value_type in NUMERIC

    @property
    def operators(self) -> tuple[Operator, ...]:
        return OPERATORS[self.value_type]


_SPEND = Quotient("spend_cents")


def _forecasts() -> tuple[Field, ...]:
    """The forecast figures, each of the next seven and of the next 30 days."""

    def field(key: str, label: Promise, value_type: ValueType, unit: Fraction = Fraction(1)) -> Field:
        kept = _("while a forecast is kept that has not expired")
        return Field(key, label, value_type, unit=unit, missing=Missing.NO_FORECAST, formula=kept)

    money, count, multiple, micro = ValueType.MONEY, ValueType.COUNT, ValueType.MULTIPLE, Fraction(1, MICRO)
    return (
        field("week_forecast_spend", _("forecast spend, 7 days"), money),
        field("week_forecast_revenue", _("forecast revenue, 7 days"), money),
        field("week_forecast_conversions", _("forecast conversions, 7 days"), count, micro),
        field("week_forecast_roas", _("forecast ROAS, 7 days"), multiple, micro),
        field("month_forecast_spend", _("forecast spend, 30 days"), money),
        field("month_forecast_revenue", _("forecast revenue, 30 days"), money),
        field("month_forecast_conversions", _("forecast conversions, 30 days"), count, micro),
        field("month_forecast_roas", _("forecast ROAS, 30 days"), multiple, micro),
    )


FIELDS: Mapping[str, Field] = MappingProxyType({
    field.key: field
    for field in (
        Field("spend", _("spend"), ValueType.MONEY, _SPEND),
        Field("total_spend", _("total spend"), ValueType.MONEY, _SPEND),
        Field("revenue", _("revenue"), ValueType.MONEY, Quotient("revenue_cents")),
        Field(
            "impressions", _("impressions"), ValueType.COUNT, Quotient("impressions"),
            phrase=_("the number of impressions"),
        ),
        Field("clicks", _("clicks"), ValueType.COUNT, Quotient("clicks"), phrase=_("the number of clicks")),
        Field(
            "conversions", _("conversions"), ValueType.COUNT, Quotient("conversions_micros", factor=Fraction(1, MICRO)),
            phrase=_("the number of conversions"),
        ),
        Field(
            "ctr", _("CTR"), ValueType.PERCENT,
            Quotient("clicks", "impressions", Fraction(100), Missing.NO_IMPRESSIONS),
            formula=_("clicks ÷ impressions"),
        ),
        Field(
            "cvr", _("CVR"), ValueType.PERCENT,
            Quotient("conversions_micros", "clicks", Fraction(100, MICRO), Missing.NO_CLICKS),
            formula=_("conversions ÷ clicks"),
        ),
        Field(
            "cpc", _("CPC"), ValueType.MONEY,
            Quotient("spend_cents", "clicks", Fraction(1), Missing.NO_CLICKS),
            formula=_("spend ÷ clicks"),
        ),
        Field(
            "cpm", _("CPM"), ValueType.MONEY,
            Quotient("spend_cents", "impressions", Fraction(1000), Missing.NO_IMPRESSIONS),
            formula=_("spend ÷ impressions × 1,000"),
        ),
        Field(
            "cpa", _("CPA"), ValueType.MONEY,
            Quotient("spend_cents", "conversions_micros", Fraction(MICRO), Missing.NO_CONVERSIONS),
            formula=_("spend ÷ conversions"),
        ),
        Field(
            "roas", _("ROAS"), ValueType.MULTIPLE,
            Quotient("revenue_cents", "spend_cents", Fraction(1), Missing.NO_SPEND),
            formula=_("revenue ÷ spend"),
        ),
        Field(
            "daily_budget", _("daily budget"), ValueType.MONEY,
            missing=Missing.NO_BUDGET, phrase=_("the daily budget"),
        ),
        Field(
            "budget_utilisation", _("budget utilisation"), ValueType.PERCENT,
            Quotient("spend_cents", BUDGET, Fraction(100), Missing.NO_BUDGET),
            formula=_("spend ÷ (daily budget × days)"),
        ),
        Field(
            "pacing", _("pacing"), ValueType.PERCENT, missing=Missing.NO_BUDGET, unit=Fraction(100),
            made_of=(MONTH_BEFORE_TODAY, RUN_RATE), phrase=_("the month’s pacing"),
            formula=_("projected spend of the month ÷ its budget"),
        ),
        Field(
            "target_cpa", _("target CPA"), ValueType.MONEY, missing=Missing.NO_TARGET, phrase=_("the target CPA"),
        ),
        Field(
            "target_roas", _("target ROAS"), ValueType.MULTIPLE, missing=Missing.NO_TARGET, unit=Fraction(1, 100),
            phrase=_("the target ROAS"),
        ),
        Field(
            "days_since_change", _("days since the last change"), ValueType.DAYS, missing=Missing.NO_CHANGE,
            phrase=_("the time since the last change of status or budget"),
        ),
        Field(
            "fatigue", _("creative fatigue"), ValueType.COUNT, missing=Missing.NO_CREATIVE, unit=Fraction(1, MICRO),
            phrase=_("the fatigue of its worst creative"), formula=_("0 (fresh) to 1 (worn out)"),
        ),
        *_forecasts(),
        Field(
            "days_running", _("days since start"), ValueType.DAYS,
            missing=Missing.NO_START, phrase=_("the time since the start"),
        ),
        Field("name", _("name"), ValueType.TEXT, phrase=_("the name")),
        Field("objective", _("objective"), ValueType.TEXT, phrase=_("the objective")),
        Field("status", _("status"), ValueType.CHOICE, choices=tuple(CampaignStatus.choices), phrase=_("the status")),
        Field("platform", _("platform"), ValueType.CHOICE, choices=tuple(Platform.choices), phrase=_("the platform")),
        Field("currency", _("currency"), ValueType.CODE, phrase=_("the currency")),
        Field("labels", _("labels"), ValueType.LABELS, phrase=_("the labels")),
    )
})  # fmt: skip
