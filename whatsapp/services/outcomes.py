"""What came of tries to send: kept on their messages, their contacts and their numbers."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

import structlog
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from accounts.audit import Actor
from tenants.context import bound_tenant_id
from whatsapp.choices import ConsentKind, ConsentWay, MessageStatus, Purpose
from whatsapp.clients.cloud import Answer
from whatsapp.clients.errors import NO_CONNECTION, REPEATABLE, Verdict, pause, words
from whatsapp.models import WhatsAppContact, WhatsAppMessage
from whatsapp.services.consent import consent_note
from whatsapp.services.inbound import unknown_senders_lock, unmatched_adopt
from whatsapp.services.numbers import number_stop
from whatsapp.services.preparing import UNTIL_MENDED, Ready
from whatsapp.services.statuses import unmatched_statuses_apply
from whatsapp.services.templates import template_refused

log = structlog.get_logger(__name__)

MAX_TRIES, MAX_DEADLOCKS = 5, 3
ACTOR = Actor.job("whatsapp.send")
# After these nothing more goes out from the number until it is mended.
STOPS = (Verdict.CONNECTION, Verdict.BLOCKED)
# Whatever an answer may change of a message.
_STORED = {
    "id": "bigint",
    "wamid": "text",
    "recipient_wa_id": "text",
    "content": "text",
    "status": "text",
    "accepted_at": "timestamptz",
    "claimed_at": "timestamptz",
    "maybe_sent_at": "timestamptz",
    "retry_count": "int",
    "next_retry_at": "timestamptz",
    "error_code": "text",
    "error_message": "text",
}
_STORE = f"""
    UPDATE whatsapp_messages AS m SET {", ".join(f"{name} = new.{name}" for name in _STORED if name != "id")}
    FROM unnest({", ".join(f"%({name})s::{kind}[]" for name, kind in _STORED.items())}) AS new ({", ".join(_STORED)})
    WHERE m.tenant_id = %(tenant)s AND m.id = new.id
"""


Kept = TypeVar("Kept")


@dataclass(frozen=True, slots=True)
class Done:
    """A try that is over."""

    message: WhatsAppMessage
    ready: Ready
    answer: Answer


def outcomes_keep(done: Sequence[Done]) -> Counter[str]:
    """Keep what came of these tries, on their messages first; words for the counts."""
    found = _insist(partial(_keep, done))
    _follow([partial(_learn, [one for one in done if one.answer.verdict is Verdict.SENT])])
    _follow([partial(_follow_up, one) for one in done])
    return found


def _insist(work: Callable[[], Kept]) -> Kept:
    """Again, where the database took the locks away to undo a deadlock: an answer of WhatsApp's comes once."""
    for _try in range(MAX_DEADLOCKS):
        try:
            return work()
        except OperationalError:
            log.warning("whatsapp.outcomes_again")
    return work()


def _follow(works: Iterable[Callable[[], None]]) -> None:
    """What fails here concerns this alone: answers of other messages are still to be kept."""
    for work in works:
        try:
            _insist(work)
        except Exception:
            log.exception("whatsapp.outcome_not_followed")


@transaction.atomic
def _keep(done: Sequence[Done]) -> Counter[str]:
    now, found = timezone.now(), Counter[str]()
    ids = [one.message.pk for one in done]
    rows = WhatsAppMessage.objects.select_for_update(no_key=True).order_by("pk").in_bulk(ids)
    # Asked once the messages are held: whoever erases a contact erases its messages before it.
    contacts = WhatsAppContact.objects.in_bulk({row.contact_id for row in rows.values()})
    for one in done:
        row = rows[one.message.pk]
        found[_take_in(row, one, now)] += 1
        if contacts[row.contact_id].is_removed:
            row.content = row.recipient_wa_id = None
            row.forget_wamid()
    _store(rows.values())
    unmatched_statuses_apply([one.answer.wamid for one in done if one.answer.wamid])
    return found


def _store(rows: Iterable[WhatsAppMessage]) -> None:
    fields = [field for field in WhatsAppMessage._meta.concrete_fields if field.name in _STORED]
    values = {field.name: [field.get_prep_value(getattr(row, field.name)) for row in rows] for field in fields}
    with connection.cursor() as cursor:
        cursor.execute(_STORE, {**values, "tenant": bound_tenant_id()})


