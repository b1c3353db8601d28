"""The delivery ledger: every message with what became of it, as a list and as a file."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.audit import record
from accounts.choices import AuditAction
from accounts.decorators import requires
from stratum.lib.spreadsheets import csv_line
from stratum.lib.tables import Cell, Column, Row, Table, TableState
from stratum.templatetags.ui import no_value
from tenants.context import iterate_bound
from whatsapp.choices import MessageState, Purpose
from whatsapp.models import WhatsAppMessage
from whatsapp.queries.contacts import contact_choices, name_of
from whatsapp.queries.messages import ANY_ERROR, MessageFilter, message_rows, number_choices, used_templates
from whatsapp.views.access import number_shown, wamid_shown
from whatsapp.views.words import error_words, kind_of, moment, state_sub, state_tag

COLUMNS = (
    Column("created", gettext_lazy("When"), kind="main", sortable=True, required=True),
    Column("contact", gettext_lazy("Contact")),
    Column("kind", gettext_lazy("Message")),
    Column("state", gettext_lazy("State"), kind="status"),
    Column("delivered", gettext_lazy("Arrived"), sortable=True),
    Column("number", gettext_lazy("Number")),
    Column("tries", gettext_lazy("Tries again"), kind="number", sortable=True, shown=False),
)
_ORDER = {"created": "created_at", "delivered": "delivered_at", "tries": "retry_count"}
FILTERS = ("state", "purpose", "contact", "number", "template", "error", "from", "to")
ROWS_AT_ONCE = 500
CSV_HEAD = (
    "id", "created_at", "direction", "purpose", "contact_id", "contact", "number_of_contact", "sending_number", "type",
    "template", "state", "sent_at", "delivered_at", "read_at", "retries", "error_code", "error", "wamid",
)  # fmt: skip


def filter_of(request: HttpRequest) -> MessageFilter:
    """What the URL asks for; what it says wrongly is left out. Days are whole days of the reader's zone."""
    query = request.GET
    state, purpose = query.get("state", ""), query.get("purpose", "")
    first, last = _day(query.get("from", "")), _day(query.get("to", ""))
    return MessageFilter(
        state=state if state in MessageState.values else "",
        purpose=purpose if purpose in Purpose.values else "",
        contact=_whole(query.get("contact", "")),
        number=_whole(query.get("number", "")),
        template=query.get("template", "")[:512],
        error=query.get("error", "")[:20],
        start=_midnight(first) if first else None,
        end=_midnight(last + timedelta(days=1)) if last else None,
    )


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def _day(text: str) -> date | None:
    try:
        found = parse_date(text)
    except ValueError:
        return None
    return found if found and 2000 <= found.year < 2100 else None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=timezone.get_current_timezone())


@requires("view")
def message_list(request: HttpRequest) -> HttpResponse:
    """Page and fragment are one view. What was said stands nowhere in it."""
    path, now, where = reverse("whatsapp:message_list"), timezone.now(), filter_of(request)
    state = TableState.from_query(request.GET, COLUMNS, default_sort="-created")
    page = state.paginate(message_rows(where, now).order_by(*state.order_by(_ORDER), "-pk"))
    table = Table(
        "message-table",
        _("Delivery ledger"),
        state,
        [_row(one, state, now) for one in page.rows],
        path=path,
        page=page,
        as_cards=True,
        empty=_empty(where, path),
    )
    if request.htmx:
        return render(request, "components/data_table.html", {"table": table})
    context = {
        "table": table,
        "selects": _selects(where),
        "kept": state.kept(*FILTERS),
        "date_from": request.GET.get("from", ""),
        "date_to": request.GET.get("to", ""),
        "export_url": f"{reverse('whatsapp:message_export')}?{request.GET.urlencode()}",
        "can_export": request.user.can("export"),
    }
    return render(request, "whatsapp/message_list.html", context)


