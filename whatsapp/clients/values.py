"""Reading JSON of which nothing is certain: each function takes any value and returns what it can be used as."""

import math
from datetime import UTC, datetime
from typing import Any

DEEPEST = 40
_FIRST, _LAST = 946_684_800, 4_102_444_800  # 2000, 2100


def as_dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def as_text(value: Any, longest: int) -> str:
    """A text that PostgreSQL can hold, cut; '' for anything that is none."""
    return clean(value)[:longest] if isinstance(value, str) else ""


def as_id(value: Any, longest: int = 255) -> str:
    """An id, which comes as text or as a number; '' for what is none. Never cut: half an id is somebody else's."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**30:
        return str(value)
    if not isinstance(value, str) or not 0 < len(value) <= longest or clean(value) != value:
        return ""
    return value


def as_code(value: Any) -> int | str:
    """An error code; '' for what is none."""
    text = as_id(value, 9)
    return int(text) if text.isdecimal() and text.isascii() and len(text) <= 9 else ""


def as_moment(value: Any) -> datetime | None:
    """Seconds since 1970, as text in messages and as a number elsewhere; None for what is no moment of this century."""
    text = as_id(value, 10)
    if not (text.isdecimal() and text.isascii()) or not _FIRST <= int(text) < _LAST:
        return None
    return datetime.fromtimestamp(int(text), UTC)


def clean(text: str) -> str:
    """Without NUL and half characters, which no column can hold."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def plain(value: Any, depth: int = 0) -> Any:
    """The same JSON as jsonb can hold it: clean texts, no NaN, nothing below DEEPEST levels."""
    if depth > DEEPEST:
        return None
    if isinstance(value, dict):
        return {clean(str(key)): plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item, depth + 1) for item in value]
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
