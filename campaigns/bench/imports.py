"""What an import costs: against COPY and upsert of the very same rows, and in memory.

Each round works in a workspace of its own, so that both ways write into the same empty ground. The reference is the
least that could put the same rows, with when and whence they are known, into the same table: no parsing, no
revisions, no roll-ups, no audit.
"""

import csv
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

from django.core.files import File
from django.db import connection, transaction
from django.utils import timezone

from accounts.audit import Actor
from campaigns.bench.ground import in_a_process, peak_memory, seconds, workspace
from campaigns.choices import RevisionSource
from campaigns.exports import read_report
from campaigns.exports.report import ROW_METRICS
from campaigns.models import AdAccount, Campaign, CampaignMetric, ImportBatch
from campaigns.queries.import_answers import Answers
from campaigns.services.imports import import_check, import_confirm, import_run, import_upload
from campaigns.services.metrics import MetricRow, metrics_upsert
from stratum.lib.bench import BenchResult
from tenants.context import tenant_context

CAMPAIGNS = 1_000
DAYS = 100
ROWS = CAMPAIGNS * DAYS
ROUNDS = 5
MEMORY_LIMIT_MB = 300
ACTOR = Actor.system("bench")
FIRST_DAY = date(2026, 6, 1)


def bench_import() -> list[BenchResult]:
    """The whole import of 100,000 rows, from the stored file to the commit: at least half the speed of COPY and
    upsert of the same rows."""
    with tempfile.TemporaryDirectory() as folder:
        path = write_report(Path(folder) / "report.csv")
        rows = _rows_of(path)
        ours, theirs = [], []
        for number in range(ROUNDS):
            theirs.append(seconds(_reference(f"bench-reference-{number}", rows)))
            ours.append(seconds(_import(f"bench-import-{number}", path)))
    return [
        BenchResult(
            "import of a report", ROWS / min(ours), ROWS / min(theirs), "rows/s", floor=0.5,
            note="reference: COPY + upsert of the parsed rows",
        )
    ]  # fmt: skip


def bench_restatement() -> list[BenchResult]:
    """A sync's 100,000 rows of which three in ten changed, with revisions and roll-ups: at least half the speed of
    COPY and upsert without them."""
    with tempfile.TemporaryDirectory() as folder:
        rows = _rows_of(write_report(Path(folder) / "report.csv"))
    changed = [(*row[:3], row[3] + 1, *row[4:]) if number % 10 < 3 else row for number, row in enumerate(rows)]
    ours, theirs = [], []
    for number in range(ROUNDS):
        account, ids = _account(f"bench-restated-{number}")
        with tenant_context(account.tenant_id):
            _upsert(account, [(ids[row[0]], *row[1:]) for row in rows])
            again = [(ids[row[0]], *row[1:]) for row in changed]
            ours.append(seconds(lambda account=account, again=again: _upsert(account, again)))
        theirs.append(seconds(_reference(f"bench-restated-reference-{number}", rows, first=rows, then=changed)))
    return [
        BenchResult(
            "restatement, 30 % changed", ROWS / min(ours), ROWS / min(theirs), "rows/s", floor=0.5,
            note="reference: COPY + upsert without revisions and roll-ups",
        )
    ]  # fmt: skip


def bench_import_memory() -> list[BenchResult]:
    """The most memory that a process holds which imports 100,000 rows."""
    with tempfile.TemporaryDirectory() as folder:
        path = write_report(Path(folder) / "report.csv")
        peak = float(in_a_process("campaigns.bench.imports", "import_and_weigh", str(path)))
    return [BenchResult("memory of an import", peak, MEMORY_LIMIT_MB, "MB", ceiling=1.0)]


def write_report(path: Path, *, campaigns: int = CAMPAIGNS, days: int = DAYS) -> Path:
    """A daily Meta report, the same for the same size."""
    numbers = random.Random(7)
    header = [
        "Day", "Campaign name", "Campaign ID", "Campaign delivery", "Impressions", "Clicks (all)",
        "Amount spent (EUR)", "Purchases", "Purchases conversion value", "Reporting starts", "Reporting ends",
    ]  # fmt: skip
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for offset in range(days):
            day = (FIRST_DAY + timedelta(days=offset)).isoformat()
            for number in range(campaigns):
                writer.writerow(
                    [
                        day, f"Campaign {number} – Prospecting", 120_210_000_000_000_000 + number, "active",
                        numbers.randrange(500, 90_000), numbers.randrange(1, 2_000), f"{numbers.uniform(0, 500):.2f}",
                        numbers.randrange(30), f"{numbers.uniform(0, 2_000):.2f}", day, day,
                    ]
                )  # fmt: skip
    return path


def import_and_weigh(path: str) -> float:
    """Import a report into a workspace of its own; the most memory this process has held so far, in MB."""
    _import(f"bench-memory-{time.time_ns()}", Path(path))()
    return peak_memory()


