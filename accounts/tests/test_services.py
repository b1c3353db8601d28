"""People and workspaces as the services write them."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from accounts import services
from accounts.audit import Actor
from accounts.choices import AuditAction, Role
from accounts.models import AuditLog, User
from accounts.tasks import expire_plans
from accounts.tests.factories import PASSWORD, make_user
from stratum.lib.errors import DomainError
from stratum.lib.masking import MASK
from tenants.choices import FREE_LIMITS, Plan
from tenants.context import tenant_context, unscoped
from tenants.models import Tenant
from tenants.tests.factories import make_tenant

JOB = Actor.job("tests")


def as_user(user) -> Actor:
    return Actor(kind="user", user=user)


def create(tenant, number=1, *, actor=JOB, **fields):
    values = {"email": f"new{number}@example.com", "full_name": "New Person", "role": Role.VIEWER, **fields}
    with tenant_context(tenant):
        return services.user_create(**values, actor=actor)


def refusal(call, *args, **kwargs) -> tuple[str, str | None]:
    with pytest.raises(DomainError) as caught, transaction.atomic():
        call(*args, **kwargs)
    assert str(caught.value).endswith(".")
    return caught.value.code, caught.value.field


def last_entry(tenant) -> AuditLog:
    with tenant_context(tenant), transaction.atomic():
        return AuditLog.objects.latest("pk")


def people(tenant) -> list[User]:
    with tenant_context(tenant), transaction.atomic():
        return list(User.objects.with_deleted().order_by("pk"))


# --- Adding people ------------------------------------------------------------------------------------------


def test_user_create_encrypts_hashes_and_audits(acme, admin):
    user = create(acme, actor=as_user(admin), phone="+44 20 7946 0958", password=PASSWORD)
    with unscoped("test"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT email, full_name, phone FROM users WHERE id = %s", [user.pk])
        stored = cursor.fetchone()
    assert all(value.startswith("gAAAA") for value in stored)
    saved = people(acme)[-1]
    assert (saved.email, saved.phone) == ("new1@example.com", "+442079460958")
    assert saved.check_password(PASSWORD)
    entry = last_entry(acme)
    assert (entry.action, entry.resource_type, entry.resource_id) == ("create", "users", str(user.pk))
    assert entry.user_id == admin.pk
    assert entry.new_value["email"] == entry.new_value["phone"] == entry.new_value["full_name"] == MASK
    assert entry.new_value["role"] == "viewer"


def test_user_without_a_password_cannot_log_in(acme):
    assert not create(acme).has_usable_password()


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"email": "not an address"}, "invalid_email", "email"),
        ({"email": "VIEWER@acme.example "}, "known", "email"),
        ({"full_name": "  "}, "no_name", "full_name"),
        ({"full_name": "x" * 201}, "long_name", "full_name"),
        ({"phone": "020 7946 0958"}, "invalid_phone", "phone"),
        ({"phone": "+44 1"}, "invalid_phone", "phone"),
        ({"locale": "xx"}, "invalid_locale", "locale"),
        ({"zone": "Mars/Olympus"}, "invalid_zone", "zone"),
        ({"password": "short"}, "weak_password", "password"),
        ({"password": "1234567890123"}, "weak_password", "password"),
        ({"password": "password123"}, "weak_password", "password"),
        ({"full_name": "Wilhelmina Brandt", "password": "wilhelminabrandt"}, "weak_password", "password"),
    ],
)
def test_user_create_refuses(acme, viewer, fields, code, field):
    assert refusal(create, acme, **fields) == (code, field)
    assert [person.pk for person in people(acme)] == [viewer.pk]


def test_address_of_a_removed_person_is_named_as_such(acme, viewer):
    with tenant_context(acme), transaction.atomic():
        User.objects.update(is_deleted=True)
    assert refusal(create, acme, email=viewer.email) == ("known_deleted", "email")


def test_same_address_in_another_workspace(acme, globex, viewer):
    assert create(globex, email=viewer.email).email_hash == viewer.email_hash


def test_manager_adds_people_below_admin_only(acme, manager, admin):
    assert refusal(create, acme, actor=as_user(manager), role=Role.ADMIN) == ("rank", "role")
    create(acme, 1, actor=as_user(manager), role=Role.MANAGER)
    create(acme, 2, actor=as_user(admin), role=Role.ADMIN)


# --- Seats --------------------------------------------------------------------------------------------------


def set_tenant(tenant, **values) -> Tenant:
    with tenant_context(tenant), transaction.atomic():
        Tenant.objects.update(**values)
        return Tenant.objects.with_deleted().get(pk=tenant.pk)


def test_seats_end_at_the_limit(acme):
    set_tenant(acme, max_users=2)
    create(acme, 1)
    create(acme, 2)
    assert refusal(create, acme, 3)[0] == "plan_limit"
    assert len(people(acme)) == 2


@pytest.mark.parametrize("state", [{"is_active": False}, {"is_deleted": True}, {"is_staff": True}])
def test_no_seat_is_taken_by(acme, state):
    set_tenant(acme, max_users=1)
    make_user(acme, "viewer", **state)
    create(acme)
    assert refusal(create, acme, 2)[0] == "plan_limit"


def test_expired_plan_counts_as_free_and_refuses_only_what_adds(acme):
    yesterday = timezone.now() - timedelta(days=1)
    tenant = set_tenant(acme, plan=Plan.PRO, max_users=50, max_campaigns=900, plan_expires_at=yesterday)
    assert (tenant.effective_plan, tenant.user_limit, tenant.campaign_limit) == ("free", 5, 50)
    for number in range(6):
        make_user(acme, "viewer", email=f"seated{number}@acme.example")
    assert refusal(create, acme)[0] == "plan_limit"
    with tenant_context(acme):
        services.consent_update(user=people(acme)[0], marketing=True, analytics=True, actor=JOB)
    assert len([person for person in people(acme) if person.is_active]) == 6


@pytest.mark.parametrize(
    ("plan", "expires_in", "limit"),
    [("pro", 1, 50), ("pro", None, 50), ("free", -1, 50), ("enterprise", -1, 5), ("pro", 0, 5)],
)
def test_user_limit(acme, plan, expires_in, limit):
    expires = None if expires_in is None else timezone.now() + timedelta(days=expires_in)
    assert Tenant(plan=plan, max_users=50, plan_expires_at=expires).user_limit == limit


def test_a_small_expired_plan_stays_small():
    expired = timezone.now() - timedelta(days=1)
    assert Tenant(plan="starter", max_users=3, max_campaigns=2, plan_expires_at=expired).user_limit == 3


def test_expire_plans_writes_them_down(acme, globex):
    yesterday = timezone.now() - timedelta(days=1)
    set_tenant(acme, plan=Plan.PRO, max_users=50, plan_expires_at=yesterday)
    set_tenant(globex, plan=Plan.PRO, max_users=50, plan_expires_at=yesterday + timedelta(days=2))
    assert expire_plans() == {"expired": 1}
    assert expire_plans() is None
    with unscoped("test"), transaction.atomic():
        now = {tenant.slug: (tenant.plan, tenant.max_users) for tenant in Tenant.objects.all()}
    assert now == {"acme": ("free", FREE_LIMITS.users), "globex": ("pro", 50)}
    entry = last_entry(acme)
    assert (entry.old_value["plan"], entry.new_value["plan"]) == ("pro", "free")
    assert (entry.actor_kind, entry.actor_label, entry.user_id) == ("job", "tenants.expire_plans", None)


@pytest.mark.django_db(transaction=True)
def test_two_requests_at_once_cannot_pass_the_seats():
    tenant = make_tenant("acme", max_users=3)
    create(tenant, 0)
    gate = threading.Barrier(5)
    outcomes = []

    def add(number: int) -> None:
        gate.wait()
        try:
            create(tenant, number)
            outcomes.append("added")
        except DomainError as error:
            outcomes.append(error.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=add, args=(number,)) for number in range(1, 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["added", "added", "plan_limit", "plan_limit", "plan_limit"]
    assert len(people(tenant)) == 3


# --- Profile ------------------------------------------------------------------------------------------------

PROFILE = {"full_name": "Ada Byron", "phone": "", "locale": "de", "zone": "Europe/Berlin", "theme": "dark"}


def test_profile_update_changes_and_audits_masked(in_acme, viewer):
    user = services.profile_update(user=viewer, **{**PROFILE, "phone": "+49 30 901820"}, actor=as_user(viewer))
    assert (user.full_name, user.phone, user.timezone) == ("Ada Byron", "+4930901820", "Europe/Berlin")
    assert user.preferences == {"theme": "dark"}
    entry = last_entry(in_acme)
    assert entry.changed_fields == ["full_name", "locale", "phone", "preferences", "timezone"]
    assert entry.new_value["full_name"] == entry.new_value["phone"] == entry.old_value["full_name"] == MASK
    assert entry.old_value["phone"] is None
    assert entry.new_value["locale"] == "de"


def test_profile_saved_twice_is_one_change(in_acme, viewer):
    for _ in range(2):
        services.profile_update(user=viewer, **PROFILE, actor=as_user(viewer))
    assert AuditLog.objects.count() == 1


def test_profile_keeps_other_preferences(in_acme, viewer):
    User.objects.filter(pk=viewer.pk).update(preferences={"columns": ["spend"], "theme": "light"})
    user = services.profile_update(user=viewer, **PROFILE, actor=as_user(viewer))
    assert user.preferences == {"columns": ["spend"], "theme": "dark"}


def test_consents_are_evidence(in_acme, viewer):
    services.consent_update(user=viewer, marketing=True, analytics=False, actor=as_user(viewer))
    entry = last_entry(in_acme)
    assert entry.old_value == {"consent_marketing": False, "consent_analytics": True}
    assert entry.new_value == {"consent_marketing": True, "consent_analytics": False}


def test_password_change_is_audited_without_any_hash(in_acme, viewer):
    services.password_change(user=viewer, current=PASSWORD, new="a quite different sentence", actor=as_user(viewer))
    viewer.refresh_from_db()
    assert viewer.check_password("a quite different sentence")
    entry = last_entry(in_acme)
    assert (entry.changed_fields, entry.old_value, entry.new_value) == (
        ["password"],
        {"password": MASK},
        {"password": MASK},
    )


@pytest.mark.parametrize(
    ("current", "new", "refused"),
    [
        ("wrong", "a quite different sentence", ("wrong_password", "current")),
        (PASSWORD, "short", ("weak_password", "new")),
    ],
)
def test_password_change_refuses(in_acme, viewer, current, new, refused):
    change = {"user": viewer, "current": current, "new": new, "actor": as_user(viewer)}
    assert refusal(services.password_change, **change) == refused
    viewer.refresh_from_db()
    assert viewer.check_password(PASSWORD)
    assert not AuditLog.objects.exists()


# --- Sign-up ------------------------------------------------------------------------------------------------

SIGN_UP = {
    "workspace_name": "Müller & Söhne GmbH",
    "full_name": "Jo Doe",
    "email": "jo@example.com",
    "password": PASSWORD,
    "currency": "EUR",
    "zone": "Europe/Berlin",
    "locale": "de",
    "actor": JOB,
}


def sign_up(**changes) -> User:
    return services.workspace_sign_up(**{**SIGN_UP, **changes})


def test_sign_up_makes_a_workspace_and_its_admin(db):
    user = sign_up()
    tenant = user.tenant
    assert (tenant.name, tenant.slug, tenant.plan) == ("Müller & Söhne GmbH", "muller-sohne-gmbh", "free")
    assert (tenant.reporting_currency, tenant.timezone, tenant.max_users) == ("EUR", "Europe/Berlin", 5)
    assert (user.role, user.locale, user.timezone) == ("admin", "de", "Europe/Berlin")
    with tenant_context(tenant), transaction.atomic():
        made = list(AuditLog.objects.order_by("pk").values_list("action", "resource_type", "user_id"))
    assert made == [(AuditAction.CREATE, "users", None), (AuditAction.CREATE, "tenants", user.pk)]


@pytest.mark.parametrize(
    ("name", "slugs"),
    [
        ("Acme", ["acme-2", "acme-3"]),
        ("Admin", ["admin-workspace", "admin-workspace-2"]),
        ("شركة", ["workspace", "workspace-2"]),
        ("A", ["a-workspace", "a-workspace-2"]),
        ("_x_ y__", ["x-y", "x-y-2"]),
    ],
)
def test_sign_up_derives_a_free_slug(acme, name, slugs):
    assert [sign_up(workspace_name=name).tenant.slug for _ in slugs] == slugs


def test_derived_slug_of_a_long_name_fits_a_host_name(db):
    first, second = (sign_up(workspace_name="x" * 100).tenant.slug for _ in range(2))
    assert len(first) <= 63
    assert len(second) <= 63


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"slug": "acme"}, "taken", "slug"),
        ({"slug": "ACME "}, "taken", "slug"),
        ({"slug": "www"}, "reserved", "slug"),
        ({"slug": "stratum"}, "reserved", "slug"),
        ({"slug": "-acme"}, "malformed", "slug"),
        ({"slug": "ac me"}, "malformed", "slug"),
        ({"slug": "äcme"}, "malformed", "slug"),
        ({"slug": "ab"}, "malformed", "slug"),
        ({"slug": "a" * 64}, "malformed", "slug"),
        ({"workspace_name": " "}, "no_name", "workspace_name"),
        ({"currency": "XXX"}, "invalid_currency", "currency"),
        ({"zone": "Nowhere"}, "invalid_zone", "zone"),
        ({"email": "x"}, "invalid_email", "email"),
        ({"password": "short"}, "weak_password", "password"),
    ],
)
def test_sign_up_refuses_and_leaves_nothing(acme, changes, code, field):
    assert refusal(sign_up, **changes) == (code, field)
    with unscoped("test"), transaction.atomic():
        assert Tenant.objects.count() == 1
        assert not User.objects.exists()


def test_sign_up_with_the_slug_of_a_deleted_workspace(acme):
    set_tenant(acme, is_deleted=True)
    assert refusal(sign_up, slug="acme") == ("taken", "slug")


def test_sign_up_with_an_address_that_has_workspaces(acme, viewer):
    assert sign_up(email=viewer.email).tenant_id != acme.pk


@pytest.mark.django_db(transaction=True)
def test_two_sign_ups_for_one_slug_at_once():
    gate = threading.Barrier(3)
    outcomes = []

    def ask(number: int) -> None:
        gate.wait()
        try:
            sign_up(slug="wanted", email=f"p{number}@example.com")
            outcomes.append("made")
        except DomainError as error:
            outcomes.append(error.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["made", "taken", "taken"]
    with unscoped("test"), transaction.atomic():
        assert User.objects.count() == 1
