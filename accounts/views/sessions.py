"""Log-in, choice of the workspace, log-out."""

import math
from datetime import timedelta

from axes.helpers import get_cool_off
from django.contrib import auth
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from accounts import services
from accounts.audit import Actor
from accounts.decorators import public
from accounts.forms import LoginForm
from accounts.models import User
from accounts.queries import people_of_choice
from stratum.lib.client_address import client_ip
from stratum.lib.rate_limits import RateLimit
from tenants.context import tenant_context, unscoped
from tenants.middleware import SESSION_KEY

HOME = "/"
BACKEND = "accounts.backends.WorkspaceBackend"
# Who passed the password check and has still to choose a workspace: ids only, and not for long.
CHOICE_KEY = "login_choice"
CHOICE_SECONDS = 300
# Failures are counted per address and place by django-axes; this stops one place from trying many addresses.
FAILURES_PER_PLACE = RateLimit("login-failures", limit=100, seconds=3600)


@public("people log in here", methods=("GET", "POST"))
@sensitive_post_parameters("password")
@never_cache
def login(request: HttpRequest) -> HttpResponse:
    """Address and password. What fits several workspaces goes on to `choose_workspace`."""
    if request.user.is_authenticated:
        return redirect(_next_page(request))
    form = LoginForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if FAILURES_PER_PLACE.is_spent(client_ip(request) or ""):
            return _too_many(request, timedelta(seconds=FAILURES_PER_PLACE.seconds))
        user = auth.authenticate(
            request,
            email=form.cleaned_data["email"],
            password=form.cleaned_data["password"],
            tenant_id=request.host_tenant.pk if request.host_tenant else None,
        )
        if user is not None:
            return _admit(request, user.memberships)
        FAILURES_PER_PLACE.hit(client_ip(request) or "")
        form.add_error(None, _("This address and password do not fit together. Check both and try again."))
    return render(request, "accounts/login.html", {"form": form, "next": request.GET.get("next", "")})


@public("the second step of the log-in", methods=("GET", "POST"))
@never_cache
def choose_workspace(request: HttpRequest) -> HttpResponse:
    """Which workspace, for those whose address and password fit several. Open for CHOICE_SECONDS after the check."""
    people = people_of_choice(_choice(request))
    if not people:
        return redirect(_with_next("accounts:login", request.GET.get("next", "")))
    if request.method == "POST":
        chosen = next((person for person in people if str(person.pk) == request.POST.get("person")), None)
        if chosen is not None:
            return _enter(request, chosen)
    return render(request, "accounts/choose_workspace.html", {"people": people, "next": request.GET.get("next", "")})


@public("ends the session of whoever has one", methods=("POST",))
def logout(request: HttpRequest) -> HttpResponse:
    if request.user.is_authenticated:
        services.session_end(user=request.user, actor=request.actor)
    auth.logout(request)
    response = redirect("accounts:login")
    if request.htmx:
        return HttpResponse(status=204, headers={"HX-Redirect": response.url})
    return response


def locked_out(
    request: HttpRequest, response: HttpResponse | None = None, credentials: dict | None = None
) -> HttpResponse:
    """Called by django-axes in place of the answer when an address has failed too often from this place."""
    return _too_many(request, get_cool_off(request) or timedelta(minutes=15))


def enter_workspace(request: HttpRequest, user: User) -> None:
    """Make the request's session one of this person in their workspace. The session's key changes."""
    request.session.pop(CHOICE_KEY, None)
    # Unscoped in between: an old session may still have bound another workspace.
    with unscoped("login: from no or another workspace into the person's own"), tenant_context(user.tenant_id):
        auth.login(request, user, backend=BACKEND)
        request.session[SESSION_KEY] = user.tenant_id
        services.session_start(user=user, actor=Actor.from_request(request, user))


def _admit(request: HttpRequest, people: list[User]) -> HttpResponse:
    if len(people) == 1:
        return _enter(request, people[0])
    request.session[CHOICE_KEY] = signing.dumps([person.pk for person in people], salt=CHOICE_KEY)
    return redirect(_with_next("accounts:choose_workspace", request.GET.get("next", "")))


def _enter(request: HttpRequest, user: User) -> HttpResponse:
    enter_workspace(request, user)
    return redirect(_next_page(request))


def _choice(request: HttpRequest) -> list[int]:
    """Ids of the rows that passed the password check a moment ago; empty when none did, or too long ago."""
    try:
        return signing.loads(request.session.get(CHOICE_KEY, ""), salt=CHOICE_KEY, max_age=CHOICE_SECONDS)
    except signing.BadSignature:
        request.session.pop(CHOICE_KEY, None)
        return []


def _next_page(request: HttpRequest) -> str:
    """Where the person was going, if that is a page of this very host; the home page otherwise."""
    target = request.GET.get("next", "")
    safe = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    return target if safe else HOME


def _with_next(name: str, target: str) -> str:
    return reverse(name, query={"next": target} if target else None)


def _too_many(request: HttpRequest, wait: timedelta) -> HttpResponse:
    minutes = max(math.ceil(wait.total_seconds() / 60), 1)
    response = render(request, "accounts/locked_out.html", {"minutes": minutes}, status=429)
    response.headers["Retry-After"] = str(int(wait.total_seconds()))
    return response
