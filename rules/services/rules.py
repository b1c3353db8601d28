"""Writes on rules themselves. A rule is saved only when every part of it can be read."""

from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import Actor, record, snapshot
from accounts.choices import AuditAction
from campaigns.models import Campaign
from rules.actions.alert_rows import alerts_resolve
from rules.actions.specs import rule_reading, rule_spec
from rules.choices import AlertStatus, Outcome, RuleStatus
from rules.conditions import ConditionError, RuleSpec
from rules.models import Alert, Rule, RuleState, RuleVersion
from rules.services.approvals import question_withdraw
from rules.services.breaker import stopped_cause
from rules.services.clashes import clashes_refuse
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
    schedule: dict[str, Any] | None = None
    holdout_percent: int = 0

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
def rule_create(
    *, draft: RuleDraft, status: RuleStatus = RuleStatus.DRAFT, actor: Actor, accept_clashes: Collection[int] = ()
) -> Rule:
    """ConditionError (a DomainError) names the place of what cannot be read.

    ClashError (another) when it would be active and undo what active rules do, unless they are in `accept_clashes`:
    the ids of the rules whose clash with this one a person has seen.
    """
    rule = draft.on(Rule())
    _set_status(rule, status)
    spec = _check(rule)
    accepted = clashes_refuse(spec, accept_clashes) if status == RuleStatus.ACTIVE else {}
    rule.save()
    version_first(rule, RuleDraft.of(rule).as_json(), actor=actor)
    record(actor=actor, action=AuditAction.CREATE, resource=rule, new=snapshot(rule) | accepted)
    return rule


