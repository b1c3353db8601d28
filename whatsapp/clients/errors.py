"""What WhatsApp's error codes mean for us, in one table. The code decides first, the HTTP status second, titles never.

The same codes come as a call's answer and within a `failed` status (Meta, "Cloud API error codes").
"""

import random
from datetime import timedelta
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy


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
    # The template is paused: messages wait for it.
    TEMPLATE_PAUSED = "template_paused"
    # Token, permission, payment or registration: the number stops, somebody must act.
    CONNECTION = "connection"
    # WhatsApp restricts the account: stop all sending.
    BLOCKED = "blocked"
    # This message is not accepted as it is.
    REFUSED = "refused"
    # It may have been sent: it must not be repeated.
    UNKNOWN = "unknown"


class WhatsAppError(Exception):
    """A call that is not a send failed. `message` is WhatsApp's own, for staff; words(code) is for people."""

    def __init__(self, code: int | str, verdict: Verdict, message: str = ""):
        super().__init__(message or str(code))
        self.code = code
        self.verdict = verdict
        self.message = message


# After these the same message may go out again, once `pause` is over.
REPEATABLE = frozenset({Verdict.LATER, Verdict.THROUGHPUT, Verdict.PAIR, Verdict.BACKOFF})

# What we call things that have no code of WhatsApp's.
NO_CONNECTION, NO_ANSWER, UNREADABLE = "local.no_connection", "local.no_answer", "local.unreadable"
BAD_ADDRESS, WRONG_SIDE, NO_RECIPIENT = "local.bad_address", "local.wrong_side", "local.no_recipient"
BAD_TOKEN = "local.bad_token"  # noqa: S105 - a word for what is wrong

_TOKEN = gettext_lazy("WhatsApp no longer accepts the access token. Connect the number again.")
_RIGHTS = gettext_lazy("The access token lacks a permission. Check the system user's rights in Meta Business Settings.")
_NUMBER_GONE = gettext_lazy("WhatsApp does not know this sending number. Check that it is registered.")
_SHORTLY = gettext_lazy("WhatsApp has a problem of its own. This may work again in a moment.")
_TOO_OFTEN = gettext_lazy("WhatsApp was called too often. Sending goes on in a few minutes.")
_LOCKED = gettext_lazy("WhatsApp has restricted this business account. See Business Support Home at Meta.")
_PARAMETER = gettext_lazy("WhatsApp does not accept a value that was sent.")
_TEMPLATE = gettext_lazy("The values do not fit the template. Its current text is being fetched.")
_MEDIA = gettext_lazy("WhatsApp could not use the attached file.")

