"""The demo's ad accounts, campaigns and daily numbers with their whole past, written through the product's services."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from campaigns.choices import RevisionSource
from campaigns.clients.ecb import DayRate
from campaigns.models import AdAccount, Campaign, ExchangeRate
from campaigns.services.accounts import account_create
from campaigns.services.campaign_rows import CampaignRow, campaigns_upsert
from campaigns.services.campaigns import campaigns_label
from campaigns.services.history import history_load
from campaigns.services.metrics import MetricRow
from campaigns.services.rates import rates_store
from stratum.demo.catalogue import ACCOUNTS, CAMPAIGNS, CHANNELS, AccountPlan, CampaignPlan
from stratum.demo.market import DayTruth, Flight, Reading, days_of, euro_rates, make_flight, readings
from stratum.demo.workspaces import ACTOR, Agency

# Rates of the days before the first: a Monday's money is converted with Friday's rate.
RATES_BEFORE = timedelta(days=10)


@dataclass(frozen=True, slots=True)
class Span:
    """The demo's days. `today` is partly over at `as_of`, the moment of the last reading."""

    first: date
    today: date
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """A campaign with all its days, as they will have been."""

    flight: Flight
    external_id: str
    days: list[DayTruth]


def load_rates(seed: int, span: Span) -> int:
    """Rates for the demo's days where the table has none: real ones are never replaced. How many were added."""
    start = span.first - RATES_BEFORE
    known = set(ExchangeRate.objects.filter(date__gte=start).values_list("currency", "date"))
    made = euro_rates(start, span.today - timedelta(days=1), random.Random(f"{seed}:rates"))
    rates = [DayRate(day, currency, Decimal(text)) for day, currency, text in made if (currency, day) not in known]
    return rates_store(rates=rates, source="demo").added


def load_numbers(agency: Agency, seed: int, span: Span) -> tuple[int, int]:
    """Accounts, campaigns and numbers of one agency; (days, restatements)."""
    days = revisions = 0
    for number, plan in enumerate(ACCOUNTS, 1):
        account = account_create(
            platform=plan.platform,
            external_id=account_external_id(agency, plan, number),
            name=plan.name.format(brand=agency.brand),
            currency=plan.currency,
            timezone=plan.timezone,
            actor=ACTOR,
        )
        deliveries = deliveries_of(agency, plan, seed, span)
        ids = campaigns_upsert(account=account, rows=map(campaign_row, deliveries), actor=ACTOR).ids
        result = history_load(
            account=account,
            readings=_readings(deliveries, ids, plan.timezone, span.as_of),
            source=RevisionSource.DEMO,
            actor=ACTOR,
        )
        days, revisions = days + result.days, revisions + result.revisions
    _label(agency)
    AdAccount.objects.update(last_synced_at=span.as_of)
    Campaign.objects.update(last_synced_at=span.as_of)
    return days, revisions


def plans_of(agency: Agency) -> list[CampaignPlan]:
    return [plan for plan in CAMPAIGNS if plan.in_twin or not agency.is_twin]


def account_external_id(agency: Agency, plan: AccountPlan, number: int) -> str:
    """An id in the platform's own form, different in the two agencies."""
    digits = f"{4125550000 + 100 * number + (57 if agency.is_twin else 12)}"
    return f"act_{digits}" if plan.platform == "meta" else digits


def deliveries_of(agency: Agency, account: AccountPlan, seed: int, span: Span) -> list[Delivery]:
    """What each campaign of an account did. A campaign's numbers hang on the seed, the agency and its name alone."""
    found = []
    for number, plan in enumerate(CAMPAIGNS, 1):
        if plan.account != account.key or plan not in plans_of(agency):
            continue
        rng = random.Random(f"{seed}:{agency.slug}:{plan.account}:{plan.name}")
        flight = make_flight(
            plan,
            rng,
            platform=account.platform,
            currency=account.currency,
            timezone=account.timezone,
            first=span.first,
            today=span.today,
        )
        external_id = f"{23850000000000 + number * 1009 + (500 if agency.is_twin else 0)}"
        found.append(Delivery(flight, external_id, days_of(flight, rng, first=span.first, today=span.today)))
    return found


def campaign_row(delivery: Delivery) -> CampaignRow:
    flight = delivery.flight
    return CampaignRow(
        external_id=delivery.external_id,
        name=flight.plan.name,
        status=flight.plan.status,
        objective=CHANNELS[flight.plan.channel].objective,
        daily_budget_cents=flight.daily_budget,
        lifetime_budget_cents=flight.lifetime_budget,
        start_date=flight.start,
        end_date=flight.end,
    )


def _readings(
    deliveries: list[Delivery], ids: dict[str, int], timezone: str, as_of: datetime
) -> Iterator[tuple[datetime, MetricRow]]:
    for delivery in deliveries:
        campaign_id = ids[delivery.external_id]
        for day in delivery.days:
            for reading in readings(day, timezone=timezone, as_of=as_of):
                yield reading.known_at, metric_row(campaign_id, reading)


def metric_row(campaign_id: int, reading: Reading) -> MetricRow:
    return MetricRow(
        campaign_id=campaign_id,
        date=reading.date,
        impressions=reading.impressions,
        clicks=reading.clicks,
        spend_cents=reading.spend,
        conversions_micros=reading.conversions_micros,
        revenue_cents=reading.revenue,
        video_views=reading.video_views,
        video_completions=reading.video_completions,
        shares=reading.shares,
        comments=reading.comments,
        saves=reading.saves,
    )


def _label(agency: Agency) -> None:
    ids: dict[str, list[int]] = {}
    by_name = {(name, platform): pk for name, platform, pk in Campaign.objects.values_list("name", "platform", "pk")}
    platforms = {account.key: account.platform for account in ACCOUNTS}
    for plan in plans_of(agency):
        for label in plan.labels:
            ids.setdefault(label, []).append(by_name[plan.name, platforms[plan.account]])
    for label, campaign_ids in ids.items():
        campaigns_label(campaign_ids=campaign_ids, label=label, operation="label_added", actor=ACTOR)
