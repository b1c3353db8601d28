"""Reads of conversations: who wrote last, what is unread, the messages between them and us, and people unknown."""

import hashlib
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models import Count, Exists, F, Max, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from whatsapp.choices import Direction, TemplateCategory, UnmatchedKind
from whatsapp.clients.inbound import InboundMessage, parse
from whatsapp.clients.numbers import to_e164
from whatsapp.models import WhatsAppContact, WhatsAppMessage, WhatsAppNumber, WhatsAppTemplate, WhatsAppUnmatched
from whatsapp.queries.contacts import live_contacts
from whatsapp.queries.numbers import default_number
from whatsapp.queries.templates import APPROVED, sendable

_EVER = datetime(2000, 1, 1, tzinfo=UTC)
MESSAGES_SHOWN = 50
SENDERS_READ = 500
MOST_TEMPLATES = 250
# Kinds of messages that are about another one rather than said by themselves.
REACTION, REVOKE = "reaction", "revoke"
SYSTEM = "system"
# What decides how a message looks: a conversation is drawn anew when one of them changes.
_LOOKS = (
    "pk", "status", "error_code", "claimed_at", "accepted_at", "maybe_sent_at", "next_retry_at", "scheduled_at",
    "read_at", "delivered_at",
)  # fmt: skip


def conversation_rows() -> QuerySet[WhatsAppContact]:
    """Contacts who have written, the newest first, with `unread` messages and the newest one's id as `newest_id`."""
    messages = WhatsAppMessage.objects.filter(contact=OuterRef("pk"))
    unread = messages.filter(direction=Direction.INBOUND, created_at__gt=Coalesce(OuterRef("last_read_at"), _EVER))
    counted = unread.order_by().values("contact").annotate(count=Count("pk")).values("count")
    rows = live_contacts().filter(Exists(messages.filter(direction=Direction.INBOUND)))
    return rows.annotate(
        unread=Coalesce(Subquery(counted), 0),
        newest_id=Subquery(messages.order_by("-created_at", "-pk").values("pk")[:1]),
    ).order_by(F("last_inbound_at").desc(nulls_last=True), "-pk")


def newest_messages(contacts: Iterable[WhatsAppContact]) -> dict[int, WhatsAppMessage]:
    """Contact → the newest message, for rows of conversation_rows. One statement."""
    ids = [one.newest_id for one in contacts if one.newest_id]  # type: ignore[attr-defined]  # annotated
    return {one.contact_id: one for one in WhatsAppMessage.objects.filter(pk__in=ids)} if ids else {}


def unread_total() -> int:
    """Messages of contacts that nobody has read, up to 100."""
    read = Coalesce("contact__last_read_at", _EVER)
    return WhatsAppMessage.objects.filter(direction=Direction.INBOUND, created_at__gt=read)[:100].count()


def answering_number(contact: WhatsAppContact) -> WhatsAppNumber | None:
    """The number that they last wrote to, since the window is open for that one; else the workspace's own."""
    last = WhatsAppMessage.objects.filter(contact=contact, direction=Direction.INBOUND).exclude(number=None)
    found = last.order_by("-created_at", "-pk").values_list("number_id", flat=True).first()
    number = WhatsAppNumber.objects.filter(pk=found).first() if found else None
    return number or default_number()


def wrote_since(contact_ids: Collection[int], since: datetime) -> dict[tuple[int, int], datetime]:
    """(contact, number) → when this contact last wrote to this number, for those who did. One statement, or none."""
    if not contact_ids:
        return {}
    rows = WhatsAppMessage.objects.filter(direction=Direction.INBOUND, contact__in=contact_ids, created_at__gte=since)
    # WhatsApp's own notices, such as that of a new number, are nothing that they wrote.
    rows = rows.exclude(number=None).exclude(message_type=SYSTEM).order_by()
    return {(who, at): newest for who, at, newest in rows.values_list("contact", "number").annotate(Max("created_at"))}


@dataclass(frozen=True, slots=True)
class Thread:
    """A page of a conversation, the oldest first. `version` changes whenever it would look different."""

    messages: list[WhatsAppMessage]
    has_earlier: bool
    version: str

    @property
    def newest_id(self) -> int | None:
        """Of theirs, for what is read."""
        return next((one.pk for one in reversed(self.messages) if one.direction == Direction.INBOUND), None)


