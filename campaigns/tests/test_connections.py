"""Connecting ad accounts: from a code to tokens and accounts, what is attached, what comes of failures."""

import threading
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from accounts.audit import Actor
from accounts.models import AuditLog
from accounts.tests.factories import make_user
from campaigns import tasks
from campaigns.clients.base import ErrorKind, PlatformError
from campaigns.clients.google_ads import GoogleAdsClient
from campaigns.clients.meta import MetaClient
from campaigns.models import AdAccount, Campaign, Connection
from campaigns.queries.connections import listed_accounts, missing_scopes, stranded_connections
from campaigns.services import connections as services
from campaigns.services.accounts import account_create
from campaigns.services.imports.targets import name_key
from campaigns.services.platforms import connection_break
from campaigns.tests.connection_cast import answer, begin, connect, only_connection
from campaigns.tests.factories import make_account, make_campaign, make_connected_account, make_connection
from campaigns.tests.sandbox_cast import ACCOUNTS, grant
from stratum.lib.errors import DomainError
from tenants.context import tenant_context
from tenants.models import Tenant

PLATFORMS = tuple(ACCOUNTS)


@pytest.fixture(autouse=True)
def at_the_public_address(settings):
    settings.PUBLIC_URL = "http://testserver"


@pytest.fixture
def desk(admin, client_of):
    """The admin's browser."""
    return client_of(admin)


def finish(tenant, *, last_try: bool = True) -> Connection:
    """What the worker does with the only connection there is."""
    pk = only_connection(tenant).pk
    with tenant_context(tenant):
        services.connection_finish(connection_id=pk, last_try=last_try)
        services.connection_list_accounts(connection_id=pk)
    return only_connection(tenant)


def requested(tenant, sandbox, platform: str) -> Connection:
    """A connection whose code waits for a worker, without a browser."""
    with tenant_context(tenant), transaction.atomic():
        consent = services.consent_ask(platform)
        code = dict(parse_qsl(urlsplit(answer(sandbox, consent.url)).query))["code"]
        return services.connection_request(
            platform=platform,
            code=code,
            code_verifier=consent.code_verifier,
            redirect_uri=consent.redirect_uri,
            connection=None,
            actor=Actor.job("test"),
        )


def attach(tenant, connection, *external_ids) -> list[AdAccount]:
    with tenant_context(tenant), transaction.atomic():
        return services.accounts_attach(connection=connection, external_ids=external_ids, actor=Actor.job("test"))


def account_of(tenant, external_id: str) -> AdAccount:
    with tenant_context(tenant), transaction.atomic():
        return AdAccount.objects.with_deleted().get(external_id=external_id)


@pytest.fixture
def connected(acme, desk, live_sandbox):
    """A Meta connection of ada's, with its list of accounts."""
    connect(desk, live_sandbox, "meta")
    return finish(acme)


# --- From the code to the accounts ----------------------------------------------------------------------------------


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_platform_connects_lists_and_attaches(acme, desk, live_sandbox, platform):
    response = connect(desk, live_sandbox, platform)
    connection = only_connection(acme)
    assert response.url == f"/connections/{connection.pk}/"
    assert (connection.status, bool(connection.code), connection.is_sandbox) == ("connecting", True, True)

    connection = finish(acme)
    assert (connection.status, connection.last_error) == ("ok", "")
    assert connection.access_token
    assert (connection.code, connection.code_verifier, connection.redirect_uri) == (None, None, "")
    wanted = ACCOUNTS[platform]
    theirs = live_sandbox.world.account(wanted)
    [account] = attach(acme, connection, wanted)
    assert (account.name, account.currency, account.timezone) == (theirs.name, theirs.currency, theirs.zone)
    assert (account.login_id, account.is_sandbox, account.status) == (theirs.manager or "", True, "ok")


def test_pkce_verifier_proves_who_asked(acme, desk, live_sandbox, monkeypatch):
    monkeypatch.setattr(GoogleAdsClient, "uses_pkce", True)
    url = begin(desk, "google")
    assert "code_challenge_method=S256" in url
    desk.get(answer(live_sandbox, url))
    verifier = only_connection(acme).code_verifier
    assert verifier
    assert verifier not in url
    assert finish(acme).status == "ok"


