"""The list of contacts, one's own number, and new ones."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.decorators import requires
from accounts.queries import team
from stratum.lib.answers import done
from stratum.lib.errors import DomainError
from stratum.lib.phones import example, readable
from stratum.lib.regions import region_of_zone
from stratum.lib.tables import Cell, Column, Row, Table, TableState
from whatsapp import services
from whatsapp.choices import OptIn
from whatsapp.forms import NewContactForm, OwnNumberForm
from whatsapp.models import WhatsAppContact
from whatsapp.queries.contacts import READABLE_CONTACTS, ContactFilter, contacts_found, name_of, own_contact
from whatsapp.queries.conversations import unknown_sender
from whatsapp.queries.recipients import ALERTS, REPORTS
from whatsapp.views.access import number_shown
from whatsapp.views.words import moment, opt_in_tag, verified_tag, why_not

COLUMNS = (
    Column("name", gettext_lazy("Contact"), kind="main", sortable=True, required=True),
    Column("verified", gettext_lazy("Number"), kind="status"),
    Column("opt_in", gettext_lazy("Consent"), kind="status"),
    Column("gets", gettext_lazy("Gets")),
    Column("language", gettext_lazy("Language"), shown=False),
    Column("zone", gettext_lazy("Time zone"), shown=False),
    Column("last", gettext_lazy("Last message"), sortable=True),
)
_YES, _NO = "yes", "no"


def region_of(request: HttpRequest) -> str:
    """Where a number without a country code is dialled: the person's country by their zone, else the workspace's."""
    return region_of_zone(request.user.timezone) or region_of_zone(request.tenant.timezone)


@requires("view")
def contact_list(request: HttpRequest) -> HttpResponse:
    """Page and fragment are one view."""
    context = _list_context(request)
    if request.htmx:
        return render(request, "components/data_table.html", context)
    return render(request, "whatsapp/contact_list.html", {**context, **_own_context(request, OwnNumberForm())})


def _list_context(request: HttpRequest) -> dict[str, Any]:
    where = ContactFilter(
        q=request.GET.get("q", "").strip(),
        opt_in=_among(request.GET.get("opt_in", ""), OptIn.values),
        verified=_among(request.GET.get("verified", ""), (_YES, _NO)),
        active=_among(request.GET.get("active", ""), (_YES, _NO)),
        region=region_of(request),
    )
    path = reverse("whatsapp:contact_list")
    state = TableState.from_query(request.GET, COLUMNS, default_sort="name")
    found = contacts_found(where)
    page = state.paginate(_sorted(found.rows, state), total=len(found.rows))
    table = Table(
        "contact-table",
        _("WhatsApp contacts"),
        state,
        [_row(request, one, state) for one in page.rows],
        path=path,
        page=page,
        as_cards=True,
        empty=_empty(request, where, path),
    )
    return {
        "table": table,
        "q": where.q,
        "selects": _selects(where),
        "kept": state.kept("q", "opt_in", "verified", "active"),
        "is_whole": found.is_whole,
        "most": READABLE_CONTACTS,
        "can_edit": request.user.can("edit_contacts"),
    }


def _among(value: str, known: Any) -> str:
    return value if value in known else ""


def _sorted(rows: list[WhatsAppContact], state: TableState) -> list[WhatsAppContact]:
    """They come by name; those who never got or wrote a message stand last in both directions."""
    if state.sort == "name":
        return rows[::-1] if state.descending else rows
    dated = sorted((one for one in rows if one.last_message_at), key=lambda one: one.last_message_at)
    return [*(dated[::-1] if state.descending else dated), *(one for one in rows if not one.last_message_at)]


def _selects(where: ContactFilter) -> list[tuple[str, str, list[tuple[str, Any]], str]]:
    verified = [(_YES, _("Verified")), (_NO, _("Not verified"))]
    active = [(_YES, _("Switched on")), (_NO, _("Switched off"))]
    return [
        ("opt_in", _("Any consent"), list(OptIn.choices), where.opt_in),
        ("verified", _("Verified or not"), verified, where.verified),
        ("active", _("On or off"), active, where.active),
    ]


def _empty(request: HttpRequest, where: ContactFilter, path: str) -> dict[str, Any]:
    if where.narrows:
        return {
            "icon": "search-x",
            "title": _("No contact matches"),
            "text": _("Search by a part of the name, or by the whole number."),
            "actions": [(_("Show all contacts"), path, True)],
        }
    can_edit = request.user.can("edit_contacts")
    return {
        "icon": "message-circle",
        "title": _("No contact yet"),
        "text": _(
            "A contact is a person’s WhatsApp number. Add one, prove it with a code, note that its owner agrees, and "
            "rules and reports can write to it."
        ),
        "actions": [(_("Add a contact"), reverse("whatsapp:contact_create"), True)] if can_edit else [],
    }


def _row(request: HttpRequest, contact: WhatsAppContact, state: TableState) -> Row:
    name = name_of(contact)
    cells = {
        "name": Cell(
            name,
            sub=number_shown(request, contact),
            href=reverse("whatsapp:contact_detail", args=[contact.pk]),
        ),
        "verified": Cell(verified_tag(contact)),
        "opt_in": Cell(opt_in_tag(contact)),
        "gets": Cell(_gets(contact), sub=why_not(contact), css="cell-text"),
        "language": Cell(contact.language),
        "zone": Cell(contact.timezone),
        "last": Cell(moment(contact.last_message_at) or _("none yet"), css="nowrap"),
    }
    return Row(str(contact.pk), [cells[column.key] for column in state.visible], name=name)


def _gets(contact: WhatsAppContact) -> str:
    names = {ALERTS: _("Alerts"), REPORTS: _("Reports")}
    return ", ".join(names[one] for one in names if one in (contact.notification_types or [])) or _("Nothing")


# --- My number --------------------------------------------------------------------------------------------------


def _own_context(request: HttpRequest, form: OwnNumberForm) -> dict[str, Any]:
    """What the card 'My number' shows: the contact with its state, or the form that makes it."""
    own = own_contact(request.user.pk)
    hint = example(region_of(request))
    return {
        "own": own,
        "own_number": readable(own.phone_number) if own else "",
        "own_tags": [verified_tag(own), opt_in_tag(own)] if own else [],
        "own_why_not": why_not(own) if own else "",
        "own_form": form,
        "number_hint": hint,
    }


@requires("edit_profile", methods=("POST",))
def contact_own(request: HttpRequest) -> HttpResponse:
    """A person's own number: everybody may add theirs."""
    form = OwnNumberForm(request.POST)
    if form.is_valid():
        try:
            contact = services.contact_create(
                user=request.user,
                number=form.cleaned_data["number"],
                region=region_of(request),
                draft=form.draft(request.user),
                actor=request.actor,
            )
        except DomainError as error:
            form.add_error(error.field if error.field in form.fields else None, str(error))
        else:
            to = reverse("whatsapp:contact_detail", args=[contact.pk])
            return done(request, _("Your number was added. Next, have a code sent to it."), to=to, stay=False)
    context = {**_list_context(request), **_own_context(request, form)}
    return render(request, "whatsapp/contact_list.html", context, status=422)


