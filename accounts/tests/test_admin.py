"""What staff may change, how it is written down, and what the frame of the admin shows."""

import pytest
from django.contrib.admin.models import LogEntry
from django.db import transaction
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from accounts.admin.masks import mask_person
from accounts.admin.paging import BoundedPaginator
from accounts.audit import Actor, record
from accounts.choices import ActorKind, AuditAction
from accounts.models import AuditLog, User
from accounts.tests.factories import make_email, make_user
from accounts.tests.mail_cast import change, mail_server
from rules.models import Rule
from stratum.celery import app
from tenants.context import tenant_context, unscoped
from tenants.models import Tenant
from tenants.tests.factories import make_tenant


@pytest.fixture
def staff(db):
    return make_user(make_tenant("support"), "admin", full_name="Sam Support", is_staff=True, is_superuser=True)


@pytest.fixture
def staff_client(staff, client_of):
    return client_of(staff)


@pytest.fixture
def rule(acme):
    values = {"condition_field": "roas", "condition_operator": "less_than", "condition_value": "1"}
    with tenant_context(acme), transaction.atomic():
        return Rule.objects.create(tenant=acme, name="Stop loss", action_type="send_alert", **values)


def page_of(row, page: str = "change") -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_{page}", args=[row.pk])


def trail(tenant: Tenant) -> list[AuditLog]:
    with tenant_context(tenant), transaction.atomic():
        return list(AuditLog.objects.order_by("pk"))


def reread(row):
    with unscoped("test: look at the row"), transaction.atomic():
        return type(row)._base_manager.get(pk=row.pk)


def test_header_shows_the_persons_name_not_the_hash(staff_client, staff):
    text = staff_client.get("/admin/").content.decode()
    assert "Sam Support" in text
    assert staff.email_hash not in text


def test_overview_counts_over_all_workspaces(staff_client, acme, globex):
    cards = {str(card.label): card.value for card in staff_client.get("/admin/").context["glances"]}
    assert cards["Workspaces"] == 3


def test_a_change_is_written_with_the_person_and_the_reason(staff_client, staff, rule, acme):
    form = {"name": "Stop the loss", "description": "Calls us", "reason": "Customer asked by phone"}
    response = staff_client.post(page_of(rule), form)
    assert response.status_code == 302, response.context["adminform"].form.errors
    (entry,) = trail(acme)
    assert (entry.action, entry.actor_kind, entry.user_id) == (AuditAction.UPDATE, ActorKind.STAFF, staff.pk)
    assert entry.reason == "Customer asked by phone"
    assert entry.old_value == {"name": "Stop loss", "description": None}
    assert entry.new_value == {"name": "Stop the loss", "description": "Calls us"}


def test_without_a_reason_nothing_changes(staff_client, rule, acme):
    response = staff_client.post(page_of(rule), {"name": "Other", "reason": " "})
    assert response.status_code == 200
    assert "reason" in response.context["adminform"].form.errors
    assert reread(rule).name == "Stop loss"
    assert trail(acme) == []


def test_only_what_the_form_changed_is_written(staff_client, rule):
    """A rule fires while its form is open: its counter does not go back."""
    with unscoped("test: the rule fires meanwhile"), transaction.atomic():
        Rule.objects.filter(pk=rule.pk).update(trigger_count=7)
    staff_client.post(page_of(rule), {"name": rule.name, "description": "new", "reason": "go"})
    row = reread(rule)
    assert (row.trigger_count, row.description) == (7, "new")


def test_columns_that_are_not_editable_are_ignored(staff_client, rule, globex):
    form = {"name": "Other", "reason": "x", "status": "active", "tenant": globex.pk, "condition_value": "99"}
    staff_client.post(page_of(rule), form)
    row = reread(rule)
    assert (row.name, row.status, row.condition_value, row.tenant_id) == ("Other", "draft", "1", rule.tenant_id)


