"""No rule that undoes another one is switched on unasked, by whichever door."""

import dataclasses
from urllib.parse import urlencode

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.audit import Actor
from accounts.models import AuditLog
from campaigns.tests.at_once import in_threads
from rules import services
from rules.actions.specs import rule_spec
from rules.choices import RuleStatus
from rules.models import Rule
from rules.services import ClashError
from rules.services.rules import RuleDraft
from rules.tests.factories import make_rule
from rules.tests.platform_cast import make_pause_rule
from tenants.context import tenant_context

BELOW = {"condition_field": "roas", "condition_operator": "less_than", "condition_value": "2"}
ABOVE = {"condition_field": "roas", "condition_operator": "greater_than", "condition_value": "1.5"}
DRAFT = RuleDraft(
    name="Stop loss",
    condition_duration_hours=72,
    action_type="pause_campaign",
    action_config={"to": "paused"},
    **BELOW,
)
FORM = {
    "name": "Stop loss",
    "description": "",
    **BELOW,
    "window_days": "3",
    "action_type": "pause_campaign",
    "to": "paused",
    "cooldown_hours": "24",
}


def make_reviver(tenant, **fields) -> Rule:
    """An active rule that enables what earns more than 1.5."""
    return make_pause_rule(
        tenant, **{"to": "active", "name": "Revive", "condition_duration_hours": 72, **ABOVE, **fields}
    )


def make_stopper(tenant, **fields) -> Rule:
    return make_pause_rule(tenant, **{"name": "Stop loss", "condition_duration_hours": 72, **BELOW, **fields})


@pytest.fixture
def actor(manager):
    return Actor(kind="user", user=manager)


def inside(tenant, work):
    with tenant_context(tenant), transaction.atomic():
        return work()


def status_of(rule):
    return inside(rule.tenant_id, lambda: Rule.objects.with_deleted().get(pk=rule.pk).status)


def url(name, *args):
    return reverse(f"rules:{name}", args=args)


# --- Services -------------------------------------------------------------------------------------------------


def test_a_new_rule_that_clashes_is_active_only_once_that_is_accepted(in_acme, actor):
    reviver = make_reviver(in_acme)
    with pytest.raises(ClashError) as caught:
        services.rule_create(draft=DRAFT, status=RuleStatus.ACTIVE, actor=actor)
    assert [clash.rule_id for clash in caught.value.clashes] == [reviver.pk]
    assert (caught.value.code, "“Revive”" in str(caught.value)) == ("clashes", True)
    assert Rule.objects.count() == 1
    rule = services.rule_create(draft=DRAFT, status=RuleStatus.ACTIVE, actor=actor, accept_clashes=[reviver.pk])
    assert rule.status == "active"
    assert AuditLog.objects.latest("pk").new_value["accepted_clashes"] == [reviver.pk]


def test_drafts_are_never_asked_about(in_acme, actor):
    make_reviver(in_acme)
    rule = services.rule_create(draft=DRAFT, actor=actor)
    services.rule_update(rule=rule, draft=DRAFT, status=RuleStatus.PAUSED, actor=actor)
    assert Rule.objects.get(pk=rule.pk).status == "paused"


@pytest.mark.parametrize("status", ["draft", "paused"])
def test_a_stored_rule_is_switched_on_only_once_that_is_accepted(in_acme, actor, status):
    reviver, rule = make_reviver(in_acme), make_stopper(in_acme, status=status)
    with pytest.raises(ClashError):
        services.rule_set_status(rule=rule, status=RuleStatus.ACTIVE, actor=actor)
    with pytest.raises(ClashError):
        services.rule_update(rule=rule, draft=DRAFT, status=RuleStatus.ACTIVE, actor=actor)
    assert Rule.objects.get(pk=rule.pk).status == status
    services.rule_set_status(rule=rule, status=RuleStatus.ACTIVE, actor=actor, accept_clashes=[reviver.pk])
    assert Rule.objects.get(pk=rule.pk).status == "active"
    assert AuditLog.objects.latest("pk").new_value == {"status": "active", "accepted_clashes": [reviver.pk]}


