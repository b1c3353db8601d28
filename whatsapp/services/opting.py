"""Agreeing to messages, and taking it back, by what people do on a page."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import Actor
from stratum.lib.errors import DomainError
from whatsapp.choices import ConsentKind, ConsentWay
from whatsapp.models import WhatsAppContact
from whatsapp.services.consent import consent_note


@transaction.atomic
def opt_in_tick(*, contact: WhatsAppContact, sentence: str, actor: Actor) -> None:
    """The person ticked `sentence`, as it was shown to them, for their own number. DomainError for anybody else's."""
    if actor.user is None or contact.user_id != actor.user.pk:
        message = _("Only the person whose number it is can tick this. Note a consent in writing instead.")
        raise DomainError(message, code="not_own")
    _check(contact)
    consent_note(
        contact=contact,
        kind=ConsentKind.OPT_IN,
        way=ConsentWay.PAGE,
        at=timezone.now(),
        text=sentence,
        actor=actor,
    )


@transaction.atomic
def opt_in_written(*, contact: WhatsAppContact, text: str, at: datetime, actor: Actor) -> None:
    """A colleague has it in writing: what was written, and when. DomainError without words, or from the future."""
    _check(contact)
    if not text.strip():
        message = _("Write down what the person agreed to, and where it can be found.")
        raise DomainError(message, code="text_missing", field="text")
    if at > timezone.now():
        raise DomainError(_("This day is still to come."), code="in_future", field="day")
    consent_note(
        contact=contact,
        kind=ConsentKind.OPT_IN,
        way=ConsentWay.IN_WRITING,
        at=at,
        text=text.strip(),
        actor=actor,
    )


@transaction.atomic
def opt_out_note(*, contact: WhatsAppContact, text: str = "", actor: Actor) -> None:
    """No more messages, from now on; by the person themselves, or by a colleague who was told."""
    _check(contact)
    is_own = actor.user is not None and contact.user_id == actor.user.pk
    consent_note(
        contact=contact,
        kind=ConsentKind.OPT_OUT,
        way=ConsentWay.PAGE if is_own else ConsentWay.IN_WRITING,
        at=timezone.now(),
        text=text.strip(),
        actor=actor,
    )


def _check(contact: WhatsAppContact) -> None:
    if contact.is_removed:
        raise DomainError(_("This contact was removed."), code="removed")