def test_deleting_hides_the_row_and_says_why(staff_client, rule, acme):
    page = page_of(rule, "delete")
    text = staff_client.get(page).content.decode()
    assert "Hide this rule?" in text
    assert staff_client.post(page, {"post": "yes"}).status_code == 302
    assert reread(rule).is_deleted is False
    staff_client.post(page, {"post": "yes", "reason": "made by mistake"})
    assert reread(rule).is_deleted is True
    (entry,) = trail(acme)
    assert (entry.action, entry.reason) == (AuditAction.DELETE, "made by mistake")
    assert staff_client.get(page).status_code == 403


def test_deleted_rows_are_listed_only_when_asked_for(staff_client, rule):
    with unscoped("test set-up"), transaction.atomic():
        Rule.objects.filter(pk=rule.pk).update(is_deleted=True)
    rules = reverse("admin:rules_rule_changelist")
    found = [
        staff_client.get(rules, query).context["cl"].result_count
        for query in ({}, {"deleted": "only"}, {"deleted": "all"})
    ]
    assert found == [0, 1, 1]


def test_a_new_workspace_is_audited_in_its_own_trail(staff_client):
    form = {
        "name": "Initech", "slug": "initech", "domain": "", "plan": "pro", "plan_expires_at_0": "",
        "plan_expires_at_1": "", "max_users": "9", "max_campaigns": "90", "reporting_currency": "eur",
        "timezone": "Europe/Berlin", "settings": "{}", "feature_flags": "{}", "stripe_customer_id": "",
        "reason": "Signed by post",
    }  # fmt: skip
    response = staff_client.post(reverse("admin:tenants_tenant_add"), form)
    assert response.status_code == 302, response.context["adminform"].form.errors
    with unscoped("test: look at the row"), transaction.atomic():
        tenant = Tenant.objects.get(slug="initech")
    assert (tenant.reporting_currency, tenant.domain) == ("EUR", None)
    (entry,) = trail(tenant)
    assert (entry.action, entry.reason) == (AuditAction.CREATE, "Signed by post")


@pytest.mark.parametrize(
    ("field", "value"), [("slug", "admin"), ("timezone", "Mars/Base"), ("reporting_currency", "ZZZ")]
)
def test_a_workspace_is_not_given_what_the_product_refuses(staff_client, acme, field, value):
    response = staff_client.get(page_of(acme))
    form = {
        name: value if value is not None else "" for name, value in response.context["adminform"].form.initial.items()
    }
    form |= {"settings": "{}", "feature_flags": "{}", "reason": "x", field: value}
    response = staff_client.post(page_of(acme), form)
    assert field in response.context["adminform"].form.errors


def test_a_person_is_found_by_the_whole_address_only(staff_client, acme):
    person = make_user(acme, "analyst", email="Dana.Smith@acme.example", full_name="Dana Smith")
    people = reverse("admin:accounts_user_changelist")
    found = [
        [row.pk for row in staff_client.get(people, {"q": term}).context["cl"].result_list]
        for term in ("dana.smith@ACME.example", "dana", "@acme.example")
    ]
    assert found == [[person.pk], [], []]


def test_people_are_deactivated_with_a_trail(staff_client, acme):
    person = make_user(acme, "analyst")
    form = {"role": "viewer", "permissions": "{}", "locale": "en", "timezone": "UTC", "reason": "left the company"}
    assert staff_client.post(page_of(person), form).status_code == 302
    row = reread(person)
    assert (row.role, row.is_active) == ("viewer", False)
    assert row.email == person.email
    assert set(trail(acme)[-1].changed_fields) == {"role", "is_active"}


def test_history_leads_to_the_trail(staff_client, rule):
    response = staff_client.get(page_of(rule, "history"))
    assert response.url.startswith(reverse("admin:accounts_auditlog_changelist"))
    shown = staff_client.get(response.url).context["cl"]
    assert shown.result_count == 0


def test_history_shows_the_rows_own_entries(staff_client, rule, acme):
    with tenant_context(acme), transaction.atomic():
        record(actor=Actor.job("x"), action=AuditAction.UPDATE, resource=rule, old={"name": "a"}, new={"name": "b"})
        record(actor=Actor.job("x"), action=AuditAction.UPDATE, resource="rules", resource_id=rule.pk + 1)
    rows = staff_client.get(staff_client.get(page_of(rule, "history")).url).context["cl"].result_list
    assert [row.resource_id for row in rows] == [str(rule.pk)]


