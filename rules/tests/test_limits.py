"""The limits of automation: who sets them, what is refused, what the page says about their use."""

import datetime

import pytest
import time_machine
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import AuditLog
from campaigns.models import Campaign
from campaigns.tests.change_helpers import make_changeable, person
from rules.conditions.automation import BOUNDS, Automation
from rules.models import Rule, RuleExecution
from rules.queries.limits import limits_used
from rules.services import automation_freeze, automation_set_limits, rules_evaluate
from rules.tests.factories import make_rule
from rules.tests.platform_cast import NOW, allow, make_change, make_pause_rule, make_spender
from stratum.lib.errors import DomainError
from tenants.context import tenant_context
from tenants.models import Tenant

PAGE, SAVE = "rules:rule_limits", "rules:rule_limits_save"
HOUR = datetime.timedelta(hours=1)


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False):
        yield


def inside(tenant, work):
    with tenant_context(tenant), transaction.atomic():
        return work()


def stored():
    return Tenant.objects.get().settings


def set_limits(user, **limits):
    return automation_set_limits(limits=limits, actor=person(user))


# --- Setting them ---------------------------------------------------------------------------------------------


def test_limits_are_set_and_everything_else_stays(in_acme, admin):
    automation_freeze(actor=person(admin))
    tenant = Tenant.objects.get()
    tenant.settings = {**tenant.settings, "demo": True, "automation": {**tenant.settings["automation"], "kept": [1]}}
    tenant.save(update_fields=["settings"])
    assert set_limits(admin, max_changes_24h=5, approval_percent=80)
    found = stored()
    assert (found["demo"], found["automation"]["kept"]) == (True, [1])
    automation = Automation.of(found)
    assert (automation.frozen, automation.frozen_since) == (True, NOW.isoformat())
    assert (automation.max_changes_24h, automation.max_budget_move_percent, automation.approval_percent) == (5, 50, 80)
    entry = AuditLog.objects.latest("pk")
    assert (entry.user, entry.resource_type) == (admin, "tenants")
    assert entry.old_value == {"automation_max_changes_24h": 2, "automation_approval_percent": 30}
    assert entry.new_value == {"automation_max_changes_24h": 5, "automation_approval_percent": 80}


def test_what_does_not_change_leaves_no_trace_and_none_is_the_default(in_acme, admin):
    assert not set_limits(admin, max_changes_24h=None)
    assert set_limits(admin, max_changes_24h=5)
    assert not set_limits(admin, max_changes_24h=5)
    assert set_limits(admin, max_changes_24h=None)
    assert Automation.of(stored()) == Automation()
    assert AuditLog.objects.count() == 2


@pytest.mark.parametrize("broken", [{"automation": "broken"}, {"automation": None}, {"automation": {"frozen": 1}}])
def test_broken_settings_are_mended(in_acme, admin, broken):
    Tenant.objects.update(settings=broken)
    assert set_limits(admin, approval_percent=40)
    assert Automation.of(stored()).approval_percent == 40


REFUSED = [(name, edge) for name, (least, most) in BOUNDS.items() for edge in (least - 1, most + 1)]


@pytest.mark.parametrize(("name", "value"), [*REFUSED, ("approval_percent", True), ("spell", 1)])
def test_senseless_values_are_refused_by_their_field(in_acme, admin, name, value):
    with pytest.raises(DomainError) as caught:
        set_limits(admin, **{name: value})
    assert caught.value.field == name
    assert stored().get("automation") is None
    assert not AuditLog.objects.exists()


@given(data=st.data())
def test_what_may_be_set_is_what_is_read(data):
    limits = {name: data.draw(st.integers(*bounds)) for name, bounds in BOUNDS.items()}
    automation = Automation.of({"automation": limits})
    assert {name: getattr(automation, name) for name in BOUNDS} == limits


def test_a_limit_holds_from_the_next_pass(in_acme, admin):
    make_spender(in_acme)
    allow(in_acme)
    make_pause_rule(in_acme)
    set_limits(admin, max_changes_24h=0)
    rules_evaluate()
    set_limits(admin, max_changes_24h=1)
    rules_evaluate()
    assert list(RuleExecution.objects.order_by("pk").values_list("outcome", flat=True)) == ["cap", "acted"]


# --- Their use ------------------------------------------------------------------------------------------------


