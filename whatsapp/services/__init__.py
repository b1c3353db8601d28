"""Every write of WhatsApp numbers, contacts, templates and messages."""

from whatsapp.services.consent import consent_note
from whatsapp.services.contacts import ContactDraft, contact_create, contact_remove, contact_update
from whatsapp.services.messages import message_cancel, message_retry
from whatsapp.services.opting import opt_in_tick, opt_in_written, opt_out_note
from whatsapp.services.queue import MAX_CONTENT, Queued, message_queue
from whatsapp.services.replies import conversation_read, reply_queue, reply_template_queue
from whatsapp.services.verification import verification_check, verification_start

__all__ = [
    "MAX_CONTENT",
    "ContactDraft",
    "Queued",
    "consent_note",
    "contact_create",
    "contact_remove",
    "contact_update",
    "conversation_read",
    "message_cancel",
    "message_queue",
    "message_retry",
    "opt_in_tick",
    "opt_in_written",
    "opt_out_note",
    "reply_queue",
    "reply_template_queue",
    "verification_check",
    "verification_start",
]
