"""How a change reads: what is under way, what happened, who did it."""

from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from campaigns.choices import CampaignStatus, ChangedField, ChangeOrigin, ChangeState, Platform
from campaigns.models import CampaignChange
from stratum.lib.figures import NO_VALUE, before_and_now, format_money

_STATUS = dict(CampaignStatus.choices)
# The tag of each state: a name of stratum.templatetags.ui.STATUSES.
STATE_LOOK = {
    ChangeState.QUEUED: "queued",
    ChangeState.SENDING: "running",
    ChangeState.APPLIED: "done",
    ChangeState.FAILED: "failed",
}


def change_words(change: CampaignChange, currency: str) -> str:
    """'Active → Paused', '$100.00 → $120.00'."""
    if change.field == ChangedField.STATUS:
        return before_and_now(_status(change.old_status), _status(change.new_status))
    return before_and_now(
        format_money(change.old_budget_cents, currency), format_money(change.new_budget_cents, currency)
    )


def _status(value: str | None) -> str:
    return str(_STATUS[value]) if value else NO_VALUE


def revert_words(change: CampaignChange) -> str:
    """When a change takes itself back, or why it stayed; empty for those that do not."""
    if change.revert_at is not None and change.state != ChangeState.FAILED:
        return _("until %(moment)s") % {"moment": date_format(timezone.localtime(change.revert_at), "j M, H:i")}
    if change.revert_note:
        return _("Not taken back at the end of the day: %(reason)s") % {"reason": change.revert_note}
    return ""


def under_way_words(change: CampaignChange) -> str:
    """What an open change is about to do."""
    if change.field != ChangedField.STATUS:
        return _("Setting…")
    return _("Enabling…") if change.new_status == CampaignStatus.ACTIVE else _("Pausing…")


def not_done_words(change: CampaignChange) -> str:
    """What did not happen."""
    if change.field != ChangedField.STATUS:
        return _("Budget not changed")
    return _("Not enabled") if change.new_status == CampaignStatus.ACTIVE else _("Not paused")


def settled_words(change: CampaignChange, name: str, currency: str, platform: str) -> str:
    """What the toast says when a change is through."""
    values = {"name": name, "platform": str(Platform(platform).label), "reason": change.error}
    if change.state == ChangeState.FAILED:
        what = not_done_words(change)
        return _("%(what)s: “%(name)s”. %(reason)s") % {**values, "what": what}
    if change.field != ChangedField.STATUS:
        values["budget"] = format_money(change.new_budget_cents, currency)
        return _("“%(name)s” has %(budget)s a day on %(platform)s now.") % values
    if change.new_status == CampaignStatus.ACTIVE:
        return _("“%(name)s” is on at %(platform)s.") % values
    return _("“%(name)s” is paused at %(platform)s.") % values


def who(change: CampaignChange) -> str:
    """The person, the rule, the import; or that it was done on the platform. The person is loaded with it."""
    if change.user is not None:
        return via_words(change.user.display_name, change.actor_label)
    if change.origin == ChangeOrigin.OUTSIDE:
        return _("Somebody on the platform")
    return change.actor_label or str(change.get_origin_display())


def via_words(person: str, label: str) -> str:
    """'Nora Berg', or 'Nora Berg via WhatsApp'."""
    return _("%(person)s via %(label)s") % {"person": person, "label": label} if label else person


def set_by_words(change: CampaignChange) -> str:
    """'Paused by Nora Berg 2 hours ago'."""
    values = {"who": who(change), "when": _ago(change.finished_at or change.requested_at)}
    if change.field != ChangedField.STATUS:
        return _("Budget set by %(who)s %(when)s") % values
    if change.new_status == CampaignStatus.ACTIVE:
        return _("Enabled by %(who)s %(when)s") % values
    if change.new_status == CampaignStatus.PAUSED:
        return _("Paused by %(who)s %(when)s") % values
    return _("Status set by %(who)s %(when)s") % values


def _ago(moment: datetime) -> str:
    now = timezone.now()
    if now - moment < timedelta(minutes=1):
        return _("just now")
    return _("%(time)s ago") % {"time": timesince(moment, now, depth=1)}
