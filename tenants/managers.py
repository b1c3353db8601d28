"""Managers of tenant tables. They stay Django's default managers, so forms, admin, reverse managers and
get_object_or_404 are scoped without anybody remembering to."""

from django.db import models

from tenants.querysets import InBoundTenant, SoftDeleteQuerySet, TenantQuerySet

_TenantManager = models.Manager.from_queryset(TenantQuerySet)
_SoftDeleteManager = models.Manager.from_queryset(SoftDeleteQuerySet)


class TenantManager(_TenantManager):
    """`Model.objects`: the bound tenant's rows."""

    use_in_migrations = False
    tenant_column = "tenant_id"

    def get_queryset(self):
        return super().get_queryset().filter(InBoundTenant(self.tenant_column))


class WithDeletedManager(_SoftDeleteManager):
    """Base manager of soft-deleted tables: following a foreign key to a deleted row still finds it."""

    use_in_migrations = False
    tenant_column = "tenant_id"

    def get_queryset(self):
        return super().get_queryset().filter(InBoundTenant(self.tenant_column))


class SoftDeleteManager(WithDeletedManager):
    """`Model.objects`: the bound tenant's rows that are not deleted; `with_deleted()` shows those too."""

    def get_queryset(self):
        return super().get_queryset().alive()

    def with_deleted(self):
        return super().get_queryset()
