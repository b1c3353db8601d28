"""Background jobs on workspaces and people."""

from celery import shared_task

from accounts import services
from accounts.audit import Actor
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
