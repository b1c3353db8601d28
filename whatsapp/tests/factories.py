import itertools
import json

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from stratum.lib.encryption import phone_hash
from tenants.context import tenant_context
from whatsapp.models import (
    WhatsAppConsent,
    WhatsAppContact,
    WhatsAppMessage,
    WhatsAppNumber,
    WhatsAppTemplate,
    WhatsAppUnmatched,
)

_numbers = itertools.count(1)


def make_contact(user: User, **fields: object) -> WhatsAppContact:
    """A contact who is verified and has opted in."""
    number = f"+1202555{next(_numbers):04d}"
    defaults = {
        "phone_number": number,
        "phone_hash": phone_hash(number),
        "country_code": "1",
        "display_name": f"Contact {number[-4:]}",
        "is_verified": True,
        "opt_in_status": "opted_in",
    }
    with tenant_context(user.tenant_id), transaction.atomic():
        return WhatsAppContact.objects.create(tenant_id=user.tenant_id, user=user, **{**defaults, **fields})


def make_known_contact(user: User, **fields: object) -> WhatsAppContact:
    """The same, where the person has typed in the code themselves: commands from there are obeyed."""
    contact = make_contact(user, **fields)
    if contact.is_verified:
        make_consent(contact, kind="verified", way="code", text="", noted_by=user)
    return contact


def make_template(user: User, **fields: object) -> WhatsAppTemplate:
    defaults = {"name": "campaign_alert", "language": "en", "category": "UTILITY", "status": "APPROVED"}
    with tenant_context(user.tenant_id), transaction.atomic():
        return WhatsAppTemplate.objects.create(tenant_id=user.tenant_id, **{**defaults, **fields})


def make_code_template(user: User, **fields: object) -> WhatsAppTemplate:
    """What codes go out with."""
    return make_template(user, **{"name": "stratum_code", "category": "AUTHENTICATION", **fields})


def make_number(user: User, **fields: object) -> WhatsAppNumber:
    """The number that the workspace sends from."""
    defaults = {
        "name": "Desk",
        "phone_number_id": f"1060000{next(_numbers):05d}",
        "waba_id": "10211111",
        "display_phone_number": "+1 202-555-0199",
        "is_default": True,
    }
    with tenant_context(user.tenant_id), transaction.atomic():
        return WhatsAppNumber.objects.create(tenant_id=user.tenant_id, **{**defaults, **fields})


def make_message(contact: WhatsAppContact, **fields: object) -> WhatsAppMessage:
    """A message that waits to be sent."""
    defaults = {"message_type": "text", "content": "ROAS fell to 0.2×", "purpose": "alert"}
    with tenant_context(contact.tenant_id), transaction.atomic():
        return WhatsAppMessage.objects.create(tenant_id=contact.tenant_id, contact=contact, **{**defaults, **fields})


def make_inbound(contact: WhatsAppContact, text: str = "Thanks", **fields: object) -> WhatsAppMessage:
    """A message of theirs to the workspace's number, which opens the window."""
    with tenant_context(contact.tenant_id), transaction.atomic():
        number = WhatsAppNumber.objects.filter(is_default=True).first()
    defaults = {
        "number": number,
        "direction": "inbound",
        "purpose": "reply",
        "status": "delivered",
        "content": text,
        "wamid": f"wamid.IN{next(_numbers)}",
        "created_at": timezone.now(),
    }
    message = make_message(contact, **{**defaults, **fields})
    with tenant_context(contact.tenant_id), transaction.atomic():
        WhatsAppContact.objects.filter(pk=contact.pk).update(last_inbound_at=message.created_at)
    contact.last_inbound_at = message.created_at
    return message


def make_unmatched(
    number: WhatsAppNumber,
    wa_id: str = "4915112345678",
    text: str = "Who is this?",
    *,
    user_id: str = "",
    **fields: object,
):
    """A message of somebody who is no contact, as the webhook's reader keeps it. `user_id`: who hides their number."""
    wamid = f"wamid.UN{next(_numbers)}"
    sender = {"from_user_id": user_id} if user_id else {"from": wa_id}
    raw = {**sender, "id": wamid, "timestamp": "1790000000", "type": "text", "text": {"body": text}}
    value = {
        "metadata": {"phone_number_id": number.phone_number_id},
        "contacts": [{"user_id" if user_id else "wa_id": user_id or wa_id, "profile": {"name": "Lena Vogt"}}],
        "messages": [raw],
    }
    entry = {"id": number.waba_id, "changes": [{"field": "messages", "value": value}]}
    defaults = {
        "kind": "inbound",
        "event_key": wamid,
        "wamid": wamid,
        "sender_hash": "" if user_id else phone_hash(wa_id),
        "user_hash": phone_hash(user_id) if user_id else "",
        "profile_name": "Lena Vogt",
        "payload": json.dumps({"object": "whatsapp_business_account", "entry": [entry]}),
        "at": timezone.now(),
    }
    with tenant_context(number.tenant_id), transaction.atomic():
        return WhatsAppUnmatched.objects.create(tenant_id=number.tenant_id, number=number, **{**defaults, **fields})


def make_consent(contact: WhatsAppContact, **fields: object) -> WhatsAppConsent:
    defaults = {"kind": "opt_in", "way": "keyword", "text": "START", "at": timezone.now()}
    with tenant_context(contact.tenant_id), transaction.atomic():
        return WhatsAppConsent.objects.create(tenant_id=contact.tenant_id, contact=contact, **{**defaults, **fields})
