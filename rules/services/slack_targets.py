"""Slack targets: added, tried, removed. Their secrets are encrypted, and gone once the target is removed."""

from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.audit import Actor, record, snapshot
from accounts.choices import AuditAction
from rules.actions.alert_rows import alerts_resolve
from rules.actions.slack_rows import slack_message_queue, trial_payload
from rules.choices import AlertStatus, SlackKind, SlackState
from rules.clients.slack import webhook_is_allowed
from rules.models import Alert, SlackMessage, SlackTarget
from stratum.lib.errors import DomainError
from tenants.models import Tenant

MAX_TARGETS = 50


@dataclass(frozen=True, slots=True)
class TargetDraft:
    """What a person says about a target: a webhook has a URL, a bot a token and a channel."""

    name: str
    kind: str
    url: str = ""
    token: str = ""
    channel: str = ""


@transaction.atomic
def slack_target_create(*, draft: TargetDraft, actor: Actor) -> SlackTarget:
    """DomainError with the place of what is missing or not allowed."""
    _check(draft)
    is_bot = draft.kind == SlackKind.BOT
    target = SlackTarget.objects.create(
        name=draft.name,
        kind=draft.kind,
        url="" if is_bot else draft.url,
        token=draft.token if is_bot else "",
        channel=draft.channel,
    )
    record(actor=actor, action=AuditAction.CREATE, resource=target, new=snapshot(target))
    return target


def _check(draft: TargetDraft) -> None:
    if SlackTarget.objects.count() >= MAX_TARGETS:
        message = _("A workspace has at most %(most)s Slack channels. Remove one first.") % {"most": MAX_TARGETS}
        raise DomainError(message, code="too_many")
    if SlackTarget.objects.filter(name=draft.name).exists():
        raise DomainError(_("Another Slack channel has this name."), code="name_taken", field="name")
    if draft.kind == SlackKind.WEBHOOK and not webhook_is_allowed(draft.url):
        message = _("This is no webhook of Slack’s. It begins with https://hooks.slack.com/services/.")
        raise DomainError(message, code="host_not_allowed", field="url")
    if draft.kind == SlackKind.BOT and not draft.token.startswith("xoxb-"):
        raise DomainError(_("A bot’s token begins with xoxb-."), code="token_invalid", field="token")
    if draft.kind == SlackKind.BOT and not draft.channel:
        raise DomainError(_("Say which channel the bot writes to."), code="channel_missing", field="channel")


@transaction.atomic
def slack_target_test(*, target: SlackTarget, actor: Actor) -> SlackMessage:
    """Queue a test message, to a broken target too: when it arrives, the target works again."""
    if SlackMessage.objects.filter(target=target, rule=None, state=SlackState.PENDING).exists():
        raise DomainError(_("A test message is on its way already."), code="already_queued")
    payload = trial_payload(Tenant.objects.values_list("name", flat=True).get())
    return slack_message_queue(target=target, payload=payload, actor=actor)


@transaction.atomic
def slack_target_remove(*, target: SlackTarget, actor: Actor) -> SlackTarget:
    """Hide it and destroy its secret; rules that write to it say so when they act. What waits is not sent."""
    locked = SlackTarget.objects.select_for_update(no_key=True).get(pk=target.pk)
    old = snapshot(locked)
    locked.is_deleted, locked.url, locked.token = True, "", ""
    locked.save(update_fields=["is_deleted", "url", "token", "updated_at"])
    record(actor=actor, action=AuditAction.DELETE, resource=locked, old=old)
    waiting = SlackMessage.objects.filter(target=locked, state=SlackState.PENDING)
    waiting.update(state=SlackState.FAILED, error_code="local.removed", error=_("The channel was removed."))
    open_alerts = Alert.objects.filter(cause=broken_cause(locked), status=AlertStatus.OPEN)
    alerts_resolve(list(open_alerts.values_list("pk", flat=True)), actor=actor)
    return locked


def broken_cause(target: SlackTarget) -> str:
    return f"slack:{target.pk}:broken"
