"""What staff may write into a contact: nothing that the sender cannot read."""

import json

import pytest
from django.db import transaction
from django.urls import reverse

from accounts.tests.factories import make_user
from tenants.context import tenant_context
from tenants.tests.factories import make_tenant
from whatsapp.tests.factories import make_contact

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff_client(client_of):
    return client_of(make_user(make_tenant("support"), "admin", is_staff=True, is_superuser=True))


def save(staff_client, contact, **fields):
    values = {"is_active": "on", "language": "en", "timezone": "Europe/Berlin", "reason": "Ticket 12"}
    kept = {"quiet_hours": json.dumps({"enabled": False}), "notification_types": json.dumps(["alerts"])}
    url = reverse("admin:whatsapp_whatsappcontact_change", args=[contact.pk])
    return staff_client.post(url, {**values, **kept, **fields})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("timezone", "Berlin"),
        ("notification_types", "5"),
        ("notification_types", '["everything"]'),
        ("quiet_hours", "[]x"),
        ("quiet_hours", '{"enabled": true, "from": "late", "to": "07:00"}'),
    ],
)
def test_what_nobody_could_read_is_refused_at_its_field(staff_client, manager, field, value):
    contact = make_contact(manager)
    answer = save(staff_client, contact, **{field: value})
    assert answer.status_code == 200
    assert list(answer.context["adminform"].form.errors) == [field]


def test_what_can_be_read_is_kept(staff_client, acme, manager):
    contact = make_contact(manager)
    quiet = {"enabled": True, "from": "22:00", "to": "07:00"}
    assert (
        save(staff_client, contact, quiet_hours=json.dumps(quiet), notification_types='["reports"]').status_code == 302
    )
    with tenant_context(acme), transaction.atomic():
        contact.refresh_from_db()
    assert (contact.timezone, contact.quiet_hours, contact.notification_types) == ("Europe/Berlin", quiet, ["reports"])
