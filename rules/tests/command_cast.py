"""People who write commands to a workspace's number, and what they are answered."""

import itertools
from typing import Any

from django.db import transaction
from django.utils import timezone

from rules.models import WhatsAppCommand
from rules.services import Answered, commands_answer
from rules.tests.slack_cast import inside
from tenants.context import tenant_context
from whatsapp.models import WhatsAppContact, WhatsAppMessage, WhatsAppNumber
from whatsapp.tests.webhook_cast import make_number

_numbers = itertools.count(1)


def write(contact: WhatsAppContact, text: str = "", *, button: str = "", **fields: Any) -> WhatsAppMessage:
    """A message of theirs as the webhooks leave it: nobody has looked at it for commands."""
    with tenant_context(contact.tenant_id), transaction.atomic():
        number = WhatsAppNumber.objects.filter(is_default=True).first() or make_number(
            contact.tenant_id, phone_number_id=f"1065403{contact.tenant_id:08d}"
        )
        values: dict[str, Any] = {
            "contact": contact,
            "number": number,
            "direction": "inbound",
            "purpose": "reply",
            "message_type": "interactive" if button else "text",
            "content": text or "Yes",
            "reply_id": button or None,
            "wamid": f"wamid.in-{next(_numbers)}",
            "status": "delivered",
            "created_at": timezone.now(),
            "handled_at": None,
        }
        return WhatsAppMessage.objects.create(**{**values, **fields})


def answer(tenant: Any) -> Answered:
    with tenant_context(tenant):
        return commands_answer()


def answers_to(message: WhatsAppMessage) -> list[WhatsAppMessage]:
    """What the contact got for this message, in order."""

    def found() -> list[WhatsAppMessage]:
        rows = WhatsAppMessage.objects.filter(direction="outbound", context_wamid=message.wamid)
        return list(rows.order_by("pk"))

    return inside(message.tenant_id, found)


def say(contact: WhatsAppContact, text: str = "", **more: Any) -> str:
    """Write and read the answer; empty where there is none."""
    message = write(contact, text, **more)
    answer(contact.tenant_id)
    found = answers_to(message)
    assert len(found) <= 1
    return found[0].content if found else ""


def buttons(contact: WhatsAppContact) -> list[str]:
    """Ids of the buttons of the newest message that they got."""

    def newest() -> list[str]:
        row = WhatsAppMessage.objects.filter(contact=contact, direction="outbound").order_by("-pk").first()
        return [one[0] for one in (row.template_variables or {}).get("buttons", [])] if row else []

    return inside(contact.tenant_id, newest)


def commands_of(contact: WhatsAppContact) -> list[tuple[str, str]]:
    def found() -> list[tuple[str, str]]:
        return list(WhatsAppCommand.objects.filter(contact=contact).order_by("pk").values_list("verb", "outcome"))

    return inside(contact.tenant_id, found)
