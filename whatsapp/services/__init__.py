"""Every write of WhatsApp numbers, contacts, templates and messages."""

from whatsapp.services.consent import consent_note
from whatsapp.services.queue import MAX_CONTENT, Queued, message_queue

__all__ = ["MAX_CONTENT", "Queued", "consent_note", "message_queue"]
