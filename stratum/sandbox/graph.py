"""Error bodies of Meta's Graph API, which its ads and WhatsApp share. The body's code says what happened; the HTTP
status only hints."""

from typing import Any

from stratum.sandbox.wire import Response, json_response

CONTENT_TYPE = "application/json; charset=UTF-8"
HELP = "https://developers.facebook.com/docs/graph-api"


class GraphError(Exception):
    """An answer that is an error. `fields` are further members of it, `headers` those that come with it."""

    def __init__(self, status: int, code: int, message: str, *, kind: str = "OAuthException", **fields: Any) -> None:
        super().__init__(message)
        self.headers: dict[str, str] = fields.pop("headers", {})
        self.status = status
        self.body = {"message": message, "type": kind, "code": code, **fields}

    def response(self, trace: str) -> Response:
        error = {**self.body, "fbtrace_id": trace}
        return json_response({"error": error}, self.status, self.headers, content_type=CONTENT_TYPE)


def invalid(message: str, **fields: Any) -> GraphError:
    """A parameter that makes no sense."""
    return GraphError(400, 100, f"(#100) {message}", **fields)


def missing(object_id: str, method: str) -> GraphError:
    """There is no such object, or it is not the caller's."""
    return GraphError(
        400,
        100,
        f"Unsupported {method.lower()} request. Object with ID '{object_id}' does not exist, cannot be loaded due to "
        f"missing permissions, or does not support this operation. Please read the Graph API documentation at {HELP}",
        kind="GraphMethodException",
        error_subcode=33,
    )
