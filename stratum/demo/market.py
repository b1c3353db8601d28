"""A small market: what really happened to each demo campaign on each day, and what was known of it when.

Pure functions over `random.Random`; nothing here touches the database. Amounts are minor units of the campaign's
currency, conversions × 1,000,000, times aware datetimes.
"""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from stratum.demo.catalogue import CHANNELS, PER_DOLLAR, TRADES, CampaignPlan, Channel
from stratum.lib.money import decimals

MICRO = 1_000_000
# A conversion that arrives later than this is not attributed any more.
LONGEST_DELAY_DAYS = 60
# Ages in days at which a day is read again in the small hours; half of the conversions are there within three.
READ_AT_AGES = (1, 2, 3, 4, 5, 6, 7, 9, 11, 14, 18, 22, 28, 35, 42, 49, 56, 61)
MORNING, EVENING = time(5, 20), time(18, 10)
# Days on which Meta's tracking was broken: clicks went on, conversions fell to nothing.
INCIDENT_PLATFORM, INCIDENT_DAYS_AGO = "meta", (17, 16)
# Daily spend of a campaign that is not small, in US dollars.
SPEND = {"large": (260.0, 720.0), "mid": (70.0, 190.0)}
# A lifetime budget counts as used up when this share of it is left.
SPENT = 0.02
# Expected conversions of a small campaign's day, so that 70 % of these days show none: e^−0.36 is 0.70, and a tenth of
# all conversions is still on its way.
SMALL_CONVERSIONS = 0.39


@dataclass(frozen=True, slots=True)
class Arrival:
    """One attributed conversion. `hours` after the start of the day of the click. `micros` may be a fraction."""

    hours: float
    micros: int
    revenue: int


@dataclass(frozen=True, slots=True)
class DayTruth:
    """One campaign-day when everything has arrived. `invalid` clicks are taken back on the third day."""

    date: date
    impressions: int
    clicks: int
    invalid: int
    spend: int
    arrivals: tuple[Arrival, ...]  # in the order of their arrival
    video_views: int | None = None
    video_completions: int | None = None
    shares: int | None = None
    comments: int | None = None
    saves: int | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """One campaign-day as it was known from `known_at` on."""

    date: date
    known_at: datetime
    impressions: int
    clicks: int
    conversions_micros: int
    spend: int
    revenue: int
    video_views: int | None = None
    video_completions: int | None = None
    shares: int | None = None
    comments: int | None = None
    saves: int | None = None


@dataclass(frozen=True, slots=True)
class Flight:
    """A campaign with its amounts: what it may spend and what it would like to."""

    plan: CampaignPlan
    platform: str
    currency: str
    timezone: str
    daily_budget: int | None
    lifetime_budget: int | None
    # Spend of an average day if no budget stood in the way.
    appetite: float
    ctr: float
    cpc: float
    cvr: float
    order: float
    start: date
    end: date | None


def make_flight(
    plan: CampaignPlan, rng: random.Random, *, platform: str, currency: str, timezone: str, first: date, today: date
) -> Flight:
    """Set a campaign's amounts. Half of the campaigns would spend more than their budget allows."""
    channel, trade = CHANNELS[plan.channel], TRADES[plan.trade]
    unit = float(PER_DOLLAR[currency]) * 10 ** decimals(currency)
    cpc = channel.cpc * rng.uniform(0.9, 1.15) * unit
    cvr = channel.cvr * trade.cvr * rng.uniform(0.85, 1.2)
    spend = SMALL_CONVERSIONS * cpc / cvr if plan.size == "small" else rng.uniform(*SPEND[plan.size]) * unit
    limited = rng.random() < 0.5
    budget = round_budget(spend if limited else spend * rng.uniform(1.5, 2.2), currency)
    return Flight(
        plan=plan,
        platform=platform,
        currency=currency,
        timezone=timezone,
        daily_budget=None if plan.lifetime_days else budget,
        lifetime_budget=round_budget(spend * plan.lifetime_days, currency) if plan.lifetime_days else None,
        appetite=spend * (1.3 if limited else 1.0),
        ctr=channel.ctr * rng.uniform(0.92, 1.08),
        cpc=cpc,
        cvr=cvr,
        order=trade.order * unit * rng.uniform(0.85, 1.25),
        start=first - timedelta(days=rng.randint(20, 400)) if plan.starts is None else today - timedelta(plan.starts),
        end=None if plan.ends is None else today - timedelta(plan.ends),
    )


