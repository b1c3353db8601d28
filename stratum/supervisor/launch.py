"""`python -I -S launch.py PARENT_PID COMMAND...`: become COMMAND, bound to the life of the parent process.

Linux sends SIGTERM to this process when the thread that started it dies, by kill -9 too (prctl(2),
PR_SET_PDEATHSIG). The setting survives exec. It is made here and not between fork and exec of the parent,
because the parent has threads and Python code after a fork with threads may deadlock.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:  # it died before the call above
        sys.exit(1)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}")


if __name__ == "__main__":
    main()
