"""Taking back what a rule did: first what would happen, then it happens."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.decorators import requires
from campaigns.choices import CampaignStatus, ChangedField, Platform
from campaigns.services.changes import Step
from campaigns.tasks import send_changes
from rules import services
from rules.choices import RuleStatus
from rules.models import Rule, RuleExecution
from rules.queries.undoing import UndoScope, scope_of_run, scope_since
from rules.services import Undo
from rules.views.answers import done
from rules.views.pages import show
from stratum.lib.errors import DomainError
from stratum.lib.figures import format_money, format_number
from stratum.lib.money import decimals
from stratum.lib.tables import Cell, Column, Row, Table, TableState
from stratum.templatetags.ui import no_value, platform_mark

COLUMNS = (
    Column("campaign", gettext_lazy("Campaign"), kind="main", required=True),
    Column("what", gettext_lazy("What"), required=True),
    Column("now", gettext_lazy("Now"), required=True),
    Column("back", gettext_lazy("Back to"), required=True),
)
RUN = "run"
DAYS = ("1", "3", "7")
_MOST_DIGITS = 18
_REASONS_SHOWN = 8


@requires("edit_rules", methods=("GET", "POST"))
def rule_undo(request: HttpRequest, pk: int) -> HttpResponse:
    """`what` is run, 1, 3 or 7 (days); `run` an execution of the run that is meant, the last one without it."""
    rule = get_object_or_404(Rule, pk=pk)
    if request.method == "POST":
        return _take_back(request, rule)
    what = request.GET.get("what", RUN)
    what = what if what in DAYS else RUN
    scope = _scope(request, rule, what)
    undo = services.undo_preview(scope=scope) if scope is not None else Undo()
    lines = _lines(undo)
    state = TableState.from_query(request.GET, COLUMNS, default_sort="campaign", default_size=25)
    page = state.paginate(lines, total=len(lines))
    context = {
        "rule": rule,
        "crumbs": [(_("Rules"), reverse("rules:rule_list")), (rule.name, _page(rule))],
        "tabs": _tabs(request, what),
        "scope": scope,
        "is_empty": undo.is_empty,
        "back": _back_words(undo),
        "reasons": [(format_number(count), text) for _code, text, count in undo.reasons[:_REASONS_SHOWN]],
        "run_at": _run_at(scope) if what == RUN else "",
        "is_active": rule.status == RuleStatus.ACTIVE,
        "table": Table(
            "undo-table",
            _("What would be taken back"),
            state,
            [Row(str(number), line.cells, name=line.name) for number, line in enumerate(page.rows)],
            path=request.path,
            page=page,
            as_cards=True,
        ),
    }
    return show(request, "rules/rule_undo.html", context)


def _page(rule: Rule) -> str:
    return reverse("rules:rule_detail", args=[rule.pk])


def _whole(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) <= _MOST_DIGITS else None


def _scope(request: HttpRequest, rule: Rule, what: str) -> UndoScope | None:
    if what == RUN:
        return scope_of_run(rule.pk, _whole(request.GET.get("run", "")))
    return scope_since(rule.pk, timezone.now() - timedelta(days=int(what)))


def _tabs(request: HttpRequest, what: str) -> list[tuple[str, str, bool, None]]:
    run = _whole(request.GET.get("run", ""))
    named = {
        RUN: _("Last run") if run is None else _("This run"),
        "1": _("24 hours"),
        "3": _("3 days"),
        "7": _("7 days"),
    }
    kept = f"&run={run}" if run is not None else ""
    return [(text, f"{request.path}?what={key}{kept}", key == what, None) for key, text in named.items()]


def _run_at(scope: UndoScope | None) -> str:
    """When the run was that is meant."""
    moment = scope and RuleExecution.objects.values_list("executed_at", flat=True).filter(pk=scope.first).first()
    return date_format(timezone.localtime(moment), "j M Y, H:i") if moment else ""


# --- In words -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Line:
    """One thing that goes back."""

    name: str
    cells: tuple[Cell, ...]


def _lines(undo: Undo) -> list[_Line]:
    """By the campaigns' names."""
    lines = [_step_line(step) for step in undo.steps]
    for one in undo.labels:
        lines.append(_other_line(one.execution, _("Label"), f"“{one.label}”", _("taken off")))
    for one in undo.alerts:
        lines.append(_other_line(one.execution, _("Alert"), _("open"), _("resolved")))
    return sorted(lines, key=lambda line: line.name.casefold())


