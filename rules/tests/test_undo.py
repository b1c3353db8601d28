"""Taking back what rules did: a run, the last days, one execution; never what somebody did since."""

import dataclasses
import datetime
from dataclasses import dataclass, field

import pytest
import time_machine
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from accounts.models import AuditLog
from campaigns.models import Campaign, CampaignChange
from campaigns.services.changes import change_request, change_undo
from campaigns.tests.change_helpers import RULE, make_changeable, on_platform, person, send
from campaigns.tests.factories import make_connected_account
from campaigns.tests.sandbox_cast import ACCOUNTS, connected
from campaigns.tests.test_change_sending import running
from rules import services
from rules.models import Alert, RuleExecution
from rules.queries.undoing import UndoScope, run_sizes, scope_of_run, scope_since
from rules.services import executions_undo, rules_evaluate, undo_preview
from rules.services.rules import RuleDraft
from rules.tests.factories import make_rule
from rules.tests.platform_cast import NOW, allow, make_budget_rule, make_pause_rule, make_spender
from stratum.lib.errors import DomainError
from tenants.context import tenant_context

ACTIONS = {"status": "pause_campaign", "daily_budget": "adjust_budget"}
COLUMNS = {"status": "status", "daily_budget": "daily_budget_cents"}


@pytest.fixture(autouse=True)
def clock(request):
    if "live_sandbox" in request.fixturenames:
        yield None
        return
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def inside(tenant, work):
    with tenant_context(tenant), transaction.atomic():
        return work()


def set_value(campaign, name, value):
    Campaign.objects.filter(pk=campaign.pk).update(**{COLUMNS[name]: value})


def value_of(campaign, name):
    return Campaign.objects.values_list(COLUMNS[name], flat=True).get(pk=campaign.pk)


def settle(*changes):
    """The platform takes them."""
    for change in changes:
        change.refresh_from_db()
        if change.state == "queued":
            CampaignChange.objects.filter(pk=change.pk).update(state="applied", finished_at=NOW)
            wanted = change.new_status if change.field == "status" else change.new_budget_cents
            set_value(change.campaign, change.field, wanted)


def act(rule, campaign, name, value, moment=NOW, *, settled=True):
    """The rule changed a campaign on its platform, as a pass does it: (the ledger's row, the execution)."""
    old = value_of(campaign, name)
    change = change_request(campaign=campaign, field=name, value=value, actor=RULE, origin="rule")
    execution = RuleExecution.objects.create(
        rule=rule, campaign=campaign, executed_at=moment, triggered=True, outcome="acted", condition_result={},
        action_result={
            "action": ACTIONS[name], "before": {name: old, "currency": "USD"},
            "after": {name: value, "currency": "USD"}, **({"made": {"change": change.pk}} if change else {})
        },
    )  # fmt: skip
    if settled and change is not None:
        settle(change)
    return change, execution


def everything(rule):
    return scope_since(rule.pk, NOW - datetime.timedelta(days=365))


def asked():
    """Rows of the ledger that take something back, as (campaign, field) → value."""
    rows = CampaignChange.objects.filter(undoes__isnull=False, state="queued")
    return {
        (row.campaign_id, row.field): row.new_status if row.field == "status" else row.new_budget_cents for row in rows
    }


# --- Any history ----------------------------------------------------------------------------------------------

FIELDS = ("status", "daily_budget")
VALUES = {"status": ["active", "paused"], "daily_budget": [8_000, 10_000, 12_000]}
OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["rule", "rule", "rule", "person", "outside", "silent", "back", "refused"]),
        # Mostly one field of one campaign: that is where histories meet.
        st.sampled_from([0, 0, 0, 1]),
        st.sampled_from(["status", "status", "daily_budget"]),
        st.integers(0, 2),
        st.booleans(),
    ),
    min_size=1,
    max_size=12,
)


@dataclass
class Event:
    """One change of one campaign's field that happened, or waits."""

    who: str
    old: object
    new: object
    run: int = -1
    change: CampaignChange | None = None
    waits: bool = False


@dataclass
class History:
    """What everybody did, as people would tell it: the newest last."""

    events: dict[tuple[int, str], list[Event]] = field(default_factory=dict)
    runs: int = 0


