"""One tree per state folder: two schedulers would run every job twice."""

import fcntl
import json
import os
import signal
from pathlib import Path
from types import TracebackType
from typing import Self

from stratum.embedded import processes
from stratum.embedded.files import read_text

FILE_NAME = "up.lock"
STOP_PATIENCE_SECONDS = 90.0


class AlreadyRunning(RuntimeError):
    """Another tree holds the folder; `pid` and `address` as it wrote them, None where it has not yet."""

    def __init__(self, pid: int | None, address: str | None) -> None:
        super().__init__(f"already running (process {pid}, {address})")
        self.pid, self.address = pid, address


class InstanceLock:
    """Held while the tree runs, by an flock: the kernel frees it with the process, so it is never stale."""

    def __init__(self, state: Path) -> None:
        self._path = state / FILE_NAME
        self._handle: int | None = None

    def __enter__(self) -> Self:
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            holder, address = _holder(self._path)
            raise AlreadyRunning(holder.pid if holder else None, address) from None
        self._handle = handle
        self.describe(address=None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._handle is not None:
            os.ftruncate(self._handle, 0)
            os.close(self._handle)
            self._handle = None

    def describe(self, *, address: str | None) -> None:
        """Write down who holds the lock, for the message of a second tree and for `make stop`."""
        assert self._handle is not None
        own = processes.process(os.getpid())
        content = {"pid": os.getpid(), "started": own.started if own else 0, "address": address}
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, json.dumps(content).encode(), 0)


def end_running(state: Path) -> bool:
    """Stop the tree that runs on this folder, if any, and wait for its end; True when there was one."""
    holder, _ = _holder(state / FILE_NAME)
    if holder is None:
        return False
    return processes.end([holder], signals=(signal.SIGTERM, signal.SIGKILL), patience=STOP_PATIENCE_SECONDS)


def _holder(path: Path) -> tuple[processes.Process | None, str | None]:
    try:
        content = json.loads(read_text(path) or "{}")
        holder = processes.process(int(content["pid"]))
        # Another start time: the writer is dead and its number belongs to somebody else.
        if holder is None or holder.started != content["started"]:
            return None, None
        return holder, content["address"]
    except (ValueError, KeyError, TypeError):
        return None, None
