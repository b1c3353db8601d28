"""What Google's errors mean.

Body: {"error": {code, message, status, details: [{"@type": "…GoogleAdsFailure", errors: [{errorCode: {family: CODE},
message, details: {quotaErrorDetails: {rateScope, rateName, retryDelay: "30s"}}}], requestId}]}}. A stream answers with
an array of one such object. Details may be missing (a plain Google error): then the HTTP status decides. The token
endpoint speaks OAuth instead: {"error": "invalid_grant", "error_description": …}. Sources: Google Ads API v26, error
enums and errors.proto; "Authorization"; "Quotas".
"""

import re
from typing import Any

import httpx

from campaigns.clients.answers import parsed_or_none
from campaigns.clients.base import ErrorKind, LimitScope, PlatformError

PLATFORM = "google"

# By 'family.CODE'; a family alone stands for its other codes.
_KINDS: dict[str, ErrorKind] = {
    "authenticationError.OAUTH_TOKEN_EXPIRED": ErrorKind.EXPIRED,
    "authenticationError.OAUTH_TOKEN_REVOKED": ErrorKind.AUTH,
    "authenticationError.OAUTH_TOKEN_INVALID": ErrorKind.AUTH,
    "authenticationError.NOT_ADS_USER": ErrorKind.AUTH,
    "authenticationError.CUSTOMER_NOT_FOUND": ErrorKind.PERMISSION,
    "authorizationError": ErrorKind.PERMISSION,
    "quotaError": ErrorKind.RATE,
    "internalError.INTERNAL_ERROR": ErrorKind.TRANSIENT,
    "internalError.TRANSIENT_ERROR": ErrorKind.TRANSIENT,
    "internalError.DEADLINE_EXCEEDED": ErrorKind.TRANSIENT,
    "databaseError.CONCURRENT_MODIFICATION": ErrorKind.TRANSIENT,
    "requestError": ErrorKind.INPUT,
    "queryError": ErrorKind.INPUT,
    "campaignBudgetError": ErrorKind.INPUT,
    "campaignError": ErrorKind.INPUT,
    "contextError": ErrorKind.INPUT,
}
# When several errors come at once: what must be known first.
_GRAVEST = (
    ErrorKind.RATE,
    ErrorKind.EXPIRED,
    ErrorKind.AUTH,
    ErrorKind.PERMISSION,
    ErrorKind.INPUT,
    ErrorKind.TRANSIENT,
)
PAGE_TOKENS = frozenset({"requestError.EXPIRED_PAGE_TOKEN", "requestError.INVALID_PAGE_TOKEN"})
# Customers that a person may see in a list and not use: no reason to fail the list.
UNUSABLE_CUSTOMER = frozenset(
    {
        "authorizationError.CUSTOMER_NOT_ENABLED",
        "authorizationError.USER_PERMISSION_DENIED",
        "authenticationError.CUSTOMER_NOT_FOUND",
    }
)
_DAILY = "quotaError.RESOURCE_EXHAUSTED"
_DAILY_WAIT = 900.0
_RETRY_IN_TEXT = re.compile(r"[Rr]etry in (\d+(?:\.\d+)?) ?s")
_DELAY = re.compile(r"(\d+(?:\.\d+)?)s")


def classify(response: httpx.Response) -> PlatformError | None:
    """The error an answer is, None when it is a good one."""
    body = parsed_or_none(response)
    if isinstance(body, list):
        body = next((chunk for chunk in body if isinstance(chunk, dict) and "error" in chunk), body)
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, str):
        return _oauth_error(error, body, response)
    if isinstance(error, dict):
        return _api_error(error, response)
    if response.is_success:
        return None if body is not None else _plain(response, ErrorKind.BROKEN)
    return _plain(response, _kind_of_status(response.status_code, readable=body is not None))


