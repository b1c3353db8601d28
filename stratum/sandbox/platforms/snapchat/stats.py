"""Snapchat's measurement: days that begin at the account's midnight, money in micros, several nestings."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from stratum.sandbox.catalogue import Account, Campaign
from stratum.sandbox.currencies import micros, minor_per_unit
from stratum.sandbox.market import MICRO, Facts, Market, apportioned, days, local_day, midnight, summed
from stratum.sandbox.platforms.snapchat.errors import unsupported
from stratum.sandbox.wire import names

FIELDS = names(
    "impressions paid_impressions total_impressions swipes spend video_views video_views_15s view_completion "
    "quartile_1 quartile_2 quartile_3 view_time_millis screen_time_millis shares saves swipe_up_percent uniques "
    "frequency conversion_purchases conversion_purchases_value conversion_sign_ups conversion_add_cart "
    "conversion_view_content conversion_page_views conversion_save conversion_share"
)
DEFAULT_FIELDS = "impressions,spend"
MOST_DAYS = 32
_DIMENSIONS = {
    "age": {"13-17": 0.12, "18-20": 0.22, "21-24": 0.24, "25-34": 0.24, "35-44": 0.11, "45-54": 0.05, "unknown": 0.02},
    "gender": {"female": 0.54, "male": 0.44, "unknown": 0.02},
    "country": {},
}
_SWIPE_WINDOWS = ("1_DAY", "7_DAY", "28_DAY")
_VIEW_WINDOWS = ("none", "1_HOUR", "3_HOUR", "6_HOUR", "1_DAY", "7_DAY")


class Query:
    """A stats request, understood. SnapError when the platform would refuse it."""

    def __init__(self, account: Account, params: Mapping[str, str]) -> None:
        self.account = account
        self.granularity = params.get("granularity", "TOTAL")
        if self.granularity not in ("DAY", "TOTAL", "LIFETIME"):
            raise unsupported(f"granularity {self.granularity} is not supported here")
        self.fields = [name for name in params.get("fields", DEFAULT_FIELDS).split(",") if name]
        unknown = [name for name in self.fields if name not in FIELDS]
        if unknown:
            raise unsupported(f"invalid fields: {', '.join(unknown)}")
        if self.granularity == "DAY" and {"uniques", "frequency"} & set(self.fields):
            raise unsupported("uniques and frequency are only available for TOTAL and LIFETIME granularity")
        self.swipe_window = params.get("swipe_up_attribution_window", "28_DAY")
        self.view_window = params.get("view_attribution_window", "1_DAY")
        if self.swipe_window not in _SWIPE_WINDOWS or self.view_window not in _VIEW_WINDOWS:
            raise unsupported("invalid attribution window")
        self.omit_empty = params.get("omit_empty", "false").lower() == "true"
        self.dimensions = [name for name in params.get("report_dimension", "").split(",") if name]
        if any(name not in _DIMENSIONS for name in self.dimensions):
            raise unsupported(f"invalid report_dimension: {','.join(self.dimensions)}")
        self.first = self.last = date.min
        if self.granularity != "LIFETIME":
            self._take_period(params)

    def _take_period(self, params: Mapping[str, str]) -> None:
        start, end = (_moment(params.get(name, "")) for name in ("start_time", "end_time"))
        zone = ZoneInfo(self.account.zone)
        local_start, local_end = start.astimezone(zone), end.astimezone(zone)
        if start >= end:
            raise unsupported("start_time must be before end_time")
        for name, moment in (("start", local_start), ("end", local_end)):
            if (moment.minute, moment.second) != (0, 0):
                raise unsupported(f"{name}_time must be on the hour")
            if self.granularity == "DAY" and moment.hour:
                article = "an end" if name == "end" else "a start"
                raise unsupported(
                    f"Timeseries queries with DAY granularity must have {article} time that is the start of day "
                    f"(00:00:00) for the account's timezone: {self.account.zone}."
                )
        if self.granularity == "DAY" and (end - start) > timedelta(days=MOST_DAYS):
            raise unsupported(
                f"Timeseries queries with DAY granularity cannot query time intervals of more than {MOST_DAYS} days."
            )
        self.first = local_start.date()
        self.last = (local_end - timedelta(seconds=1)).date()


def _moment(text: str) -> datetime:
    """An ISO time with an offset; a '+' that was not encoded arrives as a space."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+ -]\d\d:?\d\d)", text)
    if found is None:
        raise unsupported("start_time and end_time must be ISO 8601 times with an offset")
    return datetime.fromisoformat(found[1] + found[2].replace(" ", "+"))


def campaign_stat(market: Market, query: Query, campaign: Campaign, now: float) -> dict[str, Any]:
    """The stat object of one campaign, without its envelope."""
    return {**_head(query, campaign.id, "CAMPAIGN", now), **_body(market, query, campaign, now)}


def breakdown_entry(market: Market, query: Query, campaign: Campaign, now: float) -> dict[str, Any]:
    """A campaign's part in an account's breakdown."""
    head = {"id": campaign.id, "type": "CAMPAIGN", "granularity": query.granularity, **_period(query)}
    return {**head, **_body(market, query, campaign, now)}


def account_head(query: Query, now: float) -> dict[str, Any]:
    return _head(query, query.account.id, "AD_ACCOUNT", now)


def account_spend(market: Market, query: Query, now: float) -> dict[str, Any]:
    """The account as a whole: spend is all that it tells."""
    campaigns = market.catalogue.of_account(query.account.id)
    return _series(query, lambda day: summed(market.facts(one, day, now) for one in campaigns), now)