# --- The two ways -----------------------------------------------------------------------------------------------------


def _import(slug: str, path: Path) -> Callable[[], object]:
    """A confirmed import, ready to be carried out."""
    tenant = workspace(slug, campaigns=CAMPAIGNS)
    with tenant_context(tenant):
        with path.open("rb") as file:
            batch = import_upload(file=File(file), filename=path.name, actor=ACTOR)
        import_check(batch_id=batch.pk, actor=ACTOR)
        with transaction.atomic():
            import_confirm(batch=batch, answers=Answers(account_name="Bench", accepted=True), actor=ACTOR)

    def run() -> None:
        with tenant_context(tenant):
            done = import_run(batch_id=batch.pk)
        if done is None or done.status != "done":
            raise RuntimeError(f"The import was not done: {done and done.error}")

    return run


def _rows_of(path: Path) -> list[tuple]:
    """The file's rows as MetricRow wants them, with the position of the campaign for its id."""
    days = read_report(path, filename=path.name).days
    absent = [None] * len(days)
    dates = [date.fromordinal(ordinal) for ordinal in days.days]
    columns = (days.values.get(metric, absent) for metric in ROW_METRICS)
    return list(zip(days.campaign_index, dates, *columns, strict=True))


def _account(slug: str) -> tuple[AdAccount, list[int]]:
    """An account with campaigns; their ids in order."""
    tenant = workspace(slug, campaigns=CAMPAIGNS)
    with tenant_context(tenant), transaction.atomic():
        account = AdAccount.objects.create(platform="meta", external_id="1", name="Bench", currency="EUR")
        campaigns = Campaign.objects.bulk_create(
            Campaign(
                platform="meta", external_id=str(number), account_id="1", ad_account=account, name=f"C{number}",
                currency="EUR", status="active",
            )
            for number in range(CAMPAIGNS)
        )  # fmt: skip
        return account, [campaign.pk for campaign in campaigns]


def _upsert(account: AdAccount, rows: list[tuple]) -> None:
    metrics_upsert(
        account=account,
        rows=(MetricRow(*row) for row in rows),
        source=RevisionSource.SYNC,
        known_at=timezone.now(),
        actor=ACTOR,
    )


def _reference(
    slug: str, rows: list[tuple], *, first: list[tuple] | None = None, then: list[tuple] | None = None
) -> Callable[[], object]:
    """COPY into a temporary table and one INSERT … ON CONFLICT; `then` is written over `first`."""
    account, ids = _account(slug)
    with tenant_context(account.tenant_id), transaction.atomic():
        batch = ImportBatch.objects.create(ad_account=account, filename=slug, file=slug, file_sha256=slug)

    def write(given: list[tuple]) -> None:
        with tenant_context(account.tenant_id), transaction.atomic():
            _copy_and_upsert(batch, ((ids[row[0]], *row[1:]) for row in given))

    if first is None or then is None:
        return lambda: write(rows)
    write(first)
    return lambda: write(then)


def _copy_and_upsert(batch: ImportBatch, rows: Iterator[tuple]) -> None:
    columns = MetricRow._fields
    table = CampaignMetric._meta.db_table
    with connection.cursor() as cursor:
        declared = ", ".join(f"{name} bigint" for name in columns[2:])
        cursor.execute(f"CREATE TEMPORARY TABLE given (campaign_id int, date date, {declared}) ON COMMIT DROP")
        with cursor.copy(f"COPY given ({', '.join(columns)}) FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["int4", "date"] + ["int8"] * (len(columns) - 2))
            for row in rows:
                copy.write_row(row)
        cursor.execute("ANALYZE given")
        cursor.execute(
            f"""
            INSERT INTO {table} AS m (
                tenant_id, campaign_id, date, impressions, clicks, spend_cents, conversions, revenue_cents,
                first_known_at, known_at, import_batch_id)
            SELECT %s, campaign_id, date, COALESCE(impressions, 0), COALESCE(clicks, 0), COALESCE(spend_cents, 0),
                   COALESCE(conversions_micros, 0) / 1000000, COALESCE(revenue_cents, 0), now(), now(), %s
            FROM given
            ON CONFLICT (campaign_id, date) DO UPDATE
            SET impressions = EXCLUDED.impressions, clicks = EXCLUDED.clicks, spend_cents = EXCLUDED.spend_cents,
                conversions = EXCLUDED.conversions, revenue_cents = EXCLUDED.revenue_cents,
                known_at = EXCLUDED.known_at
            WHERE (m.impressions, m.clicks, m.spend_cents, m.conversions, m.revenue_cents)
                  IS DISTINCT FROM (EXCLUDED.impressions, EXCLUDED.clicks, EXCLUDED.spend_cents, EXCLUDED.conversions,
                                    EXCLUDED.revenue_cents)
            """,
            [batch.tenant_id, batch.pk],
        )
