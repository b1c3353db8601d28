"""Private files, locks and free ports of the embedded servers."""

import contextlib
import errno
import fcntl
import os
import pwd
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from stratum.embedded.errors import EmbeddedError

LOOPBACK = "127.0.0.1"
LOCK_PATIENCE_SECONDS = 120.0
LOG_KEEP_BYTES = 8 * 1024 * 1024


def private_folder(path: Path, *, mode: int = 0o700) -> Path:
    """Make the folder (and its parents) if needed and set its mode; EmbeddedError when it is somebody else's."""
    try:
        path.mkdir(mode=mode, parents=True, exist_ok=True)
        if path.stat().st_mode & 0o777 != mode:
            path.chmod(mode)
    except OSError as error:
        raise EmbeddedError(
            f"The folder {path} cannot be used by this user ({error.strerror}). "
            "It was made by another user: run as that user, or remove it to start afresh."
        ) from error
    return path


def state_folder(path: Path) -> Path:
    """The folder of all run-time data, closed to other users.

    Root's PostgreSQL runs as a system user, which must pass through; all files inside are private by themselves.
    Another user's folder is refused, for root too: root's new files in it would lock that user out.
    """
    if path.exists() and path.stat().st_uid != os.geteuid():
        raise EmbeddedError(
            f"{path} belongs to the user {_user_name(path.stat().st_uid)}. Run Stratum as that user, "
            "or set STRATUM_HOME to another folder."
        )
    return private_folder(path, mode=0o711 if os.geteuid() == 0 else 0o700)


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def write_private(path: Path, text: str) -> None:
    """Write a file of mode 0600 in one step, so that a crash leaves the old content or the new, never a part."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mkstemp makes it 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_text(path: Path) -> str | None:
    """The stripped content, or None when there is no such file; EmbeddedError when it is not readable."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise EmbeddedError(f"{path} cannot be read: {error.strerror}. It belongs to another user.") from error


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the file exclusively. The kernel lets go of it when the holder dies, by kill -9 too."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _acquire(handle, path)
        yield
    finally:
        os.close(handle)


def _acquire(handle: int, path: Path) -> None:
    deadline = time.monotonic() + LOCK_PATIENCE_SECONDS
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise EmbeddedError(f"Another process has held {path} for two minutes; is it hanging?") from None
            time.sleep(0.05)


def free_port(preferred: int | None = None) -> int:
    """A free TCP port on the loopback address: the preferred one if nobody has it, else one the system picks."""
    if preferred is not None and port_is_free(preferred):
        return preferred
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def port_is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether nobody listens there (sockets in TIME_WAIT do not count, as for the servers themselves).

    OSError when one could not listen for another reason: an address of another machine, a port below 1024.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
        return True


def rotate_log(path: Path) -> None:
    """Move a log that has grown large aside (one generation), so that a server left running for months stays small."""
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size > LOG_KEEP_BYTES:
            path.replace(path.with_name(path.name + ".1"))


def log_tail(path: Path, lines: int = 12) -> str:
    """The last lines of a log, for an error message; empty when there is none."""
    try:
        with path.open("rb") as stream:
            stream.seek(max(0, path.stat().st_size - 16_384))
            text = stream.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
