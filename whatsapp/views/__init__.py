"""Pages of business numbers, templates, contacts and messages."""

from whatsapp.views.consent import contact_code, contact_opt_in, contact_opt_in_written, contact_opt_out, contact_verify
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
from whatsapp.views.numbers import (
    number_check,
    number_choose,
    number_connect,
    number_connect_sandbox,
    number_list,
    number_make_default,
    number_remove,
    number_start,
    number_stop,
    number_test,
)
from whatsapp.views.templates import (
    template_create,
    template_create_standard,
    template_delete,
    template_detail,
    template_list,
    template_map,
    template_preview_panel,
    template_sync,
    template_sync_panel,
)
from whatsapp.views.webhooks import webhook

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
    "number_check",
    "number_choose",
    "number_connect",
    "number_connect_sandbox",
    "number_list",
    "number_make_default",
    "number_remove",
    "number_start",
    "number_stop",
    "number_test",
    "sender_list",
    "template_create",
    "template_create_standard",
    "template_delete",
    "template_detail",
    "template_list",
    "template_map",
    "template_preview_panel",
    "template_sync",
    "template_sync_panel",
    "webhook",
]
