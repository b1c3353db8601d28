"""A rule that would change much at once asks first: a person lets it act on what matches then, or says no."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import Actor, record
from accounts.choices import AuditAction
from rules.actions.alert_rows import AlertRow, alerts_raise, alerts_resolve
from rules.choices import AlertStatus, RuleStatus, Severity
from rules.models import Alert, Rule
from rules.queries.rules import APPROVAL_SPAN, is_awaiting
from stratum.lib.errors import DomainError


def rules_ask(
    questions: Mapping[int, str], rules: Sequence[Rule], *, now: datetime, evaluated: set[int], actor: Actor
) -> None:
    """After a pass: rule id → what it would change. Ask where nobody was asked within 24 hours; end what is moot.

    `evaluated` are the rules that could be read: of the others nobody knows whether they still ask.
    """
    asking = [rule for rule in rules if rule.pk in questions and not _was_asked(rule, now)]
    moot = [rule for rule in rules if rule.awaiting_since and rule.pk in evaluated and rule.pk not in questions]
    if asking:
        Rule.objects.filter(pk__in=[rule.pk for rule in asking]).update(awaiting_since=now)
        alerts_raise([_question(rule, questions[rule.pk]) for rule in asking], now=now, actor=actor)
    if moot:
        Rule.objects.filter(pk__in=[rule.pk for rule in moot]).update(awaiting_since=None)
        _close([rule.pk for rule in moot], actor)


def _was_asked(rule: Rule, now: datetime) -> bool:
    dismissed = rule.dismissed_at is not None and rule.dismissed_at + APPROVAL_SPAN > now
    return dismissed or is_awaiting(rule, now)


def _question(rule: Rule, text: str) -> AlertRow:
    return AlertRow(
        cause=_cause(rule.pk),
        severity=Severity.WARNING.value,
        title=_("Waits for approval: %(rule)s") % {"rule": rule.name},
        body=text,
        rule_id=rule.pk,
    )


def is_question(alert: Alert) -> bool:
    """Whether an alert says that its rule waits for approval."""
    return alert.rule_id is not None and alert.cause == _cause(alert.rule_id)


def _cause(rule_id: int) -> str:
    return f"rule:{rule_id}:approval"


def _close(rule_ids: Sequence[int], actor: Actor) -> None:
    causes = [_cause(rule_id) for rule_id in rule_ids]
    open_alerts = Alert.objects.filter(cause__in=causes, status=AlertStatus.OPEN)
    alerts_resolve(list(open_alerts.values_list("pk", flat=True)), actor=actor)


def approval_take(*, rule: Rule, actor: Actor) -> Rule:
    """Hold the rule for acting on an approval, in the caller's transaction. DomainError when nothing waits any more."""
    locked = _waiting(rule)
    if locked.status != RuleStatus.ACTIVE:
        raise DomainError(_("Only active rules act. Activate it first."), code="not_active")
    record(
        actor=actor,
        action=AuditAction.UPDATE,
        resource=locked,
        old={"awaiting_since": str(locked.awaiting_since)},
        new={"operation": "approved"},
    )
    return locked


@transaction.atomic
def rule_dismiss(*, rule: Rule, actor: Actor) -> Rule:
    """Say no: nothing is changed, and the rule does not ask again for 24 hours."""
    locked = _waiting(rule)
    old = {"awaiting_since": str(locked.awaiting_since)}
    locked.awaiting_since, locked.dismissed_at = None, timezone.now()
    locked.save(update_fields=["awaiting_since", "dismissed_at", "updated_at"])
    record(actor=actor, action=AuditAction.UPDATE, resource=locked, old=old, new={"operation": "dismissed"})
    _close([locked.pk], actor)
    return locked


def question_withdraw(rule: Rule, *, actor: Actor) -> None:
    """The rule is another one now, or acts no more: what it asked is moot. The caller saves the rule's row."""
    if rule.awaiting_since is not None:
        _close([rule.pk], actor)
    rule.awaiting_since = rule.dismissed_at = None


def _waiting(rule: Rule) -> Rule:
    locked = Rule.objects.select_for_update(no_key=True).get(pk=rule.pk)
    if not is_awaiting(locked, timezone.now()):
        message = _("Nothing waits for approval any more. The rule asks again if it still has reason to.")
        raise DomainError(message, code="not_awaiting")
    return locked
