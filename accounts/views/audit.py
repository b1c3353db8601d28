"""The audit trail: who changed what, when, from where."""

import csv
import io
import json
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import Any
from urllib.parse import urlencode

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import models, transaction
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import Truncator, capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.audit import record
from accounts.choices import ActorKind, AuditAction
from accounts.decorators import requires
from accounts.forms import AuditFilterForm
from accounts.models import AuditLog
from accounts.queries import (
    AuditCursor,
    AuditFilter,
    AuditPage,
    audit_page,
    audit_stream,
    names_of,
    people_in,
    people_to_filter_by,
    person_changed,
)
from stratum.lib.tables import Cell, Column, Row, Table, TableState
from stratum.templatetags.ui import status_tag
from tenants.context import iterate_bound

PAGE_SIZE = 50
COLUMNS = (
    Column("what", gettext_lazy("What"), kind="main", required=True),
    Column("action", gettext_lazy("Action"), kind="status"),
    Column("changes", gettext_lazy("Changes")),
    Column("who", gettext_lazy("Who")),
    Column("when", gettext_lazy("When")),
)
# Tables whose rows have a page of their own. Names of upper apps' routes: a route that is not there gives no link.
PAGES = {
    "campaigns": "campaigns:campaign_detail",
    "connections": "campaigns:connection_detail",
    "import_batches": "campaigns:import_detail",
    "rules": "rules:rule_detail",
}
# Written by machines in bulk, or the trail itself: nothing of them is ever audited row by row.
_UNAUDITED = frozenset(
    {"audit_logs", "audit_links", "campaign_metrics", "metric_revisions", "daily_totals", "job_runs", "rule_states"}
)
_ACTION_LOOK = {
    AuditAction.CREATE: "done",
    AuditAction.UPDATE: "draft",
    AuditAction.DELETE: "deleted",
    AuditAction.EXPORT: "sent",
    AuditAction.ANONYMIZE: "removed",
}


@requires("view_audit")
def audit_list(request: HttpRequest) -> HttpResponse:
    """The trail, newest first, by keyset; every filter is part of the URL."""
    values = AuditFilterForm(request.GET).wanted()
    wanted = _filter(values)
    page = audit_page(wanted, _cursor(request), size=PAGE_SIZE)
    context = {
        "table": _table(request, page, wanted),
        "path": request.path,
        "first": _link(request.path, values),
        "older": _page_link(values, "older", page.older),
        "newer": _page_link(values, "newer", page.newer),
        "export_url": _link(reverse("accounts:audit_export"), values) if request.user.can("export") else "",
    }
    if request.htmx:
        return render(request, "accounts/_audit_trail.html", context)
    context |= {
        "values": values,
        "selects": _selects(values),
    }
    return render(request, "accounts/audit_list.html", context)


