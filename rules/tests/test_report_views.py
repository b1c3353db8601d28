"""The pages of reports: who may, what is confirmed before it is sent, what was sent and that it is unchanged."""

import datetime
import re

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import AuditLog, EmailMessage
from accounts.tests.factories import make_user
from rules.models import Report, ReportSchedule
from rules.services.reports import reports_send
from rules.tests.report_cast import NOW, inside, make_history, make_schedule
from rules.tests.slack_cast import make_webhook
from tenants.context import tenant_context

FORM = {
    "name": "Weekly for the client",
    "kind": "weekly",
    "weekday": "0",
    "send_at": "08:00",
    "timezone": "Europe/Berlin",
    "locale": "en",
    "sections": ["movers", "data"],
    "addresses": "boss@client.example",
}


@pytest.fixture(autouse=True)
def at_eight():
    with time_machine.travel(NOW, tick=False):
        yield


def url(name, *args):
    return reverse(f"rules:{name}", args=args)


def text_of(client, name, *args, **query):
    response = client.get(url(name, *args), query)
    assert response.status_code == 200
    return response.content.decode()


def send(tenant, now=NOW):
    with tenant_context(tenant):
        return reports_send(now=now).counts


def version_on(page):
    """What the button on a preview's page would confirm."""
    return re.search('name="version" value="([^"]+)"', page).group(1)


def confirm(client, schedule, version):
    return client.post(url("report_schedule_confirm", schedule.pk), {"version": version}, follow=True)


def newest(tenant):
    return inside(tenant, lambda: Report.objects.order_by("-pk").first())


def test_everybody_reads_and_analysts_write(acme, viewer, analyst, client_of):
    make_history(acme)
    schedule = make_schedule(acme)
    send(acme)
    report = newest(acme)
    reader, writer = client_of(viewer), client_of(analyst)
    assert "Morning report" in text_of(reader, "report_list")
    assert "New report" not in text_of(reader, "report_list")
    assert "Unchanged since it was sent" in text_of(reader, "report_detail", report.pk)
    for name in ("report_pdf", "report_csv"):
        assert reader.get(url(name, report.pk)).status_code == 403
    for name in ("report_schedule_edit", "report_schedule_preview", "report_schedule_pdf"):
        assert reader.get(url(name, schedule.pk)).status_code == 403
        assert writer.get(url(name, schedule.pk)).status_code == 200
    for name in ("confirm", "status", "test", "send", "remove"):
        assert reader.post(url(f"report_schedule_{name}", schedule.pk)).status_code == 403


def test_a_report_is_set_up_looked_at_and_confirmed(acme, analyst, client_of):
    make_history(acme)
    client = client_of(analyst)
    text = client.post(url("report_schedule_create"), FORM, follow=True).content.decode()
    assert "Nothing is sent yet" in text
    assert "Weekly for the client: Week of 16 – 22 Nov 2026" in text
    assert "boss@client.example" in text
    schedule = inside(acme, lambda: ReportSchedule.objects.get())
    assert (schedule.confirmed_at, schedule.next_run_at, schedule.weekday) == (None, None, 0)
    assert send(acme, NOW + datetime.timedelta(days=30)) == {}
    text = confirm(client, schedule, version_on(text)).content.decode()
    assert "is on" in text
    confirmed = inside(acme, lambda: ReportSchedule.objects.get())
    assert confirmed.next_run_at == datetime.datetime(2026, 11, 30, 7, tzinfo=datetime.UTC)
    # What is changed is looked at again before it is sent.
    client.post(url("report_schedule_edit", schedule.pk), {**FORM, "send_at": "09:00"})
    assert inside(acme, lambda: ReportSchedule.objects.get().confirmed_at) is None


def test_what_somebody_changed_meanwhile_is_looked_at_before_it_is_confirmed(acme, analyst, manager, client_of):
    make_history(acme)
    ana, bob = client_of(analyst), client_of(manager)
    seen = version_on(ana.post(url("report_schedule_create"), FORM, follow=True).content.decode())
    schedule = inside(acme, lambda: ReportSchedule.objects.get())
    bob.post(url("report_schedule_edit", schedule.pk), {**FORM, "addresses": "stranger@elsewhere.example"})
    response = confirm(ana, schedule, seen)
    assert response.redirect_chain == [(url("report_schedule_preview", schedule.pk), 302)]
    text = response.content.decode()
    assert "was changed meanwhile: look at it again" in text
    assert "stranger@elsewhere.example" in text
    assert inside(acme, lambda: ReportSchedule.objects.get().confirmed_at) is None
    # Now she has seen it.
    assert "is on" in confirm(ana, schedule, version_on(text)).content.decode()


