"""Campaigns of an account as their source lists them: one statement each to add, change and look up, for any number."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from psycopg.types.json import Jsonb

from accounts.audit import Actor, Entry, record, record_many
from accounts.choices import AuditAction
from campaigns.choices import CampaignStatus, ChangedField, ChangeOrigin, ChangeState
from campaigns.models import AdAccount, Campaign, CampaignChange
from campaigns.services.accounts import accounts_lock
from campaigns.services.rollups import daily_totals_refresh
from campaigns.sql import hash_joins
from stratum.lib.errors import DomainError
from tenants.models import Tenant


class CampaignRow(NamedTuple):
    """A campaign as its source reports it. None: the source does not say, what is known stays.

    Budgets in minor units of the account's currency; `status` a value of CampaignStatus, `budget_lock` one of
    BudgetLock or empty. Targeting and `raw_data` are plain JSON.
    """

    external_id: str
    name: str | None = None
    status: str | None = None
    objective: str | None = None
    daily_budget_cents: int | None = None
    lifetime_budget_cents: int | None = None
    start_date: date | None = None
    end_date: date | None = None
    budget_lock: str | None = None
    budget_object: str | None = None
    delivery_note: str | None = None
    targeting_age_min: int | None = None
    targeting_age_max: int | None = None
    targeting_genders: list[str] | None = None
    targeting_locations: list[str] | None = None
    targeting_interests: list[str] | None = None
    raw_data: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class CampaignsResult:
    """Ids by external id for every row given, and which of them were added, brought back or changed."""

    ids: dict[str, int]
    created: tuple[int, ...]
    revived: tuple[int, ...]
    changed: tuple[int, ...]


@transaction.atomic
def campaigns_upsert(
    *,
    account: AdAccount,
    rows: Iterable[CampaignRow],
    actor: Actor,
    origin: ChangeOrigin = ChangeOrigin.IMPORT,
    complete: bool = False,
) -> CampaignsResult:
    """Bring the account's campaigns to what `rows` say; the later of two rows with one external id counts.

    `complete` rows are the platform's own: what they leave out of budgets, days and targeting is not there (any more),
    and campaigns above the plan's limit are kept all the same: those that are new, or come back, have no place in the
    plan before campaigns.services.plan_limit gives them one. Changes of status and daily budget go into the ledger
    under `origin`.

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
    if (added or revived) and not complete:
        _check_limit(len(added) + len(revived))
    created = _insert(account, added, complete=complete)
    changed = _update(account, [row for row in given if row.external_id in known], complete=complete)
    if revived:
        # Their days join the totals again.
        daily_totals_refresh(account)
    ids = {external_id: campaign_id for external_id, (campaign_id, _deleted) in known.items()} | created
    result = CampaignsResult(ids, tuple(sorted(created.values())), revived, tuple(entry["id"] for entry in changed))
    _record(actor, account, result, changed)
    ledger_note(changed, origin=origin, actor=actor)
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
    count = Campaign.objects.exclude(status=CampaignStatus.ARCHIVED).count()
    over = count + adding - tenant.campaign_limit
    if over > 0:
        raise DomainError(
            _(
                "Your plan has room for %(limit)s campaigns and you have %(count)s: with the %(adding)s new ones here "
                "it would be %(over)s too many. Nothing was imported. Choose a larger plan, or a report with fewer "
                "campaigns."
            )
            % {"limit": tenant.campaign_limit, "count": count, "adding": adding, "over": over},
            code="campaign_limit",
        )


# Columns of a row with their types in SQL; those of CLEARED lose their value when a complete source gives none.
_TYPES = {
    "external_id": "text",
    "name": "text",
    "status": "text",
    "objective": "text",
    "daily_budget_cents": "bigint",
    "lifetime_budget_cents": "bigint",
    "start_date": "date",
    "end_date": "date",
    "budget_lock": "text",
    "budget_object": "text",
    "delivery_note": "text",
    "targeting_age_min": "integer",
    "targeting_age_max": "integer",
    "targeting_genders": "jsonb",
    "targeting_locations": "jsonb",
    "targeting_interests": "jsonb",
    "raw_data": "jsonb",
}
_KEPT = tuple(name for name in _TYPES if name != "external_id")
_CLEARED = frozenset(_KEPT) - {"name", "status", "budget_lock", "budget_object", "delivery_note", "raw_data"}
# Never NULL in the table.
_EMPTY_TEXT = ("budget_lock", "budget_object", "delivery_note")
# What a platform said word for word is long, and nobody's decision: it stays out of the audit trail.
_SHOWN = (*(name for name in _KEPT if name != "raw_data"), "is_deleted")
_GIVEN = f"""
    SELECT * FROM unnest({", ".join(f"%({name})s::{kind}[]" for name, kind in _TYPES.items())})
    AS g ({", ".join(_TYPES)})
"""


