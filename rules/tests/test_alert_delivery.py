"""Telling people of alerts: whom, when, once; held back, grouped, and not told, with the reason."""

import datetime
import threading

import pytest
import time_machine
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.audit import Actor
from accounts.models import EmailSuppression
from accounts.tests.factories import make_user
from campaigns.tests.at_once import in_threads
from campaigns.tests.factories import make_campaign
from rules import services, tasks
from rules.actions.alert_rows import AlertRow, alerts_raise, alerts_resolve
from rules.conditions.telling import Preferences
from rules.models import Alert, AlertDelivery
from rules.queries.deliveries import told
from rules.queries.telling import preferences_of, tenants_with_alerts_to_tell
from rules.tests.factories import make_alert, make_rule
from rules.tests.slack_cast import inside, make_webhook
from rules.tests.telling_cast import (
    AT_ONCE,
    DAY,
    HOUR,
    MINUTE,
    NOON,
    change,
    choose,
    deliveries,
    emails,
    escalate_after,
    send_digests,
    slack_messages,
    states,
    tell,
    whatsapp_messages,
)
from stratum.celery import app
from tenants.context import tenant_context
from whatsapp.tests.factories import make_contact

JOB = Actor.job("test")
NIGHT = {"quiet": True, "quiet_from": datetime.time(22), "quiet_to": datetime.time(7)}


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


def raise_again(tenant, alert, severity="warning", now=NOON):
    row = AlertRow(alert.cause, severity, alert.title, "Again", rule_id=alert.rule_id)
    inside(tenant, lambda: alerts_raise([row], now=now, actor=JOB))


def shown(tenant):
    return inside(tenant, lambda: [(one.words, one.why) for one in told(list(AlertDelivery.objects.order_by("pk")))])


# --- Whom and by what -----------------------------------------------------------------------------------------


def test_an_alert_is_told_once_to_each_by_each_channel(acme, admin, manager, viewer):
    target = make_webhook(acme)
    contact = make_contact(manager)
    choose(admin)
    everything = {"warning": ["email", "slack", "whatsapp"]}
    choose(manager, channels=everything, slack_target_id=target.pk, whatsapp_contact_id=contact.pk)
    make_alert(acme, title="Spend is high", body="Look at it.")
    assert tell(acme) == {"told": 1, "escalated": 0, "queued": 4, "messages": 4}
    assert tell(acme, NOON + MINUTE) == {"told": 0, "escalated": 0}
    assert {(row.user_id, row.channel, row.state) for row in deliveries(acme)} == {
        (admin.pk, "email", "queued"), (manager.pk, "email", "queued"), (manager.pk, "slack", "queued"),
        (manager.pk, "whatsapp", "queued"),
    }  # fmt: skip
    assert {one.user_id for one in emails(acme)} == {admin.pk, manager.pk}
    assert all("Warning: Spend is high" in one.subject for one in emails(acme))
    assert "Look at it." in emails(acme)[0].text
    assert "Spend is high" in slack_messages(acme)[0].payload["text"]
    assert "Spend is high" in whatsapp_messages(acme)[0].content


def test_a_repeat_tells_nobody_and_getting_worse_does(acme, admin):
    choose(admin)
    alert = make_alert(acme)
    tell(acme)
    raise_again(acme, alert)
    assert tell(acme, NOON + HOUR)["told"] == 0
    raise_again(acme, alert, "critical")
    assert tell(acme, NOON + 2 * HOUR) == {"told": 1, "escalated": 0, "queued": 1, "messages": 1}
    raise_again(acme, alert, "warning")
    raise_again(acme, alert, "critical")
    assert tell(acme, NOON + 3 * HOUR)["told"] == 0
    assert [row.severity for row in deliveries(acme)] == ["warning", "critical"]
    assert len(emails(acme)) == 2


@pytest.mark.parametrize(("critical_breaks", "broken"), [(True, [False, True]), (False, [False, False])])
def test_a_critical_alert_does_not_wait_for_the_quiet_hours_of_the_contact(acme, manager, critical_breaks, broken):
    """The number may have quiet hours of its own, which the sender of WhatsApp keeps."""
    channels = {key: ["whatsapp"] for key in ("warning", "critical")}
    contact = make_contact(manager)
    choose(manager, channels=channels, whatsapp_contact_id=contact.pk, critical_breaks=critical_breaks)
    make_alert(acme, severity="warning")
    tell(acme)
    make_alert(acme, severity="critical")
    tell(acme, NOON + HOUR)
    assert [row.breaks_quiet for row in whatsapp_messages(acme)] == broken