def _head(query: Query, object_id: str, kind: str, now: float) -> dict[str, Any]:
    today = local_day(query.account.zone, now)
    head: dict[str, Any] = {"id": object_id, "type": kind, "granularity": query.granularity}
    head |= {"swipe_up_attribution_window": query.swipe_window, "view_attribution_window": query.view_window}
    head |= _period(query)
    if query.granularity != "LIFETIME":
        # Days are final 48 hours after their end.
        head["finalized_data_end_time"] = stamp(query.account.zone, today - timedelta(days=2))
        head["conversion_data_processed_end_time"] = stamp(query.account.zone, today)
    return head


def _period(query: Query) -> dict[str, str]:
    if query.granularity == "LIFETIME":
        return {}
    zone = query.account.zone
    return {"start_time": stamp(zone, query.first), "end_time": stamp(zone, query.last + timedelta(days=1))}


def _body(market: Market, query: Query, campaign: Campaign, now: float) -> dict[str, Any]:
    return _series(query, lambda day: market.facts(campaign, day, now), now, campaign)


def _series(
    query: Query, of_day: Callable[[date], Facts], now: float, campaign: Campaign | None = None
) -> dict[str, Any]:
    zone = query.account.zone
    if query.granularity != "DAY":
        first, last = query.first, query.last
        if query.granularity == "LIFETIME":
            first = campaign.start if campaign else local_day(zone, now) - timedelta(days=400)
            last = local_day(zone, now)
        return _shown(query, summed(of_day(day) for day in days(first, last)))
    series = []
    for day in days(query.first, query.last):
        facts = of_day(day)
        if facts.any or not query.omit_empty:
            series.append(
                {
                    "start_time": stamp(zone, day),
                    "end_time": stamp(zone, day + timedelta(days=1)),
                    **_shown(query, facts),
                }
            )
    return {"timeseries": series}


def _shown(query: Query, facts: Facts) -> dict[str, Any]:
    if not query.dimensions:
        return {"stats": figures(query, facts)}
    cells: list[tuple[float, dict[str, str]]] = [(1.0, {})]
    for name in query.dimensions:
        shares = _DIMENSIONS[name] or {query.account.country.lower(): 1.0}
        cells = [(weight * part, {**keys, name: key}) for weight, keys in cells for key, part in shares.items()]
    parts = apportioned(facts, [weight for weight, _keys in cells], fractional=False, quantum=1)
    rows = [{**keys, **figures(query, part)} for part, (_weight, keys) in zip(parts, cells, strict=True) if part.any]
    return {"dimension_stats": rows + _overlap(rows, query)}


def _overlap(rows: list[dict[str, Any]], query: Query) -> list[dict[str, Any]]:
    """Snapchat's aggregate 35+ overlaps the buckets from 35 on."""
    if "age" not in query.dimensions:
        return []
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    others = [name for name in query.dimensions if name != "age"]
    for row in rows:
        if row["age"] in ("35-44", "45-54"):
            keys = {name: row[name] for name in others}
            whole = found.setdefault(tuple(keys.values()), {"age": "35+", **keys, **dict.fromkeys(query.fields, 0)})
            for name in query.fields:
                whole[name] += row[name]
    return list(found.values())


def figures(query: Query, facts: Facts) -> dict[str, Any]:
    """The asked fields as JSON numbers; money in micros, with a tail that is less than half a minor unit."""
    currency = query.account.currency
    conversions = (facts.conversions_micros or 0) // MICRO
    views = facts.video_views or 0
    tail = facts.impressions % (MICRO // minor_per_unit(currency) // 2) if facts.spend else 0
    impressions = facts.impressions
    known: dict[str, Any] = {
        "impressions": impressions,
        "paid_impressions": impressions,
        "total_impressions": impressions + impressions // 30,
        "swipes": facts.clicks,
        "spend": micros(facts.spend, currency) + tail,
        "video_views": views,
        "video_views_15s": views // 3,
        "view_completion": facts.video_completions or 0,
        "quartile_1": views * 3 // 5,
        "quartile_2": views * 2 // 5,
        "quartile_3": views // 4,
        "view_time_millis": views * 2_400,
        "screen_time_millis": impressions * 1_900,
        "shares": facts.shares or 0,
        "saves": facts.saves or 0,
        "swipe_up_percent": round(facts.clicks / impressions, 6) if impressions else 0,
        "uniques": impressions * 3 // 5,
        "frequency": 1.66 if impressions else 0,
        "conversion_purchases": conversions,
        "conversion_purchases_value": micros(facts.revenue or 0, currency),
        "conversion_sign_ups": conversions // 2,
        "conversion_add_cart": conversions * 4,
        "conversion_view_content": facts.clicks // 2,
        "conversion_page_views": facts.clicks * 4 // 5,
        "conversion_save": facts.clicks // 90,
        "conversion_share": facts.clicks // 80,
    }
    return {name: known[name] for name in query.fields}


def stamp(zone: str, day: date) -> str:
    """2026-11-01T00:00:00.000-07:00: the midnight that begins the day, with the offset of that moment."""
    local = datetime.fromtimestamp(midnight(zone, day), UTC).astimezone(ZoneInfo(zone))
    text = local.strftime("%Y-%m-%dT%H:%M:%S.000%z")
    return f"{text[:-2]}:{text[-2:]}"
