"""Pages of business numbers, templates, contacts and messages."""

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
