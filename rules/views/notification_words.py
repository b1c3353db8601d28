"""What a person's choice means, in sentences."""

from collections.abc import Iterable
from datetime import datetime, time

from django.utils.formats import date_format, time_format
from django.utils.text import get_text_list
from django.utils.translation import gettext as _

from rules.choices import Channel, Severity
from rules.conditions.telling import Preferences
from rules.forms.notifications import SEVERITIES
from stratum.lib.quiet_hours import next_at
from stratum.lib.regions import zone_or_utc


def choice_sentences(chosen: Preferences, *, zone: str, now: datetime) -> list[str]:
    """One sentence for each severity, and one for what else was chosen."""
    found = [_severity(severity, chosen) for severity in SEVERITIES]
    if chosen.digest_at is not None:
        clock = zone_or_utc(zone)
        due = date_format(next_at(now, chosen.digest_at, clock).astimezone(clock), "l, H:i")
        found.append(_("The next digest goes out on %(when)s (%(zone)s).") % {"when": due, "zone": clock.key})
    return found


def _severity(severity: Severity, chosen: Preferences) -> str:
    channels = chosen.at_once(severity.value)
    whom = _subjects()[severity]
    if channels:
        words = {"what": whom, "channels": channel_words(channels)}
        at_once = _("%(what)s reaches you at once by %(channels)s") % words
        return at_once + _at_night(severity, chosen) + "."
    if chosen.digest_at is not None and chosen.digest_channels:
        words = {"what": whom, "time": _clock(chosen.digest_at), "channels": channel_words(chosen.digest_channels)}
        return _("%(what)s is in your digest at %(time)s, by %(channels)s.") % words
    return _("%(what)s is only shown at the bell.") % {"what": whom}


def _at_night(severity: Severity, chosen: Preferences) -> str:
    if chosen.quiet is None:
        return _(", at any hour")
    words = {"start": _clock(chosen.quiet.start), "end": _clock(chosen.quiet.end)}
    if chosen.breaks_quiet(severity):
        return _(", even between %(start)s and %(end)s") % words
    return _("; what comes between %(start)s and %(end)s waits until %(end)s") % words


def channel_words(channels: Iterable[str]) -> str:
    """'e-mail and WhatsApp', in the order of the page."""
    names = {Channel.EMAIL.value: _("e-mail"), Channel.SLACK.value: _("Slack"), Channel.WHATSAPP.value: _("WhatsApp")}
    asked = set(channels)
    return get_text_list([text for name, text in names.items() if name in asked], _("and"))


def _subjects() -> dict[Severity, str]:
    return {
        Severity.CRITICAL: _("A critical alert"),
        Severity.WARNING: _("A warning"),
        Severity.INFO: _("An informing alert"),
    }


def _clock(at: time) -> str:
    return time_format(at, "H:i")
