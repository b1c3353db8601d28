"""Sending what waits for WhatsApp: claim a message, send it, keep what came of it.

No transaction is open while WhatsApp is asked. A message is claimed by a conditional UPDATE whose moment names the try,
and finished by another one that names the same try. WhatsApp knows no key against repeats: what may have been taken is
never sent again, so each message arrives at most once; a status, which carries our id, tells what became of it.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import Case, F, Q, Value, When
from django.utils import timezone

from accounts.audit import Actor
from whatsapp.choices import ConsentKind, ConsentWay, MessageStatus, OptIn, Purpose
from whatsapp.clients.cloud import Answer, send
from whatsapp.clients.errors import REPEATABLE, Verdict, pause, words
from whatsapp.clients.limits import Gate
from whatsapp.clients.messages import Outgoing
from whatsapp.models import WhatsAppContact, WhatsAppMessage, WhatsAppNumber
from whatsapp.queries.intake import is_due, is_lost
from whatsapp.queries.standing import standard_templates
from whatsapp.services.consent import consent_note
from whatsapp.services.numbers import number_stop
from whatsapp.services.preparing import UNTIL_MENDED, Never, Ready, Wait, prepare
from whatsapp.services.statuses import unmatched_statuses_apply

log = structlog.get_logger(__name__)

MAX_TRIES = 5
BATCH = 200
# Calls that are under way at once; a worker that dies leaves as many that nobody knows about.
AT_ONCE = 8
# A task begins no further message after this; the beat sends the rest.
TASK_SECONDS = 240.0
# Waits for a number's own pace are slept through up to this; longer ones are one person's, and others go first.
LONGEST_NAP = 0.5
ACTOR = Actor.job("whatsapp.send")
# Who waits for an answer goes before who gets news.
_FIRST = (Purpose.CODE, Purpose.REPLY, Purpose.ANSWER)
_ASKS_CONSENT = (Purpose.ALERT, Purpose.REPORT)


@dataclass(slots=True)
class Sent:
    """What became of the messages of one run."""

    counts: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, int]:
        return {name: count for name, count in self.counts.items() if count}


def messages_send(*, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep) -> Sent:
    """Send what is due in the bound workspace, answers before news, and give up on what lost its worker."""
    result = Sent()
    run = _Run(result, clock, sleep)
    with transaction.atomic():
        result.counts["unknown"] += _give_up_lost(timezone.now())
    with ThreadPoolExecutor(AT_ONCE) as pool:
        while not run.is_over() and (batch := _take_batch(result)):
            for ready in batch:
                run.begin(pool, *ready)
            run.finish_all()
    return result


@dataclass(slots=True)
class _Run:
    """The calls that are under way. Threads only talk to WhatsApp; all rows are read and written here."""

    result: Sent
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    started: float = 0.0
    under_way: dict[Future[Answer], tuple[WhatsAppMessage, Ready]] = field(default_factory=dict)
    stopped: set[int] = field(default_factory=set)
    gates: dict[str, Gate] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.started = self.clock()

    def is_over(self) -> bool:
        return self.clock() - self.started > TASK_SECONDS

    def begin(self, pool: ThreadPoolExecutor, message: WhatsAppMessage, ready: Ready) -> None:
        number, recipient = ready.number, ready.outgoing.to.key()
        if number.pk in self.stopped or self.is_over():
            return
        # Room first: what is claimed goes out at once, so that a worker that dies holds little it never sent.
        while len(self.under_way) >= AT_ONCE:
            self._finish_some()
        if not self._admit(message, number, recipient) or not _claim(message, number):
            return
        call = pool.submit(_call, number, ready.outgoing)
        self.under_way[call] = (message, ready)

    def _admit(self, message: WhatsAppMessage, number: WhatsAppNumber, recipient: str) -> bool:
        """Wait for the number's pace; a person who got much waits without holding up others."""
        gate = self._gate(number)
        while (seconds := gate.admit(recipient)) > 0:
            if seconds > LONGEST_NAP:
                _postpone([message.pk], timezone.now() + timedelta(seconds=seconds), "local.pair_limit")
                self.result.counts["postponed"] += 1
                return False
            self.sleep(seconds)
        return True

    def _gate(self, number: WhatsAppNumber) -> Gate:
        return self.gates.setdefault(number.phone_number_id, Gate(number.phone_number_id))

    def finish_all(self) -> None:
        while self.under_way:
            self._finish_some()

    def _finish_some(self) -> None:
        done, _rest = wait(self.under_way, return_when=FIRST_COMPLETED)
        for call in done:
            message, ready = self.under_way.pop(call)
            number, answer = ready.number, call.result()
            self._hold_back(number, ready.outgoing.to.key(), answer)
            self.result.counts[_keep(message, ready, answer)] += 1
            _follow_up(message, number, answer)
            if answer.verdict in (Verdict.CONNECTION, Verdict.BLOCKED):
                self.stopped.add(number.pk)

    def _hold_back(self, number: WhatsAppNumber, recipient: str, answer: Answer) -> None:
        """What WhatsApp asked of one message concerns all that go the same way, in all workers."""
        if answer.verdict in (Verdict.THROUGHPUT, Verdict.BACKOFF):
            self._gate(number).hold(answer.retry_after or pause(answer.verdict, 1).total_seconds())
        elif answer.verdict is Verdict.PAIR:
            self._gate(number).hold(answer.retry_after or pause(answer.verdict, 1).total_seconds(), recipient)