def _api_error(error: dict[str, Any], response: httpx.Response) -> PlatformError:
    failures, request_id = _failures(error)
    status = response.status_code if response.status_code >= 400 else _number(error.get("code"))
    message = str(error.get("message") or "Google gave no reason.")
    if not failures:
        return PlatformError(
            message,
            kind=_kind_of_status(status, readable=True),
            platform=PLATFORM,
            code=str(error.get("status") or status),
            request_id=response.headers.get("request-id", ""),
            status=status,
        )
    kind, code, failure = min(
        ((_kind_of_code(code, status), code, failure) for code, failure in failures),
        key=lambda found: _GRAVEST.index(found[0]),
    )
    quota = _quota(failure)
    return PlatformError(
        str(failure.get("message") or message),
        kind=kind,
        platform=PLATFORM,
        code=code,
        request_id=request_id or response.headers.get("request-id", ""),
        retry_after=_wait(code, failure, quota) if kind is ErrorKind.RATE else None,
        status=status,
        scope=_scope(code, quota) if kind is ErrorKind.RATE else LimitScope.ENDPOINT,
    )


def _failures(error: dict[str, Any]) -> tuple[list[tuple[str, dict[str, Any]]], str]:
    """('family.CODE', error) of every detail that is Google Ads' own, and its request id."""
    found: list[tuple[str, dict[str, Any]]] = []
    request_id = ""
    details = error.get("details")
    for detail in details if isinstance(details, list) else ():
        if not isinstance(detail, dict):
            continue
        errors = detail.get("errors")
        for failure in errors if isinstance(errors, list) else ():
            names = failure.get("errorCode") if isinstance(failure, dict) else None
            if isinstance(names, dict) and names:
                family, code = next(iter(names.items()))
                found.append((f"{family}.{code}", failure))
                request_id = str(detail.get("requestId") or request_id)
    return found, request_id


def _kind_of_code(code: str, status: int) -> ErrorKind:
    known = _KINDS.get(code) or _KINDS.get(code.partition(".")[0])
    if known:
        return known
    kind = _kind_of_status(status, readable=True)
    return kind if kind in _GRAVEST else ErrorKind.INPUT


def _kind_of_status(status: int, *, readable: bool) -> ErrorKind:
    """The meaning of an HTTP status alone. 401 is an access token that ran out, until a new one is refused too."""
    if status == 401:
        return ErrorKind.EXPIRED
    if status == 403:
        return ErrorKind.PERMISSION
    if status == 429:
        return ErrorKind.RATE
    if status >= 500 or status in (408, 499):
        return ErrorKind.TRANSIENT
    return ErrorKind.INPUT if readable else ErrorKind.BROKEN


def _quota(failure: dict[str, Any]) -> dict[str, Any]:
    details = failure.get("details")
    quota = details.get("quotaErrorDetails") if isinstance(details, dict) else None
    return quota if isinstance(quota, dict) else {}


def _wait(code: str, failure: dict[str, Any], quota: dict[str, Any]) -> float | None:
    """Seconds to wait: the delay, or what the sentence says; for a day's allowance never 'try again at once'."""
    told = _DELAY.fullmatch(str(quota.get("retryDelay"))) or _RETRY_IN_TEXT.search(str(failure.get("message")))
    if told:
        return float(told[1])
    return _DAILY_WAIT if code == _DAILY else None


def _scope(code: str, quota: dict[str, Any]) -> LimitScope:
    """Whom a limit concerns. A day's allowance is that of the Cloud project, which all tenants share."""
    told = {"DEVELOPER": LimitScope.APP, "ACCOUNT": LimitScope.ACCOUNT}.get(str(quota.get("rateScope")))
    return told or (LimitScope.APP if code == _DAILY else LimitScope.ENDPOINT)


def _oauth_error(error: str, body: dict[str, Any], response: httpx.Response) -> PlatformError:
    """An error of the token endpoint. invalid_grant: revoked, expired, or a password was changed; never mends."""
    if error == "invalid_grant":
        kind = ErrorKind.AUTH
    else:
        kind = _kind_of_status(response.status_code, readable=True)
        # The app's own registration is refused: no person can mend that by connecting again.
        kind = ErrorKind.INPUT if kind in (ErrorKind.EXPIRED, ErrorKind.PERMISSION) else kind
    return PlatformError(
        str(body.get("error_description") or error),
        kind=kind,
        platform=PLATFORM,
        code=error,
        status=response.status_code,
    )


def _plain(response: httpx.Response, kind: ErrorKind) -> PlatformError:
    return PlatformError(
        f"Google answered with HTTP {response.status_code} and no readable body.",
        kind=kind,
        platform=PLATFORM,
        code=f"http.{response.status_code}",
        status=response.status_code,
    )


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0
