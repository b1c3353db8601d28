"""Screens: who sees what, what a click does, and what stays constant however much there is."""

import datetime
import re
from urllib.parse import urlencode

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import AuditLog
from accounts.tests.factories import make_user
from campaigns.models import Campaign
from campaigns.tests.factories import make_account, make_campaign, make_day
from rules.models import Alert, Rule, RuleExecution
from rules.services import rules_evaluate
from rules.tests.factories import make_alert, make_rule
from rules.urls import urlpatterns
from tenants.context import tenant_context

HTMX = {"HTTP_HX_REQUEST": "true"}
FORM = {
    "name": "Stop loss",
    "description": "",
    "condition_field": "spend",
    "condition_operator": "greater_than",
    "condition_value": "100",
    "window_days": "1",
    "action_type": "apply_label",
    "label": "Hot",
    "statuses": ["active"],
    "cooldown_hours": "24",
}


def url(name, *args):
    return reverse(f"rules:{name}", args=args)


def make_hot(tenant, **fields):
    campaign = make_campaign(tenant, **fields)
    make_day(campaign, datetime.datetime.now(datetime.UTC).date() - datetime.timedelta(days=1), spend_cents=15_000)
    return campaign


def ran(tenant):
    with tenant_context(tenant), transaction.atomic():
        rules_evaluate()


def inside(tenant, work):
    with tenant_context(tenant), transaction.atomic():
        return work()


def statements(work):
    with CaptureQueriesContext(connection) as captured:
        assert work().status_code == 200
    return len(captured)


@pytest.fixture
def full(acme):
    """A campaign that matches, its rule, its alert, all evaluated once."""
    campaign = make_hot(acme, name="Tents")
    rule = make_rule(acme, name="Too hot", action_type="send_alert", action_config={"severity": "critical"})
    ran(acme)
    return campaign, rule


PAGES = ["rule_list", "activity_list", "alert_list", "alert_bell_panel", "home_panel"]
EDITOR = ["rule_create", "rule_preview_panel", "rule_builder_panel", "rule_campaigns_panel"]


@pytest.mark.parametrize("name", [*PAGES, *EDITOR])
def test_pages_open_full_and_empty(acme, globex, admin, outsider, full, client_of, name):
    assert client_of(admin).get(url(name)).status_code == 200
    assert client_of(outsider).get(url(name)).status_code == 200


def test_who_may_do_what(acme, viewer, analyst, manager, full, client_of):
    campaign, rule = full
    alert = inside(acme, lambda: Alert.objects.get())
    reads = [url(name) for name in PAGES] + [url("rule_detail", rule.pk), url("campaign_panel", campaign.pk)]
    edits = [url(name) for name in EDITOR] + [url("rule_edit", rule.pk)]
    writes = [
        url("rule_status", rule.pk), url("rule_duplicate", rule.pk), url("rule_evaluate", rule.pk),
        url("rule_evaluate_all"), url("rule_delete", rule.pk), url("rule_restore", rule.pk),
        url("alert_acknowledge", alert.pk), url("alert_acknowledge_many"), url("alert_reopen", alert.pk),
    ]  # fmt: skip
    for user, may_edit in ((viewer, False), (analyst, False), (manager, True)):
        client = client_of(user)
        for path in reads:
            assert client.get(path).status_code == 200, path
        for path in edits:
            assert client.get(path).status_code == (200 if may_edit else 403), path
        for path in writes:
            assert client.get(path).status_code == 405, path
            assert client.post(path).status_code == (302 if may_edit else 403), path


def test_people_who_may_only_look_see_no_buttons(acme, viewer, manager, full, client_of):
    for path in (url("rule_list"), url("rule_detail", full[1].pk), url("alert_list")):
        assert b'<form method="post" action="/rules' not in client_of(viewer).get(path).content
        assert b"/acknowledge/" not in client_of(viewer).get(path).content
    assert b"/acknowledge/" in client_of(manager).get(url("alert_list")).content


