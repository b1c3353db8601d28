"""Every number of a span of days, as it stands now and as it came to be known: two statements, whatever the span.

Numbers lie in tables of days × campaigns, one for each component. What was known at a check is built up from arrivals:
the first value of a day arrives when it was first heard of, and each restatement's difference when it was made. The
differences of a day add up to its present value, so the last state is the settled one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any

import numpy as np
from django.db import connection

from campaigns.choices import AccountStatus, ImportStatus, SyncStatus
from campaigns.sql import exact_conversions, hash_joins
from rules.queries.evaluation import microseconds
from rules.queries.facts import CampaignFacts, Ints
from tenants.context import bound_tenant_id

DAYS = "days"
_NONE = -1

_PRESENT = {
    "impressions": "m.impressions",
    "clicks": "m.clicks",
    "conversions_micros": exact_conversions("m"),
    "spend_cents": "m.spend_cents",
    "revenue_cents": "m.revenue_cents",
}

# Loads that say nothing of single days: a sync asks for every day up to its moment, an import brings what it brings.
_LOADS = """
    SELECT ad_account_id, finished_at, NULL::date FROM sync_runs
    WHERE tenant_id = %(tenant)s AND status = %(synced)s AND finished_at >= %(since)s
    UNION ALL
    SELECT id, last_synced_at, NULL::date FROM ad_accounts
    WHERE tenant_id = %(tenant)s AND status <> %(import_only)s AND last_synced_at >= %(since)s
    UNION ALL
    SELECT ad_account_id, finished_at, date_to FROM import_batches
    WHERE tenant_id = %(tenant)s AND status = %(imported)s AND ad_account_id IS NOT NULL AND date_to >= %(since)s
        AND finished_at IS NOT NULL
