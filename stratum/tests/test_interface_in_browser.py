"""The shared interface in a real Chromium: accessibility, the Content-Security-Policy, widths, and what scripts do."""

from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import transaction
from playwright.sync_api import Page, expect

from stratum.tests.browser import needs_chromium, violations
from tenants.context import tenant_context

pytestmark = [
    pytest.mark.browser,
    pytest.mark.urls("stratum.tests.catalogue.urls"),
    needs_chromium,
]

# What the browser itself logs for the answers that the tests provoke.
EXPECTED = ("Failed to load resource", "Response Status Error Code")


@pytest.fixture
def open_page(visit, admin):
    """`open_page(width=390, theme="dark")`: the catalogue, signed in as acme's admin; complaints fail the test."""

    def open_one(path: str = "/catalogue/", *, width: int = 1440, theme: str = "light") -> Page:
        phone = width < 500
        page = visit(admin, path, width=width, theme=theme, is_mobile=phone, has_touch=phone)
        page.wait_for_load_state("networkidle")
        expect(page.locator("#spend-chart svg")).to_be_attached()
        return page

    yield open_one
    assert [text for text in visit.complaints if not text.startswith(EXPECTED)] == []


@pytest.mark.parametrize("width", [1440, 360])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_component_is_accessible_and_fits(open_page, theme, width):
    page = open_page("/catalogue/?toasts=1", width=width, theme=theme)
    assert page.evaluate("document.documentElement.dataset.bsTheme") == theme
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [1440, 360])
def test_right_to_left(open_page, admin, width):
    with tenant_context(admin.tenant_id), transaction.atomic():
        admin.locale = "ar"
        admin.save(update_fields=["locale"])
    page = open_page(width=width)
    assert page.evaluate("document.documentElement.dir") == "rtl"
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_menus_and_dialogs_are_accessible_when_open(open_page):
    page = open_page()
    page.locator(".range-btn").click()
    expect(page.locator("#range-menu")).to_be_visible()
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.locator("#help-dialog")).to_be_visible()
    assert violations(page) == []


def test_sorting_swaps_the_table_and_back_brings_the_page(open_page):
    page = open_page()
    page.get_by_role("link", name="Campaign", exact=True).click()
    expect(page.locator("th[aria-sort='ascending']")).to_contain_text("Campaign")
    assert urlsplit(page.url).query == "sort=name"
    expect(page.locator("tbody th").first).to_contain_text("Campaign 01")
    page.go_back()
    expect(page.locator("th[aria-sort='descending']")).to_contain_text("Spend")
    expect(page.locator("#sidebar")).to_be_visible()


def test_a_filter_keeps_the_order_chosen_since(open_page):
    page = open_page("/catalogue/?range=7d")
    page.get_by_role("link", name="Campaign", exact=True).click()
    expect(page.locator("th[aria-sort='ascending']")).to_contain_text("Campaign")
    page.get_by_role("searchbox", name="Search campaigns").fill("2")
    expect(page.locator("#campaign-table tbody tr")).to_have_count(12)
    expect(page.locator("tbody th").first).to_contain_text("Campaign 02")
    assert parse_qs(urlsplit(page.url).query) == {"range": ["7d"], "sort": ["name"], "q": ["2"]}


def test_shift_selects_the_rows_between_and_escape_clears(open_page):
    page = open_page()
    boxes = page.locator("input[data-row]")
    boxes.nth(1).click()
    boxes.nth(4).click(modifiers=["Shift"])
    expect(page.locator("[data-bulk-count]")).to_have_text("4 selected")
    page.keyboard.press("Escape")
    expect(page.locator("[data-bulk-bar]")).to_be_hidden()


def test_bulk_action_asks_before_it_posts_the_chosen_rows(open_page):
    page = open_page()
    page.locator("input[data-row]").nth(2).click()
    page.locator("[data-bulk-bar] .btn-danger").click()
    expect(page.locator("#confirm-dialog")).to_contain_text("Archive?")
    with page.expect_request("**/catalogue/ok/") as sent:
        page.locator("#confirm-yes").click()
    assert "ids=28" in sent.value.post_data


def test_a_refused_question_sends_nothing(open_page):
    page = open_page()
    sent = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    page.locator("#ask").click()
    page.locator("#confirm-dialog").get_by_role("button", name="Cancel").click()
    expect(page.locator("#confirm-dialog")).to_be_hidden()
    assert sent == []


