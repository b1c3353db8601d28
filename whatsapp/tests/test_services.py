"""Queueing messages: for whom, once, and without a word about them in the trail."""

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.audit import Actor
from accounts.models import AuditLog, User
from stratum.lib.errors import DomainError
from tenants.context import tenant_context, unscoped
from whatsapp.choices import Purpose
from whatsapp.models import WhatsAppMessage
from whatsapp.queries import recipients, template_names
from whatsapp.services import message_queue
from whatsapp.tests.factories import make_contact, make_template

RULE = Actor(kind="rule", label="Stop loss")


def queue(*contact_ids, **more):
    values = {"content": "Stop loss\nSpring Sale: ROAS 0.2×", "variables": {"rule": "Stop loss"}, **more}
    return message_queue(contact_ids=contact_ids, actor=RULE, **values)


def test_a_message_for_each_contact_waits_to_be_sent(in_acme, manager, admin):
    first, second = make_contact(manager), make_contact(admin)
    queued = queue(first.pk, second.pk, first.pk)
    rows = WhatsAppMessage.objects.order_by("pk")
    assert queued.messages == {first.pk: rows[0].pk, second.pk: rows[1].pk}
    assert {(row.status, row.direction, row.message_type, row.content) for row in rows} == {
        ("pending", "outbound", "text", "Stop loss\nSpring Sale: ROAS 0.2×")
    }


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"opt_in_status": "opted_out"}, "opted_out"),
        ({"opt_in_status": "pending"}, "not_opted_in"),
        ({"is_verified": False}, "not_verified"),
        ({"is_verified": None}, "not_verified"),
        ({"is_active": False}, "inactive"),
        ({"notification_types": ["reports"]}, "no_alerts"),
        ({"notification_types": None}, "no_alerts"),
    ],
)
def test_who_may_not_be_written_to_is_left_out_with_the_reason(in_acme, manager, admin, fields, why):
    left_out, other = make_contact(manager, **fields), make_contact(admin)
    queued = queue(left_out.pk, other.pk)
    assert queued.skipped == {left_out.pk: why}
    assert list(WhatsAppMessage.objects.values_list("contact_id", flat=True)) == [other.pk]


@pytest.mark.parametrize("fields", [{"is_active": False}, {"is_deleted": True}])
@pytest.mark.parametrize("purpose", [Purpose.ALERT, Purpose.REPORT])
def test_who_has_left_the_workspace_gets_no_news(in_acme, manager, admin, fields, purpose):
    gone, other = make_contact(manager), make_contact(admin)
    User.objects.filter(pk=manager.pk).update(**fields)
    queued = queue(gone.pk, other.pk, purpose=purpose)
    assert queued.skipped == {gone.pk: "left"}
    assert list(WhatsAppMessage.objects.values_list("contact_id", flat=True)) == [other.pk]
    assert [one.why_not for one in recipients()] == ["", "the person has left the workspace"]


def test_contacts_of_nobody_and_of_another_workspace_are_gone(acme, outsider):
    foreign = make_contact(outsider).pk
    with tenant_context(acme), transaction.atomic():
        assert queue(foreign, 999_999).skipped == {foreign: "gone", 999_999: "gone"}
        assert recipients() == []
    with unscoped("test"), transaction.atomic():
        assert not WhatsAppMessage.objects.exists()


def test_a_template_is_taken_in_the_contacts_language(in_acme, manager, admin):
    make_template(manager)
    german = make_template(manager, language="de")
    contact, other = make_contact(manager, language="de"), make_contact(admin, language="fr")
    queue(contact.pk, other.pk, template_name="campaign_alert")
    rows = dict(WhatsAppMessage.objects.values_list("contact_id", "template__language"))
    assert rows == {contact.pk: "de", other.pk: "en"}
    assert WhatsAppMessage.objects.get(contact=contact).template == german
    assert set(WhatsAppMessage.objects.values_list("message_type", flat=True)) == {"template"}


def test_a_template_that_is_gone_is_said(in_acme, manager):
    contact = make_contact(manager)
    with pytest.raises(DomainError, match="campaign_alert"):
        queue(contact.pk, template_name="campaign_alert")
    assert not WhatsAppMessage.objects.exists()


def test_the_trail_names_no_person_and_no_word_of_it(in_acme, manager):
    contact = make_contact(manager, display_name="Nora Berg")
    queue(contact.pk)
    entry = AuditLog.objects.get(resource_type="whatsapp_messages")
    assert entry.new_value["contacts"] == [contact.pk]
    told = str(entry.new_value)
    assert "Nora" not in told
    assert contact.phone_number not in told
    assert "Spring Sale" not in told


def test_the_content_is_encrypted(in_acme, manager):
    queue(make_contact(manager).pk)
    with connection.cursor() as cursor:
        cursor.execute("SELECT content FROM whatsapp_messages")
        assert "Spring Sale" not in cursor.fetchone()[0]


def test_the_number_of_statements_does_not_grow(in_acme, manager, admin, analyst):
    first = make_contact(manager)
    with CaptureQueriesContext(connection) as one:
        queue(first.pk)
        recipients()
    more = [make_contact(person).pk for person in (manager, admin, analyst)]
    with CaptureQueriesContext(connection) as three:
        queue(*more)
        recipients()
    assert len(three) == len(one)


def test_who_can_be_chosen(in_acme, manager, admin):
    make_contact(manager, display_name="Zoe", opt_in_status="opted_out")
    make_contact(admin, display_name="Yann")
    found = [(one.name, one.why_not) for one in recipients()]
    assert found == [("Yann", ""), ("Zoe", "the contact has opted out")]


def test_only_approved_templates_are_offered(in_acme, manager):
    make_template(manager)
    make_template(manager, name="weekly_report", status="PAUSED")
    assert template_names() == ["campaign_alert"]


def test_a_language_that_goes_out_comes_before_ones_own_that_does_not(in_acme, manager):
    contact = make_contact(manager, language="de")
    english = make_template(manager)
    german = make_template(manager, language="de", status="REJECTED")
    queued = queue(contact.pk, template_name="campaign_alert")
    assert WhatsAppMessage.objects.get(pk=queued.messages[contact.pk]).template == english
    german.status = "APPROVED"
    german.save()
    queued = queue(contact.pk, template_name="campaign_alert")
    assert WhatsAppMessage.objects.get(pk=queued.messages[contact.pk]).template == german
    english.delete()
    german.status = "PENDING"
    german.save()
    queued = queue(contact.pk, template_name="campaign_alert")
    assert WhatsAppMessage.objects.get(pk=queued.messages[contact.pk]).template == german


def test_one_that_may_go_out_yet_comes_before_a_language_that_they_may_not_read(in_acme, manager):
    contact = make_contact(manager, language="en")
    make_template(manager, language="ar")
    english = make_template(manager, status="PAUSED")
    queued = queue(contact.pk, template_name="campaign_alert")
    assert WhatsAppMessage.objects.get(pk=queued.messages[contact.pk]).template == english