def test_to_accept_one_clash_is_not_to_accept_another(in_acme, actor):
    first, rule = make_reviver(in_acme), make_stopper(in_acme, status="paused")
    second = make_reviver(in_acme, name="Revive too")
    with pytest.raises(ClashError) as caught:
        services.rule_set_status(rule=rule, status=RuleStatus.ACTIVE, actor=actor, accept_clashes=[first.pk])
    assert "(and 1 more rule)" in str(caught.value)
    both = [first.pk, second.pk]
    assert services.rule_set_status(rule=rule, status=RuleStatus.ACTIVE, actor=actor, accept_clashes=both)


@pytest.mark.parametrize(
    "of_other",
    [
        {"status": "paused"},
        {"status": "draft"},
        {"is_deleted": True},
        {"shadow": True},
        {"condition_value": "2"},
        {"condition_value": "lots"},
        {"applies_to_platforms": ["google"]},
        {"to": "paused"},
    ],
)
def test_nothing_is_asked_where_nothing_is_undone(in_acme, actor, of_other):
    make_reviver(in_acme, **of_other)
    rule = make_stopper(in_acme, status="draft", applies_to_platforms=["meta"])
    assert services.rule_set_status(rule=rule, status=RuleStatus.ACTIVE, actor=actor).status == "active"


def test_a_rule_in_shadow_mode_needs_no_answer_until_it_leaves_it(in_acme, actor):
    reviver, shadow = make_reviver(in_acme), dataclasses.replace(DRAFT, shadow=True)
    rule = services.rule_create(draft=shadow, status=RuleStatus.ACTIVE, actor=actor)
    with pytest.raises(ClashError):
        services.rule_update(rule=rule, draft=DRAFT, actor=actor)
    assert Rule.objects.get(pk=rule.pk).shadow
    services.rule_update(rule=rule, draft=DRAFT, actor=actor, accept_clashes=[reviver.pk])
    assert not Rule.objects.get(pk=rule.pk).shadow


def test_an_active_rule_is_asked_about_again_only_when_it_does_something_else(in_acme, actor):
    reviver = make_reviver(in_acme)
    rule = services.rule_create(draft=DRAFT, status=RuleStatus.ACTIVE, actor=actor, accept_clashes=[reviver.pk])
    beside = dataclasses.replace(DRAFT, name="Renamed", description="Why", cooldown_hours=48, priority=3)
    assert services.rule_update(rule=rule, draft=beside, actor=actor).name == "Renamed"
    for changed in ({"condition_value": "3"}, {"applies_to_statuses": ["active"]}, {"min_confidence": 90}):
        with pytest.raises(ClashError):
            services.rule_update(rule=rule, draft=dataclasses.replace(beside, **changed), actor=actor)
    apart = dataclasses.replace(beside, condition_value="1.5")
    assert services.rule_update(rule=rule, draft=apart, actor=actor).condition_value == "1.5"


def test_a_deleted_rule_comes_back_active_only_where_it_undoes_nothing(in_acme, actor):
    rule = make_stopper(in_acme)
    services.rule_delete(rule=rule, actor=actor)
    services.rule_restore(rule_id=rule.pk, actor=actor)
    assert status_of(rule) == "active"
    services.rule_delete(rule=rule, actor=actor)
    make_reviver(in_acme)
    with pytest.raises(ClashError):
        services.rule_restore(rule_id=rule.pk, actor=actor)
    assert not Rule.objects.filter(pk=rule.pk).exists()
    assert services.rule_restore(rule_id=rule.pk, status=RuleStatus.PAUSED, actor=actor).status == "paused"


def test_another_workspaces_rules_never_clash(acme, globex, actor):
    make_reviver(globex)
    rule = make_stopper(acme, status="draft")
    with tenant_context(acme), transaction.atomic():
        assert services.clashes_of(rule_spec(rule)) == []
        assert services.rule_set_status(rule=rule, status=RuleStatus.ACTIVE, actor=actor).status == "active"


def test_the_other_rules_are_read_by_one_statement_and_only_for_platforms(in_acme, django_assert_num_queries):
    rule, label = make_stopper(in_acme), make_rule(in_acme)
    for _number in range(3):
        make_reviver(in_acme)
    spec, of_label = rule_spec(rule), rule_spec(label)
    with django_assert_num_queries(1):
        assert len(services.clashes_of(spec)) == 3
    with django_assert_num_queries(0):
        assert services.clashes_of(of_label) == []


