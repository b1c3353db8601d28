from django.contrib.auth.hashers import make_password
from django.db import transaction

from accounts.audit import Actor, record
from accounts.choices import AuditAction
from accounts.models import AuditLog, User
from tenants.context import tenant_context
from tenants.models import Tenant

PASSWORD = "correct horse battery staple"


def make_user(tenant: Tenant, role: str, *, email: str | None = None, **fields: object) -> User:
    email = email or f"{role}@{tenant.slug}.example"
    defaults = {"full_name": f"{role.capitalize()} of {tenant.name}", "password": make_password(PASSWORD)}
    with tenant_context(tenant), transaction.atomic():
        return User.objects.create(tenant=tenant, email=email, role=role, **{**defaults, **fields})


def make_entry(tenant: Tenant, *, actor: Actor | None = None, **fields: object) -> AuditLog:
    """One entry of the audit trail, written as the services write it."""
    values = {"action": AuditAction.UPDATE, "resource": "campaigns", "resource_id": 1, **fields}
    with tenant_context(tenant), transaction.atomic():
        return record(actor=actor or Actor.job("tests"), tenant_id=tenant.pk, **values)
