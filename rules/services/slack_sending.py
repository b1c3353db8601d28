"""Sending what waits for Slack: claim a message, post it, keep what came of it.

No transaction is open while Slack is asked. A message is claimed by a conditional UPDATE that counts the try, and
finished by another one that names the same try. Slack knows no key against repeats: what may have arrived is never sent
again, so each message arrives at most once.
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

from accounts.audit import Actor, record
from accounts.choices import AuditAction
from rules.actions.alert_rows import AlertRow, alerts_raise, alerts_resolve
from rules.choices import AlertStatus, Severity, SlackKind, SlackState, SlackStatus
from rules.clients.slack import Answer, Verdict, message_post, webhook_post
from rules.models import Alert, SlackMessage, SlackTarget
from rules.queries.slack import SENDING_AT_MOST, due_messages
from rules.services.slack_targets import broken_cause

log = structlog.get_logger(__name__)

MAX_TRIES = 5
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(minutes=15)
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
    """Send what is due in the bound workspace, the oldest first, and give up on what lost its worker."""
    result, started = SlackSent(), clock()
    with transaction.atomic():
        result.unknown += _give_up_lost(timezone.now())
        due = due_messages(timezone.now())
    for message_id, target_id in due:
        if clock() - started > TASK_SECONDS:
            break
        _wait_turn(target_id, sleep)
        message = _claim(message_id)
        if message is not None:
            _keep(message, _post(message), result)
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
    return message_post(target.token, target.channel, message.payload)


@transaction.atomic
def _keep(message: SlackMessage, answer: Answer, result: SlackSent) -> None:
    """What came of this try, on the message and on its target."""
    now = timezone.now()
    mine = SlackMessage.objects.filter(pk=message.pk, state=SlackState.SENDING, attempts=message.attempts)
    values = {"http_status": answer.http_status, "error_code": answer.code, "error": error_words(answer.code)}
    match answer.verdict:
        case Verdict.SENT:
            result.sent += mine.update(state=SlackState.SENT, sent_at=now, ts=answer.ts, **values)
            _note_success(message.target_id, now)
        case Verdict.UNKNOWN:
            result.unknown += mine.update(state=SlackState.MAYBE_SENT, **values)
        case Verdict.LATER if message.attempts < MAX_TRIES:
            until = now + _pause(message, answer)
            result.postponed += mine.update(state=SlackState.PENDING, next_retry_at=until, **values)
            if answer.retry_after is not None:
                _hold_back(message.target_id, until)
        case _:
            result.failed += mine.update(state=SlackState.FAILED, **values)
            if answer.verdict is Verdict.TARGET:
                _note_failure(message.target_id, error_words(answer.code), now)


def _pause(message: SlackMessage, answer: Answer) -> timedelta:
    """What Slack asked for, and no less than a pause that grows with each try."""
    growing = min(FIRST_PAUSE * 2 ** (message.attempts - 1), LONGEST_PAUSE)
    return max(growing, timedelta(seconds=answer.retry_after or 0))


def _hold_back(target_id: int, until: datetime) -> None:
    """A limit concerns the channel: what else waits for it waits as long."""
    waiting = SlackMessage.objects.filter(target_id=target_id, state=SlackState.PENDING)
    waiting.filter(Q(next_retry_at=None) | Q(next_retry_at__lt=until)).update(next_retry_at=until)


def _note_success(target_id: int, now: datetime) -> None:
    target = SlackTarget.objects.with_deleted().select_for_update(no_key=True).get(pk=target_id)
    was_broken = target.status == SlackStatus.BROKEN
    target.status, target.failures, target.last_error, target.last_sent_at = SlackStatus.OK, 0, "", now
    target.save(update_fields=["status", "failures", "last_error", "last_sent_at", "updated_at"])
    if was_broken:
        _record_status(target, SlackStatus.BROKEN)
        open_alerts = Alert.objects.filter(cause=broken_cause(target), status=AlertStatus.OPEN)
        alerts_resolve(list(open_alerts.values_list("pk", flat=True)), actor=ACTOR)


def _note_failure(target_id: int, error: str, now: datetime) -> None:
    """Count it; after BROKEN_AFTER in a row the target is broken, and people are told."""
    target = SlackTarget.objects.with_deleted().select_for_update(no_key=True).get(pk=target_id)
    target.failures, target.last_error = min(target.failures + 1, 1000), error
    breaks = target.failures >= BROKEN_AFTER and target.status == SlackStatus.OK and not target.is_deleted
    if breaks:
        target.status = SlackStatus.BROKEN
    target.save(update_fields=["failures", "last_error", "status", "updated_at"])
    if breaks:
        _record_status(target, SlackStatus.OK)
        alerts_raise([_broken_alert(target)], now=now, actor=ACTOR)


def _record_status(target: SlackTarget, old: str) -> None:
    record(
        actor=ACTOR,
        action=AuditAction.UPDATE,
        resource=target,
        old={"status": str(old)},
        new={"status": str(target.status)},
    )


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


def error_words(code: str) -> str:
    """What a code of Slack's, or one of ours, means; empty for none."""
    if not code:
        return ""
    known = {
        "no_service": _("The webhook was revoked in Slack."),
        "no_service_id": _("The webhook was revoked in Slack."),
        "no_active_hooks": _("The webhook was revoked in Slack."),
        "invalid_token": _("The webhook’s address is wrong."),
        "action_prohibited": _("An admin of the Slack workspace does not allow this."),
        "channel_not_found": _("There is no such channel in Slack, or the bot cannot see it."),
        "not_in_channel": _("The bot is not in the channel. Invite it in Slack."),
        "channel_is_archived": _("The channel is archived in Slack."),
        "is_archived": _("The channel is archived in Slack."),
        "invalid_auth": _("Slack does not know this token."),
        "not_authed": _("Slack does not know this token."),
        "token_revoked": _("The bot’s token was revoked in Slack."),
        "account_inactive": _("The bot was removed from the Slack workspace."),
        "token_expired": _("The bot’s token has run out."),
        "missing_scope": _("The bot may not write messages: its app lacks the scope chat:write."),
        "rate_limited": _("Slack asked to wait."),
        "ratelimited": _("Slack asked to wait."),
        "local.no_connection": _("Slack could not be reached."),
        "local.no_answer": _("Slack did not answer in time. It may have arrived, so it is not sent again."),
        "local.worker_lost": _("The sending was cut off. It may have arrived, so it is not sent again."),
        "local.host_not_allowed": _("This address is no webhook of Slack’s."),
        "local.bad_address": _("This address is no webhook of Slack’s."),
        "local.removed": _("The channel was removed."),
        "local.unexpected": _("Something else than Slack answered at this address."),
    }
    return known.get(code) or _("Slack says: %(code)s.") % {"code": code}
