"""Approving by WhatsApp: who is asked, once, with a code of their own that holds for what was shown."""

import datetime
import re

import pytest
import time_machine
from django.db import transaction
from django.utils import timezone

from accounts.models import AuditLog
from campaigns.models import Campaign, CampaignChange
from campaigns.tests.at_once import Other
from rules.models import Alert, Rule, RuleExecution, WhatsAppCode
from rules.services import approvals_ask, rules_evaluate
from rules.tests.command_cast import answer, answers_to, buttons, commands_of, say, write
from rules.tests.platform_cast import NOW, allow, make_budget_rule, make_pause_rule, make_spender
from rules.tests.slack_cast import inside
from rules.tests.telling_cast import choose, deliveries, tell
from tenants.context import tenant_context
from whatsapp.choices import Purpose
from whatsapp.models import WhatsAppMessage
from whatsapp.services.preparing import Ready, circumstances_of, prepare
from whatsapp.tests.factories import make_consent, make_contact, make_inbound, make_known_contact, make_template
from whatsapp.tests.webhook_cast import make_number

HOUR = datetime.timedelta(hours=1)


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def waiting(acme):
    """A rule that waits to pause all of the workspace's spend."""

    def evaluate():
        allow(acme, approval_percent=30)
        for name in ("Spring Sale", "Autumn Sale"):
            make_spender(acme, name=name)
        rule = make_pause_rule(acme, name="Stop loss")
        rules_evaluate()
        return rule

    return inside(acme, evaluate)


@pytest.fixture
def contact(manager):
    return make_known_contact(manager)


def ask(tenant):
    with tenant_context(tenant):
        return approvals_ask(now=timezone.now())


def told(contact):
    """What they were sent without having asked, the newest last."""

    def read():
        rows = WhatsAppMessage.objects.filter(contact=contact, direction="outbound", purpose=Purpose.ALERT)
        return [row.content for row in rows.order_by("pk")]

    return inside(contact.tenant_id, read)


def code_in(text):
    return re.search(r"approve ([A-Z2-9]{6})", text)[1]


def changes(tenant):
    return inside(tenant, lambda: list(CampaignChange.objects.order_by("pk").values_list("new_status", "actor_label")))


def test_whoever_may_approve_and_wants_alerts_is_asked_once(acme, globex, waiting, manager, admin, viewer, outsider):
    asked, also = make_known_contact(manager), make_known_contact(admin)
    proven_by_other = make_contact(manager)
    make_consent(proven_by_other, kind="verified", way="code", noted_by=admin)
    left_out = [
        make_known_contact(viewer),
        make_known_contact(outsider),
        make_known_contact(manager, notification_types=["reports"]),
        make_known_contact(manager, is_verified=False),
        make_known_contact(manager, opt_in_status="opted_out"),
        # Nobody knows whether it is the manager who holds this phone.
        proven_by_other,
    ]
    assert (ask(acme), ask(acme), ask(globex)) == (2, 0, 0)
    assert [told(one) for one in left_out] == [[]] * 6
    (text,), (other,) = told(asked), told(also)
    lines = text.splitlines()
    assert lines[0] == "Waits for approval: Stop loss"
    assert "It would change 2 campaigns:" in lines
    assert "• Spring Sale (Meta): Active → Paused" in lines
    assert "• Autumn Sale (Meta): Active → Paused" in lines
    assert len(text) <= 1000
    assert code_in(text) != code_in(other)
    stored = inside(acme, lambda: list(WhatsAppCode.objects.values_list("code_hash", flat=True)))
    assert code_in(text) not in stored
    assert all(len(one) == 64 for one in stored)
    assert not inside(acme, lambda: AuditLog.objects.filter(new_value__icontains=code_in(text)).exists())


@pytest.mark.django_db(transaction=True)
def test_somebody_who_is_held_keeps_no_other_waiting(acme, waiting, manager, admin):
    first, held = make_known_contact(manager), make_known_contact(admin, language="de")
    with tenant_context(acme), transaction.atomic():
        type(held).objects.select_for_update().get(pk=held.pk)
        asking = Other(lambda: ask(acme))
        asking.wait_until_blocked()
        assert (len(told(first)), told(held)) == (1, [])
    assert asking.join() == 2
    assert len(told(held)) == 1


