"""One child process: how it is started, what it says, how it ends."""

import os
import selectors
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

LAUNCHER = Path(__file__).with_name("launch.py")
READ_BYTES = 65_536
# A process that never ends its line must not fill our memory.
LONGEST_LINE_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """What to run, and in which folder. `patience` is how many seconds it gets to end after SIGTERM; `held` means that
    it waits for `Supervisor.release()`."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    patience: float = 10.0
    held: bool = False


class Child:
    """The running (or ended) process of a spec, in a session of its own, its output read line by line."""

    def __init__(self, spec: ChildSpec, environment: Mapping[str, str], selector: selectors.BaseSelector) -> None:
        self.spec = spec
        self.stopping = False
        self._selector = selector
        self._partial = b""
        # Its own session: Ctrl-C reaches us only, and we end the children in order.
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), *spec.command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=spec.folder,
            env={**environment, **spec.environment},
            start_new_session=True,
        )
        self.pid = self._process.pid
        assert self._process.stdout is not None
        self._pipe = self._process.stdout
        os.set_blocking(self._pipe.fileno(), False)
        selector.register(self._pipe, selectors.EVENT_READ, self)

    def lines(self) -> Iterator[str]:
        """The complete lines that are there to read now; never waits."""
        while not self._pipe.closed:
            try:
                chunk = os.read(self._pipe.fileno(), READ_BYTES)
            except BlockingIOError:
                return
            if not chunk:
                self._close_pipe()
                if self._partial:
                    yield self._partial.decode(errors="replace")
                self._partial = b""
                return
            *complete, self._partial = (self._partial + chunk).split(b"\n")
            if len(self._partial) > LONGEST_LINE_BYTES:
                complete, self._partial = [*complete, self._partial], b""
            for line in complete:
                yield line.decode(errors="replace").rstrip("\r")

    def exit_status(self) -> int | None:
        """None while it runs; else the exit code, negative for the signal that ended it."""
        return self._process.poll()

    def ask_to_stop(self) -> None:
        """SIGTERM to the process itself: gunicorn and Celery then end their own workers in order."""
        self.stopping = True
        if self.exit_status() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL to all that is left of its session, itself included."""
        self.stopping = True
        self._kill_group()

    def collect(self) -> list[str]:
        """After its end: kill what it left running (a web worker still holds the port) and take the last lines."""
        self._kill_group()
        self._process.wait()
        last = list(self.lines())
        if self._partial:
            last.append(self._partial.decode(errors="replace"))
        self._close_pipe()
        return last

    def _kill_group(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def _close_pipe(self) -> None:
        if not self._pipe.closed:
            self._selector.unregister(self._pipe)
            self._pipe.close()


@dataclass(slots=True)
class RestartHistory:
    """When a child had to be restarted, to tell a mishap from a process that cannot live."""

    moments: deque[float] = field(default_factory=deque)

    def record(self, window: float) -> int:
        """Note a restart now; returns how many there were in the last `window` seconds, this one included."""
        now = time.monotonic()
        self.moments.append(now)
        while now - self.moments[0] > window:
            self.moments.popleft()
        return len(self.moments)
