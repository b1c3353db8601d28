"""Changing many campaigns at once: what it will do, the doing, how far it is, taking it back."""

import uuid
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django_htmx.http import trigger_client_event

from accounts.decorators import requires
from campaigns import tasks
from campaigns.choices import CampaignStatus, ChangedField, Platform
from campaigns.forms import BulkChangeForm
from campaigns.queries.changes import BatchProgress, batch_progress
from campaigns.services import changes as services
from campaigns.services.changes import BudgetWish, Preview, RequestResult
from campaigns.views.changes import CHANGED
from campaigns.views.reading import is_fragment
from campaigns.views.selection import back_to_list, selected_ids
from stratum.lib.errors import DomainError
from stratum.lib.figures import before_and_now, format_money, format_number
from stratum.lib.toasts import toast

# Up to so many campaigns are paused without a question: a click brings them back.
ASKED_ABOVE = 20


@requires("edit_campaigns", methods=("POST",))
def campaign_change_bulk(request: HttpRequest) -> HttpResponse:
    """Pause, enable, or another budget for a selection. What is not small is asked about first."""
    form = BulkChangeForm(request.POST)
    if not form.is_valid():
        return _invalid(request, form)
    ids = selected_ids(form.cleaned_data)
    if not ids:
        back = back_to_list(form.cleaned_data["state"])
        return toast(request, _left(request, back), _("Select at least one campaign."), level="error")
    if _must_ask(form, len(ids)) or "preview" in request.POST:
        return _ask(request, form, ids)
    return _change(request, form, ids)


def _invalid(request: HttpRequest, form: BulkChangeForm) -> HttpResponse:
    if set(form.errors) == {"amount"}:
        return _ask(request, form, selected_ids(form.cleaned_data), " ".join(form.errors["amount"]))
    errors = [message for messages in form.errors.values() for message in messages]
    return toast(request, _left(request, back_to_list(request.POST.get("state", ""))), " ".join(errors), level="error")


def _left(request: HttpRequest, target: HttpResponse) -> HttpResponse:
    """To another page, from a whole page or from a dialog."""
    return HttpResponse(headers={"HX-Redirect": target["Location"]}) if is_fragment(request) else target


def _must_ask(form: BulkChangeForm, matching: int) -> bool:
    """A confirmation holds for as many campaigns as it named."""
    sent = form.cleaned_data
    if sent["expected"] == matching and (sent["change"] != BulkChangeForm.BUDGET or form.wish() is not None):
        return False
    return sent["change"] != BulkChangeForm.PAUSE or matching > ASKED_ABOVE


def _wish(form: BulkChangeForm) -> tuple[str, str | BudgetWish | None]:
    """(field, value) of a valid form."""
    change = form.cleaned_data["change"]
    if change == BulkChangeForm.BUDGET:
        return ChangedField.DAILY_BUDGET, form.wish()
    status = CampaignStatus.PAUSED if change == BulkChangeForm.PAUSE else CampaignStatus.ACTIVE
    return ChangedField.STATUS, status.value


def _change(request: HttpRequest, form: BulkChangeForm, ids: list[int]) -> HttpResponse:
    field, value = _wish(form)
    state = form.cleaned_data["state"]
    try:
        result = services.changes_request(campaign_ids=ids, field=field, value=value, actor=request.actor)
    except DomainError as error:
        return toast(request, _left(request, back_to_list(state)), str(error), level="error")
    tasks.send_changes(request.tenant.pk, result.by_account)
    more = {"batch": str(result.batch)} if result.asked else {}
    text, level = outcome_words(result)
    return toast(request, _left(request, back_to_list(state, **more)), text, level=level)


def outcome_words(result: RequestResult) -> tuple[str, Any]:
    """(sentence, level): how many are on their way, how many were so already, how many cannot be changed and why."""
    asked = len(result.asked)
    parts = []
    if asked:
        text = ngettext("%(count)s change is on its way.", "%(count)s changes are on their way.", asked)
        parts.append(text % {"count": format_number(asked)})
    if result.withdrawn:
        text = ngettext("%(count)s was taken back unsent.", "%(count)s were taken back unsent.", result.withdrawn)
        parts.append(text % {"count": format_number(result.withdrawn)})
    if result.already:
        text = ngettext("%(count)s is so already.", "%(count)s are so already.", result.already)
        parts.append(text % {"count": format_number(result.already)})
    for _code, reason, count in result.reasons[:2]:
        parts.append(_("%(count)s not changed: %(reason)s") % {"count": format_number(count), "reason": reason})
    if not parts:
        return _("Nothing to change."), "info"
    return " ".join(parts), "info" if asked or result.withdrawn else "warning"


# --- The question ---------------------------------------------------------------------------------------------


def _ask(request: HttpRequest, form: BulkChangeForm, ids: list[int], problem: str = "") -> HttpResponse:
    sent = form.cleaned_data
    is_budget = sent["change"] == BulkChangeForm.BUDGET
    field, value = (ChangedField.DAILY_BUDGET, None) if problem else _wish(form)
    seen = services.changes_preview(campaign_ids=ids, field=field, value=value)
    currency = seen.currencies[0] if len(seen.currencies) == 1 else sent.get("currency") or ""
    context = {
        "change": sent["change"],
        "is_budget": is_budget,
        "title": _title(sent["change"], seen),
        "lines": _lines(sent["change"], seen, value),
        "reasons": [(format_number(count), text) for _code, text, count in seen.reasons],
        "possible": seen.changing > 0 or problem or (is_budget and value is not None),
        "problem": problem,
        "hows": [one for one in form.fields["how"].choices if one[0] != BulkChangeForm.SET or currency],
        "how": sent.get("how") or BulkChangeForm.RAISE,
        "amount": request.POST.get("amount", ""),
        "currency": currency,
        "mixed": seen.currencies if len(seen.currencies) > 1 else [],
        "scope": sent["scope"],
        "state": sent["state"],
        "ids": [] if sent["scope"] == "all" else ids,
        "expected": len(ids),
        "back": back_to_list(sent["state"])["Location"],
        "verb": _verb(sent["change"]),
    }
    name = "_change_bulk_dialog" if is_fragment(request) else "change_bulk"
    return render(request, f"campaigns/{name}.html", context, status=422 if problem else 200)


