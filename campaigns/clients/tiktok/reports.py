"""TikTok's synchronous reports: which questions are asked, and what a row of the answer means.

Every value is text: decimals in units of the account's currency, or "-" for 'not said'. Days are days of the account's
zone, both ends of a range included, at most 30 of them with a day in the dimensions and 365 without. Deleted campaigns
are left out unless STATUS_ALL is asked for: their history would shrink. Source: "Run a synchronous report".
"""

import re
from collections.abc import Hashable, Iterable, Iterator
from datetime import date
from itertools import chain
from typing import Any

import structlog

from campaigns.clients.answers import reading, whole
from campaigns.clients.base import Account, BreakdownRow, DayMetrics, ErrorKind, PlatformError
from campaigns.clients.money import count_micros, from_major
from campaigns.clients.tiktok.api import Api, compact
from campaigns.clients.tiktok.errors import BAD_PARAMETERS, PLATFORM
from campaigns.clients.windows import Window, slices

log = structlog.get_logger(__name__)

CORE = ("spend", "impressions", "clicks", "conversion")
# Despite its name, the value of purchases on the website, as TikTok's own screens show it; total_purchase_value is the
# value of purchases in apps.
REVENUE = "total_complete_payment_rate"
EXTRA = ("complete_payment", REVENUE, "video_play_actions", "video_views_p100", "shares", "comments", "likes")
DAYS_PER_CALL, DAYS_PER_SUM = 30, 365

_DIMENSIONS = {"age": "age", "gender": "gender", "location": "country_code"}
_UNKNOWN = frozenset({"NONE", "UNKNOWN", "-", ""})
_METRIC = re.compile(r"[a-z][a-z0-9_]+")


class Reports:
    """Reports of one connection. Metrics that an account does not have are left out of all later questions."""

    def __init__(self, api: Api):
        self._api = api
        self._refused: set[str] = set()

    def days(self, account: Account, window: Window) -> Iterator[DayMetrics]:
        """Campaign-days with delivery or conversions."""
        for chunk in slices(window.start, window.end, days=DAYS_PER_CALL):
            yield from self._days(account, chunk)

    def spend_of(self, account: Account, campaign_id: str, day: date) -> int | None:
        """What a campaign has spent on a day, in minor units; None when TikTok does not say."""
        only = {"field_name": "campaign_ids", "filter_type": "IN", "filter_value": compact([campaign_id])}
        params = {**_params(account, Window(day, day)), "filtering": [only, _ALL], "metrics": ["spend"]}
        for rows in self._rows(params, _day_key):
            with reading(PLATFORM, "a report"):
                for row in rows:
                    if str(row["dimensions"]["campaign_id"]) == campaign_id:
                        return _money(row["metrics"].get("spend"), account.currency)
        return None

    def shares(self, account: Account, window: Window) -> Iterator[BreakdownRow]:
        """Audience reports, one dimension at a time; they have basic metrics only. TOO_MUCH for more than a year."""
        if window.days > DAYS_PER_SUM:
            raise PlatformError(
                "TikTok sums up at most 365 days.", kind=ErrorKind.TOO_MUCH, platform=PLATFORM, code="local.span"
            )
        for dimension, wire_name in _DIMENSIONS.items():
            params = {
                **_params(account, window),
                "report_type": "AUDIENCE",
                "dimensions": ["campaign_id", wire_name],
                "metrics": list(CORE),
            }
            for rows in self._rows(params, _all_dimensions):
                with reading(PLATFORM, "a report"):
                    found = [_share(row, dimension, wire_name, account.currency) for row in rows]
                yield from found

    def _days(self, account: Account, chunk: Window) -> Iterator[DayMetrics]:
        pages = self._supported(account, chunk)
        try:
            first = next(pages, [])
        except PlatformError as error:
            # The cut is by number of campaigns: fewer of them deliver in fewer days.
            if error.kind is not ErrorKind.TOO_MUCH or chunk.days == 1:
                raise
            for half in chunk.halves():
                yield from self._days(account, half)
            return
        for rows in chain([first], pages):
            with reading(PLATFORM, "a report"):
                found = [_day(row, account) for row in rows]
            yield from found

    def _supported(self, account: Account, chunk: Window) -> Iterator[list[dict[str, Any]]]:
        """The report with all metrics that this account has: one that it lacks fails the whole question."""
        wanted = [*CORE, *EXTRA, *(name for name in account.conversion_actions if name not in (*CORE, *EXTRA))]
        while True:
            metrics = [name for name in wanted if name not in self._refused]
            pages = self._rows({**_params(account, chunk), "metrics": metrics}, _day_key)
            try:
                first = next(pages, None)
            except PlatformError as error:
                if error.code != str(BAD_PARAMETERS) or not self._leave_out(str(error), metrics):
                    raise
                continue
            if first is not None:
                yield first
                yield from pages
            return

    def _leave_out(self, message: str, metrics: Iterable[str]) -> bool:
        """Ask without the metrics that a refusal names, or without all that are not core; False: nothing to drop."""
        spare = set(metrics) - set(CORE)
        dropped = (spare & set(_METRIC.findall(message))) or spare
        self._refused |= dropped
        if dropped:
            log.info("tiktok.metrics_left_out", metrics=sorted(dropped))
        return bool(dropped)

    def _rows(self, params: dict[str, Any], key: Any) -> Iterator[list[dict[str, Any]]]:
        yield from self._api.pages("report/integrated/get", params, endpoint="report", key=key)


