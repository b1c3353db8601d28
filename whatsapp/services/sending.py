"""Sending what waits for WhatsApp: claim a message, send it, keep what came of it.

No transaction is open while WhatsApp is asked. Messages are claimed a few at a time, under a moment that names the
try; what came of a try is kept only where the same one still stands. WhatsApp knows no key against repeats: what may
have been taken is never sent again, so each message arrives at most once; a status, which carries our id, tells what
became of it.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import Case, Q, Value, When
from django.utils import timezone

from whatsapp.choices import MessageStatus, OptIn, Purpose
from whatsapp.clients.cloud import Answer, send
from whatsapp.clients.errors import Verdict, pause
from whatsapp.clients.limits import Gate
from whatsapp.models import WhatsAppContact, WhatsAppMessage, WhatsAppNumber
from whatsapp.queries.intake import is_due, is_lost
from whatsapp.services.outcomes import STOPS, Done, outcomes_keep
from whatsapp.services.preparing import (
    UNTIL_MENDED,
    Circumstances,
    Never,
    Prepared,
    Ready,
    Wait,
    circumstances_of,
    prepare,
)

log = structlog.get_logger(__name__)

BATCH = 200
# Calls that are under way at once; a worker that dies leaves as many that nobody knows about. They are claimed, and
# what came of them is kept, a few by one statement: a number sends 80 a second.
AT_ONCE, GROUP = 16, 8
# A task begins no further message after this; the beat sends the rest.
TASK_SECONDS = 240.0
# Waits for a number's own pace are slept through up to this; longer ones are one person's, and others go first.
LONGEST_NAP = 0.5
# Who waits for an answer goes before who gets news.
_FIRST = (Purpose.CODE, Purpose.REPLY, Purpose.ANSWER)
# What nobody could make sense of in all that time is given up.
GIVE_UP_AFTER = timedelta(hours=24)
_ASKS_CONSENT = (Purpose.ALERT, Purpose.REPORT)


@dataclass(slots=True)
class Sent:
    """What became of the messages of one run."""

    counts: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, int]:
        return {name: count for name, count in self.counts.items() if count}


Taken = tuple[WhatsAppMessage, Ready]


def messages_send(*, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep) -> Sent:
    """Send what is due in the bound workspace, answers before news, and give up on what lost its worker."""
    result = Sent()
    run = _Run(result, clock, sleep)
    with transaction.atomic():
        result.counts["unknown"] += _give_up_lost(timezone.now())
    with ThreadPoolExecutor(AT_ONCE) as pool:
        while not run.is_over() and (batch := _take_batch(result)):
            for start in range(0, len(batch), GROUP):
                run.begin(pool, batch[start : start + GROUP])
            run.finish_all()
    return result


@dataclass(slots=True)
class _Run:
    """The calls that are under way. Threads only talk to WhatsApp; all rows are read and written here."""

    result: Sent
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    started: float = 0.0
    under_way: dict[Future[Answer], Taken] = field(default_factory=dict)
    stopped: set[int] = field(default_factory=set)
    gates: dict[str, Gate] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.started = self.clock()

    def is_over(self) -> bool:
        return self.clock() - self.started > TASK_SECONDS

    def begin(self, pool: ThreadPoolExecutor, group: Sequence[Taken]) -> None:
        # Room first: what is claimed goes out at once, so that a worker that dies holds little it never sent.
        while len(self.under_way) > AT_ONCE - len(group):
            self._finish_some()
        admitted = [(message, ready) for message, ready in group if self._admit(message, ready)]
        for message, ready in _claim(admitted):
            self.under_way[pool.submit(_call, ready)] = (message, ready)

    def _admit(self, message: WhatsAppMessage, ready: Ready) -> bool:
        """Wait for the number's pace; a person who got much waits without holding up others."""
        if ready.number.pk in self.stopped or self.is_over():
            return False
        gate = self._gate(ready.number)
        while (seconds := gate.admit(ready.outgoing.to.key())) > 0:
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
        calls, _rest = wait(self.under_way, return_when=FIRST_COMPLETED)
        done = [Done(*self.under_way.pop(call), call.result()) for call in calls]
        for one in done:
            self._hold_back(one.ready.number, one.ready.outgoing.to.key(), one.answer)
            if one.answer.verdict in STOPS:
                self.stopped.add(one.ready.number.pk)
        self.result.counts += outcomes_keep(done)

    def _hold_back(self, number: WhatsAppNumber, recipient: str, answer: Answer) -> None:
        """What WhatsApp asked of one message concerns all that go the same way, in all workers."""
        if answer.verdict in (Verdict.THROUGHPUT, Verdict.BACKOFF):
            self._gate(number).hold(answer.retry_after or pause(answer.verdict, 1).total_seconds())
        elif answer.verdict is Verdict.PAIR:
            self._gate(number).hold(answer.retry_after or pause(answer.verdict, 1).total_seconds(), recipient)


def _call(ready: Ready) -> Answer:
    return send(ready.number.token, ready.number.phone_number_id, ready.outgoing)


# --- What goes next ---------------------------------------------------------------------------------------------


@transaction.atomic
def _take_batch(result: Sent) -> list[Taken]:
    """The next messages that can go out; those that cannot are put off or ended, with the reason on their rows.

    More than once, where all of a batch had to wait: an empty answer means that nothing is due.
    """
    now = timezone.now()
    while rows := _due(now):
        ready, put_off, ended = [], defaultdict(list), defaultdict(list)
        given = circumstances_of(rows, now)
        for row in rows:
            match _prepared(row, given):
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


def _prepared(message: WhatsAppMessage, given: Circumstances) -> Prepared:
    """A message that cannot even be looked at waits, until it is too old: it must not hold up all others."""
    try:
        return prepare(message, given)
    except Exception:
        log.exception("whatsapp.not_prepared", message=message.pk)
        too_old = message.created_at is None or message.created_at < given.now - GIVE_UP_AFTER
        return Never("local.broken") if too_old else Wait(given.now + UNTIL_MENDED, "local.broken")


def _due(now: datetime) -> list[WhatsAppMessage]:
    urgency = Case(When(purpose__in=_FIRST, then=Value(0)), default=Value(1))
    rows = WhatsAppMessage.objects.filter(is_due(now)).select_related("contact__user", "template", "number")
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
def _claim(taken: Sequence[Taken]) -> list[Taken]:
    """waits → being sent; those are left out that somebody else has, or whose contact has withdrawn or left meanwhile.

    The number is kept before the send: a status may come first, and only its own number's may speak of a message.
    """
    now = timezone.now()
    agreed = WhatsAppContact.objects.filter(
        opt_in_status=OptIn.OPTED_IN, is_active=True, user__is_active=True, user__is_deleted=False
    )
    may = ~Q(purpose__in=_ASKS_CONSENT) | Q(contact__in=agreed)
    due = WhatsAppMessage.objects.filter(is_due(now), may, pk__in=[message.pk for message, _ready in taken])
    free = set(due.select_for_update(no_key=True, of=("self",), skip_locked=True).values_list("pk", flat=True))
    claimed = [(message, ready) for message, ready in taken if message.pk in free]
    by_number: dict[int, list[int]] = defaultdict(list)
    for message, ready in claimed:
        message.claimed_at = now
        by_number[ready.number.pk].append(message.pk)
    for number_id, ids in by_number.items():
        WhatsAppMessage.objects.filter(pk__in=ids).update(claimed_at=now, number_id=number_id)
    return claimed
