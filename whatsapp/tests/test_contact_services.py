"""Contacts: numbers in any national form, limits, erasing, and what somebody wrote before they were one."""

import base64
from datetime import time, timedelta

import pytest
import time_machine
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from accounts.audit import Actor
from accounts.models import AuditLog
from accounts.tests.factories import make_user
from stratum.lib import phones
from stratum.lib.encryption import phone_hash
from stratum.lib.errors import DomainError
from stratum.lib.regions import region_of_zone
from tenants.context import tenant_context
from whatsapp.clients.inbound import StatusEvent
from whatsapp.models import WhatsAppConsent, WhatsAppContact, WhatsAppMessage, WhatsAppUnmatched
from whatsapp.queries import recipients
from whatsapp.queries.contacts import ContactFilter, contacts_found
from whatsapp.services import (
    ContactDraft,
    contact_create,
    contact_remove,
    contact_update,
    opt_in_tick,
    opt_in_written,
    opt_out_note,
)
from whatsapp.services.contacts import MOST_OF_ONE_PERSON
from whatsapp.services.preparing import quiet_hours_of
from whatsapp.services.statuses import statuses_apply, unmatched_purge
from whatsapp.tests.factories import (
    make_consent,
    make_contact,
    make_inbound,
    make_message,
    make_number,
    make_unmatched,
)


def by(user):
    return Actor(kind="user", user=user)


def create(user, number, region="", **draft):
    return contact_create(user=user, number=number, region=region, draft=ContactDraft(**draft), actor=by(user))


@pytest.mark.parametrize(
    ("typed", "region", "kept"),
    [
        ("+47 406 12 345", "", "+4740612345"),
        ("406 12 345", "NO", "+4740612345"),
        ("07400 123456", "GB", "+447400123456"),
        ("(0151) 234 56 789", "DE", "+4915123456789"),
        ("0047 40612345", "DE", "+4740612345"),
        ("+20 100 123 4567", "DE", "+201001234567"),
        ("(11) 96123-4567", "BR", "+5511961234567"),
    ],
)
def test_a_number_is_taken_as_people_dial_it(in_acme, manager, typed, region, kept):
    contact = create(manager, typed, region)
    assert (contact.phone_number, contact.phone_hash) == (kept, phone_hash(kept))
    assert kept.startswith(f"+{contact.country_code}")
    assert (contact.opt_in_status, contact.is_verified) == ("pending", False)


@pytest.mark.parametrize(
    ("typed", "region", "hint"),
    [
        ("406 12 345", "", "Begin with +"),
        ("123", "NO", "such as"),
        ("+47 12", "NO", "after the +"),
        ("mine", "GB", "such as"),
    ],
)
def test_what_is_no_number_is_said_with_what_to_do(in_acme, manager, typed, region, hint):
    with pytest.raises(DomainError, match=hint.replace("+", r"\+")) as error:
        create(manager, typed, region)
    assert error.value.field == "number"
    assert not WhatsAppContact.objects.exists()


def test_a_number_has_one_contact_in_whatever_form(in_acme, manager, admin):
    create(manager, "+55 11 96123-4567")
    for same in ("(11) 96123-4567", "+5511961234567"):
        with pytest.raises(DomainError) as error:
            create(admin, same, "BR")
        assert (error.value.code, error.value.field) == ("number_taken", "number")


def test_two_workspaces_may_know_the_same_number(acme, globex, manager, outsider):
    for user in (manager, outsider):
        with tenant_context(user.tenant_id):
            assert create(user, "+47 406 12 345").tenant_id == user.tenant_id


def test_a_person_has_only_so_many_numbers(in_acme, manager):
    for last in range(MOST_OF_ONE_PERSON):
        create(manager, f"+4740612{last:03d}")
    with pytest.raises(DomainError) as error:
        create(manager, "+4740612999")
    assert error.value.code == "too_many_of_person"


