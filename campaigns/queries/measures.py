"""The figures of the field, once: name, formula, unit, which way is good, how it is written.

Every screen and export takes its figures from here, so that ROAS is the same number with the same note everywhere.
Values are computed from sums (`stratum.lib.ratios.Totals`); money stays in minor units until it is written.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _L

from stratum.lib import figures
from stratum.lib.charts import Format
from stratum.lib.figures import Better, Delta, Number
from stratum.lib.money import decimals
from stratum.lib.ratios import Totals

Unit = Literal["money", "count", "percent", "multiple"]


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure. `value` takes sums to minor units (money), a count, or a ratio; None is 'no value'."""

    key: str
    label: Promise
    unit: Unit
    better: Better
    formula: Promise
    value: Callable[[Totals], Number | None]
    # What is missing when there is no value.
    reason: Promise
    # Whether conversions or their value are in it: such figures fill up for days.
    needs_conversions: bool = False
    # Sums are written in whole units on cards; amounts per click or conversion keep their cents.
    is_sum: bool = False

    def text(self, totals: Totals | None, currency: str, *, whole: bool = False) -> str:
        """The figure with its unit: '$1,234.50', '2.85×', '3.1%'. `whole` drops the cents of sums."""
        value = None if totals is None else self.value(totals)
        if self.unit == "money":
            exponent = decimals(currency)
            return figures.format_money(value, currency, exponent, whole=whole and self.is_sum)
        return self._plain(value)

    def cell(self, totals: Totals | None, currency: str) -> str:
        """The figure for a column whose head names the currency."""
        value = None if totals is None else self.value(totals)
        if self.unit == "money":
            return figures.format_amount(value, decimals(currency))
        return self._plain(value)

    def _plain(self, value: Number | None) -> str:
        if self.unit == "percent":
            return figures.format_percent(value, 2)
        if self.unit == "multiple":
            return figures.format_multiple(value)
        fractional = value is not None and value != int(value)
        return figures.format_number(value, 1 if fractional else 0)

    def change(self, now: Totals | None, was: Totals | None, currency: str) -> Delta:
        """The relative change from `was` to `now`, with both figures as its detail."""
        return figures.delta(
            None if now is None else self.value(now),
            None if was is None else self.value(was),
            better=self.better,
            shown_current=self.text(now, currency),
            shown_previous=self.text(was, currency),
        )

    def plotted(self, totals: Totals | None, currency: str) -> float | None:
        """The figure in display units, for charts and exports: 12.34 for 1234 cents."""
        value = None if totals is None else self.value(totals)
        if value is None:
            return None
        if self.unit == "money":
            return round(float(Decimal(str(value)).scaleb(-decimals(currency))), 4)
        return round(float(value), 6)

    @property
    def chart_format(self) -> Format:
        formats: dict[Unit, Format] = {
            "money": "money", "count": "number", "percent": "percent", "multiple": "multiple",
        }  # fmt: skip
        return formats[self.unit]

    @property
    def notes(self) -> list[tuple[str, str]]:
        return [(_("Formula"), str(self.formula))]


MEASURES: dict[str, Measure] = {
    measure.key: measure
    for measure in (
        Measure(
            "spend", _L("Spend"), "money", "neither", _L("Sum of the amounts the platforms charged."),
            lambda t: t.spend, _L("No spend."), is_sum=True,
        ),
        Measure(
            "revenue", _L("Revenue"), "money", "up",
            _L("Sum of the conversion values that the platforms attributed."),
            lambda t: t.revenue, _L("No revenue."), is_sum=True, needs_conversions=True,
        ),
        Measure(
            "roas", _L("ROAS"), "multiple", "up", _L("Revenue ÷ spend, from the sums of the period."),
            lambda t: t.roas, _L("Nothing was spent, so there is no return to divide by."), needs_conversions=True,
        ),
        Measure(
            "cpa", _L("CPA"), "money", "down", _L("Spend ÷ conversions, from the sums of the period."),
            lambda t: t.cpa, _L("No conversions, so there is no cost of one."), needs_conversions=True,
        ),
        Measure(
            "conversions", _L("Conversions"), "count", "up",
            _L("Conversions as each platform attributes them; fractions are shared credit."),
            lambda t: t.conversions, _L("No conversions."), is_sum=True, needs_conversions=True,
        ),
        Measure(
            "ctr", _L("CTR"), "percent", "up", _L("Clicks ÷ impressions, from the sums of the period."),
            lambda t: t.ctr, _L("No impressions, so there is no rate."),
        ),
        Measure(
            "impressions", _L("Impressions"), "count", "neither", _L("How often ads were shown."),
            lambda t: t.impressions, _L("No impressions."), is_sum=True,
        ),
        Measure(
            "clicks", _L("Clicks"), "count", "up", _L("Clicks on ads, as each platform counts them."),
            lambda t: t.clicks, _L("No clicks."), is_sum=True,
        ),
        Measure(
            "cpc", _L("CPC"), "money", "down", _L("Spend ÷ clicks, from the sums of the period."),
            lambda t: t.cpc, _L("No clicks, so there is no cost of one."),
        ),
        Measure(
            "cpm", _L("CPM"), "money", "down", _L("Spend ÷ impressions × 1,000, from the sums of the period."),
            lambda t: t.cpm, _L("No impressions, so there is no cost of a thousand."),
        ),
        Measure(
            "cvr", _L("CVR"), "percent", "up", _L("Conversions ÷ clicks, from the sums of the period."),
            lambda t: t.cvr, _L("No clicks, so there is no rate."), needs_conversions=True,
        ),
    )
}  # fmt: skip
