"""Makes the virtual environment: `python3 -I stratum/embedded/virtualenv.py .venv` (what the Makefile calls).

Runs before anything is installed, with the machine's own Python and without site or project folders on the path.
Debian splits Python: with `python3` alone, `venv` is there but `ensurepip` is not. Then pip comes from the system's
pip, from a wheel Debian keeps, or from the package index, checked against a known SHA-256.
"""

import hashlib
import html
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

OLDEST = (3, 11)
PIP_WHEEL = "pip-25.3-py3-none-any.whl"
PIP_SHA256 = "9655943313a94722b7774661c21049070f6bbb0a1516bf02f7c8d5d9201514cd"
DEBIAN_WHEELS = Path("/usr/share/python-wheels")
DOWNLOAD_TIMEOUT_SECONDS = 60


class InstallError(RuntimeError):
    """The environment cannot be made; the text says what to do."""


def main(folder: Path) -> None:
    if sys.version_info < OLDEST:
        found = ".".join(map(str, sys.version_info[:3]))
        raise InstallError(
            f"Stratum needs Python 3.11 or newer; {sys.executable} is {found}. "
            "Name another one: make run PYTHON=/path/to/python3.11"
        )
    if _works(folder, "import pip"):
        return
    sys.stdout.write(f"Making the virtual environment {folder} with {sys.executable} ...\n")
    sys.stdout.flush()
    made = _venv(folder)
    if made.returncode == 0 and _works(folder, "import pip"):
        return
    if _venv(folder, "--without-pip").returncode != 0 or not _works(folder, "pass"):
        raise InstallError(f"The virtual environment {folder} cannot be made:\n{made.stdout}{made.stderr}")
    _install_pip(folder)


def _venv(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    # --clear: what a failed or interrupted try left behind must not be taken for an environment.
    command = [sys.executable, "-m", "venv", "--clear", *options, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _works(folder: Path, statement: str) -> bool:
    """Whether the environment's Python exists, starts, and runs the statement."""
    try:
        command = [str(folder / "bin" / "python"), "-I", "-c", statement]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _install_pip(folder: Path) -> None:
    python = str(folder / "bin" / "python")
    if importlib.util.find_spec("pip") is not None:
        command = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "pip"]
        subprocess.run(command, capture_output=True, check=False)
    if _works(folder, "import pip"):
        return
    with tempfile.TemporaryDirectory() as temporary:
        wheels = sorted(DEBIAN_WHEELS.glob("pip-*.whl"))
        wheel = wheels[-1] if wheels else _download_pip(Path(temporary))
        # A wheel of pip runs as it is: Python executes the package inside the zip file.
        command = [python, f"{wheel}/pip", "install", "--quiet", "--no-index", "--no-deps", str(wheel)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    if not _works(folder, "import pip"):
        shutil.rmtree(folder, ignore_errors=True)
        raise InstallError(f"pip cannot be installed. On Debian: apt install python3-venv\n{result.stderr}")


def _download_pip(folder: Path) -> Path:
    """Fetch the wheel of pip from the package index (PIP_INDEX_URL as for pip itself; PEP 503 page)."""
    index = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple").rstrip("/")
    page_url = f"{index}/pip/"
    try:
        page = _fetch(page_url).decode()
        link = re.search(rf'href="([^"]*{re.escape(PIP_WHEEL)}[^"]*)"', page)
        if link is None:
            raise InstallError(f"{page_url} has no {PIP_WHEEL}. On Debian: apt install python3-venv")
        content = _fetch(urllib.parse.urljoin(page_url, html.unescape(link[1])))
    except (OSError, urllib.error.URLError) as error:
        raise InstallError(
            f"This Python has no pip, and it cannot be fetched from {page_url} ({error}). "
            "On Debian: apt install python3-venv"
        ) from error
    if hashlib.sha256(content).hexdigest() != PIP_SHA256:
        raise InstallError(f"The pip that {index} serves is not the known one. On Debian: apt install python3-venv")
    wheel = folder / PIP_WHEEL
    wheel.write_bytes(content)
    return wheel


def _fetch(url: str) -> bytes:
    if not url.startswith(("https://", "http://")):
        raise InstallError(f"The package index must be an http address, not {url}")
    with urllib.request.urlopen(url, timeout=DOWNLOAD_TIMEOUT_SECONDS) as response:  # noqa: S310 (checked above)
        return bytes(response.read())


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except InstallError as error:
        sys.exit(str(error))
