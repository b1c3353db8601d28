"""What WhatsApp tells us: stored when it is signed, read afterwards, and each fixture ends as its facts say."""

import json
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.audit import Actor
from accounts.models import AuditLog
from stratum.lib.encryption import phone_hash
from tenants.context import tenant_context
from whatsapp.choices import Direction, MessageStatus, Purpose
from whatsapp.clients.inbound import parse
from whatsapp.models import (
    WhatsAppConsent,
    WhatsAppContact,
    WhatsAppMessage,
    WhatsAppNumber,
    WhatsAppUnmatched,
    WhatsAppWebhook,
)
from whatsapp.services import (
    ContactDraft,
    contact_create,
    contact_remove,
    unmatched_adopt,
    unmatched_purge,
    webhooks_process,
)
from whatsapp.services.inbound import inbound_apply
from whatsapp.services.statuses import KEPT
from whatsapp.tasks import purge_webhooks
from whatsapp.tests.factories import make_contact, make_template
from whatsapp.tests.webhook_cast import (
    SECRET,
    body,
    call,
    call_with,
    everything,
    fixture,
    inbound,
    make_number,
    messages_change,
    receive,
    signature,
    status,
)

pytestmark = pytest.mark.django_db
USER_ID = "US.13491208655302741918"
WAMID = "wamid.HBgLMTY1MDU1NTEyMzQVAgARGBI5QTNDQTVCM0Q0Q0Q2RTY3RTcA"


def restriction(*kinds):
    return {"event": "ACCOUNT_RESTRICTION", "restriction_info": [{"restriction_type": kind} for kind in kinds]}


def moment(seconds):
    return datetime.fromtimestamp(seconds, tz=UTC)


@pytest.fixture(autouse=True)
def live(settings):
    settings.WHATSAPP_APP_SECRET = SECRET
    settings.WHATSAPP_VERIFY_TOKEN = "verify-me"
    settings.SANDBOX_URL = ""


@pytest.fixture
def number(acme):
    return make_number(acme)


@pytest.fixture
def kerry(manager, number):
    """The person of the fixtures."""
    return make_contact(
        manager,
        phone_number="+16505551234",
        phone_hash=phone_hash("+16505551234"),
        wa_id="16505551234",
        wa_user_id=USER_ID,
    )


@pytest.fixture
def sent(acme, kerry, number):
    """Message 43 of the fixtures, accepted by WhatsApp."""
    return make_message(acme, kerry, number, pk=43, wamid=WAMID, accepted_at=timezone.now())


def make_message(tenant, contact, number, **fields):
    defaults = {"direction": Direction.OUTBOUND, "message_type": "text", "content": "hi", "status": "pending"}
    with tenant_context(tenant), transaction.atomic():
        return WhatsAppMessage.objects.create(contact=contact, number=number, **{**defaults, **fields})


def fresh(row):
    with tenant_context(row.tenant_id), transaction.atomic():
        return type(row).objects.get(pk=row.pk)


# --- The door ---------------------------------------------------------------------------------------------------


def test_the_check_of_a_new_address_is_answered_with_its_challenge():
    wanted = fixture("webhook_verify_ok")
    answer = Client().get(reverse("whatsapp:webhook"), wanted["request"]["query"])
    assert (answer.status_code, answer.content.decode()) == (200, "1158201444")
    assert answer.headers["Content-Type"].startswith("text/plain")
    wrong = {**wanted["request"]["query"], "hub.verify_token": "guess"}
    assert Client().get(reverse("whatsapp:webhook"), wrong).status_code == 403


@pytest.mark.parametrize("header", ["", "sha256=", "sha256=" + "0" * 64, "sha1=abc", "nonsense", "sha256=é"])
def test_nothing_is_stored_under_a_wrong_signature(header):
    raw = fixture("webhook_inbound_text_stop")["request"]["raw_body"]
    assert call(raw, header=header).status_code == 403
    assert everything(WhatsAppWebhook) == []


