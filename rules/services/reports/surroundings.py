"""The blocks of a report about what surrounds its figures: budgets, creatives, alerts, and the data themselves."""

from collections.abc import Iterable, Sequence

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.queries.conversion import RateSpan
from campaigns.queries.health import AccountHealth
from campaigns.queries.pacing import WorkspacePace
from campaigns.queries.totals import Refusal
from campaigns.views.health import pace_words, state_words
from campaigns.views.reading import rate_notes, refusal_text
from creatives.models import CreativeAsset
from rules.models import Alert
from rules.services.reports.blocks import Json, block, cell, money_cell, platform_name, table
from stratum.lib.figures import format_number, format_percent


def pacing_block(found: WorkspacePace | None) -> Json:
    """The month so far against its budgets, whole and per platform."""
    if found is None:
        return block("pacing", _("Budgets"), lines=[_("No active campaign has a daily budget.")])
    currency = found.currency
    paces = [(_("All platforms"), found.whole), *((platform_name(one.platform), one.pace) for one in found.platforms)]
    rows = [
        [
            cell(name),
            *(money_cell(amount, currency) for amount in (pace.budget, pace.spent, pace.projected)),
            cell(pace_words(pace)),
        ]
        for name, pace in (paces if len(found.platforms) > 1 else paces[:1])
    ]
    columns = [
        (_("Platform"), "text"),
        (_("Month’s budget %(currency)s") % {"currency": currency}, "number"),
        (_("Spent %(currency)s") % {"currency": currency}, "number"),
        (_("Projected %(currency)s") % {"currency": currency}, "number"),
        (_("Course"), "text"),
    ]
    line = ngettext(
        "Day %(day)s of %(days)s, %(count)s campaign with a daily budget.",
        "Day %(day)s of %(days)s, %(count)s campaigns with a daily budget.",
        found.campaigns,
    ) % {"day": found.whole.through.day, "days": found.whole.days, "count": format_number(found.campaigns)}
    return block("pacing", _("Budgets"), lines=[line], tables=[table(_("Budgets of the month"), columns, rows)])


def fatigue_block(assets: Sequence[CreativeAsset]) -> Json:
    """Creatives whose click-through rate has fallen against their own first week; nothing where none has a score."""
    rows = [
        [
            cell(asset.name, asset.get_asset_type_display()),
            cell(asset.campaign.name if asset.campaign else "–"),
            {**cell(format_percent(asset.fatigue_score, 0)), "value": str(round(asset.fatigue_score, 4))},
        ]
        for asset in assets
    ]
    columns = [(_("Creative"), "text"), (_("Campaign"), "text"), (_("Fatigue"), "number")]
    return block("fatigue", _("Tired creatives"), tables=[table(_("Tired creatives"), columns, rows)])


def alerts_block(alerts: Sequence[Alert], total: int, critical: int) -> Json:
    if not total:
        return block("alerts", _("Open alerts"), lines=[_("No alert is open.")])
    line = ngettext("%(count)s alert is open", "%(count)s alerts are open", total) % {"count": format_number(total)}
    if critical:
        words = ngettext("%(count)s of them is critical", "%(count)s of them are critical", critical)
        line = f"{line}, {words % {'count': format_number(critical)}}"
    rows = [
        [
            cell(one.title, one.body),
            cell(one.campaign.name if one.campaign else ""),
            cell(one.get_severity_display()),
            cell(date_format(one.last_at, "j M Y")),
        ]
        for one in alerts
    ]
    columns = [(_("Alert"), "text"), (_("Campaign"), "text"), (_("Severity"), "text"), (_("Last"), "text")]
    return block("alerts", _("Open alerts"), lines=[f"{line}."], tables=[table(_("Open alerts"), columns, rows)])


def data_block(
    accounts: Sequence[AccountHealth],
    *,
    zone: str,
    rates: tuple[RateSpan, ...],
    refused: tuple[Refusal, ...],
    currency: str,
    unfinished: Iterable[str],
    with_states: bool,
) -> Json:
    """How old the numbers are, whose days are cut elsewhere, and how money was converted."""
    elsewhere = sorted({account.zone for account in accounts if account.zone != zone})
    lines = [refusal_text(refused)]
    if elsewhere:
        words = _("Each account’s days are cut in its own zone; not all of them in %(zone)s: %(zones)s.")
        lines.append(words % {"zone": zone, "zones": ", ".join(elsewhere)})
    if names := sorted(unfinished):
        lines.append(
            _("The last day was not over yet where these accounts are: %(names)s.") % {"names": ", ".join(names)}
        )
    if rates:
        notes = "; ".join(f"{term} = {text}" for term, text in rate_notes(rates, currency))
        lines.append(_("Converted by the rates of each day: %(rates)s.") % {"rates": notes})
    rows = [
        [
            cell(account.name, f"{platform_name(account.platform)}, {account.zone}"),
            cell(state_words(account)[1], account.error),
            cell(date_format(account.newest_day, "j M Y") if account.newest_day else "–"),
        ]
        for account in (accounts if with_states else ())
    ]
    columns = [(_("Account"), "text"), (_("State"), "text"), (_("Newest day"), "text")]
    title = _("How fresh the data are")
    return block("data", title, lines=lines, tables=[table(_("Accounts"), columns, rows)])
