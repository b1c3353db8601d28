"""The one command that runs Stratum: servers, migrations, demo, then web, worker and scheduler as one tree."""

import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connections

from accounts.clients.outlets import destination
from stratum.demo.logins import DEMO_LOGINS, LIVE_LOGINS, LIVE_SLUG, MAIN_SLUG
from stratum.embedded import EmbeddedError, processes, revive, stop_if_unused
from stratum.embedded.files import LOOPBACK, port_is_free, state_folder
from stratum.management.background import Background
from stratum.management.static_files import mark_collected, needs_collecting
from stratum.sandbox.addresses import environment as sandbox_environment
from stratum.supervisor import (
    AlreadyRunning,
    ChildSpec,
    InstanceLock,
    Output,
    Supervisor,
    end_leftovers,
    marked_environment,
)
from stratum.supervisor.children import LAUNCHER
from stratum.supervisor.web import DEFAULT_PORT, FirstPage, PortTaken, choose_port, local_address, url_host
from tenants.queries import active_tenant_ids, workspace_exists

WEB_THREADS = 8
MOST_WEB_PROCESSES = 4
WORKER_PROCESSES = 2
# Syncs wait for platforms most of the time: threads, so that four of them cost little more memory than one.
PLATFORM_THREADS = 4
# Requests in flight get this long to finish when the web server stops.
WEB_GRACE_SECONDS = 10
# A job in flight gets this long; what is cut off is delivered again, since jobs are acknowledged late.
WORKER_GRACE_SECONDS = 30.0
# A sync that is cut off goes on after its last step, so nobody waits long for one.
PLATFORM_GRACE_SECONDS = 10.0
# Worker and scheduler leave the processors to the web server until its first page is out, but no longer than this.
HOLD_SECONDS = 20.0
# The simulated ad platforms: theirs is the first free port from here.
SANDBOX_PORTS = range(8700, 8720)
# The demo's simulated accounts are connected behind the first page; a sandbox that is not there by then stays alone.
CONNECT_PATIENCE_SECONDS = 60
PORT_VARIABLE = "PORT"
STARTED_VARIABLE = "STRATUM_STARTED"


