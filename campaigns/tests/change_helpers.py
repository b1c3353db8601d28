"""What the tests of changes share: asking, sending, and looking at both sides."""

from typing import Any

from django.db import transaction

from accounts.audit import Actor
from campaigns.clients.base import CampaignInfo
from campaigns.models import AdAccount, Campaign, CampaignChange
from campaigns.services import changes
from campaigns.services.platforms import client_of, wire_account
from campaigns.tests.factories import make_campaign, make_connected_account
from stratum.sandbox.tests.live import LiveSandbox
from tenants.context import tenant_context
from tenants.models import Tenant

RULE = Actor(kind="rule", label="Stop loss")


def person(user) -> Actor:
    return Actor(kind="user", user=user)


def make_changeable(tenant: Tenant, **fields: object) -> Campaign:
    """An active campaign of a connected account with a daily budget of 100 dollars."""
    account = fields.pop("account", None) or make_connected_account(tenant)
    return make_campaign(tenant, account=account, **{"daily_budget_cents": 10_000, **fields})


def ask(campaign: Campaign, field: str, value: Any, actor: Actor = RULE, **more: Any) -> CampaignChange | None:
    with tenant_context(campaign.tenant_id), transaction.atomic():
        return changes.change_request(campaign=campaign, field=field, value=value, actor=actor, **more)


def send(*rows: CampaignChange) -> changes.Applied:
    with tenant_context(rows[0].tenant_id):
        return changes.changes_apply([row.pk for row in rows])


def fresh(row):
    """The row as it is now."""
    with tenant_context(row.tenant_id), transaction.atomic():
        return type(row)._default_manager.select_related().get(pk=row.pk)


def set_change(change: CampaignChange, **values: Any) -> None:
    with tenant_context(change.tenant_id), transaction.atomic():
        CampaignChange.objects.filter(pk=change.pk).update(**values)


def ledger_of(campaign: Campaign) -> list[CampaignChange]:
    with tenant_context(campaign.tenant_id), transaction.atomic():
        return list(CampaignChange.objects.filter(campaign=campaign).order_by("pk"))


def listed(account: AdAccount) -> dict[str, Campaign]:
    """The account's campaigns as the platform lists them now, as rows of the workspace, by external id."""
    with tenant_context(account.tenant_id):
        infos = list(client_of(account).list_campaigns(wire_account(account)))
    return {info.external_id: campaign_from(account, info) for info in infos}


def campaign_from(account: AdAccount, info: CampaignInfo) -> Campaign:
    tenant = account.tenant
    return make_campaign(
        tenant,
        account=account,
        external_id=info.external_id,
        name=info.name,
        status=info.status,
        objective=info.objective,
        daily_budget_cents=info.daily_budget,
        lifetime_budget_cents=info.lifetime_budget,
        budget_lock=info.budget_read_only,
        budget_object=info.budget_object,
    )


def on_platform(sandbox: LiveSandbox, campaign: Campaign) -> dict[str, Any]:
    """What is true of the campaign on the simulated platform."""
    rows = sandbox.control("campaigns", account=campaign.ad_account.external_id)["campaigns"]
    return next(row for row in rows if row["id"] == campaign.external_id)
