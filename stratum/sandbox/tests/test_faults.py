"""Every fault comes when it is asked for, where it is asked for, as often as it is asked for."""

from typing import Any

import pytest

from stratum.sandbox.faults import INSTEAD, KINDS
from stratum.sandbox.tests.caller import Answer, Caller

ACCOUNT = {
    "meta": "1002003004005006",
    "google": "1234567890",
    "tiktok": "7012345678901234567",
    "snapchat": "49715d85-08fd-5ea2-bb84-75621c1b0ae6",
    "linkedin": "512345678",
}
PLATFORMS = list(ACCOUNT)
CAMPAIGNS = "SELECT campaign.id FROM campaign ORDER BY campaign.id"
SEARCH = "q=search&search=(status:(values:List(ACTIVE,PAUSED)))&pageSize=2"


def listing(caller: Caller, platform: str, account: str = "") -> Answer:
    account = account or ACCOUNT[platform]
    if platform == "google":
        return caller.google(account, CAMPAIGNS)
    path, query = {
        "meta": (f"/v26.0/act_{account}/campaigns", {"limit": 2}),
        "tiktok": ("/open_api/v1.3/campaign/get/", {"advertiser_id": account, "page_size": 2}),
        "snapchat": (f"/v1/adaccounts/{account}/campaigns", {"limit": 2}),
        "linkedin": (f"/rest/adAccounts/{account}/adCampaigns", SEARCH),
    }[platform]
    return caller.get(platform, path, query)


def failed(answer: Answer) -> bool:
    if answer.response.reset or answer.response.keep is not None or answer.status >= 400:
        return True
    return "code" in answer.json and answer.json["code"] != 0


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize(
    ("kind", "statuses"),
    [
        ("rate_limit", {"meta": 400, "google": 429, "tiktok": 200, "snapchat": 429, "linkedin": 429}),
        ("token_expired", {"meta": 400, "google": 401, "tiktok": 200, "snapchat": 401, "linkedin": 401}),
        ("token_revoked", {"meta": 400, "google": 401, "tiktok": 200, "snapchat": 401, "linkedin": 401}),
        ("permission_revoked", {"meta": 403, "google": 403, "tiktok": 200, "snapchat": 403, "linkedin": 403}),
        ("server_error", {"meta": 500, "google": 500, "tiktok": 200, "snapchat": 500, "linkedin": 500}),
        ("html_gateway", dict.fromkeys(PLATFORMS, 502)),
    ],
)
def test_fault_instead_of_an_answer(caller: Caller, platform: str, kind: str, statuses: dict[str, int]) -> None:
    good = listing(caller, platform)
    caller.fault(kind, account=ACCOUNT[platform], count=2)
    for _ in range(2):
        answer = listing(caller, platform)
        assert answer.status == statuses[platform]
        assert answer.text != good.text
        if kind == "html_gateway":
            assert answer.text.startswith("<html>")
            continue
        assert failed(answer)
    assert listing(caller, platform).status == 200
    assert not failed(listing(caller, platform))


@pytest.mark.parametrize("platform", PLATFORMS)
def test_fault_spares_other_accounts(caller: Caller, platform: str) -> None:
    others = [one["id"] for one in caller.control("accounts", platform=platform)["accounts"]]
    others.remove(ACCOUNT[platform])
    caller.fault("server_error", account=ACCOUNT[platform], count=None)
    assert not failed(listing(caller, platform, others[0]))
    assert failed(listing(caller, platform))
    assert caller.control("faults")["faults"][0]["left"] is None
    caller.control("faults/clear", "POST")
    assert not failed(listing(caller, platform))


@pytest.mark.parametrize("platform", PLATFORMS)
def test_fault_at_one_endpoint(caller: Caller, platform: str) -> None:
    caller.fault("server_error", platform=platform, endpoint="write")
    assert not failed(listing(caller, platform))
    assert len(caller.control("faults")["faults"]) == 1


def test_slow_truncated_and_reset(caller: Caller) -> None:
    whole = listing(caller, "meta")
    caller.fault("slow", account=ACCOUNT["meta"], seconds=7)
    slow = listing(caller, "meta")
    assert (slow.response.delay, slow.text) == (7, whole.text)
    caller.fault("truncated", account=ACCOUNT["meta"])
    cut = listing(caller, "meta").response
    assert cut.keep == len(cut.body) // 2
    caller.fault("connection_reset", account=ACCOUNT["meta"])
    assert listing(caller, "meta").response.reset


