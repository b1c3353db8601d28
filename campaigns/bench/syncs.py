"""What a sync costs: against the same rows written by hand in SQL, in memory, and beside an account that fails.

The account has 5,000 campaigns and 28 days of each, all of which are known already. A sync goes through the very steps
of a worker, from what a client hands out; what the platform takes is measured apart.
"""

import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any
from urllib.request import Request, urlopen

from django.conf import settings
from django.core.cache import cache
from django.db import connection, transaction
from django.utils import timezone

from accounts.audit import Actor
from campaigns.bench.ground import command_in_database, in_a_process, peak_memory, seconds, workspace
from campaigns.bench.wire import BenchGoogle
from campaigns.choices import SyncTrigger
from campaigns.clients.base import Account, BreakdownRow, CampaignInfo, DayMetrics
from campaigns.models import AdAccount, Campaign, Connection, SyncRun
from campaigns.services.metrics import EXTRAS
from campaigns.services.platforms import client_of
from campaigns.services.sync import sync_advance, sync_request
from campaigns.services.sync.plan import Step, sync_plan
from campaigns.services.sync.run import step_take
from campaigns.services.sync.runs import plan_set, run_claim, run_finish
from campaigns.sql import hash_joins
from stratum.lib.bench import BenchResult
from stratum.sandbox.addresses import environment
from tenants.context import tenant_context
from tenants.models import Tenant

CAMPAIGNS = 5_000
DAYS = 28
ROWS = CAMPAIGNS * DAYS
ROUNDS = 5
FLOOR = 0.6
MEMORY_LIMIT_MB = 400
# A little noise is a busy machine's; waiting for another account's platform would cost whole seconds.
BESIDE_A_FAILURE = 1.25
# A process that has just begun is busy with itself.
WARMING_UP_SECONDS = 2.0
ACTOR = Actor.system("bench")


def bench_sync() -> list[BenchResult]:
    """140,000 known days of which all, or 2 %, changed: at least 0.6 of the speed of hand-written SQL for the same
    rows, revisions and roll-ups. The listing has a benchmark of its own."""
    return [
        _against_sql("sync, all rows changed", every=1),
        _against_sql("sync, 2 % of the rows changed", every=50),
    ]


def bench_sync_listing() -> list[BenchResult]:
    """A listing of 5,000 campaigns alone, against the one statement that it needs. Ours also recognises, archives what
    is gone, keeps newer changes of our own, marks what is above the plan, and audits."""
    results = []
    for name, changed in (("listing, unchanged", False), ("listing, all budgets changed", True)):
        ours, theirs = [], []
        for number in range(ROUNDS):
            account, client = _ground(f"bench-listing-{changed}-{number}", days=1)
            client.change_listing(changed)
            ours.append(_timed_sync(account, client, kinds={"campaigns"}))
            account, client = _ground(f"bench-listing-sql-{changed}-{number}", days=1)
            client.change_listing(changed)
            theirs.append(seconds(lambda account=account, client=client: _listing_by_hand(account, client)))
        results.append(_result(name, CAMPAIGNS, ours, theirs, unit="campaigns/s", floor=None))
    return results


def bench_sync_memory() -> list[BenchResult]:
    """The most memory that a process holds which syncs 5,000 campaigns × 28 days."""
    peak = float(in_a_process("campaigns.bench.syncs", "sync_and_weigh"))
    return [BenchResult("memory of a sync", peak, MEMORY_LIMIT_MB, "MB", ceiling=1.0)]


def bench_sync_whole() -> list[BenchResult]:
    """For information: the same account through the real client, from a local server that speaks Google's wire."""
    with BenchGoogle(campaigns=CAMPAIGNS) as server, _replaced(**server.settings()):
        account, client = _ground(f"bench-wire-{time.time_ns()}", platform="google")
        alone = _timed_sync(account, client.changed(1))
        with tenant_context(account.tenant_id), transaction.atomic():
            real = client_of(AdAccount.objects.select_related("connection").get(pk=account.pk))
        whole = _timed_sync(account, real)
    note = "information: platform, HTTP and client together; reference: our steps alone"
    return [BenchResult("sync over HTTP, Google's wire", ROWS / whole, ROWS / alone, "rows/s", note=note)]


