"""The staff admin in a real Chromium: nothing is blocked by its policy, it fits a phone, filters and actions work."""

from functools import partial

import pytest
from django.db import transaction
from playwright.sync_api import expect

from accounts.models import AuditLog
from accounts.tests.factories import make_user
from rules.models import Rule
from stratum.tests.browser import needs_chromium
from tenants.context import tenant_context, unscoped
from tenants.tests.factories import make_tenant

pytestmark = [
    pytest.mark.browser,
    needs_chromium,
]


@pytest.fixture
def open_page(visit):
    """`open_page(path, width=390, theme="dark")` as a member of staff; whatever the browser complains of fails."""
    staff = make_user(make_tenant("support"), "admin", full_name="Sam Support", is_staff=True, is_superuser=True)
    yield partial(visit, staff)
    # No browser was told of an icon, so it asks for one by itself.
    assert [text for text in visit.complaints if "favicon" not in text and "404 (Not Found)" not in text] == []


@pytest.fixture
def rules(live_server) -> list[Rule]:
    made = []
    for slug in ("acme", "globex"):
        tenant = make_tenant(slug)
        with tenant_context(tenant), transaction.atomic():
            values = {"condition_field": "roas", "condition_operator": "less_than", "condition_value": "1"}
            made.append(
                Rule.objects.create(name=f"Rule of {slug}", status="active", action_type="send_alert", **values)
            )
    return made


@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (1440, "dark"), (390, "light")])
def test_pages_fit_and_nothing_is_blocked(open_page, rules, width, theme):
    page = open_page("/admin/", width=width, theme=theme)
    expect(page.get_by_role("link", name="Workspaces").first).to_be_attached()
    for path in ("/admin/rules/rule/", f"/admin/rules/rule/{rules[0].pk}/change/", "/admin/tenants/tenant/add/"):
        page.goto(path)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    assert page.evaluate("document.documentElement.classList.contains('dark')") == (theme == "dark")
    expect(page.get_by_text("Sam Support").first).to_be_attached()


def test_a_list_is_filtered_by_workspace(open_page, rules):
    page = open_page("/admin/rules/rule/")
    page.get_by_text("Filters").first.click()
    page.locator(".select2-selection").first.click()
    page.locator(".select2-search__field").fill("globex")
    page.get_by_role("option", name="Globex (globex)").click()
    page.get_by_role("button", name="Apply Filters").click()
    expect(page.get_by_text("Rule of globex")).to_be_visible()
    expect(page.get_by_text("Rule of acme")).to_have_count(0)


def test_an_action_is_run_with_its_reason(open_page, rules):
    page = open_page("/admin/rules/rule/")
    page.locator("tr", has_text="Rule of acme").locator("input.action-select").check()
    page.locator("select[name=action]").select_option("pause")
    page.get_by_label("Reason").fill("Platform outage")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_text("Done for 1 row.")).to_be_visible()
    with unscoped("test: look at the rules"), transaction.atomic():
        assert dict(Rule.objects.values_list("name", "status")) == {
            "Rule of acme": "paused",
            "Rule of globex": "active",
        }
        assert AuditLog.objects.get(resource_type="rules").reason == "Platform outage"
