"""What a webhook of WhatsApp tells, as values.

`raw` is the piece of the body an event came from, fit for jsonb; `at` is WhatsApp's moment in UTC. Words (of status,
value, event …) are kept as they came: new ones appear without notice. What names or quotes people is in no repr.
"""

import dataclasses
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Media:
    """A file that came: only what is known of it. `sha256` is base64, as in the webhook."""

    id: str
    mime_type: str = ""
    sha256: str = ""
    caption: str = dataclasses.field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Reaction:
    """An empty `emoji`: the reaction was taken back."""

    wamid: str
    emoji: str = ""


@dataclass(frozen=True, slots=True)
class StatusEvent:
    """`status`: sent, delivered, read, played, failed …; `code`: why it failed (errors.verdict_of), or ''."""

    waba: str
    phone_number_id: str
    wamid: str
    status: str
    at: datetime
    recipient_wa_id: str = dataclasses.field(default="", repr=False)
    recipient_user_id: str = dataclasses.field(default="", repr=False)
    opaque: str = ""
    code: int | str = ""
    title: str = ""
    details: str = ""
    raw: dict[str, Any] = dataclasses.field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """`wa_id` (digits) or `user_id` is there, mostly both. `text`: what was written, or the words on the button;
    `reply_id`: the button's payload or id; `context_id`: the message it answers, reacts to, edits or takes back.

    `new_wa_id`, `new_user_id`: the person has another number, or another id, from now on (type 'system').
    """

    waba: str
    phone_number_id: str
    wamid: str
    type: str
    at: datetime
    wa_id: str = dataclasses.field(default="", repr=False)
    user_id: str = dataclasses.field(default="", repr=False)
    profile_name: str = dataclasses.field(default="", repr=False)
    text: str = dataclasses.field(default="", repr=False)
    reply_id: str = ""
    context_id: str = ""
    media: Media | None = None
    reaction: Reaction | None = None
    new_wa_id: str = dataclasses.field(default="", repr=False)
    new_user_id: str = dataclasses.field(default="", repr=False)
    raw: dict[str, Any] = dataclasses.field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class TemplateEvent:
    """`kind`: status, quality, category or components; `value`: the new one, '' for components, which say nothing.

    `reason`: WhatsApp's word for a rejection, `details` its explanation, for people at the account.
    """

    waba: str
    name: str
    language: str
    external_id: str
    kind: str
    value: str
    at: datetime
    reason: str = ""
    details: str = ""
    raw: dict[str, Any] = dataclasses.field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class PreferenceEvent:
    """The switch that people have within WhatsApp. `value`: stop, resume, signup …; `category`: marketing_messages."""

    waba: str
    phone_number_id: str
    value: str
    at: datetime
    wa_id: str = dataclasses.field(default="", repr=False)
    user_id: str = dataclasses.field(default="", repr=False)
    category: str = ""
    raw: dict[str, Any] = dataclasses.field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class AccountEvent:
    """Of the whole business account. `event`: ACCOUNT_RESTRICTION, DISABLED_UPDATE …, or ''."""

    waba: str
    field: str
    event: str
    at: datetime
    raw: dict[str, Any] = dataclasses.field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class NumberEvent:
    """Of one number of the account, named by its digits only. `event`: FLAGGED, UNFLAGGED, UPGRADE, DOWNGRADE …;
    `limit`: the new one (TIER_1K), where it is told."""

    waba: str
    field: str
    display_phone_number: str
    event: str
    at: datetime
    limit: str = ""
    raw: dict[str, Any] = dataclasses.field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class IdentityEvent:
    """A person's business-scoped id is another one from now on (field user_id_update)."""

    waba: str
    phone_number_id: str
    at: datetime
    old_user_id: str = dataclasses.field(default="", repr=False)
    new_user_id: str = dataclasses.field(default="", repr=False)
    wa_id: str = dataclasses.field(default="", repr=False)
    raw: dict[str, Any] = dataclasses.field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class UnknownEvent:
    """A field we have no use for, or a known one without what we know. 'messages.errors': WhatsApp's own trouble."""

    waba: str
    field: str
    at: datetime
    raw: dict[str, Any] = dataclasses.field(default_factory=dict, repr=False)


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
    """`problems`: what could not be read, by its place in the body; never what people wrote."""

    events: list[Event]
    problems: list[str]