def test_code_with_another_verifier_is_worth_nothing(acme, desk, live_sandbox, monkeypatch):
    monkeypatch.setattr(GoogleAdsClient, "uses_pkce", True)
    connect(desk, live_sandbox, "google")
    with tenant_context(acme), transaction.atomic():
        Connection.objects.update(code_verifier="another-one")
    assert finish(acme).status == "failed"


@pytest.mark.parametrize("platform", PLATFORMS)
def test_used_code_fails_in_words_and_can_be_tried_again(acme, desk, live_sandbox, platform):
    connect(desk, live_sandbox, platform)
    code = only_connection(acme).code
    assert finish(acme).status == "ok"
    with tenant_context(acme), transaction.atomic():
        Connection.objects.update(
            status="connecting", code=code, redirect_uri=f"http://testserver/connections/{platform}/callback/",
            access_token=None,
        )  # fmt: skip
    failed = finish(acme)
    assert (failed.status, failed.code) == ("failed", None)
    assert "onnect again" in failed.last_error
    assert code not in failed.last_error
    connect(desk, live_sandbox, platform, connection=failed)
    assert finish(acme).status == "ok"


def test_platform_in_trouble_is_asked_again_and_then_given_up(acme, desk, live_sandbox):
    connect(desk, live_sandbox, "tiktok")
    code = only_connection(acme).code
    live_sandbox.fault("html_gateway", platform="tiktok", endpoint="oauth", count=2)
    pk = only_connection(acme).pk
    with tenant_context(acme):
        assert services.connection_finish(connection_id=pk, last_try=False) == "again"
    assert (only_connection(acme).status, only_connection(acme).code) == ("connecting", code)
    with tenant_context(acme):
        assert services.connection_finish(connection_id=pk, last_try=True) == "failed"
    failed = only_connection(acme)
    assert (failed.status, failed.code) == ("failed", None)
    assert "Try again in a few minutes" in failed.last_error


def test_trouble_that_passes_is_not_noticed(acme, desk, live_sandbox):
    connect(desk, live_sandbox, "linkedin")
    live_sandbox.fault("html_gateway", platform="linkedin", endpoint="oauth")
    pk = only_connection(acme).pk
    with tenant_context(acme):
        assert services.connection_finish(connection_id=pk, last_try=False) == "again"
        assert services.connection_finish(connection_id=pk, last_try=False) == "done"


@pytest.mark.django_db(transaction=True)
def test_two_workers_use_a_code_once(acme, live_sandbox):
    pk = requested(acme, live_sandbox, "snapchat").pk
    outcomes, failures = [], []
    together = threading.Barrier(3)

    def work() -> None:
        try:
            together.wait()
            with tenant_context(acme):
                outcomes.append(services.connection_finish(connection_id=pk))
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
    assert sorted(outcomes, key=str) == [None, None, "done"]
    assert only_connection(acme).status == "ok"


@pytest.mark.django_db(transaction=True)
def test_no_row_is_held_while_the_platform_is_asked(acme, live_sandbox):
    pk = requested(acme, live_sandbox, "meta").pk
    live_sandbox.fault("slow", platform="meta", endpoint="oauth", seconds=3)

    def work() -> None:
        try:
            with tenant_context(acme):
                services.connection_finish(connection_id=pk)
        finally:
            database.close()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        for _ in range(100):
            if only_connection(acme).code is None:
                break
            threading.Event().wait(0.02)
        with tenant_context(acme), transaction.atomic():
            Connection.objects.select_for_update(nowait=True).get(pk=pk)
        assert worker.is_alive()
    finally:
        worker.join()
    assert only_connection(acme).status == "ok"


def test_killed_worker_leaves_an_attempt_that_ends_by_itself(acme, desk, live_sandbox, monkeypatch):
    connect(desk, live_sandbox, "meta")

    def killed(*args, **kwargs):
        raise SystemExit

    with monkeypatch.context() as patch, tenant_context(acme), pytest.raises(SystemExit):
        patch.setattr("campaigns.clients.meta.client.MetaClient.exchange_code", killed)
        services.connection_finish(connection_id=only_connection(acme).pk)
    row = only_connection(acme)
    assert (row.status, row.code) == ("connecting", None)
    later = timezone.now() + timedelta(minutes=11)
    assert stranded_connections(acme.pk, timezone.now() + timedelta(minutes=5)).to_finish == []
    assert stranded_connections(acme.pk, later).stuck == [row.pk]
    with tenant_context(acme):
        assert services.connection_give_up(connection_id=row.pk) is False  # not yet: somebody may be at it
        monkeypatch.setattr("campaigns.services.connections.finish.STUCK_AFTER", timedelta(0))
        assert services.connection_give_up(connection_id=row.pk) is True
    row = only_connection(acme)
    assert (row.status, row.last_error) == ("failed", "The connection was not finished in time. Connect again.")


