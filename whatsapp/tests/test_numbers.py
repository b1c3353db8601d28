"""Business numbers: who gets one, what WhatsApp says of it, and what happens to it and to what waits."""

import datetime
import threading

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import AuditLog
from stratum.celery import app
from stratum.lib.errors import DomainError
from tenants.context import tenant_context, unscoped
from whatsapp import services, tasks
from whatsapp.models import WhatsAppContact, WhatsAppMessage, WhatsAppNumber
from whatsapp.queries.numbers import numbers_to_check, stopped_numbers, tenants_with_checks_due
from whatsapp.services.connecting import ASKING, CONNECTED, FAILED, LISTED
from whatsapp.tests.factories import make_contact
from whatsapp.tests.number_cast import (
    ACTOR,
    ALERTS,
    GLOBEX,
    MARKETING,
    NORTHWIND,
    REPORTS,
    TOKENS,
    VERIFY_TOKEN,
    check,
    connect,
    draft,
    inside,
    make_number,
    make_outbound,
    number_of,
    receiving,
)


@pytest.fixture
def whatsapp(live_sandbox, settings):
    with receiving(settings):
        yield live_sandbox


def state(number):
    found = number_of(number.tenant_id, number.pk)
    return found.status, found.error_code


def attempt(tenant, user, *, token=TOKENS[NORTHWIND], waba=NORTHWIND):
    """What a person's attempt has become after the worker's part."""
    with tenant_context(tenant):
        found = services.connect_ask(token=token, waba_id=waba, user=user)
        services.connect_list(found.id)
        return services.connect_read(found.id, user)


# --- connecting ---------------------------------------------------------------------------------------------------


def test_a_number_sends_once_whatsapp_has_found_it_well(acme, whatsapp):
    number = connect(acme)
    assert state(number) == ("stopped", "local.checking")
    assert number.is_default
    assert check(acme) == {"well": 1}
    found = number_of(acme, number.pk)
    assert (found.status, found.error_code, found.last_error) == ("ok", "", "")
    assert (found.quality_rating, found.messaging_limit) == ("GREEN", "TIER_250")
    assert found.display_phone_number == "+1 555-078-3881"
    assert found.subscribed_at is not None
    (account,) = (one for one in whatsapp.control("whatsapp")["businesses"] if one["waba"] == NORTHWIND)
    assert account["callback"].endswith("/webhooks/whatsapp/")


def test_the_token_is_encrypted_and_in_no_trail(acme, whatsapp):
    connect(acme)
    check(acme)
    with tenant_context(acme), connection.cursor() as cursor:
        cursor.execute("SELECT token FROM whatsapp_numbers")
        assert "sandbox" not in cursor.fetchone()[0]
    trail = inside(acme, lambda: [f"{row.old_value}{row.new_value}" for row in AuditLog.objects.all()])
    assert trail
    assert not any("EAAsandbox" in text for text in trail)
    assert "EAAsandbox" not in repr(draft())


def test_a_number_of_another_workspace_is_refused_without_saying_whose(acme, globex, whatsapp):
    connect(globex)
    with pytest.raises(DomainError, match="serves another workspace") as refusal:
        connect(acme)
    assert refusal.value.code == "number_taken"
    assert "globex" not in str(refusal.value).lower()
    assert inside(acme, lambda: WhatsAppNumber.objects.count()) == 0


def test_a_removed_number_is_free_for_another_workspace(acme, globex, whatsapp):
    number = connect(globex)
    inside(globex, lambda: services.number_remove(number=number, actor=ACTOR))
    assert connect(acme).phone_number_id == ALERTS


def test_a_workspace_has_the_numbers_of_one_account(acme, whatsapp):
    connect(acme)
    with pytest.raises(DomainError, match="another WhatsApp Business account"):
        connect(acme, MARKETING, GLOBEX)
    second = connect(acme, REPORTS)
    assert not second.is_default


def test_connecting_again_gives_a_new_token_and_looks_again(acme, whatsapp):
    number = connect(acme, token="EAAsandbox-whatsapp-expired")
    assert check(acme) == {"stopped": 1}
    assert state(number) == ("stopped", "190")
    again = connect(acme)
    assert again.pk == number.pk
    assert check(acme) == {"well": 1}
    assert state(number) == ("ok", "")


