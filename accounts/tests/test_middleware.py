"""Language, zone and direction of each page; what happens when the session is over."""

import datetime

import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from django.utils import timezone, translation

from accounts.decorators import public, requires, to_login
from accounts.middleware import PersonMiddleware
from accounts.models import User
from accounts.tests.factories import make_user
from stratum.lib.regions import guess_currency, language_or_default, zone_or_utc
from tenants.context import tenant_context


def seen_by(user, path="/team/") -> dict:
    """Language, direction and zone as a view sees them behind the middleware."""
    seen = {}

    def view(request):
        seen.update(
            language=translation.get_language(),
            rtl=translation.get_language_bidi(),
            zone=timezone.get_current_timezone_name(),
            code=getattr(request, "LANGUAGE_CODE", None),
            actor=request.actor,
        )
        return HttpResponse()

    request = RequestFactory().get(path)
    request.user = user
    seen["response"] = PersonMiddleware(view)(request)
    return seen


@pytest.mark.parametrize(
    ("locale", "zone", "expected"),
    [
        ("ar", "Asia/Riyadh", ("ar", True, "Asia/Riyadh")),
        ("de", "Europe/Berlin", ("de", False, "Europe/Berlin")),
        ("xx", "Mars/Olympus", ("en", False, "UTC")),
        ("", "", ("en", False, "UTC")),
        ("en", "../../etc/passwd", ("en", False, "UTC")),
    ],
)
def test_language_and_zone_are_the_persons(locale, zone, expected):
    before = (translation.get_language(), timezone.get_current_timezone_name())
    user = User(pk=1, locale=locale, timezone=zone)
    seen = seen_by(user)
    assert (seen["language"], seen["rtl"], seen["zone"]) == expected
    assert seen["response"]["Content-Language"] == expected[0]
    assert seen["actor"].user is user
    assert (translation.get_language(), timezone.get_current_timezone_name()) == before


def test_arabic_pages_run_from_right_to_left(client_of, acme):
    page = client_of(make_user(acme, "viewer", locale="ar")).get("/team/")
    assert '<html lang="ar" dir="rtl"' in page.content.decode()
    assert page["Content-Language"] == "ar"


def test_english_pages_do_not(client_of, viewer):
    page = client_of(viewer).get("/team/", headers={"accept-language": "ar"})
    assert '<html lang="en" dir="ltr"' in page.content.decode()


def test_strangers_get_the_browsers_language(client, db):
    page = client.get("/login/", headers={"accept-language": "ar-SA,ar;q=0.9"})
    assert '<html lang="ar" dir="rtl"' in page.content.decode()


def test_times_are_shown_in_the_persons_zone(client_of, acme):
    tokyo = make_user(acme, "manager", timezone="Asia/Tokyo")
    client = client_of(tokyo)
    with tenant_context(acme):
        User.objects.update(last_login=datetime.datetime(2026, 11, 22, 20, 31, tzinfo=datetime.UTC))
    assert "23 Nov 2026, 05:31" in client.get("/team/").content.decode()


# --- Sessions that are over ---------------------------------------------------------------------------------


def test_stranger_is_led_to_the_login_and_back(client, db):
    response = client.get("/audit/?action=login&person=3")
    assert (response.status_code, response.url) == (302, "/login/?next=%2Faudit%2F%3Faction%3Dlogin%26person%3D3")


def test_fragment_of_an_ended_session_leads_the_whole_page_to_the_login(client, db):
    """286 stops polling; without HX-Redirect the login page would appear inside the fragment."""
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/team/?sort=role"}
    response = client.get("/team/?page=2", headers=headers)
    assert response.status_code == 286
    assert response["HX-Redirect"] == "/login/?next=%2Fteam%2F%3Fsort%3Drole"
    assert response.content == b""


@pytest.mark.parametrize("current", ["http://evil.example/x", "", "no url"])
def test_fragment_of_a_foreign_page_leads_home(client, db, current):
    response = client.get("/team/", headers={"HX-Request": "true", "HX-Current-URL": current})
    assert response["HX-Redirect"] == "/login/?next=%2F"


@pytest.mark.parametrize(
    ("referer", "back"),
    [("http://testserver/profile/?x=1", "%2Fprofile%2F%3Fx%3D1"), ("http://evil.example/profile/", "%2F"), ("", "%2F")],
)
def test_form_of_an_ended_session_comes_back_to_its_page(client, db, referer, back):
    """Not to the form's own address, which answers POST only."""
    response = client.post("/profile/password/", {}, headers={"referer": referer})
    assert response.url == f"/login/?next={back}"


def test_page_of_a_head_request(rf):
    request = rf.head("/team/")
    request.htmx = False
    assert to_login(request).url == "/login/?next=%2Fteam%2F"


def test_wrong_method_comes_before_the_login(client, db):
    assert client.get("/profile/password/").status_code == 405
    assert client.put("/team/").status_code == 405


def test_policy_marks():
    def view(request):
        """A view."""

    assert requires("export")(view).policy == "export"
    assert public("for a test")(view).public_reason == "for a test"
    assert requires("export", methods=("POST",))(view).methods == ("POST",)


# --- First guesses ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "currency"),
    [
        ("en-GB,en;q=0.9", "GBP"),
        ("en-US,en;q=0.9,de-DE;q=0.5", "USD"),
        ("de", "EUR"),
        ("de-CH", "CHF"),
        ("ar-SA", "SAR"),
        ("bg-BG", "EUR"),
        ("pt-BR,pt;q=0.8", "BRL"),
        ("zh-Hant-HK", "HKD"),
        ("", "USD"),
        ("*", "USD"),
        ("xx-YY;q=x,,", "USD"),
    ],
)
def test_guess_currency(header, currency):
    assert guess_currency(header) == currency


def test_known_zones_and_languages_only():
    assert zone_or_utc("Asia/Kolkata").key == "Asia/Kolkata"
    assert zone_or_utc("x" * 300).key == "UTC"
    assert language_or_default("fr") == "fr"
    assert language_or_default("tlh") == "en"
