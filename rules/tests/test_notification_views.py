"""How I am told: the page, its preview, the test, muting; the page of an alert; the bell."""

import datetime
import re

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import AuditLog, EmailSuppression
from campaigns.tests.factories import make_campaign
from rules.models import Alert, NotificationPreferences
from rules.queries.telling import preferences_of
from rules.tests.factories import make_alert, make_rule
from rules.tests.slack_cast import inside, make_webhook
from rules.tests.telling_cast import (
    DAY,
    NOON,
    change,
    choose,
    emails,
    escalate_after,
    slack_messages,
    states,
    tell,
    whatsapp_messages,
)
from whatsapp.tests.factories import make_contact

PAGE = "/profile/notifications/"
BASE = {"critical_breaks": "on", "quiet_from": "22:00", "quiet_to": "07:00", "digest_at": "08:30"}


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


def page(client):
    return client.get(PAGE).content.decode()


def save(client, **fields):
    return client.post(PAGE, {**BASE, **fields}, follow=True)


def chosen(user):
    return inside(user.tenant, lambda: preferences_of(user))


def detail(client, alert):
    return client.get(reverse("rules:alert_detail", args=[alert.pk])).content.decode()


def boxes(text):
    """(severity, channel) of the ticked boxes of the matrix."""
    found = re.findall(r'name="(critical|warning|info)" value="(\w+)" aria-label="[^"]*"( checked)?', text)
    return {(severity, channel) for severity, channel, checked in found if checked}


# --- The page -------------------------------------------------------------------------------------------------


def test_defaults_are_shown_until_somebody_chooses(acme, manager, viewer, client_of):
    assert boxes(page(client_of(manager))) == {("critical", "email")}
    assert "A warning is in your digest at 08:30, by e-mail." in page(client_of(manager))
    assert boxes(page(client_of(viewer))) == set()
    assert "A critical alert is only shown at the bell." in page(client_of(viewer))
    assert inside(acme, lambda: NotificationPreferences.objects.count()) == 0


def test_a_choice_is_kept_and_said_in_sentences(acme, manager, client_of):
    target, contact = make_webhook(acme), make_contact(manager)
    client = client_of(manager)
    answer = save(
        client, critical=["email", "whatsapp"], warning=["slack"], quiet="on", digest="on", digest_channels=["email"],
        slack_target=target.pk, whatsapp_contact=contact.pk,
    )  # fmt: skip
    text = answer.content.decode()
    assert "This is how you are told from now on" in text
    assert boxes(text) == {("critical", "email"), ("critical", "whatsapp"), ("warning", "slack")}
    assert "A critical alert reaches you at once by e-mail and WhatsApp, even between 22:00 and 07:00." in text
    assert "what comes between 22:00 and 07:00 waits until 07:00" in text
    assert "An informing alert is in your digest at 08:30, by e-mail." in text
    found = chosen(manager)
    assert (found.slack_target, found.whatsapp_contact) == (target.pk, contact.pk)
    assert (found.quiet.start, found.quiet.end, found.digest_at) == (
        datetime.time(22), datetime.time(7), datetime.time(8, 30),
    )  # fmt: skip
    entries = inside(acme, lambda: AuditLog.objects.filter(resource_type="notification_preferences").count())
    assert entries == 1
    # The same again is no change.
    inside(acme, lambda: NotificationPreferences.objects.get())


def test_the_preview_follows_the_page_before_it_is_saved(acme, manager, client_of):
    client = client_of(manager)
    url = reverse("rules:notification_preview_panel")
    text = client.get(url, {**BASE, "info": ["email"]}).content.decode()
    assert "An informing alert reaches you at once by e-mail, at any hour." in text
    assert "A critical alert is only shown at the bell." in text
    assert "not complete yet" in client.get(url, {"quiet": "on"}).content.decode()
    assert inside(acme, lambda: NotificationPreferences.objects.count()) == 0


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"warning": ["slack"]}, "Choose your Slack channel."),
        ({"critical": ["whatsapp"]}, "Choose your WhatsApp number."),
        ({"quiet": "on", "quiet_to": ""}, "Say at what time."),
        ({"quiet": "on", "quiet_from": "07:00"}, "never begin"),
        ({"digest": "on"}, "Choose how the digest reaches you."),
        ({"digest": "on", "digest_channels": ["email"], "digest_at": ""}, "Say at what time."),
        ({"critical": ["pigeon"]}, "not one of the available choices"),
    ],
)
def test_a_mistake_stands_at_its_place(acme, manager, client_of, fields, words):
    answer = save(client_of(manager), **fields)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert inside(acme, lambda: NotificationPreferences.objects.count()) == 0


def test_targets_of_others_cannot_be_chosen(acme, globex, manager, admin, outsider, client_of):
    make_contact(manager)
    theirs, foreign, foreign_contact = make_contact(admin), make_webhook(globex), make_contact(outsider)
    client = client_of(manager)
    for name, value in (("slack_target", foreign), ("whatsapp_contact", theirs), ("whatsapp_contact", foreign_contact)):
        assert save(client, **{name: value.pk}).status_code == 422
    assert theirs.phone_number not in page(client)


