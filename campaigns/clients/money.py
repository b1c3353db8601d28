"""Amounts as platforms write them, and our minor units (ISO 4217, stratum.lib.money).

Three notations are about: decimals in major units ('74.83'), millionths of a major unit ('micros'), and the
platform's own idea of a minor unit, which need not be ISO 4217's. The last two are one thing, an integer of which so
many make one major unit; `per_unit` says how many.
"""

from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

from campaigns.choices import Platform
from stratum.lib.money import MAX_MINOR, decimals, to_minor

MICROS = 1_000_000
# Currencies that Meta counts in whole units; all others in hundredths, the three-decimal ones included.
# Source: Marketing API, "Currencies". ISO 4217 says otherwise for COP, CRC, HUF, IDR and TWD (two decimals).
_META_WHOLE = frozenset({"CLP", "COP", "CRC", "HUF", "IDR", "ISK", "JPY", "KRW", "PYG", "TWD", "VND"})


def meta_offset(currency: str) -> int:
    """How many of Meta's minor units make one unit of the currency."""
    return 1 if currency.upper() in _META_WHOLE else 100


def from_scaled(amount: int | str, per_unit: int, currency: str) -> int:
    """Minor units of an amount of which `per_unit` make one major unit, half to even. ValueError when not a number."""
    value = int(amount)
    units = 10 ** decimals(currency)
    if units >= per_unit:
        minor = value * (units // per_unit)
    else:
        step = per_unit // units
        minor, rest = divmod(value, step)
        if 2 * rest > step or (2 * rest == step and minor % 2):
            minor += 1
    if abs(minor) > MAX_MINOR:
        raise ValueError(f"{amount!r} is out of range")
    return minor


def to_scaled(minor: int, per_unit: int, currency: str) -> int:
    """The other way, exact: ValueError when the platform cannot write this amount."""
    scaled, rest = divmod(minor * per_unit, 10 ** decimals(currency))
    if rest:
        raise ValueError(f"{minor} minor units of {currency} cannot be written in {per_unit}ths")
    return scaled


def from_major(amount: Decimal | str | int, currency: str) -> int:
    """Minor units of a decimal amount in major units, half to even; ValueError when it is not a finite number."""
    return to_minor(amount, currency)


def count_micros(count: Decimal | str | int) -> int:
    """A possibly fractional count × 1,000,000, half to even; ValueError when it is not a finite number."""
    if isinstance(count, int):
        return count * MICROS
    try:
        return int((Decimal(count) * MICROS).quantize(Decimal(1), ROUND_HALF_EVEN))
    except (InvalidOperation, OverflowError) as error:
        raise ValueError(f"{count!r} is not a count") from error


def google_billable_unit(currency: str) -> int:
    """Micros of the smallest amount that Google bills: the currency's minor unit (USD 10,000; JPY 1,000,000)."""
    return max(1, MICROS // 10 ** decimals(currency))


def budget_step(platform: str, currency: str) -> int:
    """What a daily budget must be a multiple of, in minor units: Meta counts some currencies more coarsely."""
    return max(1, 10 ** decimals(currency) // meta_offset(currency)) if platform == Platform.META else 1
