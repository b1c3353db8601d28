"""Alerts, who is told of them, and who next while nobody answers."""

import datetime

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from campaigns.models.columns import json_value
from rules.choices import AlertStatus, Channel, DeliveryState, Severity
from rules.models.rules import Rule
from rules.models.slack import SlackTarget
from tenants.models import TenantModel, TimestampedModel, choice_check


class Alert(TenantModel, TimestampedModel):
    """Something a person should know. Repeats of one cause are counted on one open row."""

    rule = models.ForeignKey(Rule, models.SET_NULL, null=True, blank=True, related_name="alerts", db_constraint=False)
    campaign = models.ForeignKey(
        "campaigns.Campaign", models.SET_NULL, null=True, blank=True, related_name="+", db_constraint=False
    )
    severity = models.CharField(max_length=10, choices=Severity, default=Severity.WARNING)
    status = models.CharField(max_length=15, choices=AlertStatus, default=AlertStatus.OPEN)
    title = models.CharField(max_length=255)
    body = models.TextField(blank=True, default="")
    data = models.JSONField(default=dict, db_default=json_value({}))
    # One cause, one open alert: a rule and campaign, an account and its error.
    cause = models.CharField(max_length=200)
    occurrences = models.IntegerField(default=1, db_default=1)
    first_at = models.DateTimeField(default=timezone.now, db_default=Now())
    last_at = models.DateTimeField(default=timezone.now, db_default=Now())
    acknowledged_by = models.ForeignKey(
        "accounts.User", models.SET_NULL, null=True, blank=True, related_name="+", db_constraint=False
    )
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    # Whoever sees to it; open until it is acknowledged all the same.
    assigned_to = models.ForeignKey(
        "accounts.User", models.SET_NULL, null=True, blank=True, related_name="+", db_constraint=False
    )
    # Until then it is open and keeps quiet, unless it becomes critical.
    snoozed_until = models.DateTimeField(null=True, blank=True)
    # The worst severity at which people were told of it; empty: they were not yet. Repeats tell nobody, getting worse
    # does, and being as bad again as it was told before does not.
    told_severity = models.CharField(max_length=10, blank=True, default="", db_default="")
    # Since when it waits for an answer: told, woken, or reopened then. The clock of its escalation.
    waiting_since = models.DateTimeField(null=True, blank=True)
    # The newest step of the workspace's escalation for its severity that it has come to; 0: none.
    escalation_step = models.SmallIntegerField(default=0, db_default=0)

    class Meta:
        db_table = "alerts"
        base_manager_name = "objects"
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="uq_alerts_tenant_id"),
            models.UniqueConstraint(
                fields=["tenant", "cause"], name="uq_alerts_open_cause", condition=models.Q(status="open")
            ),
            choice_check("severity", Severity, "ck_alerts_severity"),
            choice_check("status", AlertStatus, "ck_alerts_status"),
        ]
        indexes = [models.Index(fields=["tenant", "status", "-last_at"], name="ix_alerts_status_last")]

    def __str__(self) -> str:
        return self.title


