"""Connecting to Meta: consent, codes, tokens that live long and cannot be refreshed once dead."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from campaigns.clients.base import ErrorKind, PlatformError, Tokens
from campaigns.tests.clients.conftest import NOW, SECRET
from campaigns.tests.clients.meta_cast import ACCOUNT, ROOT, error_body

TOKEN, DEBUG = "/v26.0/oauth/access_token", "/v26.0/debug_token"
GRANTED = {"data": {"is_valid": True, "expires_at": 0, "scopes": ["ads_read", "ads_management"]}}


def test_the_consent_page(server_for, meta_client):
    client = meta_client(server_for("meta"))
    url = urlsplit(client.authorize_url(redirect_uri="https://app.example.test/back", state="S&1"))
    query = {name: values[0] for name, values in parse_qs(url.query).items()}
    assert url.path == "/v26.0/dialog/oauth"
    assert query == {
        "client_id": "111222333444555",
        "redirect_uri": "https://app.example.test/back",
        "state": "S&1",
        "scope": "ads_read,ads_management,business_management",
        "response_type": "code",
    }


def test_a_code_becomes_a_token_of_sixty_days(server_for, meta_client):
    server = server_for("meta")
    server.serve("token_code_exchange_ok", "token_long_lived_ok")
    server.answer("GET", DEBUG, GRANTED)
    client = meta_client(server, tokens=None)
    tokens = client.exchange_code(code="AQD_code", redirect_uri="https://app.example.test/oauth/meta/callback")
    assert tokens == Tokens("EAAB_long_lived", None, NOW + timedelta(seconds=5183944), ("ads_read", "ads_management"))
    code, exchange = server.asked("GET", TOKEN)
    assert code.query == {
        "client_id": "111222333444555",
        "client_secret": SECRET,
        "redirect_uri": "https://app.example.test/oauth/meta/callback",
        "code": "AQD_code",
    }
    assert exchange.query["grant_type"] == "fb_exchange_token"
    assert exchange.query["fb_exchange_token"] == "EAAB_short_lived"
    (debug,) = server.asked("GET", DEBUG)
    assert debug.headers["Authorization"] == f"Bearer 111222333444555|{SECRET}"
    assert "Authorization" not in code.headers


def test_scopes_that_meta_does_not_tell_are_unknown(server_for, meta_client):
    server = server_for("meta")
    server.serve("token_code_exchange_ok", "token_long_lived_ok")
    server.answer("GET", DEBUG, error_body(100), status=400)
    tokens = meta_client(server, tokens=None).exchange_code(code="c", redirect_uri="https://app.example.test/")
    assert tokens.scopes == ()


def test_refreshing_buys_a_different_token_with_one_that_is_still_good(server_for, meta_client):
    server = server_for("meta")
    server.serve("token_long_lived_ok")
    server.answer("GET", DEBUG, error_body(1), status=400)
    for _ in range(4):
        server.answer("GET", DEBUG, error_body(1), status=400)
    old = Tokens("EAAB_old", expires_at=NOW + timedelta(days=9), scopes=("ads_read",))
    fresh = meta_client(server, tokens=old).refresh(old)
    assert fresh.access_token == "EAAB_long_lived"
    assert fresh.refresh_token is None
    assert fresh.scopes == ("ads_read",)
    assert server.asked("GET", TOKEN)[0].query["fb_exchange_token"] == "EAAB_old"


def test_a_token_may_live_for_ever(server_for, meta_client):
    server = server_for("meta")
    server.answer("GET", TOKEN, {"access_token": "EAAB_system", "token_type": "bearer"})
    server.answer("GET", DEBUG, GRANTED)
    assert meta_client(server).refresh(Tokens("EAAB_old")).expires_at is None


def test_a_dead_token_cannot_be_exchanged(server_for, meta_client):
    server = server_for("meta")
    server.answer("GET", TOKEN, error_body(190, 463, "Session has expired"), status=400)
    with pytest.raises(PlatformError) as raised:
        meta_client(server).refresh(Tokens("EAAB_old"))
    assert raised.value.kind is ErrorKind.AUTH


def test_an_expired_token_ends_in_a_new_log_in_and_no_renewal(server_for, meta_client):
    server = server_for("meta")
    server.answer("GET", ROOT, error_body(190, 463, "Session has expired"), status=400)

    def never(*_args):
        raise AssertionError("there is nothing to renew with")

    with pytest.raises(PlatformError) as raised:
        meta_client(server, renew=never).check_health(ACCOUNT)
    assert raised.value.kind is ErrorKind.AUTH


def test_without_a_token_nothing_is_sent(server_for, meta_client):
    with pytest.raises(PlatformError) as raised:
        meta_client(server_for("meta"), tokens=None).check_health(ACCOUNT)
    assert raised.value.kind is ErrorKind.AUTH


def test_an_answer_without_a_token_is_an_error(server_for, meta_client):
    server = server_for("meta")
    server.answer("GET", TOKEN, {"token_type": "bearer"})
    with pytest.raises(PlatformError) as raised:
        meta_client(server).refresh(Tokens("EAAB_old"))
    assert raised.value.kind is ErrorKind.BROKEN
