"""Conversations: who may read them, the window, answers that go out once, people who are unknown."""

import itertools
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.audit import Actor
from accounts.models import AuditLog
from stratum.lib.errors import DomainError
from tenants.context import tenant_context
from whatsapp.models import WhatsAppContact, WhatsAppMessage
from whatsapp.services import reply_queue, reply_template_queue
from whatsapp.tests.factories import (
    make_code_template,
    make_contact,
    make_inbound,
    make_message,
    make_number,
    make_template,
    make_unmatched,
)

LIST, SENDERS = "whatsapp:conversation_list", "whatsapp:sender_list"
BODY = [{"type": "BODY", "text": "{{1}} needs a look: {{2}}."}]


def by(user):
    return Actor(kind="user", user=user)


def url(contact, name="conversation_detail"):
    return reverse(f"whatsapp:{name}", args=[contact.pk])


def text_of(client, address, **headers):
    return client.get(address, headers=headers).content.decode()


def ago(**span):
    return timezone.now() - timedelta(**span)


def replies(contact):
    with tenant_context(contact.tenant_id):
        return list(
            WhatsAppMessage.objects.filter(contact=contact, purpose="reply", direction="outbound").order_by("pk")
        )


def reply(contact, text="Paused it.", token="t1", **more):
    return reply_queue(contact=contact, text=text, token=token, actor=by(contact.user), **more)


# --- Answers ----------------------------------------------------------------------------------------------------


def test_an_answer_goes_out_from_the_number_they_wrote_to(in_acme, manager):
    make_number(manager)
    other = make_number(manager, name="Shop", is_default=False)
    contact = make_contact(manager, opt_in_status="opted_out")
    asked = make_inbound(contact, "Why?", number=other)
    message = reply(contact, context_wamid=asked.wamid)
    assert (message.number, message.context_wamid, message.created_by) == (other, asked.wamid, manager)
    assert (message.purpose, message.message_type, message.content, message.status) == (
        "reply", "text", "Paused it.", "pending",
    )  # fmt: skip
    assert reply(contact, token="t2", context_wamid="wamid.of.somebody").context_wamid is None
    assert "Paused it." not in str(list(AuditLog.objects.values_list("new_value", flat=True)))


def test_the_window_closes_five_minutes_before_the_day_is_over(in_acme, manager):
    contact = make_contact(manager)
    make_inbound(contact, created_at=ago(hours=23, minutes=54))
    assert reply(contact).pk
    make_inbound(contact, created_at=ago(hours=23, minutes=56))
    with pytest.raises(DomainError) as error:
        reply(contact, token="t2")
    assert error.value.code == "window_closed"


@pytest.mark.parametrize(("text", "code"), [("  \n", "text_missing"), ("x" * 4097, "text_long")])
def test_what_whatsapp_would_refuse_is_not_queued(in_acme, manager, text, code):
    contact = make_contact(manager)
    make_inbound(contact)
    with pytest.raises(DomainError) as error:
        reply(contact, text)
    assert error.value.code == code


@pytest.mark.django_db(transaction=True)
def test_a_double_click_sends_once(acme, manager):
    contact, gate = make_contact(manager), threading.Barrier(4)
    make_inbound(contact)

    def click(_number):
        gate.wait()
        try:
            with tenant_context(acme), transaction.atomic():
                return reply(WhatsAppContact.objects.get(pk=contact.pk)).pk
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(click, range(4)))) == 1


def test_templates_go_to_people_who_agreed_whatever_the_window(in_acme, manager):
    template = make_template(manager, components=BODY)
    values = {"1": "Spring  Sale", "2": "ROAS 0.2", "9": "ignored"}

    def send(contact, template=template, values=values, token="t"):
        return reply_template_queue(
            contact=contact, template=template, variables=values, token=token, actor=by(manager)
        )

    sent = send(make_contact(manager))
    assert sent.template_variables == {"1": "Spring Sale", "2": "ROAS 0.2"}
    assert (sent.message_type, sent.template, sent.purpose) == ("template", template, "reply")
    refused = [
        (make_contact(manager, opt_in_status="opted_out"), template, values, "opted_out"),
        (make_contact(manager, opt_in_status="pending"), template, values, "not_opted_in"),
        (make_contact(manager, is_active=False), template, values, "inactive"),
        (make_contact(manager), template, {"1": "x"}, "value_missing"),
        (make_contact(manager), make_code_template(manager), {}, "template_not_approved"),
        (make_contact(manager), make_template(manager, name="p", status="PAUSED"), {}, "template_not_approved"),
        (
            make_contact(manager, marketing_stopped_at=ago(days=1)),
            make_template(manager, name="m", category="MARKETING"),
            {},
            "marketing_stopped",
        ),
    ]
    for contact, chosen, given, code in refused:
        with pytest.raises(DomainError) as error:
            send(contact, chosen, given)
        assert error.value.code == code


