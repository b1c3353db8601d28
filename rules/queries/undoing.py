"""Which executions of a rule are meant when its doings are taken back: one run, or its last days."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Max, Min, QuerySet

from rules.choices import Outcome
from rules.models import RuleExecution

# A run is what one pass did: all its rows carry its moment.
Run = tuple[int, datetime]


@dataclass(frozen=True, slots=True)
class UndoScope:
    """A rule's executions by their ids, both ends included: what is done later is not taken back by mistake."""

    rule_id: int
    first: int
    last: int

    def rows(self) -> QuerySet[RuleExecution]:
        """Those that did something, the oldest first, with their campaigns."""
        rows = RuleExecution.objects.filter(rule_id=self.rule_id, pk__range=(self.first, self.last))
        return rows.filter(outcome=Outcome.ACTED).select_related("campaign").order_by("pk")


def scope_of_run(rule_id: int, execution_id: int | None = None) -> UndoScope | None:
    """The run that an execution belongs to, or the rule's last one; None where it did nothing."""
    acted = RuleExecution.objects.filter(rule_id=rule_id, outcome=Outcome.ACTED)
    one = acted if execution_id is None else acted.filter(pk=execution_id)
    moment = one.order_by("-executed_at", "-pk").values_list("executed_at", flat=True).first()
    return None if moment is None else _scope(rule_id, acted.filter(executed_at=moment))


def scope_since(rule_id: int, moment: datetime) -> UndoScope | None:
    """What the rule did from a moment on; None where it did nothing."""
    acted = RuleExecution.objects.filter(rule_id=rule_id, outcome=Outcome.ACTED)
    return _scope(rule_id, acted.filter(executed_at__gte=moment))


def _scope(rule_id: int, rows: QuerySet[RuleExecution]) -> UndoScope | None:
    ends = rows.aggregate(first=Min("pk"), last=Max("pk"))
    return None if ends["first"] is None else UndoScope(rule_id, ends["first"], ends["last"])


def run_sizes(rows: Iterable[RuleExecution]) -> dict[Run, int]:
    """Of the runs that these executions belong to: on how many campaigns each acted. One statement."""
    acted = [row for row in rows if row.outcome == Outcome.ACTED and row.executed_at is not None]
    if not acted:
        return {}
    found = RuleExecution.objects.filter(
        rule_id__in={row.rule_id for row in acted},
        executed_at__in={row.executed_at for row in acted},
        outcome=Outcome.ACTED,
    )
    counted = found.order_by().values_list("rule_id", "executed_at").annotate(Count("campaign", distinct=True))
    return {(rule_id, moment): count for rule_id, moment, count in counted if moment is not None}
