"""Where the web server listens, and when its first page is there."""

import http.client
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from stratum.embedded.files import LOOPBACK, port_is_free

DEFAULT_PORT = 8000
PORTS_TO_TRY = 50
POLL_SECONDS = 0.1
# A server that answers, but not with a page, is asked less and less often: each try writes to the log.
LONGEST_POLL_SECONDS = 5.0
REQUEST_SECONDS = 30.0
# After this long without a page, the log says what is still missing (once per that time).
IMPATIENCE_SECONDS = 30.0


class PortTaken(RuntimeError):
    """No port to listen on; `port` is the one that was asked for, `last` the last one tried."""

    def __init__(self, port: int, last: int) -> None:
        super().__init__(f"ports {port} to {last} are taken" if last > port else f"port {port} is taken")
        self.port, self.last = port, last


def choose_port(host: str, demanded: int | None) -> int:
    """The demanded port, or from 8000 on the first that is free; PortTaken when there is none.

    OSError when this machine cannot listen there at all.
    """
    first = DEFAULT_PORT if demanded is None else demanded
    last = first if demanded is not None else first + PORTS_TO_TRY - 1
    for port in range(first, last + 1):
        if port_is_free(port, host):
            return port
    raise PortTaken(first, last)


def local_address(host: str) -> str:
    """The host by which this machine reaches a server that listens on `host` (which may be 'all addresses')."""
    return {"0.0.0.0": LOOPBACK, "": LOOPBACK, "::": "::1"}.get(host, host)  # noqa: S104 (compared, not bound)


def url_host(host: str) -> str:
    """A host as it stands in URLs and in host:port pairs: IPv6 addresses in brackets (RFC 3986)."""
    return f"[{host}]" if ":" in host else host


@dataclass(slots=True)
class FirstPage:
    """Watches for the first page from a thread of its own and then calls `on_served` once.

    `/health/ready/` must answer 200, then `/` (the login page, after its redirects) too. `headers` are sent with
    each request: behind a proxy's settings, a plain request would be redirected or refused.
    """

    host: str
    port: int
    headers: Mapping[str, str]
    on_served: Callable[[], None]
    report: Callable[[str], None]
    _end: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to watch."""
        self._thread = threading.Thread(target=self._watch, name="first-page", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Give up watching and wait for the thread."""
        self._end.set()
        if self._thread is not None:
            self._thread.join(REQUEST_SECONDS + 1)

    def _watch(self) -> None:
        reported = time.monotonic()
        pause = POLL_SECONDS
        while not self._end.wait(pause):
            answers, missing = self._look()
            if answers and missing is None:
                self.on_served()
                return
            pause = min(pause * 2, LONGEST_POLL_SECONDS) if answers else POLL_SECONDS
            if time.monotonic() - reported > IMPATIENCE_SECONDS:
                reported = time.monotonic()
                self.report(f"Still waiting for the first page: {missing}.")

    def _look(self) -> tuple[bool, str | None]:
        """Whether the server answers at all, and what keeps the first page from being served (None: nothing)."""
        for path in ("/health/ready/", "/"):
            status, body = self._get(path)
            if status == 0:
                return False, body
            if status != http.client.OK:
                return True, f"{path} answers {status}: {' '.join(body.split())[:200]}"
        return True, None

    def _get(self, path: str) -> tuple[int, str]:
        status = 0
        for _ in range(4):  # "/" leads to the login page
            connection = http.client.HTTPConnection(local_address(self.host), self.port, timeout=REQUEST_SECONDS)
            try:
                connection.request("GET", path, headers=dict(self.headers))
                response = connection.getresponse()
                body = response.read().decode(errors="replace")
            except (OSError, http.client.HTTPException) as error:
                return 0, f"no answer yet ({error})"
            finally:
                connection.close()
            status, location = response.status, response.headers.get("Location", "")
            if not location.startswith("/"):
                return status, body
            path = location
        return status, "redirects in a circle"
