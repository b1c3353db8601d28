"""Sending over real HTTP to the simulated WhatsApp: who gets what, what is put off, and what never goes out twice."""

import datetime
import os
import time

import httpx
import pytest
from django.db import transaction
from django.utils import timezone

from accounts.audit import Actor
from accounts.models import User
from campaigns.tests.at_once import Other, in_threads
from stratum.sandbox.whatsapp.directory import APP_SECRET
from tenants.context import tenant_context
from tenants.tests.killed import killed_over
from whatsapp.clients import cloud
from whatsapp.clients.cloud import Answer
from whatsapp.clients.errors import Verdict
from whatsapp.clients.signature import SANDBOX_SECRET
from whatsapp.models import WhatsAppConsent, WhatsAppMessage, WhatsAppUnmatched
from whatsapp.queries.intake import SENDING_AT_MOST, tenants_with_messages_due
from whatsapp.queries.numbers import LOST_AFTER, tenants_with_templates_due
from whatsapp.services import contact_remove, message_queue, webhooks_process
from whatsapp.services.outcomes import MAX_TRIES, Done, outcomes_keep
from whatsapp.services.preparing import Ready, circumstances_of, prepare
from whatsapp.services.sending import Sent, _claim, _take_batch
from whatsapp.tests.factories import make_inbound, make_unmatched
from whatsapp.tests.sending_cast import (
    BUSINESS,
    approved_template,
    at_whatsapp,
    change,
    due_now,
    fresh,
    listens,
    make_message,
    on_phone,
    open_window,
    person,
    prepared,
    sandbox_number,
    send,
    standard_rows,
)
from whatsapp.tests.webhook_cast import everything, make_number

pytestmark = pytest.mark.django_db

# The whole story is 10,000 and takes minutes: DRAINED=10000 make test ARGS=whatsapp/tests/test_sending.py
DRAINED = int(os.environ.get("DRAINED", "1000"))


@pytest.fixture
def sandbox(live_sandbox, settings):
    live_sandbox.control("whatsapp/modes", "POST", sent_after=0, delivered_after=0)
    open_window(live_sandbox)
    return live_sandbox


@pytest.fixture
def number(acme):
    return sandbox_number(acme)


@pytest.fixture
def kerry(manager):
    return person(manager)


def test_the_product_and_the_sandbox_know_the_same_secret():
    assert SANDBOX_SECRET == APP_SECRET


def test_free_text_arrives_within_the_window_and_carries_our_id(acme, sandbox, number, kerry):
    message = make_message(kerry)
    assert send(acme) == {"sent": 1}
    [arrived] = on_phone(sandbox)
    assert arrived["biz_opaque_callback_data"] == f"msg:{message.pk}"
    row = fresh(message)
    assert (row.status, row.wamid, row.number_id) == ("pending", arrived["id"], number.pk)
    assert row.accepted_at is not None
    assert send(acme) == {}
    assert len(on_phone(sandbox)) == 1


def test_a_template_is_filled_by_its_mapping(acme, sandbox, number, kerry):
    template = approved_template(acme, variables={"1": "campaign", "2": "reason"})
    values = {"campaign": "Spring\nSale", "reason": "12.50"}
    make_message(kerry, message_type="template", template=template, template_variables=values)
    assert send(acme) == {"sent": 1}
    assert "Campaign Spring Sale was paused, spend 12.50." in str(on_phone(sandbox)[0])


def test_outside_the_window_an_alert_goes_out_in_the_workspaces_own_template(acme, sandbox, number, manager):
    contact = person(manager, last_inbound_at=timezone.now() - datetime.timedelta(hours=23, minutes=56))
    message = make_message(contact, content="Stop loss\nSpring Sale: ROAS 0.2×\nAutumn: ROAS 0.1×")
    assert send(acme) == {"failed": 1}
    assert fresh(message).error_code == "local.window_closed"
    at_whatsapp(sandbox, standard_alert(acme, "en"))
    make_message(contact, content="Stop loss\nSpring Sale: ROAS 0.2×\nAutumn: ROAS 0.1×")
    assert send(acme) == {"sent": 1}
    assert "Stop loss for you: Spring Sale: ROAS 0.2× · Autumn: ROAS 0.1×." in str(on_phone(sandbox)[0])


