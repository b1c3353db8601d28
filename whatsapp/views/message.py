"""One message of the ledger: what became of it, step by step."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from accounts.decorators import requires
from stratum.lib.answers import done
from stratum.lib.errors import DomainError
from whatsapp import services
from whatsapp.choices import Direction, MessageStatus
from whatsapp.clients.errors import words
from whatsapp.models import WhatsAppMessage
from whatsapp.queries.contacts import name_of
from whatsapp.queries.messages import state_of
from whatsapp.services.messages import may_cancel, why_no_retry
from whatsapp.views.access import may_manage, number_shown, wamid_shown
from whatsapp.views.sending import send_soon
from whatsapp.views.words import error_words, kind_of, media_of, said, state_sub, state_tag


def _message(pk: int) -> WhatsAppMessage:
    return get_object_or_404(
        WhatsAppMessage.objects.select_related("contact__user", "number", "template", "created_by"), pk=pk
    )


@requires("view")
def message_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """What was said is shown to those who edit contacts, like in conversations."""
    message, now = _message(pk), timezone.now()
    state = state_of(message, now)
    is_outbound = message.direction == Direction.OUTBOUND
    failed = is_outbound and message.status == MessageStatus.FAILED
    can_edit = request.user.can("edit_contacts")
    context = {
        "message": message,
        "kind": kind_of(message),
        "tag": state_tag(state),
        "sub": state_sub(message, now),
        "facts": _facts(request, message),
        "events": _events(message),
        "can_read": can_edit,
        "media": media_of(message),
        "said": said(message) if can_edit else "",
        "may_cancel": can_edit and is_outbound and may_cancel(message),
        "why_no_retry": why_no_retry(message) if failed or message.maybe_sent_at else "",
        "may_retry": can_edit and failed and not why_no_retry(message),
        "crumbs": [
            (_("Messages"), reverse("whatsapp:contact_list")),
            (_("Delivery ledger"), reverse("whatsapp:message_list")),
        ],
    }
    return render(request, "whatsapp/message_detail.html", context)


@requires("edit_contacts", methods=("POST",))
def message_retry(request: HttpRequest, pk: int) -> HttpResponse:
    message = _message(pk)
    try:
        again = services.message_retry(message=message, actor=request.actor)
    except DomainError as error:
        to = reverse("whatsapp:message_detail", args=[pk])
        return done(request, str(error), to=to, level="warning", stay=False)
    send_soon(request)
    to = reverse("whatsapp:message_detail", args=[again.pk])
    return done(request, _("The message is on its way again."), to=to, stay=False)


@requires("edit_contacts", methods=("POST",))
def message_cancel(request: HttpRequest, pk: int) -> HttpResponse:
    message, to = _message(pk), reverse("whatsapp:message_detail", args=[pk])
    try:
        services.message_cancel(message=message, actor=request.actor)
    except DomainError as error:
        return done(request, str(error), to=to, level="warning", stay=False)
    return done(request, _("The message was called off. It can be sent after all."), to=to, stay=False)


def _facts(request: HttpRequest, message: WhatsAppMessage) -> list[tuple[str, Any]]:
    contact = message.contact
    person = _("Removed contact") if contact.is_removed else f"{name_of(contact)}, {number_shown(request, contact)}"
    facts = [
        (_("Contact"), person),
        (_("Number"), message.number.name if message.number else "–"),
        (_("Kind"), message.message_type),
    ]
    if message.template_name:
        facts.append((_("Template"), message.template_name))
    if message.created_by:
        facts.append((_("By"), message.created_by.display_name))
    if message.error_code:
        facts.append((_("Code"), message.error_code))
    if may_manage(request, contact):
        facts.append((_("WhatsApp’s id"), wamid_shown(request, message) or "–"))
    return facts


@dataclass(frozen=True, slots=True)
class Event:
    """A step of a message."""

    at: datetime
    icon: str
    level: str
    title: str
    text: str = ""


def _events(message: WhatsAppMessage) -> list[Event]:
    """From the queue to the last word of WhatsApp's, the oldest first."""
    if message.direction == Direction.INBOUND:
        steps = [
            (message.created_at, "inbox", "info", _("Written"), ""),
            (message.handled_at, "check", "info", _("Read by Stratum"), ""),
        ]
    else:
        steps = [
            (message.created_at, "clock", "info", _("Queued"), ""),
            (message.accepted_at, "send", "info", _("Accepted by WhatsApp"), ""),
            (
                message.maybe_sent_at,
                "circle-question-mark",
                "warn",
                _("No answer came"),
                _("It may have arrived, so it is never sent again. A status may still tell."),
            ),
        ]
        steps += [_told(entry) for entry in message.status_history or [] if isinstance(entry, dict)]
    events = [Event(at, icon, level, title, text) for at, icon, level, title, text in steps if at is not None]
    events.sort(key=lambda one: one.at)
    if message.status == MessageStatus.FAILED and not any(one.level == "bad" for one in events):
        # It failed before WhatsApp took it: no moment is kept of that.
        last = events[-1].at if events else timezone.now()
        events.append(Event(last, "circle-x", "bad", _("Not sent"), error_words(message)))
    return events


def _told(entry: dict[str, Any]) -> tuple[datetime | None, str, str, str, str]:
    """One status of WhatsApp's. Words of tomorrow are shown as they came."""
    status, code = str(entry.get("status", "")), str(entry.get("code", ""))
    at = _moment_of(entry.get("at"))
    looks = {
        "sent": ("check", "info", _("Sent")),
        "delivered": ("check-check", "good", _("Delivered")),
        "read": ("check-check", "good", _("Read")),
        "played": ("check-check", "good", _("Played")),
        "failed": ("circle-x", "bad", _("Failed")),
    }
    icon, level, title = looks.get(status, ("info", "info", status))
    return at, icon, level, title, words(code) if code else ""


def _moment_of(value: object) -> datetime | None:
    try:
        at = parse_datetime(str(value))
    except ValueError:
        return None
    return None if at is None or timezone.is_naive(at) else at
