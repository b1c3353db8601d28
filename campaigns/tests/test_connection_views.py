"""The connection screens: who may do what, the way back from a platform, the picker, lists and their cost."""

import io
import logging
from datetime import timedelta
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest
import structlog
from django.db import connection as database
from django.db import transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.tests.factories import make_user
from campaigns import tasks
from campaigns.models import AdAccount, Connection
from campaigns.tests.connection_cast import answer, begin, connect, only_connection
from campaigns.tests.factories import make_account, make_campaign, make_connected_account, make_connection, record_days
from campaigns.tests.sandbox_cast import ACCOUNTS
from stratum.lib import consent
from stratum.lib.masking import MaskingFilter, mask_text
from tenants.context import tenant_context
from tenants.models import Tenant

LIST = "/connections/"
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def at_the_public_address(settings):
    settings.PUBLIC_URL = "http://testserver"


@pytest.fixture
def desk(admin, client_of):
    """The admin's browser."""
    return client_of(admin)


def text_of(response) -> str:
    return " ".join(response.content.decode().split())


def rows_of(tenant) -> list[Connection]:
    with tenant_context(tenant), transaction.atomic():
        return list(Connection.objects.all())


def worked(tenant, desk, sandbox, platform: str = "meta", **choices) -> Connection:
    """A connection with its list of accounts, made as a person and a worker make it."""
    connect(desk, sandbox, platform, **choices)
    pk = rows_of(tenant)[-1].pk
    tasks.finish_connection(tenant_id=tenant.pk, connection_id=pk)
    with tenant_context(tenant), transaction.atomic():
        return Connection.objects.get(pk=pk)


# --- The way to the platform and back -----------------------------------------------------------------------------


def test_start_leads_scripts_by_a_header_and_others_by_a_page(desk, live_sandbox):
    url = begin(desk, "google")
    assert url.startswith(live_sandbox.url)
    query = dict(parse_qsl(urlsplit(url).query))
    assert query["redirect_uri"] == "http://testserver/connections/google/callback/"
    page = desk.post("/connections/google/start/")
    assert page.status_code == 200
    assert "Continue to Google Ads" in text_of(page)
    assert "form-action" in page.headers["Content-Security-Policy"]
    assert f'href="{live_sandbox.url}' in text_of(page)


def test_state_is_used_once(acme, desk, live_sandbox):
    back = answer(live_sandbox, begin(desk, "meta"))
    assert desk.get(back).status_code == 302
    again = desk.get(back)
    assert again.status_code == 400
    assert "it was used already" in text_of(again)
    assert len(rows_of(acme)) == 1


@pytest.mark.parametrize("sent", [{}, {"state": ""}, {"state": "made-up"}, {"state": "ü\ud83d"}])
def test_wrong_or_missing_state_stores_nothing(acme, desk, live_sandbox, sent):
    begin(desk, "meta")
    query = urlencode({"code": "stolen", **sent}, errors="surrogatepass")
    response = desk.get(f"/connections/meta/callback/?{query}")
    assert response.status_code == 400
    assert "Nothing was stored" in text_of(response)
    assert "Try again" in text_of(response)
    assert rows_of(acme) == []


def test_state_of_another_browser_is_worth_nothing(acme, desk, live_sandbox, client_of):
    back = answer(live_sandbox, begin(desk, "meta"))
    colleague = client_of(make_user(acme, "admin", email="second@acme.example"))
    assert colleague.get(back).status_code == 400
    assert rows_of(acme) == []
    assert desk.get(back).status_code == 302


@pytest.mark.parametrize("field", ["user_id", "tenant_id"])
def test_state_is_bound_to_person_and_workspace(acme, desk, live_sandbox, field):
    back = answer(live_sandbox, begin(desk, "meta"))
    session = desk.session
    session[consent.SESSION_KEY] = [{**kept, field: kept[field] + 1} for kept in session[consent.SESSION_KEY]]
    session.save()
    response = desk.get(back)
    assert response.status_code == 400
    assert "Somebody else began this attempt" in text_of(response)
    assert rows_of(acme) == []


