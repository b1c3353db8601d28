"""The simulated WhatsApp: who is there, every message that was accepted, and what becomes of each.

Callers hold the world's lock. Times are the real clock's: a window of 24 hours is one of the receiver's too.
"""

import base64
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from stratum.sandbox.whatsapp import events
from stratum.sandbox.whatsapp.courier import Courier, Letter, Rules
from stratum.sandbox.whatsapp.directory import BUSINESSES, NOT_ON_WHATSAPP, NUMBERS, Number, user_id_of, wa_id_of
from stratum.sandbox.whatsapp.limits import Limits
from stratum.sandbox.whatsapp.media import Shelf
from stratum.sandbox.whatsapp.people import Chat, Content, Event, Message, Person, Said
from stratum.sandbox.whatsapp.templates import Templates

MESSAGES_KEPT = 20_000
SAID_KEPT = 5_000
PEOPLE_KEPT = 20_000
# What happens after a status that did not come in its turn, in seconds.
_AFTERWARDS = 0.2


@dataclass(slots=True)
class Modes:
    """How messages fare and how webhooks go out. Seconds, counts and switches, all of the control interface."""

    sent_after: float = 0.3
    delivered_after: float = 1.0
    # Below 0: only when somebody opens the chat.
    read_after: float = -1.0
    approve_after: float = 2.0
    # Webhooks: later by `delay`; collected for `gather` seconds; at most `batch` changes in a POST.
    delay: float = 0.0
    gather: float = 0.0
    batch: int = 50
    # `reorder`: delivered is told of before sent. `early`: both are, before the send call answers.
    reorder: bool = False
    early: bool = False
    duplicates: int = 0
    silent: bool = False
    retries: int = 5
    retry_after: float = 1.0
    # The next `lose` send calls are accepted but not answered: how is reset, or late by `lose_seconds`.
    lose: int = 0
    lose_how: str = "reset"
    lose_seconds: float = 15.0
    # The next `held` template messages are held for a quality assessment.
    held: int = 0

    def change(self, wanted: Mapping[str, Any]) -> None:
        """KeyError for a name that is none, ValueError for a value that makes no sense; then nothing is changed."""
        known = {one.name for one in fields(self)}
        found: dict[str, Any] = {}
        for name, value in wanted.items():
            if name not in known:
                raise KeyError(name)
            kind = type(getattr(self, name))
            found[name] = str(value).lower() in ("true", "1", "on") if kind is bool else kind(value)
        if found.get("lose_how", "reset") not in ("reset", "late"):
            raise ValueError("lose_how is reset or late")
        if not 1 <= found.get("batch", 1) <= 1000:
            raise ValueError("batch is from 1 to 1000")
        below = [name for name, value in found.items() if not isinstance(value, str) and value < 0]
        if set(below) - {"read_after"}:
            raise ValueError(f"{', '.join(below)} is not negative")
        for name, value in found.items():
            setattr(self, name, value)


@dataclass(slots=True)
class Failure:
    """The next `count` messages (to one person, if `to` says so) fail with `code`: as the answer, or later."""

    code: int
    count: int = 1
    to: str = ""
    at_once: bool = False

    def as_json(self) -> dict[str, Any]:
        return {"code": self.code, "count": self.count, "to": self.to, "sync": self.at_once}


@dataclass(slots=True)
class Subscription:
    """A business's webhooks: whether the app gets them, and where instead of the app's own address."""

    subscribed: bool = False
    url: str = ""


@dataclass(slots=True)
class Account:
    """What may go wrong with a business as a whole: the code that every send call is refused with."""

    refusal: int | None = None
    subscription: Subscription = field(default_factory=Subscription)


