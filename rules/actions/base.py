"""The shape of an action: validate → plan → apply → revert.

`apply` and `revert` work on all campaigns of one rule at once. An action that changes a platform goes through the
services of campaigns; none of them reads or decides anything that the evaluator did not.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, Self

import numpy as np
from django.utils.translation import gettext as _

from accounts.audit import Actor
from rules.choices import ActionType, Outcome
from rules.conditions import ConditionError
from rules.conditions.explanations import Explanation
from rules.conditions.specs import CampaignsToChange, Mask

MAX_MESSAGE_LENGTH = 500


@dataclass(frozen=True, slots=True)
class Target:
    """A campaign on which a rule is about to act, and why."""

    campaign_id: int
    name: str
    labels: Sequence[str]
    explanation: Explanation
    platform: str = ""
    status: str = ""
    currency: str = ""
    # Minor units.
    daily_budget: int | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What an action will do to one campaign: `before` → `after`, named as rule_executions.action_result keeps it."""

    target: Target
    before: Mapping[str, Any]
    after: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a change. `error` is one sentence for people and empty when it worked.

    `outcome` says which gate stopped it after all, None: it worked, or failed. `account_id` is the ad account to whose
    platform the change must be sent once the transaction is in.
    """

    change: Change
    error: str = ""
    # What else the action made, such as the id of an alert.
    made: Mapping[str, Any] = field(default_factory=dict)
    outcome: Outcome | None = None
    account_id: int | None = None

    def as_json(self, action_type: ActionType) -> dict[str, Any]:
        made = {"made": dict(self.made)} if self.made else {}
        return {
            "action": action_type.value,
            "before": dict(self.change.before),
            "after": dict(self.change.after),
            **made,
        }


@dataclass(frozen=True, slots=True)
class Done:
    """An action of the past as its execution row keeps it, for taking it back."""

    campaign_id: int
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    made: Mapping[str, Any]

    @classmethod
    def from_json(cls, campaign_id: int, raw: Mapping[str, Any]) -> "Done":
        """Read action_result. ValueError for one that no action of ours wrote."""
        if raw.keys() - {"action", "before", "after", "made"} or not {"before", "after"} <= raw.keys():
            raise ValueError(f"action_result has keys {sorted(raw)}")
        return cls(campaign_id, raw["before"], raw["after"], raw.get("made", {}))


class Performer(Protocol):
    """An action with its settings understood, able to carry itself out (it is also a rules.conditions.Action)."""

    @property
    def type(self) -> ActionType: ...

    @property
    def field(self) -> str | None: ...

    @property
    def effect(self) -> Hashable | None: ...

    @classmethod
    def validate(cls, config: Mapping[str, Any]) -> Self:
        """The stored settings, understood; ConditionError for unknown keys and bad values."""

    def as_json(self) -> dict[str, Any]: ...

    def phrase(self) -> str: ...

    def after(self, campaigns: CampaignsToChange, position: int) -> str | int | None: ...

    def in_state(self, campaigns: CampaignsToChange, among: Mask | None = None) -> Mask: ...

    def plan(self, target: Target) -> Change: ...

    def apply(
        self, changes: Sequence[Change], *, rule_id: int, rule_name: str, now: datetime, actor: Actor
    ) -> list[Result]:
        """Carry out the changes of one rule, in the caller's transaction; one result for each, in order."""

    def revert(self, done: Sequence[Done], *, actor: Actor) -> int:
        """Take back what still stands as the action left it; how many were. What somebody changed since stays."""


class Telling:
    """What actions that only tell people have in common: no platform hears of it, no state is reached by it (two rules
    say two things), and what was said is said."""

    __slots__ = ()

    @property
    def field(self) -> None:
        return None

    @property
    def effect(self) -> None:
        return None

    def after(self, campaigns: CampaignsToChange, position: int) -> None:
        return None

    def in_state(self, campaigns: CampaignsToChange, among: Mask | None = None) -> Mask:
        return np.zeros(campaigns.count, bool)

    def revert(self, done: Sequence[Done], *, actor: Actor) -> int:
        return 0


def refuse_unknown_keys(config: Mapping[str, Any], known: frozenset[str]) -> None:
    unknown = sorted(str(key) for key in config.keys() - known)
    if unknown:
        raise ConditionError(
            _("This action has no setting “%(key)s”.") % {"key": unknown[0]},
            code="config_unknown_key",
            place="action_config",
            allowed=tuple(sorted(known)),
        )


def parse_message(text: Any, *, place: str = "message") -> str:
    """What a person adds to an alert or message, stripped; ConditionError at `place` when it is too long."""
    if not isinstance(text, str) or len(text) > MAX_MESSAGE_LENGTH or "\0" in text:
        raise ConditionError(
            _("The message has at most %(max)s characters.") % {"max": MAX_MESSAGE_LENGTH},
            code="message_too_long",
            place=place,
        )
    return text.strip()
