"""The screens of changes: who may, what the cells show, what is asked, how far a batch is, the ledger."""

import re
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from accounts.models import AuditLog
from campaigns import tasks
from campaigns.models import Campaign, CampaignChange
from campaigns.tests.change_helpers import ask, fresh, ledger_of, make_changeable, person, set_change
from campaigns.tests.factories import make_account, make_campaign, make_connected_account
from tenants.context import tenant_context

HTMX = {"HX-Request": "true"}
LIST = "/campaigns/"
LEDGER = "/changes/"


@pytest.fixture(autouse=True)
def sent(monkeypatch):
    """The messages that went to the queue."""
    messages = []
    monkeypatch.setattr(tasks.apply_changes, "delay_on_commit", lambda **message: messages.append(message))
    return messages


def body(response) -> str:
    return (b"".join(response.streaming_content) if response.streaming else response.content).decode()


def cell(response, kind: str, campaign) -> str:
    found = re.search(
        rf'<span class="change-cell" id="campaign-{kind}-{campaign.pk}".*?</td>', body(response), re.DOTALL
    )
    assert found
    return found[0]


def changes_of(tenant) -> list[CampaignChange]:
    with tenant_context(tenant), transaction.atomic():
        return list(CampaignChange.objects.order_by("pk"))


# --- The list -------------------------------------------------------------------------------------------------


def test_a_switch_pauses_and_enables_and_the_row_says_so(acme, manager, client_of, sent):
    campaign = make_changeable(acme)
    client = client_of(manager)
    assert f'hx-post="/campaigns/{campaign.pk}/pause/"' in cell(client.get(LIST), "status", campaign)
    response = client.post(f"/campaigns/{campaign.pk}/pause/", headers=HTMX)
    assert "Pausing…" in body(response)
    assert "campaigns-changed" in response["HX-Trigger"]
    (change,) = changes_of(acme)
    assert (change.new_status, change.user_id) == ("paused", manager.pk)
    assert sent == [{"tenant_id": acme.pk, "change_ids": [change.pk]}]
    listed = client.get(LIST)
    assert "Pausing…" in cell(listed, "status", campaign)
    assert "every 2s" in body(listed)


def test_without_scripts_the_answer_is_the_campaigns_page(acme, manager, client_of):
    campaign = make_changeable(acme, status="paused")
    response = client_of(manager).post(f"/campaigns/{campaign.pk}/enable/")
    assert response["Location"] == f"/campaigns/{campaign.pk}/"
    assert changes_of(acme)[0].new_status == "active"


def test_readers_see_neither_switch_nor_pencil(acme, analyst, client_of):
    campaign = make_changeable(acme)
    text = body(client_of(analyst).get(LIST))
    assert 'role="switch"' not in text
    assert "cell-edit" not in text
    assert client_of(analyst).post(f"/campaigns/{campaign.pk}/pause/").status_code == 403


@pytest.mark.parametrize(
    ("account", "fields", "words"),
    [
        ({}, {}, "fed by imported reports"),
        ({"status": "disabled"}, {}, "disconnected"),
        ({"status": "needs_reauth"}, {}, "Connect it again"),
        ({"status": "ok"}, {"over_limit": True}, "over what your plan allows"),
        ({"status": "ok"}, {"budget_lock": "ad_sets"}, "The budgets are set on the ad sets"),
    ],
)
def test_a_row_that_cannot_be_changed_says_why(acme, manager, client_of, account, fields, words):
    make_campaign(acme, account=make_account(acme, **account), daily_budget_cents=100, **fields)
    assert words in body(client_of(manager).get(LIST))


def test_campaigns_over_the_plans_limit_are_marked_and_counted(acme, manager, client_of):
    account = make_connected_account(acme)
    make_changeable(acme, account=account)
    over = [make_changeable(acme, account=account, over_limit=True) for _number in range(2)]
    text = body(client_of(manager).get(LIST))
    assert "2 campaigns are over what your plan allows" in text
    assert text.count("Over plan limit") == 2
    assert text.count('class="is-over-limit"') == 2
    assert f'id="campaign-switch-{over[0].pk}"' not in text


