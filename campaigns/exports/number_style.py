"""Numbers: one decimal sign and one grouping sign per file, decided from every number of the file.

First pass: numbers are reduced to shapes ('1.204,56' -> '9.999,99'), a few dozen per file whatever its length.
A reading survives when it explains all shapes; counts cannot have decimals, which settles '1.204' in Impressions.
Where only ambiguous shapes exist ('1.204' as money), the language of the headers decides, unless it would read
three decimals, which no currency of two decimals has: then the file is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import NoReturn

from django.utils.translation import gettext_lazy as _

from campaigns.exports.currency import split_currency
from campaigns.exports.errors import RefusalCode, refuse
from campaigns.exports.text import CLEANING, is_missing
from campaigns.exports.vocabulary import Kind

SCALE_DIGITS = 24
"""Exact sums are integers of 10**-24 units: more decimals than any export, or any float of a spreadsheet, has."""

SCALE = 10**SCALE_DIGITS

_COMMA_LANGUAGES = frozenset({"es", "fr", "de", "pt", "nl"})
_MAX_SHAPES = 2_000
_MAX_DIGITS = 30
_SHAPE = str.maketrans("12345678", "99999999") | CLEANING | {ord("0"): "0"}


@dataclass(frozen=True, slots=True)
class NumberStyle:
    """`decimal` and `group` signs; `group` is '' where numbers are never grouped."""

    decimal: str
    group: str

    def is_number(self, text: str) -> bool:
        return _pattern(self.decimal, self.group).fullmatch(text) is not None

    def plain(self, text: str) -> str:
        """'1.234,5' -> '1234.5'; the text must be a number in this style."""
        if self.group:
            text = text.replace(self.group, "")
        return text.replace(self.decimal, ".") if self.decimal != "." else text


@cache
def _pattern(decimal: str, group: str) -> re.Pattern[str]:
    whole = r"\d+"
    if group:
        grouped = rf"\d{{1,3}}(?:{re.escape(group)}\d{{3}})+"
        # 12,34,567.8: lakhs and crores, as en-IN writes them.
        indian = r"|\d{1,2}(?:,\d{2})+,\d{3}" if group == "," else ""
        whole = rf"(?:{grouped}{indian}|\d+)"
    sign = re.escape(decimal)
    return re.compile(rf"{whole}(?:{sign}\d+)?|{sign}\d+")


STYLES: tuple[NumberStyle, ...] = (
    *(NumberStyle(".", group) for group in (",", " ", "'", "")),
    *(NumberStyle(",", group) for group in (".", " ", "'", "")),
    NumberStyle("٫", "٬"),
)


@dataclass
class NumberEvidence:
    """Shapes of the numbers in a file's columns, by kind of column."""

    shapes: dict[Kind, set[str]] = field(default_factory=dict)

    def feed(self, kind: Kind, cells: Iterable[object]) -> None:
        texts = [cell for cell in cells if type(cell) is str]
        joined = "\n".join(texts)
        # Whole numbers without any sign say nothing, and are most of the cells.
        if not joined or (joined.replace("\n", "").isdecimal() and joined.isascii()):
            return
        shapes = self.shapes.setdefault(kind, set())
        if len(shapes) < _MAX_SHAPES:
            shapes.update(_zeros_kept_only_in_front(joined.translate(_SHAPE)).split("\n"))


def _zeros_kept_only_in_front(shapes: str) -> str:
    # '0,123' is never a grouped number; other zeros are digits like any other.
    return re.sub(r"(?<![0-9.,])0(?=[.,])", "o", shapes).replace("0", "9").replace("o", "0")


def _number_part(shape: str, kind: Kind) -> str | None:
    """The number inside a shape, without sign, percent, comparison or currency; None when there is none."""
    text = shape.strip().strip("%<>~≈ ()-+").strip()
    if not text or is_missing(text):
        return None
    if not text[-1].isdigit() or not (text[0].isdigit() or text[0] in ".,٫"):
        if kind is not Kind.MONEY:
            return None
        split = split_currency(text)
        return split[0] if split else None
    return text


