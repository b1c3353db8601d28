"""One request, one transaction, one workspace."""

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import RequestFactory
from django.urls import path

from campaigns.models import Campaign
from campaigns.tests.factories import make_campaign
from tenants.context import binding, tenant_context
from tenants.middleware import SESSION_KEY, TenantMiddleware
from tenants.models import Tenant


class Session(dict):
    def flush(self):
        self.clear()


def ask(tenant_id=None, *, host="testserver", url="/", answer=None):
    """Send one request through the middleware; the answering view reports what it saw."""
    request = RequestFactory(SERVER_NAME=host).get(url)
    request.session = Session({SESSION_KEY: tenant_id} if tenant_id else {})
    seen = {}

    def view(request):
        seen["binding"], seen["tenant"] = binding(), request.tenant
        if answer:
            return answer(request)
        return HttpResponse()

    middleware = TenantMiddleware(view)
    response = middleware(request)
    return seen, response, request


def test_session_binds_its_workspace(acme):
    seen, _response, _request = ask(acme.pk)
    assert seen == {"binding": acme.pk, "tenant": acme}
    assert binding() is None


def test_stranger_is_bound_to_nothing(db):
    assert ask()[0] == {"binding": None, "tenant": None}


def test_a_webhook_belongs_to_no_workspace_and_its_statement_stands_alone(acme):
    def answer(request):
        return HttpResponse(str(len(connection.savepoint_ids)))

    held = len(connection.savepoint_ids)
    seen, response, _request = ask(acme.pk, url="/webhooks/whatsapp/", answer=answer)
    assert (seen, int(response.content)) == ({"binding": None, "tenant": None}, held)
    assert int(ask(acme.pk, answer=answer)[1].content) == held + 1


@pytest.mark.parametrize(("url", "status"), [("/webhooks/whatsapp/", 403), ("/webhooks/nowhere/", 404)])
@pytest.mark.django_db(transaction=True)
def test_somebody_logged_in_who_opens_a_webhook_is_answered(admin, client_of, url, status):
    assert client_of(admin).get(url).status_code == status


def test_session_of_a_deleted_workspace_ends(acme):
    with tenant_context(acme):
        Tenant.objects.update(is_deleted=True)
    seen, _response, request = ask(acme.pk)
    assert seen["binding"] is None
    assert request.session == {}


@pytest.mark.parametrize(("host", "lets_in"), [("ads.acme.example", True), ("ads.globex.example", False)])
def test_own_domain_admits_its_own_sessions_only(acme, globex, settings, host, lets_in):
    settings.ALLOWED_HOSTS = ["*"]
    for tenant in (acme, globex):
        with tenant_context(tenant):
            Tenant.objects.update(domain=f"ads.{tenant.slug}.example")
    seen, _response, _request = ask(acme.pk, host=host)
    assert (seen["binding"] == acme.pk) is lets_in


def test_subdomain_names_the_workspace(acme, globex, settings):
    settings.ALLOWED_HOSTS, settings.WORKSPACE_DOMAIN = ["*"], "stratum.example"
    assert ask(acme.pk, host="acme.stratum.example")[0]["binding"] == acme.pk
    assert ask(acme.pk, host="globex.stratum.example")[0]["binding"] is None


def rename(request):
    Campaign.objects.update(name="Half done")
    return HttpResponse(status=request.wanted_status)


@pytest.mark.parametrize(("status", "kept"), [(200, True), (400, True), (500, False)])
def test_a_server_error_keeps_nothing(acme, status, kept):
    make_campaign(acme, name="Before")

    def answer(request):
        request.wanted_status = status
        return rename(request)

    ask(acme.pk, answer=answer)
    with tenant_context(acme):
        assert (Campaign.objects.get().name == "Half done") is kept


@pytest.fixture
def failing_route(settings):
    def fail(request):
        Campaign.objects.update(name="Half done")
        raise RuntimeError("broken on purpose")

    def missing(request):
        Campaign.objects.update(name="Half done")
        from django.http import Http404

        raise Http404

    class Routes:
        urlpatterns = [path("fail/", fail), path("missing/", missing), *__import__("stratum.urls").urls.urlpatterns]
        handler404, handler500 = "stratum.views.not_found", "stratum.views.server_error"

    settings.ROOT_URLCONF = Routes


@pytest.mark.parametrize(("url", "status"), [("/fail/", 500), ("/missing/", 404)])
def test_a_view_that_raises_keeps_nothing(admin, acme, client_of, failing_route, url, status):
    make_campaign(acme, name="Before")
    client = client_of(admin)
    client.raise_request_exception = False
    response = client.get(url)
    assert response.status_code == status
    with tenant_context(acme):
        assert Campaign.objects.get().name == "Before"


def test_fragments_and_pages_are_told_apart_by_caches(client, db):
    assert "HX-Request" in client.get("/health/live/").headers["Vary"]
