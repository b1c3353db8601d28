"""Taking back what one import did to daily numbers: compare and set, day by day, in SQL.

A day goes back only where its present values are those that the import left; whatever somebody or something changed
since stays, and is counted. So do days that a later import holds as well: they stay, as that import's.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import connection, transaction

from accounts.audit import Actor, record
from accounts.choices import AuditAction
from campaigns.choices import RevisionSource
from campaigns.models import AdAccount, Campaign, ImportBatch
from campaigns.services.accounts import accounts_lock
from campaigns.services.metrics import EXTRAS
from campaigns.services.rollups import campaign_sums_refresh, daily_totals_refresh
from campaigns.sql import after, conversion_columns, exact_conversions, hash_joins


@dataclass(frozen=True, slots=True)
class UndoCounts:
    """Days by what an undo does with them.

    `removed`: brought by the import, gone again. `restored`: back at their former values. `kept_changed`: changed
    since the import, left alone. `kept_later`: also part of a later import, left alone.
    """

    removed: int = 0
    restored: int = 0
    kept_changed: int = 0
    kept_later: int = 0

    @property
    def kept(self) -> int:
        return self.kept_changed + self.kept_later


@transaction.atomic
def metrics_undo(*, import_batch: ImportBatch, known_at: datetime, actor: Actor) -> UndoCounts:
    """Undo the batch's days. The caller holds the batch's row; accounts are locked here, in order."""
    accounts = accounts_lock(_account_ids(import_batch))
    params = _params(import_batch, known_at)
    with connection.cursor() as cursor, hash_joins():
        cursor.execute(f"CREATE TEMPORARY TABLE undo_days ON COMMIT DROP AS {_PLAN}", params)
        cursor.execute(_COUNTS)
        counts = UndoCounts(*cursor.fetchone())
        cursor.execute(_HAND_OVER, params)
        cursor.execute(_RESTORE, params)
        cursor.execute(_REMOVE, params)
        cursor.execute(_TOUCHED)
        touched = cursor.fetchall()
        cursor.execute("DROP TABLE undo_days")
    _refresh(accounts, touched)
    if counts.removed or counts.restored:
        new = {"import_batch": import_batch.pk, "days_removed": counts.removed, "days_restored": counts.restored}
        record(actor=actor, action=AuditAction.UPDATE, resource="campaign_metrics", resource_id=None, new=new)
    return counts


@dataclass(frozen=True, slots=True)
class UndoForecast:
    """What an undo would do now. `staying` are those of the import's new campaigns that would keep days."""

    days: UndoCounts
    staying: frozenset[int]


def undo_forecast(import_batch: ImportBatch) -> UndoForecast:
    """What `metrics_undo` would do, without doing it."""
    params = {**_params(import_batch, None), "created": import_batch.created_campaign_ids}
    with connection.cursor() as cursor, hash_joins():
        cursor.execute(f"WITH undo_days AS MATERIALIZED ({_PLAN}) SELECT ({_STAYING}), c.* FROM ({_COUNTS}) c", params)
        staying, *counts = cursor.fetchone()
    return UndoForecast(UndoCounts(*counts), frozenset(staying or ()))


def _account_ids(batch: ImportBatch) -> Iterable[int]:
    rows = Campaign.objects.with_deleted().filter(pk__in=batch.campaign_ids).order_by()
    return [pk for pk in rows.values_list("ad_account_id", flat=True).distinct() if pk is not None]


def _params(batch: ImportBatch, known_at: datetime | None) -> dict[str, Any]:
    return {
        "tenant": batch.tenant_id,
        "batch": batch.pk,
        "finished": batch.finished_at,
        "campaigns": batch.campaign_ids,
        "start": batch.date_from,
        "end": batch.date_to,
        "known_at": known_at,
        "undo": RevisionSource.UNDO.value,
        "import": RevisionSource.IMPORT.value,
    }


def _refresh(accounts: dict[int, AdAccount], touched: list[tuple[int, date, int]]) -> None:
    campaign_sums_refresh({campaign_id for campaign_id, _day, _account in touched})
    days: dict[int, set[date]] = {}
    for _campaign, day, account_id in touched:
        days.setdefault(account_id, set()).add(day)
    for account_id, dates in days.items():
        daily_totals_refresh(accounts[account_id], dates)