def test_lost_message_is_sent_again(acme, desk, live_sandbox):
    connect(desk, live_sandbox, "meta")
    pk = only_connection(acme).pk
    assert stranded_connections(acme.pk, timezone.now()).to_finish == []
    assert stranded_connections(acme.pk, timezone.now() + timedelta(minutes=3)).to_finish == [pk]
    tasks.finish_connection(tenant_id=acme.pk, connection_id=pk)
    assert only_connection(acme).status == "ok"
    assert only_connection(acme).listed_at is not None


def test_list_that_does_not_come_is_said_and_loaded_later(acme, connected, live_sandbox, admin):
    with tenant_context(acme):
        services.connection_list_request(connection=connected, actor=Actor.job("test"))
        live_sandbox.fault("permission_revoked", platform="meta", endpoint="accounts")
        services.connection_list_accounts(connection_id=connected.pk)
    row = only_connection(acme)
    assert (row.status, row.listed_at) == ("ok", None)
    assert "refused to list the accounts" in row.last_error
    assert listed_accounts(row)  # the earlier list is kept
    with tenant_context(acme):
        services.connection_list_request(connection=row, actor=Actor.job("test"))
        services.connection_list_accounts(connection_id=row.pk)
    assert (only_connection(acme).last_error, only_connection(acme).listed_at is None) == ("", False)


def test_right_that_was_not_granted_is_named(acme, desk, live_sandbox):
    connect(desk, live_sandbox, "meta", person="dan")
    connection = finish(acme)
    assert missing_scopes(connection) == ("ads_management",)
    page = desk.get(f"/connections/{connection.pk}/").content.decode()
    assert "Campaigns cannot be paused, enabled or given another budget from here." in page


def test_secrets_are_in_no_column_trail_or_page(acme, desk, live_sandbox):
    connect(desk, live_sandbox, "google")
    code = only_connection(acme).code
    connection = finish(acme)
    attach(acme, connection, ACCOUNTS["google"])
    secrets = [code, connection.access_token, connection.refresh_token]
    pages = "".join(
        desk.get(path).content.decode() for path in ("/connections/", f"/connections/{connection.pk}/", "/audit/")
    )
    with tenant_context(acme), transaction.atomic():
        trail = str(list(AuditLog.objects.values()))
        with database.cursor() as cursor:
            cursor.execute("SELECT to_jsonb(c)::text FROM connections c")
            stored = cursor.fetchone()[0]
    for secret in secrets:
        assert secret not in pages + trail + stored


def test_newer_attempt_is_not_ended_by_an_older_ones_failure(acme, live_sandbox, monkeypatch):
    first = requested(acme, live_sandbox, "meta")
    exchange = MetaClient.exchange_code

    def meanwhile_another(client, **given):
        with tenant_context(acme), transaction.atomic():
            services.connection_request(
                platform="meta", code="newer", code_verifier="", redirect_uri="http://testserver/", connection=first,
                actor=Actor.job("test"),
            )  # fmt: skip
        return exchange(client, **{**given, "code": "no-such-code"})

    monkeypatch.setattr(MetaClient, "exchange_code", meanwhile_another)
    with tenant_context(acme):
        services.connection_finish(connection_id=first.pk)
    row = only_connection(acme)
    assert (row.status, row.code, row.last_error) == ("connecting", "newer", "")


def test_real_tokens_are_never_shown_to_a_sandbox(acme, live_sandbox):
    real = make_connection(acme, platform="meta", access_token="a-real-token", listed_at=timezone.now())
    soon(acme, real)
    assert tasks.refresh_tenant_tokens(tenant_id=acme.pk) == {"renewed": 0, "failed": 1}
    row = only_connection(acme)
    assert (row.status, row.access_token) == ("ok", "a-real-token")
    assert "made at the real platform" in row.last_error


