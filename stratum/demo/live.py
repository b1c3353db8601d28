"""'Sandbox Live': a demo workspace whose accounts are connected to the simulated platforms and sync by themselves.

A workspace of its own: the figures of the two agencies tell a story (rules, an incident, a report) that numbers of
another market would blur, and what is simulated never stands beside anything else.
"""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.utils import timezone

from accounts.audit import record, snapshot
from accounts.choices import AuditAction, Role
from accounts.models import User
from accounts.services import user_create
from campaigns.choices import AccountStatus, CampaignStatus, ConnectionStatus, Platform, SyncTrigger
from campaigns.clients.base import AccountInfo, PlatformError, Tokens
from campaigns.clients.registry import client_for, is_simulated
from campaigns.models import AdAccount, Connection
from campaigns.services.sync import sync_request
from rules.choices import ActionType, Operator, RuleStatus, SlackKind
from rules.services import TargetDraft, rule_create, slack_target_create
from rules.services.rules import RuleDraft
from stratum.demo.logins import DEMO_PASSWORD, LIVE_NAME, LIVE_SLUG, demo_email
from stratum.demo.workspaces import ACTOR, make_workspace, retire
from stratum.lib.errors import DomainError
from tenants.context import tenant_context
from tenants.models import Tenant
from tenants.queries import workspace_exists
from whatsapp.clients import sandbox
from whatsapp.clients.sandbox import SandboxBusiness
from whatsapp.services import connect_simulated

# Whose accounts they are: a marketer of one advertiser, with an account on every platform.
PERSON = "ben"
CURRENCY = "USD"
PEOPLE = ((Role.ADMIN, "Ada Winter"), (Role.MANAGER, "Ben Okafor"))
SLACK_CHANNEL = "#ads"
CALL_SECONDS, RETRY_SECONDS = 5.0, 0.5
_SHOWN = ["platform", "external_id", "name", "currency", "timezone", "status", "is_sandbox"]


class SandboxSilent(Exception):
    """The sandbox does not answer, or not as it should; the text says what was asked."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a platform of the sandbox granted: its tokens, and the account that is connected with them."""

    platform: str
    tokens: Tokens
    account: AccountInfo


@dataclass(frozen=True, slots=True)
class Live:
    """The workspace that was made, its accounts, and the runs that wait for a worker."""

    tenant: Tenant
    accounts: int
    runs: tuple[int, ...]


def connect_sandbox(*, patience: float, replace: Tenant | None = None) -> Live | None:
    """Make the workspace with an account of every simulated platform, and ask for its first syncs.

    None when it is there already and is not to be replaced, or no platform is simulated here. Waits up to `patience`
    seconds for the sandbox, then SandboxSilent; nothing was changed then.
    """
    platforms = [platform for platform in Platform.values if is_simulated(platform)]
    if not platforms or (replace is None and workspace_exists(LIVE_SLUG)):
        return None
    until = time.monotonic() + patience
    _wait(until)
    grants = [_grant(platform) for platform in platforms]
    webhook = settings.SANDBOX_URL + _control("GET", "slack")["webhooks"][SLACK_CHANNEL]
    return _make(grants, webhook, sandbox.businesses(), replace)


def _wait(until: float) -> None:
    while True:
        try:
            _control("GET", "now")
            return
        except SandboxSilent:
            if time.monotonic() > until:
                raise
            time.sleep(RETRY_SECONDS)


def _control(method: str, name: str, **fields: str) -> dict[str, Any]:
    """A call of the sandbox's own interface (docs/sandbox.md)."""
    url = f"{settings.SANDBOX_URL}/_control/{name}"
    try:
        # Not through a proxy: the sandbox is on this machine.
        with httpx.Client(timeout=CALL_SECONDS, trust_env=False) as http:
            return http.request(method, url, json=fields or None).raise_for_status().json()
    except (httpx.HTTPError, ValueError) as error:
        raise SandboxSilent(f"{method} {url}: {error}") from error