@pytest.mark.django_db(transaction=True)
def test_two_who_connect_at_once_get_one_number_and_one_default(acme, whatsapp):
    errors = []

    def one(phone_number_id):
        try:
            connect(acme, phone_number_id)
        except DomainError as error:
            errors.append(error.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=one, args=[which]) for which in (ALERTS, ALERTS, REPORTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    numbers = inside(acme, lambda: list(WhatsAppNumber.objects.values_list("phone_number_id", "is_default")))
    assert sorted(which for which, _default in numbers) == [ALERTS, REPORTS]
    assert sum(is_default for _which, is_default in numbers) == 1


# --- an attempt ---------------------------------------------------------------------------------------------------


def test_an_attempt_lists_the_accounts_numbers_and_one_is_chosen(acme, admin, whatsapp):
    found = attempt(acme, admin)
    assert found.state == LISTED
    assert [row.phone_number_id for row in found.numbers] == [ALERTS, REPORTS]
    assert TOKENS[NORTHWIND] not in repr(found)
    number = inside(acme, lambda: services.connect_finish(attempt=found, phone_number_id=REPORTS, actor=ACTOR))
    assert (number.phone_number_id, number.verified_name, number.is_sandbox) == (REPORTS, "Northwind Reports", True)
    with pytest.raises(DomainError, match="Choose one"):
        inside(acme, lambda: services.connect_finish(attempt=found, phone_number_id=MARKETING, actor=ACTOR))


@pytest.mark.parametrize(
    ("token", "waba", "words"),
    [
        ("EAAsandbox-whatsapp-nobody", NORTHWIND, "does not accept this token"),
        (TOKENS[NORTHWIND], "999", "does not know this business account"),
        (TOKENS[NORTHWIND], GLOBEX, "does not know this business account"),
        ("two words", NORTHWIND, "does not accept this token"),
        (TOKENS[NORTHWIND], "../me", "not set up correctly"),
    ],
)
def test_a_wrong_token_or_account_is_said(acme, admin, whatsapp, token, waba, words):
    found = attempt(acme, admin, token=token, waba=waba)
    assert (found.state, found.token) == (FAILED, "")
    assert words in found.error


def test_an_attempt_is_its_persons_and_its_workspaces(acme, globex, admin, manager, outsider, whatsapp):
    with tenant_context(acme):
        found = services.connect_ask(token=TOKENS[NORTHWIND], waba_id=NORTHWIND, user=admin)
        assert found.state == ASKING
        assert services.connect_read(found.id, manager) is None
    with tenant_context(globex):
        assert services.connect_read(found.id, outsider) is None
        assert services.connect_list(found.id) == ""


def test_one_click_connects_the_sandboxs_next_free_number(acme, globex, admin, outsider, whatsapp):
    def click(tenant, user):
        with tenant_context(tenant):
            found = services.connect_ask_sandbox(user=user)
            services.connect_list(found.id)
            return services.connect_read(found.id, user)

    connect(globex)
    assert click(acme, admin).state == CONNECTED
    assert click(acme, admin).state == FAILED
    assert inside(acme, lambda: WhatsAppNumber.objects.get()).phone_number_id == REPORTS
    assert check(acme) == {"well": 1}


def test_without_a_sandbox_none_is_offered(acme, admin, settings):
    settings.SANDBOX_URL = ""
    with tenant_context(acme), pytest.raises(DomainError):
        services.connect_ask_sandbox(user=admin)


def test_a_sandbox_that_is_down_is_said(acme, admin, settings):
    settings.SANDBOX_URL = "http://127.0.0.1:9"
    with tenant_context(acme):
        found = services.connect_ask_sandbox(user=admin)
        assert services.connect_list(found.id) == FAILED
        assert "does not answer" in services.connect_read(found.id, admin).error


# --- looking at it ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        ({"kind": "token_expired"}, "190", "no longer accepts the access token"),
        ({"kind": "permission_revoked"}, "10", "lacks a permission"),
        ({"kind": "permission_revoked", "variant": "locked"}, "131031", "restricted this business account"),
    ],
)
def test_what_whatsapp_has_against_it_stops_it_with_the_reason(acme, whatsapp, fault, code, words):
    number = make_number(acme)
    whatsapp.control("faults", "POST", platform="whatsapp", **fault)
    assert check(acme, number.pk) == {"stopped": 1}
    found = number_of(acme, number.pk)
    assert (found.status, found.error_code) == ("stopped", code)
    assert words in found.last_error
    (told,) = inside(acme, stopped_numbers)
    assert (told.id, told.code, told.reason) == (number.pk, code, found.last_error)


def test_a_moment_of_trouble_stops_nothing(acme, whatsapp):
    number = make_number(acme, checked_at=None)
    whatsapp.control("faults", "POST", platform="whatsapp", kind="rate_limit")
    assert check(acme) == {"unreachable": 1}
    found = number_of(acme, number.pk)
    assert (found.status, found.error_code) == ("ok", "")
    assert "tried again" in found.last_error
    assert found.checked_at is not None
    assert check(acme, number.pk) == {"well": 1}
    assert number_of(acme, number.pk).last_error == ""