def round_budget(minor: float, currency: str) -> int:
    """An amount as a person would type it: two significant digits, whole units."""
    unit = 10 ** decimals(currency)
    units = max(1.0, minor / unit)
    step = 10 ** max(0, math.floor(math.log10(units)) - 1)
    return int(max(1, round(units / step)) * step) * unit


def season(trade: str, day: date) -> float:
    """How strong the time of the year is: shoppers before the holidays, travellers in summer and January."""
    year = day.timetuple().tm_yday / 365.25
    if trade in ("retail", "loyalty"):
        return 1.0 + 0.32 * math.exp(-(((year - 0.91) / 0.035) ** 2)) - 0.05 * math.cos(2 * math.pi * (year - 0.1))
    if trade == "travel":
        return 1.0 + 0.14 * math.cos(2 * math.pi * (year - 0.55)) + 0.10 * math.exp(-(((year - 0.05) / 0.05) ** 2))
    return 1.0


def days_of(flight: Flight, rng: random.Random, *, first: date, today: date) -> list[DayTruth]:
    """Every day on which the campaign delivered, from `first` to `today` inclusive, as it will have been when all
    its conversions are in. `today` is simulated whole; what of it is known already is decided by `readings`."""
    if flight.plan.status == "draft":
        return []
    last = min(today, flight.end) if flight.end else today
    day, spent, result = max(first, flight.start), 0, []
    while day <= last:
        left = None if flight.lifetime_budget is None else flight.lifetime_budget - spent
        if left is not None and left <= flight.lifetime_budget * SPENT:
            break
        truth = _one_day(flight, rng, day, today=today, left=left)
        spent += truth.spend
        result.append(truth)
        day += timedelta(days=1)
    return result


def _one_day(flight: Flight, rng: random.Random, day: date, *, today: date, left: int | None) -> DayTruth:
    channel = CHANNELS[flight.plan.channel]
    spend, clicks, impressions = _delivery(flight, channel, rng, day, left)
    arrivals = _arrivals(flight, channel, rng, clicks, _conversion_rate(flight, day, today))
    views = round(impressions * rng.uniform(0.16, 0.24)) if channel.video else None
    return DayTruth(
        date=day,
        impressions=impressions,
        clicks=clicks,
        invalid=poisson(rng, clicks * 0.012) if flight.platform == "google" else 0,
        spend=spend,
        arrivals=arrivals,
        video_views=views,
        video_completions=None if views is None else round(views * rng.uniform(0.1, 0.18)),
        shares=poisson(rng, clicks * 0.015) if channel.social else None,
        comments=poisson(rng, clicks * 0.02) if channel.social else None,
        saves=poisson(rng, clicks * 0.012) if channel.social else None,
    )


def _delivery(
    flight: Flight, channel: Channel, rng: random.Random, day: date, left: int | None
) -> tuple[int, int, int]:
    """(spend, clicks, impressions) of a day. The budget stops delivery a little before it is used up."""
    weekday = TRADES[flight.plan.trade].weekdays[day.weekday()]
    wanted = flight.appetite * weekday * season(flight.plan.trade, day) * rng.lognormvariate(-0.01, 0.14)
    limit = flight.daily_budget if left is None else left
    if wanted >= limit:
        wanted = limit * rng.uniform(0.955, 0.999)
    cpc = flight.cpc * rng.lognormvariate(-0.002, 0.06)
    ctr = flight.ctr * rng.lognormvariate(-0.002, 0.06)
    if channel.pays_per_click:
        clicks = poisson(rng, wanted / cpc)
        spend = min(round(clicks * cpc), limit)
        impressions = max(clicks, poisson(rng, wanted / cpc / ctr))
    else:
        impressions = poisson(rng, wanted / cpc / ctr)
        clicks = min(impressions, poisson(rng, impressions * ctr))
        spend = min(round(impressions * ctr * cpc), limit)
    return spend, clicks, impressions


def _conversion_rate(flight: Flight, day: date, today: date) -> float:
    age = (today - day).days
    if flight.platform == INCIDENT_PLATFORM and age in INCIDENT_DAYS_AGO:
        return 0.0
    return flight.cvr * 0.03 if age <= flight.plan.broken_for and flight.plan.broken_for else flight.cvr


