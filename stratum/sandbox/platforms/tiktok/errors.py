"""TikTok's errors: a code in the body of an HTTP 200."""

from typing import Any


class BusinessError(Exception):
    """A body with a code other than 0; the HTTP status stays 200."""

    def __init__(self, code: int, message: str, data: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code, self.data = code, data or {}


def bad(message: str) -> BusinessError:
    return BusinessError(40002, message)
