"""Executions of rules in a report's days."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Exists, OuterRef, QuerySet

from campaigns.choices import ChangeOrigin
from campaigns.models import CampaignChange
from campaigns.queries.changes import undone_with_others
from rules.choices import Outcome
from rules.models import RuleExecution, RuleState
from rules.queries.rules import waiting_rules

SHOWN = 8
# Outcomes in which a rule matched, and something kept it from acting.
HELD: tuple[Outcome, ...] = (
    Outcome.HELD_STALE, Outcome.HELD_EVIDENCE, Outcome.COOLDOWN, Outcome.CAP, Outcome.CONFLICT_LOST,
    Outcome.PROTECTED, Outcome.AWAITING_APPROVAL,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Automated:
    """How often each outcome came (outcome → times), the newest actions and the newest held ones.

    `undone` is how many changes of campaigns by rules were taken back; `waiting` how many rules a person can
    let act now.
    """

    counts: Counter[str]
    undone: int
    waiting: int
    acted: Sequence[RuleExecution]
    held: Sequence[RuleExecution]


def automated(start: datetime, end: datetime, campaign_ids: Sequence[int] | None, *, now: datetime) -> Automated:
    """From `start` (included) to `end` (excluded); campaigns None: all. Five statements."""
    rows = RuleExecution.objects.filter(executed_at__gte=start, executed_at__lt=end)
    changes = CampaignChange.objects.filter(requested_at__gte=start, requested_at__lt=end, origin=ChangeOrigin.RULE)
    if campaign_ids is not None:
        rows = rows.filter(campaign_id__in=campaign_ids)
        changes = changes.filter(campaign_id__in=campaign_ids)
    return Automated(
        counts=Counter(dict(rows.order_by().values_list("outcome").annotate(times=Count("pk")))),
        undone=changes.annotate(is_undone=undone_with_others()).filter(is_undone=True).count(),
        waiting=_waiting(campaign_ids, now),
        acted=_newest(rows.filter(outcome=Outcome.ACTED)),
        held=_newest(rows.filter(outcome__in=HELD)),
    )


def _waiting(campaign_ids: Sequence[int] | None, now: datetime) -> int:
    rules = waiting_rules(now=now)
    if campaign_ids is not None:
        asked = RuleState.objects.filter(outcome=Outcome.AWAITING_APPROVAL, campaign_id__in=campaign_ids)
        rules = rules.filter(Exists(asked.filter(rule=OuterRef("pk"))))
    return rules.count()


def _newest(rows: QuerySet[RuleExecution]) -> list[RuleExecution]:
    named = rows.select_related("rule", "campaign", "campaign__ad_account")
    return list(named.order_by("-executed_at", "-pk")[:SHOWN])
