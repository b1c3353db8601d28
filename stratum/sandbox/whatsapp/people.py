"""People and what passes between them and the businesses."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stratum.sandbox.whatsapp.directory import Number, name_of, user_id_of

LINES_KEPT = 500
_RANK = {"accepted": 0, "failed": 1, "sent": 1, "delivered": 2, "read": 3}


@dataclass(slots=True, eq=False)
class Person:
    """`wa_id` is empty for somebody who is known by a business-scoped id (`bsuid`) only."""

    wa_id: str
    bsuid: str = ""
    name: str = ""
    username: str = ""
    registered: bool = True
    phone_off: bool = False
    # The businesses (WABAs) whose marketing messages the person does not want.
    stopped: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.name = self.name or name_of(self.wa_id)

    @property
    def key(self) -> str:
        return self.wa_id or self.bsuid

    @property
    def shows_number(self) -> bool:
        """Whoever has a user name does not show the number."""
        return bool(self.wa_id) and not self.username

    def user_id(self, waba: str) -> str:
        return self.bsuid or user_id_of(waba, self.wa_id)


@dataclass(slots=True)
class Event:
    """A step of a message. `posts` counts the webhooks that told of it, `answers` their HTTP statuses (0: none)."""

    status: str
    at: float
    code: int | None = None
    answers: list[int] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {"status": self.status, "at": self.at, "answers": self.answers}
        return {**found, "code": self.code} if self.code is not None else found


@dataclass(frozen=True, slots=True)
class Button:
    """Kinds: reply and list (interactive), quick (of a template), link, copy. `value` is id, payload, URL or code."""

    kind: str
    text: str
    value: str


@dataclass(frozen=True, slots=True)
class Content:
    """A message as a phone shows it. `media` is a media id."""

    text: str
    header: str = ""
    footer: str = ""
    media: str = ""
    link: str = ""
    buttons: tuple[Button, ...] = ()


@dataclass(slots=True, eq=False)
class Message:
    """A message that a business has sent. `body` is the request, `category` the template's (lower case)."""

    id: str
    number: Number
    person: Person
    to: str
    body: Mapping[str, Any]
    content: Content
    at: float
    category: str = ""
    free: bool = False
    doom: int | None = None
    events: list[Event] = field(default_factory=list)

    @property
    def callback_data(self) -> str:
        return str(self.body.get("biz_opaque_callback_data") or "")

    @property
    def status(self) -> str:
        return max((event.status for event in self.events), key=_RANK.__getitem__, default="accepted")

    def has(self, status: str) -> bool:
        return any(event.status == status for event in self.events)

    def as_json(self) -> dict[str, Any]:
        template = self.body.get("template")
        return {
            "id": self.id,
            "waba": self.number.waba,
            "phone_number_id": self.number.id,
            "to": self.to,
            "wa_id": self.person.wa_id,
            "user_id": self.person.user_id(self.number.waba),
            "type": self.body.get("type", "text"),
            "template": template.get("name") if isinstance(template, dict) else None,
            "biz_opaque_callback_data": self.body.get("biz_opaque_callback_data"),
            "text": self.content.text,
            "body": self.body,
            "at": self.at,
            "status": self.status,
            "events": [event.as_json() for event in self.events],
        }


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """What a person wrote, tapped or did: the webhook's message."""

    number: Number
    person: Person
    at: float
    text: str
    body: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        return {
            "phone_number_id": self.number.id,
            "waba": self.number.waba,
            "wa_id": self.person.wa_id,
            "user_id": self.person.user_id(self.number.waba),
            "at": self.at,
            "text": self.text,
            "message": self.body,
        }


@dataclass(slots=True, eq=False)
class Chat:
    """One person and one number of a business. `last_inbound` opens the window of 24 hours."""

    number: Number
    person: Person
    last_inbound: float | None = None
    lines: deque[Message | Said] = field(default_factory=lambda: deque(maxlen=LINES_KEPT))
    # Delivered and not read yet.
    unread: dict[str, Message] = field(default_factory=dict)

    @property
    def last_at(self) -> float:
        return self.lines[-1].at if self.lines else 0.0
