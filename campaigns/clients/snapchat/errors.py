"""What Snapchat's answers mean.

An answer is {"request_status", "request_id", …, "<things>": [{"sub_request_status", "<thing>": {…}}]}: HTTP 200 may
hold items that failed. Statuses are compared without regard to case, as the documentation writes them both ways. Old
tokens and limits may be answered with an empty body or plain text. Token endpoints answer as RFC 6749 says. Source:
Marketing API, "Errors" and "Rate limits".
"""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import httpx
import structlog

from campaigns.clients.answers import parsed_or_none
from campaigns.clients.base import ErrorKind, LimitScope, PlatformError
from campaigns.clients.transport import Classify
from stratum.lib.masking import mask_text

log = structlog.get_logger(__name__)

PLATFORM = "snapchat"
SUCCESS = "SUCCESS"
NO_PERMISSION, NOT_FOUND = "E3002", "E3003"

_CODE = re.compile(r"E\d{4}\b")
# Their texts say what is wrong; the sentences meant for people say only that something is.
_TELLING = frozenset({"E1004", "E1008"})
# A reset further away than this is a clock that disagrees.
_LONGEST_WAIT = 3600.0


def classifier(now: Callable[[], datetime]) -> Classify:
    """The judgement of answers; `now` is what the moment of a limit's reset is compared with."""

    def classify(response: httpx.Response) -> PlatformError | None:
        body = parsed_or_none(response)
        if isinstance(body, dict) and isinstance(body.get("error"), str):
            return _of_token_call(body, response)
        if response.status_code == 429:
            return _rate(response, now())
        if not response.is_success:
            return _failed(body if isinstance(body, dict) else {}, response)
        if not isinstance(body, dict) or not ("request_status" in body or "access_token" in body):
            return _error("Snapchat's answer cannot be read.", ErrorKind.BROKEN, response)
        return _of_items(body, response) if "request_status" in body else None

    return classify


def seconds_to_reset(response: httpx.Response, now: datetime) -> float | None:
    """How long a limit lasts, as X-Rate-Limit-Reset (epoch seconds) or Retry-After say; None when they do not."""
    reset, after = response.headers.get("x-rate-limit-reset", ""), response.headers.get("retry-after", "")
    if reset.isdigit():
        return min(max(0.0, int(reset) - now.timestamp()), _LONGEST_WAIT)
    return min(float(after), _LONGEST_WAIT) if after.isdigit() else None


def nearly_used_up(response: httpx.Response) -> bool:
    """Whether less than a twentieth of a limit is left, where the answer tells."""
    limit, left = (response.headers.get(f"x-rate-limit-{name}", "") for name in ("limit", "remaining"))
    return limit.isdigit() and left.isdigit() and int(left) * 20 < int(limit)


def _of_token_call(body: dict[str, Any], response: httpx.Response) -> PlatformError:
    code = body["error"]
    dead = code == "invalid_grant"
    if response.status_code >= 500:
        kind = ErrorKind.TRANSIENT
    else:
        kind = ErrorKind.AUTH if dead else ErrorKind.INPUT
    return _error(str(body.get("error_description") or code), kind, response, code=code)


def _rate(response: httpx.Response, now: datetime) -> PlatformError:
    # Ten a second for a token is reached long before the app's twenty: the app is counted on our side.
    error = _error("Snapchat's rate limit is reached.", ErrorKind.RATE, response)
    error.scope = LimitScope.ACCOUNT
    error.retry_after = seconds_to_reset(response, now) or None
    return error


def _failed(body: dict[str, Any], response: httpx.Response) -> PlatformError:
    status, code = response.status_code, str(body.get("error_code") or "")
    if status == 401:
        kind = ErrorKind.EXPIRED
    elif status == 403 or code in (NO_PERMISSION, NOT_FOUND):
        kind = ErrorKind.PERMISSION
    elif status >= 500 or status == 408:
        kind = ErrorKind.TRANSIENT
    elif status == 404:
        kind = ErrorKind.PERMISSION if not code else ErrorKind.INPUT
    else:
        kind = ErrorKind.INPUT if status >= 400 else ErrorKind.BROKEN
    return _error(_sentence(body, code) or f"Snapchat answered with HTTP {status}.", kind, response, body, code)


def _of_items(body: dict[str, Any], response: httpx.Response) -> PlatformError | None:
    """The error of the first item that failed, or of the whole; None when all went well."""
    for item in _items(body):
        if str(item["sub_request_status"]).upper() != SUCCESS:
            reason = _reason(item)
            named = _CODE.search(reason)
            return _of_code(reason, named.group() if named else "", body, response)
    if str(body["request_status"]).upper() == SUCCESS:
        return None
    code = str(body.get("error_code") or "")
    return _of_code(_sentence(body, code) or "Snapchat gave no reason.", code, body, response)


def _of_code(message: str, code: str, body: dict[str, Any], response: httpx.Response) -> PlatformError:
    kind = ErrorKind.PERMISSION if code in (NO_PERMISSION, NOT_FOUND) else ErrorKind.INPUT
    return _error(message, kind, response, body, code)


def _items(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for value in body.values():
        if isinstance(value, list):
            yield from (item for item in value if isinstance(item, dict) and "sub_request_status" in item)


def _reason(item: dict[str, Any]) -> str:
    """Why an item failed: three spellings are about."""
    errors = item.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else ""
    said = item.get("sub_request_error_reason") or item.get("message") or first or item.get("error_type")
    return str(said or "Snapchat gave no reason.")


def _sentence(body: dict[str, Any], code: str) -> str:
    shown, meant = body.get("display_message"), body.get("debug_message")
    return str((meant or shown) if code in _TELLING else (shown or body.get("msg") or meant) or "")


def _error(
    message: str, kind: ErrorKind, response: httpx.Response, body: dict[str, Any] | None = None, code: str = ""
) -> PlatformError:
    body = body or {}
    request_id = str(body.get("request_id") or "")
    if body.get("debug_message"):
        log.info(
            "snapchat.debug_message", code=code, request_id=request_id, text=mask_text(str(body["debug_message"]))[:300]
        )
    return PlatformError(
        message,
        kind=kind,
        platform=PLATFORM,
        code=code or f"http.{response.status_code}",
        request_id=request_id,
        status=response.status_code,
    )
