"""Imports: list, upload, preview, progress, result, undo."""

import csv
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from accounts.decorators import requires
from campaigns import tasks
from campaigns.choices import ImportStatus, Platform
from campaigns.forms import ImportAnswersForm
from campaigns.models import AdAccount, ImportBatch
from campaigns.queries.import_answers import Answers, answers_of
from campaigns.queries.import_preview import control_of, preview_of, warnings_of
from campaigns.queries.import_progress import progress_of
from campaigns.queries.imports import ImportFilter, accounts_of, import_rows
from campaigns.services import imports as services
from campaigns.views.import_reading import (
    COLUMNS,
    ORDERS,
    control_table,
    file_facts,
    filter_selects,
    import_table,
    mapping_table,
    period_text,
    result_counts,
    sample_table,
    status_badge,
    undo_consequences,
)
from campaigns.views.reading import STOP_POLLING, is_fragment
from stratum.lib.errors import DomainError
from stratum.lib.spreadsheets import safe_text
from stratum.lib.tables import TableState
from stratum.lib.toasts import toast

# Read while the person waits: about 10,000 rows, a fraction of a second. Larger files are read by a worker.
INLINE_BYTES = 1024 * 1024
# A multipart body is a little larger than the file in it.
MULTIPART_BYTES = 64 * 1024
ACCEPT = ".csv,.tsv,.txt,.xlsx"


@requires("view")
def import_list(request: HttpRequest) -> HttpResponse:
    """Every upload and what became of it, newest first."""
    where = ImportFilter.from_query(request.GET)
    state = TableState.from_query(request.GET, COLUMNS, default_sort="-when")
    page = state.paginate(import_rows(where).order_by(*state.order_by(ORDERS)))
    context = {
        "table": import_table(request, state, page, where),
        "q": where.q,
        "selects": filter_selects(where),
        "is_empty": not page.rows and not where.narrows,
        "may_import": request.user.can("import_data"),
    }
    if is_fragment(request):
        return render(request, "components/data_table.html", context)
    return render(request, "campaigns/import_list.html", context)


