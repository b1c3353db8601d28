"""What was reported: the lists, a report as it was sent, its files."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import get_object_or_404, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.audit import record
from accounts.choices import AuditAction
from accounts.decorators import requires
from campaigns.views.reading import is_fragment
from rules.models import Report, ReportSchedule
from rules.queries.reports.schedules import deliveries_of, report_rows, schedule_rows
from rules.services.reports.messages import file_name
from rules.views.pages import show
from rules.views.report_reading import (
    delivery_lines,
    is_unchanged,
    moment_here,
    recipient_count,
    shown_report,
    when_words,
)
from stratum.lib.date_ranges import span_text
from stratum.lib.tables import Cell, Column, Row, Table, TableState
from stratum.templatetags.ui import status_tag

SCHEDULE_COLUMNS = (
    Column("name", gettext_lazy("Report"), kind="main", required=True),
    Column("state", gettext_lazy("State"), kind="status"),
    Column("to", gettext_lazy("Goes to")),
    Column("made", gettext_lazy("Sent"), kind="number"),
    Column("actions", gettext_lazy("Actions"), kind="actions", required=True),
)
REPORT_COLUMNS = (
    Column("days", gettext_lazy("Days"), kind="main", required=True),
    Column("report", gettext_lazy("Report")),
    Column("made", gettext_lazy("Made")),
    Column("to", gettext_lazy("Recipients"), kind="number"),
    Column("hash", gettext_lazy("SHA-256")),
)
_SHOWN_OF_HASH = 12


@requires("view")
def report_list(request: HttpRequest) -> HttpResponse:
    """`?tab=sent` lists what was sent, `&schedule=` of one of them; else the schedules."""
    is_sent = request.GET.get("tab") == "sent"
    table = _sent_table(request) if is_sent else _schedule_table(request)
    if is_fragment(request):
        return render(request, "components/data_table.html", {"table": table})
    path = reverse("rules:report_list")
    tabs = [
        (_("Schedules"), path, not is_sent, None),
        (_("Sent"), f"{path}?tab=sent", is_sent, None),
    ]
    may_create = request.user.can("create_reports")
    return show(request, "rules/reports/report_list.html", {"table": table, "tabs": tabs, "may_create": may_create})


@requires("view")
def report_detail(request: HttpRequest, pk: int) -> HttpResponse:
    report = get_object_or_404(Report.objects.defer("pdf", "csv").select_related("schedule"), pk=pk)
    context = {
        "report": report,
        "title": _days(report),
        "made": moment_here(report.created_at),
        "shown": shown_report(report.content, report.restated, report.content_hash),
        "is_unchanged": is_unchanged(report),
        "deliveries": delivery_lines(report.schedule, deliveries_of(report)),
        "may_export": request.user.can("export"),
        "crumbs": [
            (_("Reports"), reverse("rules:report_list")),
            (_("Sent"), f"{reverse('rules:report_list')}?tab=sent"),
        ],
    }
    return show(request, "rules/reports/report_detail.html", context)


@requires("export")
def report_pdf(request: HttpRequest, pk: int) -> HttpResponse:
    report = get_object_or_404(Report.objects.defer("csv"), pk=pk)
    return _file(request, report, bytes(report.pdf), "pdf", "application/pdf")


@requires("export")
def report_csv(request: HttpRequest, pk: int) -> HttpResponse:
    report = get_object_or_404(Report.objects.defer("pdf"), pk=pk)
    return _file(request, report, bytes(report.csv), "csv", "text/csv; charset=utf-8")


def _file(request: HttpRequest, report: Report, content: bytes, kind: str, content_type: str) -> HttpResponse:
    """The stored file, byte for byte as it was sent."""
    record(
        actor=request.actor,
        action=AuditAction.EXPORT,
        resource=report,
        new={"format": kind, "content_hash": report.content_hash},
    )
    has_name = shown_report(report.content, None, "") is not None
    name = file_name(report.content, kind) if has_name else f"stratum-report-{report.pk}.{kind}"
    response = HttpResponse(content, content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _days(report: Report) -> str:
    if report.date_from == report.date_to:
        return date_format(report.date_from, _("l, j F Y"))
    return span_text(report.date_from, report.date_to)


def _schedule_table(request: HttpRequest) -> Table:
    state = TableState.from_query(request.GET, SCHEDULE_COLUMNS, default_sort="name", default_size=25)
    page = state.paginate(schedule_rows())
    empty = {
        "icon": "newspaper",
        "title": _("No report yet"),
        "text": _("A report tells people every day or week what changed, why, and what automation did."),
        "actions": _ways_in(request),
    }
    rows = [_schedule_row(request, schedule) for schedule in page.rows]
    path = reverse("rules:report_list")
    return Table(
        "report-schedules", _("Schedules of reports"), state, rows, path=path, page=page, as_cards=True, empty=empty
    )


def _ways_in(request: HttpRequest) -> list[tuple[str, str, bool]]:
    may = request.user.can("create_reports")
    return [(_("New report"), reverse("rules:report_schedule_create"), True)] if may else []


def _schedule_row(request: HttpRequest, schedule: Any) -> Row:
    sent = f"{reverse('rules:report_list')}?tab=sent&schedule={schedule.pk}"
    cells = (
        Cell(schedule.name, sub=when_words(schedule)),
        Cell(_state(schedule), sub=schedule.last_error, css="cell-text"),
        Cell(recipient_count(schedule)),
        Cell(schedule.made, sub=moment_here(schedule.last_at), href=sent if schedule.made else ""),
        Cell(_actions(request, schedule)),
    )
    return Row(str(schedule.pk), cells, name=schedule.name)


def _state(schedule: ReportSchedule) -> Any:
    if schedule.confirmed_at is None:
        return status_tag("awaiting_approval", _("Waits for your confirmation"))
    if schedule.last_error:
        return status_tag("failed", _("Trouble"))
    return status_tag("active", _("On")) if schedule.is_active else status_tag("paused", _("Paused"))


def _actions(request: HttpRequest, schedule: ReportSchedule) -> str:
    if not request.user.can("create_reports"):
        return ""
    context = {
        "schedule": schedule,
        "id": f"report-menu-{schedule.pk}",
        "label": _("Actions on %(name)s") % {"name": schedule.name},
        "items": _menu(schedule),
        "csrf_token": get_token(request),
    }
    return render_to_string("rules/reports/_schedule_actions.html", context)


def _menu(schedule: ReportSchedule) -> list[dict[str, Any]]:
    def url(name: str) -> str:
        return reverse(f"rules:{name}", args=[schedule.pk])

    send_now = {
        "label": _("Send now"),
        "icon": "send",
        "url": url("report_schedule_send"),
        "post": True,
        "confirm": _("The report of the newest full day or week is made and goes to all recipients."),
    }
    return [
        {"label": _("Edit"), "icon": "pencil", "url": url("report_schedule_edit")},
        {"label": _("Send me a test"), "icon": "mail", "url": url("report_schedule_test"), "post": True},
        *([send_now] if schedule.confirmed_at else []),
        {
            "label": _("Remove"),
            "icon": "trash-2",
            "url": url("report_schedule_remove"),
            "post": True,
            "danger": True,
            "confirm": _("“%(name)s” is sent no more. What it sent stays.") % {"name": schedule.name},
        },
    ]


def _sent_table(request: HttpRequest) -> Table:
    state = TableState.from_query(request.GET, REPORT_COLUMNS, default_sort="-made", default_size=25)
    chosen = request.GET.get("schedule", "")
    is_id = chosen.isascii() and chosen.isdecimal() and len(chosen) < 19
    page = state.paginate(report_rows(int(chosen) if is_id else None))
    empty = {
        "icon": "newspaper",
        "title": _("Nothing was sent yet"),
        "text": _("Every report stays here as it was sent, with a hash that says so."),
    }
    rows = [_sent_row(report) for report in page.rows]
    path = reverse("rules:report_list")
    return Table("sent-reports", _("Sent reports"), state, rows, path=path, page=page, as_cards=True, empty=empty)


def _sent_row(report: Any) -> Row:
    left_out = ngettext("%(count)s left out", "%(count)s left out", report.skipped) % {"count": report.skipped}
    cells = (
        Cell(_days(report), sub=report.zone, href=reverse("rules:report_detail", args=[report.pk])),
        Cell(report.schedule.name, sub=report.schedule.get_kind_display()),
        Cell(moment_here(report.created_at)),
        Cell(report.queued, sub=left_out if report.skipped else ""),
        Cell(f"{report.content_hash[:_SHOWN_OF_HASH]}…", css="num"),
    )
    return Row(str(report.pk), cells, name=_days(report))
