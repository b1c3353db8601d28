"""What happens in the market: auctions, spend within budgets, conversions that arrive late. One pure function of time.

Everything follows from (seed, opening day, the changes made so far, the moment asked about). A change acts from its
moment on; what had happened before is never touched, except by a restatement, which says so. Times are seconds since
the epoch (UTC), amounts ISO 4217 minor units of the account's currency, conversions × 1,000,000, days are days of the
account's zone.
"""

import bisect
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from stratum.sandbox import curves
from stratum.sandbox.catalogue import CHANNELS, Account, AdGroup, Budget, Campaign, build_catalogue, mix

MICRO = 1_000_000
HOUR = 3600.0
# The share of days on which a platform lets a daily budget be passed, and by how much at most.
OVERDELIVERY_DAYS = 0.15
OVERDELIVERY = {"meta": 0.25, "google": 0.60, "tiktok": 0.0, "snapchat": 0.10, "linkedin": 0.30}
SERVING = "active"
ALWAYS = float("-inf")
# Google's data-driven attribution hands out parts of conversions.
_FRACTIONS = (1_000_000, 1_000_000, 1_000_000, 500_000, 333_333, 666_667, 250_000)


@dataclass(frozen=True, slots=True)
class Conversion:
    """`clicked` and `arrived` are times; `viewed` when no click but a view led to it. `value` in minor units."""

    arrived: float
    clicked: float
    micros: int
    value: int
    viewed: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """A campaign-day as its platform reports it at a moment. None is what the platform does not report."""

    impressions: int = 0
    clicks: int = 0
    spend: int = 0
    conversions_micros: int | None = 0
    revenue: int | None = 0
    video_views: int | None = None
    video_completions: int | None = None
    shares: int | None = None
    comments: int | None = None
    saves: int | None = None
    # How many of the conversions came within a day of their click, and how many from a view; whole conversions.
    within_day: int = 0
    viewed: int = 0

    @property
    def any(self) -> bool:
        """A day without delivery and conversions has no row in a report."""
        return bool(self.impressions or self.spend or self.conversions_micros)


@dataclass(slots=True)
class UnitDay:
    """What one campaign (or one ad group with its own budget) did in the part of a day that has passed."""

    impressions: float = 0.0
    clicks: float = 0.0
    spend: float = 0.0
    conversions: tuple[Conversion, ...] = ()


@dataclass(frozen=True, slots=True)
class Unit:
    """What takes part in auctions on its own account."""

    campaign: Campaign
    group: AdGroup | None

    @property
    def key(self) -> str:
        return self.group.id if self.group else self.campaign.id

    @property
    def appetite(self) -> float:
        return self.campaign.appetite * (self.group.share if self.group else 1.0)


@dataclass(frozen=True, slots=True)
class Restatement:
    """From `at` on, days `first` to `last` of an account show their numbers × `factor`."""

    at: float
    account_id: str
    first: date
    last: date
    factor: float


