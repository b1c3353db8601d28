"""Raise or lower a campaign's daily budget, between a floor and a ceiling. Whole minor units, rounded half to even."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, Self

import numpy as np
from django.utils.translation import gettext as _

from accounts.audit import Actor
from campaigns.choices import ChangedField
from campaigns.clients.money import budget_step
from campaigns.queries.obstacles import Standing
from campaigns.services.changes import budget_after
from rules.actions.base import Change, Done, Result, Target, refuse_unknown_keys
from rules.actions.platform import Wanted, platform_apply, platform_revert
from rules.choices import ActionType
from rules.conditions import ConditionError
from rules.conditions.specs import CampaignsToChange, Mask
from stratum.lib.errors import DomainError
from stratum.lib.figures import format_money, format_number
from stratum.lib.money import decimals, to_minor

_KEYS = frozenset({"percent", "amount", "currency", "floor", "ceiling", "beyond"})
CLAMP, SKIP = "clamp", "skip"
_SIGNED = re.compile(r"[+-]?\d{1,12}(\.\d{1,4})?")
MOST_PERCENT = 1000
# The smallest and the largest daily budget that a rule can set, in units of the currency.
_MOST_UNITS = Decimal(10) ** 9


@dataclass(frozen=True, slots=True)
class AdjustBudget:
    """`by` is hundredths of a percent or minor units, as `kind` says; floor and ceiling are minor units of `currency`.

    Where the new budget would lie beyond them, `beyond` says whether it stops at the edge or nothing happens.
    """

    kind: Literal["percent", "amount"]
    by: int
    currency: str
    floor: int
    ceiling: int
    beyond: str = CLAMP

    @property
    def type(self) -> ActionType:
        return ActionType.ADJUST_BUDGET

    @property
    def field(self) -> str:
        return ChangedField.DAILY_BUDGET.value

    @property
    def effect(self) -> None:
        return None

    @classmethod
    def validate(cls, config: Mapping[str, Any]) -> Self:
        refuse_unknown_keys(config, _KEYS)
        kinds = [kind for kind in ("percent", "amount") if config.get(kind) not in (None, "")]
        if len(kinds) != 1:
            message = _("Say by how much: in percent, or as an amount, not both.")
            raise ConditionError(message, code="move_missing", place="move")
        currency = config.get("currency")
        if not isinstance(currency, str) or not re.fullmatch(r"[A-Z]{3}", currency):
            message = _("Name the currency of floor and ceiling, such as USD.")
            raise ConditionError(message, code="currency_missing", place="currency")
        by = _percent(config["percent"]) if kinds == ["percent"] else _money(config["amount"], currency, "move")
        if by == 0:
            raise ConditionError(_("A change by nothing does nothing."), code="move_zero", place="move")
        floor = _money(config.get("floor"), currency, "floor")
        ceiling = _money(config.get("ceiling"), currency, "ceiling")
        if floor <= 0:
            raise ConditionError(_("The floor must be more than nothing."), code="floor_zero", place="floor")
        if ceiling < floor:
            raise ConditionError(_("The ceiling is below the floor."), code="ceiling_low", place="ceiling")
        beyond = config.get("beyond", CLAMP)
        if beyond not in (CLAMP, SKIP):
            message = _("Beyond floor and ceiling a rule either stops at the edge or leaves the budget as it is.")
            raise ConditionError(message, code="beyond_unknown", place="beyond", allowed=(CLAMP, SKIP))
        return cls("percent" if kinds == ["percent"] else "amount", by, currency, floor, ceiling, beyond)

    def as_json(self) -> dict[str, Any]:
        shown = _plain(Decimal(self.by).scaleb(-2)) if self.kind == "percent" else self._units(self.by)
        edges = {"floor": self._units(self.floor), "ceiling": self._units(self.ceiling)}
        return {self.kind: shown, "currency": self.currency, **edges, "beyond": self.beyond}

    def phrase(self) -> str:
        words = {"by": self._by_phrase(), "floor": self._money(self.floor), "ceiling": self._money(self.ceiling)}
        if self.by > 0 and self.beyond == CLAMP:
            return _("raise the daily budget by %(by)s, to %(ceiling)s at most") % words
        if self.by > 0:
            return _("raise the daily budget by %(by)s unless that exceeds %(ceiling)s") % words
        if self.beyond == CLAMP:
            return _("lower the daily budget by %(by)s, to %(floor)s at least") % words
        return _("lower the daily budget by %(by)s unless that falls below %(floor)s") % words

    def move(self, budget: int, *, step: int = 1) -> int:
        """The budget after it, in minor units: a multiple of `step` between the edges, or `budget` itself.

        An edge never turns a rise into a cut: a budget that is beyond it already stays as it is.
        """
        if self.kind == "percent":
            wanted = budget_after(budget, self.by, step)
        else:
            wanted = budget + self.by
        lowest, highest = -(-self.floor // step) * step, self.ceiling // step * step
        if not lowest <= wanted <= highest:
            if self.beyond == SKIP or lowest > highest:
                return budget
            wanted = min(max(wanted, lowest), highest)
        goes_on = wanted > budget if self.by > 0 else wanted < budget
        return wanted if goes_on else budget

    def after(self, campaigns: CampaignsToChange, position: int) -> int | None:
        """None where it cannot be said: no budget is known, or it is in another currency."""
        budget, currency = campaigns.daily_budgets[position], campaigns.currencies[position]
        if budget is None or currency != self.currency:
            return None
        return self.move(budget, step=budget_step(campaigns.platforms[position], currency))

    def in_state(self, campaigns: CampaignsToChange, among: Mask | None = None) -> Mask:
        at_edge = np.zeros(campaigns.count, bool)
        for position in range(campaigns.count) if among is None else np.flatnonzero(among).tolist():
            after = self.after(campaigns, position)
            at_edge[position] = after is not None and after == campaigns.daily_budgets[position]
        return at_edge

    def plan(self, target: Target) -> Change:
        before, after = target.daily_budget, None
        if before is not None and target.currency == self.currency:
            after = self.move(before, step=budget_step(target.platform, target.currency))
        money = {"currency": target.currency}
        return Change(target, {"daily_budget": before, **money}, {"daily_budget": after, **money})

    def apply(
        self, changes: Sequence[Change], *, rule_id: int, rule_name: str, now: datetime, actor: Actor
    ) -> list[Result]:
        return platform_apply(changes, Wanted(self.field, self._of_standing), now=now, actor=actor)

    def revert(self, done: Sequence[Done], *, actor: Actor) -> int:
        return platform_revert(done, actor=actor)

    def _of_standing(self, standing: Standing) -> int:
        """Of the campaign as it is while its row is held. DomainError when it cannot be said."""
        if standing.currency != self.currency:
            message = _("The campaign’s budget is in %(own)s, the rule’s floor and ceiling are in %(given)s.")
            raise DomainError(message % {"own": standing.currency, "given": self.currency}, code="currency")
        if standing.daily_budget is None:
            raise DomainError(_("No daily budget is known for this campaign."), code="no_budget")
        return self.move(standing.daily_budget, step=standing.step)

    def _units(self, minor: int) -> str:
        return _plain(Decimal(minor).scaleb(-decimals(self.currency)))

    def _money(self, minor: int) -> str:
        return format_money(minor, self.currency, decimals(self.currency))

    def _by_phrase(self) -> str:
        if self.kind == "amount":
            return self._money(abs(self.by))
        percent = Decimal(abs(self.by)).scaleb(-2)
        return f"{format_number(percent, 0 if percent == percent.to_integral_value() else 2)}%"


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"


def _percent(raw: Any) -> int:
    """Hundredths of a percent of a signed text such as '-20' or '12.5'."""
    text = raw.removesuffix("%").strip() if isinstance(raw, str) else ""
    if not _SIGNED.fullmatch(text) or Decimal(text) * 100 % 1:
        raise ConditionError(
            _("Write the change in percent as a number, such as -20 or 12.5."), code="percent_invalid", place="move"
        )
    percent = Decimal(text)
    if not -100 < percent <= MOST_PERCENT:
        message = _("A budget can be changed by more than -100 and at most %(most)s percent.")
        raise ConditionError(message % {"most": MOST_PERCENT}, code="percent_range", place="move")
    return int(percent * 100)


def _money(raw: Any, currency: str, place: str) -> int:
    """Minor units of a signed text in units of the currency; nothing is rounded away."""
    text = str(raw).strip() if isinstance(raw, str | int) and not isinstance(raw, bool) else ""
    amount = Decimal(text) if _SIGNED.fullmatch(text) else None
    if amount is None or abs(amount) > _MOST_UNITS or amount.scaleb(decimals(currency)) % 1:
        message = _("Write an amount in %(currency)s, such as 50.")
        raise ConditionError(message % {"currency": currency}, code="amount_invalid", place=place)
    return to_minor(amount, currency)
