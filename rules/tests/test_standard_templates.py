"""What Stratum says outside the 24 hours: its own templates, filled by whoever queues a message."""

import pytest
import time_machine
from django.db import transaction

from accounts.audit import Actor
from rules.services.reports import reports_send
from rules.tests.factories import make_alert
from rules.tests.report_cast import NOW, make_history, make_schedule
from rules.tests.telling_cast import choose, tell, whatsapp_messages
from tenants.context import tenant_context
from whatsapp.services import verification_start
from whatsapp.services.preparing import Ready
from whatsapp.services.standard_templates import LANGUAGES
from whatsapp.tests.factories import make_contact
from whatsapp.tests.sending_cast import change, prepared, standard_rows
from whatsapp.tests.webhook_cast import make_number

AT_ONCE = {key: ["whatsapp"] for key in ("info", "warning", "critical")}


@pytest.fixture(autouse=True)
def at_eight():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture(autouse=True)
def templates(acme):
    make_number(acme)
    return standard_rows(acme)


def alert_of(tenant, user, contact):
    choose(user, channels=AT_ONCE, whatsapp_contact_id=contact.pk)
    make_alert(tenant, title="Spend is high", body="Look at it.")
    assert tell(tenant, NOW)["messages"] == 1


def report_of(tenant, user, contact):
    make_history(tenant)
    make_schedule(tenant, contact_ids=[contact.pk])
    with tenant_context(tenant):
        assert reports_send(now=NOW).counts == {"made": 1, "messages": 1}


def code_of(tenant, user, contact):
    change(contact, is_verified=False)
    with tenant_context(tenant), transaction.atomic():
        verification_start(contact=contact, actor=Actor(kind="user", user=user))


def in_template(message):
    ready = prepared(message, NOW)
    assert isinstance(ready, Ready)
    assert ready.outgoing.kind == "template"
    return ready


def parameters(ready):
    return [one["text"] for part in ready.outgoing.content["components"] for one in part["parameters"]]


@pytest.mark.parametrize(
    ("queue", "name", "count"),
    [(alert_of, "stratum_alert", 2), (report_of, "stratum_report", 3), (code_of, "stratum_code", 2)],
)
def test_whoever_queues_a_message_supplies_all_that_its_template_asks_for(acme, manager, queue, name, count):
    contact = make_contact(manager)
    queue(acme, manager, contact)
    [message] = whatsapp_messages(acme)
    for language in LANGUAGES:
        change(contact, language=language)
        ready = in_template(message)
        # The client puts '-' where nobody has a value. A code keeps the language that it was queued in.
        assert "-" not in parameters(ready)
        assert len(parameters(ready)) == count
        expected = "en" if name == "stratum_code" else language
        assert (ready.outgoing.content["name"], ready.outgoing.content["language"]["code"]) == (name, expected)


def test_a_report_outside_the_window_says_its_figures(acme, manager):
    report_of(acme, manager, make_contact(manager))
    [message] = whatsapp_messages(acme)
    lines = in_template(message).shown.split("\n\n")
    assert lines[0] == "Your report of Monday, 23 November 2026 is ready."
    assert lines[1].startswith("The figures: Spend: $100.00 (0.0%) · Revenue: $400.00 (0.0%) · ROAS: 4.00")
    assert lines[2].startswith("Read all of it here: http")
