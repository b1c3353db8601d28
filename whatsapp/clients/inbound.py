"""A webhook body of WhatsApp, as events. Nothing that arrives makes it raise.

One POST may hold many entries (accounts), changes, messages and statuses, in any order: all are read, and one that
cannot be read does not take the others with it (Meta, "Webhooks", and "Business-scoped user IDs": people may have no
number).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from whatsapp.clients.events import (
    AccountEvent,
    Event,
    IdentityEvent,
    InboundMessage,
    Media,
    NumberEvent,
    Parsed,
    PreferenceEvent,
    Reaction,
    StatusEvent,
    TemplateEvent,
    UnknownEvent,
)
from whatsapp.clients.numbers import same_person, to_digits
from whatsapp.clients.values import as_code, as_dict, as_id, as_list, as_moment, as_text, plain

LONGEST_TEXT, LONGEST_NAME, LONGEST_WORD = 10_000, 200, 100
MOST_PROBLEMS = 50
MEDIA_TYPES = ("image", "video", "audio", "voice", "document", "sticker")
_USER_ID = re.compile(r"[A-Z]{2}\.[A-Za-z0-9.]{1,140}")
_ID_CHANGE = re.compile(r"changed from ([A-Z]{2}\.[A-Za-z0-9.]{1,140}) to ")


@dataclass(frozen=True, slots=True)
class _Change:
    """One change of one entry, and where to say what cannot be read in it."""

    waba: str
    field: str
    at: datetime
    value: dict[str, Any]
    where: str
    problems: list[str]

    @property
    def phone_number_id(self) -> str:
        return as_id(as_dict(self.value.get("metadata")).get("phone_number_id"))

    def listed(self, key: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """The objects of one list, each with its place."""
        return _objects(self.value.get(key), f"{self.where}.{key}", self.problems)

    def moment(self, value: Any, where: str) -> datetime:
        """Of an event; that of the whole entry where it cannot be read."""
        found = as_moment(value)
        if found is None:
            _note(self.problems, f"{where}: no timestamp")
        return found or self.at


def parse(body: Any, *, received: datetime) -> Parsed:
    """`body`: any JSON value. `received` (aware) stands in where an event has no readable moment."""
    events: list[Event] = []
    problems: list[str] = []
    whole = as_dict(body)
    if whole.get("object") != "whatsapp_business_account":
        return Parsed([], ["object: not whatsapp_business_account"])
    for place, entry in _objects(whole.get("entry"), "entry", problems):
        waba, at = as_id(entry.get("id")), as_moment(entry.get("time")) or received
        for where, change in _objects(entry.get("changes"), f"{place}.changes", problems):
            field, value = as_text(change.get("field"), LONGEST_WORD), change.get("value")
            if not field or not isinstance(value, dict):
                _note(problems, f"{where}: no field, or no value")
                continue
            events.extend(_read(_Change(waba, field, at, value, where, problems)))
    return Parsed(events, problems)


def _read(change: _Change) -> Iterator[Event]:
    match change.field:
        case "messages":
            yield from _messages(change)
        case "user_preferences":
            yield from _preferences(change)
        case "user_id_update":
            yield from _identities(change)
        case field if field in _TEMPLATE_VALUES:
            yield from _template(change)
        case "account_update" | "account_alerts" | "account_review_update" | "business_capability_update":
            yield _account(change)
        case "phone_number_quality_update" | "phone_number_name_update":
            yield _number(change)
        case _:
            yield _unknown(change)


def _unknown(change: _Change, field: str = "", raw: dict[str, Any] | None = None) -> UnknownEvent:
    return UnknownEvent(change.waba, field or change.field, change.at, plain(change.value if raw is None else raw))


# --- Messages and their statuses --------------------------------------------------------------------------------


def _messages(change: _Change) -> Iterator[Event]:
    if not any(key in change.value for key in ("messages", "statuses", "errors")):
        yield _unknown(change)
    for where, message in change.listed("messages"):
        inbound = _inbound(change, where, message)
        if inbound is not None:
            yield inbound
    for where, status in change.listed("statuses"):
        event = _status(change, where, status)
        if event is not None:
            yield event
    for _where, error in change.listed("errors"):
        yield _unknown(change, "messages.errors", error)


def _status(change: _Change, where: str, status: dict[str, Any]) -> StatusEvent | None:
    wamid, word = as_id(status.get("id")), as_text(status.get("status"), LONGEST_WORD)
    if not wamid or not word:
        _note(change.problems, f"{where}: no id, or no status")
        return None
    wa_id, user_id = _person(status.get("recipient_id"), status.get("recipient_user_id"))
    contact = _contact(change, wa_id, user_id)
    error = next((error for error in as_list(status.get("errors")) if isinstance(error, dict)), {})
    details = as_dict(error.get("error_data")).get("details") or error.get("message")
    return StatusEvent(
        waba=change.waba,
        phone_number_id=change.phone_number_id,
        wamid=wamid,
        status=word,
        at=change.moment(status.get("timestamp"), where),
        recipient_wa_id=wa_id or contact.wa_id,
        recipient_user_id=user_id or contact.user_id,
        opaque=as_text(status.get("biz_opaque_callback_data"), 512),
        code=as_code(error.get("code")),
        title=as_text(error.get("title"), 500),
        details=as_text(details, 1000),
        raw=plain(status),
    )


def _inbound(change: _Change, where: str, message: dict[str, Any]) -> InboundMessage | None:
    wamid, kind = as_id(message.get("id")), as_text(message.get("type"), LONGEST_WORD) or "unknown"
    wa_id, user_id = _person(message.get("from"), message.get("from_user_id"))
    system = as_dict(message.get("system"))
    if kind == "system" and not user_id:
        # A changed id is told without a sender: the old id names them.
        user_id = as_id(system.get("previous_user_id")) or _old_id(system.get("body"))
    contact = _contact(change, wa_id, user_id)
    wa_id, user_id = wa_id or contact.wa_id, user_id or contact.user_id
    if not wamid or not (wa_id or user_id):
        _note(change.problems, f"{where}: no id, or no sender")
        return None
    new_wa_id, new_user_id = _person(system.get("wa_id") or system.get("new_wa_id"), system.get("user_id"))
    text, reply_id = _said(kind, message)
    return InboundMessage(
        waba=change.waba,
        phone_number_id=change.phone_number_id,
        wamid=wamid,
        type=kind,
        at=change.moment(message.get("timestamp"), where),
        wa_id=wa_id,
        user_id=user_id,
        profile_name=contact.name,
        text=text,
        reply_id=reply_id,
        context_id=_context(kind, message),
        media=_media(kind, message),
        reaction=_reaction(kind, message),
        new_wa_id=new_wa_id if kind == "system" and new_wa_id != wa_id else "",
        new_user_id=new_user_id if kind == "system" and new_user_id != user_id else "",
        raw=plain(message),
    )


def _said(kind: str, message: dict[str, Any]) -> tuple[str, str]:
    """(what was written or pressed, the id of what was pressed)"""
    part = as_dict(message.get(kind))
    if kind == "button":
        payload = as_text(part.get("payload"), LONGEST_TEXT)
        return as_text(part.get("text"), LONGEST_TEXT) or payload, payload
    if kind == "interactive":
        chosen = as_dict(part.get(as_text(part.get("type"), LONGEST_WORD)))
        return as_text(chosen.get("title"), LONGEST_TEXT), as_text(chosen.get("id"), LONGEST_TEXT)
    if kind == "edit":
        part = as_dict(as_dict(part.get("message")).get("text"))
    return as_text(part.get("body"), LONGEST_TEXT) if kind in ("text", "edit") else "", ""


def _context(kind: str, message: dict[str, Any]) -> str:
    part = as_dict(message.get(kind))
    if kind in ("edit", "revoke"):
        return as_id(part.get("original_message_id"))
    if kind == "reaction":
        return as_id(part.get("message_id"))
    return as_id(as_dict(message.get("context")).get("id"))


def _media(kind: str, message: dict[str, Any]) -> Media | None:
    part = as_dict(message.get(kind))
    if kind not in MEDIA_TYPES or not (media_id := as_id(part.get("id"))):
        return None
    return Media(
        id=media_id,
        mime_type=as_text(part.get("mime_type"), LONGEST_WORD),
        sha256=as_text(part.get("sha256"), LONGEST_WORD),
        caption=as_text(part.get("caption"), LONGEST_TEXT),
    )


def _reaction(kind: str, message: dict[str, Any]) -> Reaction | None:
    part = as_dict(message.get("reaction"))
    if kind != "reaction" or not (wamid := as_id(part.get("message_id"))):
        return None
    return Reaction(wamid, as_text(part.get("emoji"), LONGEST_WORD))


# --- People -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Contact:
    wa_id: str = ""
    user_id: str = ""
    name: str = ""


def _contact(change: _Change, wa_id: str, user_id: str) -> _Contact:
    """What the change's own list says of the person with this number or id; nothing where it does not name them."""
    for contact in as_list(change.value.get("contacts")):
        if not isinstance(contact, dict):
            continue
        number, scoped = _person(contact.get("wa_id"), contact.get("user_id"))
        if (user_id and user_id == scoped) or (wa_id and number and same_person(wa_id, number)):
            return _Contact(number, scoped, as_text(as_dict(contact.get("profile")).get("name"), LONGEST_NAME))
    return _Contact()


