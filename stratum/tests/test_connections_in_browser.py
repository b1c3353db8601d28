"""Connecting accounts as a person does it: a real Chromium through the consent pages of all five platforms, a real
worker on the real queue."""

import re

import pytest
from django.db import transaction
from playwright.sync_api import Page, expect

from accounts.models import AuditLog
from campaigns.models import AdAccount, Connection
from stratum.tests.browser import needs_chromium, sign_up
from tenants.context import unscoped

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    needs_chromium,
]

PLATFORMS = ("Meta", "Google", "TikTok", "Snapchat", "LinkedIn")


@pytest.fixture
def tab(chromium, live_server, settings):
    settings.PUBLIC_URL = live_server.url
    context = chromium.new_context(base_url=live_server.url, viewport={"width": 1440, "height": 900})
    yield context.new_page()
    context.close()


def to_consent(page: Page, platform: str) -> None:
    page.goto("/connections/")
    page.locator(".connect-list").get_by_role("button", name=platform).click()
    page.get_by_role("link", name="Ada").click()


def connect(page: Page, platform: str) -> None:
    """To the consent page, back with a code, and all accounts that can be chosen."""
    to_consent(page, platform)
    page.get_by_role("button", name="Allow").click()
    expect(page.get_by_role("heading", name="Choose accounts")).to_be_visible()
    page.check("#picker-all")
    page.get_by_role("button", name="Connect the chosen accounts").click()
    expect(page.get_by_text(re.compile(r"accounts? (is|are) connected\."))).to_be_visible()


def disconnect(page: Page, name: str) -> None:
    row = page.locator("#account-table tr", has_text=name)
    row.get_by_role("link", name=re.compile("Disconnect")).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("To take it back")).to_be_visible()
    dialog.get_by_role("button", name="Disconnect").click()
    expect(page.get_by_text("Its campaigns and numbers stay.")).to_be_visible()
    expect(page.locator("#account-table tr", has_text=name).get_by_text("Disconnected").first).to_be_visible()


def test_five_platforms_are_connected_and_one_account_is_disconnected(live_sandbox, tab, worker):
    page, complaints = tab, []
    page.on("console", lambda said: complaints.append(said.text) if "Content Security Policy" in said.text else None)
    sign_up(page)

    to_consent(page, "Meta")
    page.get_by_role("button", name="Deny").click()
    expect(page.get_by_role("heading", name="Meta was not connected")).to_be_visible()
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("link", name="Ada")).to_be_visible()

    for platform in PLATFORMS:
        connect(page, platform)

    open_accounts = [
        account
        for platform in ("meta", "google", "tiktok", "snapchat", "linkedin")
        for account in live_sandbox.world.market.catalogue.of_platform(platform)
        if not account.closed and account.id in live_sandbox.world.market.catalogue.people["ada"].accounts
    ]
    expect(page.locator("#account-table tbody tr")).to_have_count(len(open_accounts))
    expect(page.locator("#account-table").get_by_text("Simulated")).to_have_count(len(open_accounts))
    disconnect(page, "Gulf Home")
    assert complaints == []

    with unscoped("test: what is in the database"), transaction.atomic():
        assert AdAccount.objects.filter(status="ok").count() == len(open_accounts) - 1
        assert AdAccount.objects.get(name="Gulf Home").status == "disabled"
        assert sorted(Connection.objects.values_list("platform", "status")) == [
            (platform, "ok") for platform in ("google", "linkedin", "meta", "snapchat", "tiktok")
        ]
        assert Connection.objects.filter(code__isnull=False).count() == 0
        assert AuditLog.objects.filter(resource_type="connections", action="create", actor_kind="user").count() == 5
        entries = str(list(AuditLog.objects.values()))
        assert not [row.pk for row in Connection.objects.all() if row.access_token in entries]


def test_picker_search_hides_and_keeps_what_is_ticked(live_sandbox, tab, worker):
    page = tab
    sign_up(page)
    to_consent(page, "Meta")
    page.get_by_role("button", name="Allow").click()
    expect(page.get_by_role("heading", name="Choose accounts")).to_be_visible()
    with unscoped("test: a long list"), transaction.atomic():
        row = Connection.objects.get()
        extra = [{**row.listed_accounts[0], "external_id": str(n), "name": f"Client {n}"} for n in range(100, 130)]
        Connection.objects.update(listed_accounts=[*row.listed_accounts, *extra])
    page.reload()
    page.get_by_label("Client 105").check()
    page.get_by_label("Search accounts").fill("client 12")
    expect(page.get_by_label("Client 105")).to_be_hidden()
    page.get_by_label("Select all that are shown").check()
    page.get_by_role("button", name="Connect the chosen accounts").click()
    expect(page.get_by_text("11 accounts are connected.")).to_be_visible()