def test_a_number_that_is_unknown_is_stopped(acme, whatsapp):
    number = make_number(acme, phone_number_id="123")
    assert check(acme, number.pk) == {"stopped": 1}
    assert "does not know this number" in number_of(acme, number.pk).last_error


def test_health_does_not_start_what_whatsapp_has_blocked(acme, whatsapp):
    number = make_number(acme)
    inside(acme, lambda: services.number_stop(number.pk, 131031, "Restricted.", actor=ACTOR))
    assert check(acme, number.pk) == {"stopped": 1}
    found = number_of(acme, number.pk)
    assert (found.status, found.error_code, found.last_error) == ("stopped", "131031", "Restricted.")


def test_without_a_verify_token_nothing_comes_in_and_that_is_said(acme, whatsapp, settings):
    settings.WHATSAPP_VERIFY_TOKEN = ""
    number = connect(acme)
    assert check(acme) == {"well": 1}
    found = number_of(acme, number.pk)
    assert found.subscribed_at is None
    assert "WHATSAPP_VERIFY_TOKEN" in found.last_error
    settings.WHATSAPP_VERIFY_TOKEN = VERIFY_TOKEN
    check(acme, number.pk)
    found = number_of(acme, number.pk)
    assert found.subscribed_at is not None
    assert found.last_error == ""


def test_an_address_that_whatsapp_cannot_reach_is_said(acme, whatsapp, settings):
    settings.PUBLIC_URL = "http://127.0.0.1:9"
    number = connect(acme)
    assert check(acme) == {"well": 1}
    assert "could not confirm http://127.0.0.1:9/webhooks/whatsapp/" in number_of(acme, number.pk).last_error


def test_what_is_removed_while_whatsapp_is_asked_stays_removed(acme, whatsapp):
    number = make_number(acme)
    inside(acme, lambda: services.number_remove(number=number, actor=ACTOR))
    assert check(acme, number.pk) == {"unreachable": 1}
    assert number_of(acme, number.pk).is_deleted


# --- default, stop, start, remove, test ---------------------------------------------------------------------------


def test_one_number_is_the_default(acme, whatsapp):
    first = make_number(acme)
    second = make_number(acme, REPORTS, is_default=False)
    for _again in range(2):
        inside(acme, lambda: services.number_make_default(number=second, actor=ACTOR))
        assert not number_of(acme, first.pk).is_default
        assert number_of(acme, second.pk).is_default
    entries = inside(acme, lambda: AuditLog.objects.filter(resource_type="whatsapp_numbers").count())
    assert entries == 1


def test_stopping_by_a_person_is_no_news_and_starting_looks_first(acme, whatsapp):
    number = make_number(acme)
    assert inside(acme, lambda: services.number_stop_by_person(number=number, actor=ACTOR))
    assert not inside(acme, lambda: services.number_stop_by_person(number=number, actor=ACTOR))
    assert inside(acme, stopped_numbers) == []
    check(acme, number.pk)
    assert state(number) == ("stopped", "local.by_person")
    inside(acme, lambda: services.number_start(number=number, actor=ACTOR))
    assert state(number) == ("stopped", "local.checking")
    assert check(acme) == {"well": 1}
    assert state(number) == ("ok", "")
    with pytest.raises(DomainError, match="works already"):
        inside(acme, lambda: services.number_start(number=number, actor=ACTOR))


def test_removing_destroys_the_token_fails_what_waits_and_passes_the_default_on(acme, manager, whatsapp):
    number = make_number(acme)
    heir = make_number(acme, REPORTS, is_default=False)
    contact = make_contact(manager)
    waiting = make_outbound(number, contact)
    others = [
        make_outbound(heir, contact),
        make_outbound(number, contact, accepted_at=timezone.now()),
        make_outbound(number, contact, claimed_at=timezone.now()),
        make_outbound(number, contact, direction="inbound"),
        make_outbound(number, contact, status="sent"),
    ]
    assert inside(acme, lambda: services.messages_waiting(number)) == 1
    assert inside(acme, lambda: services.number_remove(number=number, actor=ACTOR)) == 1
    found = number_of(acme, number.pk)
    assert (found.is_deleted, found.token, found.is_default) == (True, "", False)
    assert number_of(acme, heir.pk).is_default
    failed = inside(acme, lambda: WhatsAppMessage.objects.get(pk=waiting.pk))
    assert (failed.status, failed.error_code) == ("failed", "local.number_removed")
    assert "was removed" in failed.error_message
    kept = inside(acme, lambda: WhatsAppMessage.objects.filter(pk__in=[one.pk for one in others], status="failed"))
    assert inside(acme, kept.count) == 0


