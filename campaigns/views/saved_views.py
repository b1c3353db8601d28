"""Saved views of the campaign list: the tabs above it, and what is done with them."""

from typing import Any
from urllib.parse import parse_qsl

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _L

from accounts.decorators import requires
from campaigns.forms import SavedViewForm
from campaigns.queries.saved_views import saved_views
from campaigns.services.saved_views import saved_view_create, saved_view_delete, saved_view_rename
from campaigns.views.selection import back_to_list
from stratum.lib.errors import DomainError
from stratum.lib.toasts import toast


def view_tabs(request: HttpRequest, query: str) -> list[dict[str, Any]]:
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


@requires("view", methods=("POST",))
def campaign_view_create(request: HttpRequest) -> HttpResponse:
    form = SavedViewForm(request.POST)
    if not form.is_valid():
        answer = back_to_list(request.POST.get("query", ""))
        return toast(request, answer, _("Give the view a name."), level="error")
    sent = form.cleaned_data
    try:
        view = saved_view_create(user=request.user, name=sent["name"], query=sent["query"], actor=request.actor)
    except DomainError as error:
        return toast(request, back_to_list(sent["query"]), str(error), level="error")
    return toast(request, back_to_list(view.query), _("View “%(name)s” saved.") % {"name": view.name})


@requires("view", methods=("POST",))
def campaign_view_rename(request: HttpRequest, key: str) -> HttpResponse:
    back = back_to_list(request.POST.get("query", ""))
    try:
        name = request.POST.get("name", "")
        view = saved_view_rename(user=request.user, key=key, name=name, actor=request.actor)
    except DomainError as error:
        return toast(request, back, str(error), level="error")
    return toast(request, back, _("The view is called “%(name)s” now.") % {"name": view.name})


@requires("view", methods=("POST",))
def campaign_view_delete(request: HttpRequest, key: str) -> HttpResponse:
    back = back_to_list(request.POST.get("query", ""))
    try:
        view = saved_view_delete(user=request.user, key=key, actor=request.actor)
    except DomainError as error:
        return toast(request, back, str(error), level="error")
    return toast(request, back, _("View “%(name)s” deleted.") % {"name": view.name})
