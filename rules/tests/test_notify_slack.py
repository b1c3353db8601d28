"""Notifying Slack: one message for a rule and pass, sent once, and what is kept of it when Slack does not take it."""

import datetime
import time

import pytest
from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditLog
from campaigns.tests.at_once import in_threads
from campaigns.tests.factories import make_campaign, make_day
from rules import tasks
from rules.actions import action_parse
from rules.actions.specs import rule_spec
from rules.conditions import ConditionError
from rules.conditions.wording import sentence
from rules.forms import RuleForm
from rules.models import Alert, RuleExecution, SlackMessage, SlackTarget
from rules.queries.slack import tenants_with_slack_to_do
from rules.services import rules_evaluate
from rules.services.slack_sending import BROKEN_AFTER, MAX_TRIES
from rules.tests.factories import full_days
from rules.tests.slack_cast import (
    ADS,
    OLD,
    due_now,
    inside,
    make_bot,
    make_message,
    make_slack_rule,
    make_webhook,
    send,
)
from stratum.celery import app
from stratum.embedded.files import LOOPBACK, free_port
from stratum.sandbox.slack.inbox import HOOKS
from tenants.context import tenant_context, unscoped

NEVER_REVOKED = "/services/T0SANDBOX/B0GONE/gone"


@pytest.fixture
def slack(live_sandbox, settings):
    """The sandbox whose Slack the workspaces write to."""
    settings.SANDBOX_URL = live_sandbox.url
    return live_sandbox


def received(slack):
    return slack.control("slack")["messages"]


def spend(tenant, count=1, **fields):
    """Campaigns that spent 150.00 yesterday: a rule of the factory matches them."""
    (yesterday,) = full_days(1, now=timezone.now())
    campaigns = [make_campaign(tenant, **fields) for _number in range(count)]
    for campaign in campaigns:
        make_day(campaign, yesterday, spend_cents=15_000)
    return campaigns


def evaluate(tenant):
    with tenant_context(tenant):
        return rules_evaluate()


def messages(tenant):
    return inside(tenant, lambda: list(SlackMessage.objects.order_by("pk")))


def newest(tenant):
    return inside(tenant, lambda: RuleExecution.objects.latest("pk"))


# --- Acting ---------------------------------------------------------------------------------------------------


def test_a_rule_writes_to_the_channel(acme, slack):
    (campaign,) = spend(acme, name="Spring Sale & <!channel>")
    target = make_webhook(acme, slack.url)
    rule = make_slack_rule(acme, target, "Look at it.", name="Stop loss")
    counts = evaluate(acme)
    (message,) = messages(acme)
    assert (message.state, message.rule_id, message.campaign_id) == ("pending", rule.pk, campaign.pk)
    assert counts.slack == {message.pk}
    assert newest(acme).action_result["made"] == {"slack": message.pk}
    assert send(acme).counts == {"sent": 1}
    (arrived,) = received(slack)
    said = arrived["body"]["text"]
    assert (arrived["channel"], arrived["way"]) == ("C0123456789", "webhook")
    assert "Stop loss" in said
    assert "Look at it." in said
    assert "Spend: $150.00" in said
    assert f"/rules/{rule.pk}/|" in arrived["body"]["blocks"][-1]["elements"][0]["text"]
    # A name is text: nobody is called.
    assert "Spring Sale &amp; &lt;!channel&gt;" in said
    assert "<!channel>" not in said
    assert messages(acme)[0].state == "sent"


def test_a_burst_is_one_message_that_lists_ten(acme, slack):
    spend(acme, 13)
    make_slack_rule(acme, make_webhook(acme, slack.url))
    evaluate(acme)
    (message,) = messages(acme)
    assert message.campaign_id is None
    lines = message.payload["text"].splitlines()
    assert lines[-1] == "and 3 more"
    assert len(lines) == 1 + 10 + 1
    assert send(acme).sent == 1
    assert len(received(slack)) == 1
    assert inside(acme, lambda: RuleExecution.objects.filter(outcome="acted").count()) == 13


def test_a_bot_writes_and_its_message_keeps_its_id(acme, slack):
    make_message(make_bot(acme))
    assert send(acme).sent == 1
    (message,) = messages(acme)
    assert message.ts == received(slack)[0]["ts"]
    body = received(slack)[0]["body"]
    assert (body["parse"], body["link_names"], body["unfurl_links"]) == ("none", False, False)


