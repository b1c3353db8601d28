"""How a POST is answered: a toast, on the page that the person was on."""

from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme

from stratum.lib.toasts import Level, toast


def done(
    request: HttpRequest, text: Any, *, to: str, level: Level = "success", undo_url: str = "", stay: bool = True
) -> HttpResponse:
    """Back to the page with the button when it is one of ours (`stay`), else to `to`; an htmx request reloads or
    goes there. The toast is shown on the page that follows."""
    if getattr(request, "htmx", False):
        response = HttpResponse(status=204, headers={"HX-Refresh": "true"} if stay else {"HX-Redirect": to})
        return toast(request, response, text, level=level, undo_url=undo_url)
    return toast(request, redirect(_origin(request) or to if stay else to), text, level=level, undo_url=undo_url)


def _origin(request: HttpRequest) -> str:
    """The path of the page the form stood on; empty when the browser does not say, or names another site."""
    origin = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(origin, {request.get_host()}, require_https=request.is_secure()):
        return ""
    parts = urlsplit(origin)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
