"""What was changed on campaigns lately, by people and rules together, and what the workspace allows: one statement."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import connection

from campaigns.choices import ChangedField
from rules.conditions.automation import Automation
from tenants.context import bound_tenant_id

SPAN = timedelta(hours=24)

# A change that takes a rule's own back ('pause for today') does not count: it was promised when the rule acted.
# A change of exactly 24 hours ago counts no more. The budget of that time is what the first change since began from.
_LEDGER = """
    SELECT t.settings -> 'automation', t.reporting_currency,
           c.campaign_id, c.changes, c.budget_before, c.open_status, c.open_budget
    FROM tenants t LEFT JOIN (
        SELECT campaign_id,
               count(*) FILTER (WHERE origin IN ('person', 'rule') AND state <> 'failed' AND requested_at > %(since)s
                                      AND NOT (origin = 'rule' AND undoes_id IS NOT NULL)) AS changes,
               (array_agg(old_budget_cents ORDER BY requested_at, id) FILTER (
                   WHERE field = 'daily_budget' AND state <> 'failed' AND requested_at > %(since)s
                         AND old_budget_cents IS NOT NULL))[1] AS budget_before,
               bool_or(field = 'status' AND state IN ('queued', 'sending')) AS open_status,
               bool_or(field = 'daily_budget' AND state IN ('queued', 'sending')) AS open_budget
        FROM campaign_changes
        WHERE tenant_id = %(tenant)s AND (requested_at > %(since)s OR state IN ('queued', 'sending'))
              AND (%(campaigns)s::int[] IS NULL OR campaign_id = ANY(%(campaigns)s::int[]))
        GROUP BY campaign_id
    ) c ON true
    WHERE t.id = %(tenant)s
"""


@dataclass(frozen=True, slots=True)
class Recent:
    """One campaign's last 24 hours. `budget_before`: minor units 24 hours ago, None where it has not moved since."""

    changes: int = 0
    budget_before: int | None = None
    open_fields: frozenset[str] = frozenset()


NOTHING = Recent()


@dataclass(frozen=True)
class Ledger:
    """Campaigns without an entry had no change. `reporting_currency` is the workspace's."""

    automation: Automation
    reporting_currency: str
    recent: dict[int, Recent] = field(default_factory=dict)

    def of(self, campaign_id: int) -> Recent:
        return self.recent.get(campaign_id, NOTHING)


def ledger_read(*, now: datetime, campaign_ids: Sequence[int] | None = None) -> Ledger:
    """Of the bound workspace: all campaigns that had a change, or those named. One statement."""
    named = None if campaign_ids is None else list(campaign_ids)
    with connection.cursor() as cursor:
        cursor.execute(_LEDGER, {"tenant": bound_tenant_id(), "since": now - SPAN, "campaigns": named})
        rows = cursor.fetchall()
    recent = {}
    for campaign_id, changes, budget_before, open_status, open_budget in (row[2:] for row in rows):
        if campaign_id is not None:
            found = ((ChangedField.STATUS.value, open_status), (ChangedField.DAILY_BUDGET.value, open_budget))
            fields = frozenset(name for name, is_open in found if is_open)
            recent[campaign_id] = Recent(changes, budget_before, fields)
    stored, currency = rows[0][:2]
    return Ledger(Automation.of({"automation": json.loads(stored) if stored else {}}), currency, recent)
