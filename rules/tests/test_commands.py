"""Commands by WhatsApp: who is obeyed, what they do, and that they do it once."""

import datetime

import pytest
import time_machine
from django.utils import timezone

from accounts.models import AuditLog
from campaigns.models import CampaignChange
from campaigns.tests.at_once import in_threads
from campaigns.tests.change_helpers import ledger_of, make_changeable, person
from campaigns.tests.factories import record_days
from campaigns.views.change_words import who
from rules.models import Alert, AlertDelivery
from rules.queries.commands import tenants_with_commands, tenants_with_outcomes
from rules.services import outcomes_tell
from rules.services.commands import answering
from rules.tests.command_cast import answer, answers_to, buttons, commands_of, say, write
from rules.tests.factories import make_alert
from rules.tests.slack_cast import inside
from tenants.context import tenant_context
from whatsapp.models import WhatsAppMessage
from whatsapp.services import message_queue, webhooks_process
from whatsapp.tests.factories import make_consent, make_contact, make_known_contact
from whatsapp.tests.webhook_cast import SECRET, body, call, inbound, make_number, messages_change

MINUTE = datetime.timedelta(minutes=1)


@pytest.fixture
def contact(manager):
    return make_known_contact(manager)


def change_of(campaign):
    (change,) = ledger_of(campaign)
    return change


def settle(change, **fields):
    """The platform has answered."""
    values = {"state": "applied", "finished_at": timezone.now(), **fields}
    inside(change.tenant_id, lambda: CampaignChange.objects.filter(pk=change.pk).update(**values))


def tell(tenant):
    with tenant_context(tenant):
        return outcomes_tell()


# --- Who is obeyed --------------------------------------------------------------------------------------------


def test_talk_is_left_to_people(acme, contact):
    message = write(contact, "Good morning, how is the spring sale?")
    assert answer(acme).as_json() == {"talk": 1}
    assert answers_to(message) == []
    assert inside(acme, lambda: WhatsAppMessage.objects.get(pk=message.pk).handled_at) is not None
    assert commands_of(contact) == []


@pytest.mark.parametrize("text", ["status", "pause Spring Sale", "help", "approve ABC234", "ack", "undo"])
@pytest.mark.parametrize("fields", [{"is_verified": False}, {"opt_in_status": "pending"}])
def test_who_is_not_proven_is_told_nothing_and_that_once_a_day(acme, manager, text, fields):
    make_changeable(acme, name="Spring Sale")
    stranger = make_known_contact(manager, **fields)
    first, second = say(stranger, text), say(stranger, text)
    assert first == "This number takes no commands from you. Ask the people who gave it to you."
    assert second == ""
    with time_machine.travel(timezone.now() + datetime.timedelta(days=1, minutes=1)):
        assert say(stranger, text) == first


@pytest.mark.parametrize("prover", ["admin", None])
def test_who_holds_a_phone_that_somebody_else_proved_is_a_stranger(acme, manager, admin, prover):
    make_changeable(acme, name="Spring Sale")
    contact = make_contact(manager)
    by = admin if prover else None
    make_consent(contact, kind="verified", way="code", noted_by=by, at=timezone.now() - 2 * MINUTE)
    assert say(contact, "pause Spring Sale").startswith("This number takes no commands from you.")
    assert inside(acme, CampaignChange.objects.count) == 0
    make_consent(contact, kind="verified", way="code", noted_by=manager, at=timezone.now() - MINUTE)
    assert say(contact, "help").startswith("You can write:")


def test_a_number_that_changed_is_proven_by_its_person_anew(acme, manager, admin):
    contact = make_known_contact(manager)
    assert say(contact, "help").startswith("You can write:")
    make_consent(contact, kind="number_changed", way="whatsapp", noted_by=None)
    make_consent(contact, kind="verified", way="code", noted_by=admin)
    assert say(contact, "help").startswith("This number takes no commands from you.")
    make_consent(contact, kind="verified", way="code", noted_by=manager)
    assert say(contact, "help").startswith("You can write:")


