"""Reports: equal age, frozen for good, restated by what came in late, made and handed over once."""

import copy
import datetime
import io
import threading

import pytest
import time_machine
from django.db import DatabaseError, connection, connections, transaction
from pypdf import PdfReader

from accounts.audit import Actor
from accounts.models import AuditLog, EmailMessage
from campaigns.tests.factories import make_account, make_campaign
from rules.models import Report, ReportDelivery, ReportSchedule, SlackMessage
from rules.services.reports import (
    report_preview,
    report_schedule_remove,
    report_send_now,
    report_send_test,
    reports_send,
)
from rules.services.reports.content import report_make
from rules.services.reports.document import report_pdf
from rules.services.reports.freezing import canonical, content_hash
from rules.services.reports.spreadsheet import report_csv
from rules.tests.factories import make_alert
from rules.tests.report_cast import (
    NOW,
    UTC,
    YESTERDAY,
    inside,
    known,
    make_history,
    make_schedule,
)
from rules.tests.slack_cast import make_webhook
from stratum.lib.errors import DomainError
from tenants.context import tenant_context
from whatsapp.tests.factories import make_contact

DAY = datetime.timedelta(days=1)
ACTOR = Actor.job("test")


@pytest.fixture(autouse=True)
def at_eight():
    with time_machine.travel(NOW, tick=False):
        yield


def send(tenant, now=NOW):
    with tenant_context(tenant):
        return reports_send(now=now).counts


def made(tenant, schedule, moment=NOW):
    return inside(tenant, lambda: report_make(schedule, moment=moment, as_of=moment, previous=None))


def kpi(content, key):
    return next(line for line in content["kpis"] if line["key"] == key)


def block(content, key):
    return next(one for one in content["blocks"] if one["key"] == key)


def reports(tenant):
    return inside(tenant, lambda: list(Report.objects.order_by("pk")))


# --- Equal age --------------------------------------------------------------------------------------------------


def test_yesterday_is_compared_with_the_day_before_as_it_was_known_a_day_ago(acme):
    make_history(acme)
    found = made(acme, make_schedule(acme)).content
    # Today the day before stands at 600.00; a day ago, as old as yesterday is now, at 400.00.
    assert (kpi(found, "revenue")["text"], kpi(found, "revenue")["change"]) == ("$400.00", "0.0%")
    assert found["sums"]["before"]["revenue"] == 40_000
    assert "22 Nov 2026 as known on 23 Nov 2026, 08:02" in found["notes"][1]


def test_a_week_is_compared_with_the_week_before_at_the_same_age(acme):
    make_history(acme, days=16)
    schedule = make_schedule(acme, kind="weekly", weekday=1)
    found = made(acme, schedule).content
    assert found["period"] == {"from": "2026-11-16", "to": "2026-11-22", "zone": "UTC"}
    # Of both weeks every day has had its late conversions: the Sunday is two days old on either Tuesday.
    assert found["sums"]["total"]["revenue"] == found["sums"]["before"]["revenue"] == 7 * 60_000


def test_an_account_whose_past_came_in_later_takes_no_part_in_changes(acme):
    make_history(acme)
    late = make_campaign(acme, account=make_account(acme, name="Connected today"))
    for back in range(3):
        known(late, YESTERDAY - back * DAY, days_later=back + 1, hour=7)
    found = made(acme, make_schedule(acme)).content
    assert kpi(found, "spend")["text"] == "$200.00"
    # Its day before was not known a day ago: the change is that of the other account alone.
    assert kpi(found, "spend")["change"] == "0.0%"
    assert any("Connected today" in note for note in found["notes"])


def test_without_a_past_no_change_is_shown(acme):
    campaign = make_campaign(acme, account=make_account(acme))
    known(campaign, YESTERDAY)
    found = made(acme, make_schedule(acme)).content
    assert (kpi(found, "spend")["text"], kpi(found, "spend")["change"]) == ("$100.00", "")
    assert "No changes are shown" in found["notes"][1]
    assert not [one for one in found["blocks"] if one["key"] == "movers"]


def test_without_any_number_nothing_is_made_up(acme):
    found = made(acme, make_schedule(acme)).content
    assert {line["text"] for line in found["kpis"]} == {"–"}


def test_movers_add_up_to_the_change(acme):
    make_history(acme, name="Steady")
    grown = make_campaign(acme, account=make_account(acme), name="Grown")
    for back in range(4, 0, -1):
        known(grown, YESTERDAY - back * DAY)
    known(grown, YESTERDAY, conversions=10, revenue=100_000)
    found = made(acme, make_schedule(acme)).content
    assert kpi(found, "revenue")["change"] == "+75.0%"
    table = block(found, "movers")["tables"][0]
    assert [[cell["text"] for cell in row][:2] for row in table["rows"]] == [
        ["Grown", "+$600"], ["1 other campaign", "±0"],
    ]  # fmt: skip


