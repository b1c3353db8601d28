"""The account PostgreSQL runs under when Stratum itself runs as root, which PostgreSQL refuses."""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stratum.embedded.errors import EmbeddedError

ACCOUNT = "stratum-pg"
# Where useradd is missing or refused (read-only systems), accounts that exist on every Debian take its place.
SUBSTITUTES = ("postgres", "nobody")
SHARED_STATE = Path("/var/lib/stratum")


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """A user and group to run commands as; `same` when it is the user we already are."""

    uid: int
    gid: int
    same: bool

    def popen_arguments(self) -> dict[str, Any]:
        """What subprocess needs: identity without root's groups, and a folder that every user may enter."""
        if self.same:
            return {"cwd": "/"}
        return {"cwd": "/", "user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, path: Path) -> None:
        """Give one path (not its content) to the account."""
        if not self.same:
            os.chown(path, self.uid, self.gid)

    def can_enter(self, folder: Path) -> bool:
        """Whether the account may list and enter the folder; asked of the kernel, so that ACLs count too."""
        if self.same:
            return os.access(folder, os.R_OK | os.X_OK)
        script = 'cd "$1" && ls . >/dev/null'
        command = ["/bin/sh", "-c", script, "sh", str(folder)]
        return subprocess.run(command, capture_output=True, check=False, **self.popen_arguments()).returncode == 0


def service_account(existing: Path | None = None) -> ServiceAccount:
    """The account for the server: ourselves, or as root the owner of the `existing` data, else a system user.

    EmbeddedError when root has no usable account at all.
    """
    if os.geteuid() != 0:
        return ServiceAccount(uid=os.geteuid(), gid=os.getegid(), same=True)
    if existing is not None and existing.exists():
        owner = existing.stat()
        if owner.st_uid != 0 and _is_named(owner.st_uid):
            return ServiceAccount(uid=owner.st_uid, gid=owner.st_gid, same=False)
    entry = _entry(ACCOUNT) or _create() or next(filter(None, map(_entry, SUBSTITUTES)), None)
    if entry is None:
        raise EmbeddedError(
            "PostgreSQL does not run as root, and no system user could be made for it. "
            "Run Stratum as an ordinary user, or set DATABASE_URL to a server of your own."
        )
    return ServiceAccount(uid=entry.pw_uid, gid=entry.pw_gid, same=False)


def _entry(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _is_named(uid: int) -> bool:
    # initdb looks its own user up and fails for a number without a name.
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _create() -> pwd.struct_passwd | None:
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd is None:
        return None
    options = ["--system", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin"]
    # The status is not looked at: another process may have made the account in the same moment.
    subprocess.run([useradd, *options, "--user-group", ACCOUNT], capture_output=True, check=False)
    return _entry(ACCOUNT)
