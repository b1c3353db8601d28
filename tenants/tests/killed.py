"""A worker process that a test kills with -9 over one task."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import connection

from tenants.models import Tenant


@contextmanager
def killed_over(tenant: Tenant, task: str, **environment: str) -> Iterator[Callable[[Callable[[], Any]], None]]:
    """Run `task` ('whatsapp.tasks.send_messages') for a workspace in a process of its own, until the block ends.

    The block gets `until(condition)`, which waits for what the process is to reach before it is killed.
    """
    module, _dot, name = task.rpartition(".")
    code = f"import django; django.setup()\nfrom {module} import {name}\n{name}(tenant_id={tenant.pk})\n"
    base, _slash, _name = os.environ["DATABASE_URL"].rpartition("/")
    own = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "stratum.settings",
        "DATABASE_URL": f"{base}/{connection.settings_dict['NAME']}",
        **environment,
    }
    process = subprocess.Popen([sys.executable, "-c", code], env=own, cwd=settings.BASE_DIR)

    def until(condition: Callable[[], Any]) -> None:
        # Only a hung worker takes so long: a busy machine may need a minute to start one.
        deadline = time.monotonic() + 240
        while not condition():
            assert process.poll() is None, "the worker ended"
            assert time.monotonic() < deadline, "still waiting"
            time.sleep(0.05)

    try:
        yield until
    finally:
        process.kill()
        process.wait(10)
