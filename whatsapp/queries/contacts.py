"""Reads of contacts: the list with its filters, one's own contact, the evidence of what they agreed to."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, QuerySet, Subquery

from stratum.lib.encryption import phone_hash
from stratum.lib.phones import to_e164
from whatsapp.choices import ConsentKind
from whatsapp.clients.numbers import lookup_forms
from whatsapp.models import REMOVED, WhatsAppConsent, WhatsAppContact

# Names are encrypted, so the database can neither sort nor search them. Up to this many contacts are decrypted and
# then sorted and searched here; among more, a contact is found by the whole number.
READABLE_CONTACTS = 1000
# Evidence on the page of a contact, the newest first.
EVIDENCE_SHOWN = 50


@dataclass(frozen=True, slots=True)
class ContactFilter:
    """What to show. `opt_in` is a value of OptIn; `verified` and `active` are 'yes', 'no' or ''. `region` is where a
    number is searched for that has no country code."""

    q: str = ""
    opt_in: str = ""
    verified: str = ""
    active: str = ""
    region: str = ""

    @property
    def narrows(self) -> bool:
        return bool(self.q or self.opt_in or self.verified or self.active)


@dataclass(frozen=True, slots=True)
class Contacts:
    """Contacts by name. `is_whole` is False when there are more than READABLE_CONTACTS."""

    rows: list[WhatsAppContact]
    is_whole: bool


def live_contacts() -> QuerySet[WhatsAppContact]:
    """Contacts that were not removed, with their person, without codes."""
    rows = WhatsAppContact.objects.exclude(phone_hash__startswith=REMOVED)
    return rows.select_related("user").defer("verification_code")


def removed_contacts() -> QuerySet[WhatsAppContact]:
    """The other ones: nothing personal is left of them."""
    return WhatsAppContact.objects.filter(phone_hash__startswith=REMOVED)


def contacts_found(where: ContactFilter) -> Contacts:
    """At most two statements, however many there are."""
    rows = live_contacts()
    if where.opt_in:
        rows = rows.filter(opt_in_status=where.opt_in)
    if where.verified:
        rows = rows.filter(is_verified=True) if where.verified == "yes" else rows.exclude(is_verified=True)
    if where.active:
        rows = rows.filter(is_active=True) if where.active == "yes" else rows.exclude(is_active=True)
    hashes = number_hashes(where.q, where.region)
    if hashes:
        return Contacts(_by_name(rows.filter(phone_hash__in=hashes)), is_whole=True)
    found = list(rows.order_by("-pk")[: READABLE_CONTACTS + 1])
    words = where.q.casefold().split()
    matching = [one for one in found[:READABLE_CONTACTS] if all(word in _searched(one) for word in words)]
    return Contacts(_by_name(matching), is_whole=len(found) <= READABLE_CONTACTS)


def _searched(contact: WhatsAppContact) -> str:
    return f"{contact.display_name or ''} {contact.user.full_name or ''}".casefold()


def _by_name(rows: Sequence[WhatsAppContact] | QuerySet[WhatsAppContact]) -> list[WhatsAppContact]:
    return sorted(rows, key=lambda one: (name_of(one).casefold(), one.pk))


def name_of(contact: WhatsAppContact) -> str:
    """What a contact is called: its own name, else its person's; a removed one has neither."""
    if contact.is_removed:
        return ""
    return contact.display_name or contact.user.display_name


def number_hashes(text: str, region: str = "") -> list[str]:
    """The hashes under which a number may be kept; empty for what is no number."""
    number = to_e164(text, region)
    return [phone_hash(f"+{form}") for form in lookup_forms(number)] if number else []


def own_contact(user_id: int) -> WhatsAppContact | None:
    """The first contact that is this person's."""
    return live_contacts().filter(user_id=user_id).order_by("pk").first()


def contact_choices() -> list[tuple[int, str]]:
    """(id, name) of the newest contacts, by name, for a filter."""
    rows = list(live_contacts().order_by("-pk")[:READABLE_CONTACTS])
    return [(one.pk, name_of(one)) for one in _by_name(rows)]


def evidence(contact: WhatsAppContact) -> list[WhatsAppConsent]:
    """The lines of evidence, the newest first, each with who noted it."""
    lines = WhatsAppConsent.objects.filter(contact=contact).select_related("noted_by")
    return list(lines.order_by("-at", "-pk")[:EVIDENCE_SHOWN])


def proven_by_person(rows: QuerySet[WhatsAppContact]) -> QuerySet[WhatsAppContact]:
    """Those whose number its very person has proven, and not lost since.

    A colleague who edits contacts can type in the code for somebody else. That is enough to write to the number, but
    says nothing about who holds the phone: nobody acts from it with that person's rights.
    """
    of_number = (ConsentKind.VERIFIED, ConsentKind.NUMBER_CHANGED)
    lines = WhatsAppConsent.objects.filter(contact=OuterRef(OuterRef("pk")), kind__in=of_number)
    newest = Subquery(lines.order_by("-at", "-pk").values("pk")[:1])
    own = WhatsAppConsent.objects.filter(pk=newest, kind=ConsentKind.VERIFIED, noted_by=OuterRef("user"))
    return rows.filter(Exists(own))


def is_proven_by_person(contact: WhatsAppContact) -> bool:
    return proven_by_person(WhatsAppContact.objects.filter(pk=contact.pk)).exists()