@transaction.atomic
def rule_update(
    *,
    rule: Rule,
    draft: RuleDraft,
    status: RuleStatus | None = None,
    actor: Actor,
    accept_clashes: Collection[int] = (),
) -> Rule:
    """Change a rule, and its status when one is given. Cooldowns that run keep running.

    A setting that really changed makes a new version; what stays the same, and the status, make none. ClashError as
    rule_create; an active rule that goes on doing the same is not asked about again.
    """
    locked = _locked(rule)
    old, before = snapshot(locked), RuleDraft.of(locked)
    did = rule_reading(locked).spec if locked.status == RuleStatus.ACTIVE else None
    draft.on(locked)
    _set_status(locked, status or RuleStatus(locked.status))
    locked.held_reason = ""
    question_withdraw(locked, actor=actor)
    spec = _check(locked)
    asks = locked.status == RuleStatus.ACTIVE and not _does_the_same(did, spec)
    accepted = clashes_refuse(spec, accept_clashes) if asks else {}
    after = RuleDraft.of(locked)
    if after != before:
        version_next(locked, old=before.as_json(), new=after.as_json(), actor=actor)
    locked.save()
    record(actor=actor, action=AuditAction.UPDATE, resource=locked, old=old, new=snapshot(locked) | accepted)
    _resolve_alerts(locked, actor)
    if before.shadow and not locked.shadow:
        _forget_shadow(locked)
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
    cannot be read any more, because a campaign is gone for example; ClashError as rule_create."""
    version = RuleVersion.objects.get(rule=rule, number=number)
    return rule_update(rule=rule, draft=RuleDraft.from_json(version.settings), actor=actor)


@transaction.atomic
def rule_set_status(*, rule: Rule, status: RuleStatus, actor: Actor, accept_clashes: Collection[int] = ()) -> Rule:
    """Activate, pause, or make it a draft again. A rule that cannot be read is not activated, nor one that clashes with
    active rules (ClashError, as rule_create)."""
    locked = _locked(rule)
    if locked.status == status:
        return locked
    accepted = clashes_refuse(_check(locked), accept_clashes) if status == RuleStatus.ACTIVE else {}
    old = snapshot(locked, ["status"])
    _set_status(locked, status)
    question_withdraw(locked, actor=actor)
    locked.save(update_fields=["status", *_WITH_STATUS, "awaiting_since", "dismissed_at", "updated_at"])
    new = snapshot(locked, ["status"]) | accepted
    record(actor=actor, action=AuditAction.UPDATE, resource=locked, old=old, new=new)
    if status == RuleStatus.ACTIVE:
        _resolve_alerts(locked, actor)
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
def rule_restore(*, rule_id: int, status: RuleStatus | None = None, actor: Actor) -> Rule:
    """Undo a deletion; with another status where one is given. Rule.DoesNotExist when there is no such rule in the
    workspace, ClashError when it would be active again, and rules that are active by now undo what it does."""
    rule = Rule.objects.with_deleted().select_for_update().get(pk=rule_id)
    if not rule.is_deleted:
        return rule
    old = snapshot(rule, ["is_deleted", "status"])
    rule.is_deleted = False
    _set_status(rule, status or RuleStatus(rule.status))
    spec = rule_reading(rule).spec
    if rule.status == RuleStatus.ACTIVE and spec is not None:
        clashes_refuse(spec, ())
    rule.save(update_fields=["is_deleted", "status", *_WITH_STATUS, "updated_at"])
    new = snapshot(rule, ["is_deleted", "status"])
    record(actor=actor, action=AuditAction.UPDATE, resource=rule, old=old, new=new)
    return rule


# What changes with a rule's status.
_WITH_STATUS = ("activated_at", "failing_passes", "stopped_at", "stopped_reason")


def _set_status(rule: Rule, status: RuleStatus) -> None:
    """On the row alone. Whoever activates a rule has seen why it was stopped, and its clock begins now."""
    if status == RuleStatus.ACTIVE and rule.status != RuleStatus.ACTIVE:
        rule.activated_at = timezone.now()
        rule.failing_passes, rule.stopped_at, rule.stopped_reason = 0, None, ""
    rule.status = status


def _locked(rule: Rule) -> Rule:
    return Rule.objects.select_for_update(no_key=True).get(pk=rule.pk)


def _does_the_same(before: RuleSpec | None, spec: RuleSpec) -> bool:
    """Whether an edit left alone on what, and for which campaigns, a rule acts."""
    if before is None:
        return False
    unasked = ("name", "cooldown_hours", "priority", "schedule", "holdout_percent")
    beside = {name: getattr(spec, name) for name in unasked}
    return replace(before, **beside) == spec


def _checked_name(text: str) -> str:
    name = text.strip()
    if not name or len(name) > MAX_NAME_LENGTH or "\0" in name:
        raise DomainError(_("Give the rule a name of at most 255 characters."), code="name_invalid", field="name")
    return name


def _check(rule: Rule) -> RuleSpec:
    """The rule understood; a DomainError with the place of what is wrong."""
    rule.name = _checked_name(rule.name)
    spec = rule_spec(rule)
    chosen = spec.scope.campaign_ids
    if chosen is None:
        return spec
    # Another workspace's ids are unknown here like those of nobody.
    known = Campaign.objects.filter(pk__in=chosen).count()
    if known != len(chosen):
        raise ConditionError(
            _("Some of the chosen campaigns do not exist any more. Choose again."),
            code="campaigns_unknown",
            place="campaigns",
        )
    return spec


def _forget_shadow(rule: Rule) -> None:
    """From now on 'would have acted' means the hold-out group: the next pass says so anew where it holds."""
    RuleState.objects.filter(rule=rule, outcome=Outcome.SHADOW).update(outcome=Outcome.NO_MATCH)


def _resolve_alerts(rule: Rule, actor: Actor) -> None:
    """Somebody has put the rule right, or looked why it was stopped."""
    causes = [f"rule:{rule.pk}:held"] if not rule.held_reason else []
    if rule.stopped_at is None:
        causes.append(stopped_cause(rule.pk))
    open_alerts = Alert.objects.filter(cause__in=causes, status=AlertStatus.OPEN)
    alerts_resolve(list(open_alerts.values_list("pk", flat=True)), actor=actor)
