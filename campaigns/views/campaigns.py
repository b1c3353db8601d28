"""The campaign list: table, saved views, labels. Its whole state is in the URL; page and fragments are one view."""

from typing import Any
from urllib.parse import parse_qsl, urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _L
from django.utils.translation import ngettext

from accounts.decorators import requires
from accounts.middleware import zone_or_utc
from accounts.models import AuditLog
from campaigns.choices import CampaignStatus
from campaigns.forms import BulkLabelForm, LabelForm, SavedViewForm
from campaigns.models import Campaign
from campaigns.queries.campaign_table import CampaignFilter, CampaignPage, FilterChoices, campaign_page, filter_choices
from campaigns.queries.maturity import Maturity, workspace_maturity
from campaigns.queries.saved_views import saved_views
from campaigns.services.campaigns import (
    Operation,
    campaign_label_add,
    campaign_label_remove,
    campaigns_label,
    campaigns_label_undo,
    label_message,
)
from campaigns.services.saved_views import saved_view_create, saved_view_delete, saved_view_rename
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
from stratum.lib.errors import DomainError
from stratum.lib.tables import Page, Table
from stratum.lib.toasts import toast

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
    return render(request, "campaigns/campaign_list.html", context)


def _list_context(
    request: HttpRequest, listed: ListState, page: CampaignPage, choices: FilterChoices
) -> dict[str, Any]:
    query = query_without(request.GET, "page")
    return {
        "date_range": listed.days,
        "table": _table(request, listed, page),
        "matching": page.matching,
        "is_filtered": listed.where.narrows,
        "selects": _selects(listed.where, choices),
        "kept": listed.kept,
        "q": listed.where.q,
        "chips": _chips(request, listed.where, choices),
        "labels": choices.labels,
        "views": _view_tabs(request, query),
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
    }


def _maturity(listed: ListState) -> Maturity:
    now = timezone.now()
    return workspace_maturity(listed.query.current, now.astimezone(zone_or_utc(listed.days.zone)).date(), now)


def _table(request: HttpRequest, listed: ListState, page: CampaignPage) -> Table:
    compares = listed.query.compared is not None and page.comparability.holds
    kept = {key: request.GET[key] for key in RANGE_PARAMETERS if request.GET.get(key)}
    writer = Writer.of(page.currency, listed.state.visible, compares=compares, query=urlencode(kept))
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
        selectable=request.user.can("edit_campaigns"),
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


def _view_tabs(request: HttpRequest, query: str) -> list[dict[str, Any]]:
    """'All campaigns' and the person's saved views, with their addresses."""
    here = sorted(parse_qsl(query))
    tabs = [{"key": "", "name": _L("All campaigns"), "url": request.path, "current": not here}]
    tabs += [
        {
            "key": view.key,
            "name": view.name,
            "url": f"{request.path}?{view.query}",
            "current": sorted(parse_qsl(view.query)) == here and bool(here),
        }
        for view in saved_views(request.user)
    ]
    return tabs


# --- Labels ---------------------------------------------------------------------------------------------------


@requires("edit_campaigns", methods=("POST",))
def campaign_label_bulk_add(request: HttpRequest) -> HttpResponse:
    return _bulk_label(request, "label_added")


@requires("edit_campaigns", methods=("POST",))
def campaign_label_bulk_remove(request: HttpRequest) -> HttpResponse:
    return _bulk_label(request, "label_removed")


def _bulk_label(request: HttpRequest, operation: Operation) -> HttpResponse:
    form = BulkLabelForm(request.POST)
    back = _back_to_list(request.POST.get("state", ""))
    if not form.is_valid():
        errors = [message for messages in form.errors.values() for message in messages]
        return toast(request, back, " ".join(errors), level="error")
    sent = form.cleaned_data
    try:
        ids = _matching_ids(sent["state"]) if sent["scope"] == "all" else sent["ids"]
        count, entry = campaigns_label(campaign_ids=ids, label=sent["label"], operation=operation, actor=request.actor)
    except DomainError as error:
        return toast(request, back, str(error), level="error")
    if entry is None:
        return toast(request, back, _("Nothing to change: every campaign is in that state already."), level="info")
    undo = reverse("campaigns:campaign_label_undo", args=[entry.pk])
    return toast(request, back, label_message(count, sent["label"], operation), undo_url=undo)


