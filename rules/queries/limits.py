"""How far a workspace's limits of automatic changes are used at this moment."""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from campaigns.models import Campaign
from rules.choices import RuleStatus
from rules.conditions.automation import PROTECTED_LABEL, Automation
from rules.models import Rule
from rules.queries.ledger import ledger_read
from rules.queries.rules import is_awaiting
from tenants.context import bound_tenant_id

_PROTECTED = """
    SELECT label, count(DISTINCT id) FROM campaigns, jsonb_array_elements_text(labels) AS label
    WHERE tenant_id = %s AND is_deleted IS NOT TRUE AND jsonb_typeof(labels) = 'array' AND lower(label) = %s
    GROUP BY label ORDER BY label
"""


@dataclass(frozen=True, slots=True)
class LimitsUsed:
    """`changed` and `at_limit` count campaigns of the last 24 hours; `moved` those whose budget moved, `moved_most`
    those whose budget is as far from what it was as rules may move it. `protected`: (label as written, campaigns)."""

    automation: Automation
    changed: int
    at_limit: int
    moved: int
    moved_most: int
    waiting: int
    protected: list[tuple[str, int]]


def limits_used(*, now: datetime) -> LimitsUsed:
    """A fixed number of statements."""
    ledger = ledger_read(now=now)
    automation = ledger.automation
    changes = [one.changes for one in ledger.recent.values() if one.changes]
    before = {pk: one.budget_before for pk, one in ledger.recent.items() if one.budget_before is not None}
    budgets = dict(Campaign.objects.filter(pk__in=before).values_list("pk", "daily_budget_cents"))
    moved = [(before[pk], budget) for pk, budget in budgets.items() if budget is not None and budget != before[pk]]
    asking = Rule.objects.filter(status=RuleStatus.ACTIVE, awaiting_since__isnull=False)
    with connection.cursor() as cursor:
        cursor.execute(_PROTECTED, [bound_tenant_id(), PROTECTED_LABEL])
        protected = cursor.fetchall()
    return LimitsUsed(
        automation=automation,
        changed=len(changes),
        at_limit=sum(one >= automation.max_changes_24h for one in changes),
        moved=len(moved),
        moved_most=sum(_is_at_edge(old, new, automation.max_budget_move_percent) for old, new in moved),
        waiting=sum(is_awaiting(rule, now) for rule in asking),
        protected=[(label, count) for label, count in protected],
    )


def _is_at_edge(before: int, after: int, percent: int) -> bool:
    return abs(after - before) * 100 >= percent * before
