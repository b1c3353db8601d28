"""Raise an alert. Repeats of one cause (this rule on this campaign) are counted on the alert that is open already."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from django.utils.translation import gettext as _

from accounts.audit import Actor
from rules.actions.alert_rows import AlertRow, alerts_raise, alerts_resolve
from rules.actions.base import Change, Done, Result, Target, Telling, parse_message, refuse_unknown_keys
from rules.choices import ActionType, Outcome, Severity
from rules.conditions import ConditionError
from rules.conditions.wording import reason

_KEYS = frozenset({"severity", "message"})


@dataclass(frozen=True, slots=True)
class SendAlert(Telling):
    """An open alert is no reason to keep quiet: the repeat is counted on it."""

    severity: str = Severity.WARNING.value
    message: str = ""

    @property
    def type(self) -> ActionType:
        return ActionType.SEND_ALERT

    @classmethod
    def validate(cls, config: Mapping[str, Any]) -> Self:
        refuse_unknown_keys(config, _KEYS)
        severity = config.get("severity", Severity.WARNING.value)
        if severity not in Severity.values:
            raise ConditionError(
                _("An alert's severity is one of: %(allowed)s.") % {"allowed": ", ".join(Severity.values)},
                code="severity_unknown",
                place="severity",
                allowed=tuple(Severity.values),
            )
        return cls(severity, parse_message(config.get("message", "")))

    def as_json(self) -> dict[str, Any]:
        return {"severity": self.severity, "message": self.message} if self.message else {"severity": self.severity}

    def phrase(self) -> str:
        phrases = {
            Severity.INFO: _("send an informing alert"),
            Severity.WARNING: _("send a warning"),
            Severity.CRITICAL: _("send a critical alert"),
        }
        return phrases[Severity(self.severity)]

    def plan(self, target: Target) -> Change:
        return Change(target, {}, {"severity": self.severity})

    def apply(
        self, changes: Sequence[Change], *, rule_id: int, rule_name: str, now: datetime, actor: Actor
    ) -> list[Result]:
        rows = [self._row(change.target, rule_id, rule_name) for change in changes]
        raised = alerts_raise(rows, now=now, actor=actor)
        return [Result(change, made={"alert": raised[row.cause]}) for change, row in zip(changes, rows, strict=True)]

    def revert(self, done: Sequence[Done], *, actor: Actor) -> int:
        return alerts_resolve([one.made["alert"] for one in done if "alert" in one.made], actor=actor)

    def _row(self, target: Target, rule_id: int, rule_name: str) -> AlertRow:
        return AlertRow(
            cause=f"rule:{rule_id}:campaign:{target.campaign_id}",
            severity=self.severity,
            title=rule_name,
            body=self.message or reason(Outcome.ACTED, target.explanation),
            rule_id=rule_id,
            campaign_id=target.campaign_id,
            data={"message": self.message, "explanation": target.explanation.as_json()},
        )
