"""Budgets against spend, and how fresh each account is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.choices import Platform
from campaigns.queries.health import AccountHealth
from campaigns.queries.pacing import Pace, WorkspacePace
from campaigns.queries.sync import AccountSync
from campaigns.views.health import arrival_words, pace_words, state_words
from campaigns.views.sync_reading import clock
from stratum.lib.figures import format_money, format_number
from stratum.lib.money import decimals

ACCOUNTS_SHOWN = 8
_PLATFORM = dict(Platform.choices)


@dataclass(frozen=True, slots=True)
class PaceLine:
    label: str
    platform: str
    percent: int
    text: str
    state: str
    words: str


def pace_lines(found: WorkspacePace) -> list[PaceLine]:
    """The whole workspace first, then each platform."""
    lines = [_pace_line(_("All platforms"), "", found.whole, found.currency)]
    if len(found.platforms) > 1:
        lines += [
            _pace_line(str(_PLATFORM[one.platform]), one.platform, one.pace, found.currency) for one in found.platforms
        ]
    return lines


def _pace_line(label: str, platform: str, pace: Pace, currency: str) -> PaceLine:
    exponent = decimals(currency)
    spent, budget = (format_money(amount, currency, exponent, whole=True) for amount in (pace.spent, pace.budget))
    return PaceLine(
        label=label,
        platform=platform,
        percent=min(round((pace.share or 0) * 100), 100),
        text=_("%(spent)s of %(budget)s") % {"spent": spent, "budget": budget},
        state=pace.state,
        words=pace_words(pace),
    )


def pace_note(through: date, found: WorkspacePace) -> str:
    days = Pace(through, 0, 0, 0).days
    text = ngettext(
        "day %(day)s of %(days)s, %(count)s campaign with a daily budget",
        "day %(day)s of %(days)s, %(count)s campaigns with a daily budget",
        found.campaigns,
    )
    return text % {"day": through.day, "days": days, "count": format_number(found.campaigns)}


@dataclass(frozen=True, slots=True)
class FreshLine:
    name: str
    platform: str
    state: str
    words: str
    newest: str
    arrived: str
    href: str
    simulated: bool
    sync: str
    sync_href: str


def fresh_lines(accounts: Sequence[AccountHealth]) -> list[FreshLine]:
    """Freshness per account, those that need attention first."""
    listing = reverse("campaigns:campaign_list")
    return [
        FreshLine(
            account.name,
            account.platform,
            *state_words(account),
            date_format(account.newest_day, "j M") if account.newest_day else "–",
            _("came in %(time)s") % {"time": arrival_words(account)} if account.arrived_at else "",
            f"{listing}?account={account.id}",
            account.is_sandbox,
            _sync_words(account.sync),
            reverse("campaigns:sync_list", args=[account.id]),
        )
        for account in accounts[:ACCOUNTS_SHOWN]
    ]


def _sync_words(sync: AccountSync) -> str:
    """What its syncs are at, in a few words; empty for accounts that are fed by imports."""
    if sync.running is not None and sync.running.waiting_until is not None:
        return _("Sync waits until %(time)s") % {"time": clock(sync.running.waiting_until)}
    if sync.running is not None:
        share = "" if sync.running.percent is None else f" · {sync.running.percent} %"
        return _("Syncing now%(share)s") % {"share": share}
    if sync.has_failed:
        return _("Last sync failed")
    return _("Next sync at %(time)s") % {"time": clock(sync.next_at)} if sync.next_at else ""
