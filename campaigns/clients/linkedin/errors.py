"""What LinkedIn's answers mean.

Bodies are {"status", "serviceErrorCode", "code", "message"}, with "errorDetails.inputErrors" where single values were
wrong; gateways answer with HTML or nothing. There are neither quota headers nor Retry-After: the message tells which
quota is used up. Token calls answer as RFC 6749 says. Sources: LinkedIn, "Error handling" and "Rate limiting".
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
import structlog

from campaigns.clients.answers import parsed_or_none
from campaigns.clients.base import ErrorKind, LimitScope, PlatformError
from campaigns.clients.transport import Classify

log = structlog.get_logger(__name__)

PLATFORM = "linkedin"

# 45 million metric values in five minutes, counted for the app.
VOLUME_WAIT = 330.0
COUNT_WAIT = 30.0
_KINDS = {
    401: ErrorKind.EXPIRED,
    403: ErrorKind.PERMISSION,
    404: ErrorKind.PERMISSION,  # what one may not see is not there
    408: ErrorKind.TRANSIENT,
    409: ErrorKind.TRANSIENT,
    429: ErrorKind.RATE,
}
_DEAD = frozenset({"invalid_grant", "invalid_request"})


def classifier(now: Callable[[], datetime]) -> Classify:
    """The judgement of answers; `now` says how far away midnight is, when quotas start anew."""

    def classify(response: httpx.Response) -> PlatformError | None:
        body = parsed_or_none(response)
        if response.is_success:
            return _of_success(body, response)
        details = body if isinstance(body, dict) else {}
        if isinstance(details.get("error"), str):
            return _of_token_call(details, response)
        error = PlatformError(
            _sentence(details) or f"LinkedIn answered with HTTP {response.status_code}.",
            kind=_kind(response.status_code),
            platform=PLATFORM,
            code=_code(details) or f"http.{response.status_code}",
            status=response.status_code,
        )
        if error.kind is ErrorKind.RATE:
            error.retry_after, error.scope = wait(str(details.get("message") or ""), now())
        if response.status_code == 426 or error.code == "VERSION_MISSING":
            log.error("linkedin.version_refused", code=error.code, text=str(error)[:300])
        return error

    return classify


def wait(message: str, now: datetime) -> tuple[float, LimitScope]:
    """Seconds to wait after a limit, and whom it holds back."""
    said = message.lower()
    if "metric values" in said:
        return VOLUME_WAIT, LimitScope.APP_ENDPOINT
    scope = LimitScope.ENDPOINT if "member" in said else LimitScope.APP_ENDPOINT
    if "day limit" in said:
        midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        return (midnight - now).total_seconds(), scope
    return COUNT_WAIT, scope


def _of_success(body: Any, response: httpx.Response) -> PlatformError | None:
    """A write is answered with 204 and nothing; everything else with an object."""
    if isinstance(body, dict) or (not response.content and response.request.method == "POST"):
        return None
    return PlatformError(
        "LinkedIn's answer cannot be read.",
        kind=ErrorKind.BROKEN,
        platform=PLATFORM,
        code=f"http.{response.status_code}",
    )


def _of_token_call(body: dict[str, Any], response: httpx.Response) -> PlatformError:
    code = body["error"]
    if response.status_code >= 500:
        kind = ErrorKind.TRANSIENT
    else:
        kind = ErrorKind.AUTH if code in _DEAD else ErrorKind.INPUT
    return PlatformError(
        str(body.get("error_description") or code),
        kind=kind,
        platform=PLATFORM,
        code=code,
        status=response.status_code,
    )


def _kind(status: int) -> ErrorKind:
    if status in _KINDS:
        return _KINDS[status]
    if status >= 500:
        return ErrorKind.TRANSIENT
    return ErrorKind.INPUT if status >= 400 else ErrorKind.BROKEN


def _input_errors(body: dict[str, Any]) -> list[dict[str, Any]]:
    details = body.get("errorDetails")
    errors = details.get("inputErrors") if isinstance(details, dict) else None
    return [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []


def _sentence(body: dict[str, Any]) -> str:
    """What is wrong with each value, where that is said: the message above only says that something is."""
    descriptions = [str(error["description"]) for error in _input_errors(body) if error.get("description")]
    return " ".join(descriptions) or str(body.get("message") or "")


def _code(body: dict[str, Any]) -> str:
    codes = [error.get("code") for error in _input_errors(body)]
    return str(next(filter(None, [*codes, body.get("code"), body.get("serviceErrorCode")]), ""))
