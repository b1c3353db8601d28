"""What all campaigns of the workspace are and did, read once for all rules: a fixed number of statements per pass.

Window sums: one statement over campaign_metrics for all windows. The edges of all windows cut the days into buckets;
each row is added to one bucket, and a window is the difference of two running sums of buckets. So every row is added
up once, however many windows and rules share it. Windows are seen from today in the campaign's own ad account's zone
(the workspace's where a campaign has no account), hence end on different dates for different accounts.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from accounts.middleware import zone_or_utc
from campaigns.choices import AccountStatus
from campaigns.models import AdAccount, Campaign
from campaigns.queries.changes import last_changes
from campaigns.queries.completeness import completeness_by_account
from rules.conditions import RuleSpec, Window, WindowKind, leaves
from rules.conditions.fields import BUDGET
from rules.conditions.specs import Mask
from rules.conditions.windows import MAX_WINDOW_DAYS
from rules.queries.present import LAST_CHANGE, present_figures
from stratum.lib.money import decimals
from tenants.context import bound_tenant_id
from tenants.models import Tenant

# What a campaign carries of the workspace is what it spent in this window.
WEIGHT_WINDOW = Window(7)

Ints = NDArray[np.int64]

# Stands for "no ad account" where campaigns are grouped by account.
NO_ACCOUNT = 0
_DAYS = "days"

_COLUMNS = {
    "impressions": "m.impressions",
    "clicks": "m.clicks",
    "conversions_micros": "coalesce(m.conversions_micros, m.conversions * 1000000)",
    "spend_cents": "m.spend_cents",
    "revenue_cents": "m.revenue_cents",
}

# A sum beyond this (a hundred trillion dollars) is an error of its source: it saturates, and still compares rightly.
_MOST = 10**16

# When the days since the earliest last full day were loaded, per account; imports say which days they brought.
_RECENT_DAYS = """
    SELECT coalesce(c.ad_account_id, 0), m.date, max(m.known_at)
    FROM campaign_metrics m JOIN campaigns c ON c.id = m.campaign_id AND c.tenant_id = m.tenant_id
    WHERE m.tenant_id = %(tenant)s AND m.date >= %(first)s
    GROUP BY 1, 2
    UNION ALL
    SELECT ad_account_id, date_to, max(finished_at) FROM import_batches
    WHERE tenant_id = %(tenant)s AND status = 'done' AND ad_account_id IS NOT NULL AND date_to >= %(first)s
    GROUP BY 1, 2
"""

# The newest day of accounts that have no recent one. From the roll-up: nothing says how far back that day lies, and
# walking the facts back to it could mean walking all of them.
_OLDER_DAYS = """
    WITH newest AS (
        SELECT coalesce(ad_account_id, 0) AS account_id, max(date) AS date FROM daily_totals
        WHERE tenant_id = %(tenant)s AND coalesce(ad_account_id, 0) = ANY(%(accounts)s) GROUP BY 1
    ), days AS (
        SELECT coalesce(c.ad_account_id, 0) AS account_id, m.date, max(m.known_at) AS known_at
        FROM campaign_metrics m JOIN campaigns c ON c.id = m.campaign_id AND c.tenant_id = m.tenant_id
        WHERE m.tenant_id = %(tenant)s AND m.date = ANY(SELECT date FROM newest)
        GROUP BY 1, 2
    )
    SELECT account_id, date, known_at FROM days JOIN newest USING (account_id, date)
