"""What all campaigns of the workspace are and did, read once for all rules: a fixed number of statements per pass.

Window sums: one statement over campaign_metrics with one FILTER per window and sum that some rule asks for, so the
cost does not depend on how many rules share them. A window ends on the last full day of the campaign's own ad
account (in the workspace's zone where a campaign has no account), hence on different dates for different accounts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from accounts.middleware import zone_or_utc
from campaigns.choices import AccountStatus
from campaigns.models import AdAccount, Campaign
from rules.conditions import RuleSpec
from rules.conditions.specs import Mask
from stratum.lib.money import decimals
from tenants.context import bound_tenant_id
from tenants.models import Tenant

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

# The newest day of an account, of all its campaigns and of its imports, with the moment at which it was known. No
# older day can reach further: a day's numbers are complete up to min(day, day before it was loaded).
_NEWEST_DAYS = """
    (SELECT DISTINCT ON (account_id) account_id, date, known_at FROM (
        SELECT coalesce(c.ad_account_id, 0) AS account_id, newest.date, newest.known_at
        FROM campaigns c CROSS JOIN LATERAL (
            SELECT m.date, m.known_at FROM campaign_metrics m
            WHERE m.campaign_id = c.id AND m.tenant_id = c.tenant_id ORDER BY m.date DESC LIMIT 1
        ) newest WHERE c.tenant_id = %(tenant)s
    ) days ORDER BY account_id, date DESC, known_at DESC)
    UNION ALL
    (SELECT DISTINCT ON (ad_account_id) ad_account_id, date_to, finished_at FROM import_batches
     WHERE tenant_id = %(tenant)s AND status = 'done' AND ad_account_id IS NOT NULL
        AND date_to IS NOT NULL AND finished_at IS NOT NULL
     ORDER BY ad_account_id, date_to DESC, finished_at DESC)
