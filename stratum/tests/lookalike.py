"""Look-alike rows of every tenant table in two workspaces: the material of the standing proof.

Both workspaces get the same kinds of rows; each text carries its workspace's mark, and ids and counters of the second
are far away, so that any id, text or sum of it is recognised wherever it turns up.
"""

import datetime

from django.apps import apps
from django.contrib.auth.hashers import make_password
from django.db import models, transaction
from django.utils import timezone

from stratum.lib.encryption import EncryptedTextField
from tenants.context import tenant_context
from tenants.models import Tenant, TenantModel

# Filled by a trigger, not by hand.
WRITTEN_BY_DATABASE = {"audit_links"}
OWN_ID, FOREIGN_ID = 500_001, 900_001
# A number that no other row can produce: 8,675,309.
FOREIGN_NUMBER = 8_675_309


def tenant_models() -> list[type[models.Model]]:
    """Every concrete tenant table, parents before children."""
    found = [m for m in apps.get_models() if issubclass(m, TenantModel) and m._meta.db_table not in WRITTEN_BY_DATABASE]
    ordered: list[type[models.Model]] = []
    while found:
        for model in found:
            needs = {f.related_model for f in _foreign_keys(model) if f.related_model is not model}
            if not needs & (set(found) - {model}):
                ordered.append(model)
                found.remove(model)
                break
        else:
            raise AssertionError(f"circular foreign keys: {found}")
    return ordered


def mark(tenant: Tenant) -> str:
    return f"{tenant.slug}-mark"


def populate(tenant: Tenant, *, number: int, row_id: int) -> dict[type[models.Model], models.Model]:
    """One row of every tenant table, texts marked, counters set to `number`. Returns them by model.

    All rows of a workspace share one id: one request per route then tries every kind of row.
    """
    rows: dict[type[models.Model], models.Model] = {}
    with tenant_context(tenant), transaction.atomic():
        for model in tenant_models():
            rows[model] = model._default_manager.create(id=row_id, **_values(model, tenant, rows, number))
    return rows


def _foreign_keys(model: type[models.Model]) -> list[models.Field]:
    return [
        field
        for field in model._meta.concrete_fields
        if field.is_relation and field.name != "tenant" and issubclass(field.related_model, TenantModel)
    ]


def _values(model, tenant: Tenant, rows: dict, number: int) -> dict:
    values: dict[str, object] = {"tenant": tenant}
    for field in model._meta.concrete_fields:
        if field.primary_key or field.name == "tenant" or isinstance(field, models.GeneratedField):
            continue
        if field.is_relation:
            if field.related_model in rows:
                values[field.name] = rows[field.related_model]
            continue
        values[field.name] = _value(field, tenant, number)
    return {name: value for name, value in values.items() if value is not _KEEP_DEFAULT}


_KEEP_DEFAULT = object()
# Values that must make sense to the code that reads them.
_SENSIBLE = {
    "role": "viewer",
    "platform": "meta",
    "status": None,
    "currency": "USD",
    "timezone": "UTC",
    "locale": "en",
    "language": "en",
    "condition_field": "spend",
    "condition_operator": "greater_than",
    "condition_value": "1",
    "action_type": "send_alert",
    "triggered": True,
    "outcome": "acted",
    "domain": None,
}


def _value(field: models.Field, tenant: Tenant, number: int) -> object:
    if field.name == "password":
        return make_password("x")
    if field.name in ("date", "date_from", "date_to", "start_date", "end_date"):
        return timezone.now().date() - datetime.timedelta(days=1)
    sensible = _SENSIBLE.get(field.name)
    if sensible is not None and (not field.choices or sensible in dict(field.choices)):
        return sensible
    if isinstance(field, models.FileField):
        return f"{tenant.slug}/imports/{mark(tenant)}.csv"
    if isinstance(field, models.JSONField | models.BooleanField | models.DateTimeField | models.BinaryField):
        if field.has_default() or field.null:
            return _KEEP_DEFAULT
        return {} if isinstance(field, models.JSONField) else timezone.now()
    if isinstance(field, (EncryptedTextField, models.CharField | models.TextField)):
        if field.choices:
            return field.default if field.has_default() else field.choices[0][0]
        if field.name == "email":
            return f"person@{mark(tenant)}.example"
        return mark(tenant)[: field.max_length or None]
    if isinstance(field, models.IntegerField):
        return (
            number if field.name.endswith(("_cents", "impressions", "clicks", "revenue_cents")) else _or_default(field)
        )
    if isinstance(field, models.FloatField):
        return 0.5
    return _or_default(field)


def _or_default(field: models.Field) -> object:
    return _KEEP_DEFAULT if field.has_default() or field.null else 1
