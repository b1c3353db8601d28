"""Canonical JSON of a report and its hash: whoever has both can tell whether anything was changed."""

import hashlib
import json
from typing import Any


def canonical(value: Any) -> bytes:
    """JSON with sorted keys and no blanks, in UTF-8. ValueError for a float: what is frozen must read back the same."""
    _refuse_floats(value)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def content_hash(content: Any, restated: Any) -> str:
    """SHA-256 in hexadecimal of both parts of a report."""
    return hashlib.sha256(canonical({"content": content, "restated": restated})).hexdigest()


def _refuse_floats(value: Any) -> None:
    if isinstance(value, float):
        raise ValueError("a frozen report holds integers and texts, no floats")
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _refuse_floats(part)
