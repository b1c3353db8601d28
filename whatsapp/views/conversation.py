"""One conversation: what was said on both sides, and the answer."""

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from accounts.decorators import requires
from stratum.lib.answers import done
from stratum.lib.errors import DomainError
from whatsapp import services
from whatsapp.choices import Direction
from whatsapp.clients.templates import shape
from whatsapp.forms import ReplyForm, TemplateForm
from whatsapp.models import WhatsAppContact, WhatsAppMessage, WhatsAppTemplate
from whatsapp.queries.contacts import name_of
from whatsapp.queries.conversations import (
    REACTION,
    REVOKE,
    Thread,
    answered_messages,
    reply_templates,
    thread,
    thread_version,
)
from whatsapp.services.replies import no_answer_words, window_is_open
from whatsapp.views.access import contact_or_404, number_shown
from whatsapp.views.conversations import window_tag
from whatsapp.views.sending import send_soon
from whatsapp.views.words import clock, error_words, media_of, opt_in_tag, preview, said, tick, why_not

QUOTE = 120


@dataclass(slots=True)
class Bubble:
    """One message as it is drawn."""

    id: int
    is_ours: bool
    text: str
    media_icon: str
    media: str
    time: str
    wamid: str
    who: str = ""
    tick: SafeString | str = ""
    error: str = ""
    quote: str = ""
    template: str = ""
    is_taken_back: bool = False
    reactions: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Day:
    """The messages of one day of the reader's zone."""

    label: str
    bubbles: list[Bubble]


@requires("edit_contacts")
def conversation_detail(request: HttpRequest, pk: int) -> HttpResponse:
    contact = contact_or_404(pk)
    template = _chosen(request.GET.get("template", ""))
    return _show(request, contact, template=template, context=request.GET.get("answer", ""))


@requires("edit_contacts")
def conversation_panel(request: HttpRequest, pk: int) -> HttpResponse:
    """The messages alone; nothing (204) while they look as they did in `version`."""
    contact = contact_or_404(pk)
    before = _whole(request.GET.get("before", ""))
    if before is None and request.GET.get("version", "") == thread_version(contact):
        return HttpResponse(status=204)
    context = {**_thread_context(contact, thread(contact, before)), "is_earlier": before is not None}
    return render(request, "whatsapp/_thread.html", context)


@requires("edit_contacts", methods=("POST",))
def conversation_read(request: HttpRequest, pk: int) -> HttpResponse:
    """What the page showed is read."""
    contact = contact_or_404(pk)
    upto = _whole(request.POST.get("upto", ""))
    if upto is not None:
        services.conversation_read(contact=contact, upto=upto)
    return HttpResponse(status=204)


@requires("edit_contacts", methods=("POST",))
def conversation_reply(request: HttpRequest, pk: int) -> HttpResponse:
    """Free text, while the window is open."""
    contact = contact_or_404(pk)
    form = ReplyForm(request.POST)
    if form.is_valid():
        data = form.cleaned_data
        try:
            services.reply_queue(
                contact=contact,
                text=data["text"],
                context_wamid=data["context"],
                token=data["token"],
                actor=request.actor,
            )
        except DomainError as error:
            form.add_error("text" if error.field == "text" else None, str(error))
        else:
            return _sent(request, contact)
    return _show(request, contact, reply_form=form, context=form.data.get("context", ""), status=422)


@requires("edit_contacts", methods=("POST",))
def conversation_template(request: HttpRequest, pk: int) -> HttpResponse:
    """An approved template with its values, at any time to people who have agreed."""
    contact = contact_or_404(pk)
    template = _chosen(request.POST.get("template", ""))
    form = TemplateForm(request.POST, template=template)
    if template is not None and form.is_valid():
        try:
            services.reply_template_queue(
                contact=contact,
                template=template,
                variables=form.values(),
                token=form.cleaned_data["token"],
                actor=request.actor,
            )
        except DomainError as error:
            place = f"value-{error.field}"
            form.add_error(place if place in form.fields else None, str(error))
        else:
            return _sent(request, contact)
    return _show(request, contact, template=template, template_form=form, status=422)


def _sent(request: HttpRequest, contact: WhatsAppContact) -> HttpResponse:
    send_soon(request)
    to = reverse("whatsapp:conversation_detail", args=[contact.pk])
    return done(request, _("Your answer is on its way."), to=to, stay=False)


def _chosen(text: str) -> WhatsAppTemplate | None:
    """The template that the form names; 404 for one of somebody else's, None for none."""
    pk = _whole(text)
    return get_object_or_404(WhatsAppTemplate, pk=pk) if pk is not None else None


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None


