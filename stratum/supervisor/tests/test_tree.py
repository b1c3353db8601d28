"""The tree with small real programs as children."""

import io
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from stratum.embedded import processes
from stratum.supervisor import (
    ChildSpec,
    Output,
    RestartPolicy,
    Supervisor,
    end_leftovers,
    leftovers,
    marked_environment,
)

FAST = RestartPolicy(limit=2, window=60, first_delay=0.01, longest_delay=0.02)
DEADLINE_SECONDS = 20.0


def python(name: str, script: str, **options: object) -> ChildSpec:
    return ChildSpec(name, (sys.executable, "-u", "-c", textwrap.dedent(script)), **options)  # type: ignore[arg-type]


def wait_until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"still waiting until {what}"
        time.sleep(0.01)


class Tree:
    """A supervisor at work in the main thread while `script(tree)` plays the user in another."""

    def __init__(self, *specs: ChildSpec, **options: object) -> None:
        self.stream = io.StringIO()
        self.environment = dict(os.environ)
        options.setdefault("policy", FAST)
        self.supervisor = Supervisor(
            specs,
            output=Output(self.stream),
            environment=self.environment,
            **options,  # type: ignore[arg-type]
        )

    @property
    def log(self) -> list[str]:
        return self.stream.getvalue().splitlines()

    def says(self, text: str) -> Callable[[], bool]:
        return lambda: text in self.stream.getvalue()

    def run(self, user: Callable[["Tree"], None] = lambda tree: None) -> int:
        failures: list[BaseException] = []

        def act() -> None:
            try:
                user(self)
            except BaseException as error:  # noqa: BLE001 (raised again in the main thread)
                failures.append(error)
                self.supervisor.stop()

        thread = threading.Thread(target=act)
        thread.start()
        try:
            return self.supervisor.run()
        finally:
            thread.join()
            if failures:
                raise failures[0]


SLEEPER = "import time\nprint('up', flush=True)\ntime.sleep(60)"


def test_lines_carry_the_name_of_their_writer() -> None:
    tree = Tree(
        python("web", "import sys, time; print('out'); print('err', file=sys.stderr); time.sleep(60)"),
        python("worker", "import time; print('caf\\u00e9\\nno end', end=''); time.sleep(60)"),
    )

    def user(tree: Tree) -> None:
        wait_until(tree.says("err"), "web speaks")
        wait_until(tree.says("caf"), "worker speaks")
        tree.supervisor.stop()

    assert tree.run(user) == 0
    assert {"web       | out", "web       | err", "worker    | café", "worker    | no end"} <= set(tree.log)


def test_signal_stops_all_in_reverse_order() -> None:
    polite = """
        import signal, sys, time
        signal.signal(signal.SIGTERM, lambda *_: (print("bye"), sys.exit(0)))
        print("up")
        time.sleep(60)
    """
    tree = Tree(python("first", polite), python("second", polite), python("third", polite))

    def user(tree: Tree) -> None:
        wait_until(lambda: len(tree.log) == 3, "all are up")
        os.kill(os.getpid(), signal.SIGINT)

    assert tree.run(user) == 0
    assert tree.log[3:] == ["third     | bye", "second    | bye", "first     | bye"]


def test_handlers_are_given_back() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    Tree(python("web", SLEEPER)).run(lambda tree: tree.supervisor.stop())
    assert {number: signal.getsignal(number) for number in before} == before


def test_stubborn_child_is_killed_after_its_patience() -> None:
    stubborn = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up')\ntime.sleep(60)"
    tree = Tree(python("deaf", stubborn, patience=0.2))

    def user(tree: Tree) -> None:
        wait_until(tree.says("up"), "it is up")
        tree.supervisor.stop()

    assert tree.run(user) == 0
    assert tree.says("deaf has not stopped yet and is killed")()


def test_second_signal_cuts_the_patience_short() -> None:
    stubborn = """
        import signal, time
        signal.signal(signal.SIGTERM, lambda *_: print("no"))
        print("up")
        while True:
            time.sleep(60)
    """
    tree = Tree(python("deaf", stubborn, patience=3600))

    def user(tree: Tree) -> None:
        wait_until(tree.says("up"), "it is up")
        os.kill(os.getpid(), signal.SIGTERM)
        wait_until(tree.says("no"), "it refuses")
        os.kill(os.getpid(), signal.SIGTERM)

    assert tree.run(user) == 0


def test_killed_child_is_started_again() -> None:
    tree = Tree(python("web", "import os, time; print('pid', os.getpid()); time.sleep(60)"))

    def user(tree: Tree) -> None:
        wait_until(lambda: len(tree.log) == 1, "it is up")
        os.kill(int(tree.log[0].split()[-1]), signal.SIGKILL)
        wait_until(lambda: len(tree.log) == 3, "it is up again")
        tree.supervisor.stop()

    assert tree.run(user) == 0
    assert "web was ended by SIGKILL; starting it again in 0.01 s (1 of 2)." in tree.log[1]
    assert tree.log[0] != tree.log[2]


def test_hopeless_child_stops_the_tree() -> None:
    tree = Tree(python("good", SLEEPER), python("bad", "import sys; print('wrong setting'); sys.exit(3)"))
    assert tree.run() == 1
    assert sum("wrong setting" in line for line in tree.log) == 3
    assert tree.says("bad ended with status 3, for the 3rd time within 60 seconds. Stopping")()


def test_command_that_does_not_exist_is_said() -> None:
    tree = Tree(ChildSpec("none", ("/no/such/program",)))
    assert tree.run() == 1
    assert tree.says("/no/such/program: No such file or directory")()