def test_a_long_alert_outside_the_window_is_cut_and_keeps_its_last_line(acme, sandbox, number, manager):
    for row in standard_rows(acme):
        if (row.name, row.language) == ("stratum_alert", "en"):
            at_whatsapp(sandbox, row)
    contact = person(manager, last_inbound_at=None)
    link = "https://stratum.example/alerts/?q=Spend+is+high"
    burst = [f"Spend is high: Campaign {n}: {'far above its budget, ' * 6}since noon" for n in range(10)]
    message = make_message(contact, content="\n".join(["Warning: Spend is high (10 alerts)", *burst, link]))
    assert send(acme) == {"sent": 1}
    assert fresh(message).accepted_at is not None
    [arrived] = on_phone(sandbox)
    title, text = [one["text"] for one in arrived["body"]["template"]["components"][0]["parameters"]]
    assert title == "Warning: Spend is high (10 alerts)"
    assert text.startswith(f"{burst[0]} · {burst[1]} · ")
    assert text.endswith(f"… {link}")


def test_the_window_is_open_for_the_number_they_wrote_to_and_no_other(acme, sandbox, number, manager):
    contact = person(manager, last_inbound_at=None)
    second = make_number(acme, name="Second", phone_number_id="1060001", is_default=False, token="wa-token-2")
    make_inbound(contact, number=second)
    assert fresh(contact).last_inbound_at is not None
    message = make_message(contact)
    assert send(acme) == {"failed": 1}
    assert fresh(message).error_code == "local.window_closed"
    make_inbound(contact, number=number)
    make_message(contact)
    assert send(acme) == {"sent": 1}


@pytest.mark.parametrize(("status", "code"), [("opted_out", "local.opted_out"), ("pending", "local.not_opted_in")])
def test_a_template_reply_that_waited_reaches_nobody_who_does_not_agree_any_more(
    acme, sandbox, number, manager, status, code
):
    contact = person(manager, last_inbound_at=timezone.now() - datetime.timedelta(days=2), opt_in_status=status)
    template = approved_template(acme)
    values = {"message_type": "template", "template": template, "template_variables": {"campaign": "A", "spend": "1"}}
    reply = make_message(contact, purpose="reply", **values)
    assert send(acme) == {"failed": 1}
    assert fresh(reply).error_code == code
    # Who has just written may be answered, after a STOP too.
    make_inbound(contact)
    make_message(contact, purpose="reply", **values)
    assert send(acme) == {"sent": 1}


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"opt_in_status": "opted_out"}, "local.opted_out"),
        ({"is_verified": False}, "local.not_verified"),
        ({"is_active": False}, "local.inactive"),
        ({"notification_types": ["reports"]}, "local.no_alerts"),
    ],
)
def test_who_has_withdrawn_since_it_was_queued_gets_nothing(acme, sandbox, number, kerry, fields, code):
    message = make_message(kerry)
    change(kerry, **fields)
    assert send(acme) == {"failed": 1}
    assert (fresh(message).status, fresh(message).error_code) == ("failed", code)
    assert on_phone(sandbox) == []


def deactivate(user, **fields):
    with tenant_context(user.tenant_id), transaction.atomic():
        User.objects.filter(pk=user.pk).update(**(fields or {"is_active": False}))


@pytest.mark.parametrize("purpose", ["alert", "report"])
@pytest.mark.parametrize("fields", [{"is_active": False}, {"is_deleted": True}])
def test_who_has_left_since_it_was_queued_gets_no_news_and_is_still_answered(
    acme, sandbox, number, manager, kerry, purpose, fields
):
    message = make_message(kerry, purpose=purpose)
    answer = make_message(kerry, purpose="reply", content="Good bye")
    deactivate(manager, **fields)
    assert send(acme) == {"failed": 1, "sent": 1}
    assert (fresh(message).status, fresh(message).error_code) == ("failed", "local.left")
    assert len(on_phone(sandbox)) == 1
    assert fresh(answer).accepted_at is not None


def test_who_leaves_between_the_look_and_the_claim_gets_nothing(acme, number, manager, kerry):
    make_message(kerry)
    with tenant_context(acme):
        taken = _take_batch(Sent())
        assert len(taken) == 1
        deactivate(manager)
        assert _claim(taken) == []