def test_a_failure_stands_on_the_row_for_a_day(acme, manager, client_of):
    campaign = make_changeable(acme)
    change = ask(campaign, "status", "paused")
    set_change(change, state="failed", error="Meta refused: no.", error_code="100", finished_at=timezone.now())
    client = client_of(manager)
    assert "Not paused: Meta refused: no." in cell(client.get(LIST), "status", campaign)
    set_change(change, finished_at=timezone.now() - timedelta(days=2))
    assert "Not paused" not in body(client.get(LIST))
    set_change(change, finished_at=timezone.now(), error_code="local.replaced")
    assert "Not paused" not in body(client.get(LIST))


def test_the_poll_brings_what_settled_and_a_toast_with_undo(acme, manager, client_of):
    campaign, other = make_changeable(acme, name="Aurora"), make_changeable(acme)
    change = ask(campaign, "status", "paused")
    client = client_of(manager)
    ids = f"ids={campaign.pk},{other.pk}"
    waiting = client.get(f"{LIST}changes/cells/?{ids}&seen=", headers=HTMX)
    assert "every 2s" in body(waiting)
    assert f"seen={change.pk}q" in body(waiting)
    assert f"campaign-status-{other.pk}" not in body(waiting)
    set_change(change, state="applied", finished_at=timezone.now())
    with tenant_context(acme), transaction.atomic():
        Campaign.objects.filter(pk=campaign.pk).update(status="paused")
    settled = client.get(f"{LIST}changes/cells/?{ids}&seen={change.pk}q", headers=HTMX)
    assert "every 2s" not in body(settled)
    assert "Paused" in body(settled)
    assert "Aurora" in settled["HX-Trigger"]
    assert f"/changes/{change.pk}/undo/" in settled["HX-Trigger"]


def test_a_worker_that_is_quicker_than_the_page_is_noticed(acme, manager, analyst, client_of):
    campaign = make_changeable(acme)
    change = ask(campaign, "status", "paused", person(manager))
    set_change(change, state="applied", finished_at=timezone.now())
    path = f"{LIST}changes/cells/?ids={campaign.pk}&seen="
    response = client_of(manager).get(path, headers=HTMX)
    assert f"campaign-status-{campaign.pk}" in body(response)
    assert "toast" in response["HX-Trigger"]
    assert "HX-Trigger" not in client_of(analyst).get(path, headers=HTMX)  # not theirs
    again = client_of(manager).get(f"{path}{change.pk}a", headers=HTMX)
    assert ("HX-Trigger" in again, "change-cell" in body(again)) == (False, False)
    page = client_of(manager).get(f"/campaigns/{campaign.pk}/changes/?seen=", headers=HTMX)
    assert page["HX-Refresh"] == "true"


def test_a_page_put_together_while_a_change_got_through_looks_again_silently(acme, manager, client_of):
    """Its rows were read before the change, its ledger after."""
    campaign = make_changeable(acme)
    change = ask(campaign, "status", "paused", person(manager))
    set_change(change, state="applied", finished_at=timezone.now())
    client = client_of(manager)
    text = body(client.get(LIST))
    assert "every 2s" in text
    assert f"seen={change.pk}u" in text
    again = client.get(f"{LIST}changes/cells/?ids={campaign.pk}&seen={change.pk}u", headers=HTMX)
    assert f"campaign-status-{campaign.pk}" in body(again)
    assert ("every 2s" in body(again), "HX-Trigger" in again) == (False, False)


def test_the_poll_tells_a_failure_in_words(acme, manager, client_of):
    campaign = make_changeable(acme)
    change = ask(campaign, "status", "paused")
    set_change(change, state="failed", error="Meta refused.", error_code="1", finished_at=timezone.now())
    response = client_of(manager).get(f"{LIST}changes/cells/?ids={campaign.pk}&seen={change.pk}s", headers=HTMX)
    assert "Meta refused." in response["HX-Trigger"]
    assert '"error"' in response["HX-Trigger"]


