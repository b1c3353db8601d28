"""Headers and labels reduced to a key that survives case, accents, punctuation and spreadsheets."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from campaigns.exports.currency import currency_code, split_currency

_BIDI_MARKS = dict.fromkeys((0x200B, 0x200E, 0x200F, 0x061C, 0x202A, 0x202B, 0x202C, 0xFEFF, 0x2066, 0x2069))
_QUOTES = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "`": "'", "“": '"', "”": '"'})
_BRACKETS = re.compile(r"[(\[]([^()\[\]]*)[)\]]")
_UTC = re.compile(r"\b(?:utc|gmt)\b", re.IGNORECASE)


@lru_cache(maxsize=4096)
def header_key(header: str) -> str:
    """A header without currency, zone, case, accents and punctuation.

    'Montant dépensé (EUR)' -> 'montant depense'; 'Website URL (Ad level）' -> 'website url (ad level)';
    'Start Date (in UTC)' -> 'start date'; 'Swipe-Ups' -> 'swipe ups'.
    """

    text = unicodedata.normalize("NFKC", header).translate(_BIDI_MARKS).translate(_QUOTES)

    def without_currency_or_zone(match: re.Match[str]) -> str:
        inside = match[1].strip()
        return " " if _bracket_currency(inside, text) or _UTC.search(inside) else match[0]

    text = _BRACKETS.sub(without_currency_or_zone, text)
    return plain_key(text)


def plain_key(text: str) -> str:
    """Case, accents, dots, hyphens and runs of space removed; brackets and slashes kept."""
    text = unicodedata.normalize("NFKD", text.translate(_BIDI_MARKS).translate(_QUOTES).casefold())
    text = "".join(char for char in text if not unicodedata.combining(char) and char != "ـ")
    text = text.replace("æ", "ae").replace("ø", "o").replace(".", "")
    text = re.sub(r"[\s\-_‐-―]+", " ", text)
    text = re.sub(r"\s*([/,:()])\s*", r"\1", text).replace("(", " (")
    return text.replace(" %", "%").strip(' "*')


def header_currency(header: str) -> str | None:
    """The ISO code in a header's brackets: 'CPM (Coût pour 1 000 impressions) (EUR)' -> 'EUR'."""
    text = unicodedata.normalize("NFKC", header)
    for inside in reversed(_BRACKETS.findall(text)):
        code = _bracket_currency(inside.strip(), text)
        if code:
            return code
    return None


def header_is_utc(header: str) -> bool:
    brackets = _BRACKETS.findall(unicodedata.normalize("NFKC", header))
    return any(inside.strip().casefold().split()[-1:] == ["utc"] for inside in brackets)


def _bracket_currency(inside: str, header: str) -> str | None:
    if inside.isascii() and inside.isalpha():
        # 'Clicks (all)' is no Albanian lek, not even in a header written in capitals.
        if inside.upper() in ("ALL", "TOP"):
            return inside if inside.isupper() and not header.isupper() else None
        return currency_code(inside) if inside.isupper() or header.islower() else None
    if 0 < len(inside) <= 3:
        split = split_currency(f"{inside}1")
        return split[1] if split else None
    return None