def _arrivals(flight: Flight, channel: Channel, rng: random.Random, clicks: int, rate: float) -> tuple[Arrival, ...]:
    arrivals = []
    for _ in range(poisson(rng, clicks * rate)):
        # Google shares a conversion among the clicks that led to it.
        shared = flight.platform == "google" and rng.random() < 0.25
        micros = round(rng.uniform(0.2, 0.9) * 100) * 10_000 if shared else MICRO
        arrivals.append(
            Arrival(
                hours=rng.uniform(0.0, 23.9) + 24 * delay_days(rng, channel.delay_days),
                micros=micros,
                revenue=round(flight.order * rng.lognormvariate(-0.08, 0.4) * micros / MICRO),
            )
        )
    return tuple(sorted(arrivals, key=lambda arrival: arrival.hours))


def delay_days(rng: random.Random, median: float) -> float:
    """Time from click to conversion in days: log-normal around its median, never above the attribution window."""
    while True:
        delay = rng.lognormvariate(math.log(median), 1.35)
        if delay <= LONGEST_DELAY_DAYS:
            return delay


def poisson(rng: random.Random, mean: float) -> int:
    """A Poisson number; by Knuth's product for small means, by the normal approximation above 30."""
    if mean <= 0:
        return 0
    if mean > 30:
        return max(0, round(rng.gauss(mean, math.sqrt(mean))))
    limit, product, count = math.exp(-mean), rng.random(), 0
    while product > limit:
        product *= rng.random()
        count += 1
    return count


def readings(truth: DayTruth, *, timezone: str, as_of: datetime) -> Iterator[Reading]:
    """What was known of a day, oldest first: at its evening, on the mornings after it, and at `as_of`.

    Only moments at which something had changed; none when the day had not begun by `as_of`.
    """
    last, here, micros, revenue = None, 0, 0, 0
    for hours, moment in _moments(truth.date, timezone, as_of):
        while here < len(truth.arrivals) and truth.arrivals[here].hours <= hours:
            micros += truth.arrivals[here].micros
            revenue += truth.arrivals[here].revenue
            here += 1
        share = min(1.0, hours / 24)
        invalid = truth.invalid if share == 1 and hours < 72 else 0
        delivered = (round(truth.impressions * share), round(truth.clicks * share) + invalid)
        figures = (*delivered, micros, round(truth.spend * share), revenue)
        if figures != last:
            yield Reading(truth.date, moment, *figures, *_extras(truth, share))
            last = figures


def known_at(truth: DayTruth, moment: datetime, timezone: str) -> Reading:
    """What is known of a day at a moment after its beginning."""
    *_earlier, last = readings(truth, timezone=timezone, as_of=moment)
    return last


def _extras(truth: DayTruth, share: float) -> tuple[int | None, ...]:
    extras = (truth.video_views, truth.video_completions, truth.shares, truth.comments, truth.saves)
    return tuple(None if extra is None else round(extra * share) for extra in extras)


def _moments(day: date, timezone: str, as_of: datetime) -> Iterator[tuple[float, datetime]]:
    """(hours since the day began, moment) of every reading of a day."""
    for hours, moment in _schedule(day, timezone):
        if moment >= as_of:
            break
        yield hours, moment
    begun = (as_of - day_start(day, timezone)).total_seconds() / 3600
    if begun > 0:
        yield begun, as_of


@lru_cache(maxsize=1024)
def _schedule(day: date, timezone: str) -> tuple[tuple[float, datetime], ...]:
    zone, start = ZoneInfo(timezone), day_start(day, timezone)
    clocks = [(0, EVENING), *((age, MORNING) for age in READ_AT_AGES)]
    moments = (datetime.combine(day + timedelta(age), clock, zone).astimezone(UTC) for age, clock in clocks)
    return tuple(((moment - start).total_seconds() / 3600, moment) for moment in moments)


@lru_cache(maxsize=1024)
def day_start(day: date, timezone: str) -> datetime:
    """Midnight at the beginning of a day of the zone, in UTC."""
    return datetime.combine(day, time(0), ZoneInfo(timezone)).astimezone(UTC)


def euro_rates(first: date, last: date, rng: random.Random) -> list[tuple[date, str, str]]:
    """(day, currency, units per euro as text) on the working days from first to last: a walk around usual rates."""
    levels = {"USD": 1.158, "JPY": 168.0, "GBP": 0.868, "CHF": 0.934, "AED": 4.253}
    rates, day = [], first
    while day <= last:
        drift = {currency: rng.gauss(0, 0.0032) for currency in levels}
        # The dirham is fixed to the dollar.
        drift["AED"] = drift["USD"]
        if day.weekday() < 5:
            for currency in levels:
                levels[currency] *= 1 + drift[currency]
                rates.append((day, currency, f"{levels[currency]:.4f}"))
        day += timedelta(days=1)
    return rates
