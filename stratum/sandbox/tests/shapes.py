"""A structural comparison: the keys and types of an answer against those of a sample."""

from typing import Any

Shape = dict[str, Any]


def shape_of(value: Any) -> Shape:
    """What a sample shows: its kinds, the members it must have and those it may have, the shape of its items."""
    if isinstance(value, dict):
        return {
            "kinds": {"object"},
            "members": {name: shape_of(one) for name, one in value.items()},
            "always": set(value),
        }
    if isinstance(value, list):
        shape: Shape = {"kinds": {"list"}, "items": None}
        for one in value:
            shape["items"] = merged(shape["items"], shape_of(one))
        return shape
    return {"kinds": {kind_of(value)}}


def kind_of(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    return "number" if isinstance(value, (int, float)) else "text"


def merged(one: Shape | None, other: Shape | None) -> Shape | None:
    """The shape that both samples have: what only one of them shows is optional."""
    if one is None or other is None:
        return one or other
    both: Shape = {"kinds": one["kinds"] | other["kinds"]}
    if "members" in one or "members" in other:
        mine, theirs = one.get("members", {}), other.get("members", {})
        both["members"] = {name: merged(mine.get(name), theirs.get(name)) for name in {*mine, *theirs}}
        both["always"] = one.get("always", set()) & other.get("always", set())
    if "items" in one or "items" in other:
        both["items"] = merged(one.get("items"), other.get("items"))
    return both


def differences(shape: Shape | None, value: Any, optional: frozenset[str], place: str = "") -> list[str]:
    """Where a value is not of the shape. `optional` are names that may be missing, or come on top, anywhere."""
    if shape is None:
        return []
    kind = "object" if isinstance(value, dict) else "list" if isinstance(value, list) else kind_of(value)
    if kind not in shape["kinds"]:
        return [f"{place or 'body'} is {kind}, not {' or '.join(sorted(shape['kinds']))}"]
    found: list[str] = []
    if kind == "object":
        members = shape["members"]
        found += [f"{place}.{name} is missing" for name in sorted(shape["always"] - set(value) - optional)]
        found += [f"{place}.{name} is unknown" for name in sorted(set(value) - set(members) - optional)]
        for name in set(value) & set(members):
            found += differences(members[name], value[name], optional, f"{place}.{name}")
    if kind == "list":
        for number, one in enumerate(value):
            found += differences(shape["items"], one, optional, f"{place}[{number}]")
    return found
