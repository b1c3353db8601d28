"""The ledger: one state for each message, who may send again and call off, pages, filters and the file."""

import itertools
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.audit import Actor
from accounts.models import AuditLog
from stratum.lib.errors import DomainError
from tenants.context import tenant_context
from whatsapp.choices import MessageState
from whatsapp.models import WhatsAppMessage
from whatsapp.queries.messages import in_state, state_of, with_state
from whatsapp.services import contact_remove, message_cancel, message_retry
from whatsapp.tests.factories import make_contact, make_inbound, make_message, make_number, make_template

NOW = timezone.now()
LIST = "whatsapp:message_list"


def by(user):
    return Actor(kind="user", user=user)


def detail(message):
    return reverse("whatsapp:message_detail", args=[message.pk])


def text_of(client, url):
    return client.get(url).content.decode()


def test_every_message_is_in_exactly_one_state_and_both_readings_agree(in_acme, manager):
    contact, later, before = make_contact(manager), NOW + timedelta(hours=1), NOW - timedelta(hours=1)
    for direction, status, accepted, maybe, claimed, scheduled, retry, code in itertools.product(
        ("outbound", "inbound"),
        ("pending", "sent", "delivered", "read", "failed"),
        (None, before), (None, before), (None, before), (None, before, later), (None, later),
        (None, "local.cancelled", "131026"),
    ):  # fmt: skip
        if direction == "inbound" and (accepted or maybe or claimed):
            continue
        WhatsAppMessage(
            contact=contact, direction=direction, status=status, accepted_at=accepted, maybe_sent_at=maybe,
            claimed_at=claimed, scheduled_at=scheduled, next_retry_at=retry, error_code=code, message_type="text",
        ).save()  # fmt: skip
    rows = list(with_state(WhatsAppMessage.objects.all(), NOW))
    assert {row.state for row in rows} == set(MessageState.values)
    assert [(row.pk, row.state) for row in rows if row.state != state_of(row, NOW)] == []
    counts = [WhatsAppMessage.objects.filter(in_state(state, NOW)).count() for state in MessageState]
    assert sum(counts) == len(rows)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"maybe_sent_at": NOW}, "may have arrived"),
        ({"status": "failed", "maybe_sent_at": NOW, "error_code": "local.no_answer"}, "may have arrived"),
        ({"status": "failed", "error_code": "131026"}, "same way"),
        ({"status": "failed", "error_code": "132012", "purpose": "code"}, "new one"),
        ({"status": "failed", "error_code": "131009"}, "same way"),
        ({"status": "failed", "error_code": "131049", "next_retry_at": NOW + timedelta(days=1)}, "asks to wait"),
        ({"status": "failed", "error_code": "local.window_closed", "purpose": "reply"}, "24 hours"),
        ({"status": "delivered"}, "Only what failed"),
        ({"claimed_at": NOW}, "Only what failed"),
        ({}, "Only what failed"),
    ],
)
def test_only_what_certainly_failed_and_may_succeed_is_sent_again(in_acme, manager, fields, reason):
    message = make_message(make_contact(manager), **fields)
    with pytest.raises(DomainError, match=reason):
        message_retry(message=message, actor=by(manager))
    assert WhatsAppMessage.objects.count() == 1


def test_what_was_never_taken_goes_back_into_the_queue(in_acme, manager):
    message = make_message(make_contact(manager), status="failed", error_code="190", retry_count=5)
    again = message_retry(message=message, actor=by(manager))
    assert (again.pk, again.status, again.error_code, again.retry_count) == (message.pk, "pending", None, 0)
    with pytest.raises(DomainError):
        message_retry(message=message, actor=by(manager))


def test_what_was_taken_and_failed_keeps_its_line_and_is_copied_once(in_acme, manager):
    message = make_message(
        make_contact(manager), status="failed", error_code="131047", wamid="wamid.1", content="Look at this"
    )
    first, second = (message_retry(message=message, actor=by(manager)) for _click in range(2))
    assert first.pk == second.pk != message.pk
    message.refresh_from_db()
    assert (message.status, first.status, first.content, first.wamid) == ("failed", "pending", "Look at this", None)


