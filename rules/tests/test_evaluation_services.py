"""One pass: what it writes, when it acts again, and what stops it."""

import datetime
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier, BrokenBarrierError

import pytest
import time_machine
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.audit import Actor
from accounts.models import AuditLog
from campaigns.models import Campaign, CampaignMetric
from campaigns.services.campaigns import MAX_LABELS_PER_CAMPAIGN
from campaigns.tests.factories import make_account, make_campaign, make_day
from rules.actions import ApplyLabel
from rules.models import Alert, Rule, RuleExecution, RuleState
from rules.queries.evaluation import rule_memories
from rules.services import rules_evaluate
from rules.tests.factories import make_rule
from tenants.context import tenant_context, unscoped

NOW = datetime.datetime(2026, 11, 23, 9, 0, tzinfo=datetime.UTC)
YESTERDAY = datetime.date(2026, 11, 22)
ALERT = {"action_type": "send_alert", "action_config": {"severity": "critical", "message": "Look here."}}


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def make_hot(tenant, **fields):
    """A campaign that spent 150.00 yesterday."""
    campaign = make_campaign(tenant, **fields)
    make_day(campaign, YESTERDAY, spend_cents=15_000)
    return campaign


@pytest.fixture
def hot(in_acme):
    return make_hot(in_acme)


def kept(rule):
    """Outcomes of the feed, oldest first."""
    return list(RuleExecution.objects.filter(rule=rule).order_by("pk").values_list("outcome", flat=True))


def later(clock, **by):
    """Time passes, and the account's numbers are brought up to date."""
    clock.shift(datetime.timedelta(**by))
    CampaignMetric.objects.update(date=YESTERDAY + (datetime.datetime.now(datetime.UTC).date() - NOW.date()))
    CampaignMetric.objects.update(known_at=datetime.datetime.now(datetime.UTC))


def test_match_applies_the_label_once_and_explains(hot, in_acme):
    rule = make_rule(in_acme)
    counts = rules_evaluate()
    assert (counts.acted, counts.pairs, counts.records) == (1, 1, 1)
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
    state = RuleState.objects.get()
    assert (state.outcome, state.since, state.last_acted_at) == ("acted", NOW, NOW)


def test_actions_are_audited_as_the_rules(hot, in_acme):
    rule = make_rule(in_acme, name="Mark the hot")
    make_rule(in_acme, name="Tell me", **ALERT)
    rules_evaluate()
    entries = {entry.resource_type: entry for entry in AuditLog.objects.filter(actor_kind="rule")}
    assert set(entries) == {"campaigns", "alerts"}
    assert entries["campaigns"].actor_label == rule.name
    assert entries["campaigns"].new_value["campaign_ids"] == [hot.pk]
    assert entries["alerts"].new_value["opened"] == [Alert.objects.get().pk]


def test_quiet_checks_leave_nothing(in_acme, hot):
    rule = make_rule(in_acme, condition_value="1000")
    rules_evaluate()
    rules_evaluate()
    assert kept(rule) == []
    assert not RuleState.objects.exists()
    rule.refresh_from_db()
    assert rule.last_evaluated_at == NOW
    assert rule.trigger_count == 0


def test_only_changes_of_outcome_are_kept(hot, in_acme, clock):
    rule = make_rule(in_acme)
    for _check in range(3):
        rules_evaluate()
        clock.shift(datetime.timedelta(minutes=15))
    CampaignMetric.objects.update(spend_cents=1)
    rules_evaluate()
    rules_evaluate()
    CampaignMetric.objects.update(known_at=NOW - datetime.timedelta(days=2))
    rules_evaluate()
    rules_evaluate()
    assert kept(rule) == ["acted", "cooldown", "no_match", "held_stale"]
    assert RuleState.objects.get().last_acted_at == NOW


def test_cooldown_ends_exactly(hot, in_acme, clock):
    rule = make_rule(in_acme, cooldown_hours=24, **ALERT)
    rules_evaluate()
    later(clock, hours=24, microseconds=-1)
    rules_evaluate()
    assert kept(rule) == ["acted", "cooldown"]
    held = RuleExecution.objects.latest("pk").condition_result
    assert held["allowed_again_at"] == (NOW + datetime.timedelta(hours=24)).isoformat()
    later(clock, microseconds=1)
    rules_evaluate()
    assert kept(rule) == ["acted", "cooldown", "acted"]


