"""Binds the session's tenant to the request, inside the request's one transaction."""

from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse

from tenants.context import tenant_context
from tenants.models import Tenant
from tenants.queries import workspace_of_host

SESSION_KEY = "tenant_id"
# Where platforms call: of no workspace and no session, however a browser comes there. What is called keeps one row, by
# one statement, which is a transaction of its own.
WEBHOOKS = "/webhooks/"


class TenantMiddleware:
    """One request, one transaction, at most one tenant.

    The tenant comes from the session (set at login) and must agree with the host where the host names a
    workspace. The transaction rolls back when the view raised or the answer is a server error. Webhooks have
    neither: the busiest doors of the house.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]):
        self.get_response = get_response
        self.common_hosts = {
            urlsplit(settings.PUBLIC_URL).hostname,
            "127.0.0.1",
            "localhost",
            "[::1]",
            "testserver",
        }

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.view_raised = False
        if request.path_info.startswith(WEBHOOKS):
            request.host_tenant = request.tenant = None
            return self.get_response(request)
        with transaction.atomic():
            response = self._respond(request)
            if request.view_raised or response.status_code >= 500:
                transaction.set_rollback(True)
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> None:
        # Only noted: the error page may still want to read. The transaction is rolled back after it is rendered.
        request.view_raised = True

    def _respond(self, request: HttpRequest) -> HttpResponse:
        request.host_tenant = self._tenant_of_host(request)
        request.tenant = self._tenant_of_session(request)
        if request.tenant is None:
            return self.get_response(request)
        with tenant_context(request.tenant):
            return self.get_response(request)

    def _tenant_of_session(self, request: HttpRequest) -> Tenant | None:
        """The session's workspace; a session whose workspace is gone, or shown at another's address, is ended."""
        tenant_id = request.session.get(SESSION_KEY)
        if not isinstance(tenant_id, int):
            return None
        with tenant_context(tenant_id):
            tenant = Tenant.objects.filter(pk=tenant_id).first()
        if tenant is None or (request.host_tenant is not None and request.host_tenant.pk != tenant.pk):
            request.session.flush()
            return None
        return tenant

    def _tenant_of_host(self, request: HttpRequest) -> Tenant | None:
        host = request.get_host()
        if host.rpartition(":")[0] in self.common_hosts or host in self.common_hosts:
            return None
        return workspace_of_host(host)
