"""Starting points for a rule: they prefill the editor, where everything can still be changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from campaigns.choices import CampaignStatus
from rules.choices import ActionType, Operator, Severity


@dataclass(frozen=True, slots=True)
class Recipe:
    """`initial` holds the editor's fields, values as they are stored (numbers with a point)."""

    key: str
    title: Promise
    text: Promise
    icon: str
    initial: Mapping[str, Any]


_ACTIVE = {"statuses": [CampaignStatus.ACTIVE.value]}

RECIPES: Mapping[str, Recipe] = MappingProxyType({
    recipe.key: recipe
    for recipe in (
        Recipe(
            "stop_loss", _("Stop loss"),
            _("Hear at once when a campaign earns less than it costs."), "trending-down",
            {
                **_ACTIVE, "condition_field": "roas", "condition_operator": Operator.LESS_THAN.value,
                "condition_value": "1", "window_days": 3, "action_type": ActionType.SEND_ALERT.value,
                "severity": Severity.CRITICAL.value, "cooldown_hours": 24,
            },
        ),
        Recipe(
            "zero_conversions", _("Zero conversions"),
            _("Find campaigns that spend and do not convert."), "circle-slash",
            {
                **_ACTIVE, "condition_field": "conversions", "condition_operator": Operator.EQUALS.value,
                "condition_value": "0", "window_days": 3, "action_type": ActionType.SEND_ALERT.value,
                "severity": Severity.WARNING.value, "cooldown_hours": 72,
            },
        ),
        Recipe(
            "low_ctr", _("Low CTR"),
            _("Mark campaigns whose ads are seen but not clicked."), "mouse-pointer-click",
            {
                **_ACTIVE, "condition_field": "ctr", "condition_operator": Operator.LESS_THAN.value,
                "condition_value": "0.5", "window_days": 7, "action_type": ActionType.APPLY_LABEL.value,
                "label": "Low CTR", "cooldown_hours": 168,
            },
        ),
        Recipe(
            "scale_winners", _("Scale winners"),
            _("Mark campaigns that could carry a larger budget."), "trending-up",
            {
                **_ACTIVE, "condition_field": "roas", "condition_operator": Operator.GTE.value,
                "condition_value": "4", "window_days": 7, "action_type": ActionType.APPLY_LABEL.value,
                "label": "Scale", "cooldown_hours": 168,
            },
        ),
    )
})  # fmt: skip
