"""Sending what waits for Slack: claim a message, post it, keep what came of it.

No transaction is open while Slack is asked. A message is claimed by a conditional UPDATE that counts the try, and
finished by another one that names the same claim. A try that never came as far as Slack is given back: the message
waits as long as it is worth being read. Slack knows no key against repeats: what may have arrived is never sent again,
so each message arrives at most once.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.core.cache import cache
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import Actor
from rules.actions.alert_rows import AlertRow, alerts_raise
from rules.choices import Severity, SlackKind, SlackState, SlackStatus
from rules.clients.slack import Answer, Verdict, message_post, webhook_post
from rules.models import SlackMessage, SlackTarget
from rules.queries.slack import SENDING_AT_MOST, due_messages
from rules.services.slack_targets import MENDED_FIELDS, broken_cause, status_record, target_mend
from rules.services.slack_tokens import OF_INSTALL, install_post
from rules.services.slack_words import error_words

log = structlog.get_logger(__name__)

MAX_TRIES = 5
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(minutes=15)
# Between tries that Slack answered, each four times as long: the last is well over an hour after the first.
LONGEST_BETWEEN_TRIES = timedelta(hours=1)
# What is no answer of Slack's, and how long a message waits for one: a weekend without a proxy is over by then.
NO_ANSWERS, WAITS_AT_MOST = frozenset({"local.no_connection", "local.token_renewal"}), timedelta(days=3)
# So many refusals in a row that are the target's own fault, and it is broken.
BROKEN_AFTER = 3
# Slack takes about one message a second for a channel.
SECONDS_BETWEEN = 1
# A task begins no further message after this; the beat sends the rest.
TASK_SECONDS = 240.0
ACTOR = Actor.job("rules.send_slack")


@dataclass(slots=True)
class SlackSent:
    """What became of the messages of one run."""

    sent: int = 0
    failed: int = 0
    postponed: int = 0
    unknown: int = 0

    @property
    def counts(self) -> dict[str, int]:
        found = {"sent": self.sent, "failed": self.failed, "postponed": self.postponed, "unknown": self.unknown}
        return {name: count for name, count in found.items() if count}


def slack_send(
    *, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
) -> SlackSent:
    """Send what is due in the bound workspace, the oldest first, and give up on what lost its worker.

    A target that is not reached is left alone for the rest of the run.
    """
    result, started = SlackSent(), clock()
    with transaction.atomic():
        result.unknown += _give_up_lost(timezone.now())
        due = due_messages(timezone.now())
    unreached: set[int] = set()
    for message_id, target_id in due:
        if clock() - started > TASK_SECONDS:
            break
        if target_id in unreached:
            continue
        _wait_turn(target_id, sleep)
        message = _claim(message_id)
        if message is not None:
            answer = _post(message)
            _keep(message, answer, result)
            if answer.code in NO_ANSWERS:
                # Each further message would wait as long for nothing.
                unreached.add(target_id)
    return result


@transaction.atomic
def _claim(message_id: int) -> SlackMessage | None:
    """pending → sending; None when somebody else has it, or it is not due."""
    now = timezone.now()
    due = Q(state=SlackState.PENDING) & (Q(next_retry_at=None) | Q(next_retry_at__lte=now))
    rows = SlackMessage.objects.filter(pk=message_id)
    if not rows.filter(due).update(state=SlackState.SENDING, attempts=F("attempts") + 1, claimed_at=now):
        return None
    return rows.select_related("target").get()


def _give_up_lost(now: datetime) -> int:
    """A worker died over these: whether Slack has them nobody knows."""
    lost = SlackMessage.objects.filter(state=SlackState.SENDING, claimed_at__lt=now - SENDING_AT_MOST)
    return lost.update(
        state=SlackState.MAYBE_SENT, error_code="local.worker_lost", error=error_words("local.worker_lost")
    )


def _wait_turn(target_id: int, sleep: Callable[[float], None]) -> None:
    """At most one message a second for a target, over all workers."""
    while not cache.add(f"slack:turn:{target_id}", 1, timeout=SECONDS_BETWEEN):
        sleep(0.1)


def _post(message: SlackMessage) -> Answer:
    target = message.target
    if target.is_deleted:
        return Answer(Verdict.REFUSED, code="local.removed")
    if target.kind == SlackKind.WEBHOOK:
        return webhook_post(target.url, message.payload)
    if target.install_id is not None:
        return install_post(target.install_id, target.channel, message.payload)
    return message_post(target.token, target.channel, message.payload)


@transaction.atomic
def _keep(message: SlackMessage, answer: Answer, result: SlackSent) -> None:
    """What came of this try, on the message and on its target."""
    now = timezone.now()
    # The moment of the claim names the try: a number comes twice where a try was given back.
    mine = SlackMessage.objects.filter(pk=message.pk, state=SlackState.SENDING, claimed_at=message.claimed_at)
    values = {"http_status": answer.http_status, "error_code": answer.code, "error": error_words(answer.code)}
    is_outage, age = answer.code in NO_ANSWERS, now - message.created_at
    match answer.verdict:
        case Verdict.SENT:
            result.sent += mine.update(state=SlackState.SENT, sent_at=now, ts=answer.ts, **values)
            _note_success(message.target_id, now)
        case Verdict.UNKNOWN:
            result.unknown += mine.update(state=SlackState.MAYBE_SENT, **values)
        case Verdict.LATER if is_outage and age >= WAITS_AT_MOST:
            waited = _("It has waited for %(days)s days, and is not tried any more.") % {"days": WAITS_AT_MOST.days}
            result.failed += mine.update(state=SlackState.FAILED, **values | {"error": f"{values['error']} {waited}"})
        case Verdict.LATER if is_outage or message.attempts < MAX_TRIES:
            # Without tries to count, as long again as it has waited.
            growing = min(max(age, FIRST_PAUSE), LONGEST_PAUSE) if is_outage else _between_tries(message.attempts)
            until = now + max(growing, timedelta(seconds=answer.retry_after or 0))
            tries = message.attempts - int(is_outage)
            result.postponed += mine.update(state=SlackState.PENDING, next_retry_at=until, attempts=tries, **values)
            if answer.retry_after is not None:
                _hold_back(message.target_id, until)
        case _:
            result.failed += mine.update(state=SlackState.FAILED, **values)
            if answer.verdict is Verdict.TARGET and not _is_of_install(message.target, answer):
                _note_failure(message.target_id, error_words(answer.code), now)


def _is_of_install(target: SlackTarget, answer: Answer) -> bool:
    return target.install_id is not None and target.kind == SlackKind.BOT and answer.code in OF_INSTALL


def _between_tries(tries: int) -> timedelta:
    return min(2 * FIRST_PAUSE * 4 ** (tries - 1), LONGEST_BETWEEN_TRIES)


def _hold_back(target_id: int, until: datetime) -> None:
    """A limit concerns the channel: what else waits for it waits as long."""
    waiting = SlackMessage.objects.filter(target_id=target_id, state=SlackState.PENDING)
    waiting.filter(Q(next_retry_at=None) | Q(next_retry_at__lt=until)).update(next_retry_at=until)


def _note_success(target_id: int, now: datetime) -> None:
    target = SlackTarget.objects.with_deleted().select_for_update(no_key=True).get(pk=target_id)
    target_mend(target, actor=ACTOR)
    target.last_sent_at = now
    target.save(update_fields=[*MENDED_FIELDS, "last_sent_at"])


def _note_failure(target_id: int, error: str, now: datetime) -> None:
    """Count it; after BROKEN_AFTER in a row the target is broken, and people are told."""
    target = SlackTarget.objects.with_deleted().select_for_update(no_key=True).get(pk=target_id)
    target.failures, target.last_error = min(target.failures + 1, 1000), error
    breaks = target.failures >= BROKEN_AFTER and target.status == SlackStatus.OK and not target.is_deleted
    if breaks:
        target.status = SlackStatus.BROKEN
    target.save(update_fields=["failures", "last_error", "status", "updated_at"])
    if breaks:
        status_record(target, SlackStatus.OK, actor=ACTOR)
        alerts_raise([_broken_alert(target)], now=now, actor=ACTOR)


def _broken_alert(target: SlackTarget) -> AlertRow:
    body = _(
        "%(error)s Rules that write there fail until it is mended. Send a test message, or choose another channel."
    )
    return AlertRow(
        cause=broken_cause(target),
        severity=Severity.WARNING.value,
        title=_("Slack does not take messages any more: %(name)s") % {"name": target.name},
        body=body % {"error": target.last_error},
    )
