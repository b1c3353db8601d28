"""Campaigns of an account as their source lists them: one statement each to add, change and look up, for any number."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.utils.translation import gettext as _

from accounts.audit import Actor, record
from accounts.choices import AuditAction
from campaigns.choices import CampaignStatus
from campaigns.models import AdAccount, Campaign
from campaigns.services.accounts import accounts_lock
from campaigns.services.rollups import daily_totals_refresh
from campaigns.sql import hash_joins
from stratum.lib.errors import DomainError
from tenants.models import Tenant


class CampaignRow(NamedTuple):
    """A campaign as its source reports it. None: the source does not say, what is known stays.

    Budgets in minor units of the account's currency; `status` a value of CampaignStatus.
    """

    external_id: str
    name: str | None = None
    status: str | None = None
    objective: str | None = None
    daily_budget_cents: int | None = None
    lifetime_budget_cents: int | None = None
    start_date: date | None = None
    end_date: date | None = None


@dataclass(frozen=True, slots=True)
class CampaignsResult:
    """Ids by external id for every row given, and which of them were added, brought back or changed."""

    ids: dict[str, int]
    created: tuple[int, ...]
    revived: tuple[int, ...]
    changed: tuple[int, ...]


@transaction.atomic
def campaigns_upsert(*, account: AdAccount, rows: Iterable[CampaignRow], actor: Actor) -> CampaignsResult:
    """Bring the account's campaigns to what `rows` say; the later of two rows with one external id counts.

    A deleted campaign that its source lists again comes back. A new one takes the account's currency, and where the
    source gives none, its external id for a name and the schema's default status. DomainError with code
    'campaign_limit' when the plan has no room for those that would be added (checked under lock, so two writers
    cannot pass it together), with code 'other_account' when a campaign belongs to another account of this workspace.
    """
    given = list({row.external_id: row for row in rows}.values())
    accounts_lock([account.pk])
    known = _known(account, [row.external_id for row in given])
    added = [row for row in given if row.external_id not in known]
    revived = tuple(sorted(campaign_id for campaign_id, deleted in known.values() if deleted))
    if added or revived:
        _check_limit(len(added) + len(revived))
    created = _insert(account, added)
    changed = _update(account, [row for row in given if row.external_id in known])
    if revived:
        # Their days join the totals again.
        daily_totals_refresh(account)
    ids = {external_id: campaign_id for external_id, (campaign_id, _deleted) in known.items()} | created
    result = CampaignsResult(ids, tuple(sorted(created.values())), revived, tuple(entry["id"] for entry in changed))
    _record(actor, account, result, changed)
    return result


def _known(account: AdAccount, external_ids: Sequence[str]) -> dict[str, tuple[int, bool]]:
    """External id → (id, deleted) of those that exist."""
    rows = Campaign.objects.with_deleted().filter(platform=account.platform, external_id__in=external_ids)
    known = {}
    for campaign_id, external_id, owner, name, deleted in rows.values_list(
        "id", "external_id", "ad_account_id", "name", "is_deleted"
    ):
        if owner != account.pk:
            raise DomainError(
                _("The campaign “%(name)s” belongs to another ad account of this workspace.") % {"name": name},
                code="other_account",
            )
        known[external_id] = (campaign_id, bool(deleted))
    return known


def _check_limit(adding: int) -> None:
    # The lock is held to the end of the transaction; keys that refer to the workspace are not held up by it.
    tenant = Tenant.objects.select_for_update(no_key=True).get()
    count = Campaign.objects.count()
    over = count + adding - tenant.max_campaigns
    if over > 0:
        raise DomainError(
            _(
                "Your plan has room for %(limit)s campaigns and you have %(count)s: with the %(adding)s new ones here "
                "it would be %(over)s too many. Nothing was imported. Choose a larger plan, or a report with fewer "
                "campaigns."
            )
            % {"limit": tenant.max_campaigns, "count": count, "adding": adding, "over": over},
            code="campaign_limit",
        )


def _columns(rows: Sequence[CampaignRow]) -> dict[str, list]:
    return {name: [getattr(row, name) for row in rows] for name in CampaignRow._fields}


_GIVEN = """
    SELECT * FROM unnest(
        %(external_id)s::text[], %(name)s::text[], %(status)s::text[], %(objective)s::text[],
        %(daily_budget_cents)s::bigint[], %(lifetime_budget_cents)s::bigint[], %(start_date)s::date[],
        %(end_date)s::date[]
    ) AS g (external_id, name, status, objective, daily_budget_cents, lifetime_budget_cents, start_date, end_date)
