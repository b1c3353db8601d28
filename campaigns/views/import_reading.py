"""What the import screens say, formatted once: rows of the list, facts of a file, counts of a result."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _L
from django.utils.translation import ngettext

from campaigns.choices import ImportStatus, Platform
from campaigns.exports.mapping import metric_label
from campaigns.exports.vocabulary import Metric
from campaigns.models import ImportBatch
from campaigns.queries.import_preview import Control, Preview
from campaigns.queries.imports import ImportFilter
from campaigns.services.imports import CANCELLED, UndoPlan
from stratum.lib.figures import NO_VALUE, format_bytes, format_number
from stratum.lib.tables import Cell, Column, Page, Row, Table, TableState
from stratum.templatetags.ui import no_value, platform_mark, status_tag

TABLE_ID = "import-table"
COLUMNS = (
    Column("file", _L("Report"), kind="main", sortable=True, required=True),
    Column("status", _L("State"), kind="status", sortable=True),
    Column("account", _L("Ad account"), sortable=True),
    Column("period", _L("Days"), sortable=True),
    Column("result", _L("Result")),
    Column("who", _L("Uploaded by")),
    Column("when", _L("Uploaded"), sortable=True),
)
ORDERS = {
    "file": "filename",
    "status": "status",
    "account": "ad_account__name",
    "period": "date_from",
    "when": "created_at",
}
# Our states → the interface's tags.
_TAGS = {
    ImportStatus.UPLOADED: "preview",
    ImportStatus.QUEUED: "queued",
    ImportStatus.DONE: "done",
    ImportStatus.REFUSED: "rejected",
    ImportStatus.UNDONE: "undone",
}
_LEVELS = {"campaign": _L("campaigns"), "adset": _L("ad sets or ad groups"), "ad": _L("ads")}
_LANGUAGES = {
    "en": _L("English"),
    "ar": _L("Arabic"),
    "de": _L("German"),
    "es": _L("Spanish"),
    "fr": _L("French"),
    "pt": _L("Portuguese"),
}
_SEPARATORS = {",": _L("comma"), ";": _L("semicolon"), "\t": _L("tab")}
_FIELDS = {
    "day": _L("Day"),
    "account_id": _L("Ad account, ID"),
    "account_name": _L("Ad account"),
    "campaign_id": _L("Campaign, ID"),
    "campaign_name": _L("Campaign"),
    "campaign_status": _L("State"),
    "objective": _L("Objective"),
    "currency": _L("Currency"),
    "segment": _L("Breakdown"),
}
_METRICS = set(Metric)


def status_of(batch: ImportBatch) -> tuple[str, str]:
    """(tag, words). What is being read, or was cancelled, is told apart."""
    if batch.status == ImportStatus.UPLOADED and batch.checked_at is None:
        return "running", _("Reading the file")
    if batch.status == ImportStatus.REFUSED and batch.error_code == CANCELLED:
        return "undone", _("Cancelled")
    return _TAGS[ImportStatus(batch.status)], batch.get_status_display()


def status_badge(batch: ImportBatch) -> SafeString:
    return status_tag(*status_of(batch))


def period_text(batch: ImportBatch) -> str:
    if batch.date_from is None or batch.date_to is None:
        return NO_VALUE
    first, last = (date_format(day, "j M Y") for day in (batch.date_from, batch.date_to))
    return first if first == last else f"{first} – {last}"


def import_table(request: HttpRequest, state: TableState, page: Page, where: ImportFilter) -> Table:
    return Table(
        element_id=TABLE_ID,
        caption=_("Imports"),
        state=state,
        rows=[_row(batch, state) for batch in page.rows],
        path=request.path,
        page=page,
        as_cards=True,
        empty=_empty(request, where),
    )


def _row(batch: ImportBatch, state: TableState) -> Row:
    tag, words = status_of(batch)
    account = batch.ad_account
    cells = {
        "file": Cell(
            batch.filename,
            sub=format_html("{} · {}", platform_mark(batch.platform or ""), format_bytes(batch.size_bytes)),
            href=reverse("campaigns:import_detail", args=[batch.pk]),
        ),
        "status": Cell(status_tag(tag, words)),
        "account": Cell(account.name if account else _several(batch)),
        "period": Cell(period_text(batch), css="nowrap"),
        "result": Cell(_result_words(batch), css="cell-text"),
        "who": Cell(batch.uploaded_by.display_name if batch.uploaded_by else no_value(_("By a command."))),
        "when": Cell(date_format(timezone.localtime(batch.created_at), "j M Y, H:i") if batch.created_at else NO_VALUE),
    }
    return Row(str(batch.pk), tuple(cells[column.key] for column in state.visible), name=batch.filename)


def _several(batch: ImportBatch) -> Any:
    count = len(batch.counts.get("accounts", []))
    if count < 2:
        return no_value(_("Not imported yet."))
    return ngettext("%(count)s account", "%(count)s accounts", count) % {"count": count}


def _result_words(batch: ImportBatch) -> str:
    if batch.status == ImportStatus.REFUSED:
        return batch.error
    if batch.status not in (ImportStatus.DONE, ImportStatus.UNDONE):
        return NO_VALUE
    counts = batch.counts
    return _("%(added)s days added, %(changed)s changed, %(unchanged)s unchanged") % {
        "added": format_number(counts["days_added"]),
        "changed": format_number(counts["days_changed"]),
        "unchanged": format_number(counts["days_unchanged"]),
    }


def _empty(request: HttpRequest, where: ImportFilter) -> dict[str, Any]:
    if where.narrows:
        return {
            "icon": "search-x",
            "title": _("No import matches"),
            "text": _("Change the search or the filters."),
            "actions": [(_("Show all imports"), reverse("campaigns:import_list"), False)],
        }
    may_import = request.user.can("import_data")
    text = _(
        "Drop a CSV or Excel report of Meta, Google, TikTok, Snapchat or LinkedIn: its campaigns and days appear here."
    )
    return {
        "icon": "file-up",
        "title": _("No report imported yet"),
        "text": text if may_import else _("A manager or admin of this workspace can import reports."),
        "actions": [(_("Import a report"), reverse("campaigns:import_upload"), True)] if may_import else [],
    }


def filter_selects(where: ImportFilter) -> list[tuple]:
    return [
        ("status", _("All states"), list(ImportStatus.choices), where.status),
        ("platform", _("All platforms"), list(Platform.choices), where.platform),
    ]


# --- One import -----------------------------------------------------------------------------------------------------


def file_facts(batch: ImportBatch, preview: Preview) -> list[tuple[str, Any]]:
    """What was recognised in the file."""
    head, whole = preview.head, preview.whole
    written = [
        head.container.upper(),
        (head.encoding or "").upper(),
        _SEPARATORS.get(head.separator or "", ""),
        head.sheet,
    ]
    facts: list[tuple[str, Any]] = [
        (_("Platform"), platform_mark(head.platform)),
        (_("Report of"), _LEVELS.get(head.level, head.level)),
        (_("Language"), _LANGUAGES.get(head.language, head.language)),
        (_("File"), ", ".join([format_bytes(batch.size_bytes), *(str(part) for part in written if part)])),
        (_("Days"), period_text(batch)),
        (_("Numbers and days"), f"{head.number_style}, {head.date_style}"),
        (_("Currency"), _currency_words(preview)),
        (_("Time zone"), head.zone or _("not in the file")),
    ]
    if whole is not None:
        skipped = sum(whole.skipped.values())
        facts += [
            (_("Rows"), _rows_words(whole.rows, skipped)),
            (_("Campaigns"), _campaign_words(whole.campaigns, whole.without_ids)),
            (_("Ad accounts"), ", ".join(account.name for account in whole.accounts) or _("not in the file")),
        ]
    return facts


def _currency_words(preview: Preview) -> str:
    if preview.head.lacks_currency:
        return _("not in the file")
    if preview.head.currency:
        return preview.head.currency
    return ", ".join(preview.whole.currencies if preview.whole else ()) or _("not in the file")


def _rows_words(rows: int, skipped: int) -> str:
    text = format_number(rows)
    if not skipped:
        return text
    more = ngettext(
        "%(count)s totals, blank or note row left out", "%(count)s totals, blank or note rows left out", skipped
    )
    return f"{text} ({more % {'count': format_number(skipped)}})"


def _campaign_words(campaigns: int, without_ids: int) -> str:
    text = format_number(campaigns)
    return f"{text} ({_('without IDs, told apart by name')})" if without_ids else text


def field_label(target: str) -> str:
    """What a mapped column fills, in words."""
    if target in _METRICS:
        return capfirst(metric_label(Metric(target)))
    return str(_FIELDS.get(target, target))


def mapping_table(preview: Preview, path: str) -> Table:
    """Every column of the file: what it fills, or why it is not used."""
    columns = (
        Column("header", _("Column in the file"), kind="main"),
        Column("target", _("Becomes")),
        Column("why", _("Why")),
    )
    rows = [
        Row(
            str(column.index),
            (
                Cell(column.header),
                Cell(field_label(column.target) if column.target else no_value(_("Not used."))),
                Cell(column.why, css="cell-text"),
            ),
            css="" if column.target else "is-unused",
        )
        for column in preview.head.mapping
    ]
    return _plain_table("mapping", _("Columns of the file and what they become"), columns, rows, path, as_cards=True)


def sample_table(preview: Preview, path: str, *, limit: int = 8) -> Table:
    """The first rows as they stand in the file."""
    mapping = preview.head.mapping
    columns = tuple(
        Column(f"c{column.index}", column.header, kind="number" if column.target in _METRICS else "text")
        for column in mapping
    )
    rows = [
        Row(str(number), tuple(Cell(_cell(line, column.index), css="nowrap") for column in mapping))
        for number, line in enumerate(preview.head.sample[:limit], start=1)
    ]
    return _plain_table("sample", _("First rows of the file"), columns, rows, path)


def _cell(line: list[str], index: int) -> str:
    text = line[index] if index < len(line) else ""
    return text if len(text) <= 60 else f"{text[:59]}…"


def control_table(control: Control, path: str) -> Table:
    """Sums of the rows against the totals row of the file."""
    columns = (
        Column("metric", _("Figure"), kind="main"),
        Column("rows", _("Sum of the rows"), kind="number"),
        Column("total", _("Totals row"), kind="number"),
        Column("state", _("Agrees"), kind="status"),
    )
    rows = [
        Row(
            line.metric,
            (
                Cell(capfirst(line.label)),
                Cell(_amount(line.rows)),
                Cell(_amount(line.total) if line.total is not None else no_value(_("The file has no total of it."))),
                Cell(_agreement(line.within, line.difference)),
            ),
        )
        for line in control.lines
    ]
    return _plain_table("control", _("Control sum"), columns, rows, path, as_cards=True)


def _amount(text: str) -> str:
    """A sum in units, with two decimals where it has any."""
    amount = Decimal(text)
    return format_number(amount, 0 if amount == amount.to_integral_value() else 2)


def _agreement(within: bool | None, difference: str | None) -> Any:
    if within is None:
        return no_value(_("Nothing to compare with."))
    if within:
        return status_tag("ok", _("Yes"))
    return status_tag("warning", _("Off by %(difference)s") % {"difference": _amount(difference or "0")})


def _plain_table(
    element_id: str, caption: str, columns: tuple[Column, ...], rows: list[Row], path: str, *, as_cards: bool = False
) -> Table:
    state = TableState.from_query({}, columns, default_sort=columns[0].key)
    return Table(element_id, caption, state, rows, path=path, as_cards=as_cards)


@dataclass(frozen=True, slots=True)
class Count:
    """A figure of the result, with its words."""

    value: str
    label: str


def result_counts(batch: ImportBatch) -> list[Count]:
    counts = batch.counts
    pairs = [
        ("days_added", ngettext("day added", "days added", counts["days_added"])),
        ("days_changed", ngettext("day changed", "days changed", counts["days_changed"])),
        ("days_unchanged", ngettext("day unchanged", "days unchanged", counts["days_unchanged"])),
        ("campaigns_created", ngettext("new campaign", "new campaigns", counts["campaigns_created"])),
    ]
    return [Count(format_number(counts[key]), label) for key, label in pairs]


def undo_consequences(plan: UndoPlan) -> list[str]:
    """What an undo would do, line by line; nothing that does not happen is listed."""
    days = plan.days
    lines = [
        (
            days.removed,
            ngettext(
                "%(count)s campaign-day that it brought is removed.",
                "%(count)s campaign-days that it brought are removed.",
                days.removed,
            ),
        ),
        (
            days.restored,
            ngettext(
                "%(count)s campaign-day goes back to the values it had before.",
                "%(count)s campaign-days go back to the values they had before.",
                days.restored,
            ),
        ),
        (
            plan.campaigns_removed,
            ngettext(
                "%(count)s campaign that it brought is removed.",
                "%(count)s campaigns that it brought are removed.",
                plan.campaigns_removed,
            ),
        ),
        (
            days.kept_changed,
            ngettext(
                "%(count)s campaign-day stays as it is: it was changed since.",
                "%(count)s campaign-days stay as they are: they were changed since.",
                days.kept_changed,
            ),
        ),
        (
            days.kept_later,
            ngettext(
                "%(count)s campaign-day stays: a later import holds it too.",
                "%(count)s campaign-days stay: a later import holds them too.",
                days.kept_later,
            ),
        ),
        (
            plan.campaigns_kept,
            ngettext(
                "%(count)s campaign that it brought stays: it has other days, or somebody worked on it.",
                "%(count)s campaigns that it brought stay: they have other days, or somebody worked on them.",
                plan.campaigns_kept,
            ),
        ),
    ]
    return [text % {"count": format_number(count)} for count, text in lines if count]
