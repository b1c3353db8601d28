"""From an upload to a report that was read once and waits for its confirmation."""

from pathlib import Path

import structlog
from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts.audit import Actor, record
from accounts.choices import AuditAction
from campaigns.choices import ImportStatus
from campaigns.exports import Limits, ParsedReport, ReportRefused, inspect_report, read_report
from campaigns.models import ImportBatch
from campaigns.queries.import_answers import answers_of
from campaigns.queries.import_preview import (
    Preview,
    control_json,
    head_of_report,
    preview_of,
    warnings_json,
    whole_of_report,
)
from campaigns.services.imports.errors import DuplicateImport, same_content, same_file
from campaigns.services.imports.files import file_digest, keep_file, local_path
from campaigns.services.imports.progress import ProgressReporter
from campaigns.services.imports.targets import accounts_named
from stratum.lib.errors import DomainError
from tenants.models import Tenant

log = structlog.get_logger(__name__)

MAX_FILENAME = 255
ARRIVED = (ImportStatus.QUEUED, ImportStatus.DONE)


def report_limits() -> Limits:
    return Limits(max_bytes=settings.IMPORT_MAX_BYTES)


@transaction.atomic
def import_upload(*, file: File, filename: str, platform: str | None = None, actor: Actor) -> ImportBatch:
    """Keep an uploaded report whose first rows make sense; the rest is read by `import_check`.

    `platform` is the person's answer where the file does not show its own. A file that waits for its confirmation
    already is not kept twice: that import is returned. DuplicateImport for a file that was imported;
    campaigns.exports.ReportRefused for one that is no usable report: nothing of it is kept.
    """
    name = Path(filename.replace("\\", "/")).name[-MAX_FILENAME:] or "report"
    # Before a byte is read: the parser would refuse it with the same words, after hashing all of it.
    if (file.size or 0) > settings.IMPORT_MAX_BYTES:
        raise too_large()
    sha256 = file_digest(file)
    if (earlier := ImportBatch.objects.filter(file_sha256=sha256, status__in=ARRIVED).first()) is not None:
        raise same_file(earlier)
    waiting = ImportBatch.objects.filter(file_sha256=sha256, status=ImportStatus.UPLOADED).order_by("-pk").first()
    if waiting is not None and platform in (None, waiting.platform):
        return waiting
    stored = keep_file(file, name)
    try:
        with local_path(stored) as path:
            report = inspect_report(path, filename=name, platform=platform, limits=report_limits())
        head = head_of_report(report)
        batch = ImportBatch.objects.create(
            platform=report.platform,
            filename=name,
            file=stored,
            size_bytes=file.size,
            file_sha256=sha256,
            uploaded_by=actor.user,
            preview=Preview(head, None).to_json(),
            warnings=warnings_json(report.warnings),
            date_from=report.report_range.first if report.report_range else None,
            date_to=report.report_range.last if report.report_range else None,
        )
        shown = {"filename": name, "platform": report.platform, "size_bytes": file.size}
        record(actor=actor, action=AuditAction.CREATE, resource=batch, new=shown)
    except BaseException as error:
        default_storage.delete(stored)
        if isinstance(error, ReportRefused):
            log.info("report_refused", code=str(error.code), size=file.size, **_loggable(error))
        raise
    return batch


def _loggable(error: ReportRefused) -> dict:
    # Facts of the file's shape; cells and names of the customer's file stay out of the log.
    return {key: value for key, value in error.detail.items() if isinstance(value, int) and not isinstance(value, bool)}