def live(rule, campaigns, user, operations) -> History:
    """Carry out a history in the database, and remember it here in plain words."""
    history = History({(campaign.pk, name): [] for campaign in campaigns for name in FIELDS})
    in_run: set[tuple[int, str]] = set()
    for who, which, name, choice, waits in operations:
        campaign, value = campaigns[which], VALUES[name][choice % len(VALUES[name])]
        events = history.events[campaign.pk, name]
        if events and events[-1].waits:
            settle(events[-1].change)
            events[-1].waits = False
        old = value_of(campaign, name)
        campaign.refresh_from_db()
        if who == "back":
            if events and events[-1].who == "person" and old == events[-1].new:
                settle(change_undo(change=events.pop().change, actor=person(user)))
            continue
        if value == old:
            continue
        if who == "rule":
            if (campaign.pk, name) in in_run:
                history.runs, in_run = history.runs + 1, set()
            in_run.add((campaign.pk, name))
            moment = NOW - datetime.timedelta(hours=100 - history.runs)
            change, _execution = act(rule, campaign, name, value, moment, settled=not waits)
            events.append(Event(who, old, value, history.runs, change, waits))
        elif who == "refused":
            change, _execution = act(rule, campaign, name, value, NOW - datetime.timedelta(hours=200), settled=False)
            CampaignChange.objects.filter(pk=change.pk).update(state="failed")
        elif who == "person":
            change = change_request(campaign=campaign, field=name, value=value, actor=person(user))
            settle(change)
            events.append(Event(who, old, value, change=change))
        else:
            set_value(campaign, name, value)
            if who == "outside":
                suffix = "status" if name == "status" else "budget_cents"
                CampaignChange.objects.create(
                    campaign=campaign, field=name, origin="outside", state="applied", finished_at=NOW,
                    **{f"old_{suffix}": old, f"new_{suffix}": value},
                )  # fmt: skip
                events.append(Event(who, old, value))
    return history


def expected_backs(history, present, runs):
    """(campaign, field) → the value that the unbroken run of the rule's doings at the end began from."""
    found = {}
    for key, events in history.events.items():
        value, rest = present[key], list(events)
        if rest and rest[-1].waits and rest[-1].run in runs:
            rest.pop()
        elif rest and rest[-1].waits:
            continue
        goes = value
        while rest and rest[-1].run in runs and rest[-1].new == goes:
            goes = rest.pop().old
        if goes != value:
            found[key] = goes
    return found


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(operations=OPERATIONS)
@example([("rule", 0, "status", 1, False), ("person", 0, "status", 0, False), ("person", 0, "status", 1, False)])
@example([("rule", 0, "status", 1, False), ("rule", 0, "status", 0, True)])
@example([("rule", 0, "status", 1, False), ("person", 0, "status", 0, False), ("back", 0, "status", 0, False)])
def test_only_what_stands_as_the_rule_left_it_goes_back(in_acme, manager, operations):
    with transaction.atomic():
        campaigns = [make_changeable(in_acme) for _ in range(2)]
        rule = make_pause_rule(in_acme)
        history = live(rule, campaigns, manager, operations)
        for scope, runs in ((scope_of_run(rule.pk), {history.runs}), (everything(rule), set(range(history.runs + 1)))):
            if scope is None or (runs == {history.runs} and not is_of_run(history)):
                continue
            with transaction.atomic():
                check(history, campaigns, rule, scope, runs, manager)
                transaction.set_rollback(True)
        transaction.set_rollback(True)


def is_of_run(history):
    return any(event.run == history.runs for events in history.events.values() for event in events)


