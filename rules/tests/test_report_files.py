"""The files of a report are an export: who gets them, who lets them go, and what the trail says."""

import pytest
import time_machine
from django.urls import reverse

from accounts.models import AuditLog, EmailMessage
from accounts.tests.factories import make_user
from rules.models import ReportSchedule
from rules.services.reports import reports_send
from rules.tests.report_cast import NOW, inside, make_history, make_schedule
from tenants.context import tenant_context

FILES = ["stratum-daily-20261123.csv", "stratum-daily-20261123.pdf"]


@pytest.fixture(autouse=True)
def at_eight():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def barred(acme):
    """An analyst who may not export."""
    return make_user(acme, "analyst", email="barred@acme.example", permissions={"can_export": False})


def post(client, name, schedule, **data):
    return client.post(reverse(f"rules:report_schedule_{name}", args=[schedule.pk]), data, follow=True)


def send(tenant):
    with tenant_context(tenant):
        return reports_send(now=NOW).counts


def files_by_address(tenant):
    def found():
        mails = EmailMessage.objects.prefetch_related("attachments")
        return {mail.address: sorted(one.name for one in mail.attachments.all()) for mail in mails}

    return inside(tenant, found)


def exports(tenant):
    entries = inside(tenant, lambda: list(AuditLog.objects.filter(action="export").order_by("pk")))
    return [(entry.user_id, entry.resource_type, entry.new_value) for entry in entries]


def test_people_who_may_not_export_get_a_report_without_files(acme, admin, viewer, barred):
    make_history(acme)
    make_schedule(acme, user_ids=[admin.pk, viewer.pk, barred.pk], addresses="boss@client.example")
    assert send(acme) == {"made": 1, "messages": 4}
    found = files_by_address(acme)
    assert found == {admin.email: FILES, viewer.email: [], barred.email: [], "boss@client.example": FILES}
    # Nobody's own action sent them: the confirmation was.
    assert exports(acme) == []


def test_the_address_of_somebody_who_may_not_export_is_no_way_around(acme, barred):
    make_history(acme)
    make_schedule(acme, addresses="Barred@acme.example")
    assert send(acme) == {"made": 1, "messages": 1}
    assert list(files_by_address(acme).values()) == [[]]


def test_only_who_may_export_lets_a_report_go_to_other_addresses(acme, analyst, barred, client_of):
    make_history(acme)
    schedule = make_schedule(acme, addresses="private@mail.example", confirmed_at=None, next_run_at=None)
    page = client_of(barred).get(reverse("rules:report_schedule_preview", args=[schedule.pk])).content.decode()
    assert "somebody who may has to confirm it" in page
    assert "Confirm: send it from now on" not in page
    refused = post(client_of(barred), "confirm", schedule, version=schedule.version).content.decode()
    assert "you may not export. Let somebody do this who may, or take the addresses out." in refused
    assert inside(acme, lambda: ReportSchedule.objects.get().confirmed_at) is None
    assert "is on" in post(client_of(analyst), "confirm", schedule, version=schedule.version).content.decode()
    assert exports(acme) == [(analyst.pk, "report_schedules", {"format": "pdf, csv", "recipients": 1})]


def test_who_may_not_export_sends_nothing_to_other_addresses_now(acme, analyst, barred, client_of):
    make_history(acme)
    schedule = make_schedule(acme, addresses="private@mail.example")
    assert "you may not export" in post(client_of(barred), "send", schedule).content.decode()
    assert files_by_address(acme) == {}
    assert "on its way" in post(client_of(analyst), "send", schedule).content.decode()
    assert files_by_address(acme) == {"private@mail.example": FILES}
    ((user_id, resource, value),) = exports(acme)
    assert (user_id, resource, value["format"], value["mails"]) == (analyst.pk, "reports", "pdf, csv", 1)


def test_who_may_not_export_resumes_nothing_to_other_addresses(acme, analyst, barred, client_of):
    schedule = make_schedule(acme, addresses="private@mail.example")
    assert "is paused" in post(client_of(barred), "status", schedule, active="0").content.decode()
    assert "you may not export" in post(client_of(barred), "status", schedule, active="1").content.decode()
    assert inside(acme, lambda: ReportSchedule.objects.get().is_active) is False
    assert "goes on" in post(client_of(analyst), "status", schedule, active="1").content.decode()


def test_who_may_not_export_confirms_and_sends_to_people_of_the_workspace(acme, admin, barred, client_of):
    make_history(acme)
    schedule = make_schedule(acme, user_ids=[admin.pk, barred.pk], confirmed_at=None, next_run_at=None)
    client = client_of(barred)
    page = client.get(reverse("rules:report_schedule_preview", args=[schedule.pk])).content.decode()
    assert f"{barred.full_name} (without PDF and CSV)" in page
    assert f"{admin.full_name} (without" not in page
    assert "is on" in post(client, "confirm", schedule, version=schedule.version).content.decode()
    assert "on its way" in post(client, "send", schedule).content.decode()
    assert files_by_address(acme) == {admin.email: FILES, barred.email: []}
    ((user_id, _resource, value),) = exports(acme)
    assert (user_id, value["mails"]) == (barred.pk, 1)


def test_sending_now_without_files_is_no_export(acme, viewer, analyst, client_of):
    make_history(acme)
    schedule = make_schedule(acme, user_ids=[viewer.pk])
    assert "on its way" in post(client_of(analyst), "send", schedule).content.decode()
    assert files_by_address(acme) == {viewer.email: []}
    assert exports(acme) == []
