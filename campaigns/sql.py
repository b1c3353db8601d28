"""Pieces of SQL about campaign-days that several statements share. Column names only, never values."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def hash_joins() -> Iterator[None]:
    """Join many rows with many rows by hashing, whatever the planner believes of their number.

    Statistics do not know a workspace that has just been filled: row-level security then looks as if it left one
    row, and the planner joins by nested loops, which for 100,000 rows takes minutes instead of half a second. Inside
    this block the cost is linear always, and a hash of that many rows stays in memory. Blocks do not nest. Needs a
    transaction; a failure takes the settings back with its savepoint.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('enable_nestloop', 'off', true), set_config('work_mem', '64MB', true)")
        yield
        # NULL: back to what the session has.
        cursor.execute("SELECT set_config('enable_nestloop', NULL, true), set_config('work_mem', NULL, true)")


def exact_conversions(alias: str) -> str:
    """Conversions × 1,000,000 of a fact or campaign row: the exact column where it is filled, else the whole count."""
    return f"COALESCE({alias}.conversions_micros, {alias}.conversions * 1000000)"


def conversion_columns(micros: str) -> str:
    """Values of the columns (conversions, conversions_micros) for an exact count: two expressions.

    The whole count is rounded half to even, as money is (PostgreSQL's round() of numerics would go away from zero);
    the exact count is kept only where it is not a whole number.
    """
    # mod() keeps the sign of its first argument.
    fraction = f"mod(mod({micros}, 1000000) + 1000000, 1000000)"
    whole = f"(({micros} - {fraction}) / 1000000)"
    return (
        f"{whole} + CASE WHEN {fraction} > 500000 OR ({fraction} = 500000 AND mod({whole}, 2) <> 0) THEN 1 ELSE 0 END, "
        f"CASE WHEN {fraction} <> 0 THEN {micros} END"
    )


def after(known_at: str) -> str:
    """The first moment after this one: what replaces a value is known later than it, or looking back could not tell."""
    return f"{known_at} + interval '1 microsecond'"
