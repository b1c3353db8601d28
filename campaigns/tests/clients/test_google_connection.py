"""Connecting to Google: consent, codes, access tokens of an hour, refresh tokens that stay."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from campaigns.clients.base import ErrorKind, PlatformError, Tokens
from campaigns.tests.clients.conftest import NOW, SECRET
from campaigns.tests.clients.google_cast import ACCOUNT, SEARCH, found

ADWORDS = "https://www.googleapis.com/auth/adwords"
OLD = Tokens("ya29.OLD", "1//0gTEST", NOW + timedelta(minutes=30), (ADWORDS,))
UNAUTHENTICATED = {"error": {"code": 401, "message": "Invalid credentials.", "status": "UNAUTHENTICATED"}}


def test_the_consent_page(server_for, google_client):
    client = google_client(server_for("google_ads"))
    url = urlsplit(client.authorize_url(redirect_uri="https://app.example.test/back", state="S&1"))
    query = {name: values[0] for name, values in parse_qs(url.query).items()}
    assert url.path == "/o/oauth2/v2/auth"
    assert query == {
        "client_id": "111222333444555",
        "redirect_uri": "https://app.example.test/back",
        "response_type": "code",
        "scope": ADWORDS,
        "access_type": "offline",
        "prompt": "consent",
        "state": "S&1",
    }


def test_a_code_becomes_tokens(server_for, google_client):
    server = server_for("google_ads")
    server.serve("token_code_exchange_ok")
    tokens = google_client(server, tokens=None).exchange_code(
        code="4/0AX", redirect_uri="https://app.example.test/back"
    )
    assert tokens == Tokens("ya29.FIRST", "1//0gTEST", NOW + timedelta(seconds=3599), (ADWORDS,))
    assert server.requests[0].body == {
        "client_id": "111222333444555",
        "client_secret": SECRET,
        "grant_type": "authorization_code",
        "code": "4/0AX",
        "redirect_uri": "https://app.example.test/back",
    }
    assert "Authorization" not in server.requests[0].headers


def test_refreshing_keeps_the_refresh_token(server_for, google_client):
    server = server_for("google_ads")
    server.serve("token_refresh_ok")
    fresh = google_client(server).refresh(OLD)
    assert fresh == Tokens("ya29.NEW", "1//0gTEST", NOW + timedelta(seconds=3599), (ADWORDS,))
    assert server.requests[0].body["grant_type"] == "refresh_token"


def test_a_new_refresh_token_would_be_kept(server_for, google_client):
    server = server_for("google_ads")
    server.answer("POST", "/token", {"access_token": "ya29.NEW", "expires_in": 3599, "refresh_token": "1//0gSECOND"})
    fresh = google_client(server).refresh(OLD)
    assert (fresh.refresh_token, fresh.scopes) == ("1//0gSECOND", (ADWORDS,))


def test_a_dead_grant_means_connecting_again(server_for, google_client):
    server = server_for("google_ads")
    server.serve("token_refresh_invalid_grant")
    with pytest.raises(PlatformError) as raised:
        google_client(server).refresh(OLD)
    assert (raised.value.kind, raised.value.code) == (ErrorKind.AUTH, "invalid_grant")
    assert len(server.requests) == 1


def test_without_a_refresh_token_nothing_is_asked(server_for, google_client):
    with pytest.raises(PlatformError) as raised:
        google_client(server_for("google_ads")).refresh(Tokens("ya29.OLD"))
    assert raised.value.kind is ErrorKind.AUTH


def test_an_access_token_that_ran_out_is_refreshed_in_mid_listing(server_for, google_client):
    server = server_for("google_ads")
    server.answer("POST", SEARCH, found(token="T1"))
    server.answer("POST", SEARCH, UNAUTHENTICATED, status=401)
    server.serve("token_refresh_ok")
    server.answer("POST", SEARCH, found())
    assert list(google_client(server, tokens=OLD).list_campaigns(ACCOUNT)) == []
    sent = [request.headers["Authorization"] for request in server.asked("POST", SEARCH)]
    assert sent == ["Bearer ya29.OLD", "Bearer ya29.OLD", "Bearer ya29.NEW"]
    assert server.requests[-1].body["pageToken"] == "T1"


def test_the_owner_of_the_connection_decides_how_tokens_are_renewed(server_for, google_client):
    """Another worker may have been here already: then nothing is asked of Google."""
    server = server_for("google_ads")
    server.answer("POST", SEARCH, UNAUTHENTICATED, status=401)
    server.serve("customer_info")
    stale: list[Tokens] = []

    def renew(client, tokens):
        stale.append(tokens)
        assert client.platform == "google"
        return Tokens("ya29.STORED", "1//0gTEST")

    google_client(server, tokens=OLD, renew=renew).check_health(ACCOUNT)
    assert stale == [OLD]
    assert server.requests[-1].headers["Authorization"] == "Bearer ya29.STORED"


def test_a_token_with_less_than_five_minutes_left_is_refreshed_first(server_for, google_client):
    server = server_for("google_ads")
    server.serve("token_refresh_ok", "customer_info")
    soon = Tokens("ya29.OLD", "1//0gTEST", NOW + timedelta(minutes=4))
    google_client(server, tokens=soon).check_health(ACCOUNT)
    assert [request.path for request in server.requests] == ["/token", SEARCH]


def test_a_dead_grant_found_in_a_call_means_connecting_again(server_for, google_client):
    server = server_for("google_ads")
    server.answer("POST", SEARCH, UNAUTHENTICATED, status=401)
    server.serve("token_refresh_invalid_grant")
    with pytest.raises(PlatformError) as raised:
        google_client(server, tokens=OLD).check_health(ACCOUNT)
    assert raised.value.kind is ErrorKind.AUTH
