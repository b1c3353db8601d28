"""Adding Stratum to Slack: to the consent page and back, what is stored, installing again, removing."""

import logging
import time
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import AuditLog
from accounts.tests.factories import make_user
from campaigns.tests.at_once import in_threads
from rules import services, tasks
from rules.models import Alert, SlackInstall, SlackMessage, SlackTarget
from rules.services.slack_targets import MAX_TARGETS
from rules.tests.slack_cast import inside, make_message, make_webhook, send
from rules.tests.slack_install_cast import (
    ROTATING,
    WATCH_ID,
    add,
    answer,
    ask,
    audited,
    begin,
    change,
    make_install,
    make_install_target,
    work,
)
from stratum.celery import app
from stratum.lib import consent
from stratum.lib.masking import MaskingFilter, mask_text
from tenants.context import tenant_context, unscoped

LIST = "/rules/slack/"


@pytest.fixture(autouse=True)
def at_the_public_address(settings):
    settings.PUBLIC_URL = "http://testserver"


@pytest.fixture
def desk(admin, client_of):
    """The admin's browser."""
    return client_of(admin)


def text_of(response) -> str:
    return " ".join(response.content.decode().split())


def installs(tenant):
    return inside(tenant, lambda: list(SlackInstall.objects.order_by("pk")))


def targets(tenant):
    return inside(tenant, lambda: list(SlackTarget.objects.order_by("pk")))


# --- The way to Slack and back ------------------------------------------------------------------------------------


def test_the_button_leads_scripts_by_a_header_and_others_by_a_page(desk, live_sandbox):
    url = begin(desk)
    assert url.startswith(f"{live_sandbox.url}/oauth/v2/authorize?")
    query = dict(parse_qsl(urlsplit(url).query))
    assert query["scope"] == "chat:write,chat:write.public,incoming-webhook"
    assert query["redirect_uri"] == "http://testserver/rules/slack/callback/"
    page = desk.post("/rules/slack/add/")
    assert page.status_code == 200
    assert "Continue to Slack" in text_of(page)
    assert "form-action" in page.headers["Content-Security-Policy"]
    assert f'href="{live_sandbox.url}' in text_of(page)


def test_stratum_is_added_with_the_channel_that_was_chosen(acme, admin, desk, live_sandbox):
    page = text_of(add(desk, live_sandbox, acme))
    assert "Stratum is installed in Sandbox, and rules can write to “#ads”." in page
    assert "Simulated" in page
    (install,) = installs(acme)
    assert (install.team_id, install.team_name, install.status) == ("T0SANDBOX", "Sandbox", "ok")
    assert (install.bot_user_id, install.app_id, install.installed_by_id) == ("U0BOT", "A0STRATUM", admin.pk)
    assert (install.token_expires_at, install.refresh_token) == (None, None)
    (target,) = targets(acme)
    assert (target.name, target.kind, target.channel, target.install_id) == (
        "#ads", "webhook", "C0123456789", install.pk,
    )  # fmt: skip
    make_message(target)
    assert send(acme).sent == 1
    assert live_sandbox.control("slack")["messages"][0]["way"] == "webhook"
    for secret in (install.access_token, target.url):
        assert secret not in page


def test_tokens_that_run_out_are_kept_with_what_renews_them(acme, desk, live_sandbox):
    live_sandbox.control("settings", "POST", slack_token_seconds=ROTATING)
    add(desk, live_sandbox, acme)
    (install,) = installs(acme)
    assert install.refresh_token.startswith("xoxe-sandbox-")
    assert 0 <= ROTATING - (install.token_expires_at - install.token_since).total_seconds() < 60


def test_no_request_waits_for_slack(acme, desk, live_sandbox):
    """The callback keeps the code; a worker exchanges it, and the page asks for it meanwhile."""
    waiting = desk.get(answer(live_sandbox, begin(desk)))
    assert installs(acme) == []
    assert "Finishing the installation" in text_of(desk.get(waiting.url))
    fragment = desk.get(waiting.url, headers={"HX-Request": "true"})
    assert "every 1s" in text_of(fragment)
    assert "<html" not in text_of(fragment)
    work(acme, waiting.url)
    assert desk.get(waiting.url, headers={"HX-Request": "true"}).headers["HX-Redirect"] == LIST


