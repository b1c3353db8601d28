"""The audit trail as admins read, filter, page and export it."""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts import queries
from accounts.audit import Actor
from accounts.choices import AuditAction
from accounts.models import AuditLog
from accounts.tests.factories import make_entry, make_user
from accounts.views import audit
from tenants.context import binding, tenant_context

HTMX = {"HX-Request": "true"}
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def text(response) -> str:
    return b"".join(response.streaming_content).decode() if response.streaming else response.content.decode()


def ids(response) -> list[int]:
    return [int(row.key) for row in response.context["table"].rows]


def entry_at(tenant, moment, **fields) -> AuditLog:
    with time_machine.travel(moment, tick=False):
        return make_entry(tenant, **fields)


@pytest.fixture
def reader(client_of, admin):
    return client_of(admin)


# --- Who may read it ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("role", "status"), [("admin", 200), ("manager", 200), ("analyst", 403), ("viewer", 403)])
def test_roles(client_of, acme, role, status):
    entry = make_entry(acme)
    client = client_of(make_user(acme, role))
    for path in ("/audit/", f"/audit/{entry.pk}/", "/audit/export/"):
        assert client.get(path).status_code == status


def test_other_workspaces_never_appear(reader, acme, globex, outsider):
    ours = make_entry(acme, resource_id=7)
    theirs = make_entry(globex, actor=Actor(kind="user", user=outsider), resource_id=7, new={"name": "globex-mark"})
    page = reader.get("/audit/", {"table": "campaigns", "row": "7"})
    assert ids(page) == [ours.pk]
    assert reader.get(f"/audit/{theirs.pk}/").status_code == 404
    for response in (page, reader.get("/audit/"), reader.get("/audit/export/")):
        assert "lobex" not in text(response)
    assert ids(reader.get("/audit/", {"person": outsider.pk})) == []


def test_empty_trail_and_empty_filter_say_different_things(reader, acme):
    assert "Nothing has happened yet" in text(reader.get("/audit/"))
    make_entry(acme)
    assert "No entry fits these filters" in text(reader.get("/audit/", {"action": "delete"}))


# --- Filters ------------------------------------------------------------------------------------------------


def test_filters(reader, acme, admin, manager):
    by_admin = make_entry(acme, actor=Actor(kind="user", user=admin, request_id="r-1"), resource_id=1)
    by_manager = make_entry(acme, actor=Actor(kind="user", user=manager), resource="users", resource_id=2)
    by_rule = make_entry(acme, actor=Actor(kind="rule", label="Stop losers"), action=AuditAction.CREATE)
    everything = [by_rule.pk, by_manager.pk, by_admin.pk]
    for query, found in [
        ({}, everything),
        ({"person": admin.pk}, [by_admin.pk]),
        ({"person": manager.pk, "action": "update"}, [by_manager.pk]),
        ({"kind": "rule"}, [by_rule.pk]),
        ({"action": "create"}, [by_rule.pk]),
        ({"table": "users"}, [by_manager.pk]),
        ({"table": "campaigns", "row": "1"}, [by_rule.pk, by_admin.pk]),
        ({"request": "r-1"}, [by_admin.pk]),
        ({"request": "r"}, []),
        # What cannot be read is left out.
        ({"person": "x", "kind": "alien", "action": "fly", "table": "'; --", "start": "31.12."}, everything),
        ({"person": str(2**40)}, everything),
        ({"older": "rubbish", "newer": "2026~1"}, everything),
    ]:
        assert ids(reader.get("/audit/", query)) == found, query


@pytest.mark.parametrize(
    ("zone", "start", "end", "found"),
    [
        ("UTC", "2026-11-20", "2026-11-20", [1, 2]),
        ("Asia/Tokyo", "2026-11-20", "2026-11-20", [0, 1]),
        ("America/Los_Angeles", "2026-11-20", "", [2, 3]),
        ("UTC", "", "2026-11-19", [0]),
        ("UTC", "2026-11-21", "2026-11-20", []),
        ("UTC", "", "9999-12-31", [0, 1, 2, 3]),
        ("Asia/Tokyo", "0001-01-01", "", [0, 1, 2, 3]),
    ],
)
def test_days_are_days_of_the_readers_zone(client_of, acme, zone, start, end, found):
    """Entries at 20:00 on the 19th, 00:00 and 23:00 on the 20th, and 09:00 on the 21st, all UTC."""
    moments = [NOON - timedelta(hours=16), NOON - timedelta(hours=12), NOON + timedelta(hours=11)]
    entries = [entry_at(acme, moment) for moment in [*moments, NOON + timedelta(hours=21)]]
    client = client_of(make_user(acme, "admin", timezone=zone))
    shown = ids(client.get("/audit/", {"start": start, "end": end}))
    assert shown == [entries[number].pk for number in reversed(found)]


