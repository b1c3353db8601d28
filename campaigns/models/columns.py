"""Pieces that several tables of this app are made of."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Func, Value


def json_value(value: object) -> Value:
    """A JSON constant as a column's default in the database."""
    return Value(value, models.JSONField())


NO_IDS = Value([], ArrayField(models.IntegerField()))
MICRO = 1_000_000


def whole_ratio(numerator: str, denominator, *, scale: int = 1):
    """numerator × scale ÷ denominator, rounded to a whole minor unit; NULL for a zero denominator.

    In numeric: spend in the minor units of a small currency times a million does not fit a bigint.
    """
    return Func(
        F(numerator),
        denominator,
        template="round((%(expressions)s)::numeric, 0))::bigint",
        arg_joiner=f")::numeric * {scale} / nullif((",
        output_field=models.BigIntegerField(),
    )


def float_ratio(numerator: str, denominator: str):
    """numerator ÷ denominator as a float; NULL for a zero denominator."""
    return Func(
        F(numerator),
        F(denominator),
        template="(%(expressions)s)::float8, 0)",
        arg_joiner=")::float8 / nullif((",
        output_field=models.FloatField(),
    )


def stored(expression, field):
    return models.GeneratedField(expression=expression, output_field=field, db_persist=True)
