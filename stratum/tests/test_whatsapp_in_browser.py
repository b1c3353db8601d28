"""From the page to the phone and back, in a real Chromium with a real worker: connect a number, prove a contact, let a
rule fire, read the message on the simulated phone, answer STOP, and nothing more arrives."""

import re
import time

import pytest
from django.db import transaction
from playwright.sync_api import Page, expect

from campaigns.models import Campaign, CampaignMetric
from rules.models import RuleExecution
from rules.tests.factories import make_rule
from stratum.tests.browser import needs_chromium, sign_up
from stratum.tests.test_whole_loop import import_report, report  # noqa: F401 - a fixture
from tenants.context import tenant_context, unscoped
from tenants.models import Tenant
from whatsapp.models import WhatsAppConsent, WhatsAppContact, WhatsAppMessage, WhatsAppNumber, WhatsAppTemplate

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    needs_chromium,
]
KERRY = "16505551234"


@pytest.fixture
def tab(chromium, live_server, live_sandbox, worker, settings):
    settings.PUBLIC_URL = live_server.url
    live_sandbox.control("whatsapp/modes", "POST", sent_after=0, delivered_after=0, approve_after=0)
    context = chromium.new_context(base_url=live_server.url, viewport={"width": 1280, "height": 900})
    yield context.new_page()
    context.close()


def until(true, seconds=60):
    """What workers do takes its time."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "still waiting"
        time.sleep(0.1)


def arrived(sandbox) -> list[str]:
    """What the phone shows of the business's messages, oldest first."""
    return [one["text"] for one in sandbox.control("whatsapp/messages", wa_id=KERRY)["messages"]]


def inside(work):
    with unscoped("test: look at what is there"), transaction.atomic():
        tenant = Tenant.objects.get(slug="northern-lights")
    with tenant_context(tenant), transaction.atomic():
        return work(tenant)


def connect(page: Page) -> None:
    page.goto("/whatsapp/numbers/")
    page.get_by_role("button", name="Connect the sandbox").first.click()
    page.wait_for_load_state("networkidle")
    until(
        lambda: inside(lambda tenant: WhatsAppNumber.objects.filter(status="ok", subscribed_at__isnull=False).exists())
    )
    page.goto("/whatsapp/numbers/")
    expect(page.get_by_text("Works", exact=True).first).to_be_visible()
    page.goto("/whatsapp/templates/")
    page.get_by_role("button", name="Create the templates Stratum needs").click()
    approved = {"name__startswith": "stratum_", "status": "APPROVED"}
    until(lambda: inside(lambda tenant: WhatsAppTemplate.objects.filter(**approved).count() == 18))


def prove_and_agree(page: Page, sandbox) -> None:
    page.goto("/whatsapp/contacts/")
    page.fill("[name=number]", "+1 650 555 1234")
    page.get_by_role("button", name="Add my number").click()
    page.get_by_role("button", name="Send a code").click()
    until(lambda: arrived(sandbox))
    code = re.search(r"\b(\d{6})\b", arrived(sandbox)[0])[1]
    page.fill("[name=code]", code)
    page.get_by_role("button", name="Verify").click()
    page.check("#agree")
    page.get_by_role("button", name="I agree").click()
    expect(page.get_by_text("Opted in").first).to_be_visible()


def write_rule(page: Page) -> None:
    page.goto("/rules/new/")
    page.fill("[name=name]", "Stop loss")
    page.select_option("[name=condition_field]", "roas")
    page.wait_for_load_state("networkidle")
    page.select_option("[name=condition_operator]", "less_than")
    page.fill("[name=condition_value]", "1")
    page.fill("[name=window_days]", "7")
    page.select_option("[name=action_type]", "notify_whatsapp")
    page.wait_for_load_state("networkidle")
    page.check("[name=contacts]")
    page.get_by_role("button", name="Save and activate").click()
    page.wait_for_url(re.compile(r"/rules/\d+/$"))


def test_a_rule_fires_the_phone_shows_it_and_stop_ends_it(tab, report, live_sandbox):  # noqa: F811
    sign_up(tab)
    import_report(tab, report)
    connect(tab)
    prove_and_agree(tab, live_sandbox)
    write_rule(tab)
    tab.get_by_role("button", name="Evaluate now").click()
    until(lambda: len(arrived(live_sandbox)) == 2)

    phone = tab.context.browser.new_page(base_url=live_sandbox.url)
    phone.goto("/phone/")
    phone.get_by_text(f"+{KERRY}").click()
    expect(phone.get_by_text("Aurora – Prospecting").last).to_be_visible()
    phone.fill("[name=text]", "STOP")
    phone.get_by_role("button", name="Send", exact=True).click()
    expect(phone.get_by_text("You will get no more messages from us").first).to_be_visible(timeout=60_000)

    contact = inside(lambda tenant: WhatsAppContact.objects.get())
    assert contact.opt_in_status == "opted_out"
    tab.goto(f"/whatsapp/contacts/{contact.pk}/")
    expect(tab.get_by_text("STOP").first).to_be_visible()

    # The same people, asked for by another rule: nobody is left to write to.
    rule = inside(lambda tenant: _another(tenant, contact))
    tab.goto(f"/rules/{rule.pk}/")
    tab.get_by_role("button", name="Evaluate now").click()
    until(lambda: inside(lambda tenant: RuleExecution.objects.filter(rule=rule).exists()))
    # The page follows the run by itself; only then may it be left.
    tab.wait_for_load_state("networkidle")
    tab.goto(f"/rules/{rule.pk}/")
    expect(tab.get_by_text("the contact has opted out").first).to_be_visible()
    assert len(arrived(live_sandbox)) == 3  # the code, the alert, the answer to STOP
    assert inside(lambda tenant: WhatsAppMessage.objects.filter(direction="outbound").count()) == 3
    kinds = inside(lambda tenant: list(WhatsAppConsent.objects.order_by("pk").values_list("kind", "way")))
    assert kinds == [("verified", "code"), ("opt_in", "page"), ("opt_out", "keyword")]


def _another(tenant, contact):
    assert Campaign.objects.exists()
    assert CampaignMetric.objects.exists()
    return make_rule(
        tenant,
        name="Second alarm",
        condition_field="roas",
        condition_operator="less_than",
        condition_value="1",
        action_type="notify_whatsapp",
        action_config={"contacts": [contact.pk]},
    )
