"""Proving that a number is the contact's: a code goes to it by WhatsApp, and is typed in here.

The code itself stands nowhere but in the message that carries it, encrypted, and is emptied there once it was sent.
"""

import hmac
import secrets
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.audit import Actor, record
from accounts.choices import AuditAction
from stratum.lib.errors import DomainError
from stratum.lib.rate_limits import RateLimit
from whatsapp.choices import ConsentKind, ConsentWay, Direction, MessageStatus, Purpose, TemplateCategory
from whatsapp.models import WhatsAppContact, WhatsAppMessage, WhatsAppNumber, WhatsAppTemplate
from whatsapp.queries.contacts import is_proven_by_person
from whatsapp.queries.messages import CANCELLED
from whatsapp.queries.standing import CODE_TEMPLATE, in_language
from whatsapp.services.consent import consent_note

DIGITS = 6
VALID_FOR, RESEND_AFTER, ONE_DAY = timedelta(minutes=10), timedelta(seconds=60), timedelta(days=1)
MOST_TRIES, MOST_SENDS, MOST_OF_WORKSPACE = 5, 5, 100
# Over all workspaces, and beyond a contact that is removed and added again: nobody's phone is flooded from here.
_OF_NUMBER = RateLimit("whatsapp-code", MOST_SENDS, int(ONE_DAY.total_seconds()))
_FIELDS = [
    "verification_code", "verification_expires_at", "verification_sent_at", "verification_tries", "updated_at",
]  # fmt: skip


@transaction.atomic
def verification_start(*, contact: WhatsAppContact, actor: Actor) -> WhatsAppMessage:
    """Queue a message with a new code; the one before it is void. DomainError where none may go out now.

    The message's `content` is the code (purpose CODE): whoever sends it empties it.
    """
    now = timezone.now()
    locked = WhatsAppContact.objects.select_for_update(no_key=True).get(pk=contact.pk)
    _check(locked, now, actor)
    number, template = _means(locked)
    if not _OF_NUMBER.hit(locked.phone_hash):
        raise _too_many()
    code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}d}"
    message = WhatsAppMessage.objects.create(
        contact=locked,
        number=number,
        template=template,
        template_name=template.name,
        created_by=actor.user,
        direction=Direction.OUTBOUND,
        purpose=Purpose.CODE,
        message_type="template",
        content=code,
        status=MessageStatus.PENDING,
    )
    locked.verification_code = _hashed(locked, code)
    locked.verification_expires_at, locked.verification_sent_at = now + VALID_FOR, now
    locked.verification_tries = 0
    locked.save(update_fields=_FIELDS)
    _void_older(locked, message)
    record(
        actor=actor,
        action=AuditAction.CREATE,
        resource=message,
        new={"operation": "code_queued", "contact": locked.pk},
    )
    return message


def _check(contact: WhatsAppContact, now: datetime, actor: Actor) -> None:
    if contact.is_removed or not contact.is_active:
        raise DomainError(_("The contact is switched off. Switch it on first."), code="inactive")
    if contact.is_verified and not _proves_for_themselves(contact, actor):
        raise DomainError(_("This number is verified already."), code="verified")
    sent = contact.verification_sent_at
    if sent is not None and now - sent < RESEND_AFTER:
        seconds = max(1, int((RESEND_AFTER - (now - sent)).total_seconds()))
        message = ngettext(
            "A code is on its way. You can ask for another one in %(count)s second.",
            "A code is on its way. You can ask for another one in %(count)s seconds.",
            seconds,
        )
        raise DomainError(message % {"count": seconds}, code="too_soon")
    today = WhatsAppMessage.objects.filter(purpose=Purpose.CODE, created_at__gt=now - ONE_DAY)
    if today.filter(contact=contact).count() >= MOST_SENDS:
        raise _too_many()
    if today.count() >= MOST_OF_WORKSPACE:
        message = _("This workspace has sent as many codes as it may in a day. Try again tomorrow.")
        raise DomainError(message, code="too_many_of_workspace")


def _proves_for_themselves(contact: WhatsAppContact, actor: Actor) -> bool:
    """Where somebody else proved the number, its person may do it once more: commands are obeyed after that alone."""
    return actor.user is not None and actor.user.pk == contact.user_id and not is_proven_by_person(contact)


def _too_many() -> DomainError:
    message = _("This number got %(count)s codes within a day. Try again tomorrow.") % {"count": MOST_SENDS}
    return DomainError(message, code="too_many_sends")