@requires("view_audit")
def audit_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One entry with everything that was kept of it."""
    entry = get_object_or_404(AuditLog, pk=pk)
    return render(
        request,
        "accounts/audit_detail.html",
        {
            "entry": entry,
            "title": f"{entry.get_action_display()}: {_subject(entry)}",
            "facts": _facts(entry),
            "changes": [(_label(entry, name), _shown(old), _shown(new)) for name, old, new in _changes(entry)],
            "row_url": row_url(entry),
            "history_url": _history_url(entry),
            "list_url": reverse("accounts:audit_list"),
        },
    )


@requires("view_audit", "export")
def audit_export(request: HttpRequest) -> HttpResponse:
    """What the filters show as CSV, streamed; the export is an entry of the trail itself."""
    values = AuditFilterForm(request.GET).wanted()
    wanted = _filter(values)
    record(
        actor=request.actor,
        action=AuditAction.EXPORT,
        resource="audit_logs",
        new={name: str(value) for name, value in values.items() if value is not None},
        tenant_id=request.tenant.pk,
    )
    response = StreamingHttpResponse(iterate_bound(lambda: _csv_lines(wanted)), content_type="text/csv; charset=utf-8")
    stamp = timezone.localdate().isoformat()
    response["Content-Disposition"] = f'attachment; filename="audit-{request.tenant.slug}-{stamp}.csv"'
    return response


# --- Filters ------------------------------------------------------------------------------------------------


def _filter(values: dict[str, Any]) -> AuditFilter:
    return AuditFilter(
        person=values["person"],
        actor_kind=values["kind"] or "",
        action=values["action"] or "",
        table=values["table"] or "",
        row=values["row"] or "",
        request_id=values["request"] or "",
        start=values["start"],
        end=values["end"],
        zone=timezone.get_current_timezone(),
    )


def _cursor(request: HttpRequest) -> AuditCursor | None:
    older, newer = request.GET.get("older", ""), request.GET.get("newer", "")
    return AuditCursor.parse(older or newer, newer=not older)


def _selects(values: dict[str, Any]) -> list[tuple]:
    return [
        ("person", _("Anybody"), [(str(pk), name) for pk, name in people_to_filter_by()], str(values["person"] or "")),
        ("kind", _("People and machines"), ActorKind.choices, values["kind"]),
        ("action", _("All actions"), AuditAction.choices, values["action"]),
        ("table", _("All kinds of things"), table_choices(), values["table"]),
    ]


def table_choices() -> list[tuple[str, str]]:
    """(table, what its rows are called), by that name."""
    tables = (model for model in apps.get_models() if hasattr(model, "tenant") or model._meta.db_table == "tenants")
    named = [
        (model._meta.db_table, capfirst(str(model._meta.verbose_name_plural)))
        for model in tables
        if model._meta.db_table not in _UNAUDITED
    ]
    return sorted(named, key=lambda entry: entry[1].casefold())


def _link(path: str, values: dict[str, Any], **more: Any) -> str:
    kept = {name: str(value) for name, value in {**values, **more}.items() if value is not None}
    return f"{path}?{urlencode(kept)}" if kept else path


def _page_link(values: dict[str, Any], side: str, cursor: AuditCursor | None) -> str:
    return _link(reverse("accounts:audit_list"), values, **{side: cursor}) if cursor else ""


# --- Rows ---------------------------------------------------------------------------------------------------


def _table(request: HttpRequest, page: AuditPage, wanted: AuditFilter) -> Table:
    state = TableState.from_query({}, COLUMNS, default_sort="when")
    if wanted.is_open:
        empty = {
            "icon": "scroll-text",
            "title": _("Nothing has happened yet"),
            "text": _("Logins, changes by people, rules and jobs, imports and exports appear here by themselves."),
        }
    else:
        empty = {
            "icon": "search-x",
            "title": _("No entry fits these filters"),
            "text": _("Nothing of this kind was recorded in these days."),
            "actions": [(_("Show everything"), request.path, False)],
        }
    rows = [_row(entry, page.names) for entry in page.entries]
    return Table("audit-rows", _("Audit trail"), state, rows, path=request.path, as_cards=True, empty=empty)


def _row(entry: AuditLog, names: dict[int, str]) -> Row:
    subject = _subject(entry)
    return Row(
        str(entry.pk),
        (
            Cell(subject, sub=_named(entry, names), href=reverse("accounts:audit_detail", args=[entry.pk])),
            Cell(status_tag(_ACTION_LOOK.get(entry.action, entry.action), entry.get_action_display())),
            Cell(_summary(entry)),
            Cell(_who(entry, names), sub=_how(entry)),
            Cell(date_format(timezone.localtime(entry.created_at), _("j M Y, H:i:s"))),
        ),
        name=subject,
    )


@lru_cache(maxsize=1)
def _models_by_table() -> dict[str, type[models.Model]]:
    return {model._meta.db_table: model for model in apps.get_models()}


def _subject(entry: AuditLog) -> str:
    """'Campaign 12', 'Campaigns' for a change of many."""
    model = _models_by_table().get(entry.resource_type)
    if model is None:
        return f"{entry.resource_type} {entry.resource_id or ''}".strip()
    if entry.resource_id is None:
        return capfirst(str(model._meta.verbose_name_plural))
    return f"{capfirst(str(model._meta.verbose_name))} {entry.resource_id}"


def _named(entry: AuditLog, names: dict[int, str]) -> str:
    """The name of the person an entry is about."""
    return names.get(person_changed(entry) or 0, "")


def _who(entry: AuditLog, names: dict[int, str]) -> str:
    """The person, or the rule or job that acted. Staff of Stratum are not people of this workspace: no name."""
    if entry.user_id in names:
        person = names[entry.user_id]
        via = entry.actor_label if entry.actor_kind == ActorKind.USER else ""
        return _("%(person)s via %(label)s") % {"person": person, "label": via} if via else person
    if entry.actor_label:
        return entry.actor_label
    return _("Stratum staff") if entry.actor_kind == ActorKind.STAFF else entry.get_actor_kind_display()


def _how(entry: AuditLog) -> str:
    return "" if entry.actor_kind in (ActorKind.USER, ActorKind.SYSTEM) else entry.get_actor_kind_display()


def _changes(entry: AuditLog) -> list[tuple[str, Any, Any]]:
    """(field, old, new) in the order of the names; one side is None for what was made or removed."""
    old, new = entry.old_value or {}, entry.new_value or {}
    return [(name, old.get(name), new.get(name)) for name in entry.changed_fields or []]


def _summary(entry: AuditLog) -> str:
    """The first changes in a line: 'status: active → paused; name …'."""
    changes = _changes(entry)
    if entry.action != AuditAction.UPDATE:
        changes = [change for change in changes if change[2] not in (None, "", {}, [])]
    parts = [_one_line(_label(entry, name), old, new) for name, old, new in changes[:2]]
    if len(changes) > 2:
        parts.append(_("and %(count)s more") % {"count": len(changes) - 2})
    return "; ".join(parts)


def _label(entry: AuditLog, name: str) -> str:
    """What a field is called on forms; its bare name where the model is gone or has no such field."""
    model = _models_by_table().get(entry.resource_type)
    try:
        return str(model._meta.get_field(name).verbose_name) if model else name.replace("_", " ")
    except FieldDoesNotExist:
        return name.replace("_", " ")


def _one_line(name: str, old: Any, new: Any) -> str:
    shorten = lambda value: Truncator(_shown(value) if value is not None else "–").chars(40)  # noqa: E731
    return f"{name}: {shorten(old)} → {shorten(new)}" if old is not None else f"{name}: {shorten(new)}"


def _shown(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list) and all(isinstance(item, str | int | float) for item in value):
        return ", ".join(str(item) for item in value) or "[]"
    return json.dumps(value, ensure_ascii=False)


def _facts(entry: AuditLog) -> list[tuple[str, Any]]:
    names = names_of(people_in([entry]))
    moment = date_format(timezone.localtime(entry.created_at), _("j M Y, H:i:s"))
    facts = [
        (_("When"), f"{moment} ({timezone.get_current_timezone_name()})"),
        (_("Who"), _who(entry, names)),
        (_("About"), _named(entry, names)),
        (_("Acting as"), entry.get_actor_kind_display()),
        (_("Why"), entry.reason),
        (_("From the address"), entry.ip_address),
        (_("With"), entry.user_agent),
        (_("Through"), f"{entry.http_method or ''} {entry.endpoint or ''}".strip()),
        (_("Request"), entry.request_id),
        (_("Entry"), entry.pk),
    ]
    return [(term, value) for term, value in facts if value not in (None, "")]


def row_url(entry: AuditLog) -> str:
    """The page of the row that was changed; '' where there is none."""
    name = PAGES.get(entry.resource_type)
    if name is None or not (entry.resource_id or "").isdecimal():
        return ""
    try:
        return reverse(name, args=[int(entry.resource_id)])
    except NoReverseMatch:
        return ""


def _history_url(entry: AuditLog) -> str:
    """The trail of this row alone."""
    if entry.resource_id is None:
        return ""
    return _link(reverse("accounts:audit_list"), {"table": entry.resource_type, "row": entry.resource_id})


# --- CSV ----------------------------------------------------------------------------------------------------

CSV_HEAD = (
    "id", "when", "actor_kind", "person_id", "person", "actor_label", "action", "table", "row", "changed_fields",
    "old_value", "new_value", "reason", "ip_address", "user_agent", "request_id", "http_method", "endpoint",
)  # fmt: skip


def _csv_lines(wanted: AuditFilter) -> Iterator[str]:
    """UTF-8 with a byte order mark, so that spreadsheets read it as such; times in UTC."""
    yield "\ufeff" + _csv_line(CSV_HEAD)
    with transaction.atomic():
        rows = (_csv_line(_csv_values(entry, person)) for entry, person in audit_stream(wanted))
        # A chunk of many rows: each chunk is a round through the server.
        while chunk := "".join(islice(rows, 200)):
            yield chunk


def _csv_values(entry: AuditLog, person: str) -> list[Any]:
    return [
        entry.pk, entry.created_at.isoformat(), entry.actor_kind, entry.user_id, person, entry.actor_label,
        entry.action, entry.resource_type, entry.resource_id, ",".join(entry.changed_fields or []),
        _as_json(entry.old_value), _as_json(entry.new_value), entry.reason, entry.ip_address, entry.user_agent,
        entry.request_id, entry.http_method, entry.endpoint,
    ]  # fmt: skip


def _as_json(value: Any) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _csv_line(values: Any) -> str:
    line = io.StringIO()
    csv.writer(line).writerow([_harmless(value) for value in values])
    return line.getvalue()


def _harmless(value: Any) -> Any:
    """A text that a spreadsheet would take for a formula gets an apostrophe in front."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