@pytest.mark.parametrize(("role", "offered"), [("viewer", False), ("analyst", False), ("manager", True)])
def test_where_nothing_is_open_people_are_led_to_what_they_may_do(acme, client_of, role, offered):
    client = client_of(make_user(acme, role))
    empty = re.search(
        r'<div class="empty-actions">.*?</div>', client.get(url("alert_list")).content.decode(), re.DOTALL
    )[0]
    links = re.findall(r'href="([^"]+)"', empty)
    assert links == [url("rule_create" if offered else "notification_settings")]
    assert [client.get(link).status_code for link in links] == [200]


@pytest.mark.parametrize(("role", "offered"), [("viewer", False), ("analyst", False), ("manager", True)])
def test_where_there_is_no_rule_templates_are_for_those_who_may_write_one(acme, client_of, role, offered):
    page = client_of(make_user(acme, role)).get(url("rule_list")).content.decode()
    assert (f"{url('rule_create')}?template=" in page) is offered
    assert ("makes the first one" in page) is not offered


def test_strangers_objects_do_not_exist(acme, full, outsider, client_of):
    campaign, rule = full
    alert = inside(acme, lambda: Alert.objects.get())
    client = client_of(outsider)
    for name in ("rule_detail", "rule_edit"):
        assert client.get(url(name, rule.pk)).status_code == 404
    assert client.get(url("campaign_panel", campaign.pk)).status_code == 404
    assert client.get(url("rule_preview_panel"), {**FORM, "rule": rule.pk}).status_code == 404
    for name in ("rule_edit", "rule_status", "rule_duplicate", "rule_evaluate", "rule_delete", "rule_restore"):
        assert client.post(url(name, rule.pk), FORM).status_code == 404, name
    for name in ("alert_acknowledge", "alert_reopen"):
        assert client.post(url(name, alert.pk)).status_code == 404, name
    client.post(url("alert_acknowledge_many"), {"ids": [alert.pk]})
    assert inside(acme, lambda: Alert.objects.get().status) == "open"


def test_look_alikes_of_another_workspace_are_never_shown(acme, globex, full, outsider, client_of):
    for path in ("rule_list", "activity_list", "alert_list", "alert_bell_panel", "home_panel"):
        page = client_of(outsider).get(url(path)).content.decode()
        assert "Too hot" not in page
        assert "Tents" not in page
    found = client_of(outsider).get(url("rule_campaigns_panel"), {"campaign_q": "Tents", "campaigns": [full[0].pk]})
    assert "Tents" not in found.content.decode().replace('value="Tents"', "")


def test_an_expired_login_stops_the_bells_poll(client, db):
    response = client.get(url("alert_bell_panel"), **HTMX)
    assert response.status_code == 286
    assert "HX-Redirect" in response


def test_every_route_has_a_policy():
    for route in urlpatterns:
        assert hasattr(route.callback, "policy"), route.name


def test_the_list_shows_the_sentence_and_filters(acme, manager, full, client_of):
    make_rule(acme, name="Quiet one", status="paused")
    client = client_of(manager)
    page = client.get(url("rule_list")).content.decode()
    assert "When spend over the last full day is above 100, send a critical alert." in page
    assert "Quiet one" in page
    for query in ({"q": "hot"}, {"status": "active"}, {"action": "send_alert"}):
        fragment = client.get(url("rule_list"), query, **HTMX).content.decode()
        assert "Too hot" in fragment
        assert "Quiet one" not in fragment
        assert "<html" not in fragment


@pytest.mark.parametrize("sort", ["name", "-name", "status", "outcome", "-evaluated", "-triggers", "nonsense"])
def test_the_list_sorts_by_every_column(acme, viewer, full, client_of, sort):
    assert client_of(viewer).get(url("rule_list"), {"sort": sort}).status_code == 200


def test_a_rule_on_hold_says_so(acme, manager, client_of):
    rule = make_rule(acme, condition_value="lots")
    ran(acme)
    for path in (url("rule_list"), url("rule_list") + "?status=held", url("rule_detail", rule.pk)):
        page = client_of(manager).get(path).content.decode()
        assert "On hold" in page
        assert "is not a number" in page
    assert client_of(manager).get(url("rule_edit", rule.pk)).status_code == 200
    assert "1 rule is on hold" in client_of(manager).get(url("home_panel")).content.decode()


