"""The lines above the header: title, date range, time zone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from campaigns.exports.container import NativeDate, Row
from campaigns.exports.date_style import WrittenDate, dates_in
from campaigns.exports.vocabulary import LINKEDIN_TITLES, header_is_utc, header_key

_GOOGLE_TITLE = re.compile(r"\b(?:report|informe|rapport|bericht|relatorio|تقرير)\b", re.IGNORECASE)
_ZONE = re.compile(r"\((?:GMT|UTC)[+-]\d{1,2}(?::?\d{2})?\)|\b[A-Z][a-z]+/[A-Z][A-Za-z_]+\b")


@dataclass(frozen=True, slots=True)
class Preamble:
    """`dates` are the first and last day of the report, as written; empty when no range is stated."""

    title: str = ""
    dates: tuple[WrittenDate, ...] = ()
    zone: str | None = None
    is_linkedin: bool = False

    @property
    def has_range(self) -> bool:
        return len(self.dates) == 2


def read_preamble(rows: Sequence[Row]) -> Preamble:
    """Read the rows above the header.

    A line with two dates is the range (Google); otherwise the first two lines with a date are start and end
    (LinkedIn, whose third date says when the file was made).
    """
    lines = [" ".join(NativeDate.text(cell) for cell in row if cell != "").strip() for row in rows]
    lines = [line for line in lines if line and not line.casefold().startswith("sep=")]
    title = lines[0] if lines else ""
    single: list[WrittenDate] = []
    dates: tuple[WrittenDate, ...] = ()
    for line in lines:
        found = dates_in(line)
        if len(found) >= 2 and not dates:
            dates = (found[0], found[1])
        elif len(found) == 1:
            single.append(found[0])
    if not dates and len(single) >= 2:
        dates = (single[0], single[1])
    return Preamble(title, dates, _zone(lines), header_key(title) in LINKEDIN_TITLES)


def looks_like_google(preamble: Preamble, rows: int) -> bool:
    """Title line and range line (or one line holding both) stand above Google's headers only."""
    return (preamble.has_range and not preamble.is_linkedin and rows <= 3) or bool(
        _GOOGLE_TITLE.search(preamble.title) and not preamble.is_linkedin and 1 <= rows <= 3
    )


def _zone(lines: Sequence[str]) -> str | None:
    for line in lines:
        if header_is_utc(line):
            return "UTC"
        if match := _ZONE.search(line):
            return match[0].strip("()")
    return None
