"""Log-in, choice of the workspace, log-out, throttling."""

import pytest
import time_machine
from django.contrib.auth.hashers import BCryptSHA256PasswordHasher, MD5PasswordHasher, make_password
from django.contrib.sessions.models import Session
from django.core import signing
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from accounts import backends
from accounts.choices import AuditAction
from accounts.models import AuditLog, User
from accounts.tests.factories import PASSWORD, make_user
from accounts.views import sessions
from stratum.lib.rate_limits import RateLimit
from stratum.settings import PASSWORD_HASHERS
from tenants.context import tenant_context, unscoped
from tenants.middleware import SESSION_KEY
from tenants.models import Tenant

LOGIN = "/login/"
CHOOSE = "/login/workspace/"
ADDRESS = "Jo.Doe@Example.com"


@pytest.fixture
def person(acme):
    return make_user(acme, "manager", email=ADDRESS)


@pytest.fixture
def twice(acme, globex):
    """One address and password in two workspaces."""
    return make_user(acme, "manager", email=ADDRESS), make_user(globex, "viewer", email=ADDRESS)


def log_in(client, password=PASSWORD, email=ADDRESS, **extra):
    return client.post(LOGIN, {"email": email, "password": password}, **extra)


def actions_of(tenant) -> list[str]:
    with tenant_context(tenant), transaction.atomic():
        return list(AuditLog.objects.order_by("pk").values_list("action", flat=True))


def test_login_binds_the_workspace(client, person, acme):
    response = log_in(client, email="  jo.doe@EXAMPLE.com ")
    assert (response.status_code, response.url) == (302, "/")
    assert client.session[SESSION_KEY] == acme.pk
    with tenant_context(acme):
        person.refresh_from_db()
    assert person.last_login is not None
    assert actions_of(acme) == [AuditAction.LOGIN]
    assert client.get("/team/").status_code == 200


def test_login_changes_the_session_key(client, person):
    client.get(LOGIN)
    session = client.session
    session["visited"] = True
    session.save()
    before = session.session_key
    log_in(client)
    assert client.session.session_key not in (None, before)
    assert not Session.objects.filter(session_key=before).exists()


@pytest.mark.parametrize(
    ("email", "password"),
    [(ADDRESS, "wrong password"), ("stranger@example.com", PASSWORD), ("stranger@example.com", "wrong")],
)
def test_refusal_does_not_tell_why(client, person, email, password):
    refusals = set()
    for pair in ((email, password), ("nobody@nowhere.example", "x")):
        response = log_in(Client(), pair[1], pair[0])
        assert response.status_code == 200
        assert SESSION_KEY not in client.session
        refusals.add(str(response.context["form"].non_field_errors()))
    assert len(refusals) == 1


@pytest.mark.parametrize("state", [{"is_active": False}, {"is_deleted": True}, {"password": "!unusable"}])
def test_shut_out_people_read_like_strangers(client, acme, state):
    make_user(acme, "viewer", email=ADDRESS, **state)
    stranger = log_in(client, email="nobody@nowhere.example").content
    refused = log_in(Client()).content
    assert len(refused) > 500
    assert _without_tokens(refused, ADDRESS) == _without_tokens(stranger, "nobody@nowhere.example")


def _without_tokens(content: bytes, address: str) -> list[str]:
    text = content.decode().replace(address, "ADDRESS")
    return [line for line in text.splitlines() if "csrf" not in line]


def test_person_of_a_deleted_workspace_cannot_log_in(client, person, acme):
    with tenant_context(acme):
        Tenant.objects.update(is_deleted=True)
    assert log_in(client).status_code == 200
    assert SESSION_KEY not in client.session


@pytest.mark.parametrize("workspaces", [0, 1, 2])
@pytest.mark.parametrize("good", [True, False])
def test_login_costs_the_same_for_everybody(acme, globex, monkeypatch, workspaces, good):
    """Hashes computed, counted at the hasher itself: none, one or two workspaces, right or wrong password."""
    for tenant in (acme, globex)[:workspaces]:
        make_user(tenant, "viewer", email=ADDRESS)
    computed = _count_hashes(monkeypatch)
    backends.WorkspaceBackend().authenticate(None, email=ADDRESS, password=PASSWORD if good else "wrong")
    assert len(computed) == backends.LEAST_CHECKS


@pytest.mark.parametrize("known", [True, False])
def test_login_at_a_workspaces_own_address_costs_one_check(acme, monkeypatch, known):
    if known:
        make_user(acme, "viewer", email=ADDRESS)
    computed = _count_hashes(monkeypatch)
    backends.WorkspaceBackend().authenticate(None, email=ADDRESS, password="wrong", tenant_id=acme.pk)
    assert len(computed) == 1


def _count_hashes(monkeypatch) -> list[str]:
    computed = []
    encode = MD5PasswordHasher.encode
    monkeypatch.setattr(
        MD5PasswordHasher, "encode", lambda self, password, salt: computed.append(salt) or encode(self, password, salt)
    )
    return computed


