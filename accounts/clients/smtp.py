"""Deliveries to a mail server, step by step (RFC 5321), so that it is known in which step one ended.

Django's own backend tells a refused recipient from a connection lost after the message was handed over by neither type
nor text of its errors. The line is the server's go-ahead after DATA: before it nothing can have arrived; after it only
the server's answer tells.
"""

import re
import smtplib
import ssl
import time
from dataclasses import replace
from typing import NamedTuple

import structlog
from django.conf import settings
from django.core.mail.utils import DNS_NAME

from accounts.clients.letters import Answer, Letter, Verdict, envelope

log = structlog.get_logger(__name__)

# Enhanced status codes (RFC 3463) of a mailbox that is not there: none of that name, moved away, no such host, closed.
_NOBODY = frozenset({"5.1.1", "5.1.6", "5.1.2", "5.1.10", "5.2.1"})
_ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}\b")
_LINE_ENDS = re.compile(rb"\r\n|\r|\n")
_LEADING_DOTS = re.compile(rb"(?m)^\.")
# Enhanced codes of a sender that is not known. Some servers say so of the sender, and that a log-in is missing, only
# when they hear the recipient.
_OF_SENDER = frozenset({"5.1.7", "5.1.8"})
GO_AHEAD, NO_LOGIN = 354, 530


class _Reply(NamedTuple):
    code: int
    text: str


class _Offline(Exception):
    """The server was not reached, or does not let us in. `code` as in Answer."""

    def __init__(self, code: str, words: str = ""):
        super().__init__(code)
        self.answer = Answer(Verdict.OFFLINE, code, words)


class SmtpOutlet:
    """One connection for a run of deliveries; opened when it is first needed, and anew after anything but success."""

    def __init__(self) -> None:
        self._smtp: smtplib.SMTP | None = None

    def deliver(self, letter: Letter) -> Answer:
        """Hand one letter over. Never raises for what a server or network does; ValueError for a broken letter."""
        started, data = time.monotonic(), letter.as_bytes()
        was_open = self._smtp is not None
        answer = self._try(letter.address, data)
        if was_open and _is_of_connection(answer):
            # A server ends a connection that has stood about, or has taken its fill: that says nothing of this letter.
            answer = self._try(letter.address, data)
        # Never the address, never the server's words: they name people.
        log.info(
            "email.delivery",
            message_id=letter.message_id,
            verdict=answer.verdict.value,
            code=answer.code,
            took_ms=int((time.monotonic() - started) * 1000),
        )
        return answer

    def close(self) -> None:
        """Say goodbye, if there is somebody to say it to."""
        if self._smtp is not None:
            try:
                self._smtp.quit()
            except (smtplib.SMTPException, OSError):
                self._smtp.close()
            self._smtp = None

    def _try(self, address: str, data: bytes) -> Answer:
        try:
            smtp = self._smtp = self._smtp or _connect()
            refused = _refusal_before_data(smtp, address)
        except _Offline as error:
            answer = error.answer
        except (smtplib.SMTPException, OSError):
            answer = Answer(Verdict.LATER, "local.cut_off")
        else:
            answer = refused or _hand_over(smtp, data)
        if answer.verdict is not Verdict.SENT and self._smtp is not None:
            # What state the server is in is anybody's guess: the next letter gets a fresh connection.
            self._smtp.close()
            self._smtp = None
        return answer


def _is_of_connection(answer: Answer) -> bool:
    return answer.verdict is Verdict.OFFLINE or answer.code == "local.cut_off" or answer.code.startswith("421")


def _connect() -> smtplib.SMTP:
    try:
        smtp = _open()
    except smtplib.SMTPConnectError as error:
        reply = _reply(error.smtp_code, error.smtp_error)
        raise _Offline(_code(reply), reply.text) from error
    except ssl.SSLError as error:
        raise _Offline("local.no_tls") from error
    except (smtplib.SMTPException, OSError) as error:
        raise _Offline("local.no_connection") from error
    try:
        _introduce(smtp)
    except BaseException:
        smtp.close()
        raise
    return smtp