@pytest.mark.django_db(transaction=True)
def test_attaching_and_a_dying_grant_do_not_lock_each_other_up(acme, live_sandbox):
    older, newer = grant(acme, live_sandbox, "meta"), grant(acme, live_sandbox, "meta", "dan")
    listed = [a for a in live_sandbox.world.market.catalogue.of_platform("meta") if not a.closed]
    stored = [{"external_id": a.id, "name": a.name, "currency": a.currency, "timezone": a.zone} for a in listed]
    with tenant_context(acme), transaction.atomic():
        Connection.objects.update(listed_accounts=stored, listed_at=timezone.now())
    attach(acme, older, *(a.id for a in listed))
    dead = PlatformError("dead", kind=ErrorKind.AUTH, platform="meta")
    failures = []

    def run(work) -> None:
        try:
            with tenant_context(acme):
                work()
        except Exception as error:  # noqa: BLE001 - shown by the assertion below
            failures.append(error)
        finally:
            database.close()

    moves = [
        threading.Thread(target=run, args=(lambda: attach(acme, newer, *(a.id for a in listed)),)),
        threading.Thread(target=run, args=(lambda: connection_break(older.pk, dead),)),
    ]
    for thread in moves:
        thread.start()
    for thread in moves:
        thread.join()
    assert failures == []
    with tenant_context(acme), transaction.atomic():
        assert set(AdAccount.objects.values_list("status", "connection_id")) == {("ok", newer.pk)}
        assert Connection.objects.get(pk=older.pk).status == "ended"


# --- Authorising again ----------------------------------------------------------------------------------------------


def test_accounts_come_back_and_those_out_of_reach_say_so(acme, desk, live_sandbox, connected):
    ours, theirs = "1002003004005006", next(
        a.id for a in live_sandbox.world.market.catalogue.of_platform("meta") if a.id != "1002003004005006"
    )  # fmt: skip
    attach(acme, connected, ours, theirs)
    live_sandbox.control("grants/revoke", "POST", platform="meta")
    with tenant_context(acme):
        services.connection_list_accounts(connection_id=connected.pk)
    assert only_connection(acme).status == "needs_reauth"
    assert account_of(acme, ours).status == account_of(acme, theirs).status == "needs_reauth"

    connect(desk, live_sandbox, "meta", connection=connected, accounts=(ours,))
    again = finish(acme)
    assert (again.pk, again.status) == (connected.pk, "ok")
    assert (account_of(acme, ours).status, account_of(acme, ours).last_error) == ("ok", "")
    lost = account_of(acme, theirs)
    assert lost.status == "permission_lost"
    assert "does not show this account" in lost.last_error


def test_failed_reauthorisation_leaves_a_working_connection_working(acme, desk, live_sandbox, connected):
    attach(acme, connected, ACCOUNTS["meta"])
    connect(desk, live_sandbox, "meta", connection=connected)
    with tenant_context(acme), transaction.atomic():
        Connection.objects.update(code="no-such-code")
    row = finish(acme)
    assert (row.status, row.access_token) == ("ok", connected.access_token)
    assert account_of(acme, ACCOUNTS["meta"]).status == "ok"


def test_failed_reauthorisation_of_a_broken_connection_asks_again(acme, desk, live_sandbox, connected):
    attach(acme, connected, ACCOUNTS["meta"])
    live_sandbox.control("grants/revoke", "POST", platform="meta")
    with tenant_context(acme):
        services.connection_list_accounts(connection_id=connected.pk)
    connect(desk, live_sandbox, "meta", connection=connected)
    with tenant_context(acme), transaction.atomic():
        Connection.objects.update(code="no-such-code")
    assert finish(acme).status == "needs_reauth"


# --- Attaching ------------------------------------------------------------------------------------------------------


@pytest.fixture
def real_meta(live_sandbox, settings):
    """The same platform, taken for the real one."""
    settings.SANDBOX_URL = ""


