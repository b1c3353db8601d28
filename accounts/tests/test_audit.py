"""The audit trail: what is recorded, that nobody can alter it, and that its chain shows when somebody did."""

import datetime
import threading
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from accounts.audit import Actor, record, snapshot
from accounts.choices import AuditAction
from accounts.models import AuditLink, AuditLog, User
from accounts.tests.factories import make_entry, make_user
from campaigns.tests.factories import make_account, make_connection
from stratum.lib.masking import MASK
from tenants.context import tenant_context, unscoped
from tenants.tests.factories import make_tenant

# --- What is recorded ---------------------------------------------------------------------------------------


def test_record_keeps_the_fields_that_differ(acme):
    entry = make_entry(acme, old={"status": "active", "name": "A"}, new={"status": "paused", "name": "A"})
    assert (entry.old_value, entry.new_value, entry.changed_fields) == (
        {"status": "active"},
        {"status": "paused"},
        ["status"],
    )


def test_record_masks_personal_data_and_secrets(acme, viewer):
    account = make_account(acme, name="mail jo@example.com")
    connection = make_connection(acme, access_token="EAAB-secret")
    with tenant_context(acme), transaction.atomic():
        person = record(actor=Actor.job("t"), action=AuditAction.CREATE, resource=viewer, new=snapshot(viewer))
        mailed = record(actor=Actor.job("t"), action=AuditAction.CREATE, resource=account, new=snapshot(account))
        token = record(actor=Actor.job("t"), action=AuditAction.CREATE, resource=connection, new=snapshot(connection))
        named = record(
            actor=Actor.job("t"),
            action=AuditAction.UPDATE,
            resource="users",
            new={"email_hash": "ab" * 32, "role": "x"},
        )
    for name in ("email", "email_hash", "full_name", "password"):
        assert person.new_value[name] == MASK, name
    assert person.new_value["role"] == "viewer"
    assert token.new_value["access_token"] == MASK
    assert mailed.new_value["name"] == f"mail {MASK}"
    assert named.new_value == {"email_hash": MASK, "role": "x"}


def test_record_takes_json_and_more(acme):
    value = {"nested": [{"day": datetime.date(2026, 11, 23), "sum": Decimal("1.50")}], "set": {1}}
    entry = make_entry(acme, new={"value": value})
    with tenant_context(acme):
        entry.refresh_from_db()
    assert entry.new_value == {"value": {"nested": [{"day": "2026-11-23", "sum": "1.50"}], "set": [1]}}


def test_staff_of_another_workspace_act_here(acme, outsider):
    staff = Actor(kind="staff", user=outsider, reason="ticket 12 of jo@example.com")
    entry = make_entry(acme, actor=staff)
    assert entry.user_id == outsider.pk
    assert entry.reason == f"ticket 12 of {MASK}"


def test_request_leaves_its_traces(client_of, admin, acme):
    client = client_of(admin)
    client.post(
        "/profile/consent/", {"marketing": "on"}, headers={"user-agent": "Tests/1.0"}, REMOTE_ADDR="203.0.113.9"
    )
    with tenant_context(acme), transaction.atomic():
        entry = AuditLog.objects.get()
    assert (entry.user_id, entry.actor_kind, entry.ip_address, entry.user_agent) == (
        admin.pk,
        "user",
        "203.0.113.9",
        "Tests/1.0",
    )
    assert (entry.endpoint, entry.http_method) == ("/profile/consent/", "POST")
    assert len(entry.request_id) == 36


def test_actor_keeps_to_the_column_widths(client_of, admin, acme):
    client_of(admin).post("/profile/consent/", {}, headers={"user-agent": "x" * 5000})
    entry = make_entry(acme, actor=Actor.job("y" * 5000))
    with tenant_context(acme), transaction.atomic():
        assert len(AuditLog.objects.earliest("pk").user_agent) == 500
    assert len(entry.actor_label) == 255


# --- Append-only --------------------------------------------------------------------------------------------

