"""Contacts: added by number, changed, and removed so that nothing personal is left."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone as clock
from django.utils.translation import gettext as _

from accounts.audit import Actor, record, snapshot
from accounts.choices import AuditAction
from accounts.models import User
from stratum.lib import phones
from stratum.lib.encryption import phone_hash
from stratum.lib.errors import DomainError
from stratum.lib.regions import is_zone
from whatsapp.choices import Direction, MessageStatus
from whatsapp.models import REMOVED, WhatsAppContact, WhatsAppMessage
from whatsapp.queries.contacts import live_contacts, number_hashes
from whatsapp.queries.messages import CANCELLED
from whatsapp.queries.recipients import ALERTS, REPORTS
from whatsapp.services.inbound import unknown_senders_lock, unmatched_adopt

MOST_OF_ONE_PERSON = 5
MOST_OF_WORKSPACE = 5000
NOTIFICATION_TYPES = (ALERTS, REPORTS)
_FIELDS = ["display_name", "language", "timezone", "notification_types", "quiet_hours", "is_active"]
_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class ContactDraft:
    """What a person says about a contact. `quiet` are the hours in the contact's zone in which nothing but codes and
    answers goes out; None: none."""

    display_name: str = ""
    language: str = "en"
    timezone: str = "UTC"
    notification_types: Sequence[str] = NOTIFICATION_TYPES
    quiet: tuple[time, time] | None = None
    is_active: bool = True

    def values(self) -> dict[str, object]:
        """As the columns hold it."""
        if self.quiet is None:
            quiet: dict[str, object] = {"enabled": False}
        else:
            quiet = {"enabled": True, "from": f"{self.quiet[0]:%H:%M}", "to": f"{self.quiet[1]:%H:%M}"}
        return {
            "display_name": self.display_name.strip()[:_LONGEST_NAME] or None,
            "language": self.language,
            "timezone": self.timezone,
            "notification_types": [one for one in NOTIFICATION_TYPES if one in self.notification_types],
            "quiet_hours": quiet,
            "is_active": self.is_active,
        }


@transaction.atomic
def contact_create(*, user: User, number: str, region: str = "", draft: ContactDraft, actor: Actor) -> WhatsAppContact:
    """Add a person's number, in any form that is dialled in `region` (ISO 3166), or with its country code.

    Nobody is written to by this: the number has to be verified, and its owner to agree. DomainError with the field for
    what is no number, and for one that a contact has already.
    """
    found = phones.to_e164(number, region)
    if found is None:
        raise DomainError(_no_number(number, region), code="number_invalid", field="number")
    _check(draft)
    # The person's row is locked: two requests at once cannot pass the limit, nor add one number twice.
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    _check_room(user)
    unknown_senders_lock()
    if WhatsAppContact.objects.filter(phone_hash__in=number_hashes(found)).exists():
        raise _taken()
    try:
        with transaction.atomic():
            contact = WhatsAppContact.objects.create(
                user=user,
                phone_number=found,
                phone_hash=phone_hash(found),
                country_code=phones.country_code(found),
                **draft.values(),
            )
    except IntegrityError as error:
        raise _taken() from error
    record(actor=actor, action=AuditAction.CREATE, resource=contact, new=snapshot(contact, [*_FIELDS, "user"]))
    # What they wrote before anybody knew who they are: a STOP among it counts.
    if unmatched_adopt(contact):
        contact.refresh_from_db()
    return contact


def _no_number(number: str, region: str) -> str:
    if not region and not number.strip().startswith(("+", "00")):
        return _("Begin with + and the country code, such as +44 7400 123456.")
    hint = phones.example(region)
    if not hint or number.strip().startswith("+"):
        return _("This is no phone number. Check its digits, and the country code after the +.")
    return _("This is no phone number. Write it as it is dialled, such as %(example)s, or with + and country code.") % {
        "example": hint
    }


def _taken() -> DomainError:
    message = _("A contact of this workspace has this number already.")
    return DomainError(message, code="number_taken", field="number")


def _check_room(user: User) -> None:
    if live_contacts().filter(user=user).count() >= MOST_OF_ONE_PERSON:
        message = _("One person has at most %(most)s numbers. Remove one first.") % {"most": MOST_OF_ONE_PERSON}
        raise DomainError(message, code="too_many_of_person")
    if live_contacts().count() >= MOST_OF_WORKSPACE:
        message = _("A workspace has at most %(most)s contacts. Remove one first.") % {"most": MOST_OF_WORKSPACE}
        raise DomainError(message, code="too_many")


def _check(draft: ContactDraft) -> None:
    if draft.language not in dict(settings.LANGUAGES):
        raise DomainError(_("Choose one of the languages."), code="language_unknown", field="language")
    if not is_zone(draft.timezone):
        raise DomainError(_("Choose one of the time zones."), code="zone_unknown", field="timezone")
    if draft.quiet and draft.quiet[0] == draft.quiet[1]:
        message = _("Quiet hours end at another time than they begin.")
        raise DomainError(message, code="quiet_empty", field="quiet_to")


@transaction.atomic
def contact_update(*, contact: WhatsAppContact, draft: ContactDraft, actor: Actor) -> WhatsAppContact:
    """Change what is sent, when and in which language. Switched off, a contact gets nothing and keeps everything."""
    _check(draft)
    locked = WhatsAppContact.objects.select_for_update(no_key=True).get(pk=contact.pk)
    if locked.is_removed:
        raise DomainError(_("This contact was removed."), code="removed")
    old = snapshot(locked, _FIELDS)
    for name, value in draft.values().items():
        setattr(locked, name, value)
    new = snapshot(locked, _FIELDS)
    if new != old:
        locked.save(update_fields=[*_FIELDS, "updated_at"])
        record(actor=actor, action=AuditAction.UPDATE, resource=locked, old=old, new=new)
    return locked


@transaction.atomic
def contact_remove(*, contact: WhatsAppContact, actor: Actor) -> None:
    """Erase a contact for good: the number and its hash, names, ids, and every word that was said.

    What stays names nobody: that messages went out, when and how they fared, and that consent was given and taken
    back. What waits to be sent is cancelled. A number that is added again begins without any consent, so that nobody is
    written to because a STOP was forgotten.
    """
    locked = WhatsAppContact.objects.select_for_update(no_key=True).get(pk=contact.pk)
    if locked.is_removed:
        return
    _forget_messages(locked)
    locked.consents.update(text="", wamid="")
    _forget_person(locked)
    record(actor=actor, action=AuditAction.DELETE, resource=locked, new={"operation": "contact_erased"})


def _forget_messages(contact: WhatsAppContact) -> None:
    messages = WhatsAppMessage.objects.filter(contact=contact)
    waiting = messages.filter(
        direction=Direction.OUTBOUND,
        status=MessageStatus.PENDING,
        claimed_at=None,
        accepted_at=None,
        maybe_sent_at=None,
    )
    waiting.update(
        status=MessageStatus.FAILED,
        error_code=CANCELLED,
        error_message=_("The contact was removed."),
        next_retry_at=None,
    )
    messages.update(
        content=None, template_variables={}, media_url=None, recipient_wa_id=None, reply_id=None, context_wamid=None
    )
    # Those that WhatsApp has, or may have: it still speaks of them. The rows are held by the update above.
    known = list(messages.exclude(wamid=None, claimed_at=None, maybe_sent_at=None).only("wamid", "tenant"))
    for message in known:
        message.forget_wamid()
    WhatsAppMessage.objects.bulk_update(known, ["wamid"], batch_size=500)


def _forget_person(contact: WhatsAppContact) -> None:
    contact.phone_number, contact.phone_hash = "", f"{REMOVED}{secrets.token_hex(27)}"
    contact.country_code = ""
    emptied = [
        "display_name", "profile_name", "profile_picture_url", "wa_id", "wa_user_id", "verification_code",
        "verification_expires_at", "verification_sent_at", "verified_at",
    ]  # fmt: skip
    for name in emptied:
        setattr(contact, name, None)
    contact.is_active, contact.is_verified = False, False
    contact.quiet_hours, contact.notification_types = {"enabled": False}, []
    contact.last_read_at = clock.now()
    others = [
        "phone_number", "phone_hash", "country_code", "is_active", "is_verified", "quiet_hours", "notification_types",
        "last_read_at", "updated_at",
    ]  # fmt: skip
    contact.save(update_fields=[*emptied, *others])
