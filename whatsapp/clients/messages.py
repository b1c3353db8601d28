"""Messages as the Cloud API takes them: built here, sent by whatsapp.clients.cloud."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stratum.lib.plain_words import cut
from whatsapp.clients.numbers import to_digits

# The API's own limits (Meta, "Messages"): characters.
LONGEST_TEXT, LONGEST_CAPTION, LONGEST_BODY = 4096, 1024, 1024
LONGEST_CODE, LONGEST_TITLE, LONGEST_ID, MOST_BUTTONS = 15, 20, 256, 3
LONGEST_PARAMETER = 1024

# Values of a template's text: no line breaks, no tabs, no more than three blanks in a row (error 132018).
_BREAKS = re.compile(r"[\r\n\t\v\f\x1c-\x1e\x85\u2028\u2029]+")
_BLANKS = re.compile(r" {4,}")
_NO_TEXT = re.compile(r"[\x00-\x08\x0e-\x1b\x1f\x7f\ud800-\udfff]")

MEDIA_KINDS = ("image", "video", "audio", "document", "sticker")
_WITH_CAPTION = ("image", "video", "document")

# In order for {{1}}, {{2}}, or by name for {{spend}}.
Values = Sequence[str] | Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom a message goes to: the number as WhatsApp answered it, or the business-scoped user id when only that is
    known. With both the number counts, as it does at Meta."""

    wa_id: str = field(default="", repr=False)
    user_id: str = field(default="", repr=False)

    def key(self) -> str:
        """What limits of this person are counted by; empty: nobody."""
        return to_digits(self.wa_id) or self.user_id

    def address(self) -> dict[str, str]:
        """The part of a message's body that names them."""
        digits = to_digits(self.wa_id)
        return {"to": digits} if digits else {"recipient": self.user_id}


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message ready to send. `opaque` comes back in each of its statuses: 'msg:<pk>'. Its text is in no log.

    `context`: wamid of the message that it quotes (Meta, "Contextual replies"); templates show no quote.
    """

    to: Recipient
    kind: str
    content: dict[str, Any] = field(repr=False)
    opaque: str = ""
    context: str = ""

    def body(self) -> dict[str, Any]:
        """The JSON body of POST /{phone_number_id}/messages."""
        body: dict[str, Any] = {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            **self.to.address(),
            "type": self.kind,
            self.kind: self.content,
        }
        if self.context:
            body["context"] = {"message_id": self.context}
        return {**body, "biz_opaque_callback_data": self.opaque} if self.opaque else body


def text(to: Recipient, body: str, *, preview_url: bool = False, opaque: str = "") -> Outgoing:
    """Free text, within 24 hours of the person's last message. What is longer than 4096 characters is cut."""
    return Outgoing(to, "text", {"body": _cut(body, LONGEST_TEXT), "preview_url": preview_url}, opaque)


def template(
    to: Recipient,
    name: str,
    language: str,
    body: Values = (),
    *,
    header: Values = (),
    header_media: tuple[str, str] | None = None,
    buttons: Sequence[tuple[int, str, str]] = (),
    opaque: str = "",
) -> Outgoing:
    """A template with its values.

    `body`, `header`: values in order, or by parameter name. `header_media`: (image | video | document, media id).
    `buttons`: (index, 'url' | 'quick_reply', what is appended to the address | the payload that comes back).
    """
    components: list[dict[str, Any]] = []
    if header_media:
        kind, media_id = header_media
        components.append({"type": "header", "parameters": [{"type": kind, kind: {"id": media_id}}]})
    elif header:
        components.append({"type": "header", "parameters": _parameters(header)})
    if body:
        components.append({"type": "body", "parameters": _parameters(body)})
    components.extend(_button(*button) for button in buttons)
    content: dict[str, Any] = {"name": name, "language": {"code": language}}
    if components:
        content["components"] = components
    return Outgoing(to, "template", content, opaque)


def authentication(to: Recipient, name: str, language: str, code: str, *, opaque: str = "") -> Outgoing:
    """A verification code: WhatsApp wants it twice, in the text and behind the copy button.

    ValueError for a code that is empty or longer than 15 characters: a cut code would be a wrong one. Only to numbers:
    user ids are refused (131062).
    """
    if not 0 < len(code) <= LONGEST_CODE:
        raise ValueError("A code has 1 to 15 characters.")
    return template(to, name, language, [code], buttons=[(0, "url", code)], opaque=opaque)


def media(
    to: Recipient, kind: str, media_id: str, caption: str = "", *, filename: str = "", opaque: str = ""
) -> Outgoing:
    """A file that was uploaded. `kind`: one of MEDIA_KINDS (ValueError); audio and stickers have no caption, only
    documents a file name."""
    if kind not in MEDIA_KINDS:
        raise ValueError(f"Not a kind of file that WhatsApp sends: {kind}")
    content = {"id": media_id}
    if caption and kind in _WITH_CAPTION:
        content["caption"] = _cut(caption, LONGEST_CAPTION)
    if filename and kind == "document":
        content["filename"] = _cut(filename, 240)
    return Outgoing(to, kind, content, opaque)


def buttons(to: Recipient, body: str, choices: Sequence[tuple[str, str]], *, opaque: str = "") -> Outgoing:
    """A question with reply buttons, within 24 hours of the person's last message. `choices`: one to three (id, title);
    the id comes back as InboundMessage.reply_id. ValueError for more, for none, or for ids that are too long or twice
    the same: a cut id would answer for something else."""
    ids = [reply_id for reply_id, _title in choices]
    if not 0 < len(ids) <= MOST_BUTTONS or len(set(ids)) < len(ids) or not all(0 < len(i) <= LONGEST_ID for i in ids):
        raise ValueError("Buttons: one to three, each with an id of its own of 1 to 256 characters.")
    replies = [
        {"type": "reply", "reply": {"id": reply_id, "title": _cut(cleaned(title), LONGEST_TITLE)}}
        for reply_id, title in choices
    ]
    content = {"type": "button", "body": {"text": _cut(body, LONGEST_BODY)}, "action": {"buttons": replies}}
    return Outgoing(to, "interactive", content, opaque)


def cleaned(value: str) -> str:
    """A value as a template takes it: one line, at most three blanks in a row; '-' for what is empty then, which
    WhatsApp refuses."""
    line = _BREAKS.sub(" ", _NO_TEXT.sub("", value)).strip()
    return _cut(_BLANKS.sub("   ", line), LONGEST_PARAMETER) or "-"


def _parameters(values: Values) -> list[dict[str, str]]:
    if isinstance(values, Mapping):
        return [{"type": "text", "parameter_name": name, "text": cleaned(value)} for name, value in values.items()]
    return [{"type": "text", "text": cleaned(value)} for value in values]


def _button(index: int, sub_type: str, value: str) -> dict[str, Any]:
    if sub_type == "quick_reply":
        parameter = {"type": "payload", "payload": value}
    else:
        parameter = {"type": "text", "text": value}
    return {"type": "button", "sub_type": sub_type, "index": str(index), "parameters": [parameter]}


def _cut(text: str, length: int) -> str:
    return cut(_NO_TEXT.sub("", text), length)
