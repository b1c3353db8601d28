"""One pass of a workspace's rules: claim, evaluate, act, remember. The job and 'evaluate now' are the same pass.

Everything happens in one transaction: a worker killed in the middle leaves nothing behind, and the next pass starts
from what was remembered before. The number of statements grows with the rules that act, never with campaigns nor
with rules that stay quiet.
"""

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime

import numpy as np
from django.db import DatabaseError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import Actor, record
from accounts.choices import ActorKind, AuditAction
from rules.actions import ApplyLabel, Performer, Result
from rules.actions.alert_rows import AlertRow, alerts_raise, alerts_resolve
from rules.actions.specs import rule_spec
from rules.actions.targets import target_of
from rules.choices import AlertStatus, Outcome, RuleStatus, Severity
from rules.conditions import ConditionError, RuleSpec
from rules.conditions.wording import gate_phrase
from rules.models import Alert, Rule
from rules.queries.due import EVERYWHERE, Due, rules_due
from rules.queries.evaluation import CODES, RuleEvaluation, evaluate, rule_memories
from rules.queries.facts import CampaignFacts, campaign_facts
from rules.queries.gates import platform_gates
from rules.queries.lost import lost_reason
from rules.services.approvals import approval_take, rules_ask
from rules.services.breaker import rules_break
from rules.services.memory import Memory, executions_insert, rules_mark_evaluated, states_upsert
from stratum.lib.errors import DomainError
from tenants.locks import workspace_lock_now

logger = logging.getLogger(__name__)

_EVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class EvaluationCounts:
    """What one pass did. `outcomes` counts (rule, campaign) pairs in scope; `acted` and `failed` are among them.

    `to_send`: ad account → ids of ledger rows that are to be sent to its platform once the transaction is in;
    `slack`, `whatsapp`: ids of messages that are to be sent then.
    """

    rules: int = 0
    rules_held: int = 0
    rules_stopped: int = 0
    campaigns: int = 0
    pairs: int = 0
    records: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    to_send: dict[int, list[int]] = field(default_factory=dict)
    slack: set[int] = field(default_factory=set)
    whatsapp: set[int] = field(default_factory=set)

    @property
    def acted(self) -> int:
        return self.outcomes.get(Outcome.ACTED, 0)

    @property
    def failed(self) -> int:
        return self.outcomes.get(Outcome.FAILED, 0)

    def as_json(self) -> dict[str, int]:
        """Flat, as job_runs keeps it."""
        left_out = ("outcomes", "to_send", "slack", "whatsapp")
        flat = {key: value for key, value in asdict(self).items() if key not in left_out}
        return {**flat, **self.outcomes}


@dataclass(slots=True)
class _Pass:
    """The state of one running pass."""

    now: datetime
    person: Actor | None
    counts: EvaluationCounts
    memory: Memory = field(default_factory=Memory)
    # Rule id → what it would change, where a person decides.
    questions: dict[int, str] = field(default_factory=dict)
    # Rule id → whether anything of what it tried worked.
    tried: dict[int, bool] = field(default_factory=dict)


@transaction.atomic
def rules_evaluate(
    *,
    now: datetime | None = None,
    rule_ids: Sequence[int] | None = None,
    actor: Actor | None = None,
    approved: frozenset[int] = frozenset(),
) -> EvaluationCounts | None:
    """Evaluate the bound workspace's active rules (or those named) and act. None: another worker is at it.

    `actor` is the person who asked for it now; what rules do is recorded as theirs either way. A rule that cannot be
    read is held, which the rule says, and the others go on. Rules that a person has `approved` do not ask.
    """
    if not _claim():
        return None
    if rule_ids is not None and actor is not None:
        _record_request(rule_ids, actor)
    active = Rule.objects.filter(status=RuleStatus.ACTIVE).order_by("-priority", "id")
    rules = list(active if rule_ids is None else active.filter(pk__in=list(rule_ids)))
    running = _Pass(now or timezone.now(), actor, EvaluationCounts(rules=len(rules)))
    if not rules:
        return running.counts
    specs, problems = _read_rules(rules)
    due = _due(specs, rules, running) if rule_ids is None else EVERYWHERE
    specs = [spec for spec in specs if due.is_due(spec)]
    running.counts.rules = len(specs) + len(problems)
    facts = campaign_facts(specs, now=running.now)
    specs = _without_lost(specs, facts, problems)
    _hold(rules, problems, running)
    gates = platform_gates(specs, facts, now=running.now, approved=approved)
    for evaluation in evaluate(specs, facts, rule_memories(specs, facts), gates, due.zones):
        _finish(evaluation, running)
    job = Actor.job("rules.evaluate_tenant")
    # What a rule asks about campaigns for which it is not due now still stands.
    whole = {rule_id for rule_id in running.memory.evaluated if due.is_whole(rule_id)}
    rules_ask(running.questions, rules, now=running.now, evaluated=whole, actor=job)
    running.counts.campaigns = facts.count
    running.counts.records = executions_insert(running.memory, now=running.now)
    states_upsert(running.memory, now=running.now)
    rules_mark_evaluated(running.memory, now=running.now)
    changing = [spec.rule_id for spec in specs if spec.rule_id and spec.action.field is not None]
    running.counts.rules_stopped = len(rules_break(rules, running.tried, changing, now=running.now, actor=job))
    return running.counts


