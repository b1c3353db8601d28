"""Stopping a number that WhatsApp does not let send any more."""

from django.db import transaction

from accounts.audit import Actor, record, snapshot
from accounts.choices import AuditAction
from whatsapp.choices import NumberStatus
from whatsapp.clients.errors import words
from whatsapp.models import WhatsAppNumber

_FIELDS = ["status", "error_code", "last_error"]


@transaction.atomic
def number_stop(*, number: WhatsAppNumber, code: str, details: str = "", actor: Actor) -> bool:
    """Nothing goes out from it until somebody starts it again. False: it was stopped already.

    `code`: WhatsApp's, or one of ours; `details`: WhatsApp's own words, for a code that says little.
    """
    locked = WhatsAppNumber.objects.with_deleted().select_for_update(no_key=True).get(pk=number.pk)
    if locked.status == NumberStatus.STOPPED:
        return False
    old = snapshot(locked, _FIELDS)
    locked.status, locked.error_code = NumberStatus.STOPPED, code[:50]
    locked.last_error = words(code) + (f" ({details})" if details else "")
    locked.save(update_fields=[*_FIELDS, "updated_at"])
    record(actor=actor, action=AuditAction.UPDATE, resource=locked, old=old, new=snapshot(locked, _FIELDS))
    return True