def test_the_badly_signed_fixture_is_refused_and_leaves_nothing(kerry):
    assert call_with("webhook_bad_signature").status_code == 403
    webhooks_process()
    assert everything(WhatsAppWebhook) == []
    assert fresh(kerry).opt_in_status == "opted_in"


def test_a_body_signed_again_after_parsing_does_not_fit():
    raw = fixture("webhook_inbound_image")["request"]["raw_body"].encode()
    again = json.dumps(json.loads(raw)).encode()
    assert again != raw
    assert call(again, header=signature(raw)).status_code == 403


def test_without_a_secret_nothing_is_let_in(settings):
    settings.WHATSAPP_APP_SECRET = ""
    raw = fixture("webhook_inbound_text_stop")["request"]["raw_body"]
    assert call(raw, header=signature(raw.encode(), "")).status_code == 403


def test_a_body_of_three_megabytes_is_taken_and_a_larger_one_refused(number, kerry):
    texts = [inbound("x" * 3000, wamid=f"wamid.{n}") for n in range(950)]
    large = body(messages_change(messages=texts))
    assert len(large) > 2_900_000
    assert call(large).status_code == 200
    assert webhooks_process().counts["inbound"] == 950
    assert call("x" * 4_300_000).status_code == 413


def test_other_methods_are_refused():
    assert Client().put(reverse("whatsapp:webhook")).status_code == 405


def test_bodies_are_kept_byte_for_byte_and_unreadable_in_the_database(kerry):
    from django.db import connection

    receive("webhook_inbound_image")
    row = everything(WhatsAppWebhook)[0]
    assert row.body.encode("latin-1") == fixture("webhook_inbound_image")["request"]["raw_body"].encode()
    connection.execute_wrappers, wrappers = [], connection.execute_wrappers
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('role', 'stratum_unscoped', true)")
            cursor.execute("SELECT body FROM whatsapp_webhooks")
            assert "wamid" not in cursor.fetchone()[0]
    finally:
        connection.execute_wrappers = wrappers


def test_no_workspace_can_read_a_stored_body(acme, kerry):
    receive("webhook_inbound_text_stop")
    with tenant_context(acme), transaction.atomic():
        assert not WhatsAppWebhook.objects.exists()
        assert WhatsAppWebhook.objects.update(error="x") == 0


# --- Each fixture -----------------------------------------------------------------------------------------------


def test_a_stop_ends_messages_with_evidence_and_one_answer(kerry):
    receive("webhook_inbound_text_stop", "webhook_inbound_text_stop")
    contact = fresh(kerry)
    assert contact.opt_in_status == "opted_out"
    assert int(contact.opt_out_at.timestamp()) == 1795338000
    line = everything(WhatsAppConsent)[0]
    assert (line.kind, line.way, line.text, int(line.at.timestamp())) == ("opt_out", "keyword", " Stop. ", 1795338000)
    answers = [row for row in everything(WhatsAppMessage) if row.purpose == Purpose.ANSWER]
    assert len(answers) == 1
    assert "START" in answers[0].content


def test_the_same_message_is_kept_once_within_a_body_and_over_bodies(kerry):
    receive("webhook_inbound_duplicate_id", "webhook_inbound_text_stop")
    rows = [row for row in everything(WhatsAppMessage) if row.direction == "inbound"]
    assert len(rows) == 1
    assert len(everything(WhatsAppConsent)) == 1


def test_somebody_known_by_their_id_alone_can_stop(kerry):
    receive("webhook_inbound_bsuid_only")
    assert fresh(kerry).opt_in_status == "opted_out"


def test_a_brazilian_number_is_found_under_its_other_form(manager, number):
    ana = make_contact(
        manager, phone_number="+5511987654321", phone_hash=phone_hash("+5511987654321"), opt_in_status="pending"
    )
    receive("webhook_inbound_brazil_wa_id")
    found = fresh(ana)
    assert (found.opt_in_status, found.wa_id, found.opt_in_method) == ("opted_in", "551187654321", "keyword")