def test_a_stopped_marketing_switch_holds_marketing_and_nothing_else(acme, sandbox, number, kerry):
    change(kerry, marketing_stopped_at=timezone.now())
    offer = approved_template(acme, name="offer", category="MARKETING")
    held = make_message(kerry, message_type="template", template=offer)
    make_message(kerry)
    assert send(acme) == {"failed": 1, "sent": 1}
    assert fresh(held).error_code == "local.marketing_stopped"


def test_news_waits_for_the_end_of_quiet_hours_and_replies_do_not(acme, sandbox, number, kerry):
    now = timezone.now()
    hours = {"enabled": True, "from": f"{now - datetime.timedelta(hours=1):%H:%M}", "to": _in_two_hours(now)}
    change(kerry, quiet_hours=hours, timezone="UTC")
    news, reply = make_message(kerry), make_message(kerry, purpose="reply")
    assert send(acme) == {"postponed": 1, "sent": 1}
    row = fresh(news)
    assert row.error_code == "local.quiet_hours"
    assert f"{row.next_retry_at.astimezone(datetime.UTC):%H:%M}" == hours["to"]
    assert fresh(reply).accepted_at is not None
    assert send(acme) == {}
    urgent = make_message(kerry, breaks_quiet=True)
    assert send(acme) == {"sent": 1}
    assert (fresh(urgent).error_code, fresh(news).accepted_at) == (None, None)


def _in_two_hours(now):
    return f"{now + datetime.timedelta(hours=2):%H:%M}"


def test_an_alert_that_waited_a_day_is_not_worth_reading_any_more(acme, sandbox, number, kerry):
    message = make_message(kerry, created_at=timezone.now() - datetime.timedelta(hours=25))
    assert send(acme) == {"failed": 1}
    assert fresh(message).error_code == "local.too_old"


def test_without_a_number_messages_wait_and_say_why(acme, sandbox, kerry):
    template = approved_template(acme)
    values = {"campaign": "Spring", "spend": "1"}
    message = make_message(kerry, message_type="template", template=template, template_variables=values)
    assert send(acme) == {"postponed": 1}
    assert (fresh(message).status, fresh(message).error_code) == ("pending", "local.no_number")
    sandbox_number(acme)
    due_now(acme)
    assert send(acme) == {"sent": 1}


def test_a_code_leaves_the_ledger_once_it_is_sent(acme, sandbox, number, kerry):
    otp = approved_template(acme, name="verify_code", category="AUTHENTICATION")
    message = make_message(kerry, purpose="code", message_type="template", template=otp, content="123456")
    assert send(acme) == {"sent": 1}
    assert fresh(message).content == ""
    assert "123456" in str(on_phone(sandbox)[0])


def test_a_code_that_waits_for_its_number_to_be_mended_is_still_there(acme, sandbox, number, kerry):
    otp = approved_template(acme, name="verify_code", category="AUTHENTICATION")
    message = make_message(kerry, purpose="code", message_type="template", template=otp, content="123456")
    fail(sandbox, 190)
    assert send(acme) == {"postponed": 1}
    assert fresh(message).content == "123456"
    change(number, status="ok")
    due_now(acme)
    assert send(acme) == {"sent": 1}
    assert "123456" in str(on_phone(sandbox)[0])
    assert fresh(message).content == ""


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("own_words", [True, False])
def test_who_is_erased_while_a_message_is_under_way_stays_erased(acme, sandbox, number, kerry, own_words):
    if own_words:
        message = make_message(kerry)
    else:
        message = make_message(kerry, message_type="template", template=approved_template(acme), content=None)
    sandbox.fault("slow", platform="whatsapp", seconds=3)

    def erase():
        until = time.monotonic() + 30
        while fresh(message).claimed_at is None:
            assert time.monotonic() < until
            time.sleep(0.02)
        with tenant_context(acme), transaction.atomic():
            contact_remove(contact=kerry, actor=Actor.job("test"))

    found = in_threads(lambda: send(acme), erase)
    assert {"sent": 1} in found, found
    row, person_then = fresh(message), fresh(kerry)
    assert row.accepted_at is not None
    assert (row.content, row.recipient_wa_id) == (None, None)
    assert row.wamid.startswith("removed:")
    assert (person_then.wa_id, person_then.wa_user_id, person_then.phone_number) == (None, None, "")


