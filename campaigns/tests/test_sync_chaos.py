"""Everything that can break does, many times, while real worker processes sync. What is left equals the ledger.

`CHAOS_SEED=… pytest campaigns/tests/test_sync_chaos.py` repeats the choices of a run; the moments at which they meet
the workers are the machine's. `CHAOS_KILLS=20` kills as many workers, and a seventh of it Redis and PostgreSQL each:
minutes more.
"""

import os
import random
import time
from collections import Counter
from contextlib import ExitStack
from datetime import datetime, timedelta

import pytest
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from campaigns.models import AdAccount, Campaign, MetricRevision, SyncRun
from campaigns.services.rollups import RollupChanges, rollups_rebuild
from campaigns.tests.chaos import Stage, database_at, patiently
from campaigns.tests.sandbox_cast import ACCOUNTS, connected
from campaigns.tests.sync_helpers import days_of, fresh, ledger_of, request
from stratum.sandbox.tests.live import LiveSandbox, serving
from tenants.context import tenant_context
from tenants.tests.factories import make_tenant

WORKERS = 3
WORKER_KILLS = int(os.environ.get("CHAOS_KILLS", "7"))
REDIS_KILLS = POSTGRES_KILLS = -(-WORKER_KILLS // 7)
LONGEST_SECONDS = 400
MOST_ROUNDS = 8
ANY = tuple(ACCOUNTS)
RENEWABLE = ("google", "snapchat", "linkedin")
VARIANTS = {
    "meta": ("app", "account", "insights", "management", "adset_budget"),
    "google": ("daily", "temporary", "no_details"),
    "tiktok": ("account", "restricted"),
    "snapchat": ("",),
    "linkedin": ("resource", "day", "data"),
}
# Kind: whom it befalls. Faults of writes have no place in a sync, and a revoked grant ends with a person.
FAULTS = {
    "token_expired": RENEWABLE,
    "permission_revoked": ANY,
    "server_error": ANY,
    "html_gateway": ANY,
    "connection_reset": ANY,
    "truncated": ANY,
    "slow": ANY,
    "duplicated_page": ANY,
    "empty_page": ("meta",),
    "foreign_next_link": ("snapchat",),
    "too_much_data": ("meta",),
    "not_visible": ("meta",),
    "job_failed": ("meta",),
    "job_skipped": ("meta",),
    "page_token_expired": ("google",),
}


REPORTS = ("not_visible", "job_failed", "job_skipped")


def faults(rng: random.Random) -> list[dict]:
    """Every kind at every platform that has it, some of them several times, in any order."""
    found = [{"kind": kind, "platform": platform} for kind, platforms in FAULTS.items() for platform in platforms]
    for fault in found:
        # A new token that is refused as well is a dead connection.
        fault["count"] = 1 if fault["kind"] in ("token_expired", *REPORTS) else rng.randint(1, 3)
        if fault["kind"] == "slow":
            fault["seconds"] = 0.5
    for platform, variants in VARIANTS.items():
        for variant in variants:
            found.append({"kind": "rate_limit", "platform": platform, **({"variant": variant} if variant else {})})
    rng.shuffle(found)
    return found


class Run:
    """The chaos and its book: what was broken, and when what was broken was whole again."""

    def __init__(self, stage: Stage, sandbox: LiveSandbox, accounts: list[AdAccount], rng: random.Random):
        self.stage, self.sandbox, self.accounts, self.rng = stage, sandbox, accounts, rng
        self.faults = faults(rng)
        self.laid: list[tuple[int, str, int]] = []
        self.kills = [stage.kill_redis] * REDIS_KILLS + [stage.kill_postgres] * POSTGRES_KILLS
        self.kills += [self.kill_worker] * WORKER_KILLS
        rng.shuffle(self.kills)
        self.book: Counter[str] = Counter()
        self.began = time.monotonic()
        self.next_kill = self.next_beat = self.next_fault = 0.0

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    def round(self, number: int) -> None:
        """Sync every account, come what may, and compare with what is true."""
        asked = timezone.now()
        while pending := [account for account in self.accounts if not self.is_done(account, asked)]:
            assert self.seconds < LONGEST_SECONDS, (number, pending, self.missing(), self.kills)
            for account in pending:
                patiently(lambda account=account: self.ask_again(account, asked))
            self.pass_time()
            self.break_something()
            time.sleep(0.05)
        self.book["rounds"] += 1
        for account in self.accounts:
            mine, true = patiently(lambda account=account: days_of(account)), ledger_of(self.sandbox, account)
            assert mine == true, (number, account, differences(mine, true))

    def goes_on(self) -> bool:
        """Until everything was broken. Whether Meta comes to make a report on its side hangs on the moment of a fault:
        for those kinds alone nobody waits for ever (clients' tests meet them one by one)."""
        missing, rounds = self.missing(), self.book["rounds"]
        if self.kills or rounds == 1 or missing - set(REPORTS):
            return True
        return bool(missing) and rounds < MOST_ROUNDS

    def missing(self) -> set[str]:
        """Kinds of faults that have befallen nobody yet."""
        untouched = {one["id"]: one["left"] for one in self.sandbox.control("faults")["faults"]}
        happened = {kind for number, kind, count in self.laid if untouched.get(number) != count}
        return {*FAULTS, "rate_limit"} - happened

    def is_done(self, account: AdAccount, since: datetime) -> bool:
        def ask() -> bool:
            with tenant_context(account.tenant_id), transaction.atomic():
                return SyncRun.objects.filter(ad_account=account, status="done", started_at__gte=since).exists()

        return patiently(ask)

    def ask_again(self, account: AdAccount, since: datetime) -> None:
        """As the hourly job does; rights that were lost were given back meanwhile."""
        with tenant_context(account.tenant_id), transaction.atomic():
            runs = SyncRun.objects.filter(ad_account=account)
            done = Q(status="done", started_at__gte=since)
            if not (runs.filter(status="running").exists() or runs.filter(done).exists()):
                request(account)
                self.book["runs asked for"] += 1

    def pass_time(self) -> None:
        """The beat's messages once a second, and pauses that last hours are over."""
        if self.seconds < self.next_beat:
            return
        self.next_beat = self.seconds + 1
        self.book["workers that ended with Redis"] += self.stage.restart_workers()
        self.stage.forget_limits()

        def pauses_end() -> None:
            for tenant_id in {account.tenant_id for account in self.accounts}:
                with tenant_context(tenant_id), transaction.atomic():
                    left = SyncRun.objects.filter(status="running", lease="")
                    left.update(retry_at=None, heartbeat_at=F("heartbeat_at") - timedelta(seconds=20))

        # Meta makes a report on its side only of what is too much for an answer, even for a single day.
        waiting = {fault["kind"] for fault in self.sandbox.control("faults")["faults"]}
        if not waiting.isdisjoint(REPORTS) and "too_much_data" not in waiting:
            self.sandbox.fault("too_much_data", account=ACCOUNTS["meta"], endpoint="report", count=4)
        patiently(pauses_end)
        self.stage.send("campaigns.resume_syncs")

    def break_something(self) -> None:
        if self.faults and self.seconds > self.next_fault:
            self.next_fault = self.seconds + self.rng.uniform(0.1, 0.6)
            fault = self.faults.pop()
            self.laid.append((self.sandbox.fault(**fault)["id"], fault["kind"], fault.get("count", 1)))
            self.book[fault["kind"]] += 1
        if self.kills and self.seconds > self.next_kill and self.somebody_works():
            self.next_kill = self.seconds + self.rng.uniform(0.3, 2.5)
            kill = self.kills.pop()
            kill()
            self.book[kill.__name__] += 1

    def expire_tokens(self) -> None:
        """Of a platform whose new tokens are not to be refused as well."""
        ahead = {fault["platform"] for fault in self.faults + self.sandbox.control("faults")["faults"]
                 if fault["kind"] == "token_expired"}  # fmt: skip
        for platform in set(RENEWABLE) - ahead:
            self.sandbox.control("tokens/expire", "POST", platform=platform)

    def somebody_works(self) -> bool:
        def held() -> bool:
            with tenant_context(self.accounts[0].tenant_id), transaction.atomic():
                moment = timezone.now() - timedelta(seconds=1)
                return SyncRun.objects.filter(status="running", heartbeat_at__gt=moment).exclude(lease="").exists()

        return sum(worker.works for worker in self.stage.workers) > 1 and patiently(held)

    def kill_worker(self) -> None:
        self.stage.kill_worker(self.rng.choice([worker for worker in self.stage.workers if worker.works]))


def differences(mine: dict, true: dict) -> list:
    return [(key, mine.get(key), true.get(key)) for key in {*mine, *true} if mine.get(key) != true.get(key)][:5]


@pytest.fixture
def elsewhere(django_db_blocker):
    """Queries are allowed, but not on the database of the tests."""
    with django_db_blocker.unblock():
        yield


def test_nothing_that_breaks_on_the_way_changes_what_arrives(tmp_path, elsewhere):
    seed = int(os.environ.get("CHAOS_SEED") or (7 if os.environ.get("CI") else random.SystemRandom().randrange(10**6)))
    print(f"CHAOS_SEED={seed}")
    rng = random.Random(seed)
    with ExitStack() as stack:
        sandbox = stack.enter_context(serving(LiveSandbox()))
        stage = stack.enter_context(Stage(tmp_path, sandbox.settings(), WORKERS))
        stack.enter_context(database_at(stage.postgres.url))
        tenant = make_tenant("acme")
        ids = [*ACCOUNTS.values(), *more_accounts(sandbox)]
        run = Run(stage, sandbox, [connected(tenant, sandbox, external_id) for external_id in ids], rng)
        run.round(1)
        while run.goes_on():
            restate(sandbox, run.accounts, rng)
            run.expire_tokens()
            run.round(run.book["rounds"] + 1)
        print(f"{run.seconds:.0f} s: {dict(run.book)}")
        patiently(lambda: check_whole(tenant, run.accounts))


def more_accounts(sandbox: LiveSandbox) -> list[str]:
    """Another open account of the platforms that share limits and tokens."""
    found = sandbox.world.market.catalogue.accounts.values()
    return [
        next(one.id for one in found if one.platform == platform and one.id not in ACCOUNTS.values() and not one.closed)
        for platform in ("meta", "google")
    ]


def restate(sandbox: LiveSandbox, accounts: list[AdAccount], rng: random.Random) -> None:
    """The past changes, and the deep sync of the day is due."""
    today = timezone.now().date()
    for account in accounts:
        since = today - timedelta(days=rng.randint(20, 80))
        until = since + timedelta(days=rng.randint(5, 15))
        fields = {"since": since.isoformat(), "until": until.isoformat(), "factor": rng.choice([0.5, 0.9, 1.1])}
        sandbox.fault("restate", account=account.external_id, **fields)

    def due() -> None:
        with tenant_context(accounts[0].tenant_id), transaction.atomic():
            AdAccount.objects.update(deep_synced_at=None)

    patiently(due)


def check_whole(tenant, accounts: list[AdAccount]) -> None:
    with tenant_context(tenant), transaction.atomic():
        assert rollups_rebuild() == RollupChanges(0, 0)
        assert not SyncRun.objects.filter(status="running").exists()
        found = list(Campaign.objects.with_deleted().values_list("platform", "external_id"))
        assert len(found) == len(set(found)) > 20
        # A day restated twice has two revisions, but none that changes nothing.
        same = MetricRevision.objects.filter(
            old_impressions=F("new_impressions"), old_clicks=F("new_clicks"), old_spend_cents=F("new_spend_cents"),
            old_revenue_cents=F("new_revenue_cents"), old_conversions_micros=F("new_conversions_micros"),
            new_extras=None,
        )  # fmt: skip
        assert not same.exists()
        assert MetricRevision.objects.count() > 100
    for account in accounts:
        account = fresh(account)
        assert (account.status, account.last_error) == ("ok", ""), account
        assert account.last_synced_at
        assert account.deep_synced_at
