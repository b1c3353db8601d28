"""The first-run checklist."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from campaigns.models import AdAccount, Campaign
from campaigns.queries.platforms import platform_states
from rules.models import Rule


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the first-run checklist."""

    title: str
    text: str
    href: str
    link: str
    done: bool


def first_steps(user: Any) -> list[Step]:
    """The way from sign-up to a useful dashboard, without any platform's credentials."""
    has_numbers = Campaign.objects.exists()
    has_rule = Rule.objects.exists()
    steps = [
        Step(
            _("Import a report"),
            _(
                "Drop the daily report that Meta, Google Ads, TikTok, Snapchat or LinkedIn exports. "
                "No connection is needed."
            ),
            reverse("campaigns:import_upload") if user.can("import_data") else "",
            _("Import"),
            has_numbers,
        ),
        *_connect(user),
        Step(
            _("Look at your campaigns"),
            _("Every campaign with spend, return and changes, in one currency."),
            reverse("campaigns:campaign_list") if has_numbers else "",
            _("Campaigns"),
            False,
        ),
        Step(
            _("Write the first rule"),
            _(
                "For example: when ROAS over two days is below 1, send an alert. "
                "You see what it would match before it is on."
            ),
            reverse("rules:rule_create") if user.can("edit_rules") else "",
            _("Write a rule"),
            has_rule,
        ),
    ]
    if user.can("manage_team"):
        steps.append(
            Step(
                _("Bring in your team"),
                _("Analysts read and export, managers change campaigns and rules."),
                reverse("accounts:team_list"),
                _("Team"),
                False,
            )
        )
    return steps


def _connect(user: Any) -> list[Step]:
    """The other way to numbers, for whom it is open, where this installation is registered at a platform."""
    if not user.can("manage_connections") or not any(state.registered for state in platform_states()):
        return []
    text = _("Numbers then come in by themselves, every hour.")
    if settings.SANDBOX_URL:
        text = f"{text} {_('No account at hand? Try it with simulated accounts.')}"
    has_connected = AdAccount.objects.filter(connection__isnull=False).exists()
    url = reverse("campaigns:connection_list")
    return [Step(_("Or connect an ad account"), text, url, _("Connect"), has_connected)]
