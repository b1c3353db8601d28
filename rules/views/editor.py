"""The sentence builder and its live preview."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django_htmx.http import trigger_client_event

from accounts.decorators import requires
from campaigns.choices import CampaignStatus
from campaigns.models import Campaign
from rules import services
from rules.choices import Outcome, RuleStatus
from rules.conditions import FIELDS
from rules.conditions.recipes import RECIPES
from rules.conditions.wording import reason, scope_phrase, sentence
from rules.forms import RuleForm, number_shown
from rules.models import Rule
from rules.queries.evaluation import RuleEvaluation, evaluate_now
from rules.queries.lost import lost_reason
from rules.views.answers import done
from rules.views.clashes import Clashes, accepted_clashes, clashes_shown
from rules.views.pages import show
from rules.views.rules import saved_words
from stratum.lib.errors import DomainError

SHOWN = 8
CAMPAIGNS_FOUND = 20
_HELD = (
    Outcome.FAILED,
    Outcome.HELD_STALE,
    Outcome.HELD_EVIDENCE,
    Outcome.AWAITING_APPROVAL,
    Outcome.CAP,
    Outcome.PROTECTED,
    Outcome.COOLDOWN,
    Outcome.ALREADY_IN_STATE,
)


@dataclass(frozen=True, slots=True)
class PreviewRow:
    campaign_id: int
    name: str
    platform: str
    outcome: Outcome
    why: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What the rule would do now. Lists hold the first few; the counts count all."""

    sentence: str
    scope: str
    in_scope: int
    matched: int
    held: int
    missed: int
    matches: list[PreviewRow]
    holds: list[PreviewRow]
    nearest: list[PreviewRow]
    # Why it would be held as it stands; empty where it would not.
    lost: str
    clashes: Clashes | None


