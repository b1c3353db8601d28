"""How much of Meta's limits is used, as the headers of every answer tell.

Four headers, each JSON in a string (Graph API, "Rate Limits"; Insights, "Best Practices"):
X-App-Usage {call_count, total_time, total_cputime}, percent of the app's hourly limit, shared by all its users;
X-Ad-Account-Usage {acc_id_util_pct, reset_time_duration (seconds)};
X-Business-Use-Case-Usage {"<business id>": [{type, call_count, total_time, total_cputime,
estimated_time_to_regain_access (minutes)}]}, per use case of the account in question;
X-FB-Ads-Insights-Throttle {app_id_util_pct, acc_id_util_pct}.
"""

import json
from dataclasses import dataclass
from typing import Any

import httpx

from campaigns.clients.governor import Governor

SLOW_FROM, PAUSE_FROM = 75.0, 95.0
MIN_PAUSE = 60.0
# Between the two marks calls are spaced out, up to this many seconds apart.
MAX_SPACING = 10.0

# Names of our endpoints by the use case that Meta counts them under; they share its allowance.
INSIGHTS = ("insights", "insights_report")
MANAGEMENT = ("accounts", "account", "campaigns", "campaign", "ad_sets", "campaign_write")
_ENDPOINTS = {"ads_insights": INSIGHTS, "ads_management": MANAGEMENT}


@dataclass(frozen=True, slots=True)
class Pressure:
    """A limit that is `percent` used; `wait` is how many seconds Meta says it lasts. No endpoints: the whole of it."""

    percent: float
    wait: float = 0.0
    whole_app: bool = False
    endpoints: tuple[str, ...] = ()

    def pause(self) -> float:
        """Seconds during which nobody should call: none below 75 %, a growing spacing, from 95 % on a real pause."""
        if self.percent >= PAUSE_FROM or self.wait > 0:
            return max(self.wait, MIN_PAUSE)
        if self.percent >= SLOW_FROM:
            return 1 + (MAX_SPACING - 1) * (self.percent - SLOW_FROM) / (PAUSE_FROM - SLOW_FROM)
        return 0.0


def respect(governor: Governor, response: httpx.Response) -> None:
    """Slow everybody down, or hold them back, as far as the answer's headers call for it."""
    for pressure in pressures(response):
        seconds = pressure.pause()
        if not seconds:
            continue
        for endpoint in pressure.endpoints or ("",):
            governor.block(seconds, endpoint=endpoint, whole_app=pressure.whole_app)


def pressures(response: httpx.Response) -> list[Pressure]:
    """All that the headers say. A header that cannot be read says nothing."""
    found: list[Pressure] = []
    app = _header(response, "x-app-usage")
    if app:
        found.append(Pressure(_busiest(app), whole_app=True))
    account = _header(response, "x-ad-account-usage")
    if account:
        percent = _number(account.get("acc_id_util_pct"))
        # The duration is told on quiet accounts too: it means a wait only once the limit is near.
        wait = _number(account.get("reset_time_duration")) if percent >= PAUSE_FROM else 0.0
        found.append(Pressure(percent, wait))
    for uses in _header(response, "x-business-use-case-usage").values():
        for use in uses if isinstance(uses, list) else ():
            if not isinstance(use, dict):
                continue
            wait = 60 * _number(use.get("estimated_time_to_regain_access"))
            endpoints = _ENDPOINTS.get(str(use.get("type")))
            if endpoints:
                found.append(Pressure(_busiest(use), wait, endpoints=endpoints))
    throttle = _header(response, "x-fb-ads-insights-throttle")
    if throttle:
        found.append(Pressure(_number(throttle.get("app_id_util_pct")), whole_app=True))
        found.append(Pressure(_number(throttle.get("acc_id_util_pct")), endpoints=INSIGHTS))
    return found


def wait_of_account(response: httpx.Response) -> float:
    """Seconds until the account's own limit is free again; 0 when the headers do not say."""
    return _number(_header(response, "x-ad-account-usage").get("reset_time_duration"))


def wait_of_use_case(response: httpx.Response) -> float:
    """Seconds until the use case is free again; 0 when the headers do not say."""
    return max((pressure.wait for pressure in pressures(response) if pressure.endpoints), default=0.0)


def _header(response: httpx.Response, name: str) -> dict[str, Any]:
    try:
        value = json.loads(response.headers.get(name, "{}"))
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _busiest(usage: dict[str, Any]) -> float:
    return max(_number(usage.get(name)) for name in ("call_count", "total_time", "total_cputime"))


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0
