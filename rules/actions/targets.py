"""What an evaluation found, as actions take it."""

from rules.actions.base import Target
from rules.queries.evaluation import RuleEvaluation


def target_of(evaluation: RuleEvaluation, position: int) -> Target:
    """The campaign at a position, and why the rule acts on it."""
    facts = evaluation.facts
    return Target(
        int(facts.ids[position]),
        facts.names[position],
        facts.labels[position],
        evaluation.explain(position),
        platform=facts.platforms[position],
        status=facts.statuses[position],
        currency=facts.currencies[position],
        daily_budget=facts.daily_budgets[position],
    )
