"""How I am told: each person's own page; a test of it; and muting one rule."""

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.choices import EmailKind, SuppressionWay
from accounts.decorators import requires
from accounts.queries import suppressed_kinds
from rules import services, tasks
from rules.choices import Channel
from rules.forms import NotificationForm
from rules.forms.notifications import SEVERITIES
from rules.models import Rule
from rules.queries.deliveries import REASONS
from rules.queries.slack import target_choices
from rules.queries.telling import contacts_of, preferences_of
from rules.views.answers import done
from rules.views.notification_words import channel_words, choice_sentences
from rules.views.pages import show
from stratum.lib.errors import DomainError
from stratum.lib.phones import readable
from stratum.lib.rate_limits import RateLimit
from whatsapp.models import WhatsAppContact
from whatsapp.queries import OBSTACLES, obstacle
from whatsapp.services.preparing import quiet_hours_of

TESTS = RateLimit("notification-test", limit=5, seconds=600)


@requires("edit_profile", methods=("GET", "POST"))
def notification_settings(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return _page(request, _form(request))
    form = _form(request, request.POST)
    if form.is_valid():
        try:
            services.notification_preferences_save(user=request.user, chosen=form.chosen(), actor=request.actor)
        except DomainError as error:
            form.add_error(error.field if error.field in form.fields else None, str(error))
        else:
            here = reverse("rules:notification_settings")
            return done(request, _("Saved. This is how you are told from now on."), to=here, stay=False)
    return _page(request, form, status=422)


@requires("edit_profile")
def notification_preview_panel(request: HttpRequest) -> HttpResponse:
    """What the choice on the page would mean; it is not saved."""
    return render(request, "rules/_notification_preview.html", _preview(request, _form(request, request.GET)))


@requires("edit_profile", methods=("POST",))
def notification_test(request: HttpRequest) -> HttpResponse:
    here = reverse("rules:notification_settings")
    if not TESTS.hit(f"{request.tenant.pk}:{request.user.pk}"):
        return done(request, _("That was a lot of tests. Wait ten minutes."), to=here, level="warning")
    try:
        handed = services.notifications_try(user=request.user, actor=request.actor)
    except DomainError as error:
        return done(request, str(error), to=here, level="warning")
    tasks.send_what_was_queued(request.tenant.pk)
    sent = [channel for channel, one in handed.items() if one.message_id is not None]
    refused = [
        _("Nothing by %(channel)s: %(reason)s.")
        % {"channel": channel_words([channel]), "reason": REASONS.get(one.reason, one.reason)}
        for channel, one in handed.items()
        if one.message_id is None
    ]
    words = [_("A test is on its way by %(channels)s.") % {"channels": channel_words(sent)}] if sent else []
    return done(request, " ".join([*words, *refused]), to=here, level="warning" if refused else "success")


@requires("view", methods=("POST",))
def rule_mute(request: HttpRequest, pk: int) -> HttpResponse:
    """This person is told of the rule's alerts no more; with `again` they are."""
    rule = get_object_or_404(Rule, pk=pk)
    muted = request.GET.get("again") != "1"
    try:
        services.rule_mute(user=request.user, rule=rule, muted=muted, actor=request.actor)
    except DomainError as error:
        return done(request, str(error), to=reverse("rules:alert_list"), level="warning")
    text = (
        _("You are told of “%(rule)s” no more. Its alerts stay on the list.")
        if muted
        else _("You are told of “%(rule)s” again.")
    )
    undo_url = f"{request.path}?again=1" if muted else request.path
    return done(request, text % {"rule": rule.name}, to=reverse("rules:alert_list"), undo_url=undo_url)


def _form(request: HttpRequest, data: Any = None) -> NotificationForm:
    chosen = preferences_of(request.user)
    muted = Rule.objects.with_deleted().filter(pk__in=chosen.muted_rules).order_by("name", "pk")
    contacts = contacts_of(request.user.pk)
    return NotificationForm(
        data,
        initial=NotificationForm.initial_of(chosen),
        targets=target_choices(),
        contacts=[(one.pk, readable(one.phone_number)) for one in contacts],
        muted=list(muted.values_list("pk", "name")),
    )


def _page(request: HttpRequest, form: NotificationForm, *, status: int = 200) -> HttpResponse:
    context = {
        "form": form,
        "matrix": [_matrix_row(form, severity) for severity in SEVERITIES],
        "channels": Channel.labels,
        "has_slack": len(form.fields["slack_target"].choices) > 1,
        "notes": [note for note in (_email_note(request), _contact_note(request)) if note],
        "crumbs": [(_("Profile"), reverse("accounts:profile"))],
        **_preview(request, form),
    }
    return show(request, "rules/notification_settings.html", context, status=status)


def _matrix_row(form: NotificationForm, severity: Any) -> tuple[str, str, list[tuple[str, str, bool]]]:
    """(severity, its word, [(channel, how its box is read out, checked)])."""
    checked, words = form[severity.value].value() or [], _("%(severity)s by %(channel)s")
    boxes = [
        (one.value, words % {"severity": severity.label, "channel": one.label}, one.value in checked) for one in Channel
    ]
    return severity.value, str(severity.label), boxes


def _email_note(request: HttpRequest) -> str:
    """Why e-mail does not reach this person; empty where it does."""
    found = {row.kind or "all": row.way for row in suppressed_kinds(request.user.email_hash)}
    if SuppressionWay.BOUNCE in found.values():
        return _("E-mail does not reach you: a message came back, as if there were no such mailbox.")
    if found.keys() & {"all", EmailKind.ALERT.value, EmailKind.DIGEST.value}:
        return _("Your address has unsubscribed, so not all e-mail about alerts reaches you. See your profile.")
    return ""


def _contact_note(request: HttpRequest) -> str:
    """Why WhatsApp does not reach this person at present; empty where it does."""
    contacts = contacts_of(request.user.pk)
    if not contacts:
        return _("None of the workspace’s WhatsApp contacts is yours. Whoever keeps the contacts can add you.")
    found = [code for one in contacts if (code := obstacle(one))]
    if len(found) < len(contacts):
        return _quiet_note(request, contacts)
    return _("WhatsApp cannot reach you at present: %(reason)s.") % {"reason": OBSTACLES[found[0]]}


def _quiet_note(request: HttpRequest, contacts: Iterable[WhatsAppContact]) -> str:
    """That a number has quiet hours of its own, other than the person's; empty where none has."""
    own = preferences_of(request.user).quiet
    for one in contacts:
        hours, zone = quiet_hours_of(one.quiet_hours), one.timezone or "UTC"
        if hours is None or (hours == own and zone == request.user.timezone):
            continue
        text = _(
            "Your WhatsApp number has quiet hours of its own, %(start)s–%(end)s (%(zone)s): only critical alerts that "
            "may disturb you go out then."
        )
        return text % {"start": f"{hours.start:%H:%M}", "end": f"{hours.end:%H:%M}", "zone": zone}
    return ""


def _preview(request: HttpRequest, form: NotificationForm) -> dict[str, Any]:
    if form.is_bound and not form.is_valid():
        return {"sentences": [], "problem": _("Something on this page is not complete yet.")}
    chosen = form.chosen() if form.is_bound else preferences_of(request.user)
    return {"sentences": choice_sentences(chosen, zone=request.user.timezone, now=timezone.now()), "problem": ""}
