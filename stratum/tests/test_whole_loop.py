"""The whole loop as a marketer goes through it, in a real Chromium with a real worker on the real queue:
sign up, drop a report, see the dashboard, write a rule, let the scheduled job fire it, read the alert and the trail."""

import csv
import datetime
import re
from pathlib import Path

import pytest
from django.db import transaction
from playwright.sync_api import Page, expect

from accounts.models import AuditLog
from campaigns.models import Campaign, CampaignMetric
from rules.models import Alert, RuleExecution
from stratum.celery import app
from stratum.tests.browser import needs_chromium, sign_up
from tenants.context import unscoped

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    needs_chromium,
]

DAYS = 10


@pytest.fixture
def tab(chromium, live_server):
    context = chromium.new_context(base_url=live_server.url, viewport={"width": 1440, "height": 900})
    yield context.new_page()
    context.close()


@pytest.fixture
def report(tmp_path) -> Path:
    """A daily Meta report in English: two campaigns, the totals row first, as the platform exports it."""
    path = tmp_path / "Northern-Lights-Campaigns.csv"
    yesterday = datetime.datetime.now(tz=datetime.UTC).date() - datetime.timedelta(days=1)
    header = [
        "Campaign name", "Day", "Campaign delivery", "Impressions", "Clicks (all)", "Amount spent (EUR)", "Purchases",
        "Purchases conversion value", "Reporting starts", "Reporting ends",
    ]  # fmt: skip
    rows = []
    for back in range(DAYS):
        day = (yesterday - datetime.timedelta(days=back)).isoformat()
        rows.append(["Aurora – Prospecting", day, "active", 10000, 150, "250.40", 2, "90.00", day, day])
        rows.append(["Polar – Retargeting", day, "active", 4000, 90, "80.10", 8, "640.00", day, day])
    totals = ["", "", "", 14000 * DAYS, 240 * DAYS, f"{330.5 * DAYS:.2f}", 10 * DAYS, f"{730 * DAYS:.2f}", "", ""]
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows([header, totals, *rows])
    return path


def import_report(page: Page, report: Path) -> None:
    page.goto("/imports/upload/")
    page.set_input_files("[name=file]", str(report))
    page.wait_for_url(re.compile(r"/imports/\d+/"))
    expect(page.get_by_text("Meta").first).to_be_visible()
    page.fill("[name=account_name]", "Northern Lights EU")
    page.select_option("[name=timezone]", "Europe/Oslo")
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_text("Imported", exact=True).first).to_be_visible()


def write_rule(page: Page) -> None:
    page.goto("/rules/new/")
    page.fill("[name=name]", "Stop loss")
    page.select_option("[name=condition_field]", "roas")
    page.wait_for_load_state("networkidle")
    page.select_option("[name=condition_operator]", "less_than")
    page.fill("[name=condition_value]", "1")
    page.fill("[name=window_days]", "7")
    page.select_option("[name=action_type]", "send_alert")
    page.wait_for_load_state("networkidle")
    expect(page.get_by_text("Aurora – Prospecting").first).to_be_visible()  # the preview
    page.get_by_role("button", name="Save and activate").click()
    page.wait_for_url(re.compile(r"/rules/\d+/$"))


def see_alert(page: Page) -> None:
    page.goto("/alerts/")
    caught = page.get_by_role("cell", name=re.compile("Aurora – Prospecting"))
    for _ in range(30):
        if caught.count():
            break
        page.wait_for_timeout(500)
        page.reload()
    expect(caught).to_be_visible()
    expect(page.get_by_role("cell", name=re.compile("Polar – Retargeting"))).to_have_count(0)


def test_sign_up_import_rule_alert_and_trail(tab, worker, report):
    page = tab
    sign_up(page)
    import_report(page, report)

    page.goto("/?range=7d")
    expect(page.get_by_text("€2,314").first).to_be_visible()  # 7 × (250.40 + 80.10) = 2,313.50

    page.goto("/campaigns/?range=7d")
    expect(page.get_by_role("link", name="Aurora – Prospecting").first).to_be_visible()
    expect(page.get_by_text("1,752.80").first).to_be_visible()

    write_rule(page)
    app.send_task(app.conf.beat_schedule["rules.evaluate_all"]["task"])  # what beat sends every 15 minutes
    see_alert(page)

    page.goto("/audit/")
    for resource in ("Import", "Rule"):
        expect(page.get_by_role("link", name=re.compile(rf"^{resource} \d+$")).first).to_be_visible()

    with unscoped("test: what is in the database"), transaction.atomic():
        assert Campaign.objects.count() == 2
        assert CampaignMetric.objects.count() == 2 * DAYS
        assert Alert.objects.get().campaign.name == "Aurora – Prospecting"
        assert RuleExecution.objects.filter(triggered=True).count() == 1
        assert AuditLog.objects.filter(resource_type="rules", action="create", actor_kind="user").count() == 1
        assert AuditLog.objects.filter(actor_kind="rule").exists()