def test_grandchildren_end_with_their_parent() -> None:
    # As when a web master is killed: its workers would keep the port.
    parent = """
        import subprocess, sys, time
        grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        print("grandchild", grandchild.pid)
        time.sleep(60)
    """
    tree = Tree(python("web", parent))
    seen: list[processes.Process] = []

    def user(tree: Tree) -> None:
        for count in (1, 2):
            wait_until(lambda: tree.stream.getvalue().count("grandchild") == count, "it is up")  # noqa: B023
            found = processes.process(int(tree.log[-1].split()[-1]))
            assert found is not None
            seen.append(found)
            if count == 1:
                os.kill(processes.parent(found.pid), signal.SIGKILL)
        tree.supervisor.stop()

    assert tree.run(user) == 0
    assert len(seen) == 2
    assert processes.wait_gone(seen, patience=5)


def test_held_child_waits_for_its_release() -> None:
    tree = Tree(python("web", SLEEPER), python("beat", SLEEPER, held=True))

    def user(tree: Tree) -> None:
        wait_until(tree.says("web       | up"), "web is up")
        tree.supervisor.release()
        wait_until(tree.says("beat      | up"), "beat is up")
        tree.supervisor.stop()

    assert tree.run(user) == 0
    assert tree.log == ["web       | up", "beat      | up"]


def test_never_released_child_never_starts() -> None:
    tree = Tree(python("web", SLEEPER), python("beat", SLEEPER, held=True))

    def user(tree: Tree) -> None:
        wait_until(tree.says("up"), "web is up")
        tree.supervisor.stop()

    assert tree.run(user) == 0
    assert not tree.says("beat")()


def test_changed_environment_restarts_the_children() -> None:
    answers = iter([{}, {"ADDRESS": "new"}])
    tree = Tree(
        python("web", "import os, time; print(os.environ.get('ADDRESS', 'old')); time.sleep(60)"),
        tick=lambda: next(answers, {}),
        tick_seconds=0.3,
    )

    def user(tree: Tree) -> None:
        wait_until(tree.says("new"), "the new address is used")
        tree.supervisor.stop()

    assert tree.run(user) == 0
    assert tree.log == ["web       | old", "web       | new"]


def test_closed_output_stops_the_tree() -> None:
    class Closing(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    supervisor = Supervisor([python("web", SLEEPER)], output=Output(Closing()), environment=os.environ, policy=FAST)
    assert supervisor.run() == 0


def test_endless_line_is_cut() -> None:
    tree = Tree(python("web", "import sys, time; sys.stdout.write('x' * 300_000); sys.stdout.flush(); time.sleep(60)"))

    def user(tree: Tree) -> None:
        wait_until(lambda: tree.stream.getvalue().count("x") >= 200_000, "most of it is read")
        tree.supervisor.stop()

    assert tree.run(user) == 0
    assert sum(line.count("x") for line in tree.log) == 300_000
    assert max(map(len, tree.log)) < 150_000


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_children_die_with_their_supervisor(tmp_path: Path, number: signal.Signals) -> None:
    tree = _tree_process(tmp_path, "pass")
    child = _started(tmp_path)
    tree.send_signal(number)
    tree.wait(timeout=DEADLINE_SECONDS)
    assert processes.wait_gone([child], patience=5)


def test_leftovers_of_a_killed_tree_are_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A child that ignores the signal it gets when the tree dies, as a worker does in the middle of a job.
    ignoring = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    monkeypatch.setattr(leftovers, "PATIENCE_SECONDS", 0.2)
    tree = _tree_process(tmp_path, ignoring)
    child = _started(tmp_path)
    tree.kill()
    tree.wait(timeout=DEADLINE_SECONDS)
    assert end_leftovers(tmp_path / "another") == 0
    assert processes.is_alive(child)
    assert end_leftovers(tmp_path) == 1
    assert not processes.is_alive(child)


def test_own_ancestors_are_no_leftovers(tmp_path: Path) -> None:
    # The shell bears the mark too, and is the parent of the command that looks for leftovers.
    script = (
        f"from pathlib import Path; from stratum.supervisor import end_leftovers as end; end(Path({str(tmp_path)!r}))"
    )
    command = ["/bin/sh", "-c", '"$0" -c "$1"; echo shell lives', sys.executable, script]
    result = subprocess.run(command, env=marked_environment(tmp_path), capture_output=True, text=True, check=True)
    assert result.stdout == "shell lives\n"


def _tree_process(folder: Path, child: str) -> subprocess.Popen[bytes]:
    """A tree in a process of its own, with one child that runs `child`, writes its pid to a file and then sleeps."""
    note = f"import os, pathlib, time; pathlib.Path({str(folder / 'pid')!r}).write_text(str(os.getpid()))"
    program = f"{child}\n{note}\ntime.sleep(60)"
    script = textwrap.dedent(
        f"""
        import sys
        from pathlib import Path
        from stratum.supervisor import ChildSpec, Output, Supervisor, marked_environment
        spec = ChildSpec("child", (sys.executable, "-c", {program!r}), patience=0.2)
        environment = marked_environment(Path({str(folder)!r}))
        Supervisor([spec], output=Output(), environment=environment).run()
        """
    )
    return subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.DEVNULL)


def _started(folder: Path) -> processes.Process:
    def pid() -> int:
        text = (folder / "pid").read_text() if (folder / "pid").exists() else ""
        return int(text or 0)

    wait_until(pid, "the child has started")
    found = processes.process(pid())
    assert found is not None
    return found
