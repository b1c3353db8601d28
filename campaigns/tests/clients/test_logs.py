"""Whatever happens in a call, no log line holds a token, a secret or a code."""

import io
import logging

import pytest
import structlog

from campaigns.clients.base import PlatformError, Tokens
from campaigns.clients.transport import Call
from campaigns.tests.clients.conftest import SECRET
from campaigns.tests.clients.fixture_server import fixture
from campaigns.tests.clients.google_cast import ACCOUNT as GOOGLE_ACCOUNT
from campaigns.tests.clients.google_cast import SEARCH
from campaigns.tests.clients.meta_cast import ACCOUNT, CAMPAIGNS, ROOT, error_body, page

LIVE, REFRESH, CODE = "TOKEN-live-1", "REFRESH-token-1", "AQD_code_1"
HIDDEN = (LIVE, REFRESH, CODE, SECRET, "EAAB_short_lived", "EAAB_long_lived", "TEST_TOKEN_DO_NOT_STORE")


@pytest.fixture
def everything_logged(settings):
    """All that all loggers say at their configured levels, with our own at the most talkative, formatted for good."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processor=structlog.dev.ConsoleRenderer(colors=False),
            foreign_pre_chain=[structlog.stdlib.add_log_level, structlog.stdlib.add_logger_name],
        )
    )
    ours, root = logging.getLogger("campaigns"), logging.getLogger()
    before = ours.level, root.level
    ours.setLevel(logging.DEBUG)
    root.setLevel(logging.DEBUG)
    root.addHandler(handler)
    yield stream
    root.removeHandler(handler)
    ours.setLevel(before[0])
    root.setLevel(before[1])


def test_no_log_line_holds_a_secret(everything_logged, server_for, meta_client):
    server = server_for("meta")
    server.serve("token_code_exchange_ok", "token_long_lived_ok")
    server.answer("GET", "/v26.0/debug_token", error_body(190, None, f"Malformed access token {SECRET}"), status=400)
    server.serve("campaigns_page1")
    server.answer("GET", f"{ROOT}/adsets", page())
    repeated = f"Error validating access token {LIVE} refresh_token={REFRESH}"
    server.answer("GET", CAMPAIGNS, error_body(2, None, repeated), status=500)
    server.serve("campaigns_page2")
    server.answer("GET", f"{ROOT}/adsets", page())
    server.answer("GET", ROOT, error_body(190, 460, repeated), status=400)

    client = meta_client(server, tokens=Tokens(LIVE, REFRESH))
    client.exchange_code(code=CODE, redirect_uri="https://app.example.test/")
    assert len(list(client.list_campaigns(ACCOUNT))) == 6
    with pytest.raises(PlatformError) as raised:
        client.check_health(ACCOUNT)

    text = everything_logged.getvalue()
    assert "platform.call_failed" in text
    assert "endpoint=campaigns" in text.replace("'", "")
    assert "Dx1TraceId0" in text  # the platform's own id of a good answer
    assert "Atrace" in text  # …and of a bad one
    for secret in HIDDEN:
        assert secret not in text
        assert secret not in str(raised.value)


def test_no_log_line_of_google_holds_a_secret(everything_logged, server_for, google_client):
    server = server_for("google_ads")
    server.serve("token_code_exchange_ok")
    message = f"Invalid token {LIVE}"
    server.answer("POST", SEARCH, {"error": {"code": 401, "message": message}}, status=401)
    server.serve("token_refresh_ok", "error_permission")
    client = google_client(server, tokens=Tokens(LIVE, REFRESH), options={"developer_token": "DEVELOPER-1"})
    client.exchange_code(code=CODE, redirect_uri="https://app.example.test/")
    with pytest.raises(PlatformError):
        client.check_health(GOOGLE_ACCOUNT)

    text = everything_logged.getvalue()
    assert "platform.token_renewed" in text
    assert "rQ3xErr01" in text
    for secret in (LIVE, REFRESH, CODE, SECRET, "DEVELOPER-1", "ya29.FIRST", "ya29.NEW", "1//0gTEST"):
        assert secret not in text


def test_calls_and_tokens_do_not_show_their_secrets():
    call = Call("list", "GET", f"https://x.test/?t={LIVE}", params={"a": LIVE}, form={"b": LIVE}, headers={"c": LIVE})
    assert LIVE not in repr(call)
    assert LIVE not in repr(Tokens(LIVE, REFRESH)) + str(Tokens(LIVE, REFRESH))
    assert REFRESH not in repr(Tokens(LIVE, REFRESH))


def test_recorded_pages_do_hold_a_token_in_next():
    """Otherwise the first test would prove nothing about it."""
    assert "TEST_TOKEN_DO_NOT_STORE" in fixture("meta", "campaigns_page1")["body"]["paging"]["next"]
