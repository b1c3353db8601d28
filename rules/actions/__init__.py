"""What rules do, one module for each action; `ACTIONS` holds those that can be chosen and carried out."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from django.utils.translation import gettext as _

from rules.actions.adjust_budget import AdjustBudget
from rules.actions.apply_label import ApplyLabel
from rules.actions.base import Change, Performer, Result
from rules.actions.notify_slack import NotifySlack
from rules.actions.notify_whatsapp import NotifyWhatsApp
from rules.actions.pause_campaign import PauseCampaign
from rules.actions.send_alert import SendAlert
from rules.choices import ActionType
from rules.conditions import ConditionError

ACTIONS: Mapping[str, type[Performer]] = MappingProxyType({
    ActionType.APPLY_LABEL.value: ApplyLabel,
    ActionType.SEND_ALERT.value: SendAlert,
    ActionType.PAUSE_CAMPAIGN.value: PauseCampaign,
    ActionType.ADJUST_BUDGET.value: AdjustBudget,
    ActionType.NOTIFY_SLACK.value: NotifySlack,
    ActionType.NOTIFY_WHATSAPP.value: NotifyWhatsApp,
})  # fmt: skip

__all__ = [
    "ACTIONS",
    "AdjustBudget",
    "ApplyLabel",
    "Change",
    "NotifySlack",
    "NotifyWhatsApp",
    "PauseCampaign",
    "Performer",
    "Result",
    "SendAlert",
    "action_parse",
]


def action_parse(action_type: Any, config: Any) -> Performer:
    """The action a rule stores, understood. ConditionError with place 'action_type' or 'action_config'."""
    action = ACTIONS.get(action_type)
    if action is None:
        raise ConditionError(
            _("The action “%(action)s” is not available in this workspace. Choose one of: %(allowed)s.")
            % {"action": action_type, "allowed": ", ".join(str(ActionType(one).label) for one in ACTIONS)},
            code="action_not_available",
            place="action_type",
            allowed=tuple(ACTIONS),
        )
    if not isinstance(config, dict):
        raise ConditionError(
            _("The action's settings cannot be read."), code="config_not_object", place="action_config"
        )
    return action.validate(config)
