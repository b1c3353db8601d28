"""What runs on this machine, read from Linux's /proc.

A process id by itself proves nothing: after a kill -9 or a reboot the number in a pid file may belong to any other
program. Both embedded servers change into their data folder, so 'a process of that name whose working directory is
our folder' is what identifies them here.
"""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from stratum.embedded.errors import EmbeddedError

PROC = Path("/proc")
POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Process:
    """A live process; `started` (clock ticks since boot, proc(5) field 22) tells it from a later owner of its pid."""

    pid: int
    name: str
    started: int


def require_proc() -> None:
    """Raise EmbeddedError on systems without Linux's /proc, where servers could not be recognised safely."""
    if not (PROC / "self" / "stat").exists():
        raise EmbeddedError(
            "The embedded PostgreSQL and Redis need Linux. Set DATABASE_URL and REDIS_URL to servers of your own."
        )


def process(pid: int) -> Process | None:
    """The running process with this id; None when there is none or only a zombie."""
    try:
        stat = (PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    # The name stands in brackets and may itself hold spaces and brackets: split at the last one.
    name = stat[stat.index("(") + 1 : stat.rindex(")")]
    fields = stat[stat.rindex(")") + 1 :].split()
    state, threads, started = fields[0], int(fields[17]), int(fields[19])
    # A killed process whose first thread is a zombie holds its files and ports until its last thread has ended.
    gone = state in "Xx" or (state == "Z" and threads <= 1)
    return None if gone else Process(pid=pid, name=name, started=started)


def parent(pid: int) -> int:
    """The id of the process's parent; 0 when it is gone."""
    try:
        stat = (PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return 0
    return int(stat[stat.rindex(")") + 1 :].split()[1])


def command_line(pid: int) -> list[str]:
    """The arguments of a process; empty when it is gone or not readable."""
    try:
        raw = (PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return []
    return [part.decode(errors="replace") for part in raw.split(b"\0") if part]


def working_in(folder: Path, name: str) -> list[Process]:
    """The live processes called `name` (15 characters at most) whose working directory is `folder`, oldest first."""
    pids = [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]
    found = [running for pid in pids if (running := process_in(folder, name, pid)) is not None]
    return sorted(found, key=lambda running: (running.started, running.pid))


def process_in(folder: Path, name: str, pid: int) -> Process | None:
    """The live process with this id if it is called `name` and works in `folder`, else None."""
    try:
        if (PROC / str(pid) / "cwd").readlink() != folder.resolve():
            return None
    except OSError:  # gone, a zombie, or another user's
        return None
    running = process(pid)
    return running if running is not None and running.name == name else None


def is_alive(target: Process) -> bool:
    """Whether that very process still runs (the same pid with another start time is somebody else)."""
    return process(target.pid) == target


def end(targets: list[Process], *, signals: tuple[signal.Signals, ...], patience: float) -> bool:
    """Send each signal in turn, waiting up to `patience` seconds after each; True when all of them are gone."""
    for number in signals:
        for target in targets:
            if is_alive(target):
                _send(target.pid, number)
        if wait_gone(targets, patience=patience):
            return True
    return not any(is_alive(target) for target in targets)


def wait_gone(targets: list[Process], *, patience: float) -> bool:
    """Wait up to `patience` seconds until none of the processes runs any more."""
    deadline = time.monotonic() + patience
    while any(is_alive(target) for target in targets):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass
    except PermissionError as error:
        raise EmbeddedError(f"Process {pid} belongs to another user and cannot be stopped from here.") from error
