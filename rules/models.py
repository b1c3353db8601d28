"""Rules, what each check of them found, and the alerts they raise."""

import datetime

from django.db import models
from django.db.models import Value
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from rules.choices import (
    ActionType,
    AlertStatus,
    Channel,
    CodeKind,
    CommandOutcome,
    CommandVerb,
    DeliveryState,
    Operator,
    Outcome,
    ReportDeliveryState,
    ReportKind,
    ReportSection,
    RuleStatus,
    Severity,
    SlackKind,
    SlackState,
    SlackStatus,
)
from stratum.lib.encryption import EncryptedTextField
from tenants.models import SoftDeleteModel, TenantModel, TimestampedModel, choice_check


def _json(value: object) -> Value:
    return Value(value, models.JSONField())


class Rule(SoftDeleteModel, TimestampedModel):
    """When <field> over <duration> <operator> <value>, then <action>, for the campaigns in scope."""

    id = models.AutoField(primary_key=True)
    name = models.CharField(_("name"), max_length=255)
    description = models.TextField(_("description"), null=True, blank=True)
    status = models.CharField(max_length=10, choices=RuleStatus, default=RuleStatus.DRAFT, db_default="draft")
    condition_field = models.CharField(max_length=100)
    condition_operator = models.CharField(max_length=20, choices=Operator)
    # Money as a person writes it, in the campaign's currency: 1000 is 1,000.00.
    condition_value = models.CharField(max_length=255)
    condition_duration_hours = models.IntegerField(default=24, db_default=24)
    # What the simple condition cannot say (rules.conditions.trees); the columns above then hold its first test, as far
    # as they can. NULL: they are the condition.
    condition_tree = models.JSONField(null=True, blank=True)
    action_type = models.CharField(max_length=20, choices=ActionType)
    action_config = models.JSONField(default=dict, db_default=_json({}))
    # Campaign ids, platform names; NULL means all.
    applies_to_campaigns = models.JSONField(null=True, blank=True)
    applies_to_platforms = models.JSONField(null=True, blank=True)
    # Campaign statuses; NULL means all. A rule about delivery leaves out what is paused, or it would act on silence.
    applies_to_statuses = models.JSONField(null=True, blank=True)
    last_evaluated_at = models.DateTimeField(null=True, blank=True)
    last_triggered_at = models.DateTimeField(null=True, blank=True)
    trigger_count = models.IntegerField(default=0, db_default=0)
    cooldown_hours = models.IntegerField(default=24, db_default=24)
    # How sure a match must be, in percent (rules.conditions.evidence); NULL: whatever the sums say counts.
    min_confidence = models.SmallIntegerField(null=True, blank=True)
    # Higher ones act first, and win where two want to change the same thing of a campaign.
    priority = models.SmallIntegerField(_("priority"), default=0, db_default=0)
    # It says what it would have done, and does nothing.
    shadow = models.BooleanField(_("shadow mode"), default=False, db_default=False)
    # Since when it waits for a person, because it would change much at once; NULL: it does not.
    awaiting_since = models.DateTimeField(null=True, blank=True)
    # When a person said no to what it asked for last.
    dismissed_at = models.DateTimeField(null=True, blank=True)
    # Why the last pass could not evaluate the rule at all (its condition cannot be read any more); empty when it could.
    held_reason = models.TextField(blank=True, default="", db_default="")
    # When it is checked (rules.conditions.schedules); NULL: at every pass.
    schedule = models.JSONField(null=True, blank=True)
    # Since when it has been active without a break: a slot of its schedule that began earlier is not made up for.
    activated_at = models.DateTimeField(null=True, blank=True)
    # On this share of its campaigns, always the same ones, it only says what it would have done.
    holdout_percent = models.SmallIntegerField(default=0, db_default=0)
    # The number of its newest row in rule_versions.
    version = models.IntegerField(default=1, db_default=1)
    # Passes in a row in which all that it tried failed; the circuit breaker counts them.
    failing_passes = models.SmallIntegerField(default=0, db_default=0)
    # When the circuit breaker paused it, and why; empty again once a person activates it.
    stopped_at = models.DateTimeField(null=True, blank=True)
    stopped_reason = models.TextField(blank=True, default="", db_default="")

    class Meta:
        db_table = "rules"
        base_manager_name = "including_deleted"
        default_manager_name = "objects"
        verbose_name = _("rule")
        verbose_name_plural = _("rules")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="uq_rules_tenant_id"),
            choice_check("status", RuleStatus, "ck_rules_status"),
            choice_check("condition_operator", Operator, "ck_rules_operator"),
            choice_check("action_type", ActionType, "ck_rules_action"),
            models.CheckConstraint(
                condition=models.Q(min_confidence=None) | models.Q(min_confidence__range=(50, 99)),
                name="ck_rules_confidence",
            ),
            models.CheckConstraint(condition=models.Q(holdout_percent__range=(0, 50)), name="ck_rules_holdout"),
        ]
        indexes = [
            models.Index(fields=["tenant", "status"], name="ix_rules_tenant_status"),
            models.Index(fields=["status", "last_evaluated_at"], name="ix_rules_evaluation"),
        ]

    def __str__(self) -> str:
        return self.name


