"""The pages of business numbers: who may, what is shown, the way to a connected number."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.tests.factories import make_user
from stratum.celery import app
from whatsapp.models import WhatsAppMessage, WhatsAppNumber
from whatsapp.tests.factories import make_contact
from whatsapp.tests.number_cast import (
    ALERTS,
    GLOBEX,
    MARKETING,
    NORTHWIND,
    REPORTS,
    TOKENS,
    inside,
    make_number,
    number_of,
    receiving,
)
from whatsapp.urls import urlpatterns

HTMX = {"headers": {"HX-Request": "true"}}
# Name → capability, and whether it is a POST; with a pk where the address wants one.
ROUTES = {
    "number_list": ("view", "GET"),
    "number_connect": ("manage_connections", "GET"),
    "number_connect_sandbox": ("manage_connections", "POST"),
    "number_choose": ("manage_connections", "GET"),
    "number_make_default": ("manage_connections", "POST"),
    "number_check": ("manage_connections", "POST"),
    "number_stop": ("manage_connections", "POST"),
    "number_start": ("manage_connections", "POST"),
    "number_test": ("manage_connections", "GET"),
    "number_remove": ("manage_connections", "POST"),
}
OF_ONE = ("number_make_default", "number_check", "number_stop", "number_start", "number_test", "number_remove")


def url(name, *args):
    return reverse(f"whatsapp:{name}", args=args)


def page(client, **query):
    return client.get(url("number_list"), query).content.decode()


def address(name, pk):
    return url(name, *([pk] if name in OF_ONE else ["attempt"] if name == "number_choose" else []))


@pytest.fixture
def whatsapp(live_sandbox, settings):
    with receiving(settings):
        yield live_sandbox


@pytest.fixture
def at_once(django_capture_on_commit_callbacks):
    """Tasks run when the request's transaction is in."""
    app.conf.task_always_eager = True
    yield lambda work: _run(django_capture_on_commit_callbacks, work)
    app.conf.task_always_eager = False


def _run(capture, work):
    with capture(execute=True):
        return work()


def test_every_route_has_a_policy():
    for route in urlpatterns:
        assert hasattr(route.callback, "policy"), route.name
    assert {route.name: route.callback.policy for route in urlpatterns if route.name in ROUTES} == {
        name: capability for name, (capability, _method) in ROUTES.items()
    }


@pytest.mark.parametrize("name", ROUTES)
def test_who_may_and_who_may_not(acme, globex, admin, viewer, client, client_of, name):
    capability, method = ROUTES[name]
    own, foreign = make_number(acme), make_number(globex, MARKETING, GLOBEX)
    stranger = client.generic(method, address(name, own.pk))
    assert stranger.status_code == 302
    assert "/login/" in stranger.url
    allowed = client_of(viewer).generic(method, address(name, own.pk)).status_code
    assert allowed == (200 if capability == "view" else 403)
    if name in OF_ONE:
        assert client_of(admin).generic(method, address(name, foreign.pk)).status_code == 404
        assert not number_of(globex, foreign.pk).is_deleted
    assert client_of(admin).generic(method, address(name, own.pk)).status_code in (200, 302)
    wrong = "DELETE" if name in ("number_connect", "number_choose", "number_test") else "GET"
    if method == "POST":
        assert client_of(admin).generic(wrong, address(name, own.pk)).status_code == 405


def test_the_list_says_how_each_number_is(acme, admin, viewer, client_of):
    make_number(acme, quality_rating="YELLOW", messaging_limit="TIER_2K")
    make_number(
        acme, REPORTS, name="Reports", is_default=False, is_sandbox=False, status="stopped", error_code="190",
        last_error="WhatsApp no longer accepts the access token. Connect the number again.", subscribed_at=None,
    )  # fmt: skip
    text = page(client_of(viewer))
    for words in ("Medium", "2,000 people in 24 hours", "Default", "Simulated", "Stopped", "Connect the number again",
                  "Do not come in", "Come in"):  # fmt: skip
        assert words in text, words
    assert TOKENS[NORTHWIND] not in text
    assert url("number_connect") not in text
    text = page(client_of(admin))
    assert url("number_connect") in text
    assert "Send a test message" in text


@pytest.mark.parametrize(
    ("tier", "words"),
    [
        ("TIER_250", "250 people in 24 hours"),
        ("TIER_100K", "100,000 people in 24 hours"),
        ("TIER_UNLIMITED", "everybody, without a limit"),
        ("TIER_NEXT", "TIER_NEXT"),
        ("", "WhatsApp has not said"),
    ],
)
def test_a_limit_is_said_in_words(acme, viewer, client_of, tier, words):
    make_number(acme, messaging_limit=tier)
    assert words in page(client_of(viewer))


def test_an_empty_list_teaches_the_next_step(acme, admin, viewer, client_of):
    assert "No WhatsApp number yet" in page(client_of(viewer))
    assert url("number_connect") in page(client_of(admin))


def test_the_list_asks_no_more_for_more_numbers(acme, admin, client_of):
    client = client_of(admin)

    def statements():
        with CaptureQueriesContext(connection) as asked:
            page(client)
        return len(asked)

    make_number(acme)
    one = statements()
    make_number(acme, REPORTS, is_default=False)
    make_number(acme, "123456", is_default=False)
    assert statements() == one


def test_two_workspaces_never_meet(acme, globex, admin, client_of):
    make_number(globex, name="Globex Marketing")
    assert "Globex Marketing" not in page(client_of(admin))


def test_columns_can_be_chosen(acme, viewer, client_of):
    make_number(acme)
    assert "Answers and reports" not in page(client_of(viewer), columns="name,state")


