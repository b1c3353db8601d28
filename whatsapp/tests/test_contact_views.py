"""The pages of contacts: who sees which number, one's own number, proof and consent as a person does them."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from stratum.lib.encryption import phone_hash
from tenants.context import tenant_context
from whatsapp.models import WhatsAppConsent, WhatsAppContact, WhatsAppMessage
from whatsapp.tests.factories import (
    make_code_template,
    make_consent,
    make_contact,
    make_known_contact,
    make_message,
    make_number,
)
from whatsapp.views.contact import signed_sentence

LIST = "whatsapp:contact_list"
SETTINGS = {
    "display_name": "Nora", "language": "de", "timezone": "Europe/Berlin", "notification_types": ["alerts"],
    "quiet": "on", "quiet_from": "22:00", "quiet_to": "07:00", "is_active": "on",
}  # fmt: skip


def url(name, contact):
    return reverse(f"whatsapp:{name}", args=[contact.pk])


def text_of(client, address):
    return client.get(address).content.decode()


def post(client, address, **fields):
    return client.post(address, fields, follow=True)


def fresh(contact):
    with tenant_context(contact.tenant_id):
        return WhatsAppContact.objects.get(pk=contact.pk)


def test_numbers_are_masked_for_those_who_do_not_edit_contacts(acme, manager, viewer, client_of):
    contact = make_contact(manager, display_name="Nora Berg", phone_number="+4740612345")
    for address in (reverse(LIST), url("contact_detail", contact)):
        seen = text_of(client_of(viewer), address)
        assert "Nora Berg" in seen
        assert "40 61 23 45" not in seen
        assert "+47 ••• 45" in seen
        assert "40 61 23 45" in text_of(client_of(manager), address)


def test_everybody_adds_their_own_number_and_only_editors_others(acme, viewer, manager, client_of):
    with tenant_context(acme):
        viewer.timezone = "Europe/Oslo"
        viewer.save(update_fields=["timezone"])
    client = client_of(viewer)
    wrong = client.post(reverse("whatsapp:contact_own"), {"number": "12"})
    assert wrong.status_code == 422
    assert "This is no phone number" in wrong.content.decode()
    answer = post(client, reverse("whatsapp:contact_own"), number="406 12 345").content.decode()
    assert "Send a code" in answer
    with tenant_context(acme):
        own = WhatsAppContact.objects.get()
    assert (own.user_id, own.phone_number, own.timezone) == (viewer.pk, "+4740612345", "Europe/Oslo")
    assert "40 61 23 45" in text_of(client, reverse(LIST))
    assert client.get(reverse("whatsapp:contact_create")).status_code == 403
    other = make_contact(manager)
    for name in (
        "contact_update",
        "contact_remove",
        "contact_code",
        "contact_verify",
        "contact_opt_in",
        "contact_opt_out",
    ):
        assert client.post(url(name, other)).status_code == 403, name
    assert client.post(url("contact_opt_in_written", own)).status_code == 403


def test_an_editor_adds_a_colleague_and_errors_stand_at_their_field(acme, manager, viewer, client_of):
    client = client_of(manager)
    make_contact(manager, phone_number="+4740612345", phone_hash=phone_hash("+4740612345"))
    form = {"user": viewer.pk, "number": "+47 406 12 345"}
    taken = client.post(reverse("whatsapp:contact_create"), form)
    assert taken.status_code == 422
    assert "has this number already" in taken.content.decode()
    made = client.post(reverse("whatsapp:contact_create"), {**form, "number": "+47 406 12 346"})
    with tenant_context(acme):
        assert made.url == url("contact_detail", WhatsAppContact.objects.get(user=viewer))


def test_from_the_number_to_the_first_message(acme, viewer, client_of):
    make_number(viewer)
    make_code_template(viewer)
    client = client_of(viewer)
    post(client, reverse("whatsapp:contact_own"), number="+47 406 12 345")
    with tenant_context(acme):
        contact = WhatsAppContact.objects.get()
    told = post(client, url("contact_code", contact)).content.decode()
    assert "on its way" in told, told[told.find("toasts") :][:600]
    with tenant_context(acme):
        code = WhatsAppMessage.objects.get().content
    wrong = client.post(url("contact_verify", contact), {"code": f"{(int(code) + 1) % 1_000_000:06d}"})
    assert (wrong.status_code, fresh(contact).verification_tries) == (422, 1)
    assert "4 more times" in wrong.content.decode()
    assert code not in wrong.content.decode()
    assert "is verified" in post(client, url("contact_verify", contact), code=code).content.decode()
    page = text_of(client, url("contact_detail", contact))
    assert "https://wa.me/12025550199?text=START" in page
    assert "<svg" in page
    sentence = "I agree that Acme sends alerts"
    signed = signed_sentence(contact, sentence)
    assert "Tick the sentence" in post(client, url("contact_opt_in", contact), sentence=signed).content.decode()
    post(client, url("contact_opt_in", contact), sentence=signed, agree="on")
    with tenant_context(acme):
        line = WhatsAppConsent.objects.get(kind="opt_in")
    assert (line.text, line.way, line.noted_by_id) == (sentence, "page", viewer.pk)
    ready = text_of(client, url("contact_detail", contact))
    assert sentence in ready
    assert "Before the first message" not in ready


def test_a_sentence_of_another_contact_is_no_consent(acme, manager, viewer, client_of):
    own = make_contact(viewer, opt_in_status="pending")
    foreign = signed_sentence(make_contact(manager), "I agree.")
    for sentence in (foreign, "I agree.", ""):
        post(client_of(viewer), url("contact_opt_in", own), sentence=sentence, agree="on")
    assert fresh(own).opt_in_status == "pending"


def test_a_colleague_notes_consent_in_writing_and_a_stop(acme, manager, viewer, analyst, client_of):
    contact, client = make_contact(viewer, opt_in_status="pending"), client_of(manager)
    assert 'name="agree"' not in text_of(client, url("contact_detail", contact))
    nothing = client.post(url("contact_opt_in_written", contact), {"day": "2026-01-05", "text": ""})
    assert nothing.status_code == 422
    post(client, url("contact_opt_in_written", contact), day=timezone.localdate().isoformat(), text="Mail to Dana")
    assert fresh(contact).opt_in_status == "opted_in"
    post(client, url("contact_opt_out", contact))
    assert fresh(contact).opt_in_status == "opted_out"
    page = text_of(client, url("contact_detail", contact))
    assert "Mail to Dana" in page
    assert "Noted by" in page
    assert "Mail to Dana" not in text_of(client_of(analyst), url("contact_detail", contact))


def test_settings_are_saved_and_wrong_ones_said(acme, viewer, client_of):
    contact, client = make_contact(viewer), client_of(viewer)
    post(client, url("contact_update", contact), **SETTINGS)
    saved = fresh(contact)
    assert saved.quiet_hours == {"enabled": True, "from": "22:00", "to": "07:00"}
    assert (saved.display_name, saved.language, saved.notification_types) == ("Nora", "de", ["alerts"])
    for wrong in ({"quiet_to": ""}, {"quiet_to": "22:00"}, {"timezone": "Mars"}):
        assert client.post(url("contact_update", contact), {**SETTINGS, **wrong}).status_code == 422
    post(
        client, url("contact_update", contact), **{key: value for key, value in SETTINGS.items() if key != "is_active"}
    )
    assert fresh(contact).is_active is False
    assert "switched off" in text_of(client, reverse(LIST))


def test_a_removed_contact_is_not_found_any_more(acme, manager, client_of):
    contact, client = make_contact(manager, display_name="Nora Berg"), client_of(manager)
    make_message(contact)
    assert "erased" in post(client, url("contact_remove", contact)).content.decode()
    assert client.get(url("contact_detail", contact)).status_code == 404
    assert "Nora Berg" not in text_of(client, reverse(LIST))
    assert "Removed contact" in text_of(client, reverse("whatsapp:message_list"))


def test_filters_search_and_empty_states(acme, manager, client_of):
    client = client_of(manager)
    assert "No contact yet" in text_of(client, reverse(LIST))
    make_contact(manager, display_name="Nora Berg")
    make_contact(manager, display_name="Omar Aziz", opt_in_status="opted_out")
    assert "No contact matches" in text_of(client, f"{reverse(LIST)}?q=nobody")
    for query, shown in (({"q": "nora"}, "Nora"), ({"opt_in": "opted_out"}, "Omar"), ({"sort": "-name"}, "Omar")):
        text = client.get(reverse(LIST), query, headers={"HX-Request": "true"}).content.decode()
        assert shown in text
        assert "<html" not in text


@pytest.mark.parametrize("name", [LIST, "whatsapp:contact_detail"])
def test_pages_ask_no_more_for_more_rows(acme, manager, admin, analyst, client_of, name):
    client, first = client_of(manager), make_contact(manager)
    make_consent(first)
    make_message(first)

    def statements():
        with CaptureQueriesContext(connection) as asked:
            client.get(reverse(name) if name == LIST else url("contact_detail", first))
        return len(asked)

    one = statements()
    for person in (admin, analyst):
        make_contact(person)
        make_consent(first, noted_by=person, at=timezone.now() - timedelta(days=1))
        make_message(first)
    assert statements() == one


def test_two_workspaces_never_meet(acme, globex, manager, outsider, client_of):
    make_contact(manager, display_name="Ours")
    foreign = make_contact(outsider, display_name="Theirs")
    client = client_of(manager)
    assert "Theirs" not in text_of(client, reverse(LIST))
    assert client.get(url("contact_detail", foreign)).status_code == 404
    for name in (
        "contact_update",
        "contact_remove",
        "contact_code",
        "contact_verify",
        "contact_opt_in",
        "contact_opt_out",
    ):
        assert client.post(url(name, foreign)).status_code == 404, name
    chosen = client.post(reverse("whatsapp:contact_create"), {"user": outsider.pk, "number": "+47 406 12 345"})
    assert chosen.status_code == 422


def test_the_page_says_whether_commands_are_obeyed_and_how_they_come_to_be(manager, viewer, admin, client_of):
    make_number(viewer)
    make_code_template(viewer)
    contact = make_contact(viewer)
    make_consent(contact, kind="verified", way="code", noted_by=manager)
    address, name = url("contact_detail", contact), viewer.display_name
    theirs = text_of(client_of(manager), address)
    assert f"not obeyed: {name} has not proven the number themselves" in theirs
    assert f"{name} proves it on this page, signed in as themselves." in theirs
    assert "Send a code" not in theirs
    own = client_of(viewer)
    assert "Prove it yourself and they are." in text_of(own, address)
    post(own, url("contact_code", contact))
    with tenant_context(contact.tenant_id):
        code = WhatsAppMessage.objects.get(contact=contact).content
    post(own, url("contact_verify", contact), code=code)
    after = text_of(own, address)
    assert f"obeyed with the rights of {name}" in after
    assert "Send a code" not in after
    assert "somebody else typed in" not in text_of(client_of(admin), address)


def test_nothing_is_obeyed_before_there_is_proof_and_consent(viewer, client_of):
    for fields in ({"is_verified": False}, {"opt_in_status": "pending"}, {"is_active": False}):
        page = text_of(client_of(viewer), url("contact_detail", make_known_contact(viewer, **fields)))
        assert "<dt>Commands</dt><dd>not obeyed: the " in page
