"""A confirmed report into campaigns and days: one transaction, so that it is in wholly or not at all."""

import time
from array import array
from collections.abc import Iterator
from datetime import date, datetime
from itertools import compress, islice

import structlog
from django.db import transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts.audit import Actor, record
from accounts.choices import ActorKind, AuditAction
from campaigns.choices import ImportStatus, RevisionSource
from campaigns.exports import ParsedReport
from campaigns.exports.report import ROW_METRICS
from campaigns.models import ImportBatch
from campaigns.queries.import_answers import answers_of
from campaigns.queries.import_preview import Warned, control_json, preview_of, warnings_json
from campaigns.services.campaign_rows import campaigns_upsert
from campaigns.services.imports.errors import same_content
from campaigns.services.imports.intake import import_refuse, locale_of, read_batch
from campaigns.services.imports.progress import ProgressReporter
from campaigns.services.imports.targets import Target, campaign_rows, lock_imports, targets_of
from campaigns.services.metrics import MetricRow, metrics_upsert
from stratum.lib.errors import DomainError

log = structlog.get_logger(__name__)

# A worker that dies on a file must not be sent it for ever.
MAX_ATTEMPTS = 5
_BLOCK = 5_000


def import_run(*, batch_id: int) -> ImportBatch | None:
    """Carry out a queued import; the batch is then done or refused. None: it is not queued, or another worker has it.

    The batch's row is held from the first read to the commit, so that a second worker passes by, and a worker that
    is killed leaves it queued as it was. An unexpected error leaves it queued as well, for MAX_ATTEMPTS times.
    """
    if not _claim(batch_id):
        return None
    started = time.monotonic()
    with transaction.atomic():
        batch = _queued(batch_id)
        if batch is None:
            return None
        actor = Actor(kind=ActorKind.IMPORT, user=batch.uploaded_by, label=f"import {batch.pk}")
        progress = ProgressReporter(batch)
        with translation.override(locale_of(batch)):
            try:
                if batch.attempts > MAX_ATTEMPTS:
                    raise DomainError(
                        _("The import stopped several times on our side and was given up. Nothing was changed."),
                        code="gave_up",
                    )
                with transaction.atomic():
                    _import(batch, progress, actor, started)
            except DomainError as error:
                log.info("import_refused", batch=batch.pk, code=str(error.code))
                batch = import_refuse(batch=batch, error=error, actor=actor)
            finally:
                progress.forget()
    return batch


def _queued(batch_id: int) -> ImportBatch | None:
    rows = ImportBatch.objects.select_related("uploaded_by")
    return (
        rows.select_for_update(of=("self",), skip_locked=True).filter(pk=batch_id, status=ImportStatus.QUEUED).first()
    )


@transaction.atomic
def _claim(batch_id: int) -> bool:
    """Count the attempt where it survives the worker."""
    batch = _queued(batch_id)
    if batch is None:
        return False
    batch.attempts += 1
    batch.save(update_fields=["attempts"])
    return True


def _import(batch: ImportBatch, progress: ProgressReporter, actor: Actor, started: float) -> None:
    answers = answers_of(batch)
    report = read_batch(batch, progress, currency=answers.currency or None)
    if report.needs_confirmation and not answers.accepted:
        raise DomainError(_("Read the warnings and confirm that you have."), code="warnings_not_accepted")
    lock_imports()
    twins = ImportBatch.objects.filter(content_hash=report.content_hash, status=ImportStatus.DONE)
    if (twin := twins.first()) is not None:
        raise same_content(twin)
    preview = preview_of(batch)
    has_status = preview.head.has_status if preview else False
    written = _Written(report, batch, progress, actor)
    for target in targets_of(report, answers, actor):
        written.add(target, has_status=has_status)
    _finish(batch, report, written, has_status=has_status, started=started, actor=actor)