def test_what_waits_is_told_as_worse_when_it_gets_worse(acme, admin):
    choose(admin, channels={"critical": ["email"]}, digest_at=datetime.time(8), digest_channels=["email"])
    alert = make_alert(acme)
    tell(acme)
    raise_again(acme, alert, "critical")
    tell(acme, NOON + HOUR)
    assert states(acme) == [("skipped", "superseded"), ("queued", "")]
    assert send_digests(acme, NOON + DAY) == {}


def test_by_default_those_who_may_answer_are_told_and_nobody_else(acme, admin, manager, analyst, viewer):
    make_alert(acme, severity="critical")
    make_alert(acme, severity="warning")
    tell(acme)
    assert {(row.user_id, row.severity, row.state) for row in deliveries(acme)} == {
        (person.pk, severity, state)
        for person in (admin, manager)
        for severity, state in (("critical", "queued"), ("warning", "digest"))
    }


def test_people_who_left_are_never_told(acme, admin, manager):
    choose(admin)
    choose(manager, **NIGHT, channels=AT_ONCE)
    gone = make_user(acme, "manager", email="gone@acme.example", is_active=False)
    choose(gone)
    make_alert(acme)
    late = NOON + 11 * HOUR
    tell(acme, late)
    change(manager, is_active=False)
    assert tell(acme, late + 9 * HOUR) == {"told": 0, "escalated": 0, "skipped": 1}
    assert ("skipped", "inactive") in states(acme, user_id=manager.pk)
    assert deliveries(acme, user_id=gone.pk) == []
    assert {one.user_id for one in emails(acme)} == {admin.pk}


def test_a_muted_rule_tells_only_the_others(acme, admin, manager):
    rule = make_rule(acme)
    choose(admin, muted_rules=[rule.pk])
    choose(manager)
    make_alert(acme, rule=rule)
    tell(acme)
    assert states(acme, user_id=admin.pk) == [("skipped", "muted")]
    assert states(acme, user_id=manager.pk) == [("queued", "")]


def _mute(user, rule, muted=True):
    inside(user.tenant, lambda: services.rule_mute(user=user, rule=rule, muted=muted, actor=JOB))


def test_a_mute_that_is_undone_loses_nothing_that_waited(acme, admin):
    choose(admin, channels={"critical": ["email"]}, digest_at=datetime.time(8), digest_channels=["email"])
    rule = make_rule(acme)
    make_alert(acme, rule=rule)
    tell(acme)
    _mute(admin, rule)
    assert states(acme) == [("skipped", "muted")]
    _mute(admin, rule, muted=False)
    assert states(acme) == [("digest", "")]
    assert send_digests(acme, NOON + DAY) == {"queued": 1, "messages": 1}


def test_a_mute_that_is_undone_tells_what_opened_meanwhile_and_is_open_still(acme, admin, manager):
    choose(admin)
    noisy, other = make_rule(acme), make_rule(acme)
    told_before = make_alert(acme, rule=noisy)
    tell(acme)
    _mute(admin, noisy)
    _mute(admin, other)
    still_open, answered, of_other = (make_alert(acme, rule=rule) for rule in (noisy, noisy, other))
    tell(acme, NOON + MINUTE)
    inside(acme, lambda: services.alert_acknowledge(alert=answered, actor=JOB))
    _mute(admin, noisy, muted=False)
    assert tell(acme, NOON + HOUR) == {"told": 0, "escalated": 0, "queued": 1, "messages": 1}
    found = {row.alert_id: (row.state, row.reason) for row in deliveries(acme, user_id=admin.pk)}
    muted, queued = ("skipped", "muted"), ("queued", "")
    assert found == {told_before.pk: queued, still_open.pk: queued, answered.pk: muted, of_other.pk: muted}
    assert len(emails(acme)) == 2


def test_what_a_channel_refuses_is_said(acme, admin, manager):
    removed, broken = make_webhook(acme, name="#old", is_deleted=True), make_webhook(acme, status="broken")
    contact = make_contact(admin, opt_in_status="opted_out")
    everything = {"warning": ["slack", "whatsapp"]}
    choose(admin, channels=everything, slack_target_id=removed.pk, whatsapp_contact_id=contact.pk)
    choose(manager, channels=everything, slack_target_id=broken.pk)
    make_alert(acme)
    tell(acme)
    assert shown(acme) == [
        ("Not told", "their Slack channel was removed"),
        ("Not told", "the contact has opted out"),
        ("Not told", "Slack does not take messages for their channel"),
        ("Not told", "they chose no WhatsApp number"),
    ]


