"""What Meta's errors mean.

Body: {"error": {message, type, code, error_subcode, is_transient, error_user_title, error_user_msg, fbtrace_id}}.
The HTTP status is unreliable (400 for rate limits and dead tokens), so the body's code decides, and the order of the
questions matters: limits come with `is_transient`, 'too much data' with the codes of transient failures, and the
input errors 1504041 and 1504042 with code 2. Sources: Graph API "Error Handling" and "Rate Limits", Insights API
"Error Codes".
"""

from typing import Any

import httpx

from campaigns.clients.answers import parsed_or_none
from campaigns.clients.base import ErrorKind, LimitScope, PlatformError
from campaigns.clients.meta import usage

PLATFORM = "meta"

_RATE_CODES = frozenset({4, 17, 32, 341, 613, *range(80000, 80007), 80008, 80009, 80014})
_RATE_SUBCODES = frozenset({1504022, 1504039, 2446079, 1487742, 1487632})
_AD_SET_BUDGET_CHANGES = (613, 1487632)
_TOO_MUCH = frozenset({(100, 1504018), (2, 1504038)})
_TOO_MUCH_TEXT = "reduce the amount of data"
_AUTH_CODES = frozenset({102, 190})
OBJECT_MISSING = (100, 33)
_INPUT_CODES = frozenset({2635})
_INPUT_SUBCODES = frozenset({1504041, 1504042})
_TRANSIENT_CODES = frozenset({1, 2, 960})
_TRANSIENT_SUBCODES = frozenset({1504043})

ACCOUNT_WAIT = 300.0
AD_SET_BUDGET_WAIT = 3600.0


def classify(response: httpx.Response) -> PlatformError | None:
    """The error an answer is, None when it is a good one."""
    body = parsed_or_none(response)
    if isinstance(body, dict) and isinstance(body.get("error"), dict):
        return _from_body(body["error"], response)
    if response.is_success:
        return None if body is not None else _unreadable(response, ErrorKind.BROKEN)
    return _unreadable(response, kind_of_status(response.status_code))


def kind_of(code: int, subcode: int, message: str, *, is_transient: bool = False) -> ErrorKind | None:
    """The meaning of the codes; None when they say nothing and the HTTP status has to."""
    if code in _RATE_CODES or subcode in _RATE_SUBCODES:
        return ErrorKind.RATE
    if (code, subcode) in _TOO_MUCH or _TOO_MUCH_TEXT in message.lower():
        return ErrorKind.TOO_MUCH
    if code in _AUTH_CODES:
        return ErrorKind.AUTH
    if code == 10 or 200 <= code <= 299 or (code, subcode) == OBJECT_MISSING:
        return ErrorKind.PERMISSION
    if code in _INPUT_CODES or subcode in _INPUT_SUBCODES:
        return ErrorKind.INPUT
    if is_transient or code in _TRANSIENT_CODES or subcode in _TRANSIENT_SUBCODES:
        return ErrorKind.TRANSIENT
    return ErrorKind.INPUT if code == 100 else None


def kind_of_status(status: int) -> ErrorKind:
    """The meaning of an HTTP status where the body has none: a gateway's page, a body that was cut."""
    if status == 429:
        return ErrorKind.RATE
    if status >= 500:
        return ErrorKind.TRANSIENT
    if status == 401:
        return ErrorKind.AUTH
    return ErrorKind.BROKEN


def is_missing_object(error: PlatformError) -> bool:
    """Whether Meta does not know the object, or not for us, or not yet."""
    return error.code == f"{OBJECT_MISSING[0]}/{OBJECT_MISSING[1]}"


def _from_body(error: dict[str, Any], response: httpx.Response) -> PlatformError:
    code, subcode = _int(error.get("code")), _int(error.get("error_subcode"))
    message = str(error.get("message") or "")
    kind = kind_of(code, subcode, message, is_transient=error.get("is_transient") is True)
    if kind is None:
        status = kind_of_status(response.status_code)
        kind = ErrorKind.INPUT if status is ErrorKind.BROKEN else status
    rate = kind is ErrorKind.RATE
    return PlatformError(
        str(error.get("error_user_msg") or message or "Meta gave no reason."),
        kind=kind,
        platform=PLATFORM,
        code=f"{code}/{subcode}" if subcode else str(code),
        request_id=str(error.get("fbtrace_id") or ""),
        retry_after=_wait(code, subcode, response) if rate else None,
        status=response.status_code,
        scope=_scope(code, subcode) if rate else LimitScope.ENDPOINT,
    )


def _wait(code: int, subcode: int, response: httpx.Response) -> float:
    """Seconds to wait after a limit was hit: what the headers say, never less than a minute."""
    if (code, subcode) == _AD_SET_BUDGET_CHANGES:
        return AD_SET_BUDGET_WAIT  # four changes an hour
    if code == 17:
        return max(usage.wait_of_account(response) or ACCOUNT_WAIT, usage.MIN_PAUSE)
    return max(usage.wait_of_use_case(response), usage.MIN_PAUSE)


def _scope(code: int, subcode: int) -> LimitScope:
    if (code, subcode) == _AD_SET_BUDGET_CHANGES:
        return LimitScope.OBJECT
    if code == 4:
        return LimitScope.APP
    return LimitScope.ACCOUNT if code in (17, 32) else LimitScope.ENDPOINT


def _unreadable(response: httpx.Response, kind: ErrorKind) -> PlatformError:
    return PlatformError(
        f"Meta answered with HTTP {response.status_code} and no readable body.",
        kind=kind,
        platform=PLATFORM,
        code=f"http.{response.status_code}",
        status=response.status_code,
    )


def _int(value: Any) -> int:
    return value if isinstance(value, int) else int(value) if isinstance(value, str) and value.isdigit() else 0
