"""Every write of WhatsApp numbers, contacts, templates and messages."""

from whatsapp.services.connecting import (
    CONNECTED,
    ConnectAttempt,
    connect_ask,
    connect_ask_sandbox,
    connect_finish,
    connect_list,
    connect_read,
    connect_simulated,
)
from whatsapp.services.consent import consent_note
from whatsapp.services.contacts import (
    ContactDraft,
    contact_create,
    contact_remove,
    contact_update,
)
from whatsapp.services.inbound import answer_queue, unmatched_adopt
from whatsapp.services.intake import webhook_store
from whatsapp.services.messages import message_cancel, message_retry
from whatsapp.services.number_checks import Checked, number_check, numbers_check
from whatsapp.services.numbers import (
    NUMBER_REMOVED,
    NumberDraft,
    messages_waiting,
    number_ask_check,
    number_connect,
    number_make_default,
    number_remove,
    number_start,
    number_stop,
    number_stop_by_person,
    number_test,
)
from whatsapp.services.opting import opt_in_tick, opt_in_written, opt_out_note
from whatsapp.services.processing import webhooks_process, webhooks_purge
from whatsapp.services.queue import MAX_CONTENT, Queued, message_queue
from whatsapp.services.replies import conversation_read, reply_queue, reply_template_queue
from whatsapp.services.sending import messages_send
from whatsapp.services.statuses import unmatched_purge
from whatsapp.services.template_sync import Synced, templates_sync
from whatsapp.services.templates import (
    template_create,
    template_delete,
    template_event_apply,
    template_map,
    templates_ask,
    templates_create_standard,
)
from whatsapp.services.verification import verification_check, verification_start

__all__ = [
    "CONNECTED",
    "MAX_CONTENT",
    "NUMBER_REMOVED",
    "Checked",
    "ConnectAttempt",
    "ContactDraft",
    "NumberDraft",
    "Queued",
    "Synced",
    "answer_queue",
    "connect_ask",
    "connect_ask_sandbox",
    "connect_finish",
    "connect_list",
    "connect_read",
    "connect_simulated",
    "consent_note",
    "contact_create",
    "contact_remove",
    "contact_update",
    "conversation_read",
    "message_cancel",
    "message_queue",
    "message_retry",
    "messages_send",
    "messages_waiting",
    "number_ask_check",
    "number_check",
    "number_connect",
    "number_make_default",
    "number_remove",
    "number_start",
    "number_stop",
    "number_stop_by_person",
    "number_test",
    "numbers_check",
    "opt_in_tick",
    "opt_in_written",
    "opt_out_note",
    "reply_queue",
    "reply_template_queue",
    "template_create",
    "template_delete",
    "template_event_apply",
    "template_map",
    "templates_ask",
    "templates_create_standard",
    "templates_sync",
    "unmatched_adopt",
    "unmatched_purge",
    "verification_check",
    "verification_start",
    "webhook_store",
    "webhooks_process",
    "webhooks_purge",
]