def test_state_is_good_for_fifteen_minutes(acme, desk, live_sandbox):
    back = answer(live_sandbox, begin(desk, "meta"))
    session = desk.session
    kept = session[consent.SESSION_KEY][0]
    session[consent.SESSION_KEY] = [{**kept, "began_at": kept["began_at"] - 901}]
    session.save()
    response = desk.get(back)
    assert response.status_code == 400
    assert "longer than 15 minutes" in text_of(response)
    assert rows_of(acme) == []


def test_state_of_one_platform_is_not_taken_at_another(acme, desk, live_sandbox):
    back = answer(live_sandbox, begin(desk, "meta"))
    assert desk.get(back.replace("/meta/", "/google/")).status_code == 400
    assert rows_of(acme) == []


def test_several_attempts_side_by_side(acme, desk, live_sandbox):
    first, second = begin(desk, "meta"), begin(desk, "meta")
    assert desk.get(answer(live_sandbox, second)).status_code == 302
    assert desk.get(answer(live_sandbox, first)).status_code == 302
    assert len(rows_of(acme)) == 2


@pytest.mark.parametrize("platform", ACCOUNTS)
def test_denial_stores_nothing_and_offers_another_try(acme, desk, live_sandbox, platform):
    response = connect(desk, live_sandbox, platform, decision="deny")
    assert response.status_code == 200
    page = text_of(response)
    assert "was not allowed to let Stratum in" in page
    assert "Nothing was stored" in page
    assert f'action="/connections/{platform}/start/"' in page
    assert rows_of(acme) == []


def test_denied_reauthorisation_keeps_what_there_was(acme, desk, live_sandbox):
    connection = worked(acme, desk, live_sandbox)
    response = connect(desk, live_sandbox, "meta", connection=connection, decision="deny")
    assert "as they were before" in text_of(response)
    assert f"/connections/{connection.pk}/reauthorise/" in text_of(response)
    assert only_connection(acme).status == "ok"


def test_error_of_a_platform_is_shown_as_text(desk, live_sandbox):
    state = dict(parse_qsl(urlsplit(begin(desk, "meta")).query))["state"]
    sent = urlencode({"state": state, "error": "server_error", "error_description": "<b>Oh no</b> token=abc123"})
    page = text_of(desk.get(f"/connections/meta/callback/?{sent}"))
    assert "Meta answered: &lt;b&gt;Oh no&lt;/b&gt;" in page
    assert "abc123" not in page


def test_platform_without_registration_is_shown_closed(desk, settings):
    page = text_of(desk.get(LIST))
    assert "This installation is not registered at Meta. Ask whoever operates it." in page
    assert "META_CLIENT_ID" not in page
    response = desk.post("/connections/meta/start/", headers=HTMX)
    assert response.status_code == 204
    assert "not registered" in response.headers["HX-Trigger"]


def test_unknown_platform_is_not_found(desk):
    assert desk.post("/connections/myspace/start/").status_code == 404
    assert desk.get("/connections/myspace/callback/").status_code == 404


def test_at_another_host_people_are_led_to_the_registered_address(desk, live_sandbox, settings):
    settings.PUBLIC_URL = "https://stratum.example"
    assert "https://stratum.example/connections/" in text_of(desk.get(LIST))
    response = desk.post("/connections/meta/start/", headers=HTMX)
    assert response.status_code == 204
    assert "stratum.example" in response.headers["HX-Trigger"]


def test_codes_are_masked_in_logs():
    line = "GET /connections/tiktok/callback/?auth_code=abc.1~2&state=xyz%3D&other=1 and next=%3Fcode%3Dabc%26state%3Dq"
    masked = mask_text(line)
    for secret in ("abc", "xyz", "%3Dq"):
        assert secret not in masked
    assert "other=1" in masked