# Code: what to do, and one sentence for people.
_CODES: dict[int, tuple[Verdict, Promise]] = {
    0: (Verdict.CONNECTION, _TOKEN),
    1: (Verdict.LATER, _SHORTLY),
    2: (Verdict.LATER, _SHORTLY),
    3: (Verdict.CONNECTION, _RIGHTS),
    4: (Verdict.BACKOFF, _TOO_OFTEN),
    10: (Verdict.CONNECTION, _RIGHTS),
    33: (Verdict.CONNECTION, _NUMBER_GONE),
    100: (Verdict.REFUSED, _PARAMETER),
    190: (Verdict.CONNECTION, _TOKEN),
    368: (Verdict.BLOCKED, _LOCKED),
    80007: (Verdict.BACKOFF, _TOO_OFTEN),
    130403: (Verdict.RECIPIENT, gettext_lazy("You have blocked this person on WhatsApp.")),
    130429: (Verdict.THROUGHPUT, gettext_lazy("The number sends faster than WhatsApp allows. It slows down.")),
    130472: (
        Verdict.REFUSED,
        gettext_lazy("WhatsApp keeps marketing from this person for an experiment of its own. It is not sent again."),
    ),
    130497: (Verdict.RECIPIENT, gettext_lazy("WhatsApp does not let this number write to people in that country.")),
    131000: (Verdict.LATER, _SHORTLY),
    131005: (Verdict.CONNECTION, _RIGHTS),
    131008: (Verdict.REFUSED, _PARAMETER),
    131009: (Verdict.REFUSED, _PARAMETER),
    131016: (Verdict.LATER, _SHORTLY),
    131021: (Verdict.RECIPIENT, gettext_lazy("This is the sending number itself: it cannot write to itself.")),
    131026: (
        Verdict.RECIPIENT,
        gettext_lazy("This number cannot be reached: it is not on WhatsApp, or its app or its terms are out of date."),
    ),
    131030: (
        Verdict.REFUSED,
        gettext_lazy("A test number writes only to the people on its list. Add this one at Meta."),
    ),
    131031: (Verdict.BLOCKED, _LOCKED),
    131037: (
        Verdict.CONNECTION,
        gettext_lazy("The display name of the sending number is not approved. Set it in WhatsApp Manager."),
    ),
    131042: (
        Verdict.CONNECTION,
        gettext_lazy("WhatsApp cannot bill this business account. Check its payment method at Meta."),
    ),
    131045: (Verdict.CONNECTION, _NUMBER_GONE),
    131047: (
        Verdict.WINDOW,
        gettext_lazy("The last message of this person is more than 24 hours old: only a template is accepted."),
    ),
    131048: (
        Verdict.BLOCKED,
        gettext_lazy("WhatsApp limits this number because people reported or blocked it. Sending has stopped."),
    ),
    131049: (
        Verdict.PAUSE_DAY,
        gettext_lazy("WhatsApp holds marketing back from this person for now. Wait at least a day."),
    ),
    131050: (Verdict.OPTED_OUT, gettext_lazy("This person has stopped marketing messages on WhatsApp.")),
    131051: (Verdict.REFUSED, gettext_lazy("WhatsApp does not support this kind of message.")),
    131052: (Verdict.REFUSED, _MEDIA),
    131053: (Verdict.REFUSED, _MEDIA),
    131056: (
        Verdict.PAIR,
        gettext_lazy("This person got many messages in a short time. The next one waits a little."),
    ),
    131057: (Verdict.LATER, gettext_lazy("WhatsApp is servicing this account. This may work again in a moment.")),
    131062: (
        Verdict.REFUSED,
        gettext_lazy("This message needs a phone number, and only the WhatsApp user is known."),
    ),
    131063: (
        Verdict.REFUSED,
        gettext_lazy("Marketing templates are switched off for this business account at Meta."),
    ),
    131064: (
        Verdict.BLOCKED,
        gettext_lazy("WhatsApp limits this account because of wrong template categories. Correct them at Meta."),
    ),
    132000: (Verdict.TEMPLATE, _TEMPLATE),
    132001: (
        Verdict.TEMPLATE,
        gettext_lazy("WhatsApp has no approved template of this name in this language."),
    ),
    132005: (Verdict.REFUSED, gettext_lazy("With its values filled in the template is too long.")),
    132007: (Verdict.TEMPLATE, gettext_lazy("The template breaks a rule of WhatsApp's. Change its text.")),
    132008: (Verdict.TEMPLATE, _TEMPLATE),
    132012: (Verdict.TEMPLATE, _TEMPLATE),
    132015: (
        Verdict.TEMPLATE_PAUSED,
        gettext_lazy("WhatsApp has paused this template because people did not like it. It may come back in hours."),
    ),
    132016: (
        Verdict.TEMPLATE,
        gettext_lazy("WhatsApp has disabled this template because of its quality. Change it and hand it in again."),
    ),
    132018: (Verdict.REFUSED, gettext_lazy("A value of the template holds line breaks, tabs or too many blanks.")),
    133004: (Verdict.LATER, _SHORTLY),
    133010: (Verdict.CONNECTION, _NUMBER_GONE),
    133015: (Verdict.BACKOFF, _TOO_OFTEN),
    133016: (Verdict.BACKOFF, _TOO_OFTEN),
    135000: (Verdict.REFUSED, _PARAMETER),
    2388019: (Verdict.REFUSED, gettext_lazy("The account has as many templates as WhatsApp allows. Delete some.")),
    2388039: (Verdict.REFUSED, gettext_lazy("The template cannot be changed while it is being reviewed.")),
    2388040: (Verdict.REFUSED, gettext_lazy("A part of the template is longer than WhatsApp allows.")),
    2494100: (Verdict.BACKOFF, gettext_lazy("WhatsApp is servicing this number. Sending goes on in a few minutes.")),
}

