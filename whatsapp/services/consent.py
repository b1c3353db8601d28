"""What a contact agreed to: lines of evidence, and the flags on the contact that follow from them.

Webhooks come late, twice and in any order. The flags are therefore always read off all lines, by the time at which
each happened, and never set by the event that happened to come last.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from accounts.audit import Actor, record, snapshot
from accounts.choices import AuditAction
from whatsapp.choices import ConsentKind, ConsentWay, OptIn
from whatsapp.models import WhatsAppConsent, WhatsAppContact

_FLAGS = [
    "is_verified", "verified_at", "opt_in_status", "opt_in_at", "opt_out_at", "opt_in_method", "marketing_stopped_at",
]  # fmt: skip
_MAX_TEXT = 2000


@transaction.atomic
def consent_note(
    *,
    contact: WhatsAppContact,
    kind: ConsentKind,
    way: ConsentWay,
    at: datetime,
    text: str = "",
    wamid: str = "",
    actor: Actor,
) -> bool:
    """Keep a line of evidence and let the contact follow. False: this very message had left its line before."""
    locked = WhatsAppContact.objects.select_for_update(no_key=True).get(pk=contact.pk)
    if wamid and locked.consents.filter(kind=kind, wamid=wamid).exists():
        return False
    line = WhatsAppConsent.objects.create(
        contact=locked, kind=kind, way=way, at=at, text=text[:_MAX_TEXT], wamid=wamid, noted_by=actor.user
    )
    old = snapshot(locked, _FLAGS)
    _follow(locked)
    locked.save(update_fields=[*_FLAGS, "updated_at"])
    # Evidence is worth a line of its own in the trail; what was said stays where it is encrypted.
    record(
        actor=actor,
        action=AuditAction.UPDATE,
        resource=locked,
        old=old,
        new={**snapshot(locked, _FLAGS), "consent": line.pk, "kind": str(kind), "way": str(way)},
    )
    for name in _FLAGS:
        setattr(contact, name, getattr(locked, name))
    return True


@dataclass(slots=True)
class _Standing:
    """What the lines read so far amount to."""

    verified_at: datetime | None = None
    status: str = OptIn.PENDING
    opt_in_at: datetime | None = None
    opt_out_at: datetime | None = None
    method: str | None = None
    marketing_stopped_at: datetime | None = None

    def read(self, kind: str, way: str, at: datetime) -> None:
        match kind:
            case ConsentKind.VERIFIED:
                self.verified_at = at
            case ConsentKind.OPT_IN:
                self.status, self.opt_in_at, self.method = OptIn.OPTED_IN, at, way
            case ConsentKind.OPT_OUT:
                self.status, self.opt_out_at = OptIn.OPTED_OUT, at
            case ConsentKind.NUMBER_CHANGED:
                # Another phone is perhaps another person: the number must be proven, and agreed to, anew.
                self.status, self.verified_at = OptIn.PENDING, None
            case ConsentKind.MARKETING_STOP:
                self.marketing_stopped_at = at
            case ConsentKind.MARKETING_RESUME:
                self.marketing_stopped_at = None


_OF_OPT_IN = {ConsentKind.OPT_IN, ConsentKind.OPT_OUT, ConsentKind.NUMBER_CHANGED}
_OF_NUMBER = {ConsentKind.VERIFIED, ConsentKind.NUMBER_CHANGED}
_OF_MARKETING = {ConsentKind.MARKETING_STOP, ConsentKind.MARKETING_RESUME}


def _follow(contact: WhatsAppContact) -> None:
    """Set the flags by the lines. What no line speaks of stays as it is: contacts may be older than the lines."""
    standing, seen = _Standing(), set()
    for kind, way, at in contact.consents.order_by("at", "pk").values_list("kind", "way", "at"):
        standing.read(kind, way, at)
        seen.add(kind)
    if seen & _OF_OPT_IN:
        contact.opt_in_status, contact.opt_in_method = standing.status, standing.method
        contact.opt_in_at, contact.opt_out_at = standing.opt_in_at, standing.opt_out_at
    if seen & _OF_NUMBER:
        contact.is_verified, contact.verified_at = standing.verified_at is not None, standing.verified_at
    if seen & _OF_MARKETING:
        contact.marketing_stopped_at = standing.marketing_stopped_at
