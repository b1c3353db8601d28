"""What an action did, in a few words, and what has become of it since."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from campaigns.choices import CampaignStatus
from campaigns.models import CampaignChange
from rules.choices import ActionType
from rules.models import RuleExecution
from rules.queries.activity import change_id_of, made_changes
from stratum.lib.figures import format_money
from stratum.lib.money import decimals


@dataclass(frozen=True, slots=True)
class Made:
    """What some executions made: rows of the ledger, by id."""

    changes: Mapping[int, CampaignChange]

    @classmethod
    def of(cls, rows: Iterable[RuleExecution]) -> "Made":
        """A statement for each kind of thing, however many rows."""
        return cls(made_changes(rows))


def done_words(execution: RuleExecution, made: Made) -> str:
    """What the action did; empty when it did not act."""
    result = execution.action_result if isinstance(execution.action_result, dict) else {}
    before, after = result.get("before", {}), result.get("after", {})
    match result.get("action"):
        case ActionType.APPLY_LABEL:
            added = [one for one in after.get("labels", []) if one not in before.get("labels", [])]
            return _("Label applied: %(labels)s") % {"labels": ", ".join(added)}
        case ActionType.SEND_ALERT:
            return _("Alert sent")
        case ActionType.PAUSE_CAMPAIGN:
            return _status_words(before, after, made.changes.get(change_id_of(execution) or 0))
        case ActionType.ADJUST_BUDGET:
            names = {"before": _budget(before), "after": _budget(after)}
            return _("Daily budget: %(before)s → %(after)s") % names
    return ""


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
