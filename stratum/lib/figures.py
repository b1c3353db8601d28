"""Figures as words: grouped numbers, money, percentages and changes, in the reader's language.

Everything here returns plain text (no markup), so that a view formats a cell once in Python. A missing value is
`NO_VALUE` (an en dash), never 0. Separators come from Django's locale formats and are looked up once per
language: a table of 250 cells costs well under a millisecond.
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Literal

from django.utils import formats, translation
from django.utils.translation import gettext as _

from stratum.lib.money import decimals

NO_VALUE = "–"
MINUS = "−"
TIMES = "×"

# Only signs that name one currency wherever they stand; others are written as their ISO 4217 code.
CURRENCY_SIGNS = {
    "USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹", "ILS": "₪", "KRW": "₩", "NGN": "₦",
    "PHP": "₱", "PLN": "zł", "TRY": "₺", "UAH": "₴", "VND": "₫", "BRL": "R$", "CAD": "CA$", "AUD": "A$",
    "NZD": "NZ$", "MXN": "MX$", "HKD": "HK$", "CHF": "CHF ",
}  # fmt: skip

Number = int | float | Decimal
Better = Literal["up", "down", "neither"]


@dataclass(frozen=True, slots=True)
class Separators:
    decimal: str
    thousands: str


@lru_cache(maxsize=32)
def separators(language: str | None) -> Separators:
    """The decimal mark and the grouping mark of a language code ('de' → ',' and '.')."""
    thousands = formats.get_format("THOUSAND_SEPARATOR", language, use_l10n=True)
    decimal = formats.get_format("DECIMAL_SEPARATOR", language, use_l10n=True)
    # A locale may group by a plain space: a line must not break inside a number.
    return Separators(decimal, "\u00a0" if thousands == " " else thousands)


def _localised(text: str) -> str:
    """'−1,234.5' as Python groups it, with the marks of the active language."""
    marks = separators(translation.get_language())
    if (marks.decimal, marks.thousands) == (".", ","):
        return text
    return text.replace(",", "\0").replace(".", marks.decimal).replace("\0", marks.thousands)


def _isolated(text: str) -> str:
    """In a right-to-left language a sign or a unit would jump to the other end of its number: keep it together."""
    return f"\u2066{text}\u2069" if translation.get_language_bidi() else text


def format_number(value: Number | None, places: int = 0) -> str:
    """1234.5 → '1,234.5'. `places` is the fixed count of decimals. None → NO_VALUE."""
    return NO_VALUE if value is None else _isolated(_digits(value, places))


def _digits(value: Number, places: int) -> str:
    text = f"{_rounded(value, places):,.{places}f}"
    return _localised(text.replace("-", MINUS))


def _rounded(value: Number, places: int) -> Decimal:
    """Half away from zero, as people round; a float goes through its shortest text, so 2.675 is 2.675."""
    quantum = Decimal(1).scaleb(-places)
    rounded = Decimal(str(value)).quantize(quantum, ROUND_HALF_UP)
    return abs(rounded) if rounded == 0 else rounded


def format_compact(value: Number | None) -> str:
    """12,345 → '12.3K' for axes and tight places; exact below 1,000. None → NO_VALUE."""
    if value is None:
        return NO_VALUE
    magnitude = abs(Decimal(str(value)))
    # The bounds stand where rounding would reach the next unit ('1,000K').
    for bound, power, suffix in ((999_500_000, 9, "B"), (999_500, 6, "M"), (1_000, 3, "K")):
        if magnitude >= bound:
            scaled = Decimal(str(value)).scaleb(-power)
            places = 0 if abs(scaled) >= 100 else 1
            return _isolated(_digits(scaled, places) + suffix)
    places = 0 if magnitude == int(magnitude) or magnitude >= 100 else 1
    return format_number(value, places)


def format_percent(ratio: Number | None, places: int = 1) -> str:
    """A ratio as a percentage: 0.0312 → '3.1%'. None → NO_VALUE."""
    if ratio is None:
        return NO_VALUE
    return _isolated(_percent(ratio, places))


def _percent(ratio: Number, places: int = 1) -> str:
    return _digits(Decimal(str(ratio)) * 100, places) + "%"


def format_multiple(ratio: Number | None, places: int = 2) -> str:
    """A return such as ROAS: 2.847 → '2.85×'. None → NO_VALUE."""
    return NO_VALUE if ratio is None else _isolated(_digits(ratio, places) + TIMES)


def format_amount(minor: Number | None, exponent: int = 2, *, whole: bool = False) -> str:
    """Minor units as a bare amount, the currency standing in the column head: 1234567 → '12,345.67'.

    `exponent` is the count of decimals of the currency (ISO 4217: USD 2, JPY 0, KWD 3). `whole` drops the decimals
    (rounded), for places where cents are noise.
    """
    return NO_VALUE if minor is None else _isolated(_amount(minor, exponent, whole))


def _amount(minor: Number, exponent: int, whole: bool) -> str:
    return _digits(Decimal(str(minor)).scaleb(-exponent), 0 if whole else exponent)


def format_money(minor: Number | None, currency: str, exponent: int | None = None, *, whole: bool = False) -> str:
    """Minor units with the currency: (1234567, 'USD') → '$12,345.67', (500, 'SEK') → 'SEK 5.00'.

    `exponent` is the count of the currency's decimals, by default what ISO 4217 says.
    """
    if minor is None:
        return NO_VALUE
    amount = _amount(minor, decimals(currency) if exponent is None else exponent, whole)
    sign = CURRENCY_SIGNS.get(currency, f"{currency}\u00a0")
    return _isolated(f"{MINUS}{sign}{amount[1:]}" if amount.startswith(MINUS) else f"{sign}{amount}")


def format_bytes(size: int | None) -> str:
    """1536 → '1.5 KB', in steps of 1,024. None → NO_VALUE."""
    if size is None:
        return NO_VALUE
    amount = float(size)
    for unit in ("B", "KB", "MB", "GB"):
        if amount < 1024 or unit == "GB":
            break
        amount /= 1024
    return _isolated(f"{_digits(amount, 0 if unit == 'B' or amount >= 100 else 1)}\u00a0{unit}")


@dataclass(frozen=True, slots=True)
class Delta:
    """A change between two periods, ready to be shown.

    `direction` is where the value went (up, down, flat); `meaning` is what that is for the reader (good, bad,
    plain): a falling CPA goes down and is good. `detail` is the absolute change, for the tooltip.
    """

    text: str
    direction: Literal["up", "down", "flat", "none"]
    meaning: Literal["good", "bad", "plain"]
    detail: str


def delta(
    current: Number | None,
    previous: Number | None,
    *,
    better: Better = "up",
    shown_current: str = "",
    shown_previous: str = "",
) -> Delta:
    """The relative change from `previous` to `current`, both in the same unit.

    Without a value on either side, or from zero, there is no percentage: the text is NO_VALUE and `detail` says
    why. `better` says which direction is good. `shown_*` are the two values as the screen writes them.
    """
    if current is None or previous is None:
        return Delta(NO_VALUE, "none", "plain", _("No value to compare with."))
    was = shown_previous or format_number(previous, 2)
    now = shown_current or format_number(current, 2)
    detail = _("%(previous)s before, %(current)s now") % {"previous": was, "current": now}
    if current == previous:
        return Delta(format_percent(0), "flat", "plain", detail)
    direction: Literal["up", "down"] = "up" if current > previous else "down"
    meaning: Literal["good", "bad", "plain"] = (
        "plain" if better == "neither" else "good" if better == direction else "bad"
    )
    if previous == 0:
        return Delta(_("new"), direction, meaning, detail)
    change = (Decimal(str(current)) - Decimal(str(previous))) / abs(Decimal(str(previous)))
    # Above tenfold a percentage says nothing more.
    if abs(change) >= 10:
        text = ">" + _percent(Decimal(10), 0) if change > 0 else "<" + _percent(Decimal(-10), 0)
    else:
        text = ("+" if change > 0 else "") + _percent(change)
    return Delta(_isolated(text), direction, meaning, detail)


def delta_points(current: Number | None, previous: Number | None, *, better: Better = "up") -> Delta:
    """The change between two ratios in percentage points: 0.021 → 0.018 is '−0.3 pp'."""
    if current is None or previous is None:
        return Delta(NO_VALUE, "none", "plain", _("No value to compare with."))
    shown = {"shown_current": format_percent(current, 2), "shown_previous": format_percent(previous, 2)}
    relative = delta(current, previous, better=better, **shown)
    points = (Decimal(str(current)) - Decimal(str(previous))) * 100
    text = ("+" if points > 0 else "") + _digits(points, 1) + "\u00a0" + _("pp")
    return Delta(_isolated(text), relative.direction, relative.meaning, relative.detail)


# What keeps a sign or an arrow on its side of a figure in a right-to-left language (U+2066, U+2069).
_ISOLATE, _END = "\u2066", "\u2069"


def signed(text: str, value: Number) -> str:
    """A figure as it is written, with a plus in front of a gain: '+$943'."""
    if value <= 0:
        return text
    return f"{_ISOLATE}+{text.removeprefix(_ISOLATE)}" if text.startswith(_ISOLATE) else f"+{text}"


def before_and_now(before: str, now: str) -> str:
    """'$3,505 → $5,876'; the arrow points from the older to the newer figure in every language."""
    text = f"{before} → {now}"
    return f"{_ISOLATE}{text}{_END}" if translation.get_language_bidi() else text
