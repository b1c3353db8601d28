"""A sandbox on a real socket, for tests of the product against it."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any

from stratum.sandbox.addresses import environment
from stratum.sandbox.app import Sandbox
from stratum.sandbox.server import SandboxServer
from stratum.sandbox.tests.caller import Caller
from stratum.sandbox.world import World


class LiveSandbox(Caller):
    """The market of the real today; its time stands still unless a test moves it on (it never goes back)."""

    def __init__(self, *, seed: int = 7, opening: date | None = None) -> None:
        self.wall = time.time  # type: ignore[assignment]  # nothing sets this one
        self.world = World(seed=seed, opening=opening or datetime.now(UTC).date(), speed=0.0)
        self.sandbox = Sandbox(self.world)
        self._headers: dict[tuple[str, str], dict[str, str]] = {}
        self.server = SandboxServer(("127.0.0.1", 0), self.sandbox)

    @property
    def url(self) -> str:
        return self.server.url

    def settings(self) -> dict[str, str]:
        """Django's settings that point every platform here, and SANDBOX_URL."""
        return environment(self.url, frozenset())

    def ledger(self, account: str, since: date, until: date) -> dict[tuple[str, date], dict[str, Any]]:
        """What is true of an account's days: (campaign, day) → figures in minor units and conversions_micros."""
        rows = self.control("ledger", account=account, since=since.isoformat(), until=until.isoformat())["rows"]
        return {(row["campaign"], date.fromisoformat(row["date"])): row for row in rows}


@contextmanager
def serving(sandbox: LiveSandbox) -> Iterator[LiveSandbox]:
    """Serve it until the block ends."""
    thread = threading.Thread(target=sandbox.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield sandbox
    finally:
        sandbox.server.shutdown()
        thread.join()
        sandbox.server.server_close()