@pytest.mark.django_db(transaction=True)
def test_a_deadlock_over_contacts_loses_no_answer(acme, sandbox, number, kerry, admin):
    """Somebody holds the second contact and then wants the first, which the sender holds."""
    other = person(admin, "16505559999")
    open_window(sandbox, "16505559999")
    messages = [make_message(kerry), make_message(other)]
    with tenant_context(acme), transaction.atomic():
        rows = type(kerry).objects.select_for_update()
        rows.get(pk=other.pk)
        sending = Other(lambda: send(acme))
        sending.wait_until_blocked()
        time.sleep(0.3)
        rows.get(pk=kerry.pk)
    assert sending.join() == {"sent": 2}
    assert [fresh(one).accepted_at is not None for one in messages] == [True, True]
    # One message of theirs and one of ours.
    assert [fresh(one).message_count for one in (kerry, other)] == [1, 1]


def test_whatsapps_own_name_for_a_number_is_learned(acme, sandbox, number, manager):
    ana = person(manager, "5511987654321")
    open_window(sandbox, "5511987654321")
    make_message(ana)
    send(acme)
    assert fresh(ana).wa_id == "551187654321"


# --- What goes wrong --------------------------------------------------------------------------------------------


def fail(sandbox, code, count=1):
    sandbox.control("whatsapp/failures", "POST", code=code, count=count, sync=True)


@pytest.mark.parametrize("code", [131000, 131016, 131057, 133004, 131056, 130429, 80007])
def test_what_may_go_better_later_is_tried_again(acme, sandbox, number, kerry, code):
    message = make_message(kerry)
    fail(sandbox, code)
    assert send(acme) == {"postponed": 1}
    row = fresh(message)
    assert (row.status, row.error_code, row.retry_count) == ("pending", str(code), 1)
    assert row.next_retry_at > timezone.now()
    assert on_phone(sandbox) == []


def test_tries_are_bounded(acme, sandbox, number, kerry):
    message = make_message(kerry)
    fail(sandbox, 131000, count=MAX_TRIES + 3)
    for _try in range(MAX_TRIES):
        due_now(acme)
        send(acme)
    row = fresh(message)
    assert (row.status, row.error_code, row.retry_count) == ("failed", "131000", MAX_TRIES - 1)
    due_now(acme)
    assert send(acme) == {}


@pytest.mark.parametrize("code", [131026, 131047, 131051, 132000, 132016, 132005, 100, 130472])
def test_what_no_repeat_helps_ends_with_its_code(acme, sandbox, number, kerry, code):
    message = make_message(kerry)
    fail(sandbox, code)
    assert send(acme) == {"failed": 1}
    row = fresh(message)
    assert (row.status, row.error_code, row.next_retry_at) == ("failed", str(code), None)
    assert fresh(number).status == "ok"


@pytest.mark.parametrize("code", [190, 10, 200, 131042, 368, 131031])
def test_a_number_that_may_not_send_stops_and_loses_no_message(acme, sandbox, number, manager, code):
    people = [person(manager, f"1650555{n:04d}") for n in range(3)]
    for one in people:
        open_window(sandbox, one.phone_number[1:])
    messages = [make_message(one) for one in people]
    fail(sandbox, code, count=9)
    send(acme)
    stopped = fresh(number)
    assert (stopped.status, stopped.error_code) == ("stopped", str(code))
    assert stopped.last_error
    assert {fresh(one).status for one in messages} == {"pending"}
    sandbox.control("whatsapp/clear", "POST")
    change(number, status="ok")
    due_now(acme)
    sandbox.control("whatsapp/account", "POST", waba=BUSINESS.id, code=None)
    for one in people:
        open_window(sandbox, one.phone_number[1:])
    for _again in range(4):
        send(acme)
        change(number, status="ok")
        due_now(acme)
    assert sum(fresh(one).accepted_at is not None for one in messages) == 3


def test_a_person_who_stopped_marketing_is_remembered_from_the_refusal(acme, sandbox, number, kerry):
    make_message(kerry)
    fail(sandbox, 131050)
    send(acme)
    assert fresh(kerry).marketing_stopped_at is not None
    assert [line.kind for line in everything(WhatsAppConsent)] == ["marketing_stop"]


