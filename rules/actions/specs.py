"""A stored rule, understood as a whole."""

from dataclasses import dataclass

from rules.actions import action_parse
from rules.conditions import (
    ConditionError,
    Node,
    RuleSpec,
    parse_condition,
    parse_confidence,
    parse_cooldown,
    parse_holdout,
    parse_schedule,
    parse_scope,
    parse_tree,
)
from rules.models import Rule
from rules.queries.rules import active_rules


def rule_spec(rule: Rule) -> RuleSpec:
    """A rule's row (saved or not) as the evaluator works on it. ConditionError with the place of what is wrong."""
    return RuleSpec(
        rule_id=rule.pk,
        name=rule.name,
        condition=rule_condition(rule),
        scope=parse_scope(
            platforms=rule.applies_to_platforms,
            statuses=rule.applies_to_statuses,
            campaigns=rule.applies_to_campaigns,
        ),
        action=action_parse(rule.action_type, rule.action_config),
        cooldown_hours=parse_cooldown(rule.cooldown_hours),
        min_confidence=parse_confidence(rule.min_confidence),
        priority=rule.priority,
        shadow=rule.shadow,
        schedule=parse_schedule(rule.schedule),
        holdout_percent=parse_holdout(rule.holdout_percent),
        version=rule.version,
    )  # fmt: skip


def rule_condition(rule: Rule) -> Node:
    """What a rule asks. ConditionError with the place of what cannot be read."""
    if rule.condition_tree is not None:
        return parse_tree(rule.condition_tree)
    return parse_condition({
        "field": rule.condition_field,
        "operator": rule.condition_operator,
        "value": rule.condition_value,
        "duration_hours": rule.condition_duration_hours,
    })  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reading:
    """A rule read for a screen: its spec, or why it cannot be read."""

    rule: Rule
    spec: RuleSpec | None
    problem: str = ""


def rule_reading(rule: Rule) -> Reading:
    try:
        return Reading(rule, rule_spec(rule))
    except ConditionError as error:
        return Reading(rule, None, str(error))


def active_specs() -> list[RuleSpec]:
    """The rules of the next pass that can be read, in the order in which they act. One statement."""
    readings = (rule_reading(rule) for rule in active_rules())
    return [reading.spec for reading in readings if reading.spec is not None]