@pytest.mark.parametrize("fields", [{"opt_in_status": "opted_out"}, {"is_active": False}])
def test_who_wants_nothing_gets_nothing(acme, manager, fields):
    assert say(make_known_contact(manager, **fields), "status") == ""


def test_people_who_left_are_strangers(acme, manager, contact):
    assert say(contact, "help").startswith("You can write:")
    inside(acme, lambda: type(manager).objects.filter(pk=manager.pk).update(is_active=False))
    assert say(contact, "help").startswith("This number takes no commands")


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("pause Spring Sale", "Edit campaigns"),
        ("approve ABC234", "Create and edit rules"),
        ("reject ABC234", "Create and edit rules"),
        ("ack", "Acknowledge alerts"),
    ],
)
def test_each_command_asks_for_its_right(acme, viewer, manager, text, right):
    make_changeable(acme, name="Spring Sale")
    lacking = f"You may not do this here. It needs the right “{right}”."
    assert say(make_known_contact(viewer), text) == lacking
    assert say(make_known_contact(manager), text) != lacking
    assert say(make_known_contact(viewer), "status").startswith("Acme")


def test_what_came_late_is_not_obeyed(acme, contact):
    campaign = make_changeable(acme, name="Spring Sale")
    old = timezone.now() - 16 * MINUTE
    assert say(contact, "pause Spring Sale", created_at=old).startswith("This came more than 15 minutes late")
    assert buttons(contact) == []
    assert say(contact, "pause Spring Sale", created_at=timezone.now() - 14 * MINUTE).startswith("Pause “Spring Sale”")
    assert ledger_of(campaign) == []


def test_answers_are_in_the_contacts_language_and_list_its_words(acme, manager):
    assert "statut NAME – one campaign" in say(make_known_contact(manager, language="fr"), "aide")


def test_a_replayed_webhook_is_obeyed_once(acme, manager, settings):
    settings.WHATSAPP_APP_SECRET = SECRET
    make_number(acme)
    contact = make_known_contact(manager, wa_id="16505551234")
    at = int(timezone.now().timestamp())
    for _time in range(2):
        message = inbound("status", wamid="wamid.status-1", at=at)
        contacts = [{"profile": {"name": "Kerry"}, "wa_id": "16505551234"}]
        call(body(messages_change(contacts=contacts, messages=[message])))
        webhooks_process()
        answer(acme)
    assert commands_of(contact) == [("status", "answered")]
    rows = inside(acme, lambda: WhatsAppMessage.objects.filter(direction="outbound").count())
    assert rows == 1


def test_a_lost_task_is_made_good(acme, contact):
    write(contact, "status", created_at=timezone.now() - MINUTE)
    assert tenants_with_commands(timezone.now()) == [acme.pk]
    answer(acme)
    assert tenants_with_commands(timezone.now()) == []


def test_a_defect_is_undone_said_and_stops_nobody(acme, contact, monkeypatch):
    def broken(asked):
        make_alert(acme, title="Half done")
        raise RuntimeError("defect")

    monkeypatch.setitem(answering._HANDLERS, "undo", broken)
    first, second = write(contact, "undo"), write(contact, "help")
    assert answer(acme).as_json() == {"failed": 1, "answered": 1}
    assert [row.content[:14] for row in answers_to(first)] == ["That did not w"]
    assert len(answers_to(second)) == 1
    assert inside(acme, lambda: Alert.objects.count()) == 0


# --- Status ---------------------------------------------------------------------------------------------------


def test_status_of_the_workspace(acme, contact):
    today = timezone.now().date()
    campaign = make_changeable(acme, name="Spring Sale")
    numbers = {
        "impressions": 1000,
        "clicks": 50,
        "conversions_micros": 12_000_000,
        "spend_cents": 12_345,
        "revenue_cents": 37_035,
    }
    record_days(campaign, {today - datetime.timedelta(days=1): numbers})
    alert = make_alert(acme, title="Spend is high", severity="critical")
    said = say(contact, "Status")
    lines = said.splitlines()
    assert lines[0] == "Acme"
    assert lines[1].endswith("Spend $123.45 · ROAS 3.00× · Conversions 12")
    assert lines[2].endswith(": no numbers yet")
    assert "How complete conversions are is not known yet." in lines
    assert "Open alerts: 1 (critical: 1)" in lines
    assert f"#{alert.pk} Spend is high" in lines
    assert "Automation today: acted 0 times, failed 0 times" in lines
    assert "Waiting for approval: 0" in lines
    assert len(said) <= 1000


