"""What people write to the workspace's numbers: kept once, with what it means for the window and for consent."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts.audit import Actor, record
from accounts.choices import AuditAction
from stratum.lib.encryption import phone_hash
from tenants.locks import workspace_lock
from whatsapp.choices import ConsentKind, ConsentWay, Direction, MessageStatus, Purpose, UnmatchedKind
from whatsapp.clients.inbound import IdentityEvent, InboundMessage, PreferenceEvent
from whatsapp.clients.numbers import lookup_forms, to_e164
from whatsapp.models import WhatsAppContact, WhatsAppMessage, WhatsAppNumber, WhatsAppUnmatched
from whatsapp.queries.conversations import SYSTEM
from whatsapp.services.consent import consent_note
from whatsapp.services.keywords import keyword_of
from whatsapp.services.payloads import as_payload, from_payload
from whatsapp.services.statuses import LONGEST_WAMID

ACTOR = Actor.job("whatsapp.process_webhooks")
# Types whose words a person wrote or pressed.
SPOKEN = ("text", "button", "interactive")
_PREFERENCES = {"stop": ConsentKind.MARKETING_STOP, "resume": ConsentKind.MARKETING_RESUME}
_MARKETING = "marketing_messages"
_LEARNED = [
    "wa_id", "wa_user_id", "profile_name", "last_inbound_at", "message_count", "last_message_at", "updated_at",
]  # fmt: skip


@transaction.atomic
def inbound_apply(number: WhatsAppNumber, events: Sequence[InboundMessage]) -> dict[str, int]:
    """Messages at one number: {'inbound': new ones kept, 'unmatched': of people who are no contacts}."""
    kept = unmatched = 0
    _hold_contacts(events)
    for event in sorted(events, key=lambda one: one.at):
        contact = contact_of(event.wa_id, event.user_id)
        if contact is None:
            _keep_unmatched(number, UnmatchedKind.INBOUND, event, event.wamid)
            unmatched += 1
        elif len(event.wamid) <= LONGEST_WAMID:
            kept += _keep(number, contact, event)
    return {"inbound": kept, "unmatched": unmatched}


@transaction.atomic
def preferences_apply(number: WhatsAppNumber, events: Sequence[PreferenceEvent]) -> dict[str, int]:
    """WhatsApp's own switch for marketing; other words and categories change nothing."""
    applied = 0
    _hold_contacts(events)
    for event in events:
        contact = contact_of(event.wa_id, event.user_id)
        kind = _PREFERENCES.get(event.value) if event.category in ("", _MARKETING) else None
        # An event of a switch has no id: who, when and how stand for it.
        key = f"{event.wa_id or event.user_id}:{int(event.at.timestamp())}:{event.value}"
        if contact is None:
            _keep_unmatched(number, UnmatchedKind.PREFERENCE, event, phone_hash(key))
        elif kind is not None:
            applied += consent_note(
                contact=contact,
                kind=kind,
                way=ConsentWay.WHATSAPP,
                at=event.at,
                text=str(event.raw.get("detail", "")),
                wamid=f"switch:{int(event.at.timestamp())}",
                actor=ACTOR,
            )
    return {"switches": applied}


@transaction.atomic
def identities_apply(events: Sequence[IdentityEvent]) -> None:
    """A business-scoped id changed, as it does when its person takes another number."""
    for event in events:
        contact = contact_of("", event.old_user_id) if event.old_user_id and event.new_user_id else None
        if contact is not None:
            _move(contact, "", event.new_user_id, at=event.at, wamid=f"identity:{event.new_user_id}"[:LONGEST_WAMID])


# --- Who it is --------------------------------------------------------------------------------------------------


def _called(wa_ids: Iterable[str], user_ids: Iterable[str]) -> QuerySet[WhatsAppContact]:
    """The contacts with one of these business-scoped ids, or a form of one of these numbers, locked in their order."""
    forms = {form for wa_id in wa_ids for form in lookup_forms(wa_id)}
    who = Q(wa_user_id__in=[one for one in user_ids if one])
    who |= Q(wa_id__in=forms) | Q(phone_hash__in=[phone_hash(f"+{form}") for form in forms])
    return WhatsAppContact.objects.filter(who).select_for_update(no_key=True).order_by("pk")


def _hold_contacts(events: Sequence[InboundMessage | PreferenceEvent]) -> None:
    """Lock all that events are about at once, by id, as the sender does: people write while messages go out to them."""
    if events:
        unknown_senders_lock(shared=True)
        list(_called((one.wa_id for one in events), (one.user_id for one in events)).values_list("pk"))