def ids(caller: Caller, platform: str) -> list[str]:
    """The ids of a complete listing, page by page."""
    found: list[Any] = []
    if platform == "google":
        caller.control("settings", "POST", google_page_rows=3)
        body: dict[str, Any] = {}
        while True:
            page = caller.google(
                ACCOUNT["google"], "SELECT campaign.id FROM campaign ORDER BY campaign.id", **body
            ).json
            found += [row["campaign"]["id"] for row in page.get("results", [])]
            if "nextPageToken" not in page:
                return found
            body["pageToken"] = page["nextPageToken"]
    if platform == "tiktok":
        page = listing(caller, platform).json["data"]
        return [row["campaign_id"] for row in page["list"]]
    answer = listing(caller, platform)
    while True:
        body = answer.json
        if platform == "meta":
            found += [row["id"] for row in body["data"]]
            following = body.get("paging", {}).get("next", "").partition("?")[2]
            path = f"/v26.0/act_{ACCOUNT['meta']}/campaigns"
        elif platform == "snapchat":
            found += [row["campaign"]["id"] for row in body["campaigns"]]
            following = body["paging"].get("next_link", "").partition("?")[2]
            path = f"/v1/adaccounts/{ACCOUNT['snapchat']}/campaigns"
        else:
            found += [row["id"] for row in body["elements"]]
            token = body["metadata"].get("nextPageToken")
            following = f"{SEARCH}&pageToken={token}" if token else ""
            path = f"/rest/adAccounts/{ACCOUNT['linkedin']}/adCampaigns"
        if not following:
            return found
        answer = caller.get(platform, path, following)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_duplicated_page_loses_nothing(caller: Caller, platform: str) -> None:
    plain = ids(caller, platform)
    assert len(plain) == len(set(plain))
    caller.fault("duplicated_page", account=ACCOUNT[platform])
    twice = ids(caller, platform)
    assert set(twice) == set(plain)
    assert len(twice) > len(plain)


def test_empty_page_with_a_next_one(caller: Caller) -> None:
    caller.fault("empty_page", account=ACCOUNT["meta"])
    body = listing(caller, "meta").json
    assert body["data"] == []
    assert "next" in body["paging"]
    assert ids(caller, "meta")


def test_pages_are_empty_where_everything_is_hidden(caller: Caller) -> None:
    """Without a fault too: cursors count what the caller may not see."""
    body = caller.get(
        "meta", f"/v26.0/act_{ACCOUNT['meta']}/campaigns", {"limit": 2, "effective_status": '["ARCHIVED"]'}
    ).json
    assert body["data"] == []
    assert "access_token=" in body["paging"]["next"]


def test_foreign_next_link(caller: Caller) -> None:
    caller.fault("foreign_next_link", account=ACCOUNT["snapchat"])
    assert listing(caller, "snapchat").json["paging"]["next_link"].startswith("https://ads.example.net/")
    assert listing(caller, "snapchat").json["paging"]["next_link"].startswith("http://sandbox.test/v1/")


def test_probability(caller: Caller) -> None:
    caller.fault("server_error", account=ACCOUNT["meta"], count=None, probability=0.5)
    bad = sum(failed(listing(caller, "meta")) for _ in range(200))
    assert 60 < bad < 140


def test_token_endpoints_fail_only_when_named(caller: Caller) -> None:
    tokens = caller.tokens("google")
    form = {"grant_type": "refresh_token", "client_id": "sandbox-google", "client_secret": "sandbox-secret"}
    form["refresh_token"] = tokens["refresh_token"]
    caller.fault("server_error", platform="google", count=None)
    assert caller.send("POST", "/token", form=form).status == 200
    caller.fault("token_revoked", platform="google", endpoint="oauth")
    assert caller.send("POST", "/token", form=form).json["error"] == "invalid_grant"


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "nonsense"},
        {"kind": "slow", "count": 0},
        {"kind": "slow", "probability": 2},
        {"kind": "restate", "account": "1234567890", "factor": -1},
    ],
)
def test_senseless_fault_is_refused(caller: Caller, fields: dict[str, Any]) -> None:
    answer = caller.send("POST", "/_control/faults", json_body=fields)
    assert answer.status == 400
    assert caller.control("faults")["faults"] == []


def test_unknown_account_is_refused(caller: Caller) -> None:
    assert caller.send("POST", "/_control/faults", json_body={"kind": "slow", "account": "1"}).status == 404


def test_kinds_are_divided_where_the_list_says() -> None:
    assert {"slow", "truncated", "duplicated_page", "job_failed"}.isdisjoint(INSTEAD)
    assert {"rate_limit", "connection_reset", "write_conflict"} <= INSTEAD
    assert set(KINDS) > INSTEAD
