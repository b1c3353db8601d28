"""Two people at the same moment: one takes a run back, the other finds it done; no version is lost or doubled."""

import dataclasses

import pytest
from django.db import transaction

from campaigns.models import Campaign, CampaignChange
from campaigns.tests.at_once import in_threads
from campaigns.tests.change_helpers import make_changeable, person
from rules import services
from rules.models import Rule, RuleExecution, RuleVersion
from rules.queries.undoing import scope_of_run
from rules.services import executions_undo
from rules.services.rules import RuleDraft
from rules.tests.factories import make_rule
from rules.tests.test_undo import act
from stratum.lib.errors import DomainError
from tenants.context import tenant_context

pytestmark = pytest.mark.django_db(transaction=True)


def inside(tenant, work):
    with tenant_context(tenant), transaction.atomic():
        return work()


def test_a_run_is_taken_back_once(acme, manager, admin):
    def made():
        rule = make_rule(acme)
        for _ in range(3):
            campaign = make_changeable(acme, labels=["Hot"])
            _change, execution = act(rule, campaign, "daily_budget", 12_000)
            RuleExecution.objects.create(
                rule=rule, campaign=campaign, triggered=True, outcome="acted", condition_result={},
                executed_at=execution.executed_at,
                action_result={"action": "apply_label", "before": {"labels": []}, "after": {"labels": ["Hot"]}},
            )  # fmt: skip
        return scope_of_run(rule.pk)

    scope = inside(acme, made)
    calls = [
        lambda user=user: inside(acme, lambda: executions_undo(scope=scope, actor=person(user)))
        for user in (manager, admin)
    ]
    results = in_threads(*calls)
    refused = [one for one in results if isinstance(one, DomainError)]
    assert len(refused) == 1
    assert len([one for one in results if isinstance(one, services.Undo)]) == 1

    def check():
        assert CampaignChange.objects.filter(undoes__isnull=False).count() == 3
        assert list(Campaign.objects.values_list("labels", flat=True)) == [[]] * 3

    inside(acme, check)


def test_versions_are_numbered_one_after_the_other(acme, manager):
    rule = inside(acme, lambda: make_rule(acme))
    draft = RuleDraft.of(rule)

    def update(priority):
        changed = dataclasses.replace(draft, priority=priority)
        return inside(acme, lambda: services.rule_update(rule=rule, draft=changed, actor=person(manager)))

    results = in_threads(*(lambda priority=priority: update(priority) for priority in (1, 2, 3)))
    assert sorted(one.version for one in results) == [2, 3, 4]

    def check():
        kept = list(RuleVersion.objects.order_by("number").values_list("number", flat=True))
        assert kept == [1, 2, 3, 4]
        newest = RuleVersion.objects.get(number=4)
        assert newest.settings["priority"] == Rule.objects.get().priority

    inside(acme, check)
