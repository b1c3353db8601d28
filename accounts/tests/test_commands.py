"""manage.py create_staff."""

import io

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from accounts.models import AuditLog, User
from accounts.tests.factories import PASSWORD
from tenants.context import tenant_context, unscoped
from tenants.models import Tenant

NAME = ("--name", "Sam Staff")


def create_staff(monkeypatch, *arguments: str, password: str = PASSWORD) -> str:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n"))
    output = io.StringIO()
    call_command("create_staff", *arguments, "--password-stdin", stdout=output)
    return output.getvalue()


def users() -> list[User]:
    with unscoped("test"), transaction.atomic():
        return list(User.objects.select_related("tenant").order_by("pk"))


def test_staff_belongs_to_the_internal_workspace(db, monkeypatch, client):
    create_staff(monkeypatch, "sam@stratum.example", *NAME)
    create_staff(monkeypatch, "eve@stratum.example", *NAME, "--read-only")
    sam, eve = users()
    assert (sam.tenant.slug, sam.tenant_id) == ("stratum", eve.tenant_id)
    assert (sam.is_staff, sam.is_superuser, eve.is_staff, eve.is_superuser) == (True, True, True, False)
    assert client.post("/login/", {"email": "sam@stratum.example", "password": PASSWORD}).status_code == 302
    assert client.get("/admin/").status_code == 200


def test_staff_of_a_named_workspace_takes_no_seat(acme, monkeypatch):
    with tenant_context(acme), transaction.atomic():
        Tenant.objects.update(max_users=0)
    create_staff(monkeypatch, "sam@stratum.example", *NAME, "--tenant", "acme")
    assert users()[0].tenant_id == acme.pk


def test_known_person_becomes_staff(acme, viewer, monkeypatch):
    create_staff(monkeypatch, viewer.email, *NAME, "--tenant", "acme", password="another long sentence")
    user = users()[0]
    assert (user.pk, user.is_staff, user.role, user.full_name) == (viewer.pk, True, "viewer", "Viewer of Acme")
    assert user.check_password("another long sentence")
    with tenant_context(acme), transaction.atomic():
        entry = AuditLog.objects.get()
    assert entry.changed_fields == ["is_staff", "is_superuser", "password"]
    assert (entry.actor_kind, entry.actor_label) == ("system", "create_staff")


@pytest.mark.parametrize(
    ("arguments", "password"),
    [
        (("sam@stratum.example", *NAME), "short"),
        (("not an address", *NAME), PASSWORD),
        (("sam@stratum.example", *NAME, "--tenant", "nowhere"), PASSWORD),
    ],
)
def test_create_staff_refuses(db, monkeypatch, arguments, password):
    with pytest.raises(CommandError):
        create_staff(monkeypatch, *arguments, password=password)
    assert users() == []