def test_status_stays_short_whatever_things_are_called(acme, contact):
    inside(acme, lambda: type(acme).objects.filter(pk=acme.pk).update(name="N" * 255))
    for _number in range(6):
        make_alert(acme, title="T" * 255)
    campaign = make_changeable(acme, name="C" * 255)
    assert len(say(contact, "status")) <= 1000
    assert len(say(contact, f"status {campaign.name}")) <= 1000


def test_status_of_a_campaign_in_its_own_currency(acme, contact):
    today = timezone.now().date()
    campaign = make_changeable(acme, name="Spring Sale")
    record_days(campaign, {today: {"impressions": 10, "spend_cents": 500}})
    said = say(contact, "status spring sale")
    assert said.startswith("“Spring Sale” on Meta\nActive · daily budget $100.00")
    assert "Spend $5.00 · ROAS 0.00× · Conversions 0" in said
    assert say(contact, "status Autumn") == "No campaign has “Autumn” in its name."


# --- Pausing --------------------------------------------------------------------------------------------------


def test_pausing_asks_first_and_then_goes_through_the_ledger(acme, manager, contact):
    campaign = make_changeable(acme, name="Spring Sale")
    question = say(contact, "pause spring sale")
    assert question.splitlines() == [
        "Pause “Spring Sale” on Meta?",
        "Status: Active → Paused",
        "Answer yes or no within 10 minutes.",
    ]
    assert ledger_of(campaign) == []
    yes, _no = buttons(contact)
    message = write(contact, button=yes)
    done = answer(acme)
    change = change_of(campaign)
    assert done.to_send == {campaign.ad_account_id: [change.pk]}
    assert (change.new_status, change.state, change.origin) == ("paused", "queued", "person")
    assert inside(acme, lambda: who(CampaignChange.objects.select_related("user").get())) == (
        f"{manager.display_name} via WhatsApp"
    )
    entry = inside(acme, lambda: AuditLog.objects.get(resource_type="campaign_changes"))
    assert (entry.actor_kind, entry.user_id, entry.actor_label, entry.endpoint) == (
        "user", manager.pk, "WhatsApp", "whatsapp",
    )  # fmt: skip
    assert [row.content for row in answers_to(message)] == [
        "“Spring Sale” on Meta is being paused. You will hear how it went; undo takes it back."
    ]
    # The button is good for once.
    assert say(contact, button=yes) == "This question is not open any more. Nothing was changed; ask again."
    assert len(ledger_of(campaign)) == 1


def test_the_outcome_is_told_once_when_the_platform_has_answered(acme, contact):
    campaign = make_changeable(acme, name="Spring Sale")
    say(contact, "pause spring sale")
    message = write(contact, "yes")
    answer(acme)
    assert (tell(acme), tenants_with_outcomes()) == (0, [])
    settle(change_of(campaign), finished_at=datetime.datetime(2026, 11, 29, 14, 2, tzinfo=datetime.UTC))
    assert tenants_with_outcomes() == [acme.pk]
    assert (tell(acme), tell(acme), tenants_with_outcomes()) == (1, 0, [])
    assert answers_to(message)[1].content == "Paused on Meta at 14:02: “Spring Sale” on Meta."


def test_a_refusal_of_the_platform_is_told(acme, contact):
    campaign = make_changeable(acme, name="Spring Sale")
    say(contact, "pause spring sale")
    message = write(contact, "yes")
    answer(acme)
    settle(change_of(campaign), state="failed", error="Meta does not allow it.")
    tell(acme)
    assert answers_to(message)[1].content == "“Spring Sale” on Meta was not changed. Meta does not allow it."


