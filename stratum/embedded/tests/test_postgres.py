import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import LiteralString

import environ
import psycopg
import pytest

from stratum.embedded import EmbeddedError, PostgresServer, binaries, ensure_postgres, postgres, processes
from stratum.embedded.files import LOOPBACK, port_is_free


@pytest.fixture(scope="module")
def data(make_project: Callable[[], Path]) -> Path:
    """One data folder for the module: every test brings its server into the state that it needs itself."""
    state = make_project() / ".stratum"
    state.mkdir(mode=0o711)
    state.chmod(0o711)
    return state / "pg16"


@pytest.fixture
def new_data(make_project: Callable[[], Path]) -> Iterator[Path]:
    folder = make_project() / "pg16"
    yield folder
    postgres.destroy_postgres(data=folder)


def postmaster(server: PostgresServer) -> processes.Process:
    found = postgres._postmaster(postgres._cluster(server.data))
    assert found is not None
    return found


def pid_file(server: PostgresServer) -> Path:
    return postgres._cluster(server.data).pid_file


def answer(server: PostgresServer, sql: LiteralString) -> object:
    with psycopg.connect(server.url) as connection:
        row = connection.execute(sql).fetchone()
        return row and row[0]


def execute(server: PostgresServer, *statements: LiteralString) -> None:
    with psycopg.connect(server.url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def test_ensure_postgres_starts_then_attaches(data: Path) -> None:
    first = ensure_postgres(data=data)
    second = ensure_postgres(data=data)
    assert first.started_here
    assert not second.started_here
    assert first.url == second.url
    assert str(answer(second, "SHOW server_version")).startswith("16.")
    assert answer(second, "SELECT current_database() || '/' || current_user") == "stratum/stratum"
    assert answer(second, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is True
    assert answer(second, "SHOW data_checksums") == "on"
    assert answer(second, "SHOW fsync") == "on"


def test_url_is_read_by_settings(data: Path) -> None:
    server = ensure_postgres(data=data)
    parsed = environ.Env.db_url_config(server.url)
    assert (parsed["HOST"], parsed["PORT"], parsed["NAME"], parsed["USER"]) == (
        LOOPBACK,
        server.port,
        "stratum",
        "stratum",
    )
    assert parsed["PASSWORD"] == (data / "password").read_text()


def test_only_the_password_lets_in_and_files_are_private(data: Path) -> None:
    server = ensure_postgres(data=data)
    password = (data / "password").read_text()
    assert answer(server, "SELECT 1") == 1
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(server.url.replace(password, "guess"))
    assert data.stat().st_mode & 0o777 == 0o700
    assert (data / "password").stat().st_mode & 0o777 == 0o600
    assert password not in repr(server)
    assert password not in " ".join(processes.command_line(postmaster(server).pid))


def test_it_listens_on_loopback_only(data: Path) -> None:
    server = ensure_postgres(data=data)
    assert not port_is_free(server.port)
    assert port_is_free(server.port, host="127.0.0.2")
    assert answer(server, "SHOW unix_socket_directories") == ""


def test_stop_and_start_keep_data_and_port(data: Path) -> None:
    server = ensure_postgres(data=data)
    execute(server, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (42)")
    running = postmaster(server)
    server.stop()
    assert not processes.is_alive(running)
    server.stop()  # a second time is harmless
    again = ensure_postgres(data=data)
    assert again.started_here
    assert again.url == server.url
    assert answer(again, "SELECT n FROM kept") == 42
    execute(again, "DROP TABLE kept")


def test_killed_postmaster_is_recovered(data: Path) -> None:
    server = ensure_postgres(data=data)
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE committed AS SELECT generate_series(1, 1000) AS n")
        os.kill(postmaster(server).pid, signal.SIGKILL)
    again = ensure_postgres(data=data)
    assert again.started_here
    assert answer(again, "SELECT count(*) FROM committed") == 1000
    execute(again, "DROP TABLE committed")


def test_everything_killed_at_once_is_recovered(data: Path) -> None:
    server = ensure_postgres(data=data)
    for process in processes.working_in(pid_file(server).parent, "postgres"):
        os.kill(process.pid, signal.SIGKILL)
    again = ensure_postgres(data=data)
    assert again.started_here
    assert answer(again, "SELECT 1") == 1


def test_back_end_that_outlives_its_postmaster_is_ended(data: Path) -> None:
    server = ensure_postgres(data=data)
    # A back end at work on the processor does not notice that its postmaster died.
    busy = "DO $$ BEGIN PERFORM pg_notify('busy', ''); COMMIT; LOOP PERFORM 1; END LOOP; END $$"
    listener = psycopg.connect(server.url, autocommit=True)
    with ThreadPoolExecutor(1) as pool, listener, psycopg.connect(server.url, autocommit=True) as connection:
        listener.execute("LISTEN busy")
        back_end = processes.process(connection.info.backend_pid)
        assert back_end is not None
        work = pool.submit(connection.execute, busy)
        assert list(listener.notifies(timeout=10, stop_after=1))
        os.kill(postmaster(server).pid, signal.SIGKILL)
        again = ensure_postgres(data=data)
        assert again.started_here
        assert answer(again, "SELECT 1") == 1
        assert not processes.is_alive(back_end)
        assert isinstance(work.exception(timeout=10), psycopg.OperationalError)


def test_stale_pid_of_another_program_neither_hinders_nor_harms(data: Path) -> None:
    server = ensure_postgres(data=data)
    lines = pid_file(server).read_text().splitlines()
    server.stop()
    with subprocess.Popen(["sleep", "60"]) as stranger:
        pid_file(server).write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        postgres.stop_postgres(data=data)  # must not signal the stranger either
        again = ensure_postgres(data=data)
        assert again.started_here
        assert answer(again, "SELECT 1") == 1
        assert stranger.poll() is None
        stranger.kill()


def test_zombie_postmaster_does_not_hinder(data: Path) -> None:
    server = ensure_postgres(data=data)
    lines = pid_file(server).read_text().splitlines()
    server.stop()
    zombie = subprocess.Popen(["true"])
    os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)  # it has ended and nobody has collected it
    pid_file(server).write_text("\n".join([str(zombie.pid), *lines[1:]]) + "\n")
    assert answer(ensure_postgres(data=data), "SELECT 1") == 1
    assert zombie.wait() == 0


def test_empty_pid_file_does_not_hinder(data: Path) -> None:
    server = ensure_postgres(data=data)
    server.stop()
    pid_file(server).write_text("")
    assert answer(ensure_postgres(data=data), "SELECT 1") == 1


def test_taken_port_is_left_to_its_holder(data: Path) -> None:
    server = ensure_postgres(data=data)
    server.stop()
    with socket.create_server((LOOPBACK, server.port)):
        again = ensure_postgres(data=data)
        assert again.port != server.port
        assert answer(again, "SELECT 1") == 1


def test_dropped_database_is_made_again(data: Path) -> None:
    server = ensure_postgres(data=data)
    with psycopg.connect(server.url, dbname="postgres", autocommit=True) as connection:
        connection.execute("DROP DATABASE stratum WITH (FORCE)")
    assert answer(ensure_postgres(data=data), "SELECT current_database()") == "stratum"


def test_simultaneous_starts_share_one_server(new_data: Path) -> None:
    script = textwrap.dedent(
        f"""
        from pathlib import Path
        from stratum.embedded.postgres import ensure_postgres
        server = ensure_postgres(data=Path({str(new_data)!r}), durable=False)
        print(server.url, server.started_here)
        """
    )
    starting = [subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    answers = [process.communicate(timeout=60)[0].split() for process in starting]
    assert len({url for url, _ in answers}) == 1
    assert sorted(started for _, started in answers) == ["False", "False", "True"]


def test_interrupted_initdb_is_repeated(new_data: Path) -> None:
    new_data.mkdir()
    (new_data / "password").write_text("from-the-first-try")
    (new_data / "cluster.part").mkdir()
    (new_data / "cluster.part" / "PG_VERSION").write_text("16")
    server = ensure_postgres(data=new_data, durable=False)
    assert answer(server, "SHOW fsync") == "off"
    assert "from-the-first-try" in server.url


def test_damaged_cluster_is_renewed_for_tests_only(new_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "START_PATIENCE_SECONDS", 0.1)
    server = ensure_postgres(data=new_data, durable=False)
    server.stop()
    control_file = postgres._cluster(new_data).folder / "global" / "pg_control"
    control_file.write_bytes(b"\0" * 8192)
    with pytest.raises(EmbeddedError, match="does not start"):
        ensure_postgres(data=new_data)
    assert answer(ensure_postgres(data=new_data, durable=False), "SELECT 1") == 1


def test_lost_password_is_said(data: Path) -> None:
    server = ensure_postgres(data=data)
    password = data / "password"
    aside = password.rename(data / "password.aside")
    with pytest.raises(EmbeddedError, match="password is missing"):
        ensure_postgres(data=data)
    aside.rename(password)
    assert ensure_postgres(data=data).url == server.url


def test_cluster_of_another_version_is_refused(make_project: Callable[[], Path]) -> None:
    folder = make_project() / "pg16"
    (folder / "cluster").mkdir(parents=True)
    (folder / "cluster" / "PG_VERSION").write_text("15\n")
    (folder / "password").write_text("x")
    with pytest.raises(EmbeddedError, match="belongs to PostgreSQL 15"):
        ensure_postgres(data=folder)


def test_deep_folder_is_no_obstacle(make_project: Callable[[], Path]) -> None:
    # A socket in there would be longer than the 107 bytes the system allows.
    deep = make_project()
    for name in ["a folder with spaces and a long name"] * 4:
        deep = deep / name
        deep.mkdir()
    server = ensure_postgres(data=deep / "pg16", durable=False)
    try:
        assert answer(server, "SELECT 1") == 1
    finally:
        postgres.destroy_postgres(data=deep / "pg16")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another user")
def test_closed_home_of_root_stays_closed(make_project: Callable[[], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    shared = make_project() / "var"
    monkeypatch.setattr(postgres, "SHARED_STATE", shared)
    monkeypatch.setattr(binaries, "SHARED_STATE", shared)
    monkeypatch.setattr(binaries, "runs", _only_below(shared, binaries.runs))
    home = make_project()
    home.chmod(0o700)
    data = home / "pg16"
    server = ensure_postgres(data=data, durable=False)
    assert answer(server, "SELECT 1") == 1
    assert home.stat().st_mode & 0o777 == 0o700
    assert server.data == data
    running = postmaster(server)
    assert processes.command_line(running.pid)[0].startswith(str(shared))
    assert Path(f"/proc/{running.pid}").stat().st_uid != 0
    assert ensure_postgres(data=data, durable=False).url == server.url
    postgres.destroy_postgres(data=data)
    assert not processes.is_alive(running)
    assert [entry.name for entry in shared.iterdir() if entry.name.startswith("pg16-")] == []


def _only_below(folder: Path, really: Callable[..., bool]) -> Callable[..., bool]:
    """The wheel of the test run is readable for everybody; here it counts as closed."""
    return lambda programs, account: folder in programs.parents and really(programs, account)
