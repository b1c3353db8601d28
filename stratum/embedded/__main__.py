"""`python -m stratum.embedded start|stop|destroy`: the embedded servers of the project this file lies in.

`stop` and `destroy` first end a `manage.py up` that runs on them.
"""

import argparse
import sys
from pathlib import Path

from stratum.embedded import EmbeddedError, destroy, embedded_environment, stop
from stratum.embedded.environment import STATE_FOLDER
from stratum.supervisor import end_running

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m stratum.embedded", description=__doc__)
    parser.add_argument("action", choices=["start", "stop", "destroy"])
    action = parser.parse_args().action
    try:
        if action == "start":
            for name, value in embedded_environment(ROOT).items():
                print(f"{name}={value}")
            return 0
        if end_running(ROOT / STATE_FOLDER):
            print("Stopped: the running Stratum")
        if action == "stop":
            stopped = stop(ROOT)
            print("Stopped: " + ", ".join(stopped) if stopped else "No embedded server is running.")
        else:
            destroy(ROOT)
    except EmbeddedError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
