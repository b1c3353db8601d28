"""Failed log-ins, and the way to let somebody in again."""

from axes.models import AccessAttempt, AccessAttemptExpiration
from django.conf import settings
from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.admin.base import Glance, StaffModelAdmin
from accounts.admin.masks import masked
from stratum.lib.encryption import email_hash


@admin.register(AccessAttempt)
class AccessAttemptAdmin(StaffModelAdmin):
    """One row per address (its hash) and IP. Removing the row lifts the lock at once."""

    group, icon, place = "trail", "lock", 30
    removable = True
    list_display = ("attempt_time", "address", "failures_since_start", "is_locked", "path_info")
    search_fields = ("ip_address",)
    search_help_text = _("IP address, or the whole e-mail address somebody tried")
    ordering = ("-attempt_time",)
    hidden = ("get_data", "post_data", "http_accept")

    def more_matches(self, term: str) -> Q:
        return Q(username=email_hash(term)) if "@" in term else Q(pk__in=[])

    @display(description=_("IP address"))
    def address(self, row: AccessAttempt) -> str:
        return masked(row.ip_address)

    @display(description=_("locked"), label={True: "danger", False: "info"})
    def is_locked(self, row: AccessAttempt) -> tuple[bool, str]:
        locked = row.failures_since_start >= settings.AXES_FAILURE_LIMIT
        return locked, _("Locked out") if locked else _("Counting")

    def glances(self, request: HttpRequest) -> list[Glance]:
        locked = AccessAttempt.objects.filter(failures_since_start__gte=settings.AXES_FAILURE_LIMIT)
        url = reverse("admin:axes_accessattempt_changelist")
        return [Glance(_("Locked log-ins"), locked[:1000].count(), url, urgent=True)]


@admin.register(AccessAttemptExpiration)
class AccessAttemptExpirationAdmin(StaffModelAdmin):
    group, icon, place = "trail", "lock_clock", 31
    list_display = ("access_attempt", "expires_at")
    list_select_related = ("access_attempt",)
    search_fields = ("access_attempt__ip_address__icontains",)
