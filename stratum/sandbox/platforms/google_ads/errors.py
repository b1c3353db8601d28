"""Google's error bodies: a plain status, and inside it (mostly) a GoogleAdsFailure."""

from typing import Any

from stratum.sandbox.wire import Response, json_response

CONTENT_TYPE = "application/json; charset=UTF-8"
_STATUS = {
    400: ("INVALID_ARGUMENT", "Request contains an invalid argument."),
    401: ("UNAUTHENTICATED", "Request is missing required authentication credential."),
    403: ("PERMISSION_DENIED", "The caller does not have permission"),
    404: ("NOT_FOUND", "Requested entity was not found."),
    429: ("RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota)."),
    500: ("INTERNAL", "Internal error encountered."),
    503: ("UNAVAILABLE", "The service is currently unavailable."),
}


class AdsError(Exception):
    """`family` and `code` are those of errorCode; without a family the body has no details."""

    def __init__(self, status: int, family: str, code: str, message: str, **members: Any) -> None:
        super().__init__(message)
        self.status, self.family, self.code, self.message, self.members = status, family, code, message, members

    def body(self, version: str, request_id: str) -> dict[str, Any]:
        name, text = _STATUS[self.status]
        error: dict[str, Any] = {"code": self.status, "message": text, "status": name}
        if self.family:
            error["details"] = [self.detail(version, request_id)]
        elif self.message:
            error["message"] = self.message
        return {"error": error}

    def detail(self, version: str, request_id: str) -> dict[str, Any]:
        one = {"errorCode": {self.family: self.code}, "message": self.message, **self.members}
        return {
            "@type": f"type.googleapis.com/google.ads.googleads.{version}.errors.GoogleAdsFailure",
            "errors": [one],
            "requestId": request_id,
        }

    def response(self, version: str, request_id: str, *, stream: bool) -> Response:
        body = self.body(version, request_id)
        return json_response([body] if stream else body, self.status, content_type=CONTENT_TYPE)


def query_error(code: str, message: str) -> AdsError:
    return AdsError(400, "queryError", code, message)


def request_error(code: str, message: str) -> AdsError:
    return AdsError(400, "requestError", code, message)


def no_access() -> AdsError:
    return AdsError(
        403,
        "authorizationError",
        "USER_PERMISSION_DENIED",
        "User doesn't have permission to access customer. Note: If you're accessing a client customer, the manager's "
        "customer id must be set in the 'login-customer-id' header. See "
        "https://developers.google.com/google-ads/api/docs/concepts/call-structure#cid",
    )


def bad_token(reason: str) -> AdsError:
    if reason == "missing":
        text = "Request is missing required authentication credential. Expected OAuth 2 access token, login cookie or "
        return AdsError(401, "", "", f"{text}other valid authentication credential.")
    if reason == "revoked":
        return AdsError(401, "authenticationError", "OAUTH_TOKEN_REVOKED", "The OAuth token has been revoked.")
    text = "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid "
    return AdsError(401, "", "", f"{text}authentication credential.")


def quota(variant: str) -> AdsError:
    """daily, no_details or (else) temporary."""
    if variant == "no_details":
        return AdsError(429, "", "", "")
    daily = variant == "daily"
    delay = "40591s" if daily else "30s"
    details = {
        "rateScope": "DEVELOPER" if daily else "ACCOUNT",
        "rateName": "Number of operations for basic access" if daily else "Requests per service per method",
        "retryDelay": delay,
    }
    return AdsError(
        429,
        "quotaError",
        "RESOURCE_EXHAUSTED" if daily else "RESOURCE_TEMPORARILY_EXHAUSTED",
        f"Too many requests. Retry in {delay[:-1]} seconds.",
        details={"quotaErrorDetails": details},
    )
