"""Rest.li's query encoding: (a:b,c:List(x,y)) with the syntax in clear and everything inside values percent-encoded."""

from typing import Any
from urllib.parse import unquote_plus

Value = Any  # str, list of Value, or dict of str to Value


class BadEncoding(ValueError):
    """The query is not what Rest.li takes."""


def parse_query(raw: str) -> dict[str, Value]:
    """The parameters of a raw query string. Structures become dicts and lists, all else decoded text."""
    found: dict[str, Value] = {}
    for pair in raw.split("&"):
        if pair:
            name, _, value = pair.partition("=")
            found[unquote_plus(name)] = parse_value(value)
    return found


def parse_value(text: str) -> Value:
    if text.startswith(("(", "List(")):
        value, end = _structure(text, 0)
        if end != len(text):
            raise BadEncoding(text)
        return value
    return unquote_plus(text)


def _structure(text: str, start: int) -> tuple[Value, int]:
    if text.startswith("List(", start):
        return _list(text, start + 5)
    if text.startswith("(", start):
        return _record(text, start + 1)
    return _atom(text, start)


def _list(text: str, at: int) -> tuple[list[Value], int]:
    items: list[Value] = []
    if text.startswith(")", at):
        return items, at + 1
    while True:
        item, at = _structure(text, at)
        items.append(item)
        if text.startswith(")", at):
            return items, at + 1
        at = _expect(text, at, ",")


def _record(text: str, at: int) -> tuple[dict[str, Value], int]:
    members: dict[str, Value] = {}
    if text.startswith(")", at):
        return members, at + 1
    while True:
        colon = text.find(":", at)
        if colon < 0:
            raise BadEncoding(text)
        name = unquote_plus(text[at:colon])
        members[name], at = _structure(text, colon + 1)
        if text.startswith(")", at):
            return members, at + 1
        at = _expect(text, at, ",")


def _atom(text: str, at: int) -> tuple[str, int]:
    end = at
    while end < len(text) and text[end] not in ",()":
        if text[end] == ":":
            raise BadEncoding(text)  # a colon inside a value must be %3A
        end += 1
    return unquote_plus(text[at:end]), end


def _expect(text: str, at: int, sign: str) -> int:
    if not text.startswith(sign, at):
        raise BadEncoding(text)
    return at + 1
