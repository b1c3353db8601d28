"""Columns of one kind, the same in all tables."""

from django.db import models
from django.db.models import Value


def json_default(value: object) -> Value:
    """The database's own default of a jsonb column."""
    return Value(value, models.JSONField())
