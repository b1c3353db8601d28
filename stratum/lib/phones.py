"""Phone numbers in the one form that is kept: E.164."""

import phonenumbers


def to_e164(text: str) -> str | None:
    """'+44 20 7946 0958' → '+442079460958'; None when it is no valid number or has no country code."""
    try:
        number = phonenumbers.parse(text)
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
