"""How a person is told of alerts: chosen, muted for single rules, tried out."""

from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import Actor, record, snapshot
from accounts.choices import AuditAction, EmailKind
from accounts.models import User
from rules.actions.letters import trial_letter
from rules.choices import Channel, Severity
from rules.conditions.telling import QUIET_FROM, QUIET_TO, Preferences
from rules.models import NotificationPreferences, Rule, SlackTarget
from rules.queries.telling import people_to_tell, preferences_read
from rules.services.posting import Handed, Post
from rules.services.telling import deliveries_plan_anew
from stratum.lib.errors import DomainError
from tenants.models import Tenant
from whatsapp.models import WhatsAppContact

MAX_MUTED = 200
# Of the choice, what is the id of another row.
_REFERENCES = frozenset({"slack_target", "whatsapp_contact"})


@transaction.atomic
def notification_preferences_save(*, user: User, chosen: Preferences, actor: Actor) -> NotificationPreferences:
    """Keep a person's choice; what waits for them goes the new way. DomainError names the field that makes no sense."""
    _check(user, chosen)
    row, old = _row(user)
    for name, value in _columns(chosen).items():
        setattr(row, f"{name}_id" if name in _REFERENCES else name, value)
    _keep(user, row, old, actor)
    return row


def _keep(user: User, row: NotificationPreferences, old: dict[str, Any] | None, actor: Actor) -> None:
    row.save()
    new = snapshot(row, _NAMES)
    if old != new:
        action = AuditAction.UPDATE if old else AuditAction.CREATE
        record(actor=actor, action=action, resource=row, old=old, new=new)
        deliveries_plan_anew(user=user, now=timezone.now())


@transaction.atomic
def rule_mute(*, user: User, rule: Rule, muted: bool, actor: Actor) -> bool:
    """Tell this person of a rule's alerts no more, or again; False: so it was already. The bell is muted with it.
    Nothing else becomes their choice by it: whoever never chose keeps the defaults of whatever role they will have."""
    row, old = _row(user)
    before = preferences_read(user, row).muted_rules
    if (rule.pk in before) == muted:
        return False
    rules = before | {rule.pk} if muted else before - {rule.pk}
    if len(rules) > MAX_MUTED:
        raise DomainError(_("At most %(most)s rules can be muted.") % {"most": MAX_MUTED}, code="muted_many")
    row.muted_rules = sorted(rules)
    # Unchecked: that a channel is gone meanwhile is no reason to refuse.
    _keep(user, row, old, actor)
    return True


def _lock(user: User) -> None:
    """One choice of a person at a time: the row of the choice may not be there yet, the person's is."""
    list(User.objects.select_for_update(no_key=True).filter(pk=user.pk).values_list("pk"))


def _row(user: User) -> tuple[NotificationPreferences, dict[str, Any] | None]:
    _lock(user)
    row = NotificationPreferences.objects.filter(user=user).first()
    if row is None:
        return NotificationPreferences(user_id=user.pk), None
    return row, snapshot(row, _NAMES)


def _columns(chosen: Preferences) -> dict[str, Any]:
    quiet = chosen.quiet
    return {
        "channels": {severity: sorted(chosen.at_once(severity)) for severity in Severity.values},
        "quiet": quiet is not None,
        "quiet_from": quiet.start if quiet else QUIET_FROM,
        "quiet_to": quiet.end if quiet else QUIET_TO,
        "critical_breaks": chosen.critical_breaks,
        "digest_at": chosen.digest_at,
        "digest_channels": sorted(chosen.digest_channels),
        "slack_target": chosen.slack_target,
        "whatsapp_contact": chosen.whatsapp_contact,
        "muted_rules": sorted(chosen.muted_rules),
    }


_NAMES = list(_columns(Preferences()))


def _check(user: User, chosen: Preferences) -> None:
    if chosen.quiet is not None and chosen.quiet.start == chosen.quiet.end:
        raise DomainError(_("Quiet hours that begin when they end never begin."), code="quiet_empty", field="quiet_to")
    asked = chosen.digest_channels.union(*(chosen.at_once(severity) for severity in Severity.values))
    if chosen.digest_at is not None and not chosen.digest_channels:
        raise DomainError(_("Choose how the digest reaches you."), code="digest_channels", field="digest_channels")
    if chosen.slack_target is None and Channel.SLACK in asked:
        raise DomainError(_("Choose your Slack channel."), code="slack_missing", field="slack_target")
    if chosen.slack_target is not None and not SlackTarget.objects.filter(pk=chosen.slack_target).exists():
        raise DomainError(_("There is no such Slack channel any more."), code="slack_gone", field="slack_target")
    if chosen.whatsapp_contact is None and Channel.WHATSAPP in asked:
        raise DomainError(_("Choose your WhatsApp number."), code="contact_missing", field="whatsapp_contact")
    own = WhatsAppContact.objects.filter(user=user, pk=chosen.whatsapp_contact or 0)
    if chosen.whatsapp_contact is not None and not own.exists():
        raise DomainError(_("This is not your WhatsApp number."), code="contact_foreign", field="whatsapp_contact")


@transaction.atomic
def notifications_try(*, user: User, actor: Actor) -> dict[str, Handed]:
    """Queue a test message by each channel that a person chose: channel → its row in the ledger, or why there is none.
    DomainError when none is chosen."""
    person = next(iter(people_to_tell([user.pk])), None)
    chosen = person.preferences if person else Preferences()
    channels = chosen.digest_channels.union(*(chosen.at_once(severity) for severity in Severity.values))
    if person is None or not channels:
        raise DomainError(_("You chose no channel to be told by. Save a choice first."), code="no_channels")
    post = Post.of([person], actor=actor)
    name = Tenant.objects.values_list("name", flat=True).get()
    return {
        channel: post.hand_over(channel, person, partial(trial_letter, name), kind=EmailKind.ALERT, key=None)
        for channel in sorted(channels)
    }
