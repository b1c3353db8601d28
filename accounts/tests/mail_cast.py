"""A mail server on a socket of this process, with faults on demand."""

import asyncio
import datetime
import ipaddress
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage as Parsed
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.db import transaction

from accounts.models import EmailMessage
from accounts.services import EmailsSent, email_send
from stratum.embedded.files import LOOPBACK, free_port
from tenants.context import tenant_context
from tenants.models import Tenant


class MailServer:
    """Takes what is sent to it. `at_mail`, `at_rcpt`, `at_data` and `after_data` are answers instead of the usual ones.

    `at_next_mail` is heard by each sender of a connection but the first. Answers are lines of SMTP; 'cut' ends the
    connection without a word, 'hang' never answers.
    """

    def __init__(self) -> None:
        self.received: list[Parsed] = []
        self.recipients: list[str] = []
        self.sessions: set[Session] = set()
        self.at_next_mail = self.at_mail = self.at_rcpt = self.at_data = self.after_data = ""
        # Set when a client has come to its message and waits for the answer.
        self.has_message = threading.Event()

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, _options: list
    ) -> str:
        fault = self.at_mail or (self.at_next_mail if session in self.sessions else "")
        self.sessions.add(session)
        if fault:
            return await self._fault(server, fault)
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server: SMTP, _s: Session, envelope: Envelope, address: str, _options: list) -> Any:
        if self.at_rcpt:
            return await self._fault(server, self.at_rcpt)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> Any:
        self.recipients += envelope.rcpt_tos
        self.received.append(message_from_bytes(envelope.content, policy=policy.default))
        self.has_message.set()
        return await self._fault(server, self.after_data) if self.after_data else "250 2.0.0 Queued"

    @staticmethod
    async def _fault(server: SMTP, fault: str) -> str:
        if fault == "cut":
            server.transport.abort()
        elif fault == "hang":
            await asyncio.sleep(30)
        return fault


class _Faulty(SMTP):
    """Answers to DATA itself come from the cast as well."""

    async def smtp_DATA(self, arg: str) -> None:
        if fault := self.event_handler.at_data:
            if fault == "cut":
                self.transport.abort()
            else:
                await self.push(fault)
            return
        await super().smtp_DATA(arg)


class _Controller(Controller):
    def factory(self) -> SMTP:
        return _Faulty(self.handler, **self.SMTP_kwargs)


@contextmanager
def mail_server(settings: Any, **options: Any) -> Iterator[MailServer]:
    """Serve, and point the settings there."""
    server = MailServer()
    controller = _Controller(server, hostname=LOOPBACK, port=free_port(), ready_timeout=10, **options)
    controller.start()
    try:
        settings.EMAIL_HOST, settings.EMAIL_PORT = LOOPBACK, controller.port
        settings.EMAIL_USE_TLS, settings.EMAIL_USE_SSL, settings.EMAIL_TIMEOUT = False, False, 5
        yield server
    finally:
        controller.stop(no_assert=True)


def make_certificate(folder: Path) -> ssl.SSLContext:
    """A server's side of TLS for this machine, whose certificate is `folder`/server.pem."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail server of the tests")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(LOOPBACK))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "server.pem"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "server.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, folder / "server.key")
    return context


def inside(tenant: Tenant | int, work: Callable[[], Any]) -> Any:
    with tenant_context(tenant), transaction.atomic():
        return work()


def send(tenant: Tenant, **more: Any) -> EmailsSent:
    with tenant_context(tenant):
        return email_send(**more)


def fresh(email: EmailMessage) -> EmailMessage:
    return inside(email.tenant_id, lambda: EmailMessage.objects.get(pk=email.pk))


def change(email: EmailMessage, **values: Any) -> None:
    inside(email.tenant_id, lambda: EmailMessage.objects.filter(pk=email.pk).update(**values))
