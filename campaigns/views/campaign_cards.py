"""The cards of a campaign's page: facts, origin of the numbers, pace, breakdowns, activity, raw data."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.choices import ActorKind, AuditAction
from accounts.models import AuditLog
from campaigns.choices import AccountStatus
from campaigns.models import Campaign
from campaigns.queries.campaign_page import Breakdown, CampaignDay
from campaigns.queries.pacing import FlightPace, Pace, campaign_pace
from campaigns.views.change_words import via_words
from campaigns.views.columns import objective_words
from stratum.lib.figures import NO_VALUE, format_money, format_number, format_percent
from stratum.lib.masking import mask_value
from stratum.lib.money import decimals
from stratum.templatetags.ui import no_value, status_tag

RAW_CHARACTERS = 20_000


def zone_of(campaign: Campaign) -> str:
    """The zone in which this campaign's days are cut."""
    return campaign.ad_account.timezone if campaign.ad_account else "UTC"


def facts(campaign: Campaign) -> list[tuple[str, Any]]:
    account = campaign.ad_account
    flight = [date_format(one, "j M Y") if one else "…" for one in (campaign.start_date, campaign.end_date)]
    has_flight = campaign.start_date or campaign.end_date
    return [
        (_("Account"), account.name if account else campaign.account_id),
        (_("Objective"), objective_words(campaign.objective or "") or NO_VALUE),
        (_("Flight"), " – ".join(flight) if has_flight else no_value(_("The platform gave no dates."))),
        (_("Currency"), campaign.currency),
        (_("Days cut in"), zone_of(campaign)),
        (_("Campaign ID"), campaign.external_id),
    ]


def origin(campaign: Campaign, current: list[CampaignDay]) -> list[tuple[str, Any]]:
    """Where the numbers come from, and how old they are."""
    account = campaign.ad_account
    imported = account is None or account.status == AccountStatus.IMPORT_ONLY
    source = _("Imported reports") if imported else _("Sync with the platform")
    newest = max((day.known_at for day in current), default=None)
    restated = sum(1 for day in current if day.revisions)
    lines: list[tuple[str, Any]] = [(_("Source"), source)]
    if newest:
        lines.append((_("Newest number"), date_format(timezone.localtime(newest), "j M Y, H:i")))
        last = max(day.date for day in current)
        lines.append((_("Newest day"), date_format(last, "D, j M Y")))
    if restated:
        text = ngettext("%(count)s day of the range", "%(count)s days of the range", restated) % {"count": restated}
        lines.append((_("Restated"), text))
    if campaign.last_synced_at:
        lines.append((_("Last sync"), date_format(timezone.localtime(campaign.last_synced_at), "j M Y, H:i")))
    if campaign.sync_error:
        lines.append((_("Last error"), campaign.sync_error))
    return lines


@dataclass(frozen=True, slots=True)
class PaceView:
    """Budget and pace as the card shows them. Bars hold shares as whole percentages, 0–100."""

    lines: Sequence[tuple[str, Any]]
    bars: Sequence[tuple[str, int, str, str]]
    notes: Sequence[tuple[str, str]]


def pace_card(campaign: Campaign, through: date) -> PaceView | None:
    pace = campaign_pace(campaign, through)
    if pace is not None:
        return _month_pace(campaign, pace)
    if campaign.lifetime_budget_cents:
        flight = FlightPace(
            campaign.lifetime_budget_cents, campaign.total_spend_cents, campaign.start_date, campaign.end_date, through
        )
        return _flight_pace(campaign, flight)
    return None


def _money(campaign: Campaign, minor: float) -> str:
    return format_money(round(minor), campaign.currency, decimals(campaign.currency), whole=True)


def _month_pace(campaign: Campaign, pace: Pace) -> PaceView:
    state = {
        "over": status_tag("warning", _("Over budget")),
        "under": status_tag("cooldown", _("Under budget")),
        "on": status_tag("ok", _("On pace")),
    }.get(pace.state, NO_VALUE)
    sign = "+" if (pace.deviation or 0) > 0 else ""
    deviation = "" if pace.deviation is None else f"({sign}{format_percent(pace.deviation, 0)})"
    spent = {"spent": _money(campaign, pace.spent), "budget": _money(campaign, pace.budget)}
    return PaceView(
        lines=[
            (_("Daily budget"), _money(campaign, campaign.daily_budget_cents or 0)),
            (_("Mean of 7 days"), _("%(amount)s a day") % {"amount": _money(campaign, pace.run_rate)}),
            (_("Projected month end"), f"{_money(campaign, pace.projected)} {deviation}".strip()),
            (_("Pace"), state),
        ],
        bars=[
            (
                _("Spent this month"), _percent(pace.share),
                _("%(spent)s of %(budget)s") % spent,
                {"over": "is-bad", "on": "is-good"}.get(pace.state, ""),
            ),
            (
                _("Month elapsed"), round(100 * pace.through.day / pace.days),
                _("day %(day)s of %(days)s") % {"day": pace.through.day, "days": pace.days}, "",
            ),
        ],
        notes=[
            (_("Month’s budget"), _("Daily budget × days of the month.")),
            (_("Projection"), _("Spend so far + mean of the last 7 full days × days to come.")),
            (_("On pace"), _("The projection is within 10 % of the budget.")),
        ],
    )  # fmt: skip