def _gone(acme, manager, how):
    """The manager's only channel for everything, which does not reach them."""
    if how in ("removed", "broken"):
        target = make_webhook(acme, **({"is_deleted": True} if how == "removed" else {"status": "broken"}))
        return "slack", {"slack_target_id": target.pk}
    if how == "opted out":
        return "whatsapp", {"whatsapp_contact_id": make_contact(manager, opt_in_status="opted_out").pk}
    return "whatsapp", {}  # the contact was erased: the choice of WhatsApp is left


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("removed", "slack_removed"),
        ("broken", "slack_broken"),
        ("opted out", "contact.opted_out"),
        ("erased", "no_contact"),
    ],
)
def test_a_critical_alert_goes_by_email_where_no_chosen_channel_takes_it(acme, manager, how, why):
    channel, fields = _gone(acme, manager, how)
    choose(manager, channels={"critical": [channel], "warning": [channel]}, **fields)
    make_alert(acme, severity="warning", title="Too dear")
    make_alert(acme, severity="critical", title="Fire")
    assert tell(acme) == {"told": 2, "escalated": 0, "queued": 1, "messages": 1, "skipped": 2}
    assert states(acme, severity="warning") == [("skipped", why)]
    found = [(row.channel, row.state, row.reason) for row in deliveries(acme, severity="critical")]
    assert found == [(channel, "skipped", why), ("email", "queued", "instead")]
    assert [(one.user_id, one.subject) for one in emails(acme)] == [(manager.pk, "Critical: Fire")]
    assert shown(acme)[-1] == ("Waits", "instead: no channel of their choice takes it")
    assert tell(acme, NOON + MINUTE) == {"told": 0, "escalated": 0}


def test_a_step_of_an_escalation_goes_by_email_where_no_chosen_channel_takes_it(acme, manager):
    channel, fields = _gone(acme, manager, "removed")
    choose(manager, channels={"warning": [channel]}, **fields)
    escalate_after(acme, {"minutes": 15, "people": [manager.pk]}, severity="warning")
    make_alert(acme)
    tell(acme)
    assert emails(acme) == []
    tell(acme, NOON + 15 * MINUTE)
    assert [(row.channel, row.state) for row in deliveries(acme, step=1)] == [("slack", "skipped"), ("email", "queued")]
    assert "Nobody has answered this alert yet" in emails(acme)[0].text


@pytest.mark.parametrize("cause", ["slack:1:broken", "slack-install:1:broken"])
def test_that_slack_is_broken_is_not_left_to_slack(acme, admin, cause):
    choose(admin, channels={"warning": ["slack"]}, slack_target_id=make_webhook(acme, status="broken").pk)
    make_alert(acme, cause=cause)
    tell(acme)
    assert states(acme) == [("skipped", "slack_broken"), ("queued", "instead")]


@pytest.mark.parametrize("second", ["email", "whatsapp"])
def test_whom_another_channel_reaches_gets_no_email_instead(acme, manager, second):
    _channel, fields = _gone(acme, manager, "removed")
    contact = make_contact(manager)
    choose(manager, channels={"critical": ["slack", second]}, whatsapp_contact_id=contact.pk, **fields)
    make_alert(acme, severity="critical")
    assert tell(acme)["messages"] == 1
    assert {(row.channel, row.state) for row in deliveries(acme)} == {("slack", "skipped"), (second, "queued")}


def test_whom_whatsapp_asks_for_approval_gets_no_email_instead(acme, manager):
    _channel, fields = _gone(acme, manager, "removed")
    rule = make_rule(acme)
    contact = make_contact(manager)
    choose(manager, channels={"critical": ["slack", "whatsapp"]}, whatsapp_contact_id=contact.pk, **fields)
    make_alert(acme, severity="critical", rule=rule, cause=f"rule:{rule.pk}:approval")
    tell(acme)
    assert states(acme) == [("skipped", "slack_removed"), ("skipped", "asked")]
    assert emails(acme) == []


def test_what_was_told_as_less_bad_does_not_count_as_told(acme, manager):
    target = make_webhook(acme)
    choose(manager, channels={"warning": ["slack"], "critical": ["slack"]}, slack_target_id=target.pk)
    alert = make_alert(acme)
    tell(acme)
    change(target, is_deleted=True)
    raise_again(acme, alert, "critical")
    tell(acme, NOON + HOUR)
    assert [(row.channel, row.state) for row in deliveries(acme, severity="critical")] == [
        ("slack", "skipped"), ("email", "queued"),
    ]  # fmt: skip


