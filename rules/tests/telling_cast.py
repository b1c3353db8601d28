"""People who chose how they are told, and what became of it."""

import datetime

from django.db import transaction

from accounts.models import EmailMessage, User
from rules import services
from rules.models import AlertDelivery, Escalation, NotificationPreferences, SlackMessage
from rules.tests.slack_cast import inside
from tenants.context import tenant_context
from tenants.models import Tenant
from whatsapp.models import WhatsAppMessage

NOON = datetime.datetime(2026, 11, 25, 12, 0, tzinfo=datetime.UTC)  # a Wednesday
MINUTE, HOUR, DAY = (datetime.timedelta(**{unit: 1}) for unit in ("minutes", "hours", "days"))
AT_ONCE = {"info": ["email"], "warning": ["email"], "critical": ["email"]}


def choose(user: User, **fields: object) -> NotificationPreferences:
    """A person's stored choice: everything at once by e-mail, unless it is said otherwise."""
    values = {"channels": AT_ONCE, **fields}
    return inside(
        user.tenant, lambda: NotificationPreferences.objects.create(tenant=user.tenant, user_id=user.pk, **values)
    )


def escalate_after(tenant: Tenant, *steps: dict, severity: str = "critical", is_on: bool = True) -> Escalation:
    return inside(
        tenant,
        lambda: Escalation.objects.create(tenant=tenant, severity=severity, is_on=is_on, steps=list(steps)),
    )


def tell(tenant: Tenant, now: datetime.datetime = NOON) -> dict[str, int]:
    """One run of the job."""
    with tenant_context(tenant):
        told, escalated = services.alerts_tell(now=now), services.alerts_escalate(now=now)
        return {"told": told, "escalated": escalated, **services.deliveries_send(now=now).counts}


def send_digests(tenant: Tenant, now: datetime.datetime) -> dict[str, int]:
    with tenant_context(tenant):
        return services.digests_send(now=now).counts


def deliveries(tenant: Tenant, **fields: object) -> list[AlertDelivery]:
    return inside(tenant, lambda: list(AlertDelivery.objects.filter(**fields).order_by("pk")))


def states(tenant: Tenant, **fields: object) -> list[tuple[str, str]]:
    return [(row.state, row.reason) for row in deliveries(tenant, **fields)]


def emails(tenant: Tenant) -> list[EmailMessage]:
    return inside(tenant, lambda: list(EmailMessage.objects.order_by("pk")))


def slack_messages(tenant: Tenant) -> list[SlackMessage]:
    return inside(tenant, lambda: list(SlackMessage.objects.order_by("pk")))


def whatsapp_messages(tenant: Tenant) -> list[WhatsAppMessage]:
    return inside(tenant, lambda: list(WhatsAppMessage.objects.order_by("pk")))


def change(row: object, **fields: object) -> None:
    with tenant_context(row.tenant_id), transaction.atomic():
        type(row).objects.filter(pk=row.pk).update(**fields)
