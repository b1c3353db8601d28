"""Slack targets of the sandbox, and rules that write to them."""

import datetime

from django.db import transaction

from rules.models import Rule, SlackMessage, SlackTarget
from rules.services import slack_send
from rules.tests.factories import make_rule
from stratum.sandbox.slack.inbox import BOT_TOKEN
from tenants.context import tenant_context
from tenants.models import Tenant

ADS, WATCH, OLD = (
    "/services/T0SANDBOX/B0ADS/ads-secret",
    "/services/T0SANDBOX/B0WATCH/watch-secret",
    "/services/T0SANDBOX/B0OLD/old-secret",
)


def inside(tenant: Tenant | int, work):
    with tenant_context(tenant), transaction.atomic():
        return work()


def make_webhook(
    tenant: Tenant, base: str = "https://hooks.slack.com", path: str = ADS, **fields: object
) -> SlackTarget:
    values = {"name": "#ads", "kind": "webhook", "url": f"{base}{path}", **fields}
    return inside(tenant, lambda: SlackTarget.objects.create(tenant=tenant, **values))


def make_bot(tenant: Tenant, channel: str = "C0123456789", token: str = BOT_TOKEN, **fields: object) -> SlackTarget:
    values = {"name": "Bot in #ads", "kind": "bot", "token": token, "channel": channel, **fields}
    return inside(tenant, lambda: SlackTarget.objects.create(tenant=tenant, **values))


def make_slack_rule(tenant: Tenant, target: SlackTarget, message: str = "", **fields: object) -> Rule:
    config = {"target": target.pk, **({"message": message} if message else {})}
    return make_rule(tenant, **{"action_type": "notify_slack", "action_config": config, **fields})


def make_message(target: SlackTarget, **fields: object) -> SlackMessage:
    values = {"payload": {"text": "Hello", "blocks": []}, **fields}
    own = target.tenant_id
    return inside(own, lambda: SlackMessage.objects.create(tenant_id=own, target=target, **values))


def send(tenant: Tenant, **more):
    with tenant_context(tenant):
        return slack_send(**more)


def due_now(tenant: Tenant) -> None:
    """The pause of every message is over, without waiting for it."""
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    inside(tenant, lambda: SlackMessage.objects.filter(next_retry_at__isnull=False).update(next_retry_at=past))