"""


@dataclass(frozen=True)
class Checks:
    """The moments at which an account is checked: one a day, at the same local time; and the local midnights with
    which the days of the ledger begin, from its first day on. Microseconds since 1970."""

    moments: Ints
    midnights: Ints

    @classmethod
    def of(cls, zone: tzinfo, at: time, days: Sequence[date], *, first: date, last: date) -> "Checks":
        moments = [microseconds(datetime.combine(day, at, zone)) for day in days]
        span = range((last - first).days + 2)
        midnights = [microseconds(datetime.combine(first + timedelta(days=day), time(), zone)) for day in span]
        return cls(np.array(moments, np.int64), np.array(midnights, np.int64))

    def index(self, known: Ints) -> Ints:
        """The first check that knows what became known at these moments; as many as there are checks: none does."""
        return np.searchsorted(self.moments, known, side="left")


@dataclass
class Ledger:
    """`settled[component]` and `known[component]` are days × campaigns; `known` stands at the check that `advance`
    was last called for. DAYS is a component too: 1 where there is a row."""

    first: date
    settled: dict[str, Ints]
    known: dict[str, Ints]
    # Account id → per check the last day (days since `first`) whose numbers were complete; negative: none.
    through: dict[int, Ints]
    _cells: Ints
    _differences: dict[str, Ints]
    _starts: Ints

    def advance(self, check: int) -> None:
        """What arrived between the check before and this one. Checks are walked in order, each once."""
        arrived = slice(int(self._starts[check]), int(self._starts[check + 1]))
        cells = self._cells[arrived]
        if not len(cells):
            return
        for name, table in self.known.items():
            np.add.at(table.reshape(-1), cells, self._differences[name][arrived])


def read_ledger(
    facts: CampaignFacts,
    checks: dict[int, Checks],
    *,
    first: date,
    last: date,
    number: int,
    known: Sequence[str],
    settled: Sequence[str],
) -> Ledger:
    """The days from first to last of all campaigns of the accounts in `checks`, for so many checks of each; the
    components of `known` are among those of `settled`."""
    count, length = facts.count, (last - first).days + 1
    days, changes = _rows(sorted(checks), first, last, settled, known)
    tables = {name: np.zeros(length * count, np.int64) for name in (DAYS, *settled)}
    heard = np.zeros(length * count, np.int64)
    cells, mine = _cells(facts, days)
    heard[cells] = days["known"][mine]
    for name in settled:
        tables[name][cells] = days[name][mine]
    tables[DAYS][cells] = 1
    through = _through(checks, [days, changes], first)
    changed, ours = _cells(facts, changes)
    parts = {name: changes[name][ours] for name in (DAYS, *known)}
    base = {name: tables[name].copy() for name in parts}
    for name, part in parts.items():
        np.subtract.at(base[name], changed, part)
    began = np.flatnonzero(base[DAYS])
    # A day that was heard of late counts from then on, whatever its restatements say.
    moments = np.concatenate([heard[began], np.maximum(changes["known"][ours], heard[changed])])
    where = np.concatenate([began, changed])
    index = _check_index(facts, checks, where % max(count, 1), moments)
    order = np.argsort(index, kind="stable")
    shape = (length, count)
    return Ledger(
        first=first,
        settled={name: table.reshape(shape) for name, table in tables.items()},
        known={name: np.zeros(shape, np.int64) for name in parts},
        through=through,
        _cells=where[order],
        _differences={name: np.concatenate([base[name][began], part])[order] for name, part in parts.items()},
        _starts=np.searchsorted(index[order], np.arange(number + 1)),
    )


def _rows(
    accounts: Sequence[int], first: date, last: date, settled: Sequence[str], known: Sequence[str]
) -> tuple[dict[str, Ints], dict[str, Ints]]:
    """The days as they stand and their restatements, by column; every value is a whole number."""
    params = {"tenant": bound_tenant_id(), "first": first, "last": last, "accounts": list(accounts)}
    head = "coalesce(c.ad_account_id, 0)::bigint, {0}.campaign_id::bigint, ({0}.date - %(first)s::date)::bigint"
    of_accounts = """JOIN campaigns c ON c.tenant_id = {0}.tenant_id AND c.id = {0}.campaign_id
        WHERE {0}.tenant_id = %(tenant)s AND {0}.date BETWEEN %(first)s AND %(last)s
            AND coalesce(c.ad_account_id, 0) = ANY(%(accounts)s::int[])"""
    days = _columns(
        f"""SELECT {head.format("m")}, (extract(epoch FROM m.first_known_at) * 1000000)::bigint
            {"".join(f", ({_PRESENT[name]})::bigint" for name in settled)}
            FROM campaign_metrics m {of_accounts.format("m")}""",
        params,
        ("account", "campaign", "day", "known", *settled),
    )
    restated = _columns(
        f"""SELECT {head.format("r")}, (extract(epoch FROM r.known_at) * 1000000)::bigint,
                ((r.new_impressions IS NOT NULL)::int - (r.old_impressions IS NOT NULL)::int)::bigint
            {"".join(f", (coalesce(r.new_{name}, 0) - coalesce(r.old_{name}, 0))::bigint" for name in known)}
            FROM metric_revisions r {of_accounts.format("r")}""",
        params,
        ("account", "campaign", "day", "known", DAYS, *known),
    )
    return days, restated


def _columns(statement: str, params: dict, names: Sequence[str]) -> dict[str, Ints]:
    """A statement's rows by column, copied as they lie on the wire: rows of a year are too many for one object each."""
    fields: list[tuple[str, str]] = [("count", ">i2")]
    for name in names:
        fields += [(f"{name} length", ">i4"), (name, ">i8")]
    copied = f"COPY ({statement}) TO STDOUT (FORMAT BINARY)"
    written = connection.ops.compose_sql(copied, params)  # type: ignore[attr-defined]  # PostgreSQL's operations
    with connection.cursor() as cursor, hash_joins(), cursor.copy(written) as copy:
        raw = b"".join(bytes(block) for block in copy)
    # Signature, flags and length of the extension before the rows; two bytes that end them.
    found = np.frombuffer(raw, np.dtype(fields), offset=19, count=(len(raw) - 21) // np.dtype(fields).itemsize)
    return {name: found[name].astype(np.int64) for name in names}


def _cells(facts: CampaignFacts, rows: dict[str, Ints]) -> tuple[Ints, np.ndarray]:
    """Where rows lie in a table, and which of them do: those of campaigns that rules do not govern are left out."""
    positions, mine = facts.positions(rows["campaign"])
    return rows["day"][mine] * facts.count + positions[mine], mine


def _check_index(facts: CampaignFacts, checks: dict[int, Checks], positions: Ints, moments: Ints) -> Ints:
    index = np.zeros(len(moments), np.int64)
    owners = np.fromiter((account.account_id for account in facts.accounts), np.int64, facts.count)
    for same, accounts in _alike(checks):
        mine = np.isin(owners, accounts)[positions] if facts.count else np.zeros(0, bool)
        index[mine] = same.index(moments[mine])
    return index


def _alike(checks: dict[int, Checks]) -> list[tuple[Checks, list[int]]]:
    """Accounts of one zone are checked at the same moments."""
    groups: dict[int, tuple[Checks, list[int]]] = {}
    for account_id, one in checks.items():
        groups.setdefault(id(one), (one, []))[1].append(account_id)
    return list(groups.values())


def _through(checks: dict[int, Checks], rows: Sequence[dict[str, Ints]], first: date) -> dict[int, Ints]:
    """Per account and check the last day whose numbers were complete: a day is when it was loaded after it was over."""
    loads, through = _loads(first), {}
    accounts, days, known = (
        np.concatenate([*(one[name] for one in rows), loads[name]]) for name in ("account", "day", "known")
    )
    for account_id, one in checks.items():
        mine = accounts == account_id
        local_day = np.searchsorted(one.midnights, known[mine], side="right") - 1
        newest = np.full(len(one.moments) + 1, _NONE, np.int64)
        np.maximum.at(newest, one.index(known[mine]), np.minimum(days[mine], local_day - 1))
        through[account_id] = np.maximum.accumulate(newest)[:-1]
    return through


def _loads(first: date) -> dict[str, Ints]:
    params: dict[str, Any] = {
        "tenant": bound_tenant_id(),
        "since": first,
        "synced": SyncStatus.DONE,
        "imported": ImportStatus.DONE,
        "import_only": AccountStatus.IMPORT_ONLY,
    }
    with connection.cursor() as cursor:
        cursor.execute(_LOADS, params)
        rows = cursor.fetchall()
    return {
        "account": np.array([account_id for account_id, _at, _day in rows], np.int64),
        "known": np.array([microseconds(at) for _account, at, _day in rows], np.int64),
        "day": np.array([((day or date.max) - first).days for _account, _at, day in rows], np.int64),
    }
