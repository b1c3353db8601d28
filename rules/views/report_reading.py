"""Reports and their schedules as pages show them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.choices import EmailState
from accounts.models import EmailMessage
from accounts.queries import names_of
from rules.choices import Channel, ReportDeliveryState, ReportKind, SlackState
from rules.conditions.wording import WEEKDAYS
from rules.models import Report, ReportDelivery, ReportSchedule, SlackMessage, SlackTarget
from rules.queries.reports.mail_readers import MailReader, mail_readers
from rules.queries.reports.scope import Scope
from rules.services.reports.chart import Plot, plot_of
from rules.services.reports.content import VERSION
from rules.services.reports.freezing import content_hash
from rules.services.reports.messages import blocks_of
from rules.services.reports.sections import course_table
from stratum.lib.encryption import email_hash
from stratum.lib.regions import zone_or_utc
from whatsapp.models import WhatsAppMessage
from whatsapp.queries import contacts_by_id
from whatsapp.queries.messages import LOOKS, state_of
from whatsapp.queries.reasons import error_words

_PLOT_WIDTH, _PLOT_HEIGHT = 720, 180


@dataclass(frozen=True, slots=True)
class Shown:
    """A report's parts as its page draws them; the same for a preview and for what was sent."""

    content: Mapping[str, Any]
    blocks: Sequence[Mapping[str, Any]]
    digest: str
    plot: Plot | None
    days: Mapping[str, Any]

    @property
    def is_about_all(self) -> bool:
        """Whether it is narrowed to no platforms, labels or accounts."""
        return not Scope.from_json(self.content["filters"]).narrows


def shown_report(content: Mapping[str, Any], restated: Mapping[str, Any] | None, digest: str) -> Shown | None:
    """None for what another version of the product made."""
    if not isinstance(content, Mapping) or content.get("version") != VERSION:
        return None
    plot = plot_of(content["course"], width=_PLOT_WIDTH, height=_PLOT_HEIGHT)
    return Shown(content, blocks_of(content, restated), digest, plot, course_table(content["course"]))


def is_unchanged(report: Report) -> bool:
    """Whether the stored parts still have the hash that was sent."""
    try:
        return content_hash(report.content, report.restated) == report.content_hash
    except ValueError:
        return False


def when_words(schedule: ReportSchedule) -> str:
    """'Daily at 08:00, Europe/Berlin. Next: 24 Nov 2026, 08:00.'"""
    values = {"time": f"{schedule.send_at:%H:%M}", "zone": schedule.timezone, "day": ""}
    if schedule.kind == ReportKind.WEEKLY:
        values["day"] = str(dict(WEEKDAYS).get(str(schedule.weekday), ""))
        words = _("%(day)s at %(time)s, %(zone)s.") % values
    else:
        words = _("Daily at %(time)s, %(zone)s.") % values
    if schedule.next_run_at and schedule.is_active and schedule.confirmed_at:
        words += " " + _("Next: %(moment)s.") % {"moment": moment_in(schedule.next_run_at, schedule.timezone)}
    return words


def moment_in(moment: datetime, zone: str) -> str:
    return date_format(moment.astimezone(zone_or_utc(zone)), "j M Y, H:i")


def moment_here(moment: datetime | None) -> str:
    return date_format(timezone.localtime(moment), "j M Y, H:i") if moment else ""


def recipient_count(schedule: ReportSchedule) -> str:
    """'3 people, 1 Slack channel': of the addresses of others nothing is read here."""
    parts = [
        (len(schedule.user_ids), ngettext("%(count)s person", "%(count)s people", len(schedule.user_ids))),
        (
            len(schedule.slack_target_ids),
            ngettext("%(count)s Slack channel", "%(count)s Slack channels", len(schedule.slack_target_ids)),
        ),
        (
            len(schedule.contact_ids),
            ngettext("%(count)s WhatsApp contact", "%(count)s WhatsApp contacts", len(schedule.contact_ids)),
        ),
    ]
    return ", ".join(words % {"count": count} for count, words in parts if count) or _("other addresses")


