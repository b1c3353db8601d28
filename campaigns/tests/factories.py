import datetime
import itertools

from django.db import transaction
from django.utils import timezone

from accounts.audit import Actor
from campaigns.choices import RevisionSource
from campaigns.models import AdAccount, Campaign, CampaignMetric, Connection
from campaigns.services.metrics import MetricRow, metrics_upsert
from tenants.context import tenant_context
from tenants.models import Tenant

_numbers = itertools.count(1)


def make_account(tenant: Tenant, **fields: object) -> AdAccount:
    number = next(_numbers)
    defaults = {
        "platform": "meta",
        "external_id": f"act_{number}",
        "name": f"Account {number}",
        "currency": "USD",
        "timezone": "UTC",
    }
    with tenant_context(tenant), transaction.atomic():
        return AdAccount.objects.create(tenant=tenant, **{**defaults, **fields})


def make_connection(tenant: Tenant, **fields: object) -> Connection:
    """A grant that works, with tokens that never run out."""
    defaults = {"platform": "meta", "status": "ok", "access_token": f"token-{next(_numbers)}"}
    with tenant_context(tenant), transaction.atomic():
        return Connection.objects.create(tenant=tenant, **{**defaults, **fields})


def make_connected_account(tenant: Tenant, *, connection: Connection | None = None, **fields: object) -> AdAccount:
    """An account that syncs, with a connection of its own unless one is given."""
    connection = connection or make_connection(tenant, platform=fields.get("platform", "meta"))
    defaults = {"status": "ok", "connection": connection, "platform": connection.platform}
    return make_account(tenant, **{**defaults, **fields})


def make_campaign(tenant: Tenant, *, account: AdAccount | None = None, **fields: object) -> Campaign:
    """An active campaign without numbers; platform, account id and currency follow the account."""
    number = next(_numbers)
    account = account or make_account(tenant, platform=fields.get("platform", "meta"))
    defaults = {
        "ad_account": account,
        "account_id": account.external_id,
        "platform": account.platform,
        "currency": account.currency,
        "external_id": str(1000 + number),
        "name": f"Campaign {number}",
        "status": "active",
    }
    with tenant_context(tenant), transaction.atomic():
        return Campaign.objects.create(tenant=tenant, **{**defaults, **fields})


def make_day(campaign: Campaign, date: datetime.date, **metrics: int) -> CampaignMetric:
    """One fact row as is. Roll-ups and lifetime sums follow only through campaigns.services."""
    with tenant_context(campaign.tenant_id), transaction.atomic():
        return CampaignMetric.objects.create(tenant_id=campaign.tenant_id, campaign=campaign, date=date, **metrics)


def record_days(
    campaign: Campaign, days: dict[datetime.date, dict[str, int]], *, known_at: datetime.datetime | None = None
) -> None:
    """Days through the product's own write path, so that roll-ups, lifetime sums and revisions follow."""
    rows = [MetricRow(campaign_id=campaign.pk, date=day, **values) for day, values in days.items()]
    with tenant_context(campaign.tenant_id), transaction.atomic():
        metrics_upsert(
            account=campaign.ad_account,
            rows=rows,
            source=RevisionSource.IMPORT,
            known_at=known_at or timezone.now(),
            actor=Actor.job("test"),
        )
