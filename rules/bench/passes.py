"""What a pass over many rules and campaigns costs, against a loop of ORM queries on the same data."""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any, cast

from django.db import connection, transaction
from django.db.models import Sum

from campaigns.models import Campaign, CampaignMetric
from rules.actions import AdjustBudget, ApplyLabel, PauseCampaign, Performer, SendAlert
from rules.conditions import RuleSpec, Scope, parse_condition
from rules.models import Rule
from rules.queries.evaluation import evaluate, rule_memories
from rules.queries.facts import campaign_facts
from rules.queries.gates import platform_gates
from rules.services import rules_evaluate
from stratum.lib.bench import BenchResult
from tenants.context import tenant_context, unscoped
from tenants.models import Tenant
from tenants.postgresql.base import DatabaseWrapper

CAMPAIGNS = 5_000
RULES = 200
DAYS = 30
# Pairs of the slow way that are measured: enough for a steady figure, few enough to wait for.
SAMPLE = 400
# Figure and the value it is compared with: about one pair in a hundred matches.
_CONDITIONS = (
    ("roas", "less_than", "0.2"),
    ("spend", "greater_than", "9000"),
    ("cpa", "greater_than", "55"),
    ("ctr", "less_than", "0.45"),
    ("conversions", "equals", "1"),
    ("clicks", "gte", "100000"),
    ("cpc", "greater_than", "2.8"),
    ("cvr", "less_than", "1.2"),
)
_WINDOWS = (1, 3, 7, 14, 30)

_CAMPAIGNS_SQL = """
    INSERT INTO campaigns (tenant_id, platform, external_id, account_id, name, status, currency, daily_budget_cents)
    SELECT %(tenant)s, 'meta', n::text, 'bench', 'Campaign ' || n, 'active', 'USD', 5000 + n
    FROM generate_series(%(first)s::int, %(last)s::int) n
"""
# Deterministic and uneven: no two campaigns alike, nothing random.
_DAYS_SQL = """
    INSERT INTO campaign_metrics (tenant_id, campaign_id, date, impressions, clicks, conversions, spend_cents,
                                  revenue_cents)
    SELECT c.tenant_id, c.id, %(last_day)s::date - n, 2000 + (c.id * 37 + n * 101) %% 3000,
           20 + (c.id * 13 + n * 7) %% 80, 1 + (c.id * 7 + n * 3) %% 5, 2000 + (c.id * 31 + n * 17) %% 4000,
           1000 + (c.id * 53 + n * 29) %% 9000
    FROM campaigns c, generate_series(0, %(days)s - 1) n
    WHERE c.tenant_id = %(tenant)s AND c.external_id::int BETWEEN %(first)s AND %(last)s
"""


