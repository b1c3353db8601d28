"""The log of the whole tree on one stream: every line says who wrote it, in a colour of its own on a terminal."""

import os
import sys
import threading
from typing import TextIO

NAME_WIDTH = 10
# ANSI foreground colours that are legible on dark and on light terminals.
COLOURS = ("36", "35", "33", "34", "32", "31")


class Output:
    """Writes whole lines; safe from several threads. `closed` turns true when the reader of the stream has gone."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._colours: dict[str, str] = {}
        self._lock = threading.Lock()
        # https://no-color.org
        self._colourful = self._stream.isatty() and "NO_COLOR" not in os.environ
        self.closed = False

    def line(self, name: str, text: str) -> None:
        """One line of the process called `name`."""
        self._write(f"{self._paint(name, name.ljust(NAME_WIDTH) + '|')} {text}\n")

    def block(self, text: str) -> None:
        """Text of the tree itself, set apart by empty lines."""
        self._write(f"\n{text}\n\n")

    def _paint(self, name: str, text: str) -> str:
        if not self._colourful:
            return text
        colour = self._colours.setdefault(name, COLOURS[len(self._colours) % len(COLOURS)])
        return f"\x1b[{colour}m{text}\x1b[0m"

    def _write(self, text: str) -> None:
        with self._lock:
            if self.closed:
                return
            try:
                self._stream.write(text)
                self._stream.flush()
            except (OSError, ValueError):  # `make run | head`, a closed terminal
                self.closed = True