@pytest.mark.parametrize("state", ["removed", "broken", "of another workspace"])
def test_where_nothing_can_be_written_the_action_fails_and_says_why(acme, globex, state):
    spend(acme)
    target = make_webhook(globex if state == "of another workspace" else acme)
    changes = {"removed": {"is_deleted": True}, "broken": {"status": "broken", "last_error": "It was revoked."}}
    inside(target.tenant, lambda: SlackTarget.objects.filter(pk=target.pk).update(**changes.get(state, {"name": "x"})))
    make_slack_rule(acme, target)
    assert evaluate(acme).failed == 1
    row = newest(acme)
    assert (row.outcome, row.triggered) == ("failed", False)
    assert ("It was revoked." if state == "broken" else "has been removed") in row.error
    assert messages(acme) == []


def test_a_rule_in_shadow_mode_writes_nothing(acme, manager, client_of):
    spend(acme)
    make_slack_rule(acme, make_webhook(acme), shadow=True)
    evaluate(acme)
    assert (messages(acme), newest(acme).outcome) == ([], "shadow")
    assert "A message to Slack" in client_of(manager).get(reverse("rules:activity_list")).content.decode()


def test_the_secret_is_encrypted_and_in_no_trail(acme, slack, admin, client_of):
    client_of(admin).post(
        reverse("rules:slack_target_create"),
        {"name": "#ads", "kind": "webhook", "url": "https://hooks.slack.com/services/T0/B0/verysecret"},
    )
    with unscoped("test"), transaction.atomic():
        assert SlackTarget.objects.get().url == "https://hooks.slack.com/services/T0/B0/verysecret"
        trail = AuditLog.objects.filter(resource_type="slack_targets")
        assert trail.count() == 1
        assert "verysecret" not in str(list(trail.values()))
    with unscoped("test"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT url FROM slack_targets")
        assert "verysecret" not in cursor.fetchone()[0]


# --- Sending --------------------------------------------------------------------------------------------------


def test_a_pause_is_kept_and_holds_back_the_whole_channel(acme, slack):
    target, other = make_webhook(acme, slack.url), make_bot(acme)
    first, second, elsewhere = make_message(target), make_message(target), make_message(other)
    slack.fault("rate_limit", platform="slack", seconds=90)
    before = timezone.now()
    assert send(acme).counts == {"postponed": 1, "sent": 1}
    states = {row.pk: row for row in messages(acme)}
    assert [states[one.pk].state for one in (first, second, elsewhere)] == ["pending", "pending", "sent"]
    for one in (first, second):
        assert states[one.pk].next_retry_at >= before + datetime.timedelta(seconds=90)
    assert send(acme).counts == {}
    due_now(acme)
    assert send(acme).sent == 2


def test_trouble_that_passes_is_tried_five_times(acme, slack):
    make_message(make_webhook(acme, slack.url))
    slack.fault("server_error", platform="slack", count=None)
    pauses = []
    for _try in range(MAX_TRIES):
        before = timezone.now()
        send(acme)
        (row,) = messages(acme)
        pauses.append(row.next_retry_at - before if row.next_retry_at else None)
        due_now(acme)
    (row,) = messages(acme)
    assert (row.state, row.attempts, row.http_status) == ("failed", MAX_TRIES, 500)
    assert pauses[1] > pauses[0] * 1.5
    # An incident of an hour is over by then.
    assert sum(pauses[:-1], datetime.timedelta()) > datetime.timedelta(hours=1)
    assert send(acme).counts == {}
    assert received(slack) == []


def waited(tenant, minutes):
    """One more try of the only message, that was written so long ago; how many minutes it pauses then."""
    due_now(tenant)
    before = timezone.now()
    inside(tenant, lambda: SlackMessage.objects.update(created_at=before - datetime.timedelta(minutes=minutes)))
    assert send(tenant).counts == {"postponed": 1}
    (row,) = messages(tenant)
    assert (row.state, row.attempts, row.error_code) == ("pending", 0, "local.no_connection")
    return (row.next_retry_at - before).total_seconds() / 60


def test_without_a_connection_a_message_waits_for_three_days(acme, slack, settings):
    """The port of a server that is gone refuses connections."""
    settings.SANDBOX_URL = f"http://{LOOPBACK}:{free_port()}"
    target = make_webhook(acme, settings.SANDBOX_URL)
    make_message(target)
    ages = [0, 1, 4, 14, MAX_TRIES * 60, 71 * 60]
    assert [waited(acme, age) for age in ages] == pytest.approx([0.5, 1, 4, 14, 15, 15], abs=0.2)
    # Slack's own answers are counted from here on.
    settings.SANDBOX_URL = slack.url
    inside(acme, lambda: SlackTarget.objects.filter(pk=target.pk).update(url=f"{slack.url}{ADS}"))
    slack.fault("server_error", platform="slack")
    due_now(acme)
    assert send(acme).counts == {"postponed": 1}
    assert messages(acme)[0].attempts == 1
    due_now(acme)
    assert send(acme).counts == {"sent": 1}


def test_a_channel_that_is_not_reached_is_tried_once_in_a_run(acme, slack, settings):
    settings.SLACK_API_BASE = f"http://{LOOPBACK}:{free_port()}"
    away, there = make_bot(acme, token="xoxb-real"), make_webhook(acme, slack.url)
    for target in (away, away, there):
        make_message(target)
    assert send(acme).counts == {"postponed": 1, "sent": 1}
    assert [(row.state, row.error_code) for row in messages(acme)] == [
        ("pending", "local.no_connection"), ("pending", ""), ("sent", ""),
    ]  # fmt: skip


def test_what_has_waited_for_three_days_fails_and_says_so(acme, settings):
    settings.SANDBOX_URL = f"http://{LOOPBACK}:{free_port()}"
    three_days_ago = timezone.now() - datetime.timedelta(days=3)
    make_message(make_webhook(acme, settings.SANDBOX_URL), created_at=three_days_ago)
    assert send(acme).counts == {"failed": 1}
    (row,) = messages(acme)
    assert row.error == "Slack could not be reached. It has waited for 3 days, and is not tried any more."
    assert inside(acme, lambda: SlackTarget.objects.get()).failures == 0


def test_no_answer_is_never_sent_again(acme, slack):
    make_message(make_webhook(acme, slack.url))
    slack.fault("connection_reset", platform="slack")
    assert send(acme).counts == {"unknown": 1}
    (row,) = messages(acme)
    assert (row.state, row.error_code) == ("maybe_sent", "local.no_answer")
    assert send(acme).counts == {}
    assert received(slack) == []


def test_a_revoked_webhook_is_broken_after_three_and_people_are_told(acme, slack, manager, client_of):
    target = make_webhook(acme, slack.url, NEVER_REVOKED)
    for number in range(1, BROKEN_AFTER + 2):
        make_message(target)
        assert send(acme).failed == 1
        row = inside(acme, lambda: SlackTarget.objects.get())
        assert (row.status, row.failures) == ("broken" if number >= BROKEN_AFTER else "ok", number)
    assert row.last_error == "The webhook was revoked in Slack."
    alert = inside(acme, lambda: Alert.objects.get())
    assert (alert.occurrences, alert.status) == (1, "open")
    assert "#ads" in client_of(manager).get(reverse("rules:alert_list")).content.decode()


def test_one_success_starts_the_count_over_and_mends_a_broken_target(acme, slack):
    target = make_webhook(acme, slack.url)
    for _number in range(BROKEN_AFTER):
        make_message(target)
        slack.fault("permission_revoked", platform="slack")
        send(acme)
    assert inside(acme, lambda: SlackTarget.objects.get()).status == "broken"
    make_message(target)
    assert send(acme).sent == 1
    row = inside(acme, lambda: SlackTarget.objects.get())
    assert (row.status, row.failures, row.last_error) == ("ok", 0, "")
    assert inside(acme, lambda: Alert.objects.get()).status == "resolved"


@pytest.mark.parametrize(
    ("channel", "token", "words"),
    [
        ("C0000000009", None, "no such channel"),
        ("budget-watch", None, "not in the channel"),
        ("old-campaigns", None, "archived"),
        ("C0123456789", "xoxb-sandbox-wrong", "does not know this token"),
    ],
)
def test_what_a_bot_may_not_is_said_in_words(acme, slack, channel, token, words):
    make_message(make_bot(acme, channel, **({"token": token} if token else {})))
    assert send(acme).failed == 1
    assert words in messages(acme)[0].error


def test_an_archived_channel_is_said(acme, slack):
    make_message(make_webhook(acme, slack.url, OLD))
    send(acme)
    assert messages(acme)[0].error == "The channel is archived in Slack."


def test_a_worker_that_died_may_have_sent_it(acme, slack):
    target = make_webhook(acme, slack.url)
    long_ago = timezone.now() - datetime.timedelta(minutes=3)
    make_message(target, state="sending", attempts=1, claimed_at=long_ago)
    fresh = make_message(target, state="sending", attempts=1, claimed_at=timezone.now())
    assert tenants_with_slack_to_do(timezone.now()) == [acme.pk]
    assert send(acme).counts == {"unknown": 1}
    assert [row.state for row in messages(acme)] == ["maybe_sent", "sending"]
    assert fresh.pk == messages(acme)[1].pk
    assert received(slack) == []


def test_about_one_message_a_second_for_a_channel(acme, slack):
    target = make_webhook(acme, slack.url)
    for _number in range(3):
        make_message(target)
    started = time.monotonic()
    assert send(acme).sent == 3
    assert time.monotonic() - started >= 1.5


@pytest.mark.django_db(transaction=True)
def test_two_workers_send_each_message_once(acme, slack):
    targets = [make_webhook(acme, slack.url), make_bot(acme)]
    for target in targets:
        make_message(target)
    results = in_threads(lambda: send(acme), lambda: send(acme))
    assert sum(one.sent for one in results) == 2
    assert len(received(slack)) == 2
    assert {row.attempts for row in messages(acme)} == {1}


def test_the_beat_sends_what_was_left_in_each_workspace(acme, globex, slack):
    for tenant in (acme, globex):
        make_message(make_webhook(tenant, slack.url))
    app.conf.task_always_eager = True
    try:
        assert tasks.send_due_slack() == {"tenants": 2}
        assert tasks.send_due_slack() is None
    finally:
        app.conf.task_always_eager = False
    assert len(received(slack)) == 2
    assert "rules.send_due_slack" in {entry["task"] for entry in app.conf.beat_schedule.values()}


def test_the_pass_sends_at_once(acme, slack, django_capture_on_commit_callbacks):
    spend(acme)
    make_slack_rule(acme, make_webhook(acme, slack.url))
    app.conf.task_always_eager = True
    try:
        with django_capture_on_commit_callbacks(execute=True):
            tasks.evaluate_tenant(tenant_id=acme.pk)
    finally:
        app.conf.task_always_eager = False
    assert len(received(slack)) == 1


# --- Words and settings ---------------------------------------------------------------------------------------


def test_the_activity_says_what_became_of_it(acme, slack, manager, client_of):
    spend(acme)
    make_slack_rule(acme, make_webhook(acme, slack.url))
    evaluate(acme)
    client, url = client_of(manager), reverse("rules:activity_list")
    assert "Slack message queued for #ads" in client.get(url).content.decode()
    send(acme)
    assert "Slack message sent to #ads" in client.get(url).content.decode()
    inside(acme, lambda: SlackMessage.objects.update(state="failed", error="The webhook was revoked in Slack."))
    assert "Slack message to #ads failed: The webhook was revoked" in client.get(url).content.decode()


@pytest.mark.parametrize(
    ("config", "place"),
    [
        ({}, "slack_target"),
        ({"target": "1"}, "slack_target"),
        ({"target": True}, "slack_target"),
        ({"target": 0}, "slack_target"),
        ({"target": 1, "message": "x" * 501}, "slack_message"),
        ({"target": 1, "channel": "#ads"}, "action_config"),
    ],
)
def test_broken_settings_name_their_place(config, place):
    with pytest.raises(ConditionError) as refused:
        action_parse("notify_slack", config)
    assert refused.value.field == place


def test_it_reads_back_and_in_words(in_acme):
    target = make_webhook(in_acme)
    rule = make_slack_rule(in_acme, target, "Look.")
    assert action_parse("notify_slack", rule.action_config).as_json() == rule.action_config
    assert sentence(rule_spec(rule)).endswith("send a message to Slack.")
    form = RuleForm({**RuleForm.initial_of(rule), "name": rule.name})
    assert form.is_valid(), form.errors
    assert form.draft().action_config == rule.action_config


def test_the_hooks_of_the_sandbox_are_what_the_tests_think():
    assert NEVER_REVOKED.removeprefix("/services/") not in HOOKS
