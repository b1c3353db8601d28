"""Pausing, enabling and budgets on Google Ads: refused here what can be, rehearsed, set-style, read back."""

from dataclasses import replace

import pytest

from campaigns.choices import BudgetLock
from campaigns.clients.base import Account, ErrorKind, PlatformError
from campaigns.tests.clients.google_cast import (
    ACCOUNT,
    BUDGET,
    CAMPAIGN,
    MUTATE_BUDGET,
    MUTATE_CAMPAIGN,
    SEARCH,
    campaign_row,
    failure,
    found,
)


def serve_campaign(server, **fields):
    server.answer("POST", SEARCH, found(campaign_row(**fields)))


def serve_criteria(server):
    server.answer("POST", SEARCH, found())


@pytest.mark.parametrize(
    ("name", "id_", "active", "word", "status"),
    [
        ("pause_success", "20100000001", False, "PAUSED", "paused"),
        ("enable_success", "20100000003", True, "ENABLED", "active"),
    ],
)
def test_statuses(name, id_, active, word, status, server_for, google_client):
    server = server_for("google_ads")
    server.serve(name)
    server.answer("POST", SEARCH, found(campaign_row(id_, status=word)))
    serve_criteria(server)
    campaign = replace(CAMPAIGN, external_id=id_)
    assert google_client(server).set_status(ACCOUNT, campaign, active=active).status == status
    sent, read, _ = server.requests
    assert sent.body == {
        "operations": [
            {
                "updateMask": "status",
                "update": {"resourceName": f"customers/1234567890/campaigns/{id_}", "status": word},
            }
        ],
        "partialFailure": False,
        "validateOnly": False,
    }
    assert sent.headers["login-customer-id"] == "9998887777"
    assert read.body["query"].endswith(f"WHERE campaign.id = {id_}")


def test_a_removed_campaign_is_final(server_for, google_client):
    server = server_for("google_ads")
    with pytest.raises(PlatformError) as raised:
        google_client(server).set_status(ACCOUNT, replace(CAMPAIGN, status="archived"), active=True)
    assert (raised.value.kind, raised.value.code) == (ErrorKind.INPUT, "local.final")
    # …also when it was removed since the last sync.
    server.serve("error_campaign_removed")
    with pytest.raises(PlatformError) as raised:
        google_client(server).set_status(ACCOUNT, CAMPAIGN, active=True)
    assert raised.value.code == "contextError.OPERATION_NOT_PERMITTED_FOR_REMOVED_RESOURCE"


@pytest.mark.parametrize("name", ["budget_success", "budget_success_mutable_resource"])
def test_a_budget(name, server_for, google_client):
    server = server_for("google_ads")
    serve_campaign(server)
    server.serve(name)
    serve_campaign(server, budget={"amountMicros": "90000000"})
    serve_criteria(server)
    assert google_client(server).set_daily_budget(ACCOUNT, CAMPAIGN, minor=9000).daily_budget == 9000
    (sent,) = server.asked("POST", MUTATE_BUDGET)
    assert sent.body == {
        "operations": [{"updateMask": "amountMicros", "update": {"resourceName": BUDGET, "amountMicros": "90000000"}}],
        "partialFailure": False,
        "validateOnly": False,
    }


def test_a_budget_may_be_rehearsed(server_for, google_client):
    server = server_for("google_ads")
    serve_campaign(server)
    server.serve("validate_only_ok")
    google_client(server).check_daily_budget(ACCOUNT, CAMPAIGN, minor=9000)
    (sent,) = server.asked("POST", MUTATE_BUDGET)
    assert sent.body["validateOnly"] is True


def test_a_rehearsal_tells_what_google_would_refuse(server_for, google_client):
    server = server_for("google_ads")
    serve_campaign(server)
    refused = failure("campaignBudgetError", "NON_MULTIPLE_OF_MINIMUM_CURRENCY_UNIT", "Not a multiple.")
    server.answer("POST", MUTATE_BUDGET, refused, status=400)
    with pytest.raises(PlatformError, match="Not a multiple") as raised:
        google_client(server).check_daily_budget(ACCOUNT, CAMPAIGN, minor=9000)
    assert raised.value.kind is ErrorKind.INPUT


