import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import redis
from cryptography.fernet import Fernet

from stratum.embedded import (
    EmbeddedError,
    embedded_environment,
    ensure_secrets,
    environment,
    processes,
    stop_if_unused,
)
from stratum.embedded.redis import PROGRAM

SECRETS = {"SECRET_KEY", "FERNET_KEYS", "EMAIL_HASH_KEY"}
VARIABLES = SECRETS | {"DATABASE_URL", "REDIS_URL", "STRATUM_EMBEDDED"}


@pytest.fixture(scope="module")
def root(make_project: Callable[[], Path]) -> Path:
    return make_project()


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES | {"STRATUM_HOME"}:
        monkeypatch.delenv(name, raising=False)


def test_bare_environment_gets_everything(root: Path) -> None:
    added = embedded_environment(root)
    assert set(added) == VARIABLES
    assert embedded_environment(root) == added
    with psycopg.connect(added["DATABASE_URL"]) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    with redis.Redis.from_url(added["REDIS_URL"]) as connection:
        assert connection.ping()
    assert Fernet(added["FERNET_KEYS"])


def test_test_servers_are_apart(root: Path) -> None:
    product, tests = embedded_environment(root), embedded_environment(root, tests=True)
    for name in ("DATABASE_URL", "REDIS_URL", "FERNET_KEYS"):
        assert product[name] != tests[name]
    with psycopg.connect(tests["DATABASE_URL"]) as connection:
        assert connection.execute("SHOW fsync").fetchone() == ("off",)


