"""How far a message got: its status events, in whatever order and however often they come.

Each kind of event is kept once on the message, with the earliest moment told for it. The state is then read off the
set of events, so that any order and any repetition of them ends the same.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from accounts.audit import Actor
from tenants.context import unscoped
from whatsapp.choices import ConsentKind, ConsentWay, Direction, MessageStatus, UnmatchedKind
from whatsapp.clients.errors import Verdict, pause, verdict_of, words
from whatsapp.clients.inbound import StatusEvent
from whatsapp.models import WhatsAppContact, WhatsAppMessage, WhatsAppNumber, WhatsAppUnmatched
from whatsapp.queries.contacts import removed_contacts
from whatsapp.services.consent import consent_note
from whatsapp.services.numbers import number_stop
from whatsapp.services.payloads import as_payload, from_payload
from whatsapp.services.templates import template_refused

OPAQUE = "msg:"
# How long a status waits for its message: WhatsApp repeats for 7 days. One that came in beside the very transaction
# that made its message known is looked for this long.
KEPT, BESIDE = timedelta(days=7), timedelta(hours=1)
LONGEST_WAMID = 128
# 'played' is what a voice message says for read.
_SENT, _DELIVERED, _READ = ("sent", "delivered", "read", "played"), ("delivered", "read", "played"), ("read", "played")
_FIELDS = [
    "wamid", "recipient_wa_id", "status", "status_history", "sent_at", "delivered_at", "read_at", "error_code",
    "error_message", "next_retry_at", "accepted_at", "claimed_at",
]  # fmt: skip
ACTOR = Actor.job("whatsapp.process_webhooks")

History = Sequence[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Folded:
    """What a message's events amount to. Moments are when WhatsApp says it happened."""

    status: str
    sent_at: datetime | None = None
    delivered_at: datetime | None = None
    read_at: datetime | None = None
    error_code: str = ""
    error_message: str = ""


def history_with(history: History, event: StatusEvent) -> list[dict[str, Any]]:
    """The events with this one among them: one for each status, the earliest moment told for it."""
    entry = {"status": event.status, "at": event.at.astimezone(UTC).isoformat()}
    if event.code != "":
        entry |= {"code": str(event.code), "details": event.details or event.title}
    kept = {one["status"]: one for one in history}
    known = kept.get(event.status)
    if known is None or _order(entry) < _order(known):
        kept[event.status] = entry
    return sorted(kept.values(), key=_order)


def _order(entry: dict[str, Any]) -> tuple[str, str, str, str]:
    return entry["at"], entry["status"], entry.get("code", ""), entry.get("details", "")


def history_fold(history: History) -> Folded:
    """`read` implies delivered, anything that arrived beats `failed` (a person may have several devices), and words of
    tomorrow change nothing."""
    moments = {one["status"]: datetime.fromisoformat(one["at"]) for one in history}
    sent, delivered, read = (_earliest(moments, words) for words in (_SENT, _DELIVERED, _READ))
    failure = next((one for one in history if one["status"] == "failed"), None)
    if delivered is not None:
        status = MessageStatus.READ if read is not None else MessageStatus.DELIVERED
        return Folded(status, sent, delivered, read)
    if failure is not None:
        code, details = failure.get("code", ""), failure.get("details", "")
        return Folded(MessageStatus.FAILED, sent, error_code=code, error_message=details)
    return Folded(MessageStatus.SENT if sent is not None else MessageStatus.PENDING, sent)


def _earliest(moments: dict[str, datetime], words: Iterable[str]) -> datetime | None:
    return min((moments[word] for word in words if word in moments), default=None)


@transaction.atomic
def statuses_apply(number: WhatsAppNumber, events: Sequence[StatusEvent]) -> dict[str, int]:
    """Events of one number's messages: {'statuses': applied, 'unmatched': kept until their message is known}.

    Events that were kept before, and whose message is known by now, are applied with them.
    """
    unmatched_statuses_apply()
    return _apply(number, events)


@transaction.atomic
def unmatched_statuses_apply(wamids: Sequence[str] | None = None) -> int:
    """Statuses that came before anybody knew which message they are about; `wamids`: those of messages known just now,
    without them of all that came lately and are known by now."""
    kept = WhatsAppUnmatched.objects.filter(kind=UnmatchedKind.STATUS).select_related("number")
    known = WhatsAppMessage.objects.filter(direction=Direction.OUTBOUND, wamid=OuterRef("wamid"))
    if wamids is None:
        kept = kept.filter(Exists(known), created_at__gte=timezone.now() - BESIDE)
    else:
        kept = kept.filter(wamid__in=wamids)
    rows = list(kept.select_for_update(of=("self",), skip_locked=True).order_by("pk"))
    WhatsAppUnmatched.objects.filter(pk__in=[row.pk for row in rows]).delete()
    for row in rows:
        _apply(row.number, [event for event in from_payload(row.payload) if isinstance(event, StatusEvent)])
    return len(rows)


