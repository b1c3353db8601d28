"""Changing one campaign: pause, enable, daily budget, take back. The platform is told by a worker; pages ask how far
it is."""

from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django_htmx.http import trigger_client_event

from accounts.decorators import requires
from campaigns import tasks
from campaigns.choices import CampaignStatus, ChangedField, ChangeState, Platform
from campaigns.forms import BudgetForm
from campaigns.models import Campaign, CampaignChange
from campaigns.queries.changes import OPEN, is_open, mark, newest_changes
from campaigns.queries.obstacles import Standing, budget_obstacle, obstacle
from campaigns.services import changes as services
from campaigns.services.changes import budget_after
from campaigns.views.change_cells import CellWriter
from campaigns.views.change_panel import panel_context
from campaigns.views.change_words import change_words, settled_words
from campaigns.views.reading import STOP_POLLING, is_fragment
from stratum.lib.errors import DomainError
from stratum.lib.figures import before_and_now, delta, format_money
from stratum.lib.money import to_units
from stratum.lib.tables import PAGE_SIZES
from stratum.lib.toasts import toast

# Pages that show campaigns look again when they hear this.
CHANGED = "campaigns-changed"
PANEL = "campaign-writes"
SHORTCUTS = (-20, 10, 20)
# Longer than a page takes to be put together.
FRESH = timedelta(seconds=10)
UNSURE = "unsure"


# --- Status ---------------------------------------------------------------------------------------------------


@requires("edit_campaigns", methods=("POST",))
def campaign_pause(request: HttpRequest, pk: int) -> HttpResponse:
    return _set_status(request, pk, CampaignStatus.PAUSED.value)


@requires("edit_campaigns", methods=("POST",))
def campaign_enable(request: HttpRequest, pk: int) -> HttpResponse:
    return _set_status(request, pk, CampaignStatus.ACTIVE.value)


def _set_status(request: HttpRequest, pk: int, status: str) -> HttpResponse:
    campaign = _campaign(pk)
    try:
        change = services.change_request(
            campaign=campaign, field=ChangedField.STATUS, value=status, actor=request.actor
        )
    except DomainError as error:
        return toast(request, _answer(request, campaign), str(error), level="error")
    _send(campaign, change)
    response = _answer(request, campaign)
    if change is None:
        return toast(request, response, _("Nothing to change: it is in that state."), level="info")
    return response


def _campaign(pk: int) -> Campaign:
    return get_object_or_404(Campaign.objects.select_related("ad_account"), pk=pk)


def _send(campaign: Campaign, change: CampaignChange | None) -> None:
    if change is not None and change.state == ChangeState.QUEUED:
        tasks.apply_changes.delay_on_commit(tenant_id=campaign.tenant_id, change_ids=[change.pk])


def _answer(request: HttpRequest, campaign: Campaign) -> HttpResponse:
    """The part of the page that was acted on, as it is now: the panel of the campaign's page, or the list's cell."""
    if not is_fragment(request):
        return redirect("campaigns:campaign_detail", pk=campaign.pk)
    newest = newest_changes([campaign.pk])
    if request.htmx.target == PANEL:
        return render(request, "campaigns/_campaign_writes.html", panel_context(request, campaign, newest))
    cells = CellWriter.of(newest, may_edit=True)
    response = HttpResponse(cells.status(Standing.of(campaign), campaign.delivery_note))
    return trigger_client_event(response, CHANGED)


# --- Budget ---------------------------------------------------------------------------------------------------


@requires("edit_campaigns", methods=("GET", "POST"))
def campaign_budget(request: HttpRequest, pk: int) -> HttpResponse:
    """The daily budget: a form that says what it was and will be. `?amount=` or `?percent=` fill it in."""
    campaign = _campaign(pk)
    if request.method == "GET":
        return _budget_form(request, campaign, _asked_amount(request, Standing.of(campaign)))
    form = BudgetForm(request.POST, currency=campaign.currency)
    if not form.is_valid():
        return _budget_form(request, campaign, request.POST.get("amount", ""), " ".join(form.errors["amount"]), 422)
    try:
        change = services.change_request(
            campaign=campaign, field=ChangedField.DAILY_BUDGET, value=form.minor, actor=request.actor
        )
    except (DomainError, ValueError) as error:
        return _budget_form(request, campaign, request.POST["amount"], str(error), 422)
    _send(campaign, change)
    text = _("“%(name)s”: it has this budget already.") % {"name": campaign.name}
    if change is not None:
        values = {"name": campaign.name, "change": change_words(change, campaign.currency)}
        text = _("Daily budget of “%(name)s”: %(change)s, on its way.") % values
    return toast(request, _closed(request, campaign), text, level="info")


