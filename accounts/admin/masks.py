"""How personal data looks in lists, and to staff who may only look."""

import re
from typing import Any

from django.db import models

from accounts.privacy import REGISTRY, TextColumns
from stratum.lib.masking import MASK

# Keyed hashes name nobody, and staff compare them by eye.
_HASHES = frozenset({"email_hash", "address_hash", "phone_hash", "username"})
_IP = re.compile(r"^([0-9]{1,3}\.[0-9]{1,3}\.|[0-9a-fA-F]{1,4}:[0-9a-fA-F]{0,4}:)[0-9a-fA-F.:]*$")


def personal_fields(model: type[models.Model]) -> frozenset[str]:
    return REGISTRY.get(model._meta.db_table, TextColumns()).personal


def secret_fields(model: type[models.Model]) -> frozenset[str]:
    return REGISTRY.get(model._meta.db_table, TextColumns()).secret


def mask_person(text: str) -> str:
    """'D••• S•••' for a name, 'd•••@agency.example' for an address, '•••67' for a number, '192.0.•••' for an IP."""
    if ip := _IP.match(text):
        return ip[1] + MASK
    name, at, domain = text.partition("@")
    if at:
        return f"{name[:1]}{MASK}@{domain}"
    if text.lstrip("+").replace(" ", "").isdigit():
        return f"{MASK}{text[-2:]}"
    return " ".join(f"{word[0]}{MASK}" for word in text.split()) or MASK


def masked(value: Any) -> Any:
    """A personal value as it may stand in a list; None and '' stay what they are."""
    return mask_person(value) if isinstance(value, str) and value else (MASK if value else value)


def mask_row(row: models.Model) -> models.Model:
    """Put masks over a row's personal values, in memory. The row must not be saved after this."""
    for name in personal_fields(type(row)) - _HASHES:
        setattr(row, name, masked(getattr(row, name)))
    return row