@pytest.mark.django_db(transaction=True)
def test_two_opposite_rules_switched_on_at_once_do_not_slip_past_each_other(acme, manager):
    rules = [make_stopper(acme, status="draft"), make_reviver(acme, status="draft")]
    actor = Actor(kind="user", user=manager)

    def switch_on(number):
        with tenant_context(acme), transaction.atomic():
            try:
                services.rule_set_status(rule=rules[number], status=RuleStatus.ACTIVE, actor=actor)
            except ClashError:
                return "refused"
            return "active"

    assert sorted(in_threads(lambda: switch_on(0), lambda: switch_on(1))) == ["active", "refused"]


# --- The editor -----------------------------------------------------------------------------------------------


def preview(client, **fields):
    return client.get(url("rule_preview_panel"), {**FORM, **fields})


def test_the_preview_lists_clashes_with_figures_and_the_way_to_the_other_rule(acme, manager, client_of):
    reviver = make_reviver(acme)
    page = preview(client_of(manager)).content.decode()
    assert f'<a href="{url("rule_detail", reviver.pk)}">Revive</a> wants the opposite at the same figures' in page
    assert "ROAS over the last 3 full days" in page
    assert "1.75×" in page
    assert "This rule: pause the campaign (Active → Paused)" in page
    assert "“Revive”: enable the campaign (Paused → Active)" in page
    assert f'name="accept_clashes" value="{reviver.pk}">' in page
    assert "they take turns" in page
    ticked = preview(client_of(manager), accept_clashes=f"{reviver.pk}").content.decode()
    assert f'name="accept_clashes" value="{reviver.pk}" checked>' in ticked


def test_the_preview_of_peaceful_rules_says_nothing(acme, manager, client_of):
    make_reviver(acme)
    for fields in ({"condition_value": "1.5"}, {"action_type": "send_alert", "severity": "info"}, {"to": "active"}):
        assert 'id="clashes"' not in preview(client_of(manager), **fields).content.decode()


def test_shadow_mode_warns_and_asks_nothing(acme, manager, client_of):
    make_reviver(acme)
    page = preview(client_of(manager), shadow="on").content.decode()
    assert "is in shadow mode" in page
    assert "accept_clashes" not in page
    response = client_of(manager).post(url("rule_create"), {**FORM, "shadow": "on", "save_as": "active"})
    assert response.status_code == 302


def test_budget_conflicts_say_who_wins(acme, manager, client_of):
    budget = {"action_type": "adjust_budget", "move": "-20", "floor": "10", "ceiling": "500", "currency": "USD"}
    config = {"percent": "20", "floor": "10", "ceiling": "500", "currency": "USD", "beyond": "clamp"}
    make_rule(
        acme, name="Scale", action_type="adjust_budget", action_config=config, **ABOVE, condition_duration_hours=72
    )
    client = client_of(manager)
    assert "At one check this rule wins" in preview(client, **budget, priority="5").content.decode()
    page = preview(client, **budget, priority="-5").content.decode()
    assert "At one check the other rule wins" in page
    assert "“Scale”: raise the daily budget by 20%, to $500.00 at most ($100.00 → $120.00)" in page


def test_saving_as_active_asks_first_and_keeps_what_was_written(acme, manager, client_of):
    reviver, client = make_reviver(acme), client_of(manager)
    response = client.post(url("rule_create"), {**FORM, "save_as": "active"})
    page = response.content.decode()
    assert response.status_code == 422
    assert "Not switched on yet: it and “Revive” would undo each other." in page
    assert 'value="Stop loss"' in page
    assert f'name="accept_clashes" value="{reviver.pk}">' in page
    assert inside(acme, lambda: Rule.objects.count()) == 1
    accepted = {**FORM, "save_as": "active", "accept_clashes": f"{reviver.pk}"}
    assert client.post(url("rule_create"), accepted).status_code == 302
    assert inside(acme, lambda: Rule.objects.get(name="Stop loss").status) == "active"


@pytest.mark.parametrize("nonsense", ["", "x", "1,2", "9" * 40, "²"])
def test_nonsense_accepts_nothing(acme, manager, client_of, nonsense):
    make_reviver(acme)
    response = client_of(manager).post(url("rule_create"), {**FORM, "save_as": "active", "accept_clashes": nonsense})
    assert response.status_code == 422