@pytest.mark.parametrize(
    ("name", "kind", "content"),
    [
        ("webhook_inbound_image", "image", "see"),
        ("webhook_inbound_list_reply", "interactive", None),
        ("webhook_inbound_reaction", "reaction", None),
        ("webhook_inbound_template_quick_reply", "button", None),
        ("webhook_unknown_message_type", "hologram", ""),
    ],
)
def test_every_kind_of_message_opens_the_window(kerry, name, kind, content):
    receive(name)
    row = everything(WhatsAppMessage)[0]
    assert (row.message_type, row.direction) == (kind, "inbound")
    assert content is None or row.content == content
    assert fresh(kerry).last_inbound_at == row.created_at


def test_a_pressed_button_keeps_its_id(kerry):
    receive("webhook_inbound_button_reply")
    row = everything(WhatsAppMessage)[0]
    assert row.reply_id == fixture("webhook_inbound_button_reply")["_expect"]["button_id"]
    assert row.handled_at is None


def test_a_changed_number_moves_the_contact_and_asks_again(kerry):
    receive("webhook_system_user_changed_number")
    contact = fresh(kerry)
    assert (contact.phone_number, contact.wa_id) == ("+16505559999", "16505559999")
    assert (contact.opt_in_status, contact.is_verified) == ("pending", False)
    # Nobody has written from the new one: free text is not allowed.
    assert contact.last_inbound_at is None
    assert [line.kind for line in everything(WhatsAppConsent)] == ["number_changed"]


def test_whatsapps_own_switch_stops_marketing_and_nothing_else(kerry):
    receive("webhook_user_preferences_stop", "webhook_user_preferences_stop")
    contact = fresh(kerry)
    assert int(contact.marketing_stopped_at.timestamp()) == 1795338056
    assert contact.opt_in_status == "opted_in"
    assert len(everything(WhatsAppConsent)) == 1


@pytest.mark.parametrize(
    ("names", "final"),
    [
        (["webhook_status_sent"], "sent"),
        (["webhook_status_read"], "read"),
        (["webhook_status_failed_131026"], "failed"),
        (["webhook_status_failed_130472"], "failed"),
        (["webhook_status_failed_131049"], "failed"),
        (["webhook_status_failed_131026", "webhook_status_delivered_after_failed"], "delivered"),
        (["webhook_status_delivered_after_failed", "webhook_status_failed_131026"], "delivered"),
        (["webhook_status_read", "webhook_status_sent"], "read"),
        (["webhook_status_new_value"], "pending"),
        (["webhook_status_read", "webhook_status_new_value"], "read"),
    ],
)
def test_a_status_ends_as_its_facts_say(sent, names, final):
    receive(*names, *names)
    row = fresh(sent)
    assert row.status == final
    expected = fixture(names[-1])["_expect"]
    assert expected.get("final") in (final, "unchanged", "failed", "sent")
    assert len(row.status_history) == len(set(names))
    if "read" in final:
        assert row.delivered_at == row.read_at


@pytest.mark.parametrize("name", ["webhook_status_read", "webhook_status_failed_131026"])
def test_a_late_status_brings_nothing_of_an_erased_contact_back(acme, kerry, sent, name):
    with tenant_context(acme), transaction.atomic():
        contact_remove(contact=kerry, actor=Actor.job("test"))
    receive(name)
    row = fresh(sent)
    assert row.status != "sent"
    assert (row.recipient_wa_id, row.content) == (None, None)
    assert "16505551234" not in str(vars(row)) + str(vars(fresh(kerry)))


def test_a_failure_keeps_its_code_and_is_not_tried_again(sent):
    receive("webhook_status_failed_131026")
    row = fresh(sent)
    assert (row.error_code, row.next_retry_at) == ("131026", None)


def test_held_back_marketing_may_be_tried_again_in_a_day(sent):
    receive("webhook_status_failed_131049")
    row = fresh(sent)
    told = next(one for one in row.status_history if one["status"] == "failed")["at"]
    hours = (row.next_retry_at - timezone.datetime.fromisoformat(told)).total_seconds() / 3600
    assert 24 <= hours < 25.5


