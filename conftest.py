"""The cast of the tests: workspaces acme and globex with look-alike data, a person of every role, an outsider.

Tests run as the application's role: row-level security is in force in all of them.
"""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import django
import pytest
from celery.contrib.testing.worker import start_worker

from stratum.embedded import embedded_environment
from stratum.embedded.errors import EmbeddedError

# Before anything reads the settings: the tests' own servers, made and kept below .stratum/.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "stratum.settings")
os.environ.setdefault("DB_POOL", "false")  # each test thread holds its own connection
os.environ.setdefault("LOG_LEVEL", "ERROR")
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # the browser driver runs an event loop
# Test processes that run side by side each have a queue and empty a cache of their own (gw0 → 2 and 9, …).
_side = int(os.environ.get("PYTEST_XDIST_WORKER", "gw-1")[2:])
os.environ["REDIS_CACHE_DATABASE"], os.environ["REDIS_QUEUE_DATABASE"] = str(2 + _side), str(9 + _side)
try:
    os.environ.update(embedded_environment(Path(__file__).resolve().parent, tests=True))
except EmbeddedError as error:
    pytest.exit(str(error), returncode=2)
django.setup()
# Not for the test processes that pytest starts: with it they would read the settings before this file ran.
del os.environ["DJANGO_SETTINGS_MODULE"]

# ruff: noqa: E402
from django.conf import settings as configured
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.core.cache import cache
from django.db import OperationalError, connection, transaction
from django.test import Client, TransactionTestCase
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from playwright.sync_api import Browser, expect, sync_playwright

from accounts.tests.factories import make_user
from stratum.celery import app
from stratum.sandbox.tests.live import LiveSandbox, serving
from stratum.tests.browser import CHROMIUM, Visit, Windows
from tenants.context import tenant_context
from tenants.middleware import SESSION_KEY
from tenants.models import Tenant
from tenants.tests.factories import make_tenant

User = get_user_model()

# Nothing is collected for the tests, but the folder is looked for.
configured.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
# No verdict hangs on the clock: a busy machine is not a defect. The same examples on every run of CI.
hypothesis_settings.register_profile(
    "stratum", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=bool(os.environ.get("CI"))
)
hypothesis_settings.load_profile("stratum")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> None:
    """The test database is made by the owner."""
    connection.act_as_owner()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: object) -> Iterator[None]:
    """…and used by the application's role, which may here (and only here) truncate between browser tests."""
    with django_db_blocker.unblock():
        connection.act_as_owner()
        with connection.cursor() as cursor:
            cursor.execute("GRANT TRUNCATE ON ALL TABLES IN SCHEMA public TO stratum_app")
        connection.act_as_app()
    yield
    with django_db_blocker.unblock():
        connection.act_as_owner()


EMPTYING_TRIES = 6
# Filled once, with the database; to make them anew would take longer than to empty everything else.
KEPT_TABLES = {"django_content_type", "auth_permission", "django_migrations"}


def _empty_database(self: TransactionTestCase) -> None:
    """What a test with transactions of its own leaves, in one statement; once more when a request that a closed browser
    had left running still held what is to be emptied."""
    tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
    emptied = ", ".join(connection.ops.quote_name(name) for name in tables if name not in KEPT_TABLES)
    for attempt in range(EMPTYING_TRIES):
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"TRUNCATE {emptied}")
            return
        except OperationalError:
            if attempt == EMPTYING_TRIES - 1:
                raise
            time.sleep(0.5)


TransactionTestCase._fixture_teardown = _empty_database  # type: ignore[method-assign]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A headless Chromium for the tests of one file. It is waited for with patience: a busy machine is no defect."""
    expect.set_options(timeout=30_000)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def windows(chromium: Browser) -> Windows:
    return Windows(chromium)


@pytest.fixture
def visit(windows: Windows, live_server, client_of) -> Iterator[Visit]:
    yield Visit(windows, live_server.url, client_of)
    windows.forget(live_server.url)


@pytest.fixture(autouse=True)
def fast_passwords(settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def plain_static_files(settings) -> None:
    """No manifest to collect first; test_up runs the real one."""
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@pytest.fixture(autouse=True)
def own_files(settings, tmp_path) -> None:
    settings.MEDIA_ROOT = tmp_path / "files"
    settings.EMAIL_FOLDER = str(tmp_path / "mail")


@pytest.fixture(autouse=True)
def empty_cache(request) -> None:
    if "db" in request.fixturenames or "transactional_db" in request.fixturenames:
        cache.clear()


@pytest.fixture
def acme(db) -> Tenant:
    return make_tenant("acme")


@pytest.fixture
def globex(db) -> Tenant:
    return make_tenant("globex")


@pytest.fixture
def in_acme(acme: Tenant) -> Iterator[Tenant]:
    with tenant_context(acme):
        yield acme


@pytest.fixture
def admin(acme: Tenant) -> AbstractBaseUser:
    return make_user(acme, "admin")


@pytest.fixture
def manager(acme: Tenant) -> AbstractBaseUser:
    return make_user(acme, "manager")


@pytest.fixture
def analyst(acme: Tenant) -> AbstractBaseUser:
    return make_user(acme, "analyst")


@pytest.fixture
def viewer(acme: Tenant) -> AbstractBaseUser:
    return make_user(acme, "viewer")


@pytest.fixture
def outsider(globex: Tenant) -> AbstractBaseUser:
    return make_user(globex, "admin")


@pytest.fixture
def client_of() -> Callable[[AbstractBaseUser], Client]:
    """A browser session of a person: `client_of(viewer).get(url)`."""

    def log_in(user: AbstractBaseUser) -> Client:
        client = Client()
        with tenant_context(user.tenant_id), transaction.atomic():
            client.force_login(user, backend="accounts.backends.WorkspaceBackend")
        session = client.session
        session[SESSION_KEY] = user.tenant_id
        session.save()
        return client

    return log_in


@pytest.fixture
def live_sandbox(settings) -> Iterator[LiveSandbox]:
    """The simulated platforms on a socket of this process, and the settings that point the product at them."""
    with serving(LiveSandbox()) as sandbox:
        for name, value in sandbox.settings().items():
            setattr(settings, name, value)
        yield sandbox


@pytest.fixture
def worker() -> Iterator[None]:
    """A Celery worker of this process, fed by the queues as in production. Ask for the sandbox before it."""
    app.loader.import_default_modules()
    with app.connection_for_write() as queue:
        for name in app.amqp.queues:
            queue.default_channel.queue_declare(name)
            queue.default_channel.queue_purge(name)
    # It may have a sync in its hands when the test is over.
    with start_worker(
        app, pool="threads", concurrency=2, perform_ping_check=False, loglevel="ERROR", shutdown_timeout=90.0
    ):
        yield