def test_a_critical_alert_of_a_digest_goes_by_email_where_its_channel_is_gone(acme, manager):
    _channel, fields = _gone(acme, manager, "removed")
    choose(manager, channels={}, digest_at=datetime.time(13), digest_channels=["slack"], **fields)
    make_alert(acme, severity="critical")
    tell(acme)
    assert send_digests(acme, NOON + HOUR) == {"skipped": 1}
    assert tell(acme, NOON + HOUR + MINUTE) == {"told": 0, "escalated": 0, "queued": 1, "messages": 1}
    assert states(acme) == [("skipped", "slack_removed"), ("queued", "instead")]


def test_an_address_that_unsubscribed_is_shown_with_the_reason_of_its_own_ledger(acme, admin):
    choose(admin)
    said = {"address_hash": admin.email_hash, "kind": "alert", "way": "link"}
    inside(acme, lambda: EmailSuppression.objects.create(tenant=acme, **said))
    make_alert(acme)
    tell(acme)
    assert shown(acme) == [("Not sent on purpose", "This address has unsubscribed.")]


def test_the_state_of_a_channel_is_read_from_its_ledger(acme, admin):
    contact = make_contact(admin)
    target = make_webhook(acme)
    everything = {"warning": ["email", "slack", "whatsapp"]}
    choose(admin, channels=everything, slack_target_id=target.pk, whatsapp_contact_id=contact.pk)
    make_alert(acme)
    tell(acme)
    assert {words for words, _why in shown(acme)} == {"Waits", "Waits to be sent"}
    change(emails(acme)[0], state="sent")
    change(slack_messages(acme)[0], state="failed", error="The channel is archived in Slack.")
    change(whatsapp_messages(acme)[0], status="read")
    assert shown(acme) == [("Sent", ""), ("Failed", "The channel is archived in Slack."), ("Read", "")]


# --- Together -------------------------------------------------------------------------------------------------


def test_many_alerts_of_one_rule_are_one_message(acme, admin, manager):
    choose(admin)
    choose(manager)
    rule, other = make_rule(acme, name="Too dear"), make_rule(acme, name="Too quiet")
    for number in range(50):
        make_alert(acme, title="Too dear", rule=rule, campaign=make_campaign(acme, name=f"Campaign {number}"))
    make_alert(acme, title="Too quiet", rule=other)
    counts = tell(acme)
    assert (counts["queued"], counts["messages"]) == (102, 4)
    subjects = sorted(one.subject for one in emails(acme) if one.user_id == admin.pk)
    assert subjects == ["Warning: Too dear (50 alerts)", "Warning: Too quiet"]
    text = next(one.text for one in emails(acme) if "50 alerts" in one.subject)
    assert text.count("· Campaign") == 10
    assert "and 40 more" in text
    assert "/alerts/?q=Too+dear" in text


def test_two_people_who_read_one_slack_channel_are_told_there_once(acme, admin, manager):
    target = make_webhook(acme)
    choose(admin, channels={"warning": ["slack"]}, slack_target_id=target.pk)
    choose(manager, channels={"warning": ["slack"]}, slack_target_id=target.pk, **NIGHT)
    late = NOON + 11 * HOUR
    make_alert(acme)
    tell(acme, late)
    assert states(acme) == [("queued", ""), ("held", "quiet_hours")]
    tell(acme, late + 9 * HOUR)
    assert len(slack_messages(acme)) == 1
    assert {row.message_id for row in deliveries(acme)} == {slack_messages(acme)[0].pk}


def test_the_statements_do_not_grow_with_the_alerts(acme, admin, manager):
    choose(admin)
    choose(manager)
    rule = make_rule(acme)

    def statements(alerts):
        for _number in range(alerts):
            make_alert(acme, title="T", rule=rule)
        with CaptureQueriesContext(connection) as asked:
            tell(acme)
        return len(asked)

    assert statements(1) == statements(20)


# --- Held back ------------------------------------------------------------------------------------------------


def test_quiet_hours_hold_back_by_the_persons_own_clock(acme, admin):
    change(admin, timezone="Asia/Tokyo")
    choose(admin, **NIGHT)
    make_alert(acme, severity="warning", title="One")
    make_alert(acme, severity="warning", title="Two")
    make_alert(acme, severity="critical", title="Fire")
    tell(acme, NOON + HOUR)  # 22:00 in Tokyo
    assert [one.subject for one in emails(acme)] == ["Critical: Fire"]
    assert states(acme, severity="warning") == [("held", "quiet_hours")] * 2
    assert {row.due_at for row in deliveries(acme, severity="warning")} == {NOON + 10 * HOUR}
    assert tell(acme, NOON + 10 * HOUR - MINUTE) == {"told": 0, "escalated": 0}
    # What the night held back comes as one message in the morning, whatever the rule.
    assert tell(acme, NOON + 10 * HOUR) == {"told": 0, "escalated": 0, "queued": 2, "messages": 1}
    assert emails(acme)[1].subject == "Warning: 2 alerts"