def test_a_second_click_on_confirm_says_that_it_is_on(acme, analyst, client_of):
    make_history(acme)
    client = client_of(analyst)
    seen = version_on(client.post(url("report_schedule_create"), FORM, follow=True).content.decode())
    schedule = inside(acme, lambda: ReportSchedule.objects.get())
    confirm(client, schedule, seen)
    first = inside(acme, lambda: ReportSchedule.objects.get())
    assert exports(acme) == [{"format": "pdf, csv", "recipients": 1}]
    with time_machine.travel(NOW + datetime.timedelta(seconds=1), tick=False):
        text = confirm(client, schedule, seen).content.decode()
    assert "is on" in text
    assert "was changed meanwhile" not in text
    again = inside(acme, lambda: ReportSchedule.objects.get())
    assert (again.confirmed_at, again.updated_at) == (first.confirmed_at, first.updated_at)
    assert len(exports(acme)) == 1


def test_what_somebody_changed_and_confirmed_meanwhile_is_looked_at(acme, analyst, manager, client_of):
    make_history(acme)
    ana, bob = client_of(analyst), client_of(manager)
    seen = version_on(ana.post(url("report_schedule_create"), FORM, follow=True).content.decode())
    schedule = inside(acme, lambda: ReportSchedule.objects.get())
    changed = {**FORM, "addresses": "stranger@elsewhere.example"}
    page = bob.post(url("report_schedule_edit", schedule.pk), changed, follow=True).content.decode()
    assert "is on" in confirm(bob, schedule, version_on(page)).content.decode()
    text = confirm(ana, schedule, seen).content.decode()
    assert "was changed meanwhile: look at it again" in text
    assert "stranger@elsewhere.example" in text


def test_a_late_click_on_confirm_resumes_nothing_that_was_paused_meanwhile(acme, analyst, manager, client_of):
    make_history(acme)
    ana, bob = client_of(analyst), client_of(manager)
    seen = version_on(ana.post(url("report_schedule_create"), FORM, follow=True).content.decode())
    schedule = inside(acme, lambda: ReportSchedule.objects.get())
    confirm(bob, schedule, seen)
    bob.post(url("report_schedule_status", schedule.pk), {"active": "0"})
    assert "was changed meanwhile" in confirm(ana, schedule, seen).content.decode()
    assert inside(acme, lambda: ReportSchedule.objects.get().is_active) is False


@pytest.mark.parametrize("version", ["", "yesterday"])
def test_nothing_is_confirmed_without_having_been_seen(acme, analyst, client_of, version):
    schedule = make_schedule(acme, confirmed_at=None, user_ids=[analyst.pk])
    assert "was changed meanwhile" in confirm(client_of(analyst), schedule, version).content.decode()
    assert inside(acme, lambda: ReportSchedule.objects.get().confirmed_at) is None


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": ""}, "This field is required"),
        ({"addresses": "not an address"}, "is no e-mail address"),
        ({"addresses": ""}, "Choose who gets it"),
        ({"timezone": "Moon/Crater"}, "not one of the available choices"),
        ({"send_at": "25:00"}, "Enter a valid time"),
        ({"name": "Morning report"}, "Another report has this name"),
    ],
)
def test_a_mistake_stands_at_its_place(acme, analyst, client_of, fields, words):
    make_schedule(acme)
    response = client_of(analyst).post(url("report_schedule_create"), {**FORM, **fields})
    assert response.status_code == 422
    assert words in response.content.decode()
    assert inside(acme, lambda: ReportSchedule.objects.count()) == 1