"""
_KEPT = ("name", "status", "objective", "daily_budget_cents", "lifetime_budget_cents", "start_date", "end_date")
_SHOWN = (*_KEPT, "is_deleted")


def _insert(account: AdAccount, rows: Sequence[CampaignRow]) -> dict[str, int]:
    if not rows:
        return {}
    params: dict[str, Any] = {
        **_columns(rows),
        "tenant": account.tenant_id,
        "platform": account.platform,
        "account": account.pk,
        "account_external": account.external_id,
        "currency": account.currency,
        "draft": CampaignStatus.DRAFT.value,
    }
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO campaigns (
                tenant_id, platform, external_id, account_id, ad_account_id, currency, name, status, objective,
                daily_budget_cents, lifetime_budget_cents, start_date, end_date)
            SELECT %(tenant)s, %(platform)s, external_id, %(account_external)s, %(account)s, %(currency)s,
                   COALESCE(name, external_id), COALESCE(status, %(draft)s), objective, daily_budget_cents,
                   lifetime_budget_cents, start_date, end_date
            FROM ({_GIVEN}) given
            RETURNING external_id, id
            """,
            params,
        )
        return dict(cursor.fetchall())


def _update(account: AdAccount, rows: Sequence[CampaignRow]) -> list[dict]:
    """Change what differs; per changed campaign its id, and old and new values by field."""
    if not rows:
        return []
    values = ", ".join(f"COALESCE(g.{name}, c.{name}) AS new_{name}" for name in _KEPT)
    kept = ", ".join(f"{name} = b.new_{name}" for name in _KEPT)
    differs = " OR ".join(f"(g.{name} IS NOT NULL AND g.{name} IS DISTINCT FROM c.{name})" for name in _KEPT)
    old = ", ".join(f"c.{name} AS old_{name}" for name in _SHOWN)
    with connection.cursor() as cursor, hash_joins():
        cursor.execute(
            f"""
            WITH before AS (
                SELECT c.id, {old}, {values}, false AS new_is_deleted
                FROM ({_GIVEN}) g
                JOIN campaigns c ON c.tenant_id = %(tenant)s AND c.platform = %(platform)s
                                AND c.external_id = g.external_id
                WHERE c.is_deleted IS TRUE OR {differs}
                ORDER BY c.id FOR NO KEY UPDATE OF c
            ), written AS (
                UPDATE campaigns c
                SET {kept}, is_deleted = false, deleted_at = NULL
                FROM before b WHERE c.id = b.id
            )
            SELECT id, {", ".join(f"old_{name}, new_{name}" for name in _SHOWN)} FROM before ORDER BY id
            """,
            {**_columns(rows), "tenant": account.tenant_id, "platform": account.platform},
        )
        return [_change(row) for row in cursor.fetchall()]


def _change(row: tuple) -> dict:
    values = list(zip(row[1::2], row[2::2], strict=True))
    return {
        "id": row[0],
        "old": {name: old for name, (old, _new) in zip(_SHOWN, values, strict=True)},
        "new": {name: new for name, (_old, new) in zip(_SHOWN, values, strict=True)},
    }


def _record(actor: Actor, account: AdAccount, result: CampaignsResult, changed: list[dict]) -> None:
    if result.created:
        # Bulk arrival: one entry that names them all.
        new = {"ad_account": account.pk, "campaigns": list(result.created)}
        record(actor=actor, action=AuditAction.CREATE, resource="campaigns", resource_id=None, new=new)
    for entry in changed:
        record(
            actor=actor,
            action=AuditAction.UPDATE,
            resource="campaigns",
            resource_id=entry["id"],
            old=entry["old"],
            new=entry["new"],
        )
