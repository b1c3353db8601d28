"""One rule: what it says, what it did and why, and where every campaign stands with it now."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.decorators import requires
from rules.actions.specs import Reading, rule_reading
from rules.choices import ActionType, Outcome, RuleStatus
from rules.conditions.wording import (
    actual_phrase,
    cooldown_phrase,
    gate_phrase,
    holdout_phrase,
    parts_facts,
    reason,
    schedule_phrase,
    scope_phrase,
    sentence,
)
from rules.models import Rule, RuleState
from rules.queries.activity import asked_explanation
from rules.queries.due import next_checks
from rules.queries.evaluation import RuleEvaluation, evaluate_now
from rules.queries.rules import is_awaiting
from rules.queries.slack import target_name
from rules.views.account import account_context
from rules.views.activity import activity_table, moment_words, outcome_select
from rules.views.clashes import clashes_shown
from rules.views.menus import rule_menu_items
from rules.views.pages import show
from rules.views.versions import versions_table
from stratum.lib.figures import format_number
from stratum.lib.tables import Cell, Column, Row, Table, TableState
from stratum.templatetags.ui import no_value, platform_mark, status_tag

CAMPAIGN_COLUMNS = (
    Column("name", gettext_lazy("Campaign"), kind="main", sortable=True, required=True),
    Column("outcome", gettext_lazy("Now"), kind="status"),
    Column("actual", gettext_lazy("Figure"), kind="number", sortable=True),
    Column("why", gettext_lazy("Why")),
    Column("acted", gettext_lazy("Last acted")),
)


@requires("view")
def rule_detail(request: HttpRequest, pk: int) -> HttpResponse:
    rule = get_object_or_404(Rule, pk=pk)
    reading = rule_reading(rule)
    asked = request.GET.get("tab", "")
    tab = asked if asked in _TABLES or asked == "worth" else "activity"
    account = account_context(request, rule) if tab == "worth" else {}
    table = account.get("table") or _TABLES[tab](request, reading)
    if request.htmx:
        return render(request, "components/data_table.html", {"table": table})
    path = request.path
    return show(
        request,
        "rules/rule_detail.html",
        {
            "rule": rule,
            "crumbs": [(_("Rules"), reverse("rules:rule_list"))],
            "badge": _badge(rule, reading),
            "sentence": sentence(reading.spec) if reading.spec else "",
            "problem": reading.problem or rule.held_reason,
            "stopped": rule.stopped_reason if rule.status != RuleStatus.ACTIVE else "",
            "facts": _facts(rule, reading),
            "question": _question(rule),
            "clashes": clashes_shown(reading.spec),
            "is_active": rule.status == RuleStatus.ACTIVE,
            "menu_items": rule_menu_items(rule)[1:],
            "tabs": [
                (_("What it did"), path, tab == "activity", None),
                (_("Every campaign now"), f"{path}?tab=campaigns", tab == "campaigns", None),
                (_("What it was worth"), f"{path}?tab=worth", tab == "worth", None),
                (_("Versions"), f"{path}?tab=versions", tab == "versions", None),
            ],
            "tab": tab,
            "undo_url": reverse("rules:rule_undo", args=[rule.pk]) if tab == "activity" else "",
            "table": table,
            "q": request.GET.get("q", "").strip(),
            "selects": [outcome_select(request)],
            "kept": table.state.kept("q", "outcome"),
            **account,
        },
    )


def _badge(rule: Rule, reading: Reading) -> Any:
    if rule.status == RuleStatus.ACTIVE and (rule.held_reason or reading.spec is None):
        return status_tag("held", _("On hold"))
    if rule.status == RuleStatus.ACTIVE and is_awaiting(rule, timezone.now()):
        return status_tag("awaiting_approval", Outcome.AWAITING_APPROVAL.label)
    if rule.status == RuleStatus.ACTIVE and rule.shadow:
        return status_tag("shadow", _("Shadow mode"))
    if rule.status == RuleStatus.PAUSED and rule.stopped_at:
        return status_tag("failed", _("Stopped"))
    return status_tag(rule.status, rule.get_status_display())


def _question(rule: Rule) -> str:
    """What an active rule waits to be allowed; empty where it does not."""
    if rule.status != RuleStatus.ACTIVE or not is_awaiting(rule, timezone.now()):
        return ""
    explanation = asked_explanation(rule)
    return (gate_phrase(explanation) if explanation else "") or _("It would change much at once.")


def _facts(rule: Rule, reading: Reading) -> list[tuple[str, Any]]:
    never = _("never")
    facts = [
        (_("Campaigns"), scope_phrase(reading.spec.scope) if reading.spec else no_value(reading.problem)),
        (_("Rest after acting"), cooldown_phrase(reading.spec.cooldown_hours) if reading.spec else no_value()),
        (_("Checked"), _checked(rule, reading)),
        (_("Last run"), moment_words(rule.last_evaluated_at) or never),
        (_("Last acted"), moment_words(rule.last_triggered_at) or never),
        (_("Acted in all"), format_number(rule.trigger_count)),
    ]
    if rule.action_type == ActionType.NOTIFY_SLACK:
        gone = no_value(_("The channel was removed."))
        facts.append((_("Slack channel"), target_name(rule.action_config.get("target")) or gone))
    if rule.priority:
        facts.append((_("Priority"), format_number(rule.priority)))
    if rule.holdout_percent:
        facts.append((_("Hold-out group"), holdout_phrase(rule.holdout_percent)))
    if rule.description:
        facts.append((_("Notes"), rule.description))
    return facts


def _checked(rule: Rule, reading: Reading) -> Any:
    """Its schedule, and of an active rule when the job looks at it next."""
    if reading.spec is None:
        return no_value(reading.problem)
    text = schedule_phrase(reading.spec.schedule)
    if rule.status != RuleStatus.ACTIVE:
        return text
    moment = next_checks([reading.spec], now=timezone.now())[rule.pk]
    when = date_format(timezone.localtime(moment), "D, j M, H:i")
    return _("%(schedule)s; next %(when)s") % {"schedule": text, "when": when}


def _campaigns(request: HttpRequest, reading: Reading) -> Table:
    """Why, or why not: every campaign in scope as the evaluator sees it at this moment."""
    state = TableState.from_query(request.GET, CAMPAIGN_COLUMNS, default_sort="name", default_size=25)
    rows, page = [], state.paginate([])
    if reading.spec is not None:
        evaluation = evaluate_now([reading.spec], now=timezone.now()).rules[0]
        positions = _chosen_positions(request, evaluation, state)
        page = state.paginate(positions, total=len(positions))
        acted = _acted_at(reading.rule, evaluation, page.rows)
        rows = [_campaign_row(evaluation, position, acted) for position in page.rows]
    return Table(
        "campaigns-table",
        _("Where every campaign stands with this rule"),
        state,
        rows,
        path=request.path,
        page=page,
        as_cards=True,
        empty={
            "icon": "search-x",
            "title": _("No campaign here"),
            "text": reading.problem or _("No campaign in the rule’s scope has this outcome or name."),
        },
    )


def _chosen_positions(request: HttpRequest, evaluation: RuleEvaluation, state: TableState) -> list[int]:
    facts, wanted = evaluation.facts, request.GET.get("outcome", "")
    text = request.GET.get("q", "").strip().casefold()
    positions = [
        position
        for position in range(facts.count)
        if (outcome := evaluation.outcome(position)) is not None
        and (not wanted or outcome == wanted)
        and text in facts.names[position].casefold()
    ]
    if state.sort == "actual":
        figures, has_value = evaluation.reading.actual, evaluation.reading.has_figure
        ranked = [position for position in positions if has_value[position]]
        ranked.sort(key=lambda position: float(figures[position]), reverse=state.descending)
        # Campaigns without a figure come last, whichever way it is sorted.
        return ranked + [position for position in positions if not has_value[position]]
    return sorted(positions, key=lambda position: facts.names[position].casefold(), reverse=state.descending)


def _acted_at(rule: Rule, evaluation: RuleEvaluation, positions: Any) -> dict[int, Any]:
    ids = [int(evaluation.facts.ids[position]) for position in positions]
    states = RuleState.objects.filter(rule=rule, campaign_id__in=ids, last_acted_at__isnull=False)
    return dict(states.values_list("campaign_id", "last_acted_at"))


def _campaign_row(evaluation: RuleEvaluation, position: int, acted: dict[int, Any]) -> Row:
    facts = evaluation.facts
    campaign_id = int(facts.ids[position])
    outcome = evaluation.outcome(position) or Outcome.NO_MATCH
    explanation = evaluation.explain(position)
    name = _("Would act") if outcome is Outcome.ACTED else outcome.label
    behind = ", ".join(f"{term} {part}" for term, part in parts_facts(explanation))
    figure: Any = actual_phrase(explanation)
    if outcome is Outcome.HELD_STALE:
        # A sum over days of which some are missing is no figure of that window.
        figure, behind = no_value(_("The numbers do not reach the end of the window.")), ""
    cells = (
        Cell(
            facts.names[position],
            sub=platform_mark(facts.platforms[position]),
            href=reverse("campaigns:campaign_detail", args=[campaign_id]),
        ),
        Cell(status_tag(outcome.value, name)),
        Cell(figure, tip=behind),
        Cell(reason(outcome, explanation)),
        Cell(moment_words(acted.get(campaign_id)) or _("never")),
    )
    return Row(str(campaign_id), cells, name=facts.names[position])


_TABLES: dict[str, Callable[[HttpRequest, Reading], Table]] = {
    "activity": lambda request, reading: activity_table(request, reading.rule),
    "campaigns": _campaigns,
    "versions": lambda request, reading: versions_table(request, reading.rule),
}
