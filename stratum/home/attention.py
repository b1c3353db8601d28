"""Is anything wrong: alerts, accounts, uploads, jobs; each with where to act on it."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.queries.health import AccountHealth, failed_jobs, refused_imports
from campaigns.views.health import job_words, state_words
from campaigns.views.sync_reading import mend_url
from rules.choices import AlertStatus, Severity
from rules.models import Alert
from stratum.lib.figures import format_number


@dataclass(frozen=True, slots=True)
class Attention:
    """One thing that is wrong: what, why, and where to act on it."""

    level: str
    icon: str
    title: str
    reason: str
    href: str
    link: str


def attention(accounts: Sequence[AccountHealth]) -> list[Attention]:
    """What needs a person: alerts, accounts, uploads, jobs, the worst first."""
    found = [*_alerts(), *_stale(accounts), *_uploads(), *_jobs()]
    order = {"bad": 0, "warn": 1}
    return sorted(found, key=lambda item: order.get(item.level, 2))


def _alerts() -> list[Attention]:
    severities = list(Alert.objects.filter(status=AlertStatus.OPEN).order_by().values_list("severity", flat=True)[:200])
    if not severities:
        return []
    critical = severities.count(Severity.CRITICAL)
    count = len(severities)
    title = ngettext("%(count)s open alert", "%(count)s open alerts", count) % {"count": format_number(count)}
    reason = ngettext("%(count)s of them is critical.", "%(count)s of them are critical.", critical) if critical else ""
    return [
        Attention(
            "bad" if critical else "warn",
            "bell",
            title,
            reason % {"count": critical} if reason else "",
            reverse("rules:alert_list"),
            _("See alerts"),
        )
    ]


def _stale(accounts: Sequence[AccountHealth]) -> list[Attention]:
    health = reverse("campaigns:data_health")
    return _folded([_account(account, health) for account in accounts if account.needs_attention], health)


def _account(account: AccountHealth, health: str) -> Attention:
    """A broken connection leads to where it is mended, a failed sync to how it went, old numbers to Data health."""
    level = "bad" if account.state == "broken" else "warn"
    words, reason, href, link = state_words(account)[1], account.error, health, _("Data health")
    if account.state == "broken" and (mend := mend_url(account.status)):
        href, link = mend, _("Connect again")
    elif account.sync.has_failed and account.state != "broken":
        words, link = _("the last sync failed"), _("See the sync")
        href = reverse("campaigns:sync_list", args=[account.id])
    elif not reason and account.newest_day:
        day = date_format(account.newest_day, "j M")
        reason = _("The newest day with numbers is %(day)s.") % {"day": day}
    return Attention(level, "plug-zap", f"{account.full_name}: {words}", reason, href, link)


def _folded(found: list[Attention], href: str) -> list[Attention]:
    """Three lines at most: more accounts than that are one line."""
    if len(found) <= 3:
        return found
    count = len(found)
    title = ngettext("%(count)s account needs attention", "%(count)s accounts need attention", count)
    level = "bad" if any(item.level == "bad" for item in found) else "warn"
    names = ", ".join(item.title for item in found[:3])
    return [Attention(level, "plug-zap", title % {"count": count}, f"{names}, …", href, _("Data health"))]


def _uploads() -> list[Attention]:
    return [
        Attention(
            "warn",
            "file-x",
            _("Upload refused: %(file)s") % {"file": batch.filename},
            batch.error,
            reverse("campaigns:import_detail", args=[batch.pk]),
            _("See why"),
        )
        for batch in refused_imports()[:2]
    ]


def _jobs() -> list[Attention]:
    return [
        Attention(
            "bad",
            "circle-x",
            _("Background job failed: %(job)s") % {"job": job_words(run.job)},
            run.error,
            reverse("campaigns:data_health"),
            _("Data health"),
        )
        for run in failed_jobs()[:2]
    ]