"""


@dataclass(frozen=True, slots=True)
class AccountDay:
    """Where one ad account stands: its zone, its last full day, and the last day whose numbers are complete."""

    account_id: int
    name: str
    zone: str
    today: date
    data_through: date | None
    # The age in days from which on conversions are 90 % in; None: not known, or not asked.
    mature_age: int | None = None

    @property
    def last_full_day(self) -> date:
        return self.today - timedelta(days=1)

    @property
    def is_fresh(self) -> bool:
        """Whether the numbers reach the end of every window (all windows end on the last full day)."""
        return self.data_through is not None and self.data_through >= self.last_full_day


@dataclass
class CampaignFacts:
    """Campaigns by position: every array and list holds one entry per campaign, in the order of `ids` (ascending).

    Money is in minor units of `currencies`; `sums[window, component]` are a window's sums, `days_seen[window]` counts
    its days that have a row.
    """

    now: datetime
    ids: Ints
    names: list[str]
    platforms: list[str]
    statuses: list[str]
    objectives: list[str | None]
    currencies: list[str]
    labels: list[list[str]]
    daily_budgets: list[int | None]
    start_dates: list[date | None]
    accounts: list[AccountDay]
    # Figures of now that some rule asks for, by field: whole numbers in the field's unit (rules.queries.present).
    present: Mapping[str, Sequence[int | None]] = field(default_factory=dict)
    # The day of each campaign's last change of status or budget, in its account's zone; empty when no rule asks.
    last_changes: Sequence[date | None] = ()
    sums: dict[tuple[Window, str], Ints] = field(default_factory=dict)
    days_seen: dict[Window, Ints] = field(default_factory=dict)
    # What rules.queries.figures made of it; of a day, so that a copy for another day begins anew.
    figures: dict[str, Any] = field(default_factory=dict, init=False)
    _labelled: dict[str, Mask] = field(default_factory=dict)
    # Statuses are what an action changes: a copy in which they differ begins anew.
    _with_status: dict[str, Mask] = field(default_factory=dict, init=False)

    @property
    def count(self) -> int:
        return len(self.ids)

    @cached_property
    def fresh(self) -> Mask:
        return np.fromiter((account.is_fresh for account in self.accounts), bool, self.count)

    @cached_property
    def completeness_known(self) -> Mask:
        return np.fromiter((account.mature_age is not None for account in self.accounts), bool, self.count)

    @cached_property
    def account_ids(self) -> Ints:
        return np.fromiter((account.account_id for account in self.accounts), np.int64, self.count)

    @cached_property
    def money_scale(self) -> Ints:
        """Minor units per unit of each campaign's currency: 100 for USD, 1 for JPY, 1000 for KWD."""
        powers = {currency: 10 ** decimals(currency) for currency in set(self.currencies)}
        return np.fromiter((powers[currency] for currency in self.currencies), np.int64, self.count)

    @cached_property
    def days_running(self) -> list[int | None]:
        """Days from the start date to today in the account's zone; None before the start or without a start date."""
        return [
            (account.today - start).days if start is not None and start <= account.today else None
            for start, account in zip(self.start_dates, self.accounts, strict=True)
        ]

    def labelled(self, label: str) -> Mask:
        """Which campaigns carry the label (its exact spelling, as `labels @> '["…"]'` reads it)."""
        if label not in self._labelled:
            self._labelled[label] = np.fromiter((label in labels for labels in self.labels), bool, self.count)
        return self._labelled[label]

    def with_status(self, status: str) -> Mask:
        """Which campaigns are in it. It is kept, and not to be written to."""
        if status not in self._with_status:
            self._with_status[status] = np.fromiter((one == status for one in self.statuses), bool, self.count)
        return self._with_status[status]

    def positions(self, campaign_ids: Sequence[int] | Ints) -> tuple[Ints, Mask]:
        """Positions of campaign ids, and which of the ids are known here at all."""
        wanted = np.asarray(campaign_ids, dtype=np.int64)
        if not self.count:
            return np.zeros(len(wanted), np.int64), np.zeros(len(wanted), bool)
        found = np.minimum(np.searchsorted(self.ids, wanted), self.count - 1)
        return found, self.ids[found] == wanted


def campaign_facts(
    specs: Iterable[RuleSpec], *, now: datetime, campaign_ids: Sequence[int] | None = None
) -> CampaignFacts:
    """Everything the rules ask about: all campaigns of the bound workspace, or the named ones.

    Five statements; one more where an account has no recent day, two less when no rule asks for a window, one more for
    each kind of figure that is kept elsewhere (fatigue, forecasts, the last change).
    """
    wanted = _wanted(specs)
    facts, accounts = _without_sums(wanted, now, campaign_ids)
    if wanted.windows:
        _add_sums(facts, accounts, wanted, campaign_ids)
    return facts


