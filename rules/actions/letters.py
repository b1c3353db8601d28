"""What people are told of alerts: one letter for each person, worded once and written down for each channel.

Worded in the language that is active. Names of campaigns and rules are other people's text: each channel escapes them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from rules.actions.slack_rows import escaped
from rules.choices import Severity
from rules.conditions.telling import RANKS
from rules.models import Alert
from rules.queries.alerts import alert_reason
from rules.queries.telling import worst
from stratum.lib.plain_words import cut
from whatsapp.services import MAX_CONTENT

# A burst is one message: it lists the first ones and counts the rest.
LINES = 10
_LONGEST_SUBJECT = 150


@dataclass(frozen=True, slots=True)
class Line:
    """One alert, or several of one rule: what, where, why."""

    title: str
    where: str
    why: str
    severity: str
    severity_words: str


@dataclass(frozen=True, slots=True)
class Letter:
    """`more` counts what the lines leave out; `url` leads to where it is answered."""

    subject: str
    head: str
    lines: tuple[Line, ...]
    more: int
    url: str
    link: str

    @property
    def more_words(self) -> str:
        return _("and %(count)s more") % {"count": self.more} if self.more else ""

    @property
    def settings_url(self) -> str:
        return _absolute(reverse("rules:notification_settings"))


def alerts_letter(alerts: Sequence[Alert], *, step: int = 0) -> Letter:
    """Alerts of one rule and pass, or those that waited for the end of quiet hours. At least one, each once."""
    ordered = _ordered(alerts)
    severity, first, count = worst(one.severity for one in alerts), ordered[0], len(ordered)
    titles = {one.title for one in ordered}
    if count == 1:
        what = f"{first.title}: {first.campaign.name}" if first.campaign else first.title
    elif len(titles) == 1:
        what = _("%(title)s (%(count)s alerts)") % {"title": first.title, "count": count}
    else:
        what = ngettext("%(count)s alert", "%(count)s alerts", count) % {"count": count}
    lines = _lines(ordered) if len(titles) == 1 else _by_title(ordered)
    return Letter(
        subject=one_line(f"{severity.label}: {what}"),
        head=_unanswered(count) if step else _head(count, severity),
        lines=lines[:LINES],
        more=max(len(lines) - LINES, 0),
        url=_where(ordered),
        link=_("Answer it in Stratum") if count == 1 else _("See them in Stratum"),
    )


def digest_letter(alerts: Sequence[Alert]) -> Letter:
    """What one person was not told of at once, since the digest before."""
    ordered, count = _ordered(alerts), len(alerts)
    lines = _by_title(ordered)
    open_words = ngettext("%(count)s open alert", "%(count)s open alerts", count) % {"count": count}
    return Letter(
        subject=one_line(_("Your alerts of the day: %(count)s") % {"count": open_words}),
        head=_("This has come up since your last digest and still waits for somebody."),
        lines=lines[: LINES * 2],
        more=max(len(lines) - LINES * 2, 0),
        url=_absolute(reverse("rules:alert_list")),
        link=_("See them in Stratum"),
    )


def trial_letter(workspace: str) -> Letter:
    return Letter(
        subject=one_line(_("Test: this is how Stratum tells you of alerts")),
        head=_("This is a test message of the workspace %(name)s. Alerts reach you this way.") % {"name": workspace},
        lines=(),
        more=0,
        url=_absolute(reverse("rules:notification_settings")),
        link=_("How I am told"),
    )


def slack_payload(letter: Letter) -> dict[str, Any]:
    """`text` for notifications and old clients, `blocks` to read. A campaign called '<!channel>' calls nobody."""
    spoken = [f"*{escaped(letter.subject)}*", escaped(letter.head)]
    spoken += [_slack_line(line) for line in letter.lines]
    spoken += [letter.more_words] if letter.more else []
    blocks: list[dict[str, Any]] = [{"type": "section", "text": _markdown(one)} for one in spoken]
    blocks.append({"type": "context", "elements": [_markdown(f"<{letter.url}|{escaped(letter.link)}>")]})
    return {"text": "\n".join(spoken), "blocks": blocks}


def _slack_line(line: Line) -> str:
    name = " · ".join(escaped(part) for part in (line.title, line.where) if part)
    return f"*{name}*: {escaped(line.why)}" if line.why else f"*{name}*"


def _markdown(text: str) -> dict[str, str]:
    return {"type": "mrkdwn", "text": text}


def whatsapp_text(letter: Letter) -> str:
    """Within what WhatsApp takes, however long the lines are: the end is the link, which must not be cut off."""
    lines = [": ".join(part for part in (line.title, line.where, line.why) if part) for line in letter.lines]
    ends = [letter.more_words, letter.url] if letter.more else [letter.url]
    rest = sum(len(one) + 1 for one in (letter.subject, letter.head, *ends))
    room = (MAX_CONTENT - rest) // max(len(lines), 1) - 1
    return "\n".join([letter.subject, letter.head, *(cut(line, room) for line in lines), *ends])


def whatsapp_variables(letter: Letter) -> dict[str, str]:
    """What fills a template. WhatsApp takes no line breaks, tabs or rows of blanks in them."""
    names = ", ".join(dict.fromkeys(line.where or line.title for line in letter.lines))
    first = letter.lines[0] if letter.lines else None
    values = {
        "rule": letter.subject,
        "campaign": ", ".join(part for part in (names, letter.more_words) if part) or letter.head,
        "reason": first.why if first and first.why else letter.head,
    }
    return {name: " ".join(value.split()) for name, value in values.items()}


def _ordered(alerts: Sequence[Alert]) -> list[Alert]:
    return sorted(alerts, key=lambda one: (-RANKS[one.severity], -one.last_at.timestamp(), one.pk))


def _lines(alerts: Sequence[Alert]) -> tuple[Line, ...]:
    return tuple(_line(one, one.campaign.name if one.campaign else "") for one in alerts)


def _line(alert: Alert, where: str) -> Line:
    severity = Severity(alert.severity)
    return Line(alert.title, where, alert_reason(alert), severity.value, str(severity.label))


def _by_title(alerts: Sequence[Alert]) -> tuple[Line, ...]:
    """One line for each title, with how many campaigns it is about; the figures are those of the worst."""
    groups: dict[str, list[Alert]] = {}
    for one in alerts:
        groups.setdefault(one.title, []).append(one)
    return tuple(_line(group[0], _campaigns(group)) for group in groups.values())


def _campaigns(alerts: Sequence[Alert]) -> str:
    named = [one.campaign.name for one in alerts if one.campaign]
    if len(alerts) == 1:
        return named[0] if named else ""
    count = ngettext("%(count)s campaign", "%(count)s campaigns", len(alerts)) % {"count": len(alerts)}
    return f"{count} ({', '.join(named[:3])}{', …' if len(named) > 3 else ''})" if named else count


def _head(count: int, severity: Severity) -> str:
    if severity == Severity.CRITICAL:
        return ngettext(
            "This is critical, and somebody should see to it now.",
            "%(count)s alerts came up together, critical ones among them: somebody should see to them now.",
            count,
        ) % {"count": count}
    return ngettext("A new alert came up.", "%(count)s new alerts came up together.", count) % {"count": count}


def _unanswered(count: int) -> str:
    return ngettext(
        "Nobody has answered this alert yet. You are told because your workspace asks you next.",
        "Nobody has answered these %(count)s alerts yet. You are told because your workspace asks you next.",
        count,
    ) % {"count": count}


def _where(alerts: Sequence[Alert]) -> str:
    """The alert itself; of several, the list of those of the rule, or of all that are open."""
    first = alerts[0]
    if len(alerts) == 1:
        return _absolute(reverse("rules:alert_detail", args=[first.pk]))
    listed = reverse("rules:alert_list")
    same = len({one.title for one in alerts}) == 1
    return _absolute(f"{listed}?{urlencode({'q': first.title})}" if same else listed)


def _absolute(path: str) -> str:
    return f"{settings.PUBLIC_URL}{path}"


def one_line(text: str) -> str:
    """Mail programs show one line, and a name with a line break in it must not make two headers of a subject."""
    return cut(" ".join("".join(one if one.isprintable() else " " for one in text).split()), _LONGEST_SUBJECT)
