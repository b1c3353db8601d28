"""Schedules and reports as pages list them, and what is due."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Count, Max, Q, QuerySet

from rules.models import Report, ReportDelivery, ReportSchedule
from tenants.context import unscoped


def due(now: datetime) -> Q:
    return Q(is_active=True, is_deleted=False, confirmed_at__isnull=False, next_run_at__lte=now)


def due_schedule_ids(now: datetime) -> list[int]:
    """Of the bound workspace, the longest due first."""
    rows = ReportSchedule.objects.filter(due(now)).order_by("next_run_at", "pk")
    return list(rows.values_list("pk", flat=True))


def tenants_with_due_reports(now: datetime) -> list[int]:
    with unscoped("fan-out: reports that are due, of all workspaces"), transaction.atomic():
        rows = ReportSchedule.objects.filter(due(now)).order_by("tenant_id")
        return list(rows.values_list("tenant_id", flat=True).distinct())


def schedule_rows() -> QuerySet[ReportSchedule]:
    """By name, with how many reports each has made (`made`) and when the newest was (`last_at`)."""
    return (
        ReportSchedule.objects.defer("addresses")
        .annotate(made=Count("reports"), last_at=Max("reports__created_at"))
        .order_by("name", "pk")
    )


def report_rows(schedule_id: int | None = None) -> QuerySet[Report]:
    """The newest first, without the frozen parts; with `queued` and `skipped` deliveries."""
    rows = Report.objects.defer("pdf", "csv", "content", "restated").select_related("schedule")
    if schedule_id is not None:
        rows = rows.filter(schedule_id=schedule_id)
    return rows.annotate(
        queued=Count("deliveries", filter=Q(deliveries__state="queued")),
        skipped=Count("deliveries", filter=Q(deliveries__state="skipped")),
    ).order_by("-created_at", "-pk")


def previous_report(schedule: ReportSchedule, before: datetime) -> Report | None:
    """The newest report of a schedule that was made before a moment, without its files."""
    if schedule.pk is None:
        return None
    rows = Report.objects.filter(schedule=schedule, as_of__lt=before).defer("pdf", "csv")
    return rows.order_by("-date_to", "-as_of", "-pk").first()


def deliveries_of(report: Report) -> Sequence[ReportDelivery]:
    return list(report.deliveries.order_by("channel", "pk"))
