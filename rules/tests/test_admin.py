"""What staff may do with rules: what the workspace's own people can, through the same services, with a reason."""

import pytest
from django.db import transaction
from django.urls import reverse

from accounts.models import AuditLog
from accounts.tests.factories import make_user
from rules.models import Rule
from tenants.context import tenant_context, unscoped
from tenants.tests.factories import make_tenant

RULES = "admin:rules_rule_changelist"


@pytest.fixture
def staff_client(db, client_of):
    return client_of(make_user(make_tenant("support"), "admin", is_staff=True, is_superuser=True))


@pytest.fixture
def looker_client(db, client_of):
    return client_of(make_user(make_tenant("lookers"), "viewer", is_staff=True))


def make_rule(tenant, **fields) -> Rule:
    values = {"condition_field": "roas", "condition_operator": "less_than", "condition_value": "1"}
    with tenant_context(tenant), transaction.atomic():
        return Rule.objects.create(
            tenant=tenant, **{"name": "Stop loss", "action_type": "send_alert", **values, **fields}
        )


def run(client, action: str, *rules: Rule, reason: str = "because"):
    data = {"action": action, "_selected_action": [rule.pk for rule in rules], "reason": reason}
    return client.post(reverse(RULES), data, follow=True)


def statuses() -> list[str]:
    with unscoped("test: look at the rules"), transaction.atomic():
        return list(Rule.objects.order_by("pk").values_list("status", flat=True))


def trail(tenant) -> list[AuditLog]:
    with tenant_context(tenant), transaction.atomic():
        return list(AuditLog.objects.order_by("pk"))


def test_rules_of_several_workspaces_are_paused_at_once(staff_client, acme, globex):
    rules = [make_rule(acme, status="active"), make_rule(globex, status="active")]
    response = run(staff_client, "pause", *rules, reason="Platform outage")
    assert "Done for 2 rows." in response.content.decode()
    assert statuses() == ["paused", "paused"]
    for tenant in (acme, globex):
        (entry,) = trail(tenant)
        assert (entry.actor_kind, entry.reason, entry.changed_fields) == ("staff", "Platform outage", ["status"])


def test_an_action_needs_its_reason(staff_client, acme):
    response = run(staff_client, "pause", make_rule(acme, status="active"), reason="  ")
    assert "Say why" in response.content.decode()
    assert statuses() == ["active"]


def test_a_refusal_stops_only_its_own_row(staff_client, acme):
    broken = make_rule(acme, name="Unreadable", condition_field="no_such_field")
    fine = make_rule(acme)
    response = run(staff_client, "activate", broken, fine)
    text = response.content.decode()
    assert "Unreadable:" in text
    assert "Done for 1 row." in text
    assert statuses() == ["draft", "active"]


def test_a_rule_that_others_undo_is_not_activated_by_staff(staff_client, acme):
    pause = {"action_type": "pause_campaign", "action_config": {"to": "paused"}}
    enable = {**pause, "action_config": {"to": "active"}, "condition_value": "0.5", "condition_operator": "gte"}
    make_rule(acme, name="Revive", status="active", **enable)
    response = run(staff_client, "activate", make_rule(acme, **pause))
    assert "it and “Revive” would undo each other" in response.content.decode()
    assert statuses() == ["active", "draft"]


def test_evaluation_is_asked_for_in_the_rules_own_workspace(staff_client, acme, globex):
    ours, theirs = make_rule(acme, status="active"), make_rule(globex, status="active")
    run(staff_client, "evaluate_now", ours)
    (entry,) = trail(acme)
    assert entry.new_value == {"operation": "evaluated_now", "rules": [ours.pk]}
    assert trail(globex) == []
    response = run(staff_client, "evaluate_now", make_rule(acme, name="Resting"))
    assert "Only active rules are evaluated." in response.content.decode()
    assert theirs.pk


def test_who_may_only_look_has_no_actions(looker_client, acme):
    rule = make_rule(acme, status="active")
    assert "evaluate_now" not in looker_client.get(reverse(RULES)).content.decode()
    run(looker_client, "pause", rule)
    assert statuses() == ["active"]


def test_a_rule_is_deleted_by_its_service(staff_client, acme):
    rule = make_rule(acme)
    page = reverse("admin:rules_rule_delete", args=[rule.pk])
    assert staff_client.post(page, {"post": "yes", "reason": "Asked for"}).status_code == 302
    assert statuses() == []
    (entry,) = trail(acme)
    assert (entry.action, entry.reason) == ("delete", "Asked for")
