"""The audit trail: every service calls `record` in the transaction of its change."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.db import models
from django.http import HttpRequest
from structlog.contextvars import get_contextvars

from accounts.choices import ActorKind, AuditAction
from accounts.models import AuditLog, User
from accounts.privacy import masked_columns
from stratum.lib.client_address import client_ip
from stratum.lib.encryption import EncryptedTextField
from stratum.lib.masking import MASK, mask_text, mask_value


@dataclass(frozen=True)
class Actor:
    """Who makes a change, and through what: a person in a request, a rule, a job, staff.

    `label` names the rule or job. Request fields are empty in the background; without a `request_id` of its own an
    entry takes the one of the running request or task.
    """

    kind: str
    user: User | None = None
    label: str = ""
    ip_address: str | None = None
    user_agent: str | None = None
    request_id: str | None = None
    endpoint: str | None = None
    http_method: str | None = None
    reason: str = field(default="")

    @classmethod
    def job(cls, label: str) -> "Actor":
        return cls(kind=ActorKind.JOB, label=label)

    @classmethod
    def system(cls, label: str) -> "Actor":
        return cls(kind=ActorKind.SYSTEM, label=label)

    @classmethod
    def from_request(cls, request: HttpRequest, user: User | None = None) -> "Actor":
        """The person behind a request; `user` when the request is the login itself."""
        person = user or (request.user if request.user.is_authenticated else None)
        return cls(
            kind=ActorKind.STAFF if getattr(request, "is_staff_area", False) else ActorKind.USER,
            user=person,
            ip_address=client_ip(request),
            user_agent=request.headers.get("User-Agent", "")[:500] or None,
            endpoint=request.path[:255],
            http_method=request.method,
        )


def record(
    *,
    actor: Actor,
    action: AuditAction,
    resource: models.Model | str,
    resource_id: object = None,
    old: dict[str, Any] | None = None,
    new: dict[str, Any] | None = None,
    tenant_id: int | None = None,
) -> AuditLog:
    """Write one entry. `resource` is the row, or a table name with `resource_id` (None for bulk changes).

    `old` and `new` hold field values; only fields that differ are kept, personal data and secrets masked.
    """
    row_id = resource_id if isinstance(resource, str) else resource.pk
    entry = _entry(actor, action, resource, Entry(row_id, old, new), tenant_id=tenant_id)
    entry.save()
    return entry


class Entry(NamedTuple):
    """One of many changes of rows of a table: the row's id, and field values before and after."""

    resource_id: object
    old: dict[str, Any] | None
    new: dict[str, Any] | None


def record_many(*, actor: Actor, action: AuditAction, resource: str, entries: Iterable[Entry]) -> None:
    """Write an entry for each, with one statement. `resource` is the name of their table."""
    AuditLog.objects.bulk_create([_entry(actor, action, resource, entry) for entry in entries])


def _entry(
    actor: Actor, action: AuditAction, resource: models.Model | str, entry: Entry, *, tenant_id: int | None = None
) -> AuditLog:
    table = resource if isinstance(resource, str) else resource._meta.db_table
    hidden = masked_columns(table)
    if not isinstance(resource, str):
        hidden |= encrypted_fields(resource._meta.model)  # request.user is a lazy wrapper of another type
    changed = changed_fields(entry.old, entry.new)
    if tenant_id is None:
        tenant_id = getattr(resource, "tenant_id", None)
    return AuditLog(
        # Left open for save() to fill from the context where neither the caller nor the row says it.
        **({} if tenant_id is None else {"tenant_id": tenant_id}),
        # By id: staff of another workspace may act here, and a loaded row of theirs would read as a mix-up.
        user_id=actor.user.pk if actor.user else None,
        action=action,
        resource_type=table,
        resource_id=None if entry.resource_id is None else str(entry.resource_id),
        old_value=_masked(entry.old, changed, hidden),
        new_value=_masked(entry.new, changed, hidden),
        changed_fields=changed or None,
        ip_address=actor.ip_address,
        user_agent=actor.user_agent,
        request_id=actor.request_id or _running_id(),
        endpoint=actor.endpoint,
        http_method=actor.http_method,
        actor_kind=actor.kind,
        actor_label=actor.label[:255],
        reason=mask_text(actor.reason),
    )


def _running_id() -> str | None:
    """The id under which the request, or the task, of this change stands in the log."""
    context = get_contextvars()
    running = context.get("request_id") or context.get("task_id")
    return str(running)[:100] if running else None


def snapshot(row: models.Model, fields: list[str] | None = None) -> dict[str, Any]:
    """A row's values as they may be compared and kept: JSON types, foreign keys as ids."""
    columns = {field.name: field for field in row._meta.concrete_fields}
    names = fields or [name for name, field in columns.items() if not isinstance(field, models.GeneratedField)]
    return {name: _plain(getattr(row, columns[name].attname)) for name in names}


def changed_fields(old: dict[str, Any] | None, new: dict[str, Any] | None) -> list[str]:
    """Names whose values differ; all names when one side is missing."""
    if old is None or new is None:
        return sorted((old or new or {}).keys())
    return sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))


def encrypted_fields(model: type[models.Model]) -> set[str]:
    return {f.name for f in model._meta.concrete_fields if isinstance(f, EncryptedTextField)}


def _masked(values: dict[str, Any] | None, names: list[str], hidden: frozenset[str]) -> dict[str, Any] | None:
    if values is None:
        return None
    return {
        name: MASK if name in hidden and values[name] else mask_value(name, _plain(values[name]))
        for name in names
        if name in values
    }


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, models.Model):
        return value.pk
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return str(value)
