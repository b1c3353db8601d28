"""`manage.py demo` refuses where demo data does not belong, and replaces what it made itself."""

from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection, transaction

from accounts.models import AuditLog
from stratum.demo.logins import DEMO_LOGINS, MAIN_SLUG
from stratum.demo.workspaces import KEPT_TABLES, existing_workspaces, retire
from stratum.tests.lookalike import populate, tenant_models
from tenants.context import tenant_context, unscoped
from tenants.models import Tenant
from tenants.tests.factories import make_tenant

QUICK = ("--days", "30", "--today", "2026-03-01")


def demo(*arguments: str) -> str:
    out = StringIO()
    call_command("demo", *QUICK, *arguments, stdout=out)
    return out.getvalue()


def slugs() -> set[str]:
    with unscoped("test: look at the workspaces"), transaction.atomic():
        return set(Tenant.objects.values_list("slug", flat=True))


def files(root) -> int:
    return sum(path.is_file() for path in root.rglob("*"))


def test_loads_prints_and_replaces_itself(db, settings, django_capture_on_commit_callbacks):
    settings.DEBUG = True
    text = demo()
    assert files(settings.MEDIA_ROOT) == 2
    assert all(email in text and password in text for _label, _slug, email, password in DEMO_LOGINS)
    loaded = slugs()
    with pytest.raises(CommandError, match="loaded already"):
        demo()
    with django_capture_on_commit_callbacks(execute=True):
        demo("--reset")
    assert slugs() == loaded
    assert files(settings.MEDIA_ROOT) == 2
    with unscoped("test: retired ones too"), transaction.atomic():
        retired = Tenant.objects.with_deleted().filter(is_deleted=True)
        assert retired.count() == 3
        assert all(tenant.slug.endswith(f"-retired-{tenant.pk}") for tenant in retired)


def test_is_kept_out_of_real_workspaces(acme, settings):
    settings.DEBUG = True
    with pytest.raises(CommandError, match="not the demo's"):
        demo()
    assert slugs() == {"acme"}


def test_is_kept_out_of_production(db, settings):
    settings.DEBUG = settings.EMBEDDED = False
    with pytest.raises(CommandError, match="production"):
        demo()
    assert slugs() == set()


def test_force_loads_beside_real_workspaces(acme, settings):
    settings.DEBUG = settings.EMBEDDED = False
    demo("--force")
    assert slugs() > {"acme", MAIN_SLUG}


def test_a_taken_address_leaves_nothing_behind(db, settings):
    settings.DEBUG = True
    make_tenant(MAIN_SLUG, name="A customer of that name")
    with pytest.raises(CommandError, match="nothing was changed"), transaction.atomic():
        demo("--force")
    assert slugs() == {MAIN_SLUG}


@pytest.mark.parametrize("days", ["29", "401"])
def test_an_unreasonable_span_is_refused(db, days):
    with pytest.raises(CommandError, match="--days"):
        call_command("demo", "--days", days)


def test_a_retired_demo_keeps_its_people_and_trail_alone(globex, acme):
    acme.settings = {"demo": True}
    with unscoped("test set-up"), transaction.atomic():
        acme.save(update_fields=["settings"])
    populate(acme, number=1, row_id=100_001)
    populate(globex, number=2, row_id=200_001)
    with transaction.atomic():
        retire(acme)
    left = {}
    with unscoped("test: count all rows"), transaction.atomic(), connection.cursor() as cursor:
        for model in tenant_models():
            cursor.execute(
                f"SELECT count(*) FILTER (WHERE tenant_id = {acme.pk}), count(*) FILTER (WHERE tenant_id = {globex.pk})"
                f" FROM {model._meta.db_table}"
            )
            left[model._meta.db_table] = cursor.fetchone()
    assert {table for table, (ours, _theirs) in left.items() if ours} == KEPT_TABLES - {"audit_links"}
    assert all(theirs for _ours, theirs in left.values())
    with tenant_context(acme), transaction.atomic():
        assert AuditLog.objects.filter(action="delete", resource_type="tenants").exists()


def test_a_real_workspace_is_never_retired(acme):
    with pytest.raises(ValueError, match="not a demo"):
        retire(acme)
    assert existing_workspaces() == ([], [acme])
