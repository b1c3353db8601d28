"""Read models of workspaces."""

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from tenants.choices import Plan
from tenants.context import tenant_context, unscoped
from tenants.models import Tenant


def workspace_of_host(host: str) -> Tenant | None:
    """The workspace of a host name: its own domain, or <slug>.WORKSPACE_DOMAIN. None for the common host."""
    name = host.partition(":")[0].lower()
    suffix = f".{settings.WORKSPACE_DOMAIN}"
    with unscoped("a host name is looked up before anybody is known"), transaction.atomic():
        if settings.WORKSPACE_DOMAIN and name.endswith(suffix):
            return Tenant.objects.filter(slug=name.removesuffix(suffix)).first()
        return Tenant.objects.filter(domain=name).first()


def active_tenant_ids() -> list[int]:
    """Ids of all workspaces, for jobs that fan out one task each."""
    with unscoped("fan-out: one task per workspace"), transaction.atomic():
        return list(Tenant.objects.order_by("id").values_list("id", flat=True))


def workspace_is_live(tenant_id: int) -> bool:
    """Whether it was not removed."""
    with tenant_context(tenant_id), transaction.atomic():
        return Tenant.objects.filter(pk=tenant_id).exists()


def workspace_exists(slug: str) -> bool:
    """Whether there is a workspace of this address."""
    with unscoped("whether the demo is loaded is asked before anybody logs in"), transaction.atomic():
        return Tenant.objects.filter(slug=slug).exists()


def is_slug_taken(slug: str) -> bool:
    """Whether any workspace, deleted ones included, has this address."""
    with unscoped("a workspace address is unique over all workspaces"), transaction.atomic():
        return Tenant.objects.with_deleted().filter(slug=slug).exists()


def expired_tenant_ids() -> list[int]:
    """Ids of workspaces whose paid plan has run out."""
    with unscoped("fan-out: plans of all workspaces"), transaction.atomic():
        expired = Tenant.objects.exclude(plan=Plan.FREE).filter(plan_expires_at__lte=timezone.now())
        return list(expired.order_by("id").values_list("id", flat=True))


def tenant_id_of_slug(slug: str) -> int | None:
    """The workspace of this address, for commands that are told one; None when there is none."""
    with unscoped("a command names a workspace"), transaction.atomic():
        return Tenant.objects.filter(slug=slug).values_list("id", flat=True).first()
