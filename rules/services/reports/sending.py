"""Reports that are due: made, frozen, and handed to their channels, each in one transaction with its schedule.

A schedule's row is locked while its report is made, and a report is unique for its schedule and days: two workers, a
second try or a worker that was killed make one report and hand it over once. Sending is the channels' own work.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import Actor, record
from accounts.choices import AuditAction, EmailKind
from accounts.models import User
from accounts.services import email_queue
from rules.conditions.report_times import days_of, last_moment
from rules.models import Report, ReportSchedule
from rules.queries.reports.schedules import due, due_schedule_ids, previous_report
from rules.services.reports.blocks import Json
from rules.services.reports.content import report_make
from rules.services.reports.delivery import deliver, mails_with_files
from rules.services.reports.freezing import content_hash
from rules.services.reports.messages import (
    Files,
    Mail,
    attachments_of,
    files_of,
    mail_of,
    slack_payload,
    whatsapp_text,
)
from rules.services.reports.schedules import check_release, next_run
from stratum.lib.errors import DomainError
from stratum.lib.regions import zone_or_utc

log = structlog.get_logger(__name__)
ACTOR = Actor.job("rules.send_reports")
_LONGEST_ERROR = 500


@dataclass(slots=True)
class ReportsSent:
    """What one run made of the schedules that were due."""

    made: int = 0
    already: int = 0
    failed: int = 0
    messages: int = 0

    @property
    def counts(self) -> dict[str, int]:
        found = {"made": self.made, "already": self.already, "failed": self.failed, "messages": self.messages}
        return {name: count for name, count in found.items() if count}


@dataclass(frozen=True, slots=True)
class Preview:
    """Exactly what would go out now."""

    content: Json
    restated: Json | None
    digest: str
    mail: Mail
    slack: dict[str, Any]
    whatsapp: str


def reports_send(*, now: datetime | None = None) -> ReportsSent:
    """Make and hand over what is due in the bound workspace. One schedule's failure stops no other: it stands on its
    row, and the next run tries again. Of several missed moments only the newest is made."""
    moment = now or timezone.now()
    result = ReportsSent()
    with transaction.atomic():
        ids = due_schedule_ids(moment)
    for schedule_id in ids:
        try:
            _send_due(schedule_id, moment, result)
        except Exception as error:
            # Whatever it is: other schedules are still to be sent, and this one says what is wrong.
            log.exception("report.failed", schedule=schedule_id)
            result.failed += 1
            _note(schedule_id, error)
    return result


@transaction.atomic
def _send_due(schedule_id: int, now: datetime, result: ReportsSent) -> None:
    rows = ReportSchedule.objects.filter(due(now), pk=schedule_id).select_for_update(skip_locked=True, no_key=True)
    schedule = rows.first()
    if schedule is None:
        return  # another worker has it, or had it
    clock = zone_or_utc(schedule.timezone)
    moment = last_moment(schedule.kind, schedule.weekday, schedule.send_at, clock, until=now)
    report = report_freeze(schedule, moment=moment, as_of=now, actor=ACTOR)
    if report is None:
        result.already += 1
        error = ""
    else:
        delivered = deliver(report, schedule, actor=ACTOR)
        result.made += 1
        result.messages += delivered.queued
        error = delivered.nobody
    schedule.next_run_at, schedule.last_error = next_run(schedule, after=now), error
    schedule.save(update_fields=["next_run_at", "last_error", "updated_at"])


@transaction.atomic
def _note(schedule_id: int, error: Exception) -> None:
    words = str(error) if isinstance(error, DomainError) else _("The report could not be made. It is tried again.")
    ReportSchedule.objects.filter(pk=schedule_id).update(last_error=words[:_LONGEST_ERROR])


def report_freeze(schedule: ReportSchedule, *, moment: datetime, as_of: datetime, actor: Actor) -> Report | None:
    """Make and store the report of a moment; None when it was made before. In the caller's transaction, which holds
    the schedule's row."""
    days = days_of(schedule.kind, moment, zone_or_utc(schedule.timezone))
    if Report.objects.filter(schedule=schedule, date_from=days.start, date_to=days.end).exists():
        return None
    made = report_make(schedule, moment=moment, as_of=as_of, previous=previous_report(schedule, as_of))
    digest = content_hash(made.content, made.restated)
    files = files_of(made.content, made.restated, digest)
    report = Report.objects.create(
        schedule=schedule,
        date_from=days.start,
        date_to=days.end,
        zone=made.content["period"]["zone"],
        as_of=as_of,
        content=made.content,
        restated=made.restated,
        content_hash=digest,
        previous_id=made.restated["report"] if made.restated else None,
        pdf=files.pdf,
        csv=files.csv,
        created_at=as_of,
    )
    new = {"schedule": schedule.pk, "from": str(days.start), "to": str(days.end), "content_hash": digest}
    record(actor=actor, action=AuditAction.CREATE, resource=report, new=new)
    return report


