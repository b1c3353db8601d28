"""How complete a day's conversions and revenue are at each age, learnt from their own restatements.

Conversions are booked on the day of the click or view and arrive for weeks after it. For days that have settled, the
revisions say how much of the final count was known at each age; the share is a ratio of sums over days, so that busy
days weigh more. A day's age is the local date of the moment minus the day itself, in the account's zone: what was
known by the end of the day itself is age 0, by the end of the next day age 1.

Only days that were known from the start teach anything: a report of last year, imported today, arrives complete.
Learnt per account; where an account has too little behind it, from all accounts of its platform in the workspace;
where those have too little too, nothing is said.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

from django.core.cache import cache
from django.db import connection, transaction
from django.utils import timezone

from campaigns.models import AdAccount
from campaigns.sql import exact_conversions, hash_joins
from stratum.lib.ratios import MICRO, ratio
from tenants.context import bound_tenant_id

MAX_AGE = 60
# Older days teach about a market, a tracking set-up and a lookback window that may have changed.
LEARNING_DAYS = 180
# First heard of by the end of the next day: what a sync, or a daily import, sees.
ON_TIME_AGE = 1
MIN_DAYS = 14
MIN_CONVERSIONS = 100
COMPLETE = 0.9
# Settled days change once a day. Learning takes seconds for thousands of campaigns: a job does it again after each
# hourly sync, before what pages read runs out.
CACHE_SECONDS = 2 * 3600
WARM_SECONDS = 50 * 60

Basis = Literal["account", "platform", "unknown"]


@dataclass(frozen=True, slots=True)
class Completeness:
    """Share of the final conversions and revenue (minor units) known at age 0, 1, … MAX_AGE; None without any.

    `days` is how many settled days it was learnt from. Shares may pass 1: what is counted can be taken back.
    """

    basis: Basis
    days: int
    conversions: tuple[float | None, ...]
    revenue: tuple[float | None, ...]

    @property
    def mature_age(self) -> int | None:
        """The first age from which on conversions and revenue stay at 90 % and more; None: not known."""
        if self.basis == "unknown":
            return None
        for age in range(MAX_AGE, -1, -1):
            if any(share is not None and share < COMPLETE for share in (self.conversions[age], self.revenue[age])):
                return age + 1
        return 0

    def conversions_at(self, age: int) -> float | None:
        """The share known at an age in days; ages beyond MAX_AGE are settled."""
        return self.conversions[min(age, MAX_AGE)] if age >= 0 else None

    def immature_from(self, today: date) -> date | None:
        """The first day whose conversions are not complete yet on `today` (a date of the account's zone); all days
        from it on are not either. None when completeness is not known, or every day is complete."""
        mature = self.mature_age
        return None if not mature else today - timedelta(days=mature - 1)


UNKNOWN = Completeness("unknown", 0, (None,) * (MAX_AGE + 1), (None,) * (MAX_AGE + 1))


@dataclass(slots=True)
class _Learnt:
    """Sums over settled days: what arrived at each age, and the final counts."""

    days: int
    arrived_micros: list[int]
    arrived_revenue: list[int]

    @property
    def is_enough(self) -> bool:
        return self.days >= MIN_DAYS and sum(self.arrived_micros) >= MIN_CONVERSIONS * MICRO

    def add(self, other: "_Learnt") -> None:
        self.days += other.days
        self.arrived_micros = [a + b for a, b in zip(self.arrived_micros, other.arrived_micros, strict=True)]
        self.arrived_revenue = [a + b for a, b in zip(self.arrived_revenue, other.arrived_revenue, strict=True)]

    def curve(self, basis: Basis) -> Completeness:
        return Completeness(basis, self.days, _shares(self.arrived_micros), _shares(self.arrived_revenue))


def _nothing() -> _Learnt:
    return _Learnt(0, [0] * (MAX_AGE + 1), [0] * (MAX_AGE + 1))


def _shares(arrived: Sequence[int]) -> tuple[float | None, ...]:
    final, known, shares = sum(arrived), 0, []
    for amount in arrived:
        known += amount
        shares.append(ratio(known, final))
    return tuple(shares)


def completeness_by_account(now: datetime | None = None) -> dict[int, Completeness]:
    """Every ad account of the bound workspace. Kept for up to two hours: settled days change once a day."""
    moment = now or timezone.now()
    known = cache.get(_key(moment))
    if known is None:
        known = _learn(moment)
        cache.set(_key(moment), known, CACHE_SECONDS)
    return known


@transaction.atomic
def completeness_warm(now: datetime | None = None) -> int | None:
    """Learn again, for the pages of the next hours; for how many accounts. None: done already within the hour."""
    moment = now or timezone.now()
    if not cache.add(f"completeness-warmed:{bound_tenant_id()}", 1, WARM_SECONDS):
        return None
    known = _learn(moment)
    # After midnight the same holds until the first sync of the day is in.
    for key in {_key(moment), _key(moment + timedelta(hours=1))}:
        cache.set(key, known, CACHE_SECONDS)
    return len(known)


def _key(moment: datetime) -> str:
    return f"completeness:{bound_tenant_id()}:{moment:%Y-%m-%d}"


def completeness_of(account: AdAccount, now: datetime | None = None) -> Completeness:
    return completeness_by_account(now).get(account.pk, UNKNOWN)


def days_immature(account: AdAccount, now: datetime | None = None) -> int | None:
    """Days younger than this (age in days, in the account's zone) are less than 90 % complete; None: not known."""
    return completeness_of(account, now).mature_age


def _learn(moment: datetime) -> dict[int, Completeness]:
    accounts = dict(AdAccount.objects.values_list("id", "platform"))
    learnt = _learnt_by_account(moment)
    platforms: dict[str, _Learnt] = {}
    for account_id, own in learnt.items():
        if account_id in accounts:
            platforms.setdefault(accounts[account_id], _nothing()).add(own)
    curves = {}
    for account_id, platform in accounts.items():
        alone, shared = learnt.get(account_id), platforms.get(platform)
        if alone is not None and alone.is_enough:
            curves[account_id] = alone.curve("account")
        elif shared is not None and shared.is_enough:
            curves[account_id] = shared.curve("platform")
        else:
            curves[account_id] = UNKNOWN
    return curves


def _learnt_by_account(moment: datetime) -> dict[int, _Learnt]:
    params: dict[str, Any] = {
        "tenant": bound_tenant_id(),
        "now": moment,
        "max_age": MAX_AGE,
        "learning": LEARNING_DAYS,
        "on_time": ON_TIME_AGE,
    }
    learnt: dict[int, _Learnt] = {}
    with connection.cursor() as cursor, hash_joins():
        cursor.execute(_ARRIVALS, params)
        for account_id, age, days, micros, revenue in cursor.fetchall():
            one = learnt.setdefault(account_id, _nothing())
            one.days = days
            one.arrived_micros[age] += micros
            one.arrived_revenue[age] += revenue
    return learnt


# Settled days that were known on time and never taken back. What arrived at which age: the first values at the age of
# the first arrival, and each revision's difference at its own age; together they are the present values.
_ARRIVALS = f"""
    WITH settled AS MATERIALIZED (
        SELECT m.campaign_id, m.date, c.ad_account_id, a.timezone AS zone, m.first_known_at,
               {exact_conversions("m")} AS micros, m.revenue_cents AS revenue
        FROM campaign_metrics m
        JOIN campaigns c ON c.tenant_id = m.tenant_id AND c.id = m.campaign_id
        JOIN ad_accounts a ON a.tenant_id = c.tenant_id AND a.id = c.ad_account_id
        WHERE m.tenant_id = %(tenant)s
          AND m.date BETWEEN (%(now)s::timestamptz AT TIME ZONE a.timezone)::date - %(max_age)s - %(learning)s
                         AND (%(now)s::timestamptz AT TIME ZONE a.timezone)::date - %(max_age)s
          AND (m.first_known_at AT TIME ZONE a.timezone)::date - m.date <= %(on_time)s
    ), changes AS (
        SELECT s.ad_account_id, s.campaign_id, s.date,
               (r.known_at AT TIME ZONE s.zone)::date - s.date AS age,
               r.new_conversions_micros - r.old_conversions_micros AS micros,
               r.new_revenue_cents - r.old_revenue_cents AS revenue
        FROM settled s
        JOIN metric_revisions r ON r.tenant_id = %(tenant)s AND r.campaign_id = s.campaign_id AND r.date = s.date
    ), taken_back AS (
        SELECT DISTINCT campaign_id, date FROM changes WHERE micros IS NULL
    ), first AS (
        SELECT s.ad_account_id, s.date, (s.first_known_at AT TIME ZONE s.zone)::date - s.date AS age,
               s.micros - COALESCE(later.micros, 0) AS micros, s.revenue - COALESCE(later.revenue, 0) AS revenue
        FROM settled s
        LEFT JOIN (
            SELECT campaign_id, date, SUM(micros) AS micros, SUM(revenue) AS revenue FROM changes GROUP BY 1, 2
        ) later ON later.campaign_id = s.campaign_id AND later.date = s.date
        WHERE NOT EXISTS (SELECT FROM taken_back t WHERE t.campaign_id = s.campaign_id AND t.date = s.date)
    ), arrived AS (
        SELECT ad_account_id, age, micros, revenue FROM first
        UNION ALL
        SELECT c.ad_account_id, c.age, c.micros, c.revenue FROM changes c
        WHERE NOT EXISTS (SELECT FROM taken_back t WHERE t.campaign_id = c.campaign_id AND t.date = c.date)
    ), days AS (
        SELECT ad_account_id, count(DISTINCT date) AS days FROM first GROUP BY 1
    )
    SELECT ad_account_id, LEAST(GREATEST(age, 0), %(max_age)s) AS age, days.days,
           SUM(micros)::bigint, SUM(revenue)::bigint
    FROM arrived JOIN days USING (ad_account_id)
    GROUP BY 1, 2, 3
"""
