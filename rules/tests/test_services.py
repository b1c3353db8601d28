"""Writes on rules and alerts by people."""

import dataclasses

import pytest

from accounts.audit import Actor
from accounts.models import AuditLog
from campaigns.tests.factories import make_campaign
from rules import services
from rules.choices import RuleStatus
from rules.conditions import ConditionError
from rules.models import Alert, Rule, RuleState
from rules.services.rules import RuleDraft
from rules.tests.factories import make_alert, make_rule
from stratum.lib.errors import DomainError
from tenants.context import tenant_context

DRAFT = RuleDraft(
    name="Stop loss",
    condition_field="roas",
    condition_operator="less_than",
    condition_value="1.5",
    condition_duration_hours=48,
    action_type="apply_label",
    action_config={"label": "Hot"},
)


@pytest.fixture
def actor(manager):
    return Actor(kind="user", user=manager)


def changed(**fields):
    return dataclasses.replace(DRAFT, **fields)


def test_create_stores_and_audits(in_acme, actor):
    rule = services.rule_create(draft=DRAFT, status=RuleStatus.ACTIVE, actor=actor)
    stored = Rule.objects.get()
    assert (stored.pk, stored.status, stored.condition_value) == (rule.pk, "active", "1.5")
    entry = AuditLog.objects.get()
    assert (entry.action, entry.resource_type, entry.resource_id) == ("create", "rules", str(rule.pk))
    assert entry.new_value["condition_field"] == "roas"


REFUSED = {
    "name": {"name": "  "},
    "field": {"condition_field": "rosa"},
    "operator": {"condition_operator": "in"},
    "value": {"condition_value": "low"},
    "duration_hours": {"condition_duration_hours": 0},
    "action_type": {"action_type": "notify_pigeons"},
    "label": {"action_config": {"label": ""}},
    "action_config": {"action_config": {"label": "x", "y": 1}},
    "platforms": {"applies_to_platforms": ["myspace"]},
    "statuses": {"applies_to_statuses": []},
    "campaigns": {"applies_to_campaigns": [2_000_000_000]},
    "cooldown_hours": {"cooldown_hours": -1},
}


@pytest.mark.parametrize("place", REFUSED)
def test_what_cannot_be_read_is_not_saved(in_acme, actor, place):
    with pytest.raises(DomainError) as caught:
        services.rule_create(draft=changed(**REFUSED[place]), actor=actor)
    assert caught.value.field == place
    assert not Rule.objects.exists()
    assert not AuditLog.objects.exists()


def test_another_workspaces_campaign_cannot_be_chosen(acme, globex, actor):
    own, foreign = make_campaign(acme), make_campaign(globex)
    with tenant_context(acme), pytest.raises(ConditionError) as caught:
        services.rule_create(draft=changed(applies_to_campaigns=[own.pk, foreign.pk]), actor=actor)
    assert caught.value.code == "campaigns_unknown"


def test_update_keeps_cooldowns_and_frees_a_held_rule(in_acme, actor):
    campaign = make_campaign(in_acme)
    rule = make_rule(in_acme, condition_value="lots")
    services.rules_evaluate()
    assert Alert.objects.get().status == "open"
    RuleState.objects.create(rule=rule, campaign=campaign, outcome="acted")
    updated = services.rule_update(rule=rule, draft=changed(condition_value="2"), actor=actor)
    assert (updated.condition_value, updated.held_reason, updated.status) == ("2", "", "active")
    assert Alert.objects.get().status == "resolved"
    assert RuleState.objects.exists()
    entry = AuditLog.objects.filter(resource_type="rules", resource_id=str(rule.pk)).latest("pk")
    assert entry.old_value["condition_value"] == "lots"
    assert entry.new_value["condition_value"] == "2"


def test_status_changes_are_audited_once(in_acme, actor):
    rule = make_rule(in_acme, status="draft")
    services.rule_set_status(rule=rule, status=RuleStatus.ACTIVE, actor=actor)
    services.rule_set_status(rule=rule, status=RuleStatus.ACTIVE, actor=actor)
    assert Rule.objects.get().status == "active"
    assert AuditLog.objects.get().changed_fields == ["status"]


def test_a_broken_rule_is_not_activated(in_acme, actor):
    rule = make_rule(in_acme, status="paused", condition_value="lots")
    with pytest.raises(ConditionError):
        services.rule_set_status(rule=rule, status=RuleStatus.ACTIVE, actor=actor)
    assert Rule.objects.get().status == "paused"


def test_a_copy_is_a_draft_without_history(in_acme, actor):
    rule = make_rule(in_acme, name="x" * 255, trigger_count=9, applies_to_statuses=["active"])
    copy = services.rule_duplicate(rule=rule, actor=actor)
    assert (copy.status, copy.trigger_count, copy.applies_to_statuses) == ("draft", 0, ["active"])
    assert len(copy.name) == 255


def test_deletion_hides_and_restores(in_acme, actor):
    rule = make_rule(in_acme)
    services.rule_delete(rule=rule, actor=actor)
    assert not Rule.objects.exists()
    restored = services.rule_restore(rule_id=rule.pk, actor=actor)
    services.rule_restore(rule_id=rule.pk, actor=actor)
    assert (Rule.objects.get(), restored.status) == (rule, "active")
    assert list(AuditLog.objects.order_by("pk").values_list("action", flat=True)) == ["delete", "update"]


def test_acknowledging_answers_open_alerts_only(in_acme, actor, manager):
    alerts = [make_alert(in_acme) for _ in range(2)]
    resolved = make_alert(in_acme, status="resolved")
    ids = [alert.pk for alert in [*alerts, resolved]]
    assert services.alerts_acknowledge(alert_ids=ids, actor=actor) == 2
    assert services.alerts_acknowledge(alert_ids=ids, actor=actor) == 0
    assert set(Alert.objects.values_list("status", "acknowledged_by")) == {
        ("acknowledged", manager.pk),
        ("resolved", None),
    }
    assert AuditLog.objects.get().new_value["alerts"] == ids[:2]
    with pytest.raises(DomainError):
        services.alerts_acknowledge(alert_ids=[], actor=actor)


def test_reopening_is_refused_when_it_happened_again(in_acme, actor):
    old = make_alert(in_acme, cause="c", status="acknowledged")
    assert services.alert_reopen(alert=old, actor=actor).status == "open"
    services.alert_acknowledge(alert=old, actor=actor)
    make_alert(in_acme, cause="c")
    with pytest.raises(DomainError) as caught:
        services.alert_reopen(alert=old, actor=actor)
    assert caught.value.code == "newer_alert_open"