def test_outdated_hash_is_renewed_at_login(client, acme, settings):
    settings.PASSWORD_HASHERS = [*settings.PASSWORD_HASHERS, "django.contrib.auth.hashers.PBKDF2PasswordHasher"]
    old = make_password(PASSWORD, hasher="pbkdf2_sha256")
    person = make_user(acme, "viewer", email=ADDRESS, password=old)
    assert log_in(client).status_code == 302
    with tenant_context(acme):
        person.refresh_from_db()
    assert person.password.startswith("md5$")


def test_the_products_own_hasher_is_bcrypt():
    assert PASSWORD_HASHERS == ["django.contrib.auth.hashers.BCryptSHA256PasswordHasher"]
    # bcrypt alone refuses more than 72 bytes; two long passwords that differ at the end must differ.
    hasher = BCryptSHA256PasswordHasher()
    encoded = hasher.encode("x" * 80 + "a", hasher.salt())
    assert hasher.verify("x" * 80 + "a", encoded)
    assert not hasher.verify("x" * 80 + "b", encoded)


# --- Where to go --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "goes_to"),
    [
        ("/team/?sort=role", "/team/?sort=role"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ],
)
def test_next_leads_to_this_host_only(client, person, target, goes_to):
    response = client.post(LOGIN, {"email": ADDRESS, "password": PASSWORD}, query_params={"next": target})
    assert response.url == goes_to


def test_login_page_sends_people_on_who_are_in(client_of, admin):
    assert client_of(admin).get(LOGIN, {"next": "/profile/"}).url == "/profile/"


# --- Several workspaces -------------------------------------------------------------------------------------


def test_several_workspaces_are_chosen_from(client, twice, globex):
    response = client.post(LOGIN, {"email": ADDRESS, "password": PASSWORD}, query_params={"next": "/profile/"})
    assert response.url == f"{CHOOSE}?next=%2Fprofile%2F"
    assert SESSION_KEY not in client.session
    page = client.get(response.url)
    assert {"Acme", "Globex"} <= {person.tenant.name for person in page.context["people"]}
    entered = client.post(response.url, {"person": twice[1].pk})
    assert entered.url == "/profile/"
    assert client.session[SESSION_KEY] == globex.pk
    assert client.get("/profile/").status_code == 200
    assert actions_of(globex) == [AuditAction.LOGIN]


def test_choice_offers_only_where_the_password_fits(client, acme, globex):
    make_user(acme, "viewer", email=ADDRESS)
    make_user(globex, "viewer", email=ADDRESS, password=make_password("another long password"))
    assert log_in(client).url == "/"
    assert client.session[SESSION_KEY] == acme.pk


def test_choice_ends_after_five_minutes(client, twice):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        log_in(client)
        clock.shift(299)
        assert client.get(CHOOSE).status_code == 200
        clock.shift(2)
        assert client.get(CHOOSE).url == LOGIN
        assert client.post(CHOOSE, {"person": twice[0].pk}).url == LOGIN
    assert SESSION_KEY not in client.session


def test_choice_without_a_password_check_leads_back(client, twice):
    assert client.post(CHOOSE, {"person": twice[0].pk}).url == LOGIN
    assert SESSION_KEY not in client.session


def test_choice_takes_nobody_else(client, twice, acme):
    other = make_user(acme, "admin")
    log_in(client)
    assert client.post(CHOOSE, {"person": other.pk}).status_code == 200
    assert client.post(CHOOSE, {"person": "x"}).status_code == 200
    assert SESSION_KEY not in client.session


def test_choice_holds_ids_and_no_password(client, twice):
    log_in(client)
    state = dict(client.session)
    assert set(state) == {"login_choice"}
    assert signing.loads(state["login_choice"], salt="login_choice") == [person.pk for person in twice]
    assert PASSWORD not in str(state)


def test_choice_forgets_who_was_deactivated_meanwhile(client, twice, acme):
    log_in(client)
    with tenant_context(acme), transaction.atomic():
        User.objects.update(is_active=False)
    client.post(CHOOSE, {"person": twice[0].pk})
    assert SESSION_KEY not in client.session


def test_own_domain_restricts_to_its_workspace(client, twice, globex, settings):
    settings.ALLOWED_HOSTS = ["*"]
    with tenant_context(globex):
        Tenant.objects.update(domain="ads.globex.example")
    response = client.post(LOGIN, {"email": ADDRESS, "password": PASSWORD}, headers={"host": "ads.globex.example"})
    assert response.url == "/"
    assert client.session[SESSION_KEY] == globex.pk


def test_own_domain_refuses_people_of_elsewhere(client, person, globex, settings):
    settings.ALLOWED_HOSTS = ["*"]
    with tenant_context(globex):
        Tenant.objects.update(domain="ads.globex.example")
    response = client.post(LOGIN, {"email": ADDRESS, "password": PASSWORD}, headers={"host": "ads.globex.example"})
    assert response.status_code == 200
    assert SESSION_KEY not in client.session


def test_login_out_of_another_workspaces_old_session(client, person, acme, globex):
    """A session whose person was deactivated still binds its workspace: logging in elsewhere must work."""
    session = client.session
    session[SESSION_KEY] = globex.pk
    session.save()
    assert log_in(client).url == "/"
    assert client.session[SESSION_KEY] == acme.pk


