"""The audit trail and its hash chain: to be read, never written."""

from django.apps import apps
from django.contrib import admin
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.decorators import display

from accounts.admin.base import TenantModelAdmin, admin_link
from accounts.choices import AuditAction
from accounts.models import AuditLink, AuditLog

_COLOURS = {
    AuditAction.CREATE: "success",
    AuditAction.UPDATE: "info",
    AuditAction.DELETE: "danger",
    AuditAction.ANONYMIZE: "danger",
    AuditAction.EXPORT: "warning",
}


@admin.register(AuditLog)
class AuditLogAdmin(TenantModelAdmin):
    group, icon, place = "trail", "history", 10
    list_display = ("created_at", "workspace", "who", "what", "resource", "fields_changed", "reason")
    list_display_links = ("created_at",)
    list_select_related = ("tenant", "user")
    list_filter = (
        ("action", ChoicesDropdownFilter),
        ("actor_kind", ChoicesDropdownFilter),
        ("created_at", RangeDateTimeFilter),
    )
    search_fields = ("resource_id__exact", "resource_type__exact", "request_id__exact")
    search_help_text = _("Id of a row, name of a table, or id of a request")
    ordering = ("-pk",)
    tenant_ordering = ("-created_at", "-pk")

    def lookup_allowed(self, lookup: str, value: str, request=None) -> bool:
        return lookup in ("resource_type__exact", "resource_id__exact") or super().lookup_allowed(
            lookup, value, request
        )

    @display(description=_("who"))
    def who(self, row: AuditLog) -> str:
        return admin_link(row.user) if row.user else row.actor_label or row.get_actor_kind_display()

    @display(description=_("what"), label=_COLOURS)
    def what(self, row: AuditLog) -> tuple[str, str]:
        return row.action, row.get_action_display()

    @display(description=_("row"))
    def resource(self, row: AuditLog) -> str:
        text = f"{row.resource_type} {row.resource_id or ''}".strip()
        url = row.resource_id and resource_url(row.resource_type, row.resource_id)
        return format_html('<a class="underline" href="{}">{}</a>', url, text) if url else text

    @display(description=_("changed"))
    def fields_changed(self, row: AuditLog) -> str:
        names = row.changed_fields or []
        return ", ".join(names[:4]) + (" …" if len(names) > 4 else "")


@admin.register(AuditLink)
class AuditLinkAdmin(TenantModelAdmin):
    group, icon, place = "trail", "link", 11
    list_display = ("sequence", "workspace", "audit", "fingerprint")
    list_select_related = ("tenant", "audit")
    search_fields = ()
    ordering = ("-pk",)
    tenant_ordering = ("-sequence",)
    hidden = ("digest",)
    readonly_fields = ("fingerprint",)

    @display(description=_("digest"))
    def fingerprint(self, row: AuditLink) -> str:
        return bytes(row.digest).hex()[:16] + "…"


def resource_url(table: str, row_id: str) -> str:
    """The staff page of an audited row; '' for tables without one."""
    model = _MODELS_BY_TABLE.get(table) or _MODELS_BY_TABLE.setdefault(table, _model_of(table))
    if model is None:
        return ""
    try:
        return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[row_id])
    except NoReverseMatch:
        return ""


_MODELS_BY_TABLE: dict = {}


def _model_of(table: str):
    return next((model for model in apps.get_models() if model._meta.db_table == table), None)