class _Written:
    """Writes account after account and keeps the counts."""

    def __init__(self, report: ParsedReport, batch: ImportBatch, progress: ProgressReporter, actor: Actor):
        self._report = report
        self._batch = batch
        self._progress = progress
        self._actor = actor
        self._rows_done = 0
        self.known_at: datetime = timezone.now()
        self.accounts: list[int] = []
        self.new_accounts: list[int] = []
        self.campaigns: list[int] = []
        self.created: list[int] = []
        self.campaigns_changed = 0
        self.inserted = self.changed = self.unchanged = 0

    def add(self, target: Target, *, has_status: bool) -> None:
        rows = campaign_rows(self._report, target, has_status=has_status)
        campaigns = campaigns_upsert(account=target.account, rows=rows, actor=self._actor)
        ids = array("q", [0]) * len(self._report.days.campaigns)
        for position, row in zip(target.positions, rows, strict=True):
            ids[position] = campaigns.ids[row.external_id]
        result = metrics_upsert(
            account=target.account,
            rows=self._days(ids, whole=len(target.positions) == len(ids)),
            source=RevisionSource.IMPORT,
            known_at=self.known_at,
            actor=self._actor,
            import_batch=self._batch,
        )
        self.accounts.append(target.account.pk)
        if target.is_new:
            self.new_accounts.append(target.account.pk)
        self.campaigns += campaigns.ids.values()
        self.created += [*campaigns.created, *campaigns.revived]
        self.campaigns_changed += len(campaigns.changed)
        self.inserted += result.inserted
        self.changed += result.changed
        self.unchanged += result.unchanged

    def _days(self, ids: array, *, whole: bool) -> Iterator[MetricRow]:
        """Rows for COPY. The parser's columns stand in the order of MetricRow, and zip builds them without a loop
        of our own: this is where an import spends its time."""
        days = self._report.days
        absent = [None] * len(days)
        dates = {ordinal: date.fromordinal(ordinal) for ordinal in set(days.days)}
        columns = (
            map(ids.__getitem__, days.campaign_index),
            map(dates.__getitem__, days.days),
            *(days.values.get(metric, absent) for metric in ROW_METRICS),
        )
        rows: Iterator = zip(*columns, strict=True)
        if not whole:
            rows = compress(rows, map(ids.__getitem__, days.campaign_index))
        while block := list(islice(rows, _BLOCK)):
            yield from block
            self._rows_done += len(block)
            self._progress.tell("writing", self._rows_done, len(days))


def _finish(
    batch: ImportBatch, report: ParsedReport, written: _Written, *, has_status: bool, started: float, actor: Actor
) -> None:
    warnings = warnings_json(report.warnings)
    if not has_status and written.created:
        warnings.append(_no_status())
    batch.status = ImportStatus.DONE
    batch.ad_account_id = written.accounts[0] if len(written.accounts) == 1 else None
    batch.control = control_json(report.control)
    batch.warnings = warnings
    batch.content_hash = report.content_hash
    batch.date_from, batch.date_to = report.date_range.first, report.date_range.last
    batch.campaign_ids = sorted(written.campaigns)
    batch.created_campaign_ids = sorted(written.created)
    batch.finished_at = timezone.now()
    batch.error_code = batch.error = ""
    batch.counts = {
        "rows": report.row_count,
        "days_added": written.inserted,
        "days_changed": written.changed,
        "days_unchanged": written.unchanged,
        "campaigns": len(written.campaigns),
        "campaigns_created": len(written.created),
        "campaigns_changed": written.campaigns_changed,
        "accounts": written.accounts,
        "accounts_created": written.new_accounts,
        "took_ms": int((time.monotonic() - started) * 1000),
    }
    batch.save()
    shown = {key: value for key, value in batch.counts.items() if key not in ("took_ms", "accounts")}
    old = {"status": ImportStatus.QUEUED.value}
    record(actor=actor, action=AuditAction.UPDATE, resource=batch, old=old, new={"status": batch.status, **shown})


def _no_status() -> dict:
    message = _(
        "The report does not say which campaigns are on: new ones that delivered in its last seven days are shown as "
        "active, the others as paused."
    )
    return {"code": Warned("no_status", message, False).code, "message": message, "needs_confirmation": False}
