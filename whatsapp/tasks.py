"""Celery entry points of WhatsApp."""

from celery import shared_task
from django.utils import timezone

from whatsapp import services
from whatsapp.queries.numbers import tenants_with_checks_due, tenants_with_templates_due


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