def test_neither_number_nor_name_enter_the_trail(in_acme, manager):
    contact = create(manager, "+47 406 12 345", display_name="Nora Berg")
    contact_update(contact=contact, draft=ContactDraft(display_name="Nora Holm"), actor=by(manager))
    contact_remove(contact=contact, actor=by(manager))
    told = str(list(AuditLog.objects.values_list("old_value", "new_value")))
    for secret in ("40612345", "Nora", "Holm"):
        assert secret not in told


def test_a_change_keeps_what_was_chosen(in_acme, manager):
    contact = make_contact(manager)
    draft = ContactDraft(
        display_name="Nora",
        language="de",
        timezone="Europe/Berlin",
        notification_types=["reports", "gossip"],
        quiet=(time(22), time(7)),
        is_active=False,
    )
    changed = contact_update(contact=contact, draft=draft, actor=by(manager))
    changed.refresh_from_db()
    assert changed.notification_types == ["reports"]
    assert changed.quiet_hours == {"enabled": True, "from": "22:00", "to": "07:00"}
    assert (changed.language, changed.timezone, changed.is_active) == ("de", "Europe/Berlin", False)
    entry = AuditLog.objects.filter(resource_type="whatsapp_contacts", action="update").get()
    assert "quiet_hours" in entry.changed_fields


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        ({"language": "xx"}, "language"),
        ({"timezone": "Mars/Base"}, "timezone"),
        ({"quiet": (time(9), time(9))}, "quiet_to"),
    ],
)
def test_what_cannot_be_is_refused(in_acme, manager, draft, field):
    with pytest.raises(DomainError) as error:
        contact_update(contact=make_contact(manager), draft=ContactDraft(**draft), actor=by(manager))
    assert error.value.field == field


@given(st.times(), st.times())
def test_quiet_hours_are_read_as_they_were_written(start, end):
    start, end = start.replace(second=0, microsecond=0), end.replace(second=0, microsecond=0)
    found = quiet_hours_of(ContactDraft(quiet=(start, end)).values()["quiet_hours"])
    assert (found.start, found.end) == (start, end)


def test_erasing_leaves_nothing_personal_and_frees_the_number(in_acme, manager):
    contact = create(manager, "+47 406 12 345", display_name="Nora Berg")
    make_consent(contact, text="Yes, write to me", wamid="wamid.1")
    said = make_inbound(contact, "My new number is 1234", recipient_wa_id="4740612345")
    waiting, sent = make_message(contact), make_message(contact, status="delivered", wamid="wamid.2")
    contact_remove(contact=contact, actor=by(manager))
    contact.refresh_from_db()
    assert (contact.phone_number, contact.display_name, contact.wa_id, contact.is_active) == ("", None, None, False)
    assert contact.phone_hash != phone_hash("+4740612345")
    assert WhatsAppConsent.objects.get().text == ""
    for message in (said, waiting, sent):
        message.refresh_from_db()
        assert (message.content, message.template_variables, message.recipient_wa_id) == (None, {}, None)
    assert (waiting.status, waiting.error_code, sent.status) == ("failed", "local.cancelled", "delivered")
    assert recipients() == []
    assert contacts_found(ContactFilter()).rows == []
    again = create(manager, "+47 406 12 345")
    assert (again.pk != contact.pk, again.opt_in_status, again.is_verified) == (True, "pending", False)


def test_erasing_leaves_no_id_that_holds_the_number_and_later_statuses_bring_none_back(in_acme, manager):
    contact, number = create(manager, "+47 406 12 345"), make_number(manager)
    wamid = f"wamid.{base64.b64encode(b'4740612345').decode()}"
    said = make_inbound(contact, wamid=f"{wamid}=in")
    sent = make_message(contact, number=number, wamid=wamid, context_wamid=said.wamid, accepted_at=timezone.now())
    maybe = make_message(contact, number=number, maybe_sent_at=timezone.now())
    waiting = make_message(contact, number=number)
    make_consent(contact, wamid=said.wamid)
    contact_remove(contact=contact, actor=by(manager))
    late = [
        StatusEvent(number.waba_id, number.phone_number_id, wamid, "delivered", timezone.now(), "4740612345"),
        StatusEvent(
            number.waba_id,
            number.phone_number_id,
            f"{wamid}=2",
            "read",
            timezone.now(),
            recipient_wa_id="4740612345",
            opaque=f"msg:{maybe.pk}",
        ),
    ]
    assert statuses_apply(number, late) == {"statuses": 0, "unmatched": 2}
    kept = []
    for message in (said, sent, maybe, waiting):
        message.refresh_from_db()
        assert (message.context_wamid, message.recipient_wa_id) == (None, None)
        kept.append(message.wamid or "")
    assert all(one.startswith("removed:") and len(one) <= 128 for one in kept[:3])
    assert len(set(kept)) == 4
    assert waiting.wamid is None
    assert wamid not in str(kept)
    assert WhatsAppConsent.objects.get().wamid == ""
    with time_machine.travel(timezone.now() + timedelta(days=7, minutes=1)):
        unmatched_purge(timezone.now())
    assert WhatsAppUnmatched.objects.count() == 0


