"""Background jobs on workspaces and people."""

from celery import shared_task
from django.utils import timezone

from accounts import services
from accounts.audit import Actor
from accounts.queries import tenants_with_email_to_do
from tenants.context import tenant_context
from tenants.queries import expired_tenant_ids


@shared_task(name="tenants.expire_plans")
def expire_plans() -> dict[str, int] | None:
    """Write plans that have run out down as free. Their limits count as free already; this makes it lasting."""
    expired = expired_tenant_ids()
    done = 0
    for tenant_id in expired:
        with tenant_context(tenant_id):
            done += services.plan_expire(actor=Actor.job("tenants.expire_plans"))
    return {"expired": done} if expired else None


@shared_task(name="accounts.send_email")
def send_email(*, tenant_id: int) -> dict[str, int] | None:
    """Send a workspace's e-mail that is due. Sending this twice is harmless: each message is claimed."""
    return services.email_send().counts or None


@shared_task(name="accounts.send_due_email")
def send_due_email() -> dict[str, int] | None:
    """Beat: messages whose next try is due, whose task was lost, or whose worker is gone."""
    tenant_ids = tenants_with_email_to_do(timezone.now())
    for tenant_id in tenant_ids:
        send_email.delay(tenant_id=tenant_id)
    return {"tenants": len(tenant_ids)} if tenant_ids else None