def bench_sync_beside_a_failing_account() -> list[BenchResult]:
    """How much longer a sync takes while another account of the workspace gets slow 5xx answers in another worker."""
    with _sandbox() as url, _replaced(**environment(url, frozenset())):
        tenant = workspace(f"bench-beside-{time.time_ns()}", campaigns=100)
        good, bad = (_sandbox_account(url, tenant, platform) for platform in ("tiktok", "google"))
        _control(url, "faults", kind="slow", account=bad.external_id, seconds=1, count=None, probability=0.5)
        _control(url, "faults", kind="server_error", account=bad.external_id, count=None)
        _timed_run(good)
        alone, beside = [], []
        for _round in range(ROUNDS):
            alone.append(_timed_run(good))
            with _failing_beside(bad):
                beside.append(_timed_run(good))
    value, reference = statistics.median(beside), statistics.median(alone)
    return [
        BenchResult("sync beside a failing account", value, reference, "s", ceiling=BESIDE_A_FAILURE,
                    note="reference: the same sync alone")
    ]  # fmt: skip


# --- What a client hands out ----------------------------------------------------------------------------------


class HandsOut:
    """A client that has its answers ready: campaigns, and days made as they are asked for, the same for the same seed.

    `changed(n)` reports every n-th row differently.
    """

    platform = "meta"
    restatement_days = DAYS - 1

    def __init__(self, *, every: int = 0, budget: int = 5_000, ready: bool = True):
        self._every = every
        self._budget = budget
        self._ready: dict[tuple[date, date], list[DayMetrics]] | None = {} if ready else None

    def changed(self, every: int) -> "HandsOut":
        return HandsOut(every=every)

    def change_listing(self, changed: bool) -> None:
        self._budget += changed

    def prepare(self, steps: Iterable[Step]) -> None:
        """Make the answers of these steps beforehand: what a platform takes is not measured here."""
        if self._ready is not None:
            windows = ((step.window.start, step.window.end) for step in steps if step.kind == "days")
            self._ready = {window: list(self._days(*window)) for window in windows}

    def list_campaigns(self, account: Account) -> Iterator[CampaignInfo]:
        for number in range(CAMPAIGNS):
            yield CampaignInfo(
                external_id=str(10_000_000 + number), name=f"Campaign {number} – Prospecting", status="active",
                objective="sales", daily_budget=self._budget, start_date=date(2026, 1, 5),
                targeting={"age_min": 18, "age_max": 65, "locations": ["DE", "AT"]}, raw={"id": number},
            )  # fmt: skip

    def daily_metrics(self, account: Account, *, start: date, end: date) -> Iterator[DayMetrics]:
        return iter(self._ready[start, end]) if self._ready else self._days(start, end)

    def breakdowns(self, account: Account, *, start: date, end: date) -> Iterator[BreakdownRow]:
        return iter(())

    def _days(self, start: date, end: date) -> Iterator[DayMetrics]:
        for ordinal in range(start.toordinal(), end.toordinal() + 1):
            numbers, day = random.Random(ordinal), date.fromordinal(ordinal)
            for number in range(CAMPAIGNS):
                more = int(self._every > 0 and number % self._every == 0)
                clicks = numbers.randrange(1, 2_000)
                yield DayMetrics(
                    str(10_000_000 + number), day, 40 * clicks + more, clicks, 70 * clicks + 13 * more,
                    (clicks // 30 + more) * 1_000_000, 190 * clicks + 500 * more, clicks // 5, clicks // 40,
                    clicks // 31, clicks // 47, clicks // 57,
                )  # fmt: skip


# --- Ours -----------------------------------------------------------------------------------------------------


def sync_and_weigh() -> float:
    """Sync a new account twice; the most memory this process has held so far, in MB."""
    account, _client = _ground(f"bench-memory-{time.time_ns()}", ready=False)
    _timed_sync(account, HandsOut(every=1, ready=False))
    return peak_memory()


def _ground(slug: str, *, days: int = DAYS, platform: str = "meta", ready: bool = True) -> tuple[AdAccount, HandsOut]:
    """An account whose campaigns and days are known already."""
    tenant = workspace(slug, campaigns=CAMPAIGNS)
    with tenant_context(tenant), transaction.atomic():
        granted = Connection.objects.create(platform=platform, status="ok", access_token="bench")  # noqa: S106
        account = AdAccount.objects.create(
            platform=platform, external_id="1234567890", name="Bench", currency="EUR", timezone="UTC", status="ok",
            connection=granted, deep_synced_at=timezone.now(),
        )  # fmt: skip
    client = HandsOut(ready=ready)
    _timed_sync(account, client, days=days)
    return account, client


def _timed_sync(account: AdAccount, client: Any, *, days: int = DAYS, kinds: Iterable[str] | None = None) -> float:
    """Seconds that the steps of a sync take, as a worker takes them."""
    with tenant_context(account.tenant_id):
        run = sync_request(account=account, trigger=SyncTrigger.SCHEDULE, actor=ACTOR)
        held = run_claim(run.pk, timezone.now())
        assert held is not None
        steps = sync_plan(account, restatement_days=days - 1, now=timezone.now())
        steps = [step for step in steps if kinds is None or step.kind in kinds]
        plan_set(held, steps)
        if isinstance(client, HandsOut):
            client.prepare(steps)

        def work() -> None:
            for step in steps:
                step_take(held, account, client, step)
            with transaction.atomic():
                run_finish(held)

        return seconds(work)


def _against_sql(name: str, *, every: int) -> BenchResult:
    ours, theirs = [], []
    for number in range(ROUNDS):
        account, client = _ground(f"bench-sync-{every}-{number}")
        ours.append(_timed_sync(account, client.changed(every), kinds={"days"}))
        account, client = _ground(f"bench-sync-sql-{every}-{number}")
        changed = client.changed(every)
        theirs.append(_timed_by_hand(account, changed))
    return _result(name, ROWS, ours, theirs, unit="rows/s", floor=FLOOR)


def _result(
    name: str, count: int, ours: list[float], theirs: list[float], *, unit: str, floor: float | None
) -> BenchResult:
    value, reference = (count / statistics.median(times) for times in (ours, theirs))
    return BenchResult(name, value, reference, unit, floor=floor, note="reference: COPY and SQL alone, the same effect")


# --- The reference: the least that has the same effect ----------------------------------------------------------


def _timed_by_hand(account: AdAccount, client: HandsOut) -> float:
    with tenant_context(account.tenant_id), transaction.atomic():
        ids = dict(Campaign.objects.filter(ad_account=account).values_list("external_id", "pk"))
    today = timezone.now().date()
    rows = [
        (ids[d.campaign_external_id], d.date, d.impressions, d.clicks, d.spend, d.conversions_micros, d.revenue,
         d.video_views, d.video_completions, d.shares, d.comments, d.saves)
        for d in client.daily_metrics(None, start=today - timedelta(days=DAYS - 1), end=today)
    ]  # fmt: skip
    return seconds(lambda: _days_by_hand(account, rows))


def _listing_by_hand(account: AdAccount, client: HandsOut) -> None:
    with tenant_context(account.tenant_id), transaction.atomic(), connection.cursor() as cursor, hash_joins():
        listed = [(one.external_id, one.daily_budget) for one in client.list_campaigns(None)]
        columns = {"ids": [one[0] for one in listed], "budgets": [one[1] for one in listed]}
        cursor.execute(_LISTING, {"tenant": account.tenant_id, "account": account.pk, **columns})


def _days_by_hand(account: AdAccount, rows: list[tuple]) -> None:
    """COPY, what vanished, one UPDATE of what changed and one INSERT of what is new, with revisions and roll-ups. All
    rows in one transaction; nothing is checked, nothing audited."""
    with tenant_context(account.tenant_id), transaction.atomic(), connection.cursor() as cursor, hash_joins():
        columns = ("campaign_id", "date", *_FIGURES)
        declared = ", ".join(f"{name} bigint" for name in _FIGURES)
        cursor.execute(f"CREATE TEMPORARY TABLE given (campaign_id int, date date, {declared}) ON COMMIT DROP")
        with cursor.copy(f"COPY given ({', '.join(columns)}) FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["int4", "date"] + ["int8"] * len(_FIGURES))
            for row in rows:
                copy.write_row(row)
        days = [row[1] for row in rows]
        params = {"tenant": account.tenant_id, "account": account.pk, "first": min(days), "last": max(days)}
        for statement in (_VANISHED, _UPDATE, _INSERT):
            cursor.execute(statement, params)


_MAIN = ("impressions", "clicks", "spend_cents", "conversions_micros", "revenue_cents")
_FIGURES = (*_MAIN, *EXTRAS)
_PLAIN = tuple(name for name in _FIGURES if name != "conversions_micros")
_KNOWN = {name: f"m.{name}" for name in _FIGURES} | {"conversions_micros": "m.conversions * 1000000"}
_LISTING = """
    UPDATE campaigns c SET daily_budget_cents = g.budget, last_synced_at = now()
    FROM unnest(%(ids)s::text[], %(budgets)s::bigint[]) AS g (external_id, budget)
    WHERE c.tenant_id = %(tenant)s AND c.ad_account_id = %(account)s AND c.external_id = g.external_id
"""
# A complete report: what it leaves out has become nothing.
_VANISHED = f"""
    INSERT INTO given (campaign_id, date, {", ".join(_FIGURES)})
    SELECT m.campaign_id, m.date, {", ".join("0" for _name in _FIGURES)}
    FROM campaign_metrics m LEFT JOIN given g ON g.campaign_id = m.campaign_id AND g.date = m.date
    WHERE m.tenant_id = %(tenant)s AND m.date BETWEEN %(first)s AND %(last)s AND g.date IS NULL AND m.impressions <> 0
"""
_UPDATE = f"""
    WITH changed AS MATERIALIZED (
        SELECT m.id, m.campaign_id, m.date,
               {", ".join(f"{_KNOWN[name]} AS old_{name}" for name in _MAIN)},
               {", ".join(f"g.{name}" for name in _FIGURES)}
        FROM given g JOIN campaign_metrics m ON m.campaign_id = g.campaign_id AND m.date = g.date
        WHERE m.tenant_id = %(tenant)s AND m.date BETWEEN %(first)s AND %(last)s
          AND ({" OR ".join(f"g.{name} IS DISTINCT FROM {_KNOWN[name]}" for name in _FIGURES)})
    ), written AS (
        UPDATE campaign_metrics m
        SET {", ".join(f"{name} = c.{name}" for name in _PLAIN)},
            conversions = c.conversions_micros / 1000000, known_at = now()
        FROM changed c WHERE m.id = c.id AND m.tenant_id = %(tenant)s AND m.date BETWEEN %(first)s AND %(last)s
    ), revised AS (
        INSERT INTO metric_revisions (
            tenant_id, campaign_id, date, known_at, source,
            {", ".join(f"old_{name}, new_{name}" for name in _MAIN)})
        SELECT %(tenant)s, campaign_id, date, now(), 'sync', {", ".join(f"old_{name}, {name}" for name in _MAIN)}
        FROM changed
    ), lifetime AS (
        UPDATE campaigns c
        SET total_spend_cents = c.total_spend_cents + s.spend_cents, impressions = c.impressions + s.impressions,
            clicks = c.clicks + s.clicks, revenue_cents = c.revenue_cents + s.revenue_cents,
            conversions = c.conversions + s.conversions_micros / 1000000
        FROM (
            SELECT campaign_id, {", ".join(f"SUM({name} - old_{name}) AS {name}" for name in _MAIN)}
            FROM changed GROUP BY campaign_id
        ) s
        WHERE c.id = s.campaign_id AND c.tenant_id = %(tenant)s
    ), daily AS (
        UPDATE daily_totals d
        SET {", ".join(f"{name} = d.{name} + s.{name}" for name in _MAIN)}
        FROM (
            SELECT date, {", ".join(f"SUM({name} - old_{name}) AS {name}" for name in _MAIN)}
            FROM changed GROUP BY date
        ) s
        WHERE d.tenant_id = %(tenant)s AND d.ad_account_id = %(account)s AND d.date = s.date
    )
    SELECT count(*) FROM changed
"""
_INSERT = f"""
    INSERT INTO campaign_metrics (
        tenant_id, campaign_id, date, {", ".join(_PLAIN)}, conversions)
    SELECT %(tenant)s, g.campaign_id, g.date, {", ".join(f"g.{name}" for name in _PLAIN)},
           g.conversions_micros / 1000000
    FROM given g LEFT JOIN campaign_metrics m
        ON m.campaign_id = g.campaign_id AND m.date = g.date AND m.tenant_id = %(tenant)s
       AND m.date BETWEEN %(first)s AND %(last)s
    WHERE m.id IS NULL
"""


# --- Beside an account that fails -------------------------------------------------------------------------------


@contextmanager
def _sandbox() -> Iterator[str]:
    """The simulated platforms in a process of their own; their address."""
    command = [sys.executable, "manage.py", "sandbox", "--port", "0", "--speed", "0"]
    process = subprocess.Popen(command, cwd=settings.BASE_DIR, stdout=subprocess.PIPE, text=True)  # noqa: S603
    assert process.stdout is not None
    try:
        yield process.stdout.readline().split(" at ")[1].split("/ ")[0]
    finally:
        process.terminate()
        process.wait()


def _control(url: str, path: str, **fields: Any) -> Any:
    request = Request(f"{url}/_control/{path}", headers={"Content-Type": "application/json"})  # noqa: S310
    if fields:
        request.data = json.dumps(fields).encode()
    with urlopen(request) as answer:  # noqa: S310 - our own server
        return json.load(answer)


@contextmanager
def _replaced(**values: str) -> Iterator[None]:
    """Settings, in this process and in those that it starts."""
    known = {name: getattr(settings, name) for name in values}
    with_values = {name: os.environ.get(name) for name in values}
    try:
        for name, value in values.items():
            setattr(settings, name, value)
            os.environ[name] = value
        yield
    finally:
        for name, value in known.items():
            setattr(settings, name, value)
        for name, before in with_values.items():
            if before is None:
                del os.environ[name]
            else:
                os.environ[name] = before


def _sandbox_account(url: str, tenant: Tenant, platform: str) -> AdAccount:
    one = next(one for one in _control(url, f"accounts?platform={platform}")["accounts"] if not one["closed"])
    tokens = _control(url, "tokens", platform=platform, person="ada")
    with tenant_context(tenant), transaction.atomic():
        granted = Connection.objects.create(
            platform=platform, status="ok", access_token=tokens["access_token"],
            refresh_token=tokens.get("refresh_token"), is_sandbox=True,
        )  # fmt: skip
        return AdAccount.objects.create(
            platform=platform, external_id=one["id"], name=one["name"], currency=one["currency"], timezone=one["zone"],
            login_id=one["manager"] or "", status="ok", connection=granted, is_sandbox=True,
        )  # fmt: skip


def _timed_run(account: AdAccount) -> float:
    """Seconds of a whole deep sync through client and HTTP."""
    cache.clear()
    with tenant_context(account.tenant_id):
        with transaction.atomic():
            AdAccount.objects.filter(pk=account.pk).update(deep_synced_at=None)
        run = sync_request(account=account, trigger=SyncTrigger.SCHEDULE, actor=ACTOR)
        took = seconds(lambda: sync_advance(run_id=run.pk, seconds=600))
        with transaction.atomic():
            assert SyncRun.objects.get(pk=run.pk).status == "done"
    return took


@contextmanager
def _failing_beside(account: AdAccount) -> Iterator[None]:
    """Another worker that syncs this account, without success and without a pause."""
    command = command_in_database("campaigns.bench.syncs", "sync_for_ever", str(account.tenant_id), str(account.pk))
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)  # noqa: S603
    assert process.stdout is not None
    try:
        process.stdout.readline()
        time.sleep(WARMING_UP_SECONDS)
        yield
    finally:
        process.kill()
        process.wait()


def sync_for_ever(tenant_id: str, account_id: str) -> None:
    """Ask for a sync and carry it out, again and again. Says so once it has begun."""
    sys.stdout.write("syncing\n")
    sys.stdout.flush()
    with tenant_context(int(tenant_id)):
        while True:
            with transaction.atomic():
                account = AdAccount.objects.get(pk=account_id)
                run = sync_request(account=account, trigger=SyncTrigger.SCHEDULE, actor=ACTOR)
                # Whatever a killed worker, or a pause, left behind.
                SyncRun.objects.filter(pk=run.pk).update(retry_at=None, lease="")
            sync_advance(run_id=run.pk, seconds=600)
