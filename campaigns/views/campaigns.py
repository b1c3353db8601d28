"""The campaign list. Its whole state is in the URL; page and fragments are one view."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.decorators import requires
from accounts.middleware import zone_or_utc
from campaigns.choices import CampaignStatus
from campaigns.models import CampaignChange
from campaigns.queries.campaign_table import CampaignFilter, CampaignPage, FilterChoices, campaign_page, filter_choices
from campaigns.queries.changes import newest_changes, over_limit_count
from campaigns.queries.maturity import Maturity, workspace_maturity
from campaigns.views.change_bulk import batch_context
from campaigns.views.change_cells import CellWriter
from campaigns.views.changes import poll_context
from campaigns.views.columns import Writer
from campaigns.views.reading import (
    FILTER_PARAMETERS,
    RANGE_PARAMETERS,
    ListState,
    immature_text,
    incomparable_text,
    is_fragment,
    query_without,
    rate_notes,
    refusal_text,
)
from campaigns.views.saved_views import view_tabs
from stratum.lib.figures import format_number
from stratum.lib.tables import Page, Table

TABLE_ID = "campaign-table"


@requires("view")
def campaign_list(request: HttpRequest) -> HttpResponse:
    """Every campaign with its figures of the period: search, filters, order, columns, totals, page."""
    listed = ListState.of(request)
    page = campaign_page(listed.query, limit=listed.state.size, offset=(listed.state.page - 1) * listed.state.size)
    choices = filter_choices()
    context = _list_context(request, listed, page, choices)
    if is_fragment(request):
        return render(request, "campaigns/_campaign_results.html", {**context, "oob": True})
    if "batch" in request.GET:
        context |= batch_context(request, request.GET["batch"])
    return render(request, "campaigns/campaign_list.html", context)


def _list_context(
    request: HttpRequest, listed: ListState, page: CampaignPage, choices: FilterChoices
) -> dict[str, Any]:
    query = query_without(request.GET, "page", "batch")
    newest = newest_changes(row.id for row in page.rows)
    return {
        "date_range": listed.days,
        "table": _table(request, listed, page, newest),
        "matching": page.matching,
        "is_filtered": listed.where.narrows,
        "selects": _selects(listed.where, choices),
        "kept": listed.kept,
        "q": listed.where.q,
        "chips": _chips(request, listed.where, choices),
        "labels": choices.labels,
        "views": view_tabs(request, query),
        "query": query,
        "all_text": ngettext("All %(count)s that match", "All %(count)s that match", page.matching)
        % {"count": page.matching},
        "offers_all": page.matching > len(page.rows) > 0,
        "currency": page.currency,
        "rate_notes": rate_notes(page.rates, page.currency),
        "refused": refusal_text(page.refused),
        "incomparable": incomparable_text(page.comparability),
        "immature_text": immature_text(_maturity(listed)),
        "export_path": reverse("campaigns:campaign_export"),
        "can_export": request.user.can("export"),
        "may_import": request.user.can("import_data"),
        **poll_context([row.id for row in page.rows], newest, rows_read_first=True),
        **_over_limit(),
    }


def _over_limit() -> dict[str, str]:
    """What is said above the list about campaigns that the plan has no room for, and where the plan is changed."""
    count = over_limit_count()
    if not count:
        return {}
    text = ngettext(
        "%(count)s campaign is over what your plan allows: its numbers are counted, but it cannot be changed here.",
        "%(count)s campaigns are over what your plan allows: their numbers are counted, but they cannot be changed "
        "here.",
        count,
    )
    try:
        plan = reverse("tenants:settings")
    except NoReverseMatch:
        plan = ""
    return {"over_limit": text % {"count": format_number(count)}, "plan_url": plan}


def _maturity(listed: ListState) -> Maturity:
    now = timezone.now()
    return workspace_maturity(listed.query.current, now.astimezone(zone_or_utc(listed.days.zone)).date(), now)


def _table(
    request: HttpRequest, listed: ListState, page: CampaignPage, newest: dict[tuple[int, str], CampaignChange]
) -> Table:
    compares = listed.query.compared is not None and page.comparability.holds
    kept = {key: request.GET[key] for key in RANGE_PARAMETERS if request.GET.get(key)}
    may_edit = request.user.can("edit_campaigns")
    changes = CellWriter.of(newest, may_edit=may_edit)
    writer = Writer.of(page.currency, listed.state.visible, compares=compares, query=urlencode(kept), changes=changes)
    state, size = listed.state, listed.state.size
    shown = Page(
        rows=page.rows,
        number=state.page,
        size=size,
        has_next=state.page * size < page.matching,
        total=page.matching,
    )
    return Table(
        element_id=TABLE_ID,
        caption=_("Campaigns, %(days)s, amounts in %(currency)s")
        % {"days": listed.days.span_text, "currency": page.currency},
        state=state,
        rows=[writer.row(row) for row in page.rows],
        path=request.path,
        page=shown,
        selectable=may_edit,
        as_cards=True,
        totals=writer.totals(page) if page.rows else (),
        empty=_empty(request, listed.where, page),
    )


def _empty(request: HttpRequest, where: CampaignFilter, page: CampaignPage) -> dict[str, Any]:
    if page.matching:
        return {
            "icon": "list-end",
            "title": _("This page is past the end of the list"),
            "text": "",
            "actions": [(_("Back to the first page"), f"?{query_without(request.GET, 'page')}", True)],
        }
    if where.narrows:
        return {
            "icon": "search-x",
            "title": _("No campaign matches"),
            "text": _("Other words or fewer filters find more."),
            "actions": [(_("Show all campaigns"), f"?{query_without(request.GET, 'page', *FILTER_PARAMETERS)}", True)],
        }
    actions = []
    if request.user.can("import_data"):
        actions.append((_("Import a report"), reverse("campaigns:import_upload"), True))
    return {
        "icon": "megaphone",
        "title": _("No campaigns yet"),
        "text": _(
            "Download a daily report from Meta, Google Ads, TikTok, Snapchat or LinkedIn and import the file: "
            "the campaigns in it appear in this list."
        ),
        "actions": actions,
    }


def _selects(where: CampaignFilter, choices: FilterChoices) -> list[tuple[str, str, list[tuple[str, str]], str]]:
    selects: list[tuple[str, str, list[tuple[str, str]], str]] = [
        ("platform", _("All platforms"), choices.platforms, where.platform),
        ("status", _("All states"), [(value, str(label)) for value, label in CampaignStatus.choices], where.status),
        ("account", _("All accounts"), choices.accounts, str(where.account or "")),
    ]
    if choices.labels or where.label:
        selects.append(("label", _("All labels"), [(label, label) for label in choices.labels], where.label))
    return selects


def _chips(request: HttpRequest, where: CampaignFilter, choices: FilterChoices) -> list[tuple[str, str]]:
    """The filters in force as (words, address without it)."""
    words = {
        "q": f"“{where.q}”" if where.q else "",
        "platform": dict(choices.platforms).get(where.platform, where.platform),
        "status": str(dict(CampaignStatus.choices).get(where.status, "")),
        "account": dict(choices.accounts).get(str(where.account), "") if where.account else "",
        "label": where.label,
    }
    return [
        (text, f"{request.path}?{query_without(request.GET, 'page', name)}") for name, text in words.items() if text
    ]