@pytest.mark.django_db(transaction=True)
def test_the_exchange_holds_no_transaction(acme, admin, live_sandbox):
    waiting = ask(acme, admin, live_sandbox)
    live_sandbox.fault("slow", platform="slack", endpoint="oauth", seconds=3)
    found = {}

    def look():
        deadline = time.monotonic() + 30
        while live_sandbox.control("faults")["faults"] and time.monotonic() < deadline:
            time.sleep(0.05)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT state FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            found["states"] = {row[0] for row in cursor.fetchall()}
        found["stored"] = installs(acme)

    in_threads(lambda: work(acme, waiting), look)
    # Slack had been asked, and had not answered yet.
    assert found["stored"] == []
    assert not [state for state in found["states"] if state and "in transaction" in state]
    assert len(installs(acme)) == 1


def test_state_is_used_once(acme, desk, live_sandbox):
    back = answer(live_sandbox, begin(desk))
    assert desk.get(back).status_code == 302
    again = desk.get(back)
    assert again.status_code == 400
    assert "it was used already" in text_of(again)


@pytest.mark.parametrize("sent", [{}, {"state": ""}, {"state": "made-up"}])
def test_wrong_or_missing_state_stores_nothing(acme, desk, live_sandbox, sent):
    begin(desk)
    response = desk.get(f"/rules/slack/callback/?{urlencode({'code': 'stolen', **sent})}")
    assert response.status_code == 400
    assert "Slack was not connected" in text_of(response)
    assert 'action="/rules/slack/add/"' in text_of(response)
    assert installs(acme) == []


def test_state_of_another_browser_is_worth_nothing(acme, desk, live_sandbox, client_of):
    back = answer(live_sandbox, begin(desk))
    colleague = client_of(make_user(acme, "admin", email="second@acme.example"))
    assert colleague.get(back).status_code == 400
    assert desk.get(back).status_code == 302


@pytest.mark.parametrize(
    ("change_of", "words"),
    [
        (lambda kept: {"user_id": kept["user_id"] + 1}, "Somebody else began this attempt"),
        (lambda kept: {"tenant_id": kept["tenant_id"] + 1}, "Somebody else began this attempt"),
        (lambda kept: {"platform": "meta"}, "for another platform"),
        (lambda kept: {"began_at": kept["began_at"] - 901}, "longer than 15 minutes"),
    ],
)
def test_state_is_bound_and_ends(acme, desk, live_sandbox, change_of, words):
    back = answer(live_sandbox, begin(desk))
    session = desk.session
    (kept,) = session[consent.SESSION_KEY]
    session[consent.SESSION_KEY] = [{**kept, **change_of(kept)}]
    session.save()
    response = desk.get(back)
    assert response.status_code == 400
    assert words in text_of(response)
    assert installs(acme) == []


@pytest.mark.parametrize(
    ("error", "words"),
    [("access_denied", "Stratum was not allowed in Slack."), ("<b>", "Slack did not let Stratum in")],
)
def test_a_denial_stores_nothing_and_offers_another_try(acme, desk, live_sandbox, error, words):
    back = answer(live_sandbox, begin(desk), decision="deny").replace("access_denied", error)
    response = desk.get(back)
    assert response.status_code == 200
    assert words in text_of(response)
    assert "Nothing was stored" in text_of(response)
    assert installs(acme) == []


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("connection_reset", "did not finish the installation in time"),
        ("rate_limit", "Slack asked to wait."),
        ("server_error", "internal_error"),
    ],
)
def test_an_exchange_that_fails_says_why_and_is_not_repeated(acme, desk, live_sandbox, fault, words):
    waiting = desk.get(answer(live_sandbox, begin(desk)))
    live_sandbox.fault(fault, platform="slack", endpoint="oauth")
    work(acme, waiting.url)
    assert desk.get(waiting.url, headers={"HX-Request": "true"}).headers["HX-Refresh"] == "true"
    assert words in text_of(desk.get(waiting.url))
    work(acme, waiting.url)
    assert installs(acme) == []


def test_a_wrong_registration_is_said(acme, desk, live_sandbox, settings):
    waiting = desk.get(answer(live_sandbox, begin(desk)))
    settings.SLACK_CLIENT_SECRET = "wrong"
    work(acme, waiting.url)
    assert "does not accept the registration" in text_of(desk.get(waiting.url))