class RuleExecution(TenantModel):
    """One outcome worth keeping: every trigger and hold, and every change of outcome; quiet checks leave none."""

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(
        "tenants.Tenant",
        models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
        editable=False,
    )
    rule = models.ForeignKey(Rule, models.CASCADE, related_name="executions", db_index=False, db_constraint=False)
    campaign = models.ForeignKey(
        "campaigns.Campaign", models.SET_NULL, null=True, blank=True, related_name="+", db_constraint=False
    )
    executed_at = models.DateTimeField(null=True, default=timezone.now, db_default=Now())
    triggered = models.BooleanField()
    outcome = models.CharField(max_length=20, choices=Outcome, default=Outcome.NO_MATCH, db_default="no_match")
    # Which version of the rule decided it (rule_versions.number); NULL: before versions were kept.
    rule_version = models.IntegerField(null=True, blank=True)
    condition_result = models.JSONField()
    action_result = models.JSONField(null=True, blank=True)
    error = models.TextField(null=True, blank=True)

    class Meta:
        db_table = "rule_executions"
        base_manager_name = "objects"
        verbose_name = _("rule execution")
        verbose_name_plural = _("rule executions")
        constraints = [choice_check("outcome", Outcome, "ck_rule_executions_outcome")]
        indexes = [
            models.Index(fields=["rule", "executed_at"], name="ix_rule_executions_rule_date"),
            models.Index(fields=["tenant", "executed_at"], name="ix_rule_executions_tenant_date"),
        ]

    def __str__(self) -> str:
        return f"{self.rule_id} → {self.campaign_id}: {self.outcome}"


class RuleVersion(TenantModel):
    """A rule's settings as they were saved once. Rows are only ever added; an execution names the one that decided."""

    rule = models.ForeignKey(Rule, models.CASCADE, related_name="versions", db_index=False, db_constraint=False)
    number = models.IntegerField()
    # The columns of rules.services.rules.RuleDraft.
    settings = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now, db_default=Now())
    user = models.ForeignKey("accounts.User", models.SET_NULL, null=True, related_name="+", db_constraint=False)
    # Of whoever is no person of the workspace.
    actor_label = models.CharField(max_length=255, blank=True, default="", db_default="")

    class Meta:
        db_table = "rule_versions"
        base_manager_name = "objects"
        verbose_name = _("version of a rule")
        verbose_name_plural = _("versions of rules")
        constraints = [models.UniqueConstraint(fields=["rule", "number"], name="uq_rule_versions_number")]

    def __str__(self) -> str:
        return f"{self.rule_id} v{self.number}"


class RuleState(TenantModel):
    """The newest outcome of one rule on one campaign: compact memory of the quiet checks, and the cooldown's clock."""

    rule = models.ForeignKey(Rule, models.CASCADE, related_name="states", db_index=False, db_constraint=False)
    campaign = models.ForeignKey("campaigns.Campaign", models.CASCADE, related_name="+", db_constraint=False)
    outcome = models.CharField(max_length=20, choices=Outcome)
    since = models.DateTimeField(default=timezone.now, db_default=Now())
    last_acted_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "rule_states"
        base_manager_name = "objects"
        constraints = [
            models.UniqueConstraint(fields=["rule", "campaign"], name="uq_rule_states_pair"),
            choice_check("outcome", Outcome, "ck_rule_states_outcome"),
        ]

    def __str__(self) -> str:
        return f"{self.rule_id} × {self.campaign_id}: {self.outcome}"


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
    data = models.JSONField(default=dict, db_default=_json({}))
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
    # The severity at which people were told of it; empty: they were not yet. Repeats tell nobody, getting worse does.
    told_severity = models.CharField(max_length=10, blank=True, default="", db_default="")
    # Since when it waits for an answer: told, woken, or reopened then. The clock of its escalation.
    waiting_since = models.DateTimeField(null=True, blank=True)
    # The newest step of the workspace's escalation that it has come to; 0: none.
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