_IN_RANGE = "m.tenant_id = %(tenant)s AND m.date BETWEEN %(start)s AND %(end)s"
_MAIN = ("impressions", "clicks", "conversions_micros", "spend_cents", "revenue_cents")
_OLD = ", ".join(f"old_{name}" for name in _MAIN)
_NEW = ", ".join(f"new_{name}" for name in _MAIN)
_NOW = ", ".join(exact_conversions("m") if name == "conversions_micros" else f"m.{name}" for name in _MAIN)

# One row per day that the batch brought or changed and that is still there. `was` are the values before it (NULL:
# the day was unknown), `left` those it left behind, `verdict` what the undo does:
# `own` is the batch's revision of a day, or the day's return where an earlier import handed the day over to it.
# A first arrival has no revision: what it left is the old side of the day's first revision, or the present values.
_PLAN = f"""
    WITH own AS (
        SELECT DISTINCT ON (r.campaign_id, r.date) r.*
        FROM metric_revisions r
        WHERE r.tenant_id = %(tenant)s AND r.campaign_id = ANY(%(campaigns)s)
          AND r.date BETWEEN %(start)s AND %(end)s
          AND ((r.import_batch_id = %(batch)s AND r.source = %(import)s)
               OR (r.old_impressions IS NULL AND EXISTS (
                   SELECT FROM campaign_metrics m
                   WHERE m.campaign_id = r.campaign_id AND m.date = r.date AND m.import_batch_id = %(batch)s)))
        ORDER BY r.campaign_id, r.date, r.id DESC
    ), following AS (
        SELECT r.campaign_id, r.date, min(r.id) AS first_id, bool_or(r.new_extras IS NOT NULL) AS extras_changed
        FROM metric_revisions r
        LEFT JOIN own o ON o.campaign_id = r.campaign_id AND o.date = r.date
        WHERE r.tenant_id = %(tenant)s AND r.campaign_id = ANY(%(campaigns)s)
          AND r.date BETWEEN %(start)s AND %(end)s AND r.id > COALESCE(o.id, 0)
        GROUP BY r.campaign_id, r.date
    ), later_campaigns AS (
        SELECT id, finished_at, date_from, date_to, unnest(campaign_ids) AS campaign_id
        FROM import_batches
        WHERE tenant_id = %(tenant)s AND status = 'done' AND finished_at > %(finished)s
          AND date_from <= %(end)s AND date_to >= %(start)s
    ), later AS (
        SELECT m.id AS metric_id, (array_agg(b.id ORDER BY b.finished_at, b.id))[1] AS batch_id
        FROM later_campaigns b
        JOIN campaign_metrics m ON m.tenant_id = %(tenant)s AND m.campaign_id = b.campaign_id
                               AND m.date BETWEEN b.date_from AND b.date_to
        WHERE m.campaign_id = ANY(%(campaigns)s) AND m.date BETWEEN %(start)s AND %(end)s
        GROUP BY m.id
    ), days AS (
        SELECT m.id, m.campaign_id, m.date, o.id AS revision_id, o.old_extras,
               o.id IS NULL OR o.old_impressions IS NULL AS brought,
               {", ".join(f"o.old_{name}" for name in _MAIN)},
               CASE WHEN o.id IS NOT NULL THEN
                   ({_NOW}) IS NOT DISTINCT FROM ({", ".join(f"o.new_{name}" for name in _MAIN)})
                   AND (o.new_extras IS NULL OR to_jsonb(m) @> o.new_extras)
               WHEN f.first_id IS NOT NULL THEN
                   ({_NOW}) IS NOT DISTINCT FROM ({", ".join(f"a.old_{name}" for name in _MAIN)})
               ELSE true END
               AND NOT COALESCE(f.extras_changed, false) AS untouched,
               later.batch_id AS later_batch_id
        FROM campaign_metrics m
        LEFT JOIN own o ON o.campaign_id = m.campaign_id AND o.date = m.date
        LEFT JOIN following f ON f.campaign_id = m.campaign_id AND f.date = m.date
        LEFT JOIN metric_revisions a ON a.id = f.first_id
        LEFT JOIN later ON later.metric_id = m.id
        WHERE m.tenant_id = %(tenant)s AND m.campaign_id = ANY(%(campaigns)s)
          AND m.date BETWEEN %(start)s AND %(end)s
          AND (o.id IS NOT NULL OR m.import_batch_id = %(batch)s)
    )
    SELECT *, CASE WHEN NOT untouched THEN 'changed' WHEN later_batch_id IS NOT NULL THEN 'later'
                   WHEN brought THEN 'remove' ELSE 'restore' END AS verdict
    FROM days
"""

