"""Pause a campaign on its platform, or switch it on (the schema's action has no second name for that)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from django.utils.translation import gettext as _

from accounts.audit import Actor
from campaigns.choices import CampaignStatus, ChangedField
from rules.actions.base import Change, Done, Result, Target, refuse_unknown_keys
from rules.actions.platform import Wanted, platform_apply, platform_revert
from rules.choices import ActionType
from rules.conditions import ConditionError
from rules.conditions.specs import CampaignsToChange, Mask

_KEYS = frozenset({"to"})
TARGETS = (CampaignStatus.PAUSED.value, CampaignStatus.ACTIVE.value)


@dataclass(frozen=True, slots=True)
class PauseCampaign:
    to: str = CampaignStatus.PAUSED.value

    @property
    def type(self) -> ActionType:
        return ActionType.PAUSE_CAMPAIGN

    @property
    def field(self) -> str:
        return ChangedField.STATUS.value

    @property
    def effect(self) -> None:
        # One winner for each campaign and field; the gates name it.
        return None

    @classmethod
    def validate(cls, config: Mapping[str, Any]) -> Self:
        refuse_unknown_keys(config, _KEYS)
        to = config.get("to", CampaignStatus.PAUSED.value)
        if to not in TARGETS:
            raise ConditionError(
                _("A campaign can be paused or enabled, nothing else."),
                code="status_unknown",
                place="to",
                allowed=TARGETS,
            )
        return cls(to)

    def as_json(self) -> dict[str, Any]:
        return {"to": self.to}

    def phrase(self) -> str:
        return _("pause the campaign") if self.to == CampaignStatus.PAUSED else _("enable the campaign")

    def after(self, campaigns: CampaignsToChange, position: int) -> str:
        return self.to

    def in_state(self, campaigns: CampaignsToChange, among: Mask | None = None) -> Mask:
        return campaigns.with_status(self.to)

    def plan(self, target: Target) -> Change:
        return Change(target, {"status": target.status}, {"status": self.to})

    def apply(
        self, changes: Sequence[Change], *, rule_id: int, rule_name: str, now: datetime, actor: Actor
    ) -> list[Result]:
        return platform_apply(changes, Wanted(self.field, lambda _standing: self.to), now=now, actor=actor)

    def revert(self, done: Sequence[Done], *, actor: Actor) -> int:
        return platform_revert(done, actor=actor)