def _selects(where: MessageFilter) -> list[tuple[str, str, list[tuple[str, Any]], str]]:
    errors = [(ANY_ERROR, _("With an error"))]
    if where.error and where.error != ANY_ERROR:
        errors.append((where.error, _("Error %(code)s") % {"code": where.error}))
    contacts = [(str(pk), name) for pk, name in contact_choices()]
    numbers = [(str(pk), name) for pk, name in number_choices()]
    templates = [(name, name) for name in used_templates()]
    return [
        ("state", _("Any state"), list(MessageState.choices), where.state),
        ("purpose", _("Any purpose"), list(Purpose.choices), where.purpose),
        ("contact", _("Any contact"), contacts, str(where.contact or "")),
        ("number", _("Any number"), numbers, str(where.number or "")),
        ("template", _("Any template"), templates, where.template),
        ("error", _("With or without error"), errors, where.error),
    ]


def _empty(where: MessageFilter, path: str) -> dict[str, Any]:
    if where.narrows:
        return {
            "icon": "search-x",
            "title": _("No message matches"),
            "text": _("Fewer filters find more."),
            "actions": [(_("Show all messages"), path, True)],
        }
    return {
        "icon": "send",
        "title": _("No message yet"),
        "text": _(
            "Every message that Stratum sends or gets by WhatsApp stands here, with when it was sent, when it arrived "
            "and was read, and why it was not."
        ),
        "actions": [(_("Go to the contacts"), reverse("whatsapp:contact_list"), False)],
    }


def _row(message: Any, state: TableState, now: datetime) -> Row:
    contact, when = message.contact, moment(message.created_at)
    name = name_of(contact) or _("Removed contact")
    cells = {
        "created": Cell(when, href=reverse("whatsapp:message_detail", args=[message.pk]), css="nowrap"),
        "contact": Cell(
            name, href="" if contact.is_removed else reverse("whatsapp:contact_detail", args=[contact.pk]), css="nowrap"
        ),
        "kind": Cell(kind_of(message), sub=message.template_name or ""),
        "state": Cell(state_tag(message.state), sub=state_sub(message, now), css="cell-text"),
        "delivered": Cell(
            moment(message.delivered_at) or no_value(_("Nobody has said that it arrived.")), css="nowrap"
        ),
        "number": Cell(message.number.name if message.number else no_value(_("It has not been sent.")), css="nowrap"),
        "tries": Cell(message.retry_count or 0),
    }
    return Row(str(message.pk), [cells[column.key] for column in state.visible], name=f"{when}, {name}")


# --- CSV --------------------------------------------------------------------------------------------------------


@requires("export")
def message_export(request: HttpRequest) -> HttpResponse:
    """What the filters show as CSV, streamed; times in UTC, without what was said. Leaves an entry in the trail."""
    where = filter_of(request)
    record(
        actor=request.actor,
        action=AuditAction.EXPORT,
        resource=WhatsAppMessage._meta.db_table,
        new={"format": "csv", "query": {key: request.GET[key] for key in FILTERS if request.GET.get(key)}},
    )
    lines = iterate_bound(lambda: _csv_lines(request, where))
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="stratum-messages-{timezone.localdate():%Y%m%d}.csv"'
    return response


def _csv_lines(request: HttpRequest, where: MessageFilter) -> Iterator[str]:
    # The mark tells spreadsheets that this is UTF-8.
    yield "\ufeff" + csv_line(CSV_HEAD)
    with transaction.atomic():
        rows = message_rows(where, timezone.now()).order_by("-created_at", "-pk")
        for message in rows.iterator(chunk_size=ROWS_AT_ONCE):
            yield csv_line(_csv_values(request, message))


def _csv_values(request: HttpRequest, message: Any) -> tuple[Any, ...]:
    contact = message.contact
    number = "" if contact.is_removed else number_shown(request, contact)
    return (
        message.pk, _iso(message.created_at), message.direction, message.purpose, contact.pk, name_of(contact), number,
        message.number.name if message.number else "", message.message_type, message.template_name or "",
        message.state, _iso(message.sent_at), _iso(message.delivered_at), _iso(message.read_at),
        message.retry_count or 0, message.error_code or "", error_words(message), wamid_shown(request, message),
    )  # fmt: skip


def _iso(when: datetime | None) -> str:
    return when.isoformat(timespec="seconds") if when else ""