def test_foreign_campaigns_are_not_found(acme, globex, manager, client_of, sent):
    foreign = make_changeable(globex)
    change = ask(foreign, "status", "paused")
    client = client_of(manager)
    for path in (f"/campaigns/{foreign.pk}/pause/", f"/campaigns/{foreign.pk}/budget/", f"/changes/{change.pk}/undo/"):
        assert client.post(path).status_code == 404
    for path in (f"/campaigns/{foreign.pk}/budget/", f"/campaigns/{foreign.pk}/changes/"):
        assert client.get(path).status_code == 404
    text = body(client.get(f"{LIST}changes/cells/?ids={foreign.pk}&seen=", headers=HTMX))
    assert "change-cell" not in text
    assert (len(ledger_of(foreign)), sent) == (1, [])


@pytest.mark.parametrize("campaigns", [1, 3])
def test_the_poll_takes_the_same_queries_for_any_number(acme, manager, client_of, campaigns, django_assert_num_queries):
    rows = [make_changeable(acme) for _number in range(campaigns)]
    for row in rows:
        ask(row, "status", "paused")
    path = f"{LIST}changes/cells/?ids={','.join(str(row.pk) for row in rows)}&seen="
    client = client_of(manager)
    client.get(path, headers=HTMX)
    with django_assert_num_queries(POLL_QUERIES):
        client.get(path, headers=HTMX)


POLL_QUERIES = 7


# --- Budget ---------------------------------------------------------------------------------------------------


def test_the_budget_form_shows_before_and_after(acme, manager, client_of):
    account = make_connected_account(acme, minimum_daily_budget_cents=500)
    campaign = make_changeable(acme, account=account)
    client, path = client_of(manager), f"/campaigns/{campaign.pk}/budget/"
    opened = body(client.get(path, headers=HTMX))
    assert "data-open-on-load" in opened
    assert 'value="100.00"' in opened
    assert "At least $5.00 a day." in opened
    raised = body(client.get(f"{path}?percent=20", headers=HTMX))
    assert 'value="120.00"' in raised
    assert "$100.00 → $120.00" in raised
    assert "below the minimum" in body(client.get(f"{path}?amount=4.99", headers=HTMX))
    assert "<html" in body(client.get(path))


def test_a_budget_is_asked_for_in_units_of_the_currency(acme, manager, client_of, sent):
    campaign = make_changeable(acme, account=make_connected_account(acme, currency="JPY"))
    client, path = client_of(manager), f"/campaigns/{campaign.pk}/budget/"
    assert client.post(path, {"amount": "12.5"}, headers=HTMX).status_code == 422
    response = client.post(path, {"amount": "12500"}, headers=HTMX)
    assert response.status_code == 204
    assert {"close-dialogs", "campaigns-changed", "toast"} <= set(response.headers["HX-Trigger"].split('"'))
    assert (changes_of(acme)[0].new_budget_cents, len(sent)) == (12_500, 1)
    assert "¥10,000 → ¥12,500" in cell(client.get(LIST), "budget", campaign)


@pytest.mark.parametrize("amount", ["", "x", "0", "-5", "1e99", "9" * 30, "NaN"])
def test_nonsense_amounts_come_back_with_a_sentence(acme, manager, client_of, amount):
    campaign = make_changeable(acme)
    response = client_of(manager).post(f"/campaigns/{campaign.pk}/budget/", {"amount": amount}, headers=HTMX)
    assert response.status_code == 422
    assert 'role="alert"' in body(response)
    assert changes_of(acme) == []


def test_a_locked_budget_shows_its_reason_instead_of_a_field(acme, manager, client_of):
    campaign = make_changeable(acme, budget_lock="shared")
    text = body(client_of(manager).get(f"/campaigns/{campaign.pk}/budget/"))
    assert "shared with other campaigns" in text
    assert 'name="amount"' not in text


# --- Many -----------------------------------------------------------------------------------------------------


def post_bulk(client, campaigns, change, **more):
    data = {"ids": [one.pk for one in campaigns], "change": change, "state": "sort=name", **more}
    return client.post(f"{LIST}changes/bulk/", data)