def test_what_was_answered_overnight_is_not_told_in_the_morning(acme, admin):
    choose(admin, **NIGHT)
    answered, gone = make_alert(acme), make_alert(acme)
    late = NOON + 11 * HOUR
    tell(acme, late)
    inside(acme, lambda: services.alert_acknowledge(alert=answered, actor=JOB))
    inside(acme, lambda: alerts_resolve([gone.pk], actor=JOB))
    tell(acme, late + 9 * HOUR)
    assert states(acme) == [("skipped", "answered"), ("skipped", "resolved")]
    assert emails(acme) == []


def test_a_snoozed_alert_is_not_told_until_it_wakes(acme, admin):
    choose(admin)
    alert = make_alert(acme, snoozed_until=NOON + HOUR)
    assert tell(acme) == {"told": 0, "escalated": 0}
    assert inside(acme, lambda: tenants_with_alerts_to_tell(NOON)) == []
    assert tell(acme, NOON + HOUR)["queued"] == 1
    assert inside(acme, lambda: Alert.objects.get(pk=alert.pk).told_severity) == "warning"


def test_what_waited_when_it_was_snoozed_waits_on_and_goes_when_woken(acme, admin, clock):
    choose(admin, **NIGHT)
    alert = make_alert(acme)
    late = NOON + 11 * HOUR
    tell(acme, late)
    clock.move_to(late)
    inside(acme, lambda: services.alert_snooze(alert=alert, until=late + DAY, actor=JOB))
    morning = late + 9 * HOUR
    tell(acme, morning)
    assert states(acme) == [("held", "snoozed")]
    clock.move_to(morning + HOUR)
    inside(acme, lambda: services.alert_snooze(alert=alert, until=None, actor=JOB))
    assert tell(acme, morning + HOUR)["queued"] == 1


def test_what_was_answered_overnight_and_reopened_is_told_after_all(acme, admin, manager, clock):
    """Once, and not to those who had been told before it was answered."""
    choose(admin, **NIGHT)
    choose(manager)
    alert, late = make_alert(acme), NOON + 11 * HOUR
    tell(acme, late)
    assert states(acme) == [("held", "quiet_hours"), ("queued", "")]
    inside(acme, lambda: services.alert_acknowledge(alert=alert, actor=JOB))
    morning = late + 9 * HOUR
    tell(acme, morning)
    assert states(acme, user_id=admin.pk) == [("skipped", "answered")]
    clock.move_to(morning + HOUR)
    inside(acme, lambda: services.alert_reopen(alert=alert, actor=JOB))
    assert tell(acme, morning + HOUR) == {"told": 0, "escalated": 0, "queued": 1, "messages": 1}
    assert [one.user_id for one in emails(acme)] == [manager.pk, admin.pk]
    inside(acme, lambda: services.alert_acknowledge(alert=alert, actor=JOB))
    inside(acme, lambda: services.alert_reopen(alert=alert, actor=JOB))
    assert tell(acme, morning + 2 * HOUR) == {"told": 0, "escalated": 0}


def test_a_reopened_alert_keeps_the_quiet_of_the_night(acme, admin, clock):
    choose(admin, **NIGHT)
    alert, late = make_alert(acme), NOON + 11 * HOUR
    tell(acme, late)
    inside(acme, lambda: services.alert_acknowledge(alert=alert, actor=JOB))
    tell(acme, late + 9 * HOUR)
    clock.move_to(late + DAY)
    inside(acme, lambda: services.alert_reopen(alert=alert, actor=JOB))
    assert [(row.state, row.due_at) for row in deliveries(acme)] == [("held", late + DAY + 8 * HOUR)]


def test_what_was_resolved_and_reopened_is_told_by_the_choice_of_now(acme, admin, clock):
    choose(admin, **NIGHT)
    alert, late = make_alert(acme), NOON + 11 * HOUR
    tell(acme, late)
    inside(acme, lambda: alerts_resolve([alert.pk], actor=JOB))
    tell(acme, late + 9 * HOUR)
    assert states(acme) == [("skipped", "resolved")]
    chosen = Preferences(digest_at=datetime.time(8, 30), digest_channels=frozenset({"email"}))
    inside(acme, lambda: services.notification_preferences_save(user=admin, chosen=chosen, actor=JOB))
    clock.move_to(late + 9 * HOUR)
    inside(acme, lambda: services.alert_reopen(alert=alert, actor=JOB))
    assert states(acme) == [("digest", "")]


