"""What people see of syncs: the panel in every state, 'Sync now', an account's runs, the next sync."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.cache import cache
from django.db import transaction
from django.utils import timezone

from accounts.models import AuditLog
from campaigns import tasks
from campaigns.choices import SyncTrigger
from campaigns.models import AdAccount, SyncRun
from campaigns.queries.completeness import completeness_warm
from campaigns.queries.sync import account_syncs, accounts_to_sync
from campaigns.tests.factories import make_account, make_campaign, make_connected_account, record_days
from stratum.lib.hourly import next_at_minute
from tenants.context import tenant_context

HTMX = {"HX-Request": "true"}
LIST_QUERIES, DETAIL_QUERIES, PANEL_QUERIES = 8, 7, 7


@pytest.fixture
def sent(monkeypatch):
    """What would be sent to a worker once the request is in."""
    found: list[int] = []
    monkeypatch.setattr(tasks.sync_account, "delay_on_commit", lambda tenant_id, run_id: found.append(run_id))
    return found


def make_run(account: AdAccount, **fields) -> SyncRun:
    if fields.get("status", "running") != "running":
        fields.setdefault("finished_at", fields.get("started_at", timezone.now()) + timedelta(seconds=42))
    with tenant_context(account.tenant_id), transaction.atomic():
        return SyncRun.objects.create(ad_account=account, **fields)


def days_plan(first: str = "2026-11-03", last: str = "2026-11-16") -> list[dict]:
    return [
        {"kind": "campaigns", "start": None, "end": None},
        {"kind": "days", "start": first, "end": last},
        {"kind": "breakdowns", "start": first, "end": last},
    ]


def panel(client, account, query=""):
    return client.get(f"/accounts/{account.pk}/sync/progress/{query}", headers=HTMX)


def text_of(response) -> str:
    return response.content.decode()


# --- The panel ------------------------------------------------------------------------------------------------


def test_panel_says_what_is_read_and_how_far_it_is(acme, viewer, client_of):
    account = make_connected_account(acme)
    run = make_run(account, phase="days", plan=days_plan(), done_steps=1, total_steps=3)
    response = panel(client_of(viewer), account)
    text = text_of(response)
    assert response.status_code == 200
    for part in ("Reading 3 Nov – 16 Nov", "step 2 of 3", 'value="33"', f"?run={run.pk}", "every 2s"):
        assert part in text
    assert "Sync now" not in text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "Waiting for a worker"),
        ({"phase": "campaigns", "plan": days_plan(), "total_steps": 3}, "Reading campaigns"),
        ({"phase": "breakdowns", "plan": days_plan(), "total_steps": 3, "done_steps": 2}, "Reading breakdowns"),
        ({"phase": "breakdowns", "plan": days_plan(), "total_steps": 3, "done_steps": 3}, "Reading breakdowns"),
    ],
)
def test_panel_names_each_phase(acme, viewer, client_of, fields, words):
    account = make_connected_account(acme)
    make_run(account, **fields)
    assert words in text_of(panel(client_of(viewer), account))


def test_panel_says_until_when_a_pause_lasts(acme, manager, client_of):
    account = make_connected_account(acme)
    until = timezone.now().replace(second=0) + timedelta(minutes=3)
    words = {"error": "Meta asked for a pause. Stratum goes on by itself.", "error_kind": "rate"}
    make_run(account, phase="campaigns", plan=days_plan(), total_steps=3, retry_at=until, **words)
    text = text_of(panel(client_of(manager), account))
    assert "Meta asked for a pause: goes on at" in text
    assert f"{until:%H:%M}" in text
    assert "Try now" in text


def test_panel_says_why_a_step_is_tried_again(acme, viewer, client_of):
    account = make_connected_account(acme)
    until = timezone.now() + timedelta(minutes=3)
    make_run(account, retry_at=until, error="Meta has trouble at the moment.", error_kind="transient")
    text = text_of(panel(client_of(viewer), account))
    assert "Meta has trouble at the moment. Next try at" in text


def test_panel_ends_the_asking_and_tells_the_page_once(acme, manager, client_of):
    account = make_connected_account(acme)
    run = make_run(account, status="done", counts={"days_added": 540, "days_changed": 1})
    client = client_of(manager)
    over = panel(client, account, f"?run={run.pk}")
    assert (over.status_code, over.headers["HX-Trigger"]) == (286, '{"sync-over": {}}')
    for part in ("Synced just now", "540 days added, 1 day changed", "next at", "Sync now"):
        assert part in text_of(over)
    assert "every" not in text_of(over)
    # Asked for by a page that saw no run: nothing has changed for it.
    first = panel(client, account)
    assert (first.status_code, "HX-Trigger" in first.headers) == (286, False)


def test_panel_shows_a_failure_in_words(acme, viewer, client_of):
    account = make_connected_account(acme)
    make_run(account, status="failed", error="Meta refused: wrong field")
    text = text_of(panel(client_of(viewer), account, "?run=1"))
    assert "Failed just now" in text
    assert "Meta refused: wrong field" in text


def test_panel_of_broken_and_ended_connections(acme, manager, client_of):
    client = client_of(manager)
    for status, words, can_sync in (
        ("needs_reauth", "Not synced yet", False),
        ("permission_lost", "Not synced yet", True),
        ("disabled", "Disconnected", False),
        ("import_only", "Fed by imports", False),
    ):
        text = text_of(panel(client, make_connected_account(acme, status=status)))
        assert words in text
        assert ("Sync now" in text) is can_sync


@pytest.mark.parametrize("every", ["5", "x", "0", "99999", "²"])
def test_panel_takes_any_interval(acme, viewer, client_of, every):
    account = make_connected_account(acme)
    make_run(account)
    text = text_of(panel(client_of(viewer), account, f"?every={every}"))
    assert f"every {5 if every == '5' else 2}s" in text


def test_panel_takes_few_queries(acme, viewer, client_of, django_assert_num_queries):
    account = make_connected_account(acme)
    for _number in range(3):
        make_run(account, status="done")
    make_run(account)
    client = client_of(viewer)
    panel(client, account)
    with django_assert_num_queries(PANEL_QUERIES):
        panel(client, account)


# --- Sync now -------------------------------------------------------------------------------------------------


def test_manager_syncs_now(acme, manager, client_of, sent):
    account = make_connected_account(acme)
    response = client_of(manager).post(f"/accounts/{account.pk}/sync/", headers=HTMX)
    assert "Waiting for a worker" in text_of(response)
    assert "The sync has begun." in response.headers["HX-Trigger"]
    with tenant_context(acme), transaction.atomic():
        run = SyncRun.objects.get()
        assert (run.trigger, run.requested_by, run.ad_account) == (SyncTrigger.PERSON, manager, account)
        assert AuditLog.objects.filter(resource_type="sync_runs", user_id=manager.pk).exists()
    assert sent == [run.pk]


def test_second_sync_now_finds_the_first(acme, manager, client_of, sent):
    account = make_connected_account(acme)
    run = make_run(account, retry_at=timezone.now() + timedelta(minutes=9), error="Pause", error_kind="rate")
    response = client_of(manager).post(f"/accounts/{account.pk}/sync/", headers=HTMX)
    assert "under way already" in response.headers["HX-Trigger"]
    assert "Pause" not in text_of(response)  # whoever asks again need not wait for its end
    assert sent == [run.pk]


def test_sync_now_without_scripts_leads_to_the_accounts_syncs(acme, manager, client_of, sent):
    account = make_connected_account(acme, name="Shoes US")
    page = client_of(manager).post(f"/accounts/{account.pk}/sync/", follow=True)
    assert page.redirect_chain[0][0] == f"/accounts/{account.pk}/syncs/"
    assert "The sync has begun." in text_of(page)
    assert "Waiting for a worker" in text_of(page)


@pytest.mark.parametrize(
    ("status", "words"), [("import_only", "not connected"), ("needs_reauth", "Connect this account")]
)
def test_sync_now_is_refused_in_a_sentence(acme, manager, client_of, sent, status, words):
    account = make_connected_account(acme, status=status)
    response = client_of(manager).post(f"/accounts/{account.pk}/sync/", headers=HTMX)
    assert words in response.headers["HX-Trigger"]
    assert sent == []


def test_sync_all_asks_for_every_account_that_can(acme, globex, manager, analyst, client_of, sent):
    for status in ("ok", "permission_lost", "needs_reauth", "disabled", "import_only"):
        make_connected_account(acme, status=status)
    make_connected_account(globex)
    page = client_of(manager).post("/accounts/sync/", follow=True)
    assert "2 accounts are being synced." in text_of(page)
    assert len(sent) == 2
    assert client_of(analyst).post("/accounts/sync/").status_code == 403


def test_sync_all_without_an_account_says_so(acme, manager, client_of, sent):
    assert "No account is connected" in text_of(client_of(manager).post("/accounts/sync/", follow=True))


# --- The runs of an account -----------------------------------------------------------------------------------


def test_runs_are_listed_with_who_what_and_why(acme, globex, manager, viewer, client_of):
    account = make_connected_account(acme, name="Shoes US")
    counts = {
        "campaigns": 9, "campaigns_created": 3, "campaigns_changed": 0, "campaigns_archived": 1, "days_added": 1540,
        "days_changed": 12,
    }  # fmt: skip
    make_run(
        account, status="done", trigger="person", requested_by=manager, counts=counts, done_steps=9, total_steps=9,
        started_at=timezone.now() - timedelta(minutes=5),
    )  # fmt: skip
    make_run(account, status="failed", error="Meta refused: no", error_code="(#100)", request_id="AbC123")
    make_run(make_connected_account(acme), status="failed", error="Of another account")
    make_run(make_connected_account(globex), status="failed", error="Of another workspace")
    client = client_of(viewer)
    text = text_of(client.get(f"/accounts/{account.pk}/syncs/"))
    for part in ("Shoes US", manager.display_name, "42 s", "9 / 9", "1,540", "3 new, 1 archived", "Every hour",
                 "Meta refused: no", "Code (#100) · Request AbC123"):  # fmt: skip
        assert part in text
    assert "Of another" not in text
    failed = text_of(client.get(f"/accounts/{account.pk}/syncs/?status=failed", headers=HTMX))
    assert "<html" not in failed
    assert "Meta refused" in failed
    assert "1,540" not in failed
    assert "No sync of this outcome" in text_of(client.get(f"/accounts/{account.pk}/syncs/?status=running"))


def test_one_run_shows_its_steps(acme, viewer, client_of):
    account = make_connected_account(acme)
    run = make_run(account, status="failed", plan=days_plan(), done_steps=1, total_steps=3, error="Gone wrong")
    text = text_of(client_of(viewer).get(f"/accounts/{account.pk}/syncs/{run.pk}/"))
    for part in ("Reading campaigns", "Reading 3 Nov – 16 Nov", "Not reached", "Gone wrong"):
        assert part in text


def test_run_of_another_account_is_not_found(acme, viewer, client_of):
    account, other = make_connected_account(acme), make_connected_account(acme)
    run = make_run(other, status="done")
    assert client_of(viewer).get(f"/accounts/{account.pk}/syncs/{run.pk}/").status_code == 404


@pytest.mark.parametrize("runs", [1, 3])
def test_runs_take_the_same_queries_for_any_number(acme, manager, client_of, runs, django_assert_num_queries):
    account = make_connected_account(acme)
    for _number in range(runs):
        run = make_run(account, status="done", trigger="person", requested_by=manager, plan=days_plan() * runs)
    client = client_of(manager)
    client.get(f"/accounts/{account.pk}/syncs/")
    with django_assert_num_queries(LIST_QUERIES):
        client.get(f"/accounts/{account.pk}/syncs/")
    with django_assert_num_queries(DETAIL_QUERIES):
        client.get(f"/accounts/{account.pk}/syncs/{run.pk}/")


# --- When the next one is ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("after", "expected"), [((8, 6, 59), (8, 7)), ((8, 7, 0), (9, 7)), ((8, 30, 0), (9, 7)), ((23, 59, 0), (0, 7))]
)
def test_next_moment_of_an_hourly_job(after, expected):
    found = next_at_minute(7, datetime(2026, 11, 3, *after, tzinfo=UTC))
    assert (found.hour, found.minute, found.second) == (*expected, 0)


def test_next_sync_is_the_one_that_the_scheduler_makes(acme):
    """The moment that is shown is the first run of the hourly job at which the account is due."""
    lost = make_connected_account(acme, status="permission_lost")
    fine = make_connected_account(acme)
    make_account(acme)
    make_run(lost, status="failed", started_at=timezone.now() - timedelta(hours=2))
    make_run(fine, status="done", started_at=timezone.now() - timedelta(hours=2))
    with tenant_context(acme), transaction.atomic():
        syncs = account_syncs()
        for account in (lost, fine):
            due = syncs[account.pk].next_at
            assert account in accounts_to_sync(due)
            assert account not in accounts_to_sync(due - timedelta(hours=1)) or account == fine
        assert sum(sync.next_at is not None for sync in syncs.values()) == 2


# --- Data health ------------------------------------------------------------------------------------------------


def test_data_health_shows_syncs_and_what_to_do(acme, manager, client_of):
    running = make_connected_account(acme, name="Running one")
    make_run(running, phase="campaigns", plan=days_plan(), total_steps=3)
    make_connected_account(acme, name="Broken one", status="needs_reauth", last_error="Meta no longer accepts it.")
    make_connected_account(acme, name="Ended one", status="disabled", last_error="Old words")
    failed = make_connected_account(acme, name="Failed one", is_sandbox=True)
    make_run(failed, status="failed", error="Meta refused: no")
    text = text_of(client_of(manager).get("/data-health/"))
    for part in ("Reading campaigns", "Meta no longer accepts it.", "Connect it again", "Meta refused: no",
                 "Disconnected", "Simulated", "Sync all now", "2 accounts need attention"):  # fmt: skip
        assert part in text
    assert "Old words" not in text
    assert text.count("Simulated") == 1


def test_data_health_refreshes_its_accounts_alone(acme, viewer, client_of):
    make_connected_account(acme, name="Shoes US")
    text = text_of(client_of(viewer).get("/data-health/", headers=HTMX))
    assert "Shoes US" in text
    assert "Restatements" not in text
    assert "<html" not in text
    assert "Sync now" not in text


def test_many_runs_on_one_page_are_asked_for_less_often(acme, viewer, client_of):
    for _number in range(9):
        make_run(make_connected_account(acme))
    text = text_of(client_of(viewer).get("/data-health/"))
    assert text.count("every 5s") == 9


def test_campaigns_over_the_plan_are_told(acme, globex, viewer, client_of):
    for _number in range(2):
        make_campaign(acme, over_limit=True)
    make_campaign(globex, over_limit=True)
    assert "2 campaigns are over what your plan allows" in text_of(client_of(viewer).get("/data-health/"))


def test_simulated_accounts_are_labelled_on_campaign_screens(acme, viewer, client_of):
    simulated = make_campaign(acme, account=make_account(acme, is_sandbox=True))
    real = make_campaign(acme)
    for campaign in (simulated, real):
        record_days(campaign, {timezone.now().date() - timedelta(days=2): {"spend_cents": 100, "impressions": 5}})
    client = client_of(viewer)
    assert text_of(client.get("/campaigns/?columns=name,account")).count("Simulated") == 2  # below the name, and alone
    assert "Simulated" in text_of(client.get(f"/campaigns/{simulated.pk}/"))
    assert "Simulated" not in text_of(client.get(f"/campaigns/{real.pk}/"))


# --- Completeness, learnt in the background -----------------------------------------------------------------------


def test_completeness_is_learnt_after_a_sync_once_an_hour(acme, viewer, client_of, settings):
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "warm"}}
    cache.clear()
    account = make_connected_account(acme)
    assert tasks.warm_completeness(tenant_id=acme.pk) == {"accounts": 1}
    assert tasks.warm_completeness(tenant_id=acme.pk) is None
    with tenant_context(acme):
        cache.delete(f"completeness-warmed:{acme.pk}")
        assert completeness_warm(timezone.now().replace(hour=23, minute=30)) == 1
    # Known now, until the first sync after midnight is in: no page asks the database.
    known = [key for hours in (0, 1) if cache.get(key := _key(acme, hours))]
    assert len(known) == 2
    assert account.pk in cache.get(known[0])


def _key(tenant, hours: int) -> str:
    moment = timezone.now().replace(hour=23, minute=30) + timedelta(hours=hours)
    return f"completeness:{tenant.pk}:{moment:%Y-%m-%d}"