def check(history, campaigns, rule, scope, runs, user):
    present = {(campaign.pk, name): value_of(campaign, name) for campaign in campaigns for name in FIELDS}
    waiting = {key for key, events in history.events.items() if events and events[-1].waits and events[-1].run in runs}
    expected = expected_backs(history, present, runs)
    shown = undo_preview(scope=scope)
    try:
        undo = executions_undo(scope=scope, actor=person(user))
    except DomainError:
        undo = None
        assert shown.is_empty
        assert not expected
        assert not waiting
    if undo is not None:
        assert {(one.standing.id, one.field, one.value) for one in undo.steps} == {
            (one.standing.id, one.field, one.value) for one in shown.steps
        }
        assert undo.reasons == shown.reasons
    backs = asked()
    assert backs == expected
    for key, events in history.events.items():
        changed = [event for event in events if event.run in runs]
        if key in backs:
            # Nobody came after the rule, and the campaign showed what the rule had left.
            assert events[-1].run in runs
            left = changed[-2] if changed[-1].waits else changed[-1]
            assert present[key] == left.new
        if key in waiting:
            events[-1].change.refresh_from_db()
            assert events[-1].change.state == "failed"
    assert {key: value_of_key(key) for key in present} == present  # the platform is told by a worker
    rows = CampaignChange.objects.count()
    for _again in range(2):
        with pytest.raises(DomainError) as caught:
            executions_undo(scope=scope, actor=person(user))
        assert str(caught.value)
        settle(*CampaignChange.objects.filter(state="queued", undoes__isnull=False))
    assert CampaignChange.objects.count() == rows
    assert {key: value_of_key(key) for key in expected} == expected


def value_of_key(key):
    campaign_id, name = key
    return Campaign.objects.values_list(COLUMNS[name], flat=True).get(pk=campaign_id)


# --- Stories --------------------------------------------------------------------------------------------------


@pytest.fixture
def rule(in_acme):
    return make_budget_rule(in_acme, name="Raise")


def test_two_steps_of_a_campaign_go_back_in_one(in_acme, rule, manager):
    campaign = make_changeable(in_acme)
    first, _one = act(rule, campaign, "daily_budget", 12_000, NOW - datetime.timedelta(days=1))
    second, _two = act(rule, campaign, "daily_budget", 14_400)
    undo = executions_undo(scope=everything(rule), actor=person(manager))
    (back,) = CampaignChange.objects.filter(undoes__isnull=False)
    assert (back.undoes_id, back.old_budget_cents, back.new_budget_cents) == (first.pk, 14_400, 10_000)
    assert (back.origin, back.user_id, back.state) == ("person", manager.pk, "queued")
    assert undo.to_send == {campaign.ad_account_id: [back.pk]}
    settle(back)
    for change in (first, second):
        with pytest.raises(DomainError) as caught:
            change_undo(change=change, actor=person(manager))
        assert caught.value.code == "undone"


def test_a_persons_edit_in_between_ends_it(in_acme, rule, manager):
    campaign = make_changeable(in_acme)
    act(rule, campaign, "daily_budget", 12_000, NOW - datetime.timedelta(days=1))
    settle(change_request(campaign=fresh(campaign), field="daily_budget", value=15_000, actor=person(manager)))
    act(rule, fresh(campaign), "daily_budget", 18_000)
    undo = executions_undo(scope=everything(rule), actor=person(manager))
    assert asked() == {(campaign.pk, "daily_budget"): 15_000}
    assert [(code, count) for code, _text, count in undo.reasons] == [("changed_since", 1)]


def test_an_edit_to_the_same_value_is_an_edit_and_stays(in_acme, rule, manager):
    campaign = make_changeable(in_acme)
    act(rule, campaign, "daily_budget", 12_000)
    for value in (15_000, 12_000):
        settle(change_request(campaign=fresh(campaign), field="daily_budget", value=value, actor=person(manager)))
    with pytest.raises(DomainError) as caught:
        executions_undo(scope=everything(rule), actor=person(manager))
    assert caught.value.code == "changed_since"
    assert asked() == {}


def fresh(campaign):
    return Campaign.objects.select_related("ad_account").get(pk=campaign.pk)


def test_what_waits_is_not_sent_and_what_was_tried_is_sent_back(in_acme, rule, manager):
    quiet, tried = make_changeable(in_acme), make_changeable(in_acme)
    waiting, _one = act(rule, quiet, "daily_budget", 12_000, settled=False)
    maybe, _two = act(rule, tried, "daily_budget", 12_000, settled=False)
    CampaignChange.objects.filter(pk=maybe.pk).update(attempts=1)
    undo = executions_undo(scope=everything(rule), actor=person(manager))
    waiting.refresh_from_db()
    assert (waiting.state, waiting.error_code) == ("failed", "local.taken_back")
    (sent,) = CampaignChange.objects.filter(state="queued")
    assert (sent.campaign_id, sent.new_budget_cents) == (tried.pk, 10_000)
    assert undo.to_send == {tried.ad_account_id: [sent.pk]}


