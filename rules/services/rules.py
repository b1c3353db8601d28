"""Writes on rules themselves. A rule is saved only when every part of it can be read."""

from dataclasses import asdict, dataclass
from typing import Any, Self

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.audit import Actor, record, snapshot
from accounts.choices import AuditAction
from campaigns.models import Campaign
from rules.actions.alert_rows import alerts_resolve
from rules.actions.specs import rule_spec
from rules.choices import AlertStatus, RuleStatus
from rules.conditions import ConditionError
from rules.models import Alert, Rule, RuleVersion
from rules.services.approvals import question_withdraw
from rules.services.versions import settings_read, version_first, version_next
from stratum.lib.errors import DomainError

MAX_NAME_LENGTH = 255


@dataclass(frozen=True, slots=True)
class RuleDraft:
    """What a person decides about a rule, in the columns' own terms. None in a scope means all."""

    name: str
    condition_field: str
    condition_operator: str
    condition_value: str
    condition_duration_hours: int
    action_type: str
    action_config: dict[str, Any]
    condition_tree: dict[str, Any] | None = None
    description: str = ""
    applies_to_platforms: list[str] | None = None
    applies_to_statuses: list[str] | None = None
    applies_to_campaigns: list[int] | None = None
    cooldown_hours: int = 24
    min_confidence: int | None = None
    priority: int = 0
    shadow: bool = False

    def on(self, rule: Rule) -> Rule:
        """The draft's values set on a rule that is not saved by this."""
        for name in self.__slots__:
            setattr(rule, name, getattr(self, name))
        return rule

    @classmethod
    def of(cls, rule: Rule) -> Self:
        """A stored rule's settings, as if they were just being written."""
        values = {name: getattr(rule, name) for name in cls.__slots__}
        return cls(**{**values, "description": rule.description or ""})

    @classmethod
    def from_json(cls, raw: Any) -> Self:
        """A version's settings. ConditionError where they cannot be read any more."""
        return settings_read(raw, cls)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@transaction.atomic
def rule_create(*, draft: RuleDraft, status: RuleStatus = RuleStatus.DRAFT, actor: Actor) -> Rule:
    """ConditionError (a DomainError) names the place of what cannot be read."""
    rule = draft.on(Rule(status=status))
    _check(rule)
    rule.save()
    version_first(rule, RuleDraft.of(rule).as_json(), actor=actor)
    record(actor=actor, action=AuditAction.CREATE, resource=rule, new=snapshot(rule))
    return rule


@transaction.atomic
def rule_update(*, rule: Rule, draft: RuleDraft, status: RuleStatus | None = None, actor: Actor) -> Rule:
    """Change a rule, and its status when one is given. Cooldowns that run keep running.

    A setting that really changed makes a new version; what stays the same, and the status, make none.
    """
    locked = _locked(rule)
    old, before = snapshot(locked), RuleDraft.of(locked)
    draft.on(locked)
    locked.status = status or locked.status
    locked.held_reason = ""
    question_withdraw(locked, actor=actor)
    _check(locked)
    after = RuleDraft.of(locked)
    if after != before:
        version_next(locked, old=before.as_json(), new=after.as_json(), actor=actor)
    locked.save()
    record(actor=actor, action=AuditAction.UPDATE, resource=locked, old=old, new=snapshot(locked))
    _resolve_held_alert(locked, actor)
    return locked


@transaction.atomic
def rule_describe(*, rule: Rule, name: str, description: str, actor: Actor) -> Rule:
    """What a rule is called and what is noted about it, even where the rest of it cannot be read, or is deleted."""
    locked = Rule.objects.with_deleted().select_for_update(no_key=True).get(pk=rule.pk)
    old, before = snapshot(locked, ["name", "description"]), RuleDraft.of(locked)
    locked.name, locked.description = _checked_name(name), description
    after = RuleDraft.of(locked)
    if after == before:
        return locked
    version_next(locked, old=before.as_json(), new=after.as_json(), actor=actor)
    locked.save(update_fields=["name", "description", "version", "updated_at"])
    new = snapshot(locked, ["name", "description"])
    record(actor=actor, action=AuditAction.UPDATE, resource=locked, old=old, new=new)
    return locked