@requires("edit_rules", methods=("GET", "POST"))
def rule_create(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        return _save(request, None)
    return _editor(request, _asked_form(request, None), None)


@requires("edit_rules", methods=("GET", "POST"))
def rule_edit(request: HttpRequest, pk: int) -> HttpResponse:
    rule = get_object_or_404(Rule, pk=pk)
    if request.method == "POST":
        return _save(request, rule)
    return _editor(request, _asked_form(request, rule), rule)


def _save(request: HttpRequest, rule: Rule | None) -> HttpResponse:
    form = RuleForm(request.POST, rule=rule)
    if not form.is_valid():
        return _editor(request, form, rule, status=422)
    wanted = RuleStatus.ACTIVE if request.POST.get("save_as") == "active" else None
    how = {"draft": form.draft(), "actor": request.actor, "accept_clashes": accepted_clashes(request.POST)}
    try:
        if rule is None:
            saved = services.rule_create(status=wanted or RuleStatus.DRAFT, **how)
        else:
            saved = services.rule_update(rule=rule, status=wanted, **how)
    except services.ClashError as error:
        return _editor(request, form, rule, status=422, refusal=str(error))
    except DomainError as error:
        form.add_error(error.field if error.field in form.fields else None, str(error))
        return _editor(request, form, rule, status=422)
    return done(request, _saved_text(saved), to=reverse("rules:rule_detail", args=[saved.pk]), stay=False)


def _saved_text(rule: Rule) -> str:
    if rule.status == RuleStatus.ACTIVE:
        return _("“%(rule)s” is active. It is checked %(schedule)s.") % saved_words(rule)
    return _("“%(rule)s” was saved. It does nothing until you activate it.") % {"rule": rule.name}


def _asked_form(request: HttpRequest, rule: Rule | None) -> RuleForm:
    """The form as the URL asks for it: with its own values (a preview without scripts), from a template, stored."""
    if "condition_field" in request.GET:
        return RuleForm(request.GET, rule=rule, named=False)
    if rule is not None:
        return RuleForm(initial=RuleForm.initial_of(rule), rule=rule)
    return RuleForm(initial=_new_initial(request.GET, request.tenant.reporting_currency))


def _new_initial(query: QueryDict, currency: str) -> dict[str, Any]:
    initial: dict[str, Any] = {
        "condition_field": "roas",
        "statuses": [CampaignStatus.ACTIVE.value],
        "currency": currency,
    }
    recipe = RECIPES.get(query.get("template", ""))
    if recipe is not None:
        initial |= {**recipe.initial, "name": recipe.title}
        for name in ("condition_value", "move", "floor", "ceiling"):
            if name in initial:
                initial[name] = number_shown(initial[name])
    if query.get("campaign", "").isdecimal():
        initial |= {"campaigns": [int(query["campaign"])], "statuses": []}
    return initial


def _editor(
    request: HttpRequest, form: RuleForm, rule: Rule | None, *, status: int = 200, refusal: str = ""
) -> HttpResponse:
    context = {
        "refusal": refusal,
        "form": form,
        "rule": rule,
        "recipes": RECIPES.values() if rule is None and not form.is_bound and "template" not in request.GET else [],
        "preview": None,
        **_campaign_choices(form.chosen_campaigns, request.GET.get("campaign_q", "")),
    }
    if form.is_bound:
        context["preview"] = _preview(form, accepted_clashes(request.POST or request.GET))
    return show(request, "rules/rule_form.html", context, status=status)


@requires("edit_rules")
def rule_builder_panel(request: HttpRequest) -> HttpResponse:
    """The sentence again, after a choice that changes what stands beside it (field, comparison, action)."""
    data = request.GET.copy()
    form = RuleForm(data, named=False)
    field, before = form.chosen_field, FIELDS.get(data.get("shown_field", ""))
    allowed = [one.value for one in field.operators]
    if before is not None and before.value_type is not field.value_type:
        # '1' of a ROAS is no budget: what was written for another kind of figure is asked again.
        data["condition_value"] = ""
    if data.get("condition_operator") not in allowed or (before is not None and before.numeric != field.numeric):
        data["condition_operator"] = allowed[0]
    if form.is_text and not data.get("condition_text", "").strip():
        data["condition_text"] = form.simple_as_text()
    # Unbound: what has not been written yet is no mistake.
    shown = RuleForm(initial={**_as_initial(data, form)})
    response = show(request, "rules/_rule_builder.html", {"form": shown})
    # The preview asks again with what stands in the sentence now.
    return trigger_client_event(response, "builder-changed", after="settle")


def _as_initial(data: QueryDict, form: RuleForm) -> dict[str, Any]:
    many = {"statuses", "platforms", "campaigns", "check_days", "contacts"}
    return {name: data.getlist(name) if name in many else data.get(name, "") for name in form.fields}


@requires("edit_rules")
def rule_preview_panel(request: HttpRequest) -> HttpResponse:
    """What the rule in the form would do now, or where the form is wrong."""
    rule = get_object_or_404(Rule, pk=request.GET["rule"]) if request.GET.get("rule", "").isdecimal() else None
    form = RuleForm(request.GET, rule=rule, named=False)
    preview = _preview(form, accepted_clashes(request.GET))
    return show(request, "rules/_rule_preview.html", {"form": form, "rule": rule, "preview": preview})


@requires("replay", methods=("POST",))
def rule_replay_draft(request: HttpRequest) -> HttpResponse:
    """Keep the rule in the form, saved or not, and go to its replay."""
    rule = get_object_or_404(Rule, pk=request.POST["rule"]) if request.POST.get("rule", "").isdecimal() else None
    form = RuleForm(request.POST, rule=rule, named=False)
    if not form.is_valid():
        return _editor(request, form, rule, status=422)
    draft_id = services.draft_keep(form.draft())
    return redirect(f"{reverse('rules:replay_draft')}?{urlencode({'draft': draft_id})}")


@requires("edit_rules")
def rule_campaigns_panel(request: HttpRequest) -> HttpResponse:
    """Campaigns to choose among: those chosen already, then those whose name matches."""
    form = RuleForm(request.GET, named=False)
    context = _campaign_choices(form.chosen_campaigns, request.GET.get("campaign_q", ""))
    return show(request, "rules/_rule_campaigns.html", context)


def _campaign_choices(chosen_ids: list[int], text: str) -> dict[str, Any]:
    text = text.strip()
    chosen = list(Campaign.objects.filter(pk__in=chosen_ids).order_by("name")) if chosen_ids else []
    found = []
    if text:
        matching = Campaign.objects.search(text).exclude(pk__in=chosen_ids).order_by("name")
        found = list(matching[: CAMPAIGNS_FOUND + 1])
    return {
        "chosen_campaigns": chosen,
        "found_campaigns": found[:CAMPAIGNS_FOUND],
        "found_more": len(found) > CAMPAIGNS_FOUND,
        "campaign_q": text,
    }


def _preview(form: RuleForm, accepted: frozenset[int]) -> Preview | None:
    if not form.is_valid() or form.spec is None:
        return None
    spec = form.spec
    evaluation = evaluate_now([spec], now=timezone.now()).rules[0]
    counts = evaluation.counts()
    # In shadow mode it is what the rule says; else what the hold-out group leaves alone.
    acts, holds = [Outcome.ACTED], [*_HELD]
    (acts if spec.shadow else holds).append(Outcome.SHADOW)
    held = [int(position) for outcome in holds for position in evaluation.positions(outcome)]
    matches = [int(position) for outcome in acts for position in evaluation.positions(outcome)]
    return Preview(
        sentence=sentence(spec),
        scope=scope_phrase(spec.scope),
        in_scope=sum(counts.values()),
        matched=len(matches),
        held=len(held),
        missed=counts.get(Outcome.NO_MATCH, 0),
        matches=_rows(evaluation, matches[:SHOWN]),
        holds=_rows(evaluation, held[:SHOWN]),
        nearest=_rows(evaluation, evaluation.nearest_misses(SHOWN)),
        lost=lost_reason(spec, evaluation.facts),
        clashes=clashes_shown(spec, accepted),
    )


def _rows(evaluation: RuleEvaluation, positions: list[int]) -> list[PreviewRow]:
    facts = evaluation.facts
    rows = []
    for position in positions:
        outcome = evaluation.outcome(position) or Outcome.NO_MATCH
        why = reason(outcome, evaluation.explain(position))
        rows.append(
            PreviewRow(int(facts.ids[position]), facts.names[position], facts.platforms[position], outcome, why)
        )
    return rows