def all_sections() -> list[str]:
    return list(ReportSection.values)


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
    user_ids = models.JSONField(default=list, db_default=_json([]))
    slack_target_ids = models.JSONField(default=list, db_default=_json([]))
    contact_ids = models.JSONField(default=list, db_default=_json([]))
    # Addresses of others, one a line.
    addresses = EncryptedTextField(blank=True, default="")
    template_name = models.CharField(max_length=512, blank=True, default="", db_default="")
    sections = models.JSONField(default=all_sections, db_default=_json(ReportSection.values))
    # {"platforms": [name], "labels": [label], "accounts": [id]}; an empty list does not narrow.
    filters = models.JSONField(default=dict, db_default=_json({}))
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


class SlackTarget(SoftDeleteModel, TimestampedModel):
    """Where messages to Slack go: an incoming webhook, which is one channel, or a bot and a channel it may write to."""

    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(max_length=10, choices=SlackKind)
    # Either one is all that is needed to write there: secrets, emptied when the target is removed.
    url = EncryptedTextField(blank=True, default="")
    token = EncryptedTextField(blank=True, default="")
    channel = models.CharField(_("channel"), max_length=100, blank=True, default="", db_default="")
    status = models.CharField(max_length=10, choices=SlackStatus, default=SlackStatus.OK, db_default="ok")
    last_error = models.TextField(blank=True, default="", db_default="")
    # Refusals in a row that are the target's own fault.
    failures = models.SmallIntegerField(default=0, db_default=0)
    last_sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "slack_targets"
        base_manager_name = "including_deleted"
        default_manager_name = "objects"
        verbose_name = _("Slack target")
        verbose_name_plural = _("Slack targets")
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="uq_slack_targets_tenant_id"),
            choice_check("kind", SlackKind, "ck_slack_targets_kind"),
            choice_check("status", SlackStatus, "ck_slack_targets_status"),
        ]

    def __str__(self) -> str:
        return self.name


