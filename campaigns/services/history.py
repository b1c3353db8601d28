"""Loading numbers together with their past: every value that was known of a day, and since when.

For accounts whose history exists elsewhere already (the demo, a move from another tool). It leaves exactly what a
`metrics_upsert` at each moment would have left, in one pass instead of one per moment.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import connection, transaction

from accounts.audit import Actor, record
from accounts.choices import AuditAction
from campaigns.choices import RevisionSource
from campaigns.models import AdAccount
from campaigns.services.accounts import accounts_lock
from campaigns.services.metrics import EXTRAS, MetricRow
from campaigns.services.rollups import campaign_sums_refresh, daily_totals_refresh
from campaigns.sql import conversion_columns

MAIN = ("impressions", "clicks", "spend_cents", "conversions_micros", "revenue_cents")


@dataclass(frozen=True, slots=True)
class HistoryResult:
    """How many days and how many changes of them were written."""

    days: int
    revisions: int


@transaction.atomic
def history_load(
    *, account: AdAccount, readings: Iterable[tuple[datetime, MetricRow]], source: RevisionSource, actor: Actor
) -> HistoryResult:
    """Write days of the account that were not known before, with all their restatements.

    `readings` are (known since, day) in any order; the moments are aware. A reading that says the same as the one
    before it leaves no trace. ValueError for a campaign of another account, a day that is known already, two
    readings of a day at one moment, a reading without one of the main figures, or a counter beside them that only
    some readings of a day give.
    """
    accounts_lock([account.pk])
    params: dict[str, Any] = {"tenant": account.tenant_id, "account": account.pk, "source": str(source)}
    with connection.cursor() as cursor:
        _receive(cursor, readings)
        for sql, complaint in _CHECKS:
            cursor.execute(sql, params)
            if (found := cursor.fetchone()) is not None:
                raise ValueError(complaint.format(*found))
        cursor.execute(_STEPS)
        cursor.execute(_INSERT_FACTS, params)
        days = cursor.rowcount
        cursor.execute(_INSERT_REVISIONS, params)
        revisions = cursor.rowcount
        cursor.execute("SELECT array_agg(DISTINCT campaign_id), min(date), max(date) FROM history_steps")
        campaigns, first_day, last_day = cursor.fetchone()
        cursor.execute("DROP TABLE history_steps, incoming_history")
    if days:
        campaign_sums_refresh(campaigns)
        daily_totals_refresh(account)
        _record(actor, account, source, HistoryResult(days, revisions), first_day, last_day)
    return HistoryResult(days, revisions)


def _receive(cursor, readings: Iterable[tuple[datetime, MetricRow]]) -> None:
    cursor.execute(_CREATE_INCOMING)
    columns = ", ".join(("known_at", *MetricRow._fields))
    with cursor.copy(f"COPY incoming_history ({columns}) FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(["timestamptz", "int4", "date"] + ["int8"] * (len(MetricRow._fields) - 2))
        for known_at, row in readings:
            if known_at.tzinfo is None:
                raise ValueError("Moments need a time zone.")
            copy.write_row((known_at, *row))
    cursor.execute("ANALYZE incoming_history")


def _record(
    actor: Actor, account: AdAccount, source: RevisionSource, result: HistoryResult, first_day: date, last_day: date
) -> None:
    record(
        actor=actor,
        action=AuditAction.CREATE,
        resource="campaign_metrics",
        resource_id=None,
        new={
            "ad_account": account.pk,
            "source": str(source),
            "days_added": result.days,
            "revisions_added": result.revisions,
            "first_day": first_day,
            "last_day": last_day,
        },
    )


# --- The statements -------------------------------------------------------------------------------------------

_VALUES = (*MAIN, *EXTRAS)

_CREATE_INCOMING = f"""
    CREATE TEMPORARY TABLE incoming_history (
        known_at timestamptz NOT NULL, campaign_id integer NOT NULL, date date NOT NULL,
        {", ".join(f"{name} bigint" for name in MetricRow._fields[2:])}
    ) ON COMMIT DROP
