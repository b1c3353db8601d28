"""Reads behind commands by WhatsApp: what waits, which campaign is meant, which question is open, which alert."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Case, IntegerField, Value, When

from campaigns.choices import ChangeState
from campaigns.models import Campaign, CampaignChange
from rules.choices import AlertStatus, Channel, CodeKind, CommandOutcome
from rules.conditions.commands import MOST_CHOICES
from rules.models import Alert, AlertDelivery, WhatsAppCode, WhatsAppCommand
from tenants.context import unscoped
from whatsapp.choices import Direction
from whatsapp.models import WhatsAppContact, WhatsAppMessage

# One task answers so many; the next one goes on.
MOST_MESSAGES = 200
# A message of a task needs a moment to reach a worker; what waits longer was lost, or its worker was.
STRANDED_AFTER = timedelta(seconds=20)
# Wrong codes that a contact may type within the hour, and how long it is silent then.
MOST_WRONG, WRONG_SPAN = 5, timedelta(hours=1)
# How long the end of a question is still worth a word.
QUESTION_REMEMBERED = timedelta(hours=1)
_SETTLED = (ChangeState.APPLIED.value, ChangeState.FAILED.value)
# How many messages back an acknowledgement without a number looks.
MESSAGES_BACK = 50


# --- What waits -------------------------------------------------------------------------------------------------


def waiting_messages() -> list[int]:
    """Messages of people that nobody has looked at for commands, the oldest first."""
    rows = WhatsAppMessage.objects.filter(direction=Direction.INBOUND, handled_at=None).order_by("pk")
    return list(rows.values_list("pk", flat=True)[:MOST_MESSAGES])


def tenants_with_commands(now: datetime) -> list[int]:
    """Workspaces with messages whose task was lost."""
    with unscoped("fan-out: messages of people that wait for an answer, of all workspaces"), transaction.atomic():
        rows = WhatsAppMessage.objects.filter(direction=Direction.INBOUND, handled_at=None)
        late = rows.filter(created_at__lt=now - STRANDED_AFTER).order_by("tenant_id")
        return list(late.values_list("tenant_id", flat=True).distinct())


def tenants_with_outcomes() -> list[int]:
    """Workspaces in which a platform has answered what somebody asked for by WhatsApp."""
    with unscoped("fan-out: outcomes of commands that nobody was told, of all workspaces"), transaction.atomic():
        rows = WhatsAppCommand.objects.filter(change_id__isnull=False, told_at=None)
        untold = {pk: tenant_id for pk, tenant_id in rows.values_list("change_id", "tenant_id") if pk is not None}
        open_still = CampaignChange.objects.filter(pk__in=list(untold)).exclude(state__in=_SETTLED)
        for pk in open_still.values_list("pk", flat=True):
            del untold[pk]
        return sorted(set(untold.values()))


def untold_commands() -> list[tuple[WhatsAppCommand, CampaignChange | None]]:
    """Commands whose change is through, with it; None: the change is not there any more."""
    rows = WhatsAppCommand.objects.filter(change_id__isnull=False, told_at=None).order_by("pk")[:MOST_MESSAGES]
    commands = list(rows.select_related("contact__user", "message__number"))
    wanted = [one.change_id for one in commands]
    changes = CampaignChange.objects.select_related("campaign").in_bulk(wanted) if wanted else {}
    found = [(one, changes.get(one.change_id)) for one in commands]
    return [(one, change) for one, change in found if change is None or change.state in _SETTLED]


# --- Campaigns --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Named:
    """Campaigns that a name may mean: one, or several to choose from; `more`: too many to list."""

    campaigns: list[Campaign]
    more: bool = False


def campaigns_named(name: str) -> Named:
    """By the whole name; else the only one that begins with it, or the only one that has it; else all that have it."""
    ranks = [When(name__iexact=name, then=Value(0)), When(name__istartswith=name, then=Value(1))]
    rows = Campaign.objects.filter(name__icontains=name).select_related("ad_account").defer("raw_data", "labels")
    rows = rows.annotate(rank=Case(*ranks, default=Value(2), output_field=IntegerField()))
    found = list(rows.order_by("rank", "name", "pk")[: MOST_CHOICES + 1]) if name else []
    for rank in (0, 1):
        some = [one for one in found if one.rank == rank]
        if len(some) == 1 or (some and rank == 0):
            return Named(some[:MOST_CHOICES], len(some) > MOST_CHOICES)
    return Named(found[:MOST_CHOICES], len(found) > MOST_CHOICES)


def campaign_by_id(campaign_id: int | None) -> Campaign | None:
    rows = Campaign.objects.select_related("ad_account").defer("raw_data", "labels")
    return rows.filter(pk=campaign_id).first()


# --- Questions --------------------------------------------------------------------------------------------------


def question_of(contact: WhatsAppContact, question_id: int) -> WhatsAppCode | None:
    """The question whose button was pressed; None where it was not asked of this contact."""
    return WhatsAppCode.objects.filter(contact=contact, pk=question_id).first()


def newest_question(contact: WhatsAppContact, now: datetime) -> WhatsAppCode | None:
    """What a typed yes, no or number answers: the newest question that is no approval and not long over."""
    rows = WhatsAppCode.objects.filter(contact=contact, kind__in=(CodeKind.CHOICE, CodeKind.PAUSE), used_at=None)
    return rows.filter(expires_at__gt=now - QUESTION_REMEMBERED).order_by("-pk").first()


def asked_approvals(contact: WhatsAppContact, now: datetime) -> list[WhatsAppCode]:
    """What this contact was asked to approve lately, the newest first."""
    rows = WhatsAppCode.objects.filter(contact=contact, kind=CodeKind.APPROVAL).exclude(code_hash="")
    return list(rows.filter(created_at__gt=now - timedelta(hours=48)).order_by("-pk")[:100])


def is_silenced(contact: WhatsAppContact, now: datetime) -> bool:
    """Whether so many wrong codes came within an hour that this contact's codes are not looked at for another one."""
    wrong = wrong_codes(contact)
    return len(wrong) == MOST_WRONG and wrong[0] - wrong[-1] <= WRONG_SPAN and now < wrong[0] + WRONG_SPAN


