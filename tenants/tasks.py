"""Base class of every Celery task."""

import time
from typing import Any

from celery.contrib.django.task import DjangoTask
from structlog.contextvars import bound_contextvars

from tenants import services
from tenants.context import binding, tenant_context
from tenants.queries import workspace_is_live


class TenantTask(DjangoTask):
    """Opens the context of the `tenant_id` argument and closes it; a task without one runs with none.

    Nothing runs for a removed workspace. Each run leaves a job_runs row with what the task returned (a dict of counts);
    a task that returns None had nothing to do and leaves no row unless it failed. Services open their own transactions.
    `delay_on_commit` sends a message once the caller's transaction is in, so that no worker looks for rows that are not
    there yet.
    """

    abstract = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        tenant_id = kwargs.get("tenant_id")
        if binding() is not None:  # called in-process by a request or test: keep its context, refuse another tenant
            return self._run_bound(tenant_id, args, kwargs)
        with bound_contextvars(task=self.name, tenant_id=tenant_id):
            # Rows of a removed workspace stay, and may be due for ever: nobody is written to in its name any more.
            if tenant_id is not None and not workspace_is_live(tenant_id):
                return None
            return self._run_recorded(tenant_id, args, kwargs)

    def _run_recorded(self, tenant_id: int | None, args: tuple, kwargs: dict) -> Any:
        started = time.monotonic()
        try:
            counts = self._run_bound(tenant_id, args, kwargs)
        except Exception as error:
            self._record(tenant_id, started, {}, error=f"{type(error).__name__}: {error}")
            raise
        if counts is not None:
            self._record(tenant_id, started, counts)
        return counts

    def _run_bound(self, tenant_id: int | None, args: tuple, kwargs: dict) -> Any:
        if tenant_id is None:
            return self.run(*args, **kwargs)
        with tenant_context(tenant_id):
            return self.run(*args, **kwargs)

    def _record(self, tenant_id: int | None, started: float, counts: dict, error: str = "") -> None:
        services.job_run_record(
            job=self.name,
            task_id=self.request.id or "",
            tenant_id=tenant_id,
            took_ms=int((time.monotonic() - started) * 1000),
            counts=counts,
            error=error,
        )
