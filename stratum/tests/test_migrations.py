"""Migrations run forwards, backwards and forwards again, and say what they do."""

import os
import re
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection

ROOT = Path(settings.BASE_DIR)
OURS = ("tenants", "accounts", "campaigns", "creatives", "competitors", "whatsapp", "mlcache", "rules")

# As `migrate APP zero` does, for all of them along one plan: each plan of its own would draw every model once more.
TO_ZERO = f"""
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
connection.act_as_owner()
MigrationExecutor(connection).migrate([(app, None) for app in {OURS}])
"""

pytestmark = pytest.mark.django_db


@pytest.fixture
def scratch_database(worker_id_or_main: str):
    """The address of an empty database beside the test database."""
    name = f"scratch_{worker_id_or_main}"
    parameters = {**connection.get_connection_params()}
    server = {key: parameters[key] for key in ("user", "password", "host", "port") if parameters.get(key)}
    with psycopg.connect(dbname="postgres", autocommit=True, **server) as raw:
        raw.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        raw.execute(f"CREATE DATABASE {name}")
    yield re.sub(r"/stratum(?=$|\?)", f"/{name}", os.environ["DATABASE_URL"])
    with psycopg.connect(dbname="postgres", autocommit=True, **server) as raw:
        raw.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture
def worker_id_or_main() -> str:
    return f"{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{os.getpid()}"


def manage(url: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": url},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_migrations_run_in_both_directions(scratch_database):
    manage(scratch_database, "migrate", "-v0")
    with psycopg.connect(scratch_database) as raw:
        before = raw.execute("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace").fetchone()
    manage(scratch_database, "shell", "-v0", "-c", TO_ZERO)
    with psycopg.connect(scratch_database) as raw:
        assert raw.execute("SELECT to_regclass('tenants'), to_regproc('stratum_touch')").fetchone() == (None, None)
    manage(scratch_database, "migrate", "-v0")
    with psycopg.connect(scratch_database) as raw:
        after = raw.execute("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace").fetchone()
    assert after == before


@pytest.mark.parametrize("app", OURS)
def test_migrations_have_names(app):
    names = [path.stem for path in (Path(apps.get_app_config(app).path) / "migrations").glob("0*.py")]
    assert names
    assert [name for name in names if "auto" in name] == []