def test_what_is_used_is_counted(in_acme):
    allow(in_acme, max_changes_24h=2, max_budget_move_percent=50)
    often, once, moved, far, long_ago = (
        make_changeable(in_acme, daily_budget_cents=budget) for budget in (10_000, 10_000, 12_000, 15_000, 10_000)
    )
    for hours in (1, 2):
        make_change(often, ago=hours * HOUR)
    make_change(once, ago=HOUR)
    make_change(once, ago=HOUR, state="failed")
    make_change(long_ago, ago=24 * HOUR)
    for campaign in (moved, far):
        make_change(campaign, ago=HOUR, field="daily_budget", old_status=None, new_status=None,
                    old_budget_cents=10_000, new_budget_cents=campaign.daily_budget_cents)  # fmt: skip
    Campaign.objects.filter(pk=often.pk).update(labels=["Protected", "x"])
    Campaign.objects.filter(pk=once.pk).update(labels=["protected"])
    make_rule(in_acme, awaiting_since=NOW - HOUR)
    make_rule(in_acme, awaiting_since=NOW - 25 * HOUR)
    used = limits_used(now=NOW)
    assert (used.changed, used.at_limit, used.moved, used.moved_most, used.waiting) == (4, 1, 2, 1, 1)
    assert sorted(used.protected) == [("Protected", 1), ("protected", 1)]


# --- The page -------------------------------------------------------------------------------------------------


def page_of(client):
    return client.get(reverse(PAGE)).content.decode()


def test_an_admin_sets_them_on_the_page(acme, admin, client_of):
    client = client_of(admin)
    page = page_of(client)
    for words in ("Changes of one campaign in 24 hours", "2 is the default", "50% is the default", "30% is the default",
                  "0 campaigns were changed in the last 24 hours", "No campaign carries it."):  # fmt: skip
        assert words in page, words
    data = {"max_changes_24h": "4", "max_budget_move_percent": "", "approval_percent": "30"}
    assert "Saved." in client.post(reverse(SAVE), data, follow=True).content.decode()
    assert inside(acme, lambda: stored()["automation"]) == {"max_changes_24h": 4}
    page = page_of(client)
    assert 'value="4"' in page
    assert "The default is 2." in page
    assert "Nothing was different." in client.post(reverse(SAVE), data, follow=True).content.decode()


@pytest.mark.parametrize("value", ["-1", "101", "many", "2.5"])
def test_a_mistake_is_shown_at_its_field(acme, admin, client_of, value):
    data = {"max_changes_24h": value, "max_budget_move_percent": "50", "approval_percent": "30"}
    response = client_of(admin).post(reverse(SAVE), data)
    assert response.status_code == 422
    assert response.context["form"].errors.keys() == {"max_changes_24h"}
    assert "whole number" in response.content.decode()
    assert inside(acme, lambda: stored().get("automation")) is None


def test_who_may_read_and_who_may_set(acme, viewer, analyst, manager, admin, client_of):
    for user, may_save in ((viewer, False), (analyst, False), (manager, False), (admin, True)):
        client = client_of(user)
        page = page_of(client)
        assert "2 (default)" in page or may_save
        assert (reverse(SAVE) in page) == may_save
        assert (reverse("rules:automation_freeze") in page) == user.can("edit_rules")
        assert client.post(reverse(SAVE), {"max_changes_24h": "3"}).status_code == (302 if may_save else 403)
        assert client.get(reverse(SAVE)).status_code == 405


def test_the_list_of_rules_leads_there(acme, viewer, client_of):
    assert reverse(PAGE) in client_of(viewer).get(reverse("rules:rule_list")).content.decode()


def test_protected_campaigns_are_led_to_by_their_label(acme, viewer, client_of):
    inside(acme, lambda: make_changeable(acme, labels=["PROTECTED"]))
    page = page_of(client_of(viewer))
    assert f"{reverse('campaigns:campaign_list')}?label=PROTECTED" in page


def test_another_workspace_has_its_own(acme, globex, admin, outsider, client_of):
    def busy():
        campaign = make_changeable(acme, labels=["protected"])
        make_change(campaign, ago=HOUR)
        make_change(campaign, ago=2 * HOUR)
        Rule.objects.create(name="Asks", status="active", condition_field="spend", condition_operator="gte",
                            condition_value="1", action_type="send_alert", awaiting_since=NOW)  # fmt: skip

    inside(acme, busy)
    client_of(admin).post(reverse(SAVE), {"max_changes_24h": "9"})
    assert "1 campaign was changed in the last 24 hours" in page_of(client_of(admin))
    page = page_of(client_of(outsider))
    assert "0 campaigns were changed in the last 24 hours, 0 at the limit now." in page
    assert "No campaign carries it." in page
    assert inside(globex, lambda: stored().get("automation")) is None


def test_statements_do_not_grow_with_campaigns(acme, admin, client_of):
    def more():
        campaign = make_changeable(acme, labels=["protected"])
        make_change(campaign, ago=HOUR, field="daily_budget", old_status=None, new_status=None,
                    old_budget_cents=9_000, new_budget_cents=10_000)  # fmt: skip
        make_rule(acme, awaiting_since=NOW)

    def statements():
        with CaptureQueriesContext(connection) as captured:
            assert client.get(reverse(PAGE)).status_code == 200
        return len(captured)

    client = client_of(admin)
    inside(acme, more)
    client.get(reverse(PAGE))
    one = statements()
    inside(acme, more)
    inside(acme, more)
    assert statements() == one
