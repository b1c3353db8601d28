"""Daily budgets that are wished for relative to what a campaign has: integers only, rounded once, half to even."""

from dataclasses import dataclass
from typing import Literal

from django.utils.translation import gettext as _

from campaigns.queries.obstacles import Standing
from stratum.lib.errors import DomainError
from stratum.lib.money import MAX_MINOR

HUNDREDTHS_OF_PERCENT = 10_000


@dataclass(frozen=True, slots=True)
class BudgetWish:
    """A new daily budget. `amount` is minor units of `currency` (to set, or to add; negative takes away), or
    hundredths of a percent (1,000: raise by 10 %; negative lowers)."""

    kind: Literal["set", "add", "percent"]
    amount: int
    currency: str = ""

    @classmethod
    def set_to(cls, minor: int, currency: str) -> "BudgetWish":
        return cls("set", minor, currency)

    @classmethod
    def add(cls, minor: int, currency: str) -> "BudgetWish":
        return cls("add", minor, currency)

    @classmethod
    def percent(cls, hundredths: int) -> "BudgetWish":
        return cls("percent", hundredths)

    def of(self, standing: Standing) -> int:
        """The daily budget of this campaign, in its minor units. DomainError when that cannot be said."""
        if self.kind != "percent" and self.currency != standing.currency:
            message = _("The campaign’s budget is in %(own)s, not in %(given)s.")
            raise DomainError(message % {"own": standing.currency, "given": self.currency}, code="currency")
        if self.kind == "set":
            return _bounded(self.amount)
        if standing.daily_budget is None:
            raise DomainError(_("No daily budget is known for this campaign."), code="no_budget")
        if self.kind == "add":
            return _bounded(standing.daily_budget + self.amount)
        return _bounded(budget_after(standing.daily_budget, self.amount, standing.step))


def budget_after(minor: int, hundredths: int, step: int = 1) -> int:
    """`minor` raised by so many hundredths of a percent, as a multiple of `step`, half to even."""
    return half_even(minor * (HUNDREDTHS_OF_PERCENT + hundredths), HUNDREDTHS_OF_PERCENT * step) * step


def half_even(numerator: int, denominator: int) -> int:
    """The nearest whole number of a quotient; of two equally near ones the even."""
    whole, rest = divmod(numerator, denominator)
    if 2 * rest > denominator or (2 * rest == denominator and whole % 2):
        return whole + 1
    return whole


def _bounded(minor: int) -> int:
    if abs(minor) > MAX_MINOR:
        raise DomainError(_("This amount is too large."), code="too_large")
    return minor
