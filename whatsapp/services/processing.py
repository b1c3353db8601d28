"""Reading stored webhook bodies: whose events they are, and what follows from them.

Many bodies are read in one transaction, so that a thousand statuses are a handful of statements. When that fails, each
body is read alone, so that a bad one stops no other. All that is applied may be applied again: a worker that dies loses
nothing, and a body that comes twice changes nothing.
"""

import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import Actor
from tenants.context import tenant_context, unscoped
from whatsapp.choices import WebhookState
from whatsapp.clients.inbound import (
    AccountEvent,
    Event,
    IdentityEvent,
    InboundMessage,
    NumberEvent,
    PreferenceEvent,
    StatusEvent,
    TemplateEvent,
    parse,
)
from whatsapp.clients.values import as_dict, as_list, as_text
from whatsapp.models import WhatsAppNumber, WhatsAppWebhook
from whatsapp.queries.intake import MOST_BODIES, Routes, routes_of, webhooks_take
from whatsapp.services.inbound import identities_apply, inbound_apply, preferences_apply
from whatsapp.services.numbers import number_stop
from whatsapp.services.statuses import statuses_apply
from whatsapp.services.templates import template_event_apply

log = structlog.get_logger(__name__)

ACTOR = Actor.job("whatsapp.process_webhooks")
MAX_TRIES = 10
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=10), timedelta(hours=1)
# Processed bodies are kept for questions and forgotten after this; WhatsApp repeats for 7 days.
KEPT = timedelta(days=30)


@dataclass(slots=True)
class Processed:
    """What came of a run. `tenants`: workspaces in which people wrote, so that commands and answers may wait."""

    bodies: int = 0
    failed: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    tenants: set[int] = field(default_factory=set)

    def as_json(self) -> dict[str, int]:
        return {"bodies": self.bodies, "failed": self.failed, **self.counts}


def webhooks_process(*, most_seconds: float = 60.0, clock: Callable[[], float] = time.monotonic) -> Processed:
    """Read what waits, until nothing does or the time is up. Runs unbound; opens each workspace for its own events."""
    result, started = Processed(), clock()
    while clock() - started < most_seconds:
        try:
            done = _process(result, MOST_BODIES, [])
        except Exception:
            # Whatever it was, the transaction is undone: find the body that cannot be read.
            log.warning("whatsapp.webhooks_together_failed", exc_info=True)
            done = sum(_process_alone(result) for _body in range(MOST_BODIES))
        if not done:
            break
    return result


def _process(result: Processed, most: int, taken: list[int]) -> int:
    """How many bodies were read. `taken` gets their ids before anything is done with them."""
    with transaction.atomic():
        rows = webhooks_take(timezone.now(), most=most)
        taken.extend(row.pk for row in rows)
        outcome = _apply(rows)
    # Told only once the transaction is in.
    result.bodies += outcome.bodies
    result.counts += outcome.counts
    result.tenants |= outcome.tenants
    return len(rows)


def _process_alone(result: Processed) -> int:
    """One body; its failure is kept on its row, and the next try is later."""
    taken: list[int] = []
    try:
        return _process(result, 1, taken)
    except Exception as error:  # one body must not stop the others, whatever is in it
        log.exception("whatsapp.webhook_failed", webhooks=taken)
        result.failed += 1
        _note_failure(taken, f"{type(error).__name__}: {error}")
        return 1


@transaction.atomic
def _note_failure(webhook_ids: Sequence[int], error: str) -> None:
    with unscoped("webhooks: a body may speak of several workspaces"):
        for row in WhatsAppWebhook.objects.filter(pk__in=webhook_ids, state=WebhookState.PENDING).select_for_update():
            row.attempts += 1
            wait = min(FIRST_PAUSE * 2**row.attempts, LONGEST_PAUSE)
            row.next_try_at, row.error = timezone.now() + wait, error[:1000]
            if row.attempts >= MAX_TRIES:
                row.state = WebhookState.FAILED
            row.save(update_fields=["attempts", "next_try_at", "error", "state"])


def _apply(rows: Sequence[WhatsAppWebhook]) -> Processed:
    outcome = Processed(bodies=len(rows))
    for is_sandbox in (False, True):
        bodies = [row for row in rows if row.is_sandbox == is_sandbox]
        events = [event for row in bodies for event in _events(row)]
        routes = routes_of(
            {found for one in events if (found := getattr(one, "phone_number_id", ""))},
            {one.waba for one in events if one.waba},
            is_sandbox=is_sandbox,
        )
        for number, own in _by_number(events, routes, outcome.counts).values():
            with tenant_context(number.tenant_id):
                found = _apply_to(number, own)
            outcome.counts.update(found)
            if found["inbound"]:
                outcome.tenants.add(number.tenant_id)
    _mark_processed(rows)
    return outcome


