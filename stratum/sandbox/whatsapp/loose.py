"""Parts of a caller's JSON, whatever it holds: what is of another kind counts as missing."""

from collections.abc import Mapping
from typing import Any


def member(value: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The object of this name; empty when there is none."""
    found = value.get(name)
    return found if isinstance(found, dict) else {}


def items(value: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The objects in the list of this name."""
    found = value.get(name)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def text(value: Mapping[str, Any], name: str) -> str:
    """The text (or number) of this name; empty when there is none."""
    found = value.get(name)
    return str(found) if isinstance(found, (str, int)) and not isinstance(found, bool) else ""
