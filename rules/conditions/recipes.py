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
            _("Pause a campaign that surely earns less than it costs, on complete days only."), "trending-down",
            {
                **_ACTIVE, "mode": "text", "condition_text": "roas over the last 3 complete days is below 1",
                "condition_field": "roas", "condition_operator": Operator.LESS_THAN.value,
                "condition_value": "1", "window_days": 3, "min_confidence": "90",
                "action_type": ActionType.PAUSE_CAMPAIGN.value, "to": CampaignStatus.PAUSED.value,
                "cooldown_hours": 24, "priority": 10,
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
            "broken_tracking", _("Broken tracking"),
            _("Clicks go on, conversions have stopped: the pixel or the tag may be broken."), "unplug",
            {
                **_ACTIVE, "mode": "text",
                "condition_text": "clicks over the last 2 full days is above 100 "
                "and conversions over the last 2 full days is 0 and conversions over the last 14 full days is above 10",
                "condition_field": "conversions", "condition_operator": Operator.EQUALS.value, "condition_value": "0",
                "window_days": 2, "action_type": ActionType.SEND_ALERT.value, "severity": Severity.CRITICAL.value,
                "cooldown_hours": 24,
            },
        ),
        Recipe(
            "above_target", _("Above target"),
            _("Say so when a conversion surely costs more than the campaign’s target."), "target",
            {
                **_ACTIVE, "mode": "text",
                "condition_text": "cpa over the last 7 complete days is above 1.2 × target cpa",
                "condition_field": "cpa", "condition_operator": Operator.GREATER_THAN.value, "condition_value": "50",
                "window_days": 7, "min_confidence": "90", "action_type": ActionType.SEND_ALERT.value,
                "severity": Severity.WARNING.value, "cooldown_hours": 72,
            },
        ),
        Recipe(
            "fatigue", _("Creative fatigue"),
            _("Mark campaigns in which a creative is worn out."), "battery-low",
            {
                **_ACTIVE, "condition_field": "fatigue", "condition_operator": Operator.GTE.value,
                "condition_value": "0.6", "action_type": ActionType.APPLY_LABEL.value, "label": "New creatives needed",
                "cooldown_hours": 168,
            },
        ),
        Recipe(
            "over_pace", _("Over pace"),
            _("Look every morning whether a campaign will spend more than its month’s budget."), "gauge",
            {
                **_ACTIVE, "condition_field": "pacing", "condition_operator": Operator.GREATER_THAN.value,
                "condition_value": "110", "action_type": ActionType.SEND_ALERT.value,
                "severity": Severity.WARNING.value,
                "every": "day", "check_at": "09:00", "check_zone": "account", "cooldown_hours": 72,
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
            _("Give campaigns that earn well 20% more a day, up to a ceiling."), "trending-up",
            {
                **_ACTIVE, "condition_field": "roas", "condition_operator": Operator.GTE.value,
                "condition_value": "4", "window_days": 7, "min_confidence": "90",
                "action_type": ActionType.ADJUST_BUDGET.value, "move": "20", "move_kind": "percent",
                "floor": "10", "ceiling": "500", "beyond": "clamp", "cooldown_hours": 72,
            },
        ),
        Recipe(
            "budget_guard", _("Budget guard"),
            _("Lower the budget of campaigns whose conversions have become dear."), "shield",
            {
                **_ACTIVE, "mode": "text",
                "condition_text": "cpa over the last 3 full days is above 1.5 × cpa over the last 30 full days",
                "condition_field": "cpa", "condition_operator": Operator.GREATER_THAN.value,
                "condition_value": "50", "window_days": 3, "action_type": ActionType.ADJUST_BUDGET.value,
                "move": "-20", "move_kind": "percent", "floor": "10", "ceiling": "500", "beyond": "clamp",
                "cooldown_hours": 72, "priority": 5,
            },
        ),
    )
})  # fmt: skip
