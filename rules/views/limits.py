"""What rules may do to the workspace's campaigns, and how far that is used."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.decorators import requires
from rules import services
from rules.conditions.automation import BOUNDS, Automation
from rules.forms import LimitsForm
from rules.queries.limits import LimitsUsed, limits_used
from rules.views.answers import done
from rules.views.pages import show
from stratum.lib.errors import DomainError
from stratum.lib.figures import format_number


@requires("view")
def rule_limits(request: HttpRequest) -> HttpResponse:
    return _page(request, LimitsForm(initial=LimitsForm.initial_of(request.tenant.settings)))


@requires("manage_settings", methods=("POST",))
def rule_limits_save(request: HttpRequest) -> HttpResponse:
    form = LimitsForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    try:
        changed = services.automation_set_limits(limits=form.limits, actor=request.actor)
    except DomainError as error:
        form.add_error(error.field if error.field in form.fields else None, str(error))
        return _page(request, form, status=422)
    text = _("Saved. Rules keep to it from their next change on.") if changed else _("Nothing was different.")
    return done(request, text, to=reverse("rules:rule_limits"), level="success" if changed else "info", stay=False)


def _page(request: HttpRequest, form: LimitsForm, *, status: int = 200) -> HttpResponse:
    used = limits_used(now=timezone.now())
    context = {
        "form": form,
        "may_save": request.user.can("manage_settings"),
        "limits": [(form[name], _unit(name), _default(name, used.automation), _usage(name, used)) for name in BOUNDS],
        "facts": [(form[name].label, _set(name, used.automation)) for name in BOUNDS],
        "protected": [
            (label, format_number(count), f"{reverse('campaigns:campaign_list')}?{urlencode({'label': label})}")
            for label, count in used.protected
        ],
        "crumbs": [(_("Rules"), reverse("rules:rule_list"))],
    }
    return show(request, "rules/limits.html", context, status=status)


def _unit(name: str) -> str:
    return _("changes") if name == "max_changes_24h" else "%"


def _amount(name: str, value: int) -> str:
    return format_number(value) if name == "max_changes_24h" else f"{format_number(value)}%"


def _default(name: str, automation: Automation) -> str:
    default = getattr(Automation(), name)
    if getattr(automation, name) == default:
        return _("%(value)s is the default, and holds now.") % {"value": _amount(name, default)}
    return _("The default is %(value)s.") % {"value": _amount(name, default)}


def _set(name: str, automation: Automation) -> str:
    """The value that holds, marked where it is the default."""
    value = getattr(automation, name)
    if value == getattr(Automation(), name):
        return _("%(value)s (default)") % {"value": _amount(name, value)}
    return _amount(name, value)


def _usage(name: str, used: LimitsUsed) -> str:
    """How far a limit is used now, in one sentence."""
    if name == "max_changes_24h" and used.automation.max_changes_24h == 0:
        return _("Rules change nothing at present.")
    if name == "max_changes_24h":
        text = ngettext(
            "%(count)s campaign was changed in the last 24 hours, %(most)s at the limit now.",
            "%(count)s campaigns were changed in the last 24 hours, %(most)s at the limit now.",
            used.changed,
        )
        return text % _counts(used.changed, used.at_limit)
    if name == "max_budget_move_percent":
        text = ngettext(
            "%(count)s budget moved in the last 24 hours, %(most)s as far as it may.",
            "%(count)s budgets moved in the last 24 hours, %(most)s as far as they may.",
            used.moved,
        )
        return text % _counts(used.moved, used.moved_most)
    text = ngettext("%(count)s rule waits for approval now.", "%(count)s rules wait for approval now.", used.waiting)
    return text % _counts(used.waiting, 0)


def _counts(count: int, most: int) -> dict[str, Any]:
    return {"count": format_number(count), "most": format_number(most)}
