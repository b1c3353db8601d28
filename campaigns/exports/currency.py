"""ISO 4217: which codes exist and how many decimals each has.

Source: ISO 4217 list one (active codes). Only exponents other than 2 are listed.
"""

from __future__ import annotations

import re

_EXPONENTS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_TWO_DECIMALS = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP
CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR
JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN
NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP
SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VES WST XCD YER ZAR ZMW ZWG ZWL HRK SLL
"""
EXPONENTS: dict[str, int] = dict.fromkeys(_TWO_DECIMALS.split(), 2) | {
    code: exponent for exponent, codes in _EXPONENTS.items() for code in codes.split()
}

# Signs that belong to one currency only. '$', '¥', 'kr' and the like name several, so they prove nothing.
_UNIQUE_SIGNS = {
    "€": "EUR",
    "£": "GBP",
    "₹": "INR",
    "₩": "KRW",
    "₽": "RUB",
    "₺": "TRY",
    "₪": "ILS",
    "₫": "VND",
    "₴": "UAH",
    "₦": "NGN",
    "₱": "PHP",
    "฿": "THB",
    "R$": "BRL",
    "zł": "PLN",
    "A$": "AUD",
    "AU$": "AUD",
    "CA$": "CAD",
    "C$": "CAD",
    "US$": "USD",
    "MX$": "MXN",
    "HK$": "HKD",
    "S$": "SGD",
    "NZ$": "NZD",
    "Rp": "IDR",
    "Kč": "CZK",
    "Ft": "HUF",
    "د.إ": "AED",
    "ر.س": "SAR",
    "ج.م": "EGP",
}
_SHARED_SIGNS = frozenset({"$", "¥", "￥", "kr", "Rs", "Rs.", "₨", "fr.", "Fr."})
_DECORATED = re.compile(
    r"(?P<prefix>[^\d\s.,'()<>=+\-][^\d()<>=+\-]*?)?\s*(?P<number>[\d.,'٫٬ ]*\d)\s*(?P<suffix>[^\d\s()<>=+\-]+)?"
)


def exponent_of(code: str) -> int:
    """Decimals of a currency; KeyError for a code that ISO 4217 does not know."""
    return EXPONENTS[code]


def currency_code(text: str) -> str | None:
    """The ISO 4217 code that `text` is, in any case, or None."""
    code = text.strip().upper()
    return code if code in EXPONENTS else None


def split_currency(text: str) -> tuple[str, str | None] | None:
    """'1.234,56 €' -> ('1.234,56', 'EUR'); '$12' -> ('12', None); None when the text around is no currency."""
    match = _DECORATED.fullmatch(text.strip())
    if match is None:
        return None
    codes = set()
    for mark in (match["prefix"], match["suffix"]):
        mark = (mark or "").strip()
        if not mark or mark in _SHARED_SIGNS:
            continue
        code = _UNIQUE_SIGNS.get(mark) or currency_code(mark)
        if code is None:
            return None
        codes.add(code)
    if len(codes) > 1:
        return None
    return match["number"].strip(), codes.pop() if codes else None
