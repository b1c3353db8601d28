"""Celery entry points of WhatsApp."""

from celery import current_app, shared_task
from django.core.cache import cache
from django.utils import timezone

from whatsapp import services
from whatsapp.queries.intake import tenants_with_messages_due

# Somebody has been told that bodies wait, and has not begun to read yet.
_WOKEN = "whatsapp:webhooks:woken"
_WOKEN_SECONDS = 10


@shared_task(name="whatsapp.process_webhooks")
def process_webhooks() -> dict[str, int] | None:
    """Read the bodies that wait; also on the beat, for those whose task was lost. Sending it twice is harmless."""
    # Before reading: a body that comes from here on tells somebody anew.
    cache.delete(_WOKEN)
    done = services.webhooks_process()
    for tenant_id in sorted(done.tenants):
        send_messages.delay(tenant_id=tenant_id)
        # What a message may ask for is above this app: only the name crosses.
        current_app.send_task("rules.answer_whatsapp", kwargs={"tenant_id": tenant_id})
    return done.as_json() if done.bodies or done.failed else None


def wake_processing() -> None:
    """Have the waiting bodies read once the caller's transaction is in; one message for many bodies."""
    if cache.add(_WOKEN, 1, timeout=_WOKEN_SECONDS):
        process_webhooks.delay_on_commit()


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
    """Beat: forget bodies that were processed long ago."""
    gone = services.webhooks_purge(timezone.now())
    return {"webhooks": gone} if gone else None