def _take_in(row: WhatsAppMessage, one: Done, now: datetime) -> str:
    """Put an answer into its message; 'overtaken' when the try was given up meanwhile."""
    answer, is_ours = one.answer, row.claimed_at == one.message.claimed_at
    if answer.verdict is Verdict.SENT:
        _take_in_accepted(row, one, now, is_ours=is_ours)
        return "sent"
    if not is_ours:
        return "overtaken"
    row.claimed_at, row.error_code, row.error_message = None, str(answer.code), answer.details
    tries = (row.retry_count or 0) + 1
    if answer.code == NO_CONNECTION:
        # It is about no message: after an outage of hours each still has a try, or is too old by then.
        tries = min(tries, MAX_TRIES - 2)
    if answer.verdict in REPEATABLE and tries < MAX_TRIES:
        row.retry_count = tries
        row.next_retry_at = now + max(
            pause(answer.verdict, row.retry_count), timedelta(seconds=answer.retry_after or 0)
        )
        return "postponed"
    if answer.verdict in STOPS or answer.verdict is Verdict.TEMPLATE_PAUSED:
        row.next_retry_at = now + UNTIL_MENDED
        return "postponed"
    _forget_code(row)
    if answer.verdict is Verdict.UNKNOWN:
        row.maybe_sent_at = now
        return "unknown"
    row.status = MessageStatus.FAILED
    row.next_retry_at = now + pause(answer.verdict, 1) if answer.verdict is Verdict.PAUSE_DAY else None
    return "failed"


def _take_in_accepted(row: WhatsAppMessage, one: Done, now: datetime, *, is_ours: bool) -> None:
    """A status may have come before: it stays the better witness, and only what the answer adds is kept."""
    if not is_ours and row.wamid not in (None, one.answer.wamid):
        return
    row.accepted_at, row.wamid = now, one.answer.wamid
    # A template with no words of ours: the conversation shows what the person reads.
    row.content = row.content or one.ready.shown
    _forget_code(row)
    if is_ours:
        row.recipient_wa_id = one.answer.wa_id or None
        row.claimed_at = row.error_code = row.error_message = row.next_retry_at = None


def _forget_code(row: WhatsAppMessage) -> None:
    """Once it has left, or never will, there is no more use for a code."""
    if row.purpose == Purpose.CODE:
        row.content = ""


@transaction.atomic
def _learn(sent: Sequence[Done]) -> None:
    """WhatsApp's own name for a number may differ from what was entered: what they write comes under that one.

    In a transaction of its own: whoever reads webhooks locks contacts before messages, and must not meet somebody here
    who holds them the other way round.
    """
    now = timezone.now()
    ids = {one.message.contact_id for one in sent}
    told = [one.answer.user_id for one in sent if one.answer.user_id]
    if told:
        unknown_senders_lock(shared=True)
    contacts = WhatsAppContact.objects.select_for_update(no_key=True).order_by("pk").in_bulk(ids)
    learners: list[WhatsAppContact] = []
    known = set(WhatsAppContact.objects.filter(wa_user_id__in=told).values_list("wa_user_id", flat=True))
    for one in sent:
        contact, answer = contacts[one.message.contact_id], one.answer
        contact.last_message_at, contact.updated_at = now, now
        contact.message_count = (contact.message_count or 0) + 1
        if contact.is_removed:
            continue
        contact.wa_id = answer.wa_id or contact.wa_id
        if answer.user_id and not contact.wa_user_id and answer.user_id not in known:
            contact.wa_user_id = answer.user_id
            known.add(answer.user_id)
            learners.append(contact)
    learned = ["last_message_at", "updated_at", "message_count", "wa_id", "wa_user_id"]
    WhatsAppContact.objects.bulk_update(contacts.values(), learned)
    # What they wrote without their number, before anybody knew this id of theirs: a STOP among it counts.
    for contact in learners:
        unmatched_adopt(contact)


@transaction.atomic
def _follow_up(one: Done) -> None:
    """What a refusal says beyond its message."""
    message, number, answer = one.message, one.ready.number, one.answer
    match answer.verdict:
        case Verdict.OPTED_OUT:
            consent_note(
                contact=message.contact,
                kind=ConsentKind.MARKETING_STOP,
                way=ConsentWay.WHATSAPP,
                at=timezone.now(),
                text=answer.details,
                wamid=f"refused:{message.pk}",
                actor=ACTOR,
            )
        case Verdict.TEMPLATE | Verdict.TEMPLATE_PAUSED:
            template_refused(one.ready.template_id, answer.code)
        case Verdict.CONNECTION | Verdict.BLOCKED:
            number_stop(number.pk, answer.code, words(answer.code), actor=ACTOR)