class Market:
    """The market of one seed. Not thread-safe: its owner holds a lock."""

    def __init__(self, seed: int, opening: date) -> None:
        self.seed = seed
        self.opening = opening
        self.catalogue = build_catalogue(seed, opening)
        self.restatements: list[Restatement] = []
        self._units: dict[str, list[Unit]] = {}
        self._histories: dict[tuple[str, str], list[tuple[float, Any]]] = {}
        self._days: dict[tuple[str, int], dict[str, UnitDay]] = {}
        self._running: dict[tuple[str, int], tuple[float, dict[str, UnitDay]]] = {}
        self._lifetime_spend: dict[str, list[float]] = {}
        for campaign in self.catalogue.campaigns.values():
            self._enter(campaign)

    # --- state ---------------------------------------------------------------------------------------------

    def account_of(self, campaign: Campaign) -> Account:
        return self.catalogue.accounts[campaign.account_id]

    def status(self, object_id: str, at: float) -> str:
        """active, paused, archived, deleted, draft, completed … of a campaign or ad group: what was last written."""
        return str(self._value("status", object_id, at))

    def amount(self, budget_id: str, at: float) -> int | None:
        """What a budget allows, per day or in all, by its kind. None: it was taken away."""
        return self._value("amount", budget_id, at)

    def name(self, object_id: str, at: float) -> str:
        return str(self._value("name", object_id, at))

    def end(self, campaign_id: str, at: float) -> date | None:
        return self._value("end", campaign_id, at)

    def changed_at(self, object_id: str, now: float) -> float | None:
        """When something of this campaign, ad group or budget was last written; None when never."""
        moments = [
            moment
            for kind in ("status", "amount", "name", "end")
            for moment, _value in self._histories.get((kind, object_id), ())
            if ALWAYS < moment <= now
        ]
        return max(moments, default=None)

    def changes_since(self, kind: str, object_id: str, since: float) -> int:
        """How often this was written after a moment."""
        return sum(moment > since for moment, _value in self._histories[kind, object_id])

    def change(self, kind: str, object_id: str, value: Any, at: float) -> None:
        """Set status, amount, name or end of an object from `at` on. KeyError when there is no such object."""
        history = self._histories[kind, object_id]
        if history[-1][0] > at:
            raise ValueError("changes are made in the order of time")
        history.append((at, value))
        self._running.clear()

    def restate(self, restatement: Restatement) -> None:
        self.restatements.append(restatement)

    # --- numbers -------------------------------------------------------------------------------------------

    def facts(self, campaign: Campaign, day: date, now: float) -> Facts:
        """The campaign's day as known at `now`."""
        if day < campaign.start or now <= midnight(self.account_of(campaign).zone, day):
            return _nothing(campaign)
        unit_days = [self._unit_day(unit, day, now) for unit in self._units_of(campaign)]
        return self._restated(campaign, day, now, self._known(campaign, day, now, unit_days))

    def group_facts(self, campaign: Campaign, group: AdGroup, day: date, now: float) -> Facts:
        """An ad group's part of a day. Exact where the group has its own budget, else its share of the campaign."""
        facts = self.facts(campaign, day, now)
        if not campaign.budgets_on_groups:
            return self._part(campaign, group, facts)
        if day < campaign.start or now <= midnight(self.account_of(campaign).zone, day):
            return facts
        own = [self._unit_day(unit, day, now) for unit in self._units_of(campaign) if unit.key == group.id]
        return self._restated(campaign, day, now, self._known(campaign, day, now, own))

    def ledger(self, account_id: str, first: date, last: date, now: float) -> Iterator[tuple[Campaign, date, Facts]]:
        """Every campaign-day of an account that has a row, oldest day first."""
        campaigns = self.catalogue.of_account(account_id)
        for day in days(first, last):
            for campaign in campaigns:
                facts = self.facts(campaign, day, now)
                if facts.any:
                    yield campaign, day, facts

    def spent(self, budget_id: str, now: float) -> float:
        """What was spent under a budget so far: today for a daily one, since its start for a lifetime one."""
        units = self._units[budget_id]
        today = local_day(self.account_of(units[0].campaign).zone, now)
        spent = sum(self._unit_day(unit, today, now).spend for unit in units)
        if self.catalogue.budgets[budget_id].kind == "lifetime" and today >= units[0].campaign.start:
            spent += self._spent_before(budget_id, min(today, _last_day(units[0].campaign, today) + timedelta(1)))
        return spent

    # --- how it comes about --------------------------------------------------------------------------------

    def _enter(self, campaign: Campaign) -> None:
        zone = self.account_of(campaign).zone
        history: list[tuple[float, Any]] = [(ALWAYS, campaign.first_status)]
        if campaign.status_since is not None:
            history = [(ALWAYS, SERVING), (midnight(zone, campaign.status_since) + 10 * HOUR, campaign.first_status)]
        self._histories["status", campaign.id] = history
        self._histories["name", campaign.id] = [(ALWAYS, campaign.name)]
        self._histories["end", campaign.id] = [(ALWAYS, campaign.end)]
        budgets = [campaign.budget_id]
        for group in campaign.ad_groups:
            self._histories["status", group.id] = [(ALWAYS, SERVING)]
            self._histories["name", group.id] = [(ALWAYS, group.name)]
            if group.budget_id:
                budgets.append(group.budget_id)
                self._units[group.budget_id] = [Unit(campaign, group)]
        if not campaign.budgets_on_groups:
            self._units.setdefault(campaign.budget_id, []).append(Unit(campaign, None))
        for budget_id in budgets:
            amount = self.catalogue.budgets[budget_id].amount or None
            self._histories["amount", budget_id] = [(ALWAYS, amount)]

    def _units_of(self, campaign: Campaign) -> list[Unit]:
        if campaign.budgets_on_groups:
            return [self._units[group.budget_id][0] for group in campaign.ad_groups]
        return [unit for unit in self._units[campaign.budget_id] if unit.campaign.id == campaign.id]

    def _value(self, kind: str, object_id: str, at: float) -> Any:
        history = self._histories[kind, object_id]
        position = len(history) - 1
        while position and history[position][0] > at:
            position -= 1
        return history[position][1]

    def _moments(self, budget: Budget, units: list[Unit], start: float, end: float) -> list[float]:
        """The moments in between at which something that bears on these units changes."""
        keys = [("amount", budget.id)]
        for unit in units:
            keys += [("status", unit.campaign.id), ("end", unit.campaign.id)]
            keys += [("status", group.id) for group in ([unit.group] if unit.group else unit.campaign.ad_groups)]
        return sorted({moment for key in keys for moment, _value in self._histories[key] if start < moment < end})

    def _activity(self, unit: Unit, day: date, at: float) -> float:
        """Which share of the unit's auctions it takes part in: 0 when paused, ended or not begun."""
        campaign = unit.campaign
        end = self.end(campaign.id, at)
        if campaign.has("issues") or day < campaign.start or (end is not None and day > end):
            return 0.0
        if self.status(campaign.id, at) != SERVING or (self.account_of(campaign).closed and day > self.opening):
            return 0.0
        if unit.group is not None:
            return float(self.status(unit.group.id, at) == SERVING)
        return sum(group.share for group in campaign.ad_groups if self.status(group.id, at) == SERVING)

    def _unit_day(self, unit: Unit, day: date, now: float) -> UnitDay:
        budget_id = unit.group.budget_id if unit.group else unit.campaign.budget_id
        return self._pool_day(budget_id, day, now).get(unit.key) or UnitDay()

    def _pool_day(self, budget_id: str, day: date, now: float) -> dict[str, UnitDay]:
        """The day of all units that share a budget. Finished days are kept: nothing changes them any more."""
        key = (budget_id, day.toordinal())
        if (known := self._days.get(key)) is not None:
            return known
        zone = self.account_of(self._units[budget_id][0].campaign).zone
        start, end = midnight(zone, day), midnight(zone, day + timedelta(1))
        if now >= end:
            result = self._days[key] = self._simulate(budget_id, day, start, end, end)
            return result
        if now <= start:
            return {}
        running = self._running.get(key)
        if running is None or running[0] != now:
            running = self._running[key] = (now, self._simulate(budget_id, day, start, end, now))
        return running[1]

    def _allowance(self, budget: Budget, day: date, at: float) -> float:
        """What may be spent on this day, as the budget stands at `at`."""
        amount = self.amount(budget.id, at)
        if budget.kind == "none" or amount is None:
            return float("inf")
        campaign = self._units[budget.id][0].campaign
        if budget.kind == "daily":
            rng = random.Random(mix(self.seed, f"over:{budget.id}:{day.toordinal()}"))
            most = OVERDELIVERY[campaign.platform]
            return amount * (1 + most * rng.random() if rng.random() < OVERDELIVERY_DAYS else 1.0)
        rest = amount - self._spent_before(budget.id, day)
        left = (_last_day(campaign, day, self.end(campaign.id, at)) - day).days + 1
        return max(0.0, min(rest, rest / max(left, 1) * 1.2))

    def _spent_before(self, budget_id: str, day: date) -> float:
        """Spend under a lifetime budget from its first day until the day before this one."""
        sums = self._lifetime_spend.setdefault(budget_id, [0.0])
        first = self._units[budget_id][0].campaign.start
        while len(sums) <= (day - first).days:
            done = first + timedelta(len(sums) - 1)
            sums.append(sums[-1] + sum(one.spend for one in self._pool_day(budget_id, done, float("inf")).values()))
        return sums[max(0, (day - first).days)]

    def _simulate(self, budget_id: str, day: date, start: float, end: float, until: float) -> dict[str, UnitDay]:
        """Hour by hour: every unit bids, the budget's pacing lets through what lasts until midnight."""
        budget, units = self.catalogue.budgets[budget_id], self._units[budget_id]
        moments = self._moments(budget, units, start, until)
        if not moments and not any(self._activity(unit, day, start) for unit in units):
            return {}
        hours = _local_hours(self.account_of(units[0].campaign).zone, day)
        auctions = [_Auctions(self.seed, unit, day, start, hours) for unit in units]
        ahead = [auction.rest for auction in auctions]
        spent = 0.0
        cuts = [*moments, until]
        active: list[float] | None = None
        allowance = 0.0
        at, cut = start, 0
        while at < until:
            if active is None:
                active = [self._activity(unit, day, at) for unit in units]
                allowance = self._allowance(budget, day, at)
            slot = int((at - start) // HOUR)
            slot_start = start + slot * HOUR
            stop = min(slot_start + HOUR, end, cuts[cut])
            share = (stop - at) / HOUR
            used = (at - slot_start) / HOUR
            wanted = sum(
                one * rest[slot] - one * used * (rest[slot] - rest[slot + 1])
                for one, rest in zip(active, ahead, strict=True)
            )
            pace = min(1.0, max(0.0, allowance - spent) / wanted) if wanted > 0 else 0.0
            for one, auction in zip(active, auctions, strict=True):
                if one:
                    spent += auction.deliver(slot, at, stop, share * one * pace, one * pace, allowance - spent)
            at = stop
            if at == cuts[cut]:
                cut, active = cut + 1, None
        return {unit.key: auction.result() for unit, auction in zip(units, auctions, strict=True)}

    def _known(self, campaign: Campaign, day: date, now: float, unit_days: list[UnitDay]) -> Facts:
        quantum = self.account_of(campaign).quantum
        impressions = clicks = spend = micros = revenue = within_day = viewed = 0
        for one in unit_days:
            impressions += int(one.impressions)
            clicks += int(one.clicks)
            spend += int(one.spend / quantum) * quantum
            for conversion in one.conversions:
                if conversion.arrived > now:
                    break  # they are in the order of their arrival
                micros += conversion.micros
                revenue += conversion.value // quantum * quantum
                within_day += not conversion.viewed and conversion.arrived - conversion.clicked <= 86_400
                viewed += conversion.viewed
        impressions, clicks, spend = self._audited(campaign, day, now, impressions, clicks, spend)
        channel = CHANNELS[campaign.channel]
        views = int(impressions * channel.views)
        return replace(
            _nothing(campaign),
            impressions=impressions,
            clicks=clicks,
            spend=spend,
            conversions_micros=None if _countless(campaign) else micros,
            revenue=None if _countless(campaign) else revenue,
            within_day=within_day,
            viewed=viewed,
            **_engagement(campaign.platform, clicks, views if channel.views else 0),
        )

    def _audited(
        self, campaign: Campaign, day: date, now: float, impressions: int, clicks: int, spend: int
    ) -> tuple[int, int, int]:
        """Google and TikTok take invalid clicks (and their cost) back some time after the day."""
        after = {"google": 60 * HOUR, "tiktok": 12 * HOUR}.get(campaign.platform)
        if after is None or now < midnight("UTC", day + timedelta(1)) + after:
            return impressions, clicks, spend
        rng = random.Random(mix(self.seed, f"audit:{campaign.id}:{day.toordinal()}"))
        valid = 1 - rng.uniform(0.001, 0.008)
        quantum = self.account_of(campaign).quantum
        return int(impressions * valid), int(clicks * valid), int(spend * valid / quantum) * quantum

    def _restated(self, campaign: Campaign, day: date, now: float, facts: Facts) -> Facts:
        for one in self.restatements:
            if one.at <= now and one.account_id == campaign.account_id and one.first <= day <= one.last:
                facts = scaled(facts, one.factor, campaign.platform == "google", self.account_of(campaign).quantum)
        return facts

    def _part(self, campaign: Campaign, group: AdGroup, facts: Facts) -> Facts:
        quantum = self.account_of(campaign).quantum
        shares = [one.share for one in campaign.ad_groups]
        parts = apportioned(facts, shares, fractional=campaign.platform == "google", quantum=quantum)
        return parts[campaign.ad_groups.index(group)]


class _Auctions:
    """The auctions of one unit on one day, and what it has won of them so far."""

    def __init__(self, seed: int, unit: Unit, day: date, start: float, hours: tuple[int, ...]) -> None:
        campaign = unit.campaign
        channel = CHANNELS[campaign.channel]
        shares = curves.OFFICE_SHARE if channel.office else curves.HOUR_SHARE
        weekday = curves.OFFICE_WEEKDAY if channel.office else curves.WEEKDAY
        self.rng = rng = random.Random(mix(seed, f"{unit.key}:{day.toordinal()}"))
        demand = unit.appetite * weekday[day.weekday()] * curves.season(day)
        self.mood = rng.lognormvariate(-0.0072, 0.12)
        self.noise = [rng.uniform(0.8, 1.2) * self.mood for _ in hours]
        self.expected = [demand * shares[hour] for hour in hours]
        # What is expected to be won from each slot to midnight.
        self.rest = [0.0] * (len(hours) + 1)
        for slot in range(len(hours) - 1, -1, -1):
            self.rest[slot] = self.rest[slot + 1] + self.expected[slot]
        self.cpm = campaign.cpm * rng.uniform(0.93, 1.07) * (1 + 0.35 * (curves.season(day) - 1))
        age = (day - campaign.start).days
        self.ctr = campaign.ctr * curves.freshness(age, campaign.creative_life) * rng.uniform(0.94, 1.06)
        self.unit, self.start = unit, start
        self.impressions = self.clicks = self.spend = 0.0
        self.segments: list[tuple[float, float, float]] = []

    def deliver(self, slot: int, start: float, stop: float, share: float, pace: float, room: float) -> float:
        """Take this share of a slot's auctions, for at most `room`; returns what it cost."""
        cost = max(0.0, min(self.expected[slot] * self.noise[slot] * share, room))
        self.spend += cost
        won = cost / self.cpm * 1000
        self.impressions += won
        self.clicks += won * self.ctr
        if cost:
            self.segments.append((start, stop, pace))
        return cost

    def result(self) -> UnitDay:
        return UnitDay(self.impressions, self.clicks, self.spend, tuple(self._conversions()))

    def _conversions(self) -> list[Conversion]:
        """What the day's clicks lead to. Drawn from all the clicks that could be had, kept where they were won."""
        campaign, rng = self.unit.campaign, self.rng
        possible = self.rest[0] * self.mood / self.cpm * 1000 * self.ctr * campaign.cvr
        count = curves.poisson(rng, possible)
        if not self.segments or _countless(campaign):
            return []
        picker = curves.HourPicker(tuple(self.expected))
        won = []
        for _ in range(count):
            clicked = self.start + (picker.pick(rng.random()) + rng.random()) * HOUR
            mark, delay, viewed = rng.random(), curves.delay_seconds(rng.random()), rng.random() < 0.12
            micros = rng.choice(_FRACTIONS) if campaign.platform == "google" else MICRO
            value = int(campaign.order_value * rng.lognormvariate(-0.08, 0.4) * micros / MICRO)
            if self._won(clicked, mark):
                won.append(Conversion(clicked + delay, clicked, micros, value, viewed))
        won.sort(key=lambda one: one.arrived)
        return won

    def _won(self, moment: float, mark: float) -> bool:
        position = bisect.bisect_right(self.segments, (moment, float("inf"), 0.0)) - 1
        if position < 0:
            return False
        start, stop, pace = self.segments[position]
        return start <= moment < stop and mark < pace


_COUNTED = (
    "impressions", "clicks", "spend", "conversions_micros", "revenue", "video_views", "video_completions", "shares",
    "comments", "saves", "within_day", "viewed",
)  # fmt: skip


def _countless(campaign: Campaign) -> bool:
    """TikTok's reach campaigns have no conversion event: their reports show '-'."""
    return campaign.platform == "tiktok" and campaign.objective == "reach"


def _nothing(campaign: Campaign) -> Facts:
    empty = Facts() if not _countless(campaign) else Facts(conversions_micros=None, revenue=None)
    return replace(empty, **_engagement(campaign.platform, 0, 0))


def _engagement(platform: str, clicks: int, views: int) -> dict[str, int | None]:
    """Views and reactions, where the platform has a figure for them."""
    return {
        "video_views": views,
        "video_completions": views // 6,
        "shares": None if platform == "google" else clicks // 31,
        "comments": None if platform in ("google", "snapchat") else clicks // 47,
        "saves": clicks // 57 if platform in ("meta", "snapchat") else None,
    }


def summed(many: Iterable[Facts]) -> Facts:
    """The sum of several days or campaigns; a figure that none of them has stays None."""
    sums: dict[str, int | None] = dict.fromkeys(_COUNTED)
    sums.update(impressions=0, clicks=0, spend=0, within_day=0, viewed=0)
    for facts in many:
        for name in _COUNTED:
            value = getattr(facts, name)
            if value is not None:
                sums[name] = (sums[name] or 0) + value
    return Facts(**sums)  # type: ignore[arg-type]


def apportioned(facts: Facts, weights: Sequence[float], *, fractional: bool, quantum: int) -> list[Facts]:
    """The facts split in proportion to weights that sum to 1; the parts sum to the whole, but for rounding of each."""
    parts, upper = [], 0.0
    low = scaled(facts, 0.0, fractional, quantum)
    for position, weight in enumerate(weights, start=1):
        upper = 1.0 if position == len(weights) else upper + weight
        top = scaled(facts, upper, fractional, quantum)
        parts.append(Facts(**{name: _minus(getattr(top, name), getattr(low, name)) for name in _COUNTED}))
        low = top
    return parts


def scaled(facts: Facts, factor: float, fractional: bool, quantum: int) -> Facts:
    """All figures × factor, rounded to what the platform can show."""

    def count(value: int | None) -> int | None:
        return None if value is None else int(value * factor)

    def money(value: int | None) -> int | None:
        return None if value is None else int(value * factor / quantum) * quantum

    step = 1 if fractional else MICRO
    micros = facts.conversions_micros
    kept = None if micros is None else round(micros * factor / step) * step
    return Facts(
        impressions=int(facts.impressions * factor),
        clicks=int(facts.clicks * factor),
        spend=int(facts.spend * factor / quantum) * quantum,
        conversions_micros=kept,
        # Without a conversion there is nothing that could have a value.
        revenue=0 if kept == 0 and facts.revenue is not None else money(facts.revenue),
        video_views=count(facts.video_views),
        video_completions=count(facts.video_completions),
        shares=count(facts.shares),
        comments=count(facts.comments),
        saves=count(facts.saves),
        within_day=int(facts.within_day * factor),
        viewed=int(facts.viewed * factor),
    )


def _minus(top: int | None, low: int | None) -> int | None:
    return None if top is None or low is None else top - low


def _last_day(campaign: Campaign, day: date, end: date | None = None) -> date:
    return end or campaign.end or day


def days(first: date, last: date) -> Iterator[date]:
    """All days from first to last, both included."""
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)


@lru_cache(maxsize=65_536)
def midnight(zone: str, day: date) -> float:
    """The moment at which a day begins in a zone."""
    return datetime.combine(day, time(), ZoneInfo(zone)).timestamp()


def local_day(zone: str, moment: float) -> date:
    return datetime.fromtimestamp(moment, UTC).astimezone(ZoneInfo(zone)).date()


@lru_cache(maxsize=8192)
def _local_hours(zone: str, day: date) -> tuple[int, ...]:
    """The local hour at the start of each of the day's 23, 24 or 25 hours."""
    start, end = midnight(zone, day), midnight(zone, day + timedelta(1))
    tz = ZoneInfo(zone)
    return tuple(datetime.fromtimestamp(start + n * HOUR, tz).hour for n in range(round((end - start) / HOUR)))
