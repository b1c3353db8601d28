"""What a killed tree leaves behind, and how the next one clears it away.

Children end by themselves when their parent dies (launch.py), but it may take them a while, and grandchildren may
stay. A process id alone would not prove anything, so each process of a tree carries a mark in its environment, which
grandchildren inherit and Linux shows in /proc.
"""

import os
import signal
from pathlib import Path

from stratum.embedded import processes

TAG = "STRATUM_TREE"
PATIENCE_SECONDS = 5.0


def marked_environment(state: Path) -> dict[str, str]:
    """This process's environment with the mark of the state folder's tree, for its children."""
    return {**os.environ, TAG: str(state)}


def end_leftovers(state: Path) -> int:
    """End every process of an earlier tree of this state folder; returns how many there were.

    Only for the holder of the instance lock: then no living tree of this folder exists.
    """
    found = [running for running in _marked(str(state)) if running.pid not in _ancestors()]
    processes.end(found, signals=(signal.SIGTERM, signal.SIGKILL), patience=PATIENCE_SECONDS)
    return len(found)


def _marked(tag: str) -> list[processes.Process]:
    mark = f"{TAG}={tag}".encode()
    marked = []
    for entry in processes.PROC.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            environment = (entry / "environ").read_bytes().split(b"\0")
        except OSError:  # gone, or another user's
            continue
        running = processes.process(int(entry.name)) if mark in environment else None
        if running is not None:
            marked.append(running)
    return marked


def _ancestors() -> set[int]:
    """This process and those above it: a command that a job of the tree started must not end itself."""
    found = {os.getpid()}
    pid = os.getppid()
    while pid > 1 and pid not in found:
        found.add(pid)
        pid = processes.parent(pid)
    return found