# --- Pages ------------------------------------------------------------------------------------------------------


def test_readers_see_words_and_others_counts(acme, manager, viewer, client_of):
    contact = make_contact(manager, display_name="Nora Berg", last_read_at=ago(hours=1))
    make_inbound(contact, "an old word", created_at=ago(hours=3))
    for word in ("Is it paused?", "a private word"):
        make_inbound(contact, word)
    seen = text_of(client_of(manager), reverse(LIST))
    assert "a private word" in seen
    assert "2 messages nobody has read" in seen
    assert "open until" in seen
    blind = text_of(client_of(viewer), reverse(LIST))
    assert "private" not in blind
    assert "2 messages nobody has read" in blind
    for address in (url(contact), reverse(SENDERS), url(contact, "conversation_panel")):
        assert client_of(viewer).get(address).status_code == 403


def test_a_conversation_shows_both_sides(acme, manager, client_of):
    contact = make_contact(manager)
    asked = make_inbound(contact, "Is it <b>paused</b>?", created_at=ago(days=2))
    make_message(
        contact, purpose="reply", content="Yes.", status="read", wamid="wamid.out", context_wamid=asked.wamid,
        created_by=manager,
    )  # fmt: skip
    make_message(contact, message_type="template", template=make_template(manager, components=BODY),
                 template_variables={"1": "Spring Sale", "2": "ROAS 0.2"}, content="",
                 template_name="campaign_alert", status="failed", error_code="131026")  # fmt: skip
    make_inbound(contact, "The shelf", message_type="image", media_type="image/jpeg")
    make_inbound(contact, "👍", message_type="reaction", context_wamid="wamid.out")
    gone = make_inbound(contact, "never mind")
    make_inbound(contact, "", message_type="revoke", context_wamid=gone.wamid)
    text = text_of(client_of(manager), url(contact))
    for words in (
        "Is it &lt;b&gt;paused", "Today", "Yes.", "Spring Sale needs a look: ROAS 0.2.", "cannot be reached",
        "image/jpeg",
        "The shelf", "👍", "They took this message back", "Read", "Failed",
    ):  # fmt: skip
        assert words in text
    assert "never mind</p>" not in text
    assert text.count('<article class="bubble') == 5
    assert re.search(r'bubble-quote">Is it', text)


def test_days_are_those_of_the_reader(acme, manager, client_of):
    with tenant_context(acme):
        manager.timezone = "Pacific/Auckland"
        manager.save(update_fields=["timezone"])
    contact = make_contact(manager)
    make_inbound(contact, "late", created_at=datetime(2026, 3, 3, 12, 30, tzinfo=UTC))
    text = text_of(client_of(manager), url(contact))
    assert "Wednesday, 4 March 2026" in text
    assert ">01:30<" in text


def test_the_poll_answers_only_when_something_changed(acme, manager, client_of):
    contact, client = make_contact(manager), client_of(manager)
    make_inbound(contact)
    mine = make_message(contact, purpose="reply", wamid="wamid.1", status="sent")
    version = re.search(r"version=(\w+)", text_of(client, url(contact)))[1]
    poll = f"{url(contact, 'conversation_panel')}?version={version}"
    assert client.get(poll).status_code == 204
    with tenant_context(acme), transaction.atomic():
        WhatsAppMessage.objects.filter(pk=mine.pk).update(status="read")
    fragment = client.get(poll)
    assert fragment.status_code == 200
    assert "<html" not in fragment.content.decode()
    assert client.get(poll).status_code == 200


def test_what_was_shown_is_read_and_never_unread_again(acme, manager, client_of):
    contact, client = make_contact(manager), client_of(manager)
    old = make_inbound(contact, created_at=ago(hours=2))
    new = make_inbound(contact)
    foreign = make_inbound(make_contact(manager))
    for message in (new, old, foreign):
        client.post(url(contact, "conversation_read"), {"upto": message.pk})
    client.post(url(contact, "conversation_read"), {"upto": "x"})
    with tenant_context(acme):
        assert WhatsAppContact.objects.get(pk=contact.pk).last_read_at == new.created_at
    assert "nobody has read" not in text_of(client, reverse(LIST)).replace("1 message nobody", "", 1)


def test_earlier_messages_are_paged(acme, manager, client_of):
    contact, client = make_contact(manager), client_of(manager)
    for number in range(52):
        make_inbound(contact, f"word {number:03d}")
    text = text_of(client, url(contact))
    assert "word 051" in text
    assert "word 001" not in text
    before = re.search(r"before=(\d+)", text)[1]
    earlier = text_of(client, f"{url(contact, 'conversation_panel')}?before={before}")
    assert "word 001" in earlier
    # It would be taken away while it is read.
    assert "every 5s" not in earlier
    assert "every 5s" in text