def _within_size(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Refuse a body that is too large by its length, before a byte of it is read.

    The CSRF check reads the whole body to look for its token, so it has to come after this, not before.
    """
    protected = csrf_protect(view)

    @csrf_exempt
    @wraps(view)
    def sized(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        length = request.headers.get("Content-Length") or ""
        if request.method == "POST" and length.isdigit() and int(length) > settings.IMPORT_MAX_BYTES + MULTIPART_BYTES:
            return _upload_refused(request, services.too_large(), status=413)
        return protected(request, *args, **kwargs)

    return sized


@_within_size
@requires("import_data", methods=("GET", "POST"))
def import_upload(request: HttpRequest) -> HttpResponse:
    """The drop zone. An upload answers with where to go on: JSON for a script, a redirect without one."""
    if request.method == "GET":
        return render(request, "campaigns/import_upload.html", _upload_context())
    file = request.FILES.get("file")
    if file is None:
        return _upload_refused(request, DomainError(_("Choose a file first."), code="no_file"))
    platform = request.POST.get("platform", "")
    try:
        batch = services.import_upload(
            file=file,
            filename=file.name or "",
            platform=platform if platform in Platform.values else None,
            actor=request.actor,
        )
    except services.DuplicateImport as error:
        response = _upload_taken(request, error.earlier)
        return toast(request, response, str(error), level="warning")
    except DomainError as error:
        return _upload_refused(request, error)
    _read_whole(request, batch)
    return _upload_taken(request, batch)


def _read_whole(request: HttpRequest, batch: ImportBatch) -> None:
    if batch.checked_at is not None:
        return
    if batch.size_bytes <= INLINE_BYTES:
        services.import_check(batch_id=batch.pk, actor=request.actor)
    else:
        tasks.check_import.delay_on_commit(tenant_id=batch.tenant_id, batch_id=batch.pk)


def _upload_context(**more: Any) -> dict[str, Any]:
    return {
        "accept": ACCEPT,
        "max_bytes": settings.IMPORT_MAX_BYTES,
        "platforms": Platform.choices,
        "steps": _steps(),
        **more,
    }


def _steps() -> list[str]:
    return [_("Upload"), _("Check"), _("Import")]


def _wants_json(request: HttpRequest) -> bool:
    return request.accepts("application/json") and not request.accepts("text/html")


def _upload_taken(request: HttpRequest, batch: ImportBatch) -> HttpResponse:
    url = reverse("campaigns:import_detail", args=[batch.pk])
    return JsonResponse({"redirect": url}) if _wants_json(request) else redirect(url)


def _upload_refused(request: HttpRequest, error: DomainError, *, status: int = 422) -> HttpResponse:
    if _wants_json(request):
        return JsonResponse({"error": str(error)}, status=status)
    return render(request, "campaigns/import_upload.html", _upload_context(error=str(error)), status=status)


@requires("view")
def import_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One import in whatever state it is."""
    batch = get_object_or_404(ImportBatch.objects.select_related("ad_account", "uploaded_by"), pk=pk)
    return _detail(request, batch)


def _detail(request: HttpRequest, batch: ImportBatch, form: ImportAnswersForm | None = None, status: int = 200):
    preview, control = preview_of(batch), control_of(batch)
    may_import = request.user.can("import_data")
    waits = batch.status == ImportStatus.UPLOADED and batch.checked_at is not None
    context = {
        "batch": batch,
        "badge": status_badge(batch),
        "sub": _subtitle(batch),
        "crumbs": [(_("Imports"), reverse("campaigns:import_list"))],
        "step": {ImportStatus.UPLOADED: 2}.get(ImportStatus(batch.status), 3),
        "steps": _steps(),
        "is_running": _is_running(batch),
        "progress": progress_of(batch) if _is_running(batch) else None,
        "waits": waits,
        "may_import": may_import,
        "facts": file_facts(batch, preview) if preview else [],
        "mapping": mapping_table(preview, request.path) if preview else None,
        "sample": sample_table(preview, request.path) if preview else None,
        "control": control,
        "control_table": control_table(control, request.path) if control and control.lines else None,
        "warnings": warnings_of(batch),
        "period": period_text(batch),
    }
    if waits and may_import:
        context["form"] = form or _form(request, batch)
    if batch.status in (ImportStatus.DONE, ImportStatus.UNDONE):
        context |= _result(batch)
    if batch.status == ImportStatus.REFUSED:
        context |= {"can_retry": may_import and services.has_file(batch), "earlier": _earlier(batch)}
    return render(request, "campaigns/import_detail.html", context, status=status)


def _subtitle(batch: ImportBatch) -> str:
    platform = batch.get_platform_display() if batch.platform else ""
    period = period_text(batch) if batch.date_from else ""
    return " · ".join(part for part in (platform, period) if part)


def _result(batch: ImportBatch) -> dict[str, Any]:
    undone = batch.counts.get("undo")
    return {
        "counts": result_counts(batch),
        "accounts": accounts_of(batch),
        "undone": undo_consequences(services.UndoPlan.from_json(undone)) if undone else [],
    }


def _earlier(batch: ImportBatch) -> ImportBatch | None:
    return ImportBatch.objects.filter(pk=batch.counts.get("earlier")).first()


def _is_running(batch: ImportBatch) -> bool:
    """Whether a worker has, or should soon have, something to do with it."""
    return batch.status == ImportStatus.QUEUED or (batch.status == ImportStatus.UPLOADED and batch.checked_at is None)


def _form(request: HttpRequest, batch: ImportBatch, data: Any = None) -> ImportAnswersForm:
    preview = preview_of(batch)
    assert preview is not None
    accounts = AdAccount.objects.filter(platform=batch.platform).order_by("name", "pk")
    before = answers_of(batch) if batch.answers else Answers()
    initial = {"account_name": before.account_name} if before.account_name else {}
    return ImportAnswersForm(
        data, preview=preview, accounts=list(accounts), zone=request.tenant.timezone, initial=initial
    )


@requires("view")
def import_progress_panel(request: HttpRequest, pk: int) -> HttpResponse:
    """How far it is; asked for every second. The last answer stops the asking and loads the page anew."""
    batch = get_object_or_404(ImportBatch, pk=pk)
    if not _is_running(batch):
        response = HttpResponse(status=STOP_POLLING)
        response["HX-Refresh"] = "true"
        return response
    return render(request, "campaigns/_import_progress.html", {"batch": batch, "progress": progress_of(batch)})


@requires("import_data", methods=("POST",))
def import_confirm(request: HttpRequest, pk: int) -> HttpResponse:
    """Import it with these answers. Errors bring the preview back with what was filled in."""
    batch = get_object_or_404(ImportBatch.objects.select_related("ad_account", "uploaded_by"), pk=pk)
    if batch.status != ImportStatus.UPLOADED or batch.checked_at is None:
        return redirect("campaigns:import_detail", pk=pk)
    form = _form(request, batch, request.POST)
    if not form.is_valid():
        return _detail(request, batch, form, status=422)
    try:
        services.import_confirm(batch=batch, answers=form.answers(), actor=request.actor)
    except DomainError as error:
        form.add_error(error.field if error.field in form.fields else None, str(error))
        return _detail(request, batch, form, status=422)
    tasks.run_import.delay_on_commit(tenant_id=batch.tenant_id, batch_id=batch.pk)
    return redirect("campaigns:import_detail", pk=pk)


@requires("import_data", methods=("POST",))
def import_cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """Leave an upload that was not imported."""
    batch = get_object_or_404(ImportBatch, pk=pk)
    try:
        services.import_cancel(batch=batch, actor=request.actor)
    except DomainError as error:
        return toast(request, redirect("campaigns:import_detail", pk=pk), str(error), level="error")
    return toast(request, redirect("campaigns:import_list"), _("The upload was cancelled. Nothing was imported."))


@requires("import_data", methods=("POST",))
def import_retry(request: HttpRequest, pk: int) -> HttpResponse:
    """Read a refused file again."""
    batch = get_object_or_404(ImportBatch, pk=pk)
    response = redirect("campaigns:import_detail", pk=pk)
    try:
        again = services.import_retry(batch=batch, actor=request.actor)
    except DomainError as error:
        return toast(request, response, str(error), level="error")
    _read_whole(request, again)
    return response


@requires("import_data", methods=("GET", "POST"))
def import_undo(request: HttpRequest, pk: int) -> HttpResponse:
    """First what an undo will do, then the undo."""
    batch = get_object_or_404(ImportBatch, pk=pk)
    response = redirect("campaigns:import_detail", pk=pk)
    try:
        if request.method == "POST":
            services.import_undo(batch=batch, actor=request.actor)
            return toast(request, response, _("The import was undone."))
        plan = services.import_undo_plan(batch)
    except DomainError as error:
        return toast(request, response, str(error), level="error")
    context = {
        "batch": batch,
        "consequences": undo_consequences(plan),
        "possible": plan.does_something or not plan.days.kept,
        "crumbs": [(_("Imports"), reverse("campaigns:import_list")), (batch.filename, response.url)],
    }
    return render(request, "campaigns/import_undo.html", context)


@requires("view")
def import_warnings(request: HttpRequest, pk: int) -> HttpResponse:
    """The warnings of an import as a table, to hand to whoever exported the file."""
    batch = get_object_or_404(ImportBatch, pk=pk)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="import-{batch.pk}-warnings.csv"'
    # The mark tells spreadsheets that this is UTF-8.
    response.write("\ufeff")
    writer = csv.writer(response)
    writer.writerow([_("File"), _("Code"), _("Warning")])
    for warning in warnings_of(batch):
        writer.writerow([safe_text(batch.filename), warning.code, safe_text(warning.message)])
    return response
