"""Messages as the Cloud API takes them: built here, sent by whatsapp.clients.cloud."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom a message goes to: the number as WhatsApp answered it (digits), or the business-scoped user id."""

    wa_id: str = field(default="", repr=False)
    user_id: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """`opaque` comes back in every status of the message (biz_opaque_callback_data): 'msg:<pk>'."""

    to: Recipient
    kind: str
    content: dict[str, Any] = field(repr=False)
    opaque: str = ""

    def body(self) -> dict[str, Any]:
        """The JSON body of POST /{phone_number_id}/messages."""
        raise NotImplementedError


def text(to: Recipient, body: str, *, preview_url: bool = False, opaque: str = "") -> Outgoing:
    raise NotImplementedError


def template(
    to: Recipient,
    name: str,
    language: str,
    body: Sequence[str] | Mapping[str, str] = (),
    *,
    header: Sequence[str] | Mapping[str, str] = (),
    header_media: tuple[str, str] | None = None,
    buttons: Sequence[tuple[int, str, str]] = (),
    opaque: str = "",
) -> Outgoing:
    """`body`, `header`: values in order, or by parameter name; `header_media`: (image|video|document, media id);
    `buttons`: (index, url|quick_reply, suffix or payload)."""
    raise NotImplementedError


def authentication(to: Recipient, name: str, language: str, code: str, *, opaque: str = "") -> Outgoing:
    raise NotImplementedError


def media(
    to: Recipient, kind: str, media_id: str, caption: str = "", *, filename: str = "", opaque: str = ""
) -> Outgoing:
    raise NotImplementedError


def buttons(to: Recipient, body: str, choices: Sequence[tuple[str, str]], *, opaque: str = "") -> Outgoing:
    """`choices`: up to three (id, title)."""
    raise NotImplementedError
