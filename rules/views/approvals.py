"""What waits for a person: rules that would change much at once, and exactly what they would change now."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from accounts.decorators import requires
from rules.actions import Performer, Result
from rules.actions.done_words import result_words
from rules.actions.specs import Reading, rule_reading
from rules.actions.targets import target_of
from rules.choices import Outcome
from rules.conditions.wording import gate_phrase, reason, sentence
from rules.models import Rule
from rules.queries.evaluation import RuleEvaluation, evaluate_now
from rules.queries.rules import APPROVAL_SPAN, waiting_rules
from rules.views.pages import show

# Rules on the page, and campaigns of each; the others are counted, and stand on the rule's own page.
MOST_RULES, SHOWN = 25, 10


@dataclass(frozen=True, slots=True)
class WouldChange:
    """One campaign: what the rule would make of it, and why."""

    name: str
    platform: str
    url: str
    change: str
    why: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """One rule that waits, as it stands at this moment; `changes` are the first of `count` campaigns."""

    rule: Rule
    sentence: str
    question: str
    until: datetime
    changes: list[WouldChange]
    count: int

    @property
    def more(self) -> int:
        return self.count - len(self.changes)


@requires("view")
def approval_list(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    waiting = waiting_rules(now=now)
    readings = [rule_reading(rule) for rule in waiting[:MOST_RULES]]
    specs = sorted((one.spec for one in readings if one.spec), key=lambda spec: (-spec.priority, spec.rule_id or 0))
    found = {one.spec.rule_id: one for one in evaluate_now(specs, now=now).rules} if specs else {}
    context: dict[str, Any] = {"waiting": [_waiting(one, found.get(one.rule.pk)) for one in readings]}
    return show(request, "rules/approval_list.html", context)


def _waiting(reading: Reading, evaluation: RuleEvaluation | None) -> Waiting:
    rule = reading.rule
    assert rule.awaiting_since is not None  # or it would not wait
    positions = [] if evaluation is None else evaluation.positions(Outcome.AWAITING_APPROVAL).tolist()
    return Waiting(
        rule=rule,
        sentence=sentence(reading.spec) if reading.spec else reading.problem,
        question=gate_phrase(evaluation.explain(positions[0])) if evaluation and positions else "",
        until=rule.awaiting_since + APPROVAL_SPAN,
        changes=[_change(evaluation, position) for position in positions[:SHOWN]] if evaluation else [],
        count=len(positions),
    )


def _change(evaluation: RuleEvaluation, position: int) -> WouldChange:
    action: Performer = evaluation.spec.action  # type: ignore[assignment]  # rule_spec reads nothing else
    target = target_of(evaluation, position)
    return WouldChange(
        target.name,
        target.platform,
        reverse("campaigns:campaign_detail", args=[target.campaign_id]),
        result_words(Result(action.plan(target)).as_json(action.type)),
        reason(Outcome.ACTED, target.explanation),
    )
