"""Versions of a rule: when there is a new one, what it says, and using an older one again."""

import dataclasses
import datetime

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import AuditLog
from accounts.tests.factories import make_user
from campaigns.models import Campaign
from campaigns.tests.change_helpers import person
from campaigns.tests.factories import make_campaign, make_day
from rules import services
from rules.choices import RuleStatus
from rules.conditions import ConditionError
from rules.models import Rule, RuleExecution, RuleVersion
from rules.services.rules import RuleDraft
from rules.tests.factories import make_rule
from rules.views.version_words import differences, version_words
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


def inside(tenant, work):
    with tenant_context(tenant), transaction.atomic():
        return work()


def changed(**fields):
    return dataclasses.replace(DRAFT, **fields)


def created(tenant, user, **fields):
    return inside(tenant, lambda: services.rule_create(draft=changed(**fields), actor=person(user)))


def updated(tenant, rule, user, **fields):
    return inside(tenant, lambda: services.rule_update(rule=rule, draft=changed(**fields), actor=person(user)))


def numbers(rule):
    return list(RuleVersion.objects.filter(rule=rule).order_by("number").values_list("number", flat=True))


def page_of(client, name, *args, **query):
    return client.get(reverse(f"rules:{name}", args=args), query).content.decode()


# --- When there is one ----------------------------------------------------------------------------------------

OTHER = {
    "name": "Stop loss, again",
    "description": "Since Monday.",
    "condition_field": "cpa",
    "condition_operator": "greater_than",
    "condition_value": "2",
    "condition_duration_hours": 72,
    "condition_tree": {"field": "spend", "operator": "less_than", "value": "3", "window": {"kind": "today"}},
    "action_type": "send_alert",
    "action_config": {"label": "Cold"},
    "applies_to_platforms": ["meta"],
    "applies_to_statuses": ["active"],
    "applies_to_campaigns": [],
    "cooldown_hours": 25,
    "min_confidence": 90,
    "priority": 3,
    "shadow": True,
}


@pytest.mark.parametrize("column", OTHER)
def test_every_setting_that_changes_makes_a_version(in_acme, manager, column):
    fields = {column: OTHER[column]}
    if column == "applies_to_campaigns":
        fields = {column: [make_campaign(in_acme).pk]}
    if column == "action_type":
        fields["action_config"] = {}
    rule = services.rule_create(draft=DRAFT, actor=person(manager))
    saved = services.rule_update(rule=rule, draft=changed(**fields), actor=person(manager))
    assert (saved.version, Rule.objects.get().version, numbers(rule)) == (2, 2, [1, 2])
    newest = RuleVersion.objects.latest("number")
    assert newest.settings[column] == fields[column]
    assert (newest.user, RuleDraft.from_json(newest.settings)) == (manager, RuleDraft.of(saved))


def test_the_same_settings_and_the_status_make_none(in_acme, manager):
    rule = services.rule_create(draft=DRAFT, actor=person(manager))
    services.rule_update(rule=rule, draft=changed(name=" Stop loss "), status=RuleStatus.ACTIVE, actor=person(manager))
    services.rule_set_status(rule=rule, status=RuleStatus.PAUSED, actor=person(manager))
    assert (numbers(rule), Rule.objects.get().version) == ([1], 1)


def test_what_was_saved_before_versions_existed_is_kept_first(in_acme, manager):
    rule = make_rule(in_acme, name="Old", description=None)
    assert numbers(rule) == []
    services.rule_update(rule=rule, draft=changed(), actor=person(manager))
    old, new = RuleVersion.objects.order_by("number")
    assert (old.number, old.settings["name"], old.user, old.actor_label) == (1, "Old", None, "")
    assert old.created_at == rule.updated_at
    assert (new.number, new.settings["name"], new.user) == (2, "Stop loss", manager)


