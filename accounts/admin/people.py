"""People of all workspaces."""

from django.contrib import admin
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from accounts.admin.base import Related, TenantModelAdmin
from accounts.admin.masks import masked
from accounts.models import User
from stratum.lib.encryption import email_hash


@admin.register(User)
class UserAdmin(TenantModelAdmin):
    group, icon, place = "workspaces", "group", 20
    list_display = ("id", "person", "address", "workspace", "role", "is_active", "is_staff", "last_login")
    list_display_links = ("id", "person")
    list_filter = (("role", ChoicesDropdownFilter), "is_active", "is_staff", "is_verified")
    search_fields = ("tenant__slug__icontains", "tenant__name__icontains")
    search_help_text = _("Whole e-mail address, id, or workspace. Names are encrypted and cannot be searched.")
    ordering = ("-pk",)
    editable = ("role", "permissions", "locale", "timezone", "is_active", "is_verified")
    hidden = ("email_hash",)
    removable = True
    related = (
        Related(_("Audit entries"), "accounts.AuditLog", "user__id__exact"),
        Related(_("WhatsApp contacts"), "whatsapp.WhatsAppContact", "user__id__exact"),
    )

    def more_matches(self, term: str) -> Q:
        return Q(email_hash=email_hash(term)) if "@" in term else Q(pk__in=[])

    @display(description=_("person"))
    def person(self, row: User) -> str:
        return masked(row.full_name) or "–"

    @display(description=_("e-mail address"))
    def address(self, row: User) -> str:
        return masked(row.email)
