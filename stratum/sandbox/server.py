"""The sandbox's socket: HTTP/1.1 with a thread per connection, and the ways in which a connection can fail."""

import socket
import struct
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

from stratum.sandbox.app import Sandbox
from stratum.sandbox.wire import Request, Response, text_response

LARGEST_BODY = 16 * 1024 * 1024
IDLE_SECONDS = 75


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "sandbox"
    sys_version = ""
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True
    server: "SandboxServer"

    def _serve(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > LARGEST_BODY or "Transfer-Encoding" in self.headers:
            self.close_connection = True
            self._send(text_response("Length Required", 411))
            return
        target = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(length))
        request = Request(self.command, unquote(target.path), target.query, headers, body)
        self._send(self.server.sandbox.handle(request))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _serve

    def _send(self, response: Response) -> None:
        if response.delay:
            time.sleep(response.delay)  # the lock is free meanwhile
        if response.reset:
            self._reset()
            return
        self.send_response(response.status)
        for name, value in response.headers.items():
            # HTTP's own encoding of header values; addresses in them are percent-encoded already.
            self.send_header(name, value.encode("latin-1", "replace").decode("latin-1"))
        if response.status not in (204, 304):
            self.send_header("Content-Length", str(len(response.body)))
        if response.keep is not None:
            self.close_connection = True
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body[: response.keep])

    def _reset(self) -> None:
        """Close with RST instead of FIN, as a fallen balancer does."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def handle(self) -> None:
        try:
            super().handle()
        except (ConnectionError, TimeoutError, ValueError, OSError):
            self.close_connection = True  # the caller has gone, or we have reset the connection

    def finish(self) -> None:
        try:
            super().finish()
        except (OSError, ValueError):
            self.close_connection = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        if self.server.verbose:
            # The path alone: queries hold tokens.
            self.log_message("%s %s %s", self.command, urlsplit(self.path).path, str(code))


class SandboxServer(ThreadingHTTPServer):
    """Serves a sandbox until `shutdown()`. Port 0 takes a free one; `server_address` tells."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], sandbox: Sandbox, *, verbose: bool = False) -> None:
        self.sandbox = sandbox
        self.verbose = verbose
        super().__init__(address, _Handler)

    def server_close(self) -> None:
        super().server_close()
        self.sandbox.close()

    @property
    def url(self) -> str:
        host, port = self.server_address[:2]
        return f"http://{host!s}:{port}"
