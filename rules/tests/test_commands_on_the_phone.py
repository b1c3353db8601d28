"""The whole way: a person writes on the simulated phone, the platform pauses the campaign, the phone says so."""

import time

import pytest
from django.utils import timezone

from campaigns.services.changes import changes_apply
from campaigns.tests.change_helpers import ledger_of, on_platform
from campaigns.tests.sandbox_cast import ACCOUNTS, connected
from campaigns.tests.test_change_sending import running
from rules.services import commands_answer, outcomes_tell
from tenants.context import tenant_context
from whatsapp.services import webhooks_process
from whatsapp.tests.factories import make_consent
from whatsapp.tests.sending_cast import listens, on_phone, person, sandbox_number, send

pytestmark = pytest.mark.django_db(transaction=True)
KERRY = "16505551234"


@pytest.fixture
def phone(acme, manager, live_sandbox, live_server):
    """A sandbox whose webhooks reach the product, and a contact with a phone in it."""
    sandbox_number(acme)
    make_consent(person(manager, KERRY), kind="verified", way="code", noted_by=manager)
    live_sandbox.control("whatsapp/modes", "POST", sent_after=0, delivered_after=0)
    listens(live_sandbox, live_server.url)
    return live_sandbox


def say(phone, tenant, **what):
    """Write or tap; have it read, obeyed and answered; the newest message on the phone, and what is to be sent."""
    phone.control("whatsapp/say", "POST", wa_id=KERRY, **what)
    deadline = time.monotonic() + 30
    while phone.control("whatsapp")["pending"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    webhooks_process()
    with tenant_context(tenant):
        done = commands_answer()
    assert send(tenant) == {"sent": 1}
    return on_phone(phone)[-1], dict(done.to_send)


def test_status_and_pause_on_the_phone(acme, phone):
    campaign = running(connected(acme, phone, ACCOUNTS["meta"]))
    answer, _none = say(phone, acme, text="Status")
    assert "Open alerts: 0" in str(answer)
    question, _none = say(phone, acme, text=f"pause {campaign.name}")
    assert "Status: Active → Paused" in str(question)
    answer, to_send = say(phone, acme, id=question["id"], button="Yes, pause")
    assert "is being paused" in str(answer)
    with tenant_context(acme):
        for ids in to_send.values():
            assert changes_apply(ids).applied == 1
        assert outcomes_tell() == 1
    assert send(acme) == {"sent": 1}
    assert f"Paused on Meta at {timezone.now():%H}" in str(on_phone(phone)[-1])
    assert on_platform(phone, campaign)["status"] == "paused"
    answer, to_send = say(phone, acme, text="undo")
    with tenant_context(acme):
        assert [changes_apply(ids).applied for ids in to_send.values()] == [1]
        assert outcomes_tell() == 1
    assert on_platform(phone, campaign)["status"] == "active"
    assert [change.new_status for change in ledger_of(campaign)] == ["paused", "active"]
