"""What rules did, sorted by how it is taken back, and whether it still stands.

Changes on platforms are the ledger's business (campaigns.services.changes.unwinding). A label stands while the campaign
carries it, an alert while nobody has answered it. What was sent to somebody cannot be called back. An execution whose
label or alert was taken back is marked, so that what people do afterwards is never undone with it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.utils.translation import gettext as _

from rules.actions.base import Done
from rules.choices import ActionType, AlertStatus
from rules.models import Alert, RuleExecution
from rules.queries.activity import change_id_of

# In an execution's action_result["made"]: when it was taken back.
TAKEN_BACK = "taken_back"


@dataclass(frozen=True, slots=True)
class Left:
    """An execution that is not taken back, and why."""

    execution: RuleExecution
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Standing:
    """An execution whose label or alert still stands."""

    execution: RuleExecution
    done: Done
    # The label that was put on; empty for an alert.
    label: str = ""


@dataclass(slots=True)
class Sorted:
    """`changes`: id in the ledger → the execution that made it."""

    changes: dict[int, RuleExecution] = field(default_factory=dict)
    labels: list[Standing] = field(default_factory=list)
    alerts: list[Standing] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)


def executions_sorted(rows: Sequence[RuleExecution], *, together: bool = True) -> Sorted:
    """Executions with their campaigns loaded. At most one statement, for the alerts.

    `together`: they are taken back at once. An alert stands for all its repeats; where it was open before, it stays.
    """
    found = Sorted()
    alerts = _alerts(rows)
    opened: dict[int, datetime] = {}
    for row in rows:
        alert_id = _made(row).get("alert")
        if together and isinstance(alert_id, int) and row.executed_at is not None:
            opened[alert_id] = min(opened.get(alert_id, row.executed_at), row.executed_at)
    for row in rows:
        _sort(row, alerts, opened, found)
    return found


def _sort(
    row: RuleExecution, alerts: Mapping[int, tuple[str, datetime]], opened: Mapping[int, datetime], found: Sorted
) -> None:
    made, change_id = _made(row), change_id_of(row)
    if change_id is not None:
        found.changes[change_id] = row
        return
    try:
        done = Done.from_json(row.campaign_id or 0, row.action_result or {})
    except (ValueError, AttributeError):
        found.left.append(Left(row, "not_undoable", _("There is nothing here that could be taken back.")))
        return
    if made.get(TAKEN_BACK):
        found.left.append(Left(row, "undone", _("This has been taken back already.")))
    elif "alert" in made:
        _sort_alert(Standing(row, done), alerts, opened, found)
    elif (row.action_result or {}).get("action") == ActionType.APPLY_LABEL:
        _sort_label(row, done, found)
    else:
        text = _("What was sent cannot be called back.")
        found.left.append(Left(row, "not_undoable", text))


def _sort_label(row: RuleExecution, done: Done, found: Sorted) -> None:
    added = [label for label in done.after.get("labels", []) if label not in done.before.get("labels", [])]
    if row.campaign is None or row.campaign.is_deleted:
        found.left.append(Left(row, "gone", _("The campaign is not here any more.")))
    elif not added or added[0] not in (row.campaign.labels or []):
        found.left.append(Left(row, "changed_since", _("The label is not on it any more.")))
    else:
        found.labels.append(Standing(row, done, added[0]))


def _sort_alert(
    one: Standing, alerts: Mapping[int, tuple[str, datetime]], opened: Mapping[int, datetime], found: Sorted
) -> None:
    alert_id = one.done.made["alert"]
    status, first_at = alerts.get(alert_id, ("", None))
    moment = opened.get(alert_id, one.execution.executed_at)
    if status != AlertStatus.OPEN:
        text = _("Somebody answered the alert, or it is resolved.")
        found.left.append(Left(one.execution, "changed_since", text))
    elif first_at is not None and moment is not None and first_at < moment:
        text = _("The alert was open before: it stays.")
        found.left.append(Left(one.execution, "open_before", text))
    else:
        found.alerts.append(one)


def is_taken_back(row: RuleExecution) -> bool:
    """Whether its label or alert was taken back; of changes on platforms the ledger knows."""
    return bool(_made(row).get(TAKEN_BACK))


def _made(row: RuleExecution) -> Mapping[str, object]:
    result = row.action_result if isinstance(row.action_result, dict) else {}
    made = result.get("made")
    return made if isinstance(made, dict) else {}


def _alerts(rows: Sequence[RuleExecution]) -> dict[int, tuple[str, datetime]]:
    """Alert id → (status, since when it is open)."""
    ids = {alert_id for row in rows if isinstance(alert_id := _made(row).get("alert"), int)}
    if not ids:
        return {}
    found = Alert.objects.filter(pk__in=ids).values_list("pk", "status", "first_at")
    return {pk: (status, first_at) for pk, status, first_at in found}
