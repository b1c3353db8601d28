"""Encrypting stored values anew, when FERNET_KEYS has a new first key.

Works on the tokens as the database has them, table by table in the order of the key, some rows per transaction. A
token that the newest key opens is left alone: a stopped run is taken up by running again.
"""

from collections import Counter
from dataclasses import dataclass

from cryptography.fernet import Fernet, InvalidToken
from django.apps import apps
from django.conf import settings
from django.db import connection, transaction

from accounts.audit import Actor, encrypted_fields, record
from accounts.choices import AuditAction
from stratum.lib.encryption import rotate
from tenants.models import TenantModel


@dataclass(frozen=True)
class EncryptedTable:
    """A table with encrypted columns; `has_tenant` tables leave an audit entry with each batch."""

    name: str
    key: str
    columns: tuple[str, ...]
    has_tenant: bool


@dataclass
class Counts:
    """Rows read, and rows of them that were written."""

    seen: int = 0
    rotated: int = 0


def encrypted_tables() -> list[EncryptedTable]:
    """Every table of every app that has encrypted columns."""
    tables = []
    for model in apps.get_models():
        fields = [field for field in model._meta.concrete_fields if field.name in encrypted_fields(model)]
        if fields:
            columns = tuple(str(field.column) for field in fields)
            key = str(model._meta.pk.column)
            tables.append(EncryptedTable(model._meta.db_table, key, columns, issubclass(model, TenantModel)))
    return tables


def rotate_table(table: EncryptedTable, *, batch: int, actor: Actor) -> Counts:
    """Rotate all rows of a table. Call while unscoped. InvalidToken when a value fits none of the keys."""
    counts, after = Counts(), 0
    while True:
        seen, rotated, last = _rotate_batch(table, after, batch, actor)
        counts.seen += seen
        counts.rotated += rotated
        if seen < batch:
            return counts
        after = last


def _rotate_batch(table: EncryptedTable, after: int, batch: int, actor: Actor) -> tuple[int, int, int]:
    """(rows read, rows written, last key) of the rows behind `after`. They are locked, so no change is overwritten."""
    quote = connection.ops.quote_name
    columns = ", ".join(quote(column) for column in table.columns)
    tenant = "tenant_id" if table.has_tenant else "NULL::int"
    key = quote(table.key)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {key}, {tenant}, {columns} FROM {quote(table.name)} WHERE {key} > %s"
            f" ORDER BY {key} LIMIT %s FOR UPDATE",
            [after, batch],
        )
        rows = cursor.fetchall()
        written: Counter[int | None] = Counter()
        for row_key, tenant_id, *tokens in rows:
            fresh = [_renewed(token) for token in tokens]
            if fresh != tokens:
                assignments = ", ".join(f"{quote(column)} = %s" for column in table.columns)
                cursor.execute(
                    f"UPDATE {quote(table.name)} SET {assignments} WHERE {key} = %s",
                    [*fresh, row_key],
                )
                written[tenant_id] += 1
        for tenant_id, number in written.items():
            if tenant_id is not None:
                record(
                    actor=actor,
                    action=AuditAction.UPDATE,
                    resource=table.name,
                    new={"encrypted_anew": number},
                    tenant_id=tenant_id,
                )
    return len(rows), sum(written.values()), rows[-1][0] if rows else after


def _renewed(token: str | None) -> str | None:
    if not token or _is_newest(token):
        return token
    return rotate(token)


def _is_newest(token: str) -> bool:
    try:
        Fernet(settings.FERNET_KEYS[0]).decrypt(token.encode())
    except InvalidToken:
        return False
    return True
