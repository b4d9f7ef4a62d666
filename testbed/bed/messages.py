"""Progress lines and errors of the testbed."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

Progress = Callable[[str], None]


class BedError(Exception):
    """A failure in one line; `tail` is the part of a log that explains it."""

    def __init__(self, message: str, tail: str = "") -> None:
        super().__init__(message)
        self.tail = tail


def no_progress(_line: str) -> None:
    """Drop a progress line."""


def print_progress() -> Progress:
    """Return a function that prints lines to stderr, each with the seconds since this call."""
    start = time.monotonic()

    def show(line: str) -> None:
        print(f"[{time.monotonic() - start:6.1f}s] {line}", file=sys.stderr, flush=True)

    return show


def tail_of(text: str, lines: int = 25) -> str:
    """Return the last lines of a log that are not blank."""
    kept = [line for line in text.splitlines() if line.strip()]
    return "\n".join(kept[-lines:])
