"""One way to tell a person that something worked (or not), whichever kind of response carries it.

A full page (after a redirect) shows Django's messages as toasts; a fragment carries the `HX-Trigger: toast` event.
"""

from typing import Any, Literal, TypeVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django_htmx.http import trigger_client_event

Level = Literal["success", "info", "warning", "error"]
ResponseT = TypeVar("ResponseT", bound=HttpResponse)

_MESSAGE_LEVELS = {
    "success": messages.SUCCESS,
    "info": messages.INFO,
    "warning": messages.WARNING,
    "error": messages.ERROR,
}


def toast(
    request: HttpRequest, response: ResponseT, text: Any, *, level: Level = "success", undo_url: str = ""
) -> ResponseT:
    """Show `text` to the person, with an Undo button when there is an address to POST to; returns the response.

    `undo_url` is a path of this site. The text is escaped by the page: no markup.
    """
    if not getattr(request, "htmx", False) or leaves_page(response):
        messages.add_message(request, _MESSAGE_LEVELS[level], text, extra_tags=f"undo:{undo_url}" if undo_url else "")
        return response
    return trigger_client_event(response, "toast", {"text": str(text), "level": level, "undo_url": undo_url})


def leaves_page(response: HttpResponse) -> bool:
    """Whether the browser loads another page after this response, so that an event would be lost."""
    return 300 <= response.status_code < 400 or any(name in response for name in ("HX-Redirect", "HX-Refresh"))
