"""Which of the newest days are still filling up, for sums over one account or over several.

A day counts as immature while less than 90 % of its conversions are in. For a sum over several accounts, the share
is the mean of the accounts' curves (campaigns.queries.completeness), weighted by the conversions of each in the
period: an account that brings few conversions hatches nothing on its own.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import connection

from campaigns.queries.completeness import COMPLETE, MAX_AGE, Completeness, completeness_by_account
from campaigns.queries.conversion import Period
from tenants.context import bound_tenant_id


@dataclass(frozen=True, slots=True)
class Maturity:
    """`since` is the first day of the period that is not complete yet (None: all are, or nobody knows); `newest` the
    estimated share of conversions that is in for the period's last day, 0–1."""

    since: date | None = None
    newest: float | None = None

    def is_immature(self, day: date) -> bool:
        return self.since is not None and day >= self.since

    def tail(self, end: date) -> int:
        """How many of the last days up to `end` are immature."""
        return 0 if self.since is None else max((end - self.since).days + 1, 0)


MATURE = Maturity()


def maturity_of(curve: Completeness, period: Period, today: date) -> Maturity:
    """Of one account; `today` is the date in its zone."""
    return maturity_of_curves([(curve, 1.0)], period, today)


def workspace_maturity(period: Period, today: date, now: datetime | None = None) -> Maturity:
    """Of sums over all accounts; `today` is the date in the workspace's zone."""
    curves = completeness_by_account(now)
    weights = _conversions_by_account(period)
    known = [(curve, weights[pk]) for pk, curve in curves.items() if curve.basis != "unknown" and weights.get(pk)]
    return maturity_of_curves(known, period, today)


def maturity_of_curves(curves: list[tuple[Completeness, float]], period: Period, today: date) -> Maturity:
    """Of a sum over accounts, each with its curve and its weight: the conversions that it brings to the sum."""
    newest = _share(curves, (today - period[1]).days)
    if newest is None:
        return MATURE
    since = None
    # From the oldest age on: a dip in a curve does not end the hatched tail early.
    for age in range(MAX_AGE, -1, -1):
        share = _share(curves, age)
        if share is not None and share < COMPLETE:
            since = today - timedelta(days=age)
            break
    if since is None or since > period[1]:
        return Maturity(None, newest)
    return Maturity(max(since, period[0]), newest)


def _share(curves: list[tuple[Completeness, float]], age: int) -> float | None:
    known = [
        (share, weight) for curve, weight in curves if (share := curve.conversions_at(age)) is not None and weight > 0
    ]
    whole = sum(weight for _share, weight in known)
    return sum(share * weight for share, weight in known) / whole if whole else None


def _conversions_by_account(period: Period) -> dict[int, float]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT ad_account_id, SUM(conversions_micros) FROM daily_totals
            WHERE tenant_id = %s AND date BETWEEN %s AND %s AND ad_account_id IS NOT NULL GROUP BY ad_account_id
            """,
            [bound_tenant_id(), *period],
        )
        return {account_id: float(micros) for account_id, micros in cursor.fetchall()}