@pytest.mark.parametrize("budget", [{"explicitlyShared": True}, {"referenceCount": "3"}])
def test_a_budget_that_became_shared_is_not_touched(budget, server_for, google_client):
    server = server_for("google_ads")
    serve_campaign(server, budget=budget)
    with pytest.raises(PlatformError) as raised:
        google_client(server).set_daily_budget(ACCOUNT, CAMPAIGN, minor=9000)
    assert (raised.value.kind, raised.value.code) == (ErrorKind.INPUT, "local.shared")
    assert server.asked("POST", MUTATE_BUDGET) == []


@pytest.mark.parametrize(
    ("campaign", "minor", "code"),
    [
        (replace(CAMPAIGN, budget_read_only=BudgetLock.SHARED.value), 9000, "local.shared"),
        (replace(CAMPAIGN, budget_read_only=BudgetLock.LIFETIME.value), 9000, "local.lifetime"),
        (replace(CAMPAIGN, status="archived"), 9000, "local.final"),
        (replace(CAMPAIGN, external_id="1 OR 2"), 9000, "local.bad_id"),
        (CAMPAIGN, 0, "local.not_positive"),
    ],
)
def test_budgets_that_are_refused_before_anything_is_sent(campaign, minor, code, server_for, google_client):
    client = google_client(server_for("google_ads"))
    for refuse in (client.check_daily_budget, client.set_daily_budget):
        with pytest.raises(PlatformError) as raised:
            refuse(ACCOUNT, campaign, minor=minor)
        assert (raised.value.kind, raised.value.code) == (ErrorKind.INPUT, code)


def test_an_amount_finer_than_google_bills_is_refused_here(server_for, google_client, monkeypatch):
    monkeypatch.setattr("campaigns.clients.google_ads.client.google_billable_unit", lambda _currency: 1_000_000)
    with pytest.raises(PlatformError) as raised:
        google_client(server_for("google_ads")).set_daily_budget(ACCOUNT, CAMPAIGN, minor=9050)
    assert raised.value.code == "local.not_multiple"


@pytest.mark.parametrize(("currency", "minor", "micros"), [("JPY", 5000, "5000000000"), ("KWD", 1505, "1505000")])
def test_budgets_go_out_in_micros(currency, minor, micros, server_for, google_client):
    server = server_for("google_ads")
    account = Account("1234567890", currency, "UTC")
    serve_campaign(server)
    server.answer("POST", MUTATE_BUDGET, {"results": [{"resourceName": BUDGET}]})
    serve_campaign(server, budget={"amountMicros": micros})
    serve_criteria(server)
    assert google_client(server).set_daily_budget(account, CAMPAIGN, minor=minor).daily_budget == minor
    (sent,) = server.asked("POST", MUTATE_BUDGET)
    assert sent.body["operations"][0]["update"]["amountMicros"] == micros


def test_success_is_believed_only_when_it_shows(server_for, google_client, fake_time):
    server = server_for("google_ads")
    server.serve("pause_success")
    for _ in range(3):
        serve_campaign(server, status="ENABLED")
    with pytest.raises(PlatformError) as raised:
        google_client(server).set_status(ACCOUNT, CAMPAIGN, active=False)
    assert raised.value.code == "local.not_applied"
    assert fake_time.slept == [1, 1]


def test_two_changes_at_once_are_sent_again(server_for, google_client):
    server = server_for("google_ads")
    server.serve("error_concurrent_modification", "pause_success")
    serve_campaign(server, status="PAUSED")
    serve_criteria(server)
    assert google_client(server).set_status(ACCOUNT, CAMPAIGN, active=False).status == "paused"
    assert len(server.asked("POST", MUTATE_CAMPAIGN)) == 2


def test_a_campaign_that_is_not_there(server_for, google_client):
    server = server_for("google_ads")
    server.answer("POST", SEARCH, found())
    with pytest.raises(PlatformError) as raised:
        google_client(server).set_daily_budget(ACCOUNT, CAMPAIGN, minor=9000)
    assert (raised.value.kind, raised.value.code) == (ErrorKind.PERMISSION, "local.missing")