def test_what_is_being_sent_has_to_wait(in_acme, rule, manager):
    change, _one = act(rule, make_changeable(in_acme), "daily_budget", 12_000, settled=False)
    CampaignChange.objects.filter(pk=change.pk).update(state="sending", sent_at=NOW)
    with pytest.raises(DomainError) as caught:
        executions_undo(scope=everything(rule), actor=person(manager))
    assert caught.value.code == "being_sent"


def test_an_account_that_lost_its_connection_says_so(in_acme, rule, manager):
    campaign = make_changeable(in_acme)
    act(rule, campaign, "daily_budget", 12_000)
    type(campaign.ad_account).objects.update(status="needs_reauth")
    with pytest.raises(DomainError) as caught:
        executions_undo(scope=everything(rule), actor=person(manager))
    assert caught.value.code == "needs_reauth"
    assert undo_preview(scope=everything(rule)).reasons[0][0] == "needs_reauth"


def test_labels_come_off_once_and_never_again(in_acme, manager):
    campaigns = [make_spender(in_acme) for _ in range(2)]
    rule = make_rule(in_acme)
    rules_evaluate()
    Campaign.objects.filter(pk=campaigns[0].pk).update(labels=[])
    undo = executions_undo(scope=everything(rule), actor=person(manager))
    assert undo.campaign_ids == {campaigns[1].pk}
    assert [code for code, _text, _count in undo.reasons] == ["changed_since"]
    assert list(Campaign.objects.values_list("labels", flat=True)) == [[], []]
    # A person puts it on afterwards: that is theirs.
    Campaign.objects.filter(pk=campaigns[1].pk).update(labels=["Hot"])
    with pytest.raises(DomainError):
        executions_undo(scope=everything(rule), actor=person(manager))
    assert fresh(campaigns[1]).labels == ["Hot"]
    entry = AuditLog.objects.get(resource_type="rule_executions")
    assert (entry.user, entry.new_value["operation"], entry.new_value["labels"]) == (manager, "taken_back", 1)


def test_a_label_of_an_older_version_comes_off_too(in_acme, manager):
    campaign = make_spender(in_acme)
    rule = make_rule(in_acme)
    rules_evaluate()
    draft = dataclasses.replace(RuleDraft.of(rule), action_config={"label": "Cold"})
    services.rule_update(rule=rule, draft=draft, actor=person(manager))
    executions_undo(scope=everything(rule), actor=person(manager))
    assert fresh(campaign).labels == []


def test_alerts_are_resolved_unless_answered_or_open_before(in_acme, manager, clock):
    make_spender(in_acme)
    rule = make_rule(in_acme, action_type="send_alert", action_config={}, cooldown_hours=0)
    rules_evaluate()
    clock.shift(datetime.timedelta(hours=1))
    rules_evaluate()
    with pytest.raises(DomainError) as caught:
        executions_undo(scope=scope_of_run(rule.pk), actor=person(manager))
    assert caught.value.code == "open_before"
    assert Alert.objects.get().status == "open"
    executions_undo(scope=everything(rule), actor=person(manager))
    assert Alert.objects.get().status == "resolved"
    Alert.objects.update(status="open")
    with pytest.raises(DomainError) as caught:
        executions_undo(scope=everything(rule), actor=person(manager))
    assert caught.value.code == "undone"


def test_shadows_and_holds_are_no_doings(in_acme, manager):
    make_spender(in_acme)
    rule = make_rule(in_acme, shadow=True)
    rules_evaluate()
    assert RuleExecution.objects.get().outcome == "shadow"
    assert scope_of_run(rule.pk) is None
    execution = RuleExecution.objects.get()
    with pytest.raises(DomainError) as caught:
        services.execution_undo(execution=execution, actor=person(manager))
    assert caught.value.code == "not_undoable"


def test_rows_of_another_version_of_the_product_are_left(in_acme, rule, manager):
    campaign = make_changeable(in_acme)
    for result in (None, {"spell": 1}, {"action": "notify_slack", "before": {}, "after": {}}):
        RuleExecution.objects.create(
            rule=rule, campaign=campaign, triggered=True, outcome="acted", condition_result={}, action_result=result
        )
    with pytest.raises(DomainError):
        executions_undo(scope=everything(rule), actor=person(manager))
    assert sum(count for _code, _text, count in undo_preview(scope=everything(rule)).reasons) == 3


