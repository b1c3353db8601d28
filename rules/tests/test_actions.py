"""Actions carried out and taken back."""

import datetime

import pytest

from accounts.audit import Actor
from campaigns.models import Campaign
from campaigns.tests.factories import make_campaign, make_day
from rules.actions import ApplyLabel, SendAlert, action_parse
from rules.actions.alert_rows import AlertRow, alerts_raise
from rules.actions.base import Done
from rules.models import Alert, RuleExecution
from rules.services import rules_evaluate
from rules.tests.factories import make_rule

NOW = datetime.datetime.now(datetime.UTC)
ACTOR = Actor.job("test")


@pytest.fixture
def hot(in_acme):
    campaign = make_campaign(in_acme)
    make_day(campaign, NOW.date() - datetime.timedelta(days=1), spend_cents=15_000)
    return campaign


def done():
    return [Done.from_json(row.campaign_id, row.action_result) for row in RuleExecution.objects.filter(triggered=True)]


@pytest.mark.parametrize(
    ("action", "config"),
    [
        ("apply_label", {"label": "Hot"}),
        ("send_alert", {"severity": "info"}),
        ("send_alert", {"severity": "critical", "message": "Look."}),
    ],
)
def test_settings_survive_a_round_trip(action, config):
    assert action_parse(action, config).as_json() == config


def test_labels_are_trimmed():
    assert action_parse("apply_label", {"label": "  very   hot "}) == ApplyLabel("very hot")


def test_label_is_taken_back_where_the_rule_put_it(hot, in_acme):
    make_rule(in_acme)
    rules_evaluate()
    Campaign.objects.update(labels=["Hot", "mine"])
    assert ApplyLabel("Hot").revert(done(), actor=ACTOR) == 1
    assert Campaign.objects.get().labels == ["mine"]
    assert ApplyLabel("Hot").revert(done(), actor=ACTOR) == 0


def test_label_that_was_there_before_stays(hot, in_acme):
    Campaign.objects.update(labels=["Hot"])
    before = [Done(hot.pk, {"labels": ["Hot"]}, {"labels": ["Hot", "Hot"]}, {})]
    assert ApplyLabel("Hot").revert(before, actor=ACTOR) == 0
    assert Campaign.objects.get().labels == ["Hot"]


def test_alert_is_resolved_unless_somebody_answered_it(hot, in_acme):
    make_rule(in_acme, action_type="send_alert", action_config={})
    rules_evaluate()
    assert SendAlert().revert(done(), actor=ACTOR) == 1
    assert Alert.objects.get().status == "resolved"
    Alert.objects.update(status="acknowledged")
    assert SendAlert().revert(done(), actor=ACTOR) == 0
    assert Alert.objects.get().status == "acknowledged"


def test_what_no_action_wrote_is_not_taken_back():
    for raw in ({}, {"before": {}}, {"before": {}, "after": {}, "spell": 1}):
        with pytest.raises(ValueError):
            Done.from_json(1, raw)


def test_one_cause_has_one_open_alert_per_workspace(in_acme):
    row = AlertRow(cause="account:1", severity="warning", title="x" * 300, body="b")
    first = alerts_raise([row], now=NOW, actor=ACTOR)
    assert alerts_raise([row], now=NOW, actor=ACTOR) == first
    alert = Alert.objects.get()
    assert (alert.occurrences, len(alert.title)) == (2, 255)
    assert alerts_raise([], now=NOW, actor=ACTOR) == {}
