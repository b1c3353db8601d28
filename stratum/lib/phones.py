"""Phone numbers in the one form that is kept: E.164."""

import phonenumbers

from stratum.lib.masking import MASK


def to_e164(text: str, region: str = "") -> str | None:
    """'+44 20 7946 0958' → '+442079460958'; None when it is no valid number.

    `region` (ISO 3166, 'GB') is where a number without a country code is dialled: '020 7946 0958' is then one, too.
    """
    try:
        number = phonenumbers.parse(text, region or None)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def readable(number: str | None) -> str:
    """'+442079460958' → '+44 20 7946 0958', for people; what cannot be parsed stays as it is."""
    try:
        parsed = phonenumbers.parse(number or "")
    except phonenumbers.NumberParseException:
        return number or ""
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def country_code(number: str) -> str:
    """'+442079460958' → '44'; empty for what is no number."""
    try:
        return str(phonenumbers.parse(number).country_code)
    except phonenumbers.NumberParseException:
        return ""


def example(region: str) -> str:
    """A mobile number of a region as people there dial it, for a hint; empty where none is known."""
    found = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE) if region else None
    return phonenumbers.format_number(found, phonenumbers.PhoneNumberFormat.NATIONAL) if found else ""


def masked(number: str) -> str:
    """'+442079460958' → '+44 ••• 58': enough to recognise one's own, too little to dial."""
    code = country_code(number)
    return f"+{code} {MASK} {number[-2:]}" if code else MASK