def _apply(number: WhatsAppNumber, events: Sequence[StatusEvent]) -> dict[str, int]:
    messages = _messages(number, events)
    erased = _erased({message.contact_id for message in messages.values()})
    changed: dict[int, WhatsAppMessage] = {}
    failures: list[tuple[WhatsAppMessage, StatusEvent]] = []
    unknown: list[StatusEvent] = []
    for event in events:
        message = messages.get(event.wamid) or messages.get(event.opaque)
        fits = len(event.wamid) <= LONGEST_WAMID
        if message is None or not fits or (message.wamid and message.wamid != event.wamid):
            unknown.append(event)
            continue
        had_failed = message.status == MessageStatus.FAILED
        _follow(message, event)
        if message.contact_id in erased:
            message.recipient_wa_id = None
        changed[message.pk] = message
        if message.status == MessageStatus.FAILED and not had_failed:
            failures.append((message, event))
    WhatsAppMessage.objects.bulk_update(changed.values(), _FIELDS)
    _keep_unmatched(number, unknown)
    for message, event in failures:
        _react(number, message, event, is_erased=message.contact_id in erased)
    return {"statuses": len(events) - len(unknown), "unmatched": len(unknown)}


def _erased(contact_ids: Collection[int]) -> set[int]:
    """Contacts of which nothing personal is left: what comes late brings nothing back."""
    return set(removed_contacts().filter(pk__in=contact_ids).values_list("pk", flat=True)) if contact_ids else set()


def _messages(number: WhatsAppNumber, events: Sequence[StatusEvent]) -> dict[str, WhatsAppMessage]:
    """The messages that events are about, locked, by wamid and by our own id within `opaque`."""
    wamids = {event.wamid for event in events}
    ours = {own for event in events if (own := _own_id(event.opaque)) is not None}
    outbound = WhatsAppMessage.objects.filter(direction=Direction.OUTBOUND).defer("content", "template_variables")
    # Two look-ups by index; one condition with OR would read the workspace's whole ledger.
    ids = set(outbound.filter(wamid__in=wamids).values_list("pk", flat=True))
    ids |= set(outbound.filter(pk__in=ours, number=number).values_list("pk", flat=True)) if ours else set()
    rows = outbound.filter(pk__in=ids).select_for_update(no_key=True).order_by("pk")
    found: dict[str, WhatsAppMessage] = {}
    for row in rows:
        found[f"{OPAQUE}{row.pk}"] = row
        if row.wamid:
            found[row.wamid] = row
    return found


def _own_id(opaque: str) -> int | None:
    """'msg:44' → 44; None for anything that is not ours."""
    text = opaque.removeprefix(OPAQUE)
    if text == opaque or not (text.isascii() and text.isdecimal()) or len(text) > 18:
        return None
    return int(text)


def _follow(message: WhatsAppMessage, event: StatusEvent) -> None:
    """A status may come before the answer to the send, or instead of it: the message then takes the wamid from it."""
    message.status_history = history_with(message.status_history or [], event)
    folded = history_fold(message.status_history)
    message.wamid = event.wamid
    message.recipient_wa_id = message.recipient_wa_id or event.recipient_wa_id or None
    message.status = folded.status
    message.sent_at, message.delivered_at, message.read_at = folded.sent_at, folded.delivered_at, folded.read_at
    message.error_code, message.error_message = folded.error_code or None, folded.error_message or None
    message.accepted_at = message.accepted_at or event.at
    # Nobody sends it any more, whatever its worker still waits for.
    message.claimed_at = None
    message.next_retry_at = _not_before(folded, event)


def _not_before(folded: Folded, event: StatusEvent) -> datetime | None:
    """WhatsApp held it back: a person may try again, no sooner than in a day."""
    if folded.status == MessageStatus.FAILED and verdict_of(folded.error_code) is Verdict.PAUSE_DAY:
        return event.at + pause(Verdict.PAUSE_DAY, 1)
    return None


def _react(number: WhatsAppNumber, message: WhatsAppMessage, event: StatusEvent, *, is_erased: bool) -> None:
    """What a failure says beyond its message."""
    match verdict_of(event.code):
        case Verdict.OPTED_OUT if not is_erased:
            consent_note(
                contact=WhatsAppContact.objects.get(pk=message.contact_id),
                kind=ConsentKind.MARKETING_STOP,
                way=ConsentWay.WHATSAPP,
                at=event.at,
                wamid=event.wamid,
                actor=ACTOR,
            )
        case Verdict.TEMPLATE | Verdict.TEMPLATE_PAUSED:
            template_refused(message.template_id, event.code)
        case Verdict.CONNECTION | Verdict.BLOCKED:
            # What is older than the last look at the number was mended since.
            if number.checked_at is None or number.checked_at < event.at:
                number_stop(number.pk, event.code, words(event.code), actor=ACTOR)


def _keep_unmatched(number: WhatsAppNumber, events: Sequence[StatusEvent]) -> None:
    rows = [
        WhatsAppUnmatched(
            number=number,
            kind=UnmatchedKind.STATUS,
            event_key=f"{event.wamid}:{event.status}"[:200],
            wamid=event.wamid[:LONGEST_WAMID],
            payload=as_payload(event),
            at=event.at,
        )
        for event in events
    ]
    WhatsAppUnmatched.objects.bulk_create(rows, ignore_conflicts=True)


@transaction.atomic
def unmatched_purge(now: datetime) -> int:
    """Forget statuses, of all workspaces, that were about no message of ours in all that time: the number is used by
    another tool, too. Messages of people stay until they are matched."""
    with unscoped("statuses about no message of ours are forgotten"):
        old = WhatsAppUnmatched.objects.filter(kind=UnmatchedKind.STATUS, created_at__lt=now - KEPT)
        return old.delete()[0]
