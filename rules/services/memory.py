"""What a pass leaves behind: rows of the feed, the compact state of each pair, the clocks of the rules.

Set-based, in parts, so that a pass over a million pairs holds no million objects of the ORM. (COPY cannot write
tables under row-level security.)
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from django.db import connection

from rules.actions import Result
from rules.choices import Outcome
from rules.queries.evaluation import RuleEvaluation
from tenants.context import bound_tenant_id

_PART = 5000
ItemT = TypeVar("ItemT")

_INSERT_EXECUTIONS = """
    INSERT INTO rule_executions (tenant_id, rule_id, campaign_id, executed_at, triggered, outcome,
                                 rule_version, condition_result, action_result, error)
    SELECT %(tenant)s, new.rule_id, new.campaign_id, %(now)s, new.outcome = 'acted', new.outcome,
           new.rule_version, new.condition_result::jsonb, new.action_result::jsonb, new.error
    FROM unnest(%(rules)s::int[], %(campaigns)s::int[], %(outcomes)s::text[], %(versions)s::int[],
                %(conditions)s::text[], %(actions)s::text[], %(errors)s::text[])
        AS new(rule_id, campaign_id, outcome, rule_version, condition_result, action_result, error)
"""

_UPSERT_STATES = """
    INSERT INTO rule_states (tenant_id, rule_id, campaign_id, outcome, since, last_acted_at)
    SELECT %(tenant)s, new.rule_id, new.campaign_id, new.outcome, %(now)s,
           CASE WHEN new.outcome = 'acted' THEN %(now)s::timestamptz END
    FROM unnest(%(rules)s::int[], %(campaigns)s::int[], %(outcomes)s::text[]) AS new(rule_id, campaign_id, outcome)
    ON CONFLICT (rule_id, campaign_id) DO UPDATE SET
        outcome = EXCLUDED.outcome,
        since = CASE WHEN rule_states.outcome = EXCLUDED.outcome THEN rule_states.since ELSE EXCLUDED.since END,
        last_acted_at = coalesce(EXCLUDED.last_acted_at, rule_states.last_acted_at)
"""

_MARK_EVALUATED = """
    UPDATE rules SET last_evaluated_at = %(now)s, trigger_count = rules.trigger_count + done.acted,
        last_triggered_at = CASE WHEN done.acted > 0 THEN %(now)s ELSE rules.last_triggered_at END
    FROM unnest(%(rules)s::int[], %(acted)s::int[]) AS done(rule_id, acted)
    WHERE rules.id = done.rule_id AND rules.tenant_id = %(tenant)s
"""


class Kept(NamedTuple):
    """One outcome worth keeping, and the rule's version that decided it. JSON is text already; None where there is
    none."""

    rule_id: int
    campaign_id: int
    outcome: str
    rule_version: int
    condition_result: str
    action_result: str | None
    error: str | None


@dataclass(slots=True)
class Memory:
    """Collected during a pass, written at its end. `evaluated`: rule id → on how many campaigns it acted."""

    kept: list[Kept] = field(default_factory=list)
    evaluated: dict[int, int] = field(default_factory=dict)

    def keep(self, evaluation: RuleEvaluation, position: int, result: Result | None) -> None:
        outcome = evaluation.outcome(position)
        rule_id = evaluation.spec.rule_id
        assert outcome is not None  # what is out of scope is not kept
        assert rule_id is not None  # what is kept belongs to a saved rule
        planned = result is not None and outcome in (Outcome.ACTED, Outcome.SHADOW)
        self.kept.append(
            Kept(
                rule_id,
                int(evaluation.facts.ids[position]),
                outcome.value,
                evaluation.spec.version,
                json.dumps(evaluation.explain(position).as_json()),
                json.dumps(result.as_json(evaluation.spec.action.type)) if planned and result else None,
                (result.error if result else "") or None,
            )
        )


def executions_insert(memory: Memory, *, now: datetime) -> int:
    """The feed's rows; how many."""
    for part in _parts(memory.kept):
        _execute(
            _INSERT_EXECUTIONS,
            now,
            rules=[one.rule_id for one in part],
            campaigns=[one.campaign_id for one in part],
            outcomes=[one.outcome for one in part],
            versions=[one.rule_version for one in part],
            conditions=[one.condition_result for one in part],
            actions=[one.action_result for one in part],
            errors=[one.error for one in part],
        )
    return len(memory.kept)


def states_upsert(memory: Memory, *, now: datetime) -> None:
    for part in _parts(memory.kept):
        _execute(
            _UPSERT_STATES,
            now,
            rules=[one.rule_id for one in part],
            campaigns=[one.campaign_id for one in part],
            outcomes=[one.outcome for one in part],
        )


def rules_mark_evaluated(memory: Memory, *, now: datetime) -> None:
    if memory.evaluated:
        _execute(_MARK_EVALUATED, now, rules=list(memory.evaluated), acted=list(memory.evaluated.values()))


def _execute(statement: str, now: datetime, **lists: list[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"tenant": bound_tenant_id(), "now": now, **lists})


def _parts(items: Sequence[ItemT]) -> Iterator[Sequence[ItemT]]:
    for start in range(0, len(items), _PART):
        yield items[start : start + _PART]
