"""Every write of rules, evaluations and alerts."""

from rules.services.alerts import alert_acknowledge, alert_reopen, alerts_acknowledge
from rules.services.evaluation import EvaluationCounts, rules_evaluate
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
    "alert_acknowledge",
    "alert_reopen",
    "alerts_acknowledge",
    "rule_create",
    "rule_delete",
    "rule_duplicate",
    "rule_restore",
    "rule_set_status",
    "rule_update",
    "rules_evaluate",
]
