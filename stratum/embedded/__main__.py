"""`python -m stratum.embedded start|stop|destroy`: the embedded servers of the project this file lies in.

`stop` and `destroy` first end a `manage.py up` that runs on them.
"""

import argparse
import sys
from pathlib import Path

from stratum.embedded import EmbeddedError, destroy, embedded_environment, stop
from stratum.embedded.environment import state_path
from stratum.supervisor import end_running

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m stratum.embedded", description=__doc__)
    parser.add_argument("action", choices=["start", "stop", "destroy"])
    action = parser.parse_args().action
    try:
        if action == "start":
            for name, value in embedded_environment(ROOT).items():
                sys.stdout.write(f"{name}={value}\n")
            return 0
        if end_running(state_path(ROOT)):
            sys.stdout.write("Stopped: the running Stratum\n")
        if action == "stop":
            stopped = stop(ROOT)
            message = "Stopped: " + ", ".join(stopped) if stopped else "No embedded server is running."
            sys.stdout.write(message + "\n")
        else:
            destroy(ROOT)
    except EmbeddedError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