@pytest.mark.parametrize(
    ("typed", "kept"),
    [("Report \x96 daily", "Report daily"), ("\x7fA\tB\x85C", "A B C"), ("می\u200cخواهم", "می\u200cخواهم")],
)
def test_control_characters_stay_out_of_a_name(acme, analyst, client_of, typed, kept):
    client_of(analyst).post(url("report_schedule_create"), {**FORM, "name": typed})
    assert inside(acme, lambda: ReportSchedule.objects.get().name) == kept


def test_a_name_of_control_characters_is_none(acme, analyst, client_of):
    response = client_of(analyst).post(url("report_schedule_create"), {**FORM, "name": "\x96"})
    assert response.status_code == 422
    assert "Give it a name" in response.content.decode()


def test_the_editor_shows_what_it_would_say(acme, analyst, client_of):
    make_history(acme)
    client = client_of(analyst)
    daily = {**FORM, "kind": "daily", "timezone": "UTC"}
    shown = client.post(url("report_preview_panel"), daily, headers={"HX-Request": "true"}).content.decode()
    assert "Monday, 23 November 2026" in shown
    assert "$400.00" in shown
    assert "<html" not in shown
    wrong = client.post(url("report_preview_panel"), {**daily, "name": ""}).content.decode()
    assert "not complete yet" in wrong
    assert inside(acme, lambda: ReportSchedule.objects.count()) == 0


def test_the_preview_shows_every_channel(acme, analyst, client_of):
    make_history(acme)
    target = make_webhook(acme)
    schedule = make_schedule(acme, user_ids=[analyst.pk], slack_target_ids=[target.pk], confirmed_at=None)
    text = text_of(client_of(analyst), "report_schedule_preview", schedule.pk)
    for words in ("Subject:", "To Slack", "*Acme · Morning report*", "#ads", "Confirm: send it from now on"):
        assert words in text
    assert "Send now" not in text


def test_files_are_those_that_were_sent_and_leave_a_trace(acme, analyst, client_of):
    make_history(acme)
    make_schedule(acme)
    send(acme)
    report = newest(acme)
    client = client_of(analyst)
    pdf, csv = client.get(url("report_pdf", report.pk)), client.get(url("report_csv", report.pk))
    assert (pdf.content, csv.content) == (bytes(report.pdf), bytes(report.csv))
    assert 'filename="stratum-daily-20261123.pdf"' in pdf["Content-Disposition"]
    entries = inside(acme, lambda: list(AuditLog.objects.filter(action="export").order_by("pk")))
    assert [entry.new_value["format"] for entry in entries] == ["pdf", "csv"]
    assert entries[0].new_value["content_hash"] == report.content_hash


def test_a_report_that_was_tampered_with_says_so(acme, viewer, client_of):
    make_history(acme)
    make_schedule(acme)
    send(acme)
    report = newest(acme)

    def tamper():
        changed = {**report.content, "title": "A better day"}
        values = {"date_from": "2020-01-01", "date_to": "2020-01-01", "content": changed, "as_of": report.as_of}
        return Report.objects.create(
            schedule_id=report.schedule_id, zone="UTC", content_hash=report.content_hash, **values
        )

    forged = inside(acme, tamper)
    assert "This is not what was sent" in text_of(client_of(viewer), "report_detail", forged.pk)


def test_a_report_of_another_shape_is_not_guessed_at(acme, viewer, client_of):
    schedule = make_schedule(acme)
    values = {"date_from": "2020-01-01", "date_to": "2020-01-01", "content": {"version": 99}, "as_of": NOW}
    old = inside(acme, lambda: Report.objects.create(schedule=schedule, zone="UTC", content_hash="x", **values))
    assert "Another version of the product" in text_of(client_of(viewer), "report_detail", old.pk)


def test_the_page_names_recipients_without_addresses(acme, viewer, admin, client_of):
    make_history(acme)
    make_schedule(acme, user_ids=[admin.pk], addresses="boss@client.example")
    send(acme)
    text = text_of(client_of(viewer), "report_detail", newest(acme).pk)
    assert "Admin of Acme" in text
    assert "b…@client.example" in text
    assert "boss@client.example" not in text