def test_who_has_stopped_messages_gets_no_second_try(in_acme, manager):
    message = make_message(make_contact(manager, opt_in_status="opted_out"), status="failed", error_code="190")
    with pytest.raises(DomainError, match="opted out"):
        message_retry(message=message, actor=by(manager))


def test_a_template_reply_is_not_sent_again_to_who_stopped_since(in_acme, manager):
    contact = make_contact(manager, opt_in_status="opted_out")
    fields = {"status": "failed", "error_code": "132001", "purpose": "reply", "message_type": "template"}
    message = make_message(contact, **fields)
    with pytest.raises(DomainError, match="opted out"):
        message_retry(message=message, actor=by(manager))
    make_inbound(contact)
    message.refresh_from_db()
    assert message_retry(message=message, actor=by(manager)).status == "pending"


@pytest.mark.parametrize("wamid", [None, "wamid.1"])
def test_what_failed_with_its_number_goes_out_from_the_workspaces_own(in_acme, manager, wamid):
    removed = make_number(manager, is_default=False, is_deleted=True)
    message = make_message(
        make_contact(manager), number=removed, status="failed", error_code="local.number_removed", wamid=wamid
    )
    assert message_retry(message=message, actor=by(manager)).number is None


def test_only_what_waits_is_called_off_and_a_code_is_gone_with_it(in_acme, manager):
    contact = make_contact(manager)
    waiting, code = make_message(contact), make_message(contact, purpose="code", content="123456")
    for message in (waiting, code):
        message_cancel(message=message, actor=by(manager))
        message.refresh_from_db()
        assert state_of(message, NOW) == MessageState.CANCELLED
    assert (waiting.content, code.content) == ("ROAS fell to 0.2×", "")
    assert message_retry(message=waiting, actor=by(manager)).status == "pending"
    with pytest.raises(DomainError):
        message_cancel(message=make_message(contact, claimed_at=NOW), actor=by(manager))


# --- Pages ------------------------------------------------------------------------------------------------------


def test_the_list_says_what_became_of_each_and_never_what_was_said(acme, manager, client_of):
    contact = make_contact(manager, display_name="Nora Berg")
    make_message(contact, status="failed", error_code="131026")
    make_message(contact, maybe_sent_at=NOW)
    make_message(contact, status="read", template_name="campaign_alert")
    make_inbound(contact, "a private word")
    text = text_of(client_of(manager), reverse(LIST))
    for words in ("Nora Berg", "cannot be reached", "May have arrived", "Read", "campaign_alert", "Message to us"):
        assert words in text
    for hidden in ("ROAS fell", "a private word"):
        assert hidden not in text


def test_filters_narrow_and_wrong_values_are_left_out(acme, manager, client_of):
    first, second = make_contact(manager), make_contact(manager)
    number = make_number(manager)
    failed = make_message(first, status="failed", error_code="131026", number=number, purpose="report")
    old = make_message(second, template_name="weekly", created_at=NOW - timedelta(days=3))
    client = client_of(manager)

    def shown(**query):
        text = client.get(reverse(LIST), query, headers={"HX-Request": "true"}).content.decode()
        return {row.pk for row in (failed, old) if f"message-table-{row.pk}" in text}

    day = timezone.localdate(old.created_at).isoformat()
    both = {failed.pk, old.pk}
    assert shown() == shown(state="nonsense") == shown(contact="x", to="2024-99-99") == both
    for query in (
        {"state": "failed"}, {"purpose": "report"}, {"contact": first.pk}, {"number": number.pk}, {"error": "any"},
        {"error": "131026"}, {"from": timezone.localdate().isoformat()},
    ):  # fmt: skip
        assert shown(**query) == {failed.pk}, query
    for query in ({"state": "queued"}, {"template": "weekly"}, {"to": day}):
        assert shown(**query) == {old.pk}, query


def test_the_list_asks_no_more_for_more_messages(acme, manager, client_of):
    client = client_of(manager)

    def statements():
        with CaptureQueriesContext(connection) as asked:
            client.get(reverse(LIST))
        return len(asked)

    make_message(make_contact(manager), number=make_number(manager))
    one = statements()
    for _more in range(2):
        make_message(make_contact(manager), status="failed", error_code="131026")
    assert statements() == one


