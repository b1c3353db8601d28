"""Consent, codes, tokens: what a person allows, for how long, and how it ends."""

import base64
import hashlib
from typing import Any

import pytest

from stratum.sandbox.tests.caller import Answer, Caller
from stratum.sandbox.tests.test_faults import ACCOUNT, failed, listing

BACK = "https://app.example.test/connect/callback?from=here"
CONSENT = {
    "meta": ("/v26.0/dialog/oauth", "client_id", "code"),
    "google": ("/o/oauth2/v2/auth", "client_id", "code"),
    "tiktok": ("/portal/auth", "app_id", "auth_code"),
    "snapchat": ("/login/oauth2/authorize", "client_id", "code"),
    "linkedin": ("/oauth/v2/authorization", "client_id", "code"),
}
PLATFORMS = list(CONSENT)
REFRESHING = {"google": "/token", "snapchat": "/login/oauth2/access_token", "linkedin": "/oauth/v2/accessToken"}


def consent(caller: Caller, platform: str, *, person: str = "ada", decision: str = "allow", **more: Any) -> Answer:
    path, client, _code = CONSENT[platform]
    accounts = more.pop("accounts", None)
    query = {client: f"sandbox-{platform}", "redirect_uri": BACK, "response_type": "code", "state": "st=1&2", **more}
    form: dict[str, Any] = {"person": person, "decision": decision}
    if accounts:
        form["account"] = accounts
    return caller.send("POST", path, query, form=form)


def exchange(caller: Caller, platform: str, code: str, **more: str) -> Answer:
    app = {"client_id": f"sandbox-{platform}", "client_secret": "sandbox-secret", "redirect_uri": BACK, **more}
    if platform == "meta":
        return caller.send("GET", "/v26.0/oauth/access_token", {**app, "code": code})
    if platform == "tiktok":
        body = {"app_id": "sandbox-tiktok", "secret": "sandbox-secret", "auth_code": code}
        return caller.send("POST", "/open_api/v1.3/oauth2/access_token/", json_body=body)
    return caller.send("POST", REFRESHING[platform], form={**app, "grant_type": "authorization_code", "code": code})


def code_of(caller: Caller, platform: str, **more: Any) -> str:
    if platform == "google":
        more = {"access_type": "offline", **more}
    return consent(caller, platform, **more).location[CONSENT[platform][2]]


def login(caller: Caller, platform: str, answer: Answer, person: str = "ada") -> None:
    """Use the tokens of an exchange for all further calls."""
    body = answer.json["data"] if platform == "tiktok" else answer.json
    headers = caller.auth(platform, person)
    name = "access-token" if platform == "tiktok" else "authorization"
    headers[name] = body["access_token"] if platform == "tiktok" else f"Bearer {body['access_token']}"


@pytest.mark.parametrize("platform", PLATFORMS)
def test_code_becomes_a_token_once(caller: Caller, platform: str) -> None:
    back = consent(caller, platform, **({"access_type": "offline"} if platform == "google" else {}))
    assert back.status == 302
    assert back.headers["location"].startswith(f"{BACK}&")
    assert back.location["state"] == "st=1&2"
    code = back.location[CONSENT[platform][2]]
    first = exchange(caller, platform, code)
    assert not failed(first), first.text
    login(caller, platform, first)
    assert not failed(listing(caller, platform))
    assert failed(exchange(caller, platform, code))


@pytest.mark.parametrize("platform", PLATFORMS)
def test_code_runs_out_after_ten_minutes(caller: Caller, platform: str) -> None:
    late, timely = code_of(caller, platform), code_of(caller, platform)
    caller.wall.at += 599
    assert not failed(exchange(caller, platform, timely))
    caller.wall.at += 2
    assert failed(exchange(caller, platform, late))


@pytest.mark.parametrize("platform", PLATFORMS)
def test_deny_comes_back_with_an_error_and_the_state(caller: Caller, platform: str) -> None:
    back = consent(caller, platform, decision="deny")
    assert back.location["state"] == "st=1&2"
    assert "error" in back.location
    assert CONSENT[platform][2] not in back.location
    assert caller.control("grants")["grants"] == []


@pytest.mark.parametrize("platform", PLATFORMS)
def test_pages_lead_from_person_to_decision(caller: Caller, platform: str) -> None:
    path, client, _code = CONSENT[platform]
    query = {client: f"sandbox-{platform}", "redirect_uri": BACK, "response_type": "code", "state": "<b>"}
    first = caller.send("GET", path, query)
    assert first.status == 200
    assert "Chloé Haddad" in first.text
    assert "<b>" not in first.text
    second = caller.send("GET", path, {**query, "person": "chloe"})
    assert 'value="allow"' in second.text
    assert ('type="checkbox"' in second.text) == (platform in ("meta", "tiktok"))


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("wrong", [{"redirect_uri": "javascript:alert(1)"}, {"client": "someone"}])
def test_wrong_request_is_not_sent_back(caller: Caller, platform: str, wrong: dict[str, str]) -> None:
    path, client, _code = CONSENT[platform]
    query = {client: wrong.get("client", f"sandbox-{platform}"), "redirect_uri": wrong.get("redirect_uri", BACK)}
    assert caller.send("GET", path, query).status == 400
    assert caller.send("POST", path, query, form={"person": "ada", "decision": "allow"}).status == 400


