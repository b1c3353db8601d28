"""A workspace whose number, contacts and messages go to the simulated WhatsApp."""

import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from stratum.lib.encryption import phone_hash
from stratum.sandbox.tests.live import LiveSandbox
from stratum.sandbox.whatsapp.directory import BUSINESSES
from tenants.context import tenant_context
from tenants.models import Tenant
from whatsapp.models import WhatsAppContact, WhatsAppMessage, WhatsAppNumber, WhatsAppTemplate
from whatsapp.services import messages_send
from whatsapp.services.preparing import Prepared, circumstances_of, prepare
from whatsapp.services.standard_templates import standard_drafts
from whatsapp.tests.factories import make_contact, make_inbound
from whatsapp.tests.webhook_cast import make_number

BUSINESS = BUSINESSES["102290129340398"]
NUMBER = BUSINESS.numbers[0]


def sandbox_number(tenant: Tenant, **fields: Any) -> WhatsAppNumber:
    values = {"phone_number_id": NUMBER.id, "waba_id": BUSINESS.id, "token": BUSINESS.token, "is_sandbox": True}
    return make_number(tenant, **{**values, **fields})


def listens(sandbox: LiveSandbox, url: str) -> None:
    """Webhooks go to the product at this address, and nothing waits to be read before it is told."""
    sandbox.control("whatsapp/callback", "POST", url=f"{url}/webhooks/whatsapp/")


def person(user: User, digits: str = "16505551234", **fields: Any) -> WhatsAppContact:
    """Somebody who wrote a moment ago to all numbers there are, so that free text is allowed; `last_inbound_at`: when
    else, None for never."""
    number = f"+{digits}"
    values = {"phone_number": number, "phone_hash": phone_hash(number), "last_inbound_at": timezone.now()}
    contact = make_contact(user, **{**values, **fields})
    if contact.last_inbound_at is not None:
        with tenant_context(user.tenant_id), transaction.atomic():
            numbers = list(WhatsAppNumber.objects.all())
        for at in numbers:
            make_inbound(contact, number=at, created_at=contact.last_inbound_at, handled_at=contact.last_inbound_at)
    return contact


def open_window(sandbox: LiveSandbox, digits: str = "16505551234") -> None:
    sandbox.control("whatsapp/person", "POST", wa_id=digits, window="open")


def make_message(contact: WhatsAppContact, number: WhatsAppNumber | None = None, **fields: Any) -> WhatsAppMessage:
    values = {"message_type": "text", "content": "Spring Sale was paused.", "number": number, **fields}
    with tenant_context(contact.tenant_id), transaction.atomic():
        return WhatsAppMessage.objects.create(contact=contact, **values)


def approved_template(tenant: Tenant, **fields: Any) -> WhatsAppTemplate:
    body = [{"type": "BODY", "text": "Campaign {{1}} was paused, spend {{2}}."}]
    values = {"name": "campaign_paused", "language": "en_US", "category": "UTILITY", "status": "APPROVED"}
    values |= {"components": body, "variables": {"1": "campaign", "2": "spend"}}
    with tenant_context(tenant), transaction.atomic():
        return WhatsAppTemplate.objects.create(**{**values, **fields})


def standard_rows(tenant: Tenant, status: str = "APPROVED") -> list[WhatsAppTemplate]:
    """The templates that Stratum writes in, in all their languages."""
    return [
        approved_template(
            tenant,
            name=draft.name,
            language=draft.language,
            category=draft.category,
            components=draft.components(),
            variables=variables,
            status=status,
        )
        for draft, variables in standard_drafts()
    ]


def at_whatsapp(sandbox: LiveSandbox, row: WhatsAppTemplate) -> None:
    """WhatsApp has approved the same."""
    fields = {"name": row.name, "language": row.language, "category": row.category, "components": row.components}
    sandbox.send(
        "POST",
        f"/v23.0/{BUSINESS.id}/message_templates",
        json_body=fields,
        headers={"Authorization": f"Bearer {BUSINESS.token}"},
    )
    state = {"waba": BUSINESS.id, "name": row.name, "language": row.language, "status": "APPROVED"}
    sandbox.control("whatsapp/template", "POST", **state)


def prepared(message: WhatsAppMessage, now: datetime.datetime) -> Prepared:
    """What becomes of a message at this moment."""
    with tenant_context(message.tenant_id), transaction.atomic():
        row = WhatsAppMessage.objects.select_related("contact", "number", "template").get(pk=message.pk)
        return prepare(row, circumstances_of([row], now))


def send(tenant: Tenant, **more: Any) -> dict[str, int]:
    with tenant_context(tenant):
        return messages_send(**more).as_json()


def fresh(row: Any) -> Any:
    with tenant_context(row.tenant_id), transaction.atomic():
        return type(row).objects.get(pk=row.pk)


def change(row: Any, **fields: Any) -> None:
    with tenant_context(row.tenant_id), transaction.atomic():
        type(row).objects.filter(pk=row.pk).update(**fields)


def due_now(tenant: Tenant) -> None:
    """Every pause is over, without waiting for it."""
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    with tenant_context(tenant), transaction.atomic():
        WhatsAppMessage.objects.filter(next_retry_at__isnull=False).update(next_retry_at=past)


def on_phone(sandbox: LiveSandbox, **filters: Any) -> list[dict[str, Any]]:
    """What WhatsApp accepted, oldest first."""
    return sandbox.control("whatsapp/messages", limit=20_000, **filters)["messages"]
