"""What a rule names and the workspace does not have any more: such a rule would do nothing, or far too much."""

from collections.abc import Set as AbstractSet

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from rules.choices import Operator
from rules.conditions import Condition, RuleSpec, ValueType, leaves
from rules.queries.facts import CampaignFacts


def lost_reason(spec: RuleSpec, facts: CampaignFacts, applied: AbstractSet[str] = frozenset()) -> str:
    """Why the rule cannot be meant as it stands, in one sentence; empty where all that it names is there.

    `facts` are those of all campaigns. `applied` are labels that other rules put on campaigns: they will be there.
    """
    chosen = spec.scope.campaign_ids
    if chosen is not None and not facts.positions(sorted(chosen))[1].any():
        return _("None of the campaigns that this rule names exists any more.")
    if not facts.count:
        return ""
    asked = {label for test in leaves(spec.condition) for label in _lost_labels(test, facts)}
    lost = sorted(asked - applied)
    if not lost:
        return ""
    names = ", ".join(f"“{label}”" for label in lost)
    text = ngettext("No campaign carries the label %(names)s.", "No campaign carries the labels %(names)s.", len(lost))
    return text % {"names": names}


def _lost_labels(test: Condition, facts: CampaignFacts) -> list[str]:
    """Labels that the test asks about and nobody carries; of 'one of' only where none of them is carried."""
    if test.field.value_type is not ValueType.LABELS:
        return []
    asked = test.value if isinstance(test.value, tuple) else (str(test.value),)
    lost = [label for label in asked if not facts.labelled(label).any()]
    return [] if test.operator is Operator.IN and len(lost) < len(asked) else lost