class Command(BaseCommand):
    help = (
        "Run Stratum: migrate, load the demo into an empty database, then web, worker and scheduler. Ctrl-C stops all."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--host", default="127.0.0.1", help="Address to listen on (0.0.0.0 for all of this machine's)."
        )
        parser.add_argument(
            "--port", type=int, help=f"Port, or an error; else ${PORT_VARIABLE}; else the first free from 8000."
        )
        parser.add_argument("--no-demo", action="store_true", help="Leave an empty database empty.")
        parser.add_argument("--no-sandbox", action="store_true", help="Do without the simulated ad platforms.")

    def handle(
        self, *args: Any, host: str, port: int | None, no_demo: bool, no_sandbox: bool = False, **options: Any
    ) -> None:
        home = state_folder(settings.STRATUM_HOME)
        try:
            with _sigterm_interrupts(), InstanceLock(home) as lock:
                self._run(
                    home, lock, host=host, port=_demanded_port(port), demo=not no_demo, with_sandbox=not no_sandbox
                )
        except AlreadyRunning as error:
            where = f" at {error.address}" if error.address else ""
            raise CommandError(
                f"Stratum runs already{where} (process {error.pid}). Stop it with Ctrl-C there, or with `make stop`."
            ) from error
        except OperationalError as error:
            raise CommandError(f"The database does not answer: {str(error).strip()}") from error
        except EmbeddedError as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            self.stdout.write("Stopped before everything had started.")
        finally:
            self._leave_servers()

    def _run(
        self, home: Path, lock: InstanceLock, *, host: str, port: int | None, demo: bool, with_sandbox: bool
    ) -> None:
        output = Output()
        ended = end_leftovers(home)
        if ended:
            output.line("stratum", f"Ended {ended} processes that a killed Stratum had left behind.")
        port = self._choose_port(output, host, port)
        self._prepare(output, home, demo=demo)
        logins, lacks_live = _demo_logins(), demo and _lacks_live_workspace()
        _close_connections()
        address = f"http://{url_host(local_address(host))}:{port}/"
        lock.describe(address=address)
        sandbox_port = _sandbox_port() if with_sandbox and settings.EMBEDDED else None
        sandbox = sandbox_environment(f"http://{LOOPBACK}:{sandbox_port}", set(os.environ)) if sandbox_port else {}
        environment = {"PUBLIC_URL": address.rstrip("/"), **marked_environment(home), **sandbox}
        supervisor = Supervisor(
            children(home, host=host, port=port, sandbox_port=sandbox_port if sandbox else None),
            output=output,
            environment=environment,
            tick=lambda: _revive_servers(output),
        )
        page = environment["PUBLIC_URL"].rstrip("/") + "/"
        arguments = ("demo", "--connect-sandbox", "--patience", str(CONNECT_PATIENCE_SECONDS))
        connecting = Background("demo", arguments, environment=environment, output=output)

        def served() -> None:
            supervisor.release()
            output.block(_welcome(page, sandbox.get("SANDBOX_URL", ""), logins))
            if sandbox and lacks_live:
                connecting.start()

        try:
            status = self._supervise(supervisor, host, port, served)
        finally:
            connecting.stop()
        if status:
            raise CommandError("Stratum has stopped, because one of its processes could not be kept running.")
        output.line("stratum", "Stopped.")

    def _choose_port(self, output: Output, host: str, demanded: int | None) -> int:
        try:
            port = choose_port(host, demanded)
        except PortTaken as error:
            hint = "Name another one with --port" if demanded is not None else "Free one, or name one with --port"
            raise CommandError(f"{str(error).capitalize()} by another program. {hint} (or {PORT_VARIABLE}).") from error
        except OSError as error:  # socket.gaierror too
            where = f"{url_host(host)}:{demanded or DEFAULT_PORT}"
            raise CommandError(f"This machine cannot listen on {where}: {error.strerror}.") from error
        if demanded is None and port != DEFAULT_PORT:
            output.line("stratum", f"Port {DEFAULT_PORT} is taken by another program; using {port}.")
        return port

    def _prepare(self, output: Output, home: Path, *, demo: bool) -> None:
        """Static files are collected beside the migrations: on two processors that costs the first start nothing."""
        collecting = _manage(home, "collectstatic", "--noinput", "--verbosity=0") if needs_collecting() else None
        try:
            output.line("stratum", "Checking the database ...")
            call_command("migrate", interactive=False, verbosity=0)
            if demo and not active_tenant_ids():
                output.line("stratum", "The database is empty: loading the demo workspaces ...")
                self._finish(_manage(home, "demo"), "The demo could not be loaded (--no-demo starts without).")
            if collecting is not None:
                self._finish(collecting, "The static files could not be collected.")
                mark_collected()
        finally:
            if collecting is not None and collecting.poll() is None:
                collecting.terminate()
                collecting.wait()

    def _finish(self, process: subprocess.Popen[bytes], failure: str) -> None:
        if process.wait() != 0:
            raise CommandError(f"{failure} The reason is above.")

    def _supervise(self, supervisor: Supervisor, host: str, port: int, served: Callable[[], None]) -> int:
        page = FirstPage(host=host, port=port, headers=_headers(), on_served=served, report=supervisor.say)
        patience = threading.Timer(HOLD_SECONDS, supervisor.release)
        patience.daemon = True
        page.start()
        patience.start()
        try:
            return supervisor.run()
        finally:
            patience.cancel()
            page.stop()

    def _leave_servers(self) -> None:
        try:
            if not stop_if_unused(settings.BASE_DIR):
                self.stdout.write(
                    "The embedded servers keep running: another command uses them (`make stop` ends them)."
                )
        except EmbeddedError as error:
            self.stderr.write(str(error))


def children(home: Path, *, host: str, port: int, sandbox_port: int | None = None) -> list[ChildSpec]:
    """The processes of the tree, in the order they start; they stop in the reverse one."""
    python, root = sys.executable, Path(settings.BASE_DIR)
    level = settings.LOG_LEVEL.lower()
    # Celery warns of root because of pickled messages; ours are JSON, and in a container root is usual.
    celery = (python, "-W", "ignore:You're running the worker", "-m", "celery", "-A", "stratum", "--quiet")
    web = (
        python,
        "-m",
        "gunicorn",
        "stratum.wsgi:application",
        "--bind",
        f"{url_host(host)}:{port}",
        "--no-control-socket",
    )
    web += ("--worker-class", "gthread", "--threads", str(WEB_THREADS), "--workers", str(_web_processes()))
    web += ("--graceful-timeout", str(WEB_GRACE_SECONDS), "--timeout", "60", "--log-level", "warning")
    worker = (*celery, "worker", "--pool", "prefork", "--concurrency", str(WORKER_PROCESSES), "-Q", "celery")
    platforms = (*celery, "worker", "--pool", "threads", "--concurrency", str(PLATFORM_THREADS), "-Q", "platforms")
    beat = (*celery, "beat", "--schedule", str(home / "celerybeat-schedule"), "--loglevel", level)
    specs = [
        ChildSpec("web", web, folder=root, patience=WEB_GRACE_SECONDS + 5.0),
        *(
            ChildSpec(name, (*command, *_worker_options(name, level)), folder=root, patience=patience, held=True)
            for name, command, patience in (
                ("worker", worker, WORKER_GRACE_SECONDS),
                ("platforms", platforms, PLATFORM_GRACE_SECONDS),
            )
        ),
        ChildSpec("beat", beat, folder=root, patience=5.0, held=True),
    ]
    if sandbox_port is not None:
        sandbox = (python, "manage.py", "sandbox", "--port", str(sandbox_port), "--state", str(home / "sandbox"))
        # Started before the worker: a sync that is due at once finds the platforms there.
        specs.insert(1, ChildSpec("sandbox", sandbox, folder=root, patience=5.0, held=True))
    return specs


def _worker_options(name: str, level: str) -> tuple[str, ...]:
    # A name of its own: workers of a killed tree may still be known to Redis under theirs.
    hostname = f"{name}-{secrets.token_hex(4)}@%h"
    return ("--loglevel", level, "--hostname", hostname, "--without-gossip", "--without-mingle")


def _sandbox_port() -> int | None:
    """None when all are taken: Stratum runs without the sandbox then."""
    return next((port for port in SANDBOX_PORTS if port_is_free(port, LOOPBACK)), None)


def _web_processes() -> int:
    demanded = os.environ.get("WEB_CONCURRENCY", "")
    return int(demanded) if demanded.isdigit() else min(MOST_WEB_PROCESSES, os.cpu_count() or 1)


def _demanded_port(option: int | None) -> int | None:
    variable = os.environ.get(PORT_VARIABLE, "")
    if option is None and variable and not variable.isdigit():
        raise CommandError(f"{PORT_VARIABLE} is {variable!r}, which is not a port number.")
    port = option if option is not None else int(variable) if variable else None
    if port is not None and not 1 <= port <= 65535:
        raise CommandError(f"{port} is not a port number: 1 to 65535.")
    return port


def _manage(home: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """A management command as a child that does not outlive us; its output goes where ours goes."""
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), *arguments]
    launch = [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), *command]
    return subprocess.Popen(launch, env=marked_environment(home), stdin=subprocess.DEVNULL)  # noqa: S603 (our own)