def test_a_code_approves_exactly_once(acme, waiting, manager, contact):
    ask(acme)
    code = code_in(told(contact)[0])
    message = write(contact, f"Approve {code.lower()}")
    done = answer(acme)
    assert [row.content for row in answers_to(message)] == [
        "Approved: “Stop loss” changed 2 campaigns, 0 could not be changed."
    ]
    assert changes(acme) == [("paused", "Stop loss")] * 2
    assert sum(len(ids) for ids in done.to_send.values()) == 2
    entry = inside(acme, lambda: AuditLog.objects.get(new_value__operation="approved"))
    assert (entry.user_id, entry.actor_label, entry.endpoint) == (manager.pk, "WhatsApp", "whatsapp")
    assert say(contact, f"approve {code}").startswith("This code is not good any more")
    assert len(changes(acme)) == 2


def test_buttons_approve_and_reject(acme, waiting, contact):
    ask(acme)
    approve, reject = buttons(contact)
    assert say(contact, "Reject", button=reject).startswith("Rejected: “Stop loss” changes nothing")
    assert changes(acme) == []
    assert inside(acme, lambda: (Rule.objects.get().awaiting_since, Alert.objects.get().status)) == (None, "resolved")
    assert say(contact, "Approve", button=approve).startswith("This question is not open any more")
    assert changes(acme) == []


def test_a_rejection_by_code(acme, waiting, contact):
    ask(acme)
    assert say(contact, f"reject {code_in(told(contact)[0])}").startswith("Rejected: “Stop loss”")
    assert say(contact, "undo") == "What you did last changed nothing that could be taken back."
    assert changes(acme) == []


def test_a_set_that_changed_is_shown_anew_and_nothing_is_done(acme, waiting, contact):
    ask(acme)
    code = code_in(told(contact)[0])
    inside(acme, lambda: make_spender(acme, name="New Sale"))
    said = say(contact, f"approve {code}")
    assert said.startswith("What the rule would change is not what you were shown. Nothing was done.")
    assert "It would change 3 campaigns:" in said
    assert "• New Sale (Meta): Active → Paused" in said
    assert changes(acme) == []
    assert say(contact, f"approve {code}").startswith("This code is not good any more")
    assert say(contact, f"approve {code_in(said)}").startswith("Approved: “Stop loss” changed 3 campaigns")


def test_another_amount_is_another_set(acme, contact):
    def evaluate():
        allow(acme, approval_percent=30)
        campaign = make_spender(acme, name="Spring Sale")
        make_budget_rule(acme, name="Raise")
        rules_evaluate()
        return campaign

    campaign = inside(acme, evaluate)
    ask(acme)
    text = told(contact)[0]
    assert "• Spring Sale (Meta): $100.00 → $120.00" in text
    inside(acme, lambda: Campaign.objects.filter(pk=campaign.pk).update(daily_budget_cents=20_000))
    assert "$200.00 → $240.00" in say(contact, f"approve {code_in(text)}")
    assert changes(acme) == []


def test_a_code_is_good_for_a_day(acme, waiting, contact, clock):
    ask(acme)
    code = code_in(told(contact)[0])
    clock.move_to(NOW + 25 * HOUR)
    assert say(contact, f"approve {code}").startswith("This code is not good any more")
    assert changes(acme) == []


def test_another_persons_code_is_a_wrong_one(acme, waiting, contact, admin):
    colleague = make_known_contact(admin)
    ask(acme)
    assert say(colleague, f"approve {code_in(told(contact)[0])}") == "This code is not right. Nothing was done."
    assert changes(acme) == []
    assert say(colleague, f"approve {code_in(told(colleague)[0])}").startswith("Approved")
    assert say(contact, f"approve {code_in(told(contact)[0])}").startswith("Nothing waits for approval any more")


