"""Campaigns that rules may change on their platforms, and what the workspace allows."""

import datetime

from django.db import transaction

from campaigns.models import Campaign, CampaignChange
from campaigns.tests.change_helpers import make_changeable
from campaigns.tests.factories import make_day
from rules.models import Rule
from rules.tests.factories import make_rule
from tenants.context import tenant_context
from tenants.models import Tenant

NOW = datetime.datetime(2026, 11, 23, 9, 0, tzinfo=datetime.UTC)
YESTERDAY = datetime.date(2026, 11, 22)
BUDGET = {"percent": "20", "currency": "USD", "floor": "10", "ceiling": "1000", "beyond": "clamp"}


def allow(tenant: Tenant, **automation: object) -> None:
    """Set what the workspace allows its rules; nothing waits for approval unless a test says so."""
    with tenant_context(tenant), transaction.atomic():
        stored = Tenant.objects.get()
        stored.settings = {**stored.settings, "automation": {"approval_percent": 100, **automation}}
        stored.save(update_fields=["settings"])


def make_spender(tenant: Tenant, spend_cents: int = 15_000, **fields: object) -> Campaign:
    """A campaign of a connected account that spent 150.00 yesterday and has 100.00 a day."""
    campaign = make_changeable(tenant, **fields)
    make_day(campaign, YESTERDAY, spend_cents=spend_cents, known_at=NOW)
    return campaign


def make_pause_rule(tenant: Tenant, to: str = "paused", **fields: object) -> Rule:
    return make_rule(tenant, **{"action_type": "pause_campaign", "action_config": {"to": to}, **fields})


def make_budget_rule(tenant: Tenant, config: dict[str, str] | None = None, **fields: object) -> Rule:
    return make_rule(
        tenant, **{"action_type": "adjust_budget", "action_config": {**BUDGET, **(config or {})}, **fields}
    )


def make_change(campaign: Campaign, *, ago: datetime.timedelta, now: datetime.datetime = NOW, **fields: object):
    """A row of the ledger: a person paused the campaign, unless said otherwise."""
    defaults = {"field": "status", "old_status": "active", "new_status": "paused", "origin": "person"}
    values = {**defaults, "state": "applied", "requested_at": now - ago, **fields}
    return CampaignChange.objects.create(campaign=campaign, **values)