def _close_connections() -> None:
    """This process asks the database nothing more; its pool's threads and connections would only stand about."""
    for connection in connections.all(initialized_only=True):
        connection.close()
        connection.close_pool()


def _revive_servers(output: Output) -> Mapping[str, str]:
    try:
        return revive(settings.BASE_DIR, report=lambda text: output.line("stratum", text))
    except EmbeddedError as error:  # tried again at the next tick
        output.line("stratum", str(error))
        return {}


def _headers() -> dict[str, str]:
    """What a proxy would send, so that the check passes host validation and the redirect to https."""
    host = next((name for name in settings.ALLOWED_HOSTS if not name.startswith(("*", "."))), "localhost")
    return {"Host": host, "X-Forwarded-Proto": "https"}


def _welcome(address: str, sandbox: str, logins: list[str]) -> str:
    seconds = time.time() - _began()
    lines = [f"  Stratum is ready: {address}", f"  First page after {seconds:.1f} s. Ctrl-C stops everything."]
    if sandbox:
        lines.append(f"  Simulated ad platforms to connect to (sandbox): {sandbox}/")
    lines.append(f"  E-mail goes to {destination() or 'nobody: neither EMAIL_HOST nor EMAIL_FOLDER is set'}")
    return "\n".join(lines + logins)


def _demo_logins() -> list[str]:
    """The demo's people as an aligned table, when the demo's workspaces are there."""
    if not workspace_exists(MAIN_SLUG):
        return []
    live = [] if _lacks_live_workspace() else LIVE_LOGINS
    rows = [("Demo", "workspace", "e-mail", "password"), *DEMO_LOGINS, *live]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return ["", *("  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)]


def _lacks_live_workspace() -> bool:
    """Whether there is a demo whose workspace of simulated accounts is still to be made."""
    return workspace_exists(MAIN_SLUG) and not workspace_exists(LIVE_SLUG)


def _began() -> float:
    """When `make run` (or else this process) began, in seconds since the epoch."""
    try:
        return float(os.environ[STARTED_VARIABLE])
    except (KeyError, ValueError):
        own = processes.process(os.getpid())
        assert own is not None
        since_boot = own.started / os.sysconf("SC_CLK_TCK")
        return time.time() - (time.clock_gettime(time.CLOCK_BOOTTIME) - since_boot)


@contextmanager
def _sigterm_interrupts() -> Iterator[None]:
    """SIGTERM and a closed terminal end the preparations as Ctrl-C does; the supervisor has handlers of its own."""

    def interrupt(number: int, frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    previous = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
