"""The migrated database against the schema's contract: contract.sql is loaded beside it and compared piece by piece."""

from pathlib import Path

import psycopg
import pytest
from django.db import connection

pytestmark = pytest.mark.django_db

CONTRACT = (Path(__file__).parent / "contract.sql").read_text()

# Wider is fine, narrower is not: what a contract type may have become.
MAY_BECOME = {
    "integer": {"integer", "bigint"},
    "character varying": {"character varying", "text"},
    "text": {"text"},
    "double precision": {"double precision"},
    "boolean": {"boolean"},
    "date": {"date"},
    "jsonb": {"jsonb"},
    "timestamp with time zone": {"timestamp with time zone"},
    "USER-DEFINED": {"character varying"},  # enums: TextChoices and a CHECK
}
GENERATED = {("campaigns", name) for name in ("ctr", "cpc_cents", "cpm_cents", "cpa_cents", "roas")}

COLUMNS = """
    SELECT table_name, column_name, data_type, udt_name, character_maximum_length, is_nullable = 'YES',
           column_default, is_identity = 'YES', is_generated = 'ALWAYS'
    FROM information_schema.columns WHERE table_schema = %s
"""
INDEXES = """
    SELECT c.relname, t.relname, array_agg(a.attname ORDER BY k.n), i.indisunique, i.indpred IS NOT NULL
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
    JOIN pg_namespace s ON s.oid = t.relnamespace
    CROSS JOIN LATERAL unnest(i.indkey::int[]) WITH ORDINALITY AS k(attnum, n)
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum
    WHERE s.nspname = %s GROUP BY 1, 2, 4, 5
"""
FOREIGN_KEYS = """
    SELECT t.relname, a.attname, f.relname, c.confdeltype::text
    FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid JOIN pg_class f ON f.oid = c.confrelid
    JOIN pg_namespace s ON s.oid = t.relnamespace
    CROSS JOIN LATERAL unnest(c.conkey, c.confkey) AS k(attnum, target)
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum
    JOIN pg_attribute b ON b.attrelid = f.oid AND b.attnum = k.target
    WHERE c.contype = 'f' AND s.nspname = %s AND b.attname = 'id'
"""
ENUM_VALUES = """
    SELECT t.typname, array_agg(e.enumlabel ORDER BY e.enumlabel)::text[] FROM pg_type t
    JOIN pg_enum e ON e.enumtypid = t.oid JOIN pg_namespace s ON s.oid = t.typnamespace
    WHERE s.nspname = 'contract' GROUP BY 1
"""
CHECKS = """
    SELECT t.relname, pg_get_constraintdef(c.oid) FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
    WHERE c.contype = 'c' AND c.connamespace = 'public'::regnamespace
"""


@pytest.fixture(scope="module")
def owner(django_db_setup, django_db_blocker):
    """A connection of the owner with the contract loaded into a schema of its own, rolled back afterwards."""
    with django_db_blocker.unblock():
        parameters = connection.get_connection_params()
    wanted = ("dbname", "user", "password", "host", "port")
    with psycopg.connect(**{key: parameters[key] for key in wanted if parameters.get(key)}) as raw:
        raw.execute("CREATE SCHEMA contract")
        raw.execute("SET search_path TO contract")
        raw.execute(CONTRACT)
        yield raw
        raw.rollback()


def ask(owner, query, schema=None):
    return owner.execute(query, (schema,) if schema else None).fetchall()


def test_contract_has_all_tables(owner):
    """The comparison below is not empty."""
    tables = {row[0] for row in ask(owner, COLUMNS, "contract")}
    assert len(tables) == 13


def test_every_column_is_there_and_not_narrower(owner):
    ours = {(row[0], row[1]): row[2:] for row in ask(owner, COLUMNS, "public")}
    wrong = []
    for table, column, kind, _udt, length, nullable, default, _identity, _generated in ask(owner, COLUMNS, "contract"):
        found = ours.get((table, column))
        if found is None:
            wrong.append(f"{table}.{column} is missing")
            continue
        our_kind, _our_udt, our_length, our_nullable, our_default, identity, generated = found
        if our_kind not in MAY_BECOME[kind]:
            wrong.append(f"{table}.{column} is {our_kind}, the contract says {kind}")
        if our_kind == "character varying" and length and our_length < length:
            wrong.append(f"{table}.{column} holds {our_length} characters, the contract says {length}")
        if nullable != our_nullable:
            wrong.append(f"{table}.{column} nullable: {our_nullable}, the contract says {nullable}")
        if default and not (our_default or identity):
            wrong.append(f"{table}.{column} has no default, the contract says {default}")
        if ((table, column) in GENERATED) != generated:
            wrong.append(f"{table}.{column} generated: {generated}")
    assert wrong == []


def test_defaults_say_the_same(owner):
    ours = {(row[0], row[1]): row[6] for row in ask(owner, COLUMNS, "public")}
    different = []
    for table, column, *_rest, default, _identity, _generated in ask(owner, COLUMNS, "contract"):
        if not default or default.startswith("nextval"):
            continue
        mine = ours[table, column] or ""
        plain = default.split("::")[0].lower().replace("now()", "statement")
        if plain not in mine.lower().replace("statement_timestamp()", "statement").replace("now()", "statement"):
            different.append(f"{table}.{column}: {mine!r}, the contract says {default!r}")
    assert different == []


def test_every_named_index_is_there(owner):
    ours = {row[0]: (row[1], row[2]) for row in ask(owner, INDEXES, "public")}
    named = [row for row in ask(owner, INDEXES, "contract") if row[0].startswith("ix_")]
    assert len(named) == 24
    assert {row[0]: (row[1], row[2]) for row in named} == {row[0]: ours.get(row[0]) for row in named}


def test_every_unique_is_there(owner):
    def uniques(schema):
        return {(row[1], tuple(sorted(row[2]))) for row in ask(owner, INDEXES, schema) if row[3] and not row[4]}

    assert uniques("contract") - uniques("public") == set()


def test_every_foreign_key_is_there_with_its_on_delete(owner):
    contract, ours = set(ask(owner, FOREIGN_KEYS, "contract")), set(ask(owner, FOREIGN_KEYS, "public"))
    assert len(contract) > 10
    assert contract - ours == set()


def test_every_enum_is_held_by_a_check(owner):
    enums = dict(ask(owner, ENUM_VALUES))
    checks = ask(owner, CHECKS)
    missing = []
    for table, column, kind, udt, *_rest in ask(owner, COLUMNS, "contract"):
        if kind != "USER-DEFINED":
            continue
        held = [text for name, text in checks if name == table and column in text]
        if not any(all(f"'{value}'" in text for value in enums[udt]) for text in held):
            missing.append(f"{table}.{column}")
    assert missing == []


@pytest.mark.parametrize(("table", "column"), [("campaigns", "labels"), ("creative_assets", "tags")])
def test_json_labels_are_indexed_for_containment(owner, table, column):
    owner.execute("SET LOCAL enable_seqscan = off")
    plan = owner.execute(f"EXPLAIN SELECT 1 FROM public.{table} WHERE {column} @> '[\"summer\"]'").fetchall()
    assert any(f"ix_{'campaigns' if table == 'campaigns' else 'assets'}_{column}" in line for (line,) in plan)
