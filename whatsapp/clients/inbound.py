"""A webhook body of WhatsApp, as events. Nothing that arrives makes it raise."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Media:
    id: str
    mime_type: str = ""
    sha256: str = ""
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Reaction:
    """An empty `emoji`: the reaction was taken back."""

    wamid: str
    emoji: str = ""


@dataclass(frozen=True, slots=True)
class StatusEvent:
    """`status` as it came: sent, delivered, read, played, failed, or a word of tomorrow."""

    waba: str
    phone_number_id: str
    wamid: str
    status: str
    at: datetime
    recipient_wa_id: str = field(default="", repr=False)
    recipient_user_id: str = field(default="", repr=False)
    opaque: str = ""
    code: int | str = ""
    title: str = ""
    details: str = ""
    raw: dict[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """`wa_id` or `user_id` is there, often both. `text`: what was written, or the title of the button."""

    waba: str
    phone_number_id: str
    wamid: str
    type: str
    at: datetime
    wa_id: str = field(default="", repr=False)
    user_id: str = field(default="", repr=False)
    profile_name: str = field(default="", repr=False)
    text: str = field(default="", repr=False)
    reply_id: str = ""
    context_id: str = ""
    media: Media | None = None
    reaction: Reaction | None = None
    new_wa_id: str = field(default="", repr=False)
    new_user_id: str = field(default="", repr=False)
    raw: dict[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class TemplateEvent:
    """`kind`: status, quality or category; `value` the new one, as WhatsApp words it."""

    waba: str
    name: str
    language: str
    external_id: str
    kind: str
    value: str
    at: datetime
    reason: str = ""
    raw: dict[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class PreferenceEvent:
    """The switch within WhatsApp. `value`: stop, resume, signup, or a word of tomorrow."""

    waba: str
    phone_number_id: str
    value: str
    at: datetime
    wa_id: str = field(default="", repr=False)
    user_id: str = field(default="", repr=False)
    category: str = ""
    raw: dict[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class AccountEvent:
    waba: str
    event: str
    at: datetime
    raw: dict[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class NumberEvent:
    """Of a number of the account: `display_phone_number` is all that names it."""

    waba: str
    field: str
    display_phone_number: str
    event: str
    at: datetime
    raw: dict[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class IdentityEvent:
    """A person's business-scoped id changed."""

    waba: str
    phone_number_id: str
    at: datetime
    old_user_id: str = ""
    new_user_id: str = ""
    wa_id: str = ""
    raw: dict[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class UnknownEvent:
    waba: str
    field: str
    at: datetime
    raw: dict[str, Any] = field(default_factory=dict, repr=False)


Event = (
    StatusEvent
    | InboundMessage
    | TemplateEvent
    | PreferenceEvent
    | AccountEvent
    | NumberEvent
    | IdentityEvent
    | UnknownEvent
)


@dataclass(frozen=True, slots=True)
class Parsed:
    """`problems`: what could not be read, and where; never what people wrote."""

    events: list[Event]
    problems: list[str]


def parse(body: Any, *, received: datetime) -> Parsed:
    """`body`: any JSON value. `received` (aware) stands in where an event has no readable moment."""
    raise NotImplementedError