def test_what_they_wrote_before_is_theirs_and_a_stop_counts(in_acme, manager):
    number = make_number(manager)
    make_unmatched(number, "4740612345", "STOP")
    make_unmatched(number, "4915112345678", "somebody else")
    contact = create(manager, "+47 406 12 345")
    assert contact.opt_in_status == "opted_out"
    assert list(WhatsAppMessage.objects.filter(direction="inbound").values_list("contact_id", flat=True)) == [
        contact.pk
    ]
    assert WhatsAppUnmatched.objects.count() == 1


def test_only_the_owner_ticks_and_the_sentence_is_kept(in_acme, manager, admin):
    contact = make_contact(manager, opt_in_status="pending")
    with pytest.raises(DomainError) as error:
        opt_in_tick(contact=contact, sentence="I agree.", actor=by(admin))
    assert error.value.code == "not_own"
    opt_in_tick(contact=contact, sentence="I agree.", actor=by(manager))
    line = WhatsAppConsent.objects.get()
    assert (line.kind, line.way, line.text, line.noted_by) == ("opt_in", "page", "I agree.", manager)
    assert contact.opt_in_status == "opted_in"


def test_a_written_consent_does_not_overrule_a_later_stop(in_acme, manager, admin):
    contact = make_contact(manager, opt_in_status="pending")
    opt_out_note(contact=contact, actor=by(manager))
    opt_in_written(contact=contact, text="Mail", at=timezone.now() - timedelta(days=2), actor=by(admin))
    contact.refresh_from_db()
    assert contact.opt_in_status == "opted_out"
    opt_in_written(contact=contact, text="Mail", at=timezone.now(), actor=by(admin))
    contact.refresh_from_db()
    assert contact.opt_in_status == "opted_in"
    with pytest.raises(DomainError, match="still to come"):
        opt_in_written(contact=contact, text="Mail", at=timezone.now() + timedelta(days=1), actor=by(admin))


def test_contacts_are_found_by_name_and_by_the_whole_number(in_acme, acme):
    nora, omar = (make_user(acme, "viewer", email=f"{name}@acme.example", full_name=name) for name in ("Nora", "Omar"))
    first = make_contact(
        nora, phone_number="+4740612345", phone_hash=phone_hash("+4740612345"), display_name="Nora Berg"
    )
    make_contact(omar, display_name=None, is_active=False, opt_in_status="opted_out", is_verified=None)

    def names(**where):
        return [one.display_name or one.user.full_name for one in contacts_found(ContactFilter(**where)).rows]

    assert names() == ["Nora Berg", "Omar"]
    assert names(q="berg nor") == ["Nora Berg"]
    assert names(q="omar") == ["Omar"]
    assert [one.pk for one in contacts_found(ContactFilter(q="406 12 345", region="NO")).rows] == [first.pk]
    assert names(active="no") == names(opt_in="opted_out") == names(verified="no") == ["Omar"]


def test_zones_name_their_country_and_numbers_are_masked():
    assert (region_of_zone("Europe/Oslo"), region_of_zone("UTC")) == ("NO", "")
    assert phones.masked("+4740612345") == "+47 ••• 45"
    assert phones.masked("") == "•••"
    assert phones.to_e164(phones.example("NO"), "NO")
