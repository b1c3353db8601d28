"""The analytic screens in a real Chromium: accessibility, policy, widths, and the campaign list at work."""

import datetime
import re

import pytest
from django.db import transaction
from django.utils import timezone
from playwright.sync_api import Page, expect

from campaigns.models import Campaign
from campaigns.tests.factories import make_account, make_campaign, record_days
from stratum.tests.browser import needs_chromium, violations
from tenants.context import tenant_context

pytestmark = [
    pytest.mark.browser,
    needs_chromium,
]

NAMES = ("Brand search", "Prospecting with a name that goes on and on until nobody reads it any more", "Retargeting")


@pytest.fixture
def campaigns(acme) -> list[Campaign]:
    yesterday = timezone.now().date() - datetime.timedelta(days=1)
    found = []
    for number, name in enumerate(NAMES, start=1):
        account = make_account(acme, name=f"Account {number}")
        campaign = make_campaign(acme, account=account, name=name, daily_budget_cents=9_000, labels=["always on"])
        values = {"spend_cents": 1_000 * number, "revenue_cents": 3_000, "impressions": 900, "clicks": 9}
        record_days(campaign, {yesterday - datetime.timedelta(days=back): values for back in range(60)})
        found.append(campaign)
    return found


@pytest.fixture
def open_page(visit, manager, campaigns):
    """`open_page("/campaigns/", width=390)`: signed in as acme's manager; complaints of the page fail the test."""

    def open_one(path: str, *, width: int = 1440, theme: str = "light") -> Page:
        page = visit(manager, path, width=width, theme=theme)
        page.wait_for_load_state("networkidle")
        return page

    yield open_one
    assert visit.complaints == []


def paths(campaigns: list[Campaign]) -> list[str]:
    return ["/", "/campaigns/", f"/campaigns/{campaigns[1].pk}/", "/data-health/", "/search/?q=brand"]


def test_pages_can_be_used_by_everybody(open_page, campaigns):
    found = []
    for theme in ("light", "dark"):
        for path in paths(campaigns):
            page = open_page(path, theme=theme)
            found += [f"{theme} {path}: {one}" for one in violations(page)]
    assert found == []


@pytest.mark.parametrize("width", [360, 768, 2560])
def test_no_page_is_wider_than_its_window(open_page, campaigns, width):
    for path in paths(campaigns):
        assert open_page(path, width=width).evaluate("document.documentElement.scrollWidth") <= width, path


def test_list_filters_sorts_labels_and_undoes(open_page, acme, campaigns):
    page = open_page("/campaigns/")
    page.get_by_placeholder("Search campaigns").last.fill("re")
    expect(page.locator("#campaign-table tbody tr")).to_have_count(2)
    page.locator("#campaign-table thead").get_by_role("link", name="Campaign").click()
    expect(page).to_have_url(re.compile(r"q=re&sort=name"))
    expect(page.locator("#campaign-table tbody th").first).to_contain_text("Prospecting")
    page.locator("input[data-row-all]").check()
    page.locator("#bulk-label").fill("reviewed")
    page.get_by_role("button", name="Add label").click()
    expect(page.locator("#toasts")).to_contain_text("added to 2 campaigns")
    # Back where the person was: the same filter in the same order.
    expect(page).to_have_url(re.compile(r"q=re&sort=name"))
    page.locator("#toasts").get_by_role("button", name="Undo").click()
    expect(page.locator("#toasts")).to_contain_text("Undone on 2 campaigns")
    with tenant_context(acme), transaction.atomic():
        assert not Campaign.objects.labelled("reviewed").exists()


def test_back_returns_to_the_list_as_it_was(open_page, campaigns):
    page = open_page("/campaigns/")
    page.get_by_placeholder("Search campaigns").last.fill("brand")
    expect(page.locator("#campaign-table tbody tr")).to_have_count(1)
    page.get_by_role("link", name="Brand search").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Brand search")
    page.go_back()
    expect(page.locator("#campaign-table tbody tr")).to_have_count(1)


def test_one_campaign_shows_any_two_figures_and_the_history_of_a_day(open_page, campaigns):
    page = open_page(f"/campaigns/{campaigns[0].pk}/")
    expect(page.locator("#campaign-days svg")).to_be_attached()
    page.get_by_label("First figure").select_option("roas")
    expect(page).to_have_url(re.compile("first=roas"))
    expect(page.locator("#campaign-days svg")).to_be_attached()
    page.locator("#campaign-day-table button").first.click()
    expect(page.get_by_role("dialog")).to_contain_text("First arrival")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_search_below_the_field(open_page, campaigns):
    page = open_page("/")
    page.keyboard.press("/")
    page.keyboard.type("retarg")
    expect(page.locator("#search-results a").first).to_contain_text("Retargeting")
