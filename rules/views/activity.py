"""What rules did, in one feed or on one rule's page, and the buttons to take it back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.decorators import requires
from campaigns.queries.changes import OPEN
from campaigns.services.changes import undo_obstacle
from rules.actions.done_words import Made, done_words
from rules.choices import Outcome
from rules.conditions.wording import reason
from rules.models import Rule, RuleExecution
from rules.queries.activity import change_id_of, executions, explanation_of
from rules.queries.undoing import Run, run_sizes
from rules.services.standing import executions_sorted, is_taken_back
from rules.views.pages import show
from rules.views.versions import decided_by
from stratum.lib.tables import Cell, Column, Row, Table, TableState
from stratum.templatetags.ui import no_value, platform_mark, status_tag

ACTIVITY_COLUMNS = (
    Column("when", gettext_lazy("When"), kind="main", required=True),
    Column("campaign", gettext_lazy("Campaign")),
    Column("rule", gettext_lazy("Rule")),
    Column("outcome", gettext_lazy("Outcome"), kind="status"),
    Column("why", gettext_lazy("Why")),
    Column("actions", gettext_lazy("Actions"), kind="actions", required=True),
)


@requires("view")
def activity_list(request: HttpRequest) -> HttpResponse:
    """What all rules did, in one feed."""
    table = activity_table(request, None)
    if request.htmx:
        return render(request, "components/data_table.html", {"table": table})
    context = {
        "table": table,
        "q": request.GET.get("q", "").strip(),
        "selects": [outcome_select(request)],
        "kept": table.state.kept("q", "outcome"),
    }
    return show(request, "rules/activity_list.html", context)


def outcome_select(request: HttpRequest) -> tuple:
    return ("outcome", _("All outcomes"), Outcome.choices, request.GET.get("outcome", ""))


def activity_table(request: HttpRequest, rule: Rule | None) -> Table:
    """What one rule did, or all of them."""
    columns = tuple(column for column in ACTIVITY_COLUMNS if rule is None or column.key != "rule")
    state = TableState.from_query(request.GET, columns, default_sort="when", default_size=25)
    rows = executions(
        rule_id=rule.pk if rule else None,
        outcome=request.GET.get("outcome", ""),
        q=request.GET.get("q", "").strip(),
    )
    page = state.paginate(rows)
    undo = _UndoButtons.of_rows(request, page.rows)
    return Table(
        "activity-table",
        _("What rules did"),
        state,
        [_activity_row(execution, columns, undo) for execution in page.rows],
        path=request.path,
        page=page,
        as_cards=True,
        empty={
            "icon": "history",
            "title": _("Nothing yet"),
            "text": _("Every time a rule acts, is held back, or changes its mind, it says so here, with its figures."),
        },
    )


@dataclass(slots=True)
class _UndoButtons:
    """Buttons for what can still be taken back, for people who may; beside the first row of a run on more than one
    campaign also the way to take back the whole of it."""

    request: HttpRequest
    made: Made
    # Executions whose label or alert still stands.
    standing: frozenset[int]
    runs: dict[Run, int]

    @classmethod
    def of_rows(cls, request: HttpRequest, rows: Sequence[RuleExecution]) -> "_UndoButtons":
        if not request.user.can("edit_rules"):
            return cls(request, Made.of(rows), frozenset(), {})
        acted = [row for row in rows if row.outcome == Outcome.ACTED]
        found = executions_sorted(acted, together=False)
        standing = frozenset(one.execution.pk for one in [*found.labels, *found.alerts])
        return cls(request, Made.of(rows), standing, run_sizes(acted))

    def of(self, execution: RuleExecution) -> str:
        if not self._can_undo(execution):
            return ""
        context = {
            "url": reverse("rules:execution_undo", args=[execution.pk]),
            "csrf_token": get_token(self.request),
            **self._run(execution),
        }
        return render_to_string("rules/_undo_button.html", context)

    def done_words(self, execution: RuleExecution) -> str:
        """What the action did, and whether it was taken back."""
        change = self.made.changes.get(change_id_of(execution) or 0)
        is_undone = change.is_undone if change is not None else is_taken_back(execution)  # type: ignore[attr-defined]
        words = done_words(execution, self.made)
        return _("%(what)s (taken back)") % {"what": words} if is_undone and words else words

    def _can_undo(self, execution: RuleExecution) -> bool:
        if not self.request.user.can("edit_rules"):
            return False
        change = self.made.changes.get(change_id_of(execution) or 0)
        if change is None:
            return execution.pk in self.standing
        return change.state in OPEN or undo_obstacle(change, is_undone=change.is_undone) is None  # type: ignore[attr-defined]

    def _run(self, execution: RuleExecution) -> dict[str, Any]:
        """Once for each run: it is forgotten when it has been offered."""
        size = self.runs.pop((execution.rule_id, execution.executed_at), 0)  # type: ignore[arg-type]  # acted: it has a moment
        if size < 2 or execution.rule.is_deleted:
            return {}
        url = reverse("rules:rule_undo", args=[execution.rule_id])
        return {"run_url": f"{url}?run={execution.pk}", "run_size": size}


def _activity_row(execution: RuleExecution, columns: tuple[Column, ...], undo: _UndoButtons) -> Row:
    explanation = explanation_of(execution)
    outcome = Outcome(execution.outcome)
    campaign = execution.campaign
    cells = {
        "when": Cell(moment_words(execution.executed_at), css="nowrap"),
        "campaign": Cell(campaign.name, sub=platform_mark(campaign.platform)) if campaign else Cell(no_value()),
        "rule": Cell(execution.rule.name, href=reverse("rules:rule_detail", args=[execution.rule_id])),
        "outcome": Cell(status_tag(outcome.value, outcome.label), sub=decided_by(execution)),
        "why": Cell(_why(execution, outcome, explanation), sub=_aside(outcome, undo.done_words(execution))),
        "actions": Cell(undo.of(execution)),
    }
    return Row(str(execution.pk), tuple(cells[column.key] for column in columns))


def _why(execution: RuleExecution, outcome: Outcome, explanation) -> str:
    if explanation is None:
        return execution.error or _("No figures were kept.")
    return reason(outcome, explanation, error=execution.error or "")


def _aside(outcome: Outcome, did: str) -> str:
    """What the action did; of one that was only said, that it was not done."""
    return _("Not done: %(what)s") % {"what": did} if did and outcome is Outcome.SHADOW else did


def moment_words(moment: Any) -> str:
    return date_format(timezone.localtime(moment), "j M Y, H:i") if moment else ""
