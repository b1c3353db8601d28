"""Encryption of personal data and secrets: Fernet tokens in text columns, keyed hashes for look-ups."""

import hashlib
import hmac
import unicodedata
from functools import lru_cache

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.core.exceptions import FieldError
from django.db import models


@lru_cache(maxsize=8)
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def encrypt(text: str) -> str:
    """A Fernet token under the newest key of FERNET_KEYS."""
    return _fernet(tuple(settings.FERNET_KEYS)).encrypt(text.encode()).decode()


def decrypt(token: str) -> str:
    """The clear text; cryptography.fernet.InvalidToken when no key of FERNET_KEYS fits (never the token itself)."""
    return _fernet(tuple(settings.FERNET_KEYS)).decrypt(token.encode()).decode()


def encrypt_bytes(content: bytes) -> str:
    """A Fernet token, as `encrypt` makes of text."""
    return _fernet(tuple(settings.FERNET_KEYS)).encrypt(content).decode()


def decrypt_bytes(token: str) -> bytes:
    """The clear bytes of a token of `encrypt_bytes`; errors as `decrypt`."""
    return _fernet(tuple(settings.FERNET_KEYS)).decrypt(token.encode())


def rotate(token: str) -> str:
    """The same clear text under the newest key."""
    return _fernet(tuple(settings.FERNET_KEYS)).rotate(token.encode()).decode()


def normalise_email(address: str) -> str:
    """The form under which an address is compared: NFKC, without surrounding blanks, case folded."""
    return unicodedata.normalize("NFKC", address).strip().casefold()


def email_hash(address: str) -> str:
    """64 hex characters: HMAC-SHA-256 of the normalised address. Keyed, since a plain hash can be guessed."""
    return hmac.new(settings.EMAIL_HASH_KEY.encode(), normalise_email(address).encode(), hashlib.sha256).hexdigest()


def phone_hash(number: str) -> str:
    """64 hex characters: HMAC-SHA-256 of an E.164 number, apart from those of addresses."""
    return hmac.new(settings.EMAIL_HASH_KEY.encode(), f"phone:{number}".encode(), hashlib.sha256).hexdigest()


def message_id_hash(message_id: str) -> str:
    """64 hex characters: HMAC-SHA-256 of a message's id, for ids that hold the number of their person."""
    return hmac.new(settings.EMAIL_HASH_KEY.encode(), f"message:{message_id}".encode(), hashlib.sha256).hexdigest()


class EncryptedTextField(models.TextField):
    """Text that the database only ever sees as a Fernet token.

    Only isnull can be looked up: comparing tokens would silently match nothing. NULL and '' stay what they are.
    """

    description = "Encrypted text"

    def get_prep_value(self, value):
        value = super().get_prep_value(value)
        # Expressions (bulk_update's CASE, F()) carry values that are prepared on their own.
        if value is None or value == "" or hasattr(value, "as_sql"):
            return value
        return encrypt(str(value))

    def from_db_value(self, value, expression, connection):
        return value if value is None or value == "" else decrypt(value)

    def get_lookup(self, lookup_name):
        if lookup_name != "isnull":
            raise FieldError(f"Encrypted field {self.name} cannot be searched ({lookup_name}); use its hash column.")
        return super().get_lookup(lookup_name)


class EncryptedBytesField(EncryptedTextField):
    """A file's bytes, stored as one Fernet token: text in the database, a third longer than the content."""

    description = "Encrypted bytes"

    def to_python(self, value):
        return value.encode() if isinstance(value, str) else value

    def get_prep_value(self, value):
        if value is None or hasattr(value, "as_sql"):
            return value
        content = self.to_python(value)
        return encrypt_bytes(bytes(content)) if content else ""

    def from_db_value(self, value, expression, connection):
        if value is None:
            return None
        return decrypt_bytes(value) if value else b""
