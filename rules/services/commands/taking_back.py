"""Acknowledging an alert, and taking back what the contact's own last command did."""

from collections.abc import Sequence

from django.db import transaction
from django.utils.translation import gettext as _

from campaigns.models import Campaign, CampaignChange
from campaigns.services.changes import change_undo
from rules.choices import AlertStatus, CommandOutcome
from rules.conditions.commands import alert_number
from rules.models import Alert, WhatsAppCommand
from rules.queries.commands import alerts_told, last_doing, open_alert
from rules.queries.undoing import UndoScope
from rules.services.alerts import alert_acknowledge, alert_reopen
from rules.services.commands.base import Asked, Reply, missing_right, refused
from rules.services.commands.pausing import queued
from rules.services.commands.status import LONGEST_TITLE, titled
from rules.services.executions import executions_undo
from stratum.lib.errors import DomainError
from stratum.lib.plain_words import cut

MOST_LISTED = 8


def acknowledge(asked: Asked) -> Reply:
    """The alert with this number; else what the answered message told; else the newest that this contact was told."""
    if refusal := missing_right(asked.user, "manage_alerts"):
        return refusal
    argument = asked.command.argument
    if argument:
        number = alert_number(argument)
        alert = None if number is None else open_alert(number)
    else:
        told = alerts_told(asked.contact, wamid=asked.message.context_wamid or "")
        if len(told) > 1:
            return refused("\n".join([_("That message told of several alerts. Write the number, too:"), *listed(told)]))
        alert = told[0] if told else None
    if alert is None:
        return refused(_("There is no such open alert. Status lists the alerts with their numbers."))
    if not alert_acknowledge(alert=alert, actor=asked.actor):
        return refused(_("This alert is not open any more."))
    text = _("Acknowledged: #%(number)s %(title)s")
    made = {"alerts": [alert.pk]}
    return Reply(text % {"number": alert.pk, "title": cut(alert.title, LONGEST_TITLE)}, CommandOutcome.DONE, made=made)


def listed(alerts: Sequence[Alert]) -> list[str]:
    """'#12 Spend is high', one line each."""
    return [f"#{alert.pk} {cut(alert.title, LONGEST_TITLE)}" for alert in alerts[:MOST_LISTED]]


def take_back(asked: Asked) -> Reply:
    """What nobody changed since goes back, by the same services as the buttons of the pages."""
    done = last_doing(asked.contact, asked.now)
    if done is None:
        return refused(_("There is nothing of yours from the last 24 hours that could be taken back."))
    # Held by the contact's lock: of two messages the second finds it undone.
    if done.undone_at is not None:
        return refused(_("Your last command has been taken back already."))
    try:
        with transaction.atomic():
            reply = _undo(asked, done)
            if reply.outcome == CommandOutcome.DONE:
                WhatsAppCommand.objects.filter(pk=done.pk, undone_at=None).update(undone_at=asked.now)
            return reply
    except DomainError as error:
        return refused(str(error))


def _undo(asked: Asked, done: WhatsAppCommand) -> Reply:
    made = done.made
    if "change" in made:
        return _undo_change(asked, made["change"])
    if made.get("executions"):
        return _undo_approval(asked, UndoScope(made["rule"], *made["executions"]))
    if "alerts" in made:
        return _undo_acknowledgement(asked, made["alerts"])
    return refused(_("What you did last changed nothing that could be taken back."))


def _undo_change(asked: Asked, change_id: int) -> Reply:
    if refusal := missing_right(asked.user, "edit_campaigns"):
        return refusal
    change = CampaignChange.objects.select_related("campaign").filter(pk=change_id).first()
    if change is None:
        return refused(_("The campaign is not in this workspace any more."))
    campaign: Campaign = change.campaign
    back = change_undo(change=change, actor=asked.actor)
    if back is None:
        return Reply(_("Taken back before it was sent. Nothing changed."), CommandOutcome.DONE)
    text = _("%(campaign)s is being set back. You will hear how it went.") % {"campaign": titled(campaign)}
    return Reply(text, CommandOutcome.DONE, change=back.pk, to_send=queued(campaign, back))


def _undo_approval(asked: Asked, scope: UndoScope) -> Reply:
    if refusal := missing_right(asked.user, "edit_rules"):
        return refusal
    undo = executions_undo(scope=scope, actor=asked.actor)
    text = _("Taken back on %(count)s campaigns.") % {"count": len(undo.campaign_ids)}
    if undo.left:
        stays = _("%(count)s stay as they are: %(reason)s")
        text = f"{text} {stays % {'count': len(undo.left), 'reason': undo.reasons[0][1]}}"
    return Reply(text, CommandOutcome.DONE, to_send=undo.to_send)


def _undo_acknowledgement(asked: Asked, alert_ids: list[int]) -> Reply:
    if refusal := missing_right(asked.user, "manage_alerts"):
        return refusal
    alert = Alert.objects.filter(pk=alert_ids[0], status=AlertStatus.ACKNOWLEDGED).first()
    if alert is None:
        return refused(_("Somebody changed the alert since."))
    alert_reopen(alert=alert, actor=asked.actor)
    text = _("Open again: #%(number)s %(title)s")
    return Reply(text % {"number": alert.pk, "title": cut(alert.title, LONGEST_TITLE)}, CommandOutcome.DONE)