def _page(contact: WhatsAppContact, before: int | None) -> QuerySet[WhatsAppMessage]:
    rows = WhatsAppMessage.objects.filter(contact=contact)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    return rows.order_by("-pk")


def thread(contact: WhatsAppContact, before: int | None = None) -> Thread:
    """The newest messages of a conversation, or those before a message. One statement."""
    rows = list(_page(contact, before).select_related("template", "created_by")[: MESSAGES_SHOWN + 1])
    shown = sorted(rows[:MESSAGES_SHOWN], key=lambda one: (one.created_at or _EVER, one.pk))
    looks = [tuple(getattr(one, name) for name in _LOOKS) for one in rows[:MESSAGES_SHOWN]]
    return Thread(shown, len(rows) > MESSAGES_SHOWN, _version(looks))


def thread_version(contact: WhatsAppContact) -> str:
    """The version of the newest page, without reading what was said."""
    return _version(list(_page(contact, None).values_list(*_LOOKS)[:MESSAGES_SHOWN]))


def _version(looks: list[tuple[object, ...]]) -> str:
    return hashlib.sha256(repr(looks).encode()).hexdigest()[:16]


def answered_messages(messages: Iterable[WhatsAppMessage]) -> dict[str, WhatsAppMessage]:
    """wamid → the message that some of these answer, react to or take back."""
    wamids = {one.context_wamid for one in messages if one.context_wamid}
    if not wamids:
        return {}
    return {str(one.wamid): one for one in WhatsAppMessage.objects.filter(wamid__in=wamids).select_related("template")}


def reply_templates() -> list[WhatsAppTemplate]:
    """Templates that a person may answer with: those that can be sent, codes left out."""
    rows = WhatsAppTemplate.objects.filter(status=APPROVED).exclude(category=TemplateCategory.AUTHENTICATION)
    return [one for one in rows.order_by("name", "language")[:MOST_TEMPLATES] if sendable(one)]


# --- People who are no contacts yet -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class UnknownSender:
    """Somebody who wrote to one of the numbers. `id`: the newest event of theirs; `number` is E.164 or empty."""

    id: int
    name: str
    number: str
    text: str
    at: datetime
    count: int
    number_name: str


def unknown_senders() -> list[UnknownSender]:
    """The newest first; one line for each person. One statement, at most SENDERS_READ events."""
    rows = WhatsAppUnmatched.objects.filter(kind=UnmatchedKind.INBOUND).select_related("number").order_by("-at", "-pk")
    found: dict[str, list[WhatsAppUnmatched]] = {}
    for row in rows[:SENDERS_READ]:
        found.setdefault(row.sender_hash or row.user_hash or f"#{row.pk}", []).append(row)
    return [_sender(events) for events in found.values()]


def unknown_sender(event_id: int) -> UnknownSender | None:
    """The sender of one event; None when it was matched meanwhile."""
    row = WhatsAppUnmatched.objects.filter(pk=event_id, kind=UnmatchedKind.INBOUND).select_related("number").first()
    return _sender([row]) if row else None


def unknown_count() -> int:
    """How many people are unknown."""
    rows = WhatsAppUnmatched.objects.filter(kind=UnmatchedKind.INBOUND).exclude(sender_hash="")
    return rows.values("sender_hash").distinct().count()


def _sender(events: list[WhatsAppUnmatched]) -> UnknownSender:
    newest = events[0]
    said = _said(newest)
    return UnknownSender(
        id=newest.pk,
        name=newest.profile_name,
        number=(to_e164(said.wa_id) or "") if said and said.wa_id else "",
        text=(said.text if said else "")[:200],
        at=newest.at,
        count=len(events),
        number_name=newest.number.name,
    )


def _said(event: WhatsAppUnmatched) -> InboundMessage | None:
    try:
        body = json.loads(event.payload)
    except ValueError:
        return None
    found = parse(body, received=event.at).events
    return next((one for one in found if isinstance(one, InboundMessage)), None)