def _person(wa_id: Any, user_id: Any) -> tuple[str, str]:
    """(digits, business-scoped id), each '' where it is none. A scoped id in the place of a number counts as one."""
    number, scoped = as_id(wa_id), as_id(user_id)
    if _USER_ID.fullmatch(number):
        number, scoped = "", scoped or number
    digits = to_digits(number)
    return digits if 5 <= len(digits) <= 20 else "", scoped


def _old_id(body: Any) -> str:
    found = _ID_CHANGE.search(as_text(body, LONGEST_TEXT))
    return found.group(1) if found else ""


def _preferences(change: _Change) -> Iterator[Event]:
    for where, row in change.listed("user_preferences"):
        value = as_text(row.get("value"), LONGEST_WORD)
        wa_id, user_id = _person(row.get("wa_id"), row.get("user_id"))
        contact = _contact(change, wa_id, user_id)
        wa_id, user_id = wa_id or contact.wa_id, user_id or contact.user_id
        if not value or not (wa_id or user_id):
            _note(change.problems, f"{where}: no value, or nobody")
            continue
        yield PreferenceEvent(
            waba=change.waba,
            phone_number_id=change.phone_number_id,
            value=value,
            at=change.moment(row.get("timestamp"), where),
            wa_id=wa_id,
            user_id=user_id,
            category=as_text(row.get("category"), LONGEST_WORD),
            raw=plain(row),
        )


