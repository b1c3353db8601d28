import itertools

from django.db import transaction

from accounts.models import User
from stratum.lib.encryption import phone_hash
from tenants.context import tenant_context
from whatsapp.models import WhatsAppContact, WhatsAppTemplate

_numbers = itertools.count(1)


def make_contact(user: User, **fields: object) -> WhatsAppContact:
    """A contact who is verified and has opted in."""
    number = f"+1202555{next(_numbers):04d}"
    defaults = {
        "phone_number": number,
        "phone_hash": phone_hash(number),
        "country_code": "1",
        "display_name": f"Contact {number[-4:]}",
        "is_verified": True,
        "opt_in_status": "opted_in",
    }
    with tenant_context(user.tenant_id), transaction.atomic():
        return WhatsAppContact.objects.create(tenant_id=user.tenant_id, user=user, **{**defaults, **fields})


def make_template(user: User, **fields: object) -> WhatsAppTemplate:
    defaults = {"name": "campaign_alert", "language": "en", "category": "UTILITY", "status": "APPROVED"}
    with tenant_context(user.tenant_id), transaction.atomic():
        return WhatsAppTemplate.objects.create(tenant_id=user.tenant_id, **{**defaults, **fields})
