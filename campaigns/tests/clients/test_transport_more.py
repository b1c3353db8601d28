"""What the transport does with tokens, with answers that do not end, and with limits of a wider scope."""

from datetime import timedelta

import pytest

from campaigns.clients.base import ErrorKind, LimitScope, PlatformError, Tokens
from campaigns.clients.governor import Limit
from campaigns.clients.tokens import LiveTokens, expiry
from campaigns.clients.transport import Call
from campaigns.tests.clients.conftest import NOW, governor_for

OLD = Tokens("TOKEN-old", "REFRESH-1")


def by_status(response):
    """401: the token ran out; 403: it is dead; 429: a limit of the whole app; 5xx: transient."""
    if response.status_code < 400:
        return None
    kind = {401: ErrorKind.EXPIRED, 403: ErrorKind.AUTH, 429: ErrorKind.RATE}.get(
        response.status_code, ErrorKind.TRANSIENT
    )
    return PlatformError("no", kind=kind, platform="test", scope=LimitScope.APP, retry_after=None)


@pytest.fixture
def transport_with(server_for, wiring_for, fake_time):
    """A transport, its server, and the tokens it was asked to renew."""

    def build(renew=None, tokens=OLD, **wiring):
        renewals: list[Tokens] = []

        def renewed(stale: Tokens) -> Tokens:
            renewals.append(stale)
            return renew(stale) if renew else Tokens(f"TOKEN-{len(renewals)}", "REFRESH-1")

        live = LiveTokens(tokens, platform="test", renew=renewed, now=fake_time.now)
        return server_for("test"), wiring_for("test", **wiring).transport("test", live, classify=by_status), renewals

    return build


def authorizations(server):
    return [request.headers.get("Authorization") for request in server.requests]


def test_a_token_that_ran_out_is_renewed_once_and_the_call_repeated_once(transport_with):
    server, transport, renewals = transport_with()
    server.answer("GET", "/list", status=401)
    server.answer("GET", "/list", {"ok": 1})
    server.answer("GET", "/list", {"ok": 2})
    assert transport.send(Call("list", "GET", f"{server.url}/list")).json() == {"ok": 1}
    assert transport.send(Call("list", "GET", f"{server.url}/list")).json() == {"ok": 2}
    assert renewals == [OLD]
    assert authorizations(server) == ["Bearer TOKEN-old", "Bearer TOKEN-1", "Bearer TOKEN-1"]


def test_a_write_that_may_not_be_repeated_is_repeated_after_renewal(transport_with):
    """The platform refused the token before it looked at the call."""
    server, transport, _ = transport_with()
    server.answer("POST", "/add", status=401)
    server.answer("POST", "/add", {})
    transport.send(Call("add", "POST", f"{server.url}/add", repeatable=False))
    assert len(server.requests) == 2


def test_a_new_token_that_is_refused_as_well_means_connecting_again(transport_with):
    server, transport, renewals = transport_with()
    server.answer("GET", "/list", status=401)
    server.answer("GET", "/list", status=401)
    with pytest.raises(PlatformError) as raised:
        transport.send(Call("list", "GET", f"{server.url}/list"))
    assert raised.value.kind is ErrorKind.AUTH
    assert len(renewals) == 1


def test_a_failed_renewal_is_the_calls_error(transport_with):
    def refused(_stale):
        raise PlatformError("revoked", kind=ErrorKind.AUTH, platform="test")

    server, transport, _ = transport_with(renew=refused)
    server.answer("GET", "/list", status=401)
    with pytest.raises(PlatformError, match="revoked"):
        transport.send(Call("list", "GET", f"{server.url}/list"))


def test_a_token_without_a_refresh_token_is_not_renewed(transport_with):
    server, transport, renewals = transport_with(tokens=Tokens("TOKEN-old", expires_at=NOW))
    server.answer("GET", "/list", status=401)
    with pytest.raises(PlatformError) as raised:
        transport.send(Call("list", "GET", f"{server.url}/list"))
    assert raised.value.kind is ErrorKind.AUTH
    assert renewals == []


