"""Schedules of reports, and campaigns whose conversions arrive late."""

import datetime
from zoneinfo import ZoneInfo

from django.db import transaction

from campaigns.models import Campaign
from campaigns.tests.factories import make_account, make_campaign, record_days
from rules.models import ReportSchedule
from tenants.context import tenant_context
from tenants.models import Tenant

UTC = datetime.UTC
# A Tuesday; the week before ended on 22 November.
NOW = datetime.datetime(2026, 11, 24, 8, 2, tzinfo=UTC)
YESTERDAY = datetime.date(2026, 11, 23)
NEW_YORK = ZoneInfo("America/New_York")


def inside(tenant: Tenant, work):
    with tenant_context(tenant), transaction.atomic():
        return work()


def make_schedule(tenant: Tenant, **fields: object) -> ReportSchedule:
    """A confirmed daily schedule at 08:00 UTC that is due at NOW."""
    values = {
        "name": "Morning report",
        "kind": "daily",
        "confirmed_at": NOW - datetime.timedelta(days=3),
        "next_run_at": NOW.replace(minute=0),
        **fields,
    }
    return inside(tenant, lambda: ReportSchedule.objects.create(tenant=tenant, **values))


def day_values(conversions: int = 4, revenue: int = 40_000, spend: int = 10_000) -> dict[str, int]:
    return {
        "impressions": 10_000,
        "clicks": 200,
        "spend_cents": spend,
        "conversions_micros": conversions * 1_000_000,
        "revenue_cents": revenue,
    }


def known(campaign: Campaign, day: datetime.date, *, days_later: int = 1, hour: int = 6, **values: int) -> None:
    """A day's numbers as they came in on the morning some days later."""
    moment = datetime.datetime.combine(day + datetime.timedelta(days=days_later), datetime.time(hour), tzinfo=UTC)
    record_days(campaign, {day: day_values(**values)}, known_at=moment)


def make_history(tenant: Tenant, days: int = 4, **fields: object) -> Campaign:
    """A campaign whose every day is known the next morning with 4 conversions and 400.00, and two days after it with 6
    conversions and 600.00."""
    account = make_account(tenant, platform=fields.get("platform", "meta"))
    campaign = make_campaign(tenant, account=account, **fields)
    for back in range(days - 1, -1, -1):
        day = YESTERDAY - datetime.timedelta(days=back)
        known(campaign, day)
    for back in range(days - 1, 0, -1):
        day = YESTERDAY - datetime.timedelta(days=back)
        known(campaign, day, days_later=2, conversions=6, revenue=60_000)
    return campaign
