"""Dates: one order of day and month per file, decided from all dates of the file and what surrounds them.

A date with a month's name, in ISO form or stored as a date by a spreadsheet needs no decision. '03/04/2026' does:
every date of the file takes part, then the range in the preamble, then what cannot lie in the future, then the
language of the headers. Where all of that allows both readings, the file is refused.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import NoReturn

from django.utils.translation import gettext_lazy as _

from campaigns.exports.container import NativeDate
from campaigns.exports.container.cells import NATIVE_DATE_MARK
from campaigns.exports.errors import RefusalCode, refuse
from campaigns.exports.text import cleaned
from campaigns.exports.vocabulary import plain_key

EARLIEST_DAY = dt.date(2004, 1, 1)
"""No ad platform's export reaches further back; an earlier date is a reading error."""

_MAX_DISTINCT = 200_000

_MONTH_WORDS = """
1 january jan enero ene janvier janv januar janner januari janeiro يناير كانون_الثاني
2 february feb febrero fevrier fevr fev februar februari fevereiro فبراير شباط
3 march mar marzo mars marz mrz marco maart mrt مارس اذار
4 april apr abril abr avril avr ابريل نيسان
5 may mayo mai maio mei مايو ايار
6 june jun junio juin juni junho يونيو يونيه حزيران
7 july jul julio juillet juil juli julho يوليو يوليه تموز
8 august aug agosto ago aout augustus اغسطس اب
9 september sep sept septiembre set setiembre septembre setembro سبتمبر ايلول
10 october oct octubre octobre oktober okt outubro out اكتوبر تشرين_الاول
11 november nov noviembre novembre novembro نوفمبر تشرين_الثاني
12 december dec diciembre dic decembre dezember dez dezembro ديسمبر كانون_الاول
"""
_MONTHS: dict[str, int] = {
    plain_key(word).replace(" ", "_"): int(number)
    for number, *words in (line.split() for line in _MONTH_WORDS.strip().splitlines())
    for word in words
}
_TWO_WORD_MONTHS = tuple((word.replace("_", " "), word) for word in _MONTHS if "_" in word)
_FILLER_WORDS = """
de del of the st nd rd th er le el a d في
mon tue tues wed thu thur thurs fri sat sun monday tuesday wednesday thursday friday saturday sunday
lunes martes miercoles jueves viernes sabado domingo lun mie jue vie sab dom
lundi mardi mercredi jeudi vendredi samedi dimanche mer jeu ven sam dim
montag dienstag mittwoch donnerstag freitag samstag sonntag mo di mi do fr sa so
maandag dinsdag woensdag donderdag vrijdag zaterdag zondag
segunda terca quarta quinta sexta feira
"""
_FILLERS = frozenset(_FILLER_WORDS.split())

_TIME = (
    r"(?:[T ,]+(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,]\d+)?)?"
    r"\s*(?P<half>[AaPp]\.?\s?[Mm]\.?)?\s*(?:Z|UTC|GMT|[+-]\d{2}:?\d{2})?)?"
)
_ISO = re.compile(r"(?P<year>\d{4})([-/.])(?P<month>\d{1,2})\2(?P<day>\d{1,2})" + _TIME)
_COMPACT = re.compile(r"(?P<year>20\d{2})(?P<month>\d{2})(?P<day>\d{2})")
_NUMERIC = re.compile(
    r"(?P<first>\d{1,2})(?P<sign>[/.\-])(?P<second_part>\d{1,2})(?P=sign)(?P<year>\d{4}|\d{2})\.?" + _TIME
)
_TRAILING_TIME = re.compile(_TIME.removesuffix(")?") + r")$")
_WORD = r"[^\W\d_]+"
_IN_TEXT = re.compile(
    rf"{_WORD}\.?\s+\d{{1,2}}(?:st|nd|rd|th)?,?\s+\d{{4}}"
    rf"|\d{{1,2}}\.?(?:st|nd|rd|th|er)?\s+(?:de\s+|of\s+)?{_WORD}\.?,?\s+(?:de\s+|del\s+)?\d{{4}}"
    r"|\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}([/.\-])\d{1,2}\1\d{4}",
)


class Order(Enum):
    DAY_FIRST = "day_first"
    MONTH_FIRST = "month_first"


class Form(Enum):
    NATIVE = "native"
    ISO = "iso"
    NAMED = "named"
    NUMERIC = "numeric"


