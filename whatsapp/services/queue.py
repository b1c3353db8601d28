"""Queueing messages: rows that wait as 'pending' until the sender takes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.audit import Actor, record
from accounts.choices import AuditAction
from stratum.lib.errors import DomainError
from whatsapp.choices import Direction, MessageStatus, Purpose
from whatsapp.models import WhatsAppContact, WhatsAppMessage, WhatsAppNumber, WhatsAppTemplate
from whatsapp.queries import contacts_by_id, obstacle
from whatsapp.queries.standing import in_language

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
    purpose: Purpose = Purpose.ALERT,
    dedupe_key: str = "",
    scheduled_at: datetime | None = None,
    buttons: Sequence[tuple[str, str]] = (),
    breaks_quiet: bool = False,
    actor: Actor,
) -> Queued:
    """Queue one message for each contact who is verified, active, and has agreed to messages of this purpose.

    With a template `variables` are what fills it, else `content` is the text; `content` is also what goes out in the
    workspace's alert template when free text is not allowed. A `dedupe_key` (at most 180 characters) makes the call
    safe to repeat: the same key queues once for each contact, and says which message that was. `buttons`: at most
    three (id, title), shown where free text is allowed; the text must do without them. `breaks_quiet`: it does not
    wait for the end of the contact's quiet hours. DomainError where the workspace has no such template. The trail
    names contacts by id; what is said to them stays out of it.
    """
    wanted = list(dict.fromkeys(contact_ids))
    templates = _templates(template_name)
    contacts = contacts_by_id(wanted)
    skipped = {one: found for one in wanted if (found := obstacle(contacts.get(one), purpose))}
    known = _known(dedupe_key, wanted)
    number = WhatsAppNumber.objects.filter(is_default=True).first()
    choices = {"buttons": [list(one) for one in buttons]} if buttons else {}
    rows = [
        WhatsAppMessage(
            contact=contacts[one],
            number=number,
            template=in_language(templates, contacts[one].language or "en"),
            template_name=template_name or None,
            template_variables={**variables, **choices},
            direction=Direction.OUTBOUND,
            purpose=purpose,
            breaks_quiet=breaks_quiet,
            dedupe_key=_key(dedupe_key, one),
            message_type="template" if template_name else "interactive" if buttons else "text",
            content=content[:MAX_CONTENT],
            scheduled_at=scheduled_at,
            status=MessageStatus.PENDING,
        )
        for one in wanted
        if one not in skipped and one not in known
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
    return Queued({**known, **{row.contact_id: row.pk for row in made}}, skipped)


def _key(dedupe_key: str, contact_id: int) -> str | None:
    return f"{dedupe_key}:{contact_id}" if dedupe_key else None


def _known(dedupe_key: str, contact_ids: Sequence[int]) -> dict[int, int]:
    """Contact → the message that this key has queued already.

    The contacts are locked first, so that two who ask for the same message at once do not both find none.
    """
    if not dedupe_key:
        return {}
    list(WhatsAppContact.objects.filter(pk__in=contact_ids).select_for_update(no_key=True).order_by("pk").values("pk"))
    keys = [_key(dedupe_key, one) for one in contact_ids]
    return dict(WhatsAppMessage.objects.filter(dedupe_key__in=keys).values_list("contact_id", "pk"))


def _templates(name: str) -> list[WhatsAppTemplate]:
    """The templates of this name, one for each language; empty where none is asked for."""
    if not name:
        return []
    found = list(WhatsAppTemplate.objects.filter(name=name).order_by("pk"))
    if not found:
        message = _("There is no WhatsApp template “%(name)s” in this workspace any more.") % {"name": name}
        raise DomainError(message, code="template_missing")
    return found