# --- Paging -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 2, 4, 5])
def test_pages_there_and_back_show_every_entry_once(reader, acme, monkeypatch, count):
    """Two entries of one moment sit astride a page's edge; ids do not follow the moments."""
    monkeypatch.setattr(audit, "PAGE_SIZE", 2)
    moments = [NOON, NOON - timedelta(seconds=1), NOON - timedelta(seconds=1), NOON - timedelta(seconds=1), NOON]
    entries = [entry_at(acme, moment) for moment in moments[:count]]
    expected = [entry.pk for entry in sorted(entries, key=lambda entry: (entry.created_at, entry.pk), reverse=True)]
    there, back = [], []
    page = reader.get("/audit/")
    while True:
        there.append(ids(page))
        if not page.context["older"]:
            break
        page = reader.get(page.context["older"])
    while True:
        back.append(ids(page))
        if not page.context["newer"]:
            break
        page = reader.get(page.context["newer"])
    assert [pk for shown in there for pk in shown] == expected
    assert [pk for shown in reversed(back) for pk in shown] == expected


def test_pages_keep_the_filters(reader, acme, monkeypatch):
    monkeypatch.setattr(audit, "PAGE_SIZE", 1)
    for _ in range(3):
        make_entry(acme, action=AuditAction.CREATE)
        make_entry(acme)
    page = reader.get("/audit/", {"action": "create"})
    seen = ids(page)
    while page.context["older"]:
        page = reader.get(page.context["older"])
        seen += ids(page)
    with tenant_context(acme), transaction.atomic():
        expected = list(AuditLog.objects.filter(action="create").order_by("-pk").values_list("pk", flat=True))
    assert seen == expected


def test_cursor_survives_the_url():
    cursor = queries.AuditCursor(NOON, 17, newer=True)
    assert queries.AuditCursor.parse(str(cursor), newer=True) == cursor


@pytest.mark.parametrize("rubbish", ["", "~", "x~1", "2026-11-20~1", f"{NOON.isoformat()}~-1", f"{NOON.isoformat()}~²"])
def test_unreadable_cursors(rubbish):
    assert queries.AuditCursor.parse(rubbish, newer=False) is None


def test_fragment_is_the_trail_alone(reader, acme):
    make_entry(acme)
    fragment = text(reader.get("/audit/", headers=HTMX))
    assert fragment.strip().startswith('<div id="audit-trail"')
    assert "<html" not in fragment
    assert 'hx-swap-oob="true"' in fragment  # the export link follows the filters


def test_list_costs_the_same_for_one_and_for_three(reader, acme, admin, manager):
    def count() -> int:
        reader.get("/audit/")
        with CaptureQueriesContext(connection) as captured:
            assert reader.get("/audit/").status_code == 200
        return len(captured)

    make_entry(acme, actor=Actor(kind="user", user=admin))
    one = count()
    make_entry(acme, actor=Actor(kind="user", user=manager))
    make_entry(acme, actor=Actor(kind="rule", label="Stop losers"))
    assert count() == one <= 9


def test_page_is_read_along_the_index(acme):
    with tenant_context(acme), transaction.atomic():
        cursor = queries.AuditCursor(NOON, 17)
        rows = cursor.apply(AuditLog.objects.all()).order_by("-created_at", "-pk")[:50]
        with connection.cursor() as raw:
            raw.execute("SET LOCAL enable_seqscan = off")
            raw.execute("SET LOCAL enable_bitmapscan = off")
        plan = rows.explain()
    assert "ix_audit_tenant_date" in plan
    assert "Index Cond: ((tenant_id =" in plan
    assert "created_at <=" in plan.partition("Index Cond")[2].partition("\n")[0]


# --- What an entry says -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "label", "who"),
    [
        ("rule", "Stop losers", "Stop losers"),
        ("job", "rules.evaluate_all", "rules.evaluate_all"),
        ("staff", "", "Stratum staff"),
        ("system", "", "System"),
    ],
)
def test_who_acted_without_a_person(reader, acme, kind, label, who):
    make_entry(acme, actor=Actor(kind=kind, label=label))
    assert reader.get("/audit/").context["table"].rows[0].cells[3].text == who


def test_name_of_staff_of_another_workspace_is_not_told(reader, acme, outsider):
    entry = make_entry(acme, actor=Actor(kind="staff", user=outsider, reason="ticket 12"))
    page = text(reader.get(f"/audit/{entry.pk}/"))
    assert "Stratum staff" in page
    assert "ticket 12" in page
    assert "lobex" not in page


def test_removed_person_keeps_their_name_in_the_trail(reader, acme):
    gone = make_user(acme, "viewer", email="gone@acme.example", full_name="Olda Gone", is_deleted=True)
    make_entry(acme, actor=Actor(kind="user", user=gone))
    assert "Olda Gone" in text(reader.get("/audit/"))


