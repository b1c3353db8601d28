"""LinkedIn's analytics: which questions are asked, and what a row of the answer means.

Rows are UTC days. Metrics come only when they are named, at most 20 names with the two that identify a row. There are
no pages: what goes beyond 15,000 rows is cut without a word, so an answer of that many counts as cut. An account that
one may not read answers 200 and nothing. Source: LinkedIn, "Reporting".
"""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

from campaigns.clients import restli
from campaigns.clients.answers import reading, whole
from campaigns.clients.base import Account, BreakdownRow, DayMetrics, ErrorKind, PlatformError
from campaigns.clients.governor import Limit
from campaigns.clients.linkedin.api import Api
from campaigns.clients.linkedin.campaigns import amount_minor
from campaigns.clients.linkedin.errors import PLATFORM
from campaigns.clients.money import count_micros
from campaigns.clients.windows import Window, slices

MAX_ROWS = 15_000
DAYS_PER_CALL = 30
# LinkedIn publishes no figure; this pace is known to be taken.
LIMIT = Limit(calls=6, period=10.0, burst=3)

_KEYS = ("dateRange", "pivotValues")
METRICS_PER_CALL = 20 - len(_KEYS)
# Conversions on the website hold those after a click and those after a view: their parts are never added again. Leads
# from LinkedIn's own forms are counted apart; only campaigns for leads have them.
CONVERSIONS = ("externalWebsiteConversions", "oneClickLeads")
_WHOLE, _PARTS = CONVERSIONS[0], ("externalWebsitePostClickConversions", "externalWebsitePostViewConversions")
COST, VALUE = "costInLocalCurrency", "conversionValueInLocalCurrency"
METRICS = (
    "impressions", "clicks", COST, *CONVERSIONS, VALUE, "videoViews", "videoCompletions", "shares", "comments",
)  # fmt: skip
# Demographic answers have no conversion value.
SHARE_METRICS = ("impressions", "clicks", COST, *CONVERSIONS)

Row = dict[str, Any]


class Analytics:
    """Reports of one connection."""

    def __init__(self, api: Api):
        self._api = api

    def days(self, account: Account, window: Window) -> Iterator[DayMetrics]:
        """Campaign-days on which something happened."""
        for chunk in slices(window.start, window.end, days=DAYS_PER_CALL):
            yield from self._days(account, chunk)

    def countries_of(self, account: Account, campaign_id: str, window: Window) -> Iterator[BreakdownRow]:
        """Shares of countries; `value` is a place's urn. Approximate, the 100 largest, small ones left out."""
        params = {
            "pivot": "MEMBER_COUNTRY_V2",
            "timeGranularity": "ALL",
            "dateRange": restli.date_range(window.start, window.end),
            "campaigns": [restli.urn("sponsoredCampaign", campaign_id)],
        }
        for place, row in self._merged(params, SHARE_METRICS, by_day=False):
            with reading(PLATFORM, "analytics"):
                share = BreakdownRow(
                    campaign_external_id=campaign_id,
                    dimension="location",
                    value=place[0],
                    impressions=whole(row.get("impressions")),
                    clicks=whole(row.get("clicks")),
                    spend=_money(row.get(COST), account.currency),
                    conversions_micros=_conversions(row, CONVERSIONS),
                )
            yield share

    def _days(self, account: Account, chunk: Window) -> Iterator[DayMetrics]:
        actions = _without_parts(account.conversion_actions or CONVERSIONS)
        metrics = (*METRICS, *(name for name in actions if name not in METRICS))
        params = {
            "pivot": "CAMPAIGN",
            "timeGranularity": "DAILY",
            "dateRange": restli.date_range(chunk.start, chunk.end),
            "accounts": [restli.urn("sponsoredAccount", account.external_id)],
        }
        try:
            rows = self._merged(params, metrics, by_day=True)
        except PlatformError as error:
            if error.kind is not ErrorKind.TOO_MUCH or chunk.days == 1:
                raise
            for half in chunk.halves():
                yield from self._days(account, half)
            return
        for key, row in rows:
            with reading(PLATFORM, "analytics"):
                day = _day(restli.urn_id(key[0]), date(*key[1:]), row, actions, account.currency)
            yield day

    def _merged(
        self, params: dict[str, Any], metrics: tuple[str, ...], *, by_day: bool
    ) -> list[tuple[tuple[Any, ...], Row]]:
        """The rows with all metrics, however many questions that takes. TOO_MUCH when an answer was cut."""
        rows: dict[tuple[Any, ...], Row] = {}
        for start in range(0, len(metrics), METRICS_PER_CALL):
            body = self._api.get(
                "adAnalytics",
                {"q": "analytics", **params},
                endpoint="analytics",
                fields=(*_KEYS, *metrics[start : start + METRICS_PER_CALL]),
                limit=LIMIT,
            )
            with reading(PLATFORM, "analytics"):
                elements = body["elements"]
                _check_not_cut(elements)
                for row in elements:
                    rows.setdefault(_key(row, by_day=by_day), {}).update(row)
        return list(rows.items())


def _check_not_cut(elements: list[Row]) -> None:
    if len(elements) >= MAX_ROWS:
        raise PlatformError(
            f"The answer has {len(elements)} rows: the rest was cut.",
            kind=ErrorKind.TOO_MUCH,
            platform=PLATFORM,
            code="local.cut",
        )


def _key(row: Row, *, by_day: bool) -> tuple[Any, ...]:
    """What a row is about: its urn, and its day."""
    (pivot,) = row["pivotValues"]
    if not by_day:
        return (pivot,)
    span = row["dateRange"]
    if span["start"] != span["end"]:
        raise ValueError(f"a row of several days: {span}")
    start = span["start"]
    return pivot, start["year"], start["month"], start["day"]


def _day(campaign_id: str, day: date, row: Row, actions: Iterable[str], currency: str) -> DayMetrics:
    return DayMetrics(
        campaign_external_id=campaign_id,
        date=day,
        impressions=whole(row.get("impressions")),
        clicks=whole(row.get("clicks")),
        spend=_money(row.get(COST), currency),
        conversions_micros=_conversions(row, actions),
        revenue=_money(row.get(VALUE), currency),
        video_views=whole(row.get("videoViews")),
        video_completions=whole(row.get("videoCompletions")),
        shares=whole(row.get("shares")),
        comments=whole(row.get("comments")),
    )


def _without_parts(names: Iterable[str]) -> tuple[str, ...]:
    """The names, without parts of a whole that is among them."""
    names = tuple(dict.fromkeys(names))
    return tuple(name for name in names if name not in _PARTS) if _WHOLE in names else names


def _conversions(row: Row, names: Iterable[str]) -> int | None:
    """Website conversions and leads together; None when neither is stated."""
    counts = [count_micros(row[name]) for name in names if row.get(name) is not None]
    return sum(counts) if counts else None


def _money(amount: Any, currency: str) -> int | None:
    return None if amount is None else amount_minor(amount, currency)