def test_without_cooldown_it_acts_at_every_check(hot, in_acme):
    rule = make_rule(in_acme, cooldown_hours=0, **ALERT)
    for _check in range(3):
        rules_evaluate()
    assert kept(rule) == ["acted"] * 3
    assert Alert.objects.get().occurrences == 3


def test_repeats_are_counted_on_the_open_alert(hot, in_acme, clock):
    rule = make_rule(in_acme, name="Too hot", cooldown_hours=1, **ALERT)
    rules_evaluate()
    later(clock, hours=1)
    rules_evaluate()
    alert = Alert.objects.get()
    assert (alert.title, alert.severity, alert.occurrences) == ("Too hot", "critical", 2)
    assert (alert.first_at, alert.last_at) == (NOW, NOW + datetime.timedelta(hours=1))
    assert (alert.rule_id, alert.campaign_id) == (rule.pk, hot.pk)
    assert alert.body == "Look here."
    assert alert.data["explanation"]["actual"] == "150"
    alert.status = "acknowledged"
    alert.save()
    later(clock, hours=1)
    rules_evaluate()
    assert sorted(Alert.objects.values_list("status", "occurrences")) == [("acknowledged", 2), ("open", 1)]


def test_scope_is_respected(in_acme):
    account = make_account(in_acme, platform="google")
    wanted = make_hot(in_acme, account=account)
    for other in (make_hot(in_acme), make_hot(in_acme, account=account, status="paused")):
        assert other.labels == []
    make_rule(in_acme, applies_to_platforms=["google"], applies_to_statuses=["active"])
    counts = rules_evaluate()
    assert counts.pairs == 1
    assert list(Campaign.objects.labelled("Hot")) == [wanted]


def test_deleted_campaigns_and_inactive_rules_are_left_alone(hot, in_acme):
    Campaign.objects.update(is_deleted=True)
    make_rule(in_acme)
    assert rules_evaluate().pairs == 0
    Campaign.objects.with_deleted().update(is_deleted=False)
    Rule.objects.update(status="paused")
    assert rules_evaluate().rules == 0
    Rule.objects.update(status="active", is_deleted=True)
    assert rules_evaluate().rules == 0
    assert not RuleExecution.objects.exists()


def test_another_workspaces_look_alikes_are_never_touched(acme, globex):
    """Same names, same numbers, and a rule that even names the other workspace's campaign."""
    with tenant_context(globex), transaction.atomic():
        foreign = make_hot(globex, name="Look-alike")
    with tenant_context(acme), transaction.atomic():
        own = make_hot(acme, name="Look-alike")
        make_rule(acme)
        make_rule(acme, applies_to_campaigns=[own.pk, foreign.pk], **ALERT)
        rules_evaluate()
    with unscoped("test"), transaction.atomic():
        assert Campaign.objects.get(pk=own.pk).labels == ["Hot"]
        assert Campaign.objects.get(pk=foreign.pk).labels == []
        for model in (RuleExecution, RuleState, Alert):
            assert set(model.objects.values_list("tenant_id", "campaign_id")) == {(acme.pk, own.pk)}


