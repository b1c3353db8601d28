"""The settings page of Slack: who may, what is shown of a secret, a test message that arrives."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from rules.models import SlackMessage, SlackTarget
from rules.tests.slack_cast import ADS, due_now, inside, make_bot, make_message, make_webhook, send
from rules.tests.telling_cast import change, choose
from stratum.celery import app

WEBHOOK = {"name": "#ads", "kind": "webhook", "url": "https://hooks.slack.com/services/T0/B0/secretABCD"}
BOT = {"name": "Bot", "kind": "bot", "token": "xoxb-1-secretWXYZ", "channel": "C0123456789"}


def page(client):
    return client.get(reverse("rules:slack_target_list")).content.decode()


def create(client, **fields):
    return client.post(reverse("rules:slack_target_create"), fields, follow=True)


def targets(tenant):
    return inside(tenant, lambda: list(SlackTarget.objects.order_by("pk")))


@pytest.fixture
def slack(live_sandbox, settings):
    settings.SANDBOX_URL = live_sandbox.url
    return live_sandbox


def test_admins_alone_see_and_change_it(acme, admin, manager, analyst, viewer, client_of):
    target = make_webhook(acme)
    for person in (manager, analyst, viewer):
        client = client_of(person)
        assert client.get(reverse("rules:slack_target_list")).status_code == 403
        assert create(client, **WEBHOOK).status_code == 403
        for name in ("slack_target_test", "slack_target_remove"):
            assert client.post(reverse(f"rules:{name}", args=[target.pk])).status_code == 403
        assert reverse("rules:slack_target_list") not in client.get(reverse("rules:rule_list")).content.decode()
    assert "#ads" in page(client_of(admin))
    assert reverse("rules:slack_target_list") in client_of(admin).get(reverse("rules:rule_list")).content.decode()


def test_a_channel_is_added_and_its_secret_shown_by_four_characters(acme, admin, client_of):
    client = client_of(admin)
    for draft in (WEBHOOK, BOT):
        answer = create(client, **draft).content.decode()
        assert "is set up" in answer
    text = page(client)
    for secret in ("secretABCD", "secretWXYZ", "hooks.slack.com/services/T0", "xoxb-1"):
        assert secret not in text
    assert "…ABCD" in text
    assert "…WXYZ" in text
    assert "C0123456789" in text
    assert [(one.kind, bool(one.url), bool(one.token)) for one in targets(acme)] == [
        ("webhook", True, False), ("bot", False, True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({**WEBHOOK, "url": "https://evil.example/services/T0/B0/x"}, "This is no webhook of Slack’s"),
        ({**WEBHOOK, "url": "http://127.0.0.1:6379/services/T0"}, "This is no webhook of Slack’s"),
        ({**WEBHOOK, "url": ""}, "This field is required"),
        ({**WEBHOOK, "name": ""}, "This field is required"),
        ({**BOT, "token": "hunter2"}, "begins with xoxb-"),
        ({**BOT, "channel": ""}, "This field is required"),
        ({**BOT, "channel": "  "}, "This field is required"),
        ({**WEBHOOK, "kind": "pigeon"}, "not one of the available choices"),
    ],
)
def test_a_mistake_stands_at_its_place(acme, admin, client_of, settings, fields, words):
    settings.SANDBOX_URL = ""
    response = create(client_of(admin), **fields)
    assert response.status_code == 422
    assert words in response.content.decode()
    # What was typed as a secret does not come back.
    assert "hunter2" not in response.content.decode()
    assert targets(acme) == []


def test_a_name_is_given_once(acme, admin, client_of):
    make_webhook(acme)
    assert "Another Slack channel has this name" in create(client_of(admin), **WEBHOOK).content.decode()


def test_a_test_message_arrives(acme, admin, client_of, slack, django_capture_on_commit_callbacks):
    target = make_webhook(acme, slack.url)
    client = client_of(admin)
    app.conf.task_always_eager = True
    try:
        with django_capture_on_commit_callbacks(execute=True):
            client.post(reverse("rules:slack_target_test", args=[target.pk]))
    finally:
        app.conf.task_always_eager = False
    if not slack.control("slack")["messages"]:
        send(acme)
    (message,) = slack.control("slack")["messages"]
    assert "this is a test message of the workspace Acme" in message["body"]["text"]
    text = page(client)
    assert "Sent" in text
    assert "Simulated" in text
    assert "every 2s" not in text


def test_removing_a_channel_says_how_many_people_are_told_there(acme, admin, manager, viewer, client_of):
    ads, watch = make_webhook(acme), make_webhook(acme, name="#watch")
    choose(admin, channels={"critical": ["slack"]}, slack_target_id=ads.pk)
    assert "1 person is told of alerts there." in page(client_of(admin))
    choose(manager, channels={}, digest_channels=["slack"], slack_target_id=ads.pk)
    # Chosen, and used for nothing.
    choose(viewer, slack_target_id=watch.pk)
    text = page(client_of(admin))
    assert "2 people are told of alerts there." in text
    assert text.count("told of alerts there") == 1
    change(manager, is_active=False)
    assert "1 person is told of alerts there." in page(client_of(admin))


def test_while_a_message_is_on_its_way_the_list_asks_again(acme, admin, client_of):
    make_message(make_webhook(acme))
    client = client_of(admin)
    assert "every 2s" in page(client)
    fragment = client.get(reverse("rules:slack_target_list"), headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in fragment
    assert "every 2s" in fragment


def test_one_test_message_at_a_time(acme, admin, client_of):
    """A digest or report that waits is none, though it is of no rule either."""
    target = make_webhook(acme)
    make_message(target)
    client, url = client_of(admin), reverse("rules:slack_target_test", args=[target.pk])
    assert "on its way already" not in client.post(url, follow=True).content.decode()
    assert "on its way already" in client.post(url, follow=True).content.decode()
    assert inside(acme, lambda: SlackMessage.objects.count()) == 2


def test_what_went_wrong_is_shown(acme, admin, client_of, slack):
    make_message(make_webhook(acme, slack.url, "/services/T0SANDBOX/B0GONE/gone"))
    send(acme)
    text = page(client_of(admin))
    assert "The webhook was revoked in Slack." in text
    assert "Refused 1 time" in text
    assert "Failed" in text


def test_removing_destroys_the_secret_and_sends_nothing_more(acme, admin, client_of, slack):
    target = make_webhook(acme, slack.url)
    make_message(target)
    response = client_of(admin).post(reverse("rules:slack_target_remove", args=[target.pk]), follow=True)
    assert "its secret destroyed" in response.content.decode()
    assert targets(acme) == []
    kept = inside(acme, lambda: SlackTarget.objects.with_deleted().get())
    assert (kept.is_deleted, kept.url, kept.token) == (True, "", "")
    due_now(acme)
    assert send(acme).counts == {}
    assert slack.control("slack")["messages"] == []


def test_the_page_asks_no_more_for_more_channels(acme, admin, client_of):
    client = client_of(admin)

    def statements():
        with CaptureQueriesContext(connection) as asked:
            page(client)
        return len(asked)

    make_message(make_webhook(acme))
    one = statements()
    for number in range(2):
        make_message(make_bot(acme, name=f"Bot {number}"))
    assert statements() == one


def test_the_activity_asks_no_more_for_more_messages(acme, manager, client_of):
    from rules.tests.slack_cast import make_slack_rule
    from rules.tests.test_notify_slack import evaluate, spend

    client = client_of(manager)

    def statements():
        with CaptureQueriesContext(connection) as asked:
            client.get(reverse("rules:activity_list"))
        return len(asked)

    spend(acme)
    target = make_webhook(acme)
    make_slack_rule(acme, target)
    evaluate(acme)
    one = statements()
    for _number in range(2):
        make_slack_rule(acme, target)
    evaluate(acme)
    assert statements() == one


def test_two_workspaces_never_meet(acme, globex, admin, outsider, client_of):
    own, foreign = make_webhook(acme), make_webhook(globex, name="#globex-channel", path=ADS)
    client = client_of(admin)
    assert "globex-channel" not in page(client)
    for name in ("slack_target_test", "slack_target_remove"):
        assert client.post(reverse(f"rules:{name}", args=[foreign.pk])).status_code == 404
    assert inside(globex, lambda: SlackMessage.objects.count()) == 0
    assert [one.pk for one in targets(acme)] == [own.pk]
    assert [one.pk for one in targets(globex)] == [foreign.pk]