def test_a_template_that_changed_asks_for_the_list_to_be_read_again(acme, sandbox, number, kerry):
    first = timezone.now() - datetime.timedelta(minutes=1)
    make_message(kerry)
    fail(sandbox, 132000)
    send(acme)
    assert fresh(number).templates_asked_at is not None
    # A second one moves nothing: the beat takes up what was asked for long enough ago.
    change(number, templates_asked_at=first)
    make_message(kerry)
    fail(sandbox, 132000)
    send(acme)
    assert fresh(number).templates_asked_at == first
    assert tenants_with_templates_due(first + LOST_AFTER + datetime.timedelta(seconds=1)) == [acme.pk]


def test_messages_wait_while_their_template_is_paused(acme, sandbox, number, kerry):
    template = approved_template(acme)
    values = {"message_type": "template", "template": template, "template_variables": {"campaign": "A", "spend": "1"}}
    first = make_message(kerry, **values)
    fail(sandbox, 132015)
    assert send(acme) == {"postponed": 1}
    assert (fresh(first).status, fresh(first).error_code) == ("pending", "132015")
    assert (fresh(template).status, fresh(number).templates_asked_at is not None) == ("PAUSED", True)
    second = make_message(kerry, **values)
    assert send(acme) == {"postponed": 1}
    assert fresh(second).error_code == "local.template_waits"
    change(template, status="APPROVED")
    due_now(acme)
    assert send(acme) == {"sent": 2}


@pytest.mark.parametrize("others", [(), ("ar", "fr")])
def test_an_alert_waits_while_the_template_it_falls_back_on_is_paused(acme, sandbox, number, manager, others):
    english, *_foreign = [standard_alert(acme, language) for language in ("en", *others)]
    at_whatsapp(sandbox, english)
    contact = person(manager, last_inbound_at=None)
    first = make_message(contact)
    fail(sandbox, 132015)
    assert send(acme) == {"postponed": 1}
    assert (fresh(first).error_code, fresh(english).status) == ("132015", "PAUSED")
    second = make_message(contact)
    due_now(acme)
    assert send(acme) == {"postponed": 2}
    assert {fresh(one).error_code for one in (first, second)} == {"local.template_waits"}
    change(english, status="APPROVED")
    due_now(acme)
    assert send(acme) == {"sent": 2}
    assert {one["body"]["template"]["language"]["code"] for one in on_phone(sandbox)} == {"en"}


def standard_alert(tenant, language, status="APPROVED"):
    body = [{"type": "BODY", "text": "News: {{1}} for you: {{2}}.", "example": {"body_text": [["A", "B"]]}}]
    mapped = {"components": body, "variables": {"1": "title", "2": "text"}}
    return approved_template(tenant, name="stratum_alert", language=language, status=status, **mapped)


@pytest.mark.parametrize(
    ("wanted", "states", "outcome"),
    [
        ("de", {"en": "APPROVED", "de": "APPROVED"}, "de"),
        ("pt", {"en": "APPROVED", "pt_BR": "APPROVED"}, "pt_BR"),
        ("de", {"ar": "APPROVED", "de": "PAUSED", "en": "APPROVED"}, "en"),
        ("de", {"ar": "APPROVED", "en": "REJECTED", "de": "PENDING"}, "local.template_waits"),
        ("de", {"ar": "APPROVED", "en": "PAUSED"}, "local.template_waits"),
        ("de", {"fr": "PAUSED", "ar": "APPROVED", "de": "REJECTED", "en": "DISABLED"}, "ar"),
        ("de", {"ar": "REJECTED", "fr": "PAUSED"}, "local.template_waits"),
        ("de", {"de": "REJECTED", "en": "DELETED"}, "local.window_closed"),
        ("de", {}, "local.window_closed"),
    ],
)
def test_an_alert_outside_the_window_takes_a_language_that_they_read_or_waits_for_it(
    acme, number, manager, wanted, states, outcome
):
    for language, status in states.items():
        standard_alert(acme, language, status)
    message = make_message(person(manager, last_inbound_at=None, language=wanted))
    found = prepared(message, timezone.now())
    assert (found.outgoing.content["language"]["code"] if isinstance(found, Ready) else found.code) == outcome


def test_an_outage_uses_up_no_message(acme, number, kerry, settings):
    settings.SANDBOX_URL = "http://127.0.0.1:9"
    message = make_message(kerry)
    for _try in range(MAX_TRIES + 3):
        assert send(acme) == {"postponed": 1}
        due_now(acme)
    row = fresh(message)
    assert (row.status, row.error_code, row.retry_count) == ("pending", "local.no_connection", MAX_TRIES - 2)
    change(message, created_at=timezone.now() - datetime.timedelta(hours=25))
    assert send(acme) == {"failed": 1}
    assert fresh(message).error_code == "local.too_old"


