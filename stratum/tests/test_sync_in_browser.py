"""'Sync now' as a manager sees it: a real Chromium, real workers on both queues, the simulated platforms over HTTP."""

import re

import pytest
from django.conf import settings as configured
from django.db import transaction
from playwright.sync_api import expect

from accounts.tests.factories import make_user
from campaigns.models import CampaignMetric, SyncRun
from campaigns.tests.sandbox_cast import ACCOUNTS, connected
from stratum.tests.browser import needs_chromium, violations
from tenants.context import tenant_context

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    needs_chromium,
]
QUEUES = ("celery", "platforms")


@pytest.fixture
def tab(chromium, live_server, acme, client_of):
    manager = make_user(acme, "manager")
    with transaction.atomic():
        session = client_of(manager).cookies[configured.SESSION_COOKIE_NAME].value
    complaints: list[str] = []
    context = chromium.new_context(base_url=live_server.url, viewport={"width": 1440, "height": 900})
    context.add_cookies([{"name": configured.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}])
    opened = context.new_page()
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("console", lambda told: complaints.append(told.text) if told.type in ("error", "warning") else None)
    yield opened
    context.close()
    assert complaints == []


def test_sync_now_shows_its_progress_and_the_numbers_without_a_reload(live_sandbox, acme, tab, worker):
    page = tab
    account = connected(acme, live_sandbox, ACCOUNTS["meta"])
    # Slow enough for a person to see the steps.
    live_sandbox.fault("slow", account=account.external_id, seconds=0.7, count=None)
    loads: list[str] = []
    page.goto("/data-health/")
    page.on("load", lambda loaded: loads.append(loaded.url))
    row = page.locator(f"#account-health-{account.pk}")
    expect(row).to_contain_text("Not synced yet")
    row.get_by_role("button", name="Sync now").click()
    expect(page.get_by_text("The sync has begun.")).to_be_visible()
    bar = row.get_by_role("progressbar")
    expect(bar).to_be_visible()
    expect(row).to_contain_text(re.compile(r"Reading \d+ \w+ – \d+ \w+"))
    expect(row).to_contain_text(re.compile(r"step [2-9] of 9"))
    seen = int(bar.get_attribute("value") or 0)
    assert 0 < seen < 100
    assert violations(page) == []
    live_sandbox.control("faults/clear", "POST")
    expect(row).to_contain_text("Synced just now")
    expect(row).to_contain_text("Up to date")
    expect(row).to_contain_text(re.compile(r"of \d+"))  # campaigns
    expect(bar).to_have_count(0)
    assert loads == []
    with tenant_context(acme), transaction.atomic():
        assert SyncRun.objects.get().status == "done"
        assert CampaignMetric.objects.count() > 100
    row.get_by_role("link", name="Syncs").click()
    expect(page.get_by_role("heading", name=re.compile("^Syncs of"))).to_be_visible()
    expect(page.get_by_text("9 / 9")).to_be_visible()
    assert violations(page) == []
