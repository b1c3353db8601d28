"""Codes: what is stored, how often they may be asked for and tried, and that tries at once never exceed five."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from accounts.audit import Actor
from accounts.models import AuditLog
from stratum.lib.errors import DomainError
from tenants.context import tenant_context
from whatsapp.models import WhatsAppConsent, WhatsAppContact, WhatsAppMessage
from whatsapp.queries import is_proven_by_person
from whatsapp.services import contact_remove, verification_check, verification_start
from whatsapp.services.verification import MOST_SENDS, MOST_TRIES
from whatsapp.tests.factories import make_code_template, make_contact, make_number


def by(user):
    return Actor(kind="user", user=user)


@pytest.fixture
def contact(in_acme, manager):
    make_number(manager)
    make_code_template(manager)
    make_code_template(manager, language="de")
    return make_contact(manager, is_verified=False, language="de")


def start(contact):
    return verification_start(contact=contact, actor=by(contact.user))


def later(contact, **ago):
    """As if the code had gone out a while ago."""
    contact.refresh_from_db()
    span = timedelta(**ago)
    WhatsAppContact.objects.filter(pk=contact.pk).update(
        verification_sent_at=contact.verification_sent_at - span,
        verification_expires_at=contact.verification_expires_at - span,
    )


def check(contact, code):
    verification_check(contact=contact, code=code, actor=by(contact.user))


def refusal(work, *args):
    with pytest.raises(DomainError) as error:
        work(*args)
    return error.value.code


def wrong_of(code):
    return f"{(int(code) + 1) % 1_000_000:06d}"


def test_the_code_stands_in_the_message_alone_and_encrypted(contact):
    message = start(contact)
    code = message.content
    assert re.fullmatch(r"\d{6}", code)
    assert (message.purpose, message.message_type, message.template.language) == ("code", "template", "de")
    assert message.template_variables == {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT content FROM whatsapp_messages")
        assert code not in cursor.fetchone()[0]
        cursor.execute("SELECT verification_code FROM whatsapp_contacts")
        kept = cursor.fetchone()[0]
    assert len(kept) == 64
    assert code not in kept
    assert code not in str(list(AuditLog.objects.values_list("new_value", "old_value")))
    assert contact.phone_number not in str(list(AuditLog.objects.values_list("new_value", "old_value")))


def test_the_right_code_is_evidence_and_works_once(contact):
    code = start(contact).content
    check(contact, f"{code[:3]} {code[3:]}")
    line = WhatsAppConsent.objects.get()
    assert (line.kind, line.way) == ("verified", "code")
    assert contact.is_verified
    assert contact.verification_code is None
    assert refusal(check, contact, code) == "no_code"
    assert refusal(start, contact) == "verified"


def test_wrong_codes_are_counted_and_say_how_many_tries_are_left(contact):
    code = start(contact).content
    with pytest.raises(DomainError, match="4 more times"):
        check(contact, wrong_of(code))
    assert refusal(check, contact, "12345") == "malformed"
    for _more in range(MOST_TRIES - 1):
        assert refusal(check, contact, wrong_of(code)) == "wrong"
    assert refusal(check, contact, code) == "too_many_tries"
    contact.refresh_from_db()
    assert (contact.verification_tries, contact.is_verified) == (MOST_TRIES, False)


def test_a_code_expires_and_a_new_one_voids_it(contact):
    first = start(contact).content
    assert refusal(start, contact) == "too_soon"
    later(contact, seconds=61)
    second = start(contact).content
    assert WhatsAppMessage.objects.get(error_code="local.cancelled").content == ""
    if first != second:
        assert refusal(check, contact, first) == "wrong"
    later(contact, minutes=10, seconds=1)
    assert refusal(check, contact, second) == "expired"
    assert refusal(check, make_contact(contact.user, is_verified=False), "123456") == "no_code"


def test_a_code_of_one_contact_is_no_code_of_another(contact):
    other = make_contact(contact.user, is_verified=False)
    code = start(contact).content
    contact.refresh_from_db()
    WhatsAppContact.objects.filter(pk=other.pk).update(
        verification_code=contact.verification_code, verification_expires_at=contact.verification_expires_at
    )
    assert refusal(check, other, code) == "wrong"


def test_a_number_gets_five_codes_a_day_even_when_it_is_added_anew(contact):
    for _send in range(MOST_SENDS):
        start(contact)
        later(contact, minutes=2)
    assert refusal(start, contact) == "too_many_sends"
    number, digest = contact.phone_number, contact.phone_hash
    contact_remove(contact=contact, actor=by(contact.user))
    again = make_contact(contact.user, is_verified=False, phone_number=number, phone_hash=digest)
    assert refusal(start, again) == "too_many_sends"


def test_without_number_or_template_it_is_said_what_is_missing(in_acme, manager):
    contact = make_contact(manager, is_verified=False)
    assert refusal(start, contact) == "number_missing"
    make_number(manager)
    make_code_template(manager, status="PENDING")
    with pytest.raises(DomainError, match="stratum_code") as error:
        start(contact)
    assert error.value.code == "template_missing"
    assert not WhatsAppMessage.objects.exists()
    assert refusal(start, make_contact(manager, is_verified=False, is_active=False)) == "inactive"


@pytest.mark.django_db(transaction=True)
def test_tries_at_once_never_exceed_five(acme, manager):
    make_number(manager)
    make_code_template(manager)
    contact = make_contact(manager, is_verified=False)
    with tenant_context(acme), transaction.atomic():
        code = start(contact).content
    tries, gate = 12, threading.Barrier(12)

    def attempt(_number):
        gate.wait()
        try:
            with tenant_context(acme), transaction.atomic():
                return refusal(check, WhatsAppContact.objects.get(pk=contact.pk), wrong_of(code))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(tries) as pool:
        found = list(pool.map(attempt, range(tries)))
    assert sorted(found) == ["too_many_tries"] * (tries - MOST_TRIES) + ["wrong"] * MOST_TRIES
    with tenant_context(acme), transaction.atomic():
        assert WhatsAppContact.objects.get(pk=contact.pk).verification_tries == MOST_TRIES


@pytest.mark.django_db(transaction=True)
def test_two_who_ask_at_once_send_one_code(acme, manager):
    make_number(manager)
    make_code_template(manager)
    contact, gate = make_contact(manager, is_verified=False), threading.Barrier(2)

    def ask(_number):
        gate.wait()
        try:
            with tenant_context(acme), transaction.atomic():
                start(WhatsAppContact.objects.get(pk=contact.pk))
                return "sent"
        except DomainError as error:
            return error.code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(ask, range(2))) == ["sent", "too_soon"]


def test_the_day_is_over_after_a_day(contact):
    for _send in range(MOST_SENDS - 1):
        start(contact)
        later(contact, minutes=2)
    WhatsAppMessage.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert start(contact).pk


def test_the_person_proves_a_number_once_more_that_a_colleague_proved(contact, admin):
    code = start(contact).content
    verification_check(contact=contact, code=code, actor=by(admin))
    WhatsAppContact.objects.update(verification_sent_at=timezone.now() - timedelta(minutes=2))
    assert is_proven_by_person(contact) is False
    with pytest.raises(DomainError) as again:
        verification_start(contact=contact, actor=by(admin))
    assert again.value.code == "verified"
    check(contact, start(contact).content)
    assert is_proven_by_person(contact) is True
    assert refusal(start, contact) == "verified"