def test_an_attempt_whose_worker_was_lost_is_over(acme, desk, live_sandbox, monkeypatch):
    waiting = desk.get(answer(live_sandbox, begin(desk)))
    monkeypatch.setattr(services.slack_installs, "ASKING_SECONDS", -1.0)
    assert "not finished in time" in text_of(desk.get(waiting.url))


def test_an_attempt_is_its_persons_and_workspaces(acme, globex, desk, live_sandbox, outsider, client_of):
    waiting = desk.get(answer(live_sandbox, begin(desk)))
    colleague = client_of(make_user(acme, "admin", email="second@acme.example"))
    for other in (colleague, client_of(outsider)):
        assert other.get(waiting.url).url == LIST
    work(globex, waiting.url)
    assert installs(globex) == []
    assert "Finishing the installation" in text_of(desk.get(waiting.url))


@pytest.mark.django_db(transaction=True)
def test_two_workers_use_a_code_once(acme, admin, live_sandbox):
    waiting = ask(acme, admin, live_sandbox)
    in_threads(lambda: work(acme, waiting), lambda: work(acme, waiting))
    assert len(installs(acme)) == 1
    with tenant_context(acme):
        assert "is installed in Sandbox" in services.slack_install_read(waiting, admin).words


@pytest.mark.django_db(transaction=True)
def test_two_installations_of_one_slack_workspace_at_once_make_one(acme, admin, live_sandbox):
    pages = [ask(acme, admin, live_sandbox, channel=one) for one in ("C0123456789", WATCH_ID)]
    in_threads(*(lambda page=page: work(acme, page) for page in pages))
    (install,) = installs(acme)
    assert sorted(one.name for one in targets(acme)) == ["#ads", "#budget-watch"]
    assert {one.install_id for one in targets(acme)} == {install.pk}


def test_a_code_is_in_no_log(acme, desk, live_sandbox, caplog, capsys):
    back = answer(live_sandbox, begin(desk))
    code = dict(parse_qsl(urlsplit(back).query))["code"]
    caplog.handler.addFilter(MaskingFilter())
    with caplog.at_level(logging.DEBUG):
        work(acme, desk.get(back).url)
    assert code not in caplog.text + capsys.readouterr().out
    assert code not in mask_text(back)


# --- Without a registration, and elsewhere ------------------------------------------------------------------------


def test_without_a_registration_the_page_says_how_and_the_manual_ways_stay(desk, settings):
    settings.SLACK_CLIENT_ID = ""
    page = text_of(desk.get(LIST))
    assert "SLACK_CLIENT_ID and SLACK_CLIENT_SECRET" in page
    assert "http://testserver/rules/slack/callback/" in page
    assert 'action="/rules/slack/add/"' not in page
    assert "by an incoming webhook" in page
    assert "not registered at Slack" in text_of(desk.post("/rules/slack/add/", follow=True))


def test_another_host_is_sent_to_the_public_address(desk, live_sandbox, settings):
    settings.PUBLIC_URL = "http://stratum.example"
    page = text_of(desk.get(LIST))
    assert 'href="http://stratum.example/rules/slack/"' in page
    assert "added to Slack at http://stratum.example" in text_of(desk.post("/rules/slack/add/", follow=True))


def test_admins_alone_may(acme, manager, viewer, client_of, live_sandbox):
    install = make_install(acme, live_sandbox)
    for person in (manager, viewer):
        client = client_of(person)
        assert client.post("/rules/slack/add/").status_code == 403
        assert client.get("/rules/slack/callback/").status_code == 403
        assert client.get("/rules/slack/installing/x/").status_code == 403
        assert client.post(f"/rules/slack/installs/{install.pk}/remove/").status_code == 403


# --- Again ----------------------------------------------------------------------------------------------------