def test_a_message_that_cannot_be_looked_at_holds_up_no_other(acme, sandbox, number, kerry, admin):
    other = person(admin, "16505559999")
    open_window(sandbox, "16505559999")
    broken = make_message(kerry, message_type="interactive", template_variables={"buttons": 5})
    make_message(other)
    assert send(acme) == {"sent": 1, "postponed": 1}
    assert (fresh(broken).status, fresh(broken).error_code) == ("pending", "local.broken")
    change(broken, created_at=timezone.now() - datetime.timedelta(hours=25), purpose="answer")
    due_now(acme)
    assert send(acme) == {"failed": 1}


def test_settings_that_nobody_can_read_hold_up_nothing(acme, sandbox, number, kerry):
    change(kerry, timezone="Berlin", quiet_hours={"enabled": True, "from": "nonsense", "to": 5})
    make_message(kerry)
    assert send(acme) == {"sent": 1}
    change(kerry, notification_types=5)
    message = make_message(kerry)
    assert send(acme) == {"failed": 1}
    assert fresh(message).error_code == "local.no_alerts"


def test_one_persons_limit_holds_up_nobody_else(acme, sandbox, number, kerry, admin, settings):
    settings.WHATSAPP_PAIR_BURST = 2
    other = person(admin, "16505559999")
    open_window(sandbox, "16505559999")
    many = [make_message(kerry) for _ in range(5)]
    single = make_message(other)
    assert send(acme) == {"sent": 3, "postponed": 3}
    assert fresh(single).accepted_at is not None
    waiting = [fresh(one) for one in many if fresh(one).accepted_at is None]
    assert {one.error_code for one in waiting} == {"local.pair_limit"}
    assert all(timezone.now() < one.next_retry_at < timezone.now() + datetime.timedelta(seconds=20) for one in waiting)


def test_a_stop_from_before_their_id_was_known_counts_once_an_answer_tells_it(acme, number, kerry):
    make_unmatched(number, text="STOP", user_id="US.1349120")
    message = make_message(kerry, claimed_at=timezone.now())
    with tenant_context(acme), transaction.atomic():
        row = WhatsAppMessage.objects.select_related("contact", "number", "template").get(pk=message.pk)
        ready = prepare(row, circumstances_of([row], timezone.now()))
        outcomes_keep([Done(row, ready, Answer(Verdict.SENT, wamid="wamid.told", user_id="US.1349120"))])
    assert (fresh(kerry).wa_user_id, fresh(kerry).opt_in_status) == ("US.1349120", "opted_out")
    assert everything(WhatsAppUnmatched) == []


# --- Once, whatever happens -------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["reset", "late"])
def test_a_lost_answer_may_have_arrived_and_is_never_sent_again(acme, sandbox, number, kerry, how, monkeypatch):
    monkeypatch.setattr(cloud, "TIMEOUT", httpx.Timeout(1.0, connect=1.0))
    sandbox.control("whatsapp/modes", "POST", lose=1, lose_how=how, lose_seconds=2)
    message = make_message(kerry)
    assert send(acme) == {"unknown": 1}
    row = fresh(message)
    assert (row.status, row.wamid, row.claimed_at) == ("pending", None, None)
    assert row.maybe_sent_at is not None
    due_now(acme)
    assert send(acme) == {}
    assert len(on_phone(sandbox)) == 1


@pytest.mark.django_db(transaction=True)
def test_the_status_tells_what_became_of_a_lost_answer(acme, sandbox, number, kerry, live_server):
    listens(sandbox, live_server.url)
    sandbox.control("whatsapp/modes", "POST", lose=1, lose_how="reset")
    message = make_message(kerry)
    assert send(acme) == {"unknown": 1}
    _settle(sandbox)
    row = fresh(message)
    assert (row.status, row.wamid) == ("delivered", on_phone(sandbox)[0]["id"])
    assert send(acme) == {}