def _matching_ids(state: str) -> list[int]:
    return list(CampaignFilter.from_query(QueryDict(state)).campaigns().values_list("pk", flat=True))


def _back_to_list(state: str) -> HttpResponseRedirect:
    # Only the query string comes from the request, re-written from its parts: never an address elsewhere.
    query = urlencode(parse_qsl(state))
    return redirect(f"{reverse('campaigns:campaign_list')}{'?' if query else ''}{query}")


@requires("edit_campaigns", methods=("POST",))
def campaign_label_undo(request: HttpRequest, pk: int) -> HttpResponse:
    """Take back a bulk change of labels, found by its entry in the audit trail."""
    entry = get_object_or_404(AuditLog, pk=pk, resource_type=Campaign._meta.db_table, resource_id=None)
    answer: HttpResponse = HttpResponse(headers={"HX-Refresh": "true"}) if request.htmx else _back_to_list("")
    try:
        count, _entry = campaigns_label_undo(entry=entry, actor=request.actor)
    except DomainError as error:
        return toast(request, answer, str(error), level="error")
    text = ngettext("Undone on %(count)s campaign.", "Undone on %(count)s campaigns.", count) % {"count": count}
    return toast(request, answer, text)


@requires("edit_campaigns", methods=("POST",))
def campaign_label_add_one(request: HttpRequest, pk: int) -> HttpResponse:
    return _label_one(request, pk, "label_added")


@requires("edit_campaigns", methods=("POST",))
def campaign_label_remove_one(request: HttpRequest, pk: int) -> HttpResponse:
    return _label_one(request, pk, "label_removed")


def _label_one(request: HttpRequest, pk: int, operation: Operation) -> HttpResponse:
    campaign = get_object_or_404(Campaign, pk=pk)
    form = LabelForm(request.POST)
    problem = ""
    if form.is_valid():
        change = campaign_label_add if operation == "label_added" else campaign_label_remove
        try:
            change(campaign=campaign, label=form.cleaned_data["label"], actor=request.actor)
        except DomainError as error:
            problem = str(error)
    else:
        problem = " ".join(form.errors["label"])
    if not is_fragment(request):
        answer = redirect("campaigns:campaign_detail", pk=pk)
        return toast(request, answer, problem, level="error") if problem else answer
    context = {"campaign": campaign, "label_error": problem, "may_edit": True}
    return render(request, "campaigns/_campaign_labels.html", context, status=422 if problem else 200)


# --- Saved views ----------------------------------------------------------------------------------------------


@requires("view", methods=("POST",))
def campaign_view_create(request: HttpRequest) -> HttpResponse:
    form = SavedViewForm(request.POST)
    if not form.is_valid():
        answer = _back_to_list(request.POST.get("query", ""))
        return toast(request, answer, _("Give the view a name."), level="error")
    sent = form.cleaned_data
    try:
        view = saved_view_create(user=request.user, name=sent["name"], query=sent["query"], actor=request.actor)
    except DomainError as error:
        return toast(request, _back_to_list(sent["query"]), str(error), level="error")
    return toast(request, _back_to_list(view.query), _("View “%(name)s” saved.") % {"name": view.name})


@requires("view", methods=("POST",))
def campaign_view_rename(request: HttpRequest, key: str) -> HttpResponse:
    back = _back_to_list(request.POST.get("query", ""))
    try:
        name = request.POST.get("name", "")
        view = saved_view_rename(user=request.user, key=key, name=name, actor=request.actor)
    except DomainError as error:
        return toast(request, back, str(error), level="error")
    return toast(request, back, _("The view is called “%(name)s” now.") % {"name": view.name})


@requires("view", methods=("POST",))
def campaign_view_delete(request: HttpRequest, key: str) -> HttpResponse:
    back = _back_to_list(request.POST.get("query", ""))
    try:
        view = saved_view_delete(user=request.user, key=key, actor=request.actor)
    except DomainError as error:
        return toast(request, back, str(error), level="error")
    return toast(request, back, _("View “%(name)s” deleted.") % {"name": view.name})
