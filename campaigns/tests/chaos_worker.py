"""Celery workers forked from a process that has loaded everything: there at once, and killed one by one.

Pauses before another try are short, so that a test sees many tries. Each line of the input asks for one worker (its
name and its log); the answer is its process id. For campaigns.tests.chaos.
"""

import os
import signal
import sys
from pathlib import Path

import django

OPTIONS = ("--pool", "threads", "--concurrency", "2", "-Q", "platforms,celery", "--loglevel", "info")


def become_worker(name: str, log: str) -> None:
    from stratum.celery import app

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with Path(log).open("wb") as out:
        os.dup2(out.fileno(), sys.stdout.fileno())
        os.dup2(out.fileno(), sys.stderr.fileno())
    os.dup2(os.open(os.devnull, os.O_RDONLY), sys.stdin.fileno())
    app.worker_main(["worker", *OPTIONS, "--hostname", f"{name}@%h", "--without-gossip", "--without-mingle"])
    os._exit(0)


def main() -> None:
    django.setup()
    from campaigns.clients import governor, transport
    from campaigns.clients.meta import reports
    from stratum.celery import app

    transport.FIRST_DELAY, transport.MAX_PATIENCE, governor.OPEN_SECONDS = 0.05, 3.0, 0.5
    reports.FIRST_POLL = 0.4
    app.loader.import_default_modules()
    import celery.apps.worker
    import celery.concurrency.thread
    import celery.worker  # noqa: F401

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        if (pid := os.fork()) == 0:
            become_worker(*line.rstrip("\n").split("\t"))
        print(pid, flush=True)


if __name__ == "__main__":
    main()
