"""The one way daily numbers are written: only what changed, each change with its revision, roll-ups in step.

Rows go by COPY into a temporary table (tables under row-level security cannot be targets of COPY) and are compared with
the facts by one join; what differs is changed, what is new is added, the sums move with them. Nothing is done per row
in Python. `stratum.lib`'s rule of the field holds throughout: a ratio is never stored here, only sums.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from django.db import connection, transaction

from accounts.audit import Actor, record
from accounts.choices import AuditAction
from campaigns.choices import RevisionSource
from campaigns.models import AdAccount, ImportBatch, SyncRun
from campaigns.services.accounts import accounts_lock
from campaigns.services.rollups import ROLLED_UP, roll_up
from campaigns.sql import after, conversion_columns, exact_conversions, hash_joins

EXTRAS = ("video_views", "video_completions", "shares", "comments", "saves")


class MetricRow(NamedTuple):
    """One campaign-day as its source reports it. None: the source does not say, what is known stays.

    Money in minor units of the account's currency, conversions × 1,000,000, the date a day of the account's zone.
    """

    campaign_id: int
    date: date
    impressions: int | None = None
    clicks: int | None = None
    spend_cents: int | None = None
    conversions_micros: int | None = None
    revenue_cents: int | None = None
    video_views: int | None = None
    video_completions: int | None = None
    shares: int | None = None
    comments: int | None = None
    saves: int | None = None


@dataclass(frozen=True, slots=True)
class UpsertResult:
    """Days by what happened to them; ids of the campaigns and the dates of the days that were written."""

    inserted: int
    changed: int
    unchanged: int
    campaigns_touched: tuple[int, ...]
    dates: tuple[date, ...]

    @property
    def rows(self) -> int:
        return self.inserted + self.changed + self.unchanged


@transaction.atomic
def metrics_upsert(
    *,
    account: AdAccount,
    rows: Iterable[MetricRow],
    source: RevisionSource,
    known_at: datetime,
    actor: Actor,
    import_batch: ImportBatch | None = None,
    sync_run: SyncRun | None = None,
    complete: tuple[date, date] | None = None,
) -> UpsertResult:
    """Bring the account's campaign-days to what `rows` say, known since `known_at` (aware).

    The same rows a second time change nothing and write nothing. Values new to a day are kept in metric_revisions;
    time only moves forward: what replaces a value is known a microsecond after it, if `known_at` is not later.
    Rows may come from a generator; it is read once, while they travel to the database. Holds the account's row, so
    that two writers of one account queue up. ValueError for a campaign of another account, or a day given twice.

    `complete` are the first and last day of a period of which `rows` are all that the platform has: a known day in it
    that it does not name any more has become nothing. Campaigns that are archived keep theirs: some platforms leave
    deleted campaigns out of their reports.
    """
    if known_at.tzinfo is None:
        raise ValueError("known_at needs a time zone.")
    accounts_lock([account.pk])
    params: dict[str, Any] = {
        "tenant": account.tenant_id,
        "account": account.pk,
        "known_at": known_at,
        "source": str(source),
        "batch": import_batch.pk if import_batch else None,
        "run": sync_run.pk if sync_run else None,
    }
    with connection.cursor() as cursor, hash_joins():
        total = _receive(cursor, rows)
        params |= _check(cursor, params)
        total += _compare(cursor, params, complete if total else None)
        changed, changed_campaigns, changed_dates = _one(cursor, _UPDATE_CHANGED, params)
        inserted, new_campaigns, new_dates = _one(cursor, _INSERT_NEW, params)
        cursor.execute("DROP TABLE incoming_metrics, compared_metrics")
    result = UpsertResult(
        inserted=inserted,
        changed=changed,
        unchanged=total - inserted - changed,
        campaigns_touched=tuple(sorted({*changed_campaigns, *new_campaigns})),
        dates=tuple(sorted({*changed_dates, *new_dates})),
    )
    if inserted or changed:
        _record(actor, account, result, source, import_batch, sync_run)
    return result


def _receive(cursor, rows: Iterable[MetricRow]) -> int:
    """Rows into the temporary table incoming_metrics; how many there were."""
    cursor.execute(_CREATE_INCOMING)
    columns = ", ".join(MetricRow._fields)
    total = 0
    copying = cursor.copy(f"COPY incoming_metrics ({columns}) FROM STDIN (FORMAT BINARY)")
    # Django translates the errors of statements, not those of a COPY under way.
    with connection.wrap_database_errors, copying as copy:
        copy.set_types(["int4", "date"] + ["int8"] * (len(MetricRow._fields) - 2))
        write = copy.write_row
        for row in rows:
            write(row)
            total += 1
    return total


def _check(cursor, params: dict[str, Any]) -> dict[str, Any]:
    """The first and last day that came in, once every row is found to be acceptable."""
    cursor.execute(_FOREIGN_CAMPAIGN, params)
    if (found := cursor.fetchone()) is not None:
        raise ValueError(f"Campaign {found[0]} is not one of account {params['account']}.")
    cursor.execute(_DAYS_GIVEN)
    most, first, last = cursor.fetchone()
    if most is not None and most > 1:
        cursor.execute(_GIVEN_TWICE)
        found = cursor.fetchone()
        raise ValueError(f"Campaign {found[0]} has {found[1]} twice.")
    return {"first": first, "last": last}


def _compare(cursor, params: dict[str, Any], complete: tuple[date, date] | None) -> int:
    """What is new, differs or is gone into the temporary table compared_metrics, and its campaigns held; how many days
    are gone. `params` are brought to the days of all of these."""
    cursor.execute(_CREATE_COMPARED)
    if complete:
        start, end = complete
        params |= {"start": start, "end": end, "first": min(start, params["first"]), "last": max(end, params["last"])}
    cursor.execute(_COMPARE_COMPLETE if complete else _COMPARE, params)
    cursor.execute(_HOLD_CAMPAIGNS, params)
    gone: int = cursor.fetchone()[0]
    return gone


def _one(cursor, sql: str, params: dict) -> tuple[int, list[int], list[date]]:
    cursor.execute(sql, params)
    count, campaigns, dates = cursor.fetchone()
    return count, campaigns or [], dates or []


def _record(
    actor: Actor,
    account: AdAccount,
    result: UpsertResult,
    source: RevisionSource,
    import_batch: ImportBatch | None,
    sync_run: SyncRun | None,
) -> None:
    # One entry for the whole set; what each day was before stands in metric_revisions.
    record(
        actor=actor,
        action=AuditAction.UPDATE,
        resource="campaign_metrics",
        resource_id=None,
        new={
            "ad_account": account.pk,
            "source": str(source),
            "import_batch": import_batch.pk if import_batch else None,
            "sync_run": sync_run.pk if sync_run else None,
            "days_added": result.inserted,
            "days_changed": result.changed,
            "first_day": result.dates[0],
            "last_day": result.dates[-1],
        },
    )


# --- The statements -------------------------------------------------------------------------------------------
# `t` is the incoming row, `m` the fact it is compared with. Counters that the source leaves out keep the fact's value.
# Facts are read by workspace and days, so that no more of the table is touched than the rows are about.

_IN_RANGE = "m.tenant_id = %(tenant)s AND m.date BETWEEN %(first)s AND %(last)s"
_KEPT = ("impressions", "clicks", "spend_cents", "revenue_cents", *EXTRAS)
_FIGURES = (*_KEPT, "conversions_micros")
_KNOWN = {name: f"m.{name}" for name in _KEPT} | {"conversions_micros": exact_conversions("m")}


def _changed_extras(side: str, other: str) -> str:
    """JSON of the counters beside the five main ones that differ between two sides; NULL where none does."""
    pairs = " || ".join(
        f"CASE WHEN {side}_{name} IS DISTINCT FROM {other}_{name}"
        f" THEN jsonb_build_object('{name}', {side}_{name}) ELSE '{{}}' END"
        for name in EXTRAS
    )
    return f"NULLIF({pairs}, '{{}}')"


_CREATE_INCOMING = f"""
    CREATE TEMPORARY TABLE incoming_metrics (
        campaign_id integer NOT NULL, date date NOT NULL,
        {", ".join(f"{name} bigint" for name in MetricRow._fields[2:])}
    ) ON COMMIT DROP
