"""The steps that bring daily numbers and breakdowns."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from django.db import connection
from psycopg.types.json import Jsonb

from accounts.audit import Actor
from campaigns.choices import CampaignStatus, ChangeOrigin, RevisionSource
from campaigns.clients.base import BreakdownRow, DayMetrics
from campaigns.clients.windows import Window
from campaigns.models import MICRO, AdAccount, Campaign, SyncRun
from campaigns.services.accounts import accounts_lock
from campaigns.services.campaign_rows import CampaignRow, campaigns_upsert
from campaigns.services.metrics import MetricRow, metrics_upsert
from campaigns.sql import hash_joins

DIMENSIONS = ("age", "gender", "location")


def days_store(
    *,
    account: AdAccount,
    days: Sequence[DayMetrics],
    window: Window,
    known_at: datetime,
    run: SyncRun,
    actor: Actor,
) -> dict[str, int]:
    """Bring the window's days to what the platform reports, complete; counts of what changed. Caller's transaction."""
    accounts_lock([account.pk])
    ids = _campaign_ids(account)
    unknown = {day.campaign_external_id for day in days} - ids.keys()
    if unknown:
        ids |= _known_by_numbers(account, unknown, actor)
    result = metrics_upsert(
        account=account,
        rows=metric_rows(days, ids),
        source=RevisionSource.SYNC,
        known_at=known_at,
        actor=actor,
        sync_run=run,
        complete=(window.start, window.end),
    )
    return {
        "days": result.rows,
        "days_added": result.inserted,
        "days_changed": result.changed,
        "campaigns_by_numbers": len(unknown),
    }


def metric_rows(days: Iterable[DayMetrics], ids: dict[str, int]) -> Iterator[MetricRow]:
    """A client's days as metrics_upsert takes them. Made in one go each: this runs for every row of a sync."""
    for day in days:
        yield _row((ids[day[0]], *day[1:_FIGURES]))


# From its date on, a client's day has the fields of a MetricRow in the same order, and then what is not stored.
_FIGURES = len(MetricRow._fields)
_row = partial(tuple.__new__, MetricRow)


def _campaign_ids(account: AdAccount) -> dict[str, int]:
    rows = Campaign.objects.with_deleted().filter(ad_account=account)
    return dict(rows.values_list("external_id", "pk"))


def _known_by_numbers(account: AdAccount, external_ids: Iterable[str], actor: Actor) -> dict[str, int]:
    """Campaigns that reports name and the listing does not: deleted ones, at platforms that hide those."""
    rows = [CampaignRow(external_id, status=CampaignStatus.ARCHIVED) for external_id in sorted(external_ids)]
    return campaigns_upsert(account=account, rows=rows, actor=actor, origin=ChangeOrigin.OUTSIDE, complete=True).ids


def breakdowns_store(*, account: AdAccount, rows: Iterable[BreakdownRow]) -> dict[str, int]:
    """Replace the demographic splits of the account's campaigns where they differ; how many changed."""
    accounts_lock([account.pk])
    ids = _campaign_ids(account)
    splits: defaultdict[int, dict[str, dict[str, Any]]] = defaultdict(lambda: {name: {} for name in DIMENSIONS})
    for row in rows:
        if row.campaign_external_id in ids and row.dimension in DIMENSIONS:
            splits[ids[row.campaign_external_id]][row.dimension][row.value] = _part(row)
    if not splits:
        return {"breakdowns_changed": 0}
    columns = {name: [Jsonb(split[name]) if split[name] else None for split in splits.values()] for name in DIMENSIONS}
    with connection.cursor() as cursor, hash_joins():
        cursor.execute(_SET_SPLITS, {"tenant": account.tenant_id, "ids": list(splits), **columns})
        return {"breakdowns_changed": cursor.rowcount}


def _part(row: BreakdownRow) -> dict[str, Any]:
    """One value of a split as campaigns.queries.campaign_page reads it; what the platform does not say is absent."""
    conversions = None if row.conversions_micros is None else row.conversions_micros / MICRO
    part = {
        "impressions": row.impressions, "clicks": row.clicks, "spend_cents": row.spend, "conversions": conversions,
    }  # fmt: skip
    return {key: value for key, value in part.items() if value is not None}


_SET_SPLITS = """
    UPDATE campaigns c
    SET demographics_age = g.age, demographics_gender = g.gender, demographics_location = g.location
    FROM unnest(%(ids)s::int[], %(age)s::jsonb[], %(gender)s::jsonb[], %(location)s::jsonb[])
         AS g (id, age, gender, location)
    WHERE c.id = g.id AND c.tenant_id = %(tenant)s
      AND (c.demographics_age, c.demographics_gender, c.demographics_location)
          IS DISTINCT FROM (g.age, g.gender, g.location)
"""
