"""The sandbox over a real socket: connections that are kept, cut, reset; and the command that serves it."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from stratum.sandbox.server import SandboxServer
from stratum.sandbox.tests.caller import Caller

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Caller, SandboxServer]]:
    caller = Caller()
    server = SandboxServer(("127.0.0.1", 0), caller.sandbox)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield caller, server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def connection(served: tuple[Caller, SandboxServer]) -> Iterator[http.client.HTTPConnection]:
    host, port = served[1].server_address[:2]
    opened = http.client.HTTPConnection(str(host), int(port), timeout=5)
    yield opened
    opened.close()


def test_connection_is_kept(served: tuple[Caller, SandboxServer], connection: http.client.HTTPConnection) -> None:
    for path, status in (("/_control/now", 200), ("/nonsense", 404), ("/v26.0/me", 400)):
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == status
        own = connection.sock.getsockname()
    connection.request("GET", "/_control/now")
    assert connection.getresponse().read()
    assert connection.sock.getsockname() == own


def test_answer_without_body(served: tuple[Caller, SandboxServer], connection: http.client.HTTPConnection) -> None:
    caller = served[0]
    headers = {**caller.auth("linkedin"), "X-RestLi-Method": "PARTIAL_UPDATE", "Content-Type": "application/json"}
    body = json.dumps({"patch": {"$set": {"status": "PAUSED"}}})
    connection.request("POST", "/rest/adAccounts/512345678/adCampaigns/361000001", body, headers)
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (204, b"")
    connection.request("GET", "/_control/now")  # nothing of it is left in the connection
    assert connection.getresponse().status == 200


def test_truncated(served: tuple[Caller, SandboxServer], connection: http.client.HTTPConnection) -> None:
    caller = served[0]
    caller.fault("truncated", platform="meta")
    connection.request("GET", "/v26.0/me/adaccounts", headers=caller.auth("meta"))
    with pytest.raises(http.client.IncompleteRead):
        connection.getresponse().read()


def test_reset(served: tuple[Caller, SandboxServer], connection: http.client.HTTPConnection) -> None:
    caller = served[0]
    caller.fault("connection_reset", platform="meta")
    with pytest.raises(ConnectionError):
        connection.request("GET", "/v26.0/me/adaccounts", headers=caller.auth("meta"))
        connection.getresponse()


def test_slow_answer_holds_up_nobody_else(served: tuple[Caller, SandboxServer]) -> None:
    caller, server = served
    caller.fault("slow", platform="meta", seconds=30)
    waiting = socket.create_connection(server.server_address[:2], timeout=5)
    token = caller.auth("meta")["authorization"]
    waiting.sendall(f"GET /v26.0/me/adaccounts HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n\r\n".encode())
    while caller.world.faults.all():  # until it has been taken
        time.sleep(0.01)
    with urllib.request.urlopen(f"{server.url}/_control/now", timeout=5) as answer:
        assert answer.status == 200
    waiting.close()


def test_many_at_once(served: tuple[Caller, SandboxServer]) -> None:
    caller, server = served
    account = "1234567890"
    found: list[bytes] = []

    def ask() -> None:
        with urllib.request.urlopen(f"{server.url}/_control/ledger?account={account}", timeout=20) as answer:
            found.append(answer.read())

    threads = [threading.Thread(target=ask) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 12
    assert len(set(found)) == 1
    assert caller.world.speed == 0


def test_senseless_request(served: tuple[Caller, SandboxServer]) -> None:
    with socket.create_connection(served[1].server_address[:2], timeout=5) as raw:
        raw.sendall(b"POST /token HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
        assert b" 411 " in raw.recv(100)


def test_command_serves_and_stops(tmp_path: Path) -> None:
    command = [
        sys.executable,
        str(ROOT / "manage.py"),
        "sandbox",
        "--port",
        "0",
        "--seed",
        "5",
        "--state",
        str(tmp_path),
    ]
    process = subprocess.Popen(
        [*command, "--start", "2026-03-01", "--state", str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=dict(os.environ),
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert found, line
        with urllib.request.urlopen(f"{found[0]}/_control/now", timeout=10) as answer:
            now = json.load(answer)
        assert (now["seed"], now["opening"]) == (5, "2026-03-01")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
    assert (tmp_path / "journal.jsonl").exists()