@transaction.atomic
def rule_approve(*, rule: Rule, actor: Actor) -> EvaluationCounts | None:
    """Let a rule act that waits for approval: it is evaluated anew and acts on what matches now. None: another worker
    evaluates this workspace at the moment. DomainError when nothing waits any more, or it is older than 24 hours."""
    locked = approval_take(rule=rule, actor=actor)
    return rules_evaluate(rule_ids=[locked.pk], actor=actor, approved=frozenset({locked.pk}))


def _claim() -> bool:
    """Until the transaction ends no other worker evaluates this workspace; a killed one frees it with its session."""
    return workspace_lock_now("rules.evaluation")


def _due(specs: Sequence[RuleSpec], rules: Sequence[Rule], running: _Pass) -> Due:
    """A person who asks for a rule now asks at any hour; the job keeps to the rules' schedules."""
    since = {rule.pk: max(filter(None, (rule.last_evaluated_at, rule.activated_at)), default=_EVER) for rule in rules}
    return rules_due(specs, since, now=running.now)


def _record_request(rule_ids: Sequence[int], actor: Actor) -> None:
    record(
        actor=actor,
        action=AuditAction.UPDATE,
        resource=Rule._meta.db_table,
        new={"operation": "evaluated_now", "rules": list(rule_ids)},
    )


def _read_rules(rules: Sequence[Rule]) -> tuple[list[RuleSpec], dict[int, str]]:
    """The rules that can be read, and of the others why they cannot."""
    specs, problems = [], {}
    for rule in rules:
        try:
            specs.append(rule_spec(rule))
        except ConditionError as error:
            problems[rule.pk] = str(error)
    return specs, problems


def _without_lost(specs: list[RuleSpec], facts: CampaignFacts, problems: dict[int, str]) -> list[RuleSpec]:
    """Rules that name what is not there any more are held, and say so."""
    applied = {spec.action.label for spec in specs if isinstance(spec.action, ApplyLabel)}
    kept = []
    for spec in specs:
        assert spec.rule_id is not None  # specs of this module come from saved rules
        reason = lost_reason(spec, facts, applied)
        if reason:
            problems[spec.rule_id] = reason
        else:
            kept.append(spec)
    return kept


def _hold(rules: Sequence[Rule], problems: dict[int, str], running: _Pass) -> None:
    """Say on each rule that it is held, or not any more; an alert tells people when it begins."""
    running.counts.rules_held = len(problems)
    changed = [rule for rule in rules if rule.held_reason != problems.get(rule.pk, "")]
    if not changed:
        return
    actor = Actor.job("rules.evaluate_tenant")
    for rule in changed:
        old, rule.held_reason = rule.held_reason, problems.get(rule.pk, "")
        record(
            actor=actor,
            action=AuditAction.UPDATE,
            resource=rule,
            old={"held_reason": old},
            new={"held_reason": rule.held_reason},
        )
    Rule.objects.bulk_update(changed, ["held_reason"])
    held = [rule for rule in changed if rule.held_reason]
    alerts_raise([_held_alert(rule) for rule in held], now=running.now, actor=actor)
    freed = [f"rule:{rule.pk}:held" for rule in changed if not rule.held_reason]
    if freed:
        open_alerts = Alert.objects.filter(cause__in=freed, status=AlertStatus.OPEN)
        alerts_resolve(list(open_alerts.values_list("pk", flat=True)), actor=actor)


