"""Uploaded reports in the default storage, below the workspace's own folder."""

import hashlib
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.core.files import File
from django.core.files.storage import default_storage

from campaigns.models import ImportBatch
from tenants.context import bound_tenant_id

_BLOCK = 1024 * 1024
# What a platform's export is called; anything else keeps no ending of its own in our storage.
_ENDINGS = {".csv", ".tsv", ".txt", ".xlsx"}


def file_digest(file: File) -> str:
    """Hex SHA-256 of an upload's bytes; leaves it at its start."""
    digest = hashlib.sha256()
    file.seek(0)
    for chunk in file.chunks(_BLOCK):
        digest.update(chunk)
    file.seek(0)
    return digest.hexdigest()


def keep_file(file: File, filename: str) -> str:
    """Store an upload; the name under which the storage has it. The person's own name for it stays out of paths."""
    ending = Path(filename).suffix.lower()
    name = f"{bound_tenant_id()}/imports/{uuid.uuid4().hex}{ending if ending in _ENDINGS else ''}"
    file.seek(0)
    return default_storage.save(name, file)


@contextmanager
def local_path(name: str) -> Iterator[Path]:
    """A stored file as a path of this machine: its own where the storage has paths, else a copy for the while."""
    try:
        path = Path(default_storage.path(name))
    except NotImplementedError:
        with default_storage.open(name, "rb") as stored, tempfile.NamedTemporaryFile(suffix=Path(name).suffix) as copy:
            shutil.copyfileobj(stored, copy, _BLOCK)
            copy.flush()
            yield Path(copy.name)
    else:
        yield path


def has_file(batch: ImportBatch) -> bool:
    name = batch.file.name
    return default_storage.exists(name) if name else False
