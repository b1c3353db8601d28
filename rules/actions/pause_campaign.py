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

_KEYS = frozenset({"to", "until"})
# Paused for today: the change takes itself back when the day ends in the ad account's zone.
END_OF_DAY = "end_of_day"
TARGETS = (CampaignStatus.PAUSED.value, CampaignStatus.ACTIVE.value)


@dataclass(frozen=True, slots=True)
class PauseCampaign:
    to: str = CampaignStatus.PAUSED.value
    until: str = ""

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
        until = config.get("until", "")
        if until not in ("", END_OF_DAY) or (until and to != CampaignStatus.PAUSED):
            raise ConditionError(
                _("Only a pause can end by itself, at the end of the campaign’s day."),
                code="until_unknown",
                place="to",
                allowed=(END_OF_DAY,),
            )
        return cls(to, until)

    def as_json(self) -> dict[str, Any]:
        return {"to": self.to, "until": self.until} if self.until else {"to": self.to}

    def phrase(self) -> str:
        if self.until:
            return _("pause the campaign until the end of its day")
        return _("pause the campaign") if self.to == CampaignStatus.PAUSED else _("enable the campaign")

    def after(self, campaigns: CampaignsToChange, position: int) -> str:
        return self.to

    def in_state(self, campaigns: CampaignsToChange, among: Mask | None = None) -> Mask:
        return campaigns.with_status(self.to)

    def plan(self, target: Target) -> Change:
        return Change(target, {"status": target.status}, {"status": self.to, **self._until})

    def apply(
        self, changes: Sequence[Change], *, rule_id: int, rule_name: str, now: datetime, actor: Actor
    ) -> list[Result]:
        wanted = Wanted(self.field, lambda _standing: self.to, today=bool(self.until))
        return platform_apply(changes, wanted, now=now, actor=actor)

    def revert(self, done: Sequence[Done], *, actor: Actor) -> int:
        return platform_revert(done, actor=actor)

    @property
    def _until(self) -> dict[str, str]:
        return {"until": self.until} if self.until else {}