def _columns(rows: Sequence[CampaignRow]) -> dict[str, list]:
    return {
        name: [_json(getattr(row, name)) if kind == "jsonb" else getattr(row, name) for row in rows]
        for name, kind in _TYPES.items()
    }


def _json(value: Any) -> Jsonb | None:
    return None if value is None else Jsonb(value)


def _insert(account: AdAccount, rows: Sequence[CampaignRow], *, complete: bool) -> dict[str, int]:
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
        "archived": CampaignStatus.ARCHIVED.value,
        "complete": complete,
    }
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO campaigns (
                tenant_id, platform, account_id, ad_account_id, currency, external_id, {", ".join(_KEPT)}, over_limit)
            SELECT %(tenant)s, %(platform)s, %(account_external)s, %(account)s, %(currency)s, external_id,
                   {", ".join(_new_value(name) for name in _KEPT)},
                   %(complete)s AND {_new_value("status")} <> %(archived)s
            FROM ({_GIVEN}) given
            RETURNING external_id, id
            """,
            params,
        )
        return dict(cursor.fetchall())


def _new_value(name: str) -> str:
    if name == "name":
        return "COALESCE(name, external_id)"
    if name == "status":
        return "COALESCE(status, %(draft)s)"
    return f"COALESCE({name}, '')" if name in _EMPTY_TEXT else name


def _update(account: AdAccount, rows: Sequence[CampaignRow], *, complete: bool) -> list[dict]:
    """Change what differs; per changed campaign its id, and old and new values by field."""
    if not rows:
        return []
    wanted = {name: f"g.{name}" if complete and name in _CLEARED else f"COALESCE(g.{name}, c.{name})" for name in _KEPT}
    values = ", ".join(f"{value} AS new_{name}" for name, value in wanted.items())
    kept = ", ".join(f"{name} = b.new_{name}" for name in _KEPT)
    differs = " OR ".join(f"{value} IS DISTINCT FROM c.{name}" for name, value in wanted.items())
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
                SET {kept}, is_deleted = false, deleted_at = NULL,
                    over_limit = c.over_limit OR (%(complete)s AND (c.is_deleted IS TRUE OR c.status = %(archived)s))
                FROM before b WHERE c.id = b.id
            )
            SELECT id, {", ".join(f"old_{name}, new_{name}" for name in _SHOWN)} FROM before ORDER BY id
            """,
            {
                **_columns(rows),
                "tenant": account.tenant_id,
                "platform": account.platform,
                "archived": CampaignStatus.ARCHIVED.value,
                "complete": complete,
            },
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
    record_many(
        actor=actor,
        action=AuditAction.UPDATE,
        resource="campaigns",
        entries=[Entry(entry["id"], entry["old"], entry["new"]) for entry in changed if entry["old"] != entry["new"]],
    )


def ledger_note(changed: Iterable[dict], *, origin: ChangeOrigin, actor: Actor) -> None:
    """Write down changes of status and daily budget that were found, not asked for here: one row for each.

    `changed` as campaigns_upsert has them: id, and `old` and `new` values by field.
    """
    common: dict[str, Any] = {
        "origin": origin,
        "actor_label": actor.label[:255],
        "state": ChangeState.APPLIED,
        "user": actor.user if origin is ChangeOrigin.IMPORT else None,
    }
    now = timezone.now()
    found = []
    for entry in changed:
        old, new = entry["old"], entry["new"]
        if old["status"] != new["status"]:
            found.append({"field": ChangedField.STATUS, "old_status": old["status"], "new_status": new["status"]})
            found[-1]["campaign_id"] = entry["id"]
        if old["daily_budget_cents"] != new["daily_budget_cents"]:
            budgets = {"old_budget_cents": old["daily_budget_cents"], "new_budget_cents": new["daily_budget_cents"]}
            found.append({"field": ChangedField.DAILY_BUDGET, **budgets, "campaign_id": entry["id"]})
    CampaignChange.objects.bulk_create(
        [CampaignChange(**one, **common, requested_at=now, finished_at=now) for one in found]
    )
