"""The way through a platform's consent page, as a browser goes it, without one."""

from urllib.parse import urlsplit

from django.db import transaction
from django.http import HttpResponse
from django.test import Client

from campaigns.models import Connection
from stratum.sandbox.tests.live import LiveSandbox
from tenants.context import tenant_context
from tenants.models import Tenant


def begin(client: Client, platform: str, *, connection: Connection | None = None) -> str:
    """Press the button; returns the address of the consent page."""
    path = f"/connections/{connection.pk}/reauthorise/" if connection else f"/connections/{platform}/start/"
    response = client.post(path, headers={"HX-Request": "true"})
    assert response.status_code == 200, response.headers.get("HX-Trigger")
    return response.headers["HX-Redirect"]


def answer(
    sandbox: LiveSandbox, consent_url: str, *, person: str = "ada", decision: str = "allow", accounts: tuple = ()
) -> str:
    """Decide on the consent page; returns the path and query that the browser is sent back to."""
    page = urlsplit(consent_url)
    form = {"person": person, "decision": decision}
    if accounts:
        form["account"] = list(accounts)
    decided = sandbox.send("POST", page.path, page.query, form=form)
    assert decided.status == 302, decided.text
    back = urlsplit(decided.headers["location"])
    return f"{back.path}?{back.query}"


def connect(client: Client, sandbox: LiveSandbox, platform: str, **choices: object) -> HttpResponse:
    """The whole way up to the callback's answer."""
    connection = choices.pop("connection", None)
    url = begin(client, platform, connection=connection)
    return client.get(answer(sandbox, url, **choices))


def only_connection(tenant: Tenant) -> Connection:
    with tenant_context(tenant), transaction.atomic():
        return Connection.objects.get()
