"""Tell a Slack channel what the rule found: one message for each pass, however many campaigns it is about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from django.utils.translation import gettext as _

from accounts.audit import Actor
from rules.actions.base import Change, Result, Target, Telling, parse_message, refuse_unknown_keys
from rules.actions.slack_rows import Told, rule_payload, slack_message_queue
from rules.choices import ActionType, Outcome, SlackStatus
from rules.conditions import ConditionError
from rules.conditions.wording import reason
from rules.models import SlackTarget

_KEYS = frozenset({"target", "message"})


@dataclass(frozen=True, slots=True)
class NotifySlack(Telling):
    """`target` is the id of a SlackTarget; whether it still works is found out when the rule acts."""

    target: int
    message: str = ""

    @property
    def type(self) -> ActionType:
        return ActionType.NOTIFY_SLACK

    @classmethod
    def validate(cls, config: Mapping[str, Any]) -> Self:
        refuse_unknown_keys(config, _KEYS)
        target = config.get("target")
        if not isinstance(target, int) or isinstance(target, bool) or target < 1:
            raise ConditionError(
                _("Choose the Slack channel that the message goes to."), code="target_missing", place="slack_target"
            )
        return cls(target, parse_message(config.get("message", ""), place="slack_message"))

    def as_json(self) -> dict[str, Any]:
        return {"target": self.target, "message": self.message} if self.message else {"target": self.target}

    def phrase(self) -> str:
        return _("send a message to Slack")

    def plan(self, target: Target) -> Change:
        return Change(target, {}, {})

    def apply(
        self, changes: Sequence[Change], *, rule_id: int, rule_name: str, now: datetime, actor: Actor
    ) -> list[Result]:
        target = SlackTarget.objects.filter(pk=self.target).first()
        if problem := _problem(target):
            return [Result(change, error=problem) for change in changes]
        assert target is not None  # or there had been a problem
        told = [Told(one.target.name, reason(Outcome.ACTED, one.target.explanation)) for one in changes]
        message = slack_message_queue(
            target=target,
            payload=rule_payload(rule_name, self.message, told, rule_id=rule_id),
            rule_id=rule_id,
            campaign_id=changes[0].target.campaign_id if len(changes) == 1 else None,
            actor=actor,
        )
        return [
            Result(Change(change.target, {}, {"slack": target.name}), made={"slack": message.pk}) for change in changes
        ]


def _problem(target: SlackTarget | None) -> str:
    """Why nothing can be written there; empty when it can."""
    if target is None:
        return _("The Slack channel that this rule writes to has been removed. Choose another one.")
    if target.status == SlackStatus.BROKEN:
        return _("Slack does not take messages for “%(name)s” any more: %(error)s") % {
            "name": target.name,
            "error": target.last_error,
        }
    return ""
