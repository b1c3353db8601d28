"""A platform on loopback that gives recorded answers over real HTTP, in the order a test lays down.

A fixture is a file fixtures/<platform>/<name>.json: {"request": {method, path, …}, "status", "headers", "body"}; the
body is a JSON value, a string (sent as it is) or null (nothing). Answers queue up by method and path; a request
that nothing was laid down for is answered with 599 and makes the test fail.
"""

import json
import threading
from collections import defaultdict, deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

FIXTURES = Path(__file__).parent / "fixtures"


def fixture(platform: str, name: str) -> dict[str, Any]:
    return json.loads((FIXTURES / platform / f"{name}.json").read_text())


@dataclass
class Answer:
    status: int = 200
    body: Any = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    # Says a longer body than it sends, as a connection that breaks does.
    truncated: bool = False


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any
    # As it came, undecoded.
    raw_query: str = ""


class FixtureServer:
    """`serve` and `answer` lay answers down; `requests` are what came in."""

    def __init__(self, platform: str):
        self.platform = platform
        self.requests: list[Request] = []
        self.unexpected: list[str] = []
        self._answers: dict[tuple[str, str], deque[Answer]] = defaultdict(deque)
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Head and body in one packet: two small ones wait for each other's acknowledgement.
            wbufsize = 65536
            disable_nagle_algorithm = True

            def do_GET(self):
                server._handle(self)

            do_POST = do_PUT = do_DELETE = do_GET

            def log_message(self, *args):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def serve(self, *names: str, method: str | None = None, path: str | None = None) -> None:
        """Lay down fixtures, each for its own request, or for the one that is named."""
        for name in names:
            recorded = fixture(self.platform, name)
            asked = recorded["request"]
            answer = Answer(recorded["status"], recorded["body"], recorded["headers"])
            self._answers[method or asked["method"], path or asked["path"]].append(answer)

    def answer(self, method: str, path: str, body: Any = None, *, status: int = 200, **more: Any) -> None:
        """Lay down an answer that no fixture holds."""
        self._answers[method, path].append(Answer(status, body, **more))

    def asked(self, method: str, path: str) -> list[Request]:
        return [request for request in self.requests if (request.method, request.path) == (method, path)]

    def left(self) -> dict[tuple[str, str], int]:
        """Answers that nobody came for."""
        return {key: len(answers) for key, answers in self._answers.items() if answers}

    def _handle(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        path = unquote(parts.path)
        raw = handler.rfile.read(int(handler.headers.get("Content-Length") or 0)).decode(errors="replace")
        kind = handler.headers.get("Content-Type", "")
        body = json.loads(raw) if raw and "json" in kind else dict(parse_qsl(raw)) if raw else None
        self.requests.append(
            Request(
                handler.command, path, dict(parse_qsl(parts.query)), dict(handler.headers.items()), body, parts.query
            )
        )
        answers = self._answers[handler.command, path]
        if not answers:
            self.unexpected.append(f"{handler.command} {path}")
        answer = answers.popleft() if answers else Answer(599, "nothing was laid down for this")
        text = "" if answer.body is None else answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
        payload = text.encode()
        handler.send_response(answer.status)
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(payload) + (100 if answer.truncated else 0)))
        if answer.truncated:
            handler.send_header("Connection", "close")
            handler.close_connection = True
        handler.end_headers()
        handler.wfile.write(payload)