def test_while_a_number_is_looked_at_the_list_asks_again(acme, admin, client_of):
    make_number(acme, checked_at=None)
    client = client_of(admin)
    fragment = client.get(url("number_list"), **HTMX).content.decode()
    assert "<html" not in fragment
    assert "every 2s" in fragment
    inside(acme, lambda: WhatsAppNumber.objects.update(checked_at=timezone.now()))
    assert "every 2s" not in page(client)


# --- connecting ---------------------------------------------------------------------------------------------------


def test_from_the_token_to_a_number_that_works(acme, admin, client_of, whatsapp, at_once):
    client = client_of(admin)
    fields = {"waba_id": NORTHWIND, "token": TOKENS[NORTHWIND]}
    step = at_once(lambda: client.post(url("number_connect"), fields))
    assert step.status_code == 302
    choose = client.get(step.url).content.decode()
    assert "+1 555-078-3881 · Northwind Alerts" in choose
    assert TOKENS[NORTHWIND] not in choose
    nothing = client.post(step.url, {})
    assert nothing.status_code == 422
    done = at_once(lambda: client.post(step.url, {"phone_number_id": REPORTS}))
    assert (done.status_code, done.url) == (302, url("number_list"))
    text = page(client)
    assert "Northwind Reports" in text
    assert "Works" in text
    assert "Come in" in text
    assert "This attempt is over" in client.get(step.url, follow=True).content.decode()


def test_a_wrong_token_is_said_where_one_waits(acme, admin, client_of, whatsapp, at_once):
    client = client_of(admin)
    step = at_once(lambda: client.post(url("number_connect"), {"waba_id": NORTHWIND, "token": "EAAsandbox-whatsapp-x"}))
    text = client.get(step.url, **HTMX).content.decode()
    assert "does not accept this token" in text
    assert "every 1s" not in text
    assert url("number_connect") in text


def test_while_whatsapp_is_asked_the_page_asks_again(acme, admin, client_of):
    client = client_of(admin)
    step = client.post(url("number_connect"), {"waba_id": NORTHWIND, "token": "EAA-real"})
    assert "every 1s" in client.get(step.url).content.decode()
    other = client_of(make_user(acme, "admin", email="second@acme.example"))
    assert "This attempt is over" in other.get(step.url, follow=True).content.decode()


@pytest.mark.parametrize("fields", [{}, {"waba_id": "my account", "token": "x"}, {"waba_id": "12345", "token": ""}])
def test_a_mistake_stands_at_its_place(acme, admin, client_of, fields):
    response = client_of(admin).post(url("number_connect"), fields)
    assert response.status_code == 422
    assert "invalid" in response.content.decode()


def test_the_sandbox_is_one_click(acme, admin, client_of, whatsapp, at_once):
    client = client_of(admin)
    assert "Connect the sandbox" in page(client)
    step = at_once(lambda: client.post(url("number_connect_sandbox")))
    fragment = client.get(step.url, **HTMX)
    assert (fragment.status_code, fragment["HX-Redirect"]) == (286, url("number_list"))
    text = page(client)
    assert "Simulated" in text
    assert "Works" in text


def test_a_number_of_another_workspace_is_refused_in_words(acme, globex, admin, client_of, whatsapp, at_once):
    make_number(globex)
    client = client_of(admin)
    fields = {"waba_id": NORTHWIND, "token": TOKENS[NORTHWIND]}
    step = at_once(lambda: client.post(url("number_connect"), fields))
    refused = client.post(step.url, {"phone_number_id": ALERTS})
    assert refused.status_code == 422
    assert "serves another workspace of this installation" in refused.content.decode()


def test_without_a_sandbox_none_is_offered(acme, admin, client_of, settings):
    settings.SANDBOX_URL = ""
    client = client_of(admin)
    assert "Connect the sandbox" not in page(client)
    assert "no sandbox" in client.post(url("number_connect_sandbox"), follow=True).content.decode()


# --- one number ---------------------------------------------------------------------------------------------------


def test_stop_start_default_check_and_remove(acme, admin, client_of, whatsapp, at_once):
    first, second = make_number(acme), make_number(acme, REPORTS, name="Reports", is_default=False)
    client = client_of(admin)

    def press(name, number):
        return at_once(lambda: client.post(url(name, number.pk), follow=True)).content.decode()

    assert "sends nothing until you start it" in press("number_stop", first)
    assert number_of(acme, first.pk).status == "stopped"
    assert "is being looked at" in press("number_start", first)
    assert number_of(acme, first.pk).status == "ok"
    assert "go out from “Reports”" in press("number_make_default", second)
    assert number_of(acme, second.pk).is_default
    press("number_check", second)
    assert number_of(acme, second.pk).verified_name == "Northwind Reports"
    assert "its token destroyed" in press("number_remove", second)
    assert number_of(acme, second.pk).token == ""
    assert number_of(acme, first.pk).is_default


def test_a_test_message_is_queued_for_a_contact_who_agreed(acme, admin, manager, client_of):
    number = make_number(acme)
    make_contact(manager, display_name="Silent Sam", opt_in_status="opted_out")
    client = client_of(admin)
    assert "Nobody can be written to yet" in client.get(url("number_test", number.pk)).content.decode()
    contact = make_contact(admin, display_name="Nora")
    text = client.get(url("number_test", number.pk)).content.decode()
    assert "Nora" in text
    assert "Silent Sam" not in text
    assert "1 more contact may not be written to" in text
    wrong = client.post(url("number_test", number.pk), {"contact": "999"})
    assert wrong.status_code == 422
    done = client.post(url("number_test", number.pk), {"contact": contact.pk}, follow=True)
    assert "is on its way" in done.content.decode()
    (message,) = inside(acme, lambda: list(WhatsAppMessage.objects.all()))
    assert (message.contact_id, message.number_id) == (contact.pk, number.pk)
