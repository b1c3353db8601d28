"""The demo's workspaces and people: made, recognised, and taken away again."""

from dataclasses import dataclass
from functools import partial

from django.contrib.auth.hashers import make_password
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.utils import timezone

from accounts.audit import Actor, record, snapshot
from accounts.choices import AuditAction, Role
from accounts.models import User
from accounts.services import staff_create, user_create
from campaigns.models import ImportBatch
from stratum.demo.logins import (
    DEMO_PASSWORD,
    MAIN_NAME,
    MAIN_SLUG,
    SHARED_EMAIL,
    STAFF_EMAIL,
    STAFF_NAME,
    STAFF_SLUG,
    TWIN_NAME,
    TWIN_SLUG,
    demo_email,
)
from tenants.choices import Plan, PlanLimits
from tenants.context import tenant_context, unscoped
from tenants.models import Tenant
from tenants.services import tenant_create

ACTOR = Actor.system("demo")
LIMITS = PlanLimits(users=25, campaigns=500)
SHOWN = ["name", "slug", "plan", "settings", "reporting_currency", "timezone"]
# What a retired demo workspace keeps: its trail is append-only, and the trail names its people.
KEPT_TABLES = frozenset({"users", "audit_logs", "audit_links"})


@dataclass(frozen=True, slots=True)
class Agency:
    """One of the two look-alikes. `brand` stands in the names of its ad accounts."""

    name: str
    slug: str
    brand: str
    is_twin: bool
    people: tuple[tuple[str, str, str, str], ...]  # role, name, language, zone


MAIN = Agency(
    MAIN_NAME,
    MAIN_SLUG,
    "Northwind",
    False,
    (
        (Role.ADMIN, "Avery Stone", "en", "America/New_York"),
        (Role.MANAGER, "Marta Kowalska", "en", "Europe/Berlin"),
        (Role.ANALYST, "Jonas Weber", "de", "Europe/Berlin"),
        (Role.VIEWER, "Layla Haddad", "ar", "Asia/Dubai"),
    ),
)
TWIN = Agency(
    TWIN_NAME,
    TWIN_SLUG,
    "Northbound",
    True,
    (
        (Role.ADMIN, "Avery Stowe", "en", "America/New_York"),
        (Role.MANAGER, "Marta Kovács", "en", "Europe/Berlin"),
        (Role.ANALYST, "Jonas Becker", "de", "Europe/Berlin"),
        (Role.VIEWER, "Layla Hamdan", "ar", "Asia/Dubai"),
    ),
)
AGENCIES = (MAIN, TWIN)


def make_agency(agency: Agency) -> Tenant:
    """The workspace with a person of every role and the freelancer who works for both."""
    tenant = make_workspace(agency.name, agency.slug, {"demo": True})
    with tenant_context(tenant):
        for role, name, locale, zone in agency.people:
            user_create(
                email=demo_email(role, agency.slug), full_name=name, role=role, locale=locale, zone=zone, actor=ACTOR
            )
        user_create(email=SHARED_EMAIL, full_name="Casey Morgan", role=Role.MANAGER, actor=ACTOR)
        # One hash for all of them: the password is public, and bcrypt takes a quarter of a second for each.
        User.objects.update(password=make_password(DEMO_PASSWORD), is_verified=True)
    return tenant


def make_support() -> Tenant:
    """The internal workspace of Stratum's staff, with one member who may act."""
    tenant = make_workspace(STAFF_NAME, STAFF_SLUG, {"demo": True, "internal": True})
    with tenant_context(tenant):
        staff_create(email=STAFF_EMAIL, full_name="Robin Vale", password=DEMO_PASSWORD, may_change=True, actor=ACTOR)
    return tenant


def make_workspace(name: str, slug: str, settings: dict) -> Tenant:
    """A workspace of the demo without people; `settings` says that it is one."""
    tenant = tenant_create(
        name=name, slug=slug, reporting_currency="USD", zone="America/New_York", plan=Plan.PRO, limits=LIMITS
    )
    with tenant_context(tenant):
        tenant.settings = settings
        tenant.save(update_fields=["settings"])
        new = snapshot(tenant, SHOWN)
        record(actor=ACTOR, action=AuditAction.CREATE, resource=tenant, tenant_id=tenant.pk, new=new)
    return tenant


def existing_workspaces() -> tuple[list[Tenant], list[Tenant]]:
    """(demo workspaces, all others), deleted ones left out."""
    with unscoped("the demo asks whose database this is"), transaction.atomic():
        found = list(Tenant.objects.order_by("pk"))
    return [t for t in found if t.is_demo], [t for t in found if not t.is_demo]


def retire(tenant: Tenant) -> None:
    """Take a demo workspace out of the way: its rows are removed, its address is free again.

    People and trail stay, hidden with the workspace: the trail refuses to be deleted. ValueError for a workspace
    that is not the demo's.
    """
    if not tenant.is_demo:
        raise ValueError(f"{tenant.slug} is not a demo workspace.")
    with tenant_context(tenant), connection.cursor() as cursor:
        for name in ImportBatch.objects.exclude(file="").values_list("file", flat=True):
            transaction.on_commit(partial(default_storage.delete, name))
        # Reports refuse to be deleted by anything but retention.
        cursor.execute("SELECT set_config('stratum.retention', 'on', true)")
        for table in _tenant_tables(cursor):
            # Which row points to which does not matter: foreign keys are checked at the end.
            cursor.execute(f"DELETE FROM {table} WHERE tenant_id = %s", [tenant.pk])
        User.objects.update(is_deleted=True, is_active=False, deleted_at=timezone.now())
    with unscoped("a retired demo workspace is hidden"):
        old = snapshot(tenant, ["slug", "is_deleted"])
        tenant.slug, tenant.is_deleted = f"{tenant.slug}-retired-{tenant.pk}", True
        tenant.save(update_fields=["slug", "is_deleted"])
        new = snapshot(tenant, ["slug", "is_deleted"])
        record(actor=ACTOR, action=AuditAction.DELETE, resource=tenant, tenant_id=tenant.pk, old=old, new=new)


def _tenant_tables(cursor) -> list[str]:
    cursor.execute(
        """
        SELECT c.table_name FROM information_schema.columns c JOIN information_schema.tables t
            ON t.table_name = c.table_name AND t.table_schema = c.table_schema AND t.table_type = 'BASE TABLE'
        WHERE c.table_schema = 'public' AND c.column_name = 'tenant_id'
        """
    )
    return sorted({row[0] for row in cursor.fetchall()} - KEPT_TABLES)
