"""The home page: what is wrong, what changed and why, and what to do, composed from the apps' queries.

Every block is one bounded read, none grows with the number of campaigns shown. What automation did is a panel of
the rules app that the page asks for after it is shown.
"""

from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from accounts.middleware import zone_or_utc
from campaigns.queries.comparability import comparability, days_known
from campaigns.queries.health import account_health
from campaigns.queries.maturity import workspace_maturity
from campaigns.queries.pacing import workspace_pace
from campaigns.queries.totals import workspace_totals
from campaigns.views.reading import immature_text, incomparable_text, periods_of, rate_notes, refusal_text
from stratum.home.asked import HomeRequest
from stratum.home.attention import attention
from stratum.home.figures import course_chart, key_figures, platform_shares
from stratum.home.moved import moved
from stratum.home.pace import ACCOUNTS_SHOWN, fresh_lines, pace_lines, pace_note
from stratum.home.steps import first_steps
from stratum.lib.date_ranges import last_full_day

__all__ = ["first_steps", "home_context", "moved_context"]


def home_context(request: HttpRequest) -> dict[str, Any]:
    """Everything the page shows, for a workspace that has campaigns."""
    asked = HomeRequest.of(request)
    zone = request.tenant.timezone
    current, compared = periods_of(asked.days)
    found = workspace_totals(asked.currency, current, compared, now=asked.now)
    accounts = account_health(asked.now)
    last = last_full_day(asked.now, zone_or_utc(zone))
    pace = workspace_pace(asked.currency, last)
    today = asked.now.astimezone(zone_or_utc(zone)).date()
    maturity = workspace_maturity(current, today, asked.now)
    return {
        "date_range": asked.days,
        "currency": found.currency,
        "attention": attention(accounts),
        "account_count": len(accounts),
        "kpis": key_figures(found, asked, accounts, maturity),
        "chart": course_chart(found, asked, maturity),
        "courses": [
            (_("Spend and revenue"), asked.href(course="money"), asked.course == "money"),
            (_("Spend by platform"), asked.href(course="platforms"), asked.course == "platforms"),
        ],
        "shares": platform_shares(found, asked),
        "moved": moved(asked, zone, comparable=found.comparability.holds),
        "pace": pace_lines(pace) if pace else [],
        "pace_note": pace_note(last, pace) if pace else "",
        "fresh": fresh_lines(accounts),
        "more_accounts": max(len(accounts) - ACCOUNTS_SHOWN, 0),
        "refused": refusal_text(found.refused),
        "incomparable": incomparable_text(found.comparability),
        "immature_text": immature_text(maturity),
        "rate_notes": rate_notes(found.rates, found.currency),
    }


def moved_context(request: HttpRequest) -> dict[str, Any]:
    """The block of what moved alone, for its own tabs."""
    asked = HomeRequest.of(request)
    current, compared = periods_of(asked.days)
    holds = compared is not None and comparability(*days_known([current, compared])).holds
    return {"moved": moved(asked, request.tenant.timezone, comparable=holds)}