def test_no_changes_nothing(acme, contact):
    campaign = make_changeable(acme, name="Spring Sale")
    say(contact, "pause spring sale")
    assert say(contact, "no") == "All right: nothing was changed."
    assert say(contact, "yes") == ""
    assert ledger_of(campaign) == []


@pytest.mark.parametrize("by_button", [False, True])
def test_a_question_is_over_after_ten_minutes(acme, contact, by_button):
    campaign = make_changeable(acme, name="Spring Sale")
    say(contact, "pause spring sale")
    yes, _no = buttons(contact)
    with time_machine.travel(timezone.now() + 11 * MINUTE):
        said = say(contact, button=yes) if by_button else say(contact, "yes")
    assert said == "This question is not open any more. Nothing was changed; ask again."
    assert ledger_of(campaign) == []


def test_a_newer_question_ends_the_older(acme, contact):
    first, second = make_changeable(acme, name="Spring"), make_changeable(acme, name="Autumn")
    say(contact, "pause spring")
    old, _no = buttons(contact)
    say(contact, "pause autumn")
    assert say(contact, button=old).startswith("This question is not open any more")
    say(contact, "yes")
    assert (len(ledger_of(first)), len(ledger_of(second))) == (0, 1)


def test_a_campaign_that_changed_meanwhile_is_left_alone(acme, contact):
    campaign = make_changeable(acme, name="Spring Sale")
    say(contact, "pause spring sale")
    inside(acme, lambda: type(campaign).objects.filter(pk=campaign.pk).update(status="completed"))
    assert say(contact, "yes").endswith("was changed meanwhile: it is “Completed” now. Nothing was done.")
    assert ledger_of(campaign) == []


def test_somebody_elses_button_does_nothing(acme, contact, admin):
    campaign = make_changeable(acme, name="Spring Sale")
    say(contact, "pause spring sale")
    yes, _no = buttons(contact)
    assert say(make_known_contact(admin), button=yes).startswith("This question is not open any more")
    assert ledger_of(campaign) == []


def test_a_right_that_was_taken_meanwhile_counts(acme, manager, contact):
    campaign = make_changeable(acme, name="Spring Sale")
    say(contact, "pause spring sale")
    inside(acme, lambda: type(manager).objects.filter(pk=manager.pk).update(role="viewer"))
    assert say(contact, "yes").startswith("You may not do this here")
    assert ledger_of(campaign) == []


def test_several_campaigns_are_listed_to_choose_from(acme, contact):
    campaigns = [make_changeable(acme, name=name) for name in ("Spring Sale", "Spring Shoes", "Old Spring Sale")]
    said = say(contact, "pause spring")
    lines = [line.partition(" · ")[0] for line in said.splitlines()[1:]]
    assert lines == ["1. Spring Sale", "2. Spring Shoes", "3. Old Spring Sale"]
    assert len(buttons(contact)) == 3
    assert say(contact, "4") == "The list has no such number."
    assert say(contact, "2").startswith("Pause “Spring Shoes” on Meta?")
    say(contact, "yes")
    assert [len(ledger_of(one)) for one in campaigns] == [0, 1, 0]


def test_a_list_for_status_leads_to_figures(acme, viewer):
    contact = make_known_contact(viewer)
    for name in ("Spring Sale", "Spring Shoes"):
        make_changeable(acme, name=name)
    say(contact, "status spring")
    _first, second = buttons(contact)
    assert say(contact, button=second).startswith("“Spring Shoes” on Meta\nActive")


def test_names_are_matched_whole_then_by_beginning_then_anywhere(acme, contact):
    for name in ("Sale", "Sale of shoes", "Winter", "Big Winter", "Autumn"):
        make_changeable(acme, name=name)
    asked = [say(contact, f"pause {name}").splitlines()[0] for name in ("SALE", "sale o", "winter", "big", "tumn")]
    assert asked == [f"Pause “{name}” on Meta?" for name in ("Sale", "Sale of shoes", "Winter", "Big Winter", "Autumn")]
    for _number in range(12):
        make_changeable(acme, name=f"Brand {_number}")
    assert say(contact, "pause brand") == "Many campaigns have that in their name. Write more of it."
    assert say(contact, "pause a%e") == "No campaign has “a%e” in its name."
    assert say(contact, "pause") == "Write “pause” and the campaign’s name."


