"""Rendering a page or panel of this app."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from rules.conditions.automation import Automation


def show(request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    """Render with what the person may do (buttons stand only where they work) and whether changes are frozen."""
    shared = {
        "can_edit": request.user.can("edit_rules"),
        "can_unfreeze": request.user.can("manage_settings"),
        "can_replay": request.user.can("replay"),
        "automation": Automation.of(request.tenant.settings),
    }
    return render(request, template, {**shared, **context}, status=status)
