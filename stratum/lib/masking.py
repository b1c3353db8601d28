"""Keeps secrets and addresses out of logs and audit values."""

import logging
import re
from typing import Any

MASK = "•••"
SECRET_NAME = re.compile(
    r"(password|passwd|secret|token|authorization|api[_-]?key|access[_-]?key|cookie|fernet|verification_code)",
    re.I,
)
# As typed, or as it stands in a URL.
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+(?:@|%40)[A-Za-z0-9.-]+\.[A-Za-z]{2,}")
_TOKEN_IN_TEXT = re.compile(
    r"(?i)\b((?:access_|refresh_|client_)?(?:token|secret)|authorization|password)(\s*[=:]\s*)(\"[^\"]*\"|\S+)"
)
# What a consent page sends a browser back with, in an address or in one that is quoted within another.
_CONSENT_IN_URL = re.compile(r"(?i)((?:[?&]|%3F|%26)(?:auth_code|code|state)(?:=|%3D))(?:(?!&|%26)\S)+")
# Whoever holds such a link can use it.
_SIGNED_LINK = re.compile(r"(/unsubscribe/)[\w.:~-]{8,}")


def mask_text(text: str) -> str:
    """The text with e-mail addresses, `token=…` values, signed links and the codes of consent pages replaced."""
    text = _SIGNED_LINK.sub(rf"\1{MASK}", text)
    text = _CONSENT_IN_URL.sub(rf"\1{MASK}", text)
    return _TOKEN_IN_TEXT.sub(rf"\1\2{MASK}", _EMAIL.sub(MASK, text))


def mask_value(name: str, value: Any) -> Any:
    """A value as it may be logged under this name."""
    if value in (None, ""):
        return value
    if SECRET_NAME.search(name):
        return MASK
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, dict):
        return {key: mask_value(str(key), item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [mask_value(name, item) for item in value]
    return value


class MaskingFilter(logging.Filter):
    """Masks the message and the event dictionary of every record before any formatter sees them."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.msg, dict):
            record.msg = {key: mask_value(str(key), value) for key, value in record.msg.items()}
        else:
            record.msg = mask_text(record.getMessage())
            record.args = None
        return True
