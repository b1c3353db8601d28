"""The campaign list as a file: exactly the rows, order and columns on the screen, all pages of it."""

import csv
import tempfile
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import xlsxwriter
from django.db import transaction
from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import record
from accounts.choices import AuditAction
from accounts.decorators import requires
from campaigns.models import Campaign
from campaigns.queries.campaign_table import campaign_rows
from campaigns.views.export_columns import ExportColumn, export_columns
from campaigns.views.reading import ListState, query_without
from stratum.lib.money import decimals
from stratum.lib.spreadsheets import safe_text
from tenants.context import iterate_bound

XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@requires("export")
def campaign_export(request: HttpRequest) -> HttpResponse:
    """`?format=csv|xlsx` and the list's own parameters. Leaves an entry in the audit trail."""
    listed = ListState.of(request)
    compares = listed.query.compared is not None
    wanted = export_columns(listed.state.visible, listed.query.target, compares=compares)
    kind = "xlsx" if request.GET.get("format") == "xlsx" else "csv"
    name = f"stratum-campaigns-{listed.days.start:%Y%m%d}-{listed.days.end:%Y%m%d}.{kind}"
    _record(request, listed, wanted, kind)
    if kind == "xlsx":
        return FileResponse(_workbook(listed, wanted), as_attachment=True, filename=name, content_type=XLSX_TYPE)
    response = StreamingHttpResponse(
        iterate_bound(lambda: _csv_lines(listed, wanted)), content_type="text/csv; charset=utf-8"
    )
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _record(request: HttpRequest, listed: ListState, wanted: list[ExportColumn], kind: str) -> None:
    record(
        actor=request.actor,
        action=AuditAction.EXPORT,
        resource=Campaign._meta.db_table,
        new={
            "format": kind,
            "campaigns": listed.where.campaigns().count(),
            "days": f"{listed.days.start:%Y-%m-%d} – {listed.days.end:%Y-%m-%d}",
            "columns": [str(column.head) for column in wanted],
            "query": query_without(request.GET, "format", "page"),
        },
    )


class _Line:
    """What csv.writer writes to: hands each line back instead of keeping it."""

    def write(self, line: str) -> str:
        return line


def _csv_lines(listed: ListState, wanted: list[ExportColumn]) -> Iterator[str]:
    writer = csv.writer(_Line())
    # The mark tells spreadsheets that this is UTF-8.
    yield "\ufeff" + writer.writerow([safe_text(str(column.head)) for column in wanted])
    # The request's transaction is over when the lines are fetched.
    with transaction.atomic():
        for row in campaign_rows(listed.query):
            yield writer.writerow([_csv_value(column.value(row)) for column in wanted])


def _csv_value(value: Any) -> Any:
    if isinstance(value, str):
        return safe_text(value)
    if isinstance(value, datetime):
        return timezone.localtime(value).isoformat(timespec="minutes")
    if isinstance(value, date):
        return value.isoformat()
    return "" if value is None else value


def _workbook(listed: ListState, wanted: list[ExportColumn]) -> Any:
    """A workbook on disk, rows written as they come: memory stays flat. The file removes itself when it is closed."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - FileResponse closes it
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "in_memory": False}
    with xlsxwriter.Workbook(file, options) as book:
        head = book.add_format({"bold": True, "bottom": 1})
        formats = _formats(book, listed.query.target)
        sheet = book.add_worksheet(_("Campaigns")[:31])
        sheet.freeze_panes(1, 1)
        for position, column in enumerate(wanted):
            sheet.set_column(position, position, 38 if position == 0 else 15)
            sheet.write_string(0, position, str(column.head), head)
        for line, row in enumerate(campaign_rows(listed.query), start=1):
            for position, column in enumerate(wanted):
                _write_cell(sheet, line, position, column.value(row), formats, column.unit)
        _write_about(book, listed, head)
    file.seek(0)
    return file


def _formats(book: xlsxwriter.Workbook, currency: str) -> dict[str, Any]:
    places = decimals(currency)
    return {
        "money": book.add_format({"num_format": "#,##0" + (f".{'0' * places}" if places else "")}),
        "percent": book.add_format({"num_format": "0.00%"}),
        "multiple": book.add_format({"num_format": '0.00"×"'}),
        "count": book.add_format({"num_format": "#,##0"}),
        "fraction": book.add_format({"num_format": "#,##0.0##"}),
        "day": book.add_format({"num_format": "yyyy-mm-dd"}),
        "moment": book.add_format({"num_format": "yyyy-mm-dd hh:mm"}),
    }


def _write_cell(sheet: Any, line: int, position: int, value: Any, formats: dict[str, Any], unit: str) -> None:
    if value is None:
        return
    if isinstance(value, str):
        sheet.write_string(line, position, value[:32_767])
    elif isinstance(value, datetime):
        sheet.write_datetime(line, position, timezone.localtime(value).replace(tzinfo=None), formats["moment"])
    elif isinstance(value, date):
        sheet.write_datetime(line, position, datetime.combine(value, datetime.min.time()), formats["day"])
    else:
        fractional = unit == "count" and value != int(value)
        sheet.write_number(line, position, value, formats.get("fraction" if fractional else unit))


def _write_about(book: xlsxwriter.Workbook, listed: ListState, head: Any) -> None:
    """A second sheet that says what the figures are, so that the file can be passed on."""
    sheet = book.add_worksheet(_("About")[:31])
    sheet.set_column(0, 0, 22)
    sheet.set_column(1, 1, 60)
    days, where = listed.days, listed.where
    lines = [
        (_("Days"), f"{days.start:%Y-%m-%d} – {days.end:%Y-%m-%d}"),
        (_("Compared with"), days.compare_text or "–"),
        (_("Zone of the range"), days.zone),
        (_("Currency of sums"), listed.query.target),
        (_("Conversion"), _("Each day at its own rate; campaigns without a rate have no amounts.")),
        (_("Search"), where.q or "–"),
        (_("Filters"), ", ".join(str(v) for v in (where.platform, where.status, where.label) if v) or "–"),
        (_("Made at"), timezone.localtime().isoformat(timespec="minutes")),
    ]
    for line, (term, text) in enumerate(lines):
        sheet.write_string(line, 0, term, head)
        sheet.write_string(line, 1, text)