@dataclass(frozen=True, slots=True)
class WrittenDate:
    """A date as written. For NUMERIC `first` and `second` are the two parts whose order is open."""

    form: Form
    year: int
    first: int
    second: int
    sign: str = ""
    seconds: int | None = None
    named_month_first: bool = False

    def on(self, order: Order | None) -> dt.date | None:
        """The day in a reading; None when there is no such day."""
        month, day = (self.first, self.second)
        if self.form is Form.NUMERIC and order is Order.DAY_FIRST:
            month, day = day, month
        try:
            return dt.date(self.year, month, day)
        except ValueError:
            return None


@lru_cache(maxsize=20_000)
def written_date(cell: str) -> WrittenDate | None:
    """Read the parts of a date; None for what is no date."""
    if cell.startswith(NATIVE_DATE_MARK):
        match = _ISO.fullmatch(NativeDate.text(cell))
        return _from_match(Form.NATIVE, match) if match else None
    text = cleaned(cell)
    if match := _ISO.fullmatch(text) or _COMPACT.fullmatch(text):
        return _from_match(Form.ISO, match)
    if match := _NUMERIC.fullmatch(text):
        year = int(match["year"])
        return WrittenDate(
            Form.NUMERIC,
            year if year > 99 else 2000 + year,
            int(match["first"]),
            int(match["second_part"]),
            match["sign"],
            _seconds(match),
        )
    return _named_date(text)


def _from_match(form: Form, match: re.Match[str]) -> WrittenDate | None:
    date = WrittenDate(form, int(match["year"]), int(match["month"]), int(match["day"]), "", _seconds(match))
    return date if date.on(None) else None


def _seconds(match: re.Match[str]) -> int | None:
    groups = match.groupdict()
    if groups.get("hour") is None:
        return None
    hour = int(groups["hour"])
    if groups["half"]:
        hour = hour % 12 + (12 if groups["half"][0] in "pP" else 0)
    return hour * 3600 + int(groups["minute"]) * 60 + int(groups["second"] or 0)


def _named_date(text: str) -> WrittenDate | None:
    """'Apr 14, 2026', '14 de abril de 2026', '١٤ أبريل ٢٠٢٦', '14. April 2026'."""
    time = _TRAILING_TIME.search(text)
    if time:
        text = text[: time.start()]
    key = plain_key(text).replace("،", " ").replace("٬", " ")
    for spaced, joined in _TWO_WORD_MONTHS:
        key = key.replace(spaced, joined)
    # Also where nothing stands between them: "Jan5 2026".
    tokens = re.findall(r"\d+|[^\W\d]+", key)
    numbers = [token for token in tokens if token.isdecimal()]
    words = [token for token in tokens if not token.isdecimal()]
    months = [word for word in words if word in _MONTHS]
    others = [word for word in words if word not in _MONTHS and word not in _FILLERS]
    if len(numbers) != 2 or len(months) != 1 or others:
        return None
    year, day = sorted(numbers, key=len, reverse=True)
    if len(year) != 4 or len(day) > 2:
        return None
    month_first = tokens.index(months[0]) < tokens.index(day)
    date = WrittenDate(
        Form.NAMED,
        int(year),
        _MONTHS[months[0]],
        int(day),
        seconds=_seconds(time) if time else None,
        named_month_first=month_first,
    )
    return date if date.on(None) else None


def dates_in(line: str) -> list[WrittenDate]:
    """The dates inside a line of a preamble."""
    text = cleaned(line)
    found = (written_date(match[0]) for match in _IN_TEXT.finditer(text))
    return [date for date in found if date is not None]


@dataclass
class DateEvidence:
    """The distinct dates of a file's date columns, collected in the first pass."""

    texts: set[str] = field(default_factory=set)

    def feed(self, cells: Iterable[object]) -> None:
        # Numbers (a serial without a date format) are refused cell by cell later.
        self.texts.update(cell for cell in cells if type(cell) is str)
        if len(self.texts) > _MAX_DISTINCT:
            refuse(RefusalCode.BAD_DATE, _("The date column does not hold dates. Export the report with a Day column."))


@dataclass(frozen=True, slots=True)
class DateStyle:
    """How a file writes dates. `assumed` says that the language decided, not the dates themselves."""

    order: Order | None
    assumed: bool = False

    def day(self, cell: str) -> dt.date | None:
        date = written_date(cell)
        return date.on(self.order) if date else None

    @property
    def label(self) -> str:
        if self.order is None:
            return "YYYY-MM-DD"
        return "DD/MM/YYYY" if self.order is Order.DAY_FIRST else "MM/DD/YYYY"


@dataclass(frozen=True, slots=True)
class DateHints:
    """What surrounds the dates: preamble, headers, platform, and the clock."""

    language: str
    platform: str
    today: dt.date
    preamble: tuple[WrittenDate, ...] = ()