def test_a_status_before_the_answer_adopts_the_message_by_our_id(acme, kerry, number):
    waiting = make_message(acme, kerry, number, pk=44, claimed_at=timezone.now())
    receive("webhook_status_early_before_send_commit")
    row = fresh(waiting)
    assert (row.status, row.wamid) == ("sent", "wamid.HBgLMTY1MDU1NTEyMzQVAgARGBJFQVJMWQA=")
    assert fixture("webhook_status_early_before_send_commit")["_expect"] == {"adopt": "msg:44"}


def test_a_message_that_may_have_arrived_is_cleared_up_by_its_status(acme, kerry, number):
    unsure = make_message(acme, kerry, number, pk=43, maybe_sent_at=timezone.now(), error_code="local.no_answer")
    receive("webhook_status_sent")
    row = fresh(unsure)
    assert (row.status, row.wamid, row.error_code) == ("sent", WAMID, None)


def test_another_messages_id_in_a_status_changes_nothing(acme, kerry, number, globex, outsider):
    """Our ids count per workspace: a status at one number never touches another's message."""
    theirs = make_number(globex, phone_number_id="999", waba_id="888")
    victim = make_message(globex, make_contact(outsider), theirs, pk=43)
    receive("webhook_status_sent")
    assert (fresh(victim).status, fresh(victim).wamid) == ("pending", None)


def test_an_unknown_status_is_kept_until_its_message_is_known(acme, kerry, number):
    receive("webhook_status_unknown_wamid")
    assert [row.kind for row in everything(WhatsAppUnmatched)] == ["status"]
    late = make_message(acme, kerry, number, wamid=everything(WhatsAppUnmatched)[0].wamid, accepted_at=timezone.now())
    receive("webhook_status_sent")
    assert fresh(late).status == "delivered"


def test_a_batch_over_two_workspaces_reaches_both_and_mixes_nothing(acme, kerry, number, sent, globex, outsider):
    entries = fixture("webhook_batch_several_entries")["request"]["body"]["entry"]
    theirs_id = entries[1]["changes"][0]["value"]["metadata"]["phone_number_id"]
    theirs = make_number(globex, phone_number_id=theirs_id, waba_id=entries[1]["id"])
    other = make_contact(outsider, phone_number="+16505550000", phone_hash=phone_hash("+16505550000"))
    receive("webhook_batch_several_entries")
    expected = fixture("webhook_batch_several_entries")["_expect"]
    counts = everything(WhatsAppWebhook)[0].counts
    assert counts["InboundMessage"] == expected["inbound"]
    assert counts["StatusEvent"] == expected["statuses"]
    assert counts["TemplateEvent"] == expected["template_events"]
    assert fresh(other).opt_in_status == "opted_out"
    assert fresh(kerry).opt_in_status == "opted_in"
    by_tenant = {row.tenant_id for row in everything(WhatsAppMessage) if row.direction == "inbound"}
    assert by_tenant == {acme.pk, globex.pk}
    assert fresh(theirs).pk != fresh(number).pk


def test_a_restricted_account_stops_its_numbers(number):
    receive("webhook_account_update_restriction")
    stopped = fresh(number)
    assert (stopped.status, stopped.error_code) == ("stopped", "event.ACCOUNT_RESTRICTION")


