"""Rules as their screens list them."""

from datetime import datetime, timedelta

from django.db.models import Count, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from rules.choices import RuleStatus
from rules.models import Rule, RuleExecution

TRIGGER_DAYS = 30
# What a rule asked for is too old to be approved after that: by then the figures are others.
APPROVAL_SPAN = timedelta(hours=24)


def rule_rows(*, now: datetime, q: str = "", status: str = "", action: str = "", held: bool = False) -> QuerySet[Rule]:
    """Rules with what they did: `triggers` in 30 days, `last_outcome` and its moment (both None before the first)."""
    executions = RuleExecution.objects.filter(rule=OuterRef("pk"))
    recent = executions.filter(triggered=True, executed_at__gte=now - timedelta(days=TRIGGER_DAYS))
    newest = executions.order_by("-executed_at", "-pk")
    counted = recent.order_by().values("rule").annotate(number=Count("pk")).values("number")
    rules = Rule.objects.annotate(
        triggers=Coalesce(Subquery(counted, output_field=IntegerField()), 0),
        last_outcome=Subquery(newest.values("outcome")[:1]),
        last_outcome_at=Subquery(newest.values("executed_at")[:1]),
    )
    if q:
        rules = rules.filter(Q(name__icontains=q) | Q(description__icontains=q))
    if status:
        rules = rules.filter(status=status)
    if action:
        rules = rules.filter(action_type=action)
    if held:
        rules = rules.exclude(held_reason="")
    return rules


def active_rules() -> list[Rule]:
    """The rules of the next pass, in the order in which they act."""
    return list(Rule.objects.filter(status=RuleStatus.ACTIVE).order_by("-priority", "pk"))


def rule_search(text: str, *, limit: int) -> list[Rule]:
    """Rules whose name contains the text, for the workspace search."""
    return list(Rule.objects.filter(name__icontains=text).order_by("name")[:limit])


def is_awaiting(rule: Rule, now: datetime) -> bool:
    """Whether a person can approve now what the rule would change."""
    return rule.awaiting_since is not None and rule.awaiting_since + APPROVAL_SPAN > now


def waiting_rules(*, now: datetime) -> QuerySet[Rule]:
    """Active rules that a person can let act now, the one that asked first before the others."""
    asked = Rule.objects.filter(status=RuleStatus.ACTIVE, awaiting_since__gt=now - APPROVAL_SPAN)
    return asked.order_by("awaiting_since", "pk")
