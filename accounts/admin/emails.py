"""E-mail of all workspaces: what became of each message, and who is not written to any more."""

from django.contrib import admin
from django.db import models
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.decorators import display

from accounts import tasks
from accounts.admin.base import Glance, Related, TenantModelAdmin, admin_link, with_reason
from accounts.audit import Actor
from accounts.choices import EmailState
from accounts.models import EmailAttachment, EmailMessage, EmailSuppression
from accounts.services import email_send_again, suppression_remove
from stratum.lib.encryption import email_hash

_STATE_COLOURS = {
    EmailState.SENT: "success",
    EmailState.FAILED: "danger",
    EmailState.PENDING: "warning",
    EmailState.MAYBE_SENT: "warning",
    EmailState.SENDING: "info",
    EmailState.SUPPRESSED: "info",
}


class _ByAddress(TenantModelAdmin):
    """Rows that are found by the whole address, through its keyed hash."""

    group = "mail"

    def more_matches(self, term: str) -> Q:
        return Q(address_hash=email_hash(term)) if "@" in term else Q(pk__in=[])


@admin.register(EmailMessage)
class EmailMessageAdmin(_ByAddress):
    """Lists show what became of a message, never what it says."""

    icon, place = "mail", 10
    list_display = ("created_at", "person", "kind", "workspace", "delivery", "attempts", "error_code")
    list_filter = (
        ("state", ChoicesDropdownFilter),
        ("kind", ChoicesDropdownFilter),
        ("created_at", RangeDateTimeFilter),
    )
    list_select_related = ("tenant", "user")
    search_fields = ("error_code__startswith", "message_id__exact", "dedupe_key__exact")
    search_help_text = _("Whole e-mail address, id, Message-ID, or error code")
    ordering = ("-pk",)
    related = (Related(_("Files"), "accounts.EmailAttachment", "email__id__exact"),)
    actions = ("send_again",)

    @admin.action(description=_("Send again what failed"), permissions=["operate"])
    @with_reason
    def send_again(self, row: EmailMessage, actor: Actor) -> None:
        email_send_again(email=row, actor=actor)
        tasks.send_email.delay_on_commit(tenant_id=row.tenant_id)

    def get_queryset(self, request: HttpRequest) -> QuerySet[EmailMessage]:
        # Only the page of one message reads them.
        return super().get_queryset(request).defer("address", "subject", "text", "html")

    @display(description=_("person"))
    def person(self, row: EmailMessage) -> str:
        return admin_link(row.user)

    @display(description=_("state"), label=_STATE_COLOURS)
    def delivery(self, row: EmailMessage) -> tuple[str, str]:
        return row.state, row.get_state_display()

    def glances(self, request: HttpRequest) -> list[Glance]:
        failed = EmailMessage.objects.filter(state__in=(EmailState.FAILED, EmailState.MAYBE_SENT))
        url = reverse("admin:accounts_emailmessage_changelist") + "?state__exact=failed"
        return [Glance(_("E-mails not delivered"), failed[:1000].count(), url)]


@admin.register(EmailAttachment)
class EmailAttachmentAdmin(TenantModelAdmin):
    group, icon, place = "mail", "attach_file", 11
    list_display = ("email", "workspace", "content_type", "size_bytes")
    list_select_related = ("tenant", "email")
    ordering = ("-pk",)
    hidden = ("content",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[EmailAttachment]:
        return (
            super()
            .get_queryset(request)
            .defer("name", "content", *(f"email__{name}" for name in ("address", "subject", "text", "html")))
        )


@admin.register(EmailSuppression)
class EmailSuppressionAdmin(_ByAddress):
    """Removing a row lets the address have e-mail again."""

    icon, place = "unsubscribe", 20
    removable = True
    list_display = ("at", "what", "way", "workspace")
    list_filter = (("way", ChoicesDropdownFilter), ("kind", ChoicesDropdownFilter))
    search_help_text = _("Whole e-mail address, or id")
    ordering = ("-pk",)

    @display(description=_("kind"))
    def what(self, row: EmailSuppression) -> str:
        return row.get_kind_display() if row.kind else str(_("Everything"))

    def delete_by_service(self, row: models.Model, actor: Actor) -> bool:
        suppression_remove(row=row, actor=actor)
        return True
