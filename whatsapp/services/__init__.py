"""Every write of WhatsApp numbers, contacts, templates and messages."""

from whatsapp.services.consent import consent_note
from whatsapp.services.halting import number_stop
from whatsapp.services.inbound import answer_queue, unmatched_adopt
from whatsapp.services.intake import webhook_store
from whatsapp.services.processing import webhooks_process, webhooks_purge
from whatsapp.services.queue import MAX_CONTENT, Queued, message_queue
from whatsapp.services.sending import messages_send

__all__ = [
    "MAX_CONTENT",
    "Queued",
    "answer_queue",
    "consent_note",
    "message_queue",
    "messages_send",
    "number_stop",
    "unmatched_adopt",
    "webhook_store",
    "webhooks_process",
    "webhooks_purge",
]
