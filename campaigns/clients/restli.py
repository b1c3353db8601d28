"""Query strings as Rest.li 2.0 reads them.

Structures are written (key:value,key:value) and List(a,b); their parentheses, commas and colons stay as they are, those
within a text are percent-encoded: accounts=List(urn%3Ali%3AsponsoredAccount%3A512345678). Libraries for ordinary query
strings encode all of them or none. Source: LinkedIn, "Protocol version 2.0.0".
"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any
from urllib.parse import quote


def encoded(value: Any) -> str:
    """A text, number, truth value, list or mapping in Rest.li's notation, keys in their given order."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quote(value, safe="")
    if isinstance(value, Mapping):
        return f"({','.join(f'{encoded(key)}:{encoded(item)}' for key, item in value.items())})"
    if isinstance(value, list | tuple):
        return f"List({','.join(encoded(item) for item in value)})"
    if isinstance(value, int):
        return str(value)
    raise TypeError(f"{value!r} has no notation in Rest.li")


def query(params: Mapping[str, Any], *, fields: Iterable[str] = ()) -> str:
    """A query string. `fields` is the projection: plain names with plain commas."""
    parts = [f"{encoded(name)}={encoded(value)}" for name, value in params.items()]
    names = ",".join(encoded(name) for name in fields)
    return "&".join([*parts, f"fields={names}"] if names else parts)


def urn(kind: str, id_: str | int) -> str:
    """'urn:li:sponsoredCampaign:360000001'."""
    return f"urn:li:{kind}:{id_}"


def urn_id(text: str) -> str:
    """The last part of a urn: campaigns are numbers in their own listing and urns in reports."""
    kind, _, id_ = text.rpartition(":")
    if not kind.startswith("urn:li:") or not id_:
        raise ValueError(f"{text!r} is not a urn")
    return id_


def date_range(start: date, end: date) -> dict[str, dict[str, int]]:
    """Both ends included."""
    return {"start": _parts(start), "end": _parts(end)}


def _parts(day: date) -> dict[str, int]:
    return {"year": day.year, "month": day.month, "day": day.day}
