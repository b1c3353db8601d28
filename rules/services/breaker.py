"""The circuit breaker: a rule that only fails, or that others keep turning back, stops itself and tells people."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.audit import Actor, record
from accounts.choices import AuditAction
from rules.actions.alert_rows import AlertRow, alerts_raise
from rules.choices import RuleStatus, Severity
from rules.models import Rule
from rules.queries.trouble import FAILING_PASSES, TURNED_SPAN, Trouble, troubles
from rules.services.approvals import question_withdraw


def stopped_cause(rule_id: int) -> str:
    """The cause of its alert."""
    return f"rule:{rule_id}:stopped"


def rules_break(
    rules: Sequence[Rule], tried: Mapping[int, bool], changing: Sequence[int], *, now: datetime, actor: Actor
) -> list[Rule]:
    """After a pass, in its transaction: stop what has to be stopped; those rules.

    `tried`: rule → whether anything that it tried in this pass worked, for rules that tried something. `changing`: the
    rules of the pass that change platforms; one statement looks at what became of their changes.
    """
    counted = [rule for rule in rules if rule.pk in tried and (not tried[rule.pk] or rule.failing_passes)]
    for rule in counted:
        rule.failing_passes = 0 if tried[rule.pk] else rule.failing_passes + 1
    if counted:
        Rule.objects.bulk_update(counted, ["failing_passes"])
    found = troubles(changing, now=now) if changing else {}
    stopped = []
    for rule in rules:
        reason = _reason(rule, found.get(rule.pk, Trouble()))
        if reason:
            _stop(rule, reason, now=now, actor=actor)
            stopped.append(rule)
    alerts_raise([_alert(rule) for rule in stopped], now=now, actor=actor)
    return stopped


def _reason(rule: Rule, trouble: Trouble) -> str:
    if rule.failing_passes >= FAILING_PASSES:
        text = _("Everything it tried failed in %(passes)s runs one after the other.")
        return text % {"passes": rule.failing_passes}
    if trouble.is_refused:
        text = _("The platforms refused %(refused)s of the %(finished)s changes that it sent within 24 hours.")
        return text % {"refused": trouble.refused, "finished": trouble.finished}
    if trouble.is_turned_back:
        text = ngettext(
            "What it did to “%(campaign)s” was turned back %(times)s time within %(days)s days.",
            "What it did to “%(campaign)s” was turned back %(times)s times within %(days)s days.",
            trouble.turned_back,
        )
        return text % {"campaign": trouble.campaign, "times": trouble.turned_back, "days": TURNED_SPAN.days}
    return ""


def _stop(rule: Rule, reason: str, *, now: datetime, actor: Actor) -> None:
    old = {"status": rule.status}
    rule.status, rule.stopped_at, rule.stopped_reason = RuleStatus.PAUSED, now, reason
    question_withdraw(rule, actor=actor)
    names = ["status", "stopped_at", "stopped_reason", "awaiting_since", "dismissed_at", "updated_at"]
    rule.save(update_fields=names)
    new = {"status": rule.status, "stopped_reason": reason}
    record(actor=actor, action=AuditAction.UPDATE, resource=rule, old=old, new=new)


def _alert(rule: Rule) -> AlertRow:
    return AlertRow(
        cause=stopped_cause(rule.pk),
        severity=Severity.CRITICAL.value,
        title=_("Rule stopped: %(rule)s") % {"rule": rule.name},
        body=_("%(reason)s It is paused until somebody activates it again.") % {"reason": rule.stopped_reason},
        rule_id=rule.pk,
    )