@transaction.atomic
def report_send_now(*, schedule: ReportSchedule, actor: Actor, now: datetime | None = None) -> Report:
    """Make and hand over the report of the newest full day or week now; with files it is an export. DomainError where
    it was not confirmed yet, that report was made already, or its files would leave the workspace by somebody who may
    not export."""
    moment = now or timezone.now()
    locked = ReportSchedule.objects.select_for_update(no_key=True).get(pk=schedule.pk)
    if locked.confirmed_at is None:
        raise DomainError(_("Look at the preview and confirm it first."), code="not_confirmed")
    check_release(locked, actor)
    report = report_freeze(locked, moment=moment, as_of=moment, actor=actor)
    if report is None:
        raise DomainError(_("The report of these days was sent already. It is made once."), code="already_made")
    locked.last_error = deliver(report, locked, actor=actor).nobody
    locked.save(update_fields=["last_error", "updated_at"])
    if mails := mails_with_files(report):
        new = {"format": "pdf, csv", "mails": mails, "content_hash": report.content_hash}
        record(actor=actor, action=AuditAction.EXPORT, resource=report, new=new)
    return report


@transaction.atomic
def report_send_test(*, schedule: ReportSchedule, user: User, actor: Actor, now: datetime | None = None) -> None:
    """What would go out now, by mail to one person of the workspace; with its files, which is an export, to whoever
    may export. Nothing is frozen. DomainError where the address takes no mail."""
    preview = _preview(schedule, now or timezone.now())
    attachments = attachments_of(preview.content, _files_of(preview)) if user.can("export") else []
    email = email_queue(
        user=user,
        kind=EmailKind.REPORT,
        subject=_("Test: %(subject)s") % {"subject": preview.mail.subject},
        text=preview.mail.text,
        html=preview.mail.html,
        attachments=attachments,
        actor=actor,
    )
    if email.error:
        raise DomainError(email.error, code="suppressed")
    if attachments:
        new = {"format": "pdf, csv", "test": True}
        record(actor=actor, action=AuditAction.EXPORT, resource=schedule, new=new)


def report_preview(schedule: ReportSchedule, *, now: datetime | None = None) -> Preview:
    """What a schedule, saved or not, would send now; nothing is written. In a transaction."""
    return _preview(schedule, now or timezone.now())


def report_preview_pdf(schedule: ReportSchedule, *, now: datetime | None = None) -> Files:
    return _files_of(_preview(schedule, now or timezone.now()))


def _preview(schedule: ReportSchedule, moment: datetime) -> Preview:
    made = report_make(schedule, moment=moment, as_of=moment, previous=previous_report(schedule, moment))
    digest = content_hash(made.content, made.restated)
    return Preview(
        made.content,
        made.restated,
        digest,
        mail_of(made.content, made.restated, digest),
        slack_payload(made.content, made.restated),
        whatsapp_text(made.content, made.restated),
    )


def _files_of(preview: Preview) -> Files:
    return files_of(preview.content, preview.restated, preview.digest)
