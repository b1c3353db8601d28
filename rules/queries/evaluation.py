"""The evaluator: every rule on every campaign, gate by gate. Preview, 'evaluate now' and the job all run this one.

Gates in order: scope, freshness, completeness, condition, evidence, cooldown, already in state; before a change on a
platform also allowance, conflict and protection (rules.queries.gates); hold-out; before a change on a platform
approval; last, shadow mode. A gate that stops a campaign decides its outcome; what passes all of them would act.
Nothing is written here.

Hold-out stands after all gates that look at the campaign, so that 'it would have acted' is true, and before approval,
which asks about what is really going to be changed.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rules.choices import Outcome
from rules.conditions import Condition, RuleSpec, leaves
from rules.conditions.explanations import Explanation
from rules.conditions.holdout import is_held_out
from rules.conditions.specs import Mask
from rules.models import RuleState
from rules.queries.certainty import weakest_evidence
from rules.queries.explaining import explain_node
from rules.queries.facts import CampaignFacts, Ints, campaign_facts
from rules.queries.gates import Notes, PlatformGates, platform_gates
from rules.queries.matching import Reading, Readings

Codes = NDArray[np.int8]

# Also of a campaign for which the rule is not due.
OUT_OF_SCOPE = -1
_OUTCOMES = list(Outcome)
CODES: dict[str, int] = {outcome.value: code for code, outcome in enumerate(_OUTCOMES)}
_NEVER = 0
_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class RuleMemory:
    """What is remembered of one rule, per campaign position: the outcome of its last check that was kept, and the
    moment it last acted (microseconds since 1970, 0: never)."""

    outcomes: Codes
    acted_at: Ints


@dataclass(frozen=True)
class RuleEvaluation:
    """One rule on all campaigns. `codes` holds an index into the outcomes, or OUT_OF_SCOPE; ACTED reads 'would act'."""

    spec: RuleSpec
    facts: CampaignFacts
    readings: Readings
    memory: RuleMemory
    codes: Codes
    # Position → what the gate that stopped it noted.
    notes: Notes = field(default_factory=dict)

    @property
    def reading(self) -> Reading:
        return self.readings.of(self.spec.condition)

    def positions(self, outcome: Outcome) -> Ints:
        return np.flatnonzero(self.codes == CODES[outcome])

    @property
    def in_scope(self) -> Mask:
        return self.codes != OUT_OF_SCOPE

    @property
    def changed(self) -> Mask:
        """Campaigns in scope whose outcome is another one than remembered."""
        return self.in_scope & (self.codes != self.memory.outcomes)

    def outcome(self, position: int) -> Outcome | None:
        """None: the campaign is out of scope."""
        code = int(self.codes[position])
        return None if code == OUT_OF_SCOPE else _OUTCOMES[code]

    def counts(self) -> dict[Outcome, int]:
        """Campaigns in scope by outcome; outcomes that did not occur are absent."""
        numbers = np.bincount(self.codes[self.in_scope], minlength=len(_OUTCOMES))
        return {outcome: int(number) for outcome, number in zip(_OUTCOMES, numbers, strict=True) if number}

    def nearest_misses(self, limit: int) -> list[int]:
        """Positions of campaigns that did not match, the figure nearest to the needed value first; none for texts."""
        test = self.spec.condition
        if not isinstance(test, Condition) or not isinstance(test.value, Decimal) or test.right is not None:
            return []
        needed = test.value
        candidates = np.flatnonzero((self.codes == CODES[Outcome.NO_MATCH]) & self.reading.has_value)
        distance = np.abs(self.reading.actual[candidates] - float(needed))
        return [int(position) for position in candidates[np.argsort(distance, kind="stable")[:limit]]]

    def allowed_again_at(self, position: int) -> datetime | None:
        """When the cooldown of a campaign ends; None when the rule never acted on it."""
        acted = int(self.memory.acted_at[position])
        if acted == _NEVER:
            return None
        return _EPOCH + acted * _MICROSECOND + timedelta(hours=self.spec.cooldown_hours)

    def explain(self, position: int) -> Explanation:
        """The figures behind the outcome of one campaign."""
        cooling = self.outcome(position) is Outcome.COOLDOWN
        allowed_again_at = self.allowed_again_at(position) if cooling else None
        found = explain_node(self.spec.condition, self.readings, position)
        return replace(
            found,
            allowed_again_at=allowed_again_at.isoformat() if allowed_again_at else "",
            evidence=self._evidence(position),
            gate=self.notes.get(position, {}),
        )

    def _evidence(self, position: int) -> dict[str, Any]:
        """What a match stands on, where the rule asks for certainty."""
        if self.spec.min_confidence is None or not self.reading.matched[position]:
            return {}
        needed = self.spec.min_confidence / 100
        found = weakest_evidence(self.spec.condition, self.readings, position, needed)
        return {} if found is None else found.as_json()


@dataclass(frozen=True)
class Evaluation:
    """Several rules on the same facts, in the order in which they act."""

    facts: CampaignFacts
    rules: list[RuleEvaluation] = field(default_factory=list)


def evaluate_now(specs: Sequence[RuleSpec], *, now: datetime, campaign_ids: Sequence[int] | None = None) -> Evaluation:
    """Read the facts and what is remembered of the rules, and evaluate. The number of statements is fixed."""
    facts = campaign_facts(specs, now=now, campaign_ids=campaign_ids)
    gates = platform_gates(specs, facts, now=now, whole=campaign_ids is None)
    return Evaluation(facts, evaluate(specs, facts, rule_memories(specs, facts, campaign_ids), gates))


def evaluate(
    specs: Iterable[RuleSpec],
    facts: CampaignFacts,
    memories: dict[int, RuleMemory],
    gates: PlatformGates | None = None,
    due: Mapping[int, frozenset[str]] | None = None,
) -> list[RuleEvaluation]:
    """Every rule on every campaign, in the order given. A rule sees the effects of those before it as done.

    Without `gates`, changes on platforms are judged as if there were no ledger, no other rule and no limit. `due`
    names, for rules that are not asked everywhere now, the zones of the accounts in which they are.
    """
    effects: dict[Hashable, Mask] = {}
    return [_evaluate_rule(spec, facts, memories, effects, gates, due or {}) for spec in specs]


def rule_memories(
    specs: Iterable[RuleSpec], facts: CampaignFacts, campaign_ids: Sequence[int] | None = None
) -> dict[int, RuleMemory]:
    """What the saved rules among `specs` remember about these campaigns. At most one statement."""
    ids = [spec.rule_id for spec in specs if spec.rule_id is not None]
    memories = {rule_id: _blank_memory(facts.count) for rule_id in ids}
    kept = RuleState.objects.filter(rule_id__in=ids)
    if campaign_ids is not None:
        kept = kept.filter(campaign_id__in=list(campaign_ids))
    states = list(kept.values_list("rule_id", "campaign_id", "outcome", "last_acted_at"))
    positions, known = facts.positions([campaign_id for _rule, campaign_id, _outcome, _acted in states])
    for (rule_id, _campaign_id, outcome, acted_at), position, here in zip(states, positions, known, strict=True):
        if here:
            memories[rule_id].outcomes[position] = CODES[outcome]
            memories[rule_id].acted_at[position] = _NEVER if acted_at is None else microseconds(acted_at)
    return memories


def microseconds(moment: datetime) -> int:
    """An aware moment as whole microseconds since 1970, exact."""
    return (moment - _EPOCH) // _MICROSECOND


def _blank_memory(count: int) -> RuleMemory:
    # A pair without a row was quiet at every check so far.
    quiet = np.full(count, CODES[Outcome.NO_MATCH], np.int8)
    return RuleMemory(quiet, np.full(count, _NEVER, np.int64))


def _evaluate_rule(
    spec: RuleSpec,
    facts: CampaignFacts,
    memories: dict[int, RuleMemory],
    effects: dict[Hashable, Mask],
    gates: PlatformGates | None,
    due: Mapping[int, frozenset[str]],
) -> RuleEvaluation:
    memory = memories.get(spec.rule_id) if spec.rule_id is not None else None
    memory = memory or _blank_memory(facts.count)
    scope = scope_mask(spec, facts)
    asked = scope & _due_mask(spec, facts, due)
    incomplete, stale = _unready(spec, facts)
    readings = Readings(facts, scope)
    codes = np.full(facts.count, CODES[Outcome.NO_MATCH], np.int8)
    open_still = readings.of(spec.condition).matched & asked & ~incomplete & ~stale
    notes: Notes = {}
    _stop(codes, open_still, _unsure(spec, readings, open_still), Outcome.HELD_EVIDENCE)
    _stop(codes, open_still, _cooling(spec, facts, memory), Outcome.COOLDOWN)
    _stop(codes, open_still, _in_state(spec, facts, effects, open_still), Outcome.ALREADY_IN_STATE)
    if gates is not None and spec.action.field is not None:
        for outcome, gate, noted in gates.judge(spec, open_still):
            _stop(codes, open_still, gate, outcome)
            notes |= noted
    if spec.holdout_percent and not spec.shadow:
        held_out = _held_out(spec, facts, open_still)
        _stop(codes, open_still, held_out, Outcome.SHADOW)
        notes |= {position: {"why": "holdout"} for position in np.flatnonzero(held_out).tolist()}
    if gates is not None and spec.action.field is not None and (noted := gates.questions(spec, open_still)):
        notes |= noted
        _stop(codes, open_still, open_still.copy(), Outcome.AWAITING_APPROVAL)
    if spec.shadow:
        _stop(codes, open_still, open_still.copy(), Outcome.SHADOW)
    codes[open_still] = CODES[Outcome.ACTED]
    # Freshness and completeness stand before the condition: of such numbers nobody can say whether they match.
    codes[incomplete] = CODES[Outcome.HELD_EVIDENCE]
    codes[stale] = CODES[Outcome.HELD_STALE]
    codes[~asked] = OUT_OF_SCOPE
    _claim_effects(spec, open_still, effects, gates)
    return RuleEvaluation(spec, facts, readings, memory, codes, notes)


def _due_mask(spec: RuleSpec, facts: CampaignFacts, due: Mapping[int, frozenset[str]]) -> Mask:
    """Campaigns of accounts in whose zone the rule is to be checked now."""
    zones = due.get(spec.rule_id) if spec.rule_id is not None else None
    if zones is None:
        return np.ones(facts.count, bool)
    return np.fromiter((account.zone in zones for account in facts.accounts), bool, facts.count)


def _unready(spec: RuleSpec, facts: CampaignFacts) -> tuple[Mask, Mask]:
    """Campaigns of which it is not known how complete their days are, and those whose numbers are too old."""
    nobody = np.zeros(facts.count, bool)
    windows = [window for test in leaves(spec.condition) for window in test.windows]
    incomplete = ~facts.completeness_known if any(window.needs_completeness for window in windows) else nobody
    return incomplete, ~facts.fresh if windows else nobody


def _claim_effects(spec: RuleSpec, acted: Mask, effects: dict[Hashable, Mask], gates: PlatformGates | None) -> None:
    """The rules that follow see these campaigns as changed."""
    effect = spec.action.effect
    if effect is not None:
        effects[effect] = effects[effect] | acted if effect in effects else acted
    if gates is not None and spec.action.field is not None:
        gates.acts(spec, acted)


def _stop(codes: Codes, open_still: Mask, gate: Mask, outcome: Outcome) -> None:
    """What is still open and stopped by this gate gets its outcome and is open no more."""
    stopped = open_still & gate
    codes[stopped] = CODES[outcome]
    open_still &= ~stopped


def _unsure(spec: RuleSpec, readings: Readings, matched: Mask) -> Mask:
    """Matches that stand on less evidence than the rule asks for. Only matches are looked at: they are few."""
    unsure = np.zeros(len(matched), bool)
    if spec.min_confidence is None:
        return unsure
    needed = spec.min_confidence / 100
    for position in np.flatnonzero(matched):
        found = weakest_evidence(spec.condition, readings, int(position), needed)
        unsure[position] = found is not None and not found.is_enough
    return unsure


def _cooling(spec: RuleSpec, facts: CampaignFacts, memory: RuleMemory) -> Mask:
    """Allowed again at exactly the last action + cooldown."""
    cooldown = spec.cooldown_hours * 3_600_000_000
    return (memory.acted_at != _NEVER) & (memory.acted_at + cooldown > microseconds(facts.now))


def _held_out(spec: RuleSpec, facts: CampaignFacts, among: Mask) -> Mask:
    held_out = np.zeros(facts.count, bool)
    for position in np.flatnonzero(among):
        held_out[position] = is_held_out(spec.rule_id, int(facts.ids[position]), spec.holdout_percent)
    return held_out


def _in_state(spec: RuleSpec, facts: CampaignFacts, effects: dict[Hashable, Mask], among: Mask) -> Mask:
    done = spec.action.in_state(facts, among)
    effect = spec.action.effect
    return done if effect is None or effect not in effects else done | effects[effect]


def scope_mask(spec: RuleSpec, facts: CampaignFacts) -> Mask:
    scope = spec.scope
    mask = np.ones(facts.count, bool)
    if scope.platforms is not None:
        mask &= np.fromiter((platform in scope.platforms for platform in facts.platforms), bool, facts.count)
    if scope.statuses is not None:
        mask &= np.fromiter((status in scope.statuses for status in facts.statuses), bool, facts.count)
    if scope.campaign_ids is not None:
        mask &= np.isin(facts.ids, np.fromiter(scope.campaign_ids, np.int64))
    return mask
