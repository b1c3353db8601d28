"""Events that nobody can be matched with yet, kept as WhatsApp sent them and read again later by the same parser."""

import json
from typing import Any

from django.utils import timezone

from whatsapp.clients.inbound import Event, InboundMessage, PreferenceEvent, StatusEvent, parse


def as_payload(event: StatusEvent | InboundMessage | PreferenceEvent) -> str:
    """A body with this one event in it."""
    value: dict[str, Any] = {"metadata": {"phone_number_id": event.phone_number_id}}
    match event:
        case StatusEvent():
            field, value["statuses"] = "messages", [event.raw]
        case InboundMessage():
            field, value["messages"] = "messages", [event.raw]
            contact = {"wa_id": event.wa_id, "user_id": event.user_id, "profile": {"name": event.profile_name}}
            value["contacts"] = [{key: found for key, found in contact.items() if found}]
        case PreferenceEvent():
            field, value["user_preferences"] = "user_preferences", [event.raw]
    entry = {"id": event.waba, "changes": [{"field": field, "value": value}]}
    return json.dumps({"object": "whatsapp_business_account", "entry": [entry]})


def from_payload(payload: str) -> list[Event]:
    return parse(json.loads(payload), received=timezone.now()).events
