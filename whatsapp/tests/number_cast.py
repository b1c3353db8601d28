"""Numbers and templates of the sandbox, and an address that WhatsApp can confirm."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from django.db import transaction
from django.utils import timezone

from accounts.audit import Actor
from tenants.context import tenant_context
from tenants.models import Tenant
from whatsapp.clients.signature import challenge
from whatsapp.models import WhatsAppMessage, WhatsAppNumber, WhatsAppTemplate
from whatsapp.services import NumberDraft, number_connect, numbers_check, templates_sync

NORTHWIND, GLOBEX = "102290129340398", "102290129340777"
ALERTS, REPORTS, MARKETING = "106540352242922", "106540352242933", "106540352242999"
TOKENS = {NORTHWIND: "EAAsandbox-whatsapp-northwind", GLOBEX: "EAAsandbox-whatsapp-globex"}
VERIFY_TOKEN = "verify-me"
ACTOR = Actor.system("test")


def inside(tenant: Tenant | int, work):
    with tenant_context(tenant), transaction.atomic():
        return work()


def draft(phone_number_id: str = ALERTS, waba_id: str = NORTHWIND, **fields: str) -> NumberDraft:
    values = {"token": TOKENS.get(waba_id, "EAAsandbox-whatsapp-x"), "verified_name": "Northwind Alerts", **fields}
    return NumberDraft(waba_id=waba_id, phone_number_id=phone_number_id, **values)


def connect(tenant: Tenant, *args: str, **fields: str) -> WhatsAppNumber:
    """As the page leaves it: in the rows, not looked at yet."""
    return inside(tenant, lambda: number_connect(draft=draft(*args, **fields), actor=ACTOR))


def make_number(tenant: Tenant, phone_number_id: str = ALERTS, waba_id: str = NORTHWIND, **fields: object):
    """A number that works."""
    values = {
        "name": "Northwind Alerts", "token": TOKENS[waba_id], "display_phone_number": "+1 555-078-3881",
        "quality_rating": "GREEN", "messaging_limit": "TIER_250", "is_default": True, "is_sandbox": True,
        "checked_at": timezone.now(), "subscribed_at": timezone.now(), **fields,
    }  # fmt: skip
    return inside(
        tenant,
        lambda: WhatsAppNumber.objects.create(
            tenant=tenant, phone_number_id=phone_number_id, waba_id=waba_id, **values
        ),
    )


def check(tenant: Tenant, *number_ids: int) -> dict[str, int]:
    with tenant_context(tenant):
        return numbers_check(list(number_ids) or None).counts


def sync(tenant: Tenant):
    with tenant_context(tenant):
        return templates_sync()


def number_of(tenant: Tenant | int, number_id: int) -> WhatsAppNumber:
    return inside(tenant, lambda: WhatsAppNumber.objects.with_deleted().get(pk=number_id))


def templates(tenant: Tenant) -> dict[tuple[str, str], WhatsAppTemplate]:
    return inside(tenant, lambda: {(row.name, row.language): row for row in WhatsAppTemplate.objects.all()})


def make_outbound(number: WhatsAppNumber, contact, **fields: object) -> WhatsAppMessage:
    values = {"message_type": "text", "content": "Hello", "number": number, **fields}
    return inside(
        number.tenant_id,
        lambda: WhatsAppMessage.objects.create(tenant_id=number.tenant_id, contact=contact, **values),
    )


class _Receiver(BaseHTTPRequestHandler):
    """The webhook address, as far as its confirmation goes."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        answer = challenge({name: values[0] for name, values in parse_qs(parts.query).items()})
        right = parts.path == "/webhooks/whatsapp/" and answer is not None
        self.send_response(200 if right else 403)
        self.end_headers()
        self.wfile.write((answer or "").encode())

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def receiving(settings) -> Iterator[None]:
    """PUBLIC_URL answers WhatsApp's question."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Receiver)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    settings.PUBLIC_URL = f"http://127.0.0.1:{server.server_port}"
    settings.WHATSAPP_VERIFY_TOKEN = VERIFY_TOKEN
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