def test_create_as_draft_and_active(acme, manager, client_of):
    client = client_of(manager)
    for save_as, status in (("draft", "draft"), ("active", "active")):
        response = client.post(url("rule_create"), {**FORM, "name": status, "save_as": save_as})
        assert response.status_code == 302
        rule = inside(acme, lambda name=status: Rule.objects.get(name=name))
        assert response.url == url("rule_detail", rule.pk)
        assert (rule.status, rule.condition_duration_hours, rule.action_config) == (status, 24, {"label": "Hot"})
        assert rule.applies_to_statuses == ["active"]
        assert rule.applies_to_platforms is None


REFUSED = {
    "no name": ({"name": ""}, "name"),
    "no value": ({"condition_value": ""}, "condition_value"),
    "words": ({"condition_value": "lots"}, "condition_value"),
    "negative": ({"condition_value": "-5"}, "condition_value"),
    "operator of another type": ({"condition_operator": "contains"}, "condition_operator"),
    "no such field": ({"condition_field": "rosa"}, "condition_field"),
    "no days": ({"window_days": "0"}, "window_days"),
    "too many days": ({"window_days": "366"}, "window_days"),
    "days as words": ({"window_days": "three"}, "window_days"),
    "no label": ({"label": " "}, "label"),
    "action of the future": ({"action_type": "notify_pigeons"}, "action_type"),
    "negative rest": ({"cooldown_hours": "-1"}, "cooldown_hours"),
    "no rest": ({"cooldown_hours": ""}, "cooldown_hours"),
    "no such platform": ({"platforms": ["myspace"]}, "platforms"),
    "no such status": ({"statuses": ["running"]}, "statuses"),
    "campaign by name": ({"campaigns": ["Tents"]}, "campaigns"),
    "campaign that is not there": ({"campaigns": ["999999999"]}, "campaigns"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_form_is_refused_at_its_place(acme, manager, client_of, case):
    fields, place = REFUSED[case]
    response = client_of(manager).post(url("rule_create"), {**FORM, **fields, "save_as": "active"})
    assert response.status_code == 422
    assert list(response.context["form"].errors) == [place]
    assert "errorlist" in response.content.decode()
    assert not inside(acme, lambda: Rule.objects.exists())


@pytest.mark.parametrize("case", [case for case in REFUSED if case not in {"no name", "campaign that is not there"}])
def test_the_preview_says_where_and_why(acme, manager, client_of, case):
    query = urlencode({**FORM, **REFUSED[case][0]}, doseq=True)
    page = client_of(manager).get(f"{url('rule_preview_panel')}?{query}").content.decode()
    assert "not complete yet" in page
    assert re.search(r"<li>[^<:]+: [^<]+\.</li>", page)


def test_numbers_are_read_as_the_reader_writes_them(acme, client_of):
    german = make_user(acme, "manager", email="de@acme.example", locale="de")
    client = client_of(german)
    response = client.post(url("rule_create"), {**FORM, "condition_value": "1.000,5", "save_as": "draft"})
    assert response.status_code == 302
    rule = inside(acme, lambda: Rule.objects.get())
    assert rule.condition_value == "1000.5"
    assert 'value="1000,5"' in client.get(url("rule_edit", rule.pk)).content.decode()


def test_edit_changes_the_rule_and_keeps_its_status(acme, manager, full, client_of):
    rule = full[1]
    page = client_of(manager).get(url("rule_edit", rule.pk))
    assert page.context["form"].initial["severity"] == "critical"
    response = client_of(manager).post(url("rule_edit", rule.pk), {**FORM, "name": "Renamed", "condition_value": "7"})
    assert response.status_code == 302
    stored = inside(acme, lambda: Rule.objects.get())
    assert (stored.name, stored.condition_value, stored.status) == ("Renamed", "7", "active")


def test_the_preview_shows_matches_holds_and_near_misses(acme, manager, client_of):
    account = make_account(acme)
    make_hot(acme, name="Matches", account=account)
    make_hot(acme, name="Labelled", account=account, labels=["Hot"])
    near = make_campaign(acme, name="Nearly", account=account)
    make_day(near, datetime.datetime.now(datetime.UTC).date() - datetime.timedelta(days=1), spend_cents=9_900)
    make_campaign(acme, name="Stale")
    preview = client_of(manager).get(url("rule_preview_panel"), FORM).context["preview"]
    assert [row.name for row in preview.matches] == ["Matches"]
    assert [(row.name, row.outcome) for row in preview.holds] == [
        ("Stale", "held_stale"),
        ("Labelled", "already_in_state"),
    ]
    assert [row.name for row in preview.nearest] == ["Nearly"]
    assert (preview.in_scope, preview.matched, preview.held, preview.missed) == (4, 1, 2, 1)
    assert not inside(acme, lambda: RuleExecution.objects.exists())


def test_the_preview_of_a_saved_rule_knows_its_cooldown(acme, manager, full, client_of):
    query = {**FORM, "action_type": "send_alert", "rule": full[1].pk}
    preview = client_of(manager).get(url("rule_preview_panel"), query).context["preview"]
    assert [row.outcome for row in preview.holds] == ["cooldown"]


def test_without_scripts_the_editor_shows_the_preview_itself(acme, manager, client_of):
    make_hot(acme, name="Tents")
    page = client_of(manager).get(url("rule_create"), FORM).content.decode()
    assert "Tents" in page
    assert "1 in scope" in page


@pytest.mark.parametrize(
    ("field", "operator", "control"),
    [
        ("roas", "less_than", "input"),
        ("status", "equals", "select"),
        ("status", "in", "input"),
        ("labels", "in", "input"),
    ],
)
def test_the_sentence_follows_the_chosen_field(acme, manager, client_of, field, operator, control):
    query = {**FORM, "condition_field": field, "condition_operator": operator}
    response = client_of(manager).get(url("rule_builder_panel"), query)
    page = response.content.decode()
    assert re.search(rf'<{control}[^>]*name="condition_value"', page)
    assert ("over the last" in page) == (field == "roas")
    assert "errorlist" not in page
    assert "builder-changed" in response["HX-Trigger-After-Settle"]


def test_an_operator_that_does_not_fit_any_more_is_replaced(acme, manager, client_of):
    query = {**FORM, "condition_field": "labels", "condition_operator": "less_than"}
    form = client_of(manager).get(url("rule_builder_panel"), query).context["form"]
    assert form.chosen_operator == "contains"


@pytest.mark.parametrize(
    ("before", "after", "operator", "value"),
    [
        ("roas", "ctr", "greater_than", ""),
        ("roas", "name", "contains", ""),
        ("spend", "revenue", "greater_than", "100"),
        ("name", "objective", "contains", "100"),
        ("status", "cpa", "less_than", ""),
    ],
)
def test_what_was_written_for_another_kind_of_figure_is_asked_again(
    acme, manager, client_of, before, after, operator, value
):
    written = "contains" if before == "name" else "equals" if before == "status" else "greater_than"
    query = {**FORM, "shown_field": before, "condition_field": after, "condition_operator": written}
    form = client_of(manager).get(url("rule_builder_panel"), query).context["form"]
    assert (form.chosen_operator, form["condition_value"].value()) == (operator, value)


@pytest.mark.parametrize("template", ["stop_loss", "zero_conversions", "low_ctr", "scale_winners"])
def test_every_template_is_a_complete_rule(acme, manager, client_of, template):
    form = client_of(manager).get(url("rule_create"), {"template": template}).context["form"]
    data = {name: form[name].value() for name in form.fields if form[name].value() is not None}
    response = client_of(manager).post(url("rule_create"), {**data, "save_as": "active"})
    assert response.status_code == 302, response.context["form"].errors
    assert inside(acme, lambda: Rule.objects.get().status) == "active"


def test_campaigns_are_found_and_stay_chosen(acme, manager, client_of):
    tents, boots = make_campaign(acme, name="Tents"), make_campaign(acme, name="Boots")
    page = client_of(manager).get(url("rule_campaigns_panel"), {"campaigns": [tents.pk], "campaign_q": "boo"})
    assert [one.pk for one in page.context["chosen_campaigns"]] == [tents.pk]
    assert [one.pk for one in page.context["found_campaigns"]] == [boots.pk]
    chosen = client_of(manager).get(url("rule_create"), {"campaign": boots.pk}).context["chosen_campaigns"]
    assert chosen == [boots]


def test_buttons_change_the_state(acme, manager, full, client_of):
    client, rule = client_of(manager), full[1]
    status = lambda: inside(acme, lambda: Rule.objects.with_deleted().get(pk=rule.pk))  # noqa: E731
    client.post(url("rule_status", rule.pk), {"status": "paused"})
    assert status().status == "paused"
    assert "error" in str(
        [one.tags for one in client.post(url("rule_status", rule.pk), {"status": "x"}, follow=True).context["messages"]]
    )
    client.post(url("rule_status", rule.pk), {"status": "active"})
    assert status().status == "active"
    response = client.post(url("rule_delete", rule.pk), follow=True)
    assert status().is_deleted
    assert url("rule_restore", rule.pk) in response.content.decode()
    response = client.post(url("rule_restore", rule.pk), **HTMX)
    assert response["HX-Redirect"] == url("rule_detail", rule.pk)
    assert not status().is_deleted
    response = client.post(url("rule_duplicate", rule.pk))
    copy = inside(acme, lambda: Rule.objects.exclude(pk=rule.pk).get())
    assert response.url == url("rule_edit", copy.pk)
    assert inside(acme, lambda: AuditLog.objects.filter(user=manager, resource_type="rules").count()) == 5


def test_a_button_leads_back_to_the_page_it_stood_on(acme, manager, full, client_of):
    client, path = client_of(manager), url("rule_status", full[1].pk)
    here = client.post(path, {"status": "paused"}, HTTP_REFERER="http://testserver/rules/?q=hot")
    assert here.url == "/rules/?q=hot"
    elsewhere = client.post(path, {"status": "active"}, HTTP_REFERER="https://evil.example/rules/")
    assert elsewhere.url == url("rule_detail", full[1].pk)


def test_evaluate_now_acts_and_says_what_it_did(acme, manager, client_of):
    make_hot(acme)
    rule = make_rule(acme)
    page = client_of(manager).post(url("rule_evaluate", rule.pk), follow=True).content.decode()
    assert "Acted on 1 campaign." in page
    assert inside(acme, lambda: Campaign.objects.get().labels) == ["Hot"]
    page = client_of(manager).post(url("rule_evaluate_all"), follow=True).content.decode()
    assert "Acted on 0 campaigns, 1 cooling down." in page
    response = client_of(manager).post(url("rule_evaluate", rule.pk), **HTMX)
    assert (response.status_code, response["HX-Refresh"]) == (204, "true")


def test_evaluate_now_leaves_paused_rules_alone(acme, manager, client_of):
    make_hot(acme)
    rule = make_rule(acme, status="paused")
    for path in (url("rule_evaluate", rule.pk), url("rule_evaluate_all")):
        client_of(manager).post(path)
    assert inside(acme, lambda: Campaign.objects.get().labels) == []


def test_the_detail_page_says_why_and_why_not(acme, viewer, full, client_of):
    make_campaign(acme, name="Boots")
    client, path = client_of(viewer), url("rule_detail", full[1].pk)
    page = client.get(path).content.decode()
    assert "Spend: $150.00" in page
    assert "Alert sent" in page
    now = client.get(path, {"tab": "campaigns"}).content.decode()
    assert "cooling down" in now
    assert "no complete numbers" in now
    only = client.get(path, {"tab": "campaigns", "outcome": "cooldown"}, **HTMX).content.decode()
    assert "Tents" in only
    assert "Boots" not in only
    for sort in ("-name", "actual", "-actual"):
        assert client.get(path, {"tab": "campaigns", "sort": sort, "q": "o"}).status_code == 200


def test_activity_survives_rows_of_another_version(acme, viewer, full, client_of):
    inside(acme, lambda: RuleExecution.objects.update(condition_result={"old": "shape"}))
    page = client_of(viewer).get(url("activity_list"), {"q": "tents", "outcome": "acted"}).content.decode()
    assert "No figures were kept." in page


def test_alerts_are_acknowledged_one_by_one_together_and_back(acme, manager, full, client_of):
    alert = inside(acme, lambda: Alert.objects.get())
    more = [make_alert(acme) for _ in range(2)]
    client = client_of(manager)
    open_alerts = lambda: inside(acme, lambda: Alert.objects.filter(status="open").count())  # noqa: E731
    response = client.post(url("alert_acknowledge", alert.pk), follow=True)
    assert open_alerts() == 2
    assert url("alert_reopen", alert.pk) in response.content.decode()
    client.post(url("alert_reopen", alert.pk))
    assert open_alerts() == 3
    client.post(url("alert_acknowledge_many"), {"ids": [one.pk for one in more] + ["x", "9" * 30]})
    assert open_alerts() == 1
    page = client.get(url("alert_list"), {"status": "acknowledged"}).content.decode()
    assert more[0].title in page
    assert manager.full_name in page
    assert client.post(url("alert_acknowledge_many"), {}).status_code == 302
    assert open_alerts() == 1


def test_alerts_are_filtered_and_the_worst_comes_first(acme, viewer, client_of):
    make_alert(acme, severity="info", title="Info alert")
    make_alert(acme, severity="critical", title="Critical alert")
    make_alert(acme, severity="warning", title="Old alert", status="resolved")
    client = client_of(viewer)
    page = client.get(url("alert_list")).content.decode()
    assert page.index("Critical alert") < page.index("Info alert")
    assert "Old alert" not in page
    assert "Old alert" in client.get(url("alert_list"), {"status": "all"}).content.decode()
    only = client.get(url("alert_list"), {"severity": "info", "q": "info"}, **HTMX).content.decode()
    assert "Critical alert" not in only
    for sort in ("title", "-occurrences", "first", "-last", "severity"):
        assert client.get(url("alert_list"), {"sort": sort}).status_code == 200


def test_the_bell_counts_and_names_the_latest(acme, viewer, full, client_of):
    page = client_of(viewer).get(url("alert_bell_panel")).content.decode()
    assert "Alerts: 1 open" in page
    assert "Too hot" in page
    assert "Tents" in page


def test_the_home_panel_says_what_automation_did(acme, viewer, full, client_of):
    page = client_of(viewer).get(url("home_panel")).content.decode()
    assert "1 active rule" in page
    assert "Too hot" in page
    assert page.count("Tents") == 2


def test_the_campaign_panel_says_which_rules_govern_it(acme, manager, full, client_of):
    make_rule(acme, name="Elsewhere", applies_to_platforms=["google"])
    make_rule(acme, name="Asleep", status="paused")
    make_rule(acme, name="Broken", condition_value="lots")
    page = client_of(manager).get(url("campaign_panel", full[0].pk)).content.decode()
    assert "Too hot" in page
    assert "cooling down" in page
    assert "Last decision: Acted" in page
    for name in ("Elsewhere", "Asleep", "Broken"):
        assert name not in page


def grow(tenant):
    """Two more campaigns that match, with two more rules and their alerts."""
    for number in range(2):
        make_hot(tenant, name=f"More {number}")
        make_rule(tenant, action_type="send_alert", action_config={})
    ran(tenant)


@pytest.mark.parametrize(
    "path",
    [
        "/rules/", "/rules/?sort=-triggers", "/activity/", "/alerts/", "/alerts/bell/", "/rules/today/",
        "/rules/{rule}/", "/rules/{rule}/?tab=campaigns", "/rules/campaigns/{campaign}/",
        "/rules/new/preview/?" + urlencode(FORM, doseq=True),
    ],
)  # fmt: skip
def test_statements_do_not_grow_with_rows(acme, manager, full, client_of, path):
    campaign, rule = full
    client, path = client_of(manager), path.format(rule=rule.pk, campaign=campaign.pk)
    client.get(path)
    one = statements(lambda: client.get(path))
    grow(acme)
    assert statements(lambda: client.get(path)) == one


def test_names_are_escaped(acme, manager, client_of):
    evil = "<script>alert(1)</script>"
    campaign = make_hot(acme, name=evil)
    rule = make_rule(acme, name=evil, description=evil, action_type="send_alert", action_config={"message": evil})
    ran(acme)
    client = client_of(manager)
    paths = [url(name) for name in PAGES] + [
        url("rule_detail", rule.pk),
        url("rule_detail", rule.pk) + "?tab=campaigns",
        url("rule_edit", rule.pk),
        url("campaign_panel", campaign.pk),
        url("rule_preview_panel") + "?" + urlencode({**FORM, "condition_value": evil}, doseq=True),
        url("rule_campaigns_panel") + "?" + urlencode({"campaign_q": evil}),
    ]
    for path in paths:
        assert evil not in client.get(path).content.decode(), path


TEXT = "roas over the last 2 full days is below 1.5 and spend over the last 2 full days is above 100"
TEXT_FORM = {
    "name": "Losers with spend",
    "mode": "text",
    "condition_text": TEXT,
    "action_type": "send_alert",
    "severity": "warning",
    "cooldown_hours": "24",
    "save_as": "draft",
}


def test_condition_as_a_sentence_is_stored_shown_and_edited(acme, manager, client_of):
    client = client_of(manager)
    assert client.post(reverse("rules:rule_create"), TEXT_FORM).status_code == 302
    with tenant_context(acme), transaction.atomic():
        rule = Rule.objects.get()
        assert rule.condition_tree.keys() == {"all"}
        assert (rule.condition_field, rule.condition_operator, rule.condition_value) == ("roas", "less_than", "1.5")
    page = client.get(reverse("rules:rule_detail", args=[rule.pk])).content.decode()
    assert "ROAS over the last 2 full days is below 1.5× and spend over the last 2 full days is above 100" in page
    editor = client.get(reverse("rules:rule_edit", args=[rule.pk])).content.decode()
    assert TEXT in editor
    back = {**TEXT_FORM, "mode": "simple", "condition_field": "roas", "condition_operator": "gte", "window_days": "3"}
    assert client.post(reverse("rules:rule_edit", args=[rule.pk]), {**back, "condition_value": "2"}).status_code == 302
    with tenant_context(acme), transaction.atomic():
        assert Rule.objects.get().condition_tree is None


def test_sentence_that_cannot_be_read_is_shown_at_its_place(manager, client_of):
    text = "roas over the last 2 full days resembles 1.5"
    response = client_of(manager).post(reverse("rules:rule_create"), {**TEXT_FORM, "condition_text": text})
    page = response.content.decode()
    assert response.status_code == 422
    assert "Say how to compare." in page
    assert "resembles 1.5" in page
    assert "is below" in page


def test_parts_become_a_sentence_to_go_on_from(manager, client_of):
    query = {
        "mode": "text",
        "condition_field": "cpa",
        "condition_operator": "greater_than",
        "condition_value": "20",
        "window_days": "7",
        "shown_field": "cpa",
    }
    page = client_of(manager).get(reverse("rules:rule_builder_panel"), query).content.decode()
    assert "cpa over the last 7 full days is above 20" in page


def test_preview_of_a_sentence_names_every_figure(acme, manager, client_of):
    with tenant_context(acme), transaction.atomic():
        campaign = make_campaign(acme, name="Loser")
        day = datetime.datetime.now(datetime.UTC).date() - datetime.timedelta(days=1)
    make_day(campaign, day, spend_cents=20_000, revenue_cents=10_000)
    page = client_of(manager).get(reverse("rules:rule_preview_panel"), TEXT_FORM).content.decode()
    assert "Loser" in page
    assert "ROAS: 0.50×" in page
    assert "Spend: $200.00" in page
