"""A rule understood as a whole: what the evaluator works on, whether it comes from a row or from a form."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rules.choices import ActionType
from rules.conditions.schedules import Schedule
from rules.conditions.scopes import Scope
from rules.conditions.trees import Node

Mask = NDArray[np.bool_]


class CampaignsToChange(Protocol):
    """What an action may ask about all campaigns at once."""

    @property
    def count(self) -> int: ...

    # One entry per campaign; budgets in minor units of the currency.
    @property
    def platforms(self) -> Sequence[str]: ...

    @property
    def currencies(self) -> Sequence[str]: ...

    @property
    def daily_budgets(self) -> Sequence[int | None]: ...

    def labelled(self, label: str) -> Mask:
        """Which campaigns carry the label."""

    def with_status(self, status: str) -> Mask:
        """Which campaigns are in it."""


class Action(Protocol):
    """What a rule does, with its settings understood (rules.actions holds one module for each)."""

    @property
    def type(self) -> ActionType: ...

    @property
    def field(self) -> str | None:
        """What it changes on the platform (campaigns.choices.ChangedField); None: no platform hears of it."""

    @property
    def effect(self) -> Hashable | None:
        """The state it brings a campaign into: in one pass, two rules with the same effect act once. None: no state."""

    def as_json(self) -> dict[str, Any]: ...

    def phrase(self) -> str:
        """Its half of the sentence: 'apply the label “Stop loss”'."""

    def after(self, campaigns: CampaignsToChange, position: int) -> str | int | None:
        """What it makes of `field`; None where that cannot be said."""

    def in_state(self, campaigns: CampaignsToChange, among: Mask | None = None) -> Mask:
        """Which campaigns are in that state already, so that there is nothing to change; at least of those `among`."""


@dataclass(frozen=True, slots=True)
class RuleSpec:
    """`rule_id` is None for a rule that is not saved yet; `min_confidence` is in percent. Rules of higher `priority`
    act first; one in `shadow` only says what it would have done, and so does any on `holdout_percent` of its campaigns
    (rules.conditions.holdout). `version` numbers its settings."""

    rule_id: int | None
    name: str
    condition: Node
    scope: Scope
    action: Action
    cooldown_hours: int
    min_confidence: int | None = None
    priority: int = 0
    shadow: bool = False
    # None: checked at every pass.
    schedule: Schedule | None = None
    holdout_percent: int = 0
    version: int = 1