def _explains(style: NumberStyle, shape: str, kind: Kind) -> bool:
    if not style.is_number(shape):
        return False
    whole, sign, decimals = shape.partition(style.decimal)
    if shape.startswith("0"):
        return not (style.group and shape[1:2] == style.group)
    # '9.999' in a column of counts is a grouped number, '9999.99' a whole number with idle decimals.
    return not (kind is Kind.COUNT and sign and len(decimals) == 3 and 1 <= len(whole) <= 3)


@dataclass(frozen=True, slots=True)
class NumberDecision:
    style: NumberStyle
    assumed: bool = False


def decide_numbers(evidence: NumberEvidence, language: str, exponent: int | None) -> NumberDecision:
    """The style of a file's numbers; refuses AMBIGUOUS_NUMBERS where none or two (`undecided`) readings remain.

    `exponent` is the currency's number of decimals, None while the currency is unknown.
    """
    seen: dict[Kind, set[str]] = {}
    for kind, shapes in evidence.shapes.items():
        parts = {part for part in (_number_part(shape, kind) for shape in shapes) if part}
        # What no style can read is not evidence; a bad cell is found, and named, when it is read.
        seen[kind] = {part for part in parts if any(_explains(style, part, kind) for style in STYLES)}
    imported: dict[Kind, set[str]] = {kind: shapes for kind, shapes in seen.items() if kind is not Kind.RATE}
    possible = [
        style
        for style in STYLES
        if all(_explains(style, part, kind) for kind, parts in imported.items() for part in parts)
    ]
    if not possible:
        _refuse_contradiction(imported)
    with_rates = [
        style for style in possible if all(_explains(style, part, Kind.RATE) for part in seen.get(Kind.RATE, ()))
    ]
    possible = with_rates or possible
    signs = {style.decimal for style in possible if style.decimal != "٫"} or {possible[0].decimal}
    if len(signs) == 1:
        return NumberDecision(_fullest(possible, signs.pop()))
    return _decide_by_language(possible, imported, language, exponent)


def _fullest(styles: list[NumberStyle], decimal: str) -> NumberStyle:
    """The first style with this decimal sign: those that group come first, and read ungrouped numbers as well."""
    return next(style for style in styles if style.decimal == decimal)


def style_of_language(language: str) -> NumberStyle:
    return _fullest(list(STYLES), "," if language in _COMMA_LANGUAGES else ".")


def _decide_by_language(
    possible: list[NumberStyle], imported: dict[Kind, set[str]], language: str, exponent: int | None
) -> NumberDecision:
    style = _fullest(possible, style_of_language(language).decimal)
    decimal = style.decimal
    parts = {part for parts in imported.values() for part in parts if not part.isdecimal()}
    if not parts:
        return NumberDecision(style)
    three_decimals = sorted(part for part in parts if decimal in part)
    if three_decimals and exponent != 3:
        refuse(
            RefusalCode.AMBIGUOUS_NUMBERS,
            _(
                "Numbers written like {example} can be read as thousands or as decimals, and nothing in the file "
                "decides. Export the report again with more days, or with another number format."
            ),
            example=three_decimals[0].replace("9", "1"),
            undecided=True,
        )
    return NumberDecision(style, assumed=True)


def _refuse_contradiction(imported: dict[Kind, set[str]]) -> NoReturn:
    parts = sorted({part for parts in imported.values() for part in parts if not part.isdecimal()})
    with_point = next((part for part in parts if re.search(r"\.9{1,2}$", part)), parts[0] if parts else "")
    with_comma = next((part for part in parts if re.search(r",9{1,2}$", part)), parts[-1] if parts else "")
    refuse(
        RefusalCode.AMBIGUOUS_NUMBERS,
        _(
            "The file writes numbers in two ways ({first} and {second}), so none can be trusted. "
            "Upload the file as the ad platform exported it."
        ),
        first=with_point.replace("9", "1"),
        second=with_comma.replace("9", "1"),
    )