def test_what_stands_in_the_way_is_said_at_once(acme, contact):
    paused = make_changeable(acme, name="Paused one", status="paused")
    imported = make_changeable(acme, name="Imported one")
    inside(
        acme, lambda: type(imported.ad_account).objects.filter(pk=imported.ad_account_id).update(status="import_only")
    )
    assert say(contact, "pause paused one") == "“Paused one” on Meta is paused already."
    assert say(contact, "pause imported one").startswith("This account is fed by imported reports.")
    assert ledger_of(paused) == ledger_of(imported) == []


def test_campaigns_of_other_workspaces_are_never_found(acme, globex, contact, outsider):
    foreign = make_changeable(globex, name="Spring Sale")
    assert say(contact, "pause spring sale") == "No campaign has “spring sale” in its name."
    assert say(contact, "status spring sale") == "No campaign has “spring sale” in its name."
    theirs = make_known_contact(outsider)
    assert say(theirs, "pause spring sale").startswith("Pause “Spring Sale”")
    yes, _no = buttons(theirs)
    assert say(contact, button=yes).startswith("This question is not open any more")
    assert ledger_of(foreign) == []


# --- Acknowledging --------------------------------------------------------------------------------------------


def tell_of(contact, *alerts, wamid=None):
    """A message that told this contact of alerts."""

    def queue():
        queued = message_queue(contact_ids=[contact.pk], content="Alerts", variables={}, actor=person(contact.user))
        message_id = queued.messages[contact.pk]
        WhatsAppMessage.objects.filter(pk=message_id).update(wamid=wamid)
        for alert in alerts:
            AlertDelivery.objects.create(
                alert=alert,
                user=contact.user,
                severity=alert.severity,
                channel="whatsapp",
                state="queued",
                message_id=message_id,
            )

    inside(contact.tenant_id, queue)


def test_acknowledging_by_number_by_answer_and_the_newest(acme, manager, contact):
    first, second, third, untold = (make_alert(acme, title=f"Alert {name}") for name in "ABCD")
    for alert in (first, second, third):
        tell_of(contact, alert, wamid=f"wamid.alert-{alert.pk}")
    assert say(contact, "ack", context_wamid=f"wamid.alert-{first.pk}") == f"Acknowledged: #{first.pk} Alert A"
    assert say(contact, f"acknowledge #{untold.pk}") == f"Acknowledged: #{untold.pk} Alert D"
    assert say(contact, "ack") == f"Acknowledged: #{third.pk} Alert C"
    assert say(contact, "ack") == f"Acknowledged: #{second.pk} Alert B"
    assert say(contact, "ack").startswith("There is no such open alert.")
    assert say(contact, f"ack {first.pk}").startswith("There is no such open alert.")
    rows = inside(acme, lambda: list(Alert.objects.values_list("status", "acknowledged_by")))
    assert rows == [("acknowledged", manager.pk)] * 4


def test_a_message_about_several_alerts_asks_which(acme, contact):
    first, second = make_alert(acme, title="Alert A"), make_alert(acme, title="Alert B")
    tell_of(contact, first, second)
    assert say(contact, "ack").splitlines()[1:] == [f"#{second.pk} Alert B", f"#{first.pk} Alert A"]
    assert say(contact, f"ack {second.pk}").startswith("Acknowledged")
    assert say(contact, "ack") == f"Acknowledged: #{first.pk} Alert A"


def test_alerts_of_others_are_not_meant(acme, globex, contact, admin):
    foreign, colleague = make_alert(globex), make_known_contact(admin)
    tell_of(colleague, make_alert(acme, title="For the admin"))
    assert say(contact, "ack").startswith("There is no such open alert.")
    assert say(contact, f"ack {foreign.pk}").startswith("There is no such open alert.")
    assert say(colleague, "ack").endswith("For the admin")


