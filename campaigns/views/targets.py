"""What people want of a campaign: its target CPA and ROAS."""

from decimal import Decimal
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from accounts.decorators import requires
from campaigns.forms import TargetsForm
from campaigns.models import Campaign
from campaigns.services.campaigns import campaign_targets_set
from campaigns.views.reading import is_fragment
from stratum.lib.errors import DomainError
from stratum.lib.money import decimals
from stratum.lib.toasts import toast


@requires("edit_campaigns", methods=("POST",))
def campaign_targets(request: HttpRequest, pk: int) -> HttpResponse:
    campaign = get_object_or_404(Campaign.objects.defer("raw_data"), pk=pk)
    form = TargetsForm(request.POST, currency=campaign.currency)
    problem = ""
    if form.is_valid():
        try:
            roas = form.cleaned_data["roas"]
            campaign_targets_set(campaign=campaign, cpa=form.cpa_minor, roas=roas, actor=request.actor)
        except DomainError as error:
            problem = str(error)
    else:
        problem = " ".join(f"{form[name].label}: {' '.join(errors)}" for name, errors in form.errors.items())
    level = "error" if problem else "success"
    if not is_fragment(request):
        return toast(request, redirect("campaigns:campaign_detail", pk=pk), problem or _("Targets saved."), level=level)
    context = {**targets_context(campaign), "targets_problem": problem, "may_edit": True}
    if problem:
        context |= {"target_cpa": request.POST.get("cpa", ""), "target_roas": request.POST.get("roas", "")}
    response = render(request, "campaigns/_campaign_targets.html", context, status=422 if problem else 200)
    return response if problem else toast(request, response, _("Targets saved."))


def targets_context(campaign: Campaign) -> dict[str, Any]:
    """The targets as a number field takes them: major units with a point."""
    cpa = campaign.target_cpa_cents
    shown = "" if cpa is None else f"{Decimal(cpa).scaleb(-decimals(campaign.currency)):f}"
    return {
        "campaign": campaign,
        "target_cpa": shown,
        "target_roas": "" if campaign.target_roas is None else f"{campaign.target_roas:f}",
        "cpa_step": f"{Decimal(1).scaleb(-decimals(campaign.currency)):f}",
    }