"""

_FOREIGN_CAMPAIGN = """
    SELECT given.campaign_id FROM (SELECT DISTINCT campaign_id FROM incoming_metrics) given
    LEFT JOIN campaigns c
        ON c.id = given.campaign_id AND c.tenant_id = %(tenant)s AND c.ad_account_id = %(account)s
    WHERE c.id IS NULL LIMIT 1
"""
_DAYS_GIVEN = """
    SELECT max(times), min(date), max(date)
    FROM (SELECT date, count(*) AS times FROM incoming_metrics GROUP BY campaign_id, date) days
"""
_GIVEN_TWICE = "SELECT campaign_id, date FROM incoming_metrics GROUP BY 1, 2 HAVING count(*) > 1 LIMIT 1"

# Without an id the day is new. A day that is gone has become nothing.
_CREATE_COMPARED = f"""
    CREATE TEMPORARY TABLE compared_metrics (
        id bigint, campaign_id integer NOT NULL, date date NOT NULL, known_at timestamptz NOT NULL,
        is_gone boolean NOT NULL, {", ".join(f"old_{name} bigint, new_{name} bigint" for name in _FIGURES)}
    ) ON COMMIT DROP
"""
_DIFFERENT = " OR ".join(
    [f"t.{name} <> {_KNOWN[name]}" for name in ROLLED_UP]
    + [f"(t.{name} IS NOT NULL AND t.{name} IS DISTINCT FROM m.{name})" for name in EXTRAS]
)


def _compared(facts: str, wanted: str) -> str:
    columns = ", ".join(f"old_{name}, new_{name}" for name in _FIGURES)
    values = ", ".join(
        f"{_KNOWN[name]}, COALESCE(t.{name}, {_KNOWN[name]} * (t.date IS NOT NULL)::integer)" for name in _FIGURES
    )
    return f"""
        INSERT INTO compared_metrics (id, campaign_id, date, known_at, is_gone, {columns})
        SELECT m.id, COALESCE(t.campaign_id, m.campaign_id), COALESCE(t.date, m.date),
               GREATEST(%(known_at)s, {after("m.known_at")}), t.date IS NULL, {values}
        FROM incoming_metrics t {facts} m ON m.campaign_id = t.campaign_id AND m.date = t.date
        WHERE {wanted}
    """


_COMPARE = _compared(
    f"LEFT JOIN (SELECT m.* FROM campaign_metrics m WHERE {_IN_RANGE})", f"m.id IS NULL OR {_DIFFERENT}"
)
# An answer without a single row is not complete: some platforms answer so when they mean 'not allowed'.
_COMPARE_COMPLETE = _compared(
    f"""FULL JOIN (
        SELECT m.*, c.status <> 'archived' AND m.date BETWEEN %(start)s AND %(end)s AS may_go
        FROM campaign_metrics m JOIN campaigns c ON c.id = m.campaign_id AND c.tenant_id = m.tenant_id
        WHERE {_IN_RANGE} AND c.ad_account_id = %(account)s
    )""",
    f"""m.id IS NULL OR {_DIFFERENT}
        OR (t.date IS NULL AND m.may_go AND ({" OR ".join(f"{_KNOWN[name]} <> 0" for name in _FIGURES)}))""",
)

# The statements below add to sums of campaigns, one after the other: taken first in the order of ids, as by everybody
# who changes many, so that no two writers wait for each other.
_HOLD_CAMPAIGNS = """
    WITH held AS MATERIALIZED (
        SELECT id FROM campaigns
        WHERE tenant_id = %(tenant)s AND id IN (SELECT campaign_id FROM compared_metrics)
        ORDER BY id FOR NO KEY UPDATE
    )
    SELECT count(*) FILTER (WHERE is_gone), (SELECT count(*) FROM held) FROM compared_metrics
