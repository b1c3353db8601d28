"""Who has written: contacts by their newest message, and people who are no contacts yet."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.decorators import requires
from stratum.lib.phones import readable
from stratum.lib.tables import Cell, Column, Row, Table, TableState
from stratum.templatetags.ui import status_tag
from whatsapp.models import WhatsAppContact, WhatsAppMessage
from whatsapp.queries.contacts import name_of
from whatsapp.queries.conversations import (
    UnknownSender,
    conversation_rows,
    newest_messages,
    unknown_count,
    unknown_senders,
)
from whatsapp.services.preparing import window_closes_at
from whatsapp.views.words import clock, moment, preview

COLUMNS = (
    Column("name", gettext_lazy("Contact"), kind="main", required=True),
    Column("last", gettext_lazy("Last message")),
    Column("unread", gettext_lazy("Unread"), kind="number"),
    Column("window", gettext_lazy("Free text"), kind="status"),
    Column("wrote", gettext_lazy("Wrote last")),
)
SENDER_COLUMNS = (
    Column("name", gettext_lazy("Name in WhatsApp"), kind="main", required=True),
    Column("text", gettext_lazy("Newest message")),
    Column("count", gettext_lazy("Messages"), kind="number"),
    Column("number", gettext_lazy("Wrote to")),
    Column("at", gettext_lazy("When")),
    Column("actions", gettext_lazy("Actions"), kind="actions", required=True),
)


@requires("view")
def conversation_list(request: HttpRequest) -> HttpResponse:
    """Page and fragment are one view. What people wrote is shown to those who edit contacts; others see counts."""
    path, now = reverse("whatsapp:conversation_list"), timezone.now()
    state = TableState.from_query(request.GET, COLUMNS, default_sort="name", default_size=25)
    page = state.paginate(conversation_rows())
    can_read = request.user.can("edit_contacts")
    newest = newest_messages(page.rows) if can_read else {}
    table = Table(
        "conversation-table",
        _("Conversations"),
        state,
        [_row(one, newest.get(one.pk), state, now, can_read=can_read) for one in page.rows],
        path=path,
        page=page,
        as_cards=True,
        empty={
            "icon": "message-square-text",
            "title": _("Nobody has written yet"),
            "text": _("What contacts write to your WhatsApp number, and what you answer, stands here."),
            "actions": [(_("Go to the contacts"), reverse("whatsapp:contact_list"), False)],
        },
    )
    if request.htmx:
        return render(request, "components/data_table.html", {"table": table})
    return render(request, "whatsapp/conversation_list.html", {"table": table, **_tabs("known"), "can_read": can_read})


def _tabs(current: str) -> dict[str, Any]:
    return {
        "inner_tabs": [
            (_("Contacts"), reverse("whatsapp:conversation_list"), current == "known", None),
            (_("Unknown senders"), reverse("whatsapp:sender_list"), current == "unknown", unknown_count()),
        ]
    }


def window_tag(contact: WhatsAppContact, now: datetime) -> Any:
    """'open until 14:32' or 'closed: template only'."""
    closes = window_closes_at(contact)
    if closes is None or closes <= now:
        return status_tag("disabled", _("closed: template only"))
    same_day = timezone.localtime(closes).date() == timezone.localtime(now).date()
    return status_tag("ok", _("open until %(when)s") % {"when": clock(closes) if same_day else moment(closes)})


def _row(contact: Any, newest: WhatsAppMessage | None, state: TableState, now: datetime, *, can_read: bool) -> Row:
    name = name_of(contact)
    href = reverse("whatsapp:conversation_detail", args=[contact.pk]) if can_read else ""
    unread = contact.unread
    words = ngettext("%(count)s message nobody has read", "%(count)s messages nobody has read", unread)
    mark = format_html('<span class="count count-accent" title="{}">{}</span>', words % {"count": unread}, unread)
    cells = {
        "name": Cell(name, href=href),
        "last": Cell(preview(newest) if can_read else _("hidden"), css="cell-text"),
        "unread": Cell(mark if unread else "0"),
        "window": Cell(window_tag(contact, now)),
        "wrote": Cell(moment(contact.last_inbound_at), css="nowrap"),
    }
    css = "is-unread" if unread else ""
    return Row(str(contact.pk), [cells[column.key] for column in state.visible], name=name, css=css)


@requires("edit_contacts")
def sender_list(request: HttpRequest) -> HttpResponse:
    """People who wrote and are no contacts: nothing is lost when one is made of them."""
    path = reverse("whatsapp:sender_list")
    state = TableState.from_query(request.GET, SENDER_COLUMNS, default_sort="name", default_size=25)
    senders = unknown_senders()
    page = state.paginate(senders, total=len(senders))
    table = Table(
        "sender-table",
        _("Unknown senders"),
        state,
        [_sender_row(one, state) for one in page.rows],
        path=path,
        page=page,
        as_cards=True,
        empty={
            "icon": "inbox",
            "title": _("Nobody unknown has written"),
            "text": _("Messages of people who are no contacts are kept here until you make a contact of them."),
        },
    )
    if request.htmx:
        return render(request, "components/data_table.html", {"table": table})
    return render(request, "whatsapp/conversation_list.html", {"table": table, **_tabs("unknown"), "can_read": True})


def _sender_row(sender: UnknownSender, state: TableState) -> Row:
    name = sender.name or _("Without a name")
    make = format_html(
        '<a class="btn btn-sm" href="{}?sender={}">{}<span class="visually-hidden"> {}</span></a>',
        reverse("whatsapp:contact_create"),
        sender.id,
        _("Make a contact"),
        name,
    )
    hidden = _("hides the number")
    cells = {
        "name": Cell(name, sub=readable(sender.number) if sender.number else hidden),
        "text": Cell(sender.text, css="cell-text"),
        "count": Cell(sender.count),
        "number": Cell(sender.number_name),
        "at": Cell(moment(sender.at), css="nowrap"),
        "actions": Cell(make if sender.number else ""),
    }
    return Row(str(sender.id), [cells[column.key] for column in state.visible], name=name)
