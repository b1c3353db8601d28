"""A management command that runs once beside the tree: its lines go into the tree's log, and it ends with the tree."""

import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence

from django.conf import settings

from stratum.supervisor import Output
from stratum.supervisor.children import LAUNCHER

GRACE_SECONDS = 5.0


class Background:
    """`name` stands before its lines. It may be stopped before it was started, and more than once."""

    def __init__(self, name: str, arguments: Sequence[str], *, environment: Mapping[str, str], output: Output) -> None:
        self._name, self._arguments, self._output = name, arguments, output
        self._environment = {**os.environ, **environment, "PYTHONUNBUFFERED": "1"}
        self._process: subprocess.Popen[str] | None = None
        self._lock, self._stopped = threading.Lock(), False

    def start(self) -> None:
        threading.Thread(target=self._run, name=self._name, daemon=True).start()

    def _run(self) -> None:
        # Started by this very thread: the command ends with the thread that started it (stratum/supervisor/launch.py).
        command = [sys.executable, str(settings.BASE_DIR / "manage.py"), *self._arguments]
        launch = [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), *command]
        with self._lock:
            if self._stopped:
                return
            self._process = subprocess.Popen(  # noqa: S603 (our own)
                launch, env=self._environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True, errors="replace",
            )  # fmt: skip
        with self._process as process:
            assert process.stdout is not None
            for line in process.stdout:
                self._output.line(self._name, line.rstrip())

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