def _show(
    request: HttpRequest,
    contact: WhatsAppContact,
    *,
    template: WhatsAppTemplate | None = None,
    reply_form: ReplyForm | None = None,
    template_form: TemplateForm | None = None,
    context: str = "",
    status: int = 200,
) -> HttpResponse:
    now, token = timezone.now(), secrets.token_urlsafe(12)
    shown = _thread_context(contact, thread(contact))
    answered = next((one for day in shown["days"] for one in day.bubbles if context and one.wamid == context), None)
    values = {
        "name": name_of(contact),
        "number": number_shown(request, contact),
        "window": window_tag(contact, now),
        "opt_in": opt_in_tag(contact),
        "why_not": why_not(contact),
        "is_open": window_is_open(contact),
        "refusal": no_answer_words(contact),
        "reply_form": reply_form or ReplyForm(initial={"token": token, "context": answered.wamid if answered else ""}),
        "answered": answered,
        "template": template,
        "template_text": _template_text(template) if template else "",
        "templates": reply_templates(),
        "template_form": template_form or TemplateForm(template=template, initial={"token": token}),
        "crumbs": [
            (_("Messages"), reverse("whatsapp:contact_list")),
            (_("Conversations"), reverse("whatsapp:conversation_list")),
        ],
    }
    return render(request, "whatsapp/conversation_detail.html", {**shown, **values}, status=status)


def _template_text(template: WhatsAppTemplate) -> str:
    """The template with its placeholders, which the fields below it are named by."""
    found = shape(template.components)
    return "\n".join(part for part in (found.header, found.body, found.footer) if part)


# --- Drawing the messages ---------------------------------------------------------------------------------------


def _thread_context(contact: WhatsAppContact, found: Thread) -> dict[str, Any]:
    return {
        "contact": contact,
        "days": list(_days(found)),
        "version": found.version,
        "newest_id": found.newest_id,
        "earlier": found.messages[0].pk if found.has_earlier and found.messages else None,
    }


def _days(found: Thread) -> Iterator[Day]:
    now = timezone.now()
    answered = answered_messages(found.messages)
    bubbles = {one.wamid: one for one in (_bubble(row, answered, now) for row in found.messages) if one.wamid}
    day, label, of_day = None, "", []
    for row in found.messages:
        if row.message_type in (REACTION, REVOKE) and _apply(row, bubbles):
            continue
        local = timezone.localtime(row.created_at or now).date()
        if local != day:
            if of_day:
                yield Day(label, of_day)
            day, label, of_day = local, _day_label(local, timezone.localtime(now).date()), []
        of_day.append(bubbles.get(row.wamid or "") or _bubble(row, answered, now))
    if of_day:
        yield Day(label, of_day)


def _day_label(day: date, today: date) -> str:
    if day == today:
        return _("Today")
    return date_format(day, "l, j F Y")


def _apply(row: WhatsAppMessage, bubbles: Mapping[str, Bubble]) -> bool:
    """Put a reaction on its message, or mark what was taken back; False where that message is not on the page."""
    about = bubbles.get(row.context_wamid or "")
    if about is None:
        return False
    if row.message_type == REVOKE:
        about.is_taken_back = True
    else:
        # One person has one reaction; an empty one takes it back.
        about.reactions = [row.content] if row.content else []
    return True


def _bubble(row: WhatsAppMessage, answered: Mapping[str, WhatsAppMessage], now: datetime) -> Bubble:
    is_ours = row.direction == Direction.OUTBOUND
    icon, media = media_of(row)
    quoted = answered.get(row.context_wamid or "")
    return Bubble(
        id=row.pk,
        is_ours=is_ours,
        text=_text(row),
        media_icon=icon,
        media=media,
        time=clock(row.created_at),
        wamid=row.wamid or "",
        who=_who(row) if is_ours else "",
        tick=tick(row, now) if is_ours else "",
        error=error_words(row) if is_ours else "",
        quote=preview(quoted)[:QUOTE] if quoted is not None and row.message_type != REACTION else "",
        template=row.template_name or "" if is_ours else "",
    )


def _text(row: WhatsAppMessage) -> str:
    """Kinds that stand alone because what they are about is not on the page are said in words."""
    if row.message_type == REACTION:
        return _("Reacted with %(emoji)s") % {"emoji": row.content} if row.content else _("Took a reaction back")
    if row.message_type == REVOKE:
        return _("Took a message back")
    if row.message_type == "edit":
        return _("Changed a message to: %(text)s") % {"text": row.content or ""}
    return said(row)


def _who(row: WhatsAppMessage) -> str:
    """Whoever wrote it, or what made it."""
    return row.created_by.display_name if row.created_by else str(row.get_purpose_display())
