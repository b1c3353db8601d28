"""Taking back what a rule did: one execution, a run, or its last days.

Whatever still stands as the rule left it goes back, the rest stays and says why; nothing that somebody did since is
overwritten. One transaction: a killed worker leaves everything as it was.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import Actor, record
from accounts.choices import AuditAction
from campaigns.services.changes import Step, changes_unwind, unwinding_preview
from campaigns.services.changes.unwinding import Stays
from rules.actions import ApplyLabel, SendAlert
from rules.models import RuleExecution
from rules.queries.undoing import UndoScope
from rules.services.standing import TAKEN_BACK, Left, Sorted, Standing, executions_sorted
from stratum.lib.errors import DomainError
from tenants.context import bound_tenant_id

_MARK = """
    UPDATE rule_executions SET action_result = jsonb_set(
        action_result, '{made}',
        coalesce(action_result -> 'made', '{}') || jsonb_build_object(%(key)s::text, %(now)s::text)
    )
    WHERE tenant_id = %(tenant)s AND id = ANY(%(ids)s)
"""


@dataclass(frozen=True, slots=True)
class Undo:
    """What taking back does, or did. `steps` are campaigns whose status or budget goes back; `to_send`: ad account →
    ids of ledger rows, once the transaction is in."""

    steps: Sequence[Step] = ()
    labels: Sequence[Standing] = ()
    alerts: Sequence[Standing] = ()
    left: Sequence[Left] = ()
    to_send: dict[int, list[int]] = field(default_factory=dict)

    @property
    def campaign_ids(self) -> set[int]:
        """Campaigns on which something is taken back."""
        others = {one.execution.campaign_id for one in [*self.labels, *self.alerts]}
        return {step.standing.id for step in self.steps} | {one for one in others if one is not None}

    @property
    def is_empty(self) -> bool:
        return not (self.steps or self.labels or self.alerts)

    @property
    def reasons(self) -> list[tuple[str, str, int]]:
        """(code, sentence, how many executions), the most frequent first."""
        counted = Counter((one.code, one.text) for one in self.left)
        return [(code, text, count) for (code, text), count in counted.most_common()]


def undo_preview(*, scope: UndoScope) -> Undo:
    """What `executions_undo` would do now, in a fixed number of statements; nothing is held or written."""
    found = executions_sorted(list(scope.rows()))
    plan = unwinding_preview(change_ids=found.changes.keys())
    return Undo(plan.steps, found.labels, found.alerts, [*found.left, *_left(plan.stays, found)])


@transaction.atomic
def executions_undo(*, scope: UndoScope, actor: Actor) -> Undo:
    """Take back what still stands of these executions; a fixed number of statements for each label, and for all else.

    DomainError when nothing of it can be taken back, with the reason where there is only one.
    """
    # Held, so that of two people who press the button one finds the marks of the other.
    found = executions_sorted(list(scope.rows().select_for_update(of=("self",))))
    plan = changes_unwind(change_ids=found.changes.keys(), actor=actor)
    undo = Undo(
        plan.steps,
        _labels_off(found.labels, actor),
        _alerts_resolved(found.alerts, actor),
        [*found.left, *_left(plan.stays, found)],
        plan.result.by_account if plan.result else {},
    )
    if undo.is_empty:
        raise _nothing(undo)
    _mark([*undo.labels, *undo.alerts])
    _record(scope, undo, actor)
    return undo


def execution_undo(*, execution: RuleExecution, actor: Actor) -> Undo:
    """Take back one execution. DomainError with the reason where that cannot be: somebody changed the campaign since,
    it was taken back already, or there is nothing to take back."""
    return executions_undo(scope=UndoScope(execution.rule_id, execution.pk, execution.pk), actor=actor)


def _left(stays: Sequence[Stays], found: Sorted) -> list[Left]:
    return [Left(found.changes[one.change_id], one.code, one.text) for one in stays]


def _labels_off(labels: Sequence[Standing], actor: Actor) -> Sequence[Standing]:
    """By label, in bulk: a rule has seldom had more than one."""
    by_label: defaultdict[str, list[Standing]] = defaultdict(list)
    for one in labels:
        by_label[one.label].append(one)
    for label, some in sorted(by_label.items()):
        ApplyLabel(label).revert([one.done for one in some], actor=actor)
    return labels


def _alerts_resolved(alerts: Sequence[Standing], actor: Actor) -> Sequence[Standing]:
    if alerts:
        SendAlert().revert([one.done for one in alerts], actor=actor)
    return alerts


def _nothing(undo: Undo) -> DomainError:
    reasons = undo.reasons
    if len(reasons) == 1:
        code, text, _count = reasons[0]
        return DomainError(text, code=code)
    if not reasons:
        return DomainError(_("There is nothing here that could be taken back."), code="not_undoable")
    return DomainError(_("Nothing of it can be taken back any more."), code="nothing_to_undo")


def _mark(taken: Sequence[Standing]) -> None:
    if taken:
        ids = [one.execution.pk for one in taken]
        with connection.cursor() as cursor:
            cursor.execute(
                _MARK,
                {"key": TAKEN_BACK, "now": timezone.now().isoformat(), "tenant": bound_tenant_id(), "ids": ids},
            )


def _record(scope: UndoScope, undo: Undo, actor: Actor) -> None:
    """Who took back what. Each change on a platform has its own row of the ledger and its own entry."""
    record(
        actor=actor,
        action=AuditAction.UPDATE,
        resource=RuleExecution._meta.db_table,
        new={
            "operation": "taken_back",
            "rule": scope.rule_id,
            "executions": [scope.first, scope.last],
            "campaign_ids": sorted(undo.campaign_ids),
            "changes": len(undo.steps),
            "labels": len(undo.labels),
            "alerts": len(undo.alerts),
            "left": len(undo.left),
        },
    )
