"""What a replay of a year costs, against reading that year's numbers once."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import cast

from django.db import connection, transaction

from rules.actions import SendAlert
from rules.conditions import RuleSpec, Scope, parse_tree
from rules.queries.replay import replay
from stratum.lib.bench import BenchResult
from tenants.context import tenant_context, unscoped
from tenants.models import Tenant
from tenants.postgresql.base import DatabaseWrapper

CAMPAIGNS = 1_000
DAYS = 365
_RULE = {
    "all": [
        {"field": "roas", "operator": "less_than", "value": "0.35", "window": {"kind": "last_n_full_days", "days": 3}},
        {
            "field": "spend",
            "operator": "greater_than",
            "value": "75",
            "window": {"kind": "last_n_full_days", "days": 3},
        },
    ]
}

_GROUND = (
    """
    INSERT INTO campaigns (tenant_id, platform, external_id, account_id, name, status, currency)
    SELECT %(tenant)s, 'meta', n::text, 'bench', 'Campaign ' || n, 'active', 'USD'
    FROM generate_series(1, %(campaigns)s) n
    """,
    # Every day was heard of the night after, and restated two days later.
    """
    INSERT INTO campaign_metrics (tenant_id, campaign_id, date, impressions, clicks, conversions, spend_cents,
                                  revenue_cents, first_known_at, known_at)
    SELECT c.tenant_id, c.id, %(last)s::date - n, 2000 + (c.id * 37 + n * 101) %% 3000,
           20 + (c.id * 13 + n * 7) %% 80, 1 + (c.id * 7 + n * 3) %% 5, 2000 + (c.id * 31 + n * 17) %% 4000,
           1000 + (c.id * 53 + n * 29) %% 9000, %(last)s::date - n + interval '1 day 3 hours',
           %(last)s::date - n + interval '3 days 3 hours'
    FROM campaigns c, generate_series(0, %(days)s) n WHERE c.tenant_id = %(tenant)s
    """,
    """
    INSERT INTO metric_revisions (tenant_id, campaign_id, date, known_at, source,
        old_impressions, old_clicks, old_conversions_micros, old_spend_cents, old_revenue_cents,
        new_impressions, new_clicks, new_conversions_micros, new_spend_cents, new_revenue_cents)
    SELECT tenant_id, campaign_id, date, known_at, 'sync',
        impressions, clicks, 0, spend_cents, revenue_cents / 2,
        impressions, clicks, conversions * 1000000, spend_cents, revenue_cents
    FROM campaign_metrics WHERE tenant_id = %(tenant)s
    """,
)
# The one scan: every number and every restatement of the span, brought into the process as rows.
_SCAN = (
    """
    SELECT c.ad_account_id, m.campaign_id, m.date, m.first_known_at, m.spend_cents, m.revenue_cents
    FROM campaign_metrics m JOIN campaigns c ON c.tenant_id = m.tenant_id AND c.id = m.campaign_id
    WHERE m.tenant_id = %(tenant)s AND m.date BETWEEN %(first)s AND %(last)s
    """,
    """
    SELECT c.ad_account_id, r.campaign_id, r.date, r.known_at, r.new_spend_cents - r.old_spend_cents,
           r.new_revenue_cents - r.old_revenue_cents
    FROM metric_revisions r JOIN campaigns c ON c.tenant_id = r.tenant_id AND c.id = r.campaign_id
    WHERE r.tenant_id = %(tenant)s AND r.date BETWEEN %(first)s AND %(last)s
    """,
)


def bench_replay() -> Iterator[BenchResult]:
    """One rule over 365 days of 1,000 campaigns, each day restated once."""
    now = datetime.now(UTC)
    last = now.date() - timedelta(days=1)
    start = last - timedelta(days=DAYS - 1)
    with unscoped("a workspace of the benchmark's own"), transaction.atomic():
        tenant = Tenant.objects.create(slug="bench-replay", name="Bench")
    with tenant_context(tenant):
        _fill(tenant.pk, last)
        params = {"tenant": tenant.pk, "first": start - timedelta(days=3), "last": last}
        scanned = _best(lambda: _scan(params))
        found, took = _replay(start, last, now)
    yield BenchResult(
        name=f"rules: replay of {DAYS} days × {CAMPAIGNS:,} campaigns against its scan",
        value=took,
        reference=scanned,
        unit="s",
        ceiling=3,
        note=f"{found:,} actions",
    )


def _replay(start: date, end: date, now: datetime) -> tuple[int, float]:
    spec = RuleSpec(None, "Stop loss", parse_tree(_RULE), Scope(), SendAlert(), 24)
    acted = []

    def work() -> None:
        with transaction.atomic():
            acted.append(replay(spec, start=start, end=end, now=now).acted)

    took = _best(work)
    return acted[-1], took


def _scan(params: dict) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        rows = 0
        for statement in _SCAN:
            cursor.execute(statement, params)
            rows += len(cursor.fetchall())
        return rows


def _fill(tenant_id: int, last: date) -> None:
    params = {"tenant": tenant_id, "campaigns": CAMPAIGNS, "days": DAYS + 5, "last": last}
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in _GROUND:
            cursor.execute(statement, params)
    # Autovacuum would do it within the minute. Statistics are the owner's to make.
    database = cast(DatabaseWrapper, connection)
    database.act_as_owner()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE campaigns, campaign_metrics, metric_revisions")
    database.act_as_app()


def _best(work: Callable[[], object], rounds: int = 3) -> float:
    """The least of a few rounds: what the work costs when nothing else disturbs it."""
    took = []
    for _round in range(rounds):
        started = time.perf_counter()
        work()
        took.append(time.perf_counter() - started)
    return min(took)
