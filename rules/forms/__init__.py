"""Forms of rules: they say where something is wrong; what is right, the parsers of rules.conditions decide."""

from rules.forms.limits import LimitsForm
from rules.forms.notifications import EscalationForm, NotificationForm
from rules.forms.numbers import number_shown
from rules.forms.reports import ReportScheduleForm, schedule_values
from rules.forms.rule import RuleForm, RuleStatusForm
from rules.forms.slack import SlackTargetForm

__all__ = [
    "EscalationForm",
    "LimitsForm",
    "NotificationForm",
    "ReportScheduleForm",
    "RuleForm",
    "RuleStatusForm",
    "SlackTargetForm",
    "number_shown",
    "schedule_values",
]
