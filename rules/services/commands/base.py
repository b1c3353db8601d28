"""What a command is handled with, and what comes of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from accounts.audit import Actor
from accounts.choices import ActorKind
from accounts.models import User
from accounts.roles import CAPABILITY_WORDS
from rules.choices import CommandOutcome
from rules.conditions.commands import Command
from whatsapp.models import WhatsAppContact, WhatsAppMessage

# What entries of the trail and rows of the ledger say beside the person, and where a request has its path.
LABEL, ENDPOINT = "WhatsApp", "whatsapp"
MAX_TEXT = 1000


@dataclass(frozen=True, slots=True)
class Asked:
    """A command of a contact who may give one. The contact's row is held."""

    message: WhatsAppMessage
    contact: WhatsAppContact
    command: Command
    now: datetime

    @property
    def user(self) -> User:
        return self.contact.user

    @property
    def actor(self) -> Actor:
        """The person, through WhatsApp."""
        return Actor(kind=ActorKind.USER, user=self.user, label=LABEL, endpoint=ENDPOINT)


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a command and what it did. `buttons`: (id, title), at most three. `made`: see WhatsAppCommand;
    `change`: the row of the ledger whose outcome is told later; `undoes`: the command that was taken back.

    `to_send`: ad account → rows of the ledger, `slack`: whether messages to Slack wait, once the transaction is in.
    """

    text: str
    outcome: CommandOutcome = CommandOutcome.ANSWERED
    buttons: Sequence[tuple[str, str]] = ()
    made: Mapping[str, Any] = field(default_factory=dict)
    change: int | None = None
    to_send: Mapping[int, Sequence[int]] = field(default_factory=dict)
    slack: bool = False


def refused(text: str) -> Reply:
    return Reply(text, CommandOutcome.REFUSED)


def missing_right(user: User, capability: str) -> Reply | None:
    """The refusal where this person may not do it; None where they may."""
    if user.can(capability):
        return None
    text = _("You may not do this here. It needs the right “%(right)s”.")
    return refused(text % {"right": CAPABILITY_WORDS[capability]})
