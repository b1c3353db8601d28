"""The first step of a sync: the account's campaigns as the platform lists them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Q

from accounts.audit import Actor, Entry, record_many
from accounts.choices import AuditAction
from campaigns.choices import CampaignStatus, ChangeOrigin, ChangeState
from campaigns.clients.base import Account, CampaignInfo, PlatformClient
from campaigns.models import AdAccount, Campaign, CampaignChange
from campaigns.services.accounts import account_campaigns_lock, accounts_lock
from campaigns.services.campaign_rows import CampaignRow, campaigns_upsert, ledger_note
from campaigns.services.plan_limit import plan_limit_apply
from campaigns.sql import hash_joins

# External ids that imports make of names (campaigns.services.imports.targets); no platform's ids hold a colon.
BY_NAME = "name:"
MAX_NOTE = 500


def campaigns_fetch(client: PlatformClient, account: AdAccount, about: Account) -> list[CampaignRow]:
    """The complete listing. An empty one is believed only when the platform says that the account is open to us."""
    found = [campaign_row(info) for info in client.list_campaigns(about)]
    if not found and _knows_campaigns(account):
        client.check_health(about)
    return found


@transaction.atomic
def _knows_campaigns(account: AdAccount) -> bool:
    return Campaign.objects.filter(ad_account=account).exists()


def campaign_row(info: CampaignInfo) -> CampaignRow:
    """What a client says of a campaign, as campaigns_upsert takes it."""
    targeting = info.targeting
    return CampaignRow(
        external_id=info.external_id,
        name=info.name[:500],
        status=info.status or None,
        objective=info.objective[:100] if info.objective else None,
        daily_budget_cents=info.daily_budget,
        lifetime_budget_cents=info.lifetime_budget,
        start_date=info.start_date,
        end_date=info.end_date,
        budget_lock=info.budget_read_only,
        budget_object=info.budget_object[:255],
        delivery_note=info.warning[:MAX_NOTE],
        targeting_age_min=targeting.get("age_min"),
        targeting_age_max=targeting.get("age_max"),
        targeting_genders=targeting.get("genders"),
        targeting_locations=targeting.get("locations"),
        targeting_interests=targeting.get("interests"),
        raw_data=info.raw,
    )


def campaigns_store(
    *, account: AdAccount, rows: Sequence[CampaignRow], asked_at: datetime, actor: Actor
) -> dict[str, int]:
    """Bring the account's campaigns to a complete listing that was asked for at `asked_at`; counts of what changed.

    In the caller's transaction. Campaigns that imports knew by name only are recognised; absent ones are archived;
    what was changed from here since the listing was asked for is newer than it, and stays.
    """
    accounts_lock([account.pk])
    account_campaigns_lock(account)
    _recognise(account, rows)
    rows = _without_newer(account, rows, asked_at)
    result = campaigns_upsert(account=account, rows=rows, actor=actor, origin=ChangeOrigin.OUTSIDE, complete=True)
    archived = _archive_absent(account, [row.external_id for row in rows], asked_at, actor)
    Campaign.objects.filter(pk__in=list(result.ids.values())).update(last_synced_at=asked_at)
    plan_limit_apply()
    return {
        "campaigns": len(result.ids),
        "campaigns_created": len(result.created),
        "campaigns_changed": len(result.changed),
        "campaigns_archived": archived,
    }


def _recognise(account: AdAccount, rows: Iterable[CampaignRow]) -> None:
    """Give campaigns that imports knew by their name the platform's id, where the name is one campaign's alone."""
    with connection.cursor() as cursor, hash_joins():
        cursor.execute(
            _RECOGNISE,
            {
                "tenant": account.tenant_id,
                "account": account.pk,
                "platform": account.platform,
                "by_name": f"{BY_NAME}%",
                "ids": [row.external_id for row in rows],
                "names": [row.name for row in rows],
            },
        )


_RECOGNISE = """
    WITH unique_names AS (
        SELECT name, min(external_id) AS external_id
        FROM unnest(%(ids)s::text[], %(names)s::text[]) AS g (external_id, name)
        GROUP BY name HAVING count(*) = 1
    )
    UPDATE campaigns c SET external_id = u.external_id
    FROM unique_names u
    WHERE c.tenant_id = %(tenant)s AND c.ad_account_id = %(account)s AND c.external_id LIKE %(by_name)s
      AND c.name = u.name
      AND NOT EXISTS (SELECT FROM campaigns o WHERE o.tenant_id = %(tenant)s AND o.platform = %(platform)s
                                               AND o.external_id = u.external_id)
"""


def _without_newer(account: AdAccount, rows: Sequence[CampaignRow], asked_at: datetime) -> list[CampaignRow]:
    """The rows with our own status and budget where a change is on its way, or came after the question."""
    ours = _changed_since(account, asked_at)
    return [row._replace(**ours[row.external_id]) if row.external_id in ours else row for row in rows]


def _changed_since(account: AdAccount, asked_at: datetime) -> dict[str, dict[str, Any]]:
    recent = Q(state__in=(ChangeState.QUEUED, ChangeState.SENDING)) | Q(
        state=ChangeState.APPLIED, finished_at__gte=asked_at
    )
    changes = CampaignChange.objects.filter(
        recent, campaign__ad_account=account, origin__in=(ChangeOrigin.PERSON, ChangeOrigin.RULE)
    )
    fields = ("status", "daily_budget_cents")
    found = changes.values_list("campaign__external_id", *(f"campaign__{name}" for name in fields)).distinct()
    return {external_id: dict(zip(fields, values, strict=True)) for external_id, *values in found}


def _archive_absent(account: AdAccount, listed: list[str], asked_at: datetime, actor: Actor) -> int:
    """Campaigns that the platform does not list any more are gone there; here they stay, with their numbers."""
    with connection.cursor() as cursor, hash_joins():
        cursor.execute(
            _ARCHIVE_ABSENT,
            {
                "tenant": account.tenant_id,
                "account": account.pk,
                "by_name": f"{BY_NAME}%",
                "listed": listed,
                "archived": CampaignStatus.ARCHIVED.value,
            },
        )
        gone = cursor.fetchall()
    changed = [
        {
            "id": campaign_id,
            "old": {"status": status, "daily_budget_cents": budget},
            "new": {"status": CampaignStatus.ARCHIVED.value, "daily_budget_cents": budget},
        }
        for campaign_id, status, budget in gone
    ]
    ledger_note(changed, origin=ChangeOrigin.OUTSIDE, actor=actor)
    record_many(
        actor=actor,
        action=AuditAction.UPDATE,
        resource="campaigns",
        entries=[Entry(one["id"], one["old"], one["new"]) for one in changed],
    )
    return len(gone)


_ARCHIVE_ABSENT = """
    WITH gone AS (
        SELECT c.id, c.status, c.daily_budget_cents FROM campaigns c
        LEFT JOIN unnest(%(listed)s::text[]) AS l (external_id) ON l.external_id = c.external_id
        WHERE c.tenant_id = %(tenant)s AND c.ad_account_id = %(account)s AND c.is_deleted IS NOT TRUE
          AND c.status <> %(archived)s AND c.external_id NOT LIKE %(by_name)s AND l.external_id IS NULL
        ORDER BY c.id FOR NO KEY UPDATE OF c
    )
    UPDATE campaigns c SET status = %(archived)s FROM gone g WHERE c.id = g.id
    RETURNING c.id, g.status, g.daily_budget_cents
"""
