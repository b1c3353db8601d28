"""Currencies as the market and the platforms count them."""

from decimal import Decimal

# ISO 4217 list one, as far as the catalogue needs it: decimals of the minor unit; 2 for all others.
_ISO_DECIMALS = {"JPY": 0, "KRW": 0, "CLP": 0, "VND": 0, "ISK": 0, "KWD": 3, "BHD": 3, "JOD": 3, "OMR": 3}
# Meta's own list of currencies without a minor unit; all others have one of 1/100, those with three decimals too.
_META_WHOLE = frozenset({"CLP", "COP", "CRC", "HUF", "IDR", "ISK", "JPY", "KRW", "PYG", "TWD", "VND"})
# Units per US dollar, to give every account amounts of one purchasing power.
PER_DOLLAR = {
    "USD": Decimal(1),
    "EUR": Decimal("0.92"),
    "GBP": Decimal("0.79"),
    "JPY": Decimal(150),
    "HUF": Decimal(360),
    "AED": Decimal("3.6725"),
    "SAR": Decimal("3.75"),
    "KWD": Decimal("0.307"),
}


def decimals(currency: str) -> int:
    """Decimals of the currency's minor unit by ISO 4217: 2 for USD, 0 for JPY, 3 for KWD."""
    return _ISO_DECIMALS.get(currency, 2)


def minor_per_unit(currency: str) -> int:
    return int(10 ** decimals(currency))


def units(minor: int, currency: str) -> Decimal:
    """Minor units (10050) as units (100.50), exact."""
    return Decimal(minor).scaleb(-decimals(currency))


def minor(amount: Decimal, currency: str) -> int:
    """Units (100.50) as minor units (10050). ValueError when the currency has no such fraction."""
    exact = amount.scaleb(decimals(currency))
    if exact != exact.to_integral_value():
        raise ValueError(f"{amount} {currency} is finer than the currency")
    return int(exact)


def micros(minor_amount: int, currency: str) -> int:
    """Minor units as millionths of one unit."""
    return minor_amount * 1_000_000 // minor_per_unit(currency)


def from_micros(amount: int, currency: str) -> int:
    """Millionths of one unit as minor units. ValueError when that is not whole."""
    minor_amount, rest = divmod(amount * minor_per_unit(currency), 1_000_000)
    if rest:
        raise ValueError(f"{amount} micros of {currency} is finer than the currency")
    return minor_amount


def meta_offset(currency: str) -> int:
    """How many of Meta's minor units make one unit: 1 or 100."""
    return 1 if currency in _META_WHOLE else 100


def meta_quantum(currency: str) -> int:
    """Meta's smallest amount in ISO minor units: 100 for HUF, 10 for KWD, 1 for USD."""
    return max(1, minor_per_unit(currency) // meta_offset(currency))
