"""Business numbers: connected, made the default, stopped, started, removed, and tried with a test message.

Nothing here talks to WhatsApp: whatsapp.services.number_checks looks at a number once its row is in.
"""

from dataclasses import dataclass, field

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts.audit import Actor, record, snapshot
from accounts.choices import AuditAction
from stratum.lib.errors import DomainError
from tenants.models import Tenant
from whatsapp.choices import Direction, MessageStatus, NumberStatus, Purpose
from whatsapp.clients.cloud import is_sandbox
from whatsapp.models import WhatsAppContact, WhatsAppMessage, WhatsAppNumber
from whatsapp.queries import OBSTACLES
from whatsapp.queries.numbers import BY_PERSON, CHECKING
from whatsapp.services.queue import message_queue

MAX_NUMBERS = 20
NUMBER_REMOVED = "local.number_removed"
_STATE = ["status", "error_code", "last_error", "checked_at"]


@dataclass(frozen=True, slots=True)
class NumberDraft:
    """A number as the business account lists it, and the token that speaks for it."""

    token: str = field(repr=False)
    waba_id: str
    phone_number_id: str
    display_phone_number: str = ""
    verified_name: str = ""


@transaction.atomic
def number_connect(*, draft: NumberDraft, actor: Actor) -> WhatsAppNumber:
    """Keep a number, or give one that is here a new token. It sends once a check has found it well.

    DomainError where it serves another workspace (which is not said), or where the workspace's numbers belong to
    another business account: templates are the account's, and there is one set of them.
    """
    Tenant.objects.select_for_update(no_key=True).get()
    others = WhatsAppNumber.objects.select_for_update(no_key=True)
    known = others.filter(phone_number_id=draft.phone_number_id).first()
    if others.exclude(waba_id=draft.waba_id).exists():
        message = _(
            "The numbers of this workspace belong to another WhatsApp Business account. Remove them first: a workspace "
            "has the templates of one account."
        )
        raise DomainError(message, code="other_account")
    if known is not None:
        return _connect_again(known, draft, actor)
    if others.count() >= MAX_NUMBERS:
        message = _("A workspace has at most %(most)s numbers. Remove one first.") % {"most": MAX_NUMBERS}
        raise DomainError(message, code="too_many")
    _forget_ids_of_people(draft.waba_id, actor)
    number = _insert(draft, is_default=not others.filter(is_default=True).exists())
    record(actor=actor, action=AuditAction.CREATE, resource=number, new=snapshot(number))
    return number


def _forget_ids_of_people(waba_id: str, actor: Actor) -> None:
    """WhatsApp's ids of people are another account's: under this one everybody has another id, which must not look as
    if their number had gone to somebody else. Not earlier: whoever hides their number and comes back to the account
    that was here before is known by nothing else, and a STOP of theirs must count."""
    last = WhatsAppNumber.including_deleted.order_by("-pk").values_list("waba_id", flat=True).first()
    if last is None or last == waba_id:
        return
    forgotten = WhatsAppContact.objects.exclude(wa_user_id=None).update(wa_user_id=None)
    if forgotten:
        new = {"operation": "user_ids_forgotten", "contacts": forgotten}
        record(actor=actor, action=AuditAction.UPDATE, resource=WhatsAppContact._meta.db_table, new=new)


def _insert(draft: NumberDraft, *, is_default: bool) -> WhatsAppNumber:
    number = WhatsAppNumber(
        name=(draft.verified_name or draft.display_phone_number or draft.phone_number_id)[:100],
        phone_number_id=draft.phone_number_id,
        waba_id=draft.waba_id,
        token=draft.token,
        display_phone_number=draft.display_phone_number[:30],
        verified_name=draft.verified_name[:255],
        is_default=is_default,
        is_sandbox=is_sandbox(draft.token),
        status=NumberStatus.STOPPED,
        error_code=CHECKING,
    )
    try:
        with transaction.atomic():
            number.save(force_insert=True)
    except IntegrityError as error:
        # Of another workspace, whose rows nobody here sees: only the index knows.
        if "uq_whatsapp_numbers_live" not in str(error):
            raise
        message = _("This number serves another workspace of this installation. Disconnect it there first.")
        raise DomainError(message, code="number_taken") from error
    return number


def _connect_again(number: WhatsAppNumber, draft: NumberDraft, actor: Actor) -> WhatsAppNumber:
    old = snapshot(number, _STATE)
    number.token, number.is_sandbox = draft.token, is_sandbox(draft.token)
    number.subscribed_at = None
    _wait_for_check(number)
    number.save(update_fields=["token", "is_sandbox", "subscribed_at", *_STATE, "updated_at"])
    new = {**snapshot(number, _STATE), "operation": "token_replaced"}
    record(actor=actor, action=AuditAction.UPDATE, resource=number, old=old, new=new)
    return number


def _wait_for_check(number: WhatsAppNumber) -> None:
    number.status, number.error_code, number.last_error, number.checked_at = NumberStatus.STOPPED, CHECKING, "", None


@transaction.atomic
def number_make_default(*, number: WhatsAppNumber, actor: Actor) -> WhatsAppNumber:
    """From now on messages go out from it; what is queued keeps its number."""
    Tenant.objects.select_for_update(no_key=True).get()
    locked = _locked(number)
    if locked.is_default:
        return locked
    WhatsAppNumber.objects.filter(is_default=True).update(is_default=False)
    locked.is_default = True
    locked.save(update_fields=["is_default", "updated_at"])
    record(actor=actor, action=AuditAction.UPDATE, resource=locked, old={"is_default": False}, new={"is_default": True})
    return locked