def _call(number: WhatsAppNumber, outgoing: Outgoing) -> Answer:
    return send(number.token, number.phone_number_id, outgoing)


# --- What goes next ---------------------------------------------------------------------------------------------


@transaction.atomic
def _take_batch(result: Sent) -> list[tuple[WhatsAppMessage, Ready]]:
    """The next messages that can go out; those that cannot are put off or ended, with the reason on their rows.

    More than once, where all of a batch had to wait: an empty answer means that nothing is due.
    """
    now = timezone.now()
    while rows := _due(now):
        ready, put_off, ended = [], defaultdict(list), defaultdict(list)
        default = WhatsAppNumber.objects.filter(is_default=True).first()
        standard = standard_templates()
        for row in rows:
            match prepare(row, default=default, standard=standard, now=now):
                case Ready() as found:
                    ready.append((row, found))
                case Wait(until, code):
                    put_off[(until, code)].append(row.pk)
                case Never(code):
                    ended[code].append(row.pk)
        for (until, code), ids in put_off.items():
            result.counts["postponed"] += _postpone(ids, until, code)
        for code, ids in ended.items():
            result.counts["failed"] += _end(ids, code)
        if ready:
            return ready
    return []


def _due(now: datetime) -> list[WhatsAppMessage]:
    urgency = Case(When(purpose__in=_FIRST, then=Value(0)), default=Value(1))
    rows = WhatsAppMessage.objects.filter(is_due(now)).select_related("contact", "template", "number")
    return list(rows.order_by(urgency, "pk")[:BATCH])


@transaction.atomic
def _postpone(message_ids: Iterable[int], until: datetime, code: str) -> int:
    waiting = WhatsAppMessage.objects.filter(is_due(timezone.now()), pk__in=list(message_ids))
    return waiting.update(next_retry_at=until, error_code=code)


def _end(message_ids: Iterable[int], code: str) -> int:
    waiting = WhatsAppMessage.objects.filter(is_due(timezone.now()), pk__in=list(message_ids))
    # A code that was never sent is not kept either.
    waiting.filter(purpose=Purpose.CODE).update(content="")
    return waiting.update(status=MessageStatus.FAILED, error_code=code, next_retry_at=None)


def _give_up_lost(now: datetime) -> int:
    """A worker died over these: whether WhatsApp has them nobody knows, until a status tells."""
    lost = WhatsAppMessage.objects.filter(is_lost(now))
    lost.filter(purpose=Purpose.CODE).update(content="")
    return lost.update(maybe_sent_at=now, claimed_at=None, error_code="local.worker_lost")


@transaction.atomic
def _claim(message: WhatsAppMessage, number: WhatsAppNumber) -> bool:
    """waits → being sent; False when somebody else has it, or its contact has withdrawn meanwhile.

    The number is kept before the send: a status may come first, and only its own number's may speak of a message.
    """
    now = timezone.now()
    agreed = WhatsAppContact.objects.filter(opt_in_status=OptIn.OPTED_IN, is_active=True)
    may = ~Q(purpose__in=_ASKS_CONSENT) | Q(contact__in=agreed)
    rows = WhatsAppMessage.objects.filter(is_due(now), may, pk=message.pk)
    if not rows.update(claimed_at=now, number=number):
        return False
    message.claimed_at = now
    return True


