import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stratum.embedded import environment


@pytest.fixture(scope="module")
def make_project() -> Iterator[Callable[[], Path]]:
    """Makes empty project folders whose servers are stopped and removed after the module's tests.

    Not tmp_path: its parent is closed to other users, and as root PostgreSQL runs as one.
    """
    made: list[Path] = []

    def make() -> Path:
        folder = Path(tempfile.mkdtemp(prefix="stratum-"))
        folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
        made.append(folder)
        return folder

    yield make
    for folder in made:
        environment.destroy(folder)
        shutil.rmtree(folder, ignore_errors=True)
