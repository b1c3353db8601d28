"""One pass: what it writes, when it acts again, and what stops it."""

import datetime

import pytest
import time_machine

from campaigns.models import Campaign
from campaigns.tests.factories import make_campaign, make_day
from rules.models import RuleExecution, RuleState
from rules.services import rules_evaluate
from rules.tests.factories import make_rule

NOW = datetime.datetime(2026, 11, 23, 9, 0, tzinfo=datetime.UTC)
YESTERDAY = datetime.date(2026, 11, 22)


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def hot(in_acme):
    """A campaign that spent 150.00 yesterday."""
    campaign = make_campaign(in_acme)
    make_day(campaign, YESTERDAY, spend_cents=15_000)
    return campaign


def outcomes(rule):
    return dict(RuleState.objects.filter(rule=rule).values_list("campaign_id", "outcome"))


def test_match_applies_the_label_once_and_explains(hot, in_acme):
    rule = make_rule(in_acme)
    counts = rules_evaluate()
    assert counts.acted == 1
    assert Campaign.objects.get().labels == ["Hot"]
    row = RuleExecution.objects.get()
    assert (row.rule_id, row.campaign_id, row.triggered, row.outcome) == (rule.pk, hot.pk, True, "acted")
    assert row.condition_result == {
        "version": 1,
        "field": "spend",
        "operator": "greater_than",
        "needed": "100",
        "actual": "150",
        "currency": "USD",
        "window": {
            "days": 1,
            "start": "2026-11-22",
            "end": "2026-11-22",
            "zone": "UTC",
            "days_with_numbers": 1,
        },
        "parts": {"spend_cents": 15_000},
        "data_through": "2026-11-22",
    }
    assert row.action_result == {"action": "apply_label", "before": {"labels": []}, "after": {"labels": ["Hot"]}}
    rule.refresh_from_db()
    assert (rule.trigger_count, rule.last_evaluated_at, rule.last_triggered_at) == (1, NOW, NOW)
    assert outcomes(rule) == {hot.pk: "acted"}
