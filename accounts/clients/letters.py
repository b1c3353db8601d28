"""What is handed to a mail server or folder, the bytes of it, and what came of it."""

from dataclasses import dataclass, field
from datetime import datetime
from email.charset import QP, Charset
from email.encoders import encode_base64
from email.header import Header
from email.mime.base import MIMEBase
from email.utils import format_datetime, parseaddr
from enum import StrEnum

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.core.mail.message import sanitize_address


class Verdict(StrEnum):
    SENT = "sent"
    # Nothing was taken over, and a repeat may help.
    LATER = "later"
    # The same, and it is not the message's fault: no other one would come through either. It costs no try.
    OFFLINE = "offline"
    # This message is not accepted.
    REFUSED = "refused"
    # There is no such mailbox.
    NOBODY = "nobody"
    # It may have arrived: it must not be repeated.
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one delivery. `code`: the server's ('550 5.1.1'), or one of ours that begins with 'local.';
    `words`: what the server said, which may name the address."""

    verdict: Verdict
    code: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class Letter:
    """One message to one address. `unsubscribe_url` takes a POST without asking (RFC 8058); empty: none."""

    address: str
    subject: str
    text: str
    html: str
    message_id: str
    written_at: datetime
    unsubscribe_url: str = ""
    attachments: tuple[tuple[str, str, bytes], ...] = field(default=())  # (name, content type, content)

    def as_bytes(self) -> bytes:
        """RFC 5322, lines ended by CRLF. ValueError when a header would be more than one line."""
        headers = {
            "Message-ID": self.message_id,
            "Date": format_datetime(self.written_at),
            # No answers of machines to a machine (RFC 3834).
            "Auto-Submitted": "auto-generated",
        }
        if self.unsubscribe_url:
            headers["List-Unsubscribe"] = f"<{self.unsubscribe_url}>"
            headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        message = EmailMultiAlternatives(
            _subject(self.subject), self.text, settings.DEFAULT_FROM_EMAIL, [self.address], headers=headers
        )
        # Nothing but ASCII on the way, whatever the servers between can do.
        message.encoding = _QUOTED
        if self.html:
            message.attach_alternative(self.html, "text/html")
        for name, content_type, content in self.attachments:
            message.attach(_file(name, content_type, content))
        return message.message().as_bytes(linesep="\r\n")  # type: ignore[call-arg]  # Django's own argument


def _subject(text: str) -> str:
    """Encoded words short enough for the first to stand beside the header's name: else its line would be empty."""
    if text.isascii():
        return text
    return Header(text, "utf-8", maxlinelen=66).encode().replace("\n ", " ")


_QUOTED = Charset("utf-8")
_QUOTED.body_encoding = QP


def _file(name: str, content_type: str, content: bytes) -> MIMEBase:
    """A file exactly as it is. A message or a multipart may not be encoded (RFC 2046), so they go as plain bytes."""
    main, _slash, sub = content_type.lower().partition("/")
    part = MIMEBase("application", "octet-stream") if main in ("message", "multipart") else MIMEBase(main, sub)
    part.set_payload(content)
    encode_base64(part)
    part.add_header("Content-Disposition", "attachment", filename=name if name.isascii() else ("utf-8", "", name))
    return part


def envelope(address: str) -> str:
    """The bare address as SMTP takes it: without a name, the host's part in ASCII."""
    return parseaddr(sanitize_address(address, "utf-8"))[1]