def bench_rules() -> Iterator[BenchResult]:
    """200 rules on 5,000 campaigns: a whole pass, the conditions alone, and how the cost grows with campaigns."""
    now = datetime.now(UTC)
    tenant = _tenant()
    with tenant_context(tenant):
        sizes = (CAMPAIGNS // 4, CAMPAIGNS, CAMPAIGNS * 4)
        took = []
        have = 0
        for size in sizes:
            _add_campaigns(tenant.pk, have + 1, size, now)
            have = size
            took.append(_best(lambda: _evaluate(now)))
            if size == CAMPAIGNS:
                yield from _at_full_size(now)
        yield BenchResult(
            name=f"rules: {sizes[-1]:,} campaigns against 16 × {sizes[0]:,}",
            value=took[-1],
            reference=16 * took[0],
            unit="s",
            ceiling=1.3,
            note=f"{took[0]:.3f} s, {took[1]:.3f} s, {took[2]:.3f} s at 1 ×, 4 ×, 16 ×",
        )


def _at_full_size(now: datetime) -> Iterator[BenchResult]:
    pairs = RULES * CAMPAIGNS
    slow = SAMPLE / _timed(lambda: _orm_loop(now))
    evaluated = pairs / _best(lambda: _evaluate(now))
    yield BenchResult(
        "rules: evaluation, all gates", evaluated, slow, "pairs/s", floor=1000, note="loop of ORM queries"
    )
    windows = _best(lambda: _facts(now))
    whole = _best(lambda: _evaluate(now))
    yield BenchResult("rules: whole evaluation against its windows", whole, windows, "s", ceiling=2)
    _store_rules()
    first = pairs / _timed(lambda: rules_evaluate(now=now))
    yield BenchResult("rules: first pass, acting and recording", first, slow, "pairs/s", floor=50)
    quiet = pairs / _best(lambda: rules_evaluate(now=now))
    yield BenchResult("rules: every later pass", quiet, slow, "pairs/s", floor=300)


def _specs(actions: Sequence[Performer]) -> list[RuleSpec]:
    """Conditions × windows, over and over, each with the next action; every fifth rule asks for certainty."""
    combinations = list(product(_CONDITIONS, _WINDOWS))
    specs = []
    for number in range(RULES):
        (field, operator, value), days = combinations[number % len(combinations)]
        raw = {"field": field, "operator": operator, "value": value, "duration_hours": 24 * days}
        action = actions[number % len(actions)]
        sure = 90 if number % 5 == 0 else None
        name = f"Rule {number}"
        specs.append(RuleSpec(None, name, parse_condition(raw), Scope(), action, 24, sure, priority=number % 3))
    return specs


def _every_action() -> list[RuleSpec]:
    raised, lowered = (AdjustBudget("percent", by, "USD", 1_000, 100_000) for by in (2_000, -2_000))
    return _specs([SendAlert(), ApplyLabel("Bench"), PauseCampaign(), PauseCampaign("active"), raised, lowered])


def _facts(now: datetime) -> object:
    with transaction.atomic():
        return campaign_facts(_every_action(), now=now)


def _evaluate(now: datetime) -> object:
    specs = _every_action()
    with transaction.atomic():
        facts = campaign_facts(specs, now=now)
        return evaluate(specs, facts, rule_memories(specs, facts), platform_gates(specs, facts, now=now))


def _orm_loop(now: datetime) -> int:
    """The obvious way: for every rule and campaign, ask for its sums."""
    matched, specs = 0, _specs([SendAlert()])
    last_day = now.date() - timedelta(days=1)
    with transaction.atomic():
        campaigns = list(Campaign.objects.order_by("pk")[: SAMPLE // 20])
        for spec, campaign in list(product(specs[:20], campaigns))[:SAMPLE]:
            assert spec.condition.window is not None  # all of these conditions have one
            start, end = spec.condition.window.bounds(now.date()) or (last_day, last_day)
            days = CampaignMetric.objects.filter(campaign=campaign, date__range=(start, end))
            sums = days.aggregate(
                Sum("impressions"), Sum("clicks"), Sum("conversions"), Sum("spend_cents"), Sum("revenue_cents")
            )
            matched += bool(sums["spend_cents__sum"] and sums["revenue_cents__sum"] / sums["spend_cents__sum"] < 0.05)
    return matched


def _store_rules() -> None:
    with transaction.atomic():
        Rule.objects.bulk_create(
            Rule(
                name=spec.name,
                status="active",
                min_confidence=spec.min_confidence,
                priority=spec.priority,
                condition_field=spec.condition.field.key,
                condition_operator=spec.condition.operator,
                condition_value=spec.condition.text,
                condition_duration_hours=spec.condition.duration_hours,
                action_type=spec.action.type,
                action_config=spec.action.as_json(),
            )
            for spec in _specs([SendAlert()])
        )


def _tenant() -> Tenant:
    with unscoped("a workspace of the benchmark's own"), transaction.atomic():
        return Tenant.objects.create(slug="bench-rules", name="Bench")


def _add_campaigns(tenant_id: int, first: int, last: int, now: datetime) -> None:
    params: dict[str, Any] = {
        "tenant": tenant_id,
        "first": first,
        "last": last,
        "days": DAYS,
        "last_day": now.date() - timedelta(days=1),
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_CAMPAIGNS_SQL, params)
        cursor.execute(_DAYS_SQL, params)
    # Autovacuum would do it within the minute. Statistics are the owner's to make.
    database = cast(DatabaseWrapper, connection)
    database.act_as_owner()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE campaigns, campaign_metrics")
    database.act_as_app()


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _best(work: Callable[[], object], rounds: int = 3) -> float:
    """The least of a few rounds: what the work costs when nothing else disturbs it."""
    return min(_timed(work) for _round in range(rounds))
