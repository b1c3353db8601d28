"""Money as integers in minor units.

How many decimals a currency has is what ISO 4217 says; platforms whose API cuts them differently convert in their
client. How amounts are written for people: stratum.lib.figures.
"""

from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

# ISO 4217 list one: every currency whose minor unit is not 1/100.
_DECIMALS = {
    **dict.fromkeys(
        ["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF",
         "XOF", "XPF"],
        0,
    ),
    **dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3),
    **dict.fromkeys(["CLF", "UYW"], 4),
}  # fmt: skip
MAX_MINOR = 2**63 - 1


def decimals(currency: str) -> int:
    """Decimals of a currency's minor unit: 2 for USD, 0 for JPY, 3 for KWD."""
    return _DECIMALS.get(currency.upper(), 2)


def to_minor(amount: Decimal | str | int, currency: str) -> int:
    """An amount in units (100.50) as minor units (10050), half to even.

    ValueError when it is not a finite number, or too big for a bigint.
    """
    try:
        units = Decimal(amount)
    except InvalidOperation as error:
        raise ValueError(f"{amount!r} is not an amount") from error
    if not units.is_finite() or abs(units) > MAX_MINOR:
        raise ValueError(f"{amount!r} is not an amount in range")
    minor = int((units * 10 ** decimals(currency)).quantize(Decimal(1), ROUND_HALF_EVEN))
    if abs(minor) > MAX_MINOR:
        raise ValueError(f"{amount!r} is not an amount in range")
    return minor


def to_units(minor: int, currency: str) -> Decimal:
    """Minor units (10050) as units (100.50), exact."""
    return Decimal(minor).scaleb(-decimals(currency))


def convert(minor: int, source: str, target: str, *, source_per_euro: Decimal, target_per_euro: Decimal) -> int:
    """Minor units of one currency in another, over the euro, rounded once, half to even."""
    euros = to_units(minor, source) / source_per_euro
    return to_minor(euros * target_per_euro, target)