class CellError(ValueError):
    """A cell that is no number: `code` says why, the reader adds where."""

    def __init__(self, code: RefusalCode) -> None:
        super().__init__(code)
        self.code = code


class Masked:
    """Stands for '<5': a number the platform hides because it is small."""


MASKED = Masked()


def read_number(cell: str | int | float, kind: Kind, style: NumberStyle) -> int | Masked | None:
    """One cell as a whole number (COUNT) or in 10**-24 units (MONEY, DECIMAL); None for 'no value'.

    Raises CellError with BAD_NUMBER, FORMULA or NEGATIVE_VALUE.
    """
    if type(cell) is not str:
        return _scaled_number(Decimal(repr(cell)), kind)
    text = cell.translate(CLEANING).strip()
    if is_missing(text):
        return None
    if not style.is_number(text):
        text = _undecorated(text, kind, style)
        if not text:
            return MASKED
    plain = style.plain(text)
    if len(plain) > 2 * _MAX_DIGITS:
        raise CellError(RefusalCode.BAD_NUMBER)
    whole, _point, decimals = plain.partition(".")
    if kind is Kind.COUNT:
        if decimals.strip("0"):
            raise CellError(RefusalCode.BAD_NUMBER)
        return int(whole or "0")
    if len(decimals) > SCALE_DIGITS:
        return _scaled_number(Decimal(plain), kind)
    return int(whole + decimals.ljust(SCALE_DIGITS, "0"))


def _undecorated(text: str, kind: Kind, style: NumberStyle) -> str:
    """The number in '€ 12,50', '+12' or '12.50 USD'; '' for a masked value."""
    if text.startswith("="):
        raise CellError(RefusalCode.FORMULA)
    if text[0] in "<>" and style.is_number(text[1:].strip().rstrip("%").strip()):
        return ""
    negative = text.startswith("-") or text.endswith("-") or (text.startswith("(") and text.endswith(")"))
    text = text.strip("+-()").strip()
    if kind is Kind.MONEY and not style.is_number(text):
        split = split_currency(text)
        if split is None:
            raise CellError(RefusalCode.BAD_NUMBER)
        negative = negative or text.startswith("-")
        text = split[0]
    if not style.is_number(text):
        raise CellError(RefusalCode.BAD_NUMBER)
    if negative and style.plain(text).strip("0."):
        raise CellError(RefusalCode.NEGATIVE_VALUE)
    return text


def _scaled_number(value: Decimal, kind: Kind) -> int:
    if not value.is_finite() or value.adjusted() > _MAX_DIGITS:
        raise CellError(RefusalCode.BAD_NUMBER)
    # Accounts' ledgers leave crumbs such as -2E-18 where nothing was spent.
    if value < Decimal("-0.000001"):
        raise CellError(RefusalCode.NEGATIVE_VALUE)
    value = max(value, Decimal(0))
    if kind is Kind.COUNT:
        if value != value.to_integral_value():
            raise CellError(RefusalCode.BAD_NUMBER)
        return int(value)
    numerator, denominator = value.as_integer_ratio()
    return round_half_even(numerator * SCALE, denominator)


def round_half_even(numerator: int, denominator: int) -> int:
    """Integer division, halves to the even neighbour; both arguments non-negative, denominator positive."""
    quotient, remainder = divmod(numerator, denominator)
    twice = remainder * 2
    return quotient + (twice > denominator or (twice == denominator and quotient & 1))


def exact_decimal(scaled: int) -> Decimal:
    """10**-24 units as a Decimal, without the rounding that arithmetic of Decimal brings at 28 digits."""
    digits = SCALE_DIGITS
    while digits and scaled % 10 == 0:
        scaled //= 10
        digits -= 1
    return Decimal(f"{scaled}E-{digits}")