# --- Log-out ------------------------------------------------------------------------------------------------


def test_logout_ends_the_session(client_of, admin, acme):
    client = client_of(admin)
    assert client.post("/logout/").url == LOGIN
    assert client.get("/team/").status_code == 302
    assert actions_of(acme) == [AuditAction.LOGOUT]


def test_logout_by_get_is_refused(client_of, admin):
    client = client_of(admin)
    assert client.get("/logout/").status_code == 405
    assert client.get("/team/").status_code == 200


def test_logout_of_a_fragment_leads_the_whole_page_away(client_of, admin):
    response = client_of(admin).post("/logout/", headers={"HX-Request": "true"})
    assert (response.status_code, response["HX-Redirect"]) == (204, LOGIN)


def test_logout_of_a_stranger_is_harmless(client, db):
    assert client.post("/logout/").url == LOGIN


def test_deactivated_person_is_out_at_once(client_of, viewer, acme):
    client = client_of(viewer)
    assert client.get("/team/").status_code == 200
    with tenant_context(acme), transaction.atomic():
        User.objects.filter(pk=viewer.pk).update(is_active=False)
    assert client.get("/team/").status_code == 302


# --- Throttling ---------------------------------------------------------------------------------------------


def fail(client, times, email=ADDRESS, **extra):
    return [log_in(client, "wrong", email, **extra).status_code for _ in range(times)]


@pytest.fixture
def limit(settings):
    return settings.AXES_FAILURE_LIMIT


def test_lock_after_the_limit_even_with_the_right_password(client, person, limit):
    assert fail(client, limit - 1) == [200] * (limit - 1)
    assert fail(client, 1) == [429]
    response = log_in(client)
    assert response.status_code == 429
    assert response["Retry-After"] == str(15 * 60)
    assert response.context["minutes"] == 15
    assert SESSION_KEY not in client.session


def test_strangers_are_locked_alike(client, db, limit):
    assert fail(client, limit)[-1] == 429


def test_lock_ends_after_the_cool_off(client, person, limit):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        fail(client, limit)
        clock.shift(14 * 60)
        assert log_in(client).status_code == 429
        # that attempt started the wait anew
        clock.shift(14 * 60)
        assert log_in(Client(), headers={"user-agent": "another browser"}).status_code == 429
        clock.shift(15 * 60 + 1)
        assert log_in(client).status_code == 302


def test_success_resets_the_count(client, person, limit):
    fail(client, limit - 1)
    assert log_in(client).status_code == 302
    client.post("/logout/")
    assert fail(client, limit - 1) == [200] * (limit - 1)


def test_failures_over_several_workspaces_count_and_choosing_resets(client, twice, limit):
    fail(client, limit - 1)
    assert log_in(client).url == CHOOSE
    client.post(CHOOSE, {"person": twice[0].pk})
    client.post("/logout/")
    assert fail(client, limit)[-1] == 429


def test_colleague_elsewhere_is_not_locked_out(client, person, limit):
    fail(client, limit, REMOTE_ADDR="203.0.113.9")
    assert log_in(client, REMOTE_ADDR="203.0.113.9").status_code == 429
    assert log_in(client, REMOTE_ADDR="198.51.100.7").status_code == 302


def test_one_place_cannot_try_many_addresses(client, person, monkeypatch):
    monkeypatch.setattr(sessions, "FAILURES_PER_PLACE", RateLimit("login-failures", limit=3, seconds=60))
    for number in range(3):
        assert log_in(client, "wrong", f"person{number}@example.com").status_code == 200
    assert log_in(client).status_code == 429
    assert log_in(client, REMOTE_ADDR="198.51.100.7").status_code == 302


def test_no_table_holds_the_plain_address(client, twice, limit, acme):
    """Every text of every table, after failures (with a search in the way back), a choice, a login and a change."""
    client.post(LOGIN, {"email": ADDRESS, "password": "wrong"}, query_params={"next": f"/team/?q={ADDRESS}"})
    fail(client, limit - 2)
    log_in(client)
    client.post(CHOOSE, {"person": twice[0].pk})
    client.get("/team/", {"q": ADDRESS})
    client.post("/profile/", {"full_name": "Jo Doe", "locale": "en", "zone": "UTC", "theme": "auto"})
    fail(Client(), 2)
    texts = _all_texts()
    assert len(texts) > 50
    assert any(twice[0].email_hash in text for text in texts)
    needles = (ADDRESS.casefold(), ADDRESS.casefold().replace("@", "%40"), PASSWORD, "jo doe")
    assert [text for text in texts if any(needle in text.casefold() for needle in needles)] == []


def _all_texts() -> list[str]:
    """Every row of every table as text, session contents decoded."""
    with unscoped("test: every table"), transaction.atomic(), connection.cursor() as cursor:
        texts = []
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            texts += [row[0] for row in cursor.fetchall()]
    return texts + [str(session.get_decoded()) for session in Session.objects.all()]