def contact_of(wa_id: str, user_id: str) -> WhatsAppContact | None:
    """The contact with this business-scoped id, or one of the forms of this number; locked."""
    found = list(_called([wa_id], [user_id])[:3])
    # A person is their id first: numbers change hands.
    return min(found, key=lambda one: (one.wa_user_id != user_id or not user_id, one.pk), default=None)


def _learn(contact: WhatsAppContact, event: InboundMessage) -> None:
    """Remember how WhatsApp calls them, and when they last wrote. A notice of WhatsApp's is nothing that they wrote."""
    is_theirs = event.type != SYSTEM
    is_another = is_theirs and _is_another(contact, event)
    if is_another:
        _move(contact, "", event.user_id, at=event.at, wamid=event.wamid)
    if 0 < len(event.wa_id) <= 50 and is_theirs:
        contact.wa_id = event.wa_id
    is_new = bool(event.user_id) and not contact.wa_user_id and not _taken(event.user_id)
    if is_new:
        contact.wa_user_id = event.user_id[:150]
    if event.profile_name:
        contact.profile_name = event.profile_name
    if is_theirs and (contact.last_inbound_at is None or contact.last_inbound_at < event.at):
        contact.last_inbound_at = event.at
    contact.message_count = (contact.message_count or 0) + 1
    contact.last_message_at = max(contact.last_message_at or event.at, event.at)
    contact.save(update_fields=_LEARNED)
    if is_new or is_another:
        unmatched_adopt(contact)


def _is_another(contact: WhatsAppContact, event: InboundMessage) -> bool:
    """Whether somebody else writes from this number now: an id stays the same for as long as its person has a number.
    What was written before the newest message that is known comes late, and tells nothing of today."""
    differs = bool(event.user_id and contact.wa_user_id) and contact.wa_user_id != event.user_id[:150]
    return differs and (contact.last_inbound_at is None or contact.last_inbound_at <= event.at)


def _taken(user_id: str) -> bool:
    return WhatsAppContact.objects.filter(wa_user_id=user_id).exists()


# --- What they said ---------------------------------------------------------------------------------------------


def _keep(number: WhatsAppNumber, contact: WhatsAppContact, event: InboundMessage) -> int:
    """1 for a message that was not known yet."""
    # The contact is locked: nobody else keeps a message of theirs at the same moment.
    if WhatsAppMessage.objects.filter(wamid=event.wamid).exists():
        return 0
    meaning = keyword_of(event.text) or keyword_of(event.reply_id) if event.type in SPOKEN else None
    is_command = event.type in SPOKEN and meaning is None
    message = WhatsAppMessage.objects.create(
        contact=contact,
        number=number,
        direction=Direction.INBOUND,
        purpose=Purpose.REPLY,
        message_type=event.type[:20],
        content=_content(event),
        media_type=event.media.mime_type[:50] if event.media else None,
        wamid=event.wamid,
        recipient_wa_id=event.wa_id[:50] or None,
        context_wamid=event.context_id[:LONGEST_WAMID] or None,
        reply_id=event.reply_id[:256] or None,
        status=MessageStatus.DELIVERED,
        delivered_at=event.at,
        created_at=event.at,
        handled_at=None if is_command else timezone.now(),
    )
    _learn(contact, event)
    if meaning is not None:
        _follow_keyword(number, contact, message, event, meaning)
    if event.type == SYSTEM and (event.new_wa_id or event.new_user_id):
        _move(contact, event.new_wa_id, event.new_user_id, at=event.at, wamid=event.wamid)
    return 1


def _content(event: InboundMessage) -> str:
    """What a conversation shows of it. Media stay at WhatsApp: their caption and kind are kept, never the file."""
    if event.reaction is not None:
        return event.reaction.emoji
    if event.media is not None:
        return event.media.caption
    if event.text:
        return event.text
    if event.type in ("location", "contacts", "order"):
        return json.dumps(event.raw.get(event.type), ensure_ascii=False)[:2000]
    return ""


def _follow_keyword(
    number: WhatsAppNumber, contact: WhatsAppContact, message: WhatsAppMessage, event: InboundMessage, kind: ConsentKind
) -> None:
    """Evidence first; then one answer, which is allowed since they have just written."""
    noted = consent_note(
        contact=contact,
        kind=kind,
        way=ConsentWay.KEYWORD,
        at=event.at,
        text=event.text or event.reply_id,
        wamid=event.wamid,
        actor=ACTOR,
    )
    if noted:
        _answer(number, contact, message, kind)


def _answer(number: WhatsAppNumber, contact: WhatsAppContact, message: WhatsAppMessage, kind: ConsentKind) -> None:
    with translation.override(contact.language or "en"):
        if kind == ConsentKind.OPT_OUT:
            text = _("You will get no more messages from us. Write START to get them again.")
        elif contact.is_verified:
            text = _("You will get our messages. Write STOP to end them.")
        else:
            text = _("Thank you. Our messages begin once your number is verified. Write STOP to end them.")
    answer_queue(number=number, contact=contact, text=text, to=message)