@pytest.mark.parametrize("platform", PLATFORMS)
def test_wrong_secret_is_refused(caller: Caller, platform: str) -> None:
    code = code_of(caller, platform)
    if platform == "tiktok":
        body = {"app_id": "sandbox-tiktok", "secret": "no", "auth_code": code}
        assert caller.send("POST", "/open_api/v1.3/oauth2/access_token/", json_body=body).json["code"] == 40101
        return
    assert failed(exchange(caller, platform, code, client_secret="no"))
    assert not failed(exchange(caller, platform, code))


@pytest.mark.parametrize("platform", ["meta", "google", "snapchat", "linkedin"])
def test_redirect_uri_must_be_the_same(caller: Caller, platform: str) -> None:
    assert failed(exchange(caller, platform, code_of(caller, platform), redirect_uri="https://other.example.test/"))


@pytest.mark.parametrize("platform", ["google", "linkedin", "snapchat", "meta"])
def test_pkce(caller: Caller, platform: str) -> None:
    verifier = "v" * 50
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    more = {"code_challenge": challenge, "code_challenge_method": "S256"}
    assert failed(exchange(caller, platform, code_of(caller, platform, **more), code_verifier="w" * 50))
    assert not failed(exchange(caller, platform, code_of(caller, platform, **more), code_verifier=verifier))


@pytest.mark.parametrize("platform", ["meta", "tiktok"])
def test_only_picked_accounts_are_covered(caller: Caller, platform: str) -> None:
    answer = exchange(caller, platform, code_of(caller, platform, accounts=[ACCOUNT[platform]]))
    login(caller, platform, answer)
    assert not failed(listing(caller, platform))
    others = [one["id"] for one in caller.control("accounts", platform=platform)["accounts"]]
    others.remove(ACCOUNT[platform])
    assert failed(listing(caller, platform, others[0]))


@pytest.mark.parametrize("platform", PLATFORMS)
def test_people_see_their_own_accounts(caller: Caller, platform: str) -> None:
    ben, chloe = (set(one["accounts"]) for one in caller.control("people")["people"] if one["id"] in ("ben", "chloe"))
    assert ben.isdisjoint(chloe)
    assert ACCOUNT[platform] in ben
    grant = exchange(caller, platform, code_of(caller, platform, person="chloe"))
    login(caller, platform, grant)
    answer = listing(caller, platform)
    assert failed(answer)


@pytest.mark.parametrize("platform", REFRESHING)
def test_refresh(caller: Caller, platform: str) -> None:
    tokens = caller.tokens(platform)
    caller.control("tokens/expire", "POST", platform=platform)
    form = {"client_id": f"sandbox-{platform}", "client_secret": "sandbox-secret", "grant_type": "refresh_token"}
    caller.auth(platform)
    login(caller, platform, _as_answer(caller, tokens))
    caller.control("tokens/expire", "POST", platform=platform)
    assert listing(caller, platform).status == 401
    caller.wall.at += 1000
    fresh = caller.send("POST", REFRESHING[platform], form={**form, "refresh_token": tokens["refresh_token"]})
    assert fresh.status == 200
    login(caller, platform, fresh)
    assert listing(caller, platform).status == 200
    if platform == "linkedin":  # counted from the consent
        assert fresh.json["refresh_token_expires_in"] == tokens["refresh_token_expires_in"] - 1000
        assert fresh.json["refresh_token"] == tokens["refresh_token"]
    if platform == "google":
        assert "refresh_token" not in fresh.json
    caller.control("grants/revoke", "POST", platform=platform)
    dead = caller.send("POST", REFRESHING[platform], form={**form, "refresh_token": tokens["refresh_token"]})
    assert (dead.status, dead.json["error"]) == (400, "invalid_grant")
    assert failed(listing(caller, platform))


def _as_answer(caller: Caller, tokens: dict[str, Any]) -> Any:
    class Tokens:
        json = tokens

    return Tokens()


def test_snapchat_sometimes_sends_a_new_refresh_token(caller: Caller) -> None:
    tokens = caller.tokens("snapchat")
    form = {"client_id": "sandbox-snapchat", "client_secret": "sandbox-secret", "grant_type": "refresh_token"}
    form["refresh_token"] = tokens["refresh_token"]
    answers = [caller.send("POST", REFRESHING["snapchat"], form=form).json for _ in range(4)]
    assert [("refresh_token" in one) for one in answers].count(True) == 2
    assert {one["expires_in"] for one in answers} == {1800}


@pytest.mark.parametrize(("platform", "seconds"), [("google", 3600), ("snapchat", 1800), ("linkedin", 5_184_000)])
def test_access_token_runs_out(caller: Caller, platform: str, seconds: int) -> None:
    listing(caller, platform)
    caller.wall.at += seconds - 1
    assert listing(caller, platform).status == 200
    caller.wall.at += 2
    assert listing(caller, platform).status == 401


