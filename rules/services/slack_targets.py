"""Slack targets: added, tried, removed. Their secrets are encrypted, and gone once the target is removed."""

from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.audit import Actor, record, snapshot
from accounts.choices import AuditAction
from rules.actions.alert_rows import cause_resolve
from rules.actions.slack_rows import slack_message_queue, trial_payload
from rules.choices import SlackKind, SlackState, SlackStatus
from rules.clients.slack import webhook_is_allowed
from rules.models import Alert, SlackInstall, SlackMessage, SlackTarget
from stratum.lib.errors import DomainError
from tenants.models import Tenant

MAX_TARGETS = 50
# What `target_mend` changes.
MENDED_FIELDS = ("status", "failures", "last_error", "updated_at")


@dataclass(frozen=True, slots=True)
class TargetDraft:
    """What a person says about a target: a webhook has a URL; a bot a channel, and a token or the installation that it
    came with."""

    name: str
    kind: str
    url: str = ""
    token: str = ""
    channel: str = ""
    install_id: int | None = None


@transaction.atomic
def slack_target_create(*, draft: TargetDraft, actor: Actor) -> SlackTarget:
    """DomainError with the place of what is missing or not allowed."""
    _check(draft)
    is_bot = draft.kind == SlackKind.BOT
    target = SlackTarget.objects.create(
        name=draft.name,
        kind=draft.kind,
        url="" if is_bot else draft.url,
        token=draft.token if is_bot and draft.install_id is None else "",
        channel=draft.channel,
        install=_install(draft.install_id) if draft.install_id is not None else None,
    )
    record(actor=actor, action=AuditAction.CREATE, resource=target, new=snapshot(target))
    return target


def _install(install_id: int) -> SlackInstall:
    """Held, so that it is not removed while a channel is hung on it."""
    working = SlackInstall.objects.filter(pk=install_id, status=SlackStatus.OK)
    install = working.select_for_update(no_key=True).first()
    if install is None:
        raise DomainError(_("This installation does not work. Install Stratum in Slack again."), code="install_broken")
    return install


def _check(draft: TargetDraft) -> None:
    if targets_are_full():
        message = _("A workspace has at most %(most)s Slack channels. Remove one first.") % {"most": MAX_TARGETS}
        raise DomainError(message, code="too_many")
    if SlackTarget.objects.filter(name=draft.name).exists():
        raise DomainError(_("Another Slack channel has this name."), code="name_taken", field="name")
    if draft.kind == SlackKind.WEBHOOK and not webhook_is_allowed(draft.url):
        message = _("This is no webhook of Slack’s. It begins with https://hooks.slack.com/services/.")
        raise DomainError(message, code="host_not_allowed", field="url")
    if draft.kind == SlackKind.BOT and draft.install_id is None and not draft.token.startswith("xoxb-"):
        raise DomainError(_("A bot’s token begins with xoxb-."), code="token_invalid", field="token")
    if draft.kind == SlackKind.BOT and not draft.channel:
        raise DomainError(_("Say which channel the bot writes to."), code="channel_missing", field="channel")


def targets_are_full() -> bool:
    return SlackTarget.objects.count() >= MAX_TARGETS


@transaction.atomic
def slack_target_test(*, target: SlackTarget, actor: Actor) -> SlackMessage:
    """Queue a test message, to a broken target too: when it arrives, the target works again."""
    payload = trial_payload(Tenant.objects.values_list("name", flat=True).get())
    # What it says makes it a test: digests and reports are of no rule either.
    if SlackMessage.objects.filter(target=target, payload=payload, state=SlackState.PENDING).exists():
        raise DomainError(_("A test message is on its way already."), code="already_queued")
    return slack_message_queue(target=target, payload=payload, actor=actor)


@transaction.atomic
def slack_target_remove(*, target: SlackTarget, actor: Actor) -> SlackTarget:
    """Hide it and destroy its secret; rules that write to it say so when they act. What waits is not sent."""
    locked = SlackTarget.objects.select_for_update(no_key=True).get(pk=target.pk)
    target_close(locked, actor=actor)
    return locked


def target_close(locked: SlackTarget, *, actor: Actor) -> None:
    """Of a locked target, in the caller's transaction."""
    old = snapshot(locked)
    locked.is_deleted, locked.url, locked.token = True, "", ""
    locked.save(update_fields=["is_deleted", "url", "token", "updated_at"])
    record(actor=actor, action=AuditAction.DELETE, resource=locked, old=old)
    waiting = SlackMessage.objects.filter(target=locked, state=SlackState.PENDING)
    waiting.update(state=SlackState.FAILED, error_code="local.removed", error=_("The channel was removed."))
    cause_resolve(broken_cause(locked), actor=actor)


def broken_cause(target: SlackTarget) -> str:
    return f"slack:{target.pk}:broken"


def tells_that_slack_is_broken(alert: Alert) -> bool:
    """Of one channel, or of an installation and with it of all its channels."""
    return alert.cause.startswith(("slack:", "slack-install:")) and alert.cause.endswith(":broken")


def target_mend(locked: SlackTarget, *, actor: Actor) -> None:
    """It is as good as new, and whatever was said of it is over. The caller saves MENDED_FIELDS."""
    locked.failures, locked.last_error = 0, ""
    if locked.status == SlackStatus.BROKEN:
        locked.status = SlackStatus.OK
        status_record(locked, SlackStatus.BROKEN, actor=actor)
        cause_resolve(broken_cause(locked), actor=actor)


def status_record(target: SlackTarget, old: str, *, actor: Actor) -> None:
    """Tell the audit trail of a status that has changed."""
    new = {"status": str(target.status)}
    record(actor=actor, action=AuditAction.UPDATE, resource=target, old={"status": str(old)}, new=new)
