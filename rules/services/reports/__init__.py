"""Every write of reports."""

from rules.services.reports.schedules import (
    ScheduleDraft,
    may_release,
    report_schedule_confirm,
    report_schedule_create,
    report_schedule_remove,
    report_schedule_set_active,
    report_schedule_update,
)
from rules.services.reports.sending import (
    Preview,
    ReportsSent,
    report_preview,
    report_preview_pdf,
    report_send_now,
    report_send_test,
    reports_send,
)

__all__ = [
    "Preview",
    "ReportsSent",
    "ScheduleDraft",
    "may_release",
    "report_preview",
    "report_preview_pdf",
    "report_schedule_confirm",
    "report_schedule_create",
    "report_schedule_remove",
    "report_schedule_set_active",
    "report_schedule_update",
    "report_send_now",
    "report_send_test",
    "reports_send",
]
