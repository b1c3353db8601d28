"""Reads of WhatsApp contacts: whom rules may write to, and why not."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from whatsapp.choices import OptIn
from whatsapp.models import WhatsAppContact, WhatsAppTemplate

# What a contact's notification_types must hold for messages of rules.
ALERTS = "alerts"
CONTACTS_SHOWN = 200
# Why somebody is not written to: code → words.
OBSTACLES: dict[str, Promise] = {
    "gone": _("the contact is not there any more"),
    "inactive": _("the contact is switched off"),
    "not_verified": _("the number is not verified"),
    "opted_out": _("the contact has opted out"),
    "not_opted_in": _("the contact has not agreed to messages yet"),
    "no_alerts": _("the contact wants no alerts"),
}


@dataclass(frozen=True, slots=True)
class Recipient:
    """A contact to choose. `obstacle` is a key of OBSTACLES; empty: messages may be sent."""

    id: int
    name: str
    obstacle: str

    @property
    def why_not(self) -> str:
        return str(OBSTACLES[self.obstacle]) if self.obstacle else ""


def obstacle(contact: WhatsAppContact | None) -> str:
    """Why rules do not write to this contact: a key of OBSTACLES, empty where they may."""
    if contact is None:
        return "gone"
    if not contact.is_active:
        return "inactive"
    if contact.opt_in_status == OptIn.OPTED_OUT:
        return "opted_out"
    if contact.opt_in_status != OptIn.OPTED_IN:
        return "not_opted_in"
    if not contact.is_verified:
        return "not_verified"
    return "" if ALERTS in (contact.notification_types or []) else "no_alerts"


def recipients() -> list[Recipient]:
    """The workspace's contacts by name, those that can be written to first. One statement; names are personal."""
    rows = WhatsAppContact.objects.select_related("user").defer("verification_code").order_by("pk")[:CONTACTS_SHOWN]
    found = [Recipient(row.pk, row.display_name or row.user.display_name, obstacle(row)) for row in rows]
    return sorted(found, key=lambda one: (bool(one.obstacle), one.name.casefold(), one.id))


def contacts_by_id(contact_ids: Iterable[int]) -> dict[int, WhatsAppContact]:
    return WhatsAppContact.objects.defer("verification_code", "profile_name").in_bulk(list(contact_ids))


def template_names() -> list[str]:
    """Names of the templates that WhatsApp has approved."""
    approved = WhatsAppTemplate.objects.filter(status="APPROVED").order_by("name")
    return list(approved.values_list("name", flat=True).distinct())
