"""Snapchat's statistics: which questions are asked, and what a row of the answer means.

A day is asked for by its midnights in the account's zone, with the offset of that very date, the end excluded; no more
than about 31 days at once (30 here: a day of 25 hours counts). Money is in millionths of a unit. An account is only
told about its spend, unless a breakdown by campaign is asked for. Source: Marketing API, "Measurement".
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from campaigns.clients.answers import reading, whole
from campaigns.clients.base import Account, BreakdownRow, DayMetrics, ErrorKind, PlatformError
from campaigns.clients.money import MICROS, count_micros, from_scaled
from campaigns.clients.snapchat.api import Api
from campaigns.clients.snapchat.errors import PLATFORM
from campaigns.clients.windows import Window, slices, zone

log = structlog.get_logger(__name__)

DAYS_PER_CALL = 30
PAGE_SIZE = 200
# Snapchat has no figure named conversions: purchases count unless an account chose something else.
PURCHASES, REVENUE = "conversion_purchases", "conversion_purchases_value"
# `shares` and `saves`: conversion_share and conversion_save are events of the advertiser's own site.
FIELDS = ("impressions", "swipes", "spend", "video_views", "view_completion", "shares", "saves", PURCHASES, REVENUE)
SHARE_FIELDS = ("impressions", "swipes", "spend")
# `35+` is the sum of these.
_OVER_35, _PARTS_OF_35 = "35+", frozenset({"35-44", "45-54", "55+"})
_REPORTS: dict[str, dict[str, str]] = {
    "age,gender": {"age": "age", "gender": "gender"},
    "country": {"location": "country"},
}


class Stats:
    """Statistics of one connection."""

    def __init__(self, api: Api):
        self._api = api

    def days(self, account: Account, window: Window) -> Iterator[DayMetrics]:
        """Campaign-days; campaigns without delivery have days of zeros or none at all."""
        local = account_zone(account)
        actions = account.conversion_actions or (PURCHASES,)
        for chunk in slices(window.start, window.end, days=DAYS_PER_CALL):
            fields = [*FIELDS, *(name for name in actions if name not in FIELDS)]
            params = {"breakdown": "campaign", **_params(chunk, local, fields), "limit": str(PAGE_SIZE)}
            seen: set[Hashable] = set()
            for body in self._api.pages(f"adaccounts/{account.external_id}/stats", params, endpoint="stats"):
                with reading(PLATFORM, "statistics"):
                    rows = [_day(*point, local, account.currency, actions) for point in _points_by_campaign(body)]
                for row in rows:
                    key = (row.campaign_external_id, row.date)
                    if key not in seen:
                        seen.add(key)
                        yield row

    def shares(self, account: Account, window: Window) -> Iterator[BreakdownRow]:
        """Shares of the campaigns that delivered: each is asked about by itself."""
        delivered = {row.campaign_external_id for row in self.days(account, window) if row.impressions}
        for campaign_id in sorted(delivered):
            for dimensions in _REPORTS:
                yield from self._shares_of(campaign_id, dimensions, account, window)

    def _shares_of(self, campaign_id: str, dimensions: str, account: Account, window: Window) -> Iterator[BreakdownRow]:
        local = account_zone(account)
        sums: defaultdict[tuple[str, str], _Share] = defaultdict(_Share)
        for chunk in slices(window.start, window.end, days=DAYS_PER_CALL):
            params = {**_params(chunk, local, SHARE_FIELDS), "report_dimension": dimensions}
            for body in self._api.pages(f"campaigns/{campaign_id}/stats", params, endpoint="stats"):
                with reading(PLATFORM, "statistics"):
                    for cells in _cells(body):
                        _add_up(_without_overlap(cells), _REPORTS[dimensions], sums)
        for (dimension, value), share in sums.items():
            yield share.row(campaign_id, dimension, value, account.currency)


class _Share:
    """Sums in the wire's own units: rounded once, at the end. A figure that no cell has stays unknown."""

    def __init__(self) -> None:
        self._sums: dict[str, int] = {}

    def add(self, cell: dict[str, Any]) -> None:
        for name in SHARE_FIELDS:
            count = whole(cell.get(name))
            if count is not None:
                self._sums[name] = self._sums.get(name, 0) + count

    def row(self, campaign_id: str, dimension: str, value: str, currency: str) -> BreakdownRow:
        spend = self._sums.get("spend")
        return BreakdownRow(
            campaign_external_id=campaign_id,
            dimension=dimension,
            value=value,
            impressions=self._sums.get("impressions"),
            clicks=self._sums.get("swipes"),
            spend=None if spend is None else from_scaled(spend, MICROS, currency),
        )


