"""What people do with messages of the ledger: send again what certainly failed, call off what still waits."""

from django.db import transaction
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.audit import Actor, record, snapshot
from accounts.choices import AuditAction
from stratum.lib.errors import DomainError
from whatsapp.choices import MessageState, MessageStatus, Purpose
from whatsapp.clients.errors import REPEATABLE, Verdict, verdict_of
from whatsapp.models import WhatsAppMessage
from whatsapp.queries.messages import CANCELLED, state_of, waits_until
from whatsapp.queries.recipients import OBSTACLES, disagreement, obstacle
from whatsapp.services.preparing import window_closes_at

# After these, something may have changed that lets the same message through: a number that was mended, a template that
# was approved, a day that has passed. Others would fail the same way, or may have arrived.
_AGAIN = REPEATABLE | {
    Verdict.CONNECTION, Verdict.BLOCKED, Verdict.TEMPLATE, Verdict.TEMPLATE_PAUSED, Verdict.WINDOW, Verdict.PAUSE_DAY,
}  # fmt: skip
# Codes of ours that say so, too.
_AGAIN_LOCAL = frozenset({
    CANCELLED, "local.no_number", "local.number_removed", "local.number_stopped", "local.template_waits",
    "local.template_not_approved", "local.window_closed", "local.inactive", "local.not_verified", "local.not_opted_in",
    "local.no_alerts", "local.no_reports", "local.marketing_stopped", "local.opted_out", "local.too_old",
})  # fmt: skip
_STATES = ["status", "error_code", "next_retry_at"]


def why_no_retry(message: WhatsAppMessage) -> str:
    """Why a message cannot be sent again, as one sentence; empty where it can. Expects its contact at hand."""
    now = timezone.now()
    state, code = state_of(message, now), message.error_code or ""
    if state == MessageState.MAYBE or (state == MessageState.FAILED and message.maybe_sent_at and not message.wamid):
        return _("It may have arrived, so it is never sent again.")
    if state not in (MessageState.FAILED, MessageState.CANCELLED):
        return _("Only what failed can be sent again.")
    if message.purpose == Purpose.CODE:
        return _("Codes are not sent again: ask for a new one.")
    if code not in _AGAIN_LOCAL and (not code or verdict_of(code) not in _AGAIN):
        return _("It would fail in the same way again.")
    if (until := waits_until(message, now)) is not None:
        return _("WhatsApp asks to wait until %(when)s.") % {"when": date_format(timezone.localtime(until), "j M, H:i")}
    if found := obstacle(message.contact, Purpose(message.purpose)):
        return _("Nothing can be sent: %(reason)s.") % {"reason": OBSTACLES[found]}
    closes = window_closes_at(message.contact)
    is_open = closes is not None and closes > now
    if message.purpose == Purpose.REPLY and not is_open and (found := disagreement(message.contact)):
        return _("Nothing can be sent: %(reason)s.") % {"reason": OBSTACLES[found]}
    needs_window = message.purpose in (Purpose.REPLY, Purpose.ANSWER) and message.message_type != "template"
    if needs_window and not is_open:
        return _("They have not written within 24 hours: only a template is allowed until they write again.")
    return ""


@transaction.atomic
def message_retry(*, message: WhatsAppMessage, actor: Actor) -> WhatsAppMessage:
    """Queue a failed message again. DomainError with the reason where that is not safe, or would not help.

    What WhatsApp never took goes back into the queue itself. What it took, and then reported as failed, keeps its line
    and its history: a new message with the same words goes out, one however often this is called.
    """
    locked = (
        WhatsAppMessage.objects.select_for_update(of=("self",), no_key=True)
        .select_related("contact__user", "number")
        .get(pk=message.pk)
    )
    if reason := why_no_retry(locked):
        raise DomainError(reason, code="no_retry")
    if locked.number is not None and locked.number.is_deleted:
        locked.number = None  # from the workspace's own, then
    if locked.wamid or locked.status_history:
        return _copy(locked, actor)
    old = snapshot(locked, _STATES)
    locked.status, locked.error_code, locked.error_message = MessageStatus.PENDING, None, None
    locked.retry_count, locked.next_retry_at, locked.scheduled_at = 0, None, timezone.now()
    locked.save(update_fields=[*_STATES, "error_message", "retry_count", "scheduled_at", "number"])
    record(actor=actor, action=AuditAction.UPDATE, resource=locked, old=old, new=snapshot(locked, _STATES))
    return locked


def _copy(failed: WhatsAppMessage, actor: Actor) -> WhatsAppMessage:
    """The message's row is locked: two at once find the same copy."""
    key = f"retry:{failed.pk}"
    if (known := WhatsAppMessage.objects.filter(dedupe_key=key).first()) is not None:
        return known
    kept = (
        "contact_id", "template_id", "number_id", "direction", "purpose", "breaks_quiet", "message_type",
        "template_name", "template_variables", "content", "context_wamid",
    )  # fmt: skip
    copy = WhatsAppMessage.objects.create(
        **{name: getattr(failed, name) for name in kept},
        dedupe_key=key,
        created_by=actor.user,
        status=MessageStatus.PENDING,
    )
    record(
        actor=actor,
        action=AuditAction.CREATE,
        resource=copy,
        new={"operation": "message_retried", "of": failed.pk, "contact": failed.contact_id},
    )
    return copy


def may_cancel(message: WhatsAppMessage) -> bool:
    """Whether it still waits, so that it can be called off."""
    return state_of(message, timezone.now()) in (MessageState.QUEUED, MessageState.WAITS)


@transaction.atomic
def message_cancel(*, message: WhatsAppMessage, actor: Actor) -> WhatsAppMessage:
    """Call off what waits. DomainError once somebody has begun to send it: the row's lock decides who was first."""
    locked = WhatsAppMessage.objects.select_for_update(of=("self",), no_key=True).get(pk=message.pk)
    if not may_cancel(locked):
        raise DomainError(_("It does not wait any more, so it cannot be called off."), code="too_late")
    old = snapshot(locked, _STATES)
    locked.status, locked.error_code, locked.next_retry_at = MessageStatus.FAILED, CANCELLED, None
    locked.error_message = ""
    fields = [*_STATES, "error_message"]
    if locked.purpose == Purpose.CODE:
        locked.content = ""
        fields.append("content")
    locked.save(update_fields=fields)
    record(actor=actor, action=AuditAction.UPDATE, resource=locked, old=old, new=snapshot(locked, _STATES))
    return locked
