"""Who was told of an alert, when and by which channel: what was decided here, and what became of it in the ledger of
the channel, which is asked for the final state."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.choices import EmailState
from accounts.models import EmailMessage
from accounts.queries import names_of
from rules.choices import Channel, DeliveryState, SlackState
from rules.models import Alert, AlertDelivery, SlackMessage
from whatsapp.models import WhatsAppMessage
from whatsapp.queries import OBSTACLES
from whatsapp.queries.messages import LOOKS, state_of
from whatsapp.queries.reasons import error_words

# Why something waits, was not told, or goes another way: code → words.
REASONS: Mapping[str, str | Promise] = {
    "quiet_hours": _("quiet hours"),
    "snoozed": _("the alert is snoozed"),
    "answered": _("somebody had answered it before"),
    "resolved": _("its cause was gone before"),
    "superseded": _("it got worse before, and they were told that"),
    "muted": _("they muted this rule"),
    "asked": _("they are asked by WhatsApp whether the rule may act"),
    "inactive": _("they cannot log in any more"),
    "no_address": _("their e-mail address cannot be used"),
    "no_slack": _("they chose no Slack channel"),
    "slack_removed": _("their Slack channel was removed"),
    "slack_broken": _("Slack does not take messages for their channel"),
    "instead": _("instead: no channel of their choice takes it"),
    "no_contact": _("they chose no WhatsApp number"),
    **{f"contact.{code}": words for code, words in OBSTACLES.items()},
}


@dataclass(frozen=True, slots=True)
class Told:
    """One line of the ledger. `look` is a name of the interface's states; `why` explains it, `at` is when."""

    delivery: AlertDelivery
    who: str
    look: str
    words: str
    why: str
    at: datetime | None


# What an outbox says of a message, as the interface shows it.
_LOOKS: Mapping[str, Mapping[str, str]] = {
    Channel.EMAIL.value: {
        EmailState.PENDING.value: "queued", EmailState.SENDING.value: "running", EmailState.SENT.value: "done",
        EmailState.MAYBE_SENT.value: "warning", EmailState.FAILED.value: "failed",
        EmailState.SUPPRESSED.value: "disabled",
    },
    Channel.SLACK.value: {
        SlackState.PENDING.value: "queued", SlackState.SENDING.value: "running", SlackState.SENT.value: "done",
        SlackState.MAYBE_SENT.value: "warning", SlackState.FAILED.value: "failed",
    },
}  # fmt: skip
_OWN_LOOKS = {
    DeliveryState.PENDING.value: "queued",
    DeliveryState.HELD.value: "cooldown",
    DeliveryState.DIGEST.value: "cooldown",
    DeliveryState.SKIPPED.value: "disabled",
}
_Message = EmailMessage | SlackMessage | WhatsAppMessage


def deliveries_of(alert: Alert) -> QuerySet[AlertDelivery]:
    """The newest first."""
    return AlertDelivery.objects.filter(alert=alert).order_by("-created_at", "-pk")


def told(rows: Sequence[AlertDelivery]) -> list[Told]:
    """These lines with what their channels know: a statement for each channel among them, and one for the names."""
    names = names_of(row.user_id for row in rows)
    messages = {channel.value: _messages(channel, rows) for channel in Channel}
    return [_told(row, names.get(row.user_id, ""), messages[row.channel].get(row.message_id or 0)) for row in rows]


def _messages(channel: Channel, rows: Iterable[AlertDelivery]) -> Mapping[int, _Message]:
    ids = {row.message_id for row in rows if row.channel == channel and row.message_id is not None}
    if not ids:
        return {}
    # What is said in them is encrypted, and not asked for.
    if channel == Channel.EMAIL:
        return EmailMessage.objects.defer("subject", "text", "html", "address").in_bulk(ids)
    if channel == Channel.SLACK:
        return SlackMessage.objects.defer("payload").in_bulk(ids)
    return WhatsAppMessage.objects.defer("content", "template_variables").in_bulk(ids)


def _told(row: AlertDelivery, who: str, message: _Message | None) -> Told:
    if row.state == DeliveryState.QUEUED and message is not None:
        return _by_message(row, who, message)
    if row.state == DeliveryState.QUEUED:
        return Told(
            row, who, "done", str(row.get_state_display()), str(_("its message is not kept any more")), row.handed_at
        )
    why = str(REASONS.get(row.reason, row.reason))
    return Told(row, who, _OWN_LOOKS[row.state], str(row.get_state_display()), why, row.due_at)


def _by_message(row: AlertDelivery, who: str, message: _Message) -> Told:
    if isinstance(message, WhatsAppMessage):
        found = state_of(message, timezone.now())
        at = message.read_at or message.delivered_at or message.sent_at or row.handed_at
        return Told(row, who, LOOKS[found], str(found.label), error_words(message), at)
    look = _LOOKS[row.channel].get(message.state, "queued")
    at = message.sent_at or row.handed_at
    why = message.error or str(REASONS.get(row.reason, ""))
    return Told(row, who, look, str(message.get_state_display()), why, at)
