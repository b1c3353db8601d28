"""Writes on workspaces and job runs that need nobody's audit entry (accounts.services holds those that do)."""

from datetime import timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from stratum.lib.errors import DomainError
from stratum.lib.masking import mask_text, mask_value
from tenants.choices import FREE_LIMITS, JobOutcome, Plan, PlanLimits
from tenants.context import unscoped
from tenants.models import JobRun, Tenant


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


def tenant_create(
    *,
    name: str,
    slug: str,
    reporting_currency: str,
    zone: str,
    plan: str = Plan.FREE,
    limits: PlanLimits = FREE_LIMITS,
) -> Tenant:
    """A new workspace. Its caller audits it, once there is somebody to name. DomainError when the address is taken."""
    with unscoped("a new workspace lies outside every workspace"), transaction.atomic():
        try:
            with transaction.atomic():
                return Tenant.objects.create(
                    name=name,
                    slug=slug,
                    reporting_currency=reporting_currency,
                    timezone=zone,
                    plan=plan,
                    max_users=limits.users,
                    max_campaigns=limits.campaigns,
                )
        except IntegrityError as error:  # two sign-ups asked for it at the same moment
            raise slug_taken_error() from error


def slug_taken_error() -> DomainError:
    return DomainError(_("Another workspace has this address already. Choose another one."), code="taken", field="slug")