def test_installing_again_renews_one_row_and_its_channel(acme, desk, live_sandbox):
    add(desk, live_sandbox, acme)
    (first,), (channel,) = installs(acme), targets(acme)
    inside(acme, lambda: SlackTarget.objects.update(status="broken", failures=3, last_error="Gone."))
    add(desk, live_sandbox, acme)
    (again,), (mended,) = installs(acme), targets(acme)
    assert (again.pk, mended.pk) == (first.pk, channel.pk)
    assert again.access_token != first.access_token
    assert mended.url != channel.url
    assert (mended.status, mended.failures, mended.last_error) == ("ok", 0, "")
    add(desk, live_sandbox, acme, channel=WATCH_ID)
    assert [one.name for one in targets(acme)] == ["#ads", "#budget-watch"]
    assert len(installs(acme)) == 1


def test_a_name_that_is_taken_gets_a_number(acme, desk, live_sandbox):
    make_webhook(acme)
    make_webhook(acme, name="#ads (2)")
    add(desk, live_sandbox, acme)
    assert targets(acme)[-1].name == "#ads (3)"


def test_a_full_workspace_is_installed_without_another_channel(acme, desk, live_sandbox):
    for number in range(MAX_TARGETS):
        make_webhook(acme, name=f"#{number}")
    page = text_of(add(desk, live_sandbox, acme))
    assert "Stratum is installed in Sandbox. Add the channels" in page
    assert len(targets(acme)) == MAX_TARGETS


def test_installing_again_mends_what_was_broken(acme, desk, live_sandbox):
    install = make_install(acme, live_sandbox)
    target = make_install_target(install)
    live_sandbox.control("grants/revoke", "POST", platform="slack")
    make_message(target)
    assert send(acme).failed == 1
    page = text_of(desk.get(LIST))
    assert "The bot’s token was revoked in Slack. Install Stratum in Slack again." in page
    assert inside(acme, lambda: Alert.objects.get()).status == "open"
    add(desk, live_sandbox, acme)
    assert change(install).status == "ok"
    assert inside(acme, lambda: SlackTarget.objects.get(pk=target.pk)).status == "ok"
    assert {one.status for one in inside(acme, lambda: list(Alert.objects.all()))} == {"resolved"}
    make_message(target)
    assert send(acme).sent == 1


# --- More channels --------------------------------------------------------------------------------------------


def test_further_channels_are_written_to_by_the_bot(acme, desk, live_sandbox):
    assert "as Stratum’s bot in" not in text_of(desk.get(LIST))
    add(desk, live_sandbox, acme)
    (install,) = installs(acme)
    assert "as Stratum’s bot in Sandbox" in text_of(desk.get(LIST))
    fields = {"name": "Watch", "kind": f"install-{install.pk}", "channel": "budget-watch"}
    page = text_of(desk.post("/rules/slack/new/", fields, follow=True))
    assert "is set up" in page
    assert "Bot · Sandbox · budget-watch" in page
    target = targets(acme)[-1]
    assert (target.kind, target.install_id, target.token, target.url) == ("bot", install.pk, "", "")
    make_message(target)
    assert send(acme).sent == 1
    (message,) = live_sandbox.control("slack")["messages"]
    assert (message["way"], message["channel"]) == ("bot", WATCH_ID)


def test_what_is_missing_stands_at_its_place(acme, globex, desk, live_sandbox):
    own, foreign = make_install(acme, live_sandbox), make_install(globex, live_sandbox)
    page = desk.post("/rules/slack/new/", {"name": "X", "kind": f"install-{own.pk}", "channel": ""})
    assert page.status_code == 422
    assert "This field is required" in text_of(page)
    for kind in (f"install-{foreign.pk}", "install-0", "install-x"):
        page = desk.post("/rules/slack/new/", {"name": "X", "kind": kind, "channel": "ads"})
        assert "not one of the available choices" in text_of(page)
    change(own, status="broken")
    draft = services.TargetDraft("X", "bot", channel="ads", install_id=own.pk)
    with tenant_context(acme), pytest.raises(services.slack_targets.DomainError, match="does not work"):
        services.slack_target_create(draft=draft, actor=services.slack_sending.ACTOR)
    assert targets(acme) == []


# --- The end --------------------------------------------------------------------------------------------------


