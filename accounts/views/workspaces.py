"""Sign-up: a new workspace and its first admin."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from accounts import services
from accounts.audit import Actor
from accounts.decorators import public
from accounts.forms import SignUpForm
from accounts.models import User
from accounts.views.sessions import HOME, enter_workspace
from stratum.lib.client_address import client_ip
from stratum.lib.errors import DomainError
from stratum.lib.rate_limits import RateLimit
from stratum.lib.regions import guess_currency, language_or_default
from stratum.lib.toasts import toast

# Of one place: enough for a trade fair's shared line, too little to fill the database.
WORKSPACES_PER_PLACE = RateLimit("sign-up", limit=10, seconds=3600)


@public("people make their workspace here", methods=("GET", "POST"))
@sensitive_post_parameters("password")
@never_cache
def sign_up(request: HttpRequest) -> HttpResponse:
    if request.user.is_authenticated:
        return redirect(HOME)
    form = SignUpForm(request.POST or None, initial=_guesses(request))
    if request.method == "POST" and form.is_valid():
        user = _made(request, form)
        if user is not None:
            enter_workspace(request, user)
            return toast(request, redirect(HOME), _("Your workspace is ready."))
    return render(request, "accounts/sign_up.html", {"form": form})


def _made(request: HttpRequest, form: SignUpForm) -> User | None:
    """The new workspace's admin; None when it was refused, with the reason in the form."""
    if not WORKSPACES_PER_PLACE.hit(client_ip(request) or ""):
        form.add_error(None, _("Too many workspaces were created from here. Try again in an hour."))
        return None
    try:
        return services.workspace_sign_up(**form.cleaned_data, actor=Actor.from_request(request))
    except DomainError as error:
        form.refuse(error)
        return None


def _guesses(request: HttpRequest) -> dict[str, str]:
    """Currency and language from what the browser asks for; the zone is the browser's own, set by its script."""
    return {
        "currency": guess_currency(request.headers.get("Accept-Language", "")),
        "locale": language_or_default(translation.get_language() or ""),
        "zone": "UTC",
    }
