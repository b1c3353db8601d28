"""The standing proof that workspaces never meet: every route, export, panel and task, walked with two look-alike
workspaces; once as built, once with the first wall switched off so that the second must hold alone."""

import inspect
import re
from collections.abc import Iterator

import pytest
from celery import current_app
from django.core.exceptions import FullResultSet
from django.db import connection, transaction
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.tests.factories import make_user
from stratum.tests.lookalike import FOREIGN_ID, FOREIGN_NUMBER, OWN_ID, mark, populate, tenant_models
from tenants.context import tenant_context, unscoped
from tenants.querysets import InBoundTenant

# Routes whose policy is somebody else's: Django admin guards itself (tests/test_admin.py walks it).
GUARDED_ELSEWHERE = ("admin/",)
ROLES = ("admin", "manager", "analyst", "viewer")
FOREIGN_TRACES = re.compile(r"globex|8[,. \u00a0\u202f]?675[,. \u00a0\u202f]?309|86[,. ]?753[,. ]09", re.IGNORECASE)


def routes(patterns=None, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Every URL pattern with its whole path, admin left out."""
    for entry in patterns if patterns is not None else get_resolver().url_patterns:
        path = prefix + str(entry.pattern)
        if path.startswith(GUARDED_ELSEWHERE):
            continue
        if isinstance(entry, URLResolver):
            yield from routes(entry.url_patterns, path)
        else:
            yield path, entry


ROUTES = dict(routes())
CONVERTER = re.compile(r"<(?:(\w+):)?(\w+)>")


def fill(path: str, number: int) -> str:
    """The path with every parameter replaced: numbers by `number`, words by a harmless one."""
    return "/" + CONVERTER.sub(lambda found: str(number) if found[1] == "int" else "x", path)


@pytest.fixture
def worlds(acme, globex):
    """acme with its rows (all of id OWN_ID); globex with the same kinds of rows, marked (FOREIGN_ID)."""
    ours = populate(acme, number=11, row_id=OWN_ID)
    return ours, populate(globex, number=FOREIGN_NUMBER, row_id=FOREIGN_ID)


@pytest.fixture(params=["both walls", "second wall alone"])
def walls(request, monkeypatch):
    if request.param == "second wall alone":

        def no_filter(self, compiler, connection, **extra):
            raise FullResultSet

        monkeypatch.setattr(InBoundTenant, "as_sql", no_filter)
    return request.param


def rows_of(tenant) -> dict[str, list]:
    """Every column of every row of a workspace."""
    with unscoped("test: compare all rows"), transaction.atomic(), connection.cursor() as cursor:
        found = {}
        for model in tenant_models():
            cursor.execute(f"SELECT * FROM {model._meta.db_table} WHERE tenant_id = %s ORDER BY id", [tenant.pk])
            found[model._meta.db_table] = cursor.fetchall()
        return found


def body(response) -> str:
    content = b"".join(response.streaming_content) if response.streaming else response.content
    return content.decode(errors="replace") + " ".join(f"{k}: {v}" for k, v in response.headers.items())


def test_every_route_carries_a_policy():
    assert len(ROUTES) > 10
    unmarked = [path for path, route in ROUTES.items() if not hasattr(route.callback, "policy")]
    assert unmarked == []


def test_every_public_route_says_why():
    silent = [p for p, r in ROUTES.items() if r.callback.policy is None and not r.callback.public_reason]
    assert silent == []


@pytest.mark.parametrize("role", ROLES)
def test_no_page_shows_another_workspace(worlds, walls, acme, client_of, role):
    client = client_of(make_user(acme, role, email=f"walker-{role}@acme.example"))
    leaks = []
    for path, route in ROUTES.items():
        if "GET" not in route.callback.methods:
            continue
        for headers in ({}, {"HX-Request": "true"}):
            text = body(client.get(fill(path, OWN_ID), headers=headers))
            leaks += [f"{path}: {found[0]}" for found in FOREIGN_TRACES.finditer(text)][:1]
    assert leaks == []


def test_the_walk_would_notice_a_leak(worlds, globex, client_of):
    """The same walk by a person of globex does find globex's marks: the proof above is not blind."""
    client = client_of(make_user(globex, "admin", email="walker@globex.example"))
    paths = [path for path, route in ROUTES.items() if "GET" in route.callback.methods and "<" not in path]
    seen = [path for path in paths if mark(globex) in body(client.get("/" + path))]
    assert len(seen) >= 3


@pytest.mark.parametrize("role", ROLES)
def test_foreign_ids_are_not_found(worlds, walls, acme, globex, client_of, role):
    client = client_of(make_user(acme, role, email=f"walker-{role}@acme.example"))
    before = rows_of(globex)
    answered = []
    for path, route in ROUTES.items():
        if "<int" not in path:
            continue
        for method in route.callback.methods:
            response = getattr(client, method.lower())(fill(path, FOREIGN_ID))
            if response.status_code not in (403, 404):
                answered.append(f"{method} {path}: {response.status_code}")
    assert answered == []
    assert rows_of(globex) == before


@pytest.mark.parametrize("role", ["admin", "manager"])
def test_foreign_ids_in_a_form_reach_nothing(worlds, walls, acme, globex, client_of, role):
    """Bulk actions and select boxes take ids in the body."""
    client = client_of(make_user(acme, role, email=f"walker-{role}@acme.example"))
    names = (
        "ids",
        "id",
        "pk",
        "campaign",
        "campaigns",
        "campaign_ids",
        "account",
        "ad_account",
        "rule",
        "rules",
        "alerts",
    )
    form = {**{name: [FOREIGN_ID] for name in names}, "label": "walked", "status": "paused", "action": "add"}
    before, leaks = rows_of(globex), []
    for path, route in ROUTES.items():
        if "POST" in route.callback.methods and route.callback.policy:
            for data in (form, {**form, "all": "1", "select_all": "1"}):
                text = body(client.post(fill(path, OWN_ID), data))
                leaks += [f"{path}: {found[0]}" for found in FOREIGN_TRACES.finditer(text)][:1]
    assert leaks == []
    assert rows_of(globex) == before


def test_strangers_are_sent_to_the_login(client, db):
    let_in = []
    for path, route in ROUTES.items():
        if route.callback.policy is None:
            continue
        for method in route.callback.methods:
            response = getattr(client, method.lower())(fill(path, 1))
            if response.status_code != 302 or "/login/" not in response.url:
                let_in.append(f"{method} {path}: {response.status_code}")
    assert let_in == []


def test_wrong_method_is_refused(admin, client_of):
    client = client_of(admin)
    wrong = [
        path
        for path, route in ROUTES.items()
        if client.delete(fill(path, 1)).status_code != 405 and "DELETE" not in route.callback.methods
    ]
    assert wrong == []


@pytest.mark.parametrize("role", ROLES)
def test_missing_capability_is_refused(acme, client_of, role):
    user = make_user(acme, role, email=f"walker-{role}@acme.example")
    client = client_of(user)
    wrong = []
    for path, route in ROUTES.items():
        capability = route.callback.policy
        if capability is None:
            continue
        for method in route.callback.methods:
            refused = getattr(client, method.lower())(fill(path, 1)).status_code == 403
            if refused == user.can(capability):
                wrong.append(f"{role} {method} {path} needs {capability}: {'refused' if refused else 'let in'}")
    assert wrong == []


def tenant_tasks() -> list[str]:
    current_app.loader.import_default_modules()
    ours = ("tenants.", "accounts.", "campaigns.", "creatives.", "competitors.", "whatsapp.", "mlcache.", "rules.")
    return sorted(name for name in current_app.tasks if name.startswith(ours))


def test_no_task_touches_another_workspace(worlds, walls, acme, globex):
    before = rows_of(globex)
    ran = []
    for name in tenant_tasks():
        task = current_app.tasks[name]
        arguments = inspect.signature(task.run).parameters
        if "tenant_id" not in arguments:
            continue
        keywords = {"tenant_id": acme.pk}
        keywords |= {n: FOREIGN_ID for n in arguments if n.endswith("_id") and n != "tenant_id"}
        keywords |= {n: [FOREIGN_ID] for n in arguments if n.endswith("_ids")}
        task(**keywords)
        ran.append(name)
    assert ran
    assert rows_of(globex) == before


def test_a_task_without_a_tenant_sees_nothing(worlds):
    with transaction.atomic(), connection.cursor() as cursor:
        for model in tenant_models():
            cursor.execute(f"SELECT count(*) FROM {model._meta.db_table}")
            assert cursor.fetchone() == (0,), model


@pytest.mark.parametrize("model", tenant_models(), ids=lambda model: model._meta.db_table)
def test_every_tenant_table_has_both_walls(worlds, model, acme):
    """Manager and policy, for reading and for writing."""
    _ours, theirs = worlds
    table = model._meta.db_table
    with tenant_context(acme), transaction.atomic():
        assert set(model._default_manager.values_list("tenant_id", flat=True)) == {acme.pk}
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT DISTINCT tenant_id FROM {table}")
            assert cursor.fetchall() == [(acme.pk,)]
            if table not in ("audit_logs", "audit_links"):
                cursor.execute(f"DELETE FROM {table} WHERE id = %s", [theirs[model].pk])
                assert cursor.rowcount == 0


def test_every_table_with_a_tenant_column_is_secured(db):
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
            WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p')
              AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
            """
        )
        assert cursor.fetchall() == []