def test_toast_shows_text_not_markup_and_undo_posts(open_page):
    page = open_page()
    page.locator("#change").click()
    toast = page.locator("#toasts .toast-item")
    expect(toast).to_contain_text("<b>Changed</b>")
    toast.get_by_role("button", name="Undo").click()
    expect(page.locator("#toasts")).to_contain_text("Taken back by POST")


def test_a_failed_request_says_so_in_words(open_page):
    page = open_page()
    page.locator("#fail").click()
    expect(page.locator("#toasts")).to_contain_text("Something went wrong on our side.")


def test_keys(open_page):
    page = open_page()
    page.keyboard.press("[")
    assert page.evaluate("document.documentElement.dataset.nav") == "rail"
    page.get_by_role("searchbox", name="Search campaigns").press("[")
    assert page.evaluate("document.documentElement.dataset.nav") == "rail"
    page.reload()
    assert page.evaluate("document.documentElement.dataset.nav") == "rail"
    page.keyboard.press("?")
    page.locator("[data-shortcuts]").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("[")
    assert page.evaluate("document.documentElement.dataset.nav") == "rail"


def test_theme_choice_stays_and_charts_follow(open_page):
    page = open_page(theme="light")
    before = page.locator("#spend-chart svg").inner_html()
    page.get_by_role("button", name="Theme").click()
    page.locator("[data-theme-set=dark]").click()
    expect(page.locator("#spend-chart svg")).to_be_attached()
    assert page.locator("#spend-chart svg").inner_html() != before
    page.reload()
    assert page.evaluate("document.documentElement.dataset.bsTheme") == "dark"


def test_a_theme_saved_in_the_profile_replaces_an_older_choice(open_page, admin):
    page = open_page()
    page.get_by_role("button", name="Theme").click()
    page.locator("[data-theme-set=dark]").click()
    with tenant_context(admin.tenant_id), transaction.atomic():
        admin.preferences = {"theme": "light"}
        admin.save(update_fields=["preferences"])
    page.reload()
    assert page.evaluate("document.documentElement.dataset.bsTheme") == "light"


def test_chart_has_its_data_behind_it(open_page, tmp_path):
    page = open_page()
    box = page.locator("[data-chart-box]").first
    box.get_by_role("button", name="Show data").click()
    expect(page.locator("#spend-chart-table tbody tr")).to_have_count(60)
    expect(page.locator("#spend-chart-table tbody tr.immature")).to_have_count(5)
    box.get_by_role("button", name="Download").click()
    with page.expect_download() as download:
        page.locator("#spend-chart-menu [data-chart-download=csv]").click()
    download.value.save_as(tmp_path / "data.csv")
    lines = (tmp_path / "data.csv").read_text("utf-8-sig").splitlines()
    assert lines[0] == "Day,Spend,Revenue,Revenue before"
    assert lines[-1] == "2026-11-22,7350,13230,11760"
    page.locator("#spend-chart").focus()
    page.keyboard.press("End")
    assert "Spend $7,350" in page.locator("#spend-chart").get_attribute("aria-description")


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("broken.csv", b"broken", "The file is cut off."),
        ("report.pdf", b"%PDF", "report.pdf is not a file this page reads."),
    ],
)
def test_refused_upload_says_why(open_page, name, content, told):
    page = open_page()
    page.locator("form[data-upload] input[type=file]").set_input_files(
        {"name": name, "mimeType": "application/octet-stream", "buffer": content}
    )
    expect(page.locator("[data-upload-list]")).to_contain_text(told)


def test_upload_leads_on(open_page):
    page = open_page()
    page.locator("form[data-upload] input[type=file]").set_input_files(
        {"name": "meta.csv", "mimeType": "text/csv", "buffer": b"a,b\n"}
    )
    page.wait_for_url("**/catalogue/?uploaded=1")


def test_phone_menu_opens_over_the_page_and_closes_beside_it(open_page):
    page = open_page(width=390)
    expect(page.locator("#sidebar")).not_to_be_in_viewport()
    page.locator(".topbar-menu").tap()
    expect(page.locator("#sidebar")).to_be_in_viewport()
    assert page.evaluate("document.querySelector('.frame-body').inert")
    page.touchscreen.tap(380, 700)
    expect(page.locator("#sidebar")).not_to_be_in_viewport()
