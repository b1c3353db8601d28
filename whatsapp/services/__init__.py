"""Every write of WhatsApp numbers, contacts, templates and messages."""

from whatsapp.services.consent import consent_note
from whatsapp.services.contacts import ContactDraft, contact_create, contact_remove, contact_update
from whatsapp.services.halting import number_stop
from whatsapp.services.inbound import answer_queue, unmatched_adopt
from whatsapp.services.intake import webhook_store
from whatsapp.services.messages import message_cancel, message_retry
from whatsapp.services.opting import opt_in_tick, opt_in_written, opt_out_note
from whatsapp.services.processing import webhooks_process, webhooks_purge
from whatsapp.services.queue import MAX_CONTENT, Queued, message_queue
from whatsapp.services.replies import conversation_read, reply_queue, reply_template_queue
from whatsapp.services.sending import messages_send
from whatsapp.services.verification import verification_check, verification_start

__all__ = [
    "MAX_CONTENT",
    "ContactDraft",
    "Queued",
    "answer_queue",
    "consent_note",
    "contact_create",
    "contact_remove",
    "contact_update",
    "conversation_read",
    "message_cancel",
    "message_queue",
    "message_retry",
    "messages_send",
    "number_stop",
    "opt_in_tick",
    "opt_in_written",
    "opt_out_note",
    "reply_queue",
    "reply_template_queue",
    "unmatched_adopt",
    "verification_check",
    "verification_start",
    "webhook_store",
    "webhooks_process",
    "webhooks_purge",
]
