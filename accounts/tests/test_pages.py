"""Sign-up, profile and team as people meet them."""

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import queries
from accounts.models import AuditLog, User
from accounts.tests.factories import PASSWORD, make_user
from accounts.views import profiles, workspaces
from stratum.lib.rate_limits import RateLimit
from tenants.context import tenant_context, unscoped
from tenants.middleware import SESSION_KEY
from tenants.models import Tenant

HTMX = {"HX-Request": "true"}
NEW_WORKSPACE = {
    "workspace_name": "Initech",
    "slug": "",
    "full_name": "Bill Lumbergh",
    "email": "bill@initech.example",
    "password": PASSWORD,
    "currency": "USD",
    "zone": "America/Chicago",
    "locale": "en",
}


def text(response) -> str:
    return response.content.decode()


# --- Sign-up ------------------------------------------------------------------------------------------------


def sign_up(client, **changes):
    return client.post("/sign-up/", {**NEW_WORKSPACE, **changes})


def test_sign_up_leads_into_the_new_workspace(client, db):
    response = sign_up(client)
    assert (response.status_code, response.url) == (302, "/")
    with unscoped("test"), transaction.atomic():
        tenant, user = Tenant.objects.get(), User.objects.get()
        trail = list(AuditLog.objects.order_by("pk").values_list("action", "resource_type", "user_id"))
    assert tenant.slug == "initech"
    assert client.session[SESSION_KEY] == tenant.pk
    assert trail == [("create", "users", None), ("create", "tenants", user.pk), ("login", "users", user.pk)]
    assert "Bill Lumbergh" in text(client.get("/profile/"))


def test_sign_up_twice_with_one_address_makes_two_workspaces(client, db):
    sign_up(client)
    sign_up(Client(), workspace_name="Initrode")
    response = Client().post("/login/", {"email": NEW_WORKSPACE["email"], "password": PASSWORD})
    assert response.url == "/login/workspace/"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"slug": "acme"}, "slug"),
        ({"slug": "admin"}, "slug"),
        ({"slug": "Not a host"}, "slug"),
        ({"password": "short"}, "password"),
        ({"email": "no address"}, "email"),
        ({"workspace_name": ""}, "workspace_name"),
        ({"currency": "ABC"}, "currency"),
        ({"zone": ""}, "zone"),
        ({"locale": "tlh"}, "locale"),
    ],
)
def test_sign_up_says_what_is_wrong_where(client, acme, changes, field):
    response = sign_up(client, **changes)
    assert response.status_code == 200
    assert list(response.context["form"].errors) == [field]
    assert PASSWORD not in text(response)
    assert SESSION_KEY not in client.session
    with unscoped("test"), transaction.atomic():
        assert Tenant.objects.count() == 1


def test_sign_up_guesses_from_the_browser(client, db):
    form = client.get("/sign-up/", headers={"accept-language": "fr-CH,fr;q=0.9"}).context["form"]
    assert form.initial == {"currency": "CHF", "locale": "fr", "zone": "UTC"}


def test_sign_up_is_limited_per_place(client, db, monkeypatch):
    monkeypatch.setattr(workspaces, "WORKSPACES_PER_PLACE", RateLimit("sign-up", limit=2, seconds=60))
    outcomes = [sign_up(Client()).status_code for _ in range(3)]
    assert outcomes == [302, 302, 200]
    assert Client().post("/sign-up/", NEW_WORKSPACE, REMOTE_ADDR="203.0.113.9").status_code == 302
    with unscoped("test"), transaction.atomic():
        assert Tenant.objects.count() == 3


def test_sign_up_of_somebody_who_is_in_leads_home(client_of, viewer):
    assert client_of(viewer).get("/sign-up/").url == "/"


# --- Profile ------------------------------------------------------------------------------------------------

PROFILE = {"full_name": "Ada Byron", "phone": "+44 20 7946 0958", "locale": "ar", "zone": "Asia/Dubai", "theme": "dark"}


