"""LinkedIn's error bodies."""

from typing import Any

from stratum.sandbox.wire import Response, json_response


class RestError(Exception):
    """`members` are further ones of the body, before the message."""

    def __init__(self, status: int, code: str, message: str, **members: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = {"status": status}
        if "serviceErrorCode" in members:
            self.body["serviceErrorCode"] = members.pop("serviceErrorCode")
        self.body |= {"code": code, "message": message, **members}

    def response(self) -> Response:
        return json_response(self.body, self.status, {"x-restli-error-response": "true"})


def bad_query(text: str = "Invalid query parameters passed to request") -> RestError:
    return RestError(400, "ILLEGAL_ARGUMENT", text)


def invalid_input(path: str, code: str, description: str) -> RestError:
    """A member of a write that cannot be."""
    problem = {"description": description, "input": {"inputPath": {"fieldPath": path}}, "code": code}
    return RestError(
        400,
        "MULTIPLE_VALIDATIONS_FAILED",
        "Multiple errors occurred during the input validation. Please see errorDetails for more information.",
        errorDetailType="com.linkedin.common.error.BadRequest",
        errorDetails={"inputErrors": [problem]},
    )


def token_error(reason: str) -> RestError:
    if reason == "expired":
        text = "The token used in the request has expired"
        return RestError(401, "EXPIRED_ACCESS_TOKEN", text, serviceErrorCode=65602)
    if reason == "revoked":
        text = "The token used in the request has been revoked by the user"
        return RestError(401, "REVOKED_ACCESS_TOKEN", text, serviceErrorCode=65601)
    if reason == "missing":
        return RestError(401, "EMPTY_ACCESS_TOKEN", "Empty oauth2 access token", serviceErrorCode=65604)
    return RestError(401, "INVALID_ACCESS_TOKEN", "Invalid access token", serviceErrorCode=65600)


def denied(resource: str, method: str) -> RestError:
    text = f"Not enough permissions to access: {resource}.{method}.20260701"
    return RestError(403, "ACCESS_DENIED", text, serviceErrorCode=100)


def read_only() -> RestError:
    """The member may look at the account, but not change it."""
    problem = {
        "description": "No permission to update the campaign.",
        "input": {"inputPath": {"fieldPath": "/"}},
        "code": "NO_PERMISSION_TO_UPDATE",
    }
    return RestError(
        403,
        "NO_PERMISSION_ON_ENTITY",
        "The viewer does not have permission on this entity.",
        errorDetailType="com.linkedin.common.error.Forbidden",
        errorDetails={"inputErrors": [problem]},
    )


def throttled(variant: str) -> RestError:
    """resource, day or data: which limit was met."""
    if variant == "data":
        text = "The data request limit has been exceeded. More than 45 million metric values were requested in a "
        return RestError(429, "TOO_MANY_REQUESTS", f"{text}5-minute window.")
    what = "Resource level throttle limit" if variant != "day" else "Resource level throttle APPLICATION DAY limit"
    text = f"{what} for calls to this resource is reached."
    return RestError(429, "TOO_MANY_REQUESTS", text, serviceErrorCode=101)
