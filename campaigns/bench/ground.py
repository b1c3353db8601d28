"""Where benchmarks work: workspaces of their own, the clock, processes of their own."""

import resource
import subprocess
import sys
import time
from collections.abc import Callable

from django.db import connection, transaction

from tenants.context import unscoped
from tenants.models import Tenant


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def workspace(slug: str, *, campaigns: int) -> Tenant:
    """A workspace with room for ten times as many campaigns."""
    with unscoped("a benchmark has workspaces of its own"), transaction.atomic():
        return Tenant.objects.create(slug=slug, name=slug, max_campaigns=10 * campaigns)


def peak_memory() -> float:
    """The most memory this process has held so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def in_a_process(module: str, function: str, *arguments: str) -> str:
    """What a function returns in a process of its own that works in this database, as text."""
    process = subprocess.run(  # noqa: S603 - our own program
        command_in_database(module, function, *arguments), check=True, capture_output=True, text=True
    )
    return process.stdout.split()[-1]


def command_in_database(module: str, function: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", _IN_A_PROCESS, str(connection.settings_dict["NAME"]), module, function, *arguments]


_IN_A_PROCESS = """
import importlib, os, sys
import django
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "stratum.settings")
django.setup()
from django.db import connection
database, module, function, *arguments = sys.argv[1:]
connection.settings_dict["NAME"] = database
print(getattr(importlib.import_module(module), function)(*arguments))
"""