def test_a_step_that_was_kept_back_is_told_when_it_is_reopened(acme, admin, manager, clock):
    choose(admin, **NIGHT, critical_breaks=False)
    choose(manager)
    escalate_after(acme, {"minutes": 15, "people": [admin.pk]})
    alert, late = make_alert(acme, severity="critical"), NOON + 9 * HOUR
    tell(acme, late)
    tell(acme, late + HOUR)
    assert states(acme, step=1) == [("held", "quiet_hours")]
    inside(acme, lambda: services.alert_acknowledge(alert=alert, actor=JOB))
    tell(acme, late + 10 * HOUR)
    clock.move_to(late + 11 * HOUR)
    inside(acme, lambda: services.alert_reopen(alert=alert, actor=JOB))
    assert tell(acme, late + 11 * HOUR) == {"told": 0, "escalated": 0, "queued": 1, "messages": 1}
    assert states(acme) == [("queued", "")] * 3


@pytest.mark.django_db(transaction=True)
def test_an_alert_reopened_while_it_is_being_kept_back_is_told(acme, admin):
    """The job has seen it answered and has not finished: reopening waits for that."""
    choose(admin, **NIGHT)
    alert, late = make_alert(acme), NOON + 11 * HOUR
    tell(acme, late)
    inside(acme, lambda: services.alert_acknowledge(alert=alert, actor=JOB))
    reopening = threading.Thread(
        target=in_threads, args=(lambda: inside(acme, lambda: services.alert_reopen(alert=alert, actor=JOB)),)
    )
    with tenant_context(acme), transaction.atomic():
        services.deliveries_send(now=late + 9 * HOUR)
        reopening.start()
        reopening.join(0.5)
        assert reopening.is_alive()
    reopening.join()
    assert states(acme) == [("pending", "")]


def test_a_new_choice_holds_for_what_waits_already(acme, admin):
    choose(admin, channels={}, digest_at=datetime.time(8), digest_channels=["email"])
    make_alert(acme)
    tell(acme)
    assert states(acme) == [("digest", "")]
    chosen = Preferences(channels={"warning": frozenset({"email"})})
    inside(acme, lambda: services.notification_preferences_save(user=admin, chosen=chosen, actor=JOB))
    assert states(acme) == [("pending", "")]
    assert tell(acme, NOON + MINUTE)["messages"] == 1
    assert inside(acme, lambda: preferences_of(admin)).at_once("warning") == {"email"}


# --- Digests --------------------------------------------------------------------------------------------------


def test_the_digest_comes_once_a_day_at_the_persons_own_time(acme, admin):
    change(admin, timezone="America/New_York")
    choose(admin, channels={}, digest_at=datetime.time(8, 30), digest_channels=["email"])
    for title in ("One", "One", "Two"):
        make_alert(acme, title=title)
    tell(acme)  # 07:00 in New York
    assert emails(acme) == []
    due = NOON + 1.5 * HOUR
    assert send_digests(acme, due - MINUTE) == {}
    assert send_digests(acme, due) == {"queued": 3, "messages": 1}
    make_alert(acme, title="Three")
    tell(acme, due + MINUTE)
    assert send_digests(acme, due + 23 * HOUR) == {}
    assert send_digests(acme, due + DAY) == {"queued": 1, "messages": 1}
    first, second = emails(acme)
    assert (first.kind, first.subject) == ("digest", "Your alerts of the day: 3 open alerts")
    assert "2 campaigns" in first.text or "One" in first.text
    assert second.subject.endswith("1 open alert")


def test_a_later_time_gives_no_second_digest_of_the_day(acme, admin, clock):
    daily = {"channels": {}, "digest_channels": ["email"]}
    choose(admin, digest_at=datetime.time(13), **daily)
    make_alert(acme)
    tell(acme)
    assert send_digests(acme, NOON + HOUR)["messages"] == 1
    clock.move_to(NOON + 2 * HOUR)
    chosen = Preferences(digest_at=datetime.time(18), digest_channels=frozenset({"email"}))
    inside(acme, lambda: services.notification_preferences_save(user=admin, chosen=chosen, actor=JOB))
    make_alert(acme)
    tell(acme, NOON + 2 * HOUR)
    assert send_digests(acme, NOON + 6 * HOUR) == {"held": 1}
    assert send_digests(acme, NOON + 30 * HOUR) == {"queued": 1, "messages": 1}


def test_a_digest_leaves_out_what_was_answered_and_what_is_snoozed(acme, admin, clock):
    choose(admin, channels={}, digest_at=datetime.time(8), digest_channels=["email"])
    answered, snoozed = make_alert(acme), make_alert(acme)
    tell(acme)
    inside(acme, lambda: services.alert_acknowledge(alert=answered, actor=JOB))
    inside(acme, lambda: services.alert_snooze(alert=snoozed, until=NOON + 2 * DAY, actor=JOB))
    assert send_digests(acme, NOON + DAY) == {"held": 1, "skipped": 1}
    assert send_digests(acme, NOON + 3 * DAY) == {"queued": 1, "messages": 1}