def too_large() -> DomainError:
    return DomainError(
        _("The file is larger than %(limit)s MB. Export a shorter period, or fewer columns.")
        % {"limit": settings.IMPORT_MAX_BYTES // (1024 * 1024)},
        code="too_large",
    )


def import_check(*, batch_id: int, actor: Actor) -> ImportBatch | None:
    """Read the whole file once: control sum, period, accounts, warnings; refuse the import when it cannot be done.

    Nothing of the workspace's numbers changes. None when there is nothing to check (any more). Safe to run twice and
    beside itself: the second finds it done.
    """
    with transaction.atomic():
        batch = _unchecked(batch_id)
        if batch is None:
            return None
        currency = _provisional_currency(batch)
    progress = ProgressReporter(batch)
    with translation.override(locale_of(batch)):
        try:
            report = read_batch(batch, progress, currency=currency)
            accounts = list(accounts_named(report.days.campaigns).values())
            with transaction.atomic():
                return _keep_check(batch, report, accounts, actor)
        except DomainError as error:
            with transaction.atomic():
                return import_refuse(batch=batch, error=error, actor=actor)
        finally:
            progress.forget()


def _unchecked(batch_id: int, *, lock: bool = False) -> ImportBatch | None:
    rows = ImportBatch.objects.select_related("uploaded_by")
    if lock:
        rows = rows.select_for_update(of=("self",))
    return rows.filter(pk=batch_id, status=ImportStatus.UPLOADED, checked_at=None).first()


def _keep_check(batch: ImportBatch, report: ParsedReport, accounts: list, actor: Actor) -> ImportBatch | None:
    current = _unchecked(batch.pk, lock=True)
    if current is None:
        return None
    content = report.content_hash
    earlier = ImportBatch.objects.filter(content_hash=content, status__in=ARRIVED).exclude(pk=batch.pk).first()
    if earlier is not None:
        raise same_content(earlier)
    preview = preview_of(current)
    assert preview is not None  # every kept upload was inspected
    current.preview = Preview(preview.head, whole_of_report(report, accounts)).to_json()
    current.control = control_json(report.control)
    current.warnings = warnings_json(report.warnings)
    current.content_hash = content
    current.date_from, current.date_to = report.date_range.first, report.date_range.last
    current.checked_at = timezone.now()
    current.save(update_fields=["preview", "control", "warnings", "content_hash", "date_from", "date_to", "checked_at"])
    return current


def _provisional_currency(batch: ImportBatch) -> str:
    """A currency to read amounts by until the person has answered: control sums are in units, whatever it is."""
    preview = preview_of(batch)
    candidates = preview.head.currency_candidates if preview else []
    answered = answers_of(batch).currency
    return answered or (candidates[0] if candidates else Tenant.objects.get().reporting_currency)


def read_batch(batch: ImportBatch, progress: ProgressReporter, *, currency: str | None) -> ParsedReport:
    """The parsed file of a batch; ReportRefused when it cannot be read, a DomainError when it is gone."""
    try:
        with local_path(batch.file.name or "") as path:
            return read_report(
                path,
                filename=batch.filename,
                platform=batch.platform,
                currency=currency,
                progress=progress.of("reading"),
                limits=report_limits(),
            )
    except FileNotFoundError as error:
        raise DomainError(_("The uploaded file is not there any more. Upload it again."), code="file_gone") from error


def import_refuse(*, batch: ImportBatch, error: DomainError, actor: Actor) -> ImportBatch | None:
    """Say on the batch why it is not imported. None when it has moved on meanwhile."""
    waiting = (ImportStatus.UPLOADED, ImportStatus.QUEUED)
    current = ImportBatch.objects.select_for_update().filter(pk=batch.pk, status__in=waiting).first()
    if current is None:
        return None
    old = {"status": current.status}
    current.status = ImportStatus.REFUSED
    current.error_code, current.error = str(error.code)[:50], str(error)
    current.finished_at = timezone.now()
    current.counts = {"earlier": error.earlier.pk} if isinstance(error, DuplicateImport) else {}
    current.save(update_fields=["status", "error_code", "error", "finished_at", "counts"])
    new = {"status": current.status, "error_code": current.error_code}
    record(actor=actor, action=AuditAction.UPDATE, resource=current, old=old, new=new)
    return current


def locale_of(batch: ImportBatch) -> str:
    """The language in which the uploader reads what is kept about the import."""
    return batch.uploaded_by.locale if batch.uploaded_by else settings.LANGUAGE_CODE
