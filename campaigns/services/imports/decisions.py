"""What a person decides about an upload: import it, leave it, try it again."""

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import Actor, record
from accounts.choices import AuditAction
from campaigns.choices import ImportStatus
from campaigns.models import ImportBatch
from campaigns.queries.import_answers import Answers
from campaigns.queries.import_preview import preview_of
from campaigns.services.imports.errors import same_file
from campaigns.services.imports.files import has_file
from campaigns.services.imports.intake import ARRIVED
from stratum.lib.errors import DomainError

CANCELLED = "cancelled"


@transaction.atomic
def import_confirm(*, batch: ImportBatch, answers: Answers, actor: Actor) -> ImportBatch:
    """Queue a checked upload with the person's answers. A second confirmation changes nothing.

    DomainError when it was refused or cancelled, is not read yet, or has warnings that were not agreed to;
    DuplicateImport when the same file went in meanwhile.
    """
    current = ImportBatch.objects.select_for_update().get(pk=batch.pk)
    if current.status in ARRIVED:
        return current
    if current.status != ImportStatus.UPLOADED:
        raise DomainError(_("This upload is not waiting any more. Upload the file again."), code="not_waiting")
    preview = preview_of(current)
    if preview is None or preview.whole is None:
        raise DomainError(_("The file is still being read. Wait a moment."), code="not_checked")
    if preview.whole.needs_confirmation and not answers.accepted:
        raise DomainError(
            _("Read the warnings and confirm that you have."), code="warnings_not_accepted", field="accepted"
        )
    current.answers = answers.to_json()
    current.status, current.attempts = ImportStatus.QUEUED, 0
    try:
        with transaction.atomic():
            current.save(update_fields=["answers", "status", "attempts"])
    except IntegrityError as error:
        # uq_import_batches_file: two requests confirmed two uploads of the same bytes.
        earlier = ImportBatch.objects.filter(file_sha256=current.file_sha256, status__in=ARRIVED).first()
        raise same_file(earlier or current) from error
    record(
        actor=actor,
        action=AuditAction.UPDATE,
        resource=current,
        old={"status": ImportStatus.UPLOADED.value},
        new={"status": current.status, **current.answers},
    )
    return current


@transaction.atomic
def import_cancel(*, batch: ImportBatch, actor: Actor) -> ImportBatch:
    """Leave an upload that waits for its confirmation. DomainError once it is on its way."""
    current = ImportBatch.objects.select_for_update().get(pk=batch.pk)
    if current.status != ImportStatus.UPLOADED:
        raise DomainError(_("This upload is not waiting any more."), code="not_waiting")
    current.status, current.error_code = ImportStatus.REFUSED, CANCELLED
    current.error = _("Cancelled before it was imported.")
    current.finished_at = timezone.now()
    current.save(update_fields=["status", "error_code", "error", "finished_at"])
    old, new = {"status": ImportStatus.UPLOADED.value}, {"status": current.status, "error_code": CANCELLED}
    record(actor=actor, action=AuditAction.UPDATE, resource=current, old=old, new=new)
    return current


@transaction.atomic
def import_retry(*, batch: ImportBatch, actor: Actor) -> ImportBatch:
    """Bring a refused upload back to its preview, to be read again. DomainError when its file is gone."""
    current = ImportBatch.objects.select_for_update().get(pk=batch.pk)
    if current.status != ImportStatus.REFUSED:
        raise DomainError(_("Only a refused import can be tried again."), code="not_refused")
    if not has_file(current):
        raise DomainError(_("The uploaded file is not there any more. Upload it again."), code="file_gone")
    old = {"status": current.status, "error_code": current.error_code}
    current.status, current.error_code, current.error = ImportStatus.UPLOADED, "", ""
    current.checked_at, current.finished_at, current.attempts, current.counts = None, None, 0, {}
    current.save(update_fields=["status", "error_code", "error", "checked_at", "finished_at", "attempts", "counts"])
    record(actor=actor, action=AuditAction.UPDATE, resource=current, old=old, new={"status": current.status})
    return current