def wrong_codes(contact: WhatsAppContact) -> list[datetime]:
    """When the last wrong codes came, the newest first."""
    rows = WhatsAppCommand.objects.filter(contact=contact, outcome=CommandOutcome.WRONG_CODE).order_by("-pk")
    return list(rows.values_list("created_at", flat=True)[:MOST_WRONG])


def was_told_once(contact: WhatsAppContact, now: datetime) -> bool:
    """Whether somebody who may not command was told so within the day."""
    rows = WhatsAppCommand.objects.filter(contact=contact, outcome=CommandOutcome.STRANGER)
    return rows.filter(created_at__gt=now - timedelta(days=1)).exists()


def last_doing(contact: WhatsAppContact, now: datetime) -> WhatsAppCommand | None:
    """The newest command of the day that changed something."""
    rows = WhatsAppCommand.objects.filter(contact=contact, outcome=CommandOutcome.DONE).exclude(made={})
    return rows.filter(created_at__gt=now - timedelta(days=1)).order_by("-pk").first()


# --- Alerts -----------------------------------------------------------------------------------------------------


def open_alert(alert_id: int) -> Alert | None:
    return Alert.objects.filter(pk=alert_id, status=AlertStatus.OPEN).first()


def alerts_told(contact: WhatsAppContact, *, wamid: str = "") -> list[Alert]:
    """Open alerts that a message to this contact told of, the newest first: the one with this `wamid`, else the newest
    one whose alerts are not all answered."""
    messages = WhatsAppMessage.objects.filter(contact=contact, direction=Direction.OUTBOUND)
    if wamid:
        messages = messages.filter(wamid=wamid)
    told = AlertDelivery.objects.filter(
        channel=Channel.WHATSAPP,
        user_id=contact.user_id,
        message_id__in=messages.order_by("-pk").values("pk")[:MESSAGES_BACK],
        alert__status=AlertStatus.OPEN,
    )
    rows = list(told.select_related("alert").order_by("-message_id", "-alert_id"))
    return [row.alert for row in rows if row.message_id == rows[0].message_id]
