"""Whom to tell when nobody answers an alert: steps of minutes and people, as a workspace stores them.

JSON: [{"minutes": 15, "roles": ["admin"]}, {"minutes": 60, "people": [17]}]; minutes count from the moment at which the
alert began to wait for an answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from rules.choices import Severity
from rules.conditions.parsing import ConditionError

MAX_STEPS = 5
LEAST_MINUTES, MOST_MINUTES = 1, 7 * 24 * 60
# Severities that can be escalated, the worst first.
ESCALATED = (Severity.CRITICAL.value, Severity.WARNING.value)
_KEYS = frozenset({"minutes", "people", "roles"})


@dataclass(frozen=True, slots=True)
class Step:
    """`people` are ids of persons; `roles` names of roles whose members are all told."""

    minutes: int
    people: tuple[int, ...] = ()
    roles: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {"minutes": self.minutes}
        if self.people:
            found["people"] = list(self.people)
        if self.roles:
            found["roles"] = list(self.roles)
        return found


def parse_steps(raw: Any, *, roles: frozenset[str]) -> tuple[Step, ...]:
    """Stored steps, each later than the one before. ConditionError with the place ('step-0') of what is wrong."""
    if not isinstance(raw, list) or len(raw) > MAX_STEPS:
        message = _("An escalation has at most %(most)s steps.") % {"most": MAX_STEPS}
        raise ConditionError(message, code="steps_invalid", place="steps")
    steps: list[Step] = []
    for number, one in enumerate(raw):
        step = _step(one, f"step-{number}", roles)
        if steps and step.minutes <= steps[-1].minutes:
            message = _("Each step comes later than the one before.")
            raise ConditionError(message, code="steps_order", place=f"step-{number}")
        steps.append(step)
    return tuple(steps)


def _step(raw: Any, place: str, roles: frozenset[str]) -> Step:
    if not isinstance(raw, Mapping) or set(raw) - _KEYS:
        raise ConditionError(_("A step of the escalation cannot be read."), code="step_invalid", place=place)
    minutes = raw.get("minutes")
    if not isinstance(minutes, int) or isinstance(minutes, bool) or not LEAST_MINUTES <= minutes <= MOST_MINUTES:
        message = _("Write how many minutes it waits: from %(least)s to %(most)s.")
        raise ConditionError(
            message % {"least": LEAST_MINUTES, "most": MOST_MINUTES}, code="minutes_range", place=place
        )
    people, told = raw.get("people", []), raw.get("roles", [])
    if not (isinstance(people, list) and all(_is_id(one) for one in people)):
        raise ConditionError(_("A person of this step is not known."), code="people_invalid", place=place)
    if not (isinstance(told, list) and all(isinstance(one, str) and one in roles for one in told)):
        raise ConditionError(_("A role of this step is not known."), code="roles_invalid", place=place)
    if not people and not told:
        raise ConditionError(_("Choose who is told in this step."), code="nobody", place=place)
    return Step(minutes, tuple(dict.fromkeys(people)), tuple(dict.fromkeys(told)))


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31
