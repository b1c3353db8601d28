"""Storing what WhatsApp sends before anybody looks into it."""

import hashlib

from django.utils import timezone

from whatsapp.models import WhatsAppWebhook


def webhook_store(raw: bytes, *, is_sandbox: bool) -> None:
    """Keep a signed body, byte for byte. One that is here already (WhatsApp repeats what it is not sure of) is not
    kept twice. No tenant is bound: the database lets this role add rows and see none."""
    row = WhatsAppWebhook(
        body=raw.decode("latin-1"),
        body_sha256=hashlib.sha256(raw).hexdigest(),
        size=len(raw),
        is_sandbox=is_sandbox,
        received_at=timezone.now(),
    )
    WhatsAppWebhook.objects.bulk_create([row], ignore_conflicts=True)