def _open() -> smtplib.SMTP:
    options = {"timeout": settings.EMAIL_TIMEOUT, "local_hostname": DNS_NAME.get_fqdn()}
    if settings.EMAIL_USE_SSL:
        return smtplib.SMTP_SSL(
            settings.EMAIL_HOST, settings.EMAIL_PORT, context=ssl.create_default_context(), **options
        )
    return smtplib.SMTP(settings.EMAIL_HOST, settings.EMAIL_PORT, **options)


def _introduce(smtp: smtplib.SMTP) -> None:
    """EHLO, TLS where it is asked for (never without it then), log-in."""
    try:
        smtp.ehlo_or_helo_if_needed()
        if settings.EMAIL_USE_TLS and not settings.EMAIL_USE_SSL:
            smtp.starttls(context=ssl.create_default_context())
            smtp.ehlo_or_helo_if_needed()
        if settings.EMAIL_HOST_USER:
            smtp.login(settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD)
    except (ssl.SSLError, smtplib.SMTPNotSupportedError) as error:
        # STARTTLS is not offered, or log-in is not.
        raise _Offline("local.no_tls") from error
    except smtplib.SMTPAuthenticationError as error:
        raise _Offline("local.login_refused") from error
    except smtplib.SMTPResponseException as error:
        reply = _reply(error.smtp_code, error.smtp_error)
        raise _Offline(_code(reply), reply.text) from error
    except (smtplib.SMTPException, OSError) as error:
        raise _Offline("local.no_connection") from error


def _refusal_before_data(smtp: smtplib.SMTP, address: str) -> Answer | None:
    """MAIL, RCPT, DATA; None once the server waits for the message."""
    if refusal := _refusal(_reply(*smtp.mail(envelope(settings.DEFAULT_FROM_EMAIL)))):
        # No recipient was named yet: it is about our log-in or our sender, and every letter would hear the same.
        return replace(refusal, verdict=Verdict.OFFLINE)
    if refusal := _refusal(_reply(*smtp.rcpt(envelope(address))), of_recipient=True):
        return refusal
    reply = _reply(*smtp.docmd("DATA"))
    if reply.code == GO_AHEAD:
        return None
    return _refusal(reply) or Answer(Verdict.LATER, "local.unexpected")


def _hand_over(smtp: smtplib.SMTP, data: bytes) -> Answer:
    """From here on only the server's own answer says that it did not take the message."""
    try:
        smtp.send(_with_end(data))
        reply = _reply(*smtp.getreply())
    except (smtplib.SMTPException, OSError):
        return Answer(Verdict.UNKNOWN, "local.no_answer")
    if refusal := _refusal(reply):
        return refusal
    if 200 <= reply.code < 300:
        return Answer(Verdict.SENT, words=reply.text)
    return Answer(Verdict.UNKNOWN, "local.unexpected")


def _with_end(data: bytes) -> bytes:
    """Lines end in CRLF, a dot that begins one is doubled, a lone dot ends the message (RFC 5321, 4.5.2)."""
    lines = _LINE_ENDS.sub(b"\r\n", data)
    body = _LEADING_DOTS.sub(b"..", lines)
    return body + (b"" if body.endswith(b"\r\n") else b"\r\n") + b".\r\n"


def _refusal(reply: _Reply, *, of_recipient: bool = False) -> Answer | None:
    """What a 4xx or 5xx means; None for any other. 4xx: later may go better; 5xx: it never will."""
    if 400 <= reply.code < 500:
        return Answer(Verdict.LATER, _code(reply), reply.text)
    if of_recipient and (reply.code == NO_LOGIN or _enhanced(reply) in _OF_SENDER):
        return Answer(Verdict.OFFLINE, _code(reply), reply.text)
    if 500 <= reply.code < 600:
        gone = of_recipient and _enhanced(reply) in _NOBODY
        return Answer(Verdict.NOBODY if gone else Verdict.REFUSED, _code(reply), reply.text)
    return None


def _reply(code: int, text: bytes | str) -> _Reply:
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    return _Reply(code, " ".join(words.split()))


def _enhanced(reply: _Reply) -> str:
    found = _ENHANCED.match(reply.text)
    return found[0] if found else ""


def _code(reply: _Reply) -> str:
    return f"{reply.code} {_enhanced(reply)}".strip()
