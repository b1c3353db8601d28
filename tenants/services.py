"""Writes on workspaces and job runs that need nobody's audit entry (accounts.services holds those that do)."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from stratum.lib.masking import mask_text, mask_value
from tenants.choices import JobOutcome
from tenants.context import unscoped
from tenants.models import JobRun


def job_run_record(
    *, job: str, task_id: str, tenant_id: int | None, took_ms: int, counts: dict, error: str = ""
) -> JobRun:
    """Keep how a job ended: counts of what it did, or its error in words (masked)."""
    with unscoped("job runs without a workspace are written beside those with one"), transaction.atomic():
        return JobRun.objects.create(
            job=job,
            task_id=task_id,
            tenant_id=tenant_id,
            started_at=timezone.now() - timedelta(milliseconds=took_ms),
            took_ms=took_ms,
            counts={key: mask_value(key, value) for key, value in counts.items()},
            outcome=JobOutcome.FAILED if error else JobOutcome.DONE,
            error=mask_text(error)[:2000],
        )