def test_a_copy_begins_with_a_version_of_its_own_and_a_deleted_rule_keeps_its(in_acme, manager):
    rule = services.rule_create(draft=DRAFT, actor=person(manager))
    services.rule_update(rule=rule, draft=changed(priority=1), actor=person(manager))
    copy = services.rule_duplicate(rule=rule, actor=person(manager))
    assert (copy.version, numbers(copy)) == (1, [1])
    services.rule_delete(rule=rule, actor=person(manager))
    assert numbers(rule) == [1, 2]


def test_what_is_refused_leaves_no_version(in_acme, manager):
    rule = services.rule_create(draft=DRAFT, actor=person(manager))
    with pytest.raises(ConditionError), transaction.atomic():
        services.rule_update(rule=rule, draft=changed(condition_value="low"), actor=person(manager))
    assert (numbers(rule), Rule.objects.get().version) == ([1], 1)


def test_staff_who_rename_a_rule_make_a_version(acme, manager, client_of):
    rule = created(acme, manager)
    staff = make_user(acme, "admin", is_staff=True, is_superuser=True, email="staff@stratum.example")
    url = reverse("admin:rules_rule_change", args=[rule.pk])
    answer = client_of(staff).post(url, {"name": "Renamed", "description": "", "reason": "Asked for"})
    assert answer.status_code == 302

    def check():
        newest = RuleVersion.objects.latest("number")
        assert (newest.number, newest.settings["name"]) == (2, "Renamed")
        assert (newest.user, newest.actor_label) == (None, "Stratum staff")
        assert AuditLog.objects.latest("pk").changed_fields == ["name"]

    inside(acme, check)
    assert "Renamed" in client_of(staff).get(reverse("admin:rules_ruleversion_changelist")).content.decode()


def test_an_execution_names_the_version_that_decided(in_acme, manager):
    day = datetime.datetime.now(datetime.UTC).date() - datetime.timedelta(days=1)
    make_day(make_campaign(in_acme), day, spend_cents=15_000)
    rule = make_rule(in_acme)
    services.rules_evaluate()
    draft = dataclasses.replace(RuleDraft.of(rule), action_config={"label": "Hotter"}, cooldown_hours=0)
    services.rule_update(rule=rule, draft=draft, actor=person(manager))
    services.rules_evaluate()
    assert list(RuleExecution.objects.order_by("pk").values_list("rule_version", flat=True)) == [1, 2]


# --- Reading --------------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
SETTINGS = st.dictionaries(st.sampled_from([*RuleDraft.__slots__, "spell"]), JSON).map(
    lambda some: {**DRAFT.as_json(), **some}
)


@given(raw=SETTINGS | JSON)
def test_settings_are_read_exactly_or_refused_and_their_wording_never_raises(raw):
    try:
        draft = RuleDraft.from_json(raw)
    except ConditionError:
        words = version_words(RuleVersion(number=1, settings=raw), {})
        assert words.problem
        assert not words.lines
    else:
        assert draft.as_json() == raw
        words = version_words(RuleVersion(number=1, settings=raw), {})
        assert words.lines["sentence"]
    assert differences(words, words) == []


def test_a_setting_that_was_added_later_has_its_default():
    raw = DRAFT.as_json()
    del raw["priority"], raw["shadow"]
    assert RuleDraft.from_json(raw) == DRAFT


@pytest.mark.parametrize("raw", [{**DRAFT.as_json(), "spell": 1}, {"name": "x"}, {**DRAFT.as_json(), "priority": "1"}])
def test_unknown_missing_and_mistyped_settings_are_refused(raw):
    with pytest.raises(ConditionError):
        RuleDraft.from_json(raw)


# --- On the page ----------------------------------------------------------------------------------------------


