"""Every write of rules, evaluations and alerts."""

from rules.services.alerts import alert_acknowledge, alert_reopen, alerts_acknowledge
from rules.services.evaluation import EvaluationCounts, rules_evaluate
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
    rule_duplicate,
    rule_restore,
    rule_set_status,
    rule_update,
)

__all__ = [
    "EvaluationCounts",
    "ReplayAsk",
    "ReplayState",
    "alert_acknowledge",
    "alert_reopen",
    "alerts_acknowledge",
    "draft_keep",
    "draft_kept",
    "draft_of",
    "replay_ask",
    "replay_now",
    "replay_run",
    "replay_state",
    "rule_create",
    "rule_delete",
    "rule_duplicate",
    "rule_restore",
    "rule_set_status",
    "rule_update",
    "rules_evaluate",
]
