"""Staff pages of WhatsApp numbers, contacts, templates, the message ledger, and what came in."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.decorators import display

from accounts.admin.base import Related, StaffModelAdmin, TenantModelAdmin, admin_link
from accounts.admin.forms import StaffForm
from accounts.admin.masks import masked
from stratum.lib.regions import is_zone
from whatsapp.choices import MessageStatus, NumberStatus, OptIn, WebhookState
from whatsapp.models import (
    WhatsAppConsent,
    WhatsAppContact,
    WhatsAppMessage,
    WhatsAppNumber,
    WhatsAppTemplate,
    WhatsAppUnmatched,
    WhatsAppWebhook,
)
from whatsapp.queries.recipients import ALERTS, REPORTS
from whatsapp.services.preparing import quiet_hours_of

_MESSAGE_COLOURS = {
    MessageStatus.FAILED: "danger",
    MessageStatus.PENDING: "warning",
    MessageStatus.SENT: "info",
    MessageStatus.DELIVERED: "success",
    MessageStatus.READ: "success",
}


@admin.register(WhatsAppNumber)
class WhatsAppNumberAdmin(TenantModelAdmin):
    group, icon, place = "messages", "sim_card", 5
    list_display = ("name", "display_phone_number", "workspace", "state", "quality_rating", "is_default", "checked_at")
    list_filter = (("status", ChoicesDropdownFilter), "is_default", "is_sandbox")
    search_fields = ("phone_number_id__exact", "waba_id__exact", "name")
    ordering = ("-pk",)
    related = (Related(_("Messages"), "whatsapp.WhatsAppMessage", "number__id__exact"),)

    @display(description=_("status"), label={NumberStatus.OK: "success", NumberStatus.STOPPED: "danger"})
    def state(self, row: WhatsAppNumber) -> tuple[str, str]:
        return row.status, row.get_status_display()


class ContactForm(StaffForm):
    """What the sender reads must be readable: staff write it as text and JSON."""

    def clean_timezone(self) -> str:
        zone = self.cleaned_data["timezone"] or "UTC"
        if not is_zone(zone):
            raise ValidationError(_("There is no time zone of this name, such as Europe/Berlin."))
        return zone

    def clean_notification_types(self) -> list[str]:
        kinds = self.cleaned_data["notification_types"] or []
        if not isinstance(kinds, list) or not set(map(str, kinds)) <= {ALERTS, REPORTS}:
            raise ValidationError(_('A list of “alerts” and “reports”, such as ["alerts"].'))
        return kinds

    def clean_quiet_hours(self) -> dict[str, Any]:
        hours = self.cleaned_data["quiet_hours"] or {"enabled": False}
        if not isinstance(hours, dict) or (hours.get("enabled") and quiet_hours_of(hours) is None):
            example = '{"enabled": true, "from": "22:00", "to": "07:00"}'
            raise ValidationError(_("Quiet hours are written as %(example)s."), params={"example": example})
        return hours


@admin.register(WhatsAppContact)
class WhatsAppContactAdmin(TenantModelAdmin):
    group, icon, place = "messages", "contact_phone", 10
    list_display = ("id", "number", "person", "workspace", "consent", "is_verified", "is_active", "last_message_at")
    list_display_links = ("id", "number")
    list_filter = (("opt_in_status", ChoicesDropdownFilter), "is_verified", "is_active")
    list_select_related = ("tenant", "user")
    search_fields = ("wa_id__exact", "phone_hash__exact")
    search_help_text = _("Id, or WhatsApp id. Numbers and names are encrypted and cannot be searched.")
    ordering = ("-pk",)
    editable = ("is_active", "language", "timezone", "quiet_hours", "notification_types")
    form = ContactForm
    hidden = ("phone_hash",)
    related = (
        Related(_("Messages"), "whatsapp.WhatsAppMessage", "contact__id__exact"),
        Related(_("Consents"), "whatsapp.WhatsAppConsent", "contact__id__exact"),
    )

    @display(description=_("number"))
    def number(self, row: WhatsAppContact) -> str:
        return masked(row.phone_number)

    @display(description=_("person"))
    def person(self, row: WhatsAppContact) -> str:
        return admin_link(row.user)

    @display(description=_("opt-in"), label={OptIn.OPTED_IN: "success", OptIn.OPTED_OUT: "danger"})
    def consent(self, row: WhatsAppContact) -> tuple[str, str]:
        return row.opt_in_status, row.get_opt_in_status_display()


@admin.register(WhatsAppTemplate)
class WhatsAppTemplateAdmin(TenantModelAdmin):
    group, icon, place = "messages", "article", 20
    list_display = ("name", "language", "workspace", "category", "status", "quality_score", "last_synced_at")
    list_filter = (("category", ChoicesDropdownFilter), "status")
    search_fields = ("name", "external_id__exact")
    ordering = ("-pk",)
    related = (Related(_("Messages"), "whatsapp.WhatsAppMessage", "template__id__exact"),)


@admin.register(WhatsAppMessage)
class WhatsAppMessageAdmin(TenantModelAdmin):
    group, icon, place = "messages", "chat", 30
    list_display = ("created_at", "direction", "message_type", "to", "workspace", "state", "retry_count", "error_code")
    list_filter = (
        ("status", ChoicesDropdownFilter),
        ("direction", ChoicesDropdownFilter),
        ("created_at", RangeDateTimeFilter),
    )
    list_select_related = ("tenant", "contact")
    search_fields = ("wamid__exact", "template_name__exact", "error_code__exact")
    search_help_text = _("Id, wamid, name of a template, or error code")
    ordering = ("-pk",)
    tenant_ordering = ("-created_at", "-pk")

    def get_queryset(self, request):
        # Decrypted for the page of one message only.
        return super().get_queryset(request).defer("content", "contact__verification_code")

    @display(description=_("contact"))
    def to(self, row: WhatsAppMessage) -> str:
        return admin_link(row.contact)

    @display(description=_("status"), label=_MESSAGE_COLOURS)
    def state(self, row: WhatsAppMessage) -> tuple[str, str]:
        return row.status, row.get_status_display()


@admin.register(WhatsAppConsent)
class WhatsAppConsentAdmin(TenantModelAdmin):
    group, icon, place = "messages", "handshake", 40
    list_display = ("at", "kind", "way", "of", "workspace")
    list_filter = (("kind", ChoicesDropdownFilter), ("way", ChoicesDropdownFilter))
    list_select_related = ("tenant", "contact")
    search_fields = ("wamid__exact",)
    ordering = ("-pk",)

    @display(description=_("contact"))
    def of(self, row: WhatsAppConsent) -> str:
        return admin_link(row.contact)


@admin.register(WhatsAppUnmatched)
class WhatsAppUnmatchedAdmin(TenantModelAdmin):
    group, icon, place = "messages", "person_search", 50
    list_display = ("at", "kind", "number", "workspace")
    list_filter = (("kind", ChoicesDropdownFilter),)
    list_select_related = ("tenant", "number")
    search_fields = ("wamid__exact",)
    ordering = ("-pk",)

    def get_queryset(self, request):
        # Decrypted for the page of one event only.
        return super().get_queryset(request).defer("payload", "profile_name")


_WEBHOOK_COLOURS = {
    WebhookState.PENDING: "warning",
    WebhookState.PROCESSED: "success",
    WebhookState.FAILED: "danger",
}


@admin.register(WhatsAppWebhook)
class WhatsAppWebhookAdmin(StaffModelAdmin):
    """Bodies of several workspaces: what is in one is shown nowhere."""

    group, icon, place = "messages", "webhook", 60
    list_display = ("received_at", "size", "status", "attempts", "processed_at", "error")
    list_filter = (("state", ChoicesDropdownFilter), ("received_at", RangeDateTimeFilter))
    search_fields = ("body_sha256__exact",)
    ordering = ("-pk",)
    hidden = ("body",)

    def get_queryset(self, request):
        return super().get_queryset(request).defer("body")

    @display(description=_("state"), label=_WEBHOOK_COLOURS)
    def status(self, row: WhatsAppWebhook) -> tuple[str, str]:
        return row.state, row.get_state_display()