def test_the_tab_says_what_changed_in_words(acme, manager, client_of):
    boots, tents = (make_campaign(acme, name=name) for name in ("Boots", "Tents"))
    rule = created(acme, manager, applies_to_campaigns=[boots.pk], action_config={"label": "Hot"})
    updated(
        acme, rule, manager, condition_value="2", cooldown_hours=168, min_confidence=90, priority=5, shadow=True,
        applies_to_campaigns=[tents.pk], action_config={"label": "Cold"},
    )  # fmt: skip
    page = page_of(client_of(manager), "rule_detail", rule.pk, tab="versions")
    for text in (
        "Version 2", "Current", manager.full_name,
        "is below 1.5×, apply the label “Hot”.", "is below 2×, apply the label “Cold”.",
        "<del>24 hours</del>", "<ins>7 days</ins>", "<ins>90%</ins>", "<ins>5</ins>", "<ins>on</ins>",
        "<del>Boots</del>", "<ins>Tents</ins>",
    ):  # fmt: skip
        assert text in page, text
    assert page.count("Use this version again") == 1


def test_money_settings_of_an_action_are_told_apart(acme, manager, client_of):
    budget = {"percent": "20", "currency": "USD", "floor": "10", "ceiling": "500", "beyond": "clamp"}
    rule = created(acme, manager, action_type="adjust_budget", action_config=budget)
    updated(acme, rule, manager, action_type="adjust_budget", action_config={**budget, "floor": "20"})
    page = page_of(client_of(manager), "rule_detail", rule.pk, tab="versions")
    assert "Floor" in page
    assert "<del>10</del>" in page
    assert "<ins>20</ins>" in page


def test_versions_that_cannot_be_read_say_so(acme, manager, client_of):
    rule = created(acme, manager)
    updated(acme, rule, manager, priority=1)
    updated(acme, rule, manager, priority=2)
    inside(acme, lambda: RuleVersion.objects.filter(number=1).update(settings={"spell": 1}))
    broken = {**DRAFT.as_json(), "condition_value": "lots"}
    inside(acme, lambda: RuleVersion.objects.filter(number=2).update(settings=broken))
    client = client_of(manager)
    page = page_of(client, "rule_detail", rule.pk, tab="versions")
    assert "cannot be read any more" in page
    assert "nobody can say what changed" in page
    assert "Cannot be used" in page_of(client, "rule_version_compare", rule.pk, first=2, second=3)
    for first in (1, 2):
        assert client.get(reverse("rules:rule_version_compare", args=[rule.pk]), {"first": first}).status_code == 200
        answer = client.post(reverse("rules:rule_version_use", args=[rule.pk, first]), follow=True).content.decode()
        assert f"Version {first} cannot be used again." in answer
    assert inside(acme, lambda: numbers(rule)) == [1, 2, 3]


def test_any_two_versions_stand_side_by_side(acme, manager, viewer, client_of):
    rule = created(acme, manager)
    updated(acme, rule, manager, cooldown_hours=48)
    updated(acme, rule, manager, cooldown_hours=72)
    client = client_of(viewer)
    page = page_of(client, "rule_version_compare", rule.pk, first=1, second=2)
    assert "24 hours" in page
    assert "2 days" in page
    assert "3 days" not in page
    assert page.count("is-changed") == 1
    newest = page_of(client, "rule_version_compare", rule.pk)
    assert "2 days" in newest
    assert "3 days" in newest
    assert "These two say the same." in page_of(client, "rule_version_compare", rule.pk, first=3, second=3)
    for number in ("9", "x" * 3, "9" * 30):
        status = client.get(reverse("rules:rule_version_compare", args=[rule.pk]), {"first": number}).status_code
        assert status == (404 if number == "9" else 200)


def test_a_rule_without_kept_versions_shows_its_present_settings(acme, manager, client_of):
    rule = make_rule(acme, name="Old")
    client = client_of(manager)
    page = page_of(client, "rule_detail", rule.pk, tab="versions")
    assert "Version 1" in page
    assert "apply the label “Hot”" in page
    assert "one version so far" in page_of(client, "rule_version_compare", rule.pk)


