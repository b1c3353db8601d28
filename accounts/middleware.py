"""Who is asking: their language and zone, the actor of their changes, and the staff area."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone, translation

from accounts.audit import Actor
from stratum.lib.regions import language_or_default, zone_or_utc
from tenants.context import unscoped


class PersonMiddleware:
    """Needs TenantMiddleware and AuthenticationMiddleware before it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user = request.user
        request.is_staff_area = request.path.startswith(reverse("admin:index"))
        request.actor = Actor.from_request(request)
        if not user.is_authenticated:
            return self.get_response(request)
        with translation.override(language_or_default(user.locale)), timezone.override(zone_or_utc(user.timezone)):
            request.LANGUAGE_CODE = translation.get_language()
            staff = request.is_staff_area and user.is_staff
            response = self._answer_staff(request) if staff else self.get_response(request)
            # LocaleMiddleware stands outside of the override and would name the browser's language.
            response.headers.setdefault("Content-Language", request.LANGUAGE_CODE)
            return response

    def _answer_staff(self, request: HttpRequest) -> HttpResponse:
        """The admin shows all tenants, to staff only, under a policy that its theme can live with."""
        with unscoped("staff admin"):
            response = self.get_response(request)
            if hasattr(response, "render") and not response.is_rendered:
                response.render()
        response._csp_update = settings.ADMIN_CONTENT_SECURITY_POLICY
        return response
