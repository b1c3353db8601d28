"""Write to people by WhatsApp: one message for each contact and pass, queued for WhatsApp's own sender."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.audit import Actor
from rules.actions.base import Change, Result, Target, Telling, refuse_unknown_keys
from rules.choices import ActionType, Outcome
from rules.conditions import ConditionError
from rules.conditions.wording import reason
from stratum.lib.errors import DomainError
from whatsapp.queries import OBSTACLES
from whatsapp.services import Queued, message_queue

_KEYS = frozenset({"contacts", "template"})
MAX_CONTACTS = 50
CAMPAIGNS_LISTED = 10
# Of the column that names a template.
MAX_TEMPLATE_NAME = 512


@dataclass(frozen=True, slots=True)
class NotifyWhatsApp(Telling):
    """Ids of contacts; who of them may be written to is found out when the rule acts."""

    contacts: tuple[int, ...]
    template: str = ""

    @property
    def type(self) -> ActionType:
        return ActionType.NOTIFY_WHATSAPP

    @classmethod
    def validate(cls, config: Mapping[str, Any]) -> Self:
        refuse_unknown_keys(config, _KEYS)
        contacts = config.get("contacts")
        if not isinstance(contacts, list) or not contacts or not all(_is_id(one) for one in contacts):
            raise ConditionError(
                _("Choose at least one contact who is written to."), code="contacts_missing", place="contacts"
            )
        if len(contacts) > MAX_CONTACTS:
            message = _("A rule writes to at most %(most)s contacts.") % {"most": MAX_CONTACTS}
            raise ConditionError(message, code="contacts_too_many", place="contacts")
        template = config.get("template", "")
        if not isinstance(template, str) or len(template) > MAX_TEMPLATE_NAME or "\0" in template:
            raise ConditionError(
                _("The name of the template cannot be read."), code="template_invalid", place="whatsapp_template"
            )
        return cls(tuple(dict.fromkeys(contacts)), template)

    def as_json(self) -> dict[str, Any]:
        contacts = list(self.contacts)
        return {"contacts": contacts, "template": self.template} if self.template else {"contacts": contacts}

    def phrase(self) -> str:
        count = len(self.contacts)
        words = ngettext("write to %(count)s person by WhatsApp", "write to %(count)s people by WhatsApp", count)
        return words % {"count": count}

    def plan(self, target: Target) -> Change:
        return Change(target, {}, {"contacts": len(self.contacts)})

    def apply(
        self, changes: Sequence[Change], *, rule_id: int, rule_name: str, now: datetime, actor: Actor
    ) -> list[Result]:
        told = [(one.target.name, reason(Outcome.ACTED, one.target.explanation)) for one in changes]
        try:
            queued = message_queue(
                contact_ids=self.contacts,
                content=_content(rule_name, told),
                variables=_variables(rule_name, told),
                template_name=self.template,
                actor=actor,
            )
        except DomainError as error:
            return [Result(change, error=str(error)) for change in changes]
        if not queued.messages:
            nobody = _("Nobody is left to write to: %(reasons)s.")
            sentence = nobody % {"reasons": skipped_words(queued.skipped.values())}
            return [Result(change, error=sentence) for change in changes]
        return [_result(change, queued) for change in changes]


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _result(change: Change, queued: Queued) -> Result:
    """Contacts by id only: names and numbers stay where they are encrypted."""
    after: dict[str, Any] = {"contacts": len(queued.messages)}
    if queued.skipped:
        after["skipped"] = sorted(queued.skipped.values())
    return Result(Change(change.target, change.before, after), made={"whatsapp": sorted(queued.messages.values())})


def skipped_words(codes: Any) -> str:
    """'the contact has opted out (2), the number is not verified'."""
    counted = Counter(str(OBSTACLES[code]) for code in sorted(codes) if code in OBSTACLES)
    return ", ".join(f"{words} ({count})" if count > 1 else words for words, count in counted.items())


def _content(rule_name: str, told: Sequence[tuple[str, str]]) -> str:
    lines = [f"{name}: {why}" for name, why in told[:CAMPAIGNS_LISTED]]
    return "\n".join([rule_name, *lines, *_more(told)])


def _variables(rule_name: str, told: Sequence[tuple[str, str]]) -> dict[str, str]:
    """What fills a template. WhatsApp takes no line breaks, tabs or rows of blanks in them."""
    names = ", ".join([*(name for name, _why in told[:CAMPAIGNS_LISTED]), *_more(told)])
    values = {"rule": rule_name, "campaign": names, "reason": told[0][1]}
    return {name: " ".join(value.split()) for name, value in values.items()}


def _more(told: Sequence[tuple[str, str]]) -> list[str]:
    more = len(told) - CAMPAIGNS_LISTED
    return [_("and %(count)s more") % {"count": more}] if more > 0 else []
