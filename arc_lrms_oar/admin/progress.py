"""A progress bar on standard error, for work that takes longer than a second."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

_DELAY = 1.0
_INTERVAL = 0.1
_WIDTH = 30


class ProgressBar:
    """Prints how much of the work is done, from the second second on, if `stream` is a terminal."""

    def __init__(self, what: str, stream: IO[str]) -> None:
        self._what = what
        self._stream = stream if stream.isatty() else None
        self._next = time.monotonic() + _DELAY
        self._shown = False

    def __call__(self, done: int, total: int) -> None:
        """Show that `done` of `total` pieces are done."""
        if self._stream is None or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _INTERVAL
        self._shown = True
        filled = _WIDTH * done // max(1, total)
        bar = "#" * filled + "-" * (_WIDTH - filled)
        self._stream.write(f"\r{self._what} [{bar}] {done} of {total}\x1b[K")
        self._stream.flush()

    def clear(self) -> None:
        """Remove the bar."""
        if self._stream is not None and self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()


@contextmanager
def progress_bar(what: str) -> Iterator[ProgressBar]:
    """A bar on standard error that is removed at the end of the block."""
    bar = ProgressBar(what, sys.stderr)
    try:
        yield bar
    finally:
        bar.clear()