@pytest.fixture
def log_lines(settings):
    """What production writes at INFO: its formatter behind its filter."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(MaskingFilter())
    shared = [structlog.stdlib.add_log_level, structlog.stdlib.add_logger_name]
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(processor=structlog.processors.JSONRenderer(), foreign_pre_chain=shared)
    )
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.INFO)
    root.addHandler(handler)
    yield stream
    root.removeHandler(handler)
    root.setLevel(before)


def test_no_log_line_of_a_connection_holds_a_secret(acme, desk, live_sandbox, log_lines, client):
    back = answer(live_sandbox, begin(desk, "google"))
    sent = dict(parse_qsl(urlsplit(back).query))
    client.get(back, follow=True)  # a stranger is sent to the login, with the address quoted in another
    desk.get(back)
    tasks.finish_connection(tenant_id=acme.pk, connection_id=only_connection(acme).pk)
    connection = only_connection(acme)
    text = log_lines.getvalue()
    assert "/connections/google/callback/" in text
    assert "/login/" in text
    for secret in (*sent.values(), *map(quote, sent.values()), connection.access_token, connection.refresh_token):
        assert secret not in text
        assert quote(secret, safe="") not in text


# --- Who may do what ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["viewer", "analyst", "manager"])
def test_others_see_states_and_connect_nothing(acme, client_of, live_sandbox, role):
    connection = make_connection(acme, listed_at=timezone.now())
    account = make_connected_account(acme, connection=connection, name="Nordic")
    client = client_of(make_user(acme, role, email=f"{role}@else.example"))
    page = text_of(client.get(LIST))
    assert "Nordic" in page
    for word in ("Connect an account", "Disconnect<", "Re-authorise"):
        assert word not in page
    assert client.get(f"/connections/{connection.pk}/").status_code == 200
    for path in (
        "meta/start",
        f"{connection.pk}/reauthorise",
        f"{connection.pk}/attach",
        f"{connection.pk}/refresh",
        f"{connection.pk}/remove",
        f"accounts/{account.pk}/disconnect",
    ):
        assert client.post(f"/connections/{path}/").status_code == 403, path
    assert client.get("/connections/meta/callback/?code=x").status_code == 403


def test_foreign_connections_and_accounts_are_not_found(acme, globex, desk, live_sandbox):
    theirs = make_connected_account(globex)
    for path in ("", "progress/"):
        assert desk.get(f"/connections/{theirs.connection_id}/{path}").status_code == 404
    for path in ("attach", "refresh", "remove", "reauthorise"):
        assert desk.post(f"/connections/{theirs.connection_id}/{path}/").status_code == 404
    assert desk.post(f"/connections/accounts/{theirs.pk}/disconnect/").status_code == 404
    with tenant_context(globex), transaction.atomic():
        assert AdAccount.objects.get().status == "ok"


def test_connection_of_another_workspace_is_not_finished_here(acme, globex, live_sandbox):
    theirs = make_connection(globex, status="connecting", code="x", access_token=None)
    assert tasks.finish_connection(tenant_id=acme.pk, connection_id=theirs.pk) is None
    with tenant_context(globex), transaction.atomic():
        assert Connection.objects.get().code == "x"


# --- One connection -------------------------------------------------------------------------------------------------


def test_progress_is_asked_for_until_it_is_over(acme, desk, live_sandbox):
    connect(desk, live_sandbox, "meta")
    pk = only_connection(acme).pk
    page = desk.get(f"/connections/{pk}/")
    assert "Finishing the connection…" in text_of(page)
    assert f'hx-get="/connections/{pk}/progress/"' in text_of(page)
    assert desk.get(f"/connections/{pk}/progress/", headers=HTMX).status_code == 200
    tasks.finish_connection(tenant_id=acme.pk, connection_id=pk)
    over = desk.get(f"/connections/{pk}/progress/", headers=HTMX)
    assert (over.status_code, over.headers["HX-Refresh"]) == (286, "true")
    assert "Choose accounts" in text_of(desk.get(f"/connections/{pk}/"))


def test_chosen_accounts_are_attached_and_marked(acme, desk, live_sandbox):
    connection = worked(acme, desk, live_sandbox)
    url = f"/connections/{connection.pk}/"
    response = desk.post(f"{url}attach/", {"external_ids": [ACCOUNTS["meta"]]}, follow=True)
    page = text_of(response)
    assert response.redirect_chain == [(LIST, 302)]
    assert "1 account is connected." in page
    assert live_sandbox.world.account(ACCOUNTS["meta"]).name in page
    assert "Simulated" in page
    assert "Connected already" in text_of(desk.get(url))


def test_refused_choice_brings_the_picker_back_with_the_reason(acme, desk, live_sandbox):
    connection = worked(acme, desk, live_sandbox)
    make_account(acme, name="Imported")
    response = desk.post(f"/connections/{connection.pk}/attach/", {"external_ids": [ACCOUNTS["meta"]]})
    assert response.status_code == 422
    assert "Try the sandbox in a workspace of its own" in text_of(response)
    assert "Choose accounts" in text_of(response)
    empty = desk.post(f"/connections/{connection.pk}/attach/", {})
    assert empty.status_code == 422


def test_failed_connection_says_what_happened_and_offers_another_try(acme, desk, live_sandbox):
    connection = make_connection(acme, status="failed", access_token=None, last_error="Meta did not take it.")
    page = text_of(desk.get(f"/connections/{connection.pk}/"))
    assert "Meta did not take it." in page
    assert "Nothing was connected" in page
    assert f'action="/connections/{connection.pk}/reauthorise/"' in page
    assert "Meta did not take it." in text_of(desk.get(LIST))
    removed = desk.post(f"/connections/{connection.pk}/remove/", follow=True)
    assert "The connection was removed." in text_of(removed)
    assert "Meta did not take it." not in text_of(removed)


def test_list_is_loaded_anew_on_request(acme, desk, live_sandbox, django_capture_on_commit_callbacks):
    connection = worked(acme, desk, live_sandbox)
    before = connection.listed_at
    desk.post(f"/connections/{connection.pk}/refresh/")
    assert "Loading the list of accounts…" in text_of(desk.get(f"/connections/{connection.pk}/"))
    tasks.list_connection_accounts(tenant_id=acme.pk, connection_id=connection.pk)
    assert only_connection(acme).listed_at > before


def test_disconnecting_is_asked_about_and_done(acme, desk):
    account = make_connected_account(acme, name="Nordic")
    make_campaign(acme, account=account)
    path = f"/connections/accounts/{account.pk}/disconnect/"
    dialog = text_of(desk.get(path, headers=HTMX))
    assert "data-open-on-load" in dialog
    assert "<html" not in dialog
    page = text_of(desk.get(path))
    for words in (dialog, page):
        assert "Its 1 campaign and all numbers stay as they are." in words
        assert "connect the account again" in words
    done = desk.post(path, follow=True)
    assert "is disconnected. Its campaigns and numbers stay." in text_of(done)
    with tenant_context(acme), transaction.atomic():
        assert AdAccount.objects.get().status == "disabled"
        assert Connection.objects.get().access_token is None
    again = desk.post(path, follow=True)
    assert "This account is not connected." in text_of(again)


def test_disconnected_account_is_no_trouble(acme, desk):
    account = make_connected_account(acme, name="Nordic", status="disabled", connection=None)
    make_campaign(acme, account=account)
    health = text_of(desk.get("/data-health/"))
    assert "Disconnected" in health
    assert "needs attention" not in health
    assert "Nordic" not in text_of(desk.get("/")).partition("Data freshness")[0]


def test_broken_account_leads_from_home_to_where_it_is_mended(acme, desk):
    account = make_connected_account(
        acme, name="Nordic", status="needs_reauth", last_error="Connect the account again."
    )
    campaign = make_campaign(acme, account=account)
    record_days(campaign, {timezone.now().date() - timedelta(days=1): {"impressions": 1, "spend_cents": 1}})
    page = text_of(desk.get("/"))
    assert "Nordic (Meta): Needs re-authorisation" in page
    assert 'href="/connections/"' in page


# --- The list -------------------------------------------------------------------------------------------------------


def test_empty_list_teaches_the_ways_in(desk, live_sandbox, acme, client_of):
    page = text_of(desk.get(LIST))
    assert "No ad account yet" in page
    assert "Connect an account above" in page
    assert "Import a report" in page
    viewer = client_of(make_user(acme, "viewer", email="v@else.example"))
    assert "Admins of this workspace can connect accounts" in text_of(viewer.get(LIST))


def test_list_tells_everything_about_an_account(acme, desk, admin):
    when = timezone.now() - timedelta(hours=3)
    connection = make_connection(acme, platform="google", connected_by=admin, connected_at=when, listed_at=when)
    account = make_connected_account(
        acme, connection=connection, name="Nordic", currency="SEK", timezone="Europe/Stockholm", last_synced_at=when,
        last_error="Google Ads asked for a pause.",
    )  # fmt: skip
    campaign = make_campaign(acme, account=account)
    day = timezone.now().date() - timedelta(days=1)
    record_days(campaign, {day: {"impressions": 10, "spend_cents": 5}})
    page = text_of(desk.get(LIST))
    for words in ("Nordic", "SEK · Europe/Stockholm", "Connected", admin.display_name, "next at", "Sync now"):
        assert words in page, words
    assert "Google Ads asked for a pause." in page
    assert f"{day:%b %Y}" in page


def test_list_is_filtered_searched_and_answered_as_a_fragment(acme, desk):
    make_account(acme, name="Alpha", platform="meta")
    make_account(acme, name="Beta", platform="google", status="disabled")
    fragment = desk.get(f"{LIST}?platform=google", headers=HTMX)
    assert "Beta" in text_of(fragment)
    assert "Alpha" not in text_of(fragment)
    assert "<html" not in text_of(fragment)
    assert "Alpha" not in text_of(desk.get(f"{LIST}?status=disabled"))
    assert "Beta" not in text_of(desk.get(f"{LIST}?q=alph"))
    assert "No account matches" in text_of(desk.get(f"{LIST}?q=gamma"))


def test_list_is_paged(acme, desk):
    for number in range(26):
        make_account(acme, name=f"Account {number:02}")
    first, second = text_of(desk.get(f"{LIST}?per=25")), text_of(desk.get(f"{LIST}?per=25&page=2"))
    assert ("Account 24" in first, "Account 25" in first) == (True, False)
    assert "Account 25" in second


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_list_costs_the_same_for_one_account_and_three(acme, desk, admin, headers):
    def add() -> None:
        connection = make_connection(acme, connected_by=admin, last_error="Look at me.", listed_at=timezone.now())
        account = make_connected_account(acme, connection=connection)
        record_days(make_campaign(acme, account=account), {timezone.now().date(): {"impressions": 1}})

    def cost() -> int:
        with CaptureQueriesContext(database) as queries:
            assert desk.get(LIST, headers=headers).status_code == 200
        return len(queries)

    add()
    desk.get(LIST)
    one = cost()
    add()
    add()
    assert cost() == one


def test_page_of_a_connection_costs_the_same_for_one_account_and_three(acme, desk, admin):
    def cost() -> int:
        with CaptureQueriesContext(database) as queries:
            assert desk.get(f"/connections/{connection.pk}/").status_code == 200
        return len(queries)

    listed = [{"external_id": str(n), "name": f"A{n}", "currency": "USD", "timezone": "UTC"} for n in range(9)]
    connection = make_connection(acme, connected_by=admin, listed_at=timezone.now(), listed_accounts=listed)
    make_connected_account(acme, connection=connection, external_id="0")
    desk.get(LIST)
    one = cost()
    make_connected_account(acme, connection=connection, external_id="1")
    make_connected_account(acme, connection=connection, external_id="2")
    assert cost() == one


def test_sidebar_leads_to_connections(desk):
    assert f'href="{LIST}"' in text_of(desk.get("/campaigns/"))


def test_demo_offers_the_sandbox_alone(acme, desk, live_sandbox, settings):
    with tenant_context(acme), transaction.atomic():
        Tenant.objects.update(settings={"demo": True})
    make_account(acme, name="Of the demo")
    page = text_of(desk.get(LIST))
    assert 'hx-post="/connections/meta/start/"' in page
    assert "disabled aria-describedby" not in page
    settings.SANDBOX_URL = ""
    assert "This is a demo workspace with made-up numbers." in text_of(desk.get(LIST))
