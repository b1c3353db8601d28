import os
import signal
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from stratum.embedded import RedisServer, ensure_redis, processes
from stratum.embedded.files import LOOPBACK
from stratum.embedded.redis import PROGRAM, stop_redis


@pytest.fixture(scope="module")
def data(make_project: Callable[[], Path]) -> Path:
    state = make_project() / ".stratum"
    state.mkdir()
    return state / "redis"


def client(server: RedisServer) -> redis.Redis:
    return redis.Redis.from_url(server.url, decode_responses=True)


def test_ensure_redis_starts_then_attaches(data: Path) -> None:
    first, second = ensure_redis(data=data), ensure_redis(data=data)
    assert first.started_here
    assert not second.started_here
    assert first.url == second.url
    with client(second) as connection:
        assert connection.ping()
        assert connection.config_get("appendonly") == {"appendonly": "yes"}
        assert connection.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert connection.config_get("bind") == {"bind": LOOPBACK}


def test_only_the_password_lets_in(data: Path) -> None:
    server = ensure_redis(data=data)
    password = (data / "password").read_text()
    once = Retry(NoBackoff(), retries=0)
    stranger = redis.Redis(host=LOOPBACK, port=server.port, retry=once)
    with stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()
    with client(server) as connection:
        assert connection.ping()
    for name in ("password", "redis.conf"):
        assert (data / name).stat().st_mode & 0o777 == 0o600
    assert data.stat().st_mode & 0o777 == 0o700
    [running] = processes.working_in(data, PROGRAM)
    assert password not in " ".join(processes.command_line(running.pid))
    assert password not in repr(server)


def test_stop_and_start_keep_data_and_port(data: Path) -> None:
    server = ensure_redis(data=data)
    with client(server) as connection:
        connection.set("kept", "yes")
    server.stop()
    assert processes.working_in(data, PROGRAM) == []
    server.stop()
    again = ensure_redis(data=data)
    assert again.started_here
    assert again.url == server.url
    with client(again) as connection:
        assert connection.get("kept") == "yes"


def test_killed_server_is_started_again(data: Path) -> None:
    server = ensure_redis(data=data)
    with client(server) as connection:
        connection.rpush("queue", "a", "b")
    [running] = processes.working_in(data, PROGRAM)
    os.kill(running.pid, signal.SIGKILL)
    again = ensure_redis(data=data)
    assert again.started_here
    with client(again) as connection:
        assert connection.lrange("queue", 0, -1) == ["a", "b"]
        connection.delete("queue")


def test_cut_off_append_only_file_is_loaded(data: Path) -> None:
    server = ensure_redis(data=data)
    with client(server) as connection:
        connection.set("whole", "yes")
    server.stop()
    log = data / "appendonly.aof"
    with log.open("ab") as stream:
        stream.write(b"*3\r\n$3\r\nSET\r\n$4\r\nha")  # as the power failed
    with client(ensure_redis(data=data)) as connection:
        assert connection.get("whole") == "yes"


def test_taken_port_is_left_to_its_holder(data: Path) -> None:
    server = ensure_redis(data=data)
    server.stop()
    with socket.create_server((LOOPBACK, server.port)):
        again = ensure_redis(data=data)
        assert again.port != server.port
        with client(again) as connection:
            assert connection.ping()


def test_server_on_an_unknown_port_is_replaced_not_doubled(data: Path) -> None:
    ensure_redis(data=data)
    [running] = processes.working_in(data, PROGRAM)
    (data / "redis.conf").unlink()
    again = ensure_redis(data=data)
    assert again.started_here
    assert not processes.is_alive(running)
    assert len(processes.working_in(data, PROGRAM)) == 1


def test_simultaneous_starts_share_one_server(data: Path) -> None:
    stop_redis(data=data)
    with ThreadPoolExecutor(4) as pool:
        servers = list(pool.map(lambda _: ensure_redis(data=data), range(4)))
    assert len({server.url for server in servers}) == 1
    assert sum(server.started_here for server in servers) == 1
    assert len(processes.working_in(data, PROGRAM)) == 1
