"""What each campaign did in some days, as it was known at a moment, in one currency.

All figures of a report are made of these sums, so that its parts add up to its whole. The period is read as known at
the moment of the report, the one before it as known when it was as old: what arrives late is then missing on both
sides, and a change between them is one of the campaigns.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db import connection

from campaigns.queries.comparability import ENOUGH
from campaigns.queries.conversion import Conversion
from campaigns.queries.known import known_facts_cte
from campaigns.queries.totals import ExactSums
from campaigns.sql import hash_joins
from rules.conditions.report_times import Days
from stratum.lib.ratios import Totals
from tenants.context import bound_tenant_id

# Stands for 'no ad account' where sums are grouped by account.
NO_ACCOUNT = 0


@dataclass(frozen=True, slots=True)
class CampaignSums:
    """One campaign. `rows` is how many of its days had numbers, `days` which ones."""

    id: int
    name: str
    platform: str
    status: str
    account_id: int
    account: str
    sums: ExactSums
    rows: int
    days: frozenset[date]

    @property
    def totals(self) -> Totals:
        return self.sums.rounded


Sums = Mapping[int, CampaignSums]


def campaign_sums(
    days: Days, moment: datetime, conversion: Conversion, campaign_ids: Sequence[int] | None = None
) -> dict[int, CampaignSums]:
    """Campaign → its sums over the days as known at `moment`, currencies without a rate left out. One statement."""
    known, params = known_facts_cte(moment, start=days.start, end=days.end, campaign_ids=campaign_ids)
    rows = _fetch(
        f"""
        WITH {conversion.named_cte}, {known}
        SELECT c.id, c.name, c.platform, c.status, COALESCE(c.ad_account_id, {NO_ACCOUNT}), COALESCE(a.name, ''),
               SUM(k.impressions), SUM(k.clicks), SUM(k.conversions_micros),
               SUM(k.spend_cents * COALESCE(rate.factor, 1)), SUM(k.revenue_cents * COALESCE(rate.factor, 1)),
               count(*), array_agg(DISTINCT k.date)
        FROM known k
        JOIN campaigns c ON c.tenant_id = %(tenant)s AND c.id = k.campaign_id
        LEFT JOIN ad_accounts a ON a.tenant_id = c.tenant_id AND a.id = c.ad_account_id
        LEFT JOIN rate ON rate.currency = c.currency AND rate.date = k.date
        WHERE c.currency = %(target)s OR rate.factor IS NOT NULL
        GROUP BY c.id, c.name, c.platform, c.status, c.ad_account_id, a.name
        ORDER BY c.id
        """,
        {**params, **conversion.named_params, "tenant": bound_tenant_id(), "target": conversion.target},
    )
    return {
        row[0]: CampaignSums(*row[:6], _exact(row[6:11]), row[11], frozenset(row[12])) for row in rows
    }  # fmt: skip


def day_sums(
    days: Days, moment: datetime, conversion: Conversion, campaign_ids: Sequence[int] | None = None
) -> dict[date, Totals]:
    """Day → sums of all campaigns as known at `moment`; days without numbers are left out. One statement."""
    known, params = known_facts_cte(moment, start=days.start, end=days.end, campaign_ids=campaign_ids)
    rows = _fetch(
        f"""
        WITH {conversion.named_cte}, {known}
        SELECT k.date, SUM(k.impressions), SUM(k.clicks), SUM(k.conversions_micros),
               SUM(k.spend_cents * COALESCE(rate.factor, 1)), SUM(k.revenue_cents * COALESCE(rate.factor, 1))
        FROM known k
        JOIN campaigns c ON c.tenant_id = %(tenant)s AND c.id = k.campaign_id
        LEFT JOIN rate ON rate.currency = c.currency AND rate.date = k.date
        WHERE c.currency = %(target)s OR rate.factor IS NOT NULL
        GROUP BY k.date ORDER BY k.date
        """,
        {**params, **conversion.named_params, "tenant": bound_tenant_id(), "target": conversion.target},
    )
    return {row[0]: _exact(row[1:6]).rounded for row in rows}


def _fetch(sql: str, params: Mapping[str, Any]) -> list[tuple]:
    with connection.cursor() as cursor, hash_joins():
        cursor.execute(sql, params)
        return cursor.fetchall()


def _exact(row: Sequence[Any]) -> ExactSums:
    sums = ExactSums()
    sums.add(*row)
    return sums


def total(rows: Iterable[CampaignSums]) -> Totals:
    """All of them together, rounded once."""
    whole = ExactSums()
    for one in rows:
        sums = one.sums
        whole.add(sums.impressions, sums.clicks, sums.conversions_micros, sums.spend, sums.revenue)
    return whole.rounded


def by_key(rows: Iterable[CampaignSums], key: Callable[[CampaignSums], str]) -> dict[str, Totals]:
    grouped: dict[str, list[CampaignSums]] = {}
    for one in rows:
        grouped.setdefault(key(one), []).append(one)
    return {name: total(found) for name, found in sorted(grouped.items())}


@dataclass(frozen=True, slots=True)
class Compared:
    """A period and the one before it at the same age.

    `late` are accounts whose earlier days were not known yet at that age: a change of theirs could not be told from
    numbers that came in, so neither of their sides takes part in `now` and `before`. `whole` has all of the period.
    """

    whole: Sums
    now: Sums
    before: Sums
    late: frozenset[int] = field(default_factory=frozenset)

    @property
    def days(self) -> int:
        return len({day for one in self.now.values() for day in one.days})

    @property
    def days_before(self) -> int:
        return len({day for one in self.before.values() for day in one.days})


def compared_sums(
    days: Days,
    moment: datetime,
    then: datetime,
    conversion: Conversion,
    campaign_ids: Sequence[int] | None = None,
) -> Compared:
    """Both periods. Three statements."""
    whole = campaign_sums(days, moment, conversion, campaign_ids)
    before = campaign_sums(days.before, then, conversion, campaign_ids)
    known_then, known_now = (
        _rows_by_account(one) for one in (before, campaign_sums(days.before, moment, conversion, campaign_ids))
    )
    late = frozenset(account for account, rows in known_now.items() if known_then[account] < ENOUGH * rows)
    return Compared(whole, _without(whole, late), _without(before, late), late)


def _rows_by_account(sums: Sums) -> Counter[int]:
    found: Counter[int] = Counter()
    for one in sums.values():
        found[one.account_id] += one.rows
    return found


def _without(sums: Sums, accounts: frozenset[int]) -> dict[int, CampaignSums]:
    return {pk: one for pk, one in sums.items() if one.account_id not in accounts}
