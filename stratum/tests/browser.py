"""What the tests in a real browser share: where Chromium is, axe's verdict, the sign-up as a person does it."""

import os
import re
import shutil
from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PASSWORD = "a walk in the north wind"
STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

# In CI it fails instead: a test that should run was skipped.
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None and not os.environ.get("CI"),
    reason="No Chromium on this machine: the browser tests did not run.",
)


class Windows:
    """The windows of one Chromium by their options. They are kept from test to test, so that scripts and styles are
    read once; who is signed in, and what pages remember, is not."""

    def __init__(self, chromium: Browser) -> None:
        self._chromium = chromium
        self._contexts: dict[tuple[tuple[str, Any], ...], BrowserContext] = {}

    def open(self, url: str, *, width: int, theme: str, **options: Any) -> Page:
        """An empty tab; `options` are Playwright's for a context."""
        key = tuple(sorted({"base_url": url, "width": width, "theme": theme, **options}.items()))
        if key not in self._contexts:
            self._contexts[key] = self._chromium.new_context(
                base_url=url,
                viewport={"width": width, "height": 900},
                color_scheme=theme,
                reduced_motion="reduce",
                **options,
            )
        return self._contexts[key].new_page()

    def forget(self, url: str) -> None:
        """Nobody is signed in any more, and no tab is open."""
        for context in self._contexts.values():
            context.clear_cookies()
            for page in context.pages:
                to_browser = context.new_cdp_session(page)
                to_browser.send("Storage.clearDataForOrigin", {"origin": url, "storageTypes": "local_storage"})
                page.close()


class Visit:
    """`visit(user, path, width=390, theme="dark")`: a page in a tab of its own, signed in; `complaints` is what the
    browser had to say meanwhile."""

    def __init__(self, windows: Windows, url: str, client_of: Callable[[AbstractBaseUser], Client]) -> None:
        self._windows, self._url, self._client_of = windows, url, client_of
        self.complaints: list[str] = []

    def __call__(
        self, user: AbstractBaseUser, path: str, *, width: int = 1440, theme: str = "light", **options: Any
    ) -> Page:
        with transaction.atomic():
            session = self._client_of(user).cookies[settings.SESSION_COOKIE_NAME].value
        page = self._windows.open(self._url, width=width, theme=theme, **options)
        page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": self._url}])
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._listen)
        page.goto(path)
        return page

    def _listen(self, told: ConsoleMessage) -> None:
        if told.type in ("error", "warning"):
            self.complaints.append(told.text)


def violations(page: Page) -> list[str]:
    """Where the page breaks a rule of accessibility: the rule and the element."""
    # What passes is not listed: on a page of thousands of elements that takes longer than the looking.
    options = {"runOnly": STANDARDS, "resultTypes": ["violations"]}
    found = Axe().run(page, options=options).response["violations"]
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