def _closed(request: HttpRequest, campaign: Campaign) -> HttpResponse:
    """Away from the form: the dialog closes and the page looks again; the form's own page is left."""
    if not is_fragment(request):
        return redirect("campaigns:campaign_detail", pk=campaign.pk)
    response = trigger_client_event(HttpResponse(status=204), "close-dialogs")
    return trigger_client_event(response, CHANGED)


def _asked_amount(request: HttpRequest, standing: Standing) -> str:
    """What the field holds: as asked for, as a percentage of today's budget, or today's budget."""
    percent = request.GET.get("percent", "").removeprefix("+")
    if standing.daily_budget is not None and percent.removeprefix("-").isdecimal() and len(percent) < 5:
        minor = budget_after(standing.daily_budget, int(percent) * 100, standing.step)
        return str(to_units(minor, standing.currency))
    if "amount" in request.GET:
        return request.GET["amount"][:30]
    return "" if standing.daily_budget is None else str(to_units(standing.daily_budget, standing.currency))


def _budget_form(
    request: HttpRequest, campaign: Campaign, amount: str, problem: str = "", status: int = 200
) -> HttpResponse:
    standing = Standing.of(campaign)
    locked = budget_obstacle(standing)
    context: dict[str, Any] = {
        "campaign": campaign,
        "amount": amount,
        "problem": problem,
        "locked": locked.text if locked else "",
        "step": to_units(standing.step, campaign.currency),
        "least": to_units(standing.least_budget, campaign.currency),
        "least_words": format_money(standing.least_budget, campaign.currency) if standing.minimum_daily_budget else "",
        "shortcuts": SHORTCUTS if standing.daily_budget else (),
        "crumbs": [(campaign.name, reverse("campaigns:campaign_detail", args=[campaign.pk]))],
        **_budget_preview(standing, amount),
    }
    name = "_campaign_budget_dialog" if is_fragment(request) else "campaign_budget"
    return render(request, f"campaigns/{name}.html", context, status=status)


def _budget_preview(standing: Standing, amount: str) -> dict[str, Any]:
    """Before → after in the currency, and what would stand in the way."""
    now = format_money(standing.daily_budget, standing.currency)
    form = BudgetForm({"amount": amount}, currency=standing.currency)
    if not form.is_valid():
        return {"now": now, "after": "", "warning": ""}
    try:
        minor = form.minor
    except ValueError:
        return {"now": now, "after": "", "warning": _("This amount is too large.")}
    if minor == standing.daily_budget:
        return {"now": now, "after": "", "warning": ""}
    found = obstacle(standing, ChangedField.DAILY_BUDGET, minor)
    after = format_money(minor, standing.currency)
    change = delta(minor, standing.daily_budget, better="neither").text if standing.daily_budget else ""
    return {"now": now, "after": before_and_now(now, after), "change": change, "warning": found.text if found else ""}


# --- How far it is --------------------------------------------------------------------------------------------


@requires("view")
def campaign_change_cells(request: HttpRequest) -> HttpResponse:
    """What has changed in the list's status and budget cells: `ids` are the rows on the page, `seen` the newest
    changes as it showed them last. Asked again while anything is under way."""
    ids = _ids(request.GET.get("ids", ""))
    # The ledger first: what it calls done, the campaigns read after it show.
    newest = newest_changes(ids)
    shown = list(Campaign.objects.select_related("ad_account").filter(pk__in=ids).order_by("pk"))
    seen = _seen(request)
    touched = {change.campaign_id for change in newest.values() if is_open(change) or mark(change) not in seen}
    cells = CellWriter.of(newest, may_edit=request.user.can("edit_campaigns"))
    written = []
    for campaign in shown:
        if campaign.pk in touched:
            standing = Standing.of(campaign)
            written.append(cells.status(standing, campaign.delivery_note, out_of_band=True))
            written.append(cells.budget(standing, out_of_band=True))
    context = {**poll_context([one.pk for one in shown], newest), "cells": written}
    response = render(request, "campaigns/_change_poll.html", context)
    return _told(request, response, _settled(request, shown, newest, seen))