def test_an_answer_is_written_on_the_page(acme, manager, client_of):
    contact, client = make_contact(manager), client_of(manager)
    asked = make_inbound(contact, "Is it paused?")
    page = text_of(client, f"{url(contact)}?answer={asked.wamid}")
    token = re.search(r'name="token" value="([^"]+)"', page)[1]
    assert f'name="context" value="{asked.wamid}"' in page
    form = {"text": "Yes.", "token": token, "context": asked.wamid}
    for _click in range(2):
        assert "on its way" in client.post(url(contact, "conversation_reply"), form, follow=True).content.decode()
    (sent,) = replies(contact)
    assert (sent.content, sent.context_wamid) == ("Yes.", asked.wamid)
    empty = client.post(url(contact, "conversation_reply"), {**form, "text": "", "token": "other"})
    assert empty.status_code == 422
    assert "Write something first" in empty.content.decode()


def test_a_closed_window_offers_templates_alone(acme, manager, client_of):
    contact, client = make_contact(manager), client_of(manager)
    make_inbound(contact, created_at=ago(days=3))
    template = make_template(manager, components=BODY)
    make_template(manager, name="with_cards", components=[*BODY, {"type": "CAROUSEL"}])
    page = text_of(client, url(contact))
    assert 'name="text"' not in page
    assert "with_cards" not in page
    chosen = text_of(client, f"{url(contact)}?template={template.pk}")
    assert 'name="value-2"' in chosen
    form = {"template": template.pk, "token": "t9", "value-1": "Spring Sale"}
    missing = client.post(url(contact, "conversation_template"), form)
    assert missing.status_code == 422
    assert "Fill this in" in missing.content.decode()
    client.post(url(contact, "conversation_template"), {**form, "value-2": "ROAS 0.2"})
    assert [one.template_variables for one in replies(contact)] == [{"1": "Spring Sale", "2": "ROAS 0.2"}]


def test_who_stopped_messages_and_is_silent_is_offered_nothing(acme, manager, client_of):
    contact, client = make_contact(manager, opt_in_status="opted_out"), client_of(manager)
    make_inbound(contact, created_at=ago(days=3))
    make_template(manager, components=BODY)
    page = text_of(client, url(contact))
    assert "the contact has opted out" in page
    assert 'name="template"' not in page
    make_inbound(contact, "One more question")
    assert 'name="text"' in text_of(client, url(contact))


def test_somebody_unknown_becomes_a_contact_with_what_they_wrote(acme, manager, client_of):
    number, client = make_number(manager), client_of(manager)
    event = make_unmatched(number, text="Hello there")
    make_unmatched(number, text="START")
    page = text_of(client, reverse(SENDERS))
    assert "Lena Vogt" in page
    assert "+49 1511 2345678" in page
    form = text_of(client, f"{reverse('whatsapp:contact_create')}?sender={event.pk}")
    assert "+49 1511 2345678" in form
    client.post(
        reverse("whatsapp:contact_create"),
        {"user": manager.pk, "number": "+49 1511 2345678", "display_name": "Lena Vogt"},
    )
    with tenant_context(acme):
        contact = WhatsAppContact.objects.get()
    assert contact.opt_in_status == "opted_in"
    assert "Hello there" in text_of(client, url(contact))
    assert "Nobody unknown has written" in text_of(client, reverse(SENDERS))


@pytest.mark.parametrize("name", [LIST, SENDERS, "detail"])
def test_pages_ask_no_more_for_more_rows(acme, manager, client_of, name):
    client, number, first = client_of(manager), make_number(manager), make_contact(manager)
    strangers = itertools.count(10)

    def more():
        make_inbound(make_contact(manager))
        make_inbound(first)
        make_message(first, purpose="reply", created_by=manager, context_wamid="wamid.x")
        make_unmatched(number, wa_id=f"49151123456{next(strangers)}")

    def statements():
        with CaptureQueriesContext(connection) as asked:
            client.get(url(first) if name == "detail" else reverse(name))
        return len(asked)

    more()
    one = statements()
    more()
    more()
    assert statements() == one


def test_two_workspaces_never_meet(acme, globex, manager, outsider, client_of):
    foreign = make_contact(outsider, display_name="Theirs")
    make_inbound(foreign, "their word")
    event = make_unmatched(make_number(outsider), text="their stranger")
    mine, template = make_contact(manager), make_template(outsider, components=BODY)
    client = client_of(manager)
    assert "Theirs" not in text_of(client, reverse(LIST))
    assert "stranger" not in text_of(client, reverse(SENDERS))
    for name in ("conversation_detail", "conversation_panel"):
        assert client.get(url(foreign, name)).status_code == 404
    for name in ("conversation_reply", "conversation_template", "conversation_read"):
        assert client.post(url(foreign, name)).status_code == 404
    assert client.get(f"{url(mine)}?template={template.pk}").status_code == 404
    assert "4915" not in text_of(client, f"{reverse('whatsapp:contact_create')}?sender={event.pk}")