class Exchange:
    def __init__(
        self, lock: threading.RLock, wall: Callable[[], float], note: Callable[[dict[str, Any]], None]
    ) -> None:
        self.wall = wall
        self.modes = Modes()
        self.limits = Limits(wall)
        self.failures: list[Failure] = []
        self.accounts = {waba: Account() for waba in BUSINESSES}
        self.app_url = ""
        self.templates = Templates(note)
        self.media = Shelf(wall)
        self.messages: OrderedDict[str, Message] = OrderedDict()
        self.said: OrderedDict[str, Said] = OrderedDict()
        self.people: OrderedDict[str, Person] = OrderedDict()
        self.chats: dict[tuple[str, str], Chat] = {}
        self.accepted = 0
        self._by_user_id: dict[str, Person] = {}
        self._note = note
        self.courier = Courier(lock, self._address, self._rules)

    # --- people and chats ----------------------------------------------------------------------------------

    def person(self, digits: str, name: str = "") -> Person:
        """Whoever has this number, known from now on."""
        wa_id = wa_id_of(digits)
        found = self.people.get(wa_id)
        if found is None:
            found = Person(wa_id, name=name, registered=not wa_id.endswith(NOT_ON_WHATSAPP))
            self._meet(found)
        elif name:
            found.name = name
        return found

    def person_by_user_id(self, user_id: str) -> Person:
        """Whoever a business knows by this id; somebody without a number when nobody is known by it."""
        found = self._by_user_id.get(user_id)
        if found is None:
            found = Person("", bsuid=user_id, username=user_id.partition(".")[2][-8:])
            self._meet(found)
        return found

    def _meet(self, person: Person) -> None:
        self.people[person.key] = person
        for waba in BUSINESSES:
            self._by_user_id[person.user_id(waba)] = person
        if len(self.people) > PEOPLE_KEPT:
            self._forget(next(iter(self.people.values())))

    def _forget(self, person: Person) -> None:
        del self.people[person.key]
        for waba in BUSINESSES:
            self._by_user_id.pop(person.user_id(waba), None)
        for number in NUMBERS:
            self.chats.pop((number, person.key), None)

    def _outlived(self, line: Message | Said) -> None:
        """What the ledger does not keep any more, its chat does not show."""
        chat = self.chats.get((line.number.id, line.person.key))
        while chat and chat.lines and chat.lines[0].at <= line.at:
            gone = chat.lines.popleft()
            if isinstance(gone, Message):
                chat.unread.pop(gone.id, None)

    def chat(self, number: Number, person: Person) -> Chat:
        key = (number.id, person.key)
        found = self.chats.get(key)
        if found is None:
            found = self.chats[key] = Chat(number, person)
        return found

    def window_open(self, number: Number, person: Person) -> bool:
        last = self.chat(number, person).last_inbound
        return last is not None and self.wall() - last < events.WINDOW_SECONDS

    # --- from businesses to people -------------------------------------------------------------------------

    def accept(
        self, number: Number, person: Person, to: str, body: Mapping[str, Any], content: Content, *, category: str,
        doom: int | None, held: bool,
    ) -> tuple[Message, list[Letter]]:  # fmt: skip
        """Take a message on. `doom` is the code it will fail with. The letters are those that go out at once."""
        free = not category or (category == "utility" and self.window_open(number, person))
        message = Message(
            _wamid(person.key, outbound=True), number, person, to, body, content, self.wall(), category, free, doom
        )
        self.accepted += 1
        self.messages[message.id] = message
        if len(self.messages) > MESSAGES_KEPT:
            self._outlived(self.messages.popitem(last=False)[1])
        self.chat(number, person).lines.append(message)
        modes = self.modes
        if modes.early and not (modes.silent or held or doom or person.phone_off):
            return message, [self._happen(message, status, tell=False) for status in ("sent", "delivered")]
        if not held:
            self.courier.add(modes.sent_after, lambda: self._leave(message))
        return message, []

    def release(self, message: Message) -> None:
        """A held message goes its way."""
        if not message.events:
            self._leave(message)

    def _leave(self, message: Message) -> None:
        modes = self.modes
        if message.doom is not None:
            self._happen(message, "failed", message.doom)
            return
        reorder = modes.reorder and not message.person.phone_off
        gap = max(modes.delivered_after - modes.sent_after, 0.0)
        self._happen(message, "sent", later=gap + _AFTERWARDS if reorder else 0.0)
        self.courier.add(gap, lambda: self._arrive(message))

    def _arrive(self, message: Message) -> None:
        if not message.person.phone_off and not message.has("delivered"):
            self._happen(message, "delivered")

    def _happen(
        self, message: Message, status: str, code: int | None = None, *, later: float = 0.0, tell: bool = True
    ) -> Letter:
        event = Event(status, self.wall(), code)
        message.events.append(event)
        chat = self.chat(message.number, message.person)
        if status == "delivered":
            chat.unread[message.id] = message
            if self.modes.read_after >= 0:
                self.courier.add(self.modes.read_after, lambda: self.read(message))
        value = events.status(message, event)
        letter = Letter(message.number.waba, "messages", value, event.at, event.answers.append)
        if tell:
            self.tell(letter, later)
        return letter

    def read(self, message: Message) -> None:
        if message.has("delivered") and not message.has("read"):
            self.chat(message.number, message.person).unread.pop(message.id, None)
            self._happen(message, "read")

    def open_chat(self, chat: Chat) -> int:
        """Somebody looks at the chat: what has been delivered there is read."""
        waiting = list(chat.unread.values())
        for message in waiting:
            self.read(message)
        return len(waiting)

    def switch(self, person: Person, *, off: bool) -> None:
        """Turn the phone off or on; what has waited for it arrives."""
        person.phone_off = off
        if off:
            return
        for number in NUMBERS:
            chat = self.chats.get((number, person.key))
            for line in list(chat.lines) if chat else []:
                if isinstance(line, Message) and line.has("sent"):
                    self._arrive(line)

    # --- from people to businesses -------------------------------------------------------------------------

    def say(self, number: Number, person: Person, text: str, content: Mapping[str, Any], context: str = "") -> Said:
        """A person writes. `content` is the message's type and its member, `context` the wamid that it answers."""
        at = self.wall()
        own: dict[str, Any] = {"id": _wamid(person.key, outbound=False), "timestamp": str(int(at))}
        if context:
            own["context"] = {"from": number.digits, "id": context}
        own |= content
        self._heard(Said(number, person, at, text, own), open_window=True)
        value = events.inbound(number, person, own)
        self.tell(Letter(number.waba, "messages", value, at))
        return self.said[own["id"]]

    def _heard(self, said: Said, *, open_window: bool) -> None:
        self.said[str(said.body["id"])] = said
        if len(self.said) > SAID_KEPT:
            self._outlived(self.said.popitem(last=False)[1])
        chat = self.chat(said.number, said.person)
        chat.lines.append(said)
        if open_window:
            chat.last_inbound = said.at

    def prefer(self, number: Number, person: Person, *, stop: bool) -> None:
        """WhatsApp's own switch for marketing messages, which is a business's, not a number's."""
        person.stopped.discard(number.waba)
        if stop:
            person.stopped.add(number.waba)
        at = self.wall()
        value = events.preference(number, person, "stop" if stop else "resume", at)
        self.tell(Letter(number.waba, "user_preferences", value, at))

    def renumber(self, person: Person, digits: str) -> None:
        """The person has another number from now on; every number that they wrote with is told. ValueError when it is
        somebody's, or when the person has none."""
        wa_id, old = wa_id_of(digits), person.wa_id
        if not old or wa_id in self.people:
            raise ValueError("the number is somebody's already" if old else "the person has no number")
        chats = [self.chats.pop((number, old)) for number in NUMBERS if (number, old) in self.chats]
        self._forget(person)
        person.wa_id = wa_id
        self._meet(person)
        for chat in chats:
            self.chats[chat.number.id, wa_id] = chat
            at, message_id = self.wall(), _wamid(old, outbound=False)
            value = events.changed_number(chat.number, person, old, message_id, at)
            said = Said(chat.number, person, at, f"{person.name} has a new number: {wa_id}", value["messages"][0])
            self._heard(said, open_window=False)
            self.tell(Letter(chat.number.waba, "messages", value, at))

    # --- webhooks ------------------------------------------------------------------------------------------

    def tell(self, letter: Letter, later: float = 0.0) -> None:
        """Send a change to whoever gets this business's webhooks, by the modes of this moment."""
        modes = self.modes
        if modes.silent or not self._address(letter):
            return
        after = later + modes.delay
        if modes.gather:
            after += modes.gather - (time.monotonic() + after) % modes.gather
        for copy in range(1 + modes.duplicates):
            self.courier.add(after + copy * 0.05, letter)

    def subscribe(self, waba: str, url: str = "") -> None:
        self._subscribed(waba, Subscription(True, url))

    def unsubscribe(self, waba: str) -> None:
        self._subscribed(waba, Subscription())

    def _subscribed(self, waba: str, subscription: Subscription) -> None:
        self.accounts[waba].subscription = subscription
        entry = {"waba": waba, "subscribed": subscription.subscribed, "url": subscription.url}
        self._note({"kind": "whatsapp_subscription", **entry})

    def use_app_url(self, url: str) -> None:
        self.app_url = url
        self._note({"kind": "whatsapp_app", "url": url})

    def _address(self, letter: Letter) -> str:
        """Messages go to the business's own address, if it has one; what else happens goes to the app's first."""
        found = self.accounts[letter.waba].subscription
        if not found.subscribed:
            return ""
        own_first = letter.field in ("messages", "user_preferences")
        return (found.url or self.app_url) if own_first else (self.app_url or found.url)

    def _rules(self) -> Rules:
        return Rules(self.modes.batch, self.modes.retries, self.modes.retry_after)

    # --- for control ---------------------------------------------------------------------------------------

    def take_failure(self, person: Person, *, at_once: bool) -> int | None:
        """The code that this message is to fail with; it is used up by one."""
        for one in self.failures:
            if one.at_once == at_once and one.to in ("", person.wa_id, person.bsuid):
                one.count -= 1
                if one.count < 1:
                    self.failures.remove(one)
                return one.code
        return None

    def forget(self) -> int:
        """Messages, people, waiting webhooks, modes and limits; subscriptions, templates and media stay."""
        gone = len(self.messages)
        for kept in (self.messages, self.said, self.people, self.chats, self._by_user_id, self.failures):
            kept.clear()
        self.courier.clear()
        self.modes, self.limits = Modes(), Limits(self.wall)
        for account in self.accounts.values():
            account.refusal = None
        return gone

    def restore(self, entry: Mapping[str, Any]) -> None:
        """What the journal tells of an earlier process."""
        match entry["kind"]:
            case "whatsapp_subscription":
                self.accounts[entry["waba"]].subscription = Subscription(entry["subscribed"], entry["url"])
            case "whatsapp_app":
                self.app_url = entry["url"]
            case _:
                self.templates.restore(entry)


def user_ids(person: Person) -> dict[str, str]:
    """The person's id at each business."""
    return {waba: person.bsuid or user_id_of(waba, person.wa_id) for waba in BUSINESSES}


def _wamid(key: str, *, outbound: bool) -> str:
    """The id of a message. Chance makes it unique in later processes too: receivers keep ids."""
    own = secrets.token_hex(9 if outbound else 10).upper().encode()
    tail = b"\x15\x02\x00" + (b"\x11" if outbound else b"\x12") + bytes([0x18, len(own)]) + own + b"\x00"
    raw = b"\x1c\x18" + bytes([len(key)]) + key.encode() + tail
    return "wamid." + base64.b64encode(raw).decode()
