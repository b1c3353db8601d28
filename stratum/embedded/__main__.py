"""`python -m stratum.embedded start|stop|destroy`: the embedded servers of the project this file lies in."""

import argparse
import sys
from pathlib import Path

from stratum.embedded import EmbeddedError, destroy, embedded_environment, stop

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m stratum.embedded", description=__doc__)
    parser.add_argument("action", choices=["start", "stop", "destroy"])
    action = parser.parse_args().action
    try:
        if action == "start":
            for name, value in embedded_environment(ROOT).items():
                print(f"{name}={value}")
        elif action == "stop":
            stopped = stop(ROOT)
            print("Stopped: " + ", ".join(stopped) if stopped else "No embedded server was running.")
        else:
            destroy(ROOT)
    except EmbeddedError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
