"""The rights of the application's two roles. Neither owns a table nor bypasses row-level security."""

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper

# Written once, read ever after: even a hole in the application cannot rewrite them.
APPEND_ONLY = ("audit_logs", "audit_links")


def grant_to_roles(connection: BaseDatabaseWrapper) -> None:
    """Give both roles SELECT, INSERT, UPDATE, DELETE on every table but the append-only ones (no UPDATE, DELETE)."""
    roles = f"{settings.DB_APP_ROLE}, {settings.DB_UNSCOPED_ROLE}"
    with connection.cursor() as cursor:
        tables = set(connection.introspection.table_names(cursor))
        if "tenants" not in tables:  # migrated back to zero
            return
        cursor.execute(f"GRANT USAGE ON SCHEMA public TO {roles}")
        cursor.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {roles}")
        cursor.execute(f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {roles}")
        for table in tables & set(APPEND_ONLY):
            cursor.execute(f"REVOKE UPDATE, DELETE ON {table} FROM {roles}")
        if "audit_links" in tables:  # filled by the owner's trigger alone
            cursor.execute(f"REVOKE INSERT ON audit_links FROM {roles}")