@pytest.mark.parametrize(("left", "renewed"), [(4 * 60, True), (6 * 60, False), (-60, True)])
def test_a_token_about_to_run_out_is_renewed_first(left, renewed, transport_with):
    soon = Tokens("TOKEN-old", "REFRESH-1", NOW + timedelta(seconds=left))
    server, transport, renewals = transport_with(tokens=soon)
    server.answer("GET", "/list", {})
    transport.send(Call("list", "GET", f"{server.url}/list"))
    assert renewals == ([soon] if renewed else [])
    assert authorizations(server) == ["Bearer TOKEN-1" if renewed else "Bearer TOKEN-old"]


def test_calls_for_tokens_carry_none(transport_with):
    server, transport, _ = transport_with()
    server.answer("POST", "/token", status=403)
    with pytest.raises(PlatformError):
        transport.send(Call("oauth", "POST", f"{server.url}/token", authorized=False))
    assert authorizations(server) == [None]


def test_an_answer_that_is_too_big_is_too_much(transport_with, monkeypatch):
    monkeypatch.setattr("campaigns.clients.transport.MAX_BODY", 1000)
    server, transport, _ = transport_with()
    server.answer("GET", "/list", "x" * 2000)
    with pytest.raises(PlatformError) as raised:
        transport.send(Call("list", "GET", f"{server.url}/list"))
    assert raised.value.kind is ErrorKind.TOO_MUCH


def test_an_answer_that_does_not_end_is_given_up(transport_with, monkeypatch):
    monkeypatch.setattr("campaigns.clients.transport.MAX_SECONDS", -1.0)
    monkeypatch.setattr("campaigns.clients.transport.MAX_ATTEMPTS", 1)
    server, transport, _ = transport_with()
    server.answer("GET", "/list", "x")
    with pytest.raises(PlatformError) as raised:
        transport.send(Call("list", "GET", f"{server.url}/list"))
    assert raised.value.kind is ErrorKind.TRANSIENT


def test_a_body_that_breaks_off_is_asked_for_again(transport_with):
    server, transport, _ = transport_with()
    server.answer("GET", "/list", '{"data": [', truncated=True)
    server.answer("GET", "/list", {"data": []})
    assert transport.send(Call("list", "GET", f"{server.url}/list")).json() == {"data": []}


def test_redirects_are_not_followed(transport_with):
    server, transport, _ = transport_with()
    server.answer("GET", "/list", "", status=302, headers={"Location": f"{server.url}/elsewhere"})
    assert transport.send(Call("list", "GET", f"{server.url}/list")).status_code == 302
    assert len(server.requests) == 1


def test_a_limit_of_the_app_holds_everybody_back(transport_with, shared_memory, fake_time, monkeypatch):
    monkeypatch.setattr("campaigns.clients.transport.MAX_ATTEMPTS", 1)
    server, transport, _ = transport_with(account="1")
    server.answer("GET", "/list", status=429)
    with pytest.raises(PlatformError):
        transport.send(Call("list", "GET", f"{server.url}/list"))
    other = governor_for("test", "2", shared_memory, fake_time)
    assert other.wait_for("something else", None) > 0


def test_endpoints_may_share_a_limit_by_name(shared_memory, fake_time):
    governor = governor_for("test", "1", shared_memory, fake_time)
    limit = Limit(calls=2, period=60, burst=2, name="operations")
    assert [governor.wait_for(endpoint, limit) > 0 for endpoint in ("search", "mutate", "search")] == [
        False,
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("seconds", "days"), [(86400, 1), ("86400", 1), (None, None), (0, None), ("", None), ("soon", None), (True, None)]
)
def test_expiry(seconds, days):
    assert expiry(seconds, NOW) == (None if days is None else NOW + timedelta(days=days))
