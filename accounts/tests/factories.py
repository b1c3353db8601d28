from django.contrib.auth.hashers import make_password
from django.db import transaction

from accounts.models import User
from tenants.context import tenant_context
from tenants.models import Tenant

PASSWORD = "correct horse battery staple"


def make_user(tenant: Tenant, role: str, *, email: str | None = None, **fields: object) -> User:
    email = email or f"{role}@{tenant.slug}.example"
    defaults = {"full_name": f"{role.capitalize()} of {tenant.name}", "password": make_password(PASSWORD)}
    with tenant_context(tenant), transaction.atomic():
        return User.objects.create(tenant=tenant, email=email, role=role, **{**defaults, **fields})
