"""Signed bodies as WhatsApp sends them, and the fixtures that the facts about it are kept in."""

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

from django.db import transaction
from django.test import Client
from django.urls import reverse

from tenants.context import tenant_context, unscoped
from whatsapp.models import WhatsAppNumber
from whatsapp.services import webhooks_process

FIXTURES = Path(__file__).parent / "clients" / "fixtures"
SECRET = "test-app-secret"
NUMBER_ID, WABA_ID = "106540352242922", "102290129340398"


def fixture(name: str) -> dict[str, Any]:
    return json.loads((FIXTURES / f"{name}.json").read_text())


def signature(raw: bytes, secret: str = SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()


def call(raw: bytes | str, *, header: str | None = None) -> Any:
    """POST a body to the product as WhatsApp does."""
    raw = raw.encode() if isinstance(raw, str) else raw
    headers = {"X-Hub-Signature-256": signature(raw) if header is None else header}
    return Client().post(reverse("whatsapp:webhook"), raw, content_type="application/json", headers=headers)


def call_with(name: str) -> Any:
    """The fixture's own bytes under its own signature."""
    request = fixture(name)["request"]
    return call(request["raw_body"], header=request["headers"]["X-Hub-Signature-256"])


def receive(*names: str) -> Any:
    """Deliver fixtures one after another, then read what waits."""
    for name in names:
        assert call_with(name).status_code == 200, name
    return webhooks_process()


def body(*changes: dict[str, Any], waba: str = WABA_ID) -> str:
    entry = {"id": waba, "changes": list(changes)}
    return json.dumps({"object": "whatsapp_business_account", "entry": [entry]})


def messages_change(number_id: str = NUMBER_ID, **lists: Any) -> dict[str, Any]:
    metadata = {"display_phone_number": "15550783881", "phone_number_id": number_id}
    return {"field": "messages", "value": {"messaging_product": "whatsapp", "metadata": metadata, **lists}}


def status(wamid: str, word: str, at: int, **more: Any) -> dict[str, Any]:
    return {"id": wamid, "status": word, "timestamp": str(at), "recipient_id": "16505551234", **more}


def inbound(text: str, *, wamid: str, at: int = 1795338000, sender: str = "16505551234") -> dict[str, Any]:
    return {"from": sender, "id": wamid, "timestamp": str(at), "type": "text", "text": {"body": text}}


def make_number(tenant: Any, **fields: Any) -> WhatsAppNumber:
    defaults = {
        "name": "Alerts",
        "phone_number_id": NUMBER_ID,
        "waba_id": WABA_ID,
        "token": "wa-token-1",
        "display_phone_number": "+1 555-078-3881",
        "is_default": True,
    }
    with tenant_context(tenant), transaction.atomic():
        return WhatsAppNumber.objects.create(**{**defaults, **fields})


def everything(model: Any) -> list[Any]:
    with unscoped("test: look at what is there"), transaction.atomic():
        return list(model._base_manager.order_by("pk"))
