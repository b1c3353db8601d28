"""Labels of campaigns: on one, on many, and taken back."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.decorators import requires
from accounts.models import AuditLog
from campaigns.forms import BulkLabelForm, LabelForm
from campaigns.models import Campaign
from campaigns.services.campaigns import (
    Operation,
    campaign_label_add,
    campaign_label_remove,
    campaigns_label,
    campaigns_label_undo,
    label_message,
)
from campaigns.views.reading import is_fragment
from campaigns.views.selection import back_to_list, selected_ids
from stratum.lib.errors import DomainError
from stratum.lib.toasts import toast


@requires("edit_campaigns", methods=("POST",))
def campaign_label_bulk_add(request: HttpRequest) -> HttpResponse:
    return _bulk_label(request, "label_added")


@requires("edit_campaigns", methods=("POST",))
def campaign_label_bulk_remove(request: HttpRequest) -> HttpResponse:
    return _bulk_label(request, "label_removed")


def _bulk_label(request: HttpRequest, operation: Operation) -> HttpResponse:
    form = BulkLabelForm(request.POST)
    back = back_to_list(request.POST.get("state", ""))
    if not form.is_valid():
        errors = [message for messages in form.errors.values() for message in messages]
        return toast(request, back, " ".join(errors), level="error")
    sent = form.cleaned_data
    try:
        ids = selected_ids(sent)
        count, entry = campaigns_label(campaign_ids=ids, label=sent["label"], operation=operation, actor=request.actor)
    except DomainError as error:
        return toast(request, back, str(error), level="error")
    if entry is None:
        return toast(request, back, _("Nothing to change: every campaign is in that state already."), level="info")
    undo = reverse("campaigns:campaign_label_undo", args=[entry.pk])
    return toast(request, back, label_message(count, sent["label"], operation), undo_url=undo)


@requires("edit_campaigns", methods=("POST",))
def campaign_label_undo(request: HttpRequest, pk: int) -> HttpResponse:
    """Take back a bulk change of labels, found by its entry in the audit trail."""
    entry = get_object_or_404(AuditLog, pk=pk, resource_type=Campaign._meta.db_table, resource_id=None)
    answer: HttpResponse = HttpResponse(headers={"HX-Refresh": "true"}) if request.htmx else back_to_list("")
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
