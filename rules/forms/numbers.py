"""Numbers between the reader's language and the stored form."""

import re
from decimal import Decimal, InvalidOperation

from django.utils import translation

from stratum.lib.figures import separators


def number_stored(text: str) -> str:
    """A number as the reader's language writes it ('1.000,5' in German), in the stored form ('1000.5').

    What is no such number is returned as it is, for the parser to refuse it by its place.
    """
    bare = text.removesuffix("%").strip()
    marks = separators(translation.get_language())
    grouped = re.fullmatch(
        rf"(\d{{1,3}}(?:{re.escape(marks.thousands)}\d{{3}})+)(?:{re.escape(marks.decimal)}(\d+))?",
        bare.replace(" ", marks.thousands) if not marks.thousands.strip() else bare,
    )
    if grouped:
        whole = grouped.group(1).replace(marks.thousands, "")
        return _ascii(f"{whole}.{grouped.group(2)}" if grouped.group(2) else whole) or text
    if re.fullmatch(rf"\d+{re.escape(marks.decimal)}\d+", bare):
        return _ascii(bare.replace(marks.decimal, ".")) or text
    return _ascii(bare) or text


def signed_stored(text: str) -> str:
    """A number with or without a sign, in the stored form ('-12.5'); a real minus sign counts too."""
    bare = text.strip().replace("\u2212", "-")
    sign = "-" if bare.startswith("-") else ""
    return sign + number_stored(bare.lstrip("+-").strip())


def number_shown(text: str) -> str:
    """A stored number with the reader's decimal mark; ungrouped, so that it is easy to edit."""
    return text.replace(".", separators(translation.get_language()).decimal)


def _ascii(text: str) -> str:
    """A plain number in ASCII digits, whatever digits it was written in; empty when it is none."""
    if not re.fullmatch(r"\d+(\.\d+)?", text):
        return ""
    try:
        return f"{Decimal(text):f}"
    except InvalidOperation:
        return ""
