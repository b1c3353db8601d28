"""A report to its recipients: one row for each, beside the message that its channel sends."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from accounts.audit import Actor
from accounts.choices import EmailKind, EmailState
from accounts.models import EmailAttachment
from accounts.services import Attachment, email_queue
from rules.actions.slack_rows import slack_message_queue
from rules.choices import Channel, ReportDeliveryState
from rules.models import Report, ReportDelivery, ReportSchedule, SlackTarget
from rules.queries.reports.mail_readers import MailReader, mail_readers
from rules.services.reports.messages import (
    Files,
    Mail,
    attachments_of,
    mail_of,
    slack_payload,
    whatsapp_text,
    whatsapp_variables,
)
from stratum.lib.errors import DomainError
from whatsapp.choices import Purpose
from whatsapp.queries import OBSTACLES
from whatsapp.services import message_queue


@dataclass(frozen=True, slots=True)
class Delivered:
    queued: int
    skipped: int

    @property
    def nobody(self) -> str:
        """A sentence when nobody gets it; else empty."""
        return "" if self.queued else _("The report was made, but nobody is left who can get it.")


def deliver(report: Report, schedule: ReportSchedule, *, actor: Actor) -> Delivered:
    """Hand a new report over, in the transaction that made it. Whoever cannot get it is left out, with the reason."""
    rows = [*_mails(report, schedule, actor), *_slack(report, schedule, actor), *_whatsapp(report, schedule, actor)]
    made = ReportDelivery.objects.bulk_create(rows)
    queued = sum(row.state == ReportDeliveryState.QUEUED for row in made)
    return Delivered(queued, len(made) - queued)


def mails_with_files(report: Report) -> int:
    """How many of its mails are on their way with PDF and CSV."""
    handed = ReportDelivery.objects.filter(report=report, channel=Channel.EMAIL, state=ReportDeliveryState.QUEUED)
    files = EmailAttachment.objects.filter(email_id__in=handed.values("ledger_id"))
    return files.order_by().values("email_id").distinct().count()


def _mails(report: Report, schedule: ReportSchedule, actor: Actor) -> Iterable[ReportDelivery]:
    """To people of the workspace, and to addresses."""
    readers = mail_readers(schedule)
    if not readers:
        return
    mail = mail_of(report.content, report.restated, report.content_hash, report_id=report.pk)
    files = attachments_of(report.content, Files(bytes(report.pdf), bytes(report.csv)))
    for reader in readers:
        if reader.is_gone:
            yield _row(report, Channel.EMAIL, reader.key, reason=_("This person is not there any more."))
        else:
            yield _mail(report, reader, mail, files if reader.gets_files else [], actor)


def _mail(
    report: Report, reader: MailReader, mail: Mail, attachments: Sequence[Attachment], actor: Actor
) -> ReportDelivery:
    try:
        email = email_queue(
            user=None if reader.address else reader.person,
            address=reader.address or None,
            kind=EmailKind.REPORT,
            subject=mail.subject,
            text=mail.text,
            html=mail.html,
            dedupe_key=f"report:{report.pk}:{reader.key}",
            attachments=attachments,
            actor=actor,
        )
    except DomainError as error:
        # Whatever is wrong with one mail, the other recipients still get the report.
        return _row(report, Channel.EMAIL, reader.key, reason=str(error))
    reason = email.error if email.state == EmailState.SUPPRESSED else ""
    return _row(report, Channel.EMAIL, reader.key, ledger_id=email.pk, reason=reason)


def _slack(report: Report, schedule: ReportSchedule, actor: Actor) -> Iterable[ReportDelivery]:
    targets = SlackTarget.objects.in_bulk(schedule.slack_target_ids)
    payload = slack_payload(report.content, report.restated, report_id=report.pk)
    for target_id in dict.fromkeys(schedule.slack_target_ids):
        recipient = f"slack:{target_id}"
        target = targets.get(target_id)
        if target is None:
            yield _row(report, Channel.SLACK, recipient, reason=_("The channel was removed."))
        else:
            message = slack_message_queue(target=target, payload=payload, actor=actor)
            yield _row(report, Channel.SLACK, recipient, ledger_id=message.pk)


def _whatsapp(report: Report, schedule: ReportSchedule, actor: Actor) -> Iterable[ReportDelivery]:
    if not schedule.contact_ids:
        return
    messages: dict[int, int] = {}
    skipped: dict[int, str] = {}
    try:
        queued = message_queue(
            contact_ids=schedule.contact_ids,
            content=whatsapp_text(report.content, report.restated, report_id=report.pk),
            variables=whatsapp_variables(report.content, report_id=report.pk),
            template_name=schedule.template_name,
            purpose=Purpose.REPORT,
            dedupe_key=f"report:{report.pk}",
            actor=actor,
        )
    except DomainError as error:
        skipped = dict.fromkeys(schedule.contact_ids, str(error))
    else:
        messages = dict(queued.messages)
        skipped = {contact: str(OBSTACLES.get(code, code)) for contact, code in queued.skipped.items()}
    for contact_id in dict.fromkeys(schedule.contact_ids):
        yield _row(
            report,
            Channel.WHATSAPP,
            f"contact:{contact_id}",
            ledger_id=messages.get(contact_id),
            reason=skipped.get(contact_id, ""),
        )


def _row(
    report: Report, channel: Channel, recipient: str, *, ledger_id: int | None = None, reason: str = ""
) -> ReportDelivery:
    return ReportDelivery(
        report=report,
        channel=channel,
        recipient=recipient,
        state=ReportDeliveryState.SKIPPED if reason else ReportDeliveryState.QUEUED,
        ledger_id=ledger_id,
        reason=reason,
    )
