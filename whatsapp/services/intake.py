"""Storing what WhatsApp sends before anybody looks into it."""

import hashlib

from django.db import connection
from django.utils import timezone

from stratum.lib.encryption import encrypt

_STORE = """
    INSERT INTO whatsapp_webhooks (received_at, body, body_sha256, size, is_sandbox)
    VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""


def webhook_store(raw: bytes, *, is_sandbox: bool) -> None:
    """Keep a signed body, byte for byte. One that is here already (WhatsApp repeats what it is not sure of) is not
    kept twice. No tenant is bound: the database lets this role add rows and see none.

    One statement without the model's work, and outside of transactions its own: kept when this returns.
    """
    values = (timezone.now(), encrypt(raw.decode("latin-1")), hashlib.sha256(raw).hexdigest(), len(raw), is_sandbox)
    with connection.cursor() as cursor:
        cursor.execute(_STORE, values)