def answer_queue(
    *,
    number: WhatsAppNumber | None,
    contact: WhatsAppContact,
    text: str,
    to: WhatsAppMessage,
    buttons: Sequence[tuple[str, str]] = (),
    part: str = "",
) -> WhatsAppMessage:
    """Queue the one automatic answer to a message of theirs. `buttons`: at most three (id, title). `part` names what
    follows later, such as the outcome of what they asked for: each part once."""
    answer, _made = WhatsAppMessage.objects.get_or_create(
        dedupe_key=f"answer:{to.pk}:{part}" if part else f"answer:{to.pk}",
        defaults={
            "contact": contact,
            "number": number,
            "direction": Direction.OUTBOUND,
            "purpose": Purpose.ANSWER,
            "message_type": "interactive" if buttons else "text",
            "template_variables": {"buttons": [list(one) for one in buttons]} if buttons else {},
            "content": text,
            "context_wamid": to.wamid,
            "status": MessageStatus.PENDING,
        },
    )
    return answer


def _move(contact: WhatsAppContact, new_wa_id: str, new_user_id: str, *, at: datetime, wamid: str) -> None:
    """They have another number now, or their number has another holder. It is theirs by WhatsApp's word, but consent
    and proof belonged to the old one."""
    number = to_e164(new_wa_id) if new_wa_id else None
    others = WhatsAppContact.objects.exclude(pk=contact.pk)
    if number is not None and not others.filter(phone_hash=phone_hash(number)).exists():
        contact.phone_number, contact.phone_hash, contact.wa_id = number, phone_hash(number), new_wa_id
        # Nobody has written from that one yet.
        contact.last_inbound_at = None
    if new_user_id and not others.filter(wa_user_id=new_user_id).exists():
        contact.wa_user_id = new_user_id[:150]
    contact.save(update_fields=["phone_number", "phone_hash", "wa_id", "wa_user_id", "last_inbound_at", "updated_at"])
    # The trail knows that it changed; numbers stay out of it.
    record(actor=ACTOR, action=AuditAction.UPDATE, resource=contact, new={"operation": "number_changed"})
    consent_note(
        contact=contact,
        kind=ConsentKind.NUMBER_CHANGED,
        way=ConsentWay.WHATSAPP,
        at=at,
        wamid=wamid,
        actor=ACTOR,
    )


# --- People who are no contacts yet -----------------------------------------------------------------------------


def unknown_senders_lock(*, shared: bool = False) -> None:
    """Taken by whoever makes a contact, before it looks for what waits; shared by those who may leave something there.
    What comes in at that very moment would be seen by neither."""
    workspace_lock("whatsapp.unknown_senders", shared=shared)


def _keep_unmatched(
    number: WhatsAppNumber, kind: UnmatchedKind, event: InboundMessage | PreferenceEvent, key: str
) -> None:
    row = WhatsAppUnmatched(
        number=number,
        kind=kind,
        event_key=key[:200],
        wamid=event.wamid[:LONGEST_WAMID] if isinstance(event, InboundMessage) else "",
        sender_hash=phone_hash(event.wa_id) if event.wa_id else "",
        user_hash=phone_hash(event.user_id) if event.user_id else "",
        profile_name=event.profile_name if isinstance(event, InboundMessage) else "",
        payload=as_payload(event),
        at=event.at,
    )
    WhatsAppUnmatched.objects.bulk_create([row], ignore_conflicts=True)


@transaction.atomic
def unmatched_adopt(contact: WhatsAppContact) -> int:
    """What this person wrote before they were a contact, read as if it came now: a STOP of then counts. How much."""
    rows = list(_waiting_for(contact).select_related("number").select_for_update(of=("self",)).order_by("at", "pk"))
    for row in rows:
        events = from_payload(row.payload)
        inbound_apply(row.number, [one for one in events if isinstance(one, InboundMessage)])
        preferences_apply(row.number, [one for one in events if isinstance(one, PreferenceEvent)])
    WhatsAppUnmatched.objects.filter(pk__in=[row.pk for row in rows]).delete()
    return len(rows)


def _waiting_for(contact: WhatsAppContact):
    senders: Iterable[str] = [*lookup_forms(contact.phone_number), *lookup_forms(contact.wa_id or "")]
    who = Q(sender_hash__in=[phone_hash(one) for one in senders])
    if contact.wa_user_id:
        who |= Q(user_hash=phone_hash(contact.wa_user_id))
    return WhatsAppUnmatched.objects.filter(who, kind__in=(UnmatchedKind.INBOUND, UnmatchedKind.PREFERENCE))
