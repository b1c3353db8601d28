"""Adding Stratum to Slack as a person does it: a real Chromium through the sandbox's consent page, a real worker, a
test message by the webhook that was chosen, and one by the bot to a further channel."""

import re

import pytest
from django.db import transaction
from playwright.sync_api import Page, expect

from accounts.models import AuditLog
from rules.models import SlackInstall, SlackTarget
from stratum.tests.browser import needs_chromium, sign_up, violations
from tenants.context import unscoped

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    needs_chromium,
]


@pytest.fixture
def tab(chromium, live_server, settings):
    settings.PUBLIC_URL = live_server.url
    context = chromium.new_context(base_url=live_server.url, viewport={"width": 1280, "height": 900})
    context.set_default_timeout(30_000)
    yield context.new_page()
    context.close()


def to_slack(page: Page) -> None:
    page.goto("/rules/slack/")
    page.get_by_role("button", name="Add to Slack").click()
    expect(page.get_by_role("heading", name="Stratum would like to be in the Slack workspace Sandbox")).to_be_visible()


def send_test(page: Page, name: str) -> None:
    row = page.locator("#slack-targets tbody tr", has_text=name)
    row.get_by_role("button", name=re.compile("Test")).click()
    expect(row.get_by_text("Sent", exact=True)).to_be_visible()


def test_stratum_is_added_writes_to_two_channels_and_is_removed(live_sandbox, tab, worker):
    page, complaints = tab, []
    page.on("console", lambda said: complaints.append(said.text) if "Content Security Policy" in said.text else None)
    live_sandbox.control("settings", "POST", slack_token_seconds=43_200)
    sign_up(page)

    to_slack(page)
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("heading", name="Slack was not connected")).to_be_visible()
    page.get_by_role("button", name="Try again").click()
    page.get_by_label("Where should Stratum post?").select_option(label="#budget-watch")
    page.get_by_role("button", name="Allow").click()
    expect(page.get_by_text("rules can write to “#budget-watch”")).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text="Installed on")).to_contain_text("Nora Berg")
    assert violations(page) == []
    send_test(page, "#budget-watch")

    page.get_by_label("Name").fill("Campaigns")
    page.get_by_label("as Stratum’s bot in Sandbox").check()
    expect(page.get_by_label("Webhook URL")).to_be_hidden()
    expect(page.get_by_label("Bot token")).to_be_hidden()
    page.get_by_label("Channel of the bot").fill("#ads")
    page.get_by_role("button", name="Add the channel").click()
    # The token has run out meanwhile, for Slack: it is renewed on the way.
    live_sandbox.control("tokens/expire", "POST", platform="slack")
    send_test(page, "Campaigns")
    came = [(one["way"], one["channel"]) for one in live_sandbox.control("slack")["messages"]]
    assert came == [("webhook", "C0000000002"), ("bot", "C0123456789")]

    page.get_by_role("button", name="Remove Sandbox").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("In Slack the app stays installed")).to_be_visible()
    dialog.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("No Slack channel yet")).to_be_visible()
    assert complaints == []

    with unscoped("test: what is in the database"), transaction.atomic():
        assert SlackInstall.objects.count() == SlackTarget.objects.count() == 0
        actions = AuditLog.objects.filter(resource_type="slack_installs", actor_kind="user").order_by("pk")
        assert list(actions.values_list("action", flat=True)) == ["create", "delete"]