def test_a_test_message_goes_out_from_the_number_that_is_tried(acme, manager, whatsapp):
    make_number(acme)
    second = make_number(acme, REPORTS, is_default=False)
    contact = make_contact(manager)
    message_id = inside(acme, lambda: services.number_test(number=second, contact=contact, actor=ACTOR))
    message = inside(acme, lambda: WhatsAppMessage.objects.get(pk=message_id))
    assert (message.number_id, message.contact_id, message.status) == (second.pk, contact.pk, "pending")
    assert "workspace Acme arrive from this number" in message.content


def test_a_test_message_asks_for_consent_and_for_a_number_that_works(acme, manager, admin, whatsapp):
    number = make_number(acme)
    silent = make_contact(manager, opt_in_status="opted_out")
    with pytest.raises(DomainError, match="has opted out"):
        inside(acme, lambda: services.number_test(number=number, contact=silent, actor=ACTOR))
    inside(acme, lambda: services.number_stop(number.pk, 190, "No token.", actor=ACTOR))
    stopped = number_of(acme, number.pk)
    with pytest.raises(DomainError, match="stands still"):
        inside(acme, lambda: services.number_test(number=stopped, contact=make_contact(admin), actor=ACTOR))
    assert inside(acme, lambda: WhatsAppMessage.objects.count()) == 0


# --- the jobs -----------------------------------------------------------------------------------------------------


def test_the_beat_finds_numbers_that_are_due(acme, globex, whatsapp):
    now = timezone.now()
    make_number(acme)
    stale = make_number(globex, MARKETING, GLOBEX, checked_at=now - datetime.timedelta(hours=25))
    assert tenants_with_checks_due(now) == [globex.pk]
    assert inside(acme, lambda: numbers_to_check(now)) == []
    assert inside(globex, lambda: numbers_to_check(now)) == [stale.pk]
    # What a person asked for is a task's own business first; once that is lost, it is the beat's.
    inside(acme, lambda: WhatsAppNumber.objects.update(checked_at=None))
    assert tenants_with_checks_due(now) == [globex.pk]
    assert tenants_with_checks_due(now + datetime.timedelta(minutes=3)) == [acme.pk, globex.pk]


@pytest.mark.django_db(transaction=True)
def test_the_beat_looks_at_each_workspace(acme, globex, whatsapp):
    past = timezone.now() - datetime.timedelta(days=2)
    first = make_number(acme, checked_at=past, quality_rating="")
    second = make_number(globex, MARKETING, GLOBEX, checked_at=past, quality_rating="")
    app.conf.task_always_eager = True
    try:
        assert tasks.check_numbers() == {"tenants": 2}
        assert tasks.check_numbers() is None
    finally:
        app.conf.task_always_eager = False
    assert number_of(acme, first.pk).quality_rating == "GREEN"
    assert number_of(globex, second.pk).quality_rating == "GREEN"
    assert "whatsapp.check_numbers" in {entry["task"] for entry in app.conf.beat_schedule.values()}


def test_numbers_of_two_workspaces_never_meet(acme, globex, whatsapp):
    make_number(globex, MARKETING, GLOBEX, status="stopped", error_code="190", last_error="x")
    assert inside(acme, stopped_numbers) == []
    assert inside(acme, lambda: services.number_stop(1, 190, "x", actor=ACTOR)) is False
    with unscoped("test"):
        assert WhatsAppNumber.objects.count() == 1


def test_ids_of_people_are_forgotten_when_another_account_is_connected_and_not_before(acme, globex, manager, outsider):
    contact, foreign = make_contact(manager, wa_user_id="US.1"), make_contact(outsider, wa_user_id="US.1")

    def id_of(one):
        return inside(one.tenant_id, lambda: WhatsAppContact.objects.get(pk=one.pk).wa_user_id)

    def remove_all():
        for number in list(WhatsAppNumber.objects.all()):
            services.number_remove(number=number, actor=ACTOR)

    for number_id in (ALERTS, REPORTS):
        connect(acme, number_id)
    inside(acme, remove_all)
    connect(acme, ALERTS)
    assert id_of(contact) == "US.1"
    inside(acme, remove_all)
    connect(acme, MARKETING, GLOBEX)
    assert (id_of(contact), id_of(foreign)) == (None, "US.1")
    told = inside(acme, lambda: AuditLog.objects.get(resource_type="whatsapp_contacts").new_value)
    assert told == {"operation": "user_ids_forgotten", "contacts": 1}
