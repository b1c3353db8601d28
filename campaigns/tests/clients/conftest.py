"""Clients wired to a fixture server, a clock that only sleeping moves, and a Redis of their own keys."""

import math
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import redis
from django.conf import settings

from campaigns.clients.base import AppCredentials, Tokens
from campaigns.clients.google_ads import GoogleAdsClient
from campaigns.clients.google_ads.api import Addresses as GoogleAdsAddresses
from campaigns.clients.governor import Governor
from campaigns.clients.memory import Memory
from campaigns.clients.meta import MetaClient
from campaigns.clients.meta.graph import Addresses
from campaigns.clients.wiring import Wiring
from campaigns.tests.clients.fixture_server import FixtureServer

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SECRET = "APP_SECRET"


class FakeTime:
    """Sleeping moves it, nothing else does."""

    def __init__(self):
        self.moment = NOW
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.moment

    def timestamp(self) -> float:
        return self.moment.timestamp()

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        # Up, or a wait below the clock's resolution would never pass.
        self.moment += timedelta(microseconds=math.ceil(seconds * 1_000_000))


@pytest.fixture
def fake_time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def shared_memory():
    """The Redis database of this test process."""
    client = redis.Redis.from_url(settings.CACHES["default"]["LOCATION"])
    client.flushdb()
    yield client
    client.close()


@pytest.fixture
def http():
    with httpx.Client(timeout=5, follow_redirects=False) as client:
        yield client


@pytest.fixture
def wiring_for(shared_memory, http, fake_time):
    """A Wiring for a platform, with fields replaced at will."""

    def build(platform: str, *, account: str = "1", **fields) -> Wiring:
        defaults = {
            "governor": governor_for(platform, account, shared_memory, fake_time),
            "memory": Memory(platform=platform, app="app", client=shared_memory),
            "credentials": AppCredentials("111222333444555", SECRET),
            "tokens": Tokens("TOKEN-live-1"),
            "http": http,
            "sleep": fake_time.sleep,
            "now": fake_time.now,
        }
        return Wiring(**{**defaults, **fields})

    return build


@pytest.fixture
def server_for():
    """A fixture server of a platform; at the end nothing unexpected may have been asked, nothing left unasked."""
    servers: list[FixtureServer] = []

    def start(platform: str) -> FixtureServer:
        servers.append(FixtureServer(platform))
        return servers[-1]

    yield start
    for server in servers:
        server.close()
    for server in servers:
        assert server.unexpected == []
        assert server.left() == {}


def governor_for(platform: str, account: str, client: redis.Redis, fake_time: FakeTime) -> Governor:
    """What another worker would see, at the same moment."""
    return Governor(platform=platform, app="app", account=account, client=client, clock=fake_time.timestamp)


@pytest.fixture
def meta_client(wiring_for):
    """Meta's client against a fixture server, with fields of its wiring replaced at will."""

    def build(server: FixtureServer, **fields) -> MetaClient:
        return MetaClient(wiring_for("meta", **fields), Addresses(server.url, server.url, "v26.0"))

    return build


@pytest.fixture
def google_client(wiring_for):
    """Google's client against a fixture server, with its addresses' options and fields of its wiring replaced."""

    def build(server: FixtureServer, *, options: dict | None = None, **fields) -> GoogleAdsClient:
        tokens = fields.pop("tokens", Tokens("ya29.TEST", "1//0gTEST"))
        addresses = GoogleAdsAddresses(server.url, "v26", server.url, server.url, **(options or {}))
        return GoogleAdsClient(wiring_for("google", tokens=tokens, **fields), addresses)

    return build
