"""Schedules of reports: the list, the editor with its preview, what is confirmed before anything is sent."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.audit import record
from accounts.choices import AuditAction
from accounts.decorators import requires
from rules.forms import ReportScheduleForm, schedule_values
from rules.models import ReportSchedule
from rules.services import reports
from rules.tasks import send_what_was_queued
from rules.views.answers import done
from rules.views.pages import show
from rules.views.report_reading import recipients_of, shown_report, when_words
from stratum.lib.errors import DomainError


@requires("create_reports", methods=("GET", "POST"))
def report_schedule_create(request: HttpRequest) -> HttpResponse:
    if request.method == "GET":
        return _editor(request, ReportScheduleForm(initial=_first_values(request)), None)
    form = ReportScheduleForm(request.POST)
    if form.is_valid():
        try:
            schedule = reports.report_schedule_create(draft=form.draft(), actor=request.actor)
        except DomainError as error:
            _place(form, error)
        else:
            return redirect("rules:report_schedule_preview", schedule.pk)
    return _editor(request, form, None, status=422)


@requires("create_reports", methods=("GET", "POST"))
def report_schedule_edit(request: HttpRequest, pk: int) -> HttpResponse:
    schedule = get_object_or_404(ReportSchedule, pk=pk)
    if request.method == "GET":
        form = ReportScheduleForm(initial=schedule_values(schedule), schedule=schedule)
        return _editor(request, form, schedule)
    form = ReportScheduleForm(request.POST, schedule=schedule)
    if form.is_valid():
        try:
            changed = reports.report_schedule_update(schedule=schedule, draft=form.draft(), actor=request.actor)
        except DomainError as error:
            _place(form, error)
        else:
            return redirect("rules:report_schedule_preview", pk) if changed else redirect("rules:report_list")
    return _editor(request, form, schedule, status=422)


@requires("create_reports", methods=("POST",))
def report_preview_panel(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    """What the report in the form would say now, or where the form is wrong; `pk` is of the one that is edited. A
    POST: addresses belong in no URL."""
    schedule = None if pk is None else get_object_or_404(ReportSchedule, pk=pk)
    form = ReportScheduleForm(request.POST, schedule=schedule)
    context: dict[str, Any] = {"form": form, "shown": None}
    if form.is_valid():
        preview = reports.report_preview(form.draft().apply_to(ReportSchedule()))
        context["shown"] = shown_report(preview.content, preview.restated, preview.digest)
    return show(request, "rules/reports/_preview.html", context)


@requires("create_reports")
def report_schedule_preview(request: HttpRequest, pk: int) -> HttpResponse:
    """Exactly what would go out now, to whom, through what; and the button that lets it."""
    schedule = get_object_or_404(ReportSchedule, pk=pk)
    preview = reports.report_preview(schedule)
    context = {
        "schedule": schedule,
        "when": when_words(schedule),
        "preview": preview,
        "shown": shown_report(preview.content, preview.restated, preview.digest),
        "recipients": recipients_of(schedule),
        "slack_text": preview.slack["text"] if schedule.slack_target_ids else "",
        "whatsapp_text": preview.whatsapp if schedule.contact_ids else "",
        "crumbs": [(_("Reports"), reverse("rules:report_list"))],
        "may_export": request.user.can("export"),
        "may_release": reports.may_release(schedule, request.user),
    }
    return show(request, "rules/reports/report_preview.html", context)


@requires("create_reports", "export")
def report_schedule_pdf(request: HttpRequest, pk: int) -> HttpResponse:
    """The file that would go with the mail now."""
    schedule = get_object_or_404(ReportSchedule, pk=pk)
    files = reports.report_preview_pdf(schedule)
    record(actor=request.actor, action=AuditAction.EXPORT, resource=schedule, new={"format": "pdf", "preview": True})
    response = HttpResponse(files.pdf, content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="stratum-report-preview-{pk}.pdf"'
    return response


@requires("create_reports", methods=("POST",))
def report_schedule_confirm(request: HttpRequest, pk: int) -> HttpResponse:
    schedule = get_object_or_404(ReportSchedule, pk=pk)
    version = request.POST.get("version", "")
    try:
        confirmed = reports.report_schedule_confirm(schedule=schedule, version=version, actor=request.actor)
    except DomainError as error:
        page = reverse("rules:report_schedule_preview", args=[pk])
        return done(request, str(error), to=page, level="warning", stay=False)
    text = _("“%(name)s” is on. %(when)s") % {"name": confirmed.name, "when": when_words(confirmed)}
    return done(request, text, to=reverse("rules:report_list"), stay=False)


@requires("create_reports", methods=("POST",))
def report_schedule_status(request: HttpRequest, pk: int) -> HttpResponse:
    schedule = get_object_or_404(ReportSchedule, pk=pk)
    active = request.POST.get("active") == "1"
    try:
        reports.report_schedule_set_active(schedule=schedule, active=active, actor=request.actor)
    except DomainError as error:
        return done(request, str(error), to=reverse("rules:report_list"), level="warning")
    words = _("“%(name)s” goes on.") if active else _("“%(name)s” is paused. What was sent stays.")
    return done(request, words % {"name": schedule.name}, to=reverse("rules:report_list"))


@requires("create_reports", methods=("POST",))
def report_schedule_test(request: HttpRequest, pk: int) -> HttpResponse:
    schedule = get_object_or_404(ReportSchedule, pk=pk)
    page = reverse("rules:report_schedule_preview", args=[pk])
    try:
        reports.report_send_test(schedule=schedule, user=request.user, actor=request.actor)
    except DomainError as error:
        return done(request, str(error), to=page, level="warning")
    send_what_was_queued(request.tenant.pk)
    words = _("A test is on its way to your own address.")
    if not request.user.can("export"):
        words = _("A test is on its way to your own address, without PDF and CSV: you may not export.")
    return done(request, words, to=page, level="info")


@requires("create_reports", methods=("POST",))
def report_schedule_send(request: HttpRequest, pk: int) -> HttpResponse:
    schedule = get_object_or_404(ReportSchedule, pk=pk)
    try:
        report = reports.report_send_now(schedule=schedule, actor=request.actor)
    except DomainError as error:
        return done(request, str(error), to=reverse("rules:report_list"), level="warning")
    send_what_was_queued(request.tenant.pk)
    return done(
        request, _("The report is on its way."), to=reverse("rules:report_detail", args=[report.pk]), stay=False
    )


@requires("create_reports", methods=("POST",))
def report_schedule_remove(request: HttpRequest, pk: int) -> HttpResponse:
    schedule = get_object_or_404(ReportSchedule, pk=pk)
    reports.report_schedule_remove(schedule=schedule, actor=request.actor)
    text = _("“%(name)s” was removed. What it sent stays.") % {"name": schedule.name}
    return done(request, text, to=reverse("rules:report_list"), stay=False)


def _first_values(request: HttpRequest) -> dict[str, Any]:
    values = schedule_values(ReportSchedule(kind="daily", name=_("Morning report")))
    return {**values, "timezone": request.tenant.timezone, "locale": request.user.locale, "user_ids": [request.user.pk]}


def _place(form: ReportScheduleForm, error: DomainError) -> None:
    form.add_error(error.field if error.field in form.fields else None, str(error))


def _editor(
    request: HttpRequest, form: ReportScheduleForm, schedule: ReportSchedule | None, *, status: int = 200
) -> HttpResponse:
    crumbs = [(_("Reports"), reverse("rules:report_list"))]
    context = {"form": form, "schedule": schedule, "crumbs": crumbs, "shown": None}
    return show(request, "rules/reports/schedule_form.html", context, status=status)
