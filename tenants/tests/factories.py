from django.db import transaction

from tenants.context import unscoped
from tenants.models import Tenant


def make_tenant(slug: str, **fields: object) -> Tenant:
    with unscoped("test set-up"), transaction.atomic():
        return Tenant.objects.create(**{"slug": slug, "name": slug.capitalize(), "plan": "pro", **fields})
