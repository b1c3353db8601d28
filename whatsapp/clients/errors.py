"""What WhatsApp's error codes mean for us, in one table. The code decides first, the HTTP status second, titles never."""

import random
from datetime import timedelta
from enum import StrEnum


class Verdict(StrEnum):
    """What to do after a call. Only SENT and UNKNOWN may have made a message."""

    # Accepted; whether it arrives comes by webhook.
    SENT = "sent"
    # Nothing was sent, a repeat may help.
    LATER = "later"
    # The number sends too fast: all its messages wait.
    THROUGHPUT = "throughput"
    # Too many messages to this recipient: the others go on.
    PAIR = "pair"
    # The app or the business account calls too often: minutes.
    BACKOFF = "backoff"
    # This contact cannot be reached, now or later.
    RECIPIENT = "recipient"
    # The 24 hours are over: only a template is accepted.
    WINDOW = "window"
    # WhatsApp holds marketing back from this person: not again within a day.
    PAUSE_DAY = "pause_day"
    # The person stopped marketing messages within WhatsApp.
    OPTED_OUT = "opted_out"
    # The template is not what we think it is: list the templates again.
    TEMPLATE = "template"
    # Token, permission, payment or registration: the number stops, somebody must act.
    CONNECTION = "connection"
    # WhatsApp restricts the account: stop all sending.
    BLOCKED = "blocked"
    # This message is not accepted as it is.
    REFUSED = "refused"
    # It may have been sent: it must not be repeated.
    UNKNOWN = "unknown"


class WhatsAppError(Exception):
    """A call that is not a send failed. `message` is for the log and the staff, words(code) for people."""

    def __init__(self, code: int | str, verdict: Verdict, message: str = ""):
        super().__init__(message or str(code))
        self.code = code
        self.verdict = verdict
        self.message = message


# Verdicts after which the same message may go out again, after `pause`.
REPEATABLE = frozenset({Verdict.LATER, Verdict.THROUGHPUT, Verdict.PAIR, Verdict.BACKOFF})


def verdict_of(code: int | str, http_status: int | None = None) -> Verdict:
    """What a code means, of a call's answer or within a failed status (then there is no HTTP status)."""
    raise NotImplementedError


def words(code: int | str) -> str:
    """One sentence for people, in their language."""
    raise NotImplementedError


def pause(verdict: Verdict, attempt: int) -> timedelta:
    """How long to wait before the next try; `attempt` counts the tries so far, from 1. ValueError for a verdict that no
    waiting changes; PAUSE_DAY is a day, for whoever wants to try at all."""
    raise NotImplementedError
