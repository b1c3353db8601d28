import datetime
import itertools

from django.db import transaction

from rules.models import Alert, Rule
from tenants.context import tenant_context
from tenants.models import Tenant

_numbers = itertools.count(1)


def make_rule(tenant: Tenant, **fields: object) -> Rule:
    """An active rule: when spend over the last full day is above 100, apply the label 'Hot'."""
    defaults = {
        "name": f"Rule {next(_numbers)}",
        "status": "active",
        "condition_field": "spend",
        "condition_operator": "greater_than",
        "condition_value": "100",
        "condition_duration_hours": 24,
        "action_type": "apply_label",
        "action_config": {"label": "Hot"},
        "cooldown_hours": 24,
    }
    with tenant_context(tenant), transaction.atomic():
        return Rule.objects.create(tenant=tenant, **{**defaults, **fields})


def make_alert(tenant: Tenant, **fields: object) -> Alert:
    number = next(_numbers)
    defaults = {"title": f"Alert {number}", "cause": f"test:{number}", "severity": "warning"}
    with tenant_context(tenant), transaction.atomic():
        return Alert.objects.create(tenant=tenant, **{**defaults, **fields})


def full_days(count: int, *, now: datetime.datetime, zone: datetime.tzinfo = datetime.UTC) -> list[datetime.date]:
    """The last `count` full days before `now` in a zone, the newest first."""
    today = now.astimezone(zone).date()
    return [today - datetime.timedelta(days=back) for back in range(1, count + 1)]
