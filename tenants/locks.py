"""Locks that one workspace's work takes against itself, until the transaction ends; a killed worker frees them with its
session. Named, so that no two uses share one by accident.
"""

from django.db import connection

from tenants.context import bound_tenant_id


def workspace_lock(name: str, *, shared: bool = False) -> None:
    """Wait for the bound workspace's lock of this name. `shared`: beside others who share it."""
    kind = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {kind}(hashtext(%s), %s)", [name, bound_tenant_id()])


def workspace_lock_now(name: str) -> bool:
    """The same without waiting: whether it was free."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext(%s), %s)", [name, bound_tenant_id()])
        return bool(cursor.fetchone()[0])
