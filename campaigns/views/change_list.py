"""The ledger of a workspace: everything that changed campaigns on the platforms, and what is about to."""

from collections.abc import Iterator
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _L

from accounts.audit import record
from accounts.choices import AuditAction
from accounts.decorators import requires
from campaigns.choices import ChangedField, ChangeOrigin, ChangeState, Platform
from campaigns.models import CampaignChange
from campaigns.queries.changes import OPEN, ChangeFilter, before, change_rows, undone_with_others, wished
from campaigns.queries.obstacles import Standing
from campaigns.services.changes import undo_obstacle
from campaigns.views.change_words import STATE_LOOK, change_words, revert_words, who
from campaigns.views.reading import is_fragment, query_without
from stratum.lib.money import to_units
from stratum.lib.spreadsheets import csv_line
from stratum.lib.tables import Cell, Column, Row, Table, TableState
from stratum.templatetags.ui import platform_mark, status_tag
from tenants.context import iterate_bound

FILTERS = ("q", "origin", "state", "field", "platform")
COLUMNS = (
    Column("campaign", _L("Campaign"), kind="main", sortable=True, required=True),
    Column("change", _L("Change")),
    Column("state", _L("State"), kind="status", sortable=True),
    Column("who", _L("Who")),
    Column("when", _L("When"), sortable=True),
    Column("actions", _L("Actions"), kind="actions", required=True),
)
ORDERS = {"campaign": "campaign__name", "state": "state", "when": "requested_at"}
ROWS_AT_ONCE = 500


@requires("view")
def change_list(request: HttpRequest) -> HttpResponse:
    """Filters, order and page are in the URL; page and fragment are one view."""
    where = ChangeFilter.from_query(request.GET)
    state = TableState.from_query(request.GET, COLUMNS, default_sort="-when")
    rows = change_rows(where).annotate(is_undone=undone_with_others())
    page = state.paginate(rows.order_by(*state.order_by(ORDERS)))
    may_edit = request.user.can("edit_campaigns")
    rows = [_row(change, may_edit=may_edit) for change in page.rows]
    table = Table(
        "change-table", _("Changes of campaigns"), state, rows, path=request.path, page=page, as_cards=True,
        empty=_empty(request, where),
    )  # fmt: skip
    query = query_without(request.GET, "page")
    context = {
        "table": table,
        "q": where.q,
        "selects": _selects(where),
        "kept": state.kept(*FILTERS),
        "query": query,
        "is_moving": any(change.state in OPEN for change in page.rows),
        "here": request.get_full_path(),
        "export_url": f"{reverse('campaigns:change_export')}{'?' if query else ''}{query}"
        if request.user.can("export")
        else "",
    }
    if is_fragment(request):
        return render(request, "campaigns/_change_results.html", {**context, "oob": True})
    return render(request, "campaigns/change_list.html", context)


def _selects(where: ChangeFilter) -> list[tuple[str, str, Any, str]]:
    return [
        ("origin", _("All origins"), ChangeOrigin.choices, where.origin),
        ("state", _("All states"), ChangeState.choices, where.state),
        ("field", _("Status and budget"), ChangedField.choices, where.field),
        ("platform", _("All platforms"), Platform.choices, where.platform),
    ]