FORGERIES = {
    "update": "UPDATE audit_logs SET action = 'create' WHERE id = %s",
    "delete": "DELETE FROM audit_logs WHERE id = %s",
    "update link": "UPDATE audit_links SET digest = 'x' WHERE audit_id = %s",
    "delete link": "DELETE FROM audit_links WHERE audit_id = %s",
}


@pytest.fixture
def acme_committed(transactional_db):
    tenant = make_tenant("acme")
    yield tenant
    connection.act_as_app()


@pytest.mark.parametrize("forgery", FORGERIES)
def test_application_may_not_alter_the_trail(acme, forgery):
    entry = make_entry(acme)
    for context in (tenant_context(acme), unscoped("test")):
        with pytest.raises(DatabaseError, match="permission denied"), context, transaction.atomic():
            execute(FORGERIES[forgery], entry.pk)


@pytest.mark.parametrize("forgery", FORGERIES)
def test_owner_is_refused_by_the_trigger(acme_committed, forgery):
    entry = make_entry(acme_committed)
    connection.act_as_owner()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        execute(FORGERIES[forgery], entry.pk)


def test_application_may_not_write_links(acme):
    entry = make_entry(acme)
    with pytest.raises(DatabaseError, match="permission denied"), tenant_context(acme), transaction.atomic():
        AuditLink.objects.create(audit=entry, sequence=99, digest=b"x")


def execute(sql: str, *parameters: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)


# --- The chain ----------------------------------------------------------------------------------------------


def verify(*arguments: str) -> str:
    output = StringIO()
    call_command("verify_audit", *arguments, stdout=output, stderr=output, no_color=True)
    return output.getvalue()


def broken(*arguments: str) -> str:
    output = StringIO()
    with pytest.raises(CommandError):
        call_command("verify_audit", *arguments, stdout=output, stderr=output, no_color=True)
    return output.getvalue()


def forge(sql: str, *parameters: object) -> None:
    """As somebody with the owner's rights who switched the triggers off."""
    connection.act_as_owner()
    try:
        with transaction.atomic():
            execute("SET LOCAL session_replication_role = replica")
            execute(sql, *parameters)
    finally:
        connection.act_as_app()


@pytest.fixture
def trail(acme_committed) -> list[AuditLog]:
    """Three entries of acme by a person, and one of globex."""
    globex = make_tenant("globex")
    person = make_user(acme_committed, "manager")
    make_user(acme_committed, "admin")
    actor = Actor(kind="user", user=person, reason="because")
    entries = [make_entry(acme_committed, actor=actor, resource_id=n, old={"a": n}, new={"a": n + 1}) for n in range(3)]
    make_entry(globex)
    return entries


def test_unbroken_chains_are_reported_with_their_heads(trail):
    lines = verify().splitlines()
    assert [line.partition(";")[0] for line in lines] == ["acme: 3 entries, unbroken", "globex: 1 entries, unbroken"]
    assert verify("--tenant", "globex").startswith("globex: 1 entries, unbroken; head 1:")


CHANGES = {
    "action": "UPDATE audit_logs SET action = 'delete' WHERE id = %s",
    "old value": """UPDATE audit_logs SET old_value = '{"a": 7}' WHERE id = %s""",
    "new value": "UPDATE audit_logs SET new_value = NULL WHERE id = %s",
    "row": "UPDATE audit_logs SET resource_id = '99' WHERE id = %s",
    "moment": "UPDATE audit_logs SET created_at = created_at + interval '1 second' WHERE id = %s",
    "reason": "UPDATE audit_logs SET reason = 'another' WHERE id = %s",
    "kind": "UPDATE audit_logs SET actor_kind = 'job' WHERE id = %s",
    "another person": "UPDATE audit_logs SET user_id = (SELECT max(id) FROM users) WHERE id = %s",
    "no person": "UPDATE audit_logs SET user_id = NULL WHERE id = %s",
    "person in both": """WITH x AS (UPDATE audit_logs SET user_id = NULL WHERE id = %s RETURNING id)
        UPDATE audit_links SET actor_id = NULL WHERE audit_id IN (SELECT id FROM x)""",
    "removed entry": "DELETE FROM audit_logs WHERE id = %s",
    "removed entry and link": """WITH x AS (DELETE FROM audit_links WHERE audit_id = %s RETURNING audit_id)
        DELETE FROM audit_logs WHERE id IN (SELECT audit_id FROM x)""",
    "digest": "UPDATE audit_links SET digest = sha256('x') WHERE audit_id = %s",
    "moved": "UPDATE audit_logs SET tenant_id = (SELECT id FROM tenants WHERE slug = 'globex') WHERE id = %s",
}


