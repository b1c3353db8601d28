"""What a rule says, before any number is looked at: fields, operators, values, windows, scope, and their wording."""

from rules.conditions.fields import FIELDS, OPERATORS, Field, ValueType
from rules.conditions.parsing import MAX_DURATION_HOURS, Condition, ConditionError, parse_condition
from rules.conditions.schedules import Schedule, parse_schedule
from rules.conditions.scopes import Scope, parse_confidence, parse_cooldown, parse_holdout, parse_scope
from rules.conditions.specs import Action, RuleSpec
from rules.conditions.trees import Group, Node, leaves, node_json, parse_tree
from rules.conditions.windows import Window, WindowKind

__all__ = [
    "FIELDS",
    "MAX_DURATION_HOURS",
    "OPERATORS",
    "Action",
    "Condition",
    "ConditionError",
    "Field",
    "Group",
    "Node",
    "RuleSpec",
    "Schedule",
    "Scope",
    "ValueType",
    "Window",
    "WindowKind",
    "leaves",
    "node_json",
    "parse_condition",
    "parse_confidence",
    "parse_cooldown",
    "parse_holdout",
    "parse_schedule",
    "parse_scope",
    "parse_tree",
]