def _identities(change: _Change) -> Iterator[Event]:
    for where, row in change.listed("user_id_update"):
        ids = as_dict(row.get("user_id"))
        old, new = as_id(ids.get("previous")), as_id(ids.get("current"))
        wa_id, _none = _person(row.get("wa_id"), None)
        if not new or not (old or wa_id):
            _note(change.problems, f"{where}: no new id, or nobody")
            continue
        at = change.moment(row.get("timestamp"), where)
        yield IdentityEvent(change.waba, change.phone_number_id, at, old, new, wa_id, plain(row))


# --- The account ------------------------------------------------------------------------------------------------

# Field: (kind, key of the new value). Components have none: that they changed is all.
_TEMPLATE_VALUES = {
    "message_template_status_update": ("status", "event"),
    "message_template_quality_update": ("quality", "new_quality_score"),
    "template_category_update": ("category", "new_category"),
    "message_template_components_update": ("components", ""),
}


def _template(change: _Change) -> Iterator[Event]:
    kind, key = _TEMPLATE_VALUES[change.field]
    value = change.value
    external_id, name = as_id(value.get("message_template_id")), as_text(value.get("message_template_name"), 512)
    word = as_text(value.get(key), LONGEST_WORD)
    if not (external_id or name) or (key and not word):
        # Announcements of a change to come have no new value yet.
        yield _unknown(change)
        return
    reason = as_text(value.get("reason"), LONGEST_WORD)
    explained = (("rejection_info", "reason"), ("other_info", "description"))
    details = (as_text(as_dict(value.get(part)).get(text), 1000) for part, text in explained)
    yield TemplateEvent(
        waba=change.waba,
        name=name,
        language=as_text(value.get("message_template_language"), LONGEST_WORD),
        external_id=external_id,
        kind=kind,
        value=word,
        at=change.at,
        reason="" if reason == "NONE" else reason,
        details=next((text for text in details if text), ""),
        raw=plain(value),
    )


def _account(change: _Change) -> AccountEvent:
    words = (as_text(change.value.get(key), LONGEST_WORD) for key in ("event", "alert_type", "decision"))
    event = next((word for word in words if word), "")
    return AccountEvent(change.waba, change.field, event, change.at, plain(change.value))


def _number(change: _Change) -> NumberEvent:
    value = change.value
    return NumberEvent(
        waba=change.waba,
        field=change.field,
        display_phone_number=to_digits(as_id(value.get("display_phone_number"))),
        event=as_text(value.get("event"), LONGEST_WORD) or as_text(value.get("decision"), LONGEST_WORD),
        at=change.at,
        limit=as_text(value.get("current_limit"), LONGEST_WORD),
        raw=plain(value),
    )


# --- Places and problems ----------------------------------------------------------------------------------------


def _objects(value: Any, where: str, problems: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects of what should be a list of them, each with its place; anything else is a problem."""
    if value is not None and not isinstance(value, list):
        _note(problems, f"{where}: not a list")
    for index, item in enumerate(as_list(value)):
        if isinstance(item, dict):
            yield f"{where}[{index}]", item
        else:
            _note(problems, f"{where}[{index}]: not an object")


def _note(problems: list[str], text: str) -> None:
    if len(problems) < MOST_PROBLEMS:
        problems.append(text)