BROKEN = {
    "unknown field": {"condition_field": "rosa"},
    "operator of another type": {"condition_operator": "contains"},
    "no number": {"condition_value": "lots"},
    "impossible window": {"condition_duration_hours": 0},
    "empty scope": {"applies_to_platforms": []},
    "scope of another shape": {"applies_to_campaigns": {"all": True}},
    "action of the future": {"action_type": "notify_slack", "action_config": {}},
    "settings of another action": {"action_config": {"severity": "info"}},
    "negative rest": {"cooldown_hours": -1},
    "only campaigns that are gone": {"applies_to_campaigns": [2_000_000_000]},
    "a label that nobody carries": {
        "condition_field": "labels", "condition_operator": "not_equals", "condition_value": "Keep",
    },
    "labels of which nobody carries one": {
        "condition_tree": {"any": [
            {"field": "labels", "operator": "in", "value": "Keep, Brand"},
            {"field": "status", "operator": "equals", "value": "active"},
        ]},
    },
    "a schedule of the future": {"schedule": {"every": "moon"}},
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_rule_is_held_and_says_so_and_others_go_on(hot, in_acme, case):
    broken = make_rule(in_acme, name="Broken", **BROKEN[case])
    sound = make_rule(in_acme, action_config={"label": "Sound"})
    counts = rules_evaluate()
    rules_evaluate()
    assert (counts.rules, counts.rules_held, counts.acted) == (2, 1, 1)
    broken.refresh_from_db()
    assert broken.held_reason.endswith(".")
    assert broken.last_evaluated_at is None
    assert kept(broken) == []
    assert kept(sound)[0] == "acted"
    alert = Alert.objects.get()
    assert (alert.rule_id, alert.campaign_id, alert.body, alert.occurrences) == (broken.pk, None, broken.held_reason, 1)


@pytest.mark.parametrize("operator", ["not_equals", "in"])
def test_a_label_that_another_rule_applies_or_somebody_carries_is_not_lost(hot, in_acme, operator):
    make_hot(in_acme, labels=["Brand"])
    asked = {"condition_field": "labels", "condition_operator": operator, **ALERT}
    for label in ("Keep", "Brand") if operator == "not_equals" else ("Gone, Brand",):
        make_rule(in_acme, condition_value=label, **asked)
    make_rule(in_acme, action_config={"label": "Keep"})
    assert rules_evaluate().rules_held == 0


def test_a_mended_rule_is_free_again(hot, in_acme):
    rule = make_rule(in_acme, condition_value="lots")
    rules_evaluate()
    Rule.objects.update(condition_value="100")
    rules_evaluate()
    rule.refresh_from_db()
    assert rule.held_reason == ""
    assert kept(rule) == ["acted"]
    assert Alert.objects.get().status == "resolved"


def test_a_failing_action_takes_no_other_with_it(hot, in_acme, monkeypatch):
    """The database refuses one rule's action: that one says so, once; it is tried again at the next check."""
    failing = make_rule(in_acme, name="Failing")
    other = make_rule(in_acme, **ALERT)

    def refuse(self, changes, **kwargs):
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")

    with monkeypatch.context() as patched:
        patched.setattr(ApplyLabel, "apply", refuse)
        counts = rules_evaluate()
        rules_evaluate()
    assert (counts.acted, counts.failed) == (1, 1)
    assert kept(failing) == ["failed"]
    row = RuleExecution.objects.get(rule=failing)
    assert (row.triggered, row.action_result) == (False, None)
    assert row.error == "The action could not be stored. It is tried again."
    assert kept(other) == ["acted", "cooldown"]
    assert RuleState.objects.get(rule=failing).last_acted_at is None
    rules_evaluate()
    assert kept(failing) == ["failed", "acted"]


def test_a_campaign_full_of_labels_fails_alone(in_acme):
    account = make_account(in_acme)
    full = make_hot(in_acme, account=account, labels=[f"label {n}" for n in range(MAX_LABELS_PER_CAMPAIGN)])
    free = make_hot(in_acme, account=account)
    make_rule(in_acme)
    counts = rules_evaluate()
    assert (counts.acted, counts.failed) == (1, 1)
    assert dict(RuleState.objects.values_list("campaign_id", "outcome")) == {full.pk: "failed", free.pk: "acted"}


def test_a_label_somebody_added_meanwhile_is_kept_once(hot, in_acme):
    Campaign.objects.update(labels=["Hot", "mine"])
    rule = make_rule(in_acme)
    rules_evaluate()
    assert kept(rule) == ["already_in_state"]
    assert Campaign.objects.get().labels == ["Hot", "mine"]


def test_a_person_who_asks_is_named(hot, in_acme, manager):
    rule = make_rule(in_acme)
    rules_evaluate(rule_ids=[rule.pk], actor=Actor(kind="user", user=manager, request_id="r1"))
    asked, acted = AuditLog.objects.order_by("pk")
    assert (asked.actor_kind, asked.user_id, asked.new_value["rules"]) == ("user", manager.pk, [rule.pk])
    assert (acted.actor_kind, acted.actor_label, acted.request_id) == ("rule", rule.name, "r1")


def test_only_the_named_rules_are_evaluated(hot, in_acme):
    named, other = make_rule(in_acme), make_rule(in_acme, **ALERT)
    rules_evaluate(rule_ids=[named.pk])
    assert kept(named) == ["acted"]
    assert kept(other) == []


@pytest.mark.django_db(transaction=True)
def test_two_workers_fire_once(acme, monkeypatch):
    """Both start at the same moment, and each waits for the other between reading what is remembered and acting."""
    with tenant_context(acme), transaction.atomic():
        make_hot(acme)
        rule = make_rule(acme, **ALERT)
    start, both_have_read = Barrier(2), Barrier(2)

    def read_and_wait(*args):
        memories = rule_memories(*args)
        with suppress(BrokenBarrierError):
            both_have_read.wait(timeout=1)
        return memories

    def work(_worker):
        with tenant_context(acme):
            start.wait()
            try:
                return rules_evaluate(now=NOW)
            finally:
                connection.close()

    monkeypatch.setattr("rules.services.evaluation.rule_memories", read_and_wait)
    with ThreadPoolExecutor(2) as workers:
        results = list(workers.map(work, range(2)))
    assert [result.acted for result in results if result is not None] == [1]
    with tenant_context(acme), transaction.atomic():
        assert kept(rule) == ["acted"]
        assert Alert.objects.get().occurrences == 1
        assert Rule.objects.get().trigger_count == 1


@pytest.mark.django_db(transaction=True)
def test_a_second_worker_leaves_a_running_pass_alone(acme, globex):
    """Of one workspace only: another one's pass is free to run."""
    for tenant in (acme, globex):
        with tenant_context(tenant), transaction.atomic():
            make_hot(tenant)
            make_rule(tenant)

    def elsewhere(tenant):
        with tenant_context(tenant):
            try:
                with transaction.atomic(), connection.cursor() as cursor:
                    # Should it wait for the first one's rows, it fails instead of hanging.
                    cursor.execute("SET LOCAL lock_timeout = '2s'")
                    return rules_evaluate(now=NOW)
            finally:
                connection.close()

    with ThreadPoolExecutor(1) as other, tenant_context(acme), transaction.atomic():
        assert rules_evaluate(now=NOW).acted == 1
        assert other.submit(elsewhere, acme).result() is None
        assert other.submit(elsewhere, globex).result().acted == 1


@pytest.mark.django_db(transaction=True)
def test_a_pass_that_dies_leaves_nothing(acme, monkeypatch):
    with tenant_context(acme), transaction.atomic():
        make_hot(acme)
        rule = make_rule(acme)
    with tenant_context(acme):
        with monkeypatch.context() as patched:
            patched.setattr("rules.services.evaluation.rules_mark_evaluated", lambda *args, **kwargs: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                rules_evaluate(now=NOW)
        with transaction.atomic():
            assert kept(rule) == []
            assert Campaign.objects.get().labels == []
            assert not AuditLog.objects.exists()
        # The lock died with the transaction.
        assert rules_evaluate(now=NOW).acted == 1


def statements(work):
    with CaptureQueriesContext(
        connection,
    ) as captured:
        work()
    return len(captured)


def test_statements_do_not_grow_with_campaigns(in_acme):
    account = make_account(in_acme)
    make_hot(in_acme, account=account)
    make_rule(in_acme)
    make_rule(in_acme, **ALERT)
    one = statements(rules_evaluate)
    RuleState.objects.all().delete()
    Campaign.objects.update(labels=[])
    for _more in range(2):
        make_hot(in_acme, account=account)
    assert statements(rules_evaluate) == one
    assert RuleExecution.objects.filter(outcome="acted").count() == 2 + 6


def test_statements_do_not_grow_with_quiet_rules(hot, in_acme):
    make_rule(in_acme, condition_value="1000")
    one = statements(rules_evaluate)
    for days in (3, 7):
        make_rule(in_acme, condition_field="roas", condition_duration_hours=24 * days)
    assert statements(rules_evaluate) == one


def test_database_errors_outside_actions_are_not_swallowed(hot, in_acme, monkeypatch):
    def fail(*args, **kwargs):
        raise DatabaseError("gone")

    make_rule(in_acme)
    monkeypatch.setattr("rules.services.evaluation.campaign_facts", fail)
    with pytest.raises(DatabaseError), transaction.atomic():
        rules_evaluate()