def test_a_few_are_paused_at_once_and_the_list_shows_how_far_it_is(acme, manager, client_of, sent):
    one, two = make_connected_account(acme), make_connected_account(acme, platform="google")
    campaigns = [make_changeable(acme, account=one), make_changeable(acme, account=two)]
    client = client_of(manager)
    response = post_bulk(client, campaigns, "pause")
    batch = changes_of(acme)[0].batch
    assert response["Location"] == f"{LIST}?sort=name&batch={batch}"
    assert len(sent) == 2  # a task for each account
    text = body(client.get(response["Location"]))
    assert "Pausing 2 campaigns" in text
    assert "0 of 2 done" in text


def test_many_or_enabling_is_asked_about_first(acme, manager, client_of, sent):
    account = make_connected_account(acme)
    campaigns = [make_changeable(acme, account=account) for _number in range(21)]
    client = client_of(manager)
    asked = body(post_bulk(client, campaigns, "pause"))
    assert "Pause 21 campaigns?" in asked
    assert "Meta 21" in asked
    assert "Undo stands above the list" in asked
    assert (changes_of(acme), sent) == ([], [])
    assert "Pause 21" in body(post_bulk(client, campaigns, "pause", expected=20))  # it is not what was confirmed
    assert post_bulk(client, campaigns, "pause", expected=21).status_code == 302
    assert len(changes_of(acme)) == 21

    paused = make_changeable(acme, account=account, status="paused")
    assert "start to deliver and to spend" in body(post_bulk(client, [paused], "enable"))


def test_budgets_of_many_are_raised_by_a_percentage(acme, manager, client_of):
    account, euro = make_connected_account(acme), make_connected_account(acme, currency="EUR")
    campaigns = [make_changeable(acme, account=account), make_changeable(acme, account=euro)]
    locked = make_changeable(acme, account=account, budget_lock="ad_sets")
    client = client_of(manager)
    asked = body(post_bulk(client, [*campaigns, locked], "budget"))
    assert "EUR, USD" in asked
    assert 'value="set"' not in asked
    assert "set on the ad sets" in asked
    previewed = body(
        post_bulk(client, [*campaigns, locked], "budget", how="raise", amount="10", preview="1", expected=3)
    )
    assert "$100.00 → $110.00" in previewed
    assert changes_of(acme) == []
    assert post_bulk(client, [*campaigns, locked], "budget", how="raise", amount="10", expected=3).status_code == 302
    assert [change.new_budget_cents for change in changes_of(acme)] == [11_000, 11_000]


@pytest.mark.parametrize(
    ("how", "amount"), [("raise", "0"), ("lower", "100"), ("lower", "-1"), ("raise", "1.234"), ("set", "")]
)
def test_bulk_budgets_without_sense_are_asked_again(acme, manager, client_of, how, amount):
    response = post_bulk(client_of(manager), [make_changeable(acme)], "budget", how=how, amount=amount, expected=1)
    assert response.status_code == 422
    assert 'role="alert"' in body(response)
    assert changes_of(acme) == []


def test_all_that_match_are_meant_when_asked_so(acme, globex, manager, client_of):
    account = make_connected_account(acme)
    for number in range(3):
        make_changeable(acme, account=account, name=f"Aurora {number}")
    make_changeable(acme, account=account, name="Polar")
    make_changeable(globex, name="Aurora of others")
    client = client_of(manager)
    client.post(f"{LIST}changes/bulk/", {"scope": "all", "state": "q=Aurora", "change": "pause"})
    assert {fresh(change).campaign.name for change in changes_of(acme)} == {"Aurora 0", "Aurora 1", "Aurora 2"}
    assert changes_of(globex) == []