def test_detail_shows_old_and_new(reader, acme, admin):
    actor = Actor(
        kind="user", user=admin, ip_address="203.0.113.9", user_agent="Tests/1.0", endpoint="/x/", http_method="POST"
    )
    entry = make_entry(
        acme,
        actor=actor,
        old={"status": "active", "labels": ["a"], "note": None},
        new={"status": "paused", "labels": ["a", "<b>"], "note": True},
    )
    page = reader.get(f"/audit/{entry.pk}/")
    assert page.context["changes"] == [
        ("labels", "a", "a, <b>"),
        ("note", None, "yes"),
        ("status", "active", "paused"),
    ]
    body = text(page)
    assert "<b>" not in body
    for fact in ("203.0.113.9", "Tests/1.0", "POST /x/", "Admin of Acme"):
        assert fact in body


@pytest.mark.parametrize(
    ("fields", "summary"),
    [
        ({"old": {"status": "active"}, "new": {"status": "paused"}}, "status: active → paused"),
        ({"old": {"a": 1, "b": 2, "c": 3}, "new": {"a": 2, "b": 3, "c": 4}}, "a: 1 → 2; b: 2 → 3; and 1 more"),
        ({"action": AuditAction.CREATE, "new": {"name": "N", "note": None}}, "name: N"),
        ({"old": {"a": 1}, "new": {"a": None}}, "a: 1 → –"),
        ({"old": {"a": None}, "new": {"a": False}}, "a: no"),
        ({}, ""),
    ],
)
def test_summary(reader, acme, fields, summary):
    make_entry(acme, **fields)
    assert reader.get("/audit/").context["table"].rows[0].cells[2].text == summary


@pytest.mark.parametrize(
    ("table", "row", "linked"),
    [
        ("campaigns", "12", True),
        ("campaigns", "not a number", False),
        ("campaigns", None, False),
        ("users", "12", False),
        ("gone_table", "1", False),
    ],
)
def test_link_to_the_row_where_it_has_a_page(reader, acme, table, row, linked):
    entry = make_entry(acme, resource=table, resource_id=row)
    context = reader.get(f"/audit/{entry.pk}/").context
    assert context["row_url"] == (f"/campaigns/{row}/" if linked else "")
    assert bool(context["history_url"]) is (row is not None)
    assert reader.get("/audit/").status_code == 200


def test_history_of_a_row(reader, acme):
    wanted = [make_entry(acme, resource_id=5).pk for _ in range(2)]
    make_entry(acme, resource_id=6)
    url = reader.get(f"/audit/{wanted[0]}/").context["history_url"]
    assert ids(reader.get(url)) == wanted[::-1]


# --- Export -------------------------------------------------------------------------------------------------


def export(client, **query) -> list[dict[str, str]]:
    response = client.get("/audit/export/", query)
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"].startswith('attachment; filename="audit-acme-')
    body = text(response)
    assert body.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(body.removeprefix("\ufeff"))))


@pytest.mark.parametrize("batch", [1, 2, 1000])
def test_export_has_what_the_filters_show(reader, acme, admin, monkeypatch, batch):
    monkeypatch.setattr(queries.audit_stream, "__kwdefaults__", {"batch": batch})
    wanted = [
        make_entry(acme, actor=Actor(kind="user", user=admin), resource="users", old={"a": n}, new={"a": n + 1}).pk
        for n in range(3)
    ]
    make_entry(acme)
    rows = export(reader, table="users")
    assert [int(row["id"]) for row in rows] == wanted[::-1]
    assert {row["person"] for row in rows} == {"Admin of Acme"}
    assert (rows[0]["old_value"], rows[0]["new_value"]) == ('{"a": 2}', '{"a": 3}')


def test_export_is_itself_recorded_with_its_filters(reader, acme, admin):
    make_entry(acme)
    rows = export(reader, action="update", start="2026-01-01")
    assert len(rows) == 1
    with tenant_context(acme), transaction.atomic():
        entry = AuditLog.objects.latest("pk")
    assert (entry.action, entry.resource_type, entry.user_id) == ("export", "audit_logs", admin.pk)
    assert entry.new_value == {"action": "update", "start": "2026-01-01"}


@pytest.mark.parametrize("label", ["=1+1", "+1", "-1", "@x", "\tx"])
def test_export_holds_no_formulas(reader, acme, label):
    make_entry(acme, actor=Actor(kind="rule", label=label))
    assert export(reader, kind="rule")[0]["actor_label"] == f"'{label}"


def test_export_does_not_keep_its_workspace_bound_while_it_is_sent(reader, acme):
    make_entry(acme)
    response = reader.get("/audit/export/")
    for _chunk in response.streaming_content:
        assert binding() is None


def test_person_an_entry_is_about_is_named(reader, acme, globex, viewer, outsider):
    make_entry(acme, resource="users", resource_id=viewer.pk)
    assert reader.get("/audit/").context["table"].rows[0].cells[0].sub == "Viewer of Acme"
    for stranger in (outsider.pk, 2**40, "x"):
        make_entry(acme, resource="users", resource_id=stranger)
        assert reader.get("/audit/").context["table"].rows[0].cells[0].sub == ""
