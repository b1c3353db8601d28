"""What people of the workspace answer in a conversation: free text while the window is open, else a template."""

from collections.abc import Mapping

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import Actor, record
from accounts.choices import AuditAction
from stratum.lib.errors import DomainError
from whatsapp.choices import Direction, MessageStatus, Purpose, TemplateCategory
from whatsapp.models import WhatsAppContact, WhatsAppMessage, WhatsAppNumber, WhatsAppTemplate
from whatsapp.queries.conversations import answering_number
from whatsapp.queries.recipients import OBSTACLES, disagreement, obstacle
from whatsapp.queries.templates import sendable, slot_keys, template_values
from whatsapp.services.preparing import window_closes_at
from whatsapp.services.queue import MAX_CONTENT

_LONGEST_VALUE = 1024


@transaction.atomic
def reply_queue(
    *,
    contact: WhatsAppContact,
    text: str,
    number: WhatsAppNumber | None = None,
    context_wamid: str = "",
    token: str,
    actor: Actor,
) -> WhatsAppMessage:
    """Queue free text to a contact who has written within the last 24 hours.

    `number`: None takes the one they last wrote to, since the window is open for that one. `context_wamid`: the message
    of this conversation that is answered. `token` is the form's: sent twice, it makes one message. DomainError for an
    empty or overlong text (field 'text'), a closed window, a contact that nothing goes to.
    """
    locked = _locked(contact)
    if (known := _known(locked, token)) is not None:
        return known
    text = text.strip()
    if not text:
        raise DomainError(_("Write something first."), code="text_missing", field="text")
    if len(text) > MAX_CONTENT:
        message = _("WhatsApp takes at most %(most)s characters.") % {"most": MAX_CONTENT}
        raise DomainError(message, code="text_long", field="text")
    if not window_is_open(locked):
        message = _("They have not written within 24 hours: only a template is allowed until they write again.")
        raise DomainError(message, code="window_closed", field="text")
    return _queue(
        WhatsAppMessage(
            contact=locked,
            number=number or answering_number(locked),
            message_type="text",
            content=text,
            context_wamid=_context(locked, context_wamid),
        ),
        token,
        actor,
    )


@transaction.atomic
def reply_template_queue(
    *,
    contact: WhatsAppContact,
    template: WhatsAppTemplate,
    variables: Mapping[str, str],
    number: WhatsAppNumber | None = None,
    context_wamid: str = "",
    token: str,
    actor: Actor,
) -> WhatsAppMessage:
    """Queue a template, `variables` by slot, as templates.slot_keys names them. Outside the window it goes only to
    people who have agreed to messages. DomainError with the slot as field for a value that is missing or too long."""
    locked = _locked(contact)
    if (known := _known(locked, token)) is not None:
        return known
    _check_template(locked, template)
    names = slot_keys(template)
    values = {name: " ".join(variables.get(name, "").split()) for name in names}
    for name, value in values.items():
        if not value:
            raise DomainError(_("Fill this in: the template asks for it."), code="value_missing", field=name)
        if len(value) > _LONGEST_VALUE:
            raise DomainError(_("This is too long for a template."), code="value_long", field=name)
    return _queue(
        WhatsAppMessage(
            contact=locked,
            number=number or answering_number(locked),
            template=template,
            template_name=template.name,
            template_variables=values,
            message_type="template",
            content=template_values(template, values).text[:MAX_CONTENT],
            context_wamid=_context(locked, context_wamid),
        ),
        token,
        actor,
    )


def _locked(contact: WhatsAppContact) -> WhatsAppContact:
    """Locked, so that a double click does not find twice that nothing was queued."""
    locked = WhatsAppContact.objects.select_for_update(no_key=True).get(pk=contact.pk)
    if found := obstacle(locked, Purpose.REPLY):
        raise DomainError(_refusal(found), code=found)
    return locked


def _known(contact: WhatsAppContact, token: str) -> WhatsAppMessage | None:
    return WhatsAppMessage.objects.filter(dedupe_key=_key(contact, token)).first()


def _key(contact: WhatsAppContact, token: str) -> str:
    return f"reply:{contact.pk}:{token[:64]}"


def _context(contact: WhatsAppContact, wamid: str) -> str | None:
    """Only a message of this very conversation can be answered."""
    known = bool(wamid) and WhatsAppMessage.objects.filter(contact=contact, wamid=wamid).exists()
    return wamid if known else None


def window_is_open(contact: WhatsAppContact) -> bool:
    """Whether free text goes out now."""
    closes = window_closes_at(contact)
    return closes is not None and closes > timezone.now()


def no_answer(contact: WhatsAppContact) -> str:
    """Why nothing at all may be answered now: a key of OBSTACLES, empty where something may. Who has just written may
    be answered, after a STOP too; later only who has agreed."""
    if (found := obstacle(contact, Purpose.REPLY)) or window_is_open(contact):
        return found
    return disagreement(contact)


def _refusal(why: str) -> str:
    return _("Nothing can be sent: %(reason)s.") % {"reason": OBSTACLES[why]}


def no_answer_words(contact: WhatsAppContact) -> str:
    """The same as a sentence."""
    why = no_answer(contact)
    return _refusal(why) if why else ""


def _check_template(contact: WhatsAppContact, template: WhatsAppTemplate) -> None:
    if not sendable(template) or template.category == TemplateCategory.AUTHENTICATION:
        message = _("WhatsApp does not allow this template here.")
        raise DomainError(message, code="template_not_approved", field="template")
    if why := no_answer(contact):
        raise DomainError(_refusal(why), code=why, field="template")
    if template.category == TemplateCategory.MARKETING and contact.marketing_stopped_at is not None:
        message = _("The contact has stopped marketing messages in WhatsApp. Choose a template of another category.")
        raise DomainError(message, code="marketing_stopped", field="template")


def _queue(message: WhatsAppMessage, token: str, actor: Actor) -> WhatsAppMessage:
    """The trail says that somebody answered, not what."""
    message.direction, message.purpose = Direction.OUTBOUND, Purpose.REPLY
    message.status, message.created_by = MessageStatus.PENDING, actor.user
    message.dedupe_key = _key(message.contact, token)
    message.save()
    record(
        actor=actor,
        action=AuditAction.CREATE,
        resource=message,
        new={"operation": "reply_queued", "contact": message.contact_id, "message_type": message.message_type},
    )
    return message


@transaction.atomic
def conversation_read(*, contact: WhatsAppContact, upto: int) -> None:
    """Somebody of the workspace has read up to this message. It only ever moves on, and leaves no line in the trail:
    looking is no change."""
    shown = WhatsAppMessage.objects.filter(contact=contact, pk=upto).values_list("created_at", flat=True).first()
    if shown is None:
        return
    rows = WhatsAppContact.objects.filter(pk=contact.pk)
    (rows.filter(last_read_at=None) | rows.filter(last_read_at__lt=shown)).update(last_read_at=shown)
