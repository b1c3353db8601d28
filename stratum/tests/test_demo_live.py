"""The demo's workspace of simulated accounts: made once, through the sandbox's own interface, and nowhere else."""

from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import transaction

from accounts.models import AuditLog, User
from campaigns.models import AdAccount, Campaign, Connection, SyncRun
from campaigns.services.sync import sync_advance
from rules.clients.slack import is_sandbox
from rules.models import SlackTarget
from rules.services import rules_evaluate, slack_send
from stratum.demo.live import SandboxSilent, connect_sandbox
from stratum.demo.logins import DEMO_PASSWORD, LIVE_LOGINS, LIVE_SLUG
from tenants.context import tenant_context, unscoped
from tenants.models import Tenant
from whatsapp.models import WhatsAppNumber

pytestmark = pytest.mark.django_db(transaction=True)


def connect(*arguments: str) -> str:
    out = StringIO()
    call_command("demo", "--connect-sandbox", "--patience", "0", *arguments, stdout=out)
    return out.getvalue()


def live_workspaces() -> list[Tenant]:
    with unscoped("test: look at the workspaces"), transaction.atomic():
        return list(Tenant.objects.filter(slug=LIVE_SLUG))


def test_connects_one_account_of_each_platform_and_syncs_it(live_sandbox, settings, acme):
    with tenant_context(acme), transaction.atomic():
        acme.settings = {"demo": True}
        acme.save(update_fields=["settings"])
    text = connect()
    assert "5 simulated accounts are connected" in text
    assert all(email in text and password in text for _label, _slug, email, password in LIVE_LOGINS)
    (tenant,) = live_workspaces()
    assert tenant.is_demo
    with tenant_context(tenant), transaction.atomic():
        accounts = list(AdAccount.objects.select_related("connection"))
        assert {account.platform for account in accounts} == {"meta", "google", "tiktok", "snapchat", "linkedin"}
        assert all(account.is_sandbox and account.connection.is_sandbox for account in accounts)
        assert {account.currency for account in accounts} == {"USD"}
        assert all(user.check_password(DEMO_PASSWORD) for user in User.objects.all())
        runs = list(SyncRun.objects.order_by("pk"))
        assert {run.trigger for run in runs} == {"connection"}
        assert AuditLog.objects.filter(resource_type__in=["ad_accounts", "connections"]).count() == 10
        tokens = [account.connection.access_token for account in accounts]
        assert not AuditLog.objects.filter(new_value__icontains=tokens[0]).exists()
    assert len(runs) == 5
    for run in runs:
        with tenant_context(tenant):
            assert sync_advance(run_id=run.pk, seconds=60).state == "done"
    with tenant_context(tenant), transaction.atomic():
        assert Campaign.objects.count() > 20
        assert WhatsAppNumber.objects.get().is_sandbox
    with tenant_context(tenant):
        acted = rules_evaluate().acted
        assert slack_send().sent == 1
        with transaction.atomic():
            (target,) = SlackTarget.objects.all()
            assert (target.name, is_sandbox(target.url)) == ("#ads", True)
    (message,) = live_sandbox.control("slack")["messages"]
    assert f"{acted} campaign" in message["body"]["text"]
    with tenant_context(acme), transaction.atomic():
        assert not AdAccount.objects.exists()


def test_second_time_does_nothing(live_sandbox, settings):
    settings.DEBUG = True
    connect()
    granted = len(live_sandbox.control("grants")["grants"])
    assert "Nothing to do" in connect()
    assert len(live_workspaces()) == 1
    assert len(live_sandbox.control("grants")["grants"]) == granted


def test_reset_makes_it_anew(live_sandbox, settings):
    settings.DEBUG = True
    connect()
    (before,) = live_workspaces()
    assert "5 simulated accounts" in connect("--reset")
    (after,) = live_workspaces()
    assert after.pk != before.pk
    with tenant_context(after), transaction.atomic():
        assert WhatsAppNumber.objects.count() == 1
    with tenant_context(before.pk), transaction.atomic():
        assert not Connection.objects.exists()


def test_without_a_sandbox_nothing_is_made(settings):
    settings.DEBUG, settings.SANDBOX_URL = True, ""
    with pytest.raises(CommandError, match="SANDBOX_URL is empty"):
        connect()
    assert connect_sandbox(patience=0) is None
    assert live_workspaces() == []


def test_a_sandbox_that_is_down_leaves_nothing_behind(live_sandbox, settings):
    settings.DEBUG = True
    for name, value in live_sandbox.settings().items():
        if str(value) == live_sandbox.url:
            setattr(settings, name, "http://127.0.0.1:1")
    with pytest.raises(CommandError, match="nothing was made"):
        connect()
    assert live_workspaces() == []


def test_a_platform_that_fails_leaves_nothing_behind(live_sandbox, settings):
    live_sandbox.fault("permission_revoked", platform="linkedin", endpoint="accounts", count=None)
    live_sandbox.fault("token_revoked", platform="linkedin", count=None)
    with pytest.raises(SandboxSilent, match="linkedin"):
        connect_sandbox(patience=0)
    assert live_workspaces() == []


def test_real_platforms_are_left_alone(live_sandbox, settings):
    settings.META_API_BASE = "https://graph.facebook.com"
    live = connect_sandbox(patience=5)
    assert live is not None
    with tenant_context(live.tenant), transaction.atomic():
        assert set(AdAccount.objects.values_list("platform", flat=True)) == {"google", "tiktok", "snapchat", "linkedin"}


def test_real_workspaces_are_left_alone(live_sandbox, settings, acme):
    settings.DEBUG = True
    with pytest.raises(CommandError, match="not the demo's"):
        connect()
    settings.DEBUG = settings.EMBEDDED = False
    with pytest.raises(CommandError, match="production"):
        connect()
    assert live_workspaces() == []