def test_google_gives_a_refresh_token_again_only_when_asked(caller: Caller) -> None:
    first = exchange(caller, "google", code_of(caller, "google")).json
    second = exchange(caller, "google", code_of(caller, "google")).json
    third = exchange(caller, "google", code_of(caller, "google", prompt="consent")).json
    online = exchange(caller, "google", code_of(caller, "google", prompt="consent", access_type="online")).json
    assert ["refresh_token" in one for one in (first, second, third, online)] == [True, False, True, False]


def test_meta_exchanges_a_living_token_only(caller: Caller) -> None:
    short = exchange(caller, "meta", code_of(caller, "meta")).json
    assert short["expires_in"] < 7_200
    query = {"grant_type": "fb_exchange_token", "client_id": "sandbox-meta", "client_secret": "sandbox-secret"}
    path = "/v26.0/oauth/access_token"
    long = caller.send("GET", path, {**query, "fb_exchange_token": short["access_token"]}).json
    assert long["expires_in"] > 50 * 86_400
    assert long["access_token"] != short["access_token"]
    caller.wall.at += 6_000
    dead = caller.send("GET", path, {**query, "fb_exchange_token": short["access_token"]}).json["error"]
    assert (dead["code"], dead["error_subcode"]) == (190, 463)


def test_meta_debug_token(caller: Caller) -> None:
    token = caller.tokens("meta", "dan")["access_token"]
    app = "sandbox-meta|sandbox-secret"
    shown = caller.send("GET", "/v26.0/debug_token", {"input_token": token, "access_token": app}).json["data"]
    assert shown["is_valid"]
    assert "ads_management" not in shown["scopes"]
    caller.control("grants/revoke", "POST", platform="meta")
    dead = caller.send("GET", "/v26.0/debug_token", {"input_token": token, "access_token": app}).json["data"]
    assert not dead["is_valid"]


def test_meta_proof_of_the_secret(caller: Caller) -> None:
    import hmac

    token = caller.tokens("meta")["access_token"]
    proof = hmac.new(b"sandbox-secret", token.encode(), hashlib.sha256).hexdigest()
    assert caller.send("GET", "/v26.0/me", {"access_token": token, "appsecret_proof": proof}).status == 200
    assert caller.send("GET", "/v26.0/me", {"access_token": token, "appsecret_proof": "0" * 64}).status == 400


def test_tiktok_revoke(caller: Caller) -> None:
    token = caller.tokens("tiktok")["access_token"]
    body = {"app_id": "sandbox-tiktok", "secret": "sandbox-secret", "access_token": token}
    assert caller.send("POST", "/open_api/v1.3/oauth2/revoke_token/", json_body=body).json["code"] == 0
    dead = caller.send("GET", "/open_api/v1.3/user/info/", headers={"access-token": token})
    assert dead.json["code"] == 40105


@pytest.mark.parametrize("platform", PLATFORMS)
def test_reader_cannot_write(caller: Caller, platform: str) -> None:
    headers = caller.auth(platform, "dan")
    campaign = next(iter(caller.world.campaigns(ACCOUNT[platform]))).id
    answer = write(caller, platform, campaign, headers)
    assert failed(answer)
    assert caller.world.market.status(campaign, caller.world.now()) == "active"
    assert not failed(write(caller, platform, campaign, caller.auth(platform)))
    assert caller.world.market.status(campaign, caller.world.now()) == "paused"


def write(caller: Caller, platform: str, campaign: str, headers: dict[str, str]) -> Answer:
    """Pause a campaign the platform's way."""
    account = ACCOUNT[platform]
    if platform == "meta":
        return caller.send("POST", f"/v26.0/{campaign}", form={"status": "PAUSED"}, headers=headers)
    if platform == "google":
        update = {"resourceName": f"customers/{account}/campaigns/{campaign}", "status": "PAUSED"}
        body = {"operations": [{"updateMask": "status", "update": update}]}
        headers = {**headers, "login-customer-id": "9998887777"}
        return caller.send("POST", f"/v26/customers/{account}/campaigns:mutate", json_body=body, headers=headers)
    if platform == "tiktok":
        body = {"advertiser_id": account, "campaign_ids": [campaign], "operation_status": "DISABLE"}
        return caller.send("POST", "/open_api/v1.3/campaign/status/update/", json_body=body, headers=headers)
    if platform == "snapchat":
        item = caller.get("snapchat", f"/v1/campaigns/{campaign}").json["campaigns"][0]["campaign"]
        kept = {name: item[name] for name in item if name not in ("created_at", "updated_at", "delivery_status")}
        body = {"campaigns": [{**kept, "status": "PAUSED"}]}
        return caller.send("PUT", f"/v1/adaccounts/{account}/campaigns", json_body=body, headers=headers)
    body = {"patch": {"$set": {"status": "PAUSED"}}}
    path = f"/rest/adAccounts/{account}/adCampaigns/{campaign}"
    answer = caller.send("POST", path, json_body=body, headers={**headers, "x-restli-method": "PARTIAL_UPDATE"})
    return answer if answer.status != 204 else caller.get("linkedin", path)
