"""Celery entry points of WhatsApp."""

import time
from collections.abc import Iterable

from celery import current_app, shared_task
from django.utils import timezone

from whatsapp import services
from whatsapp.queries.intake import tenants_with_messages_due
from whatsapp.queries.numbers import tenants_with_checks_due, tenants_with_templates_due

# A process tells a worker of waiting bodies at most this often (seconds); the worker looks once more after that time,
# so that what comes between is not left to the beat.
_WAKE_EVERY, _LOOK_AGAIN_AFTER = 1.0, 1.5
_woken_at = [float("-inf")]


@shared_task(name="whatsapp.process_webhooks")
def process_webhooks(*, look_again: bool = False) -> dict[str, int] | None:
    """Read the bodies that wait; also on the beat, for those whose task was lost. Sending it twice is harmless."""
    done = services.webhooks_process()
    _tell(done.tenants)
    if look_again:
        process_webhooks.apply_async(countdown=_LOOK_AGAIN_AFTER)
    return done.as_json() if done.bodies or done.failed else None


def _tell(tenant_ids: Iterable[int]) -> None:
    """People have written: what is answered goes out, and commands are looked at."""
    for tenant_id in sorted(tenant_ids):
        send_messages.delay(tenant_id=tenant_id)
        # What a message may ask for is above this app: only the name crosses.
        current_app.send_task("rules.answer_whatsapp", kwargs={"tenant_id": tenant_id})


def wake_processing() -> None:
    """Have the waiting bodies read once the caller's transaction is in; one message for many bodies."""
    now = time.monotonic()
    if now - _woken_at[0] >= _WAKE_EVERY:
        _woken_at[0] = now
        process_webhooks.delay_on_commit(look_again=True)


@shared_task(name="whatsapp.send")
def send_messages(*, tenant_id: int) -> dict[str, int] | None:
    """Send a workspace's messages that are due. Sending this twice is harmless: each message is claimed."""
    return services.messages_send().as_json() or None


@shared_task(name="whatsapp.send_due")
def send_due() -> dict[str, int] | None:
    """Beat: messages whose time has come, whose task was lost, or whose worker is gone."""
    tenant_ids = tenants_with_messages_due(timezone.now())
    for tenant_id in tenant_ids:
        send_messages.delay(tenant_id=tenant_id)
    return {"tenants": len(tenant_ids)} if tenant_ids else None


@shared_task(name="whatsapp.purge_webhooks")
def purge_webhooks() -> dict[str, int] | None:
    """Beat: forget bodies that were processed long ago, and statuses that are about nothing of ours."""
    now = timezone.now()
    gone = {"webhooks": services.webhooks_purge(now), "statuses": services.unmatched_purge(now)}
    return gone if any(gone.values()) else None


@shared_task(name="whatsapp.check_numbers")
def check_numbers() -> dict[str, int] | None:
    """Beat: one task for each workspace with a number that was not looked at for a day, or whose check was lost."""
    tenant_ids = tenants_with_checks_due(timezone.now())
    for tenant_id in tenant_ids:
        check_tenant_numbers.delay(tenant_id=tenant_id)
    return {"tenants": len(tenant_ids)} if tenant_ids else None


@shared_task(name="whatsapp.check_tenant_numbers")
def check_tenant_numbers(*, tenant_id: int, number_ids: list[int] | None = None) -> dict[str, int] | None:
    """Look at these numbers, or at those that are due."""
    return services.numbers_check(number_ids).counts or None


@shared_task(name="whatsapp.sync_templates")
def sync_templates() -> dict[str, int] | None:
    """Beat: one task for each workspace whose templates are a day old, or that waits for something to be handed in."""
    tenant_ids = tenants_with_templates_due(timezone.now())
    for tenant_id in tenant_ids:
        sync_tenant_templates.delay(tenant_id=tenant_id)
    return {"tenants": len(tenant_ids)} if tenant_ids else None


@shared_task(name="whatsapp.sync_tenant_templates")
def sync_tenant_templates(*, tenant_id: int) -> dict[str, int] | None:
    """Hand in, delete and fetch templates. Sending it twice is harmless."""
    synced = services.templates_sync()
    return None if synced is None else synced.counts


@shared_task(name="whatsapp.list_numbers")
def list_numbers(*, tenant_id: int, attempt_id: str) -> None:
    """What a person waits for who connects a number. Leaves no job row: the page says what came of it."""
    if services.connect_list(attempt_id) == services.CONNECTED:
        look_at_new_numbers(tenant_id)


def look_at_new_numbers(tenant_id: int) -> None:
    """Once the transaction is in: a check of what waits for one, and the account's templates."""
    check_tenant_numbers.delay_on_commit(tenant_id=tenant_id)
    sync_tenant_templates.delay_on_commit(tenant_id=tenant_id)