def test_a_label_narrows_every_figure(acme):
    make_history(acme, name="Inside", labels=["summer"])
    make_history(acme, name="Outside")
    schedule = make_schedule(acme, filters={"labels": ["summer"], "platforms": [], "accounts": []})
    found = made(acme, schedule).content
    assert kpi(found, "spend")["text"] == "$100.00"
    assert found["scope"] == "label summer"
    assert "Outside" not in str(found["blocks"])


def test_days_of_another_zone_are_said(acme):
    campaign = make_campaign(acme, account=make_account(acme, timezone="America/Los_Angeles", name="West"))
    known(campaign, YESTERDAY)
    with time_machine.travel(NOW.replace(hour=7), tick=False):
        early = made(acme, make_schedule(acme), NOW.replace(hour=7)).content
    lines = block(early, "data")["lines"]
    assert any("America/Los_Angeles" in line for line in lines)
    # 07:02 UTC is 23:02 there: that day is not over.
    assert any("not over yet" in line and "West" in line for line in lines)


def test_alerts_and_automation_stand_in_it(acme):
    make_history(acme)
    make_alert(acme, title="Tracking is broken", severity="critical", first_at=NOW, last_at=NOW)
    found = made(acme, make_schedule(acme)).content
    assert block(found, "alerts")["lines"] == ["1 alert is open, 1 of them is critical."]
    assert block(found, "automation")["lines"] == ["No rule acted, and none was held back."]
    assert {one["key"] for one in found["blocks"]} >= {"platforms", "movers", "campaigns", "pacing", "data"}


def test_sections_can_be_left_out(acme):
    make_history(acme)
    found = made(acme, make_schedule(acme, sections=[])).content
    assert [one["key"] for one in found["blocks"]] == ["platforms"]


# --- Frozen -----------------------------------------------------------------------------------------------------


def test_the_hash_covers_every_figure(acme):
    make_history(acme)
    make_schedule(acme)
    send(acme)
    (report,) = reports(acme)
    assert content_hash(report.content, report.restated) == report.content_hash
    changed = copy.deepcopy(report.content)
    changed["sums"]["total"]["spend"] += 1
    assert content_hash(changed, report.restated) != report.content_hash


def test_a_float_is_not_frozen():
    with pytest.raises(ValueError, match="no floats"):
        canonical({"spend": [{"amount": 1.5}]})
    assert canonical({"b": 1, "a": "é"}) == '{"a":"é","b":1}'.encode()


@pytest.mark.parametrize(
    "change", ["content = '{}'", "content_hash = 'x'", "restated = '{}'", "pdf = ''", "as_of = now()", "zone = 'UTC+1'"]
)
def test_the_database_refuses_to_change_a_report(acme, change):
    make_history(acme)
    make_schedule(acme)
    send(acme)
    with pytest.raises(DatabaseError, match="is not changed"):
        inside(acme, lambda: connection.cursor().execute(f"UPDATE reports SET {change}"))


def test_only_retention_deletes(acme):
    make_history(acme)
    make_schedule(acme)
    send(acme)
    send(acme, NOW + DAY)
    first, second = reports(acme)
    with pytest.raises(DatabaseError, match="is not changed"):
        inside(acme, lambda: connection.cursor().execute("DELETE FROM reports"))

    def purge():
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('stratum.retention', 'on', true)")
            cursor.execute("DELETE FROM reports WHERE id = %s", [first.pk])

    inside(acme, purge)
    (left,) = reports(acme)
    assert (left.pk, left.previous_id) == (second.pk, None)
    assert content_hash(left.content, left.restated) == second.content_hash


# --- What was restated ------------------------------------------------------------------------------------------


