"""What an action did, in a few words, and what has become of it since."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.choices import CampaignStatus
from campaigns.models import CampaignChange
from rules.actions.notify_whatsapp import skipped_words
from rules.choices import ActionType, SlackState
from rules.models import RuleExecution, SlackMessage
from rules.queries.activity import change_id_of, made_changes
from rules.queries.slack import made_messages, message_id_of
from stratum.lib.figures import format_money
from stratum.lib.money import decimals


@dataclass(frozen=True, slots=True)
class Made:
    """What some executions made, by id: rows of the ledger, messages to Slack."""

    changes: Mapping[int, CampaignChange]
    slack: Mapping[int, SlackMessage]

    @classmethod
    def of(cls, rows: Iterable[RuleExecution]) -> "Made":
        """A statement for each kind of thing, however many rows."""
        found = list(rows)
        return cls(made_changes(found), made_messages(found))


def done_words(execution: RuleExecution, made: Made) -> str:
    """What the action did; empty when it did not act."""
    result = execution.action_result if isinstance(execution.action_result, dict) else {}
    change = made.changes.get(change_id_of(execution) or 0)
    return result_words(result, change=change, message=made.slack.get(message_id_of(execution) or 0))


def result_words(
    result: Mapping[str, Any], *, change: CampaignChange | None = None, message: SlackMessage | None = None
) -> str:
    """An action's result as a feed keeps it; with what became of it where that is known."""
    before, after = result.get("before", {}), result.get("after", {})
    match result.get("action"):
        case ActionType.APPLY_LABEL:
            added = [one for one in after.get("labels", []) if one not in before.get("labels", [])]
            return _("Label applied: %(labels)s") % {"labels": ", ".join(added)}
        case ActionType.SEND_ALERT:
            return _("Alert sent")
        case ActionType.PAUSE_CAMPAIGN:
            return _status_words(before, after, change)
        case ActionType.ADJUST_BUDGET:
            names = {"before": _budget(before), "after": _budget(after)}
            return _("Daily budget: %(before)s → %(after)s") % names
        case ActionType.NOTIFY_SLACK:
            return _slack_words(after.get("slack", ""), message)
        case ActionType.NOTIFY_WHATSAPP:
            return _whatsapp_words(after)
    return ""


def _slack_words(name: str, message: SlackMessage | None) -> str:
    """'Slack message queued for #ads', and from then on what became of it."""
    if not name:
        return _("A message to Slack")  # of a rule in shadow mode
    words = {
        SlackState.SENT: _("Slack message sent to %(name)s"),
        SlackState.FAILED: _("Slack message to %(name)s failed: %(error)s"),
        SlackState.MAYBE_SENT: _("Slack message to %(name)s: %(error)s"),
    }
    state = SlackState(message.state) if message else SlackState.PENDING
    queued = _("Slack message queued for %(name)s")
    return words.get(state, queued) % {"name": name, "error": message.error if message else ""}


def _whatsapp_words(after: dict[str, Any]) -> str:
    count = after.get("contacts", 0)
    words = ngettext(
        "WhatsApp message queued for %(count)s contact", "WhatsApp message queued for %(count)s contacts", count
    ) % {"count": count}
    if not after.get("skipped"):
        return words
    return _("%(words)s. Left out: %(reasons)s") % {"words": words, "reasons": skipped_words(after["skipped"])}


def _status_words(before: dict[str, Any], after: dict[str, Any], change: CampaignChange | None) -> str:
    names = {"before": _status(before.get("status")), "after": _status(after.get("status"))}
    if "until" not in after:
        return _("Status: %(before)s → %(after)s") % names
    moment = _moment(after["until"])
    # Without a moment: what a rule in shadow mode would have done.
    words = (
        _("Status: %(before)s → %(after)s until %(moment)s") % {**names, "moment": moment}
        if moment
        else _("Status: %(before)s → %(after)s until the end of its day") % names
    )
    if change is not None and change.revert_note:
        return f"{words}. {_('Not taken back: %(reason)s') % {'reason': change.revert_note}}"
    return words


def _moment(text: Any) -> str:
    try:
        return date_format(timezone.localtime(datetime.fromisoformat(text)), "j M, H:i")
    except ValueError:
        return ""


def _status(value: Any) -> str:
    return str(dict(CampaignStatus.choices).get(value, value or "–"))


def _budget(side: dict[str, Any]) -> str:
    minor, currency = side.get("daily_budget"), side.get("currency", "")
    return format_money(minor, currency, decimals(currency)) if isinstance(minor, int) else "–"
