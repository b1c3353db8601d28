"""What a rule would have done on past days: the page, and how far a large one is."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.decorators import requires
from campaigns.views.reading import STOP_POLLING
from rules import services, tasks
from rules.conditions import ConditionError
from rules.conditions.wording import scope_phrase, sentence
from rules.models import Rule
from rules.services.replays import SPANS
from rules.services.rules import RuleDraft
from rules.views.pages import show
from rules.views.replay_reading import action_table, days_chart, figures, filters


@requires("replay")
def rule_replay(request: HttpRequest, pk: int) -> HttpResponse:
    """A stored rule as it stands, replayed."""
    rule = get_object_or_404(Rule, pk=pk)
    crumbs = [(_("Rules"), reverse("rules:rule_list")), (rule.name, reverse("rules:rule_detail", args=[rule.pk]))]
    return _page(request, services.draft_of(rule), crumbs)


@requires("replay")
def replay_draft(request: HttpRequest) -> HttpResponse:
    """A rule that was in the editor, replayed without being saved."""
    draft = services.draft_kept(request.GET.get("draft", ""))
    crumbs = [(_("Rules"), reverse("rules:rule_list"))]
    if draft is None:
        return show(request, "rules/replay.html", {"crumbs": crumbs, "is_gone": True}, status=404)
    return _page(request, draft, crumbs)


@requires("replay")
def replay_progress_panel(request: HttpRequest) -> HttpResponse:
    """How far it is; asked for every second. The last answer stops the asking and loads the page anew."""
    replay_id = request.GET.get("replay", "")
    state = services.replay_state(replay_id, settle=False)
    if state is None or state.is_over:
        response = HttpResponse(status=STOP_POLLING)
        response["HX-Refresh"] = "true"
        return response
    return render(request, "rules/_replay_progress.html", {"replay_id": replay_id, "percent": state.percent})


def _page(request: HttpRequest, draft: RuleDraft, crumbs: list[tuple[str, str]]) -> HttpResponse:
    days = next((span for span in SPANS if str(span) == request.GET.get("days")), SPANS[0])
    ask = services.ReplayAsk.of(draft, days=days, now=timezone.now())
    context: dict[str, Any] = {
        "crumbs": crumbs,
        "rule_name": draft.name,
        "tabs": [(_span_text(span), _span_url(request, span), span == days, None) for span in SPANS],
    }
    try:
        spec = ask.spec
    except ConditionError as error:
        return show(request, "rules/replay.html", {**context, "problem": str(error)})
    state = _state(request, ask)
    context |= {"sentence": sentence(spec), "scope": scope_phrase(spec.scope), "state": state}
    if state.found is None:
        return show(request, "rules/replay.html", {**context, "replay_id": ask.replay_id, "percent": state.percent})
    table = action_table(request, state.found)
    if request.htmx:
        return render(request, "components/data_table.html", {"table": table})
    found = state.found
    context |= {
        "found": found,
        "table": table,
        "kpis": figures(found),
        "chart": days_chart(found),
        "caveats": [caveat.label for caveat in found.caveats],
        **filters(request, table),
    }
    return show(request, "rules/replay.html", context)


def _state(request: HttpRequest, ask: services.ReplayAsk) -> services.ReplayState:
    """What is kept of it; else computed here where that is quick, else handed to a worker."""
    state = services.replay_state(ask.replay_id)
    if state is not None:
        return state
    if ask.is_small:
        return services.ReplayState(services.replay_now(ask), 100)
    if services.replay_ask(ask):
        tasks.run_replay.delay_on_commit(tenant_id=request.tenant.pk, replay_id=ask.replay_id)
    return services.ReplayState(None)


def _span_text(days: int) -> str:
    return ngettext("%(days)s day", "%(days)s days", days) % {"days": days}


def _span_url(request: HttpRequest, days: int) -> str:
    kept = {"draft": request.GET["draft"]} if "draft" in request.GET else {}
    return f"{request.path}?{urlencode({**kept, 'days': days})}"
