"""What the tests in a real browser share: where Chromium is, axe's verdict, the sign-up as a person does it."""

import os
import re
import shutil

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PASSWORD = "a walk in the north wind"
STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

# In CI it fails instead: a test that should run was skipped.
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("CI"),
    reason="No Chromium on this machine: the browser tests did not run.",
)


def violations(page: Page) -> list[str]:
    """Where the page breaks a rule of accessibility: the rule and the element."""
    found = Axe().run(page, options={"runOnly": STANDARDS}).response["violations"]
    return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]


def sign_up(page: Page) -> None:
    """A new workspace of Nora Berg in Oslo, in euros, without any data."""
    page.goto("/sign-up/")
    page.fill("[name=workspace_name]", "Northern Lights")
    page.fill("[name=full_name]", "Nora Berg")
    page.fill("[name=email]", "nora@northern.example")
    page.fill("[name=password]", PASSWORD)
    page.select_option("[name=currency]", "EUR")
    page.select_option("[name=zone]", "Europe/Oslo")
    page.get_by_role("button", name="Create the workspace").click()
    expect(page.get_by_role("link", name=re.compile("import", re.IGNORECASE)).first).to_be_visible()
