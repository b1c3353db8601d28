"""The staff admin's site: guarded by our own login, silent about strangers, with a page of what needs a look."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.sites import UnfoldAdminSite

# Groups of the sidebar, in order; a ModelAdmin names its group.
GROUPS = {
    "workspaces": _("Workspaces"),
    "numbers": _("Campaigns and numbers"),
    "automation": _("Rules and alerts"),
    "content": _("Creatives, competitors, forecasts"),
    "messages": _("WhatsApp"),
    "mail": _("E-mail"),
    "trail": _("Audit and jobs"),
}


class MaskedAutocompleteView(AutocompleteJsonView):
    """Search boxes of foreign keys and filters. People are named only as far as lists name them."""

    def serialize_result(self, obj: Any, to_field_name: str) -> dict[str, str]:
        return {"id": str(getattr(obj, to_field_name)), "text": self.model_admin.list_label(obj)}


class StaffSite(UnfoldAdminSite):
    site_title = "Stratum staff"
    index_title = _("Staff")
    enable_nav_sidebar = True

    def __init__(self, name: str = "admin"):
        super().__init__(name)
        # Deleting goes row by row, with a reason.
        self.disable_action("delete_selected")

    def admin_view(self, view: Callable, cacheable: bool = False) -> Callable:
        inner = super().admin_view(view, cacheable)

        @wraps(inner)
        def guarded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
            if request.user.is_authenticated and not self.has_permission(request):
                # Somebody who is logged in would otherwise be sent to a login that cannot help them.
                raise PermissionDenied(_("This part of Stratum is for its staff."))
            return inner(request, *args, **kwargs)

        return guarded

    def login(self, request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:
        """Staff log in where everybody does: throttled, audited, with their workspace."""
        target = request.GET.get("next", "")
        if not url_has_allowed_host_and_scheme(target, {request.get_host()}, request.is_secure()):
            target = reverse("admin:index")
        if self.has_permission(request):
            return redirect(target)
        if request.user.is_authenticated:
            raise PermissionDenied(_("This part of Stratum is for its staff."))
        return redirect(f"{reverse('accounts:login')}?{urlencode({'next': target})}")

    def logout(self, request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:
        """307 keeps the POST: our own logout ends the session and writes it down."""
        return HttpResponseRedirect(reverse("accounts:logout"), status=307)

    def password_change(self, request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:
        return redirect("accounts:profile")

    def password_change_done(self, request: HttpRequest, extra_context: dict | None = None) -> HttpResponse:
        return redirect("accounts:profile")

    def autocomplete_view(self, request: HttpRequest) -> HttpResponse:
        return MaskedAutocompleteView.as_view(admin_site=self)(request)

    def index(self, request: HttpRequest, extra_context: dict | None = None) -> TemplateResponse:
        order = list(GROUPS)
        entries = sorted(self._registry.values(), key=lambda entry: (order.index(entry.group), entry.place))
        glances = [found for entry in entries for found in entry.glances(request)]
        return super().index(request, {"glances": glances, **(extra_context or {})})

    def get_sidebar_list(self, request: HttpRequest) -> list[dict[str, Any]]:
        groups = [{"title": title, "items": self._sidebar_items(request, key)} for key, title in GROUPS.items()]
        home = {
            "title": _("Overview"),
            "icon": "home",
            "link": reverse("admin:index"),
            "active": request.path == reverse("admin:index"),
            "has_permission": True,
        }
        return [{"title": "", "items": [home]}, *groups]

    def _sidebar_items(self, request: HttpRequest, group: str) -> list[dict[str, Any]]:
        entries = [entry for entry in self._registry.values() if entry.group == group]
        return [self._sidebar_item(request, entry) for entry in sorted(entries, key=lambda entry: entry.place)]

    def _sidebar_item(self, request: HttpRequest, entry: Any) -> dict[str, Any]:
        link = reverse(f"admin:{entry.opts.app_label}_{entry.opts.model_name}_changelist")
        return {
            "title": capfirst(entry.opts.verbose_name_plural),
            "icon": entry.icon,
            "link": link,
            "active": request.path.startswith(link),
            "has_permission": entry.has_view_permission(request),
        }