def test_a_batch_tells_how_far_it_is_and_is_taken_back(acme, globex, manager, outsider, client_of, sent):
    campaigns = [make_changeable(acme) for _number in range(3)]
    client = client_of(manager)
    post_bulk(client, campaigns, "pause")
    first, second, _third = changes_of(acme)
    panel = f"/changes/batches/{first.batch}/"
    set_change(first, state="applied", finished_at=timezone.now())
    set_change(second, state="failed", error="Meta refused.", finished_at=timezone.now())
    text = body(client.get(panel, headers=HTMX))
    assert "1 of 3 done, 1 not changed" in text
    assert "Meta refused." in text
    assert "every 1s" in text
    assert client_of(outsider).get(panel).status_code == 404
    assert client_of(outsider).post(f"{panel}undo/").status_code == 404
    with tenant_context(acme), transaction.atomic():
        Campaign.objects.filter(pk=first.campaign_id).update(status="paused")
    sent.clear()
    response = client.post(f"{panel}undo/", {"state": "sort=name"})
    back = changes_of(acme)[-1]
    assert (back.undoes_id, back.new_status) == (first.pk, "active")
    assert response["Location"] == f"{LIST}?sort=name&batch={back.batch}"
    assert sent == [{"tenant_id": acme.pk, "change_ids": [back.pk]}]
    assert "Taking back 1 change" in body(client.get(response["Location"]))


def test_a_bulk_of_a_thousand_is_a_bounded_number_of_statements(
    acme, manager, client_of, django_assert_max_num_queries
):
    account = make_connected_account(acme)
    with tenant_context(acme), transaction.atomic():
        Campaign.objects.bulk_create(
            Campaign(
                tenant=acme, ad_account=account, account_id=account.external_id, platform="meta",
                external_id=f"b{number}", name=f"Bulk {number}", status="active",
            )
            for number in range(1_000)
        )  # fmt: skip
    client = client_of(manager)
    data = {"scope": "all", "state": "", "change": "pause", "expected": 1_000}
    with django_assert_max_num_queries(25):
        assert client.post(f"{LIST}changes/bulk/", data).status_code == 302
    assert len(changes_of(acme)) == 1_000


# --- The campaign's page --------------------------------------------------------------------------------------


def test_the_page_has_the_actions_who_set_what_and_the_changes_once(acme, manager, client_of):
    campaign = make_changeable(acme, delivery_note="The card was declined.", name="Aurora")
    change = ask(campaign, "status", "paused", person(manager))
    client = client_of(manager)
    path = f"/campaigns/{campaign.pk}/"
    assert "Pausing…" in body(client.get(path))
    set_change(change, state="applied", finished_at=timezone.now() - timedelta(hours=2))
    with tenant_context(acme), transaction.atomic():
        Campaign.objects.filter(pk=campaign.pk).update(status="paused")
        AuditLog.objects.create(
            resource_type="campaigns", resource_id=str(campaign.pk), action="update", actor_kind="user",
            user=manager, old_value={"status": "active"}, new_value={"status": "paused", "change": change.pk},
            changed_fields=["change", "status"],
        )  # fmt: skip
    text = body(client.get(path))
    assert f"Paused by {manager.display_name} 2\xa0hours ago" in text
    assert "The card was declined." in text
    assert text.count("Active → Paused") == 1
    assert "Changed: " not in text
    assert f'action="/campaigns/{campaign.pk}/enable/"' in text
    assert f'action="/changes/{change.pk}/undo/"' in text


def test_the_panel_reloads_the_page_when_the_change_is_through(acme, manager, client_of):
    campaign = make_changeable(acme)
    change = ask(campaign, "status", "paused")
    client, path = client_of(manager), f"/campaigns/{campaign.pk}/changes/?seen={change.pk}q"
    assert "every 1s" in body(client.get(path, headers=HTMX))
    set_change(change, state="applied", finished_at=timezone.now())
    response = client.get(path, headers=HTMX)
    assert (response.status_code, response["HX-Refresh"]) == (286, "true")
    assert "is paused at Meta" in body(client.get(f"/campaigns/{campaign.pk}/"))