def _grant(platform: str) -> Grant:
    given = _control("POST", "tokens", platform=platform, person=PERSON)
    expires = given.get("expires_in")
    tokens = Tokens(
        access_token=given["access_token"],
        refresh_token=given.get("refresh_token"),
        expires_at=timezone.now() + timedelta(seconds=expires) if expires else None,
        scopes=client_for(platform).scopes,
    )
    try:
        listed = [
            one for one in client_for(platform, tokens=tokens, patience=CALL_SECONDS).list_accounts() if one.enabled
        ]
    except PlatformError as error:
        raise SandboxSilent(f"accounts of {platform}: {error}") from error
    if not listed:
        raise SandboxSilent(f"{platform} lists no account")
    return Grant(platform, tokens, min(listed, key=lambda one: one.currency != CURRENCY))


@transaction.atomic
def _make(grants: list[Grant], webhook: str, businesses: Sequence[SandboxBusiness], replace: Tenant | None) -> Live:
    if replace is not None:
        retire(replace)
    tenant = make_workspace(LIVE_NAME, LIVE_SLUG, {"demo": True, "simulated": True})
    with tenant_context(tenant):
        for role, name in PEOPLE:
            user_create(email=demo_email(role, LIVE_SLUG), full_name=name, role=role, actor=ACTOR)
        User.objects.update(password=make_password(DEMO_PASSWORD), is_verified=True)
        admin = User.objects.order_by("pk").filter(role=Role.ADMIN).first()
        accounts = [_connect(grant, admin) for grant in grants]
        _make_slack(webhook)
        # Somebody may have connected them all elsewhere: no reason to have no workspace.
        with suppress(DomainError):
            connect_simulated(businesses, actor=ACTOR)
        runs = [sync_request(account=one, trigger=SyncTrigger.CONNECTION, actor=ACTOR) for one in accounts]
    return Live(tenant, len(accounts), tuple(run.pk for run in runs))


def _make_slack(webhook: str) -> None:
    """A channel of the simulated Slack, and a rule that writes to it."""
    target = slack_target_create(
        draft=TargetDraft(name=SLACK_CHANNEL, kind=SlackKind.WEBHOOK.value, url=webhook), actor=ACTOR
    )
    rule_create(
        draft=RuleDraft(
            name="Weak return – tell Slack",
            condition_field="roas",
            condition_operator=Operator.LESS_THAN.value,
            condition_value="1",
            condition_duration_hours=7 * 24,
            action_type=ActionType.NOTIFY_SLACK.value,
            action_config={"target": target.pk, "message": "Have a look before the weekend."},
            applies_to_statuses=[CampaignStatus.ACTIVE.value],
        ),
        status=RuleStatus.ACTIVE,
        actor=ACTOR,
    )


def _connect(grant: Grant, person: User | None) -> AdAccount:
    now = timezone.now()
    connection = Connection.objects.create(
        platform=grant.platform,
        status=ConnectionStatus.OK,
        access_token=grant.tokens.access_token,
        refresh_token=grant.tokens.refresh_token,
        token_expires_at=grant.tokens.expires_at,
        scopes=list(grant.tokens.scopes),
        is_sandbox=True,
        connected_by=person,
        connected_at=now,
        refreshed_at=now,
    )
    account = AdAccount.objects.create(
        platform=grant.platform,
        external_id=grant.account.external_id,
        name=grant.account.name,
        currency=grant.account.currency,
        timezone=grant.account.timezone,
        login_id=grant.account.login_id,
        minimum_daily_budget_cents=grant.account.minimum_daily_budget,
        status=AccountStatus.OK,
        connection=connection,
        is_sandbox=True,
    )
    shown = {"platform": connection.platform, "status": connection.status.value, "is_sandbox": True}
    record(actor=ACTOR, action=AuditAction.CREATE, resource=connection, new=shown)
    record(actor=ACTOR, action=AuditAction.CREATE, resource=account, new=snapshot(account, _SHOWN))
    return account
