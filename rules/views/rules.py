"""The list of rules, and what can be done to one of them by a button."""

from datetime import datetime

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.decorators import requires
from rules import services, tasks
from rules.actions import ACTIONS
from rules.actions.specs import Reading, rule_reading
from rules.choices import ActionType, Outcome, RuleStatus
from rules.conditions.recipes import RECIPES
from rules.conditions.wording import schedule_phrase, scope_phrase, sentence
from rules.forms import RuleStatusForm
from rules.models import Rule
from rules.queries.due import next_checks
from rules.queries.rules import TRIGGER_DAYS, is_awaiting, rule_rows
from rules.views.answers import done
from rules.views.clashes import accepted_clashes
from rules.views.menus import rule_menu
from rules.views.pages import show
from stratum.lib.errors import DomainError
from stratum.lib.figures import format_number
from stratum.lib.tables import Cell, Column, Row, Table, TableState
from stratum.templatetags.ui import no_value, status_tag

COLUMNS = (
    Column("name", gettext_lazy("Rule"), kind="main", sortable=True, required=True),
    Column("status", gettext_lazy("State"), kind="status", sortable=True),
    Column("scope", gettext_lazy("Campaigns")),
    Column("outcome", gettext_lazy("Last outcome"), kind="status", sortable=True),
    Column("evaluated", gettext_lazy("Last and next run"), sortable=True),
    Column("triggers", gettext_lazy("Acted in 30 days"), kind="number", sortable=True),
    Column("actions", gettext_lazy("Actions"), kind="actions", required=True),
)
_ORDER = {
    "name": "name",
    "status": "status",
    "outcome": "last_outcome_at",
    "evaluated": "last_evaluated_at",
    "triggers": "triggers",
}


@requires("view")
def rule_list(request: HttpRequest) -> HttpResponse:
    q, status, action = (request.GET.get(name, "").strip() for name in ("q", "status", "action"))
    state = TableState.from_query(request.GET, COLUMNS, default_sort="name")
    held = status == "held"
    rows = rule_rows(now=timezone.now(), q=q, status="" if held else status, action=action, held=held)
    page = state.paginate(rows.order_by(*state.order_by(_ORDER)))
    filtered = bool(q or status or action)
    table = Table(
        "rule-table",
        _("Rules"),
        state,
        _rows(request, list(page.rows)),
        path=request.path,
        page=page,
        as_cards=True,
        empty=_nothing_found(request.path),
    )
    if request.htmx:
        return render(request, "components/data_table.html", {"table": table})
    return show(
        request,
        "rules/rule_list.html",
        {
            "table": table,
            "q": q,
            "selects": _selects(status, action),
            "kept": state.kept("q", "status", "action"),
            "is_empty": not page.rows and not filtered and page.number == 1,
            "recipes": RECIPES.values(),
        },
    )


def _selects(status: str, action: str) -> list[tuple]:
    statuses = [*RuleStatus.choices, ("held", _("On hold"))]
    actions = [(key, ActionType(key).label) for key in ACTIONS]
    return [("status", _("All states"), statuses, status), ("action", _("All actions"), actions, action)]


def _nothing_found(path: str) -> dict:
    return {
        "icon": "search-x",
        "title": _("No rule matches"),
        "text": _("Change the search or the filters."),
        "actions": [(_("Show all rules"), path, False)],
    }


def _rows(request: HttpRequest, rules: list[Rule]) -> list[Row]:
    readings = [rule_reading(rule) for rule in rules]
    specs = [one.spec for one in readings if one.spec and one.rule.status == RuleStatus.ACTIVE]
    checks = next_checks(specs, now=timezone.now())
    return [_row(request, reading, checks.get(reading.rule.pk)) for reading in readings]