def test_why_whatsapp_does_not_reach_is_said(acme, manager, admin, client_of):
    assert "None of the workspace’s WhatsApp contacts is yours" in page(client_of(manager))
    make_contact(manager, opt_in_status="opted_out")
    assert "WhatsApp cannot reach you at present: the contact has opted out." in page(client_of(manager))
    make_contact(admin)
    assert "cannot reach you" not in page(client_of(admin))


def test_quiet_hours_of_the_number_itself_are_told_where_they_differ(acme, manager, client_of):
    quiet = {"enabled": True, "from": "22:00", "to": "07:00"}
    make_contact(manager, quiet_hours=quiet, timezone="Europe/Berlin")
    words = "Your WhatsApp number has quiet hours of its own, 22:00–07:00 (Europe/Berlin)"
    assert words in page(client_of(manager))
    own = {"quiet": True, "quiet_from": datetime.time(22), "quiet_to": datetime.time(7)}
    choose(manager, **own)
    assert words in page(client_of(manager))
    change(manager, timezone="Europe/Berlin")
    assert words not in page(client_of(manager))


def test_an_address_that_unsubscribed_is_said(acme, manager, client_of):
    assert "has unsubscribed" not in page(client_of(manager))
    said = {"address_hash": manager.email_hash, "kind": "alert", "way": "link"}
    inside(acme, lambda: EmailSuppression.objects.create(tenant=acme, **said))
    assert "Your address has unsubscribed" in page(client_of(manager))


def test_a_test_goes_out_by_each_chosen_channel(acme, manager, client_of):
    target, contact = make_webhook(acme), make_contact(manager)
    client = client_of(manager)
    save(
        client, critical=["email", "slack"], info=["whatsapp"],
        slack_target=target.pk, whatsapp_contact=contact.pk,
    )  # fmt: skip
    answer = client.post(reverse("rules:notification_test"), follow=True).content.decode()
    assert "A test is on its way by e-mail, Slack and WhatsApp." in answer
    (email,) = emails(acme)
    assert (email.user_id, email.kind) == (manager.pk, "alert")
    assert "This is a test message of the workspace Acme" in email.text
    assert "test message" in slack_messages(acme)[0].payload["text"]
    assert "test message" in whatsapp_messages(acme)[0].content
    change(contact, opt_in_status="opted_out")
    answer = client.post(reverse("rules:notification_test"), follow=True).content.decode()
    assert "Nothing by WhatsApp: the contact has opted out." in answer


def test_a_test_without_a_channel_and_too_many_tests(acme, manager, viewer, client_of):
    url = reverse("rules:notification_test")
    assert "You chose no channel" in client_of(viewer).post(url, follow=True).content.decode()
    client = client_of(manager)
    answers = [client.post(url, follow=True).content.decode() for _number in range(6)]
    assert "on its way" in answers[4]
    assert "Wait ten minutes" in answers[5]
    assert len(emails(acme)) == 5


def test_a_rule_is_muted_for_one_person_and_heard_again(acme, manager, admin, client_of):
    rule = make_rule(acme, name="Noisy")
    alert = make_alert(acme, rule=rule, severity="critical")
    client = client_of(manager)
    assert "Mute this rule for me" in detail(client, alert)
    client.post(reverse("rules:rule_mute", args=[rule.pk]))
    assert chosen(manager).muted_rules == {rule.pk}
    assert chosen(admin).muted_rules == frozenset()
    # The rest of the defaults stays.
    assert chosen(manager).at_once("critical") == {"email"}
    assert "Tell me of this rule again" in detail(client, alert)
    assert "Noisy" in page(client)
    tell(acme)
    assert states(acme, user_id=manager.pk) == [("skipped", "muted")]
    # Muted at the bell as well, unless it is theirs to see to; the list shows it.
    assert "none open" in client.get(reverse("rules:alert_bell_panel")).content.decode()
    assert "1 open" in client_of(admin).get(reverse("rules:alert_bell_panel")).content.decode()
    assert alert.title in client.get(reverse("rules:alert_list")).content.decode()
    save(client, critical=["email"], muted=[])
    assert chosen(manager).muted_rules == frozenset()


def test_a_mute_is_no_choice_of_anything_else(acme, viewer, client_of):
    rule, other = make_rule(acme), make_rule(acme, name="Other")
    client = client_of(viewer)
    client.post(reverse("rules:rule_mute", args=[rule.pk]))
    assert boxes(page(client)) == set()
    change(viewer, role="manager")
    assert boxes(page(client)) == {("critical", "email")}
    make_alert(acme, rule=other, severity="critical")
    make_alert(acme, rule=other)
    make_alert(acme, rule=rule, severity="critical")
    tell(acme)
    assert states(acme, user_id=viewer.pk) == [("queued", ""), ("digest", ""), ("skipped", "muted")]
    # Saving the page is a choice, which no role changes; muting afterwards leaves it alone.
    save(client, warning=["email"], muted=[rule.pk])
    client.post(reverse("rules:rule_mute", args=[other.pk]))
    change(viewer, role="viewer")
    assert boxes(page(client)) == {("warning", "email")}
    assert chosen(viewer).muted_rules == {rule.pk, other.pk}