def recipients_of(schedule: ReportSchedule) -> list[tuple[str, str]]:
    """(channel, name) of everybody who gets it. At most four statements."""
    targets = dict(SlackTarget.objects.filter(pk__in=schedule.slack_target_ids).values_list("pk", "name"))
    contacts = contacts_by_id(schedule.contact_ids) if schedule.contact_ids else {}
    gone = _("not there any more")
    return [
        *((_("E-mail"), gone if one.is_gone else _reader_words(one)) for one in mail_readers(schedule)),
        *((_("Slack"), targets.get(one, gone)) for one in schedule.slack_target_ids),
        *((_("WhatsApp"), str(contacts.get(one, gone))) for one in schedule.contact_ids),
    ]


def _reader_words(reader: MailReader) -> str:
    name = reader.address or (reader.person.display_name if reader.person else "")
    return name if reader.gets_files else _("%(name)s (without PDF and CSV)") % {"name": name}


@dataclass(frozen=True, slots=True)
class DeliveryLine:
    channel: str
    name: str
    look: str
    words: str
    reason: str


_MAIL_LOOK = {EmailState.SENT: "done", EmailState.FAILED: "failed", EmailState.MAYBE_SENT: "maybe_sent"}
_SLACK_LOOK = {SlackState.SENT: "done", SlackState.FAILED: "failed", SlackState.MAYBE_SENT: "maybe_sent"}


def delivery_lines(schedule: ReportSchedule, rows: Sequence[ReportDelivery]) -> list[DeliveryLine]:
    """What became of each delivery, by its channel's own ledger. At most six statements."""
    names, states = _names(schedule, rows), _states(rows)
    lines = []
    for row in rows:
        look, words, error = states.get((row.channel, row.ledger_id), ("queued", row.get_state_display(), ""))
        if row.state == ReportDeliveryState.SKIPPED:
            look, words, error = "suppressed", row.get_state_display(), row.reason
        name = names.get(row.recipient, _("somebody who is not there any more"))
        lines.append(DeliveryLine(row.get_channel_display(), name, look, words, error))
    return lines


def _ids(rows: Iterable[ReportDelivery], prefix: str) -> list[int]:
    parts = (row.recipient.partition(":") for row in rows)
    return [int(value) for kind, _colon, value in parts if kind == prefix and value.isdecimal()]


def _names(schedule: ReportSchedule, rows: Sequence[ReportDelivery]) -> dict[str, str]:
    found = {f"user:{pk}": name for pk, name in names_of(_ids(rows, "user")).items()}
    slack, contacts = _ids(rows, "slack"), _ids(rows, "contact")
    if slack:
        targets = SlackTarget.objects.with_deleted().filter(pk__in=slack).values_list("pk", "name")
        found |= {f"slack:{pk}": name for pk, name in targets}
    if contacts:
        found |= {f"contact:{pk}": str(one) for pk, one in contacts_by_id(contacts).items()}
    for address in schedule.addresses.splitlines():
        found[f"address:{email_hash(address)}"] = _masked(address)
    return found


def _masked(address: str) -> str:
    """'a…@client.example': enough to know which one."""
    return f"{address[:1]}…@{address.rpartition('@')[2]}"


def _states(rows: Sequence[ReportDelivery]) -> dict[tuple[str, int | None], tuple[str, str, str]]:
    """(channel, id in its ledger) → (look, words, error)."""
    ids: dict[str, list[int]] = {}
    for row in rows:
        if row.ledger_id is not None:
            ids.setdefault(row.channel, []).append(row.ledger_id)
    found: dict[tuple[str, int | None], tuple[str, str, str]] = {}
    mails = EmailMessage.objects.filter(pk__in=ids.get(Channel.EMAIL, ())).only("state", "error", "tenant")
    for mail in mails if Channel.EMAIL in ids else ():
        look = _MAIL_LOOK.get(EmailState(mail.state), "queued")
        found[Channel.EMAIL, mail.pk] = (look, mail.get_state_display(), mail.error)
    slack = SlackMessage.objects.filter(pk__in=ids.get(Channel.SLACK, ())).only("state", "error", "tenant")
    for message in slack if Channel.SLACK in ids else ():
        look = _SLACK_LOOK.get(SlackState(message.state), "queued")
        found[Channel.SLACK, message.pk] = (look, message.get_state_display(), message.error)
    whatsapp = WhatsAppMessage.objects.filter(pk__in=ids.get(Channel.WHATSAPP, ()))
    for one in whatsapp.defer("content", "template_variables") if Channel.WHATSAPP in ids else ():
        state = state_of(one, timezone.now())
        found[Channel.WHATSAPP, one.pk] = (LOOKS[state], str(state.label), error_words(one))
    return found
