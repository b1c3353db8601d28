"""What TikTok's answers mean.

The API answers HTTP 200 whatever happened: {"code", "message", "request_id", "data"} decides, and 0 is the only full
success. Other HTTP statuses come from gateways that never reached the API. There is no Retry-After: the message alone
tells whether a second, a minute or a day is used up. Source: API for Business, "Return codes" and "Rate limits".
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import httpx

from campaigns.clients.answers import parsed_or_none
from campaigns.clients.base import ErrorKind, LimitScope, PlatformError
from campaigns.clients.transport import Classify

PLATFORM = "tiktok"

OK, PARTIAL = 0, 20001
DUPLICATE = 40050
BAD_PARAMETERS = 40002
_RATE = {
    40100: LimitScope.APP,
    40016: LimitScope.ACCOUNT,
    40132: LimitScope.ACCOUNT,
    40133: LimitScope.ACCOUNT,
    51021: LimitScope.ACCOUNT,
}
_PERMISSION = frozenset({40001, 40007, 40300, 40301})
# Missing, revoked or expired tokens, used-up codes: marketing tokens cannot be refreshed, so all of them need a person.
_AUTH = frozenset({40102, 40104, 40105, 40106, 40110, 40113, 40118, 40119, 40125})
_TRANSIENT = frozenset({40200, 40201, 40202, 40700, 60001})
# Set when a report was cut at 20,000 ids.
_CUT_HEADER = "x-tt-ads-throttle"

MINUTE_WAIT = 300.0


def classifier(now: Callable[[], datetime]) -> Classify:
    """The judgement of answers; `now` says how far away midnight is, when limits of a day start anew."""

    def classify(response: httpx.Response) -> PlatformError | None:
        body = parsed_or_none(response)
        code = _code(body)
        if code is None:
            return _unreadable(response)
        if code in (OK, PARTIAL):
            return _cut(response) if _CUT_HEADER in response.headers else None
        message = str(body.get("message") or "TikTok gave no reason.")
        rate = code in _RATE
        return PlatformError(
            message,
            kind=kind_of(code),
            platform=PLATFORM,
            code=str(code),
            request_id=str(body.get("request_id") or ""),
            retry_after=wait(message, now()) if rate else None,
            status=response.status_code,
            scope=_RATE.get(code, LimitScope.ENDPOINT),
        )

    return classify


def kind_of(code: int) -> ErrorKind:
    """The meaning of a code that is not a success."""
    if code in _RATE:
        return ErrorKind.RATE
    if code in _AUTH:
        return ErrorKind.AUTH
    if code in _PERMISSION:
        return ErrorKind.PERMISSION
    if code in _TRANSIENT or 50000 <= code <= 59999:
        return ErrorKind.TRANSIENT
    return ErrorKind.INPUT


def wait(message: str, now: datetime) -> float | None:
    """Seconds until a limit is over, as far as the message tells; None for one that passes within seconds."""
    said = message.lower()
    if "qpd" in said or "per day" in said or "daily" in said:
        midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        return (midnight - now).total_seconds()
    if "qpm" in said or "per minute" in said or "temporarily restricted" in said:
        return MINUTE_WAIT
    return None


def _code(body: Any) -> int | None:
    code = body.get("code") if isinstance(body, dict) else None
    if isinstance(code, str) and code.isdigit():
        return int(code)
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def _cut(response: httpx.Response) -> PlatformError:
    return PlatformError(
        "The report was cut at 20,000 campaigns.",
        kind=ErrorKind.TOO_MUCH,
        platform=PLATFORM,
        code="report.cut",
        status=response.status_code,
    )


def _unreadable(response: httpx.Response) -> PlatformError:
    status = response.status_code
    if status == 429:
        kind = ErrorKind.RATE
    elif status >= 500:
        kind = ErrorKind.TRANSIENT
    elif status in (400, 404, 405, 414):
        kind = ErrorKind.INPUT  # the gateway knows no such path (a missing last slash, say)
    else:
        kind = ErrorKind.BROKEN
    return PlatformError(
        f"TikTok answered with HTTP {status} and no readable body.",
        kind=kind,
        platform=PLATFORM,
        code=f"http.{status}",
        status=status,
    )
