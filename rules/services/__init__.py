"""Every write of rules, evaluations and alerts."""

from rules.services.alerts import alert_acknowledge, alert_reopen, alerts_acknowledge
from rules.services.approvals import rule_dismiss
from rules.services.evaluation import EvaluationCounts, rule_approve, rules_evaluate
from rules.services.executions import Undo, execution_undo, executions_undo, undo_preview
from rules.services.freeze import automation_freeze, automation_unfreeze
from rules.services.limits import automation_set_limits
from rules.services.replays import (
    ReplayAsk,
    ReplayState,
    draft_keep,
    draft_kept,
    draft_of,
    replay_ask,
    replay_now,
    replay_run,
    replay_state,
)
from rules.services.rules import (
    rule_create,
    rule_delete,
    rule_describe,
    rule_duplicate,
    rule_restore,
    rule_set_status,
    rule_update,
    rule_use_version,
)

__all__ = [
    "EvaluationCounts",
    "ReplayAsk",
    "ReplayState",
    "Undo",
    "alert_acknowledge",
    "alert_reopen",
    "alerts_acknowledge",
    "automation_freeze",
    "automation_set_limits",
    "automation_unfreeze",
    "draft_keep",
    "draft_kept",
    "draft_of",
    "execution_undo",
    "executions_undo",
    "replay_ask",
    "replay_now",
    "replay_run",
    "replay_state",
    "rule_approve",
    "rule_create",
    "rule_delete",
    "rule_describe",
    "rule_dismiss",
    "rule_duplicate",
    "rule_restore",
    "rule_set_status",
    "rule_update",
    "rule_use_version",
    "rules_evaluate",
    "undo_preview",
]