def test_pause_go_on_and_remove(acme, analyst, client_of):
    schedule = make_schedule(acme)
    client = client_of(analyst)
    client.post(url("report_schedule_status", schedule.pk), {"active": "0"})
    assert "Paused" in text_of(client, "report_list")
    client.post(url("report_schedule_status", schedule.pk), {"active": "1"})
    kept = inside(acme, lambda: ReportSchedule.objects.get())
    # Today's eight o'clock is over: it is not made up for.
    assert (kept.is_active, kept.next_run_at.day) == (True, 25)
    client.post(url("report_schedule_remove", schedule.pk))
    assert "No report yet" in text_of(client, "report_list")


def test_send_now_and_a_test_to_oneself(acme, analyst, client_of):
    make_history(acme)
    schedule = make_schedule(acme, addresses="boss@client.example")
    client = client_of(analyst)
    client.post(url("report_schedule_test", schedule.pk))
    text = client.post(url("report_schedule_send", schedule.pk), follow=True).content.decode()
    assert "The report is on its way" in text
    again = client.post(url("report_schedule_send", schedule.pk), follow=True).content.decode()
    assert "sent already" in again
    mails = inside(acme, lambda: [mail.address for mail in EmailMessage.objects.order_by("pk")])
    assert mails == [analyst.email, "boss@client.example"]


def attached(tenant):
    return inside(tenant, lambda: [one.name for one in EmailMessage.objects.get().attachments.order_by("pk")])


def exports(tenant):
    return inside(tenant, lambda: [entry.new_value for entry in AuditLog.objects.filter(action="export")])


def test_a_test_with_files_is_an_export(acme, analyst, client_of):
    make_history(acme)
    schedule = make_schedule(acme)
    client = client_of(analyst)
    assert "Your test comes without" not in text_of(client, "report_schedule_preview", schedule.pk)
    client.post(url("report_schedule_test", schedule.pk))
    assert attached(acme) == ["stratum-daily-20261123.pdf", "stratum-daily-20261123.csv"]
    assert exports(acme) == [{"format": "pdf, csv", "test": True}]


def test_whoever_may_not_export_gets_a_test_without_files_and_is_told(acme, client_of):
    make_history(acme)
    schedule = make_schedule(acme)
    client = client_of(make_user(acme, "analyst", permissions={"can_export": False}))
    assert client.get(url("report_schedule_pdf", schedule.pk)).status_code == 403
    assert "Your test comes without PDF and CSV" in text_of(client, "report_schedule_preview", schedule.pk)
    text = client.post(url("report_schedule_test", schedule.pk), follow=True).content.decode()
    assert "on its way to your own address, without PDF and CSV" in text
    assert "$400.00" in inside(acme, lambda: EmailMessage.objects.get().text)
    assert attached(acme) == []
    assert exports(acme) == []


@pytest.mark.parametrize("query", [{}, {"tab": "sent"}])
def test_the_lists_ask_no_more_for_more_rows(acme, viewer, client_of, query):
    client = client_of(viewer)

    def statements():
        with CaptureQueriesContext(connection) as asked:
            text_of(client, "report_list", **query)
        return len(asked)

    make_history(acme)
    make_schedule(acme, name="First")
    send(acme)
    one = statements()
    for number in range(2):
        make_schedule(acme, name=f"More {number}")
    send(acme)
    assert statements() == one


def test_the_empty_lists_teach_the_next_step(acme, analyst, client_of):
    client = client_of(analyst)
    assert "No report yet" in text_of(client, "report_list")
    assert "Nothing was sent yet" in text_of(client, "report_list", tab="sent")


def test_two_workspaces_never_meet(acme, globex, analyst, outsider, client_of):
    make_history(globex)
    foreign = make_schedule(globex, name="Globex report")
    send(globex)
    report = newest(globex)
    client = client_of(analyst)
    for query in ({}, {"tab": "sent"}, {"tab": "sent", "schedule": str(foreign.pk)}):
        assert "Globex report" not in text_of(client, "report_list", **query)
    for name in ("report_detail", "report_pdf", "report_csv"):
        assert client.get(url(name, report.pk)).status_code == 404
    for name in ("edit", "preview", "pdf"):
        assert client.get(url(f"report_schedule_{name}", foreign.pk)).status_code == 404
    for name in ("confirm", "status", "test", "send", "remove", "edit"):
        assert client.post(url(f"report_schedule_{name}", foreign.pk)).status_code == 404
    assert "Globex report" in text_of(client_of(outsider), "report_list")