@pytest.mark.usefixtures("real_meta")
@pytest.mark.parametrize("stored_as", ["1002003004005006", "act_1002003004005006", "by name"])
def test_imported_account_is_connected_and_keeps_its_history(acme, desk, live_sandbox, stored_as):
    theirs = live_sandbox.world.account("1002003004005006")
    external_id = name_key(theirs.name) if stored_as == "by name" else stored_as
    imported = make_account(acme, external_id=external_id, currency=theirs.currency, name="From a report")
    campaign = make_campaign(acme, account=imported)
    connect(desk, live_sandbox, "meta")
    connection = finish(acme)
    [account] = attach(acme, connection, theirs.id)
    assert (account.pk, account.status, account.is_sandbox) == (imported.pk, "ok", False)
    assert (account.external_id, account.timezone) == (theirs.id, theirs.zone)
    with tenant_context(acme), transaction.atomic():
        assert Campaign.objects.get(pk=campaign.pk).ad_account_id == account.pk
        assert Campaign.objects.get(pk=campaign.pk).account_id == theirs.id
        entry = AuditLog.objects.filter(resource_type="ad_accounts").latest("pk")
    assert (entry.old_value["status"], entry.new_value["status"]) == ("import_only", "ok")


@pytest.mark.usefixtures("real_meta")
def test_account_in_another_currency_is_refused_whole(acme, desk, live_sandbox):
    meta = [account.id for account in live_sandbox.world.market.catalogue.of_platform("meta")]
    imported = make_account(acme, external_id=meta[0], currency="XTS")
    connect(desk, live_sandbox, "meta")
    connection = finish(acme)
    with pytest.raises(DomainError, match="are in XTS") as refusal:
        attach(acme, connection, meta[1], meta[0])
    assert refusal.value.code == "currency_mismatch"
    with tenant_context(acme), transaction.atomic():
        assert list(AdAccount.objects.values_list("pk", "status")) == [(imported.pk, "import_only")]


def test_closed_account_cannot_be_chosen(acme, desk, live_sandbox):
    closed = next(a for p in PLATFORMS for a in live_sandbox.world.market.catalogue.of_platform(p) if a.closed)
    connect(desk, live_sandbox, closed.platform)
    connection = finish(acme)
    page = desk.get(f"/connections/{connection.pk}/").content.decode()
    assert "Closed at the platform" in page
    with pytest.raises(DomainError) as refusal:
        attach(acme, connection, closed.id)
    assert refusal.value.code == "closed"


def test_account_that_was_not_listed_cannot_be_smuggled_in(acme, connected):
    with pytest.raises(DomainError) as refusal:
        attach(acme, connected, ACCOUNTS["meta"], "999")
    assert refusal.value.code == "not_listed"
    with tenant_context(acme), transaction.atomic():
        assert not AdAccount.objects.exists()


def test_account_moves_to_the_newer_connection_and_the_emptied_one_ends(acme, live_sandbox, desk, connected):
    attach(acme, connected, ACCOUNTS["meta"])
    connect(desk, live_sandbox, "meta", person="dan")
    with tenant_context(acme), transaction.atomic():
        newer = Connection.objects.exclude(pk=connected.pk).get()
    with tenant_context(acme):
        services.connection_finish(connection_id=newer.pk)
        services.connection_list_accounts(connection_id=newer.pk)
    [moved] = attach(acme, newer, ACCOUNTS["meta"])
    assert moved.connection_id == newer.pk
    with tenant_context(acme), transaction.atomic():
        emptied = Connection.objects.get(pk=connected.pk)
    assert (emptied.status, emptied.access_token, emptied.refresh_token) == ("ended", None, None)
    assert attach(acme, newer, ACCOUNTS["meta"]) == []  # nothing to do the second time


def test_simulated_accounts_never_stand_beside_real_ones(acme, connected):
    make_account(acme, name="Imported")
    with pytest.raises(DomainError, match="made up") as refusal:
        attach(acme, connected, ACCOUNTS["meta"])
    assert refusal.value.code == "sandbox_and_real"


def test_real_accounts_never_stand_beside_simulated_ones(acme, desk, live_sandbox, settings, connected):
    attach(acme, connected, ACCOUNTS["meta"])
    settings.SANDBOX_URL = ""
    real = grant(acme, live_sandbox, "meta")
    with tenant_context(acme), transaction.atomic():
        Connection.objects.filter(pk=real.pk).update(
            is_sandbox=False, listed_accounts=connected.listed_accounts, listed_at=timezone.now()
        )
    with pytest.raises(DomainError) as refusal:
        attach(acme, real, ACCOUNTS["meta"])
    assert refusal.value.code == "sandbox_and_real"
    assert "accounts of the sandbox" in desk.post("/connections/meta/start/", follow=True).content.decode()


