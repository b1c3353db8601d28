"""Reports: when they are made, what they said, and who got them."""

import datetime
import hashlib
import json

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from campaigns.models.columns import json_value
from rules.choices import Channel, ReportDeliveryState, ReportKind, ReportSection
from stratum.lib.encryption import EncryptedTextField
from tenants.models import SoftDeleteModel, TenantModel, TimestampedModel, choice_check


def all_sections() -> list[str]:
    return list(ReportSection.values)


# What people say about a schedule.
SAID = (
    "name",
    "kind",
    "weekday",
    "send_at",
    "timezone",
    "currency",
    "locale",
    "user_ids",
    "slack_target_ids",
    "contact_ids",
    "addresses",
    "template_name",
    "sections",
    "filters",
)


class ReportSchedule(SoftDeleteModel, TimestampedModel):
    """When which report is made, of what, and who gets it. Nothing is sent before somebody has seen a preview."""

    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(max_length=10, choices=ReportKind)
    # Of weekly ones, from 0, Monday.
    weekday = models.SmallIntegerField(null=True, blank=True)
    # The time of day in `timezone`, which also cuts the days of the report.
    send_at = models.TimeField(default=datetime.time(8))
    timezone = models.CharField(max_length=50, default="UTC", db_default="UTC")
    currency = models.CharField(max_length=3, default="USD", db_default="USD")
    locale = models.CharField(max_length=10, default="en", db_default="en")
    # Ids of people of the workspace, of Slack targets, of WhatsApp contacts.
    user_ids = models.JSONField(default=list, db_default=json_value([]))
    slack_target_ids = models.JSONField(default=list, db_default=json_value([]))
    contact_ids = models.JSONField(default=list, db_default=json_value([]))
    # Addresses of others, one a line.
    addresses = EncryptedTextField(blank=True, default="")
    template_name = models.CharField(max_length=512, blank=True, default="", db_default="")
    sections = models.JSONField(default=all_sections, db_default=json_value(ReportSection.values))
    # {"platforms": [name], "labels": [label], "accounts": [id]}; an empty list does not narrow.
    filters = models.JSONField(default=dict, db_default=json_value({}))
    is_active = models.BooleanField(default=True, db_default=True)
    created_by = models.ForeignKey(
        "accounts.User", models.SET_NULL, null=True, blank=True, related_name="+", db_constraint=False
    )
    next_run_at = models.DateTimeField(null=True, blank=True)
    # When somebody saw exactly what will go out, and said yes; what is sent changes: NULL again.
    confirmed_at = models.DateTimeField(null=True, blank=True)
    last_error = models.TextField(blank=True, default="", db_default="")

    class Meta:
        db_table = "report_schedules"
        base_manager_name = "including_deleted"
        default_manager_name = "objects"
        verbose_name = _("report schedule")
        verbose_name_plural = _("report schedules")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="uq_report_schedules_tenant_id"),
            choice_check("kind", ReportKind, "ck_report_schedules_kind"),
            models.CheckConstraint(
                condition=models.Q(weekday=None) | models.Q(weekday__range=(0, 6)), name="ck_report_schedules_weekday"
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_run_at"],
                name="ix_report_schedules_due",
                condition=models.Q(is_active=True, is_deleted=False, confirmed_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def version(self) -> str:
        """Another one when something else is sent, otherwise, or to others: whether it still is what somebody looked
        at. Confirming it, pausing it and sending it change nothing of that."""
        said = json.dumps([getattr(self, name) for name in SAID], default=str, sort_keys=True)
        return hashlib.sha256(said.encode()).hexdigest()


class Report(TenantModel):
    """One report as it was sent. The database refuses to change it, and to delete it but by retention."""

    schedule = models.ForeignKey(
        ReportSchedule, models.PROTECT, related_name="reports", db_index=False, db_constraint=False
    )
    date_from = models.DateField()
    date_to = models.DateField()
    zone = models.CharField(max_length=50)
    # What was known at this moment is what the figures say.
    as_of = models.DateTimeField()
    # rules.services.reports.content: every figure an integer or a text.
    content = models.JSONField()
    # What the report before it said, and what is known of the same days by now; NULL for the first one.
    restated = models.JSONField(null=True, blank=True)
    # SHA-256 over the canonical JSON of both, in hexadecimal.
    content_hash = models.CharField(max_length=64)
    previous = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="+", db_index=False, db_constraint=False
    )
    pdf = models.BinaryField(default=b"", db_default=b"")
    csv = models.BinaryField(default=b"", db_default=b"")
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)

    class Meta:
        db_table = "reports"
        base_manager_name = "objects"
        verbose_name = _("report")
        verbose_name_plural = _("reports")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="uq_reports_tenant_id"),
            # Made once, whoever tries again.
            models.UniqueConstraint(fields=["schedule", "date_from", "date_to"], name="uq_reports_period"),
        ]
        indexes = [models.Index(fields=["tenant", "-created_at"], name="ix_reports_created")]

    def __str__(self) -> str:
        return f"{self.schedule_id}: {self.date_from} – {self.date_to}"


class ReportDelivery(TenantModel):
    """One report to one recipient of one channel, once."""

    report = models.ForeignKey(Report, models.CASCADE, related_name="deliveries", db_index=False, db_constraint=False)
    channel = models.CharField(max_length=10, choices=Channel)
    # 'user:5', 'slack:3', 'contact:7', or 'address:' and the keyed hash of an address.
    recipient = models.CharField(max_length=80)
    state = models.CharField(max_length=10, choices=ReportDeliveryState)
    # The row of the channel's own ledger: email_messages, slack_messages, whatsapp_messages.
    ledger_id = models.BigIntegerField(null=True, blank=True)
    # Why it was left out.
    reason = models.TextField(blank=True, default="", db_default="")
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)

    class Meta:
        db_table = "report_deliveries"
        base_manager_name = "objects"
        verbose_name = _("delivery of a report")
        verbose_name_plural = _("deliveries of reports")
        constraints = [
            models.UniqueConstraint(fields=["report", "channel", "recipient"], name="uq_report_deliveries_once"),
            choice_check("channel", Channel, "ck_report_deliveries_channel"),
            choice_check("state", ReportDeliveryState, "ck_report_deliveries_state"),
        ]

    def __str__(self) -> str:
        return f"{self.report_id} → {self.recipient}"