def test_a_reopened_alert_is_in_the_next_digest(acme, admin, manager, clock):
    for person in (admin, manager):
        choose(person, channels={}, digest_at=datetime.time(13), digest_channels=["email"])
    alert = make_alert(acme)
    tell(acme)
    inside(acme, lambda: services.alert_acknowledge(alert=alert, actor=JOB))
    assert send_digests(acme, NOON + HOUR) == {"skipped": 2}
    clock.move_to(NOON + 2 * HOUR)
    inside(acme, lambda: services.alert_reopen(alert=alert, actor=JOB))
    assert send_digests(acme, NOON + 2 * HOUR) == {}
    assert send_digests(acme, NOON + HOUR + DAY) == {"queued": 2, "messages": 2}
    inside(acme, lambda: services.alert_acknowledge(alert=alert, actor=JOB))
    inside(acme, lambda: services.alert_reopen(alert=alert, actor=JOB))
    assert send_digests(acme, NOON + HOUR + 2 * DAY) == {}


def test_an_alert_that_is_woken_is_in_the_next_digest(acme, admin, clock):
    choose(admin, channels={}, digest_at=datetime.time(8), digest_channels=["email"])
    alert = make_alert(acme)
    tell(acme)
    inside(acme, lambda: services.alert_snooze(alert=alert, until=NOON + 5 * DAY, actor=JOB))
    assert send_digests(acme, NOON + DAY) == {"held": 1}
    clock.move_to(NOON + DAY)
    inside(acme, lambda: services.alert_snooze(alert=alert, until=None, actor=JOB))
    assert [row.due_at for row in deliveries(acme)] == [NOON + 2 * DAY - 4 * HOUR]
    assert send_digests(acme, NOON + 2 * DAY) == {"queued": 1, "messages": 1}
    inside(acme, lambda: services.alert_snooze(alert=alert, until=NOON + 5 * DAY, actor=JOB))
    inside(acme, lambda: services.alert_snooze(alert=alert, until=None, actor=JOB))
    assert send_digests(acme, NOON + 3 * DAY) == {}


def test_a_snooze_that_is_made_shorter_holds_for_what_waits_already(acme, admin, manager, clock):
    choose(admin, channels={}, digest_at=datetime.time(8), digest_channels=["email"])
    choose(manager, **NIGHT)
    alert, late = make_alert(acme), NOON + 11 * HOUR
    tell(acme, late)
    inside(acme, lambda: services.alert_snooze(alert=alert, until=NOON + 5 * DAY, actor=JOB))
    send_digests(acme, NOON + DAY)
    tell(acme, NOON + DAY)
    assert states(acme) == [("digest", "snoozed"), ("held", "snoozed")]
    clock.move_to(NOON + DAY)
    inside(acme, lambda: services.alert_snooze(alert=alert, until=NOON + DAY + HOUR, actor=JOB))
    assert [row.due_at for row in deliveries(acme)] == [NOON + 2 * DAY - 4 * HOUR, NOON + DAY + HOUR]


def test_a_slack_channel_gets_one_digest_for_all_who_read_it(acme, admin, manager, analyst):
    ads, other = make_webhook(acme), make_webhook(acme, name="#other")
    daily = {"channels": {}, "digest_at": datetime.time(13), "digest_channels": ["slack"]}
    choose(admin, **daily, slack_target_id=ads.pk)
    choose(manager, **daily | {"digest_at": datetime.time(14)}, slack_target_id=ads.pk)
    choose(analyst, **daily, slack_target_id=other.pk)
    make_alert(acme, title="Spend is high")
    tell(acme)
    assert send_digests(acme, NOON + HOUR) == {"queued": 2, "messages": 2}
    make_alert(acme, title="Too quiet")
    tell(acme, NOON + HOUR)
    assert send_digests(acme, NOON + 2 * HOUR) == {"queued": 2, "messages": 1}
    first, elsewhere, rest = slack_messages(acme)
    assert (first.target_id, elsewhere.target_id, rest.target_id) == (ads.pk, other.pk, ads.pk)
    assert "Spend is high" not in rest.payload["text"]
    assert "Too quiet" in rest.payload["text"]
    assert [row.message_id for row in deliveries(acme, user_id=manager.pk)] == [first.pk, rest.pk]
    # The other readers' next digest has nothing that does not stand there.
    assert send_digests(acme, NOON + HOUR + DAY) == {"queued": 2, "messages": 1}
    assert {row.message_id for row in deliveries(acme, user_id=admin.pk)} == {first.pk, rest.pk}
    assert {row.digest_on for row in deliveries(acme, user_id=admin.pk)} == {NOON.date(), (NOON + DAY).date()}