# --- What came of it --------------------------------------------------------------------------------------------


@transaction.atomic
def _keep(message: WhatsAppMessage, ready: Ready, answer: Answer) -> str:
    """What came of this try, on the message, and on a number that may not send; a word for the counts.

    A status may have come before: it stays the better witness, and only what the answer adds is kept.
    """
    now, number = timezone.now(), ready.number
    again = answer.verdict in REPEATABLE and (message.retry_count or 0) + 1 < MAX_TRIES
    # Once it has left, or never will, there is no more use for a code; a try that is repeated still needs it.
    spent = {"content": ""} if message.purpose == Purpose.CODE and not again else {}
    mine = WhatsAppMessage.objects.filter(pk=message.pk, claimed_at=message.claimed_at)
    if answer.verdict is Verdict.SENT:
        # A template with no words of ours: the conversation shows what the person reads.
        shown = {} if message.content or not ready.shown else {"content": ready.shown}
        return _keep_accepted(message, answer, now, {**shown, **spent})
    values = {**spent, "claimed_at": None, "error_code": str(answer.code), "error_message": answer.details}
    if answer.verdict is Verdict.UNKNOWN:
        return "unknown" if mine.update(maybe_sent_at=now, **values) else "overtaken"
    if again:
        until = now + max(
            pause(answer.verdict, (message.retry_count or 0) + 1), timedelta(seconds=answer.retry_after or 0)
        )
        mine.update(next_retry_at=until, retry_count=F("retry_count") + 1, **values)
        return "postponed"
    if answer.verdict in (Verdict.CONNECTION, Verdict.BLOCKED):
        number_stop(number.pk, answer.code, words(answer.code), actor=ACTOR)
        mine.update(next_retry_at=now + UNTIL_MENDED, **values)
        return "postponed"
    not_before = now + pause(answer.verdict, 1) if answer.verdict is Verdict.PAUSE_DAY else None
    mine.update(status=MessageStatus.FAILED, next_retry_at=not_before, **values)
    return "failed"


def _keep_accepted(message: WhatsAppMessage, answer: Answer, now: datetime, values: dict[str, str]) -> str:
    rows = WhatsAppMessage.objects.filter(pk=message.pk)
    took = {**values, "accepted_at": now, "wamid": answer.wamid}
    told = {"recipient_wa_id": answer.wa_id or None}
    clean = {"claimed_at": None, "error_code": None, "error_message": None, "next_retry_at": None}
    if not rows.filter(claimed_at=message.claimed_at).update(**took, **told, **clean):
        # A status was first, or the try was given up: the answer still says which message it became.
        rows.filter(Q(wamid=None) | Q(wamid=answer.wamid)).update(**took)
    unmatched_statuses_apply(answer.wamid)
    return "sent"


def _learn(contact: WhatsAppContact, answer: Answer, now: datetime) -> None:
    """WhatsApp's own name for the number may differ from what was entered: what they write comes under that one."""
    rows = WhatsAppContact.objects.filter(pk=contact.pk)
    values = {"wa_id": answer.wa_id} if answer.wa_id and answer.wa_id != contact.wa_id else {}
    rows.update(last_message_at=now, message_count=F("message_count") + 1, updated_at=now, **values)
    if answer.user_id and not contact.wa_user_id:
        known = WhatsAppContact.objects.filter(wa_user_id=answer.user_id)
        if not known.exists():
            rows.update(wa_user_id=answer.user_id)


@transaction.atomic
def _follow_up(message: WhatsAppMessage, number: WhatsAppNumber, answer: Answer) -> None:
    """What an answer says beyond its message. In a transaction of its own: whoever reads webhooks locks contacts before
    messages, and must not meet somebody here who holds them the other way round."""
    match answer.verdict:
        case Verdict.SENT:
            _learn(message.contact, answer, timezone.now())
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
        case Verdict.TEMPLATE:
            # Our list is out of date: without a date it is read again.
            WhatsAppNumber.objects.filter(pk=number.pk).update(templates_synced_at=None)
