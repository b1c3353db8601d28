"""Answering people's messages: each is claimed, obeyed and answered in one transaction.

The claim is a conditional UPDATE of the message, so of two workers one obeys; a killed worker leaves the message
unclaimed and nothing done. Before that the contact is held, so that the commands of one person follow each other.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from campaigns.choices import CampaignStatus, ChangeState, Platform
from campaigns.models import CampaignChange
from rules.choices import CodeKind, CommandOutcome, CommandVerb
from rules.conditions.commands import TYPED_ANSWERS, Command, parse_command, shown_word, typed_code
from rules.models import WhatsAppCode, WhatsAppCommand
from rules.queries import commands as queries
from rules.services.commands import approving, pausing, taking_back
from rules.services.commands.base import Asked, Reply, missing_right, refused
from rules.services.commands.questions import matches, over_words
from rules.services.commands.status import titled, workspace_words
from stratum.lib.regions import language_or_default, zone_or_utc
from whatsapp.choices import OptIn
from whatsapp.models import WhatsAppContact, WhatsAppMessage
from whatsapp.queries import is_proven_by_person
from whatsapp.services import answer_queue

log = structlog.get_logger(__name__)

# By then the world may be another one: what came late is not obeyed.
OBEYED_WITHIN = timedelta(minutes=15)


@dataclass(slots=True)
class Answered:
    """What became of a run: counts by outcome ('talk': no command), and what waits once its transactions are in."""

    counts: Counter[str] = field(default_factory=Counter)
    answers: int = 0
    follows: bool = False
    slack: bool = False
    to_send: defaultdict[int, list[int]] = field(default_factory=lambda: defaultdict(list))

    def note(self, reply: Reply | None) -> None:
        self.counts["talk" if reply is None else str(reply.outcome)] += 1
        if reply is None:
            return
        self.answers += 1
        self.follows |= reply.change is not None
        self.slack |= reply.slack
        for account_id, ids in reply.to_send.items():
            self.to_send[account_id] += ids

    def as_json(self) -> dict[str, int]:
        return dict(self.counts)


def commands_answer() -> Answered:
    """Answer what people wrote to the bound workspace, the oldest first."""
    result = Answered()
    with transaction.atomic():
        waiting = queries.waiting_messages()
    for message_id in waiting:
        claimed, reply = _handle_safely(message_id)
        if claimed:
            result.note(reply)
    return result


def _handle_safely(message_id: int) -> tuple[bool, Reply | None]:
    """One message must not stop the others: whatever went wrong is undone, and the person hears so."""
    for failed in (False, True):
        try:
            with transaction.atomic():
                return _handle(message_id, failed=failed)
        except Exception:  # of the second try, too: the message stays unclaimed, and the log says why
            log.exception("rules.command_failed", message=message_id)
    return False, None


def _handle(message_id: int, *, failed: bool = False) -> tuple[bool, Reply | None]:
    """(whether it was ours, the answer: None for talk and for people who are told nothing)."""
    contact_id = WhatsAppMessage.objects.values_list("contact_id", flat=True).get(pk=message_id)
    rows = WhatsAppContact.objects.select_related("user").defer("verification_code")
    contact = rows.select_for_update(no_key=True, of=("self",)).get(pk=contact_id)
    now = timezone.now()
    if not WhatsAppMessage.objects.filter(pk=message_id, handled_at=None).update(handled_at=now):
        return False, None
    message = WhatsAppMessage.objects.select_related("number").get(pk=message_id)
    command = parse_command(message.content or "", message.reply_id or "")
    if command is None:
        return True, None
    zone = zone_or_utc(contact.timezone or "UTC")
    with translation.override(language_or_default(contact.language or "")), timezone.override(zone):
        if failed:
            text = _("That did not work, and nothing was changed. Please send it again.")
            reply: Reply | None = Reply(text, CommandOutcome.FAILED)
        else:
            reply = _reply(Asked(message, contact, command, now))
        if reply is not None:
            _keep(message, contact, command, reply)
    return True, reply


def _keep(message: WhatsAppMessage, contact: WhatsAppContact, command: Command, reply: Reply) -> None:
    WhatsAppCommand.objects.create(
        contact=contact,
        message=message,
        verb=command.verb,
        outcome=reply.outcome,
        made=dict(reply.made),
        change_id=reply.change,
    )
    answer_queue(number=message.number, contact=contact, text=reply.text, to=message, buttons=reply.buttons)


# --- Who is obeyed ----------------------------------------------------------------------------------------------


def _reply(asked: Asked) -> Reply | None:
    contact, message = asked.contact, asked.message
    if contact.opt_in_status == OptIn.OPTED_OUT or not contact.is_active:
        return None
    if message.number is None or message.number.is_deleted:
        return None
    question = _question(asked)
    if asked.command.verb in TYPED_ANSWERS and asked.command.question is None and question is None:
        return None
    if not _is_known(contact):
        return _stranger(asked)
    if message.created_at is None or asked.now - message.created_at > OBEYED_WITHIN:
        text = _("This came more than 15 minutes late, so nothing was done. Send it again if it still holds.")
        return Reply(text, CommandOutcome.LATE)
    if asked.command.verb in TYPED_ANSWERS:
        return _of_question(asked, question)
    return _HANDLERS[asked.command.verb](asked)


def _is_known(contact: WhatsAppContact) -> bool:
    user = contact.user
    agreed = bool(contact.is_verified) and contact.opt_in_status == OptIn.OPTED_IN
    may = agreed and user.is_active and not user.is_deleted and user.can("view")
    # Last, since it asks the database.
    return may and is_proven_by_person(contact)


def _stranger(asked: Asked) -> Reply | None:
    """One sentence a day that tells nothing about the workspace."""
    if queries.was_told_once(asked.contact, asked.now):
        return None
    return Reply(
        _("This number takes no commands from you. Ask the people who gave it to you."), CommandOutcome.STRANGER
    )


def _question(asked: Asked) -> WhatsAppCode | None:
    command = asked.command
    if command.question is not None:
        return queries.question_of(asked.contact, command.question)
    return queries.newest_question(asked.contact, asked.now) if command.verb in TYPED_ANSWERS else None


# --- What they ask for ------------------------------------------------------------------------------------------


def _of_question(asked: Asked, question: WhatsAppCode | None) -> Reply:
    """Yes, no, or a number: by a button of a question, or typed after the newest one."""
    verb = asked.command.verb
    if question is None or question.used_at is not None or question.expires_at <= asked.now:
        return refused(over_words())
    if question.kind == CodeKind.APPROVAL:
        return _decide(asked, question, approve=verb == CommandVerb.YES)
    if verb == CommandVerb.NO:
        return pausing.declined(asked, question)
    if question.kind == CodeKind.CHOICE:
        if verb != CommandVerb.CHOOSE:
            return refused(_("Answer with the number of the campaign."))
        right = "view" if question.payload.get("verb") == CommandVerb.STATUS else "edit_campaigns"
        return missing_right(asked.user, right) or pausing.chosen(asked, question)
    if verb != CommandVerb.YES:
        return refused(_("Answer yes or no."))
    return pausing.pause_confirmed(asked, question)


def _decide(asked: Asked, question: WhatsAppCode, *, approve: bool) -> Reply:
    if refusal := missing_right(asked.user, approving.RIGHT):
        return refusal
    return approving.approved(asked, question) if approve else approving.rejected(asked, question)


def _by_code(asked: Asked) -> Reply | None:
    """Approve or reject with the code of a message. Whoever guesses is told so a few times, and then nothing."""
    if refusal := missing_right(asked.user, approving.RIGHT):
        return refusal
    code = typed_code(asked.command.argument)
    if not code:
        return refused(_("Write the word and then the code of six characters from the message that asked you."))
    if queries.is_silenced(asked.contact, asked.now):
        return None
    asked_before = queries.asked_approvals(asked.contact, asked.now)
    found = [one for one in asked_before if matches(one, asked.contact, code)]
    if not found:
        return Reply(_("This code is not right. Nothing was done."), CommandOutcome.WRONG_CODE)
    if found[0].used_at is not None or found[0].expires_at <= asked.now:
        return refused(_("This code is not good any more: it was used, it is too old, or a newer one was sent."))
    return _decide(asked, found[0], approve=asked.command.verb == CommandVerb.APPROVE)


def _status(asked: Asked) -> Reply:
    if asked.command.argument:
        return pausing.by_name(asked, CommandVerb.STATUS)
    return Reply(workspace_words(asked.now))


def _pause(asked: Asked) -> Reply:
    if refusal := missing_right(asked.user, "edit_campaigns"):
        return refusal
    if not asked.command.argument:
        word = shown_word(CommandVerb.PAUSE, asked.contact.language or "en")
        return refused(_("Write “%(word)s” and the campaign’s name.") % {"word": word})
    return pausing.by_name(asked, CommandVerb.PAUSE)


def _help(asked: Asked) -> Reply:
    language = asked.contact.language or "en"
    lines = [
        (CommandVerb.STATUS, "", _("yesterday and today")),
        (CommandVerb.STATUS, _("NAME"), _("one campaign")),
        (CommandVerb.PAUSE, _("NAME"), _("pause a campaign; you are asked first")),
        (CommandVerb.APPROVE, _("CODE"), _("let a rule act that asked you")),
        (CommandVerb.REJECT, _("CODE"), _("do not let it act")),
        (CommandVerb.ACK, _("NUMBER"), _("acknowledge an alert; without a number the newest")),
        (CommandVerb.UNDO, "", _("take back what you did last")),
    ]
    shown = [f"{shown_word(verb, language)} {argument}".strip() + f" – {what}" for verb, argument, what in lines]
    return Reply("\n".join([_("You can write:"), *shown]))


_HANDLERS: dict[CommandVerb, Callable[[Asked], Reply | None]] = {
    CommandVerb.HELP: _help,
    CommandVerb.STATUS: _status,
    CommandVerb.PAUSE: _pause,
    CommandVerb.APPROVE: _by_code,
    CommandVerb.REJECT: _by_code,
    CommandVerb.ACK: taking_back.acknowledge,
    CommandVerb.UNDO: taking_back.take_back,
}


# --- How it ended -----------------------------------------------------------------------------------------------


def outcomes_tell() -> int:
    """Tell people what platforms made of what they asked for, each once; how many were told."""
    told = 0
    with transaction.atomic():
        settled = queries.untold_commands()
    for command, change in settled:
        with transaction.atomic():
            told += _tell(command, change)
    return told


def _tell(command: WhatsAppCommand, change: CampaignChange | None) -> int:
    """The claim and the message in one transaction: a killed worker tells later, two tell once."""
    now: datetime = timezone.now()
    if not WhatsAppCommand.objects.filter(pk=command.pk, told_at=None).update(told_at=now):
        return 0
    contact = command.contact
    if change is None or contact.opt_in_status != OptIn.OPTED_IN:
        return 0
    zone = zone_or_utc(contact.timezone or "UTC")
    with translation.override(language_or_default(contact.language or "")), timezone.override(zone):
        text = _outcome_words(change)
        answer_queue(number=command.message.number, contact=contact, text=text, to=command.message, part="outcome")
    return 1


def _outcome_words(change: CampaignChange) -> str:
    values = {"campaign": titled(change.campaign), "platform": str(Platform(change.campaign.platform).label)}
    if change.state == ChangeState.FAILED:
        return _("%(campaign)s was not changed. %(reason)s") % {**values, "reason": change.error}
    moment = timezone.localtime(change.finished_at or timezone.now())
    values["time"] = f"{moment:%H:%M}"
    if change.new_status == CampaignStatus.PAUSED:
        return _("Paused on %(platform)s at %(time)s: %(campaign)s.") % values
    return _("Switched on again on %(platform)s at %(time)s: %(campaign)s.") % values
