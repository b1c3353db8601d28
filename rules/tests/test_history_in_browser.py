"""Versions, taking back and limits in a real Chromium: nothing overflows on a phone or in the dark, and a run is taken
back from its page."""

import dataclasses
import datetime
import re

import pytest
from django.db import transaction
from django.urls import reverse
from playwright.sync_api import expect

from campaigns.models import CampaignChange
from campaigns.tests.change_helpers import make_changeable, person
from campaigns.tests.factories import make_connected_account
from rules import services
from rules.models import RuleExecution
from rules.services.rules import RuleDraft
from rules.tests.test_undo import act
from stratum.tests.browser import needs_chromium, violations
from tenants.context import tenant_context

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    needs_chromium,
]
NAMES = ("Winter boots – prospecting, broad audience, all placements", "Hats", "Tents for two", "Stoves")
BUDGET = {"percent": "-20", "currency": "USD", "floor": "10", "ceiling": "500", "beyond": "clamp"}


@pytest.fixture
def rule(acme, manager):
    """Three versions; one run on four campaigns, of which one was changed by hand afterwards."""
    draft = RuleDraft(
        name="Budget guard",
        description="",
        condition_field="cpa",
        condition_operator="greater_than",
        condition_value="40",
        condition_duration_hours=72,
        action_type="adjust_budget",
        action_config=BUDGET,
    )
    with tenant_context(acme), transaction.atomic():
        actor = person(manager)
        rule = services.rule_create(draft=draft, actor=actor)
        account = make_connected_account(acme)
        campaigns = [make_changeable(acme, account=account, name=name) for name in NAMES]
        now = datetime.datetime.now(datetime.UTC)
        for campaign in campaigns:
            act(rule, campaign, "daily_budget", 8_000, now)
        RuleExecution.objects.update(rule_version=1)
        draft = dataclasses.replace(draft, condition_value="50", cooldown_hours=72, description="Since the fair.")
        rule = services.rule_update(rule=rule, draft=draft, actor=actor)
        config = {**BUDGET, "percent": "-30", "floor": "20"}
        draft = dataclasses.replace(draft, action_config=config, min_confidence=90, applies_to_platforms=["meta"])
        rule = services.rule_update(rule=rule, draft=draft, actor=actor)
        type(campaigns[0]).objects.filter(name="Hats").update(daily_budget_cents=9_000, labels=["protected"])
    return rule


def paths(rule):
    detail = reverse("rules:rule_detail", args=[rule.pk])
    return {
        "activity": detail,
        "versions": f"{detail}?tab=versions",
        "compare": f"{reverse('rules:rule_version_compare', args=[rule.pk])}?first=1&second=3",
        "undo": reverse("rules:rule_undo", args=[rule.pk]),
        "limits": reverse("rules:rule_limits"),
        "rules": reverse("rules:rule_list"),
    }


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark"), (1280, "dark"), (390, "light")])
def test_pages_fit_and_are_accessible(visit, admin, rule, width, scheme):
    for name, path in paths(rule).items():
        page = visit(admin, path, width=width, theme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), name
        assert violations(page) == [], name
    assert visit.complaints == []


def test_a_run_is_taken_back_and_a_version_used_again(visit, manager, acme, rule):
    page = visit(manager, reverse("rules:rule_detail", args=[rule.pk]))
    page.get_by_role("link", name="Take back this run (4)").click()
    expect(page.get_by_text("3 campaigns go back to what they were (Meta 3).")).to_be_visible()
    expect(page.get_by_text("Daily budgets together: $240.00 → $300.00.")).to_be_visible()
    page.get_by_role("button", name="Take back", exact=True).click()
    expect(page.get_by_text(re.compile("Taken back on 3 campaigns"))).to_be_visible()
    page.goto(paths(rule)["versions"])
    page.get_by_role("row", name=re.compile("Version 1")).get_by_role("button", name="Use this version").click()
    page.get_by_role("dialog").get_by_role("button", name="Use this version").click()
    expect(page.get_by_text("The settings of version 1 are back, as version 4.")).to_be_visible()
    assert visit.complaints == []
    with tenant_context(acme), transaction.atomic():
        assert CampaignChange.objects.filter(undoes__isnull=False).count() == 3
