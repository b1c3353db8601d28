"""Reads across workspaces: which bodies wait, and whose number an event is about."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from tenants.context import unscoped
from whatsapp.choices import Direction, MessageStatus, WebhookState
from whatsapp.models import WhatsAppMessage, WhatsAppNumber, WhatsAppWebhook

# Bodies read in one transaction: many small ones, or one of 3 MB.
MOST_BODIES, MOST_BYTES = 200, 4_000_000
# A send takes less than this: what is being sent for longer has lost its worker.
SENDING_AT_MOST = timedelta(minutes=2)


def webhooks_take(now: datetime, *, most: int = MOST_BODIES) -> list[WhatsAppWebhook]:
    """The oldest bodies that wait, locked, past those that others hold. In the caller's transaction."""
    with unscoped("webhooks: a body may speak of several workspaces"):
        due = WhatsAppWebhook.objects.filter(state=WebhookState.PENDING)
        due = due.filter(Q(next_try_at=None) | Q(next_try_at__lte=now)).order_by("pk")
        sizes = due.select_for_update(skip_locked=True).values_list("pk", "size")[:most]
        taken: list[int] = []
        total = 0
        for pk, size in sizes:
            total += size
            if taken and total > MOST_BYTES:
                break
            taken.append(pk)
        return list(WhatsAppWebhook.objects.filter(pk__in=taken).order_by("pk"))


@dataclass(slots=True)
class Routes:
    """Meta's ids → numbers of ours, of the sandbox or not."""

    by_number: dict[str, WhatsAppNumber] = field(default_factory=dict)
    by_account: dict[str, list[WhatsAppNumber]] = field(default_factory=dict)


def routes_of(phone_number_ids: Iterable[str], waba_ids: Iterable[str], *, is_sandbox: bool) -> Routes:
    """Whose they are. A body that the sandbox signed reaches numbers of the sandbox only."""
    with unscoped("webhooks: the number says which workspace an event is about"):
        named = Q(phone_number_id__in=set(phone_number_ids)) | Q(waba_id__in=set(waba_ids))
        found = list(WhatsAppNumber.objects.filter(named, is_sandbox=is_sandbox).defer("token").order_by("pk"))
    routes = Routes()
    for number in found:
        routes.by_number[number.phone_number_id] = number
        routes.by_account.setdefault(number.waba_id, []).append(number)
    return routes


def tenants_with_messages_due(now: datetime) -> list[int]:
    """Workspaces with messages to send now, or whose worker was lost."""
    with unscoped("fan-out: WhatsApp messages that are due, of all workspaces"), transaction.atomic():
        rows = WhatsAppMessage.objects.filter(is_due(now) | is_lost(now))
        return list(rows.order_by("tenant_id").values_list("tenant_id", flat=True).distinct())


def _open() -> Q:
    """As the index on open messages says it."""
    return Q(direction=Direction.OUTBOUND, status=MessageStatus.PENDING, accepted_at=None, maybe_sent_at=None)


def is_due(now: datetime) -> Q:
    """Messages that wait and may be sent."""
    ready = Q(next_retry_at=None) | Q(next_retry_at__lte=now)
    return _open() & Q(claimed_at=None, wamid=None) & ready & (Q(scheduled_at=None) | Q(scheduled_at__lte=now))


def is_lost(now: datetime) -> Q:
    """Messages over which a worker died."""
    return _open() & Q(claimed_at__lt=now - SENDING_AT_MOST)
