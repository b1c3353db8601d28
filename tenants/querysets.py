"""The first wall: query sets whose tenant filter is written when the SQL is compiled, not when they are built.

A query set, form or filter made at import time, or under tenant A and run under tenant B, therefore always shows
the tenant bound at the moment it runs, and raises when none is. The library django-scopes leaves holes here
(exists, explain, async iteration, sub-queries); see docs/decisions.md.
"""

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import FullResultSet
from django.db import models
from django.db.models.expressions import Func

from tenants.context import TenantMismatch, TenantNotBound, Unscoped, binding


class InBoundTenant(Func):
    """SQL condition `tenant column = the bound tenant`; nothing when unscoped; an exception when unbound."""

    output_field = models.BooleanField()

    def as_sql(self, compiler, connection, **extra):
        bound = binding()
        if bound is None:
            raise TenantNotBound(f"{compiler.query.model.__name__} was queried while no tenant is bound.")
        if isinstance(bound, Unscoped):
            raise FullResultSet
        column, params = compiler.compile(self.source_expressions[0])
        return f"{column} = %s", [*params, bound]


def check_tenant_of(instance: Any) -> None:
    """Fill an unset tenant_id from the context; raise when it, or a loaded foreign key, is another tenant's."""
    bound = binding()
    if bound is None:
        raise TenantNotBound(f"{type(instance).__name__} was written while no tenant is bound.")
    if instance.tenant_id is None and isinstance(bound, int):
        instance.tenant_id = bound
    if isinstance(bound, int) and instance.tenant_id != bound:
        raise TenantMismatch(f"{type(instance).__name__} of tenant {instance.tenant_id} written under tenant {bound}.")
    for field in instance._meta.concrete_fields:
        if field.is_relation and field.is_cached(instance):
            check_related(instance.tenant_id, field.get_cached_value(instance))


def check_related(tenant_id: int, related: Any) -> None:
    """Raise when a referenced row belongs to another tenant (unloaded ones are checked by composite keys)."""
    other = getattr(related, "tenant_id", None) if related is not None else None
    if other is not None and other != tenant_id:
        raise TenantMismatch(f"{type(related).__name__} of tenant {other} referenced by a row of tenant {tenant_id}.")


class TenantQuerySet(models.QuerySet):
    """Query set of a tenant table. Reads are filtered by the manager; the writes that skip save() are checked here."""

    def bulk_create(self, objs: Iterable, *args, **kwargs):
        objs = list(objs)
        for obj in objs:
            check_tenant_of(obj)
        return super().bulk_create(objs, *args, **kwargs)

    def bulk_update(self, objs: Iterable, *args, **kwargs):
        objs = list(objs)
        for obj in objs:
            check_tenant_of(obj)
        return super().bulk_update(objs, *args, **kwargs)

    def update(self, **values):
        if "tenant" in values or "tenant_id" in values:
            raise TenantMismatch("A row never changes its tenant.")
        bound = binding()
        if isinstance(bound, int):
            for value in values.values():
                check_related(bound, value)
        return super().update(**values)

    update.alters_data = True  # type: ignore[attr-defined]  # Django's own marker for templates

    def raw(self, raw_query, *args, **kwargs):
        if binding() is None:
            raise TenantNotBound("raw() was called while no tenant is bound.")
        return super().raw(raw_query, *args, **kwargs)


class SoftDeleteQuerySet(TenantQuerySet):
    """Rows are never removed by request: delete() is refused, services set is_deleted and deleted_at."""

    def alive(self):
        return self.exclude(is_deleted=True)
