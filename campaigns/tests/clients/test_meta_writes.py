"""Pausing, enabling and budgets on Meta: refused here what can be, set-style, read back."""

from dataclasses import replace

import pytest

from campaigns.choices import BudgetLock
from campaigns.clients.base import Account, ErrorKind, PlatformError
from campaigns.tests.clients.meta_cast import ACCOUNT, AD_SETS, CAMPAIGN, error_body, page

PATH = f"/v26.0/{CAMPAIGN.external_id}"


def shown(**fields):
    return {"id": CAMPAIGN.external_id, "name": "Prospecting", "daily_budget": "7500", **fields}


def serve_read_back(server, **fields):
    server.answer("GET", PATH, shown(**fields))


def test_pausing(server_for, meta_client):
    server = server_for("meta")
    server.serve("pause_success")
    serve_read_back(server, status="PAUSED", effective_status="PAUSED")
    server.answer("GET", AD_SETS, page())
    after = meta_client(server).set_status(ACCOUNT, CAMPAIGN, active=False)
    assert (after.status, after.daily_budget) == ("paused", 7500)
    sent = server.asked("POST", PATH)[0]
    assert {name: sent.body[name] for name in sent.body if name != "appsecret_proof"} == {"status": "PAUSED"}
    assert sent.query == {}


def test_enabling_is_compared_with_the_own_status_not_the_effective_one(server_for, meta_client):
    server = server_for("meta")
    campaign = replace(CAMPAIGN, external_id="120210000000000103", status="paused")
    server.serve("enable_success")
    record = {"id": campaign.external_id, "status": "ACTIVE", "effective_status": "WITH_ISSUES", "daily_budget": "1"}
    server.answer("GET", f"/v26.0/{campaign.external_id}", record)
    server.answer("GET", AD_SETS, page())
    after = meta_client(server).set_status(ACCOUNT, campaign, active=True)
    assert (after.status, after.warning) == ("active", "WITH_ISSUES")


def test_a_budget(server_for, meta_client):
    server = server_for("meta")
    server.serve("budget_success")
    serve_read_back(server, status="ACTIVE", effective_status="ACTIVE", daily_budget="9000")
    server.answer("GET", AD_SETS, page())
    assert meta_client(server).set_daily_budget(ACCOUNT, CAMPAIGN, minor=9000).daily_budget == 9000
    assert server.asked("POST", PATH)[0].body["daily_budget"] == "9000"


@pytest.mark.parametrize(("currency", "minor", "wire"), [("JPY", 5000, "5000"), ("HUF", 500000, "5000")])
def test_budgets_go_out_in_metas_own_minor_units(currency, minor, wire, server_for, meta_client):
    server = server_for("meta")
    account = Account("1002003004005006", currency, "UTC")
    server.answer("POST", PATH, {"success": True})
    serve_read_back(server, status="ACTIVE", effective_status="ACTIVE", daily_budget=wire)
    server.answer("GET", AD_SETS, page())
    assert meta_client(server).set_daily_budget(account, CAMPAIGN, minor=minor).daily_budget == minor
    assert server.asked("POST", PATH)[0].body["daily_budget"] == wire


@pytest.mark.parametrize(
    ("campaign", "account", "minor", "code"),
    [
        (replace(CAMPAIGN, budget_read_only=BudgetLock.AD_SETS.value), ACCOUNT, 9000, "local.ad_sets"),
        (replace(CAMPAIGN, budget_read_only=BudgetLock.LIFETIME.value), ACCOUNT, 9000, "local.lifetime"),
        (replace(CAMPAIGN, status="archived"), ACCOUNT, 9000, "local.final"),
        (CAMPAIGN, ACCOUNT, 0, "local.not_positive"),
        (CAMPAIGN, ACCOUNT, -5, "local.not_positive"),
        (CAMPAIGN, replace(ACCOUNT, minimum_daily_budget=100), 99, "local.below_minimum"),
        (CAMPAIGN, replace(ACCOUNT, currency="HUF"), 500050, "local.not_multiple"),
        (CAMPAIGN, replace(ACCOUNT, currency="KWD"), 1505, "local.not_multiple"),
    ],
)
def test_budgets_that_are_refused_before_anything_is_sent(campaign, account, minor, code, server_for, meta_client):
    client = meta_client(server_for("meta"))
    for refuse in (client.check_daily_budget, client.set_daily_budget):
        with pytest.raises(PlatformError) as raised:
            refuse(account, campaign, minor=minor)
        assert (raised.value.kind, raised.value.code) == (ErrorKind.INPUT, code)


