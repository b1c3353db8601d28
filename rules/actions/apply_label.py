"""Put a label on a campaign. Labels stay in the workspace: no platform hears of them."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from django.utils.translation import gettext as _

from accounts.audit import Actor
from campaigns.services.campaigns import MAX_BULK, MAX_LABELS_PER_CAMPAIGN, Operation, campaigns_label, label_clean
from rules.actions.base import Change, Done, Result, Target, refuse_unknown_keys
from rules.choices import ActionType
from rules.conditions import ConditionError
from rules.conditions.specs import CampaignsToChange, Mask
from stratum.lib.errors import DomainError

_KEYS = frozenset({"label"})


@dataclass(frozen=True, slots=True)
class ApplyLabel:
    label: str

    @property
    def type(self) -> ActionType:
        return ActionType.APPLY_LABEL

    @property
    def field(self) -> None:
        return None

    @property
    def effect(self) -> Hashable:
        return (self.type, self.label)

    @classmethod
    def validate(cls, config: Mapping[str, Any]) -> Self:
        refuse_unknown_keys(config, _KEYS)
        label = config.get("label")
        if not isinstance(label, str):
            raise ConditionError(_("Write the label to apply."), code="label_missing", place="label")
        try:
            return cls(label_clean(label))
        except DomainError as error:
            raise ConditionError(str(error), code=error.code, place="label") from error

    def as_json(self) -> dict[str, Any]:
        return {"label": self.label}

    def phrase(self) -> str:
        return _("apply the label “%(label)s”") % {"label": self.label}

    def after(self, campaigns: CampaignsToChange, position: int) -> None:
        return None

    def in_state(self, campaigns: CampaignsToChange, among: Mask | None = None) -> Mask:
        return campaigns.labelled(self.label)

    def plan(self, target: Target) -> Change:
        before = list(target.labels)
        return Change(target, {"labels": before}, {"labels": [*before, self.label]})

    def apply(
        self, changes: Sequence[Change], *, rule_id: int, rule_name: str, now: datetime, actor: Actor
    ) -> list[Result]:
        changed = _label([change.target.campaign_id for change in changes], self.label, "label_added", actor)
        full = _("The label could not be applied: the campaign has %(most)s labels already, or is no longer there.")
        return [
            Result(
                change, error="" if change.target.campaign_id in changed else full % {"most": MAX_LABELS_PER_CAMPAIGN}
            )
            for change in changes
        ]

    def revert(self, done: Sequence[Done], *, actor: Actor) -> int:
        added = [one.campaign_id for one in done if self.label not in one.before.get("labels", [])]
        return len(_label(added, self.label, "label_removed", actor))


def _label(campaign_ids: list[int], label: str, operation: Operation, actor: Actor) -> set[int]:
    """Ids of the campaigns that changed. The audit entry of the bulk change names them."""
    changed: set[int] = set()
    for start in range(0, len(campaign_ids), MAX_BULK):
        part = campaign_ids[start : start + MAX_BULK]
        _count, entry = campaigns_label(campaign_ids=part, label=label, operation=operation, actor=actor)
        if entry is not None and entry.new_value is not None:
            changed.update(entry.new_value["campaign_ids"])
    return changed
