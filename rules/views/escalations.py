"""Whom the workspace tells when nobody answers an alert: for admins."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.decorators import requires
from accounts.queries import team
from rules import services
from rules.choices import Severity
from rules.conditions.escalations import ESCALATED
from rules.forms import EscalationForm
from rules.models import Escalation
from rules.views.answers import done
from rules.views.pages import show
from stratum.lib.errors import DomainError


@requires("manage_settings", methods=("GET", "POST"))
def alert_escalations(request: HttpRequest) -> HttpResponse:
    """Each severity is a form of its own; a POST names the one that it saves."""
    saved = request.POST.get("severity", "")
    forms = _forms(request.POST if request.method == "POST" else None, saved)
    form = forms.get(saved)
    if request.method != "POST" or form is None:
        return _page(request, forms)
    if not form.is_valid() or not (found := _save(request, saved, form)):
        return _page(request, forms, status=422)
    level = "success" if found == "saved" else "info"
    text = _("Saved. It holds for alerts that wait from now on.") if found == "saved" else _("Nothing was different.")
    return done(request, text, to=reverse("rules:alert_escalations"), level=level, stay=False)


def _save(request: HttpRequest, severity: str, form: EscalationForm) -> str:
    """'saved', 'same', or nothing where it was refused and the form says why."""
    lines = form.steps()
    steps = [step for _line, step in lines]
    try:
        changed = services.escalation_save(
            severity=severity, is_on=form.cleaned_data["is_on"], steps=steps, actor=request.actor
        )
    except DomainError as error:
        form.add_error(_place(error.field or "", [line for line, _step in lines]), str(error))
        return ""
    return "saved" if changed else "same"


def _place(field: str, lines: list[int]) -> str | None:
    """The line of the form that a step of the service stands on."""
    number = field.removeprefix("step-")
    if not number.isdecimal():
        return None
    step = int(number)
    return f"minutes_{lines[step] if step < len(lines) else 0}"


def _forms(data: Any, saved: str) -> dict[str, EscalationForm]:
    people = [(one.pk, one.display_name) for one in team(with_inactive=False, with_contact=False).people]
    stored = {row.severity: row for row in Escalation.objects.all()}
    return {
        severity: EscalationForm(
            data if severity == saved else None,
            prefix=severity,
            people=people,
            initial=_initial(stored.get(severity)),
        )
        for severity in ESCALATED
    }


def _initial(row: Escalation | None) -> dict[str, Any]:
    if row is None:
        return EscalationForm.initial_of(is_on=False, steps=[])
    return EscalationForm.initial_of(is_on=row.is_on, steps=row.steps)


def _page(request: HttpRequest, forms: dict[str, EscalationForm], *, status: int = 200) -> HttpResponse:
    titles = {Severity.CRITICAL.value: _("Critical alerts"), Severity.WARNING.value: _("Warnings")}
    context = {
        "escalations": [(severity, titles[severity], form) for severity, form in forms.items()],
        "crumbs": [(_("Alerts"), reverse("rules:alert_list"))],
    }
    return show(request, "rules/alert_escalations.html", context, status=status)
