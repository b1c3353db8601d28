"""Stratum added to a Slack workspace: to Slack's consent page and back, what became of it, and the end."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext as _

from accounts.decorators import requires
from rules import services, tasks
from rules.choices import SlackStatus
from rules.clients.slack import is_sandbox
from rules.clients.slack_oauth import is_simulated, missing_settings
from rules.models import SlackInstall
from rules.queries.slack import installs
from rules.services.slack_installs import DONE, FAILED
from rules.views.answers import done
from stratum.lib.consent import attempt_keep, attempt_take, is_public_host, to_consent
from stratum.lib.errors import DomainError
from stratum.templatetags.ui import simulated_mark, status_tag

# Tells htmx to stop polling.
STOP_POLLING = 286
PLATFORM = "slack"


@requires("manage_settings", methods=("POST",))
def slack_install_start(request: HttpRequest) -> HttpResponse:
    """Send the person to Slack's consent page, for a first time or again."""
    page = reverse("rules:slack_target_list")
    try:
        if not is_public_host(request):
            text = _("Stratum is added to Slack at %(address)s: Slack sends you back there.")
            raise DomainError(text % {"address": settings.PUBLIC_URL}, code="other_host")
        consent = services.slack_install_ask()
    except DomainError as error:
        return done(request, str(error), to=page, level="error")
    attempt_keep(request, consent, PLATFORM)
    return to_consent(request, consent, label="Slack", back_url=page)


@requires("manage_settings")
def slack_install_callback(request: HttpRequest) -> HttpResponse:
    """Where Slack sends people back to, with a code or with the reason why there is none."""
    try:
        attempt = attempt_take(request, PLATFORM)
    except DomainError as error:
        return _refused(request, str(error), status=400)
    code = request.GET.get("code", "")
    if not code:
        return _refused(request, _denial_words(request.GET.get("error", "")))
    asked = services.slack_install_request(code=code, redirect_uri=attempt.redirect_uri, user=request.user)
    tasks.install_slack.delay_on_commit(tenant_id=request.tenant.pk, attempt_id=asked.id)
    return redirect("rules:slack_installing", asked.id)


@requires("manage_settings")
def slack_installing(request: HttpRequest, attempt_id: str) -> HttpResponse:
    """Asked for every second while a worker exchanges the code; then what became of it."""
    attempt = services.slack_install_read(attempt_id, request.user)
    page = reverse("rules:slack_target_list")
    if attempt is None:
        return done(request, _("This attempt is over. Begin again."), to=page, level="warning", stay=False)
    if attempt.state == DONE:
        return done(request, attempt.words, to=page, stay=False)
    if attempt.state == FAILED:
        if request.htmx:
            return HttpResponse(status=STOP_POLLING, headers={"HX-Refresh": "true"})
        return _refused(request, attempt.words)
    template = "rules/_slack_installing.html" if request.htmx else "rules/slack_installing.html"
    return render(request, template, {"attempt": attempt})


@requires("manage_settings", methods=("POST",))
def slack_install_remove(request: HttpRequest, pk: int) -> HttpResponse:
    install = get_object_or_404(SlackInstall, pk=pk)
    services.slack_install_remove(install=install, actor=request.actor)
    text = _("Stratum’s access to %(team)s was destroyed, and its channels were removed.") % {"team": install.team_name}
    return done(request, text, to=reverse("rules:slack_target_list"))


def _denial_words(error: str) -> str:
    if error == "access_denied":
        return _("Stratum was not allowed in Slack.")
    return _("Slack did not let Stratum in. Begin again; if it happens again, ask whoever operates this installation.")


def _refused(request: HttpRequest, text: str, *, status: int = 200) -> HttpResponse:
    page = reverse("rules:slack_target_list")
    context = {
        "label": "Slack",
        "text": text,
        "kept": _("Nothing was stored, and your channels are as they were."),
        "again_url": reverse("rules:slack_install_start"),
        "back_url": page,
        "back_label": _("Back to Slack"),
        "crumbs": [("Slack", page)],
    }
    return render(request, "consent_refused.html", context, status=status)


def install_context(request: HttpRequest) -> dict[str, Any]:
    """The area of the Slack page that adds Stratum to Slack, and what it was added to."""
    is_registered = not missing_settings()
    elsewhere = settings.PUBLIC_URL + reverse("rules:slack_target_list")
    found = list(installs())
    return {
        "installs": [_line(one) for one in found],
        "wants_adding": not any(one.status == SlackStatus.OK for one in found),
        "is_registered": is_registered,
        "is_simulated": is_registered and is_simulated(),
        "redirect_uri": services.slack_redirect_uri(),
        "install_at": "" if is_public_host(request) else elsewhere,
    }


def _line(install: SlackInstall) -> dict[str, Any]:
    name: Any = install.team_name
    if is_sandbox(install.access_token):
        name = format_html("{} {}", name, simulated_mark(in_list=True))
    look = "failed" if install.status == SlackStatus.BROKEN else "warning" if install.last_error else "ok"
    return {
        "install": install,
        "name": name,
        "tag": status_tag(look, install.get_status_display()),
        "text": install.last_error or _installed_words(install),
    }


def _installed_words(install: SlackInstall) -> str:
    on = date_format(timezone.localtime(install.created_at), "j M Y")
    if install.installed_by is None:
        return _("Installed on %(on)s.") % {"on": on}
    return _("Installed on %(on)s by %(name)s.") % {"on": on, "name": install.installed_by}
