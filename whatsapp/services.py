"""Writes on the ledger of WhatsApp messages. Sending is another's: what is queued here waits as 'pending'."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.audit import Actor, record
from accounts.choices import AuditAction
from stratum.lib.errors import DomainError
from whatsapp.choices import Direction, MessageStatus
from whatsapp.models import WhatsAppMessage, WhatsAppTemplate
from whatsapp.queries import contacts_by_id, obstacle

# What WhatsApp takes as the text of one message.
MAX_CONTENT = 4096


@dataclass(frozen=True, slots=True)
class Queued:
    """Contact → the id of its message; contact → why it gets none (a key of whatsapp.queries.OBSTACLES)."""

    messages: Mapping[int, int]
    skipped: Mapping[int, str]


@transaction.atomic
def message_queue(
    *,
    contact_ids: Sequence[int],
    content: str,
    variables: Mapping[str, str],
    template_name: str = "",
    actor: Actor,
) -> Queued:
    """Queue one message for each contact who is verified, active, and has agreed to alerts.

    With a template `variables` are what fills it, else `content` is the text. DomainError where the workspace has no
    such template. The trail names contacts by id; what is said to them stays out of it.
    """
    templates = _templates(template_name)
    contacts = contacts_by_id(contact_ids)
    skipped = {one: found for one in dict.fromkeys(contact_ids) if (found := obstacle(contacts.get(one)))}
    rows = [
        WhatsAppMessage(
            contact=contacts[one],
            template=templates.get(contacts[one].language or "", next(iter(templates.values()), None)),
            template_name=template_name or None,
            template_variables=dict(variables),
            direction=Direction.OUTBOUND,
            message_type="template" if template_name else "text",
            content=content[:MAX_CONTENT],
            status=MessageStatus.PENDING,
        )
        for one in dict.fromkeys(contact_ids)
        if one not in skipped
    ]
    made = WhatsAppMessage.objects.bulk_create(rows)
    if made:
        record(
            actor=actor,
            action=AuditAction.CREATE,
            resource=WhatsAppMessage._meta.db_table,
            new={
                "operation": "messages_queued",
                "messages": [row.pk for row in made],
                "contacts": [row.contact_id for row in made],
                "skipped": len(skipped),
            },
        )
    return Queued({row.contact_id: row.pk for row in made}, skipped)


def _templates(name: str) -> dict[str, WhatsAppTemplate]:
    """Language → template of this name; empty where none is asked for."""
    if not name:
        return {}
    found = {row.language: row for row in WhatsAppTemplate.objects.filter(name=name).order_by("pk")}
    if not found:
        message = _("There is no WhatsApp template “%(name)s” in this workspace any more.") % {"name": name}
        raise DomainError(message, code="template_missing")
    return found
