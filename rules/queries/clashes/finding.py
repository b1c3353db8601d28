"""Which rules undo each other, with numbers at which they do.

Two rules clash when their actions are opposite (pause and enable, raise and lower the daily budget), some campaign can
be in both their scopes, and there is a state of it, made by rules.queries.clashes.states, at which the evaluator lets

- both conditions hold: a *conflict*;
- one condition hold, and after its action the other one, which sets back what was done, and then the first one again:
  a *loop*. Figures are taken to stay as they are meanwhile: what a pause does to them is not foreseen.

What is found is real, but for comparisons with averages and ranks, which depend on other campaigns, and for shares of a
budget, which hang on spend: `may` says so. What is not found may exist all the same in conditions of many parts; for
one figure, and for nested windows of it, the tests compare with the plain answer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np

from campaigns.choices import CampaignStatus, ChangedField
from rules.conditions import RuleSpec
from rules.conditions.specs import Action, Mask
from rules.queries.certainty import weakest_evidence
from rules.queries.clashes.examples import Matching, example, state_text
from rules.queries.clashes.freeing import freed, is_uncertain
from rules.queries.clashes.states import MOST_BLOCKS, USUAL, blank, possible_states
from rules.queries.evaluation import scope_mask
from rules.queries.facts import CampaignFacts, Ints
from rules.queries.matching import Readings, read

# States among which one is sought that comes round, or whose matches are certain enough for both rules.
_TRIED = 32
# Actions that the second rule may need until the first one matches again.
_MOST_TURNS = 12
# Blocks of states of all pairs together: with many opposite rules each pair gets fewer.
_ALL_BLOCKS, _FEW_BLOCKS = 300, 6


class ClashKind(StrEnum):
    CONFLICT = "conflict"
    LOOP = "loop"


@dataclass(frozen=True, slots=True)
class Act:
    """What one of two rules would do to the example: `does` is its half of the sentence, from `before` to `after`."""

    rule_id: int | None
    name: str
    does: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Clash:
    """One rule that undoes what another one does; texts are in the reader's language.

    `example` holds figures (what, value) at which it happens, `acts` both actions in their order: in a conflict about
    budgets the winner comes first, by priority, then by age. `may`: it depends on other campaigns as well, or no state
    was found in which both are as certain as they ask. `shadow`: one of both only says what it would do.
    """

    rule_id: int
    name: str
    kind: ClashKind
    field: str
    example: tuple[tuple[str, str], ...]
    acts: tuple[Act, Act]
    may: bool
    shadow: bool

    @property
    def has_winner(self) -> bool:
        """Whether both would change the campaign at one check, so that priority decides which one does."""
        return self.kind is ClashKind.CONFLICT and self.field == ChangedField.DAILY_BUDGET


def clashes_among(spec: RuleSpec, others: Sequence[RuleSpec]) -> list[Clash]:
    """The rules among `others` (saved ones) that undo what `spec` does, or the other way round; in their order."""
    rivals = [other for other in others if other.rule_id != spec.rule_id and _can_meet(spec, other)]
    most = min(MOST_BLOCKS, max(_FEW_BLOCKS, _ALL_BLOCKS // max(len(rivals), 1)))
    return [clash for other in rivals if (clash := Meeting(spec, other, most).clash) is not None]


# --- Pairs that can clash at all ------------------------------------------------------------------------------


def _can_meet(one: RuleSpec, other: RuleSpec) -> bool:
    """Opposite actions on campaigns that both rules could be about. Statuses are left to the states."""
    return (
        one.action.field is not None
        and one.action.field == other.action.field
        and _are_opposite(one.action, other.action)
        and _overlap(one.scope.platforms, other.scope.platforms)
        and _overlap(one.scope.campaign_ids, other.scope.campaign_ids)
    )


def _overlap(one: frozenset[Any] | None, other: frozenset[Any] | None) -> bool:
    return one is None or other is None or bool(one & other)


def _are_opposite(one: Action, other: Action) -> bool:
    aims = {_aim(one), _aim(other)}
    return len(aims) == 2 and None not in aims


def _aim(action: Action) -> str | None:
    """The status it sets, or the way in which it moves the budget; None where that cannot be said."""
    if action.field == ChangedField.STATUS:
        found = {action.after(_EITHER, position) for position in range(_EITHER.count)}
        return str(found.pop()) if len(found) == 1 else None
    settings = action.as_json()
    by = settings.get("percent") or settings.get("amount")
    if by is None:
        return None
    return "up" if Decimal(by) > 0 else "down"


# An active and a paused campaign, for actions that set a status.
_EITHER = blank(2, statuses=[CampaignStatus.ACTIVE.value, CampaignStatus.PAUSED.value])


# --- One pair -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reach:
    """One rule on all states of some facts: where it matches, and where its action changes something."""

    spec: RuleSpec
    facts: CampaignFacts
    matched: Mask
    acts: Mask
    after: list[Any]

    @classmethod
    def of(cls, spec: RuleSpec, facts: CampaignFacts) -> "Reach":
        scope = scope_mask(spec, facts)
        matched = read(spec.condition, facts, scope).matched & scope
        now = _column(spec, facts)
        after, acts = list(now), np.zeros(facts.count, bool)
        known: dict[tuple[Any, str, str], Any] = {}
        for position in np.flatnonzero(matched).tolist():
            like = (now[position], facts.platforms[position], facts.currencies[position])
            if like not in known:
                known[like] = spec.action.after(facts, position)
            value = known[like]
            if value is not None and value != now[position]:
                after[position], acts[position] = value, True
        return cls(spec, facts, matched, acts, after)

    @cached_property
    def done(self) -> CampaignFacts:
        """The facts once it has acted."""
        changed: dict[str, Any] = {_COLUMNS[self.spec.action.field or ""]: self.after}
        return replace(self.facts, **changed)

    @cached_property
    def readings(self) -> Readings:
        return Readings(self.facts)

    def is_sure(self, position: int) -> bool:
        """Whether a match stands on the evidence that the rule asks for."""
        if self.spec.min_confidence is None:
            return True
        found = weakest_evidence(self.spec.condition, self.readings, position, self.spec.min_confidence / 100)
        return found is None or found.is_enough


_COLUMNS = {ChangedField.STATUS.value: "statuses", ChangedField.DAILY_BUDGET.value: "daily_budgets"}


def _column(spec: RuleSpec, facts: CampaignFacts) -> list[Any]:
    values: list[Any] = getattr(facts, _COLUMNS[spec.action.field or ""])
    return values


@dataclass(frozen=True, slots=True)
class Found:
    """States in which `first` acts and `second` acts against it: at once, or on what the first one has done."""

    kind: ClashKind
    first: Reach
    second: Reach
    where: Mask


class Meeting:
    """Two rules with opposite actions on the states in which they could meet."""

    def __init__(self, own: RuleSpec, other: RuleSpec, most: int = MOST_BLOCKS):
        self.own, self.other = own, other
        self.rules = (freed(own), freed(other))
        self.facts = possible_states(*self.rules, most=most)

    @cached_property
    def chosen(self) -> tuple[Found, int, bool] | None:
        """How they clash, in which state, and whether both are certain enough of it; None: they do not.

        Certain rather than uncertain, a conflict rather than a loop.
        """
        unsure = None
        for found in self._found():
            places = _plainest(found) if found.where.any() else []
            for place in places:
                if found.first.is_sure(place) and found.second.is_sure(place):
                    return found, place, True
            if places and unsure is None:
                unsure = (found, places[0], False)
        return unsure

    @property
    def clash(self) -> Clash | None:
        if self.chosen is None:
            return None
        found, place, is_sure = self.chosen
        originals = {self.rules[0].rule_id: self.own, self.rules[1].rule_id: self.other}
        pairs = [(originals[reach.spec.rule_id], reach) for reach in (found.first, found.second)]
        matching = [Matching(spec, reach.spec.condition, reach.facts) for spec, reach in pairs]
        assert self.other.rule_id is not None  # the others are saved rules
        return Clash(
            rule_id=self.other.rule_id,
            name=self.other.name,
            kind=found.kind,
            field=self.own.action.field or "",
            example=example(matching, place),
            acts=(_act(*pairs[0], place), _act(*pairs[1], place)),
            may=not is_sure or any(is_uncertain(spec.condition) for spec in (self.own, self.other)),
            shadow=self.own.shadow or self.other.shadow,
        )

    def _found(self) -> Iterator[Found]:
        one, other = (Reach.of(spec, self.facts) for spec in self.rules)
        if self.own.action.field == ChangedField.DAILY_BUDGET:
            first, second = (one, other) if _comes_first(self.own, self.other) else (other, one)
            yield Found(ClashKind.CONFLICT, first, second, one.acts & other.acts)
        turns = [(first, Reach.of(second.spec, first.done)) for first, second in ((one, other), (other, one))]
        both = one.matched & other.matched
        if self.own.action.field == ChangedField.STATUS:
            for first, then in turns:
                yield Found(ClashKind.CONFLICT, first, then, both & first.acts & then.acts)
        for first, then in turns:
            answered = first.acts & then.acts
            yield Found(ClashKind.LOOP, first, then, _comes_round(first.spec, then, answered))


def _plainest(found: Found) -> list[int]:
    """States that a person reads easily first: few zeros, round budgets, sums of a common size (certain ones, too)."""
    facts, places = found.first.facts, np.flatnonzero(found.where)
    zeros, distance = np.zeros(len(places)), np.zeros(len(places))
    for (_window, name), sums in facts.sums.items():
        zeros += sums[places] == 0
        distance += np.abs(np.log(np.maximum(sums[places], 1) / USUAL[name]))
    digits = np.array([len(str(facts.daily_budgets[place] or 0).rstrip("0")) for place in places])
    return places[np.lexsort((distance, digits, zeros))][:_TRIED].tolist()


def _comes_round(first: RuleSpec, then: Reach, answered: Mask) -> Mask:
    """Where the first rule acts again, once the second one has acted on what it did (and again, while it must)."""
    round_again = np.zeros(len(answered), bool)
    places = np.flatnonzero(answered)[:_TRIED]
    then = Reach.of(then.spec, _part(then.facts, places))
    going, back = np.ones(len(places), bool), np.zeros(len(places), bool)
    for _turn in range(_MOST_TURNS):
        going = going & then.acts & ~back
        if not going.any():
            break
        back |= going & Reach.of(first, then.done).acts
        then = Reach.of(then.spec, then.done)
    round_again[places] = back
    return round_again


def _part(facts: CampaignFacts, places: Ints) -> CampaignFacts:
    """The states at these places alone."""
    kept: dict[str, Any] = {
        column.name: [values[place] for place in places]
        for column in fields(facts)
        if isinstance(values := getattr(facts, column.name), list)
    }
    sums = {key: values[places] for key, values in facts.sums.items()}
    days_seen = {window: days[places] for window, days in facts.days_seen.items()}
    return replace(facts, ids=facts.ids[places], **kept, sums=sums, days_seen=days_seen, _labelled={})


def _comes_first(one: RuleSpec, other: RuleSpec) -> bool:
    """Of two rules that want to act at one check: by priority, then the older one. One that is not saved is newest."""
    ages = [spec.rule_id if spec.rule_id is not None else float("inf") for spec in (one, other)]
    return (-one.priority, ages[0]) < (-other.priority, ages[1])


def _act(spec: RuleSpec, reach: Reach, place: int) -> Act:
    before, after = _column(spec, reach.facts)[place], reach.after[place]
    return Act(
        rule_id=spec.rule_id,
        name=spec.name,
        does=spec.action.phrase(),
        before=state_text(spec.action.field, reach.facts, place, before),
        after=state_text(spec.action.field, reach.facts, place, after),
    )