def test_a_digest_tells_what_never_arrived_in_the_channel(acme, admin, manager):
    target = make_webhook(acme)
    choose(admin, channels={"warning": ["slack"]}, slack_target_id=target.pk)
    choose(manager, channels={}, digest_at=datetime.time(13), digest_channels=["slack"], slack_target_id=target.pk)
    arrived, lost = make_alert(acme, title="Arrived", rule=make_rule(acme)), make_alert(acme, title="Lost")
    tell(acme)
    change(next(one for one in slack_messages(acme) if "Lost" in one.payload["text"]), state="failed")
    assert send_digests(acme, NOON + HOUR) == {"queued": 2, "messages": 1}
    digest = slack_messages(acme)[-1]
    assert "Lost" in digest.payload["text"]
    assert "Arrived" not in digest.payload["text"]
    found = {row.alert_id: row.message_id for row in deliveries(acme, user_id=manager.pk)}
    assert (found[lost.pk], found[arrived.pk]) == (digest.pk, slack_messages(acme)[0].pk)


# --- Jobs -----------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_two_workers_tell_each_once(acme, admin, manager):
    choose(admin)
    choose(manager)
    for _number in range(5):
        make_alert(acme)
    results = in_threads(lambda: tell(acme), lambda: tell(acme))
    tell(acme, NOON + MINUTE)
    assert sum(one["told"] for one in results) == 5
    assert states(acme) == [("queued", "")] * 10
    told_of = [row.message_id for row in deliveries(acme)]
    assert None not in told_of
    assert len(emails(acme)) == len(set(told_of))


@pytest.mark.django_db(transaction=True)
def test_two_workers_send_one_digest(acme, admin):
    choose(admin, channels={}, digest_at=datetime.time(8), digest_channels=["email"])
    for _number in range(3):
        make_alert(acme)
    tell(acme)
    in_threads(lambda: send_digests(acme, NOON + DAY), lambda: send_digests(acme, NOON + DAY))
    assert len(emails(acme)) == 1
    assert states(acme) == [("queued", "")] * 3


@pytest.mark.django_db(transaction=True)
def test_two_workers_that_tell_two_readers_write_once(acme, admin, manager):
    """One has told the first reader and not finished; the other one waits, and finds it told."""
    daily = {"channels": {}, "digest_channels": ["slack"], "slack_target_id": make_webhook(acme).pk}
    choose(admin, **daily, digest_at=datetime.time(13))
    choose(manager, **daily, digest_at=datetime.time(14))
    make_alert(acme)
    tell(acme)
    other = threading.Thread(target=in_threads, args=(lambda: send_digests(acme, NOON + 2 * HOUR),))
    with tenant_context(acme), transaction.atomic():
        services.digests_send(now=NOON + HOUR)
        other.start()
        other.join(0.5)
    other.join()
    assert len(slack_messages(acme)) == 1
    assert states(acme) == [("queued", "")] * 2


def test_the_beat_tells_in_each_workspace_of_its_own(acme, globex, admin, outsider):
    choose(admin)
    choose(outsider)
    for tenant in (acme, globex):
        make_alert(tenant, title=f"Of {tenant.slug}")
    app.conf.task_always_eager = True
    try:
        assert tasks.deliver_alerts() == {"tenants": 2}
        assert tasks.deliver_alerts() is None
    finally:
        app.conf.task_always_eager = False
    for tenant, person in ((acme, admin), (globex, outsider)):
        (email,) = emails(tenant)
        assert (email.user_id, email.subject) == (person.pk, f"Warning: Of {tenant.slug}")
    scheduled = {entry["task"] for entry in app.conf.beat_schedule.values()}
    assert {"rules.deliver_alerts", "rules.send_alert_digests"} <= scheduled


def test_the_beat_sends_digests_in_each_workspace(acme, globex, admin, outsider, clock):
    for tenant, person in ((acme, admin), (globex, outsider)):
        choose(person, channels={}, digest_at=datetime.time(13), digest_channels=["email"])
        make_alert(tenant)
        tell(tenant)
    clock.move_to(NOON + HOUR)
    app.conf.task_always_eager = True
    try:
        assert tasks.send_alert_digests() == {"tenants": 2}
        assert tasks.send_alert_digests() is None
    finally:
        app.conf.task_always_eager = False
    assert [len(emails(tenant)) for tenant in (acme, globex)] == [1, 1]