def test_a_conversion_that_arrives_late_is_reported(acme):
    campaign = make_history(acme, name="Brand")
    other = make_history(acme, platform="google", name="Search")
    make_schedule(acme)
    send(acme)
    # Yesterday's late conversions, on the next morning: 6 and 600.00, of one campaign alone.
    known(campaign, YESTERDAY, days_later=2, conversions=6, revenue=60_000)
    known(campaign, YESTERDAY + DAY, days_later=1)
    known(other, YESTERDAY + DAY, days_later=1)
    with time_machine.travel(NOW + DAY, tick=False):
        send(acme, NOW + DAY)
    first, second = reports(acme)
    assert (first.restated, second.previous_id) == (None, first.pk)
    found = second.restated
    assert (found["from"], found["reason"]) == (YESTERDAY.isoformat(), "late_conversions")
    assert (found["total"]["frozen"]["revenue"], found["total"]["now"]["revenue"]) == (80_000, 100_000)
    assert found["total"]["frozen"]["spend"] == found["total"]["now"]["spend"] == 20_000
    assert found["platforms"]["google"]["frozen"] == found["platforms"]["google"]["now"]
    assert [(one["name"], one["now"]["conversions_micros"]) for one in found["campaigns"]] == [("Brand", 6_000_000)]
    assert "conversions have come in since" in found["block"]["lines"][0]
    assert "Revenue $800.00 → $1,000.00" in found["block"]["lines"][1]
    assert "ROAS 4.00× → 5.00×" in found["block"]["lines"][1]
    # What the first report says stays what it said.
    assert first.content["sums"]["total"]["revenue"] == 80_000


def test_a_corrected_spend_is_no_late_conversion(acme):
    campaign = make_history(acme)
    make_schedule(acme)
    send(acme)
    known(campaign, YESTERDAY, days_later=2, spend=9_000)
    with time_machine.travel(NOW + DAY, tick=False):
        send(acme, NOW + DAY)
    assert reports(acme)[1].restated["reason"] == "corrected"


def test_nothing_restated_is_said_too(acme):
    make_history(acme)
    make_schedule(acme)
    send(acme)
    send(acme, NOW + DAY)
    found = reports(acme)[1].restated
    assert found["reason"] == "none"
    assert "every figure still stands" in found["block"]["lines"][0]


# --- Once -------------------------------------------------------------------------------------------------------


def test_a_due_report_is_made_once_and_reaches_every_channel(acme, admin, manager):
    make_history(acme)
    target, contact = make_webhook(acme), make_contact(admin)
    addresses = f"boss@client.example\n{admin.email}"
    ids = {"user_ids": [admin.pk], "slack_target_ids": [target.pk], "contact_ids": [contact.pk]}
    make_schedule(acme, addresses=addresses, **ids)
    assert send(acme) == {"made": 1, "messages": 4}
    assert send(acme) == {}
    mails = inside(acme, lambda: list(EmailMessage.objects.order_by("pk")))
    # The person's own address in the list gets no second one.
    assert [mail.address for mail in mails] == [admin.email, "boss@client.example"]
    assert mails[0].subject == "Morning report: Monday, 23 November 2026"
    assert "$400.00" in mails[0].text
    assert "$400.00" in mails[0].html
    files = inside(acme, lambda: list(mails[0].attachments.order_by("pk")))
    assert [one.name for one in files] == ["stratum-daily-20261123.pdf", "stratum-daily-20261123.csv"]
    assert bytes(files[0].content).startswith(b"%PDF-")
    payload = inside(acme, lambda: SlackMessage.objects.get().payload)
    assert "Revenue: $400.00" in payload["text"]
    schedule = inside(acme, lambda: ReportSchedule.objects.get())
    assert (schedule.next_run_at, schedule.last_error) == (NOW.replace(minute=0) + DAY, "")


def test_whoever_cannot_get_it_is_left_out_with_the_reason(acme, admin, manager):
    make_history(acme)
    contact = make_contact(admin, opt_in_status="opted_out")
    inside(acme, lambda: type(manager).objects.filter(pk=manager.pk).update(is_active=False))
    make_schedule(acme, user_ids=[manager.pk], slack_target_ids=[987], contact_ids=[contact.pk])
    assert send(acme) == {"made": 1}
    rows = inside(acme, lambda: {one.recipient: one for one in ReportDelivery.objects.all()})
    assert {one.state for one in rows.values()} == {"skipped"}
    assert "cannot log in any more" in rows[f"user:{manager.pk}"].reason
    assert "removed" in rows["slack:987"].reason
    assert "opted out" in rows[f"contact:{contact.pk}"].reason
    assert "nobody is left" in inside(acme, lambda: ReportSchedule.objects.get().last_error)


def test_a_control_character_in_its_name_keeps_a_report_from_nobody(acme, admin):
    make_history(acme)
    target = make_webhook(acme)
    make_schedule(acme, name="Report \x96 daily", user_ids=[admin.pk], slack_target_ids=[target.pk])
    assert send(acme) == {"made": 1, "messages": 2}
    assert inside(acme, lambda: EmailMessage.objects.get().subject) == "Report daily: Monday, 23 November 2026"


