"""Who may do what: the whole matrix, single exceptions, and the query for one of them."""

import itertools

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import RequestFactory

from accounts.choices import Role
from accounts.decorators import requires
from accounts.models import User
from accounts.queries import people_who_may_export
from accounts.roles import CAPABILITIES, CAPABILITY_WORDS, role_can
from accounts.tests.factories import make_user
from tenants.context import tenant_context, unscoped

# a = admin, m = manager, n = analyst, v = viewer: who holds what, written down a second time.
MATRIX = {
    "view": "amnv",
    "edit_profile": "amnv",
    "export": "amn",
    "create_reports": "amn",
    "forecast": "amn",
    "replay": "amn",
    "import_data": "am",
    "edit_campaigns": "am",
    "edit_rules": "am",
    "edit_creatives": "am",
    "edit_competitors": "am",
    "edit_contacts": "am",
    "manage_alerts": "am",
    "manage_team": "am",
    "view_audit": "am",
    "manage_users": "a",
    "manage_connections": "a",
    "manage_settings": "a",
    "manage_billing": "a",
    "manage_privacy": "a",
}
LETTERS = {"a": Role.ADMIN, "m": Role.MANAGER, "n": Role.ANALYST, "v": Role.VIEWER}


def test_the_matrix_covers_every_capability_and_role():
    assert set(MATRIX) == set(CAPABILITIES)
    assert set(LETTERS.values()) == set(Role)


@pytest.mark.parametrize(("capability", "letter"), itertools.product(MATRIX, LETTERS))
def test_matrix(capability, letter):
    expected = letter in MATRIX[capability]
    role = LETTERS[letter]
    assert role_can(role, capability) is expected
    assert User(role=role).can(capability) is expected


@pytest.mark.parametrize("capability", MATRIX)
def test_higher_roles_hold_what_lower_ones_do(capability):
    assert MATRIX[capability] == "amnv"[: len(MATRIX[capability])]


@pytest.mark.parametrize("capability", MATRIX)
def test_deactivated_people_may_nothing(capability):
    assert not User(role=Role.ADMIN, is_active=False).can(capability)


@pytest.mark.parametrize("asked", ["fly", "", "can_export"])
def test_unknown_capability_is_an_error_not_an_answer(asked):
    with pytest.raises(KeyError):
        role_can(Role.ADMIN, asked)
    with pytest.raises(KeyError):
        requires(asked)


def test_every_capability_is_explained():
    assert set(CAPABILITY_WORDS) == set(CAPABILITIES)


@pytest.mark.parametrize(
    ("role", "permissions", "expected"),
    [
        (Role.VIEWER, {"can_export": True}, True),
        (Role.ADMIN, {"can_export": False}, False),
        (Role.ANALYST, {}, True),
        (Role.VIEWER, {"can_export": "true"}, False),  # only true and false count
        (Role.ANALYST, {"can_export": None}, True),
        (Role.ANALYST, {"export": False}, True),
        (Role.VIEWER, {"can_view_audit": True}, False),
    ],
)
def test_single_exceptions(role, permissions, expected):
    assert User(role=role, permissions=permissions).can("export") is expected


@pytest.mark.parametrize(("allowed", "status"), [(True, 200), (False, 403), (None, 403)])
def test_exception_reaches_the_page(client_of, acme, allowed, status):
    permissions = {"can_view_audit": True} | ({} if allowed is None else {"can_export": allowed})
    client = client_of(make_user(acme, "viewer", permissions=permissions))
    assert client.get("/audit/").status_code == 200
    assert client.get("/audit/export/").status_code == status
    assert (b"/audit/export/" in client.get("/audit/").content) is (status == 200)


def test_view_that_needs_two_capabilities():
    @requires("view_audit", "export")
    def view(request):
        return HttpResponse()

    request = RequestFactory().get("/")
    request.user = User(role=Role.MANAGER)
    assert view(request).status_code == 200
    for missing in ("can_export", "can_view_audit"):
        request.user = User(role=Role.MANAGER, permissions={missing: False})
        with pytest.raises(PermissionDenied):
            view(request)


# --- users whose permissions->>'can_export' = 'true' ---------------------------------------------------------

SCHEMA_QUERY = "SELECT id FROM users WHERE permissions->>'can_export' = 'true'"


def plan_of(sql: str, *parameters: object) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {sql}", parameters)
        return "\n".join(row[0] for row in cursor.fetchall())


def test_people_who_may_export(acme, globex):
    granted = make_user(acme, "viewer", permissions={"can_export": True})
    make_user(acme, "analyst", permissions={"can_export": False})
    make_user(acme, "manager")
    make_user(globex, "viewer", permissions={"can_export": True})
    with tenant_context(acme), transaction.atomic():
        assert list(people_who_may_export()) == [granted]
        with connection.cursor() as cursor:
            cursor.execute(SCHEMA_QUERY)
            assert cursor.fetchall() == [(granted.pk,)]


def test_people_who_may_export_are_found_by_index(acme):
    """The application's role, which row-level security holds, included: a plain index on ->> would stay unused."""
    with tenant_context(acme), transaction.atomic():
        assert "ix_users_can_export" in plan_of(SCHEMA_QUERY)
        sql, parameters = people_who_may_export().values("pk").query.sql_with_params()
        assert "ix_users_can_export" in plan_of(sql, *parameters)
    with unscoped("test"), transaction.atomic():
        assert "ix_users_can_export" in plan_of(SCHEMA_QUERY)
