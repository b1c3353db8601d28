"""Static files: collected and compressed again only when one of them has changed."""

import hashlib
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders

from stratum.embedded.files import read_text, write_private

FINGERPRINT_FILE = "static.fingerprint"


def fingerprint() -> str:
    """A digest over name, size and modification time of every source file, and over how they are stored."""
    digest = hashlib.sha256(str(settings.STORAGES["staticfiles"]).encode())
    entries = []
    for finder in get_finders():
        for name, storage in finder.list([]):
            state = Path(storage.path(name)).stat()
            entries.append(f"{name}\0{state.st_size}\0{state.st_mtime_ns}")
    digest.update("\n".join(sorted(entries)).encode())
    return digest.hexdigest()


def needs_collecting() -> bool:
    """Whether `collectstatic` has something to do. In debug mode files are served from where they lie."""
    if settings.DEBUG:
        return False
    complete = (Path(settings.STATIC_ROOT) / "staticfiles.json").exists()
    return not complete or read_text(settings.STRATUM_HOME / FINGERPRINT_FILE) != fingerprint()


def mark_collected() -> None:
    """Remember the state that was collected; call it after `collectstatic` succeeded."""
    write_private(settings.STRATUM_HOME / FINGERPRINT_FILE, fingerprint())
