"""Every route says who may use it: `@requires(capability)` or `@public(reason)`. A test walks all URLs for the mark."""

from collections.abc import Callable
from functools import wraps
from urllib.parse import urlencode, urlsplit

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.roles import CAPABILITIES

View = Callable[..., HttpResponse]


def requires(capability: str, *also: str, methods: tuple[str, ...] = ("GET",)) -> Callable[[View], View]:
    """For logged-in people who hold the capability (and all of `also`, where a view needs more than one).

    Wrong method: 405. Stranger: to the login (an HTMX request is told to go there, not given the page as a
    fragment). Missing capability: 403. A foreign object is the view's own 404.
    """
    needed = (capability, *also)
    for name in needed:
        if name not in CAPABILITIES:
            raise KeyError(f"Unknown capability {name!r}.")

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
            if request.method not in _with_head(methods):
                return HttpResponseNotAllowed(methods)
            if not request.user.is_authenticated:
                return to_login(request)
            if not all(request.user.can(name) for name in needed):
                raise PermissionDenied(_("Your role does not allow this. An admin of your workspace can change it."))
            return view(request, *args, **kwargs)

        guarded.policy = capability  # type: ignore[attr-defined]  # read by the URL walk
        guarded.methods = methods  # type: ignore[attr-defined]  # read by the URL walk
        return guarded

    return decorate


def public(reason: str, *, methods: tuple[str, ...] = ("GET",)) -> Callable[[View], View]:
    """For everybody, for the stated reason."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
            if request.method not in _with_head(methods):
                return HttpResponseNotAllowed(methods)
            return view(request, *args, **kwargs)

        guarded.policy = None  # type: ignore[attr-defined]  # read by the URL walk
        guarded.public_reason = reason  # type: ignore[attr-defined]  # read by the URL walk
        guarded.methods = methods  # type: ignore[attr-defined]  # read by the URL walk
        return guarded

    return decorate


def _with_head(methods: tuple[str, ...]) -> tuple[str, ...]:
    return (*methods, "HEAD") if "GET" in methods else methods


def to_login(request: HttpRequest) -> HttpResponse:
    """Back here after the login. 286 tells HTMX to stop polling."""
    url = f"{reverse('accounts:login')}?{urlencode({'next': _page_of(request)})}"
    if getattr(request, "htmx", False):
        return HttpResponse(status=286, headers={"HX-Redirect": url})
    return redirect(url)


def _page_of(request: HttpRequest) -> str:
    """The page a person was on: of a fragment or a form that is the page around it, which a GET can open again."""
    if getattr(request, "htmx", False):
        return request.htmx.current_url_abs_path or "/"
    if request.method in ("GET", "HEAD"):
        return request.get_full_path()
    referer = urlsplit(request.headers.get("Referer", ""))
    if referer.netloc != request.get_host():
        return "/"
    return f"{referer.path}?{referer.query}" if referer.query else referer.path or "/"
