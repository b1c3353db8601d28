"""A WhatsApp on loopback, with the recorded answers of fixtures/, and a Redis of the test's own."""

import json
from pathlib import Path

import pytest
import redis
from django.conf import settings as configured

from campaigns.tests.clients.fixture_server import FixtureServer

FIXTURES = Path(__file__).parent / "fixtures"
TOKEN, WABA, NUMBER = "wa-token-1", "102290129340398", "106540352242922"


def recorded(name: str) -> dict:
    return json.loads((FIXTURES / f"{name}.json").read_text())


def names(direction: str) -> list[str]:
    """The fixtures of calls 'out' to WhatsApp, or 'in' from it."""
    return [path.stem for path in sorted(FIXTURES.glob("*.json")) if recorded(path.stem)["_direction"] == direction]


class WhatsAppServer(FixtureServer):
    def lay(self, *fixtures: str) -> None:
        """Lay recorded answers down, each for its own request."""
        for name in fixtures:
            found = recorded(name)
            asked = found["request"]
            more = {"status": found["status"], "headers": found["headers"]}
            self.answer(asked["method"], asked["path"], found["body"], **more)


@pytest.fixture
def meta(settings):
    """At the end nothing unexpected may have been asked, nothing left unasked."""
    server = WhatsAppServer("whatsapp")
    settings.WHATSAPP_API_BASE, settings.WHATSAPP_API_VERSION, settings.SANDBOX_URL = server.url, "v23.0", ""
    yield server
    server.close()
    assert server.unexpected == []
    assert server.left() == {}


@pytest.fixture
def shared_memory():
    """The Redis database of this test process."""
    client = redis.Redis.from_url(configured.CACHES["default"]["LOCATION"])
    client.flushdb()
    yield client
    client.close()