def test_named_servers_are_left_alone(make_project: Callable[[], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_project()
    monkeypatch.setenv("DATABASE_URL", "postgres://elsewhere/db")
    monkeypatch.setenv("REDIS_URL", "redis://elsewhere")
    assert embedded_environment(project) == {}
    assert list(project.iterdir()) == []


def test_own_database_asks_for_own_secrets(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://elsewhere/db")
    assert set(embedded_environment(root)) == {"REDIS_URL"}


def test_set_secret_is_kept_and_empty_means_unset(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "mine")
    monkeypatch.setenv("EMAIL_HASH_KEY", "")
    assert set(embedded_environment(root)) == VARIABLES - {"SECRET_KEY"}


def test_env_file_counts_as_environment_but_not_for_tests(make_project: Callable[[], Path]) -> None:
    project = make_project()
    lines = [
        "# DATABASE_URL=commented",
        "export DATABASE_URL='postgres://elsewhere/db'",
        "REDIS_URL=",
        f"STRATUM_HOME={project}/var",
    ]
    (project / ".env").write_text("\n".join(lines))
    try:
        assert set(embedded_environment(project)) == {"REDIS_URL"}
        assert (project / "var" / "redis" / "redis.conf").exists()
        added = embedded_environment(project, tests=True)
        assert "elsewhere" not in added["DATABASE_URL"]
        assert set(added) >= SECRETS
    finally:
        environment.destroy(project)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another user's folder")
def test_another_users_home_is_refused(make_project: Callable[[], Path]) -> None:
    state = make_project() / ".stratum"
    state.mkdir()
    os.chown(state, 65534, 65534)
    with pytest.raises(EmbeddedError, match="belongs to the user nobody"):
        embedded_environment(state.parent)
    assert list(state.iterdir()) == []


def test_lost_secrets_of_a_database_are_not_replaced(root: Path) -> None:
    before = embedded_environment(root)
    secrets = root / ".stratum" / "secrets.json"
    aside = secrets.rename(secrets.with_name("aside.json"))
    with pytest.raises(EmbeddedError, match=r"secrets\.json is missing"):
        embedded_environment(root)
    assert not secrets.exists()
    aside.rename(secrets)
    assert embedded_environment(root) == before


def test_killed_servers_are_revived(root: Path) -> None:
    added = embedded_environment(root)
    assert environment.revive(root) == {}
    servers = environment._uses[environment._layout(root, tests=False).in_use].servers
    for name, program in {"pg16/cluster": "postgres", "redis": PROGRAM}.items():
        for running in processes.working_in(root / ".stratum" / name, program):
            os.kill(running.pid, signal.SIGKILL)
            processes.wait_gone([running], patience=5)
    assert not any(server.is_running() for server in servers.values())
    assert environment.revive(root) == {}  # on the same ports: nobody needs to hear of it
    assert all(server.is_running() for server in servers.values())
    with psycopg.connect(added["DATABASE_URL"]) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_revival_on_another_port_names_the_new_address(root: Path) -> None:
    added = embedded_environment(root)
    [running] = processes.working_in(root / ".stratum" / "redis", PROGRAM)
    os.kill(running.pid, signal.SIGKILL)
    processes.wait_gone([running], patience=5)
    port = int(added["REDIS_URL"].rsplit(":", 1)[1].partition("/")[0])
    with socket.create_server(("127.0.0.1", port)):
        changed = environment.revive(root)
    assert set(changed) == {"REDIS_URL"}
    assert changed["REDIS_URL"] != added["REDIS_URL"]


def test_home_can_be_elsewhere(make_project: Callable[[], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    project, home = make_project(), make_project()
    monkeypatch.setenv("STRATUM_HOME", str(home))
    monkeypatch.setenv("DATABASE_URL", "postgres://elsewhere/db")
    try:
        assert set(embedded_environment(project)) == {"REDIS_URL"}
        assert list(project.iterdir()) == []
        assert (home / "redis" / "redis.conf").exists()
    finally:
        environment.destroy(project)
    assert not (home / "redis").exists()


def test_servers_stop_with_their_last_user_only(root: Path) -> None:
    embedded_environment(root)
    folder = root / ".stratum" / "redis"
    script = textwrap.dedent(
        f"""
        from pathlib import Path
        from stratum.embedded import embedded_environment
        embedded_environment(Path({str(root)!r}))
        print("in use", flush=True)
        input()
        """
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"in use\n"
        assert not stop_if_unused(root)
        assert processes.working_in(folder, PROGRAM)
        other.kill()  # leaves nothing behind that would count as a user
    embedded_environment(root)
    assert stop_if_unused(root)
    assert not processes.working_in(folder, PROGRAM)
    assert environment.stop(root) in (["test-PostgreSQL", "test-Redis"], [])


def test_secrets_are_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    first = ensure_secrets(path)
    assert set(first) == SECRETS
    assert all(len(value) >= 32 for value in first.values())
    assert path.stat().st_mode & 0o777 == 0o600
    assert ensure_secrets(path) == first
    assert ensure_secrets(tmp_path / "other.json") != first


def test_secrets_of_an_older_version_gain_what_is_new(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    path.write_text(json.dumps({"SECRET_KEY": "old", "FERNET_KEYS": "older"}))
    values = ensure_secrets(path)
    assert (values["SECRET_KEY"], values["FERNET_KEYS"]) == ("old", "older")
    assert values["EMAIL_HASH_KEY"]
    assert ensure_secrets(path) == values


@pytest.mark.parametrize("content", ["{", "[]", '{"SECRET_KEY": ""}', '{"SECRET_KEY": 3}', ""])
def test_damaged_secrets_are_refused_not_replaced(tmp_path: Path, content: str) -> None:
    path = tmp_path / "secrets.json"
    path.write_text(content)
    with pytest.raises(EmbeddedError):
        ensure_secrets(path)
    assert path.read_text() == content


def test_no_third_party_package_is_needed_or_imported() -> None:
    # An import of the wheels' packages has side effects, and Django is not configured yet.
    script = textwrap.dedent(
        """
        import sys
        sys.modules["stratum.celery"] = type(sys)("stratum.celery")
        sys.modules["stratum.celery"].app = None
        before = set(sys.modules)
        import stratum.embedded
        from stratum.embedded.service_account import service_account
        stratum.embedded.postgres.postgres_programs(service_account())
        stratum.embedded.redis.redis_program()
        roots = {name.partition(".")[0] for name in set(sys.modules) - before}
        print(sorted(roots - set(sys.stdlib_module_names) - {"stratum"}))
        """
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
