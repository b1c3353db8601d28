from django.contrib.auth.hashers import make_password
from django.db import transaction

from accounts.audit import Actor, record
from accounts.choices import AuditAction, EmailKind
from accounts.models import AuditLog, EmailMessage, EmailSuppression, User
from accounts.services import email_queue
from stratum.lib.encryption import email_hash
from tenants.context import tenant_context
from tenants.models import Tenant

PASSWORD = "correct horse battery staple"


def make_user(tenant: Tenant, role: str, *, email: str | None = None, **fields: object) -> User:
    email = email or f"{role}@{tenant.slug}.example"
    defaults = {"full_name": f"{role.capitalize()} of {tenant.name}", "password": make_password(PASSWORD)}
    with tenant_context(tenant), transaction.atomic():
        return User.objects.create(tenant=tenant, email=email, role=role, **{**defaults, **fields})


def make_entry(tenant: Tenant, *, actor: Actor | None = None, **fields: object) -> AuditLog:
    """One entry of the audit trail, written as the services write it."""
    values = {"action": AuditAction.UPDATE, "resource": "campaigns", "resource_id": 1, **fields}
    with tenant_context(tenant), transaction.atomic():
        return record(actor=actor or Actor.job("tests"), tenant_id=tenant.pk, **values)


def make_email(tenant: Tenant, **fields: object) -> EmailMessage:
    """A message that waits, queued as the product queues it; `fields` are arguments of email_queue."""
    values = {"kind": EmailKind.ALERT, "subject": "Spend is high", "text": "Look at it.\n", **fields}
    if "user" not in values:
        values.setdefault("address", "reader@client.example")
    with tenant_context(tenant), transaction.atomic():
        return email_queue(actor=Actor.job("tests"), **values)


def make_suppression(tenant: Tenant, address: str = "reader@client.example", **fields: object) -> EmailSuppression:
    """An address that unsubscribed from everything, by a link."""
    values = {"address_hash": email_hash(address), "way": "link", **fields}
    with tenant_context(tenant), transaction.atomic():
        return EmailSuppression.objects.create(tenant=tenant, **values)
