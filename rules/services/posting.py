"""Handing what a person is told over to the channels: their outboxes send it, and know what became of it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.utils import timezone, translation

from accounts.audit import Actor
from accounts.choices import EmailKind
from accounts.emails import email_render
from accounts.models import User
from accounts.services import email_queue
from rules.actions.letters import Letter, slack_payload, whatsapp_text, whatsapp_variables
from rules.actions.slack_rows import slack_message_queue
from rules.choices import Channel, SlackStatus
from rules.models import SlackTarget
from rules.queries.telling import Person
from stratum.lib.errors import DomainError
from stratum.lib.regions import language_or_default, zone_or_utc
from whatsapp.services import message_queue

TEMPLATE = "rules/emails/alerts"


class Handed(NamedTuple):
    """The row in the channel's ledger, or why there is none (a key of rules.queries.deliveries.REASONS)."""

    message_id: int | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Post:
    """What handing over needs, read for all people at once."""

    users: Mapping[int, User]
    targets: Mapping[int, SlackTarget]
    actor: Actor

    @classmethod
    def of(cls, people: Iterable[Person], *, actor: Actor) -> "Post":
        """At most two statements."""
        found = list(people)
        target_ids = {one.preferences.slack_target for one in found if one.preferences.slack_target}
        return cls(
            users=User.objects.in_bulk([one.user.pk for one in found]),
            targets=SlackTarget.objects.in_bulk(target_ids) if target_ids else {},
            actor=actor,
        )

    def obstacle(self, channel: str, person: Person) -> str:
        """Why this channel cannot reach a person, before anything is written; empty where it may."""
        if channel == Channel.EMAIL:
            return "" if person.user.pk in self.users else "inactive"
        if channel == Channel.WHATSAPP:
            return "" if person.preferences.whatsapp_contact else "no_contact"
        if person.preferences.slack_target is None:
            return "no_slack"
        target = self.targets.get(person.preferences.slack_target)
        if target is None:
            return "slack_removed"
        return "slack_broken" if target.status == SlackStatus.BROKEN else ""

    def hand_over(self, channel: str, person: Person, write: Callable[[], Letter], **more: Any) -> Handed:
        """Queue what `write()` says, in the person's language and by their clock. `more`: see the channels below.

        In the caller's transaction. What a channel refuses comes back as a reason, and stops nothing else.
        """
        reason = self.obstacle(channel, person)
        if reason:
            return Handed(None, reason)
        language, clock = language_or_default(person.user.locale), zone_or_utc(person.user.timezone)
        with translation.override(language), timezone.override(clock):
            letter = write()
            by = {Channel.EMAIL: self._email, Channel.SLACK: self._slack, Channel.WHATSAPP: self._whatsapp}
            return by[Channel(channel)](person, letter, **more)

    def _email(self, person: Person, letter: Letter, *, kind: EmailKind, key: str | None, **_more: Any) -> Handed:
        user = self.users[person.user.pk]
        text, html = email_render(TEMPLATE, {"letter": letter}, kind=kind, user=user)
        try:
            email = email_queue(
                user=user,
                kind=kind,
                subject=letter.subject,
                text=text,
                html=html,
                dedupe_key=key,
                actor=self.actor,
            )
        except DomainError:
            return Handed(None, "no_address")
        return Handed(email.pk)

    def _slack(self, person: Person, letter: Letter, **more: Any) -> Handed:
        """`rule_id`, `campaign_id`: of a message about a single one."""
        target = self.targets[person.preferences.slack_target or 0]
        about = {name: more.get(name) for name in ("rule_id", "campaign_id")}
        message = slack_message_queue(target=target, payload=slack_payload(letter), **about, actor=self.actor)
        return Handed(message.pk)

    def _whatsapp(self, person: Person, letter: Letter, *, key: str | None = None, **more: Any) -> Handed:
        """As text: the sender of WhatsApp knows when a template has to carry it. `breaks_quiet`: the contact has quiet
        hours of its own, which do not hold this back."""
        contact = person.preferences.whatsapp_contact or 0
        queued = message_queue(
            contact_ids=[contact],
            content=whatsapp_text(letter),
            variables=whatsapp_variables(letter),
            dedupe_key=key or "",
            breaks_quiet=bool(more.get("breaks_quiet")),
            actor=self.actor,
        )
        if contact in queued.messages:
            return Handed(queued.messages[contact])
        return Handed(None, f"contact.{queued.skipped[contact]}")