def test_the_empty_ledger_teaches(acme, manager, client_of):
    client = client_of(manager)
    assert "No message yet" in text_of(client, reverse(LIST))
    assert "No message matches" in text_of(client, f"{reverse(LIST)}?state=read")


def test_a_message_tells_its_course_and_words_only_to_those_who_edit_contacts(acme, manager, viewer, client_of):
    message = make_message(
        make_contact(manager),
        status="failed",
        wamid="wamid.7",
        accepted_at=NOW,
        error_code="131047",
        status_history=[
            {"status": "sent", "at": NOW.isoformat()},
            {"status": "failed", "at": (NOW + timedelta(seconds=3)).isoformat(), "code": "131047"},
            {"status": "tomorrow", "at": "nonsense"},
        ],
    )
    text = text_of(client_of(manager), detail(message))
    for words in ("ROAS fell", "Accepted by WhatsApp", "more than 24 hours old", "Try again", "wamid.7"):
        assert words in text
    seen = text_of(client_of(viewer), detail(message))
    assert "more than 24 hours old" in seen
    for hidden in ("ROAS fell", "Try again", "wamid.7", "WhatsApp’s id"):
        assert hidden not in seen


def test_a_code_is_shown_to_nobody(acme, manager, client_of):
    template = make_template(manager, name="stratum_code", category="AUTHENTICATION")
    message = make_message(
        make_contact(manager), purpose="code", content="135790", message_type="template", template=template
    )
    assert "135790" not in text_of(client_of(manager), detail(message))


def test_buttons_do_what_they_say(acme, manager, viewer, client_of):
    contact = make_contact(manager)
    failed, waiting = make_message(contact, status="failed", error_code="190"), make_message(contact)
    maybe = make_message(contact, maybe_sent_at=NOW)
    client = client_of(manager)
    for name, message in (("message_retry", failed), ("message_cancel", waiting)):
        url = reverse(f"whatsapp:{name}", args=[message.pk])
        assert client_of(viewer).post(url).status_code == 403
        assert "alled off" in client.post(url, follow=True).content.decode() or name == "message_retry"
    retried = client.post(reverse("whatsapp:message_retry", args=[maybe.pk]), follow=True).content.decode()
    assert "may have arrived" in retried
    for message in (failed, waiting):
        message_of = WhatsAppMessage.objects
        with tenant_context(acme):
            message.status = message_of.values_list("status", flat=True).get(pk=message.pk)
    assert (failed.status, waiting.status) == ("pending", "failed")


def test_the_file_holds_no_words_no_formulas_and_leaves_a_line_in_the_trail(acme, manager, analyst, viewer, client_of):
    contact = make_contact(manager, display_name="=HYPERLINK(1)", phone_number="+4740612345")
    make_message(contact, status="failed", error_code="131026", wamid="wamid.8")
    gone = make_contact(manager)
    make_message(gone)
    with tenant_context(acme):
        contact_remove(contact=gone, actor=by(manager))
    url = reverse("whatsapp:message_export")
    assert client_of(viewer).get(url).status_code == 403
    for person, number in ((manager, "'+47 40 61 23 45"), (analyst, "'+47 ••• 45")):
        lines = b"".join(client_of(person).get(url, {"error": "any"}).streaming_content).decode()
        assert "'=HYPERLINK" in lines
        assert number in lines
        # The id holds the number.
        assert ("wamid.8" in lines) == (person == manager)
        assert "ROAS fell" not in lines
        assert "cannot be reached" in lines
    with tenant_context(acme):
        assert AuditLog.objects.filter(action="export", resource_type="whatsapp_messages").count() == 2


def test_two_workspaces_never_meet(acme, globex, manager, outsider, client_of):
    make_message(make_contact(manager, display_name="Ours"))
    foreign = make_message(make_contact(outsider, display_name="Theirs"), status="failed", error_code="190")
    client = client_of(manager)
    assert "Theirs" not in text_of(client, reverse(LIST))
    assert client.get(detail(foreign)).status_code == 404
    for name in ("message_retry", "message_cancel"):
        assert client.post(reverse(f"whatsapp:{name}", args=[foreign.pk])).status_code == 404
    lines = b"".join(client.get(reverse("whatsapp:message_export")).streaming_content).decode()
    assert "Theirs" not in lines
