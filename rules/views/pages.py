"""Rendering a page or panel of this app."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def show(request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    """Render with `can_edit`: whether the person may change rules (the buttons stand only where they work)."""
    return render(request, template, {"can_edit": request.user.can("edit_rules"), **context}, status=status)
