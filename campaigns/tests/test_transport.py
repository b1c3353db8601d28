"""The transport against a real HTTP server that answers what the test tells it to."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from campaigns.clients.base import ErrorKind, PlatformError
from campaigns.clients.governor import FAILURES_TO_OPEN, Governor, Limit
from campaigns.clients.transport import MAX_ATTEMPTS, Call, Transport


class Script:
    """A server that gives the scripted answers in turn, the last one for ever, and remembers what it was asked."""

    def __init__(self):
        self.answers: list[tuple[int, str]] = [(200, "{}")]
        self.asked: list[str] = []
        script = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                script.asked.append(f"{self.command} {self.path}")
                status, body = script.answers.pop(0) if len(script.answers) > 1 else script.answers[0]
                if status == 0:
                    self.connection.close()
                    return
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body.encode())

            do_POST = do_GET

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def script():
    script = Script()
    yield script
    script.server.shutdown()
    script.server.server_close()


@pytest.fixture
def shared_memory():
    client = redis.Redis.from_url(settings.CACHES["default"]["LOCATION"])
    client.flushdb()
    yield client
    client.close()


def classify(response: httpx.Response) -> PlatformError | None:
    if response.status_code < 400:
        return None
    kind = {429: ErrorKind.RATE, 401: ErrorKind.AUTH}.get(response.status_code, ErrorKind.TRANSIENT)
    wait = json.loads(response.text or "{}").get("wait")
    return PlatformError("no", kind=kind, platform="test", retry_after=wait)


@pytest.fixture
def transport(shared_memory):
    slept: list[float] = []
    http = httpx.Client(timeout=2)
    transport = Transport(
        platform="test",
        governor=Governor(platform="test", app="app", account="1", client=shared_memory),
        classify=classify,
        http=http,
        sleep=slept.append,
    )
    transport.slept = slept
    yield transport
    http.close()


def test_transient_failures_are_repeated_with_growing_room(script, transport):
    script.answers = [(500, ""), (0, ""), (200, "{}")]
    assert transport.send(Call("list", "GET", script.url)).status_code == 200
    assert len(script.asked) == 3
    assert 0 <= transport.slept[0] <= 2
    assert 0 <= transport.slept[1] <= 4


def test_repeats_are_bounded(script, transport):
    script.answers = [(500, "")]
    with pytest.raises(PlatformError) as raised:
        transport.send(Call("list", "GET", script.url))
    assert raised.value.kind is ErrorKind.TRANSIENT
    assert len(script.asked) == MAX_ATTEMPTS


@pytest.mark.parametrize(("status", "repeatable"), [(401, True), (500, False)])
def test_what_may_not_be_repeated_is_sent_once(script, transport, status, repeatable):
    script.answers = [(status, "")]
    with pytest.raises(PlatformError):
        transport.send(Call("write", "POST", script.url, repeatable=repeatable))
    assert len(script.asked) == 1


def test_the_platform_names_the_wait_and_all_workers_keep_it(script, transport, shared_memory):
    script.answers = [(429, '{"wait": 0.2}'), (200, "{}")]
    transport._sleep = time.sleep
    other = Governor(platform="test", app="app", account="1", client=shared_memory)
    begin = time.monotonic()
    transport.send(Call("list", "GET", script.url))
    assert time.monotonic() - begin >= 0.2
    transport.governor.block(30, endpoint="list")
    assert 29 < other.wait_for("list", None) <= 30
    assert other.wait_for("something else", None) == 0
    assert Governor(platform="test", app="app", account="2", client=shared_memory).wait_for("list", None) == 0


def test_a_long_wait_is_handed_to_the_caller(script, transport):
    script.answers = [(429, '{"wait": 4000}')]
    with pytest.raises(PlatformError) as raised:
        transport.send(Call("list", "GET", script.url))
    assert raised.value.retry_after == 4000
    assert transport.slept == []
    with pytest.raises(PlatformError):
        transport.send(Call("list", "GET", script.url))
    assert len(script.asked) == 1


def test_breaker_opens_for_the_account_alone(shared_memory):
    failing = Governor(platform="test", app="app", account="1", client=shared_memory)
    for _ in range(FAILURES_TO_OPEN):
        assert failing.wait_for("list", None) == 0
        failing.note_failure()
    assert failing.wait_for("list", None) > 0
    assert Governor(platform="test", app="app", account="2", client=shared_memory).wait_for("list", None) == 0


def test_a_success_closes_the_count(shared_memory):
    governor = Governor(platform="test", app="app", account="1", client=shared_memory)
    for _ in range(FAILURES_TO_OPEN * 2):
        governor.note_failure()
        governor.note_success()
    assert governor.wait_for("list", None) == 0


def test_bucket_is_shared_by_all_accounts_of_an_app(shared_memory):
    limit = Limit(calls=10, period=10, burst=3)
    governors = [Governor(platform="test", app="app", account=str(n), client=shared_memory) for n in range(2)]
    admitted = [governors[n % 2].wait_for("report", limit) == 0 for n in range(6)]
    assert admitted == [True, True, True, False, False, False]


def test_without_redis_calls_go_out(script):
    nowhere = redis.Redis(host="127.0.0.1", port=1, socket_timeout=0.2, retry=Retry(NoBackoff(), 0))
    with httpx.Client() as http:
        transport = Transport(
            platform="test",
            governor=Governor(platform="test", app="app", client=nowhere),
            classify=classify,
            http=http,
            sleep=lambda _seconds: None,
        )
        assert transport.send(Call("list", "GET", script.url, limit=Limit(1, 1))).status_code == 200
