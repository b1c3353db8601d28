"""Staff pages of rules, what they did, and alerts."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.decorators import display

from accounts.admin.base import Glance, Related, TenantModelAdmin, admin_link, with_reason
from accounts.admin.forms import StaffForm
from accounts.audit import Actor
from rules.choices import (
    AlertStatus,
    CommandOutcome,
    DeliveryState,
    Outcome,
    ReportDeliveryState,
    RuleStatus,
    Severity,
    SlackState,
    SlackStatus,
)
from rules.models import (
    Alert,
    AlertDelivery,
    Escalation,
    NotificationPreferences,
    Report,
    ReportDelivery,
    ReportSchedule,
    Rule,
    RuleExecution,
    RuleState,
    RuleVersion,
    SlackInstall,
    SlackMessage,
    SlackTarget,
    WhatsAppCode,
    WhatsAppCommand,
)
from rules.services import rule_delete, rule_describe, rule_set_status, rules_evaluate
from rules.tasks import send_what_was_asked
from stratum.lib.errors import DomainError
from tenants.context import tenant_context

_OUTCOME_COLOURS = {
    Outcome.ACTED: "success",
    Outcome.FAILED: "danger",
    Outcome.NO_MATCH: "info",
    **dict.fromkeys((Outcome.HELD_STALE, Outcome.HELD_EVIDENCE, Outcome.COOLDOWN, Outcome.CAP), "warning"),
}
_SEVERITY_COLOURS = {Severity.CRITICAL: "danger", Severity.WARNING: "warning", Severity.INFO: "info"}

_MESSAGE_COLOURS = {
    SlackState.SENT: "success",
    SlackState.FAILED: "danger",
    **dict.fromkeys((SlackState.PENDING, SlackState.MAYBE_SENT), "warning"),
    SlackState.SENDING: "info",
}
_DELIVERY_COLOURS = {
    DeliveryState.QUEUED: "success",
    DeliveryState.SKIPPED: "danger",
    DeliveryState.PENDING: "info",
    **dict.fromkeys((DeliveryState.HELD, DeliveryState.DIGEST), "warning"),
}
_COMMAND_COLOURS = {
    CommandOutcome.DONE: "success",
    **dict.fromkeys((CommandOutcome.WRONG_CODE, CommandOutcome.FAILED), "danger"),
    **dict.fromkeys((CommandOutcome.REFUSED, CommandOutcome.LATE, CommandOutcome.STRANGER), "warning"),
}


@admin.register(Rule)
class RuleAdmin(TenantModelAdmin):
    group, icon, place = "automation", "rule", 10
    list_display = ("name", "workspace", "state", "condition", "action_type", "trigger_count", "last_triggered_at")
    list_filter = (("status", ChoicesDropdownFilter), ("action_type", ChoicesDropdownFilter))
    search_fields = ("name",)
    ordering = ("-pk",)
    editable = ("name", "description")
    removable = True
    actions = ("evaluate_now", "activate", "pause")
    related = (
        Related(_("Executions"), "rules.RuleExecution", "rule__id__exact"),
        Related(_("States"), "rules.RuleState", "rule__id__exact"),
        Related(_("Versions"), "rules.RuleVersion", "rule__id__exact"),
        Related(_("Alerts"), "rules.Alert", "rule__id__exact"),
    )

    @display(description=_("status"), label={RuleStatus.ACTIVE: "success", RuleStatus.PAUSED: "warning"})
    def state(self, row: Rule) -> tuple[str, str]:
        return row.status, row.get_status_display()

    @admin.action(description=_("Evaluate now"), permissions=["operate"])
    @with_reason
    def evaluate_now(self, row: Rule, actor: Actor) -> None:
        if row.status != RuleStatus.ACTIVE:
            raise DomainError(gettext("Only active rules are evaluated."), code="not_active")
        counts = rules_evaluate(rule_ids=[row.pk], actor=actor)
        if counts is None:
            raise DomainError(gettext("The rules of this workspace are being evaluated just now."), code="busy")
        send_what_was_asked(row.tenant_id, counts)

    @admin.action(description=_("Activate"), permissions=["operate"])
    @with_reason
    def activate(self, row: Rule, actor: Actor) -> None:
        rule_set_status(rule=row, status=RuleStatus.ACTIVE, actor=actor)

    @admin.action(description=_("Pause"), permissions=["operate"])
    @with_reason
    def pause(self, row: Rule, actor: Actor) -> None:
        rule_set_status(rule=row, status=RuleStatus.PAUSED, actor=actor)

    def save_model(self, request: HttpRequest, obj: Rule, form: StaffForm, change: bool) -> None:
        """By the service: a new name makes a new version."""
        actor = self.actor(request, form.cleaned_data["reason"])
        with tenant_context(obj.tenant_id):
            rule_describe(rule=obj, name=obj.name, description=obj.description or "", actor=actor)

    def delete_by_service(self, row: Rule, actor: Actor) -> bool:
        with tenant_context(row.tenant_id):
            rule_delete(rule=row, actor=actor)
        return True

    @display(description=_("condition"))
    def condition(self, row: Rule) -> str:
        operator = row.get_condition_operator_display()
        return f"{row.condition_field} {operator} {row.condition_value} ({row.condition_duration_hours} h)"


class _OfRule(TenantModelAdmin):
    list_select_related = ("tenant", "rule", "campaign")
    search_related = {"rule": "name", "campaign": "name"}
    search_help_text = _("Name of a rule or campaign, or id")
    ordering = ("-pk",)

    @display(description=_("rule"))
    def of_rule(self, row: RuleExecution) -> str:
        return admin_link(row.rule)

    @display(description=_("campaign"))
    def of_campaign(self, row: RuleExecution) -> str:
        return admin_link(row.campaign)

    @display(description=_("outcome"), label=_OUTCOME_COLOURS)
    def result(self, row: RuleExecution) -> tuple[str, str]:
        return row.outcome, row.get_outcome_display()


@admin.register(RuleExecution)
class RuleExecutionAdmin(_OfRule):
    group, icon, place = "automation", "bolt", 20
    list_display = ("executed_at", "of_rule", "of_campaign", "workspace", "result", "error")
    list_filter = (("outcome", ChoicesDropdownFilter), ("executed_at", RangeDateTimeFilter))
    tenant_ordering = ("-executed_at", "-pk")


@admin.register(RuleVersion)
class RuleVersionAdmin(TenantModelAdmin):
    group, icon, place = "automation", "history", 22
    list_display = ("created_at", "of_rule", "number", "workspace", "who")
    list_select_related = ("tenant", "rule", "user")
    search_related = {"rule": "name"}
    search_help_text = _("Name of a rule, or id")
    ordering = ("-pk",)

    @display(description=_("rule"))
    def of_rule(self, row: RuleVersion) -> str:
        return admin_link(row.rule)

    @display(description=_("saved by"))
    def who(self, row: RuleVersion) -> str:
        return admin_link(row.user) if row.user else row.actor_label or "–"


@admin.register(RuleState)
class RuleStateAdmin(_OfRule):
    group, icon, place = "automation", "memory", 21
    list_display = ("since", "of_rule", "of_campaign", "workspace", "result", "last_acted_at")
    list_filter = (("outcome", ChoicesDropdownFilter),)


@admin.register(Alert)
class AlertAdmin(TenantModelAdmin):
    group, icon, place = "automation", "notifications", 30
    list_display = ("last_at", "title", "workspace", "level", "state", "occurrences", "handled_by")
    list_display_links = ("last_at", "title")
    list_filter = (("status", ChoicesDropdownFilter), ("severity", ChoicesDropdownFilter))
    list_select_related = ("tenant", "acknowledged_by")
    search_fields = ("title", "cause__exact")
    search_related = {"campaign": "name"}
    ordering = ("-pk",)
    tenant_ordering = ("-last_at", "-pk")
    related = (Related(_("Who was told"), "rules.AlertDelivery", "alert__id__exact"),)

    @display(description=_("severity"), label=_SEVERITY_COLOURS)
    def level(self, row: Alert) -> tuple[str, str]:
        return row.severity, row.get_severity_display()

    @display(description=_("status"), label={AlertStatus.OPEN: "warning", AlertStatus.RESOLVED: "success"})
    def state(self, row: Alert) -> tuple[str, str]:
        return row.status, row.get_status_display()

    @display(description=_("seen by"))
    def handled_by(self, row: Alert) -> str:
        return admin_link(row.acknowledged_by)

    def glances(self, request: HttpRequest) -> list[Glance]:
        waiting = Alert.objects.filter(status=AlertStatus.OPEN, severity=Severity.CRITICAL)
        url = reverse("admin:rules_alert_changelist") + "?status__exact=open&severity__exact=critical"
        return [Glance(_("Open critical alerts"), waiting[:1000].count(), url, urgent=True)]


@admin.register(ReportSchedule)
class ReportScheduleAdmin(TenantModelAdmin):
    group, icon, place = "automation", "event_repeat", 50
    list_display = ("name", "kind", "workspace", "next_run_at", "confirmed_at", "is_active", "last_error")
    list_filter = (("kind", ChoicesDropdownFilter),)
    search_fields = ("name",)
    ordering = ("-pk",)
    related = (Related(_("Reports"), "rules.Report", "schedule__id__exact"),)


@admin.register(Report)
class ReportAdmin(TenantModelAdmin):
    group, icon, place = "automation", "newspaper", 51
    list_display = ("created_at", "of_schedule", "workspace", "date_from", "date_to", "content_hash")
    list_filter = (("created_at", RangeDateTimeFilter),)
    list_select_related = ("tenant", "schedule")
    search_fields = ("content_hash__exact",)
    search_help_text = _("Id, or the whole hash")
    ordering = ("-pk",)
    exclude = ("pdf", "csv")
    related = (Related(_("Deliveries"), "rules.ReportDelivery", "report__id__exact"),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Report]:
        return super().get_queryset(request).defer("pdf", "csv", "content", "restated", "schedule__addresses")

    @display(description=_("schedule"))
    def of_schedule(self, row: Report) -> str:
        return admin_link(row.schedule)


@admin.register(ReportDelivery)
class ReportDeliveryAdmin(TenantModelAdmin):
    group, icon, place = "automation", "outgoing_mail", 52
    list_display = ("created_at", "of_report", "channel", "recipient", "workspace", "result", "reason")
    list_filter = (("channel", ChoicesDropdownFilter), ("state", ChoicesDropdownFilter))
    list_select_related = ("tenant", "report")
    search_fields = ("recipient__exact",)
    ordering = ("-pk",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReportDelivery]:
        return super().get_queryset(request).defer("report__pdf", "report__csv", "report__content", "report__restated")

    @display(description=_("report"))
    def of_report(self, row: ReportDelivery) -> str:
        return admin_link(row.report)

    @display(
        description=_("state"), label={ReportDeliveryState.QUEUED: "success", ReportDeliveryState.SKIPPED: "warning"}
    )
    def result(self, row: ReportDelivery) -> tuple[str, str]:
        return row.state, row.get_state_display()


_SLACK_COLOURS = {SlackStatus.OK: "success", SlackStatus.BROKEN: "danger"}


@admin.register(SlackInstall)
class SlackInstallAdmin(TenantModelAdmin):
    group, icon, place = "automation", "extension", 39
    list_display = ("team_name", "team_id", "workspace", "state", "token_expires_at", "installed_by", "created_at")
    list_filter = (("status", ChoicesDropdownFilter),)
    list_select_related = ("tenant", "installed_by")
    search_fields = ("team_name", "team_id__exact")
    ordering = ("-pk",)
    related = (Related(_("Channels"), "rules.SlackTarget", "install__id__exact"),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[SlackInstall]:
        # Secrets are not even read.
        return super().get_queryset(request).defer("access_token", "refresh_token")

    @display(description=_("status"), label=_SLACK_COLOURS)
    def state(self, row: SlackInstall) -> tuple[str, str]:
        return row.status, row.get_status_display()


@admin.register(SlackTarget)
class SlackTargetAdmin(TenantModelAdmin):
    group, icon, place = "automation", "send", 40
    list_display = ("name", "kind", "workspace", "state", "failures", "last_sent_at")
    list_filter = (("status", ChoicesDropdownFilter), ("kind", ChoicesDropdownFilter))
    search_fields = ("name",)
    ordering = ("-pk",)
    related = (Related(_("Messages"), "rules.SlackMessage", "target__id__exact"),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[SlackTarget]:
        # Secrets are not even read.
        return super().get_queryset(request).defer("url", "token")

    @display(description=_("status"), label=_SLACK_COLOURS)
    def state(self, row: SlackTarget) -> tuple[str, str]:
        return row.status, row.get_status_display()


@admin.register(SlackMessage)
class SlackMessageAdmin(TenantModelAdmin):
    group, icon, place = "automation", "forward_to_inbox", 41
    list_display = ("created_at", "to", "of_rule", "workspace", "delivery", "attempts", "error_code")
    list_filter = (("state", ChoicesDropdownFilter), ("created_at", RangeDateTimeFilter))
    list_select_related = ("tenant", "target", "rule")
    search_fields = ("error_code__exact", "ts__exact")
    search_help_text = _("Id, Slack’s id of the message, or error code")
    ordering = ("-pk",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[SlackMessage]:
        return super().get_queryset(request).defer("target__url", "target__token")

    @display(description=_("target"))
    def to(self, row: SlackMessage) -> str:
        return admin_link(row.target)

    @display(description=_("rule"))
    def of_rule(self, row: SlackMessage) -> str:
        return admin_link(row.rule)

    @display(description=_("state"), label=_MESSAGE_COLOURS)
    def delivery(self, row: SlackMessage) -> tuple[str, str]:
        return row.state, row.get_state_display()


@admin.register(NotificationPreferences)
class NotificationPreferencesAdmin(TenantModelAdmin):
    group, icon, place = "automation", "tune", 50
    list_display = ("id", "person", "workspace", "quiet", "critical_breaks", "digest_at", "updated_at")
    list_filter = ("quiet", "critical_breaks")
    list_select_related = ("tenant", "user")
    ordering = ("-pk",)

    @display(description=_("person"))
    def person(self, row: NotificationPreferences) -> str:
        return admin_link(row.user)


@admin.register(AlertDelivery)
class AlertDeliveryAdmin(TenantModelAdmin):
    group, icon, place = "automation", "mark_email_read", 51
    list_display = ("created_at", "of_alert", "person", "workspace", "channel", "step", "delivery", "reason", "due_at")
    list_filter = (
        ("state", ChoicesDropdownFilter),
        ("channel", ChoicesDropdownFilter),
        ("created_at", RangeDateTimeFilter),
    )
    list_select_related = ("tenant", "user", "alert")
    search_fields = ("reason__exact",)
    search_help_text = _("Id, or reason")
    ordering = ("-pk",)

    @display(description=_("alert"))
    def of_alert(self, row: AlertDelivery) -> str:
        return admin_link(row.alert)

    @display(description=_("person"))
    def person(self, row: AlertDelivery) -> str:
        return admin_link(row.user)

    @display(description=_("state"), label=_DELIVERY_COLOURS)
    def delivery(self, row: AlertDelivery) -> tuple[str, str]:
        return row.state, row.get_state_display()


@admin.register(Escalation)
class EscalationAdmin(TenantModelAdmin):
    group, icon, place = "automation", "escalator_warning", 52
    list_display = ("severity", "workspace", "is_on", "updated_at")
    list_filter = (("severity", ChoicesDropdownFilter), "is_on")
    ordering = ("-pk",)


class _OfContact(TenantModelAdmin):
    """Rows that know their contact: by its number, names are nobody's business here."""

    list_select_related = ("tenant",)
    ordering = ("-pk",)

    @display(description=_("contact"))
    def of_contact(self, row: WhatsAppCode | WhatsAppCommand) -> str:
        return f"#{row.contact_id}"


@admin.register(WhatsAppCode)
class WhatsAppCodeAdmin(_OfContact):
    group, icon, place = "automation", "quiz", 60
    list_display = ("created_at", "kind", "of_contact", "workspace", "subject_id", "expires_at", "used_at")
    list_filter = (("kind", ChoicesDropdownFilter), ("created_at", RangeDateTimeFilter))

    def get_queryset(self, request: HttpRequest) -> QuerySet[WhatsAppCode]:
        # Secrets are not even read.
        return super().get_queryset(request).defer("code_hash")


@admin.register(WhatsAppCommand)
class WhatsAppCommandAdmin(_OfContact):
    group, icon, place = "automation", "terminal", 61
    list_display = ("created_at", "verb", "of_contact", "workspace", "result", "told_at", "undone_at")
    list_filter = (("verb", ChoicesDropdownFilter), ("outcome", ChoicesDropdownFilter))

    @display(description=_("outcome"), label=_COMMAND_COLOURS)
    def result(self, row: WhatsAppCommand) -> tuple[str, str]:
        return row.outcome, row.get_outcome_display()
