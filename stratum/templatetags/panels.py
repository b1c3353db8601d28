"""Lazy panels of upper apps: a page below names their URL, and shows them only where they are installed."""

from typing import Any

from django import template
from django.urls import NoReverseMatch, reverse

register = template.Library()


@register.simple_tag
def panel_url(name: str, *args: Any) -> str:
    """`{% panel_url "rules:campaign_panel" campaign.pk as url %}`: empty when no such panel is installed."""
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""