def test_another_workspaces_executions_are_not_found(acme, globex, manager, outsider):
    theirs = inside(globex, lambda: make_budget_rule(globex, name="Theirs"))
    change, execution = inside(globex, lambda: act(theirs, make_changeable(globex), "daily_budget", 12_000))

    def attack():
        with pytest.raises(DomainError):
            executions_undo(scope=UndoScope(theirs.pk, execution.pk, execution.pk), actor=person(manager))
        assert undo_preview(scope=UndoScope(theirs.pk, 1, 10**12)).is_empty
        assert scope_of_run(theirs.pk) is None
        own = make_budget_rule(acme)
        RuleExecution.objects.create(
            rule=own, campaign=make_changeable(acme), triggered=True, outcome="acted", condition_result={},
            action_result={"action": "adjust_budget", "before": {}, "after": {}, "made": {"change": change.pk}},
        )  # fmt: skip
        with pytest.raises(DomainError) as caught:
            executions_undo(scope=everything(own), actor=person(manager))
        assert caught.value.code == "gone"

    inside(acme, attack)
    assert inside(globex, lambda: CampaignChange.objects.count()) == 1


def test_a_failure_in_the_middle_leaves_everything(in_acme, rule, manager, monkeypatch):
    for _ in range(2):
        act(rule, make_changeable(in_acme), "daily_budget", 12_000)
    label = make_rule(in_acme, name="Label")
    campaign = make_changeable(in_acme, labels=["Hot"])
    RuleExecution.objects.create(
        rule=rule, campaign=campaign, triggered=True, outcome="acted", condition_result={}, executed_at=NOW,
        action_result={"action": "apply_label", "before": {"labels": []}, "after": {"labels": ["Hot"]}},
    )  # fmt: skip
    before = (CampaignChange.objects.count(), AuditLog.objects.count())

    def killed(*_args, **_kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("rules.services.executions._record", killed)
    with pytest.raises(KeyboardInterrupt), transaction.atomic():
        executions_undo(scope=everything(rule), actor=person(manager))
    assert (CampaignChange.objects.count(), AuditLog.objects.count()) == before
    assert fresh(campaign).labels == ["Hot"]
    assert label.pk


def queries_of(work):
    with CaptureQueriesContext(connection) as captured:
        work()
    return len(captured)


def test_the_number_of_statements_does_not_depend_on_the_rows(in_acme, manager):
    account = make_connected_account(in_acme)
    counts = []
    for size in (10, 100):
        rule = make_budget_rule(in_acme)
        with transaction.atomic():
            for number in range(size):
                campaign = make_changeable(in_acme, account=account, labels=["Hot"])
                act(rule, campaign, "daily_budget" if number % 2 else "status", 12_000 if number % 2 else "paused")
                RuleExecution.objects.create(
                    rule=rule, campaign=campaign, triggered=True, outcome="acted", condition_result={}, executed_at=NOW,
                    action_result={"action": "apply_label", "before": {"labels": []}, "after": {"labels": ["Hot"]}},
                )  # fmt: skip
        scope = everything(rule)
        shown = queries_of(lambda scope=scope: undo_preview(scope=scope))
        counts.append((shown, queries_of(lambda scope=scope: executions_undo(scope=scope, actor=person(manager)))))
        assert len(asked()) == (10 if size == 10 else 110)
    assert counts[0] == counts[1]
    assert counts[0][0] <= 4


# --- Pages ----------------------------------------------------------------------------------------------------


@pytest.fixture
def ran(acme):
    """A rule that paused three campaigns in one run; one of them was switched on again by hand."""

    def made():
        allow(acme)
        account = make_spender(acme, name="Boots").ad_account
        for name in ("Hats", "Tents"):
            make_spender(acme, account=account, name=name)
        rule = make_pause_rule(acme, name="Stop loss")
        rules_evaluate()
        settle(*CampaignChange.objects.all())
        Campaign.objects.filter(name="Tents").update(status="active")
        return rule

    return inside(acme, made)


def undo_url(rule):
    return reverse("rules:rule_undo", args=[rule.pk])


def test_the_page_says_what_will_happen_and_then_it_happens(acme, ran, manager, client_of):
    client = client_of(manager)
    page = client.get(undo_url(ran))
    text = page.content.decode()
    for words in ("2 campaigns go back to what they were (Meta 2).", "Switched on again: 2.", "Boots", "Hats",
                  "Somebody changed it since", "acts again where it still matches"):  # fmt: skip
        assert words in text, words
    assert "Tents" not in text
    scope = page.context["scope"]
    assert inside(acme, lambda: CampaignChange.objects.filter(undoes__isnull=False).count()) == 0
    answer = client.post(undo_url(ran), {"first": scope.first, "last": scope.last}, follow=True).content.decode()
    assert "Taken back on 2 campaigns." in answer
    assert "1 action stays: Somebody changed it since" in answer
    backs = inside(acme, lambda: list(CampaignChange.objects.filter(undoes__isnull=False).order_by("campaign__name")))
    assert [change.new_status for change in backs] == ["active", "active"]
    assert len({change.batch for change in backs}) == 1
    activity = client.get(reverse("rules:activity_list")).content.decode()
    assert activity.count("Status: Active → Paused (taken back)") == 2
    again = client.post(undo_url(ran), {"first": scope.first, "last": scope.last}, follow=True).content.decode()
    assert "Nothing of it can be taken back any more." in again
    assert "Nothing of it can be taken back any more." in client.get(undo_url(ran)).content.decode()


def test_budgets_are_added_up_by_currency(acme, manager, client_of):
    def made():
        rule = make_budget_rule(acme)
        act(rule, make_changeable(acme, name="Boots"), "daily_budget", 12_000)
        euro = make_changeable(acme, name="Hats", currency="EUR")
        act(rule, euro, "daily_budget", 15_000)
        return rule

    page = client_of(manager).get(undo_url(inside(acme, made))).content.decode()
    assert "Daily budgets together: $120.00 → $100.00." in page
    assert "Daily budgets together: €150.00 → €100.00." in page


def test_the_last_days_reach_as_far_as_chosen(acme, manager, client_of):
    def made():
        rule = make_budget_rule(acme)
        for name, days in (("Today", 0), ("Before", 2), ("Last week", 6), ("Long ago", 8)):
            act(rule, make_changeable(acme, name=name), "daily_budget", 12_000, NOW - datetime.timedelta(days=days))
        return rule

    client, rule = client_of(manager), inside(acme, made)
    found = {}
    for what in ("run", "1", "3", "7", "99"):
        rows = client.get(undo_url(rule), {"what": what}).context["table"].rows
        found[what] = [row.name for row in rows]
    assert found == {
        "run": ["Today"], "1": ["Today"], "3": ["Before", "Today"], "7": ["Before", "Last week", "Today"],
        "99": ["Today"],
    }  # fmt: skip


def test_what_the_rule_does_after_the_page_was_shown_is_not_taken_back(acme, ran, manager, client_of):
    client = client_of(manager)
    scope = client.get(undo_url(ran), {"what": "7"}).context["scope"]

    def more():
        campaign = make_changeable(acme, name="Later")
        act(ran, campaign, "status", "paused")
        return campaign.pk

    later = inside(acme, more)
    client.post(undo_url(ran), {"first": scope.first, "last": scope.last})
    assert not inside(acme, lambda: CampaignChange.objects.filter(undoes__isnull=False, campaign=later).exists())


@pytest.mark.parametrize("data", [{}, {"first": "x", "last": "1"}, {"first": "1", "last": "9" * 30}])
def test_a_form_without_a_choice_does_nothing(acme, ran, manager, client_of, data):
    page = client_of(manager).post(undo_url(ran), data, follow=True).content.decode()
    assert "Choose first what is to be taken back." in page
    assert not inside(acme, lambda: CampaignChange.objects.filter(undoes__isnull=False).exists())


def test_activity_offers_the_run_once_and_leads_to_it(acme, ran, manager, viewer, client_of):
    for name, args in (("activity_list", []), ("rule_detail", [ran.pk])):
        page = client_of(manager).get(reverse(f"rules:{name}", args=args)).content.decode()
        assert page.count("Take back this run (3)") == 1
        assert "Take back this run" not in client_of(viewer).get(reverse(f"rules:{name}", args=args)).content.decode()
    newest = inside(acme, lambda: RuleExecution.objects.latest("pk").pk)
    page = client_of(manager).get(undo_url(ran), {"run": newest}).content.decode()
    assert "This run" in page
    assert "2 campaigns go back" in page
    for run in ("0", "x", "9" * 40):
        assert client_of(manager).get(undo_url(ran), {"run": run}).status_code == 200


def test_a_label_has_its_undo_too(acme, manager, client_of):
    def made():
        make_spender(acme)
        make_rule(acme, name="Label")
        rules_evaluate()
        return RuleExecution.objects.get().pk

    execution = inside(acme, made)
    client, url = client_of(manager), reverse("rules:execution_undo", args=[inside(acme, lambda: execution)])
    activity = reverse("rules:activity_list")
    page = client.get(activity).content.decode()
    assert url in page
    assert "Take back this run" not in page
    assert "Taken back." in client.post(url, follow=True).content.decode()
    assert inside(acme, lambda: Campaign.objects.get().labels) == []
    page = client.get(activity).content.decode()
    assert url not in page
    assert "Label applied: Hot (taken back)" in page
    assert "taken back already" in client.post(url, follow=True).content.decode()


def test_who_may_take_back_and_whose(acme, ran, viewer, analyst, outsider, client_of):
    for user, status in ((viewer, 403), (analyst, 403), (outsider, 404)):
        client = client_of(user)
        assert client.get(undo_url(ran)).status_code == status
        assert client.post(undo_url(ran), {"first": 1, "last": 10**9}).status_code == status
    assert "Take back…" not in client_of(viewer).get(reverse("rules:rule_detail", args=[ran.pk])).content.decode()
    assert not inside(acme, lambda: CampaignChange.objects.filter(undoes__isnull=False).exists())


def test_statements_of_the_pages_do_not_grow(acme, manager, client_of):
    def made():
        rule = make_pause_rule(acme)
        act(rule, make_changeable(acme), "status", "paused")
        return rule

    rule = inside(acme, made)
    client = client_of(manager)
    paths = [undo_url(rule), reverse("rules:activity_list"), reverse("rules:rule_detail", args=[rule.pk])]
    for path in paths:
        client.get(path)
    before = [queries_of(lambda path=path: client.get(path)) for path in paths]
    inside(acme, lambda: [act(rule, make_changeable(acme), "status", "paused") for _ in range(2)])
    assert [queries_of(lambda path=path: client.get(path)) for path in paths] == before


def test_runs_are_counted_by_rule_and_moment(in_acme, rule):
    first, second = make_changeable(in_acme), make_changeable(in_acme)
    rows = [act(rule, one, "daily_budget", 12_000)[1] for one in (first, second)]
    alone = act(make_budget_rule(in_acme), first, "status", "paused")[1]
    assert run_sizes([*rows, alone]) == {(rule.pk, NOW): 2, (alone.rule_id, NOW): 1}
    assert run_sizes([]) == {}


# --- On a platform --------------------------------------------------------------------------------------------


def test_a_run_on_a_platform_goes_back_there(live_sandbox, acme, manager, client_of):
    campaign = running(connected(acme, live_sandbox, ACCOUNTS["meta"]))
    allow(acme)
    by_status = {"condition_field": "status", "condition_operator": "equals", "condition_value": "active"}
    rule = inside(acme, lambda: make_pause_rule(acme, **by_status, applies_to_campaigns=[campaign.pk]))
    inside(acme, rules_evaluate)
    assert send(*inside(acme, lambda: list(CampaignChange.objects.all()))).applied == 1
    assert on_platform(live_sandbox, campaign)["status"] == "paused"
    client = client_of(manager)
    scope = client.get(undo_url(rule)).context["scope"]
    client.post(undo_url(rule), {"first": scope.first, "last": scope.last})
    back = inside(acme, lambda: CampaignChange.objects.get(undoes__isnull=False))
    if back.state != "applied":
        assert send(back).applied == 1
    assert on_platform(live_sandbox, campaign)["status"] == "active"
