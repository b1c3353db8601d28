"""Panels that pages of other apps show: the home page and the page of a campaign."""

from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _

from accounts.decorators import requires
from accounts.middleware import zone_or_utc
from campaigns.models import Campaign
from rules.actions.specs import rule_reading
from rules.choices import Outcome
from rules.conditions.wording import reason, sentence
from rules.models import Rule
from rules.queries.activity import AutomationToday, automation_today, explanation_of, newest_outcomes
from rules.queries.alerts import alert_reason
from rules.queries.evaluation import evaluate_now
from rules.queries.rules import active_rules, waiting_rules
from rules.views.pages import show
from stratum.lib.figures import format_number


@dataclass(frozen=True, slots=True)
class Governing:
    """One rule in whose scope a campaign is: where it stands now and why, and what it last did or decided."""

    rule: Rule
    sentence: str
    outcome: Outcome
    why: str
    last_outcome: str
    last_at: datetime | None

    @property
    def label(self) -> str:
        return _("Would act") if self.outcome is Outcome.ACTED else str(self.outcome.label)


@requires("view")
def home_panel(request: HttpRequest) -> HttpResponse:
    """What automation did today, in the workspace's zone, and which alerts are open."""
    today = automation_today(now=timezone.now(), zone=zone_or_utc(request.tenant.timezone))
    acted = [(execution, _reason(execution)) for execution in today.latest]
    alerts = [(alert, alert_reason(alert)) for alert in today.alerts]
    context = {"today": today, "figures": _figures(today), "acted": acted, "alerts": alerts}
    return show(request, "rules/_home_panel.html", context)


@requires("view")
def waiting_count_panel(request: HttpRequest) -> HttpResponse:
    """Beside Rules in the sidebar: how many of them wait for a person; nothing where none does."""
    count = waiting_rules(now=timezone.now()).count()
    return render(request, "rules/_waiting_count.html", {"count": count})


def _figures(today: AutomationToday) -> list[tuple[str, str]]:
    activity = reverse("rules:activity_list")
    counts = (
        (_("Acted"), today.acted, Outcome.ACTED),
        (_("Held now: numbers too old"), today.held, Outcome.HELD_STALE),
        (_("Failed"), today.failed, Outcome.FAILED),
    )
    return [
        (word, format_html('<a class="num" href="{}?outcome={}">{}</a>', activity, outcome.value, format_number(count)))
        for word, count, outcome in counts
    ]


@requires("view")
def campaign_panel(request: HttpRequest, pk: int) -> HttpResponse:
    """The active rules that govern a campaign, and why each acts or does not."""
    campaign = get_object_or_404(Campaign, pk=pk)
    return show(request, "rules/_campaign_panel.html", {"campaign": campaign, "governing": _governing(campaign)})


def _governing(campaign: Campaign) -> list[Governing]:
    readings = [rule_reading(rule) for rule in active_rules()]
    specs = [reading.spec for reading in readings if reading.spec is not None]
    evaluation = evaluate_now(specs, now=timezone.now(), campaign_ids=[campaign.pk])
    evaluated = {one.spec.rule_id: one for one in evaluation.rules}
    newest = newest_outcomes(evaluated, campaign.pk)
    governing = []
    for reading in readings:
        one = evaluated.get(reading.rule.pk)
        if one is None or not one.facts.count:
            continue
        outcome = one.outcome(0)
        if outcome is None:
            continue
        last = newest.get(reading.rule.pk)
        governing.append(
            Governing(
                reading.rule,
                sentence(one.spec),
                outcome,
                reason(outcome, one.explain(0)),
                Outcome(last.outcome).label if last else "",
                last.executed_at if last else None,
            )
        )
    return governing


def _reason(execution) -> str:
    explanation = explanation_of(execution)
    return reason(Outcome(execution.outcome), explanation) if explanation else ""
