"""How personal data looks in lists, and to staff who may only look."""

from typing import Any

from django.db import models

from accounts.privacy import REGISTRY, TextColumns
from stratum.lib.masking import MASK

# Dates and yes/no of a person are no secret; what a reader could write to or recognise them by is.
_WHOLE_WORDS = ("email_hash", "phone_hash", "username")


def personal_fields(model: type[models.Model]) -> frozenset[str]:
    return REGISTRY.get(model._meta.db_table, TextColumns()).personal


def secret_fields(model: type[models.Model]) -> frozenset[str]:
    return REGISTRY.get(model._meta.db_table, TextColumns()).secret


def mask_person(text: str) -> str:
    """'D••• S•••' for a name, 'd•••@agency.example' for an address, '•••67' for a number."""
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
    for name in personal_fields(type(row)) - set(_WHOLE_WORDS):
        if name in row.__dict__:
            setattr(row, name, masked(row.__dict__[name]))
    return row
