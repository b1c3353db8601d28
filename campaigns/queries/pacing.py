"""Budgets against spend: the month so far, what is left of it, and a flight's lifetime budget.

A month's budget is the daily budgets of the active campaigns × the days of the month; by a day it should have been
spent in proportion to the days that are over. The projected month end is the spend so far plus the mean of the last
seven full days for each day still to come. A campaign without a daily budget has no pace.
"""

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.db import connection

from campaigns.models import Campaign
from campaigns.queries.conversion import conversion_for
from stratum.lib.ratios import ratio
from tenants.context import bound_tenant_id

RUN_RATE_DAYS = 7
# Within a tenth of the plan is on pace: platforms may overspend a day and even it out over the week.
TOLERANCE = 0.10


def month_length(day: date) -> int:
    """Days of the month that the day lies in."""
    return calendar.monthrange(day.year, day.month)[1]


@dataclass(frozen=True, slots=True)
class Pace:
    """Spend of a month against its budget, money in minor units of one currency; `through` is the last full day."""

    through: date
    budget: int
    spent: int
    run_rate: float

    @property
    def days(self) -> int:
        return month_length(self.through)

    @property
    def due(self) -> int:
        """What would be spent by now at an even pace."""
        return round(self.budget * self.through.day / self.days)

    @property
    def projected(self) -> int:
        """Spend at the end of the month if the last seven days go on."""
        return round(self.spent + self.run_rate * (self.days - self.through.day))

    @property
    def share(self) -> float | None:
        """Spent ÷ the month's budget."""
        return ratio(self.spent, self.budget)

    @property
    def deviation(self) -> float | None:
        """How far the projection is from the budget: −0.2 is a fifth below."""
        projected = ratio(self.projected, self.budget)
        return None if projected is None else projected - 1

    @property
    def state(self) -> str:
        """'under', 'on', 'over', or 'none' without a budget."""
        if self.deviation is None:
            return "none"
        if self.deviation > TOLERANCE:
            return "over"
        return "under" if self.deviation < -TOLERANCE else "on"


@dataclass(frozen=True, slots=True)
class PlatformPace:
    platform: str
    pace: Pace
    campaigns: int


@dataclass(frozen=True, slots=True)
class WorkspacePace:
    """The pace of all active campaigns with a daily budget, whole and per platform."""

    currency: str
    whole: Pace
    platforms: Sequence[PlatformPace]
    campaigns: int


def workspace_pace(target: str, through: date, campaign_ids: Sequence[int] | None = None) -> WorkspacePace | None:
    """Pacing of the month of `through`; None when no active campaign has a daily budget with a rate.

    `campaign_ids` narrows it. Two statements, one more where rates are needed.
    """
    month = (through.replace(day=1), through)
    recent = (through - timedelta(days=RUN_RATE_DAYS - 1), through)
    span = (min(month[0], recent[0]), through)
    budgeted = Campaign.objects.filter(status="active", daily_budget_cents__gt=0)
    if campaign_ids is not None:
        budgeted = budgeted.filter(pk__in=campaign_ids)
    only = "" if campaign_ids is None else "AND c.id = ANY(%s)"
    conversion = conversion_for(target, [span], sorted(set(budgeted.values_list("currency", flat=True))))
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH {conversion.cte},
            budgeted AS (
                SELECT c.id, c.platform, c.currency,
                       c.daily_budget_cents * CASE WHEN c.currency = %s THEN 1 ELSE rate.factor END AS budget
                FROM campaigns c LEFT JOIN rate ON rate.currency = c.currency AND rate.date = %s
                WHERE c.tenant_id = %s AND c.status = 'active' AND c.is_deleted IS NOT TRUE
                  AND c.daily_budget_cents > 0 AND (c.currency = %s OR rate.factor IS NOT NULL) {only}
            ),
            spent AS (
                SELECT m.campaign_id,
                       SUM(m.spend_cents * COALESCE(rate.factor, 1)) FILTER (WHERE m.date >= %s) AS month,
                       SUM(m.spend_cents * COALESCE(rate.factor, 1)) FILTER (WHERE m.date >= %s) AS recent
                FROM campaign_metrics m
                JOIN budgeted b ON b.id = m.campaign_id
                LEFT JOIN rate ON b.currency <> %s AND rate.currency = b.currency AND rate.date = m.date
                WHERE m.tenant_id = %s AND m.date BETWEEN %s AND %s
                GROUP BY m.campaign_id
            )
            SELECT b.platform, count(*), SUM(b.budget), COALESCE(SUM(s.month), 0), COALESCE(SUM(s.recent), 0)
            FROM budgeted b LEFT JOIN spent s ON s.campaign_id = b.id
            GROUP BY b.platform ORDER BY SUM(b.budget) DESC, b.platform
            """,
            [
                *conversion.cte_params, target, through, bound_tenant_id(), target,
                *([] if campaign_ids is None else [list(campaign_ids)]),
                month[0], recent[0], target, bound_tenant_id(), *span,
            ],
        )  # fmt: skip
        rows = cursor.fetchall()
    if not rows:
        return None
    days = month_length(through)
    platforms = [
        PlatformPace(platform, Pace(through, round(budget * days), round(spent), float(recent) / RUN_RATE_DAYS), count)
        for platform, count, budget, spent, recent in rows
    ]
    whole = Pace(
        through,
        sum(one.pace.budget for one in platforms),
        sum(one.pace.spent for one in platforms),
        sum(one.pace.run_rate for one in platforms),
    )
    return WorkspacePace(target, whole, platforms, sum(one.campaigns for one in platforms))


@dataclass(frozen=True, slots=True)
class FlightPace:
    """A lifetime budget against the flight: shares of the money and of the days that are over, 0–1."""

    budget: int
    spent: int
    start: date | None
    end: date | None
    through: date

    @property
    def money_share(self) -> float | None:
        return ratio(self.spent, self.budget)

    @property
    def time_share(self) -> float | None:
        if self.start is None or self.end is None or self.end < self.start:
            return None
        days = (self.end - self.start).days + 1
        over = min(max((self.through - self.start).days + 1, 0), days)
        return over / days


def campaign_pace(campaign: Campaign, through: date) -> Pace | None:
    """The month's pace of one campaign in its own currency; None without a daily budget."""
    if not campaign.daily_budget_cents:
        return None
    first = min(through.replace(day=1), through - timedelta(days=RUN_RATE_DAYS - 1))
    spent = dict(campaign.metrics.between(first, through).values_list("date", "spend_cents"))
    month = sum(spend for day, spend in spent.items() if day >= through.replace(day=1))
    recent = sum(spend for day, spend in spent.items() if day > through - timedelta(days=RUN_RATE_DAYS))
    return Pace(through, campaign.daily_budget_cents * month_length(through), month, recent / RUN_RATE_DAYS)