@pytest.mark.parametrize("change", CHANGES)
def test_tampering_breaks_the_chain_at_its_place(trail, change):
    forge(CHANGES[change], trail[1].pk)
    report = broken()
    place = "link 3" if change == "removed entry and link" else "link 2"
    assert f"acme: BROKEN at {place}" in report
    assert "globex: 1 entries, unbroken" in report
    assert "unbroken" in verify("--tenant", "globex")


def test_entry_written_past_the_chain_is_reported(trail, acme_committed):
    forge(
        "INSERT INTO audit_logs (tenant_id, action, resource_type) VALUES (%s, 'delete', 'campaigns')",
        acme_committed.pk,
    )
    assert "written past the chain" in broken("--tenant", "acme")


def test_cut_off_end_is_noticed_with_an_anchor(trail):
    anchor = verify("--tenant", "acme").rpartition("head ")[2].strip()
    assert "unbroken" in verify("--tenant", "acme", "--anchor", anchor)
    forge(CHANGES["removed entry and link"], trail[2].pk)
    assert "acme: 2 entries, unbroken" in verify("--tenant", "acme")
    assert "not the link that was noted" in broken("--tenant", "acme", "--anchor", anchor)


def test_anchor_stays_good_as_the_trail_grows(trail, acme_committed):
    anchor = verify("--tenant", "acme").rpartition("head ")[2].strip()
    make_entry(acme_committed)
    assert "acme: 4 entries, unbroken" in verify("--tenant", "acme", "--anchor", anchor)


def test_purge_of_a_person_keeps_the_chain(trail, acme_committed):
    """ON DELETE SET NULL of a purged person is the one change that is no forgery."""
    connection.act_as_owner()
    with transaction.atomic():
        execute("DELETE FROM users WHERE id = %s", trail[0].user_id)
    connection.act_as_app()
    with tenant_context(acme_committed), transaction.atomic():
        assert set(AuditLog.objects.values_list("user_id", flat=True)) == {None}
    assert "acme: 3 entries, unbroken" in verify("--tenant", "acme")


def test_anonymising_a_person_keeps_the_chain(trail, acme_committed):
    with tenant_context(acme_committed), transaction.atomic():
        User.objects.filter(pk=trail[0].user_id).update(full_name="Anonymised", email="gone", email_hash="0" * 64)
    assert "unbroken" in verify("--tenant", "acme")


@pytest.mark.parametrize(
    "arguments", [("--tenant", "nobody"), ("--anchor", "1:ab"), ("--tenant", "acme", "--anchor", "x")]
)
def test_verify_refuses_unreadable_arguments(acme_committed, arguments):
    with pytest.raises(CommandError):
        verify(*arguments)


def test_parallel_writers_make_one_unbroken_chain(acme_committed):
    gate = threading.Barrier(4)

    def write(number: int) -> None:
        try:
            gate.wait()
            for _ in range(5):
                with tenant_context(acme_committed), transaction.atomic():
                    for _ in range(2):
                        record(actor=Actor.job(f"writer {number}"), action=AuditAction.UPDATE, resource="campaigns")
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert verify().startswith("acme: 40 entries, unbroken")


def test_rolled_back_change_leaves_no_gap(acme_committed):
    make_entry(acme_committed)
    with pytest.raises(ZeroDivisionError), tenant_context(acme_committed), transaction.atomic():
        record(actor=Actor.job("t"), action=AuditAction.UPDATE, resource="campaigns")
        raise ZeroDivisionError
    make_entry(acme_committed)
    assert verify().startswith("acme: 2 entries, unbroken")
