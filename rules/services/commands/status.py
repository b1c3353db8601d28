"""Status: yesterday and today in figures, and what asks for somebody. All figures come from the screens' queries."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.choices import Platform
from campaigns.models import Campaign
from campaigns.queries.campaign_page import campaign_days
from campaigns.queries.completeness import completeness_of
from campaigns.queries.health import account_health
from campaigns.queries.maturity import Maturity, maturity_of, workspace_maturity
from campaigns.queries.measures import MEASURES
from campaigns.queries.totals import Refusal, workspace_totals
from rules.queries.activity import AutomationToday, automation_today
from rules.queries.rules import waiting_rules
from rules.services.commands.base import MAX_TEXT
from stratum.lib.figures import format_money, format_number, format_percent
from stratum.lib.plain_words import cut
from stratum.lib.ratios import Totals
from stratum.lib.regions import zone_or_utc
from tenants.models import Tenant

FIGURES = ("spend", "roas", "conversions")
ALERTS_SHOWN, LONGEST_TITLE = 3, 80


def workspace_words(now: datetime) -> str:
    """The workspace in at most MAX_TEXT characters."""
    tenant = Tenant.objects.get()
    zone = zone_or_utc(tenant.timezone)
    today = now.astimezone(zone).date()
    yesterday = today - timedelta(days=1)
    found = workspace_totals(tenant.reporting_currency, (yesterday, today), now=now)
    shares = [workspace_maturity((day, day), today, now).newest for day in (yesterday, today)]
    lines = [
        cut(tenant.name, LONGEST_TITLE),
        *_day_lines(yesterday, today, found.current.days, found.currency),
        completeness_words(*shares),
        *_left_out(found.refused),
        _freshness(now),
        "",
        *_automation_lines(automation_today(now=now, zone=zone)),
        *_approval_lines(waiting_rules(now=now).count()),
    ]
    return cut("\n".join(lines), MAX_TEXT)


def campaign_words(campaign: Campaign, now: datetime) -> str:
    """One campaign, in its own currency and in the days of its account."""
    account = campaign.ad_account
    zone = zone_or_utc(account.timezone if account else Tenant.objects.values_list("timezone", flat=True).get())
    today = now.astimezone(zone).date()
    yesterday = today - timedelta(days=1)
    days = {one.date: one for one in campaign_days(campaign, yesterday, today)}
    totals = [days[day].totals if day in days else None for day in (yesterday, today)]
    shares = [_maturity(campaign, day, today, now).newest for day in (yesterday, today)]
    budget = format_money(campaign.daily_budget_cents, campaign.currency)
    standing = _("%(status)s · daily budget %(budget)s") if campaign.daily_budget_cents is not None else "%(status)s"
    lines = [
        titled(campaign),
        standing % {"status": campaign.get_status_display(), "budget": budget},
        *_day_lines(yesterday, today, totals, campaign.currency),
        completeness_words(*shares),
    ]
    if days:
        lines.append(_("Newest numbers: %(when)s.") % {"when": _moment(max(one.known_at for one in days.values()))})
    return cut("\n".join(lines), MAX_TEXT)


def titled(campaign: Campaign) -> str:
    """'“Spring Sale” on Meta'."""
    values = {"name": cut(campaign.name, LONGEST_TITLE), "platform": str(Platform(campaign.platform).label)}
    return _("“%(name)s” on %(platform)s") % values


def completeness_words(yesterday: float | None, today: float | None) -> str:
    """How much of the conversions is in; nobody knows for accounts that are new."""
    if yesterday is None and today is None:
        return _("How complete conversions are is not known yet.")
    values = {"yesterday": format_percent(yesterday, 0), "today": format_percent(today, 0)}
    return _("Conversions that are in by now: about %(yesterday)s of yesterday’s, %(today)s of today’s.") % values


def _maturity(campaign: Campaign, day: date, today: date, now: datetime) -> Maturity:
    if campaign.ad_account is None:
        return Maturity()
    return maturity_of(completeness_of(campaign.ad_account, now), (day, day), today)


def _day_lines(yesterday: date, today: date, days: Sequence[Totals | None], currency: str) -> list[str]:
    labels = (_("Yesterday, %(day)s"), _("Today, %(day)s"))
    return [
        f"{label % {'day': date_format(day, 'j M')}}: {_figures(totals, currency)}"
        for label, day, totals in zip(labels, (yesterday, today), days, strict=True)
    ]


def _figures(totals: Totals | None, currency: str) -> str:
    if totals is None:
        return _("no numbers yet")
    return " · ".join(f"{MEASURES[key].label} {MEASURES[key].text(totals, currency)}" for key in FIGURES)


def _left_out(refusals: Sequence[Refusal]) -> list[str]:
    count = sum(one.campaigns for one in refusals)
    if not count:
        return []
    text = ngettext(
        "%(count)s campaign is left out: there is no exchange rate.",
        "%(count)s campaigns are left out: there is no exchange rate.",
        count,
    )
    return [text % {"count": format_number(count)}]


def _freshness(now: datetime) -> str:
    accounts = account_health(now)
    arrived = [one.arrived_at for one in accounts if one.arrived_at]
    newest = _("Newest numbers: %(when)s.") % {"when": _moment(max(arrived))} if arrived else _("No numbers yet.")
    troubled = sum(one.needs_attention for one in accounts)
    if not troubled:
        return newest
    text = ngettext(
        "%(count)s of %(all)s accounts needs attention.", "%(count)s of %(all)s accounts need attention.", troubled
    )
    return f"{newest} {text % {'count': format_number(troubled), 'all': format_number(len(accounts))}}"


def _automation_lines(found: AutomationToday) -> list[str]:
    counts = {"open": format_number(found.open_alerts), "critical": format_number(found.critical_alerts)}
    lines = [_("Open alerts: %(open)s (critical: %(critical)s)") % counts]
    lines += [f"#{alert.pk} {cut(alert.title, LONGEST_TITLE)}" for alert in found.alerts[:ALERTS_SHOWN]]
    acted = {"acted": format_number(found.acted), "failed": format_number(found.failed)}
    return [*lines, _("Automation today: acted %(acted)s times, failed %(failed)s times") % acted]


def _approval_lines(count: int) -> list[str]:
    return [_("Waiting for approval: %(count)s") % {"count": format_number(count)}]


def _moment(moment: datetime) -> str:
    return date_format(timezone.localtime(moment), "j M, H:i")
