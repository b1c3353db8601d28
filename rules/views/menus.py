"""The menu of what a person may do to a rule."""

from typing import Any

from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from rules.choices import RuleStatus
from rules.models import Rule


def rule_menu(request: HttpRequest, rule: Rule) -> SafeString:
    """The menu's HTML, empty for people who may only look."""
    if not request.user.can("edit_rules"):
        return SafeString("")
    context = {
        "id": f"rule-menu-{rule.pk}",
        "label": _("Actions on %(rule)s") % {"rule": rule.name},
        "rule": rule,
        "is_active": rule.status == RuleStatus.ACTIVE,
        "items": rule_menu_items(rule),
        "csrf_token": get_token(request),
    }
    return render_to_string("rules/_rule_menu.html", context)


def rule_menu_items(rule: Rule) -> list[dict[str, Any]]:
    """Edit, duplicate and delete; the state has its own button."""
    return [
        {"label": _("Edit"), "icon": "pencil", "url": reverse("rules:rule_edit", args=[rule.pk])},
        {
            "label": _("Duplicate"),
            "icon": "copy",
            "url": reverse("rules:rule_duplicate", args=[rule.pk]),
            "post": True,
        },
        {
            "label": _("Delete"),
            "icon": "trash-2",
            "url": reverse("rules:rule_delete", args=[rule.pk]),
            "post": True,
            "danger": True,
            "confirm": _("“%(rule)s” stops at once. Its history stays, and you can take this back.")
            % {"rule": rule.name},
        },
    ]