"""

# Differences of the main figures: columns that `roll_up` adds to the kept sums.
_DIFFERENCES = ", ".join(f"new_{name} - old_{name} AS {name}" for name in ROLLED_UP)
_SUMMARY = """
    SELECT (SELECT count(*) FROM written), (SELECT array_agg(campaign_id) FROM by_campaign),
           (SELECT array_agg(date) FROM by_day)
"""

_UPDATE_CHANGED = f"""
    WITH changed AS (
        SELECT * FROM compared_metrics WHERE id IS NOT NULL
    ), written AS (
        UPDATE campaign_metrics m
        SET {", ".join(f"{name} = c.new_{name}" for name in _KEPT)},
            (conversions, conversions_micros) = ROW ({conversion_columns("c.new_conversions_micros")}),
            known_at = c.known_at
        FROM changed c WHERE m.id = c.id AND {_IN_RANGE}
        RETURNING m.id
    ), revised AS (
        INSERT INTO metric_revisions (
            tenant_id, campaign_id, date, known_at, source, import_batch_id, sync_run_id,
            old_impressions, old_clicks, old_conversions_micros, old_spend_cents, old_revenue_cents,
            new_impressions, new_clicks, new_conversions_micros, new_spend_cents, new_revenue_cents,
            old_extras, new_extras)
        SELECT %(tenant)s, campaign_id, date, known_at, %(source)s, %(batch)s, %(run)s,
            old_impressions, old_clicks, old_conversions_micros, old_spend_cents, old_revenue_cents,
            new_impressions, new_clicks, new_conversions_micros, new_spend_cents, new_revenue_cents,
            {_changed_extras("old", "new")}, {_changed_extras("new", "old")}
        FROM changed
    ), difference AS (
        SELECT campaign_id, date, {_DIFFERENCES} FROM changed
    ), {roll_up("difference")}
    {_SUMMARY}
