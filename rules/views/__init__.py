"""Screens of rules, their activity and alerts."""

from rules.views.account import rule_account_export
from rules.views.activity import activity_list
from rules.views.alert_detail import alert_detail
from rules.views.alerts import (
    alert_acknowledge,
    alert_acknowledge_many,
    alert_assign,
    alert_bell_panel,
    alert_list,
    alert_reopen,
    alert_snooze,
)
from rules.views.approvals import approval_list
from rules.views.detail import rule_detail
from rules.views.editor import (
    rule_builder_panel,
    rule_campaigns_panel,
    rule_create,
    rule_edit,
    rule_preview_panel,
    rule_replay_draft,
)
from rules.views.escalations import alert_escalations
from rules.views.guards import automation_freeze, automation_unfreeze, execution_undo, rule_approve, rule_dismiss
from rules.views.limits import rule_limits, rule_limits_save
from rules.views.notifications import notification_preview_panel, notification_settings, notification_test, rule_mute
from rules.views.panels import campaign_panel, home_panel, waiting_count_panel
from rules.views.replay import replay_draft, replay_progress_panel, rule_replay
from rules.views.report_schedules import (
    report_preview_panel,
    report_schedule_confirm,
    report_schedule_create,
    report_schedule_edit,
    report_schedule_pdf,
    report_schedule_preview,
    report_schedule_remove,
    report_schedule_send,
    report_schedule_status,
    report_schedule_test,
)
from rules.views.reports import report_csv, report_detail, report_list, report_pdf
from rules.views.rules import (
    rule_delete,
    rule_duplicate,
    rule_evaluate,
    rule_evaluate_all,
    rule_list,
    rule_restore,
    rule_status,
)
from rules.views.slack import slack_target_create, slack_target_list, slack_target_remove, slack_target_test
from rules.views.slack_installs import (
    slack_install_callback,
    slack_install_remove,
    slack_install_start,
    slack_installing,
)
from rules.views.undo import rule_undo
from rules.views.versions import rule_version_compare, rule_version_use

__all__ = [
    "activity_list",
    "alert_acknowledge",
    "alert_acknowledge_many",
    "alert_assign",
    "alert_bell_panel",
    "alert_detail",
    "alert_escalations",
    "alert_list",
    "alert_reopen",
    "alert_snooze",
    "approval_list",
    "automation_freeze",
    "automation_unfreeze",
    "campaign_panel",
    "execution_undo",
    "home_panel",
    "notification_preview_panel",
    "notification_settings",
    "notification_test",
    "replay_draft",
    "replay_progress_panel",
    "report_csv",
    "report_detail",
    "report_list",
    "report_pdf",
    "report_preview_panel",
    "report_schedule_confirm",
    "report_schedule_create",
    "report_schedule_edit",
    "report_schedule_pdf",
    "report_schedule_preview",
    "report_schedule_remove",
    "report_schedule_send",
    "report_schedule_status",
    "report_schedule_test",
    "rule_account_export",
    "rule_approve",
    "rule_builder_panel",
    "rule_campaigns_panel",
    "rule_create",
    "rule_delete",
    "rule_detail",
    "rule_dismiss",
    "rule_duplicate",
    "rule_edit",
    "rule_evaluate",
    "rule_evaluate_all",
    "rule_limits",
    "rule_limits_save",
    "rule_list",
    "rule_mute",
    "rule_preview_panel",
    "rule_replay",
    "rule_replay_draft",
    "rule_restore",
    "rule_status",
    "rule_undo",
    "rule_version_compare",
    "rule_version_use",
    "slack_install_callback",
    "slack_install_remove",
    "slack_install_start",
    "slack_installing",
    "slack_target_create",
    "slack_target_list",
    "slack_target_remove",
    "slack_target_test",
    "waiting_count_panel",
]