class SlackMessage(TenantModel):
    """One message to Slack: work to do until it is sent or has failed, and afterwards the record of it."""

    target = models.ForeignKey(
        SlackTarget, models.CASCADE, related_name="messages", db_index=False, db_constraint=False
    )
    rule = models.ForeignKey(Rule, models.SET_NULL, null=True, blank=True, related_name="+", db_constraint=False)
    # Of a message about a single campaign.
    campaign = models.ForeignKey(
        "campaigns.Campaign", models.SET_NULL, null=True, blank=True, related_name="+", db_constraint=False
    )
    payload = models.JSONField()
    state = models.CharField(max_length=10, choices=SlackState, default=SlackState.PENDING, db_default="pending")
    attempts = models.SmallIntegerField(default=0, db_default=0)
    # Not before then: Slack asked for a pause, or the last try failed.
    next_retry_at = models.DateTimeField(null=True, blank=True)
    claimed_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    http_status = models.SmallIntegerField(null=True, blank=True)
    # Slack's word for what went wrong, and the sentence for people.
    error_code = models.CharField(max_length=100, blank=True, default="", db_default="")
    error = models.TextField(blank=True, default="", db_default="")
    # The message's id in its channel; webhooks do not tell it.
    ts = models.CharField(max_length=50, blank=True, default="", db_default="")
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)

    class Meta:
        db_table = "slack_messages"
        base_manager_name = "objects"
        verbose_name = _("Slack message")
        verbose_name_plural = _("Slack messages")
        constraints = [choice_check("state", SlackState, "ck_slack_messages_state")]
        indexes = [
            models.Index(fields=["target", "-id"], name="ix_slack_messages_target"),
            models.Index(
                fields=["tenant", "id"],
                name="ix_slack_messages_open",
                condition=models.Q(state__in=["pending", "sending"]),
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} → {self.target_id}: {self.state}"


class NotificationPreferences(TenantModel, TimestampedModel):
    """How one person wants to be told of alerts; without a row the defaults of rules.conditions.telling hold."""

    user = models.ForeignKey("accounts.User", models.CASCADE, related_name="+", db_index=False, db_constraint=False)
    # Severity → the channels that tell at once; none: the digest tells.
    channels = models.JSONField(default=dict, db_default=_json({}))
    # Nothing is sent between these times of the person's own clock, over midnight where `from` is the later one.
    quiet = models.BooleanField(default=False, db_default=False)
    quiet_from = models.TimeField(default=datetime.time(22), db_default=datetime.time(22))
    quiet_to = models.TimeField(default=datetime.time(7), db_default=datetime.time(7))
    # Critical alerts are sent in quiet hours too.
    critical_breaks = models.BooleanField(default=True, db_default=True)
    # When, by the person's own clock, what was not sent at once goes out as one message; NULL: no digest.
    digest_at = models.TimeField(null=True, blank=True)
    digest_channels = models.JSONField(default=list, db_default=_json([]))
    slack_target = models.ForeignKey(
        SlackTarget, models.SET_NULL, null=True, blank=True, related_name="+", db_constraint=False
    )
    whatsapp_contact = models.ForeignKey(
        "whatsapp.WhatsAppContact", models.SET_NULL, null=True, blank=True, related_name="+", db_constraint=False
    )
    # Ids of rules whose alerts this person sees at the bell of all alerts, and is not told of.
    muted_rules = models.JSONField(default=list, db_default=_json([]))

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
    # Why it is held back, or was not told: a key of rules.queries.deliveries.REASONS.
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
    steps = models.JSONField(default=list, db_default=_json([]))

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


class WhatsAppCode(TenantModel):
    """A question to one contact that they may answer once: which campaign, whether to pause it, whether a rule may act.

    It binds the answer to what was shown. Buttons name the row; a code that is typed is kept as a keyed hash.
    """

    contact = models.ForeignKey(
        "whatsapp.WhatsAppContact", models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    kind = models.CharField(max_length=10, choices=CodeKind)
    # The campaign or the rule. No key: the question is the record of what was asked.
    subject_id = models.BigIntegerField(null=True, blank=True)
    code_hash = models.CharField(max_length=64, blank=True, default="", db_default="")
    # What was shown, and its digest.
    payload = models.JSONField(default=dict, db_default=_json({}))
    payload_hash = models.CharField(max_length=64, blank=True, default="", db_default="")
    # Of an approval: since when the rule waits. People are asked once for each time that it begins to.
    asked_since = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)

    class Meta:
        db_table = "whatsapp_codes"
        base_manager_name = "objects"
        verbose_name = _("question by WhatsApp")
        verbose_name_plural = _("questions by WhatsApp")
        constraints = [choice_check("kind", CodeKind, "ck_whatsapp_codes_kind")]
        indexes = [models.Index(fields=["contact", "kind", "-id"], name="ix_whatsapp_codes_contact")]

    def __str__(self) -> str:
        return f"{self.kind} → {self.contact_id}"


class WhatsAppCommand(TenantModel):
    """What one message of a contact asked for and what it did: for taking it back, and for telling how it ended."""

    contact = models.ForeignKey(
        "whatsapp.WhatsAppContact", models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    message = models.ForeignKey(
        "whatsapp.WhatsAppMessage", models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    verb = models.CharField(max_length=10, choices=CommandVerb)
    outcome = models.CharField(max_length=10, choices=CommandOutcome)
    # {"change": id}, {"alerts": [ids]}, {"rule": id, "executions": [first, last] or []}, {"rejected": rule id}.
    made = models.JSONField(default=dict, db_default=_json({}))
    undone_at = models.DateTimeField(null=True, blank=True)
    # The row of the ledger of changes whose outcome the contact is told; no key, it may go before this row does.
    change_id = models.BigIntegerField(null=True, blank=True)
    told_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)

    class Meta:
        db_table = "whatsapp_commands"
        base_manager_name = "objects"
        verbose_name = _("command by WhatsApp")
        verbose_name_plural = _("commands by WhatsApp")
        constraints = [
            # Beside the claim of the message: it is obeyed once.
            models.UniqueConstraint(fields=["message"], name="uq_whatsapp_commands_message"),
            choice_check("verb", CommandVerb, "ck_whatsapp_commands_verb"),
            choice_check("outcome", CommandOutcome, "ck_whatsapp_commands_outcome"),
        ]
        indexes = [
            models.Index(fields=["contact", "-id"], name="ix_whatsapp_commands_contact"),
            models.Index(
                fields=["tenant", "id"],
                name="ix_whatsapp_commands_untold",
                condition=models.Q(change_id__isnull=False, told_at=None),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.verb}: {self.outcome}"
