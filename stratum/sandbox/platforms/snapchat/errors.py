"""Snapchat's envelopes, good and bad."""

import hashlib
from typing import Any

from stratum.sandbox.wire import Response, json_response, text_response

_SORRY = "We're sorry, but the requested resource is not available at this time"


class SnapError(Exception):
    """An answer whose request_status is ERROR. Without a code the body has only `msg`."""

    def __init__(self, status: int, code: str, debug: str, display: str = _SORRY) -> None:
        super().__init__(debug)
        self.status, self.code, self.debug, self.display = status, code, debug, display

    def response(self, calls: int) -> Response:
        body = {"request_status": "ERROR", "request_id": request_id(calls)}
        if self.code:
            body |= {"debug_message": self.debug, "display_message": self.display, "error_code": self.code}
        else:
            body["msg"] = self.debug
        return json_response(body, self.status)


def request_id(calls: int) -> str:
    return hashlib.blake2b(str(calls).encode(), digest_size=40).hexdigest()


def envelope(calls: int, members: dict[str, Any]) -> Response:
    return json_response({"request_status": "SUCCESS", "request_id": request_id(calls), **members})


def unsupported(text: str) -> SnapError:
    """A stats query that cannot be answered."""
    return SnapError(400, "E1008", f"Unsupported Stats Query: {text}")


def not_found() -> SnapError:
    return SnapError(404, "E3003", "Resource can not be found")


def forbidden() -> SnapError:
    return SnapError(403, "E3002", "Caller does not have permission")


def unauthorized() -> SnapError:
    return SnapError(401, "", "Unauthorized")


def too_many(reset: int) -> Response:
    """Not JSON, with the headers that some callers have met."""
    headers = {"X-Rate-Limit-Limit": "1000", "X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Reset": str(reset)}
    return text_response("Too Many Requests", 429).with_headers(headers)