def test_a_budget_that_is_fine_is_not_set_by_checking(server_for, meta_client):
    meta_client(server_for("meta")).check_daily_budget(ACCOUNT, CAMPAIGN, minor=9000)


def test_an_archived_campaign_takes_no_status(server_for, meta_client):
    with pytest.raises(PlatformError) as raised:
        meta_client(server_for("meta")).set_status(ACCOUNT, replace(CAMPAIGN, status="archived"), active=True)
    assert raised.value.code == "local.final"


def test_success_is_believed_only_when_it_shows(server_for, meta_client, fake_time):
    server = server_for("meta")
    server.serve("pause_success")
    for _ in range(3):
        serve_read_back(server, status="ACTIVE", effective_status="ACTIVE")
    with pytest.raises(PlatformError) as raised:
        meta_client(server).set_status(ACCOUNT, CAMPAIGN, active=False)
    assert raised.value.code == "local.not_applied"
    assert fake_time.slept == [1, 1]


def test_a_write_that_shows_late_is_believed(server_for, meta_client):
    server = server_for("meta")
    server.serve("pause_success")
    serve_read_back(server, status="ACTIVE", effective_status="ACTIVE")
    serve_read_back(server, status="PAUSED", effective_status="PAUSED")
    server.answer("GET", AD_SETS, page())
    assert meta_client(server).set_status(ACCOUNT, CAMPAIGN, active=False).status == "paused"


def test_a_write_whose_answer_is_lost_is_sent_again(server_for, meta_client):
    server = server_for("meta")
    server.answer("POST", PATH, "", truncated=True)
    server.serve("pause_success")
    serve_read_back(server, status="PAUSED", effective_status="PAUSED")
    server.answer("GET", AD_SETS, page())
    assert meta_client(server).set_status(ACCOUNT, CAMPAIGN, active=False).status == "paused"
    assert len(server.asked("POST", PATH)) == 2


def test_what_meta_refuses_is_told_in_its_own_words(server_for, meta_client):
    server = server_for("meta")
    body = error_body(100, 1885272, error_user_msg="Your budget is too low. It must be at least $1.00.")
    server.answer("POST", PATH, body, status=400)
    with pytest.raises(PlatformError) as raised:
        meta_client(server).set_daily_budget(ACCOUNT, CAMPAIGN, minor=50)
    assert raised.value.kind is ErrorKind.INPUT
    assert str(raised.value) == "Your budget is too low. It must be at least $1.00."


def test_too_many_budget_changes_hold_nobody_else_back(server_for, meta_client, fake_time):
    server = server_for("meta")
    server.answer("POST", PATH, error_body(613, 1487632), status=400)
    client = meta_client(server)
    with pytest.raises(PlatformError) as raised:
        client.set_daily_budget(ACCOUNT, CAMPAIGN, minor=9000)
    assert (raised.value.kind, raised.value.retry_after) == (ErrorKind.RATE, 3600)
    server.answer("POST", "/v26.0/2", {"success": True})
    server.answer("GET", "/v26.0/2", {"id": "2", "status": "PAUSED", "daily_budget": "1"})
    server.answer("GET", AD_SETS, page())
    client.set_status(ACCOUNT, replace(CAMPAIGN, external_id="2"), active=False)
    assert fake_time.slept == []