# --- Taking back ----------------------------------------------------------------------------------------------


def test_a_pause_is_taken_back(acme, contact):
    campaign = make_changeable(acme, name="Spring Sale")
    say(contact, "pause spring sale")
    say(contact, "yes")
    change = change_of(campaign)
    settle(change)
    inside(acme, lambda: type(campaign).objects.filter(pk=campaign.pk).update(status="paused"))
    message = write(contact, "undo")
    done = answer(acme)
    back = ledger_of(campaign)[1]
    assert (back.undoes_id, back.new_status, back.actor_label) == (change.pk, "active", "WhatsApp")
    assert done.to_send == {campaign.ad_account_id: [back.pk]}
    assert say(contact, "undo") == "Your last command has been taken back already."
    settle(back, finished_at=datetime.datetime(2026, 11, 29, 15, 0, tzinfo=datetime.UTC))
    assert tell(acme) == 2
    assert answers_to(message)[1].content.startswith("Switched on again on Meta at 15:00")


def test_a_pause_that_waits_is_withdrawn(acme, contact):
    campaign = make_changeable(acme, name="Spring Sale")
    say(contact, "pause spring sale")
    say(contact, "yes")
    assert say(contact, "undo") == "Taken back before it was sent. Nothing changed."
    assert (change_of(campaign).state, change_of(campaign).error_code) == ("failed", "local.taken_back")


def test_nothing_that_somebody_did_since_is_taken_back(acme, admin, contact):
    campaign = make_changeable(acme, name="Spring Sale")
    say(contact, "pause spring sale")
    say(contact, "yes")
    settle(change_of(campaign))
    inside(acme, lambda: type(campaign).objects.filter(pk=campaign.pk).update(status="completed"))
    assert "changed it since" in say(contact, "undo")
    assert len(ledger_of(campaign)) == 1


def test_an_acknowledgement_is_taken_back(acme, contact, admin):
    alert = make_alert(acme, title="Spend is high")
    say(contact, f"ack {alert.pk}")
    assert say(make_known_contact(admin), "undo").startswith("There is nothing of yours")
    assert say(contact, "undo") == f"Open again: #{alert.pk} Spend is high"
    assert inside(acme, lambda: Alert.objects.get().status) == "open"


# --- At once --------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_act_once(acme, contact):
    campaign = make_changeable(acme, name="Spring Sale")
    say(contact, "pause spring sale")
    message = write(contact, "yes")
    found = in_threads(*[lambda: answer(acme)] * 3)
    assert sorted(one.as_json().get("done", 0) for one in found) == [0, 0, 1]
    assert len(ledger_of(campaign)) == 1
    assert len(answers_to(message)) == 1
    settle(change_of(campaign))
    assert sorted(in_threads(*[lambda: tell(acme)] * 3)) == [0, 0, 1]
    assert len(answers_to(message)) == 2


@pytest.mark.django_db(transaction=True)
def test_two_yeses_at_once_act_once(acme, contact):
    campaign = make_changeable(acme, name="Spring Sale")
    say(contact, "pause spring sale")
    yes, _no = buttons(contact)
    write(contact, button=yes)
    write(contact, "yes")
    in_threads(*[lambda: answer(acme)] * 2)
    assert len(ledger_of(campaign)) == 1
    outcomes = [outcome for _verb, outcome in commands_of(contact)]
    assert outcomes.count("done") == 1


def test_a_killed_worker_leaves_the_message_for_the_next(acme, contact, monkeypatch):
    campaign = make_changeable(acme, name="Spring Sale")
    say(contact, "pause spring sale")
    message = write(contact, "yes")

    class Killed(BaseException):
        pass

    def killed(**fields):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(answering, "answer_queue", killed)
        with pytest.raises(Killed):
            answer(acme)
    assert (ledger_of(campaign), answers_to(message)) == ([], [])
    answer(acme)
    assert (len(ledger_of(campaign)), len(answers_to(message))) == (1, 1)
