"""Signs that a rule does harm or nothing: what the circuit breaker looks at. One statement for all rules of a pass."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from tenants.context import bound_tenant_id

# Passes in a row in which everything that a rule tried failed.
FAILING_PASSES = 5
# Changes of one rule that platforms refused within a day, at least half of all that it sent.
REFUSED_CHANGES = 5
REFUSED_SPAN = timedelta(hours=24)
# How often others may turn back what a rule does to one campaign before it stops trying.
TURNED_BACK = 3
TURNED_SPAN = timedelta(days=7)

# A change was turned back when somebody else then set the field the other way. What a rule itself takes back (a pause
# for one day) is no sign of anything. Nothing counts from before the rule was activated: somebody has looked since.
_TROUBLE = """
    WITH made AS (
        SELECT e.rule_id, c.id, c.campaign_id, c.field, c.state, c.requested_at,
               c.old_status, c.new_budget_cents - c.old_budget_cents AS moved
        FROM rule_executions e
        JOIN rules r ON r.id = e.rule_id AND r.tenant_id = e.tenant_id
        JOIN campaign_changes c ON c.tenant_id = e.tenant_id AND c.id = (e.action_result -> 'made' ->> 'change')::bigint
        WHERE e.tenant_id = %(tenant)s AND e.rule_id = ANY(%(rules)s::int[]) AND e.triggered
          AND e.executed_at > greatest(%(turned_since)s, r.activated_at)
    ), refused AS (
        SELECT rule_id, count(*) FILTER (WHERE state = 'failed') AS refused,
               count(*) FILTER (WHERE state IN ('applied', 'failed')) AS finished
        FROM made WHERE requested_at > %(refused_since)s GROUP BY rule_id
    ), turned AS (
        SELECT DISTINCT ON (rule_id) rule_id, campaign_id, count(*) AS times
        FROM made
        WHERE state = 'applied' AND EXISTS (
            SELECT FROM campaign_changes d
            WHERE d.tenant_id = %(tenant)s AND d.campaign_id = made.campaign_id AND d.field = made.field
              AND d.state = 'applied' AND (d.requested_at, d.id) > (made.requested_at, made.id)
              AND NOT (d.origin = 'rule' AND d.undoes_id IS NOT DISTINCT FROM made.id)
              AND CASE WHEN made.field = 'status' THEN d.new_status = made.old_status
                       ELSE sign(d.new_budget_cents - d.old_budget_cents) = -sign(made.moved) END
              AND NOT EXISTS (
                  SELECT FROM made later WHERE later.campaign_id = made.campaign_id AND later.field = made.field
                      AND later.rule_id = made.rule_id AND (later.requested_at, later.id) > (made.requested_at, made.id)
                      AND (later.requested_at, later.id) <= (d.requested_at, d.id)
              )
        )
        GROUP BY rule_id, campaign_id ORDER BY rule_id, count(*) DESC, campaign_id
    )
    SELECT rule_id, coalesce(refused, 0), coalesce(finished, 0), coalesce(times, 0), c.name
    FROM refused FULL JOIN turned USING (rule_id)
    LEFT JOIN campaigns c ON c.tenant_id = %(tenant)s AND c.id = turned.campaign_id
"""


@dataclass(frozen=True, slots=True)
class Trouble:
    """`refused` of `finished` changes within a day; `turned_back`: how often others undid what the rule did to
    `campaign`, the one where that happened most."""

    refused: int = 0
    finished: int = 0
    turned_back: int = 0
    campaign: str = ""

    @property
    def is_refused(self) -> bool:
        return self.refused >= REFUSED_CHANGES and self.refused * 2 >= self.finished

    @property
    def is_turned_back(self) -> bool:
        return self.turned_back >= TURNED_BACK


def troubles(rule_ids: Sequence[int], *, now: datetime) -> dict[int, Trouble]:
    """Rule → what went wrong lately; rules without a finished change are absent."""
    params: dict[str, Any] = {
        "tenant": bound_tenant_id(),
        "rules": list(rule_ids),
        "refused_since": now - REFUSED_SPAN,
        "turned_since": now - TURNED_SPAN,
    }
    with connection.cursor() as cursor:
        cursor.execute(_TROUBLE, params)
        rows = cursor.fetchall()
    return {
        rule_id: Trouble(refused, finished, turned, name or "") for rule_id, refused, finished, turned, name in rows
    }
