"""Sending what waits: claim a message, deliver it, keep what came of it.

No transaction is open while a mail server is asked. A message is claimed by a conditional UPDATE that counts the try,
and finished by another one that names the same claim. A try that found no mail server, or one that does not take us,
is given back: the message waits for it as long as it is worth being read. SMTP knows no key against repeats: what may
have arrived is never sent again, so each message arrives at most once.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.audit import Actor
from accounts.choices import EmailKind, EmailState, SuppressionWay
from accounts.clients.letters import Answer, Letter, Verdict
from accounts.clients.outlets import Outlet, outlet
from accounts.emails import unsubscribe_url, with_unsubscribe
from accounts.models import EmailMessage
from accounts.queries import due_emails, lost_emails
from accounts.services.emails import email_obstacle, email_unsubscribe, suppressed_words
from stratum.lib.masking import MASK, mask_text

MAX_TRIES = 5
# 1, 4, 16 and 60 minutes: a server that restarts, one that greylists, and one that is down for an hour.
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=1)
# So long a message waits for a mail server that is not there: as long as it is of use to whoever reads it. Most outages
# are found and mended by the next working day.
WAITS_AT_MOST = {
    EmailKind.NOTICE.value: timedelta(days=1),
    EmailKind.ALERT.value: timedelta(days=3),
    EmailKind.DIGEST.value: timedelta(days=3),
    EmailKind.REPORT.value: timedelta(days=7),
}
# A task begins no further message after this; the beat sends the rest.
TASK_SECONDS = 240.0
LONGEST_WORDS = 300
ACTOR = Actor.job("accounts.send_email")


@dataclass(slots=True)
class EmailsSent:
    """What became of the messages of one run."""

    sent: int = 0
    failed: int = 0
    postponed: int = 0
    suppressed: int = 0
    unknown: int = 0

    @property
    def counts(self) -> dict[str, int]:
        found = {name: getattr(self, name) for name in self.__slots__}
        return {name: count for name, count in found.items() if count}


def email_send(*, clock: Callable[[], float] = time.monotonic) -> EmailsSent:
    """Send what is due in the bound workspace, the oldest first, and give up on what lost its worker.

    When the mail server is not reached, or takes nothing from us, the run ends: no other message would come through.
    """
    result, started = EmailsSent(), clock()
    with transaction.atomic():
        result.unknown += _give_up_lost(timezone.now())
        due = due_emails(timezone.now())
    way_out = outlet()
    try:
        for email_id in due:
            if clock() - started > TASK_SECONDS:
                break
            email = _claim(email_id, result)
            if email is None:
                continue
            answer = _deliver(way_out, email)
            _keep(email, answer, result)
            if answer.verdict is Verdict.OFFLINE:
                break
    finally:
        way_out.close()
    return result


@transaction.atomic
def _claim(email_id: int, result: EmailsSent) -> EmailMessage | None:
    """pending → sending; None when somebody else has it, it is not due, or it is not wanted any more."""
    now = timezone.now()
    due = Q(state=EmailState.PENDING) & (Q(next_retry_at=None) | Q(next_retry_at__lte=now))
    rows = EmailMessage.objects.filter(pk=email_id)
    if not rows.filter(due).update(state=EmailState.SENDING, attempts=F("attempts") + 1, claimed_at=now):
        return None
    email = rows.select_related("user").prefetch_related("attachments").get()
    if code := email_obstacle(email):
        result.suppressed += rows.update(
            state=EmailState.SUPPRESSED, error_code=code, error=suppressed_words(code), next_retry_at=None
        )
        return None
    return email


def _give_up_lost(now: datetime) -> int:
    """A worker died over these: whether the mail server has them nobody knows."""
    code = "local.worker_lost"
    return EmailMessage.objects.filter(lost_emails(now)).update(
        state=EmailState.MAYBE_SENT, error_code=code, error=error_words(Answer(Verdict.UNKNOWN, code))
    )


def _deliver(way_out: Outlet, email: EmailMessage) -> Answer:
    url = unsubscribe_url(email)
    letter = Letter(
        address=email.address,
        subject=email.subject,
        text=with_unsubscribe(email.text, url, is_html=False),
        html=with_unsubscribe(email.html, url, is_html=True),
        message_id=email.message_id,
        written_at=email.created_at,
        unsubscribe_url=url,
        attachments=tuple(
            (file.name, file.content_type, cast("bytes", file.content)) for file in email.attachments.all()
        ),
    )
    try:
        return way_out.deliver(letter)
    except ValueError:
        # No letter can be made of it, a mistake of ours: nothing was sent, and a repeat would end the same way.
        return Answer(Verdict.REFUSED, "local.broken")


@transaction.atomic
def _keep(email: EmailMessage, answer: Answer, result: EmailsSent) -> None:
    """What came of this try, on the message."""
    now = timezone.now()
    # The moment of the claim names the try: a number comes twice where a try was given back.
    mine = EmailMessage.objects.filter(pk=email.pk, state=EmailState.SENDING, claimed_at=email.claimed_at)
    values: dict[str, Any] = {
        "error_code": answer.code[:100],
        "error": error_words(answer, email.address),
        "next_retry_at": None,
    }
    match answer.verdict:
        case Verdict.SENT:
            result.sent += mine.update(state=EmailState.SENT, sent_at=now, **values)
        case Verdict.UNKNOWN:
            result.unknown += mine.update(state=EmailState.MAYBE_SENT, **values)
        case Verdict.OFFLINE if now - email.created_at < WAITS_AT_MOST[email.kind]:
            values |= {"next_retry_at": now + FIRST_PAUSE, "attempts": F("attempts") - 1}
            result.postponed += mine.update(state=EmailState.PENDING, **values)
        case Verdict.OFFLINE:
            values["error"] += " " + _too_old_words(WAITS_AT_MOST[email.kind])
            result.failed += mine.update(state=EmailState.FAILED, **values)
        case Verdict.LATER if email.attempts < MAX_TRIES:
            values["next_retry_at"] = now + min(FIRST_PAUSE * 4 ** (email.attempts - 1), LONGEST_PAUSE)
            result.postponed += mine.update(state=EmailState.PENDING, **values)
        case _:
            result.failed += mine.update(state=EmailState.FAILED, **values)
            if answer.verdict is Verdict.NOBODY:
                email_unsubscribe(
                    address_hash=email.address_hash,
                    kind="",
                    way=SuppressionWay.BOUNCE,
                    email_id=email.pk,
                    actor=ACTOR,
                )


def _too_old_words(age: timedelta) -> str:
    words = ngettext(
        "It has waited for %(days)s day, and is not tried any more.",
        "It has waited for %(days)s days, and is not tried any more.",
        age.days,
    )
    return words % {"days": age.days}


def error_words(answer: Answer, address: str = "") -> str:
    """What an answer means, for people; empty for success. `address` never stands in it, whatever the server said."""
    if answer.verdict is Verdict.SENT:
        return ""
    known = {
        "local.no_connection": _("The mail server could not be reached."),
        "local.cut_off": _("The mail server ended the connection before it had the message."),
        "local.no_tls": _("The mail server offers no safe connection or no log-in, which the settings ask for."),
        "local.login_refused": _("The mail server does not know the user name and password of the settings."),
        "local.no_server": _("No mail server is set up. Whoever runs Stratum sets EMAIL_HOST."),
        "local.no_folder": _("The folder for e-mail cannot be written to."),
        "local.broken": _("No e-mail could be made of this message."),
        "local.no_answer": _("The mail server did not confirm it. It may have arrived, so it is not sent again."),
        "local.worker_lost": _("The sending was cut off. It may have arrived, so it is not sent again."),
        "local.unexpected": _("Something else than a mail server answered."),
    }
    if answer.code in known:
        return known[answer.code]
    said = answer.words.replace(address, MASK) if address else answer.words
    words = {"code": answer.code, "words": mask_text(said)[:LONGEST_WORDS]}
    match answer.verdict:
        case Verdict.NOBODY:
            return _("There is no such mailbox: %(words)s (%(code)s)") % words
        case Verdict.OFFLINE:
            return _("The mail server takes no e-mail from this installation: %(words)s (%(code)s)") % words
        case Verdict.REFUSED:
            return _("The mail server refused it: %(words)s (%(code)s)") % words
        case _:
            return _("The mail server asked to try later: %(words)s (%(code)s)") % words