def test_profile_is_saved_and_spoken_at_once(client_of, viewer, acme):
    client = client_of(viewer)
    assert client.post("/profile/", PROFILE).url == "/profile/"
    page = text(client.get("/profile/"))
    assert 'dir="rtl"' in page
    assert 'data-theme-preference="dark"' in page
    assert "+44 20 7946 0958" in page
    with tenant_context(acme), transaction.atomic():
        entry = AuditLog.objects.get()
    assert "Ada" not in str(entry.new_value)
    assert "7946" not in str(entry.new_value)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"phone": "12"}, "phone"),
        ({"full_name": ""}, "full_name"),
        ({"zone": "Mars"}, "zone"),
        ({"theme": "pink"}, "theme"),
        ({"locale": "tlh"}, "locale"),
    ],
)
def test_profile_says_what_is_wrong(client_of, viewer, acme, changes, field):
    response = client_of(viewer).post("/profile/", {**PROFILE, **changes})
    assert response.status_code == 422
    assert list(response.context["profile_form"].errors) == [field]
    with tenant_context(acme), transaction.atomic():
        assert not AuditLog.objects.exists()


def test_password_change_ends_the_other_sessions(client_of, viewer):
    here, elsewhere = client_of(viewer), client_of(viewer)
    new = "a quite different sentence"
    assert here.post("/profile/password/", {"current": PASSWORD, "new": new}).url == "/profile/"
    assert here.get("/profile/").status_code == 200
    assert elsewhere.get("/profile/").status_code == 302
    assert Client().post("/login/", {"email": viewer.email, "password": new}).status_code == 302


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"current": "wrong", "new": "a quite different sentence"}, "current"),
        ({"current": PASSWORD, "new": "1234567890"}, "new"),
        ({"current": PASSWORD}, "new"),
    ],
)
def test_password_change_says_what_is_wrong(client_of, viewer, sent, field):
    client = client_of(viewer)
    response = client.post("/profile/password/", sent)
    assert response.status_code == 422
    assert list(response.context["password_form"].errors) == [field]
    assert PASSWORD not in text(response)


def test_passwords_cannot_be_tried_at_an_open_session(client_of, viewer, monkeypatch):
    monkeypatch.setattr(profiles, "PASSWORD_CHANGES", RateLimit("password-change", limit=2, seconds=60))
    client = client_of(viewer)
    for _ in range(2):
        client.post("/profile/password/", {"current": "wrong", "new": "a quite different sentence"})
    refused = client.post("/profile/password/", {"current": PASSWORD, "new": "a quite different sentence"})
    assert refused.status_code == 422
    assert refused.context["password_form"].non_field_errors()


def test_consents_can_be_given_and_taken_back(client_of, viewer, acme):
    client = client_of(viewer)
    for sent, expected in (({"marketing": "on"}, (True, False)), ({"analytics": "on"}, (False, True))):
        client.post("/profile/consent/", sent)
        with tenant_context(acme), transaction.atomic():
            person = User.objects.get()
        assert (person.consent_marketing, person.consent_analytics) == expected


def test_profile_lists_what_one_may_do(client_of, acme):
    client = client_of(make_user(acme, "viewer", permissions={"can_export": True}))
    held = {str(words) for words, has in client.get("/profile/").context["capabilities"] if has}
    assert held == {
        "See dashboards, campaigns and rules",
        "Change your own profile",
        "Export lists and reports",
    }


# --- Team ---------------------------------------------------------------------------------------------------


@pytest.fixture
def people(acme, globex, admin):
    """Four people of acme (one of them shut out), and a namesake in globex."""
    make_user(acme, "viewer", email="zoe@acme.example", full_name="Zoë Ångström")
    make_user(acme, "analyst", email="bob@acme.example", full_name="bob builder")
    make_user(acme, "manager", email="old@acme.example", full_name="Olda Gone", is_active=False)
    make_user(acme, "manager", email="removed@acme.example", full_name="Removed Person", is_deleted=True)
    make_user(globex, "viewer", email="zoe@globex.example", full_name="Zoë Ångström of globex")
    return admin


def names(response) -> list[str]:
    return [str(row.name) for row in response.context["table"].rows]


EVERYBODY = ["Admin of Acme", "bob builder", "Olda Gone", "Zoë Ångström"]


