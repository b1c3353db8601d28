"""What rules did, and what automation looks like today."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo

from django.db.models import Count, Max, Q, QuerySet

from campaigns.models import CampaignChange
from campaigns.queries.changes import undone_with_others
from rules.choices import AlertStatus, Outcome, RuleStatus
from rules.conditions.explanations import Explanation
from rules.models import Alert, Rule, RuleExecution, RuleState
from rules.queries.alerts import alert_rows, is_awake

_LATEST = 5


@dataclass(frozen=True, slots=True)
class AutomationToday:
    """What rules did since midnight of a zone; what is held (pairs of rule and campaign) and open now."""

    since: datetime
    acted: int
    failed: int
    held: int
    latest: list[RuleExecution]
    active_rules: int
    rules_on_hold: int
    last_evaluated_at: datetime | None
    open_alerts: int
    critical_alerts: int
    alerts: list[Alert]


def executions(*, rule_id: int | None = None, outcome: str = "", q: str = "") -> QuerySet[RuleExecution]:
    """The feed, newest first, with rule and campaign. `q` looks in their names."""
    rows = RuleExecution.objects.select_related("campaign", "rule").order_by("-executed_at", "-pk")
    if rule_id is not None:
        rows = rows.filter(rule_id=rule_id)
    if outcome:
        rows = rows.filter(outcome=outcome)
    if q:
        rows = rows.filter(Q(campaign__name__icontains=q) | Q(rule__name__icontains=q))
    return rows


def automation_today(*, now: datetime, zone: tzinfo) -> AutomationToday:
    """A fixed number of statements, however much happened."""
    since = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    today = RuleExecution.objects.filter(executed_at__gte=since)
    counts = today.aggregate(
        acted=Count("pk", filter=Q(outcome=Outcome.ACTED)),
        failed=Count("pk", filter=Q(outcome=Outcome.FAILED)),
    )
    # What is held stays held without a new row: the states know.
    held = RuleState.objects.filter(
        outcome=Outcome.HELD_STALE, rule__status=RuleStatus.ACTIVE, rule__is_deleted=False
    ).count()
    rules = Rule.objects.aggregate(
        active=Count("pk", filter=Q(status=RuleStatus.ACTIVE)),
        on_hold=Count("pk", filter=Q(status=RuleStatus.ACTIVE) & ~Q(held_reason="")),
        evaluated=Max("last_evaluated_at"),
    )
    open_alerts = list(alert_rows(now=now, status=AlertStatus.OPEN)[:_LATEST])
    totals = Alert.objects.filter(is_awake(now)).aggregate(
        total=Count("pk"), critical=Count("pk", filter=Q(severity="critical"))
    )
    return AutomationToday(
        since=since,
        **counts,
        held=held,
        latest=list(executions().filter(executed_at__gte=since, outcome=Outcome.ACTED)[:_LATEST]),
        active_rules=rules["active"],
        rules_on_hold=rules["on_hold"],
        last_evaluated_at=rules["evaluated"],
        open_alerts=totals["total"],
        critical_alerts=totals["critical"],
        alerts=open_alerts,
    )


def explanation_of(execution: RuleExecution) -> Explanation | None:
    """A feed row's explanation; None for one that another version of the product wrote."""
    try:
        return Explanation.from_json(execution.condition_result)
    except (ValueError, AttributeError):
        return None


def newest_outcomes(rule_ids: Iterable[int], campaign_id: int) -> dict[int, RuleExecution]:
    """The newest feed row of each rule on one campaign: rule id → row. One statement."""
    rows = (
        RuleExecution.objects.filter(rule_id__in=list(rule_ids), campaign_id=campaign_id)
        .order_by("rule_id", "-executed_at", "-pk")
        .distinct("rule_id")
    )
    return {row.rule_id: row for row in rows}


def change_id_of(execution: RuleExecution) -> int | None:
    """The row of the ledger that an execution made; None where it changed no platform."""
    result = execution.action_result if isinstance(execution.action_result, dict) else {}
    made = result.get("made")
    found = made.get("change") if isinstance(made, dict) else None
    return found if isinstance(found, int) else None


def made_changes(rows: Iterable[RuleExecution]) -> dict[int, CampaignChange]:
    """Change id → the ledger's row, with `is_undone`, for these executions. At most one statement."""
    ids = [found for row in rows if (found := change_id_of(row)) is not None]
    if not ids:
        return {}
    changes = CampaignChange.objects.filter(pk__in=ids).annotate(is_undone=undone_with_others())
    return {change.pk: change for change in changes}


def asked_explanation(rule: Rule) -> Explanation | None:
    """The figures behind what a rule waits to be allowed."""
    newest = RuleExecution.objects.filter(rule=rule, outcome=Outcome.AWAITING_APPROVAL)
    row = newest.order_by("-executed_at", "-pk").first()
    return explanation_of(row) if row is not None else None