def account_zone(account: Account) -> ZoneInfo:
    """The zone that cuts the account's days. INPUT when this machine does not know it."""
    found = zone(account.timezone)
    if found is None:
        raise PlatformError(
            f"The account's time zone is unknown: {account.timezone}.",
            kind=ErrorKind.INPUT,
            platform=PLATFORM,
            code="local.zone",
        )
    return found


def midnight(day: date, local: ZoneInfo) -> str:
    """The first moment of a day as Snapchat reads it: '2026-11-01T00:00:00.000-07:00', with that date's offset."""
    return datetime.combine(day, time.min, local).isoformat(timespec="milliseconds")


def _params(chunk: Window, local: ZoneInfo, fields: Iterable[str]) -> dict[str, str]:
    return {
        "granularity": "DAY",
        "start_time": midnight(chunk.start, local),
        "end_time": midnight(chunk.end + timedelta(days=1), local),
        "fields": ",".join(fields),
        "swipe_up_attribution_window": "28_DAY",
        "view_attribution_window": "1_DAY",
        "action_report_time": "conversion",
        "omit_empty": "false",
    }


def _stats_of(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The statistics in an answer: an account without any may lack the key."""
    for item in body.get("timeseries_stats") or ():
        stat = item["timeseries_stat"]
        log.debug("snapchat.finalized", until=stat.get("finalized_data_end_time"))
        yield stat


def _points_by_campaign(body: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Campaign id, one day's point, and the windows that its conversions were counted in."""
    for stat in _stats_of(body):
        swipe, view = stat.get("swipe_up_attribution_window"), stat.get("view_attribution_window")
        attribution = f"swipe_up {swipe}, view {view}"
        for campaign in (stat.get("breakdown_stats") or {}).get("campaign") or ():
            for point in campaign.get("timeseries") or ():
                yield str(campaign["id"]), point, attribution


def _cells(body: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """The cells of each day of a demographic answer."""
    for stat in _stats_of(body):
        for point in stat.get("timeseries") or ():
            yield point.get("dimension_stats") or []


def _day(
    campaign_id: str, point: dict[str, Any], attribution: str, local: ZoneInfo, currency: str, actions: Iterable[str]
) -> DayMetrics:
    stats = point.get("stats") or {}
    conversions = next((stats[name] for name in actions if stats.get(name) is not None), None)
    return DayMetrics(
        campaign_external_id=campaign_id,
        # Offsets come with a colon and without.
        date=datetime.fromisoformat(point["start_time"]).astimezone(local).date(),
        impressions=whole(stats.get("impressions")),
        clicks=whole(stats.get("swipes")),
        spend=_money(stats.get("spend"), currency),
        conversions_micros=None if conversions is None else count_micros(conversions),
        revenue=_money(stats.get(REVENUE), currency),
        video_views=whole(stats.get("video_views")),
        video_completions=whole(stats.get("view_completion")),
        shares=whole(stats.get("shares")),
        saves=whole(stats.get("saves")),
        attribution=attribution,
    )


def _money(micro: Any, currency: str) -> int | None:
    amount = whole(micro)
    return None if amount is None else from_scaled(amount, MICROS, currency)


def _without_overlap(cells: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The cells without '35+' wherever its parts are there as well: it is their sum."""
    split = {cell.get("gender") for cell in cells if cell.get("age") in _PARTS_OF_35}
    return [cell for cell in cells if cell.get("age") != _OVER_35 or cell.get("gender") not in split]


def _add_up(
    cells: list[dict[str, Any]], dimensions: dict[str, str], sums: defaultdict[tuple[str, str], _Share]
) -> None:
    for cell in cells:
        for dimension, wire_name in dimensions.items():
            sums[dimension, _value(dimension, cell.get(wire_name))].add(cell)


def _value(dimension: str, text: Any) -> str:
    """'female', 'US', '18-20' as we write them; 'unknown' for what Snapchat does not know."""
    value = str(text or "unknown")
    if value.lower() == "unknown":
        return "unknown"
    return value.upper() if dimension == "location" else value.lower()
