import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from stratum.embedded import processes
from stratum.supervisor import AlreadyRunning, InstanceLock, end_running
from stratum.supervisor.instance import FILE_NAME


def holder(folder: Path) -> subprocess.Popen[bytes]:
    script = textwrap.dedent(
        f"""
        import time
        from pathlib import Path
        from stratum.supervisor import InstanceLock
        with InstanceLock(Path({str(folder)!r})) as lock:
            lock.describe(address="http://127.0.0.1:8123/")
            print("held", flush=True)
            time.sleep(60)
        """
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    process.stdout.close()
    return process


def test_second_tree_is_refused_and_learns_of_the_first(tmp_path: Path) -> None:
    with holder(tmp_path) as first:
        with pytest.raises(AlreadyRunning) as refusal, InstanceLock(tmp_path):
            pass
        assert (refusal.value.pid, refusal.value.address) == (first.pid, "http://127.0.0.1:8123/")
        first.kill()
    with InstanceLock(tmp_path):  # a killed holder holds nothing
        pass


def test_lock_is_free_after_use(tmp_path: Path) -> None:
    for _ in range(2):
        with InstanceLock(tmp_path):
            pass


def test_end_running_stops_the_holder(tmp_path: Path) -> None:
    assert not end_running(tmp_path)
    with holder(tmp_path) as first:
        assert end_running(tmp_path)
        assert first.wait(timeout=5) != 0
    assert not end_running(tmp_path)


def test_end_running_spares_a_stranger_with_the_old_number(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as stranger:
        (tmp_path / FILE_NAME).write_text(json.dumps({"pid": stranger.pid, "started": 1, "address": None}))
        assert not end_running(tmp_path)
        assert stranger.poll() is None
        stranger.kill()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": "x"}', "{}"])
def test_unreadable_note_counts_as_none(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE_NAME).write_text(content)
    assert not end_running(tmp_path)
    with InstanceLock(tmp_path):
        own = processes.process(os.getpid())
        assert own is not None
        assert json.loads((tmp_path / FILE_NAME).read_text())["started"] == own.started
