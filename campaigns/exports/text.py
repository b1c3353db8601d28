"""Cleaning that numbers, dates and names share: digits of other scripts, invisible marks, kinds of space."""

from __future__ import annotations

import unicodedata

_DIGITS = {
    ord(digit): str(value) for start in ("٠", "۰") for value in range(10) for digit in (chr(ord(start) + value),)
}
_SPACES = dict.fromkeys((0xA0, 0x2007, 0x2008, 0x2009, 0x200A, 0x202F), " ")
_INVISIBLE = dict.fromkeys(
    (0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x061C, 0x2066, 0x2067, 0x2068, 0x2069, 0xFEFF, *range(0x202A, 0x202F))
)
_SIGNS = {
    ord("’"): "'",
    ord("‘"): "'",
    ord("ʼ"): "'",
    ord("−"): "-",
    ord("٪"): "%",
    ord("،"): "٬",
}
CLEANING = str.maketrans(_DIGITS | _SPACES | _INVISIBLE | _SIGNS)

_MISSING = frozenset({"", "-", "--", "---", "–", "—", "n/a", "na", "null", "none"})


def cleaned(text: str) -> str:
    """Text with ASCII digits, plain spaces and signs, without invisible marks, stripped."""
    return text.strip() if text.isascii() else text.translate(CLEANING).strip()


def is_missing(text: str) -> bool:
    """' --', '-', 'N/A' and nothing at all are how platforms write 'no value'."""
    return text.strip().casefold() in _MISSING


def name_of(text: str) -> str:
    """A name as it is stored: composed (NFC), trimmed, line breaks as spaces, nothing evaluated or cut."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    if "\n" in text or "\r" in text or "\t" in text:
        text = " ".join(text.split())
    return text.strip()
