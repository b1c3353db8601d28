"""The gates before a change on a platform: allowance, conflict, protection, approval.

They only stop campaigns that passed all gates before them. Each leaves a note for the explanation.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from campaigns.choices import CampaignStatus, ChangedField
from campaigns.queries.conversion import conversion_for
from rules.choices import Outcome
from rules.conditions import RuleSpec
from rules.conditions.automation import is_protected
from rules.conditions.specs import Mask
from rules.queries.facts import WEIGHT_WINDOW, CampaignFacts
from rules.queries.ledger import Ledger, ledger_read

Notes = dict[int, dict[str, Any]]
Stops = list[tuple[Outcome, Mask, Notes]]


@dataclass
class PlatformGates:
    """What the gates of one pass know, and what its rules have done so far.

    `approved` names rules that a person has just approved. `whole`: the facts hold all campaigns; shares of a part
    would say nothing, so nothing waits for approval then.
    """

    facts: CampaignFacts
    ledger: Ledger
    whole: bool = True
    approved: frozenset[int] = frozenset()
    _winners: dict[str, dict[int, RuleSpec]] = field(default_factory=dict)
    _made: dict[int, int] = field(default_factory=dict)

    def judge(self, spec: RuleSpec, passed: Mask) -> Stops:
        """(outcome, which campaigns, notes) of each gate before approval, in its order; `passed` is left as it is."""
        left = [int(position) for position in np.flatnonzero(passed)]
        stops: Stops = []
        for outcome, gate in (
            (Outcome.FAILED, self._impossible),
            (Outcome.ALREADY_IN_STATE, self._under_way),
            (Outcome.CAP, self._allowance),
            (Outcome.CONFLICT_LOST, self._conflict),
            (Outcome.PROTECTED, self._protection),
        ):
            notes = {position: note for position in left if (note := gate(spec, position))}
            left = [position for position in left if position not in notes]
            stops.append((outcome, self._mask(notes), notes))
        return stops

    def questions(self, spec: RuleSpec, passed: Mask) -> Notes:
        """What a person is asked where the rule would change much at once: a note for each campaign; else nothing."""
        left = [int(position) for position in np.flatnonzero(passed)]
        note = self._share_note(left) if left and self._asks(spec) else {}
        return dict.fromkeys(left, note) if note else {}

    def acts(self, spec: RuleSpec, acted: Mask) -> None:
        """From here on these campaigns are this rule's."""
        assert spec.action.field is not None  # the evaluator asks about changes on platforms only
        won = self._winners.setdefault(spec.action.field, {})
        for position in np.flatnonzero(acted):
            won[int(position)] = spec
            self._made[int(position)] = self._made.get(int(position), 0) + 1

    def _mask(self, notes: Notes) -> Mask:
        mask = np.zeros(self.facts.count, bool)
        mask[list(notes)] = True
        return mask

    def _impossible(self, spec: RuleSpec, position: int) -> dict[str, Any]:
        """Known before it is tried: a screen must not promise it."""
        if spec.action.field != ChangedField.DAILY_BUDGET or spec.action.after(self.facts, position) is not None:
            return {}
        if self.facts.daily_budgets[position] is None:
            return {"why": "no_budget"}
        return {"why": "currency", "currency": self.facts.currencies[position]}

    def _under_way(self, spec: RuleSpec, position: int) -> dict[str, Any]:
        recent = self.ledger.of(int(self.facts.ids[position]))
        return {"why": "under_way"} if spec.action.field in recent.open_fields else {}

    def _allowance(self, spec: RuleSpec, position: int) -> dict[str, Any]:
        recent = self.ledger.of(int(self.facts.ids[position]))
        most = self.ledger.automation.max_changes_24h
        changes = recent.changes + self._made.get(position, 0)
        if changes >= most:
            return {"why": "changes", "changes": changes, "most": most}
        if spec.action.field != ChangedField.DAILY_BUDGET:
            return {}
        before = recent.budget_before
        if before is None:
            before = self.facts.daily_budgets[position]
        after = spec.action.after(self.facts, position)
        percent = self.ledger.automation.max_budget_move_percent
        if isinstance(after, int) and before is not None and moves_too_far(before, after, percent):
            return {"why": "budget", "most": percent, "before": before, "after": after}
        return {}

    def _conflict(self, spec: RuleSpec, position: int) -> dict[str, Any]:
        winner = self._winners.get(spec.action.field or "", {}).get(position)
        return {"winner": winner.rule_id, "name": winner.name} if winner else {}

    def _protection(self, spec: RuleSpec, position: int) -> dict[str, Any]:
        if self.ledger.automation.frozen:
            return {"why": "frozen"}
        return {"why": "label"} if is_protected(self.facts.labels[position]) else {}

    def _asks(self, spec: RuleSpec) -> bool:
        return self.whole and not spec.shadow and spec.rule_id not in self.approved

    def _share_note(self, positions: list[int]) -> dict[str, Any]:
        """How much of the workspace these campaigns carry, where that is more than a rule may change unasked."""
        percent = self.ledger.automation.approval_percent
        weights, kind = self._weights
        part, all_of_it = int(weights[positions].sum()), int(weights.sum())
        if not all_of_it or part * 100 <= percent * all_of_it:
            return {}
        return {"share": part * 100 // all_of_it, "most": percent, "of": kind, "campaigns": len(positions)}

    @cached_property
    def _weights(self) -> tuple[NDArray[Any], str]:
        """Spend of each campaign in the reporting currency; 1 for each campaign that is no history, where some spend
        cannot be converted or nothing was spent. Each currency at its rate of the last of the days."""
        spend = self.facts.sums.get((WEIGHT_WINDOW, "spend_cents"))
        converted = None if spend is None or not spend.any() else self._converted(spend)
        if converted is not None and converted.any():
            return converted, "spend"
        live = (CampaignStatus.ACTIVE.value, CampaignStatus.PAUSED.value)
        return np.fromiter((status in live for status in self.facts.statuses), np.int64, self.facts.count), "campaigns"

    def _converted(self, spend: NDArray[np.int64]) -> NDArray[Any] | None:
        facts, target = self.facts, self.ledger.reporting_currency
        spent = [facts.currencies[int(position)] for position in np.flatnonzero(spend)]
        last = max(account.last_full_day for account in facts.accounts)
        conversion = conversion_for(target, [(last, last)], sorted(set(spent)))
        if conversion.refused[0]:
            return None
        factors = {currency: conversion.factor(currency, last) for currency in set(spent)}
        return np.array(
            [
                int(cents * (factors.get(currency) or 0))
                for cents, currency in zip(spend.tolist(), facts.currencies, strict=True)
            ],
            dtype=object,
        )


def moves_too_far(before: int, after: int, percent: int) -> bool:
    """Whether a budget would leave the range of `percent` around what it was; exactly at its edge it is in."""
    return abs(after - before) * 100 > percent * before


def platform_gates(
    specs: Sequence[RuleSpec],
    facts: CampaignFacts,
    *,
    now: datetime,
    whole: bool = True,
    approved: frozenset[int] = frozenset(),
) -> PlatformGates | None:
    """None, without a statement, where no rule changes a platform."""
    if not any(spec.action.field for spec in specs):
        return None
    return PlatformGates(facts, ledger_read(now=now), whole=whole, approved=approved)
