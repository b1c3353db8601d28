"""The tables of rules: what they are, found and did, who is told of it, and reports."""

from rules.models.alerts import Alert, AlertDelivery, Escalation, NotificationPreferences
from rules.models.commands import WhatsAppCode, WhatsAppCommand
from rules.models.reports import Report, ReportDelivery, ReportSchedule, all_sections
from rules.models.rules import Rule, RuleExecution, RuleState, RuleVersion
from rules.models.slack import SlackInstall, SlackMessage, SlackTarget

__all__ = [
    "Alert",
    "AlertDelivery",
    "Escalation",
    "NotificationPreferences",
    "Report",
    "ReportDelivery",
    "ReportSchedule",
    "Rule",
    "RuleExecution",
    "RuleState",
    "RuleVersion",
    "SlackInstall",
    "SlackMessage",
    "SlackTarget",
    "WhatsAppCode",
    "WhatsAppCommand",
    "all_sections",
]