def _row(request: HttpRequest, reading: Reading, next_check: datetime | None) -> Row:
    rule = reading.rule
    words = sentence(reading.spec) if reading.spec else reading.problem
    state = status_tag(rule.status, rule.get_status_display())
    if rule.status == RuleStatus.ACTIVE and (rule.held_reason or reading.spec is None):
        state = status_tag("held", _("On hold"), reading.problem or rule.held_reason)
    elif rule.status == RuleStatus.ACTIVE and is_awaiting(rule, timezone.now()):
        state = status_tag("awaiting_approval", Outcome.AWAITING_APPROVAL.label)
    elif rule.status == RuleStatus.ACTIVE and rule.shadow:
        state = status_tag("shadow", _("Shadow mode"))
    elif rule.status == RuleStatus.PAUSED and rule.stopped_at:
        state = status_tag("failed", _("Stopped"), rule.stopped_reason)
    outcome = Outcome(rule.last_outcome) if rule.last_outcome else None
    cells = {
        "name": Cell(rule.name, sub=words, href=reverse("rules:rule_detail", args=[rule.pk])),
        "status": Cell(state),
        "scope": Cell(scope_phrase(reading.spec.scope) if reading.spec else no_value(reading.problem)),
        "outcome": Cell(
            status_tag(outcome.value, outcome.label) if outcome else no_value(_("It has not decided anything yet.")),
            sub=_ago(rule.last_outcome_at),
        ),
        "evaluated": Cell(
            _ago(rule.last_evaluated_at) or no_value(_("It has not run yet.")),
            sub=_("next %(when)s") % {"when": date_format(timezone.localtime(next_check), "D, H:i")}
            if next_check
            else "",
            tip=schedule_phrase(reading.spec.schedule) if reading.spec else "",
        ),
        "triggers": Cell(format_number(rule.triggers), tip=_acted_tip(rule)),
        "actions": Cell(rule_menu(request, rule)),
    }
    return Row(str(rule.pk), tuple(cells[column.key] for column in COLUMNS), name=rule.name)


def _next_text(moment: datetime | None) -> str:
    if moment is None:
        return ""
    return _("next %(when)s") % {"when": date_format(timezone.localtime(moment), "D, H:i")}


def _acted_tip(rule: Rule) -> str:
    return _("%(recent)s in %(days)s days, %(all)s in all") % {
        "recent": format_number(rule.triggers),
        "days": TRIGGER_DAYS,
        "all": format_number(rule.trigger_count),
    }


def _ago(moment) -> str:
    if moment is None:
        return ""
    if (timezone.now() - moment).total_seconds() < 60:
        return _("just now")
    return _("%(time)s ago") % {"time": timesince(moment, depth=1)}


@requires("edit_rules", methods=("POST",))
def rule_status(request: HttpRequest, pk: int) -> HttpResponse:
    rule = get_object_or_404(Rule, pk=pk)
    form = RuleStatusForm(request.POST)
    page = reverse("rules:rule_detail", args=[rule.pk])
    if not form.is_valid():
        return done(request, _("There is no such state of a rule."), to=page, level="error")
    status, accepted = RuleStatus(form.cleaned_data["status"]), accepted_clashes(request.POST)
    try:
        rule = services.rule_set_status(rule=rule, status=status, actor=request.actor, accept_clashes=accepted)
    except services.ClashError as error:
        # The rule's page shows with which rules, at which figures, and offers to go on.
        return done(request, str(error), to=f"{page}#clashes", level="warning", stay=False)
    except DomainError as error:
        return done(request, str(error), to=page, level="error")
    texts = {
        RuleStatus.ACTIVE: _("“%(rule)s” is active. It is checked %(schedule)s."),
        RuleStatus.PAUSED: _("“%(rule)s” is paused. It does nothing until you activate it."),
        RuleStatus.DRAFT: _("“%(rule)s” is a draft again."),
    }
    return done(request, texts[RuleStatus(rule.status)] % saved_words(rule), to=page)


def saved_words(rule: Rule) -> dict[str, str]:
    """Name and schedule of a rule that was saved just now."""
    spec = rule_reading(rule).spec
    return {"rule": rule.name, "schedule": schedule_phrase(spec.schedule if spec else None)}


@requires("edit_rules", methods=("POST",))
def rule_duplicate(request: HttpRequest, pk: int) -> HttpResponse:
    copy = services.rule_duplicate(rule=get_object_or_404(Rule, pk=pk), actor=request.actor)
    text = _("A copy was made as a draft.")
    return done(request, text, to=reverse("rules:rule_edit", args=[copy.pk]), stay=False)


