"""Rules that write to people by WhatsApp: what they queue, for whom, and what they say when nobody is left."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from rules.actions import action_parse
from rules.actions.specs import rule_spec
from rules.conditions import ConditionError
from rules.conditions.wording import sentence
from rules.forms import RuleForm
from rules.models import Rule, RuleExecution, SlackMessage
from rules.queries.replay import Caveat, replay
from rules.tests.factories import make_rule
from rules.tests.slack_cast import inside, make_slack_rule, make_webhook
from rules.tests.test_notify_slack import evaluate, newest, spend
from rules.tests.test_platform_editor import FORM, save
from whatsapp.models import WhatsAppContact, WhatsAppMessage
from whatsapp.tests.factories import make_contact, make_template


def make_whatsapp_rule(tenant, *contacts, template="", **fields):
    config = {"contacts": [one.pk for one in contacts], **({"template": template} if template else {})}
    return make_rule(tenant, **{"action_type": "notify_whatsapp", "action_config": config, **fields})


def queued(tenant):
    return inside(tenant, lambda: list(WhatsAppMessage.objects.select_related("contact").order_by("pk")))


def test_one_message_for_each_contact_and_pass(acme, manager, admin):
    spend(acme, 2)
    contacts = [make_contact(manager), make_contact(admin)]
    make_whatsapp_rule(acme, *contacts, name="Stop loss")
    evaluate(acme)
    rows = queued(acme)
    assert [row.contact_id for row in rows] == [one.pk for one in contacts]
    assert rows[0].content.startswith("Stop loss\nCampaign ")
    assert len(rows[0].content.splitlines()) == 3
    assert rows[0].template_variables["rule"] == "Stop loss"
    assert "Spend: $150.00" in rows[0].template_variables["reason"]
    assert newest(acme).action_result["made"] == {"whatsapp": [row.pk for row in rows]}
    assert evaluate(acme).outcomes == {"cooldown": 2}
    assert len(queued(acme)) == 2


def test_many_campaigns_are_counted(acme, manager):
    spend(acme, 12)
    make_whatsapp_rule(acme, make_contact(manager))
    evaluate(acme)
    (row,) = queued(acme)
    assert row.content.splitlines()[-1] == "and 2 more"
    assert row.template_variables["campaign"].endswith(", and 2 more")


def test_who_has_opted_out_is_left_out_and_that_is_said(acme, manager, admin, client_of):
    spend(acme)
    make_whatsapp_rule(
        acme, make_contact(manager, display_name="Nora Berg", opt_in_status="opted_out"), make_contact(admin)
    )
    evaluate(acme)
    assert len(queued(acme)) == 1
    kept = newest(acme).action_result
    assert kept["after"] == {"contacts": 1, "skipped": ["opted_out"]}
    assert "Nora" not in str(kept)
    page = client_of(manager).get(reverse("rules:activity_list")).content.decode()
    assert "WhatsApp message queued for 1 contact. Left out: the contact has opted out" in page


def test_nobody_left_is_a_failure_with_its_reasons(acme, manager, admin):
    spend(acme)
    gone = make_contact(admin)
    make_whatsapp_rule(acme, make_contact(manager, is_verified=False), gone)
    inside(acme, lambda: WhatsAppContact.objects.filter(pk=gone.pk).delete())
    assert evaluate(acme).failed == 1
    assert newest(acme).outcome == "failed"
    assert newest(acme).error == (
        "Nobody is left to write to: the contact is not there any more, the number is not verified."
    )
    assert queued(acme) == []


def test_a_template_that_is_gone_is_a_failure(acme, manager):
    spend(acme)
    make_whatsapp_rule(acme, make_contact(manager), template="campaign_alert")
    assert evaluate(acme).failed == 1
    assert "no WhatsApp template “campaign_alert”" in newest(acme).error


def test_contacts_of_another_workspace_get_nothing(acme, globex, outsider):
    spend(acme)
    foreign = make_contact(outsider)
    make_whatsapp_rule(acme, foreign)
    assert evaluate(acme).failed == 1
    assert (queued(acme), queued(globex)) == ([], [])


@pytest.mark.parametrize(
    ("config", "place"),
    [
        ({}, "contacts"),
        ({"contacts": []}, "contacts"),
        ({"contacts": ["1"]}, "contacts"),
        ({"contacts": [True]}, "contacts"),
        ({"contacts": list(range(1, 60))}, "contacts"),
        ({"contacts": [1], "template": 5}, "whatsapp_template"),
        ({"contacts": [1], "text": "x"}, "action_config"),
    ],
)
def test_broken_settings_name_their_place(config, place):
    with pytest.raises(ConditionError) as refused:
        action_parse("notify_whatsapp", config)
    assert refused.value.field == place


def test_it_reads_back_and_in_words(in_acme, manager, admin):
    rule = make_whatsapp_rule(in_acme, make_contact(manager), make_contact(admin), template="campaign_alert")
    assert action_parse("notify_whatsapp", rule.action_config).as_json() == rule.action_config
    assert sentence(rule_spec(rule)).endswith("write to 2 people by WhatsApp.")
    form = RuleForm({**RuleForm.initial_of(rule), "name": rule.name})
    assert form.is_valid(), form.errors
    assert form.draft().action_config == rule.action_config


# --- The editor -----------------------------------------------------------------------------------------------


def builder(client, **fields):
    return client.get(reverse("rules:rule_builder_panel"), {**FORM, **fields}).content.decode()


def test_contacts_are_chosen_from_those_that_exist(acme, manager, admin, client_of):
    yes = make_contact(admin, display_name="Yann")
    no = make_contact(manager, display_name="Zoe", opt_in_status="opted_out")
    page = builder(client_of(manager), action_type="notify_whatsapp", contacts=[yes.pk])
    assert f'name="contacts" value="{yes.pk}" checked' in page
    assert f'name="contacts" value="{no.pk}" disabled' in page
    assert "the contact has opted out" in page
    assert "wait in the queue until WhatsApp is connected" in page


def test_without_contacts_the_editor_says_what_a_contact_is(acme, manager, client_of):
    assert "There is no WhatsApp contact yet" in builder(client_of(manager), action_type="notify_whatsapp")


def test_what_was_chosen_stays_while_another_action_is_looked_at(acme, manager, client_of):
    contact, target = make_contact(manager), make_webhook(acme)
    chosen = {"contacts": [contact.pk], "whatsapp_template": "campaign_alert", "slack_target": target.pk}
    page = builder(client_of(manager), action_type="send_alert", **chosen)
    assert f'<input type="hidden" name="contacts" value="{contact.pk}">' in page
    assert '<input type="hidden" name="whatsapp_template" value="campaign_alert">' in page
    assert f'<input type="hidden" name="slack_target" value="{target.pk}">' in page


def test_the_editor_offers_slack_channels_and_approved_templates(acme, globex, manager, client_of):
    make_webhook(acme, name="#ads")
    make_webhook(globex, name="#globex-channel")
    make_contact(manager)
    make_template(manager)
    page = builder(client_of(manager), action_type="notify_slack")
    assert "#ads</option>" in page
    assert "globex-channel" not in page
    assert "campaign_alert</option>" in builder(client_of(manager), action_type="notify_whatsapp")


def test_without_a_channel_an_admin_is_led_to_set_one_up(acme, manager, admin, client_of):
    url = reverse("rules:slack_target_list")
    assert url in builder(client_of(admin), action_type="notify_slack")
    page = builder(client_of(manager), action_type="notify_slack")
    assert url not in page
    assert "An admin of the workspace can set one up." in page


def test_saving_keeps_the_choice(acme, manager, client_of):
    contact, target = make_contact(manager), make_webhook(acme)
    save(client_of(manager), action_type="notify_whatsapp", contacts=[contact.pk])
    save(client_of(manager), action_type="notify_slack", slack_target=target.pk, slack_message="Look.")
    save(client_of(manager), action_type="pause_campaign", to="paused_today")
    assert inside(acme, lambda: list(Rule.objects.order_by("pk").values_list("action_config", flat=True))) == [
        {"contacts": [contact.pk]},
        {"target": target.pk, "message": "Look."},
        {"to": "paused", "until": "end_of_day"},
    ]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"action_type": "notify_whatsapp"}, "Choose at least one contact"),
        ({"action_type": "notify_whatsapp", "contacts": ["x"]}, "Choose from the list."),
        ({"action_type": "notify_slack"}, "Choose the Slack channel"),
    ],
)
def test_a_mistake_stands_at_its_place(acme, manager, client_of, fields, words):
    response = save(client_of(manager), **fields)
    assert response.status_code == 422
    assert words in response.content.decode()


def test_the_editor_asks_no_more_for_more_rows(acme, manager, admin, analyst, client_of):
    def statements(action):
        with CaptureQueriesContext(connection) as asked:
            builder(client_of(manager), action_type=action)
        return len(asked)

    make_contact(manager)
    make_webhook(acme)
    actions = ("notify_slack", "notify_whatsapp")
    few = [statements(action) for action in actions]
    for person in (admin, analyst):
        make_contact(person)
    for number in range(2):
        make_webhook(acme, name=f"#more-{number}")
    assert [statements(action) for action in actions] == few


# --- Replay ---------------------------------------------------------------------------------------------------


def test_a_replay_says_nothing_to_anybody(acme, manager):
    spend(acme)
    now = timezone.now()
    for rule in (make_whatsapp_rule(acme, make_contact(manager)), make_slack_rule(acme, make_webhook(acme))):
        days = {"start": now.date() - timedelta(days=2), "end": now.date(), "now": now}
        found = inside(acme, lambda rule=rule, days=days: replay(rule_spec(rule), **days))
        assert found.acted + sum(day.held for day in found.days) > 0
        assert Caveat.GATES_APART not in found.caveats
    assert queued(acme) == []
    assert inside(acme, lambda: (SlackMessage.objects.count(), RuleExecution.objects.count())) == (0, 0)