def test_removing_destroys_the_tokens_and_removes_the_channels(acme, desk, live_sandbox):
    live_sandbox.control("settings", "POST", slack_token_seconds=ROTATING)
    add(desk, live_sandbox, acme)
    (install,) = installs(acme)
    target, by_hand = make_install_target(install), make_webhook(acme, live_sandbox.url, name="By hand")
    make_message(target)
    page = text_of(desk.post(f"/rules/slack/installs/{install.pk}/remove/", follow=True))
    assert "access to Sandbox was destroyed" in page
    assert installs(acme) == []
    assert [one.pk for one in targets(acme)] == [by_hand.pk]
    gone = change(install)
    assert (gone.is_deleted, gone.access_token, gone.refresh_token) == (True, "", None)
    removed = inside(acme, lambda: list(SlackTarget.objects.with_deleted().filter(install=install)))
    assert [(one.is_deleted, one.url) for one in removed] == [(True, ""), (True, "")]
    assert inside(acme, lambda: SlackMessage.objects.get()).error == "The channel was removed."
    assert send(acme).counts == {}
    # Whoever comes back begins anew.
    add(desk, live_sandbox, acme)
    assert installs(acme)[0].pk != install.pk


def test_everything_is_audited_and_no_secret_with_it(acme, admin, desk, live_sandbox):
    live_sandbox.control("settings", "POST", slack_token_seconds=ROTATING)
    add(desk, live_sandbox, acme)
    secrets = [installs(acme)[0].access_token, installs(acme)[0].refresh_token, targets(acme)[0].url]
    add(desk, live_sandbox, acme)
    (install,) = installs(acme)
    secrets += [install.access_token, install.refresh_token, targets(acme)[0].url]
    desk.post(f"/rules/slack/installs/{install.pk}/remove/")
    assert [action for action, _new in audited(acme)] == ["create", "update", "delete"]
    assert [action for action, _new in audited(acme, "slack_targets")] == ["create", "update", "delete"]
    with unscoped("test"), transaction.atomic():
        trail = list(AuditLog.objects.filter(resource_type__startswith="slack_"))
        assert {(one.user_id, one.actor_kind) for one in trail} == {(admin.pk, "user")}
        written = str([(one.old_value, one.new_value) for one in trail])
    assert not [secret for secret in secrets if secret in written]
    with unscoped("test"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT access_token, refresh_token FROM slack_installs UNION SELECT url, token FROM slack_targets"
        )
        stored = str(cursor.fetchall())
    assert not [secret for secret in secrets if secret in stored]


# --- Walls ----------------------------------------------------------------------------------------------------


def test_two_workspaces_never_meet(acme, globex, desk, live_sandbox):
    own = make_install(acme, live_sandbox)
    foreign = make_install(globex, live_sandbox, team_name="Globex in Slack")
    assert "Globex in Slack" not in text_of(desk.get(LIST))
    assert desk.post(f"/rules/slack/installs/{foreign.pk}/remove/").status_code == 404
    assert [one.pk for one in installs(acme)] == [own.pk]
    assert [one.pk for one in installs(globex)] == [foreign.pk]


@pytest.mark.django_db(transaction=True)
def test_a_channel_hangs_on_an_installation_of_its_own_workspace(acme, globex, live_sandbox):
    foreign, target = make_install(globex, live_sandbox), make_webhook(acme)
    with pytest.raises(IntegrityError):
        inside(acme, lambda: SlackTarget.objects.filter(pk=target.pk).update(install=foreign.pk))


def test_the_page_asks_no_more_for_more_installations(acme, desk, live_sandbox):
    def statements():
        with CaptureQueriesContext(connection) as asked:
            desk.get(LIST)
        return len(asked)

    make_install_target(make_install(acme, live_sandbox))
    one = statements()
    for number in range(2):
        install = make_install(acme, live_sandbox, team_id=f"T{number}")
        make_install_target(install, name=f"Bot {number}")
    assert statements() == one


def test_the_tasks_stand_where_they_belong():
    assert "rules.refresh_slack" in {entry["task"] for entry in app.conf.beat_schedule.values()}
    for task in (tasks.install_slack, tasks.refresh_tenant_slack):
        assert app.amqp.router.route({}, task.name)["queue"].name == "platforms"


def test_removing_is_offered_with_its_consequences(acme, desk, live_sandbox):
    install = make_install(acme, live_sandbox)
    page = text_of(desk.get(LIST))
    assert reverse("rules:slack_install_remove", args=[install.pk]) in page
    assert "In Slack the app stays installed" in page