def _step_line(step: Step) -> _Line:
    campaign = step.standing
    is_status = step.field == ChangedField.STATUS
    now, back = (_value(step, value) for value in (_shown(step), step.value))
    href = reverse("campaigns:campaign_detail", args=[campaign.id])
    note = "" if step.waiting is None else _("It has not been sent yet.")
    cells = (
        Cell(campaign.name, sub=platform_mark(campaign.platform), href=href),
        Cell(_("Status") if is_status else _("Daily budget")),
        Cell(now, sub=note),
        Cell(back),
    )
    return _Line(campaign.name, cells)


def _shown(step: Step) -> str | int | None:
    """What the campaign has, or is on its way to."""
    waiting = step.waiting
    if waiting is None:
        return step.present
    return waiting.new_status if step.field == ChangedField.STATUS else waiting.new_budget_cents


def _value(step: Step, value: str | int | None) -> Any:
    if isinstance(value, int):
        return format_money(value, step.standing.currency, decimals(step.standing.currency))
    return str(dict(CampaignStatus.choices).get(value or "", value)) if value else no_value()


def _other_line(execution: RuleExecution, what: str, now: str, back: str) -> _Line:
    campaign = execution.campaign
    name = campaign.name if campaign else ""
    first = Cell(name, sub=platform_mark(campaign.platform)) if campaign else Cell(no_value())
    return _Line(name, (first, Cell(what), Cell(now), Cell(back)))


def _back_words(undo: Undo) -> list[str]:
    """What would happen, each as one sentence: to how many, where, and the sums of the budgets."""
    words = []
    if undo.steps:
        platforms = Counter(step.standing.platform for step in undo.steps).most_common()
        where = ", ".join(f"{Platform(name).label} {format_number(count)}" for name, count in platforms)
        count = len({step.standing.id for step in undo.steps})
        text = ngettext(
            "%(count)s campaign goes back to what it was (%(where)s).",
            "%(count)s campaigns go back to what they were (%(where)s).",
            count,
        )
        words.append(text % {"count": format_number(count), "where": where})
        words += _statuses(undo) + _budgets(undo)
    if undo.labels:
        count = len({one.execution.campaign_id for one in undo.labels})
        text = ngettext("The label comes off %(count)s campaign.", "The label comes off %(count)s campaigns.", count)
        words.append(text % {"count": format_number(count)})
    if undo.alerts:
        count = len({one.done.made["alert"] for one in undo.alerts})
        text = ngettext("%(count)s open alert is resolved.", "%(count)s open alerts are resolved.", count)
        words.append(text % {"count": format_number(count)})
    return words


def _statuses(undo: Undo) -> list[str]:
    counted = Counter(str(step.value) for step in undo.steps if step.field == ChangedField.STATUS)
    words = {
        CampaignStatus.ACTIVE.value: _("Switched on again: %(count)s."),
        CampaignStatus.PAUSED.value: _("Paused again: %(count)s."),
    }
    return [words[status] % {"count": format_number(counted[status])} for status in words if counted[status]]


def _budgets(undo: Undo) -> list[str]:
    sums: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    for step in undo.steps:
        if step.field == ChangedField.DAILY_BUDGET:
            for place, value in enumerate((_shown(step), step.value)):
                sums[step.standing.currency][place] += value if isinstance(value, int) else 0
    text = _("Daily budgets together: %(before)s → %(after)s.")
    return [
        text
        % {
            "before": format_money(before, currency, decimals(currency)),
            "after": format_money(after, currency, decimals(currency)),
        }
        for currency, (before, after) in sorted(sums.items())
    ]


# --- Doing it -------------------------------------------------------------------------------------------------


def _take_back(request: HttpRequest, rule: Rule) -> HttpResponse:
    first, last = (_whole(request.POST.get(name, "")) for name in ("first", "last"))
    if first is None or last is None:
        text = _("Choose first what is to be taken back.")
        return done(request, text, to=reverse("rules:rule_undo", args=[rule.pk]), level="error")
    try:
        undo = services.executions_undo(scope=UndoScope(rule.pk, first, last), actor=request.actor)
    except DomainError as error:
        return done(request, str(error), to=_page(rule), level="warning", stay=False)
    send_changes(request.tenant.pk, undo.to_send)
    return done(request, undo_words(undo), to=_page(rule), level="warning" if undo.left else "success", stay=False)


def undo_words(undo: Undo) -> str:
    """What was taken back and what was not, in one line."""
    count = len(undo.campaign_ids)
    text = ngettext("Taken back on %(count)s campaign.", "Taken back on %(count)s campaigns.", count)
    words = [text % {"count": format_number(count)}]
    if undo.to_send:
        words.append(_("The platforms are being told."))
    if undo.left:
        stays = ngettext("%(count)s action stays: %(reason)s", "%(count)s actions stay: %(reason)s", len(undo.left))
        words.append(stays % {"count": format_number(len(undo.left)), "reason": undo.reasons[0][1]})
    return " ".join(words)