"""

# A day that was known once and taken back by an undo returns with a revision, and keeps its first date: between the
# two it stays unknown for whoever looks back. `removed` is all but empty, and has its own index.
_INSERT_NEW = f"""
    WITH removed AS MATERIALIZED (
        SELECT campaign_id, date, max(known_at) AS removed_at
        FROM metric_revisions
        WHERE tenant_id = %(tenant)s AND new_impressions IS NULL
          AND campaign_id IN (SELECT campaign_id FROM compared_metrics WHERE id IS NULL)
        GROUP BY campaign_id, date
    ), written AS (
        INSERT INTO campaign_metrics (
            tenant_id, campaign_id, date, impressions, clicks, conversions, conversions_micros, spend_cents,
            revenue_cents, {", ".join(EXTRAS)}, first_known_at, known_at, import_batch_id)
        SELECT %(tenant)s, t.campaign_id, t.date, COALESCE(t.new_impressions, 0), COALESCE(t.new_clicks, 0),
               {conversion_columns("COALESCE(t.new_conversions_micros, 0)")}, COALESCE(t.new_spend_cents, 0),
               COALESCE(t.new_revenue_cents, 0), {", ".join(f"t.new_{name}" for name in EXTRAS)},
               CASE WHEN r.removed_at IS NULL THEN %(known_at)s ELSE (
                   SELECT min(a.known_at) FROM metric_revisions a
                   WHERE a.tenant_id = %(tenant)s AND a.campaign_id = t.campaign_id AND a.date = t.date
               ) END,
               GREATEST(%(known_at)s, {after("r.removed_at")}), %(batch)s
        FROM compared_metrics t
        LEFT JOIN removed r ON r.campaign_id = t.campaign_id AND r.date = t.date
        WHERE t.id IS NULL
        RETURNING campaign_id, date, impressions, clicks, {exact_conversions("campaign_metrics")} AS conversions_micros,
                  spend_cents, revenue_cents, known_at
    ), returned AS (
        INSERT INTO metric_revisions (
            tenant_id, campaign_id, date, known_at, source, import_batch_id, sync_run_id,
            new_impressions, new_clicks, new_conversions_micros, new_spend_cents, new_revenue_cents)
        SELECT %(tenant)s, w.campaign_id, w.date, w.known_at, %(source)s, %(batch)s, %(run)s,
               w.impressions, w.clicks, w.conversions_micros, w.spend_cents, w.revenue_cents
        FROM written w JOIN removed r ON r.campaign_id = w.campaign_id AND r.date = w.date
    ), {roll_up("written")}
    {_SUMMARY}
"""