def test_report_of_a_real_account_is_not_imported_beside_simulated_ones(acme, connected):
    attach(acme, connected, ACCOUNTS["meta"])
    real = {"platform": "meta", "external_id": "1", "name": "Real", "currency": "EUR", "timezone": "UTC"}
    with tenant_context(acme), transaction.atomic(), pytest.raises(DomainError, match="workspace of their own"):
        account_create(**real, actor=Actor.job("test"))
    with tenant_context(acme), transaction.atomic():
        Tenant.objects.update(settings={"demo": True})
        assert account_create(**real, actor=Actor.job("test")).pk


def test_demo_may_hold_sandbox_accounts_and_no_real_ones(acme, connected, settings):
    with tenant_context(acme), transaction.atomic():
        Tenant.objects.update(settings={"demo": True})
    make_account(acme, name="Made up by the demo")
    assert attach(acme, connected, ACCOUNTS["meta"])
    settings.SANDBOX_URL = ""
    with tenant_context(acme), transaction.atomic(), pytest.raises(DomainError, match="demo workspace"):
        services.consent_ask("meta")


# --- Disconnecting --------------------------------------------------------------------------------------------------


def test_disconnecting_keeps_history_and_the_last_one_destroys_the_tokens(acme, admin, connected):
    meta = [account for account in listed_accounts(connected).values() if account.enabled][:2]
    first, second = attach(acme, connected, *(account.external_id for account in meta))
    campaign = make_campaign(acme, account=first)
    actor = Actor(kind="user", user=admin)
    with tenant_context(acme):
        services.account_disconnect(account=first, actor=actor)
        assert only_connection(acme).status == "ok"
        services.account_disconnect(account=second, actor=actor)
    gone = account_of(acme, first.external_id)
    assert (gone.status, gone.connection_id, gone.is_deleted) == ("disabled", None, False)
    with tenant_context(acme), transaction.atomic():
        assert Campaign.objects.filter(pk=campaign.pk).exists()
        ended = Connection.objects.get()
        entry = AuditLog.objects.filter(resource_type="connections").latest("pk")
    assert (ended.status, ended.access_token, ended.listed_accounts) == ("ended", None, [])
    assert (entry.user_id, entry.new_value["status"]) == (admin.pk, "ended")


def test_disconnected_account_comes_back(acme, desk, live_sandbox, connected):
    [account] = attach(acme, connected, ACCOUNTS["meta"])
    with tenant_context(acme):
        services.account_disconnect(account=account, actor=Actor.job("test"))
    connect(desk, live_sandbox, "meta")
    with tenant_context(acme), transaction.atomic():
        anew = Connection.objects.exclude(pk=connected.pk).get()
    with tenant_context(acme):
        services.connection_finish(connection_id=anew.pk)
        services.connection_list_accounts(connection_id=anew.pk)
    assert "its history goes on" in desk.get(f"/connections/{anew.pk}/").content.decode()
    [back] = attach(acme, anew, ACCOUNTS["meta"])
    assert (back.pk, back.status) == (account.pk, "ok")


def test_connection_that_feeds_accounts_is_not_removed(acme, connected):
    attach(acme, connected, ACCOUNTS["meta"])
    with tenant_context(acme), pytest.raises(DomainError):
        services.connection_remove(connection=connected, actor=Actor.job("test"))
    assert only_connection(acme).access_token


# --- Renewing ahead -------------------------------------------------------------------------------------------------


def soon(tenant, connection: Connection, **fields: object) -> Connection:
    """The tokens run out in three days, and were not renewed lately."""
    when = {"token_expires_at": timezone.now() + timedelta(days=3), "refreshed_at": timezone.now() - timedelta(days=57)}
    with tenant_context(tenant), transaction.atomic():
        Connection.objects.filter(pk=connection.pk).update(**{**when, **fields})
        return Connection.objects.get(pk=connection.pk)


