"""What keeps automatic changes safe, by a button: freeze, approve or dismiss, take back."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.decorators import requires
from campaigns.tasks import send_changes
from rules import services, tasks
from rules.models import Rule, RuleExecution
from rules.views.answers import done
from rules.views.rules import summary
from stratum.lib.errors import DomainError


@requires("edit_rules", methods=("POST",))
def automation_freeze(request: HttpRequest) -> HttpResponse:
    services.automation_freeze(actor=request.actor)
    text = _("All automatic changes are frozen. Alerts and labels go on; an admin can unfreeze.")
    return done(request, text, to=reverse("rules:rule_list"))


@requires("manage_settings", methods=("POST",))
def automation_unfreeze(request: HttpRequest) -> HttpResponse:
    services.automation_unfreeze(actor=request.actor)
    return done(request, _("Rules may change campaigns again, from their next run."), to=reverse("rules:rule_list"))


@requires("edit_rules", methods=("POST",))
def rule_approve(request: HttpRequest, pk: int) -> HttpResponse:
    rule = get_object_or_404(Rule, pk=pk)
    page = reverse("rules:rule_detail", args=[rule.pk])
    try:
        counts = tasks.approve_rule(tenant_id=request.tenant.pk, rule=rule, actor=request.actor)
    except DomainError as error:
        return done(request, str(error), to=page, level="warning")
    if counts is None:
        text = _("The rules are being evaluated at this moment. Approve again in a few seconds.")
        return done(request, text, to=page, level="info")
    text = _("Approved, and looked at again. %(summary)s") % {"summary": summary(counts)}
    return done(request, text, to=page, level="warning" if counts.get("failed") else "success")


@requires("edit_rules", methods=("POST",))
def rule_dismiss(request: HttpRequest, pk: int) -> HttpResponse:
    rule = get_object_or_404(Rule, pk=pk)
    page = reverse("rules:rule_detail", args=[rule.pk])
    try:
        services.rule_dismiss(rule=rule, actor=request.actor)
    except DomainError as error:
        return done(request, str(error), to=page, level="warning")
    return done(request, _("Dismissed. It does not ask again for 24 hours."), to=page)


@requires("edit_rules", methods=("POST",))
def execution_undo(request: HttpRequest, pk: int) -> HttpResponse:
    execution = get_object_or_404(RuleExecution, pk=pk)
    page = reverse("rules:rule_detail", args=[execution.rule_id])
    try:
        undo = services.execution_undo(execution=execution, actor=request.actor)
    except DomainError as error:
        return done(request, str(error), to=page, level="warning")
    if not undo.to_send:
        return done(request, _("Taken back before it was sent.") if undo.steps else _("Taken back."), to=page)
    send_changes(request.tenant.pk, undo.to_send)
    return done(request, _("It is being taken back on the platform."), to=page)
