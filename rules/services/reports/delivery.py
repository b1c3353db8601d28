"""A report to its recipients: one row for each, beside the message that its channel sends."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext as _

from accounts.audit import Actor
from accounts.choices import EmailKind, EmailState
from accounts.models import EmailMessage, User
from accounts.services import email_queue
from rules.actions.slack_rows import slack_message_queue
from rules.choices import Channel, ReportDeliveryState
from rules.models import Report, ReportDelivery, ReportSchedule, SlackTarget
from rules.services.reports.messages import (
    Files,
    attachments_of,
    mail_of,
    slack_payload,
    whatsapp_text,
    whatsapp_variables,
)
from stratum.lib.encryption import email_hash
from stratum.lib.errors import DomainError
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


def _mails(report: Report, schedule: ReportSchedule, actor: Actor) -> Iterable[ReportDelivery]:
    """To people of the workspace, and to addresses; an address of such a person gets one."""
    people = User.objects.with_deleted().in_bulk(schedule.user_ids)
    known = {person.email_hash for person in people.values()}
    others = {email_hash(one): one for one in schedule.addresses.splitlines()}
    if not schedule.user_ids and not others:
        return
    mail = mail_of(report.content, report.restated, report.content_hash, report_id=report.pk)
    attachments = attachments_of(report.content, Files(bytes(report.pdf), bytes(report.csv)))

    def queue(recipient: str, **to: User | str) -> ReportDelivery:
        email = email_queue(
            **to,  # type: ignore[arg-type]  # a user, or an address
            kind=EmailKind.REPORT,
            subject=mail.subject,
            text=mail.text,
            html=mail.html,
            dedupe_key=f"report:{report.pk}:{recipient}",
            attachments=attachments,
            actor=actor,
        )
        return _of_mail(report, recipient, email)

    for user_id in dict.fromkeys(schedule.user_ids):
        recipient = f"user:{user_id}"
        person = people.get(user_id)
        if person is None:
            yield _row(report, Channel.EMAIL, recipient, reason=_("This person is not there any more."))
        else:
            yield queue(recipient, user=person)
    for hashed, address in others.items():
        if hashed not in known:
            yield queue(f"address:{hashed}", address=address)


def _of_mail(report: Report, recipient: str, email: EmailMessage) -> ReportDelivery:
    reason = email.error if email.state == EmailState.SUPPRESSED else ""
    return _row(report, Channel.EMAIL, recipient, ledger_id=email.pk, reason=reason)


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