@pytest.mark.parametrize("platform", ["meta", "linkedin", "google", "snapchat"])
def test_tokens_are_renewed_before_they_run_out(acme, live_sandbox, platform):
    old = soon(acme, grant(acme, live_sandbox, platform))
    assert tasks.refresh_tenant_tokens(tenant_id=acme.pk) == {"renewed": 1, "failed": 0}
    new = only_connection(acme)
    assert new.access_token != old.access_token
    assert new.token_expires_at != old.token_expires_at
    assert tasks.refresh_tenant_tokens(tenant_id=acme.pk) is None  # renewed today: nothing is due


def test_tokens_without_an_end_are_left_alone(acme, live_sandbox):
    grant(acme, live_sandbox, "tiktok")
    assert tasks.refresh_tenant_tokens(tenant_id=acme.pk) is None


def test_refused_renewal_asks_for_a_person(acme, live_sandbox):
    connection = soon(acme, grant(acme, live_sandbox, "google"))
    account = make_connected_account(acme, connection=connection)
    live_sandbox.control("grants/revoke", "POST", platform="google")
    assert tasks.refresh_tenant_tokens(tenant_id=acme.pk) == {"renewed": 0, "failed": 1}
    assert only_connection(acme).status == "needs_reauth"
    assert account_of(acme, account.external_id).status == "needs_reauth"


def test_trouble_while_renewing_is_shown_and_tried_again_the_next_day(acme, live_sandbox, monkeypatch):
    monkeypatch.setattr("campaigns.clients.transport.FIRST_DELAY", 0.01)
    connection = soon(acme, grant(acme, live_sandbox, "google"), listed_at=timezone.now())
    live_sandbox.fault("html_gateway", platform="google", endpoint="oauth", count=None)
    assert tasks.refresh_tenant_tokens(tenant_id=acme.pk) == {"renewed": 0, "failed": 1}
    row = only_connection(acme)
    assert (row.status, row.access_token) == ("ok", connection.access_token)
    assert "has trouble" in row.last_error
    live_sandbox.control("faults/clear", "POST")
    soon(acme, row, access_token=live_sandbox.tokens("google")["access_token"])
    assert tasks.refresh_tenant_tokens(tenant_id=acme.pk) == {"renewed": 1, "failed": 0}
    assert only_connection(acme).last_error == ""


def test_access_that_ends_whatever_jobs_do_is_announced(acme, desk):
    ends = timezone.now() + timedelta(days=5)
    connection = make_connection(
        acme, platform="linkedin", token_expires_at=ends, refresh_token=None, listed_at=timezone.now()
    )
    make_connected_account(acme, connection=connection)
    page = desk.get("/connections/").content.decode()
    assert "Access ends on" in page
    assert "connect again before" in page
    with tenant_context(acme), transaction.atomic():
        Connection.objects.update(refresh_token="one", connected_at=timezone.now() - timedelta(days=100))
    assert "Access ends on" not in desk.get("/connections/").content.decode()
    with tenant_context(acme), transaction.atomic():
        Connection.objects.update(connected_at=timezone.now() - timedelta(days=340))
    assert "Access ends on" in desk.get("/connections/").content.decode()


def test_beat_sends_one_job_per_workspace(acme, globex, monkeypatch):
    sent = []
    monkeypatch.setattr(tasks.refresh_tenant_tokens, "delay", lambda **given: sent.append(given["tenant_id"]))
    assert tasks.refresh_tokens() == {"workspaces": 2}
    assert sent == [acme.pk, globex.pk]


def test_job_of_one_workspace_renews_nothing_of_another(acme, globex, live_sandbox):
    theirs = soon(globex, grant(globex, live_sandbox, "meta"))
    assert tasks.refresh_tenant_tokens(tenant_id=acme.pk) is None
    assert only_connection(globex).access_token == theirs.access_token


def test_the_person_who_connected_is_kept(acme, desk, live_sandbox, admin, client_of):
    connect(desk, live_sandbox, "meta")
    connection = finish(acme)
    assert connection.connected_by_id == admin.pk
    colleague = make_user(acme, "admin", email="second@acme.example")
    connect(client_of(colleague), live_sandbox, "meta", connection=connection)
    assert finish(acme).connected_by_id == colleague.pk
