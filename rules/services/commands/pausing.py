"""Pausing a campaign: which one, are you sure, and then through the ledger as from a page."""

from collections.abc import Callable, Sequence

from django.utils.translation import gettext as _

from campaigns.choices import CampaignStatus, ChangedField, ChangeState
from campaigns.models import Campaign, CampaignChange
from campaigns.queries.obstacles import Standing, obstacle
from campaigns.services.changes import change_request
from rules.choices import CodeKind, CommandOutcome, CommandVerb
from rules.conditions.commands import button_id
from rules.models import WhatsAppCode
from rules.queries.commands import campaign_by_id, campaigns_named
from rules.services.commands.base import Asked, Reply, missing_right, refused
from rules.services.commands.questions import over_words, question_ask, question_use, yes_and_no
from rules.services.commands.status import campaign_words, titled
from stratum.lib.errors import DomainError
from stratum.lib.figures import before_and_now
from stratum.lib.plain_words import cut

# Buttons that one message may have, and how long their titles are.
MOST_BUTTONS, LONGEST_BUTTON = 3, 20
LONGEST_NAME = 60


def by_name(asked: Asked, verb: CommandVerb) -> Reply:
    """The campaign that a name means, or which one of several; other workspaces' are never found."""
    name = asked.command.argument
    found = campaigns_named(name)
    if not found.campaigns:
        return refused(_("No campaign has “%(name)s” in its name.") % {"name": cut(name, LONGEST_NAME)})
    if found.more:
        return refused(_("Many campaigns have that in their name. Write more of it."))
    if len(found.campaigns) > 1:
        return _which(asked, found.campaigns, verb)
    return WITH_CAMPAIGN[verb](asked, found.campaigns[0])


def _which(asked: Asked, campaigns: Sequence[Campaign], verb: CommandVerb) -> Reply:
    payload = {"verb": verb.value, "campaigns": [one.pk for one in campaigns]}
    question = question_ask(asked.contact, CodeKind.CHOICE, now=asked.now, payload=payload)
    lines = [f"{number}. {_listed(one)}" for number, one in enumerate(campaigns, start=1)]
    text = "\n".join([_("Which campaign? Answer with its number within 10 minutes."), *lines])
    buttons = [
        (button_id(question.pk, number), cut(f"{number}. {one.name}", LONGEST_BUTTON))
        for number, one in enumerate(campaigns, start=1)
    ]
    return Reply(text, CommandOutcome.ASKED, buttons if len(buttons) <= MOST_BUTTONS else ())


def _listed(campaign: Campaign) -> str:
    """Names repeat over platforms and accounts."""
    account = campaign.ad_account.name if campaign.ad_account else ""
    return " · ".join(
        filter(
            None, [cut(campaign.name, LONGEST_NAME), str(campaign.get_platform_display()), cut(account, LONGEST_BUTTON)]
        )
    )


def chosen(asked: Asked, question: WhatsAppCode) -> Reply:
    """One of the list."""
    campaigns = question.payload.get("campaigns", [])
    place = (asked.command.choice or 0) - 1
    if not 0 <= place < len(campaigns):
        return refused(_("The list has no such number."))
    if not question_use(question, asked.now):
        return refused(over_words())
    campaign = campaign_by_id(campaigns[place])
    if campaign is None:
        return refused(_("The campaign is not in this workspace any more."))
    return WITH_CAMPAIGN[CommandVerb(question.payload["verb"])](asked, campaign)


def _figures(asked: Asked, campaign: Campaign) -> Reply:
    return Reply(campaign_words(campaign, asked.now))


def _sure(asked: Asked, campaign: Campaign) -> Reply:
    """Before → after, and whether that is wanted: bound to this contact, this campaign, and its present state."""
    if campaign.status == CampaignStatus.PAUSED:
        return Reply(_("%(campaign)s is paused already.") % {"campaign": titled(campaign)})
    found = obstacle(Standing.of(campaign), ChangedField.STATUS, CampaignStatus.PAUSED)
    if found is not None:
        return refused(found.text)
    payload = {"campaign": campaign.pk, "status": campaign.status}
    question = question_ask(asked.contact, CodeKind.PAUSE, now=asked.now, payload=payload, subject_id=campaign.pk)
    change = before_and_now(campaign.get_status_display(), str(CampaignStatus.PAUSED.label))
    lines = [
        _("Pause %(campaign)s?") % {"campaign": titled(campaign)},
        _("Status: %(change)s") % {"change": change},
        _("Answer yes or no within 10 minutes."),
    ]
    return Reply("\n".join(lines), CommandOutcome.ASKED, yes_and_no(question, _("Yes, pause"), _("No")))


WITH_CAMPAIGN: dict[CommandVerb, Callable[[Asked, Campaign], Reply]] = {
    CommandVerb.STATUS: _figures,
    CommandVerb.PAUSE: _sure,
}


def pause_confirmed(asked: Asked, question: WhatsAppCode) -> Reply:
    """Yes: the change is queued as the person's own, unless the campaign is another one by now."""
    if refusal := missing_right(asked.user, "edit_campaigns"):
        return refusal
    if not question_use(question, asked.now):
        return refused(over_words())
    campaign = campaign_by_id(question.subject_id)
    if campaign is None:
        return refused(_("The campaign is not in this workspace any more."))
    if campaign.status != question.payload.get("status"):
        text = _("%(campaign)s was changed meanwhile: it is “%(status)s” now. Nothing was done.")
        return refused(text % {"campaign": titled(campaign), "status": campaign.get_status_display()})
    try:
        change = change_request(
            campaign=campaign, field=ChangedField.STATUS, value=CampaignStatus.PAUSED.value, actor=asked.actor
        )
    except DomainError as error:
        return refused(str(error))
    if change is None:
        return Reply(_("%(campaign)s is paused already.") % {"campaign": titled(campaign)})
    text = _("%(campaign)s is being paused. You will hear how it went; undo takes it back.")
    return Reply(
        text % {"campaign": titled(campaign)},
        CommandOutcome.DONE,
        made={"change": change.pk},
        change=change.pk,
        to_send=queued(campaign, change),
    )


def declined(asked: Asked, question: WhatsAppCode) -> Reply:
    if not question_use(question, asked.now):
        return refused(over_words())
    return Reply(_("All right: nothing was changed."))


def queued(campaign: Campaign, change: CampaignChange | None) -> dict[int, list[int]]:
    """What has to be told to a platform now: ad account → rows of the ledger."""
    if change is None or change.state != ChangeState.QUEUED or campaign.ad_account_id is None:
        return {}
    return {campaign.ad_account_id: [change.pk]}
