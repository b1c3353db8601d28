"""What a campaign's page shows of changes: the actions in its head, who set what, and its part of the ledger."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from accounts.models import AuditLog
from campaigns.choices import CampaignStatus, ChangedField, ChangeOrigin, ChangeState
from campaigns.models import Campaign, CampaignChange
from campaigns.queries.changes import (
    CHANGES_SHOWN,
    OPEN,
    campaign_changes,
    failed_lately,
    is_open,
    mark,
    set_last,
    wished,
)
from campaigns.queries.obstacles import Standing, budget_obstacle, status_obstacle
from campaigns.services.changes import undo_obstacle
from campaigns.views.campaign_cards import activity_item
from campaigns.views.change_words import (
    STATE_LOOK,
    change_words,
    not_done_words,
    revert_words,
    set_by_words,
    under_way_words,
    who,
)
from stratum.templatetags.ui import status_tag

# The ledger and the audit trail write of one event within one transaction.
SAME_EVENT = timedelta(seconds=10)
_ICONS = {ChangeOrigin.RULE: "workflow", ChangeOrigin.IMPORT: "file-up", ChangeOrigin.OUTSIDE: "globe"}
_LEVELS = {ChangeState.APPLIED: "good", ChangeState.FAILED: "bad"}
# Columns of a campaign that the ledger tells about better than the trail does.
_LEDGER_COLUMNS = {"status": ChangedField.STATUS, "daily_budget_cents": ChangedField.DAILY_BUDGET}


def panel_context(
    request: HttpRequest, campaign: Campaign, newest: Mapping[tuple[int, str], CampaignChange]
) -> dict[str, Any]:
    """The actions, what is under way, what failed lately, and who set status and budget last.

    `newest` is the ledger's newest row by field, read before the campaign was.
    """
    standing = Standing.of(campaign)
    last = set_last(campaign)
    may_edit = request.user.can("edit_campaigns")
    locks = [found for found in (status_obstacle(standing), budget_obstacle(standing)) if found and may_edit]
    return {
        "campaign": campaign,
        "may_edit": may_edit,
        "is_on": campaign.status == CampaignStatus.ACTIVE,
        "can_switch": may_edit and status_obstacle(standing) is None,
        "can_budget": may_edit and budget_obstacle(standing) is None,
        "locks": list(dict.fromkeys(found.text for found in locks)),
        "open": any(map(is_open, newest.values())),
        "seen": ",".join(sorted(map(mark, newest.values()))),
        "under_way": [
            (under_way_words(change), change_words(change, campaign.currency), change.error)
            for change in newest.values()
            if is_open(change)
        ],
        "failures": [
            f"{not_done_words(change)}: {change.error}" for change in newest.values() if failed_lately(change)
        ],
        "set_by": [set_by_words(last[field]) for field in ChangedField.values if field in last],
    }


# --- The feed -------------------------------------------------------------------------------------------------


def activity_feed(campaign: Campaign, entries: Sequence[AuditLog], *, may_edit: bool) -> list[dict[str, Any]]:
    """The ledger and the audit trail of a campaign as one feed, newest first; what both tell of stands there once."""
    changes = campaign_changes(campaign)
    items = [_item(change, campaign, may_edit=may_edit) for change in changes]
    items += [activity_item(entry) for entry in entries if not _is_told(entry, changes)]
    return sorted(items, key=lambda item: item["when"], reverse=True)[:CHANGES_SHOWN]


def _item(change: Any, campaign: Campaign, *, may_edit: bool) -> dict[str, Any]:
    undoable = change.state in OPEN or undo_obstacle(change, is_undone=change.is_undone) is None
    is_current = change.state in OPEN or Standing.of(campaign).value(change.field) == wished(change)
    return {
        "icon": _ICONS.get(ChangeOrigin(change.origin), "user"),
        "level": _LEVELS.get(ChangeState(change.state), "info"),
        "title": change_title(change, campaign.currency),
        "reason": " · ".join(filter(None, [who(change), _aside(change), change.error, revert_words(change)])),
        "when": change.finished_at or change.requested_at,
        "undo_url": reverse("campaigns:change_undo", args=[change.pk])
        if may_edit and undoable and is_current and change.state != ChangeState.SENDING
        else "",
    }


def change_title(change: CampaignChange, currency: str) -> SafeString:
    """'Active → Paused', with the state where it is not simply done."""
    words = change_words(change, currency)
    if change.field == ChangedField.DAILY_BUDGET:
        words = _("Daily budget: %(change)s") % {"change": words}
    if change.state == ChangeState.APPLIED:
        return format_html("{}", words)
    return format_html("{} {}", words, status_tag(STATE_LOOK[ChangeState(change.state)], change.get_state_display()))


def _aside(change: Any) -> str:
    if change.is_undone:
        return _("taken back since")
    return _("takes an earlier change back") if change.undoes_id else ""


def _is_told(entry: AuditLog, changes: Sequence[CampaignChange]) -> bool:
    """Whether the ledger tells of this entry: it names its change, or says the same at the same moment."""
    new = entry.new_value or {}
    if "change" in new:
        return True
    columns = [name for name in entry.changed_fields or [] if name in _LEDGER_COLUMNS]
    if not columns or set(entry.changed_fields or []) - set(_LEDGER_COLUMNS):
        return False
    return all(any(_tells(change, entry, name, new[name]) for change in changes) for name in columns)


def _tells(change: CampaignChange, entry: AuditLog, column: str, value: Any) -> bool:
    return (
        change.field == _LEDGER_COLUMNS[column]
        and wished(change) == value
        and change.finished_at is not None
        and abs(change.finished_at - entry.created_at) < SAME_EVENT
    )