@transaction.atomic
def rule_use_version(*, rule: Rule, number: int, actor: Actor) -> Rule:
    """The settings of a version once more, as a new version. RuleVersion.DoesNotExist, or ConditionError where they
    cannot be read any more, because a campaign is gone for example."""
    version = RuleVersion.objects.get(rule=rule, number=number)
    return rule_update(rule=rule, draft=RuleDraft.from_json(version.settings), actor=actor)


@transaction.atomic
def rule_set_status(*, rule: Rule, status: RuleStatus, actor: Actor) -> Rule:
    """Activate, pause, or make it a draft again. A rule that cannot be read is not activated."""
    locked = _locked(rule)
    if locked.status == status:
        return locked
    if status == RuleStatus.ACTIVE:
        _check(locked)
    old = snapshot(locked, ["status"])
    locked.status = status
    question_withdraw(locked, actor=actor)
    locked.save(update_fields=["status", "awaiting_since", "dismissed_at", "updated_at"])
    record(actor=actor, action=AuditAction.UPDATE, resource=locked, old=old, new=snapshot(locked, ["status"]))
    return locked


@transaction.atomic
def rule_duplicate(*, rule: Rule, actor: Actor) -> Rule:
    """A draft with the same settings and none of the history."""
    name = _("%(name)s (copy)") % {"name": rule.name}
    values = {field: getattr(rule, field) for field in RuleDraft.__slots__}
    copy = Rule(**{**values, "name": name[:MAX_NAME_LENGTH], "status": RuleStatus.DRAFT})
    copy.save()
    version_first(copy, RuleDraft.of(copy).as_json(), actor=actor)
    record(actor=actor, action=AuditAction.CREATE, resource=copy, new=snapshot(copy))
    return copy


@transaction.atomic
def rule_delete(*, rule: Rule, actor: Actor) -> Rule:
    """Hide a rule and stop it. Its history stays; rule_restore brings it back as it was."""
    locked = _locked(rule)
    locked.is_deleted = True
    question_withdraw(locked, actor=actor)
    locked.save(update_fields=["is_deleted", "awaiting_since", "dismissed_at", "updated_at"])
    record(actor=actor, action=AuditAction.DELETE, resource=locked, old=snapshot(locked))
    return locked


@transaction.atomic
def rule_restore(*, rule_id: int, actor: Actor) -> Rule:
    """Undo a deletion. Rule.DoesNotExist when there is no such rule in the workspace."""
    rule = Rule.objects.with_deleted().select_for_update().get(pk=rule_id)
    if not rule.is_deleted:
        return rule
    rule.is_deleted = False
    rule.save(update_fields=["is_deleted", "updated_at"])
    record(
        actor=actor,
        action=AuditAction.UPDATE,
        resource=rule,
        old={"is_deleted": True},
        new={"is_deleted": False},
    )
    return rule


def _locked(rule: Rule) -> Rule:
    return Rule.objects.select_for_update(no_key=True).get(pk=rule.pk)


def _checked_name(text: str) -> str:
    name = text.strip()
    if not name or len(name) > MAX_NAME_LENGTH or "\0" in name:
        raise DomainError(_("Give the rule a name of at most 255 characters."), code="name_invalid", field="name")
    return name


def _check(rule: Rule) -> None:
    rule.name = _checked_name(rule.name)
    spec = rule_spec(rule)
    chosen = spec.scope.campaign_ids
    if chosen is None:
        return
    # Another workspace's ids are unknown here like those of nobody.
    known = Campaign.objects.filter(pk__in=chosen).count()
    if known != len(chosen):
        raise ConditionError(
            _("Some of the chosen campaigns do not exist any more. Choose again."),
            code="campaigns_unknown",
            place="campaigns",
        )


def _resolve_held_alert(rule: Rule, actor: Actor) -> None:
    open_alerts = Alert.objects.filter(cause=f"rule:{rule.pk}:held", status=AlertStatus.OPEN)
    alerts_resolve(list(open_alerts.values_list("pk", flat=True)), actor=actor)