# `filter_value` is JSON text within the JSON.
_ALL = {"field_name": "campaign_status", "filter_type": "IN", "filter_value": '["STATUS_ALL"]'}


def _params(account: Account, window: Window) -> dict[str, Any]:
    return {
        "advertiser_id": account.external_id,
        "report_type": "BASIC",
        "service_type": "AUCTION",
        "data_level": "AUCTION_CAMPAIGN",
        "dimensions": ["campaign_id", "stat_time_day"],
        "start_date": window.start.isoformat(),
        "end_date": window.end.isoformat(),
        "filtering": [_ALL],
    }


def _day_key(row: dict[str, Any]) -> Hashable:
    dimensions = row["dimensions"]
    return str(dimensions["campaign_id"]), dimensions["stat_time_day"]


def _all_dimensions(row: dict[str, Any]) -> Hashable:
    return tuple(sorted((name, str(value)) for name, value in row["dimensions"].items()))


def _day(row: dict[str, Any], account: Account) -> DayMetrics:
    dimensions, metrics = row["dimensions"], row["metrics"]
    return DayMetrics(
        campaign_external_id=str(dimensions["campaign_id"]),
        # Local midnight without an offset: the date alone means something.
        date=date.fromisoformat(dimensions["stat_time_day"][:10]),
        impressions=whole(_said(metrics.get("impressions"))),
        clicks=whole(_said(metrics.get("clicks"))),
        spend=_money(metrics.get("spend"), account.currency),
        conversions_micros=_conversions(metrics, account.conversion_actions or ("conversion",)),
        revenue=_money(metrics.get(REVENUE), account.currency),
        video_views=whole(_said(metrics.get("video_play_actions"))),
        video_completions=whole(_said(metrics.get("video_views_p100"))),
        shares=whole(_said(metrics.get("shares"))),
        comments=whole(_said(metrics.get("comments"))),
    )


def _share(row: dict[str, Any], dimension: str, wire_name: str, currency: str) -> BreakdownRow:
    dimensions, metrics = row["dimensions"], row["metrics"]
    return BreakdownRow(
        campaign_external_id=str(dimensions["campaign_id"]),
        dimension=dimension,
        value=_value(str(dimensions[wire_name] or "")),
        impressions=whole(_said(metrics.get("impressions"))),
        clicks=whole(_said(metrics.get("clicks"))),
        spend=_money(metrics.get("spend"), currency),
        conversions_micros=_conversions(metrics, ("conversion",)),
    )


def _said(text: Any) -> Any:
    """The value, None for TikTok's "-"."""
    return None if text in (None, "-", "") else text


def _money(text: Any, currency: str) -> int | None:
    said = _said(text)
    return None if said is None else from_major(said, currency)


def _conversions(metrics: dict[str, Any], names: Iterable[str]) -> int | None:
    """The first of these metrics that TikTok states."""
    counts = (_said(metrics.get(name)) for name in names)
    return next((count_micros(count) for count in counts if count is not None), None)


def _value(text: str) -> str:
    """'AGE_18_24' as '18-24', 'AGE_55_100' as '55+', 'FEMALE' as 'female', a country as it is."""
    if text.upper() in _UNKNOWN:
        return "unknown"
    if text.startswith("AGE_"):
        youngest, oldest = text.removeprefix("AGE_").split("_")
        return f"{youngest}+" if oldest == "100" else f"{youngest}-{oldest}"
    return text.lower() if text in ("MALE", "FEMALE") else text


def least_budget(spent: int) -> int:
    """The lowest daily budget, in minor units, that TikTok takes from a campaign that has spent so much today."""
    return -(-spent * 105 // 100)