"""

_CHECKS = (
    (
        """
        SELECT given.campaign_id FROM (SELECT DISTINCT campaign_id FROM incoming_history) given
        LEFT JOIN campaigns c
            ON c.id = given.campaign_id AND c.tenant_id = %(tenant)s AND c.ad_account_id = %(account)s
        WHERE c.id IS NULL LIMIT 1
        """,
        "Campaign {0} is not one of this account.",
    ),
    (
        """
        SELECT i.campaign_id, i.date FROM incoming_history i
        JOIN campaign_metrics m ON m.campaign_id = i.campaign_id AND m.date = i.date AND m.tenant_id = %(tenant)s
        LIMIT 1
        """,
        "Campaign {0} has a {1} already.",
    ),
    (
        """
        SELECT campaign_id, date, known_at FROM incoming_history
        GROUP BY campaign_id, date, known_at HAVING count(*) > 1 LIMIT 1
        """,
        "Campaign {0} has {1} twice as of {2}.",
    ),
    (
        f"SELECT campaign_id, date FROM incoming_history WHERE num_nulls({', '.join(MAIN)}) > 0 LIMIT 1",
        "Campaign {0} has a reading of {1} without one of the main figures.",
    ),
    (
        f"""
        SELECT campaign_id, date FROM incoming_history GROUP BY campaign_id, date
        HAVING {" OR ".join(f"count({name}) NOT IN (0, count(*))" for name in EXTRAS)} LIMIT 1
        """,
        "Campaign {0} has a counter of {1} in some readings only.",
    ),
)

# Every reading that is the first of its day, or says something else than the one before it.
_STEPS = f"""
    CREATE TEMPORARY TABLE history_steps ON COMMIT DROP AS
    SELECT * FROM (
        SELECT i.*, row_number() OVER day = 1 AS is_first, first_value(known_at) OVER day AS first_known_at,
               {", ".join(f"lag({name}) OVER day AS old_{name}" for name in _VALUES)}
        FROM incoming_history i
        WINDOW day AS (PARTITION BY campaign_id, date ORDER BY known_at)
    ) step
    WHERE is_first OR {" OR ".join(f"{name} IS DISTINCT FROM old_{name}" for name in _VALUES)}
"""

_INSERT_FACTS = f"""
    INSERT INTO campaign_metrics (
        tenant_id, campaign_id, date, impressions, clicks, conversions, conversions_micros, spend_cents,
        revenue_cents, {", ".join(EXTRAS)}, first_known_at, known_at)
    SELECT DISTINCT ON (campaign_id, date)
           %(tenant)s, campaign_id, date, impressions, clicks, {conversion_columns("s.conversions_micros")},
           spend_cents, revenue_cents, {", ".join(EXTRAS)}, first_known_at, known_at
    FROM history_steps s
    ORDER BY campaign_id, date, known_at DESC
"""


def _changed_extras(side: str, other: str) -> str:
    """JSON of the counters beside the main figures that changed; NULL where none did."""
    pairs = " || ".join(
        f"CASE WHEN {side}{name} IS DISTINCT FROM {other}{name}"
        f" THEN jsonb_build_object('{name}', {side}{name}) ELSE '{{}}' END"
        for name in EXTRAS
    )
    return f"NULLIF({pairs}, '{{}}')"


_INSERT_REVISIONS = f"""
    INSERT INTO metric_revisions (
        tenant_id, campaign_id, date, known_at, source,
        old_impressions, old_clicks, old_conversions_micros, old_spend_cents, old_revenue_cents,
        new_impressions, new_clicks, new_conversions_micros, new_spend_cents, new_revenue_cents,
        old_extras, new_extras)
    SELECT %(tenant)s, campaign_id, date, known_at, %(source)s,
           old_impressions, old_clicks, old_conversions_micros, old_spend_cents, old_revenue_cents,
           impressions, clicks, conversions_micros, spend_cents, revenue_cents,
           {_changed_extras("old_", "")}, {_changed_extras("", "old_")}
    FROM history_steps WHERE NOT is_first
    ORDER BY known_at, campaign_id, date
"""
