"""Runs Stratum's processes as one tree: readable logs, restarts with a bound, an orderly end. No Django in here."""

from stratum.supervisor.children import ChildSpec
from stratum.supervisor.instance import AlreadyRunning, InstanceLock, end_running
from stratum.supervisor.leftovers import end_leftovers, marked_environment
from stratum.supervisor.output import Output
from stratum.supervisor.tree import RestartPolicy, Supervisor

__all__ = [
    "AlreadyRunning",
    "ChildSpec",
    "InstanceLock",
    "Output",
    "RestartPolicy",
    "Supervisor",
    "end_leftovers",
    "end_running",
    "marked_environment",
]
