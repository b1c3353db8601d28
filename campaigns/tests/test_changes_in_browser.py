"""A marketer pauses a campaign in the list, in a real Chromium, with a real worker on the real queue and a simulated
platform: sees it paused there, takes it back from the toast, raises a budget by keyboard, changes many at once."""

import re

import pytest
from django.db import transaction
from playwright.sync_api import Page, expect

from campaigns.tests.change_helpers import fresh, listed, on_platform
from campaigns.tests.sandbox_cast import ACCOUNTS, connected
from stratum.tests.browser import needs_chromium

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    needs_chromium,
]


@pytest.fixture
def tab(chromium, live_server, manager, client_of):
    """A tab of the manager."""
    with transaction.atomic():
        session = client_of(manager).cookies["sessionid"].value
    context = chromium.new_context(base_url=live_server.url, viewport={"width": 1440, "height": 900})
    context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    page = context.new_page()
    page.problems = []
    page.on("console", lambda line: page.problems.append(line.text) if line.type == "error" else None)
    yield page
    context.close()


def row_of(page: Page, name: str):
    return page.get_by_role("row", name=re.compile(re.escape(name)))


def test_pause_undo_budget_and_bulk_from_the_list(live_sandbox, tab, worker, acme):
    page: Page = tab
    campaigns = {one.name: one for one in listed(connected(acme, live_sandbox, ACCOUNTS["meta"])).values()}
    campaign = campaigns["Lead form – trip planner"]
    page.goto("/campaigns/?sort=name")

    # Pause, with the keyboard.
    row = row_of(page, campaign.name)
    row.get_by_role("switch").focus()
    page.keyboard.press("Enter")
    expect(row.get_by_text("Paused")).to_be_visible()
    assert on_platform(live_sandbox, campaign)["status"] == "paused"

    # Take it back from the toast.
    page.get_by_role("button", name="Undo").click()
    expect(row.get_by_text("Active")).to_be_visible()
    assert on_platform(live_sandbox, campaign)["status"] == "active"

    # A budget, a fifth higher.
    before = campaign.daily_budget_cents
    row.get_by_role("button", name=re.compile("Change the daily budget")).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="+20 %").click()
    expect(dialog.locator("#budget-preview")).to_contain_text("+20.0%")
    dialog.get_by_role("button", name="Set budget").click()
    expect(dialog).to_be_hidden()
    expect(row.locator(".spinner")).to_have_count(0)
    expect(page.get_by_text(re.compile("has .* a day on Meta now"))).to_be_visible()
    assert fresh(campaign).daily_budget_cents == before * 12 // 10
    assert on_platform(live_sandbox, campaign)["budget"]["amount"] == before * 12 // 10

    # All of them at once: asked about, carried out, told.
    page.get_by_label("Select all rows on this page").check()
    page.get_by_role("button", name="Enable").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("They start to deliver and to spend")).to_be_visible()
    dialog.get_by_role("button", name="Enable").click()
    expect(page.locator("#change-batch")).to_contain_text("1 of 1 done")
    expect(row_of(page, "Blog traffic").get_by_text("Active")).to_be_visible()
    page.locator("#change-batch").get_by_role("button", name="Undo").click()
    expect(page.locator("#change-batch")).to_contain_text("Taking back 1 change")
    expect(row_of(page, "Blog traffic").get_by_text("Paused")).to_be_visible()
    assert on_platform(live_sandbox, campaigns["Blog traffic"])["status"] == "paused"
    assert page.problems == []
