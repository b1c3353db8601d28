"""The tree: starts the children, streams their logs, restarts what dies, and stops all in order."""

import selectors
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType

from stratum.supervisor.children import Child, ChildSpec, RestartHistory
from stratum.supervisor.output import Output

OWN_NAME = "stratum"
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """A child that ends by itself is started again after 0.5, 1, 2, … seconds.

    At more than `limit` restarts within `window` seconds the whole tree stops instead: a process that cannot live
    (a wrong setting, a broken installation) should be seen, not hidden behind endless restarts.
    """

    limit: int = 5
    window: float = 120.0
    first_delay: float = 0.5
    longest_delay: float = 10.0

    def delay(self, count: int) -> float:
        """Seconds to wait before restart number `count` (from 1)."""
        return min(self.first_delay * 2.0 ** (count - 1), self.longest_delay)


class Supervisor:
    """Runs in the main thread until a signal, a hopeless child or `stop()` ends it.

    `tick` is called about every `tick_seconds`; when it returns variables, they replace those of the environment
    and all children are started anew with them.
    """

    def __init__(
        self,
        specs: Sequence[ChildSpec],
        *,
        output: Output,
        environment: Mapping[str, str],
        policy: RestartPolicy | None = None,
        tick: Callable[[], Mapping[str, str]] | None = None,
        tick_seconds: float = 2.0,
    ) -> None:
        self._specs = list(specs)
        self._output = output
        self._environment = dict(environment)
        self._policy = policy or RestartPolicy()
        self._tick, self._tick_seconds = tick, tick_seconds
        self._selector = selectors.DefaultSelector()
        self._children: dict[str, Child] = {}
        self._history = {spec.name: RestartHistory() for spec in self._specs}
        self._due: dict[str, float] = {}  # name -> moment of its next start
        self._released = False
        self._signals = 0
        self._ending = False
        self._failure = False

    def run(self) -> int:
        """Returns the exit code: 0 after a requested stop, 1 when a child could not be kept alive."""
        previous = {number: signal.signal(number, self._on_signal) for number in STOP_SIGNALS}
        try:
            self._due = {spec.name: 0.0 for spec in self._specs if not spec.held}
            self._loop()
        finally:
            self._stop_all()
            self._selector.close()
            for number, handler in previous.items():
                signal.signal(number, handler)
        return 1 if self._failure else 0

    def release(self) -> None:
        """Let the held children start; may be called from another thread."""
        self._released = True

    def stop(self) -> None:
        """Ask for the end, as Ctrl-C does; may be called from another thread."""
        self._ending = True

    def say(self, text: str) -> None:
        """A line of the tree's own; may be called from another thread."""
        self._output.line(OWN_NAME, text)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._ending = True
        self._signals += 1

    def _loop(self) -> None:
        next_tick = time.monotonic() + self._tick_seconds
        while not self._ending and not self._output.closed:
            if self._released:
                self._released = False
                self._due |= {spec.name: 0.0 for spec in self._specs if spec.held and not self._known(spec.name)}
            self._start_due()
            self._pump(POLL_SECONDS)
            self._look_after_ended()
            if self._tick is not None and time.monotonic() >= next_tick:
                self._renew(self._tick())
                next_tick = time.monotonic() + self._tick_seconds

    def _known(self, name: str) -> bool:
        return name in self._children or name in self._due

    def _start_due(self) -> None:
        now = time.monotonic()
        for spec in self._specs:
            if self._due.get(spec.name, now + 1) <= now:
                del self._due[spec.name]
                self._children[spec.name] = Child(spec, self._environment, self._selector)

    def _pump(self, seconds: float) -> None:
        """Copy what the children say, waiting at most `seconds` for something to come."""
        for key, _ in self._selector.select(seconds):
            child: Child = key.data
            for line in child.lines():
                self._output.line(child.spec.name, line)

    def _look_after_ended(self) -> None:
        for name, child in list(self._children.items()):
            status = child.exit_status()
            if status is None:
                continue
            self._forget(child)
            count = self._history[name].record(self._policy.window)
            if count > self._policy.limit:
                self.say(
                    f"{name} {_describe(status)}, for the {_ordinal(count)} time within "
                    f"{self._policy.window:.0f} seconds. Stopping; the reason is in its lines above."
                )
                self._failure = self._ending = True
                return
            delay = self._policy.delay(count)
            self.say(f"{name} {_describe(status)}; starting it again in {delay:g} s ({count} of {self._policy.limit}).")
            self._due[name] = time.monotonic() + delay

    def _forget(self, child: Child) -> None:
        for line in child.collect():
            self._output.line(child.spec.name, line)
        del self._children[child.spec.name]

    def _renew(self, changed: Mapping[str, str]) -> None:
        if not changed:
            return
        self._environment |= changed
        running = list(self._children)
        self._stop_all()
        self._due |= dict.fromkeys(running, 0.0)

    def _stop_all(self) -> None:
        """Stop in reverse order, so that nothing hands out work to what is gone; a second signal cuts it short."""
        signals_before = self._signals
        for spec in reversed(self._specs):
            child = self._children.get(spec.name)
            if child is None:
                continue
            child.ask_to_stop()
            deadline = time.monotonic() + spec.patience
            while child.exit_status() is None:
                if time.monotonic() > deadline or self._signals > signals_before:
                    self.say(f"{spec.name} has not stopped yet and is killed.")
                    child.kill()
                    break
                self._pump(0.05)
            self._forget(child)


def _describe(status: int) -> str:
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"


def _ordinal(number: int) -> str:
    suffix = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"