_LOCAL: dict[str, tuple[Verdict, Promise]] = {
    NO_CONNECTION: (Verdict.LATER, gettext_lazy("WhatsApp could not be reached.")),
    NO_ANSWER: (
        Verdict.UNKNOWN,
        gettext_lazy("WhatsApp did not answer in time. It may have done what was asked, so it is not asked again."),
    ),
    UNREADABLE: (
        Verdict.UNKNOWN,
        gettext_lazy("WhatsApp's answer could not be read. It may have done what was asked, so it is not asked again."),
    ),
    BAD_ADDRESS: (Verdict.CONNECTION, gettext_lazy("The address of WhatsApp is not set up correctly.")),
    BAD_TOKEN: (Verdict.CONNECTION, _TOKEN),
    WRONG_SIDE: (
        Verdict.CONNECTION,
        gettext_lazy("A token of the sandbox works only in the sandbox, and a real one only at Meta."),
    ),
    NO_RECIPIENT: (Verdict.REFUSED, gettext_lazy("Nobody is named to send this to.")),
}


def verdict_of(code: int | str, http_status: int | None = None) -> Verdict:
    """What a code means: of a call's answer, or within a failed status (which has no HTTP status).

    A code we do not know is judged by the status; '' is an answer without a code. With neither it is REFUSED: nothing
    says that a repeat would help.
    """
    if isinstance(code, str) and code in _LOCAL:
        return _LOCAL[code][0]
    number = _number(code)
    if number in _CODES:
        return _CODES[number][0]
    if number is not None and 200 <= number <= 299:
        return Verdict.CONNECTION
    return _by_status(http_status, answered=number is not None)


def _by_status(status: int | None, *, answered: bool) -> Verdict:
    """`answered`: WhatsApp itself said what is wrong, in an error object. Else it may be a gateway's page."""
    if status is None:
        return Verdict.REFUSED
    if status >= 500:
        return Verdict.LATER if answered else Verdict.UNKNOWN
    if status == 429:
        return Verdict.BACKOFF
    # A page that is not WhatsApp's means a wrong address; a code of tomorrow may be about one message only.
    if status == 401 or (status in (403, 404, 410) and not answered):
        return Verdict.CONNECTION
    if status == 408 or 300 <= status < 400:
        return Verdict.LATER
    return Verdict.UNKNOWN if 200 <= status < 300 and not answered else Verdict.REFUSED


def words(code: int | str) -> str:
    """One sentence for people, in the language that is active."""
    if isinstance(code, str) and code in _LOCAL:
        return str(_LOCAL[code][1])
    number = _number(code)
    if number in _CODES:
        return str(_CODES[number][1])
    if number is not None and 200 <= number <= 299:
        return str(_RIGHTS)
    if number is None:
        return _("WhatsApp did not accept this.")
    return _("WhatsApp did not accept this (code %(code)s).") % {"code": number}


def _number(code: int | str) -> int | None:
    if isinstance(code, int):
        return code
    return int(code) if code.isdecimal() and code.isascii() and len(code) <= 9 else None


def pause(verdict: Verdict, attempt: int) -> timedelta:
    """How long to wait before the next try, with a random share so that many messages do not come back at once.

    `attempt` counts the tries so far, from 1. ValueError for a verdict that no waiting changes. 4^n seconds as Meta
    advises for 130429 and 131056, where a pair frees up no sooner than after 6; minutes for calls of the app; PAUSE_DAY
    is a day and up to an hour, for whoever wants to try then.
    """
    step = min(max(attempt, 1), 10)
    match verdict:
        case Verdict.LATER | Verdict.THROUGHPUT:
            seconds = min(4.0**step, 3600.0)
        case Verdict.PAIR:
            seconds = min(max(6.0, 4.0**step), 3600.0)
        case Verdict.BACKOFF:
            seconds = min(300.0 * 2 ** (step - 1), 3600.0)
        case Verdict.PAUSE_DAY:
            return timedelta(days=1, seconds=random.uniform(0, 3600))
        case _:
            raise ValueError(f"No waiting helps after {verdict}.")
    return timedelta(seconds=seconds * random.uniform(1.0, 1.25))