@pytest.mark.parametrize(
    ("value", "stops"),
    [
        ({"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "DISABLE"}}, True),
        ({"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "SCHEDULE_FOR_DISABLE"}}, False),
        ({"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "REINSTATE"}}, False),
        ({"event": "DISABLED_UPDATE", "ban_info": 5}, True),
        ({"event": "ACCOUNT_RESTRICTION", "restriction_info": "unknown"}, True),
        (restriction("RESTRICTED_ADD_PHONE_NUMBER_ACTION"), False),
        (restriction("RESTRICTED_ADD_PHONE_NUMBER_ACTION", "RESTRICTED_BIZ_INITIATED_MESSAGING"), True),
        (restriction("RESTRICTED_CUSTOMER_INITIATED_MESSAGING"), True),
    ],
)
def test_only_what_concerns_messages_stops_a_number(number, value, stops):
    assert call(body({"field": "account_update", "value": value})).status_code == 200
    webhooks_process()
    assert (fresh(number).status == "stopped") is stops


@pytest.mark.parametrize("code", [131031, 131042, 131048])
def test_a_failed_status_that_concerns_the_number_stops_it(number, sent, code):
    failed = status(WAMID, "failed", 1795338003, errors=[{"code": code, "title": "no"}])
    assert call(body(messages_change(statuses=[failed]))).status_code == 200
    webhooks_process()
    assert (fresh(number).status, fresh(number).error_code) == ("stopped", str(code))


def test_a_failed_status_from_before_the_number_was_looked_at_stops_nothing(number, sent):
    with tenant_context(number.tenant_id), transaction.atomic():
        type(number).objects.update(checked_at=moment(1795338004))
    failed = status(WAMID, "failed", 1795338003, errors=[{"code": 131031, "title": "no"}])
    assert call(body(messages_change(statuses=[failed]))).status_code == 200
    webhooks_process()
    assert (fresh(sent).status, fresh(number).status) == ("failed", "ok")


@pytest.mark.parametrize(
    ("name", "column", "value"),
    [
        ("webhook_template_status_approved", "status", "APPROVED"),
        ("webhook_template_status_paused", "status", "PAUSED"),
        ("webhook_template_status_rejected", "status", "REJECTED"),
        ("webhook_template_quality", "quality_score", "YELLOW"),
        ("webhook_template_category", "category", "MARKETING"),
    ],
)
def test_a_template_follows_what_whatsapp_says_of_it(acme, manager, number, name, column, value):
    told = fixture(name)["request"]["body"]["entry"][0]["changes"][0]["value"]
    template = make_template(
        manager, name=told["message_template_name"], language=told["message_template_language"], status="PENDING"
    )
    receive(name, name)
    assert getattr(fresh(template), column) == value


@pytest.mark.parametrize("name", ["webhook_not_whatsapp_object", "webhook_unknown_field_value"])
def test_what_nobody_knows_is_stored_and_changes_nothing(kerry, name):
    receive(name)
    rows = everything(WhatsAppWebhook)
    assert [row.state for row in rows] == ["processed"]
    assert everything(WhatsAppMessage) == everything(WhatsAppUnmatched) == everything(WhatsAppConsent) == []


@pytest.mark.parametrize("raw", ["", "nonsense", "[]", "null", '{"object":"whatsapp_business_account"}', "\xff\xfe"])
def test_signed_nonsense_is_stored_and_done_with(raw):
    assert call(raw.encode("latin-1")).status_code == 200
    webhooks_process()
    assert [row.state for row in everything(WhatsAppWebhook)] == ["processed"]


# --- Who is no contact yet --------------------------------------------------------------------------------------


def test_what_a_stranger_wrote_is_theirs_once_they_are_a_contact(acme, manager, number):
    receive("webhook_inbound_text_stop", "webhook_user_preferences_stop")
    assert {row.kind for row in everything(WhatsAppUnmatched)} == {"inbound", "preference"}
    contact = make_contact(manager, phone_number="+16505551234", phone_hash=phone_hash("+16505551234"))
    with tenant_context(acme), transaction.atomic():
        assert unmatched_adopt(contact) == 2
    found = fresh(contact)
    assert found.opt_in_status == "opted_out"
    assert found.marketing_stopped_at is not None
    assert everything(WhatsAppUnmatched) == []
    assert [row.content for row in everything(WhatsAppMessage) if row.direction == "inbound"] == [" Stop. "]


def test_a_stop_without_a_number_counts_once_a_message_tells_whose_it_was(acme, manager, number):
    contact = make_contact(manager, phone_number="+16505551234", phone_hash=phone_hash("+16505551234"))
    hidden = {**inbound("STOP", wamid="wamid.hidden"), "from_user_id": USER_ID}
    del hidden["from"]
    assert call(body(messages_change(messages=[hidden]))).status_code == 200
    webhooks_process()
    assert (fresh(contact).opt_in_status, len(everything(WhatsAppUnmatched))) == ("opted_in", 1)
    both = {**inbound("Hello", wamid="wamid.both", at=1795338001), "from_user_id": USER_ID}
    assert call(body(messages_change(messages=[both]))).status_code == 200
    webhooks_process()
    assert (fresh(contact).opt_in_status, everything(WhatsAppUnmatched)) == ("opted_out", [])


def write_as(user_id, text, wamid, at=1795338000, **more):
    """Somebody writes from the number of the contact, under this id."""
    message = {**inbound(text, wamid=wamid, at=at), "from_user_id": user_id, **more}
    if more.get("from", "") is None:
        del message["from"]
    assert call(body(messages_change(messages=[message]))).status_code == 200
    webhooks_process()


def kinds_of(contact):
    return [row.kind for row in everything(WhatsAppConsent) if row.contact_id == contact.pk]


def test_who_writes_from_a_known_number_under_another_id_is_its_new_holder(kerry, number):
    write_as("US.NEWHOLDER", "status", "wamid.new-1")
    found = fresh(kerry)
    assert (found.wa_user_id, found.is_verified, found.opt_in_status) == ("US.NEWHOLDER", False, "pending")
    assert (found.phone_number, found.last_inbound_at is not None) == ("+16505551234", True)
    assert kinds_of(kerry) == ["number_changed"]
    # They are known from now on, and their own word is followed.
    write_as("US.NEWHOLDER", "START", "wamid.new-2", at=1795338001)
    assert kinds_of(kerry) == ["number_changed", "opt_in"]
    assert (fresh(kerry).opt_in_status, fresh(kerry).is_verified) == ("opted_in", False)


def test_the_first_word_of_a_new_holder_is_their_own(kerry, number):
    write_as("US.NEWHOLDER", "START", "wamid.new-1")
    assert kinds_of(kerry) == ["number_changed", "opt_in"]
    assert (fresh(kerry).opt_in_status, fresh(kerry).is_verified) == ("opted_in", False)


def test_what_a_new_holder_wrote_without_their_number_becomes_theirs(kerry, number):
    write_as("US.NEWHOLDER", "STOP", "wamid.new-1", **{"from": None})
    assert fresh(kerry).opt_in_status == "opted_in"
    write_as("US.NEWHOLDER", "Hello", "wamid.new-2", at=1795338001)
    assert everything(WhatsAppUnmatched) == []
    assert [row.content for row in everything(WhatsAppMessage) if row.direction == "inbound"] == ["Hello", "STOP"]
    assert set(kinds_of(kerry)) == {"number_changed", "opt_out"}
    assert fresh(kerry).opt_in_status == "pending"


def test_a_late_message_of_the_former_holder_takes_nothing_back(kerry, number):
    write_as("US.NEWHOLDER", "Hello", "wamid.new-1")
    write_as(USER_ID, "Bye", "wamid.old", at=1795337000)
    assert (fresh(kerry).wa_user_id, kinds_of(kerry)) == ("US.NEWHOLDER", ["number_changed"])


def test_the_same_id_or_none_changes_nothing(kerry, number):
    write_as(USER_ID, "Hello", "wamid.same")
    write_as("", "Hello", "wamid.none", at=1795338001)
    assert (fresh(kerry).wa_user_id, fresh(kerry).is_verified, kinds_of(kerry)) == (USER_ID, True, [])


@pytest.mark.django_db(transaction=True)
def test_a_stop_that_comes_while_its_contact_is_being_made_is_seen_by_one_of_the_two(acme, manager, number):
    """The reader of webhooks has found no contact and not committed yet when the contact is made."""
    found_nobody, making = threading.Event(), threading.Event()

    def read():
        raw = json.loads(body(messages_change(messages=[inbound("STOP", wamid="wamid.race")])))
        [event] = parse(raw, received=timezone.now()).events
        with tenant_context(acme), transaction.atomic():
            assert inbound_apply(number, [event])["unmatched"] == 1
            found_nobody.set()
            making.wait(10)
            time.sleep(0.5)
        connection.close()

    reader = threading.Thread(target=read)
    reader.start()
    found_nobody.wait(10)
    making.set()
    with tenant_context(acme), transaction.atomic():
        draft = ContactDraft(display_name="Kerry", language="en", timezone="UTC")
        contact = contact_create(
            user=manager, number="+16505551234", draft=draft, actor=Actor(kind="user", user=manager)
        )
    reader.join()
    assert (fresh(contact).opt_in_status, everything(WhatsAppUnmatched)) == ("opted_out", [])


def test_statuses_about_nothing_of_ours_are_forgotten(acme, number):
    receive("webhook_status_sent", "webhook_inbound_text_stop")
    assert unmatched_purge(timezone.now() + KEPT - timedelta(minutes=1)) == 0
    assert purge_webhooks() is None
    assert unmatched_purge(timezone.now() + KEPT + timedelta(minutes=1)) == 1
    assert [row.kind for row in everything(WhatsAppUnmatched)] == ["inbound"]


# --- Twice, at once, and after a crash --------------------------------------------------------------------------


def test_a_replayed_body_is_stored_once_and_changes_nothing(sent):
    receive("webhook_status_read")
    before = fresh(sent).status_history
    receive("webhook_status_read")
    assert len(everything(WhatsAppWebhook)) == 1
    assert fresh(sent).status_history == before


def test_one_bad_body_stops_no_other(sent, kerry, monkeypatch):
    from whatsapp.services import processing

    honest = processing.inbound_apply

    def fails_for_one(number, events):
        if any(event.text == "poison" for event in events):
            raise ValueError("cannot be read")
        return honest(number, events)

    # Stands in for a defect of ours: nothing that WhatsApp can send makes the parser fail.
    monkeypatch.setattr(processing, "inbound_apply", fails_for_one)
    call(body(messages_change(messages=[inbound("poison", wamid="wamid.bad")])))
    call_with("webhook_status_read")
    done = webhooks_process()
    assert done.failed == 1
    assert fresh(sent).status == "read"
    bad, good = everything(WhatsAppWebhook)
    assert (bad.state, bad.attempts, good.state) == ("pending", 1, "processed")
    assert "ValueError" in bad.error
    assert bad.next_try_at > timezone.now()


def test_the_trail_tells_of_consent_without_words_or_numbers(kerry):
    receive("webhook_inbound_text_stop")
    entries = [row for row in everything(AuditLog) if row.resource_type == "whatsapp_contacts"]
    assert len(entries) == 1
    assert "opt_out" in str(entries[0].new_value)
    assert "Stop" not in str(entries[0].new_value)
    assert "1650" not in str(entries[0].new_value)


def test_a_body_of_the_sandbox_reaches_numbers_of_the_sandbox_only(settings, kerry, sent):
    settings.SANDBOX_URL = "http://127.0.0.1:9"
    raw = fixture("webhook_status_read")["request"]["raw_body"].encode()
    assert call(raw, header=signature(raw, "sandbox-app-secret")).status_code == 200
    webhooks_process()
    assert fresh(sent).status == "pending"
    assert not fresh(sent).status_history


def test_thousand_statuses_cost_a_bounded_number_of_statements(acme, kerry, number, django_assert_max_num_queries):
    for count in (3, 60):
        wamids = [f"wamid.{count}.{n}" for n in range(count)]
        for wamid in wamids:
            make_message(acme, kerry, number, wamid=wamid, accepted_at=timezone.now())
        call(body(messages_change(statuses=[status(w, "delivered", 1795338003) for w in wamids])))
        with django_assert_max_num_queries(25):
            webhooks_process()
    assert {row.status for row in everything(WhatsAppMessage)} == {MessageStatus.DELIVERED}
    assert isinstance(number, WhatsAppNumber)
    assert isinstance(kerry, WhatsAppContact)
