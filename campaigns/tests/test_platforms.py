"""From accounts of ours to the platforms: clients with kept tokens, renewals side by side, failures in words."""

import threading
from datetime import timedelta

import pytest
from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from campaigns.clients.base import ErrorKind, PlatformError
from campaigns.models import AdAccount, Connection
from campaigns.services.platforms import client_of, failure_note, success_note, wire_account
from campaigns.tests.factories import make_connected_account
from campaigns.tests.sandbox_cast import ACCOUNTS, connected, grant
from tenants.context import tenant_context


@pytest.mark.parametrize("platform", ACCOUNTS)
def test_account_is_reached_through_its_connection(live_sandbox, acme, platform):
    account = connected(acme, live_sandbox, ACCOUNTS[platform])
    with tenant_context(acme), transaction.atomic():
        client_of(account).check_health(wire_account(account))
        assert list(client_of(account).list_campaigns(wire_account(account)))


def test_expired_token_is_renewed_once_and_kept_for_all_accounts(live_sandbox, acme):
    shared = grant(acme, live_sandbox, "google")
    first = connected(acme, live_sandbox, "3456789012", connection=shared)
    second = connected(acme, live_sandbox, "1234567890", connection=shared)
    live_sandbox.control("tokens/expire", "POST", platform="google")
    with tenant_context(acme), transaction.atomic():
        list(client_of(first).list_campaigns(wire_account(first)))
        kept = Connection.objects.get()
        # The second worker still holds the old token in its hands, and is handed the new one.
        list(client_of(second).list_campaigns(wire_account(second)))
        assert Connection.objects.get().access_token == kept.access_token != shared.access_token


@pytest.mark.django_db(transaction=True)
def test_two_workers_renew_a_token_once(live_sandbox, acme):
    account = connected(acme, live_sandbox, ACCOUNTS["snapchat"])
    live_sandbox.control("tokens/expire", "POST", platform="snapchat")
    tokens, failures = [], []

    def work() -> None:
        try:
            with tenant_context(acme):
                client = client_of(account)
                list(client.list_campaigns(wire_account(account)))
            with tenant_context(acme), transaction.atomic():
                tokens.append(Connection.objects.get().access_token)
        except Exception as error:  # noqa: BLE001 - shown by the assertion below
            failures.append(error)
        finally:
            database.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(set(tokens)) == 1


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (ErrorKind.AUTH, "needs_reauth"),
        (ErrorKind.PERMISSION, "permission_lost"),
        (ErrorKind.RATE, "ok"),
        (ErrorKind.TRANSIENT, "ok"),
        (ErrorKind.INPUT, "ok"),
        (ErrorKind.BROKEN, "ok"),
        (ErrorKind.TOO_MUCH, "ok"),
    ],
)
def test_failure_is_shown_on_the_account_until_a_success(acme, kind, status):
    account = make_connected_account(acme)
    with tenant_context(acme), transaction.atomic():
        failure_note(account, PlatformError("no", kind=kind, platform="meta"))
        account = AdAccount.objects.get()
        assert (account.status, account.last_error != "") == (status, True)
        Connection.objects.update(status="ok")  # a person has connected again, where that was needed
        success_note(account, last_synced_at=timezone.now() - timedelta(seconds=1))
        account = AdAccount.objects.get()
        assert (account.status, account.last_error, account.last_synced_at is None) == ("ok", "", False)


def test_dead_token_stops_every_account_of_the_connection_and_no_other(acme):
    account = make_connected_account(acme)
    sibling = make_connected_account(acme, connection=account.connection)
    other = make_connected_account(acme)
    with tenant_context(acme), transaction.atomic():
        failure_note(account, PlatformError("dead", kind=ErrorKind.AUTH, platform="meta", code="190"))
        states = dict(AdAccount.objects.values_list("pk", "status"))
    assert states == {account.pk: "needs_reauth", sibling.pk: "needs_reauth", other.pk: "ok"}
    with tenant_context(acme), transaction.atomic(), pytest.raises(PlatformError):
        client_of(AdAccount.objects.select_related("connection").get(pk=account.pk))
