"""Pages and the webhook of WhatsApp."""

from whatsapp.views.consent import (
    contact_code,
    contact_opt_in,
    contact_opt_in_written,
    contact_opt_out,
    contact_verify,
)
from whatsapp.views.contact import contact_detail, contact_remove, contact_update
from whatsapp.views.contacts import contact_create, contact_list, contact_own
from whatsapp.views.conversation import (
    conversation_detail,
    conversation_panel,
    conversation_read,
    conversation_reply,
    conversation_template,
)
from whatsapp.views.conversations import conversation_list, sender_list
from whatsapp.views.message import message_cancel, message_detail, message_retry
from whatsapp.views.messages import message_export, message_list

__all__ = [
    "contact_code",
    "contact_create",
    "contact_detail",
    "contact_list",
    "contact_opt_in",
    "contact_opt_in_written",
    "contact_opt_out",
    "contact_own",
    "contact_remove",
    "contact_update",
    "contact_verify",
    "conversation_detail",
    "conversation_list",
    "conversation_panel",
    "conversation_read",
    "conversation_reply",
    "conversation_template",
    "message_cancel",
    "message_detail",
    "message_export",
    "message_list",
    "message_retry",
    "sender_list",
]