def test_undo_answers_toast_and_page(acme, manager, viewer, client_of, sent):
    campaign = make_changeable(acme, status="paused")
    change = ask(make_changeable(acme), "status", "paused")
    done = ask(campaign, "status", "active")
    set_change(done, state="applied", old_status="active", new_status="paused", finished_at=timezone.now())
    client = client_of(manager)
    assert client_of(viewer).post(f"/changes/{done.pk}/undo/").status_code == 403
    response = client.post(f"/changes/{done.pk}/undo/", headers=HTMX)
    assert (response.status_code, len(sent)) == (204, 1)
    assert "campaigns-changed" in response["HX-Trigger"]
    assert client.post(f"/changes/{done.pk}/undo/")["Location"] == f"/campaigns/{campaign.pk}/"
    assert "Taken back before it was sent" in client.post(f"/changes/{change.pk}/undo/", headers=HTMX)["HX-Trigger"]
    assert len(sent) == 1


# --- The ledger -----------------------------------------------------------------------------------------------


def test_the_ledger_is_filtered_searched_and_exported(acme, globex, analyst, viewer, client_of):
    aurora, polar = make_changeable(acme, name="Aurora"), make_changeable(acme, name="=Polar")
    ask(make_changeable(globex, name="Theirs"), "status", "paused")
    ask(aurora, "status", "paused")
    set_change(ask(polar, "daily_budget", 12_000, origin="rule"), state="failed", error="Meta refused.")
    client = client_of(analyst)
    everything = body(client.get(LEDGER))
    assert "Active → Paused" in everything
    assert "$100.00 → $120.00" in everything
    assert "Theirs" not in everything
    assert "every 3s" in everything
    for query, shown, hidden in (
        ("field=status", "Aurora", "=Polar"),
        ("origin=rule", "=Polar", "Aurora"),
        ("state=failed", "Meta refused.", "Aurora"),
        ("q=auro", "Aurora", "=Polar"),
    ):
        text = body(client.get(f"{LEDGER}?{query}", headers=HTMX))
        assert shown in text
        assert hidden not in text
    assert "No change matches" in body(client.get(f"{LEDGER}?platform=tiktok"))
    exported = body(client.get(f"{LEDGER}export/?state=failed"))
    assert "'=Polar" in exported
    assert ",100.00,120.00,USD," in exported
    assert "Aurora" not in exported
    with tenant_context(acme), transaction.atomic():
        assert AuditLog.objects.filter(action="export", resource_type="campaign_changes").count() == 1
    assert client_of(viewer).get(f"{LEDGER}export/").status_code == 403


def test_an_empty_ledger_teaches(acme, viewer, client_of):
    assert "Nothing has been changed yet" in body(client_of(viewer).get(LEDGER))


def test_undo_is_offered_only_where_it_would_work(acme, manager, viewer, client_of):
    campaign = make_changeable(acme, status="paused")
    old = ask(campaign, "status", "active")
    set_change(old, state="applied", finished_at=timezone.now())  # and somebody paused it since
    client = client_of(manager)
    assert f"/changes/{old.pk}/undo/" not in body(client.get(LEDGER))
    with tenant_context(acme), transaction.atomic():
        Campaign.objects.filter(pk=campaign.pk).update(status="active")
    assert f"/changes/{old.pk}/undo/" in body(client.get(LEDGER))
    assert f"/changes/{old.pk}/undo/" not in body(client_of(viewer).get(LEDGER))


@pytest.mark.parametrize("rows", [1, 3])
def test_the_ledger_takes_the_same_queries_for_any_number(acme, manager, client_of, rows, django_assert_num_queries):
    for _number in range(rows):
        ask(make_changeable(acme), "status", "paused", person(manager))
    client = client_of(manager)
    client.get(LEDGER)
    with django_assert_num_queries(LEDGER_QUERIES):
        client.get(LEDGER)


LEDGER_QUERIES = 6


@pytest.mark.parametrize(
    "query", ["sort=x", "page=-3", "origin=nobody", "q=%00", "state=1&field=2&platform=3", "per=7"]
)
def test_any_query_string_opens_the_ledger(acme, viewer, client_of, query):
    assert client_of(viewer).get(f"{LEDGER}?{query}").status_code == 200