def _flight_pace(campaign: Campaign, flight: FlightPace) -> PaceView:
    spent = {"spent": _money(campaign, flight.spent), "budget": _money(campaign, flight.budget)}
    bars = [(_("Spent"), _percent(flight.money_share), _("%(spent)s of %(budget)s") % spent, "")]
    if flight.time_share is not None:
        share = format_percent(flight.time_share, 0)
        bars.append((_("Flight elapsed"), _percent(flight.time_share), share, ""))
    return PaceView(
        lines=[(_("Lifetime budget"), _money(campaign, flight.budget))],
        bars=bars,
        notes=[(_("Spent"), _("All spend that is known of this campaign, whatever the range above."))],
    )


def _percent(share: float | None) -> int:
    return 0 if share is None else min(round(share * 100), 100)


def breakdown_card(found: Breakdown, currency: str) -> dict[str, Any]:
    titles = {"age": _("By age"), "gender": _("By gender"), "location": _("By location")}
    total = sum(part.weight for part in found.slices) or 1
    exponent = decimals(currency)
    return {
        "title": titles[found.kind],
        "by": _("share of spend") if found.by == "spend" else _("share of impressions"),
        "slices": [
            {
                "name": part.name.replace("_", " ").capitalize() if found.kind == "gender" else part.name,
                "percent": round(100 * part.weight / total),
                "share": format_percent(part.weight / total, 0),
                "amount": format_money(part.spend, currency, exponent, whole=True)
                if part.spend is not None
                else format_number(part.impressions),
            }
            for part in found.slices
        ],
    }


def activity_item(entry: AuditLog) -> dict[str, Any]:
    """One line of the feed: who, what, when."""
    values = entry.new_value or {}
    title = _activity_words(entry, values)
    who = entry.actor_label or str(entry.get_actor_kind_display())
    if entry.user and (entry.actor_kind == ActorKind.USER or not entry.actor_label):
        who = via_words(entry.user.display_name, entry.actor_label)
    icons = {ActorKind.RULE: "workflow", ActorKind.JOB: "cpu", ActorKind.IMPORT: "file-up"}
    return {
        "icon": icons.get(ActorKind(entry.actor_kind), "user"),
        "title": title,
        "reason": f"{who}. {entry.reason}".strip() if entry.reason else who,
        "when": entry.created_at,
    }


def _activity_words(entry: AuditLog, values: dict[str, Any]) -> str:
    if values.get("operation") == "label_added":
        return _("Label “%(label)s” added") % {"label": values.get("label", "")}
    if values.get("operation") == "label_removed":
        return _("Label “%(label)s” removed") % {"label": values.get("label", "")}
    if entry.changed_fields == ["labels"]:
        return _label_change((entry.old_value or {}).get("labels") or [], values.get("labels") or [])
    if entry.action == AuditAction.CREATE:
        return _("Campaign first seen")
    fields = ", ".join(str(field).replace("_", " ") for field in entry.changed_fields or [])
    return f"{entry.get_action_display()}: {fields}" if fields else str(entry.get_action_display())


def _label_change(old: list[str], new: list[str]) -> str:
    added = [label for label in new if label not in old]
    removed = [label for label in old if label not in new]
    if added:
        return _("Label “%(label)s” added") % {"label": ", ".join(added)}
    return _("Label “%(label)s” removed") % {"label": ", ".join(removed)}


def raw_text(campaign: Campaign) -> str:
    """What the platform or file said about the campaign, secrets masked; empty when nothing was kept."""
    if not campaign.raw_data:
        return ""
    text = json.dumps(mask_value("raw_data", campaign.raw_data), indent=2, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= RAW_CHARACTERS else text[:RAW_CHARACTERS] + "\n…"