def test_django_keeps_no_log_with_names_in_clear(staff_client, rule):
    staff_client.post(page_of(rule), {"name": "Other", "reason": "x"})
    staff_client.post(page_of(rule, "delete"), {"post": "yes", "reason": "x"})
    with transaction.atomic():
        assert LogEntry.objects.count() == 0


def test_the_trail_cannot_be_written(staff_client, acme):
    with tenant_context(acme), transaction.atomic():
        entry = record(actor=Actor.system("x"), action=AuditAction.UPDATE, resource="rules", resource_id=1)
    assert staff_client.post(page_of(entry), {"reason": "x", "action": "delete"}).status_code == 403
    assert staff_client.post(page_of(entry, "delete"), {"reason": "x", "post": "yes"}).status_code == 403
    assert staff_client.get(reverse("admin:accounts_auditlog_add")).status_code == 403


def test_a_workspaces_page_leads_to_what_belongs_to_it(staff_client, acme, rule):
    text = staff_client.get(page_of(acme)).content.decode()
    assert f"{reverse('admin:rules_rule_changelist')}?tenant__id__exact={acme.pk}" in text


def test_logged_in_staff_need_no_second_login(staff_client):
    assert staff_client.get("/admin/login/", {"next": "/admin/rules/rule/"}).url == "/admin/rules/rule/"
    assert staff_client.get("/admin/login/", {"next": "https://elsewhere.example/"}).url == "/admin/"


def test_inactive_staff_are_out(staff_client, staff):
    with unscoped("test set-up"), transaction.atomic():
        User.objects.filter(pk=staff.pk).update(is_active=False)
    assert staff_client.get("/admin/").status_code == 302


def test_staff_send_again_what_failed_with_a_reason(staff_client, acme, settings, django_capture_on_commit_callbacks):
    failed, waits = make_email(acme), make_email(acme)
    change(failed, state="failed", error_code="local.no_server", error="No mail server.")
    data = {"action": "send_again", "_selected_action": [failed.pk, waits.pk], "reason": "The server is back"}
    app.conf.task_always_eager = True
    try:
        with mail_server(settings) as mail, django_capture_on_commit_callbacks(execute=True):
            text = staff_client.post(
                reverse("admin:accounts_emailmessage_changelist"), data, follow=True
            ).content.decode()
    finally:
        app.conf.task_always_eager = False
    assert "Done for 1 row." in text
    assert "Only an e-mail that failed can be sent again." in text
    assert {failed.message_id, waits.message_id} == {message["Message-ID"] for message in mail.received}
    entry = trail(acme)[-1]
    assert (entry.resource_id, entry.reason, entry.old_value) == (
        str(failed.pk), "The server is back", {"state": "failed"},
    )  # fmt: skip


def test_policy_is_looser_for_staff_pages_only(staff_client):
    assert "'unsafe-eval'" in staff_client.get("/admin/").headers["Content-Security-Policy"]
    assert "unsafe" not in staff_client.get(reverse("health_live")).headers["Content-Security-Policy"]


@given(st.text(min_size=1))
def test_masks_show_little(text):
    shown = mask_person(text)
    assert "•••" in shown
    if "@" not in text and len(text.split()) == 1 and not text.isdigit() and "." not in text and ":" not in text:
        assert len(shown) <= 4


@pytest.mark.parametrize(
    ("clear", "shown"),
    [
        ("Dana Smith", "D••• S•••"),
        ("dana@acme.example", "d•••@acme.example"),
        ("+49 30 901820", "•••20"),
        ("192.0.2.44", "192.0.•••"),
        ("2001:db8::1", "2001:db8:•••"),
        ("  ", "•••"),
    ],
)
def test_mask(clear, shown):
    assert mask_person(clear) == shown


def test_counting_stops(db, monkeypatch):
    monkeypatch.setattr("accounts.admin.paging.COUNT_AT_MOST", 2)
    for number in range(3):
        make_tenant(f"t{number}")
    with unscoped("test: count"), transaction.atomic():
        assert BoundedPaginator(Tenant.objects.order_by("pk"), 50).count == 2
    assert BoundedPaginator([1, 2, 3], 50).count == 3