@pytest.mark.django_db(transaction=True)
def test_statuses_that_come_before_the_answer_end_the_same(acme, sandbox, number, kerry, live_server):
    listens(sandbox, live_server.url)
    sandbox.control("whatsapp/modes", "POST", early=True, duplicates=2, reorder=True)
    message = make_message(kerry)
    assert send(acme) == {"sent": 1}
    _settle(sandbox)
    row = fresh(message)
    assert row.status == "delivered"
    assert [one["status"] for one in row.status_history] == ["sent", "delivered"] or len(row.status_history) == 2
    assert row.wamid == on_phone(sandbox)[0]["id"]


def _settle(sandbox):
    """Until every webhook has been answered and read."""
    deadline = time.monotonic() + 30
    while sandbox.control("whatsapp")["pending"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    webhooks_process()


@pytest.mark.django_db(transaction=True)
def test_workers_at_once_send_each_message_once(acme, sandbox, number, manager):
    people = [person(manager, f"1650555{n:04d}") for n in range(12)]
    for one in people:
        open_window(sandbox, one.phone_number[1:])
    messages = [make_message(one) for one in people]
    found = in_threads(*(lambda: send(acme) for _ in range(3)))
    assert sum(counts["sent"] for counts in found if counts) == 12, found
    arrived = [one["biz_opaque_callback_data"] for one in on_phone(sandbox)]
    assert sorted(arrived) == sorted(f"msg:{one.pk}" for one in messages)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("when", ["before WhatsApp has it", "while WhatsApp confirms it"])
def test_a_worker_that_is_killed_over_a_message_sends_it_at_most_once(acme, sandbox, number, kerry, when):
    """kill -9 between claim and send, and between send and answer."""
    if when.startswith("while"):
        sandbox.control("whatsapp/modes", "POST", lose=1, lose_how="late", lose_seconds=60)
    else:
        sandbox.fault("slow", platform="whatsapp", seconds=60)
    message = make_message(kerry)
    with killed_over(acme, "whatsapp.tasks.send_messages", SANDBOX_URL=sandbox.url) as until:
        until(lambda: fresh(message).claimed_at is not None)
        if when.startswith("while"):
            until(lambda: on_phone(sandbox))
    sandbox.control("faults/clear", "POST")
    # The queue hands the job to another worker: the message is taken.
    assert send(acme) == {}
    change(message, claimed_at=timezone.now() - SENDING_AT_MOST - datetime.timedelta(seconds=1))
    assert tenants_with_messages_due(timezone.now()) == [acme.pk]
    assert send(acme) == {"unknown": 1}
    row = fresh(message)
    assert (row.error_code, row.claimed_at) == ("local.worker_lost", None)
    assert send(acme) == {}
    assert len(on_phone(sandbox)) <= 1


@pytest.mark.django_db(transaction=True)
def test_many_messages_drain_under_the_limits_and_none_is_lost(acme, sandbox, number, manager, live_server, settings):
    """What WhatsApp accepted and what we keep are the same, all delivered; no limit was ever hit."""
    settings.WHATSAPP_MESSAGES_PER_SECOND = 400
    sandbox.control("whatsapp/limits", "POST", per_second=400)
    sandbox.control("whatsapp/modes", "POST", gather=0.5, batch=500, duplicates=1)
    listens(sandbox, live_server.url)
    people = [person(manager, f"1650556{n:04d}") for n in range(250)]
    for one in people:
        open_window(sandbox, one.phone_number[1:])
    ids = [one.pk for one in people]
    with tenant_context(acme), transaction.atomic():
        for batch in range(DRAINED // len(ids)):
            message_queue(contact_ids=ids, content=f"News {batch}", variables={}, actor=Actor.job("test"))
    while send(acme):
        pass
    _settle(sandbox)
    _settle(sandbox)
    with tenant_context(acme), transaction.atomic():
        ours = {f"msg:{pk}": (wamid, status) for pk, wamid, status in _ledger(WhatsAppMessage)}
    theirs = {one["biz_opaque_callback_data"]: (one["id"], one["status"]) for one in on_phone(sandbox)}
    assert len(ours) == DRAINED
    assert ours == theirs
    assert {status for _wamid, status in ours.values()} == {"delivered"}
    with tenant_context(acme), transaction.atomic():
        assert not WhatsAppMessage.objects.filter(retry_count__gt=0).exists()


def _ledger(model):
    return model.objects.filter(direction="outbound").values_list("pk", "wamid", "status")