@transaction.atomic
def number_stop(number_id: int, code: int | str, error: str, *, actor: Actor) -> bool:
    """Nothing more goes out from it until somebody starts it. False: it stands still, or is gone, already.

    `code` is WhatsApp's, or one of ours; `error` a sentence for people. What is queued waits.
    """
    number = WhatsAppNumber.objects.select_for_update(no_key=True).filter(pk=number_id).first()
    if number is None or (number.status == NumberStatus.STOPPED and number.error_code != CHECKING):
        return False
    old = snapshot(number, _STATE)
    number.status, number.error_code, number.last_error = NumberStatus.STOPPED, str(code)[:50], error
    number.save(update_fields=["status", "error_code", "last_error", "updated_at"])
    record(actor=actor, action=AuditAction.UPDATE, resource=number, old=old, new=snapshot(number, _STATE))
    return True


def number_stop_by_person(*, number: WhatsAppNumber, actor: Actor) -> bool:
    return number_stop(number.pk, BY_PERSON, _("Stopped by a person."), actor=actor)


@transaction.atomic
def number_start(*, number: WhatsAppNumber, actor: Actor) -> WhatsAppNumber:
    """Have it looked at; it sends again once WhatsApp finds it well. DomainError when it works."""
    locked = _locked(number)
    if locked.status == NumberStatus.OK:
        raise DomainError(_("This number works already."), code="not_stopped")
    old = snapshot(locked, _STATE)
    _wait_for_check(locked)
    locked.save(update_fields=[*_STATE, "updated_at"])
    record(actor=actor, action=AuditAction.UPDATE, resource=locked, old=old, new=snapshot(locked, _STATE))
    return locked


@transaction.atomic
def number_ask_check(*, number: WhatsAppNumber) -> WhatsAppNumber:
    """Have it looked at soon, whatever state it is in. Nothing is changed by that, so the trail says nothing."""
    locked = _locked(number)
    locked.checked_at = None
    locked.save(update_fields=["checked_at", "updated_at"])
    return locked


@transaction.atomic
def number_remove(*, number: WhatsAppNumber, actor: Actor) -> int:
    """Hide it, destroy its token, and fail what waits to go out from it. Returns how many messages that were.

    A message that a worker is sending at this moment is the sender's to finish.
    """
    Tenant.objects.select_for_update(no_key=True).get()
    locked = _locked(number)
    old, was_default = snapshot(locked), locked.is_default
    locked.is_deleted, locked.token, locked.is_default = True, "", False
    locked.save(update_fields=["is_deleted", "token", "is_default", "updated_at"])
    if was_default:
        _next_default(actor)
    failed = _waiting(locked).update(
        status=MessageStatus.FAILED, error_code=NUMBER_REMOVED, error_message=_("The sending number was removed.")
    )
    record(actor=actor, action=AuditAction.DELETE, resource=locked, old=old, new={"messages_failed": failed})
    return failed


def _next_default(actor: Actor) -> None:
    """Sending goes on from one that works, the oldest first."""
    rest = WhatsAppNumber.objects.select_for_update(no_key=True).order_by("pk")
    heir = rest.filter(status=NumberStatus.OK).first() or rest.first()
    if heir is None:
        return
    heir.is_default = True
    heir.save(update_fields=["is_default", "updated_at"])
    record(actor=actor, action=AuditAction.UPDATE, resource=heir, old={"is_default": False}, new={"is_default": True})


def messages_waiting(number: WhatsAppNumber) -> int:
    return _waiting(number).count()


def _waiting(number: WhatsAppNumber) -> QuerySet[WhatsAppMessage]:
    return WhatsAppMessage.objects.filter(
        number_id=number.pk,
        direction=Direction.OUTBOUND,
        status=MessageStatus.PENDING,
        accepted_at=None,
        maybe_sent_at=None,
        claimed_at=None,
    )


@transaction.atomic
def number_test(*, number: WhatsAppNumber, contact: WhatsAppContact, actor: Actor) -> int:
    """Queue a test message from this number. Returns its id. DomainError where the contact may not be written to."""
    if number.status != NumberStatus.OK:
        raise DomainError(_("This number stands still. Start it first."), code="stopped")
    workspace = Tenant.objects.values_list("name", flat=True).get()
    content = _("Test message of Stratum\nMessages of the workspace %(name)s arrive from this number.")
    queued = message_queue(
        contact_ids=[contact.pk],
        content=content % {"name": workspace},
        variables={},
        purpose=Purpose.ALERT,
        actor=actor,
    )
    if contact.pk not in queued.messages:
        words = _("No test message: %(reason)s.") % {"reason": OBSTACLES[queued.skipped[contact.pk]]}
        raise DomainError(words, code="not_reachable", field="contact")
    message_id = queued.messages[contact.pk]
    WhatsAppMessage.objects.filter(pk=message_id).update(number=number)
    return message_id


def _locked(number: WhatsAppNumber) -> WhatsAppNumber:
    return WhatsAppNumber.objects.select_for_update(no_key=True).get(pk=number.pk)
