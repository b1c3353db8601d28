"""What a rule's settings were, each time they were saved: rows are only added, and an execution names the one that
decided."""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import Actor
from accounts.choices import ActorKind
from rules.conditions import ConditionError
from rules.models import Rule, RuleVersion

ShapeT = TypeVar("ShapeT")


def settings_read(raw: Any, shape: type[ShapeT]) -> ShapeT:
    """Stored settings as a dataclass. What was added later has its default; ConditionError with the place of a key
    that is unknown, missing or of another type."""
    if not isinstance(raw, Mapping):
        raise ConditionError(_("These settings cannot be read."), code="settings_unreadable", place="settings")
    known = {one.name: one for one in fields(shape)}  # type: ignore[arg-type]  # shapes are dataclasses
    hints = get_type_hints(shape)
    required = {name for name, one in known.items() if one.default is MISSING and one.default_factory is MISSING}
    wrong = sorted(
        (raw.keys() - known.keys())
        | (required - raw.keys())
        | {name for name in known.keys() & raw.keys() if not _fits(raw[name], hints[name])}
    )
    if wrong:
        message = _("The setting “%(name)s” of that time cannot be read any more.") % {"name": wrong[0]}
        raise ConditionError(message, code="settings_unreadable", place=str(wrong[0]))
    return shape(**raw)


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value read from JSON is of a dataclass's type."""
    if hint is Any:
        return True
    kind, arguments = get_origin(hint), get_args(hint)
    if kind in (UnionType, Union):
        return any(_fits(value, one) for one in arguments)
    if kind is list:
        return isinstance(value, list) and all(_fits(one, arguments[0]) for one in value)
    if kind is dict:
        return isinstance(value, dict)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, NoneType if hint is None else hint)


def version_first(rule: Rule, settings: Mapping[str, Any], *, actor: Actor) -> None:
    """The settings that a new rule begins with."""
    user_id, label = _who(actor)
    RuleVersion.objects.create(rule=rule, number=rule.version, settings=settings, user_id=user_id, actor_label=label)


def version_next(rule: Rule, *, old: Mapping[str, Any], new: Mapping[str, Any], actor: Actor) -> None:
    """The settings that a rule has from now on; the caller holds the rule's row, and saves its new number.

    A rule that was saved before versions were kept has its present ones kept first, under the number that its
    executions carry; who saved them is not known.
    """
    newest = RuleVersion.objects.filter(rule=rule).aggregate(newest=Max("number"))["newest"]
    if newest is None:
        newest = rule.version
        RuleVersion.objects.create(rule=rule, number=newest, settings=old, created_at=rule.updated_at or timezone.now())
    rule.version = newest + 1
    version_first(rule, new, actor=actor)


def _who(actor: Actor) -> tuple[int | None, str]:
    """(person, label): staff are no people of the workspace."""
    if actor.kind == ActorKind.STAFF:
        return None, str(ActorKind.STAFF.label)
    return (actor.user.pk, "") if actor.user else (None, actor.label[:255])
