"""Answers of platforms as values: JSON without rounding, and one error for everything that cannot be read."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import httpx

from campaigns.clients.base import ErrorKind, PlatformError

_PARSED = "stratum.parsed"


def parsed(response: httpx.Response) -> Any:
    """The body as JSON; numbers with a point are Decimals, as they were written. ValueError when it is not JSON.

    Read once per answer: whoever classifies it and whoever uses it get the same value.
    """
    if _PARSED not in response.extensions:
        try:
            value = json.loads(response.content, parse_float=Decimal, parse_constant=_refuse_constant)
        except RecursionError as error:
            raise ValueError("nested too deeply") from error
        response.extensions[_PARSED] = value
    return response.extensions[_PARSED]


def parsed_or_none(response: httpx.Response) -> Any:
    """The same; None for a body that is not JSON (a gateway's page, a body that was cut)."""
    try:
        return parsed(response)
    except ValueError:
        return None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def storable(value: Any) -> Any:
    """The value as plain JSON: what a JSON column takes."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {key: storable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [storable(item) for item in value]
    return value


@contextmanager
def reading(platform: str, what: str) -> Iterator[None]:
    """Turn whatever a surprising shape makes the reader stumble over into one BROKEN error that names the place."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise PlatformError(
            f"Unexpected answer about {what}: {type(error).__name__}: {error}",
            kind=ErrorKind.BROKEN,
            platform=platform,
        ) from error


def whole(value: Any) -> int | None:
    """A count, however it was written ('18234', 18234, 18234.0); None when it is absent, ValueError when it is none."""
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, str) and value.isdecimal():
        return int(value)
    number = Decimal(value)
    if number != number.to_integral_value():
        raise ValueError(f"{value!r} is not a whole number")
    return int(number)
