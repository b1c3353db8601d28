"""Numbers that WhatsApp knows by another form than people write: Brazil, Mexico, Argentina.

A wa_id is a number's digits, but in three countries the mobile mark may be in it or not, whatever was entered: Brazil
55 + area + 9 + eight digits, Mexico 52 + 1 + ten digits, Argentina 54 + 9 + ten digits.
"""

import re

from stratum.lib import phones

_NOT_A_DIGIT = re.compile(r"\D", re.ASCII)
# Country code + area, the mobile mark, the rest. A Brazilian mobile number begins with 6 to 9 after the mark; one that
# does not is a landline and has one form only.
_BRAZIL = re.compile(r"(55[1-9][1-9])(9?)([6-9]\d{7})", re.ASCII)
_MEXICO = re.compile(r"(52)(1?)([2-9]\d{9})", re.ASCII)
_ARGENTINA = re.compile(r"(54)(9?)([1-3]\d{9})", re.ASCII)
_MARKS = ((_BRAZIL, "9"), (_MEXICO, "1"), (_ARGENTINA, "9"))


def to_digits(number: str) -> str:
    """'+55 11 98765-4321' → '5511987654321': E.164, or a wa_id, as the digits that the API takes."""
    return _NOT_A_DIGIT.sub("", number)


def to_e164(wa_id: str) -> str | None:
    """A wa_id as the number people know it by; None when none of its forms is a valid number.

    '551187654321' → '+5511987654321', '5215512345678' → '+525512345678'.
    """
    return next((number for form in lookup_forms(wa_id) if (number := phones.to_e164(f"+{form}"))), None)


def lookup_forms(digits: str) -> tuple[str, ...]:
    """All wa_ids that may belong to this number, as given first. Empty for text without a digit."""
    given = to_digits(digits)
    if not given:
        return ()
    for pattern, mark in _MARKS:
        found = pattern.fullmatch(given)
        if found:
            start, _mark, rest = found.groups()
            with_mark, without = f"{start}{mark}{rest}", f"{start}{rest}"
            return (given, without if given == with_mark else with_mark)
    return (given,)


def same_person(a: str, b: str) -> bool:
    """Whether two numbers, in any form, may be one and the same."""
    return to_digits(a) in lookup_forms(b)