def test_a_mail_that_cannot_be_written_keeps_a_report_from_nobody_else(acme, admin):
    make_history(acme)
    target = make_webhook(acme)
    make_schedule(acme, addresses="no address\nboss@client.example", slack_target_ids=[target.pk])
    assert send(acme) == {"made": 1, "messages": 2}
    skipped = inside(acme, lambda: ReportDelivery.objects.get(state="skipped"))
    assert (skipped.reason, skipped.ledger_id) == ("This is not an e-mail address.", None)
    assert inside(acme, lambda: EmailMessage.objects.get().address) == "boss@client.example"


def test_no_report_goes_to_the_phone_of_somebody_who_has_left(acme, admin, manager):
    make_history(acme)
    contact = make_contact(manager)
    make_schedule(acme, user_ids=[admin.pk], contact_ids=[contact.pk])
    inside(acme, lambda: type(manager).objects.filter(pk=manager.pk).update(is_active=False))
    assert send(acme) == {"made": 1, "messages": 1}
    row = inside(acme, lambda: ReportDelivery.objects.get(recipient=f"contact:{contact.pk}"))
    assert (row.state, row.reason) == ("skipped", "the person has left the workspace")


@pytest.mark.parametrize(
    "fields",
    [
        {"confirmed_at": None},
        {"is_active": False},
        {"is_deleted": True},
        {"next_run_at": NOW + DAY},
        {"next_run_at": None},
    ],
)
def test_what_is_not_due_is_not_sent(acme, admin, fields):
    make_history(acme)
    make_schedule(acme, user_ids=[admin.pk], **fields)
    assert send(acme) == {}
    assert reports(acme) == []


def test_of_missed_days_only_the_newest_is_made(acme, admin):
    make_history(acme)
    make_schedule(acme, user_ids=[admin.pk], next_run_at=NOW.replace(minute=0) - 3 * DAY)
    assert send(acme) == {"made": 1, "messages": 1}
    assert [one.date_to for one in reports(acme)] == [YESTERDAY]


def test_a_late_worker_reports_the_day_that_was_due(acme, admin):
    """The worker was down at 23:30 and is back after midnight: the report is about the day before that evening."""
    make_history(acme)
    due = datetime.datetime(2026, 11, 23, 23, 30, tzinfo=UTC)
    make_schedule(acme, user_ids=[admin.pk], send_at=datetime.time(23, 30), next_run_at=due)
    send(acme, due + datetime.timedelta(hours=2))
    assert [one.date_to for one in reports(acme)] == [YESTERDAY - DAY]


