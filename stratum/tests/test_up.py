"""`manage.py up` as a person meets it: started, looked at, killed in every way, started again.

A real tree in a home of its own (own servers, own database), shared by the tests of this module in their order.
"""

import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError

from stratum.embedded import environment, processes
from stratum.embedded.files import LOOPBACK, port_is_free
from stratum.management.background import Background
from stratum.management.commands import up
from stratum.supervisor import Output, leftovers
from stratum.supervisor.instance import FILE_NAME
from stratum.supervisor.web import FirstPage, PortTaken, choose_port, local_address, url_host

ROOT = Path(__file__).resolve().parents[2]
# Only a start that hangs takes so long: the demo is loaded on a machine that runs other tests.
DEADLINE_SECONDS = 240.0
# What the test session itself was given must not reach the tree: it starts from nothing.
OWN_VARIABLES = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "FERNET_KEYS", "EMAIL_HASH_KEY", "STRATUM_EMBEDDED")
OWN_VARIABLES += ("DB_POOL", "LOG_LEVEL", "PORT", "PUBLIC_URL", "WEB_CONCURRENCY", "DJANGO_ALLOW_ASYNC_UNSAFE")


class Running:
    """A started `manage.py up` and what it has written so far."""

    def __init__(self, home: Path, *options: str, demo: bool = False, **variables: str) -> None:
        inherited = {name: value for name, value in os.environ.items() if name not in OWN_VARIABLES}
        self.home = home
        self._log = (home / "up.log").open("w+b")
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "manage.py"), "up", *([] if demo else ["--no-demo"]), *options],
            env={**inherited, "STRATUM_HOME": str(home), "WEB_CONCURRENCY": "1", **variables},
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    @property
    def log(self) -> str:
        return (self.home / "up.log").read_text(errors="replace")

    def wait_for(self, condition: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not condition():
            assert self.process.poll() is None, f"ended while waiting for {what}:\n{self.log}"
            assert time.monotonic() < deadline, f"still waiting for {what}:\n{self.log}"
            time.sleep(0.05)

    def wait_until_ready(self) -> str:
        self.wait_for(lambda: "Stratum is ready" in self.log, "the first page")
        found = re.search(r"Stratum is ready: (http://127\.0\.0\.1:\d+)/", self.log)
        assert found is not None
        return found[1]

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(timeout=DEADLINE_SECONDS)
        self._log.close()
        return status

    def members(self) -> list[processes.Process]:
        """All living processes of the tree below `up`."""
        return leftovers._marked(str(self.home))

    def child(self, word: str) -> processes.Process | None:
        """The direct child whose command has this word: the master, not one of its own workers."""
        own = [one for one in self.members() if processes.parent(one.pid) == self.process.pid]
        return next((one for one in own if word in processes.command_line(one.pid)), None)


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="stratum-up-"))  # not tmp_path: root's PostgreSQL must get there
    folder.chmod(0o711)
    yield folder
    leftovers.end_leftovers(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STRATUM_HOME", str(folder))
        environment.destroy(ROOT)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def start(home: Path) -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def begin(*options: str, demo: bool = False, **variables: str) -> Running:
        started.append(Running(home, *options, demo=demo, **variables))
        return started[-1]

    yield begin
    for running in started:
        running.end(signal.SIGKILL)


def status_of(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            response.read()
            return int(response.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except OSError:
        return 0


def servers_of(home: Path) -> list[processes.Process]:
    return processes.working_in(home / "pg16" / "cluster", "postgres") + processes.working_in(
        home / "redis", "redis-server"
    )


def test_whole_life(start: Callable[..., Running], home: Path) -> None:
    """First start on nothing; a second tree is refused; every process is killed once; Ctrl-C leaves nothing."""
    running = start()
    address = running.wait_until_ready()
    assert status_of(f"{address}/health/ready/") == 200
    assert status_of(f"{address}/") == 200
    page = urllib.request.urlopen(f"{address}/", timeout=10)
    with page:
        style = re.search(rb'href="(/static/[^"]+\.css)"', page.read())
    assert style is not None
    assert status_of(address + style[1].decode()) == 200
    running.wait_for(lambda: "ready." in running.log, "the worker")
    running.wait_for(lambda: running.child("beat"), "the scheduler")

    second = subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "up"],
        env={**os.environ, "STRATUM_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert second.returncode == 1
    assert f"Stratum runs already at {address}/ (process {running.process.pid})" in second.stderr

    running.wait_for(lambda: running.log.count("ready.") == 2, "the worker of the platforms")
    for word in ("gunicorn", "prefork", "threads", "beat"):
        master = running.child(word)
        assert master is not None
        os.kill(master.pid, signal.SIGKILL)
        running.wait_for(lambda one=master: not processes.is_alive(one), "its end")
        running.wait_for(lambda name=word: running.child(name), f"{word} to be started again")
    running.wait_for(lambda: status_of(f"{address}/health/ready/") == 200, "the web server")
    assert running.log.count("was ended by SIGKILL; starting it again") == 4

    for server in servers_of(home):
        os.kill(server.pid, signal.SIGKILL)
    running.wait_for(lambda: running.log.count("had died and was started again") == 2, "the servers")
    running.wait_for(lambda: status_of(f"{address}/health/ready/") == 200, "the database")

    assert running.end(signal.SIGINT) == 0
    assert running.log.rstrip().endswith("stratum   | Stopped.")
    assert running.members() == []
    assert servers_of(home) == []
    assert port_is_free(int(address.rsplit(":", 1)[1]))


def test_start_after_everything_was_killed(start: Callable[..., Running], home: Path) -> None:
    first = start()
    first.wait_until_ready()
    victims = [*first.members(), *servers_of(home)]
    assert len(victims) > 5
    first.process.kill()
    for victim in victims:
        if processes.is_alive(victim):
            os.kill(victim.pid, signal.SIGKILL)
    first.end()
    again = start()
    address = again.wait_until_ready()
    assert status_of(f"{address}/health/ready/") == 200
    # Only the tree itself is killed now: its children follow, the servers stay and are attached to.
    children, servers = again.members(), servers_of(home)
    again.process.kill()
    again.end()
    assert processes.wait_gone(children, patience=30)
    assert all(processes.is_alive(server) for server in servers[:1])
    third = start()
    third.wait_until_ready()
    assert servers_of(home)[0] == servers[0]
    assert third.end(signal.SIGTERM) == 0
    assert servers_of(home) == []


def test_taken_port(start: Callable[..., Running], home: Path) -> None:
    with socket.create_server((LOOPBACK, 0)) as holder:
        taken = holder.getsockname()[1]
        for options, variables in [(("--port", str(taken)), {}), ((), {"PORT": str(taken)})]:
            refused = start(*options, **variables)
            assert refused.process.wait(timeout=DEADLINE_SECONDS) == 1
            assert f"Port {taken} is taken by another program" in refused.log
    assert json.loads((home / FILE_NAME).read_text() or "{}") == {}


def test_next_free_port_is_chosen_unless_one_was_demanded() -> None:
    with socket.create_server((LOOPBACK, 0)) as holder:
        taken = holder.getsockname()[1]
        with pytest.raises(PortTaken, match=f"port {taken} is taken"):
            choose_port(LOOPBACK, taken)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("stratum.supervisor.web.DEFAULT_PORT", taken)
            assert taken < choose_port(LOOPBACK, None) < taken + 50
            patch.setattr("stratum.supervisor.web.PORTS_TO_TRY", 1)
            with pytest.raises(PortTaken):
                choose_port(LOOPBACK, None)


def test_address_of_another_machine_is_refused_in_a_sentence() -> None:
    with pytest.raises(CommandError, match=r"cannot listen on 192\.0\.2\.1:8000: Cannot assign"):
        up.Command()._choose_port(Output(io.StringIO()), "192.0.2.1", 8000)


@pytest.mark.parametrize(
    ("host", "reached", "written"),
    [("0.0.0.0", "127.0.0.1", "127.0.0.1"), ("::", "::1", "[::1]"), ("10.1.2.3", "10.1.2.3", "10.1.2.3")],
)
def test_address_is_one_that_a_browser_can_open(host: str, reached: str, written: str) -> None:
    assert local_address(host) == reached
    assert url_host(local_address(host)) == written


@pytest.mark.parametrize("value", ["eighty", "0", "65536", "-1", "80.5"])
def test_nonsense_in_port_variable_is_refused(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", value)
    with pytest.raises(CommandError, match="not a port number"):
        up._demanded_port(None)
    assert up._demanded_port(8123) == 8123


def test_first_page_waits_for_a_page_that_is_served() -> None:
    """A server that is up but answers with an error is not ready, and the log says why."""
    answers = iter([b"503 Busy", b"200 OK", b"500 Broken", b"200 OK", b"302 Found\r\nLocation: /login/", b"200 OK"])
    served: list[bool] = []
    with socket.create_server((LOOPBACK, 0)) as server:
        page = FirstPage(LOOPBACK, server.getsockname()[1], {}, lambda: served.append(True), lambda text: None)
        page.start()
        asked = []
        for answer in answers:
            assert served == []
            connection, _ = server.accept()
            with connection:
                asked.append(connection.recv(4096).split()[1])
                connection.sendall(b"HTTP/1.0 " + answer + b"\r\nContent-Length: 0\r\n\r\n")
        page._thread.join(10)  # type: ignore[union-attr]
    assert served == [True]
    assert asked == [b"/health/ready/"] + [b"/health/ready/", b"/"] * 2 + [b"/login/"]


def test_command_beside_the_tree_ends_with_it() -> None:
    log = io.StringIO()
    beside = Background("demo", ["sandbox", "--port", "0"], environment={}, output=Output(log))
    beside.start()
    deadline = time.monotonic() + DEADLINE_SECONDS
    while "demo      | The sandbox answers at" not in log.getvalue():
        assert time.monotonic() < deadline, log.getvalue()
        time.sleep(0.05)
    beside.stop()
    address = re.search(r"http://127\.0\.0\.1:\d+", log.getvalue())
    assert address is not None
    assert status_of(f"{address[0]}/") == 0
    beside.start()  # a first page that comes after the end
    time.sleep(0.3)
    assert log.getvalue().count("answers at") == 1


def test_every_queue_has_one_worker_and_syncs_have_their_own(home: Path) -> None:
    specs = {spec.name: spec.command for spec in up.children(home, host=LOOPBACK, port=8000, sandbox_port=8700)}
    assert list(specs) == ["web", "sandbox", "worker", "platforms", "beat"]
    queues = {name: command[command.index("-Q") + 1] for name, command in specs.items() if "-Q" in command}
    assert queues == {"worker": "celery", "platforms": "platforms"}
    assert set(queues.values()) == {queue.name for queue in settings.CELERY_TASK_QUEUES}
    hosts = [command[command.index("--hostname") + 1] for name, command in specs.items() if name in queues]
    assert len(set(hosts)) == 2


def test_demo_is_connected_to_the_sandbox_behind_the_first_page(start: Callable[..., Running]) -> None:
    running = start(demo=True)
    address = running.wait_until_ready()
    made = "5 simulated accounts are connected"
    assert running.log.index("Stratum is ready") < (running.log + made).index(made)
    running.wait_for(lambda: made in running.log, "the workspace of simulated accounts")
    running.wait_for(lambda: "'state': 'done'" in running.log, "the first sync")
    assert "sandbox-live.example" in running.log
    assert status_of(f"{address}/") == 200
    assert running.end(signal.SIGINT) == 0
    again = start(demo=True)
    again.wait_until_ready()
    again.wait_for(lambda: again.log.count("ready.") == 2, "the workers")
    assert "sandbox-live.example" in again.log.split("Simulated ad platforms")[1]  # among the logins, from now on
    assert made not in again.log


def test_unreachable_database_is_said_in_a_sentence(start: Callable[..., Running]) -> None:
    running = start(
        DATABASE_URL="postgres://a:b@127.0.0.1:1/c", SECRET_KEY="x" * 60, FERNET_KEYS="k", EMAIL_HASH_KEY="e"
    )
    assert running.process.wait(timeout=DEADLINE_SECONDS) == 1
    assert "CommandError: The database does not answer: connection failed" in running.log
    assert "Traceback" not in running.log


def test_makefile_offers_what_the_documentation_names() -> None:
    text = (ROOT / "Makefile").read_text()
    assert {"run", "test", "check", "bench", "stop", "clean"} <= set(re.findall(r"^([a-z]+):", text, re.MULTILINE))