@requires("edit_rules", methods=("POST",))
def rule_delete(request: HttpRequest, pk: int) -> HttpResponse:
    rule = services.rule_delete(rule=get_object_or_404(Rule, pk=pk), actor=request.actor)
    undo_url = reverse("rules:rule_restore", args=[rule.pk])
    text = _("“%(rule)s” was deleted. It acts no more; its history stays.") % {"rule": rule.name}
    return done(request, text, to=reverse("rules:rule_list"), undo_url=undo_url, stay=False)


@requires("edit_rules", methods=("POST",))
def rule_restore(request: HttpRequest, pk: int) -> HttpResponse:
    page = reverse("rules:rule_detail", args=[pk])
    try:
        rule = services.rule_restore(rule_id=pk, actor=request.actor)
    except Rule.DoesNotExist as error:
        raise Http404 from error
    except services.ClashError:
        rule = services.rule_restore(rule_id=pk, status=RuleStatus.PAUSED, actor=request.actor)
        text = _("“%(rule)s” is back, but paused: rules that are active now undo what it does.") % {"rule": rule.name}
        return done(request, text, to=f"{page}#clashes", level="warning", stay=False)
    return done(request, _("“%(rule)s” is back, as it was.") % {"rule": rule.name}, to=page, stay=False)


@requires("edit_rules", methods=("POST",))
def rule_evaluate(request: HttpRequest, pk: int) -> HttpResponse:
    rule = get_object_or_404(Rule, pk=pk)
    page = reverse("rules:rule_detail", args=[rule.pk])
    if rule.status != RuleStatus.ACTIVE:
        return done(request, _("Only active rules act. Activate it first."), to=page, level="warning")
    return _evaluated(request, [rule.pk], page)


@requires("edit_rules", methods=("POST",))
def rule_evaluate_all(request: HttpRequest) -> HttpResponse:
    active = list(Rule.objects.filter(status=RuleStatus.ACTIVE).values_list("pk", flat=True))
    page = reverse("rules:rule_list")
    if not active:
        return done(request, _("No rule is active."), to=page, level="warning")
    return _evaluated(request, active, page)


def _evaluated(request: HttpRequest, rule_ids: list[int], page: str) -> HttpResponse:
    """The job's own task, here and now; it takes well under a second even for thousands of campaigns."""
    counts = tasks.evaluate_tenant(tenant_id=request.tenant.pk, rule_ids=rule_ids, actor=request.actor)
    if counts is None:
        text = _("The rules are being evaluated at this moment. Look again in a few seconds.")
        return done(request, text, to=page, level="info")
    return done(request, summary(counts), to=page, level="warning" if counts.get("failed") else "success")


def summary(counts: dict[str, int]) -> str:
    """What a pass did, in one line."""
    acted = counts.get(Outcome.ACTED, 0)
    parts = [
        ngettext("Acted on %(count)s campaign", "Acted on %(count)s campaigns", acted) % {"count": format_number(acted)}
    ]
    words = {
        Outcome.COOLDOWN: _("%(count)s cooling down"),
        Outcome.ALREADY_IN_STATE: _("%(count)s already in that state"),
        Outcome.HELD_STALE: _("%(count)s held: numbers too old"),
        Outcome.SHADOW: _("%(count)s left alone (shadow mode or hold-out)"),
        Outcome.CAP: _("%(count)s held: limit reached"),
        Outcome.CONFLICT_LOST: _("%(count)s left to another rule"),
        Outcome.PROTECTED: _("%(count)s protected"),
        Outcome.AWAITING_APPROVAL: _("%(count)s waiting for approval"),
        Outcome.FAILED: _("%(count)s failed"),
        Outcome.NO_MATCH: _("%(count)s not matching"),
    }
    parts += [words[key] % {"count": format_number(counts[key])} for key in words if counts.get(key)]
    if counts.get("rules_stopped"):
        parts.append(_("rules stopped: %(count)s") % {"count": format_number(counts["rules_stopped"])})
    if counts.get("rules_held"):
        parts.append(_("rules on hold: %(count)s") % {"count": format_number(counts["rules_held"])})
    return ", ".join(parts) + "."