def _events(row: WhatsAppWebhook) -> list[Event]:
    """A body that is no JSON has none: it stays stored, and there is nothing to do about it."""
    try:
        body: Any = json.loads(row.body.encode("latin-1"))
    except (ValueError, RecursionError):
        body = None
    parsed = parse(body, received=row.received_at)
    row.counts = dict(Counter(type(event).__name__ for event in parsed.events))
    row.error = "; ".join(parsed.problems[:5])[:1000]
    return parsed.events


def _by_number(
    events: Sequence[Event], routes: Routes, counts: Counter[str]
) -> dict[int, tuple[WhatsAppNumber, list[Event]]]:
    """Events of each number of ours; those of a whole account go to each of its numbers."""
    found: dict[int, tuple[WhatsAppNumber, list[Event]]] = {}
    for event in events:
        phone_number_id = getattr(event, "phone_number_id", "")
        if phone_number_id:
            numbers = [routes.by_number[phone_number_id]] if phone_number_id in routes.by_number else []
        else:
            numbers = routes.by_account.get(event.waba, [])
        if not numbers:
            counts["unrouted"] += 1
        for number in numbers:
            found.setdefault(number.pk, (number, []))[1].append(event)
    # Always in this order, so that two workers never wait for each other's rows.
    return dict(sorted(found.items()))


def _apply_to(number: WhatsAppNumber, events: Sequence[Event]) -> Counter[str]:
    by_type: dict[type, list[Any]] = defaultdict(list)
    for event in events:
        by_type[type(event)].append(event)
    counts: Counter[str] = Counter()
    # Messages first: a switch or status of the same body may speak of whom they make known.
    counts.update(inbound_apply(number, by_type[InboundMessage]))
    counts.update(preferences_apply(number, by_type[PreferenceEvent]))
    counts.update(statuses_apply(number, by_type[StatusEvent]))
    identities_apply(by_type[IdentityEvent])
    counts["templates"] = sum(template_event_apply(event) for event in by_type[TemplateEvent])
    for event in by_type[AccountEvent]:
        _follow_account(number, event)
    if by_type[NumberEvent]:
        # Quality and limits are asked for anew: the event tells half of it.
        WhatsAppNumber.objects.filter(pk=number.pk).update(checked_at=None)
    return counts


# Account events after which nothing goes out any more (Meta, "account_update").
_ENDING = ("ACCOUNT_RESTRICTION", "ACCOUNT_DELETED", "DISABLED_UPDATE", "PARTNER_REMOVED")

# Of DISABLED_UPDATE: what is taken back, and what is only announced (account_alerts repeat it in words).
_NOT_YET_ENDING = ("REINSTATE", "SCHEDULE_FOR_DISABLE")


def _ends_sending(event: AccountEvent) -> bool:
    """Whether messages are affected: a restriction may be about adding numbers only."""
    if event.event not in _ENDING or as_dict(event.raw.get("ban_info")).get("waba_ban_state") in _NOT_YET_ENDING:
        return False
    kinds = [as_text(as_dict(one).get("restriction_type"), 100) for one in as_list(event.raw.get("restriction_info"))]
    return not any(kinds) or any("MESSAGING" in kind for kind in kinds)


def _follow_account(number: WhatsAppNumber, event: AccountEvent) -> None:
    if _ends_sending(event):
        error = _("WhatsApp has restricted this business account. See Business Support Home at Meta.")
        number_stop(number.pk, f"event.{event.event}", error, actor=ACTOR)


def _mark_processed(rows: Sequence[WhatsAppWebhook]) -> None:
    with unscoped("webhooks: a body may speak of several workspaces"):
        for row in rows:
            row.state, row.processed_at = WebhookState.PROCESSED, timezone.now()
        WhatsAppWebhook.objects.bulk_update(rows, ["state", "processed_at", "counts", "error"])


@transaction.atomic
def webhooks_purge(now: datetime) -> int:
    """Forget bodies that were processed long ago."""
    with unscoped("webhooks: a body may speak of several workspaces"):
        old = WhatsAppWebhook.objects.filter(state=WebhookState.PROCESSED, received_at__lt=now - KEPT)
        return old.delete()[0]
