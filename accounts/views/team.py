"""The people of the workspace."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.choices import Role
from accounts.decorators import requires
from accounts.models import User
from accounts.queries import seats_taken, team
from stratum.lib.tables import Cell, Column, Row, Table, TableState
from stratum.templatetags.ui import no_value, status_tag

NAME = Column("name", gettext_lazy("Name"), kind="main", sortable=True, required=True)
ROLE = Column("role", gettext_lazy("Role"), sortable=True)
# Addresses, logins and who was shut out are for those who manage the team; everybody else sees names and roles.
MANAGED = (
    Column("email", gettext_lazy("E-mail address")),
    Column("status", gettext_lazy("Status"), kind="status", sortable=True),
    Column("last_login", gettext_lazy("Last login"), sortable=True),
)
_RANK = {role: rank for rank, role in enumerate((Role.ADMIN, Role.MANAGER, Role.ANALYST, Role.VIEWER))}


@requires("view")
def team_list(request: HttpRequest) -> HttpResponse:
    """Everybody sees who is in the workspace and in which role; those who manage the team see the rest."""
    manages = request.user.can("manage_team")
    search = request.GET.get("q", "").strip()[:200]
    role = request.GET.get("role", "")
    found = team(search=search, with_inactive=manages, with_contact=manages)
    people = [person for person in found.people if role not in Role.values or person.role == role]
    table = _table(request, people, manages)
    context = {
        "table": table,
        "q": search,
        "selects": [("role", _("All roles"), Role.choices, role)],
        "search_label": _("Search names and addresses") if manages else _("Search names"),
        "kept": [(key, value) for key, value in table.state.others if key not in ("q", "role")],
        "seats": _seats(request) if manages else "",
        "whole": found.is_whole,
    }
    return render(request, "components/data_table.html" if request.htmx else "accounts/team_list.html", context)


def _table(request: HttpRequest, people: list[User], manages: bool) -> Table:
    columns = (NAME, ROLE, *MANAGED) if manages else (NAME, ROLE)
    state = TableState.from_query(request.GET, columns, default_sort="name")
    if state.sort != "name":
        people = sorted(people, key=_SORT_KEYS[state.sort])
    page = state.paginate(people[::-1] if state.descending else people, total=len(people))
    return Table(
        "team-table",
        _("People of this workspace"),
        state,
        [_row(person, state, request.user) for person in page.rows],
        path=request.path,
        page=page,
        as_cards=True,
        empty={
            "icon": "users",
            "title": _("Nobody fits"),
            "text": _("No name or address has these words. Search for less."),
            "actions": [(_("Show everybody"), request.path, False)],
        },
    )


# Names are in order when the list arrives; equal values stay in that order.
_SORT_KEYS = {
    "role": lambda person: _RANK.get(person.role, len(_RANK)),
    "status": lambda person: not person.is_active,
    "last_login": lambda person: person.last_login.timestamp() if person.last_login else 0,
}


def _row(person: User, state: TableState, reader: User) -> Row:
    name = _name(person, reader)
    cells = {
        "name": lambda: Cell(name, sub=_mark(person, reader)),
        "role": lambda: Cell(person.get_role_display()),
        "email": lambda: Cell(person.email),
        "status": lambda: Cell(
            status_tag("ok", _("Active")) if person.is_active else status_tag("inactive", _("Deactivated"))
        ),
        "last_login": lambda: _last_login(person),
    }
    return Row(str(person.pk), [cells[column.key]() for column in state.visible], name=name)


def _name(person: User, reader: User) -> str:
    """The name; who has none goes by their address, to readers who may see that."""
    if person.full_name:
        return person.full_name
    return person.email if reader.can("manage_team") else _("No name given")


def _mark(person: User, reader: User) -> str:
    if person.pk == reader.pk:
        return _("you")
    return _("Stratum staff") if person.is_staff else ""


def _last_login(person: User) -> Cell:
    if person.last_login is None:
        return Cell(no_value(_("never logged in")))
    return Cell(date_format(timezone.localtime(person.last_login), _("j M Y, H:i")))


def _seats(request: HttpRequest) -> str:
    words = {"taken": seats_taken(), "limit": request.tenant.user_limit}
    return _("%(taken)s of %(limit)s seats of your plan are taken.") % words