def poll_context(
    ids: list[int], newest: dict[tuple[int, str], CampaignChange], *, rows_read_first: bool = False
) -> dict[str, Any]:
    """What the element that keeps the cells up to date asks with.

    `rows_read_first`: a change may have got through between the rows and the ledger. What is that fresh is looked at
    once more, without a word about it.
    """
    unsure = [change for change in newest.values() if rows_read_first and _is_fresh(change)]
    marks = [mark(change, UNSURE if change in unsure else "") for change in newest.values()]
    return {
        "poll_ids": ",".join(map(str, ids)),
        "poll_seen": ",".join(sorted(marks)),
        "poll_open": bool(unsure) or any(map(is_open, newest.values())),
    }


def _is_fresh(change: CampaignChange) -> bool:
    return change.finished_at is not None and change.finished_at > timezone.now() - FRESH


def _ids(text: str) -> list[int]:
    found = [int(one) for one in text.split(",") if one.isascii() and one.isdigit() and len(one) < 10]
    return found[: max(PAGE_SIZES)]


def _seen(request: HttpRequest) -> set[str]:
    return set(request.GET.get("seen", "").split(","))


def _settled(
    request: HttpRequest,
    campaigns: list[Campaign],
    newest: dict[tuple[int, str], CampaignChange],
    seen: set[str],
) -> list[tuple[CampaignChange, Campaign]]:
    """What got through since the page looked last, if it was seen under way or is this person's own: a worker may
    be quicker than the page. What was asked for in bulk is told by its own panel."""
    by_id = {campaign.pk: campaign for campaign in campaigns}
    found = []
    for change in newest.values():
        is_news = change.campaign_id in by_id and not is_open(change) and mark(change) not in seen
        is_awaited = change.user_id == request.user.pk or any(mark(change, state) in seen for state in OPEN)
        is_news = is_news and mark(change, UNSURE) not in seen
        if is_news and is_awaited and change.batch is None:
            found.append((change, by_id[change.campaign_id]))
    return found


def _told(request: HttpRequest, response: HttpResponse, settled: list[tuple[CampaignChange, Campaign]]) -> HttpResponse:
    """The outcome as a toast: of one change with its undo, of the first failure where several came at once."""
    failed = [one for one in settled if one[0].state == ChangeState.FAILED]
    if not settled:
        return response
    change, campaign = (failed or settled)[0]
    text = settled_words(change, campaign.name, campaign.currency, campaign.platform)
    if failed:
        return toast(request, response, text, level="error")
    if len(settled) > 1:
        return toast(request, response, _("%(count)s changes are done.") % {"count": len(settled)})
    undo = reverse("campaigns:change_undo", args=[change.pk]) if request.user.can("edit_campaigns") else ""
    return toast(request, response, text, undo_url=undo)


@requires("view")
def campaign_change_panel(request: HttpRequest, pk: int) -> HttpResponse:
    """The head's actions of a campaign's page; `seen` are the newest changes as it showed them last. The page is
    loaded anew when one is through: its figures, its feed and its status follow."""
    newest = newest_changes([pk])
    campaign = _campaign(pk)
    context = panel_context(request, campaign, newest)
    if context["open"] or context["seen"] == request.GET.get("seen", ""):
        return render(request, "campaigns/_campaign_writes.html", context)
    response = HttpResponse(status=STOP_POLLING, headers={"HX-Refresh": "true"})
    settled = _settled(request, [campaign], newest, _seen(request))
    return _told(request, response, settled)


# --- Taking back ----------------------------------------------------------------------------------------------


@requires("edit_campaigns", methods=("POST",))
def change_undo(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a change back, where nothing else has happened since."""
    change = get_object_or_404(CampaignChange.objects.select_related("campaign"), pk=pk)
    campaign = change.campaign
    if is_fragment(request):
        response: HttpResponse = trigger_client_event(HttpResponse(status=204), CHANGED)
    else:
        response = redirect("campaigns:campaign_detail", pk=campaign.pk)
    try:
        back = services.change_undo(change=change, actor=request.actor)
    except DomainError as error:
        return toast(request, response, str(error), level="error")
    _send(campaign, back)
    if back is None:
        return toast(request, response, _("Taken back before it was sent. Nothing changed."))
    words = {"platform": str(Platform(campaign.platform).label), "name": campaign.name}
    return toast(request, response, _("Setting “%(name)s” back at %(platform)s.") % words, level="info")
