"""Who is there: two businesses, their numbers and tokens, and the rules by which people have ids."""

import hashlib
import re
from dataclasses import dataclass

APP_ID, APP_NAME = "670843887433847", "Stratum"
# Signs every webhook. It opens nothing outside the sandbox, as the tokens below.
APP_SECRET = "sandbox-app-secret"  # noqa: S105
# Ids of media and of templates begin so: paths below the Graph API's root show whose they are.
MEDIA_PREFIX, TEMPLATE_PREFIX = "10138596", "16895569"


@dataclass(frozen=True, slots=True)
class Number:
    """A number that a business sends from. `id` is its phone_number_id, `digits` the number itself."""

    id: str
    waba: str
    digits: str
    display: str
    name: str


@dataclass(frozen=True, slots=True)
class Business:
    """A WhatsApp Business Account (WABA)."""

    id: str
    name: str
    token: str
    numbers: tuple[Number, ...]


def _business(waba: str, name: str, token: str, *numbers: tuple[str, str, str, str]) -> Business:
    return Business(waba, name, token, tuple(Number(one[0], waba, *one[1:]) for one in numbers))


BUSINESSES = {
    one.id: one
    for one in (
        _business(
            "102290129340398",
            "Northwind",
            "EAAsandbox-whatsapp-northwind",
            ("106540352242922", "15550783881", "+1 555-078-3881", "Northwind Alerts"),
            ("106540352242933", "15550783882", "+1 555-078-3882", "Northwind Reports"),
        ),
        _business(
            "102290129340777",
            "Globex",
            "EAAsandbox-whatsapp-globex",
            ("106540352242999", "15550783999", "+1 555-078-3999", "Globex Marketing"),
        ),
    )
}
NUMBERS = {number.id: number for business in BUSINESSES.values() for number in business.numbers}

# Numbers that end so are not on WhatsApp.
NOT_ON_WHATSAPP = "0404"
_COUNTRIES = {
    "1": "US", "7": "KZ", "20": "EG", "27": "ZA", "31": "NL", "33": "FR", "34": "ES", "36": "HU", "39": "IT",
    "40": "RO", "41": "CH", "43": "AT", "44": "GB", "45": "DK", "46": "SE", "47": "NO", "48": "PL", "49": "DE",
    "52": "MX", "54": "AR", "55": "BR", "56": "CL", "57": "CO", "60": "MY", "61": "AU", "62": "ID", "63": "PH",
    "64": "NZ", "65": "SG", "66": "TH", "81": "JP", "82": "KR", "84": "VN", "90": "TR", "91": "IN", "92": "PK",
    "212": "MA", "234": "NG", "254": "KE", "351": "PT", "353": "IE", "358": "FI", "380": "UA", "852": "HK",
    "962": "JO", "965": "KW", "966": "SA", "971": "AE", "972": "IL", "973": "BH", "974": "QA",
}  # fmt: skip
_NAMES = (
    "Kerry Fisher", "Ana Ribeiro", "Omar Haddad", "Judit Kovács", "Priya Nair", "Tom Becker", "Lucía Fernández",
    "Mei Tanaka", "Noor Al-Sabah", "Jonas Weber", "Chloe Martin", "Amadou Diallo",
)  # fmt: skip


def digits_of(text: str) -> str:
    """A number as it may be written (+, spaces, hyphens, brackets), as digits; empty when it is none."""
    digits = re.sub(r"[\s()+.-]", "", text)
    return digits if digits.isascii() and digits.isdigit() and 7 <= len(digits) <= 15 else ""


def wa_id_of(digits: str) -> str:
    """WhatsApp's own spelling of a number, which differs from the dialled one in Brazil, Mexico and Argentina."""
    if re.fullmatch(r"55\d\d9\d{8}", digits):
        return digits[:4] + digits[5:]
    if re.fullmatch(r"52[2-9]\d{9}", digits):
        return f"521{digits[2:]}"
    if re.fullmatch(r"54(?!9)\d{10}", digits):
        return f"549{digits[2:]}"
    return digits


def country_of(wa_id: str) -> str:
    return next((_COUNTRIES[wa_id[:size]] for size in (3, 2, 1) if wa_id[:size] in _COUNTRIES), "ZZ")


def user_id_of(waba: str, wa_id: str) -> str:
    """The business-scoped id of a person: each business knows the same one by another id."""
    number = int.from_bytes(hashlib.sha256(f"{waba}:{wa_id}".encode()).digest()[:8])
    return f"{country_of(wa_id)}.{number:020d}"


def name_of(wa_id: str) -> str:
    return _NAMES[sum(map(int, wa_id)) % len(_NAMES)] if wa_id.isdigit() else "Somebody"