def test_saving_as_draft_asks_nothing(acme, manager, client_of):
    make_reviver(acme)
    assert client_of(manager).post(url("rule_create"), {**FORM, "save_as": "draft"}).status_code == 302


def test_the_first_clashes_are_shown_in_full_and_all_are_named(acme, manager, client_of):
    rules = [make_reviver(acme, name=f"Revive {number}") for number in range(7)]
    page = preview(client_of(manager)).content.decode()
    assert page.count("wants the opposite") == 5
    assert "Revive 6" in page
    assert ",".join(str(rule.pk) for rule in rules) in page


# --- Buttons and pages ----------------------------------------------------------------------------------------


def test_the_button_leads_to_the_figures_and_goes_on_from_there(acme, manager, client_of):
    reviver, rule, client = make_reviver(acme), make_stopper(acme, status="paused"), client_of(manager)
    response = client.post(url("rule_status", rule.pk), {"status": "active"}, HTTP_REFERER="http://testserver/rules/")
    assert response.url == url("rule_detail", rule.pk) + "#clashes"
    assert status_of(rule) == "paused"
    page = client.get(url("rule_detail", rule.pk)).content.decode()
    assert "would undo each other" in page
    assert "1.75×" in page
    assert f'name="accept_clashes" value="{reviver.pk}"' in page
    client.post(url("rule_status", rule.pk), {"status": "active", "accept_clashes": f"{reviver.pk}"})
    assert status_of(rule) == "active"


def test_a_script_is_sent_to_the_figures_too(acme, manager, client_of):
    make_reviver(acme)
    rule = make_stopper(acme, status="paused")
    response = client_of(manager).post(url("rule_status", rule.pk), {"status": "active"}, HTTP_HX_REQUEST="true")
    assert response["HX-Redirect"] == url("rule_detail", rule.pk) + "#clashes"


def test_active_rules_show_their_clashes_to_everybody(acme, viewer, manager, client_of):
    reviver, rule = make_reviver(acme), make_stopper(acme)
    for one, name in ((rule, "Revive"), (reviver, "Stop loss")):
        page = client_of(viewer).get(url("rule_detail", one.pk)).content.decode()
        assert "It and other active rules undo each other." in page
        assert name in page
        assert "accept_clashes" not in page
    assert "accept_clashes" not in client_of(manager).get(url("rule_detail", rule.pk)).content.decode()
    resting = make_stopper(acme, status="draft")
    assert "accept_clashes" not in client_of(viewer).get(url("rule_detail", resting.pk)).content.decode()


def test_undoing_a_deletion_brings_a_clashing_rule_back_paused(acme, manager, client_of):
    rule, client = make_stopper(acme), client_of(manager)
    client.post(url("rule_delete", rule.pk))
    make_reviver(acme)
    response = client.post(url("rule_restore", rule.pk), follow=True)
    assert "is back, but paused" in response.content.decode()
    assert status_of(rule) == "paused"


def test_another_workspaces_rules_are_never_shown(acme, globex, manager, client_of):
    make_reviver(globex, name="Globex revives")
    rule = make_stopper(acme)
    client = client_of(manager)
    for page in (preview(client), client.get(url("rule_detail", rule.pk))):
        text = page.content.decode()
        assert "Globex revives" not in text
        assert 'id="clashes"' not in text


def test_names_are_escaped(acme, manager, client_of):
    evil = "<script>alert(1)</script>"
    make_reviver(acme, name=evil)
    rule, client = make_stopper(acme, status="draft", name=evil), client_of(manager)
    for page in (preview(client), client.get(url("rule_detail", rule.pk))):
        assert evil not in page.content.decode()
    refused = client.post(url("rule_status", rule.pk), {"status": "active"}, follow=True)
    assert evil not in refused.content.decode()


def test_statements_do_not_grow_with_clashes(acme, manager, client_of):
    make_reviver(acme)
    rule, client = make_stopper(acme), client_of(manager)
    paths = [url("rule_detail", rule.pk), f"{url('rule_preview_panel')}?{urlencode(FORM)}"]

    def statements(path):
        with CaptureQueriesContext(connection) as captured:
            assert "Revive" in client.get(path).content.decode()
        return len(captured)

    before = [statements(path) for path in paths]
    for number in range(2):
        make_reviver(acme, name=f"Revive {number}")
    assert [statements(path) for path in paths] == before
