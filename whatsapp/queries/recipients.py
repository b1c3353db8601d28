"""Reads of WhatsApp contacts: whom rules may write to, and why not."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from whatsapp.choices import OptIn, Purpose
from whatsapp.models import WhatsAppContact, WhatsAppTemplate
from whatsapp.queries.contacts import live_contacts

# What a contact's notification_types hold, by the purpose of a message; other purposes ask for none.
ALERTS, REPORTS = "alerts", "reports"
_WANTED = {Purpose.ALERT: ALERTS, Purpose.REPORT: REPORTS}
CONTACTS_SHOWN = 200
# Why somebody is not written to: code → words.
OBSTACLES: dict[str, Promise] = {
    "gone": _("the contact is not there any more"),
    "inactive": _("the contact is switched off"),
    "left": _("the person has left the workspace"),
    "not_verified": _("the number is not verified"),
    "opted_out": _("the contact has opted out"),
    "not_opted_in": _("the contact has not agreed to messages yet"),
    "no_alerts": _("the contact wants no alerts"),
    "no_reports": _("the contact wants no reports"),
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


def obstacle(contact: WhatsAppContact | None, purpose: Purpose = Purpose.ALERT) -> str:
    """Why this contact gets no message of this purpose: a key of OBSTACLES, empty where it does.

    A person's own reply asks for nothing but the contact: who has just written may be answered, even after a STOP.
    Expects the contact's person at hand.
    """
    if contact is None or contact.is_removed:
        return "gone"
    if not contact.is_active:
        return "inactive"
    if purpose in (Purpose.REPLY, Purpose.ANSWER, Purpose.CODE):
        return ""
    if contact.user.is_deleted or not contact.user.is_active:
        return "left"
    if found := disagreement(contact):
        return found
    if not contact.is_verified:
        return "not_verified"
    wanted, types = _WANTED.get(purpose), contact.notification_types
    return "" if wanted is None or (isinstance(types, list) and wanted in types) else f"no_{wanted}"


def disagreement(contact: WhatsAppContact) -> str:
    """Why nobody writes to this contact who was not just written to: a key of OBSTACLES; empty once they agreed."""
    if contact.opt_in_status == OptIn.OPTED_IN:
        return ""
    return "opted_out" if contact.opt_in_status == OptIn.OPTED_OUT else "not_opted_in"


def recipients() -> list[Recipient]:
    """The workspace's contacts by name, those that can be written to first. One statement; names are personal."""
    rows = live_contacts().order_by("pk")[:CONTACTS_SHOWN]
    found = [Recipient(row.pk, row.display_name or row.user.display_name, obstacle(row)) for row in rows]
    return sorted(found, key=lambda one: (bool(one.obstacle), one.name.casefold(), one.id))


def contacts_by_id(contact_ids: Iterable[int]) -> dict[int, WhatsAppContact]:
    """With their person at hand."""
    rows = WhatsAppContact.objects.select_related("user").defer("verification_code", "profile_name")
    return rows.in_bulk(list(contact_ids))


def template_names() -> list[str]:
    """Names of the templates that WhatsApp has approved."""
    approved = WhatsAppTemplate.objects.filter(status="APPROVED").order_by("name")
    return list(approved.values_list("name", flat=True).distinct())
