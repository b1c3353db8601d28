"""Every write of rules, evaluations and alerts."""

from rules.services.alerts import alert_acknowledge, alert_assign, alert_reopen, alert_snooze, alerts_acknowledge
from rules.services.approvals import rule_dismiss
from rules.services.clashes import ClashError, clashes_of
from rules.services.commands import Answered, approvals_ask, commands_answer, outcomes_tell
from rules.services.escalations import escalation_save
from rules.services.evaluation import EvaluationCounts, rule_approve, rules_evaluate
from rules.services.executions import Undo, execution_undo, executions_undo, undo_preview
from rules.services.freeze import automation_freeze, automation_unfreeze
from rules.services.limits import automation_set_limits
from rules.services.notifications import notification_preferences_save, notifications_try, rule_mute
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
from rules.services.reverts import changes_revert
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
from rules.services.slack_installs import (
    slack_install_ask,
    slack_install_finish,
    slack_install_read,
    slack_install_remove,
    slack_install_request,
    slack_redirect_uri,
)
from rules.services.slack_sending import SlackSent, slack_send
from rules.services.slack_targets import TargetDraft, slack_target_create, slack_target_remove, slack_target_test
from rules.services.slack_tokens import slack_installs_refresh
from rules.services.telling import alerts_escalate, alerts_tell
from rules.services.telling_out import TellingSent, deliveries_send, digests_send

__all__ = [
    "Answered",
    "ClashError",
    "EvaluationCounts",
    "ReplayAsk",
    "ReplayState",
    "SlackSent",
    "TargetDraft",
    "TellingSent",
    "Undo",
    "alert_acknowledge",
    "alert_assign",
    "alert_reopen",
    "alert_snooze",
    "alerts_acknowledge",
    "alerts_escalate",
    "alerts_tell",
    "approvals_ask",
    "automation_freeze",
    "automation_set_limits",
    "automation_unfreeze",
    "changes_revert",
    "clashes_of",
    "commands_answer",
    "deliveries_send",
    "digests_send",
    "draft_keep",
    "draft_kept",
    "draft_of",
    "escalation_save",
    "execution_undo",
    "executions_undo",
    "notification_preferences_save",
    "notifications_try",
    "outcomes_tell",
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
    "rule_mute",
    "rule_restore",
    "rule_set_status",
    "rule_update",
    "rule_use_version",
    "rules_evaluate",
    "slack_install_ask",
    "slack_install_finish",
    "slack_install_read",
    "slack_install_remove",
    "slack_install_request",
    "slack_installs_refresh",
    "slack_redirect_uri",
    "slack_send",
    "slack_target_create",
    "slack_target_remove",
    "slack_target_test",
    "undo_preview",
]