def test_five_wrong_codes_silence_for_an_hour(acme, waiting, contact, admin, clock):
    ask(acme)
    right = code_in(told(contact)[0])
    wrong = "ABCDEF" if right != "ABCDEF" else "ABCDEG"
    assert [say(contact, f"approve {wrong}") for _try in range(6)] == [
        "This code is not right. Nothing was done."
    ] * 5 + [""]
    assert say(contact, f"approve {right}") == ""
    assert changes(acme) == []
    assert commands_of(contact) == [("approve", "wrong_code")] * 5
    assert say(contact, "status").startswith("Acme")
    clock.move_to(NOW + 61 * datetime.timedelta(minutes=1))
    assert say(contact, f"approve {right}").startswith("Approved")


def test_what_is_no_code_is_not_counted(acme, waiting, contact):
    for text in ("approve", "approve of it", "approve ABC", "approve ABCDE0"):
        assert say(contact, text).startswith("Write the word and then the code of six characters")
    assert {outcome for _verb, outcome in commands_of(contact)} == {"refused"}


def test_who_may_not_approve_any_more_is_refused(acme, waiting, manager, contact):
    ask(acme)
    inside(acme, lambda: type(manager).objects.filter(pk=manager.pk).update(role="analyst"))
    assert say(contact, f"approve {code_in(told(contact)[0])}").startswith("You may not do this here")
    assert changes(acme) == []


def test_an_approval_is_taken_back(acme, waiting, contact):
    ask(acme)
    say(contact, f"approve {code_in(told(contact)[0])}")
    executions = inside(acme, lambda: RuleExecution.objects.filter(outcome="acted").count())
    assert executions == 2
    assert say(contact, "undo") == "Taken back on 2 campaigns."


def test_outside_the_window_the_template_carries_the_code(acme, waiting, manager, contact):
    """Buttons only reach people who wrote within the day; the text does without them."""
    make_number(acme)
    make_template(
        manager,
        name="stratum_alert",
        components=[{"type": "BODY", "text": "*{{1}}* {{2}}"}],
        variables={"1": "title", "2": "text"},
    )
    ask(acme)

    def wire():
        row = WhatsAppMessage.objects.select_related("contact", "number").get(direction="outbound")
        ready = prepare(row, circumstances_of([row], NOW))
        assert isinstance(ready, Ready)
        return ready.outgoing

    closed = inside(acme, wire)
    assert closed.kind == "template"
    parameters = [one["text"] for one in closed.content["components"][0]["parameters"]]
    assert parameters[0] == "Waits for approval: Stop loss"
    assert code_in(told(contact)[0]) in parameters[1]
    make_inbound(contact, created_at=NOW)
    opened = inside(acme, wire)
    assert opened.kind == "interactive"
    assert [one["reply"]["title"] for one in opened.content["action"]["buttons"]] == ["Approve", "Reject"]


def test_a_rule_that_begins_to_wait_again_asks_anew(acme, waiting, contact, clock):
    ask(acme)
    say(contact, f"reject {code_in(told(contact)[0])}")
    clock.move_to(NOW + HOUR)
    inside(acme, lambda: Rule.objects.update(awaiting_since=NOW + HOUR))
    assert (ask(acme), ask(acme)) == (1, 0)
    assert say(contact, f"approve {code_in(told(contact)[1])}").startswith("Approved")


def test_whoever_is_asked_gets_no_alert_about_it_beside(acme, waiting, manager, viewer):
    """The alert of a rule that waits tells the others, and those who may approve by the other channels."""
    channels = {"warning": ["email", "whatsapp"]}
    for user in (manager, viewer):
        choose(user, channels=channels, whatsapp_contact_id=make_known_contact(user).pk)
    tell(acme, NOW)
    found = {(row.user_id, row.channel): (row.state, row.reason) for row in deliveries(acme)}
    assert found == {
        (manager.pk, "email"): ("queued", ""),
        (manager.pk, "whatsapp"): ("skipped", "asked"),
        (viewer.pk, "email"): ("queued", ""),
        (viewer.pk, "whatsapp"): ("queued", ""),
    }
    assert ask(acme) == 1
