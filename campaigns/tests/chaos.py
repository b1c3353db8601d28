"""A PostgreSQL, a Redis and Celery workers of one test's own, made to be killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import redis
from celery import Celery
from django.conf import settings
from django.db import DatabaseError, connections
from kombu.exceptions import OperationalError as BrokerError

from stratum.embedded import ensure_postgres, ensure_redis, processes
from stratum.embedded.postgres import destroy_postgres
from stratum.embedded.redis import destroy_redis

LEASE_SECONDS = 2


class Worker:
    """A real worker process of both queues, with threads as in production."""

    def __init__(self, nursery: subprocess.Popen[str], number: int, folder: Path):
        self.log = folder / f"worker-{number}.log"
        assert nursery.stdin is not None
        assert nursery.stdout is not None
        nursery.stdin.write(f"chaos-{number}\t{self.log}\n")
        nursery.stdin.flush()
        process = processes.process(int(nursery.stdout.readline()))
        assert process is not None
        self.process = process

    @property
    def works(self) -> bool:
        return processes.is_alive(self.process) and self.log.exists() and b" ready." in self.log.read_bytes()

    def kill(self) -> None:
        assert processes.end([self.process], signals=(signal.SIGKILL,), patience=10)


class Stage:
    """The servers and workers; `with` ends and removes them all."""

    def __init__(self, folder: Path, added: dict[str, str], workers: int):
        self.folder = folder
        self._added = added
        self._numbers = iter(range(1, 1000))
        self._workers_wanted = workers
        self.workers: list[Worker] = []

    def __enter__(self) -> "Stage":
        self.postgres = ensure_postgres(data=self.folder / "pg")
        self.redis = ensure_redis(data=self.folder / "redis")
        self.environment = {
            **os.environ,
            **self._added,
            "DJANGO_SETTINGS_MODULE": "stratum.settings",
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": self.redis.url,
            "REDIS_QUEUE_DATABASE": "0",
            "REDIS_CACHE_DATABASE": "1",
            "DB_POOL": "true",
            "LOG_LEVEL": "INFO",
            "SYNC_LEASE_SECONDS": str(LEASE_SECONDS),
        }
        self._queue = Celery("beat", broker=f"{self.redis.url.rsplit('/', 1)[0]}/0", set_as_current=False)
        command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
        subprocess.run(command, env=self.environment, cwd=settings.BASE_DIR, check=True)
        command = [sys.executable, "-m", "campaigns.tests.chaos_worker"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self._nursery = subprocess.Popen(command, env=self.environment, cwd=settings.BASE_DIR, **pipes)
        for _ in range(self._workers_wanted):
            self.start_worker()
        return self

    def __exit__(self, *_exc: object) -> None:
        for worker in self.workers:
            worker.kill()
        self._nursery.communicate()
        destroy_redis(data=self.folder / "redis")
        destroy_postgres(data=self.folder / "pg")

    def start_worker(self) -> None:
        self.workers.append(Worker(self._nursery, next(self._numbers), self.folder))

    def kill_worker(self, worker: Worker) -> None:
        worker.kill()
        self.workers.remove(worker)
        self.start_worker()

    def restart_workers(self) -> int:
        """As the supervisor does: a worker that loses Redis with a message in hand ends itself (kombu). How many."""
        ended = [worker for worker in self.workers if not processes.is_alive(worker.process)]
        for worker in ended:
            self.workers.remove(worker)
            self.start_worker()
        return len(ended)

    def kill_redis(self) -> None:
        for process in processes.working_in(self.folder / "redis", "redis-server"):
            os.kill(process.pid, signal.SIGKILL)
        before, self.redis = self.redis.url, ensure_redis(data=self.folder / "redis")
        assert self.redis.url == before, "another program took the port"

    def kill_postgres(self) -> None:
        location = self.folder / "pg" / "location"
        home = Path(location.read_text()) if location.exists() else self.folder / "pg"
        postmaster = int((home / "cluster" / "postmaster.pid").read_text().splitlines()[0])
        os.kill(postmaster, signal.SIGKILL)
        before, self.postgres = self.postgres.url, ensure_postgres(data=self.folder / "pg")
        assert self.postgres.url == before, "another program took the port"

    def send(self, task: str) -> None:
        """As the beat does; a message that Redis does not take is lost, the next one follows soon."""
        with suppress(BrokerError, redis.RedisError, OSError):
            self._queue.send_task(task, queue="celery", retry=False)

    def forget_limits(self) -> None:
        """Limits and breakers that workers share are over."""
        with suppress(redis.RedisError), redis.Redis.from_url(f"{self.redis.url.rsplit('/', 1)[0]}/1") as client:
            client.flushdb()


@contextmanager
def database_at(url: str) -> Iterator[None]:
    """This process's queries go to another server."""
    connection, parts = connections["default"], urlsplit(url)
    connection.close()
    known = dict(connection.settings_dict)
    connection.settings_dict.update(
        NAME=parts.path[1:], USER=parts.username, PASSWORD=parts.password, HOST=parts.hostname, PORT=parts.port
    )
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict.update(known)


def patiently(ask: Callable[[], Any]) -> Any:
    """The answer of a database that may have been killed a moment ago."""
    for _try in range(50):
        try:
            return ask()
        except DatabaseError:
            connections["default"].close()
            time.sleep(0.2)
    return ask()