def _row(change: Any, *, may_edit: bool) -> Row:
    campaign = change.campaign
    state = status_tag(STATE_LOOK[ChangeState(change.state)], change.get_state_display())
    if change.is_undone:
        state = status_tag("undone", _("Taken back"))
    account = campaign.ad_account.name if campaign.ad_account else campaign.account_id
    name = format_html('<span class="truncate cell-name" dir="auto" title="{}">{}</span>', campaign.name, campaign.name)
    undoable = change.state == ChangeState.QUEUED or (
        undo_obstacle(change, is_undone=change.is_undone) is None
        # Where something happened since, it would be refused.
        and Standing.of(campaign).value(change.field) == wished(change)
    )
    undo = {"url": reverse("campaigns:change_undo", args=[change.pk]), "name": campaign.name}
    moment = change.finished_at or change.requested_at
    return Row(
        str(change.pk),
        (
            Cell(
                name,
                sub=format_html(
                    '<span class="cell-origin">{}<span class="truncate">{}</span></span>',
                    platform_mark(campaign.platform, name=False), account,
                ),
                href=reverse("campaigns:campaign_detail", args=[campaign.pk]),
            ),
            Cell(change_words(change, campaign.currency), sub=change.get_field_display()),
            Cell(state, sub=change.error or revert_words(change), css="cell-text"),
            Cell(who(change), sub=change.get_origin_display()),
            Cell(
                format_html(
                    '<time datetime="{}" title="{}">{}</time>',
                    moment.isoformat(), date_format(timezone.localtime(moment), "DATETIME_FORMAT"),
                    date_format(timezone.localtime(moment), "j M, H:i"),
                )
            ),
            Cell(render_to_string("campaigns/_change_undo.html", undo) if may_edit and undoable else ""),
        ),
        name=campaign.name,
    )  # fmt: skip


def _empty(request: HttpRequest, where: ChangeFilter) -> dict[str, Any]:
    if where.narrows:
        return {
            "icon": "search-x",
            "title": _("No change matches"),
            "text": _("Other words or fewer filters find more."),
            "actions": [(_("Show all changes"), f"?{query_without(request.GET, 'page', *FILTERS)}", True)],
        }
    return {
        "icon": "history",
        "title": _("Nothing has been changed yet"),
        "text": _(
            "Pause a campaign or give it another budget, here or on the platform: who did it, when, what it was before "
            "and what came of it stands here, and can be taken back."
        ),
        "actions": [(_("Go to the campaigns"), reverse("campaigns:campaign_list"), True)],
    }


# --- CSV ------------------------------------------------------------------------------------------------------

CSV_HEAD = (
    "id", "requested_at", "finished_at", "platform", "account", "campaign_id", "campaign", "field", "old", "new",
    "currency", "origin", "who", "state", "attempts", "error", "error_code", "request_id", "batch", "undoes",
)  # fmt: skip


@requires("export")
def change_export(request: HttpRequest) -> HttpResponse:
    """What the filters show as CSV, streamed; times in UTC, amounts in units. Leaves an entry in the audit trail."""
    where = ChangeFilter.from_query(request.GET)
    record(
        actor=request.actor,
        action=AuditAction.EXPORT,
        resource=CampaignChange._meta.db_table,
        new={"format": "csv", "query": query_without(request.GET, "page")},
    )
    response = StreamingHttpResponse(iterate_bound(lambda: _csv_lines(where)), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="stratum-changes-{timezone.localdate():%Y%m%d}.csv"'
    return response


def _csv_lines(where: ChangeFilter) -> Iterator[str]:
    # The mark tells spreadsheets that this is UTF-8.
    yield "\ufeff" + csv_line(CSV_HEAD)
    with transaction.atomic():
        for change in change_rows(where).order_by("-requested_at", "-pk").iterator(chunk_size=ROWS_AT_ONCE):
            yield csv_line(_csv_values(change))


def _csv_values(change: CampaignChange) -> tuple[Any, ...]:
    campaign = change.campaign
    is_budget = change.field == ChangedField.DAILY_BUDGET
    old, new = (
        to_units(value, campaign.currency) if is_budget and isinstance(value, int) else value
        for value in (before(change), wished(change))
    )
    return (
        change.pk, change.requested_at.isoformat(), change.finished_at.isoformat() if change.finished_at else "",
        campaign.platform, campaign.ad_account.name if campaign.ad_account else campaign.account_id,
        campaign.external_id, campaign.name, change.field, old, new, campaign.currency if is_budget else "",
        change.origin, who(change), change.state, change.attempts, change.error, change.error_code, change.request_id,
        change.batch or "", change.undoes_id or "",
    )  # fmt: skip