def _without_sums(
    wanted: "_Wanted", now: datetime, campaign_ids: Sequence[int] | None, *, with_numbers: bool = True
) -> tuple[CampaignFacts, dict[int, AccountDay]]:
    rows = _campaign_rows(campaign_ids)
    used = {row[-1] or NO_ACCOUNT for row in rows}
    accounts = _account_days(now, used, with_numbers=with_numbers and bool(wanted.windows))
    if any(window.needs_completeness for window in wanted.windows):
        accounts = _with_maturity(accounts, now)
    facts = _facts(now, rows, accounts)
    facts.present = present_figures(wanted.figures, facts.ids.tolist(), now)
    if LAST_CHANGE in wanted.figures:
        moments = last_changes(facts.ids.tolist())
        facts.last_changes = [
            moment.astimezone(zone_or_utc(account.zone)).date() if (moment := moments.get(campaign_id)) else None
            for campaign_id, account in zip(facts.ids.tolist(), facts.accounts, strict=True)
        ]
    return facts, accounts


def _campaign_rows(campaign_ids: Sequence[int] | None) -> list[tuple]:
    # Above the plan's limit nothing can be done with a campaign: no rule governs it.
    campaigns = Campaign.objects.filter(over_limit=False).order_by("id")
    if campaign_ids is not None:
        campaigns = campaigns.filter(id__in=list(campaign_ids))
    return list(
        campaigns.values_list(
            "id", "name", "platform", "status", "objective", "currency", "labels", "daily_budget_cents", "start_date",
            "ad_account_id",
        )
    )  # fmt: skip


def _facts(now: datetime, rows: list[tuple], accounts: dict[int, AccountDay]) -> CampaignFacts:
    ids, names, platforms, statuses, objectives, currencies, labels, budgets, starts, account_ids = (
        zip(*rows, strict=True) if rows else ((),) * 10
    )
    return CampaignFacts(
        now=now,
        ids=np.array(ids, dtype=np.int64),
        names=list(names),
        platforms=list(platforms),
        statuses=list(statuses),
        objectives=list(objectives),
        currencies=list(currencies),
        labels=list(labels),
        daily_budgets=list(budgets),
        start_dates=list(starts),
        accounts=[accounts[account_id or NO_ACCOUNT] for account_id in account_ids],
    )


def _account_days(now: datetime, used: set[int], *, with_numbers: bool) -> dict[int, AccountDay]:
    """The ad accounts in use, deleted ones too: their campaigns may still stand. NO_ACCOUNT is the workspace."""
    stored = AdAccount.objects.with_deleted().filter(pk__in=used)
    rows = list(stored.values_list("id", "name", "timezone", "status", "last_synced_at"))
    workspace_zone = Tenant.objects.values_list("timezone", flat=True).get()
    if NO_ACCOUNT in used:
        rows.append((NO_ACCOUNT, "", workspace_zone, AccountStatus.IMPORT_ONLY, None))
    zones = {account_id: zone_or_utc(zone_name) for account_id, _name, zone_name, _status, _synced in rows}
    today = {account_id: now.astimezone(zone).date() for account_id, zone in zones.items()}
    loaded = _loaded_days(today) if with_numbers and today else {}
    days = {}
    for account_id, name, _zone_name, status, last_synced_at in rows:
        zone = zones[account_id]
        # A sync asks for every day up to its moment, also for those without a row; an import brings what it brings.
        asked = [] if status == AccountStatus.IMPORT_ONLY or last_synced_at is None else [(date.max, last_synced_at)]
        # A day's numbers are complete when they were loaded after it was over.
        complete = [
            min(day, known_at.astimezone(zone).date() - timedelta(days=1))
            for day, known_at in [*loaded.get(account_id, []), *asked]
        ]
        days[account_id] = AccountDay(account_id, name, zone.key, today[account_id], max(complete, default=None))
    return days


def _with_maturity(accounts: dict[int, AccountDay], now: datetime) -> dict[int, AccountDay]:
    learnt = completeness_by_account(now)
    return {
        account_id: replace(account, mature_age=learnt[account_id].mature_age if account_id in learnt else None)
        for account_id, account in accounts.items()
    }