def test_an_older_version_is_used_again_as_a_new_one(acme, manager, client_of):
    rule = created(acme, manager)
    updated(acme, rule, manager, name="Other", cooldown_hours=48)
    client = client_of(manager)
    page = client.post(reverse("rules:rule_version_use", args=[rule.pk, 1]), follow=True).content.decode()
    assert "The settings of version 1 are back, as version 3." in page

    def check():
        stored = Rule.objects.get()
        assert (stored.name, stored.cooldown_hours, stored.version) == ("Stop loss", 24, 3)
        assert RuleVersion.objects.get(number=3).settings == RuleVersion.objects.get(number=1).settings

    inside(acme, check)
    again = client.post(reverse("rules:rule_version_use", args=[rule.pk, 1]), follow=True).content.decode()
    assert "has these settings already" in again
    assert inside(acme, lambda: numbers(rule)) == [1, 2, 3]
    assert client.post(reverse("rules:rule_version_use", args=[rule.pk, 9])).status_code == 404


def test_a_version_with_a_campaign_that_is_gone_is_refused_in_words(acme, manager, client_of):
    campaign = make_campaign(acme, name="Gone")
    rule = created(acme, manager, applies_to_campaigns=[campaign.pk])
    updated(acme, rule, manager)
    inside(acme, lambda: Campaign.objects.update(is_deleted=True))
    client = client_of(manager)
    assert "Gone" in page_of(client, "rule_detail", rule.pk, tab="versions")
    page = client.post(reverse("rules:rule_version_use", args=[rule.pk, 1]), follow=True).content.decode()
    assert "Version 1 cannot be used again. Some of the chosen campaigns do not exist any more." in page
    assert inside(acme, lambda: Rule.objects.get().version) == 2


def test_activity_names_an_older_version_and_leads_to_it(acme, manager, viewer, client_of):
    rule = created(acme, manager)
    updated(acme, rule, manager, priority=1)
    campaign = make_campaign(acme)
    old, new, unknown = 1, 2, None

    def make():
        for version in (old, new, unknown):
            RuleExecution.objects.create(
                rule=rule, campaign=campaign, triggered=False, condition_result={}, rule_version=version
            )

    inside(acme, make)
    for name, args in (("rule_detail", [rule.pk]), ("activity_list", [])):
        page = page_of(client_of(viewer), name, *args)
        assert page.count("decided by version") == 1
        assert f'{reverse("rules:rule_version_compare", args=[rule.pk])}?first=1"' in page


def test_who_may_use_a_version_and_whose(acme, globex, manager, viewer, outsider, client_of):
    rule = created(acme, manager)
    updated(acme, rule, manager, priority=1)
    use, compare = (
        reverse("rules:rule_version_use", args=[rule.pk, 1]),
        reverse("rules:rule_version_compare", args=[rule.pk]),
    )
    assert client_of(viewer).post(use).status_code == 403
    assert "Use this version" not in page_of(client_of(viewer), "rule_detail", rule.pk, tab="versions")
    assert client_of(outsider).post(use).status_code == 404
    assert client_of(outsider).get(compare).status_code == 404
    theirs = created(globex, outsider, name="Look-alike")
    page = page_of(client_of(outsider), "rule_detail", theirs.pk, tab="versions")
    assert "Version 2" not in page
    assert inside(acme, lambda: numbers(rule)) == [1, 2]


def test_statements_of_the_tab_do_not_grow_with_versions(acme, manager, client_of):
    campaign = make_campaign(acme)
    rule = created(acme, manager, applies_to_campaigns=[campaign.pk])
    updated(acme, rule, manager, priority=1, applies_to_campaigns=[campaign.pk])
    client = client_of(manager)

    def statements(path):
        with CaptureQueriesContext(connection) as captured:
            assert client.get(path).status_code == 200
        return len(captured)

    paths = [f"{reverse('rules:rule_detail', args=[rule.pk])}?tab=versions",
             reverse("rules:rule_version_compare", args=[rule.pk])]  # fmt: skip
    for path in paths:
        client.get(path)
    before = [statements(path) for path in paths]
    for priority in (2, 3):
        updated(acme, rule, manager, priority=priority, applies_to_campaigns=[campaign.pk])
    assert [statements(path) for path in paths] == before
