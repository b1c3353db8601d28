"""A local server that gets webhooks, as the product does."""

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from stratum.sandbox.whatsapp.directory import APP_SECRET

VERIFY_TOKEN = "verify-me"


class Receiver:
    """What came, oldest first. `answers` are the HTTP statuses of the next POSTs; then all are 200."""

    def __init__(self) -> None:
        self.posts: list[dict[str, Any]] = []
        self.raw: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.answers: list[int] = []
        self.url = ""

    def take(self, raw: bytes, headers: dict[str, str]) -> int:
        wanted = "sha256=" + hmac.new(APP_SECRET.encode(), raw, hashlib.sha256).hexdigest()
        if headers.get("X-Hub-Signature-256") != wanted:
            return 403
        self.raw.append(raw)
        self.headers.append(headers)
        self.posts.append(json.loads(raw))
        return self.answers.pop(0) if self.answers else 200

    def changes(self, field: str = "") -> list[dict[str, Any]]:
        found = [change for post in list(self.posts) for entry in post["entry"] for change in entry["changes"]]
        return [change for change in found if field in ("", change["field"])]

    def values(self, name: str) -> list[dict[str, Any]]:
        """The items of all lists of this name: statuses, messages, user_preferences."""
        return [one for change in self.changes() for one in change["value"].get(name, [])]

    def words(self) -> list[str]:
        return [one["status"] for one in self.values("statuses")]

    def wait(self, true: Callable[[], Any], seconds: float = 5.0) -> None:
        """Until it is so; what has come is the message when it never is."""
        ends = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < ends, self.posts
            time.sleep(0.01)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "_Server"

    def do_GET(self) -> None:
        asked = dict(parse_qsl(urlsplit(self.path).query))
        right = asked.get("hub.mode") == "subscribe" and asked.get("hub.verify_token") == VERIFY_TOKEN
        self._answer(200 if right else 403, asked.get("hub.challenge", "") if right else "")

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(self.server.receiver.take(raw, dict(self.headers.items())), "")

    def _answer(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *words: object) -> None:
        return


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A sandbox that ends breaks its connections off: that is nothing to print."""


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()
    server = _Server(receiver)
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}/webhooks/whatsapp/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