def test_a_failing_report_stops_no_other_and_says_so(acme, admin):
    make_history(acme)
    broken = make_schedule(acme, name="Broken", user_ids=[admin.pk], currency="???", sections=[])
    inside(acme, lambda: ReportSchedule.objects.filter(pk=broken.pk).update(user_ids=["nobody"]))
    make_schedule(acme, name="Works", user_ids=[admin.pk])
    assert send(acme) == {"made": 1, "failed": 1, "messages": 1}
    kept = inside(acme, lambda: ReportSchedule.objects.get(pk=broken.pk))
    assert (kept.next_run_at, kept.last_error) == (
        NOW.replace(minute=0),
        "The report could not be made. It is tried again.",
    )


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_send_one(acme, admin):
    make_history(acme)
    make_schedule(acme, user_ids=[admin.pk])
    barrier, found = threading.Barrier(2), []

    def work():
        try:
            barrier.wait()
            found.append(send(acme))
        finally:
            connections.close_all()

    workers = [threading.Thread(target=work) for _number in range(2)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    assert sorted(found, key=len) == [{}, {"made": 1, "messages": 1}]
    assert inside(acme, lambda: (Report.objects.count(), EmailMessage.objects.count())) == (1, 1)


def test_a_worker_that_dies_leaves_nothing_behind(acme, admin):
    make_history(acme)
    make_schedule(acme, user_ids=[admin.pk])

    class Killed(BaseException):
        pass

    with pytest.raises(Killed), tenant_context(acme), transaction.atomic():
        reports_send(now=NOW)
        raise Killed
    assert reports(acme) == []
    assert send(acme) == {"made": 1, "messages": 1}


def test_send_now_makes_it_once_too(acme, admin):
    make_history(acme)
    schedule = make_schedule(acme, user_ids=[admin.pk])
    report = inside(acme, lambda: report_send_now(schedule=schedule, actor=ACTOR))
    assert report.date_to == YESTERDAY
    with pytest.raises(DomainError, match="sent already"):
        inside(acme, lambda: report_send_now(schedule=schedule, actor=ACTOR))
    # The beat comes by: the report is there, nothing goes out a second time.
    assert send(acme) == {"already": 1}
    assert inside(acme, lambda: EmailMessage.objects.count()) == 1


def test_nothing_is_sent_before_it_is_confirmed(acme, admin):
    make_history(acme)
    schedule = make_schedule(acme, user_ids=[admin.pk], confirmed_at=None)
    with pytest.raises(DomainError, match="confirm it first"):
        inside(acme, lambda: report_send_now(schedule=schedule, actor=ACTOR))


def test_a_test_goes_to_one_person_and_freezes_nothing(acme, admin):
    make_history(acme)
    schedule = make_schedule(acme, addresses="boss@client.example", confirmed_at=None)
    inside(acme, lambda: report_send_test(schedule=schedule, user=admin, actor=ACTOR))
    (mail,) = inside(acme, lambda: list(EmailMessage.objects.all()))
    assert (mail.address, mail.subject) == (admin.email, "Test: Morning report: Monday, 23 November 2026")
    assert reports(acme) == []


def test_a_preview_is_what_is_sent(acme, admin):
    make_history(acme)
    schedule = make_schedule(acme, user_ids=[admin.pk])
    preview = inside(acme, lambda: report_preview(schedule, now=NOW))
    send(acme)
    (report,) = reports(acme)
    assert (preview.content, preview.digest) == (report.content, report.content_hash)


def test_removing_takes_the_addresses_of_others_away(acme, admin):
    make_history(acme)
    schedule = make_schedule(acme, addresses="boss@client.example")
    send(acme)
    inside(acme, lambda: report_schedule_remove(schedule=schedule, actor=ACTOR))
    kept = inside(acme, lambda: ReportSchedule.objects.with_deleted().get())
    assert (kept.is_deleted, kept.addresses) == (True, "")
    assert len(reports(acme)) == 1
    assert send(acme, NOW + DAY) == {}


def test_the_trail_names_no_address(acme, admin):
    make_history(acme)
    make_schedule(acme, addresses="boss@client.example")
    send(acme)
    entries = inside(acme, lambda: list(AuditLog.objects.filter(resource_type="reports")))
    assert len(entries) == 1
    assert "client.example" not in str([entry.new_value for entry in entries])


def test_two_workspaces_never_meet(acme, globex, admin, outsider):
    make_history(acme)
    make_history(globex, name="Globex secret")
    make_schedule(acme, user_ids=[admin.pk])
    make_schedule(globex, user_ids=[outsider.pk])
    assert send(acme) == {"made": 1, "messages": 1}
    (report,) = reports(acme)
    assert "Globex secret" not in str(report.content)
    assert reports(globex) == []


# --- Files ------------------------------------------------------------------------------------------------------


def drawn(tenant, **fields):
    found = made(tenant, make_schedule(tenant, **fields))
    digest = content_hash(found.content, found.restated)
    return found, digest


def test_the_pdf_opens_and_holds_the_figures(acme):
    make_history(acme, name="Żółty Привет")
    found, digest = drawn(acme)
    content = report_pdf(found.content, found.restated, digest)
    assert content == report_pdf(found.content, found.restated, digest)
    reader = PdfReader(io.BytesIO(content))
    text = "\n".join(page.extract_text() for page in reader.pages)
    for words in ("Monday, 23 November 2026", "$400.00", "Żółty Привет", digest, f"Page 1 of {len(reader.pages)}"):
        assert words in text
    assert reader.metadata.creation_date == NOW
    assert [round(float(side)) for side in reader.pages[0].mediabox[2:]] == [595, 842]


def test_a_pdf_in_arabic_is_drawn(acme):
    make_history(acme, name="حملة الصيف")
    found, digest = drawn(acme, locale="ar")
    assert len(PdfReader(io.BytesIO(report_pdf(found.content, found.restated, digest))).pages) >= 1


def test_a_spreadsheet_runs_no_formula(acme):
    make_history(acme, name='=HYPERLINK("http://evil.example","x")')
    found, digest = drawn(acme, name="@SUM(1)")
    text = report_csv(found.content, found.restated, digest).decode("utf-8")
    assert text.startswith("\ufeff")
    assert "'=HYPERLINK" in text
    assert "'@SUM(1)" in text
    assert "Revenue,400,0.0%,USD" in text
    for line in text.lstrip("\ufeff").splitlines():
        assert not line.startswith(("=", "+", "@", "-"))
    assert digest in text


def test_a_day_without_numbers_breaks_no_file(acme):
    found, digest = drawn(acme)
    assert report_pdf(found.content, None, digest).startswith(b"%PDF-")
    assert digest in report_csv(found.content, None, digest).decode()