def _loaded_days(today: dict[int, date]) -> dict[int, list[tuple[date, datetime]]]:
    """Account id → its newest days with the moment they were loaded; `today` is each account's own date.

    Days before the newest can reach no further than it: numbers are never loaded before their day.
    """
    tenant_id = bound_tenant_id()
    first = min(today.values()) - timedelta(days=1)
    loaded: dict[int, list[tuple[date, datetime]]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_RECENT_DAYS, {"tenant": tenant_id, "first": first})
        recent = cursor.fetchall()
        lacking = today.keys() - {account_id for account_id, _day, _known_at in recent}
        older = []
        if lacking:
            cursor.execute(_OLDER_DAYS, {"tenant": tenant_id, "accounts": sorted(lacking)})
            older = cursor.fetchall()
    for account_id, day, known_at in recent + older:
        loaded.setdefault(account_id, []).append((day, known_at))
    return loaded


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Windows and sums that some rule asks for, and figures of now."""

    windows: list[Window]
    components: list[str]
    figures: frozenset[str]

    @property
    def columns(self) -> list[str]:
        """Components that are summed over days."""
        return [name for name in self.components if name != BUDGET]


def _wanted(specs: Iterable[RuleSpec]) -> _Wanted:
    windows: set[Window] = set()
    components: set[str] = set()
    figures: set[str] = set()
    for spec in specs:
        for test in leaves(spec.condition):
            windows.update(test.windows)
            components.update(test.components)
            figures.update(test.figures)
            # A ROAS is as sure as the conversions behind it are many.
            if spec.min_confidence is not None and test.field.key == "roas":
                components.add("conversions_micros")
        if spec.action.field is not None:
            # How much of the workspace's spend a rule would touch decides whether it asks first.
            windows.add(WEIGHT_WINDOW)
            components.add("spend_cents")
    return _Wanted(sorted(windows), sorted(components), frozenset(figures))


def _add_sums(
    facts: CampaignFacts, accounts: dict[int, AccountDay], wanted: _Wanted, campaign_ids: Sequence[int] | None
) -> None:
    """Fill in the sums of every window. Accounts on one date, whose days are complete at one age, share their edges."""
    columns = [_DAYS, *wanted.columns]
    for window in wanted.windows:
        facts.days_seen[window] = np.zeros(facts.count, np.int64)
        for component in wanted.columns:
            facts.sums[window, component] = np.zeros(facts.count, np.int64)
    if any(window.kind is WindowKind.LIFETIME for window in wanted.windows):
        _add_lifetime(facts, wanted.columns)
    if BUDGET in wanted.components:
        add_budgets(facts, wanted.windows)
    if not any(window.kind is not WindowKind.LIFETIME for window in wanted.windows):
        return
    alike: dict[tuple[date, int | None], list[int]] = {}
    for account_id, account in accounts.items():
        alike.setdefault((account.today, account.mature_age), []).append(account_id)
    for (today, mature_age), here in alike.items():
        edges = Edges.of(wanted.windows, today, mature_age)
        if not edges.cuts:
            continue
        rows = _bucket_rows(here, today, edges, wanted.columns, campaign_ids)
        table = np.array(rows, dtype=np.int64).reshape(len(rows), 2 + len(columns))
        positions, known = facts.positions(table[:, 0])
        for column, component in enumerate(columns, start=2):
            buckets = np.zeros((len(edges.cuts), facts.count), np.int64)
            buckets[table[known, 1], positions[known]] = table[known, column]
            running = np.cumsum(buckets, axis=0)
            for window, (first, last) in edges.places.items():
                sums = running[last] - running[first]
                kept = facts.days_seen[window] if component == _DAYS else facts.sums[window, component]
                kept += sums


def add_budgets(facts: CampaignFacts, windows: Iterable[Window]) -> None:
    """Today's daily budget for each day of a window; 0 where there is none."""
    budgets = np.fromiter((budget or 0 for budget in facts.daily_budgets), np.int64, facts.count)
    for window in windows:
        spans = {account: window.offsets(account.today, account.mature_age) for account in set(facts.accounts)}
        days = {account: span.far - span.near + 1 if span else 0 for account, span in spans.items()}
        lengths = np.fromiter((days[account] for account in facts.accounts), np.int64, facts.count)
        facts.sums[window, BUDGET] = np.minimum(budgets, _MOST // MAX_WINDOW_DAYS) * lengths


_LIFETIME = {
    "impressions": "impressions",
    "clicks": "clicks",
    "conversions_micros": "coalesce(conversions_micros, conversions * 1000000)",
    "spend_cents": "total_spend_cents",
    "revenue_cents": "revenue_cents",
}


def _add_lifetime(facts: CampaignFacts, components: Sequence[str]) -> None:
    """Lifetime sums stand on the campaigns, kept by every write of numbers."""
    window = Window(0, WindowKind.LIFETIME)
    columns = ", ".join(f"least({_LIFETIME[one]}, {_MOST})::bigint" for one in components)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id, {columns} FROM campaigns WHERE tenant_id = %s AND id = ANY(%s)",
            [bound_tenant_id(), facts.ids.tolist()],
        )
        table = np.array(cursor.fetchall(), dtype=np.int64).reshape(-1, 1 + len(components))
    positions, known = facts.positions(table[:, 0])
    for column, component in enumerate(components, start=1):
        facts.sums[window, component][positions[known]] = table[known, column]


