"""Stratum added to the sandbox's Slack, as a person and a worker do it; installations whose tokens run out."""

import datetime
from urllib.parse import urlsplit

from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from accounts.models import AuditLog, User
from rules import tasks
from rules.clients.slack_oauth import SCOPES
from rules.models import SlackInstall, SlackTarget
from rules.services import slack_install_request
from rules.tests.slack_cast import inside
from stratum.sandbox.tests.live import LiveSandbox
from tenants.context import tenant_context
from tenants.models import Tenant

WATCH_ID = "C0000000002"
ROTATING = 43_200


def begin(client: Client) -> str:
    """Press the button; returns the address of the consent page."""
    response = client.post("/rules/slack/add/", headers={"HX-Request": "true"})
    assert response.status_code == 200, response.headers
    return response.headers["HX-Redirect"]


def answer(sandbox: LiveSandbox, consent_url: str, *, decision: str = "allow", channel: str = "C0123456789") -> str:
    """Decide on the consent page; returns the path and query that the browser is sent back to."""
    page = urlsplit(consent_url)
    form = {"decision": decision, "channel": channel}
    decided = sandbox.send("POST", page.path, page.query, form=form)
    assert decided.status == 302, decided.text
    back = urlsplit(decided.headers["location"])
    return f"{back.path}?{back.query}"


def ask(tenant: Tenant, user: User, sandbox: LiveSandbox, *, channel: str = "C0123456789") -> str:
    """A code that waits for a worker, without a browser; returns the page that waits for it."""
    query = {"client_id": "sandbox-slack", "scope": ",".join(SCOPES), "redirect_uri": "http://a.example/"}
    form = {"decision": "allow", "channel": channel}
    code = sandbox.send("POST", "/oauth/v2/authorize", query, form=form).location["code"]
    with tenant_context(tenant):
        return slack_install_request(code=code, redirect_uri=query["redirect_uri"], user=user).id


def work(tenant: Tenant, page: str) -> None:
    """What the worker does for the page that waits."""
    tasks.install_slack(tenant_id=tenant.pk, attempt_id=page.rstrip("/").rpartition("/")[2])


def add(client: Client, sandbox: LiveSandbox, tenant: Tenant, **choices: str) -> HttpResponse:
    """The whole way, up to the page that the person sees at the end."""
    waiting = client.get(answer(sandbox, begin(client), **choices))
    assert waiting.status_code == 302, waiting.content.decode()
    work(tenant, waiting.url)
    return client.get(waiting.url, follow=True)


def make_install(tenant: Tenant, sandbox: LiveSandbox, *, seconds: int = 0, **fields: object) -> SlackInstall:
    """An installation with tokens of the sandbox; they run out after `seconds`, where there are any."""
    sandbox.world.settings.slack_token_seconds = seconds
    query = {"client_id": "sandbox-slack", "scope": "chat:write,chat:write.public", "redirect_uri": "http://a.example/"}
    code = sandbox.send("POST", "/oauth/v2/authorize", query, form={"decision": "allow"}).location["code"]
    headers = {"authorization": "Basic c2FuZGJveC1zbGFjazpzYW5kYm94LXNlY3JldA=="}
    form = {"code": code, "redirect_uri": query["redirect_uri"]}
    found = sandbox.send("POST", "/api/oauth.v2.access", form=form, headers=headers).json
    values = {
        "team_id": found["team"]["id"],
        "team_name": found["team"]["name"],
        "access_token": found["access_token"],
        "refresh_token": found.get("refresh_token"),
        "token_expires_at": timezone.now() + datetime.timedelta(seconds=seconds) if seconds else None,
        **fields,
    }
    return inside(tenant, lambda: SlackInstall.objects.create(tenant=tenant, **values))


def make_install_target(install: SlackInstall, channel: str = WATCH_ID, **fields: object) -> SlackTarget:
    values = {"name": "Bot of the installation", "kind": "bot", "channel": channel, "install": install, **fields}
    return inside(install.tenant_id, lambda: SlackTarget.objects.create(tenant_id=install.tenant_id, **values))


def change(install: SlackInstall, **fields: object) -> SlackInstall:
    """The row with other values, as it is then."""
    tenant, rows = install.tenant_id, SlackInstall.objects.with_deleted().filter(pk=install.pk)
    if fields:
        inside(tenant, lambda: rows.update(**fields))
    return inside(tenant, lambda: SlackInstall.objects.with_deleted().get(pk=install.pk))


def in_minutes(minutes: float) -> datetime.datetime:
    return timezone.now() + datetime.timedelta(minutes=minutes)


def refresh(tenant: Tenant):
    """What the beat's task does for a workspace."""
    with tenant_context(tenant):
        return tasks.refresh_tenant_slack(tenant_id=tenant.pk)


def audited(tenant: Tenant, table: str = "slack_installs") -> list[tuple[str, dict]]:
    rows = AuditLog.objects.filter(resource_type=table).order_by("pk")
    return inside(tenant, lambda: [(row.action, row.new_value or {}) for row in rows])


def rotating(install: SlackInstall, **fields: object) -> SlackInstall:
    """One whose token runs out in ten minutes."""
    return change(install, token_expires_at=in_minutes(10), **fields)