def _title(change: str, seen: Preview) -> str:
    count = seen.changing or seen.matching
    titles = {
        BulkChangeForm.PAUSE: ngettext("Pause %(count)s campaign?", "Pause %(count)s campaigns?", count),
        BulkChangeForm.ENABLE: ngettext("Enable %(count)s campaign?", "Enable %(count)s campaigns?", count),
        BulkChangeForm.BUDGET: ngettext(
            "Daily budget of %(count)s campaign", "Daily budget of %(count)s campaigns", count
        ),
    }
    return titles[change] % {"count": format_number(count)}


def _verb(change: str) -> str:
    verbs = {
        BulkChangeForm.PAUSE: _("Pause"),
        BulkChangeForm.ENABLE: _("Enable"),
        BulkChangeForm.BUDGET: _("Change budgets"),
    }
    return verbs[change]


def _lines(change: str, seen: Preview, value: object) -> list[str]:
    """What will happen, to how many, where, and how to take it back."""
    lines = []
    where = ", ".join(f"{Platform(name).label} {format_number(count)}" for name, count in seen.platforms)
    if change == BulkChangeForm.PAUSE:
        lines.append(_("They stop delivering within minutes: %(where)s.") % {"where": where})
    elif change == BulkChangeForm.ENABLE:
        lines.append(_("They start to deliver and to spend: %(where)s.") % {"where": where})
    elif where:
        lines.append(_("Changed on the platforms: %(where)s.") % {"where": where})
    for one in seen.sums:
        values = before_and_now(format_money(one.before, one.currency), format_money(one.after, one.currency))
        lines.append(_("Together a day: %(change)s.") % {"change": values})
    if seen.already:
        text = ngettext("%(count)s is so already.", "%(count)s are so already.", seen.already)
        lines.append(text % {"count": format_number(seen.already)})
    if seen.changing and (change != BulkChangeForm.BUDGET or value is not None):
        lines.append(_("Undo stands above the list afterwards, and under Changes."))
    return lines


# --- How far it is --------------------------------------------------------------------------------------------


def parse_batch(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def batch_context(request: HttpRequest, text: str) -> dict[str, Any]:
    """What the panel of a batch shows; {'progress': None} when there is none."""
    batch = parse_batch(text)
    progress = batch_progress(batch) if batch else None
    if progress is None:
        return {"progress": None}
    return {
        "progress": progress,
        "title": _batch_title(progress),
        "text": _batch_text(progress),
        "reasons": [(format_number(count), reason) for reason, count in progress.reasons],
        "may_undo": progress.can_undo and request.user.can("edit_campaigns"),
        "css": "is-warn" if progress.failed else "" if progress.is_running else "is-good",
    }


def _batch_title(progress: BatchProgress) -> str:
    values = {"count": format_number(progress.total)}
    if progress.undoes:
        return ngettext("Taking back %(count)s change", "Taking back %(count)s changes", progress.total) % values
    if progress.field == ChangedField.DAILY_BUDGET:
        text = ngettext("Budget of %(count)s campaign", "Budgets of %(count)s campaigns", progress.total)
        return text % values
    if progress.statuses == {CampaignStatus.PAUSED.value}:
        return ngettext("Pausing %(count)s campaign", "Pausing %(count)s campaigns", progress.total) % values
    return ngettext("Enabling %(count)s campaign", "Enabling %(count)s campaigns", progress.total) % values


def _batch_text(progress: BatchProgress) -> str:
    parts = [
        _("%(done)s of %(total)s done")
        % {"done": format_number(progress.applied), "total": format_number(progress.total)}
    ]
    if progress.failed:
        parts.append(_("%(count)s not changed") % {"count": format_number(progress.failed)})
    return ", ".join(parts)


@requires("view")
def change_batch_panel(request: HttpRequest, batch: str) -> HttpResponse:
    """How far a batch is; asked for while it runs."""
    context = batch_context(request, batch)
    if context["progress"] is None:
        raise Http404
    context["query"] = request.GET.get("state", "")
    response = render(request, "campaigns/_change_batch.html", context)
    return response if context["progress"].is_running else trigger_client_event(response, CHANGED)


@requires("edit_campaigns", methods=("POST",))
def change_batch_undo(request: HttpRequest, batch: str) -> HttpResponse:
    """Take back whatever of a batch can be."""
    known = parse_batch(batch)
    if known is None or batch_progress(known) is None:
        raise Http404
    state = request.POST.get("state", "")
    try:
        result = services.changes_undo(batch=known, actor=request.actor)
    except DomainError as error:
        return toast(request, back_to_list(state, batch=str(known)), str(error), level="error")
    tasks.send_changes(request.tenant.pk, result.by_account)
    text, level = outcome_words(result)
    shown = result.batch if result.asked else known
    return toast(request, back_to_list(state, batch=str(shown)), text, level=level)
