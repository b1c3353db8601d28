"""The values of webhooks: statuses, what people write, what becomes of templates and accounts."""

import hashlib
from typing import Any

from stratum.sandbox.whatsapp.directory import Number
from stratum.sandbox.whatsapp.errors import failure
from stratum.sandbox.whatsapp.people import Event, Message, Person

Value = dict[str, Any]
WINDOW_SECONDS = 24 * 3600


def _value(number: Number, **lists: Any) -> Value:
    metadata = {"display_phone_number": number.digits, "phone_number_id": number.id}
    return {"messaging_product": "whatsapp", "metadata": metadata, **lists}


def contact(person: Person, waba: str) -> Value:
    """How a business sees a person: whoever hides the number has a user name instead."""
    profile = {"name": person.name}
    if person.username:
        profile["username"] = person.username
    shown = {"wa_id": person.wa_id} if person.shows_number else {}
    return {"profile": profile, **shown, "user_id": person.user_id(waba)}


def status(message: Message, event: Event) -> Value:
    """A status of one message. Failed ones have neither contacts nor the person's user id."""
    person, number = message.person, message.number
    own: Value = {"id": message.id, "status": event.status, "timestamp": str(int(event.at))}
    if person.shows_number:
        own["recipient_id"] = person.wa_id
    if event.status == "failed":
        if message.callback_data:
            own["biz_opaque_callback_data"] = message.callback_data
        return _value(number, statuses=[{**own, "errors": [failure(event.code or 131000)]}])
    own["recipient_user_id"] = person.user_id(number.waba)
    if message.callback_data:
        own["biz_opaque_callback_data"] = message.callback_data
    if event.status in ("sent", "delivered"):
        own |= _billing(message, event)
    return _value(number, contacts=[contact(person, number.waba)], statuses=[own])


def _billing(message: Message, event: Event) -> Value:
    free = message.free
    kind = message.category or "service"
    conversation: Value = {
        "id": hashlib.sha256(f"{message.number.id}:{message.person.key}:{kind}".encode()).hexdigest()[:30],
        "origin": {"type": kind},
    }
    if event.status == "sent":
        conversation["expiration_timestamp"] = str(int(event.at) + WINDOW_SECONDS)
    pricing = {
        "billable": not free,
        "pricing_model": "PMP",
        "category": kind,
        "type": "free_customer_service" if free else "regular",
    }
    return {"pricing": pricing, "conversation": conversation}


def inbound(number: Number, person: Person, message: Value) -> Value:
    """A message from a person. `message` has id, timestamp, type and content."""
    sender: Value = {"from": person.wa_id} if person.shows_number else {}
    own = {**sender, "from_user_id": person.user_id(number.waba), **message}
    return _value(number, contacts=[contact(person, number.waba)], messages=[own])


def preference(number: Number, person: Person, word: str, at: float) -> Value:
    """`word` is stop or resume. Here the timestamp is a number."""
    shown = {"wa_id": person.wa_id} if person.shows_number else {"user_id": person.user_id(number.waba)}
    own = {
        **shown,
        "detail": f"User requested to {word} marketing messages",
        "category": "marketing_messages",
        "value": word,
        "timestamp": int(at),
    }
    return _value(number, contacts=[contact(person, number.waba)], user_preferences=[own])


def changed_number(number: Number, person: Person, old: str, message_id: str, at: float) -> Value:
    """`person` has the new number already; the message still comes from the old one."""
    system = {
        "body": f"User {person.name} changed from {old} to {person.wa_id}",
        "wa_id": person.wa_id,
        "type": "user_changed_number",
    }
    own = {"from": old, "id": message_id, "timestamp": str(int(at)), "system": system, "type": "system"}
    return _value(number, messages=[own])
