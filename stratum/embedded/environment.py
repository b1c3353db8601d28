"""What an installation without configuration adds to its environment, and who may stop the servers behind it."""

import fcntl
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from stratum.embedded.errors import EmbeddedError
from stratum.embedded.files import read_text, state_folder
from stratum.embedded.postgres import PostgresServer, destroy_postgres, ensure_postgres, stop_postgres
from stratum.embedded.redis import RedisServer, destroy_redis, ensure_redis, stop_redis
from stratum.embedded.secrets import ensure_secrets

STATE_FOLDER = ".stratum"
SERVER_NAMES = {"DATABASE_URL": "PostgreSQL", "REDIS_URL": "Redis"}


@dataclass(frozen=True, slots=True)
class _Layout:
    """The paths of one set of servers below the state folder: the product's, or that of the tests."""

    state: Path
    prefix: str

    @property
    def postgres(self) -> Path:
        return self.state / f"{self.prefix}pg16"

    @property
    def redis(self) -> Path:
        return self.state / f"{self.prefix}redis"

    @property
    def secrets(self) -> Path:
        return self.state / f"{self.prefix}secrets.json"

    @property
    def in_use(self) -> Path:
        return self.state / f"{self.prefix}in-use.lock"


def state_path(root: Path) -> Path:
    """The folder of all run-time data: STRATUM_HOME, else `.stratum` in the project."""
    return Path(_variable(root, "STRATUM_HOME") or root / STATE_FOLDER).resolve()


def _variable(root: Path, name: str) -> str:
    """A variable of the environment, else of the project's .env, which the settings read too; empty when unset.

    The tests do not look into .env for servers: they must never run on the database that it names.
    """
    return os.environ.get(name) or _env_file(root / ".env").get(name, "")


def _env_file(path: Path) -> dict[str, str]:
    # The same lines that django-environ takes for assignments; it is not imported, since it may not be installed.
    found = re.findall(r"^(?:export )?(\w+)=(.*)$", read_text(path) or "", re.MULTILINE)
    return {name: value.strip().strip("'\"") for name, value in found}


@dataclass(slots=True)
class _Use:
    """What this process uses: the lock that says so, and the servers by the variable that names them."""

    handle: int
    servers: dict[str, PostgresServer | RedisServer] = field(default_factory=dict)


# Open files whose shared lock says 'this process uses the servers'; the kernel drops it when the process dies.
_uses: dict[Path, _Use] = {}


def embedded_environment(root: Path, *, tests: bool = False) -> dict[str, str]:
    """Start what the environment does not name, and return the variables to add to it.

    A variable counts as set when the environment or the project's .env gives it a value. An unset DATABASE_URL gets
    an embedded PostgreSQL and, as far as unset, SECRET_KEY, FERNET_KEYS and EMAIL_HASH_KEY (a database of one's own
    asks for secrets of one's own) and STRATUM_EMBEDDED; an unset REDIS_URL gets an embedded Redis. `tests=True` uses
    servers apart from the product's, the database without crash safety. The servers outlive this process, and
    `stop_if_unused` or `stop` end them. Raises EmbeddedError.
    """
    set_already = os.environ.get if tests else partial(_variable, root)
    wanted = [name for name in ("DATABASE_URL", "REDIS_URL") if not set_already(name)]
    if not wanted:
        return {}
    layout = _layout(root, tests=tests)
    state_folder(layout.state)
    use = _mark_in_use(layout)
    added: dict[str, str] = {}
    if "DATABASE_URL" in wanted:
        added |= _secrets(layout, set_already)
        # Tells the settings that this is a machine of its own: plain HTTP on loopback, no proxy before it.
        added["STRATUM_EMBEDDED"] = set_already("STRATUM_EMBEDDED") or "true"
    for name in wanted:
        use.servers[name] = _ensure(layout, name)
        added[name] = use.servers[name].url
    return added


def revive(root: Path, *, tests: bool = False, report: Callable[[str], None] | None = None) -> dict[str, str]:
    """Start those servers again that this process uses and that have died since (a kill -9, the memory killer).

    Returns the variables whose values changed: none, as long as the old port was free. `report` gets a sentence on
    each server that was started.
    """
    layout = _layout(root, tests=tests)
    use = _uses.get(layout.in_use)
    changed: dict[str, str] = {}
    if use is None:
        return changed
    for name, server in list(use.servers.items()):
        if not server.is_running():
            use.servers[name] = _ensure(layout, name)
            if report is not None:
                report(f"The embedded {SERVER_NAMES[name]} had died and was started again.")
            if use.servers[name].url != server.url:
                changed[name] = use.servers[name].url
    return changed


def stop_if_unused(root: Path, *, tests: bool = False) -> bool:
    """End this process's use, and stop the servers unless another process uses them; True when none is left."""
    layout = _layout(root, tests=tests)
    use = _uses.pop(layout.in_use, None)
    if use is None:
        return True
    try:
        fcntl.flock(use.handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _stop(layout)
    except BlockingIOError:
        return False
    finally:
        os.close(use.handle)
    return True


def stop(root: Path) -> list[str]:
    """Stop the servers of product and tests whoever uses them; returns the names of those that were running."""
    return [name for tests in (False, True) for name in _stop(_layout(root, tests=tests))]


def destroy(root: Path) -> None:
    """Stop all servers and remove their data and the secrets: the next start begins with nothing."""
    for tests in (False, True):
        layout = _layout(root, tests=tests)
        destroy_postgres(data=layout.postgres)
        destroy_redis(data=layout.redis)
        layout.secrets.unlink(missing_ok=True)


def _layout(root: Path, *, tests: bool) -> _Layout:
    return _Layout(state=state_path(root), prefix="test-" if tests else "")


def _secrets(layout: _Layout, set_already: Callable[[str], str | None]) -> dict[str, str]:
    unreadable = layout.prefix == "" and layout.postgres.exists() and not layout.secrets.exists()
    if unreadable and not set_already("FERNET_KEYS"):
        raise EmbeddedError(
            f"{layout.secrets} is missing, but {layout.postgres} holds data encrypted with it. Restore the file, set "
            "FERNET_KEYS and EMAIL_HASH_KEY, or run `make clean` to start with nothing."
        )
    values = ensure_secrets(layout.secrets)
    return {name: value for name, value in values.items() if not set_already(name)}


def _ensure(layout: _Layout, name: str) -> PostgresServer | RedisServer:
    if name == "DATABASE_URL":
        return ensure_postgres(data=layout.postgres, durable=layout.prefix == "")
    return ensure_redis(data=layout.redis)


def _mark_in_use(layout: _Layout) -> _Use:
    use = _uses.get(layout.in_use)
    if use is None:
        handle = os.open(layout.in_use, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        # Waits while the last user is just stopping the servers.
        fcntl.flock(handle, fcntl.LOCK_SH)
        use = _uses[layout.in_use] = _Use(handle)
    return use


def _stop(layout: _Layout) -> list[str]:
    stopped = {"PostgreSQL": stop_postgres(data=layout.postgres), "Redis": stop_redis(data=layout.redis)}
    return [f"{layout.prefix}{name}" for name, was_running in stopped.items() if was_running]
