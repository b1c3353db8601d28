"""The editor's part for actions on platforms: what is filled in is what is stored, and reads back."""

import pytest
from django.db import transaction
from django.urls import reverse

from rules.conditions.recipes import RECIPES
from rules.forms import RuleForm
from rules.models import Rule
from rules.tests.factories import make_rule
from rules.tests.platform_cast import make_budget_rule
from rules.tests.test_views import FORM
from tenants.context import tenant_context

BUDGET_FIELDS = {
    "action_type": "adjust_budget",
    "move": "-12.5",
    "move_kind": "percent",
    "floor": "10",
    "ceiling": "1,000",
    "currency": "usd",
    "beyond": "skip",
}


def stored(tenant):
    with tenant_context(tenant), transaction.atomic():
        return Rule.objects.get()


def save(client, **fields):
    return client.post(reverse("rules:rule_create"), {**FORM, **fields, "save_as": "active"})


def test_budget_action_is_stored_and_reads_back(acme, manager, client_of):
    client = client_of(manager)
    assert save(client, **BUDGET_FIELDS, priority="7", shadow="on").status_code == 302
    rule = stored(acme)
    assert rule.action_config == {
        "percent": "-12.5", "floor": "10", "ceiling": "1000", "currency": "USD", "beyond": "skip",
    }  # fmt: skip
    assert (rule.priority, rule.shadow) == (7, True)
    page = client.get(reverse("rules:rule_edit", args=[rule.pk])).content.decode()
    assert 'name="move" value="-12.5"' in page
    assert 'name="shadow"' in page
    assert "checked" in page
    assert "Shadow mode" in client.get(reverse("rules:rule_detail", args=[rule.pk])).content.decode()


@pytest.mark.parametrize(("to", "kept"), [("active", "active"), ("paused", "paused"), ("", "paused")])
def test_pause_action_is_stored(acme, manager, client_of, to, kept):
    assert save(client_of(manager), action_type="pause_campaign", to=to).status_code == 302
    assert stored(acme).action_config == {"to": kept}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"move": "lots"}, "Write the change in percent"),
        ({"floor": ""}, "Write an amount in USD"),
        ({"ceiling": "5"}, "The ceiling is below the floor"),
        ({"currency": ""}, "Name the currency"),
    ],
)
def test_a_mistake_stands_at_its_place(acme, manager, client_of, fields, words):
    response = save(client_of(manager), **{**BUDGET_FIELDS, **fields})
    assert response.status_code == 422
    assert words in response.content.decode()


def test_choosing_an_action_shows_its_controls_and_keeps_the_others(acme, manager, client_of):
    query = {**FORM, "action_type": "adjust_budget", "move": "15"}
    page = client_of(manager).get(reverse("rules:rule_builder_panel"), query).content.decode()
    assert 'id="id_floor"' in page
    assert 'id="id_severity"' not in page
    assert '<input type="hidden" name="label" value="Hot">' in page


@pytest.mark.parametrize("key", RECIPES)
def test_every_recipe_is_a_rule_that_can_be_saved(acme, manager, client_of, key):
    initial = {"currency": "USD", **RECIPES[key].initial, "name": key}
    response = client_of(manager).get(reverse("rules:rule_create"), {"template": key})
    assert response.status_code == 200
    with tenant_context(acme), transaction.atomic():
        form = RuleForm(initial)
        assert form.is_valid(), form.errors


def test_initial_of_a_stored_rule_makes_the_same_rule(in_acme):
    for rule in (make_budget_rule(in_acme, {"percent": "", "amount": "-7.5"}), make_rule(in_acme)):
        rule.action_config = {key: value for key, value in rule.action_config.items() if value != ""}
        form = RuleForm({**RuleForm.initial_of(rule), "name": rule.name})
        assert form.is_valid(), form.errors
        assert form.draft().action_config == rule.action_config