def test_team_for_those_who_manage_it(client_of, people):
    page = client_of(people).get("/team/")
    assert names(page) == EVERYBODY
    assert "zoe@acme.example" in text(page)
    assert "globex" not in text(page)
    assert "Removed" not in text(page)
    assert page.context["seats"] == "3 of 5 seats of your plan are taken."


@pytest.mark.parametrize("role", ["analyst", "viewer"])
def test_team_for_everybody_else_is_names_and_roles(client_of, people, acme, role):
    page = client_of(make_user(acme, role, email="reader@acme.example", full_name="Rea Der")).get("/team/")
    assert names(page) == ["Admin of Acme", "bob builder", "Rea Der", "Zoë Ångström"]
    assert [column.key for column in page.context["table"].state.visible] == ["name", "role"]
    assert "@acme.example" not in text(page)
    assert client_of(people).get("/team/").status_code == 200


def test_nobodys_address_stands_in_for_a_name(client_of, acme, viewer):
    make_user(acme, "analyst", email="nameless@acme.example", full_name=None)
    assert "nameless@acme.example" not in text(client_of(viewer).get("/team/"))


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("zoë", ["Zoë Ångström"]),
        ("ZOË ång", ["Zoë Ångström"]),
        ("bob@acme", ["bob builder"]),
        ("builder bob", ["bob builder"]),
        ("nobody", []),
        ("globex", []),
        ("  ", EVERYBODY),
    ],
)
def test_team_search(client_of, people, search, found):
    assert names(client_of(people).get("/team/", {"q": search})) == found


def test_addresses_are_not_searched_by_those_who_may_not_see_them(client_of, acme, people):
    reader = client_of(make_user(acme, "viewer", email="reader@acme.example", full_name="Rea Der"))
    assert names(reader.get("/team/", {"q": "bob@acme"})) == []
    assert names(reader.get("/team/", {"q": "bob"})) == ["bob builder"]


@pytest.mark.parametrize(
    ("query", "order"),
    [
        ({"sort": "-name"}, EVERYBODY[::-1]),
        ({"sort": "role"}, ["Admin of Acme", "Olda Gone", "bob builder", "Zoë Ångström"]),
        ({"sort": "status"}, ["Admin of Acme", "bob builder", "Zoë Ångström", "Olda Gone"]),
        ({"role": "analyst"}, ["bob builder"]),
        ({"role": "x", "sort": "x"}, EVERYBODY),
    ],
)
def test_team_sort_and_filter(client_of, people, query, order):
    assert names(client_of(people).get("/team/", query)) == order


def test_team_pages(client_of, acme, admin):
    for number in range(30):
        make_user(acme, "viewer", email=f"p{number}@acme.example", full_name=f"Person {number:02}")
    client = client_of(admin)
    first = client.get("/team/", {"per": "25"})
    second = client.get("/team/", {"per": "25", "page": "2"})
    assert (len(names(first)), len(names(second))) == (25, 6)
    assert not set(names(first)) & set(names(second))


def test_team_fragment_is_the_table_alone(client_of, people):
    fragment = text(client_of(people).get("/team/", headers=HTMX))
    assert fragment.strip().startswith('<div id="team-table"')
    assert "<html" not in fragment


def test_team_too_large_to_read_is_found_by_whole_addresses(client_of, people, monkeypatch):
    monkeypatch.setattr(queries, "READABLE_TEAM", 2)
    client = client_of(people)
    assert "too large" in text(client.get("/team/"))
    assert names(client.get("/team/", {"q": "BOB@acme.example"})) == ["bob builder"]
    assert names(client.get("/team/", {"q": "zoe@globex.example"})) == []


def count_queries(client, path) -> int:
    client.get(path)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(path).status_code == 200
    return len(captured)


def test_team_costs_the_same_for_one_and_for_three(client_of, acme, admin):
    client = client_of(admin)
    one = count_queries(client, "/team/")
    for number in range(2):
        make_user(acme, "viewer", email=f"p{number}@acme.example", last_login=None)
    assert count_queries(client, "/team/") == one <= 9


@pytest.mark.parametrize("path", ["/team/", "/profile/"])
@pytest.mark.parametrize("role", ["admin", "manager", "analyst", "viewer"])
def test_open_to_every_role(client_of, acme, path, role):
    assert client_of(make_user(acme, role)).get(path).status_code == 200