# --- The page of an alert -------------------------------------------------------------------------------------


def test_the_alert_says_what_happened_and_who_was_told(acme, admin, manager, client_of):
    target = make_webhook(acme)
    choose(admin, channels={"critical": ["email", "slack"]}, slack_target_id=target.pk)
    choose(manager, channels={"critical": ["whatsapp"]})
    escalate_after(acme, {"minutes": 30, "roles": ["admin"]})
    rule, campaign = make_rule(acme), make_campaign(acme, name="Autumn sale")
    alert = make_alert(
        acme, severity="critical", title="Too dear", body="CPA was 90.", rule=rule, campaign=campaign,
        occurrences=3, first_at=NOON - 2 * DAY, last_at=NOON,
    )  # fmt: skip
    tell(acme)
    change(slack_messages(acme)[0], state="failed", error="The channel is archived in Slack.")
    text = detail(client_of(manager), alert)
    for words in (
        "Too dear", "CPA was 90.", "Autumn sale", "3 times", "23 Nov 2026, 12:00", admin.display_name,
        manager.display_name, "The channel is archived in Slack.", "they chose no WhatsApp number",
        "If nobody answers by 25 Nov 2026, 12:30, 1 person is told next.", "Acknowledge",
    ):  # fmt: skip
        assert words in text
    tell(acme, NOON + DAY)
    assert "Nobody had answered (step 1)" in detail(client_of(manager), alert)
    client_of(manager).post(reverse("rules:alert_acknowledge", args=[alert.pk]))
    text = detail(client_of(admin), alert)
    assert f"{manager.display_name}, 25 Nov, 12:00" in text
    assert "If nobody answers" not in text


def test_people_who_may_only_look_see_no_buttons(acme, viewer, client_of):
    alert = make_alert(acme)
    text = detail(client_of(viewer), alert)
    assert "Nobody was told" in text
    assert "Acknowledge" not in text.split('id="main"')[1]


def test_strangers_find_nothing(acme, globex, manager, client_of):
    foreign, rule = make_alert(globex), make_rule(globex)
    client = client_of(manager)
    assert client.get(reverse("rules:alert_detail", args=[foreign.pk])).status_code == 404
    assert client.post(reverse("rules:rule_mute", args=[rule.pk])).status_code == 404


@pytest.mark.parametrize("people", [1, 3])
def test_the_page_takes_the_same_statements_for_any_number(acme, admin, manager, analyst, client_of, people):
    target = make_webhook(acme)
    for person in (admin, manager, analyst)[:people]:
        choose(person, channels={"warning": ["email", "slack"]}, slack_target_id=target.pk)
    alert = make_alert(acme)
    tell(acme)
    client = client_of(admin)
    detail(client, alert)
    with CaptureQueriesContext(connection) as asked:
        detail(client, alert)
    assert len(asked) == 14


# --- The bell -------------------------------------------------------------------------------------------------


def bell(client):
    return client.get(reverse("rules:alert_bell_panel")).content.decode()


def test_the_bell_shows_what_i_have_first(acme, admin, manager, client_of):
    mine = make_alert(acme, title="Mine", assigned_to=manager, last_at=NOON - 5 * DAY)
    for number in range(6):
        make_alert(acme, title=f"Other {number}")
    text = bell(client_of(manager))
    assert "7 open" in text
    assert "1 of them yours" in text
    assert text.index("Mine") < text.index("Other")
    assert reverse("rules:alert_detail", args=[mine.pk]) in text
    assert "of them yours" not in bell(client_of(admin))


def test_all_shown_are_acknowledged_and_the_page_stays(acme, manager, viewer, client_of):
    for number in range(7):
        make_alert(acme, title=f"Alert {number}")
    client = client_of(manager)
    ids = re.findall(r'name="ids" value="(\d+)"', bell(client))
    assert len(ids) == 5
    answer = client.post(
        reverse("rules:alert_acknowledge_many"),
        {"ids": ids},
        headers={"HX-Request": "true", "HX-Trigger": "bell-acknowledge"},
    )
    assert answer.status_code == 204
    assert "alerts-changed" in answer.headers["HX-Trigger"]
    assert "5 alerts acknowledged." in answer.headers["HX-Trigger"]
    assert "2 open" in bell(client)
    assert inside(acme, lambda: Alert.objects.filter(status="acknowledged").count()) == 5
    assert "Acknowledge all shown" not in bell(client_of(viewer))


def test_the_profile_and_the_alerts_lead_to_it(acme, manager, admin, client_of):
    for url in (reverse("accounts:profile"), reverse("rules:alert_list")):
        assert PAGE in client_of(manager).get(url).content.decode()
    assert reverse("rules:alert_escalations") in client_of(admin).get(reverse("rules:alert_list")).content.decode()
    assert (
        reverse("rules:alert_escalations") not in client_of(manager).get(reverse("rules:alert_list")).content.decode()
    )