# --- New contacts -----------------------------------------------------------------------------------------------


@requires("edit_contacts", methods=("GET", "POST"))
def contact_create(request: HttpRequest) -> HttpResponse:
    """`?sender=` is an event of somebody unknown: their number and name are filled in."""
    people = team(with_inactive=False, with_contact=False).people
    if request.method == "GET":
        form = NewContactForm(people=people, initial=_of_sender(request.GET.get("sender", "")))
        return render(request, "whatsapp/contact_form.html", _form_context(request, form))
    form = NewContactForm(request.POST, people=people)
    if form.is_valid():
        try:
            contact = services.contact_create(
                user=form.person,
                number=form.cleaned_data["number"],
                region=region_of_zone(form.person.timezone) or region_of(request),
                draft=form.draft(),
                actor=request.actor,
            )
        except DomainError as error:
            form.add_error(error.field if error.field in form.fields else None, str(error))
        else:
            return redirect("whatsapp:contact_detail", contact.pk)
    return render(request, "whatsapp/contact_form.html", _form_context(request, form), status=422)


def _of_sender(text: str) -> dict[str, str]:
    sender = unknown_sender(int(text)) if text.isdecimal() and len(text) < 19 else None
    return {"number": readable(sender.number), "display_name": sender.name} if sender else {}


def _form_context(request: HttpRequest, form: NewContactForm) -> dict[str, Any]:
    crumbs = [(_("Messages"), reverse("whatsapp:contact_list"))]
    return {"form": form, "number_hint": example(region_of(request)), "crumbs": crumbs}