def _means(contact: WhatsAppContact) -> tuple[WhatsAppNumber, WhatsAppTemplate]:
    """The number and the template that a code goes out with."""
    number = WhatsAppNumber.objects.filter(is_default=True).first()
    if number is None:
        message = _("The workspace has no WhatsApp number to send from. An admin can connect one.")
        raise DomainError(message, code="number_missing")
    approved = WhatsAppTemplate.objects.filter(
        name=CODE_TEMPLATE, category=TemplateCategory.AUTHENTICATION, status="APPROVED"
    )
    template = in_language(approved.order_by("pk"), contact.language or "en")
    if template is None:
        message = _(
            "Codes need the template “%(name)s” of the category Authentication, approved by WhatsApp. An admin can "
            "hand it in under Templates."
        )
        raise DomainError(message % {"name": CODE_TEMPLATE}, code="template_missing")
    return number, template


def _void_older(contact: WhatsAppContact, newest: WhatsAppMessage) -> None:
    """Codes that still wait are useless now, and would confuse."""
    older = WhatsAppMessage.objects.filter(
        contact=contact,
        purpose=Purpose.CODE,
        status=MessageStatus.PENDING,
        claimed_at=None,
        accepted_at=None,
        maybe_sent_at=None,
    ).exclude(pk=newest.pk)
    older.update(
        status=MessageStatus.FAILED,
        error_code=CANCELLED,
        error_message=_("A newer code took its place."),
        content="",
    )


def _hashed(contact: WhatsAppContact, code: str) -> str:
    """Keyed, and bound to the contact and its number: useless to whoever reads the table."""
    value = f"{contact.pk}:{contact.phone_hash}:{code}"
    return salted_hmac("whatsapp.verification", value, algorithm="sha256").hexdigest()


def verification_check(*, contact: WhatsAppContact, code: str, actor: Actor) -> None:
    """Compare a code; right, it is evidence that the number is theirs. DomainError (field 'code') for everything else.

    A try is counted by a conditional UPDATE before anything is compared: no number of tries at once makes more than
    MOST_TRIES. It stays counted when this raises, so the counting is a step of its own.
    """
    typed = "".join(code.split())
    if not (typed.isascii() and typed.isdecimal() and len(typed) == DIGITS):
        message = _("The code has %(digits)s digits.") % {"digits": DIGITS}
        raise DomainError(message, code="malformed", field="code")
    tried = _count_try(contact)
    if not hmac.compare_digest(tried.verification_code or "", _hashed(tried, typed)):
        raise _wrong(MOST_TRIES - tried.verification_tries)
    _succeed(tried, actor)
    contact.refresh_from_db()


@transaction.atomic
def _count_try(contact: WhatsAppContact) -> WhatsAppContact:
    now = timezone.now()
    row = WhatsAppContact.objects.filter(pk=contact.pk)
    open_code = row.filter(verification_expires_at__gt=now, verification_tries__lt=MOST_TRIES)
    if open_code.exclude(verification_code=None).update(verification_tries=F("verification_tries") + 1):
        # The row is ours until the end of the transaction: no newer code can come between counting and comparing.
        return row.get()
    found = row.get()
    if found.verification_code is None:
        raise DomainError(_("No code is waiting. Ask for one first."), code="no_code", field="code")
    if found.verification_tries >= MOST_TRIES:
        message = _("This code was tried %(count)s times. Ask for a new one.") % {"count": MOST_TRIES}
        raise DomainError(message, code="too_many_tries", field="code")
    message = _("The code has expired: it works for %(minutes)s minutes. Ask for a new one.")
    raise DomainError(message % {"minutes": int(VALID_FOR.total_seconds() // 60)}, code="expired", field="code")


def _wrong(left: int) -> DomainError:
    if left <= 0:
        message = _("That is not the code, and it cannot be tried again. Ask for a new one.")
    else:
        words = ngettext(
            "That is not the code. You can try %(count)s more time.",
            "That is not the code. You can try %(count)s more times.",
            left,
        )
        message = words % {"count": left}
    return DomainError(message, code="wrong", field="code")


@transaction.atomic
def _succeed(contact: WhatsAppContact, actor: Actor) -> None:
    """The code is used up by the one whose UPDATE finds it."""
    used = WhatsAppContact.objects.filter(pk=contact.pk, verification_code=contact.verification_code)
    if not used.update(verification_code=None, verification_expires_at=None, verification_tries=0):
        raise DomainError(_("No code is waiting. Ask for one first."), code="no_code", field="code")
    consent_note(contact=contact, kind=ConsentKind.VERIFIED, way=ConsentWay.CODE, at=timezone.now(), actor=actor)
