"""Rendering a page or panel of this app."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def show(request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    """Render with `can_edit` and `can_replay`: whether the person may change rules, and replay them (the buttons
    stand only where they work)."""
    may = {"can_edit": request.user.can("edit_rules"), "can_replay": request.user.can("replay")}
    return render(request, template, {**may, **context}, status=status)