_COUNTS = """
    SELECT count(*) FILTER (WHERE verdict = 'remove') AS removed,
           count(*) FILTER (WHERE verdict = 'restore') AS restored,
           count(*) FILTER (WHERE verdict = 'changed') AS changed, count(*) FILTER (WHERE verdict = 'later') AS later
    FROM undo_days
"""

_STAYING = """
    SELECT array_agg(DISTINCT m.campaign_id)
    FROM campaign_metrics m LEFT JOIN undo_days u ON u.id = m.id AND u.verdict = 'remove'
    WHERE m.tenant_id = %(tenant)s AND m.campaign_id = ANY(%(created)s) AND u.id IS NULL
"""

# Days that stay for a later import's sake become its own, so that undoing that one takes them back.
_HAND_OVER = f"""
    UPDATE campaign_metrics m SET import_batch_id = u.later_batch_id
    FROM undo_days u WHERE m.id = u.id AND {_IN_RANGE} AND u.verdict = 'later' AND m.import_batch_id = %(batch)s
"""

_OLD_EXTRAS = ", ".join(
    f"{name} = CASE WHEN u.old_extras ? '{name}' THEN (u.old_extras->>'{name}')::bigint ELSE m.{name} END"
    for name in EXTRAS
)
_RESTORE = f"""
    WITH restored AS (
        UPDATE campaign_metrics m
        SET impressions = u.old_impressions, clicks = u.old_clicks, spend_cents = u.old_spend_cents,
            revenue_cents = u.old_revenue_cents,
            (conversions, conversions_micros) = ROW ({conversion_columns("u.old_conversions_micros")}),
            {_OLD_EXTRAS},
            known_at = GREATEST(%(known_at)s, {after("m.known_at")})
        FROM undo_days u WHERE m.id = u.id AND {_IN_RANGE} AND u.verdict = 'restore'
        RETURNING u.revision_id, m.known_at
    )
    INSERT INTO metric_revisions (
        tenant_id, campaign_id, date, known_at, source, import_batch_id, {_OLD}, {_NEW}, old_extras, new_extras)
    SELECT r.tenant_id, r.campaign_id, r.date, d.known_at, %(undo)s, r.import_batch_id,
           {_NEW}, {_OLD}, r.new_extras, r.old_extras
    FROM restored d JOIN metric_revisions r ON r.id = d.revision_id
"""

# A removed day leaves its whole life behind: when it was first known (its fact row was the only place that said so)
# and that it is not known any more.
_REMOVE = f"""
    WITH removed AS (
        DELETE FROM campaign_metrics m USING undo_days u WHERE m.id = u.id AND {_IN_RANGE} AND u.verdict = 'remove'
        RETURNING m.*, u.revision_id, {exact_conversions("m")} AS micros
    ), arrivals AS (
        INSERT INTO metric_revisions (tenant_id, campaign_id, date, known_at, source, import_batch_id, {_NEW})
        SELECT d.tenant_id, d.campaign_id, d.date, d.first_known_at, %(import)s, d.import_batch_id,
               d.impressions, d.clicks, d.micros, d.spend_cents, d.revenue_cents
        FROM removed d WHERE d.revision_id IS NULL
    )
    INSERT INTO metric_revisions (tenant_id, campaign_id, date, known_at, source, import_batch_id, {_OLD})
    SELECT d.tenant_id, d.campaign_id, d.date, GREATEST(%(known_at)s, {after("d.known_at")}), %(undo)s,
           d.import_batch_id, d.impressions, d.clicks, d.micros, d.spend_cents, d.revenue_cents
    FROM removed d
"""

_TOUCHED = """
    SELECT u.campaign_id, u.date, c.ad_account_id
    FROM undo_days u JOIN campaigns c ON c.id = u.campaign_id
    WHERE u.verdict IN ('remove', 'restore')
"""