@dataclass(frozen=True, slots=True)
class Edges:
    """The days (before today) at which buckets begin, ascending, and per window the running sums that it lies between.

    Bucket n, counted from 1, holds the days from cuts[n - 1] to the one before cuts[n].
    """

    cuts: list[int]
    places: dict[Window, tuple[int, int]]

    @classmethod
    def of(cls, windows: Iterable[Window], today: date, mature_age: int | None) -> "Edges":
        spans = {window: window.offsets(today, mature_age) for window in windows}
        cuts = sorted({edge for span in spans.values() if span for edge in (span.near, span.far + 1)})
        number = {cut: position for position, cut in enumerate(cuts)}
        places = {window: (number[span.near], number[span.far + 1]) for window, span in spans.items() if span}
        return cls(cuts, places)


def _bucket_rows(
    account_ids: Sequence[int],
    today: date,
    edges: Edges,
    components: Sequence[str],
    campaign_ids: Sequence[int] | None,
) -> list[tuple[int, ...]]:
    """(campaign id, number of the bucket, how many days, their sums) of accounts whose date is `today`."""
    # Built of our own column names alone; everything else is a parameter. No sum of bigint leaves numeric's range.
    sums = "".join(f", least(sum({_COLUMNS[one]}), {_MOST})::bigint" for one in components)
    chosen = "" if campaign_ids is None else "AND m.campaign_id = ANY(%(campaigns)s)"
    statement = f"""
        SELECT m.campaign_id, width_bucket(%(today)s::date - m.date, %(cuts)s::int[]) AS bucket, count(*){sums}
        FROM campaign_metrics m
        JOIN campaigns c ON c.id = m.campaign_id AND c.tenant_id = m.tenant_id
        WHERE m.tenant_id = %(tenant)s AND m.date BETWEEN %(first)s AND %(last)s
            AND coalesce(c.ad_account_id, 0) = ANY(%(accounts)s) {chosen}
        GROUP BY m.campaign_id, bucket
    """
    with connection.cursor() as cursor:
        cursor.execute(
            statement,
            {
                "tenant": bound_tenant_id(),
                "today": today,
                "cuts": edges.cuts,
                "accounts": list(account_ids),
                "first": today - timedelta(days=edges.cuts[-1] - 1),
                "last": today - timedelta(days=edges.cuts[0]),
                "campaigns": list(campaign_ids or []),
            },
        )
        return cursor.fetchall()


def campaigns_today(
    specs: Sequence[RuleSpec], *, now: datetime, campaign_ids: Sequence[int] | None = None
) -> CampaignFacts:
    """What campaigns are now, with their lifetime sums and the age at which their days are complete, where a rule asks.

    No day is added up: for readers that lay the windows themselves.
    """
    wanted = _wanted(specs)
    facts, _accounts = _without_sums(wanted, now, campaign_ids, with_numbers=False)
    lifetime = Window(0, WindowKind.LIFETIME)
    if lifetime in wanted.windows:
        facts.days_seen[lifetime] = np.zeros(facts.count, np.int64)
        for component in wanted.columns:
            facts.sums[lifetime, component] = np.zeros(facts.count, np.int64)
        _add_lifetime(facts, wanted.columns)
    return facts


def asked_windows(specs: Iterable[RuleSpec]) -> tuple[list[Window], list[str]]:
    """The windows of days that some rule asks for, and the components that are summed over their days."""
    wanted = _wanted(specs)
    return [window for window in wanted.windows if window.kind is not WindowKind.LIFETIME], wanted.columns


def most(sums: Ints) -> Ints:
    """Sums as facts hold them: beyond the most that is no error they saturate."""
    return np.minimum(sums, _MOST)
