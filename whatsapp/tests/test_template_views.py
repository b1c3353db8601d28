"""The pages of templates: who may, lists, the editor with its preview, mapping, deleting, fetching."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from stratum.celery import app
from whatsapp.models import WhatsAppNumber, WhatsAppTemplate
from whatsapp.tests.factories import make_template
from whatsapp.tests.number_cast import inside, make_number, sync, templates
from whatsapp.urls import urlpatterns

HTMX = {"headers": {"HX-Request": "true"}}
ROUTES = {
    "template_list": ("view", "GET"),
    "template_create": ("edit_contacts", "GET"),
    "template_preview_panel": ("edit_contacts", "POST"),
    "template_create_standard": ("edit_contacts", "POST"),
    "template_sync": ("edit_contacts", "POST"),
    "template_sync_panel": ("view", "GET"),
    "template_detail": ("view", "GET"),
    "template_map": ("edit_contacts", "POST"),
    "template_delete": ("edit_contacts", "POST"),
}
OF_ONE = ("template_detail", "template_map", "template_delete")
FORM = {
    "name": "budget_alert",
    "language": "en",
    "category": "UTILITY",
    "header": "Budget",
    "body": "Campaign {{1}} has spent {{2}} today.",
    "footer": "Reply STOP to get no more.",
    "code_minutes": "10",
    "example_1": "Spring Sale",
    "example_2": "12.50",
    "variable_1": "campaign",
    "variable_2": "figures",
    "button_0_kind": "URL",
    "button_0_text": "Open",
    "button_0_value": "https://stratum.example/c/{{1}}",
    "example_button:0": "7",
}
BODY = [{"type": "BODY", "text": "Campaign {{1}} was paused <b>.", "example": {"body_text": [["Spring *Sale*"]]}}]


def url(name, *args):
    return reverse(f"whatsapp:{name}", args=args)


def page(client, **query):
    return client.get(url("template_list"), query).content.decode()


@pytest.fixture
def at_once(django_capture_on_commit_callbacks):
    app.conf.task_always_eager = True

    def run(work):
        with django_capture_on_commit_callbacks(execute=True):
            return work()

    yield run
    app.conf.task_always_eager = False


@pytest.fixture
def number(acme, live_sandbox):
    live_sandbox.control("whatsapp/modes", "POST", approve_after=600)
    return make_number(acme)


@pytest.mark.parametrize("name", ROUTES)
def test_who_may_and_who_may_not(acme, globex, manager, analyst, outsider, client, client_of, name):
    capability, method = ROUTES[name]
    policies = {route.name: route.callback.policy for route in urlpatterns}
    assert policies[name] == capability
    own, foreign = make_template(manager), make_template(outsider)

    def address(pk):
        return url(name, *([pk] if name in OF_ONE else []))

    assert "/login/" in client.generic(method, address(own.pk)).url
    assert client_of(analyst).generic(method, address(own.pk)).status_code == (200 if capability == "view" else 403)
    if name in OF_ONE:
        assert client_of(manager).generic(method, address(foreign.pk)).status_code == 404
    assert client_of(manager).generic(method, address(own.pk)).status_code in (200, 302)
    wrong = client_of(manager).generic("DELETE", address(own.pk))
    assert wrong.status_code == 405


def test_every_route_of_templates_is_in_the_table():
    assert {route.name for route in urlpatterns if route.name.startswith("template_")} == set(ROUTES)


def test_the_list_shows_states_with_their_reasons_and_filters(acme, manager, viewer, client_of):
    make_template(manager, quality_score="GREEN", components=BODY)
    make_template(manager, name="spring_offer", category="MARKETING", status="REJECTED", rejected_reason="PROMOTIONAL")
    make_template(manager, name="gone", status="DELETED", language="de")
    client = client_of(viewer)
    text = page(client)
    assert "its category does not allow that" in text
    assert "campaign_alert" in text
    assert "High" in text
    assert ">gone<" not in text
    assert "&lt;b&gt;" in text
    assert url("template_create") not in text
    for query, shown, hidden in (
        ({"q": "SPRING_O"}, "spring_offer", "campaign_alert"),
        ({"q": "was paused"}, "campaign_alert", "spring_offer"),
        ({"state": "REJECTED"}, "spring_offer", "campaign_alert"),
        ({"category": "UTILITY"}, "campaign_alert", "spring_offer"),
        ({"state": "DELETED", "language": "de"}, "gone", "campaign_alert"),
    ):
        fragment = client.get(url("template_list"), query, **HTMX).content.decode()
        assert shown in fragment
        assert hidden not in fragment
        assert "<html" not in fragment
    assert "No template matches" in page(client, q="nothing like this")


@pytest.mark.parametrize("sort", ["name", "-state", "category", "-language", "quality", "-synced", "nonsense"])
def test_the_list_sorts_by_every_column(acme, manager, client_of, sort):
    make_template(manager)
    assert "campaign_alert" in page(client_of(manager), sort=sort)


def test_the_list_pages(acme, manager, client_of):
    rows = [WhatsAppTemplate(name=f"t{n:03d}", language="en", category="UTILITY", tenant=acme) for n in range(30)]
    inside(acme, lambda: WhatsAppTemplate.objects.bulk_create(rows))
    assert "t024" in page(client_of(manager), per=25)
    assert "t025" not in page(client_of(manager), per=25)
    assert "t025" in page(client_of(manager), per=25, page=2)


def test_pages_ask_no_more_for_more_templates(acme, manager, number, client_of):
    client = client_of(manager)

    def statements():
        with CaptureQueriesContext(connection) as asked:
            page(client)
        return len(asked)

    make_template(manager)
    one = statements()
    make_template(manager, name="b")
    make_template(manager, name="c")
    assert statements() == one


def test_an_empty_list_teaches_the_next_step(acme, manager, client_of, live_sandbox):
    assert "Connect a number of it first" in page(client_of(manager))
    make_number(acme)
    text = page(client_of(manager))
    assert "Hand in those that Stratum needs" in text
    assert url("template_create") in text


def test_two_workspaces_never_meet(acme, globex, manager, outsider, client_of):
    make_template(outsider, name="globex_only")
    assert "globex_only" not in page(client_of(manager))


def test_fetching_says_what_came_of_it(acme, manager, number, client_of, at_once):
    client = client_of(manager)
    client.post(url("template_sync"))
    assert "Templates are being fetched" in page(client)
    panel = client.get(url("template_sync_panel"), **HTMX)
    assert "every 2s" in panel.content.decode()
    assert "HX-Trigger" not in panel
    at_once(lambda: client.post(url("template_sync")))
    panel = client.get(url("template_sync_panel"), **HTMX)
    assert "4 templates: 4 new." in panel.content.decode()
    assert panel["HX-Trigger"] == "templates-synced"
    assert "campaign_paused" in page(client)


def test_a_failed_fetch_says_so(acme, manager, number, client_of, live_sandbox, at_once):
    live_sandbox.control("faults", "POST", platform="whatsapp", endpoint="templates", kind="rate_limit")
    client = client_of(manager)
    at_once(lambda: client.post(url("template_sync")))
    assert "Templates could not be fetched." in page(client)


def test_stratums_own_templates_are_one_button(acme, manager, number, client_of, at_once):
    client = client_of(manager)
    text = at_once(lambda: client.post(url("template_create_standard"), follow=True)).content.decode()
    assert "18 templates are being handed in" in text
    assert "In review" in page(client)
    again = client.post(url("template_create_standard"), follow=True).content.decode()
    assert "are there already" in again


def test_without_a_number_the_buttons_say_what_is_missing(acme, manager, client_of):
    client = client_of(manager)
    for name in ("template_sync", "template_create_standard"):
        assert "Connect a WhatsApp number first" in client.post(url(name), follow=True).content.decode()
    response = client.post(url("template_create"), FORM)
    assert response.status_code == 422
    assert "Connect a WhatsApp number first" in response.content.decode()


# --- the editor ---------------------------------------------------------------------------------------------------


def test_a_template_is_handed_in_from_the_page(acme, manager, number, client_of, at_once):
    client = client_of(manager)
    response = at_once(lambda: client.post(url("template_create"), FORM))
    row = templates(acme)["budget_alert", "en"]
    assert response.url == url("template_detail", row.pk)
    assert (row.status, row.variables) == ("PENDING", {"1": "campaign", "2": "figures", "button:0": "link"})
    assert row.components[-1]["buttons"][0]["url"] == "https://stratum.example/c/{{1}}"
    text = client.get(response.url).content.decode()
    assert "WhatsApp is still reviewing it" in text
    assert "Campaign Spring Sale has spent 12.50 today." in text


def test_a_verification_code_needs_no_text(acme, manager, number, client_of, at_once):
    fields = {"name": "my_code", "language": "fr", "category": "AUTHENTICATION", "code_minutes": "5"}
    at_once(lambda: client_of(manager).post(url("template_create"), fields))
    row = templates(acme)["my_code", "fr"]
    assert row.variables == {"1": "code", "button:0": "code"}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": "Budget Alert"}, "Only small letters"),
        ({"body": "{{1}} has spent {{2}} today."}, "Text must stand before the first placeholder"),
        ({"example_2": ""}, "Give an example for {{2}}"),
        ({"button_0_value": "http://x.example"}, "begins with https://"),
        ({"button_1_kind": "PHONE_NUMBER", "button_1_text": "Call", "button_1_value": "12"}, "with its country code"),
        ({"category": "AUTHENTICATION", "code_minutes": "100"}, "less than or equal to 90"),
        ({"language": "tlh"}, "not one of the available choices"),
    ],
)
def test_a_mistake_stands_at_its_place(acme, manager, number, client_of, fields, words):
    response = client_of(manager).post(url("template_create"), {**FORM, **fields})
    assert response.status_code == 422
    text = response.content.decode()
    assert words in text
    # What was typed stays.
    assert fields.get("name", "budget_alert") in text
    assert templates(acme) == {}


def test_the_preview_follows_what_is_typed(acme, manager, number, client_of):
    client = client_of(manager)

    def preview(**fields):
        return client.post(url("template_preview_panel"), {**FORM, **fields}, **HTMX).content.decode()

    text = preview(slots="1 2 button:0", body="*Campaign* {{1}} has spent {{2}} <script>")
    assert "<strong>Campaign</strong> Spring Sale has spent 12.50 &lt;script&gt;" in text
    assert "template-slots" not in text
    text = preview(slots="1", body="Now {{1}}, {{2}} and {{3}} too")
    assert 'name="example_3"' in text
    assert 'hx-swap-oob="outerHTML"' in text
    assert "{{3}}" in text
    text = preview(category="AUTHENTICATION", code_minutes="7", security_hint="on")
    assert "<strong>123456</strong> is your verification code." in text
    assert "expires in 7 minutes" in text
    assert "Copy code" in text
    assert client.post(url("template_preview_panel"), {}, **HTMX).status_code == 200


def test_without_scripts_the_preview_is_a_button(acme, manager, number, client_of):
    response = client_of(manager).post(url("template_create"), {**FORM, "preview": "1"})
    assert response.status_code == 200
    assert "Campaign Spring Sale has spent 12.50 today." in response.content.decode()
    assert templates(acme) == {}


# --- one template -------------------------------------------------------------------------------------------------


def test_the_page_shows_it_as_on_a_phone_and_what_fills_it(acme, manager, viewer, client_of):
    row = make_template(manager, components=BODY, variables={"1": "campaign"})
    text = client_of(viewer).get(url("template_detail", row.pk)).content.decode()
    assert "Campaign Spring <strong>Sale</strong> was paused &lt;b&gt;." in text
    assert "Names of the campaigns" in text
    assert "<select" not in text.split("What fills the placeholders")[1].split("</section>")[0]
    assert url("template_delete", row.pk) not in text


def test_what_fills_it_is_chosen_on_the_page(acme, manager, client_of):
    row = make_template(manager, components=BODY)
    client = client_of(manager)
    client.post(url("template_map", row.pk), {"variable_1": "reason", "variable_9": "rule"})
    assert templates(acme)["campaign_alert", "en"].variables == {"1": "reason"}
    bad = client.post(url("template_map", row.pk), {"variable_1": "password"}, follow=True).content.decode()
    assert "cannot be filled with that" in bad
    assert templates(acme)["campaign_alert", "en"].variables == {"1": "reason"}


def test_deleting_goes_to_whatsapp(acme, manager, number, client_of, at_once):
    sync(acme)
    row = templates(acme)["campaign_paused", "en_US"]
    client = client_of(manager)
    client.post(url("template_delete", row.pk))
    assert "every 2s" in client.get(url("template_detail", row.pk)).content.decode()
    assert "<html" not in client.get(url("template_detail", row.pk), **HTMX).content.decode()
    at_once(lambda: client.post(url("template_sync")))
    assert "Deleted" in client.get(url("template_detail", row.pk)).content.decode()
    gone = client.post(url("template_delete", row.pk), follow=True).content.decode()
    assert "is gone" in gone
    assert client.get(url("template_detail", row.pk)).status_code == 404


def test_the_tabs_stand_on_each_page_that_exists(acme, manager, number, client_of):
    client = client_of(manager)
    for name, current in (("template_list", "Templates"), ("number_list", "Numbers"), ("template_create", "Templates")):
        text = client.get(url(name)).content.decode()
        assert f'aria-current="page">{current}</a>' in text
        assert url("number_list") in text
        assert url("template_list") in text
    assert inside(acme, lambda: WhatsAppNumber.objects.count()) == 1