def _held_alert(rule: Rule) -> AlertRow:
    return AlertRow(
        cause=f"rule:{rule.pk}:held",
        severity=Severity.WARNING.value,
        title=_("Rule on hold: %(rule)s") % {"rule": rule.name},
        body=rule.held_reason,
        rule_id=rule.pk,
    )


def _finish(evaluation: RuleEvaluation, running: _Pass) -> None:
    """Act on the campaigns that passed every gate, and remember what matters of the others."""
    spec = evaluation.spec
    assert spec.rule_id is not None  # specs of this module come from saved rules
    waiting = evaluation.positions(Outcome.AWAITING_APPROVAL)
    if len(waiting):
        running.questions[spec.rule_id] = gate_phrase(evaluation.explain(int(waiting[0])))
    acting = evaluation.positions(Outcome.ACTED)
    results = _act(evaluation, acting, running)
    if results:
        running.tried[spec.rule_id] = any(not result.error or result.outcome for result in results.values())
    for position, result in results.items():
        if result.outcome is not None:
            evaluation.codes[position] = CODES[result.outcome]
        elif result.error:
            evaluation.codes[position] = CODES[Outcome.FAILED]
        elif result.account_id is not None:
            running.counts.to_send.setdefault(result.account_id, []).append(result.made["change"])
        elif "slack" in result.made:
            running.counts.slack.add(result.made["slack"])
        elif "whatsapp" in result.made:
            running.counts.whatsapp.update(result.made["whatsapp"])
    results |= _shadows(evaluation)
    # Codes are what became of it now: an action that keeps failing is kept once, not at every check.
    acted = evaluation.codes == CODES[Outcome.ACTED]
    for position in np.flatnonzero(evaluation.changed | acted).tolist():
        running.memory.keep(evaluation, position, results.get(position))
    running.memory.evaluated[spec.rule_id] = int(acted.sum())
    for outcome, count in evaluation.counts().items():
        running.counts.outcomes[outcome.value] = running.counts.outcomes.get(outcome.value, 0) + count
        running.counts.pairs += count


def _shadows(evaluation: RuleEvaluation) -> dict[int, Result]:
    """What a rule in shadow mode would have done, where that is news: position → what the feed keeps of it."""
    positions = np.flatnonzero((evaluation.codes == CODES[Outcome.SHADOW]) & evaluation.changed)
    action: Performer = evaluation.spec.action  # type: ignore[assignment]  # rule_spec reads nothing else
    return {int(one): Result(action.plan(target_of(evaluation, int(one)))) for one in positions}


def _act(evaluation: RuleEvaluation, positions: np.ndarray, running: _Pass) -> dict[int, Result]:
    """Carry out one rule's action on its campaigns: position → result. All fail together when the database refuses."""
    spec = evaluation.spec
    if not len(positions) or spec.rule_id is None:
        return {}
    action: Performer = spec.action  # type: ignore[assignment]  # rule_spec reads nothing else
    changes = [action.plan(target_of(evaluation, int(position))) for position in positions]
    try:
        with transaction.atomic():
            results = action.apply(
                changes, rule_id=spec.rule_id, rule_name=spec.name, now=running.now, actor=_actor(spec, running.person)
            )
    except (DatabaseError, DomainError) as error:
        # One rule's action must not take the others of the pass with it; the feed shows it, the log has the rest.
        logger.exception("rule action failed", extra={"rule_id": spec.rule_id, "action": action.type})
        sentence = (
            str(error) if isinstance(error, DomainError) else _("The action could not be stored. It is tried again.")
        )
        results = [Result(change, error=sentence) for change in changes]
    return {int(position): result for position, result in zip(positions, results, strict=True)}


def _actor(spec: RuleSpec, person: Actor | None) -> Actor:
    """The rule itself; with the request behind it when a person asked for the pass."""
    if person is None:
        return Actor(kind=ActorKind.RULE, label=spec.name)
    return replace(person, kind=ActorKind.RULE, label=spec.name)