def decide_dates(evidence: DateEvidence, hints: DateHints) -> DateStyle:
    """The reading of all dates of a file; refuses AMBIGUOUS_DATES (`undecided` in its detail) where two remain."""
    dates = [date for date in map(written_date, evidence.texts) if date is not None]
    numeric = [date for date in dates if date.form is Form.NUMERIC]
    if not numeric:
        return DateStyle(None)
    if any(date.form is not Form.NUMERIC for date in dates):
        _refuse_mixed_forms(dates)
    possible = [order for order in Order if all(date.on(order) for date in numeric)]
    if not possible:
        _refuse_mixed_orders(numeric)
    if len(possible) == 1 or all(date.first == date.second for date in numeric):
        return DateStyle(possible[0])
    return _decide_by_surroundings(numeric, hints)


def order_of_language(language: str) -> Order:
    """How most people of a language write dates in figures: only for a provisional reading."""
    return Order.MONTH_FIRST if language == "en" else Order.DAY_FIRST


def _decide_by_surroundings(numeric: list[WrittenDate], hints: DateHints) -> DateStyle:
    in_range = [order for order in Order if _within_preamble(numeric, order, hints)]
    if len(in_range) == 1:
        return DateStyle(in_range[0])
    newest = hints.today + dt.timedelta(days=1)
    not_future = [order for order in Order if all((date.on(order) or dt.date.max) <= newest for date in numeric)]
    if len(not_future) == 1:
        return DateStyle(not_future[0])
    if {date.sign for date in numeric} == {"."}:
        return DateStyle(Order.DAY_FIRST)  # no locale writes the month first with dots
    named = [date for date in hints.preamble if date.form is Form.NAMED]
    if named and hints.language == "en":
        month_first = all(date.named_month_first for date in named)
        return DateStyle(Order.MONTH_FIRST if month_first else Order.DAY_FIRST, assumed=True)
    if hints.language != "en":
        return DateStyle(Order.DAY_FIRST, assumed=True)
    if hints.platform == "linkedin":
        return DateStyle(Order.MONTH_FIRST, assumed=True)  # its exports follow the language, en = M/D/Y
    return _refuse_ambiguous(numeric)


def _refuse_ambiguous(numeric: list[WrittenDate]) -> NoReturn:
    example = min(numeric, key=lambda date: (date.year, date.first, date.second))
    refuse(
        RefusalCode.AMBIGUOUS_DATES,
        _(
            "Dates such as {first}{sign}{second}{sign}{year} can be read as day/month or month/day, and nothing in "
            "the file decides. Export again with a range that includes a day after the 12th, or with ISO dates."
        ),
        first=f"{example.first:02}",
        second=f"{example.second:02}",
        sign=example.sign,
        year=example.year,
        undecided=True,
    )


def _within_preamble(numeric: list[WrittenDate], order: Order, hints: DateHints) -> bool:
    certain = [date.on(None) for date in hints.preamble if date.form is not Form.NUMERIC]
    # A numeric range is written in the same order as the column, so it is read in the order under test.
    days = [day for day in (*certain, *(d.on(order) for d in hints.preamble if d.form is Form.NUMERIC)) if day]
    if len(days) < 2:
        return True
    return all(min(days) <= (date.on(order) or dt.date.min) <= max(days) for date in numeric)


def _refuse_mixed_forms(dates: list[WrittenDate]) -> NoReturn:
    if any(date.form is Form.NATIVE for date in dates):
        refuse(
            RefusalCode.AMBIGUOUS_DATES,
            _(
                "The date column holds real dates and text mixed: a spreadsheet has read some days as months. "
                "Upload the file as the ad platform exported it, without opening and saving it."
            ),
        )
    refuse(
        RefusalCode.BAD_DATE,
        _("The date column mixes several ways of writing dates. Upload the file as the ad platform exported it."),
    )


def _refuse_mixed_orders(numeric: list[WrittenDate]) -> NoReturn:
    def shown(date: WrittenDate) -> str:
        return f"{date.first:02}{date.sign}{date.second:02}{date.sign}{date.year}"

    by_day = next((date for date in numeric if not date.on(Order.MONTH_FIRST)), numeric[0])
    by_month = next((date for date in numeric if not date.on(Order.DAY_FIRST)), numeric[0])
    refuse(
        RefusalCode.BAD_DATE,
        _("The dates {first} and {second} do not fit one order of day and month. Export the report again."),
        first=shown(by_day),
        second=shown(by_month),
    )
