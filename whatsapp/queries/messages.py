"""Reads of the delivery ledger: what state a message is in, and the list with its filters."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime

from django.db.models import Case, CharField, Q, QuerySet, Value, When

from whatsapp.choices import Direction, MessageState, MessageStatus, Purpose
from whatsapp.models import WhatsAppMessage, WhatsAppNumber, WhatsAppTemplate

# Our own word among the error codes: a person took the message back before it went out.
CANCELLED = "local.cancelled"
# `error` of a filter: whatever went wrong.
ANY_ERROR = "any"
MOST_CHOICES = 200
# The tag of each state: a name of stratum.templatetags.ui.STATUSES.
LOOKS = {
    MessageState.QUEUED: "queued",
    MessageState.WAITS: "cooldown",
    MessageState.SENDING: "running",
    MessageState.ACCEPTED: "sent",
    MessageState.MAYBE: "warning",
    MessageState.SENT: "sent",
    MessageState.DELIVERED: "delivered",
    MessageState.READ: "read",
    MessageState.FAILED: "failed",
    MessageState.CANCELLED: "disabled",
    MessageState.RECEIVED: "info",
}

_FAILED = Q(direction=Direction.OUTBOUND, status=MessageStatus.FAILED)
_OPEN = Q(direction=Direction.OUTBOUND, status=MessageStatus.PENDING)
_UNTOUCHED = _OPEN & Q(accepted_at=None, maybe_sent_at=None, claimed_at=None)


def _conditions(now: datetime) -> dict[MessageState, Q]:
    """State → when a message is in it. No message is in two, and every one is in one (a test checks both)."""
    later = Q(scheduled_at__gt=now) | Q(next_retry_at__gt=now)
    return {
        MessageState.RECEIVED: Q(direction=Direction.INBOUND),
        MessageState.ACCEPTED: _OPEN & ~Q(accepted_at=None),
        MessageState.MAYBE: _OPEN & Q(accepted_at=None) & ~Q(maybe_sent_at=None),
        MessageState.SENDING: _OPEN & Q(accepted_at=None, maybe_sent_at=None) & ~Q(claimed_at=None),
        MessageState.WAITS: _UNTOUCHED & later,
        MessageState.QUEUED: _UNTOUCHED & ~later,
        MessageState.CANCELLED: _FAILED & Q(error_code=CANCELLED),
        MessageState.FAILED: _FAILED & ~Q(error_code=CANCELLED),
        **{
            MessageState(status.value): Q(direction=Direction.OUTBOUND, status=status)
            for status in (MessageStatus.SENT, MessageStatus.DELIVERED, MessageStatus.READ)
        },
    }


def in_state(state: MessageState, now: datetime) -> Q:
    """The condition of one state, for filters."""
    return _conditions(now)[state]


def with_state(rows: QuerySet[WhatsAppMessage], now: datetime) -> QuerySet[WhatsAppMessage]:
    """The rows with their MessageState as `state`."""
    cases = [When(condition, then=Value(state.value)) for state, condition in _conditions(now).items()]
    return rows.annotate(state=Case(*cases, default=Value(MessageState.QUEUED.value), output_field=CharField()))


def state_of(message: WhatsAppMessage, now: datetime) -> MessageState:
    """The same for a row that was loaded."""
    if message.direction == Direction.INBOUND:
        return MessageState.RECEIVED
    if message.status == MessageStatus.FAILED and message.error_code == CANCELLED:
        return MessageState.CANCELLED
    if message.status != MessageStatus.PENDING:
        return MessageState(message.status)
    if message.accepted_at is not None:
        return MessageState.ACCEPTED
    if message.maybe_sent_at is not None:
        return MessageState.MAYBE
    if message.claimed_at is not None:
        return MessageState.SENDING
    return MessageState.WAITS if waits_until(message, now) else MessageState.QUEUED


def waits_until(message: WhatsAppMessage, now: datetime) -> datetime | None:
    """Until when a message that was not sent yet waits; None where nothing keeps it."""
    found = [one for one in (message.scheduled_at, message.next_retry_at) if one is not None and one > now]
    return max(found, default=None)


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """What to show of the ledger; '' and None mean everything. `start` is included, `end` is not."""

    state: str = ""
    purpose: str = ""
    contact: int | None = None
    number: int | None = None
    template: str = ""
    error: str = ""
    start: datetime | None = None
    end: datetime | None = None

    @property
    def narrows(self) -> bool:
        return any(getattr(self, one.name) not in ("", None) for one in fields(self))

    def apply(self, rows: QuerySet[WhatsAppMessage], now: datetime) -> QuerySet[WhatsAppMessage]:
        exact: Mapping[str, object] = {
            "purpose": self.purpose,
            "contact_id": self.contact,
            "number_id": self.number,
            "template_name": self.template,
            "created_at__gte": self.start,
            "created_at__lt": self.end,
        }
        rows = rows.filter(**{name: value for name, value in exact.items() if value not in ("", None)})
        if self.purpose:
            # What people wrote has no purpose of ours.
            rows = rows.filter(direction=Direction.OUTBOUND)
        if self.state:
            rows = rows.filter(in_state(MessageState(self.state), now))
        if self.error == ANY_ERROR:
            rows = rows.exclude(error_code=None).exclude(error_code="")
        elif self.error:
            rows = rows.filter(error_code=self.error)
        return rows


def message_rows(where: MessageFilter, now: datetime) -> QuerySet[WhatsAppMessage]:
    """The ledger with `state`, contacts and numbers at hand, without what was said."""
    rows = where.apply(WhatsAppMessage.objects.all(), now)
    left_out = ("content", "template_variables", "contact__verification_code", "contact__profile_name")
    return with_state(rows, now).select_related("contact__user", "number").defer(*left_out)


def number_choices() -> list[tuple[int, str]]:
    """(id, name) of the workspace's numbers, removed ones left out."""
    return list(WhatsAppNumber.objects.order_by("name", "pk").values_list("pk", "name")[:MOST_CHOICES])


def used_templates() -> list[str]:
    """Names of templates, for a filter."""
    names = WhatsAppTemplate.objects.order_by("name").values_list("name", flat=True)
    return list(names.distinct()[:MOST_CHOICES])


def purposes() -> list[tuple[str, str]]:
    return [(one.value, str(one.label)) for one in Purpose]