class NotificationPreferences(TenantModel, TimestampedModel):
    """How one person wants to be told of alerts. Where there is no row, or one without channels, they never chose: the
    defaults of rules.conditions.telling hold, and of the row only the muted rules."""

    user = models.ForeignKey("accounts.User", models.CASCADE, related_name="+", db_index=False, db_constraint=False)
    # Severity → the channels that tell at once; none: the digest tells. NULL: never chosen, a rule was muted only.
    channels = models.JSONField(null=True, blank=True)
    # Nothing is sent between these times of the person's own clock, over midnight where `from` is the later one.
    quiet = models.BooleanField(default=False, db_default=False)
    quiet_from = models.TimeField(default=datetime.time(22), db_default=datetime.time(22))
    quiet_to = models.TimeField(default=datetime.time(7), db_default=datetime.time(7))
    # Critical alerts are sent in quiet hours too.
    critical_breaks = models.BooleanField(default=True, db_default=True)
    # When, by the person's own clock, what was not sent at once goes out as one message; NULL: no digest.
    digest_at = models.TimeField(null=True, blank=True)
    digest_channels = models.JSONField(default=list, db_default=json_value([]))
    slack_target = models.ForeignKey(
        SlackTarget, models.SET_NULL, null=True, blank=True, related_name="+", db_constraint=False
    )
    whatsapp_contact = models.ForeignKey(
        "whatsapp.WhatsAppContact", models.SET_NULL, null=True, blank=True, related_name="+", db_constraint=False
    )
    # Ids of rules whose alerts this person sees at the bell of all alerts, and is not told of.
    muted_rules = models.JSONField(default=list, db_default=json_value([]))

    class Meta:
        db_table = "notification_preferences"
        base_manager_name = "objects"
        verbose_name = _("notification preferences")
        verbose_name_plural = _("notification preferences")
        constraints = [models.UniqueConstraint(fields=["user"], name="uq_notification_preferences_user")]

    def __str__(self) -> str:
        return f"#{self.user_id}"


class AlertDelivery(TenantModel):
    """Telling one person of one alert by one channel: work to do until it is handed over, afterwards the record."""

    alert = models.ForeignKey(Alert, models.CASCADE, related_name="deliveries", db_index=False, db_constraint=False)
    user = models.ForeignKey("accounts.User", models.CASCADE, related_name="+", db_index=False, db_constraint=False)
    # Of the alert when this was decided: once it is worse, the person is told anew.
    severity = models.CharField(max_length=10, choices=Severity)
    channel = models.CharField(max_length=10, choices=Channel)
    # 0: when it was raised; then the steps of the escalation.
    step = models.SmallIntegerField(default=0, db_default=0)
    state = models.CharField(max_length=10, choices=DeliveryState, default=DeliveryState.PENDING, db_default="pending")
    # Why it is held back, was not told, or goes another way than chosen: a key of rules.queries.deliveries.REASONS.
    reason = models.CharField(max_length=40, blank=True, default="", db_default="")
    # Not before then.
    due_at = models.DateTimeField(null=True, blank=True)
    # The row in the ledger of the channel; one message tells of many alerts. No key: the record outlives the message.
    message_id = models.BigIntegerField(null=True, blank=True)
    # The person's own day whose digest told it.
    digest_on = models.DateField(null=True, blank=True)
    handed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)

    class Meta:
        db_table = "alert_deliveries"
        base_manager_name = "objects"
        verbose_name = _("delivery of an alert")
        verbose_name_plural = _("deliveries of alerts")
        constraints = [
            models.UniqueConstraint(
                fields=["alert", "user", "channel", "step", "severity"], name="uq_alert_deliveries_once"
            ),
            choice_check("severity", Severity, "ck_alert_deliveries_severity"),
            choice_check("channel", Channel, "ck_alert_deliveries_channel"),
            choice_check("state", DeliveryState, "ck_alert_deliveries_state"),
        ]
        indexes = [
            models.Index(
                fields=["tenant", "due_at"],
                condition=models.Q(state__in=["pending", "held", "digest"]),
                name="ix_alert_deliveries_due",
            ),
            models.Index(fields=["user", "-id"], name="ix_alert_deliveries_user"),
        ]

    def __str__(self) -> str:
        return f"{self.alert_id} → {self.user_id}: {self.channel}"


class Escalation(TenantModel, TimestampedModel):
    """Whom a workspace tells when nobody answers an alert of one severity."""

    severity = models.CharField(max_length=10, choices=Severity)
    is_on = models.BooleanField(default=False, db_default=False)
    # As rules.conditions.escalations reads them: minutes since it waits, and who is told then.
    steps = models.JSONField(default=list, db_default=json_value([]))

    class Meta:
        db_table = "escalations"
        base_manager_name = "objects"
        verbose_name = _("escalation")
        verbose_name_plural = _("escalations")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "severity"], name="uq_escalations_severity"),
            choice_check("severity", Severity, "ck_escalations_severity"),
        ]

    def __str__(self) -> str:
        return self.severity
