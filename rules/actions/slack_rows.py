"""Messages to Slack as rows: written with whatever they tell of, sent afterwards (rules.services.slack_sending)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.audit import Actor, record
from accounts.choices import AuditAction
from rules.models import SlackMessage, SlackTarget
from stratum.lib.plain_words import cut

# A burst is one message: it lists the first ones and counts the rest.
CAMPAIGNS_LISTED = 10
# Before escaping, which makes five characters of one at most: a section holds 3,000.
LONGEST_LINE = 500
_ESCAPED = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


@dataclass(frozen=True, slots=True)
class Told:
    """One campaign that a message tells of, and why."""

    name: str
    why: str


def escaped(text: str) -> str:
    """Text as Slack shows it and does not read it: a campaign called '<!channel>' calls nobody."""
    return cut(" ".join(text.split()), LONGEST_LINE).translate(_ESCAPED)


def rule_payload(rule_name: str, message: str, told: Sequence[Told], *, rule_id: int) -> dict[str, Any]:
    """What one rule says of the campaigns of one pass: `text` for notifications and old clients, `blocks` to read."""
    count = ngettext("%(count)s campaign", "%(count)s campaigns", len(told)) % {"count": len(told)}
    head = f"*{escaped(rule_name)}* · {count}"
    lines = [f"*{escaped(one.name)}*: {escaped(one.why)}" for one in told[:CAMPAIGNS_LISTED]]
    if more := len(told) - CAMPAIGNS_LISTED:
        lines += [_("and %(count)s more") % {"count": more}] if more > 0 else []
    # A message of blanks alone says nothing, and Slack refuses an empty block.
    spoken = [head, *filter(None, [escaped(message)]), *lines]
    link = f"{settings.PUBLIC_URL}{reverse('rules:rule_detail', args=[rule_id])}"
    blocks = [_section(line) for line in spoken]
    blocks.append({"type": "context", "elements": [_text(f"<{link}|{_('Open the rule in Stratum')}>")]})
    return {"text": "\n".join(spoken), "blocks": blocks}


def trial_payload(workspace: str) -> dict[str, Any]:
    text = _("Stratum can write here: this is a test message of the workspace %(name)s.") % {"name": escaped(workspace)}
    return {"text": text, "blocks": [_section(text)]}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _text(text)}


def _text(text: str) -> dict[str, str]:
    return {"type": "mrkdwn", "text": text}


def slack_message_queue(
    *,
    target: SlackTarget,
    payload: dict[str, Any],
    actor: Actor,
    rule_id: int | None = None,
    campaign_id: int | None = None,
) -> SlackMessage:
    """In the caller's transaction; the caller sends it once that is in, or the beat does."""
    message = SlackMessage.objects.create(target=target, rule_id=rule_id, campaign_id=campaign_id, payload=payload)
    record(
        actor=actor,
        action=AuditAction.CREATE,
        resource=message,
        new={"target": target.pk, "rule": rule_id, "campaign": campaign_id},
    )
    return message