"""


@dataclass(frozen=True, slots=True)
class AccountDay:
    """Where one ad account stands: its zone, its last full day, and the last day whose numbers are complete."""

    account_id: int
    name: str
    zone: str
    today: date
    data_through: date | None

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

    Money is in minor units of `currencies`; `sums[days, component]` are sums over the last `days` full days;
    `days_seen[days]` counts the days of that window that have a row.
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
    sums: dict[tuple[int, str], Ints] = field(default_factory=dict)
    days_seen: dict[int, Ints] = field(default_factory=dict)
    _labelled: dict[str, Mask] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return len(self.ids)

    @cached_property
    def fresh(self) -> Mask:
        return np.fromiter((account.is_fresh for account in self.accounts), bool, self.count)

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
    """Everything the rules ask about: all campaigns of the bound workspace, or the named ones. Five statements."""
    accounts = _account_days(now)
    facts = _campaigns(now, accounts, campaign_ids)
    wanted = _wanted_sums(specs)
    if wanted:
        _add_sums(facts, accounts, wanted, campaign_ids)
    return facts


def _campaigns(now: datetime, accounts: dict[int, AccountDay], campaign_ids: Sequence[int] | None) -> CampaignFacts:
    campaigns = Campaign.objects.order_by("id")
    if campaign_ids is not None:
        campaigns = campaigns.filter(id__in=list(campaign_ids))
    rows = list(
        campaigns.values_list(
            "id", "name", "platform", "status", "objective", "currency", "labels", "daily_budget_cents", "start_date",
            "ad_account_id",
        )
    )  # fmt: skip
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


def _account_days(now: datetime) -> dict[int, AccountDay]:
    """Every ad account (deleted ones too: their campaigns may still stand) and the workspace itself, as NO_ACCOUNT."""
    rows = list(AdAccount.objects.with_deleted().values_list("id", "name", "timezone", "status", "last_synced_at"))
    workspace_zone = Tenant.objects.values_list("timezone", flat=True).get()
    rows.append((NO_ACCOUNT, "", workspace_zone, AccountStatus.IMPORT_ONLY, None))
    newest = _newest_days()
    days = {}
    for account_id, name, zone_name, status, last_synced_at in rows:
        zone = zone_or_utc(zone_name)
        # A sync asks for every day up to its moment, also for those without a row; an import brings what it brings.
        asked = [] if status == AccountStatus.IMPORT_ONLY or last_synced_at is None else [(date.max, last_synced_at)]
        complete = [
            min(day, known_at.astimezone(zone).date() - timedelta(days=1))
            for day, known_at in [*newest.get(account_id, []), *asked]
        ]
        days[account_id] = AccountDay(
            account_id, name, zone.key, now.astimezone(zone).date(), max(complete, default=None)
        )
    return days


def _newest_days() -> dict[int, list[tuple[date, datetime]]]:
    newest: dict[int, list[tuple[date, datetime]]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST_DAYS, {"tenant": bound_tenant_id()})
        for account_id, day, known_at in cursor.fetchall():
            newest.setdefault(account_id, []).append((day, known_at))
    return newest


def _wanted_sums(specs: Iterable[RuleSpec]) -> list[tuple[int, str]]:
    wanted: set[tuple[int, str]] = set()
    for spec in specs:
        window, quotient = spec.condition.window, spec.condition.field.quotient
        if window is None or quotient is None:
            continue
        wanted |= {(window.days, component) for component in (*quotient.components, _DAYS)}
    return sorted(wanted)


def _add_sums(
    facts: CampaignFacts,
    accounts: dict[int, AccountDay],
    wanted: list[tuple[int, str]],
    campaign_ids: Sequence[int] | None,
) -> None:
    rows = _sum_rows(accounts, wanted, campaign_ids)
    table = np.array(rows, dtype=np.int64).reshape(len(rows), len(wanted) + 1)
    positions, known = facts.positions(table[:, 0])
    for column, (days, component) in enumerate(wanted, start=1):
        values = np.zeros(facts.count, np.int64)
        values[positions[known]] = table[known, column]
        if component == _DAYS:
            facts.days_seen[days] = values
        else:
            facts.sums[days, component] = values


def _sum_rows(
    accounts: dict[int, AccountDay], wanted: list[tuple[int, str]], campaign_ids: Sequence[int] | None
) -> list[tuple[int, ...]]:
    """(campaign id, one number for each wanted sum) of the campaigns that have a row in the widest window."""
    ends = [account.last_full_day for account in accounts.values()]
    widest = max(days for days, _component in wanted)
    # Built of our own column names and whole numbers alone; everything else is a parameter.
    columns = ", ".join(_filtered_sum(days, component) for days, component in wanted)
    chosen = "" if campaign_ids is None else "AND m.campaign_id = ANY(%(campaigns)s)"
    statement = f"""
        SELECT m.campaign_id, {columns}
        FROM campaign_metrics m
        JOIN campaigns c ON c.id = m.campaign_id AND c.tenant_id = m.tenant_id
        JOIN unnest(%(accounts)s::bigint[], %(ends)s::date[]) AS a(account_id, last_day)
            ON a.account_id = coalesce(c.ad_account_id, 0)
        WHERE m.tenant_id = %(tenant)s AND m.date BETWEEN %(first)s AND %(last)s
            AND m.date <= a.last_day AND a.last_day - m.date < {int(widest)} {chosen}
        GROUP BY m.campaign_id
    """
    with connection.cursor() as cursor:
        cursor.execute(
            statement,
            {
                "tenant": bound_tenant_id(),
                "accounts": list(accounts),
                "ends": ends,
                "first": min(ends) - timedelta(days=widest - 1),
                "last": max(ends),
                "campaigns": list(campaign_ids or []),
            },
        )
        return cursor.fetchall()


def _filtered_sum(days: int, component: str) -> str:
    within = f"FILTER (WHERE a.last_day - m.date < {int(days)})"
    if component == _DAYS:
        return f"count(*) {within}"
    # Sums of bigint are numeric; none of ours leaves 64 bits, and a saturated one still compares rightly.
    return f"coalesce(least(sum({_COLUMNS[component]}) {within}, 9223372036854775807), 0)::bigint"
