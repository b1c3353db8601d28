"""A rule understood as a whole: what the evaluator works on, whether it comes from a row or from a form."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rules.choices import ActionType
from rules.conditions.scopes import Scope
from rules.conditions.trees import Node

Mask = NDArray[np.bool_]


class CampaignsToChange(Protocol):
    """What an action may ask about all campaigns at once."""

    @property
    def count(self) -> int: ...

    def labelled(self, label: str) -> Mask:
        """Which campaigns carry the label."""


class Action(Protocol):
    """What a rule does, with its settings understood (rules.actions holds one module for each)."""

    @property
    def type(self) -> ActionType: ...

    @property
    def effect(self) -> Hashable | None:
        """The state it brings a campaign into: in one pass, two rules with the same effect act once. None: no state."""

    def as_json(self) -> dict[str, Any]: ...

    def phrase(self) -> str:
        """Its half of the sentence: 'apply the label “Stop loss”'."""

    def in_state(self, campaigns: CampaignsToChange) -> Mask:
        """Which campaigns are in that state already, so that there is nothing to change."""


@dataclass(frozen=True, slots=True)
class RuleSpec:
    """`rule_id` is None for a rule that is not saved yet; `min_confidence` is in percent."""

    rule_id: int | None
    name: str
    condition: Node
    scope: Scope
    action: Action
    cooldown_hours: int
    min_confidence: int | None = None
